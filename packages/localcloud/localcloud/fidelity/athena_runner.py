"""Gives the corpus to the stand-in of Athena, over tables in a folder instead of in S3 and the Data Catalog."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localcloud.athena.catalog import Catalog, Column, Partition, TableDefinition
from localcloud.athena.engine import Control, Engine
from localcloud.athena.errors import QueryError
from localcloud.athena.objects import Objects, TableFile
from localcloud.athena.partition_commands import PartitionCommands
from localcloud.athena.shows import Shows
from localcloud.athena.statements import Context, Statements, read_statement
from localcloud.athena.types import parse_type
from localcloud.fidelity.clients import empty_glue, empty_s3
from localcloud.fidelity.corpus import Area, Case
from localcloud.fidelity.verdicts import Answer, Judged, judge
from localcloud.glue.objects import RemoteObject

_DATABASE = "shop"
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_GEO = pa.struct([("lat", pa.float64()), ("lon", pa.float64()), ("place", pa.struct([("name", pa.string())]))])
_MOMENTS = ("2026-11-20 13:14:15", "2026-11-21 00:00:00", "2026-12-01 23:59:59", None)
#: The tables of the corpus: their columns in the words of the Data Catalog, and their rows.
_TABLES: dict[str, tuple[tuple[tuple[str, str], ...], pa.Table]] = {
    "sales": (
        (
            ("id", "int"), ("shop", "string"), ("amount", "decimal(8,2)"), ("pieces", "int"), ("weight", "double"),
            ("sold_on", "date"), ("sold_at", "timestamp"), ("is_paid", "boolean"),
        ),
        pa.table(
            {
                "id": pa.array([1, 2, 3, 4], pa.int32()),
                "shop": pa.array(["north", "south", "north", None]),
                "amount": pa.array(
                    [Decimal("10.00"), Decimal("20.50"), Decimal("0.05"), None], pa.decimal128(8, 2)
                ),
                "pieces": pa.array([1, 2, 4, None], pa.int32()),
                "weight": pa.array([0.5, 1.25, 2.0, None], pa.float64()),
                "sold_on": pa.array([date(2026, 11, 20), date(2026, 11, 21), date(2026, 12, 1), None]),
                "sold_at": pa.array(
                    [None if text is None else datetime.fromisoformat(text) for text in _MOMENTS], pa.timestamp("us")
                ),
                "is_paid": pa.array([True, False, True, None]),
            }
        ),
    ),
    "places": (
        (
            ("id", "int"), ("geo", "struct<lat:double,lon:double,place:struct<name:string>>"),
            ("tags", "array<string>"), ("sizes", "map<string,int>"),
        ),
        pa.table(
            {
                "id": pa.array([1, 2, 3], pa.int32()),
                "geo": pa.array(
                    [
                        {"lat": 52.5, "lon": 13.25, "place": {"name": "Berlin"}},
                        {"lat": 48.0, "lon": 2.5, "place": {"name": "Paris"}},
                        None,
                    ],
                    _GEO,
                ),
                "tags": pa.array([["a", "b"], [], None], pa.list_(pa.string())),
                "sizes": pa.array([[("s", 1), ("m", 2)], [], None], pa.map_(pa.string(), pa.int32())),
            }
        ),
    ),
}  # fmt: skip


class _FolderCatalog(Catalog):
    """A catalog that has the tables of the corpus."""

    def __init__(self) -> None:
        super().__init__(empty_glue)
        self._tables = {
            name: TableDefinition(
                _DATABASE,
                name,
                tuple(Column(column, parse_type(text)) for column, text in columns),
                (),
                f"s3://{_DATABASE}/{name}/",
                _PARQUET,
            )
            for name, (columns, _) in _TABLES.items()
        }

    def table(self, database: str, name: str) -> TableDefinition | None:
        return self._tables.get(name) if database == _DATABASE else None

    def databases(self) -> list[str]:
        return [_DATABASE]

    def tables(self, database: str) -> list[dict[str, Any]]:
        if database != _DATABASE:
            raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")
        return [{"Name": name} for name in sorted(self._tables)]

    def definitions(self, database: str) -> list[TableDefinition]:
        return [self._tables[str(item["Name"])] for item in self.tables(database)]

    def partitions(self, table: TableDefinition) -> tuple[Partition, ...]:
        return (Partition((), table.location),)


class _FolderObjects(Objects):
    """Objects that lie in a folder: one file for each table."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "work", empty_s3)
        self._files = folder / "files"
        self._files.mkdir()
        for name, (_, rows) in _TABLES.items():
            pq.write_table(rows, self._files / name)

    def listed(self, location: str) -> Iterator[RemoteObject]:
        name = location.rstrip("/").rpartition("/")[2]
        yield RemoteObject(_DATABASE, name, '"1"', (self._files / name).stat().st_size, 0)

    def fetch(self, files: Sequence[TableFile], folder: Path) -> list[Path]:
        found = [folder / str(number) for number in range(len(files))]
        for file, path in zip(files, found, strict=True):
            path.write_bytes((self._files / file.found.key).read_bytes())
        return found


def run(areas: tuple[Area, ...]) -> dict[str, list[Judged]]:
    """Run the areas; give what became of their statements, by area."""
    with tempfile.TemporaryDirectory(prefix="sluice-fidelity-") as name:
        answer = _answerer(Path(name))
        return {area.name: [judge(case, answer(case)) for case in area.cases] for area in areas}


def _answerer(folder: Path) -> Callable[[Case], Answer]:
    catalog, objects = _FolderCatalog(), _FolderObjects(folder)
    partitions = PartitionCommands(empty_glue, catalog, objects)
    statements = Statements(Engine(catalog, objects), Shows(catalog), partitions, empty_glue, lambda *_: None)

    def answer(case: Case) -> Answer:
        found = Answer()
        for sql in case.statements:
            try:
                given = statements.run(read_statement(sql), (), Context(_DATABASE, "primary", Control()))
            except QueryError as error:
                return Answer(str(error))
            rows = tuple(tuple(row) for row in given.rows)
            found = Answer("", rows, tuple(c.type for c in given.columns), tuple(c.name for c in given.columns))
        return found

    return answer
