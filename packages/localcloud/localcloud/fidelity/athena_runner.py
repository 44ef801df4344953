"""Gives the corpus to the stand-in of Athena, over an S3 and a Data Catalog in memory."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localcloud.athena.catalog import Catalog
from localcloud.athena.engine import Control
from localcloud.athena.errors import QueryError
from localcloud.athena.objects import Objects
from localcloud.athena.statement_texts import read_statement
from localcloud.athena.statements import Context, Statements
from localcloud.fidelity.corpus import Area, Case, CorpusError
from localcloud.fidelity.memory import MemoryGlue, MemoryS3
from localcloud.fidelity.verdicts import Answer, Judged, judge

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


class _Prepared(dict[tuple[str, str], str]):
    """Prepared statements by workgroup and name."""

    def find(self, workgroup: str, name: str) -> str | None:
        return self.get((workgroup, name))

    def keep(self, workgroup: str, name: str, sql: str) -> None:
        self[workgroup, name] = sql

    def drop(self, workgroup: str, name: str) -> None:
        del self[workgroup, name]


def run(areas: tuple[Area, ...]) -> dict[str, list[Judged]]:
    """Run the areas, each over tables of its own; give what became of their statements, by area.

    Raises:
        CorpusError: what an area presumes cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="sluice-fidelity-") as name:
        return {area.name: _judged(area, _answerer(Path(name) / area.name)) for area in areas}


def _judged(area: Area, answer: Callable[[str], Answer]) -> list[Judged]:
    for sql in area.setup:
        found = answer(sql)
        if found.error:
            raise CorpusError(f"{area.service}/{area.name}.txt: {sql}: {found.error}")
    return [judge(case, _last(case, answer)) for case in area.cases]


def _last(case: Case, answer: Callable[[str], Answer]) -> Answer:
    """The answer to the last statement of a case, or to the first that fails."""
    found = Answer()
    for sql in case.statements:
        found = answer(sql)
        if found.error:
            break
    return found


def _answerer(folder: Path) -> Callable[[str], Answer]:
    folder.mkdir()
    s3, glue = MemoryS3(), MemoryGlue()
    _fill(s3, glue)
    s3_client, glue_client = s3.client(), glue.client()
    statements = Statements(Catalog(lambda: glue_client), Objects(folder / "objects", lambda: s3_client), _Prepared())
    count = 0

    def answer(sql: str) -> Answer:
        nonlocal count
        count += 1
        context = Context(_DATABASE, "primary", Control(), f"s3://results/tables/{count}/")
        try:
            given = statements.run(read_statement(sql), (), context)
        except QueryError as error:
            return Answer(str(error))
        rows = tuple(tuple(row) for row in given.rows)
        return Answer("", rows, tuple(c.type for c in given.columns), tuple(c.name for c in given.columns))

    return answer


def _fill(s3: MemoryS3, glue: MemoryGlue) -> None:
    client: Any = glue.client()
    client.create_database(DatabaseInput={"Name": _DATABASE})
    for name, (columns, rows) in _TABLES.items():
        body = io.BytesIO()
        pq.write_table(rows, body)
        s3.objects[_DATABASE, f"{name}/data.parquet"] = body.getvalue()
        storage = {
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns],
            "Location": f"s3://{_DATABASE}/{name}/",
            "SerdeInfo": {"SerializationLibrary": _PARQUET},
        }
        table = {"Name": name, "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage}
        client.create_table(DatabaseName=_DATABASE, TableInput=table)
