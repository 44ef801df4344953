"""Footers of Parquet files against pyarrow, which writes them; and whatever else may lie in a bucket."""

import io
import struct
import tracemalloc
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.contract import SqlType
from sluice.contract.sqltype import MAX_VARCHAR_BYTES
from sluice.parquet import TAIL_BYTES, FileColumn, Footer, ParquetError, footer_bytes, read_footer
from sluice.parquet.compact import MAX_VALUES, CompactError, CompactReader

TEXT = SqlType("varchar", length=MAX_VARCHAR_BYTES)
NAME = "s3://bucket/orders/part-0.parquet"


def written(schema: pa.Schema, rows: int = 0, **options: Any) -> bytes:
    columns = [pa.nulls(rows, field.type) for field in schema]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), sink, **options)
    return sink.getvalue()


def footer_of(content: bytes) -> Footer:
    return read_footer(content, len(content), NAME)


def column(kind: pa.DataType, **options: Any) -> FileColumn:
    (found,) = footer_of(written(pa.schema([("c", kind)]), **options)).columns
    return found


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pa.bool_(), "boolean"),
        (pa.int16(), "smallint"),
        (pa.int32(), "integer"),
        (pa.int64(), "bigint"),
        (pa.float32(), "real"),
        (pa.float64(), "double precision"),
        (pa.date32(), "date"),
        (pa.timestamp("us", tz="UTC"), "timestamp"),
        (pa.timestamp("ms"), "timestamp"),
        *((pa.decimal128(digits, scale), f"decimal({digits},{scale})") for digits, scale in ((1, 0), (9, 9), (38, 18))),
    ],
)
def test_types_of_contracts(kind: pa.DataType, text: str) -> None:
    assert column(kind) == FileColumn("c", text, SqlType.parse(text))


def test_a_text_has_no_length() -> None:
    assert column(pa.string()) == FileColumn("c", "string", TEXT)


def test_the_old_timestamp_of_spark_and_hive() -> None:
    found = column(pa.timestamp("us"), use_deprecated_int96_timestamps=True)
    assert found == FileColumn("c", "timestamp", SqlType("timestamp"))


@pytest.mark.parametrize("stored_as_integer", [True, False])
def test_a_decimal_is_one_however_it_is_stored(stored_as_integer: bool) -> None:
    found = column(pa.decimal128(12, 2), store_decimal_as_integer=stored_as_integer)
    assert found == FileColumn("c", "decimal(12,2)", SqlType("decimal", 12, 2))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pa.int8(), "tinyint"),
        (pa.uint32(), "unsigned 32-bit integer"),
        (pa.binary(), "binary"),
        (pa.binary(3), "fixed binary"),
        (pa.time64("us"), "time"),
        (pa.timestamp("ns"), "timestamp of nanoseconds"),
        (pa.float16(), "16-bit float"),
        (pa.list_(pa.int32()), "group"),
        (pa.struct([("a", pa.int32()), ("b", pa.struct([("c", pa.string())]))]), "group"),
        (pa.map_(pa.string(), pa.int32()), "group"),
    ],
)
def test_types_that_no_contract_names(kind: pa.DataType, text: str) -> None:
    assert column(kind) == FileColumn("c", text, None)


def test_order_rows_writer_and_nullability() -> None:
    nested = pa.field("nested", pa.struct([("x", pa.int64())]))
    schema = pa.schema([pa.field("ä", pa.int32(), nullable=False), nested, pa.field("last", pa.string())])
    sink = io.BytesIO()
    batch = {"ä": [1, 2], "nested": [{"x": 1}, None], "last": ["a", None]}
    pq.write_table(pa.Table.from_pydict(batch, schema), sink, row_group_size=1)
    assert footer_of(sink.getvalue()) == Footer(
        (
            FileColumn("ä", "integer", SqlType("integer"), is_nullable=False),
            FileColumn("nested", "group", None),
            FileColumn("last", "string", TEXT),
        ),
        2,
        pq.ParquetFile(sink).metadata.created_by,
    )


KINDS = st.one_of(
    st.sampled_from([pa.bool_(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string()]),
    st.sampled_from([pa.date32(), pa.timestamp("us", tz="UTC"), pa.list_(pa.int8()), pa.struct([("a", pa.int8())])]),
    st.integers(1, 38).flatmap(lambda digits: st.integers(0, digits).map(lambda scale: pa.decimal128(digits, scale))),
)
SCHEMAS = st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), KINDS))


@given(SCHEMAS, st.integers(0, 3), st.sampled_from(["1.0", "2.4", "2.6"]))
@settings(max_examples=60, deadline=None)
def test_reads_what_pyarrow_writes(fields: list[tuple[str, pa.DataType]], rows: int, version: str) -> None:
    schema = pa.schema(fields)
    found = footer_of(written(schema, rows, version=version))
    assert [item.name for item in found.columns] == schema.names
    # Without a column Arrow has no rows either.
    assert found.rows == (rows if fields else 0)


@given(SCHEMAS, st.data())
@settings(max_examples=100, deadline=None)
def test_broken_bytes_are_an_error_that_names_the_file_or_another_footer(
    fields: list[tuple[str, pa.DataType]], data: st.DataObject
) -> None:
    content = bytearray(written(pa.schema(fields)))
    place = data.draw(st.integers(4, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    try:
        footer_of(bytes(content))
    except ParquetError as exc:
        assert str(exc).startswith(f"{NAME}: ")  # noqa: PT017 - most of the bytes change nothing


@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_value_or_the_error(content: bytes) -> None:
    try:
        CompactReader(content).document()
    except CompactError as exc:
        assert str(exc).startswith("byte ")  # noqa: PT017


GOOD = written(pa.schema([("a", pa.int32())]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not Parquet file: it does not end with PAR1"),
        (b"PAR1", "is not Parquet file: it does not end with PAR1"),
        (b"id,name\n1,a\n", "is not Parquet file: it does not end with PAR1"),
        (GOOD[:-4] + b"PARE", "its footer is encrypted"),
        (b"PAR1" + struct.pack("<I", 0) + b"PAR1", "its footer should have 0 bytes, and the whole file has 12"),
        (b"PAR1x" + struct.pack("<I", 99) + b"PAR1", "its footer should have 99 bytes, and the whole file has 13"),
        (b"PAR1\0" + struct.pack("<I", 1) + b"PAR1", "its footer is broken: there is no schema"),
        (
            b"PAR1\x19\xfc" + struct.pack("<I", 2) + b"PAR1",
            "its footer is broken: byte 2: 1 bytes were expected, 0 follow",
        ),
    ],
)
def test_what_is_no_parquet_file(content: bytes, message: str) -> None:
    with pytest.raises(ParquetError) as caught:
        footer_of(content)
    assert str(caught.value) == f"{NAME}: {message}"


def test_a_footer_may_claim_what_it_likes_and_takes_no_memory() -> None:
    many = b"\x29\xfc\xff\xff\xff\xff\x07"  # a list of 2^31 structures
    with pytest.raises(CompactError, match="elements cannot be in what follows"):
        CompactReader(many + b"\0" * 50).document()
    deep = b"\x1c" * 100_000
    with pytest.raises(CompactError, match="nested deeper than 16"):
        CompactReader(deep).document()
    with pytest.raises(CompactError, match="a number of more than 64 bits"):
        CompactReader(b"\x16" + b"\xff" * 20).document()


def _list_of_empty_structures(size: int) -> bytes:
    """A document whose first field is a list of so many structures without fields."""
    length, rest = b"", size
    while True:
        rest, part = rest >> 7, rest & 0x7F
        length += bytes([part | 0x80 if rest else part])
        if not rest:
            return bytes([0x19, 0xFC]) + length + bytes(size) + b"\0"


def test_a_footer_of_very_many_small_values_is_refused() -> None:
    with pytest.raises(CompactError, match="more than 500000 values"):
        CompactReader(_list_of_empty_structures(MAX_VALUES)).document()


def test_what_is_passed_by_is_not_kept_and_does_not_count() -> None:
    content = _list_of_empty_structures(MAX_VALUES * 2)
    tracemalloc.start()
    try:
        assert CompactReader(content).document(skipped=(1,)) == {1: None}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_a_long_footer_is_not_read() -> None:
    tail = struct.pack("<I", 1 << 30) + b"PAR1"
    with pytest.raises(ParquetError, match=f"^{NAME}: its footer has 1073741824 bytes; 16777216 are read at most$"):
        footer_bytes(tail, 1 << 40, NAME)


def test_the_end_of_a_file_is_enough() -> None:
    length = footer_bytes(GOOD[-TAIL_BYTES:], len(GOOD), NAME)
    assert read_footer(GOOD[-TAIL_BYTES - length :], len(GOOD), NAME) == footer_of(GOOD)
    with pytest.raises(ParquetError, match=f"its footer has {length} bytes, of which {length - 1} are here"):
        read_footer(GOOD[-TAIL_BYTES - length + 1 :], len(GOOD), NAME)
