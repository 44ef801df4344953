"""Writers: the newest version of each row whatever the order and the memory, the files' types, and the books."""

import io
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract import SqlType, Table
from sluice.contract.model import Column, RedshiftHints
from sluice.drift.files import fits
from sluice.errors import AccountingError
from sluice.kernel import write
from sluice.kernel.arrow import QUARANTINE_SCHEMA, chunk_schema
from sluice.kernel.write import QuarantineWriter, Sink, TableWriter, WrittenTable
from sluice.parquet import read_footer

TYPES = (
    "smallint", "integer", "bigint", "real", "double precision", "boolean", "char(3)", "varchar(20)", "date",
    "timestamp", "decimal(1,0)", "decimal(9,2)", "decimal(18,4)", "decimal(19,0)", "decimal(38,38)",
)  # fmt: skip


class Memory:
    """Files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        file = io.BytesIO()
        yield file
        self.files[name] = file.getvalue()

    def rows(self) -> list[dict[str, Any]]:
        return [row for _, body in sorted(self.files.items()) for row in pq.read_table(io.BytesIO(body)).to_pylist()]


VERSIONS = Table(
    "t",
    (Column("k", "integer"), Column("name", "varchar(9)"), Column("at", "date"), Column("v", "varchar(9)")),
    primary_key=("k", "name"),
    order_by=("at",),
)
Row = tuple[int, str, date, str | None, str]


def table_of(table: Table, rows: list[Row]) -> pa.Table:
    schema = chunk_schema(table)
    columns = [[row[index] for row in rows] for index in range(4)] + [["b.1"] * len(rows), [row[4] for row in rows]]
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def written(table: Table, rows: list[Row], folder: Path, size: int, **options: Any) -> tuple[WrittenTable, Memory]:
    memory = Memory()
    writer = TableWriter(table, memory.open, scratch=folder, **options)
    for start in range(0, len(rows), size):
        writer.add(table_of(table, rows[start : start + size]))
    return writer.finish(), memory


def expected(rows: list[Row]) -> tuple[list[Row], Counter[str]]:
    """The newest version of each key, in plain Python."""
    best: dict[tuple[int, str], Row] = {}

    def rank(row: Row) -> tuple[Any, ...]:
        return row[2], row[4], row[0], row[1], row[3] is not None, row[3] or ""

    for row in rows:
        key = (row[0], row[1].rstrip(" "))
        if key not in best or rank(row) > rank(best[key]):
            best[key] = row
    kept = Counter(row[4] for row in best.values())
    return [best[key] for key in sorted(best)], Counter(row[4] for row in rows) - kept


drawn_rows = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["a", "a ", "b", "", " "]),
        st.sampled_from([date(2026, 1, 1), date(2026, 1, 2)]),
        st.sampled_from([None, "", "x", "y"]),
        st.sampled_from(["s3://r/1", "s3://r/2"]),
    ),
    max_size=60,
)


@given(drawn_rows, st.integers(1, 20), st.sampled_from([1, 400, 1 << 20]))
def test_the_newest_version_of_each_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], size: int, memory_bytes: int
) -> None:
    found, memory = written(VERSIONS, rows, tmp_path_factory.mktemp("w"), size, memory_bytes=memory_bytes)
    best, duplicates = expected(rows)
    assert [(row["k"], row["name"], row["at"], row["v"], row["_source_file"]) for row in memory.rows()] == best
    assert found.duplicates == duplicates
    counted: Counter[str] = Counter()
    for file in found.files:
        counted.update(file.rows)
        assert file.size_bytes == len(memory.files[file.name])
    assert counted == Counter(row[4] for row in best)


@pytest.mark.parametrize("memory_bytes", [1 << 12, 1 << 30])
def test_many_rows_spill_and_stay_in_order(tmp_path: Path, memory_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluice.kernel.spill.BLOCK_ROWS", 16)
    chance = random.Random(1)
    rows: list[Row] = [
        (
            chance.randint(0, 700),
            f"n{chance.randint(0, 2)}",
            date(2026, 1, chance.randint(1, 28)),
            str(number),
            "s3://r/1",
        )
        for number in range(3000)
    ]
    _, memory = written(VERSIONS, rows, tmp_path / "scratch", 100, memory_bytes=memory_bytes)
    assert [(row["k"], row["name"], row["at"], row["v"]) for row in memory.rows()] == [
        row[:4] for row in expected(rows)[0]
    ]
    assert list(tmp_path.rglob("*.arrow")) == []


@pytest.mark.parametrize("memory_bytes", [1, 1 << 20])
def test_a_dropped_file_takes_nothing_along(tmp_path: Path, memory_bytes: int) -> None:
    memory = Memory()
    writer = TableWriter(VERSIONS, memory.open, scratch=tmp_path, memory_bytes=memory_bytes)
    old: Row = (1, "a", date(2026, 1, 1), "kept", "s3://r/1")
    new: Row = (1, "a", date(2026, 1, 2), "dropped", "s3://r/2")
    for row in (old, new):
        writer.add(table_of(VERSIONS, [row]))
    writer.drop("s3://r/2")
    writer.add(table_of(VERSIONS, [new]))
    found = writer.finish()
    assert [row["v"] for row in memory.rows()] == ["kept"]
    assert (found.duplicates, found.files[0].rows) == (Counter(), {"s3://r/1": 1})


def test_a_table_with_a_sort_key_is_ordered_by_it_and_null_comes_first(tmp_path: Path) -> None:
    table = Table("t", VERSIONS.columns, load="append", redshift=RedshiftHints(sort_key=("v",)))
    rows: list[Row] = [(1, "a", date(2026, 1, 1), value, "s3://r/1") for value in ("b", None, "a", "b")]
    found, memory = written(table, rows, tmp_path, 2)
    assert [row["v"] for row in memory.rows()] == [None, "a", "b", "b"]
    assert found.duplicates == Counter()


def test_no_row_makes_no_file(tmp_path: Path) -> None:
    found, memory = written(VERSIONS, [], tmp_path, 1)
    assert (found, memory.files) == (WrittenTable((), Counter()), {})


def test_a_long_table_goes_on_in_the_next_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "FILE_BYTES", 1)
    rows: list[Row] = [(number, "a", date(2026, 1, 1), "x", "s3://r/1") for number in range(40)]
    monkeypatch.setattr("sluice.kernel.spill.BLOCK_ROWS", 10)
    found, memory = written(VERSIONS, rows, tmp_path, 10, memory_bytes=100)
    assert [file.name for file in found.files] == [f"part-{number:05}.parquet" for number in range(len(found.files))]
    assert len(found.files) > 1
    assert [row["k"] for row in memory.rows()] == list(range(40))


def test_the_files_have_the_contracts_types(tmp_path: Path) -> None:
    columns = tuple(Column(f"c{number}", kind) for number, kind in enumerate(TYPES))
    values: list[Any] = [1, 2, 3, 1.5, 2.5, True, "abc", "x", date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)]
    values += [Decimal(1), Decimal("1.25"), Decimal("1.2500"), Decimal(1), Decimal("0." + "1" * 38)]
    table = Table("t", columns, load="append")
    schema = chunk_schema(table)
    rows = pa.Table.from_arrays(
        [
            pa.array([value, None], field.type)
            for value, field in zip([*values, "b.1", "s3://r/1"], schema, strict=True)
        ],
        schema=schema,
    )
    memory = Memory()
    writer = TableWriter(table, memory.open, scratch=tmp_path)
    writer.add(rows)
    [file] = writer.finish().files
    footer = read_footer(memory.files[file.name], file.size_bytes, file.name)
    assert [column.name for column in footer.columns] == list(table.stored_types)
    kinds: dict[str, SqlType] = table.stored_types
    assert {column.name: column.type for column in footer.columns if not fits(column, kinds[column.name])} == {}
    parquet = pq.ParquetFile(io.BytesIO(memory.files[file.name]))
    assert parquet.metadata.row_group(0).column(0).compression == "ZSTD"
    assert parquet.schema_arrow.field("c9").type == pa.timestamp("us", "UTC")
    assert parquet.read().to_pylist()[0] == {
        **dict(zip(schema.names, values, strict=False)),
        "_batch_id": "b.1",
        "_source_file": "s3://r/1",
    }


def test_an_error_of_the_sink_keeps_no_file(tmp_path: Path) -> None:
    @contextmanager
    def full(name: str) -> Iterator[BinaryIO]:
        class Full(io.BytesIO):
            def write(self, _: Any) -> int:
                raise OSError("no space left")

        yield Full()
        pytest.fail(f"{name} was kept")

    sink: Sink = full
    writer = TableWriter(VERSIONS, sink, scratch=tmp_path)
    writer.add(table_of(VERSIONS, [(1, "a", date(2026, 1, 1), "x", "s3://r/1")]))
    with pytest.raises(OSError, match="no space left"):
        writer.finish()


def test_a_lost_row_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "by_source", lambda *_: Counter({"s3://r/1": 2}))
    with pytest.raises(AccountingError, match="1 rows of 2"):
        written(VERSIONS, [(1, "a", date(2026, 1, 1), "x", "s3://r/1")], tmp_path, 1)


@pytest.mark.parametrize("memory_bytes", [1, 1 << 20])
def test_the_quarantine_keeps_of_a_dropped_file_the_verdict_alone(tmp_path: Path, memory_bytes: int) -> None:
    memory = Memory()
    writer = QuarantineWriter(memory.open, scratch=tmp_path, memory_bytes=memory_bytes)

    def row(source: str, kind: str) -> pa.Table:
        values = ["b.1", source, kind, ["why"], "text", None, datetime(2026, 1, 1, tzinfo=UTC)]
        return pa.Table.from_arrays(
            [pa.array([value], field.type) for value, field in zip(values, QUARANTINE_SCHEMA, strict=True)],
            schema=QUARANTINE_SCHEMA,
        )

    for source, kind in (("s3://r/1", "record"), ("s3://r/2", "record"), ("s3://r/2", "file")):
        writer.add(row(source, kind))
    writer.drop("s3://r/2")
    found = writer.finish()
    assert [(row["source_file"], row["kind"], row["reasons"]) for row in memory.rows()] == [
        ("s3://r/1", "record", ["why"]),
        ("s3://r/2", "file", ["why"]),
    ]
    assert found.files[0].rows == {"s3://r/1": 1, "s3://r/2": 1}
