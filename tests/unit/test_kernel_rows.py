"""The row lane: casts against a reference in plain Python, checks, standardising, and what a refused record leaves."""

import io
import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract import Column, Contract, CsvSource, SqlType, Table, parse_contract
from sluice.contract.shape import shape_of
from sluice.kernel.arrow import QUARANTINE_SCHEMA, chunk_schema
from sluice.kernel.casts import caster
from sluice.kernel.convert import Chunk, Kernel, Lanes, RawFile
from sluice.kernel.parse.parsed import Parsed
from sluice.kernel.rows import RowLane
from tests.unit.kernel_data import CHECKED, FORMATS, STANDARDISED, TYPES, texts
from tests.unit.kernel_reference import reference

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", TYPES)
def test_casts_agree_with_the_reference(name: str) -> None:
    cast_text, sql_type = caster(Column("c", name)), SqlType.parse(name)
    every = sorted(set(texts()))
    assert [(text, cast_text(text)) for text in every] == [(text, reference(sql_type, text)) for text in every]


def test_formats() -> None:
    for (name, form), cases in FORMATS.items():
        cast_text = caster(Column("c", name, format=form))
        assert {text: cast_text(text) for text in cases} == cases


def _nearest(text: str) -> float:
    """The number of four bytes that is nearest to a text, by trying its neighbours."""
    first = struct.unpack("<i", struct.pack("<f", float(text)))[0]
    near = [struct.unpack("<f", struct.pack("<i", max(first + step, 0)))[0] for step in (-1, 0, 1)]
    # Of two that are equally near the even one, as IEEE 754 has it.
    return float(min(near, key=lambda number: (abs(Decimal(number) - Decimal(text)), struct.pack("<f", number)[0] & 1)))


@given(st.floats(0, 2.0**100, width=32), st.integers(-3, 3), st.integers(25, 60))
def test_a_real_is_rounded_once(number: float, step: int, digits: int) -> None:
    bits = struct.unpack("<i", struct.pack("<f", number))[0]
    after = struct.unpack("<f", struct.pack("<i", bits + 1))[0]
    halfway = (Decimal(number) + Decimal(after)) / 2
    text = f"{halfway + step * halfway.scaleb(-digits):f}"
    assert caster(Column("c", "real"))(text) == _nearest(text)


def test_checks_and_standardising_agree_with_their_cases() -> None:
    """The cases that Spark's expressions are held to hold the row lane, too."""
    table = Table("t", tuple(column for column, _ in CHECKED.values()), primary_key=("key",), order_by=("at",))
    names = {column.name: name for name, (column, _) in CHECKED.items()}
    contract = Contract("d", CsvSource("d/%Y/%m/%d"), (table,), null_values=())
    lane = RowLane(contract, shape_of(contract))
    for name, (column, cases) in CHECKED.items():
        for text, reason in cases.items():
            record = tuple(text if names[other.name] == name else None for other in table.columns)
            reasons = [r for r in lane.judge(Parsed(record, "")).reasons if r.startswith(f"t.{column.name}:")]
            assert (name, text, reasons) == (name, text, [] if reason is None else [reason])
    columns = tuple(column for column, _ in STANDARDISED)
    contract = Contract("d", CsvSource("d/%Y/%m/%d"), (Table("t", columns, load="append"),), null_values=("", "NULL"))
    lane = RowLane(contract, shape_of(contract))
    for index, (column, texts_of) in enumerate(STANDARDISED):
        for text, expected in texts_of.items():
            record = tuple(text if place == index else None for place in range(len(columns)))
            value = lane.judge(Parsed(record, "")).rows[0][0][index]
            shown = str(value).lower() if isinstance(value, bool) else None if value is None else str(value)
            assert (column.name, text, shown) == (column.name, text, expected)


def contract(**table: Any) -> Contract:
    columns = [{"name": "k", "type": "integer"}, {"name": "v", "type": "decimal(9,2)"}]
    return parse_contract(
        {
            "dataset": "d",
            "source": {"format": "csv", "layout": "d/%Y/%m/%d"},
            "tables": [{"name": "t", "primary_key": ["k"], "order_by": ["k"], "columns": columns, **table}],
        },
        "d.yaml",
    )


def read(found: Contract, body: bytes) -> list[Chunk]:
    return list(Kernel(found, NOW).read(RawFile("s3://raw/a.csv", "d.1", len(body), lambda: io.BytesIO(body))))


def test_a_file_becomes_rows_and_quarantine() -> None:
    [chunk] = read(contract(), b'k,v\n1,1e2\nx,\n2,"open\n3,\n')
    assert chunk.tables["t"].schema == chunk_schema(contract().tables[0])
    lineage = {"_batch_id": "d.1", "_source_file": "s3://raw/a.csv"}
    assert sorted(chunk.tables["t"].to_pylist(), key=lambda row: int(row["k"])) == [
        {"k": 1, "v": Decimal("100.00"), **lineage},
        {"k": 3, "v": None, **lineage},
    ]
    assert chunk.quarantine.schema == QUARANTINE_SCHEMA
    rest = {"batch_id": "d.1", "source_file": "s3://raw/a.csv", "kind": "record", "quarantined_at": NOW}
    assert chunk.quarantine.to_pylist() == [
        {**rest, "reasons": ["t.k: not an integer"], "raw_text": "x,", "record": '{"k":"x"}'},
        {**rest, "reasons": ["record: a quote that is not closed"], "raw_text": '2,"open', "record": None},
    ]
    assert (chunk.tally.records, chunk.tally.rejected) == (4, 2)
    assert (chunk.tally.read_rows, chunk.tally.rejected_rows) == ({"t": 4}, {"t": 2})


def test_a_file_that_is_not_well_formed_ends_in_a_verdict() -> None:
    [chunk] = read(contract(), b"v\n1\n\xff")
    assert chunk.voids_the_file
    assert chunk.tables["t"].num_rows == 0
    [row] = chunk.quarantine.to_pylist()
    assert (row["kind"], row["raw_text"], row["record"]) == ("file", "v\n1\n\ufffd", None)
    assert row["reasons"] == [chunk.tally.file_error]


class Failing(io.RawIOBase):
    """A stream that is lost after its first bytes."""

    def __init__(self, first: bytes) -> None:
        self._first = first

    def readable(self) -> bool:
        return True

    def read(self, _: int = -1) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        raise ConnectionResetError("lost")


@pytest.mark.parametrize("compression", ["none", "gzip", "bzip2"])
def test_a_lost_stream_is_no_fault_of_the_file(compression: str) -> None:
    packed = parse_contract(
        {
            "dataset": "d",
            "source": {"format": "csv", "layout": "d/%Y/%m/%d", "compression": compression},
            "tables": [{"name": "t", "load": "append", "columns": [{"name": "k", "type": "integer"}]}],
        },
        "d.yaml",
    )
    first = {"none": b"k\n1\n", "gzip": b"\x1f\x8b\x08\x00", "bzip2": b"BZh9"}[compression]
    with pytest.raises(ConnectionResetError, match="lost"):
        list(Kernel(packed, NOW).read(RawFile("s3://raw/a", "d.1", 99, lambda: cast("BinaryIO", Failing(first)))))


@pytest.mark.parametrize("lanes", Lanes)
@pytest.mark.parametrize("text", ["a" * 900, "ä" * 900])
def test_chunks_are_bounded_by_what_they_weigh(lanes: Lanes, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good texts of 900 bytes and, in the other letters, refused ones, which are kept twice, as text and as record."""
    monkeypatch.setattr("sluice.kernel.gather.CHUNK_BYTES", 100_000)
    monkeypatch.setattr("sluice.kernel.lines.BLOCK_BYTES", 20_000)
    found = contract(columns=[{"name": "k", "type": "integer"}, {"name": "v", "type": "varchar(1000)"}])
    body = b"k,v\n" + b"".join(f"{number},{text}\n".encode() for number in range(1000))
    raw = RawFile("s3://raw/a.csv", "d.1", len(body), lambda: io.BytesIO(body))
    chunks = list(Kernel(found, NOW, lanes=lanes).read(raw))
    assert sum(chunk.tally.records for chunk in chunks) == 1000
    assert max(chunk.tables["t"].nbytes + chunk.quarantine.nbytes for chunk in chunks) < 500_000
