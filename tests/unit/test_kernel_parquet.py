"""Parquet: every type of a contract's columns exactly, what cannot be exact with column and type, others unread."""

import io
import uuid
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.kernel_convert import Converted, contract, convert

NOT_UTF_8 = "record: c has bytes that are not UTF-8 (Parquet type"
NS = 1795179900123456789


def at(*parts: int) -> datetime:
    """A moment as Parquet keeps it, without a zone."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


MOMENT = at(2026, 11, 20, 13, 5, 0, 123456)
EARLY_LATE = [at(1, 1, 1), at(9999, 12, 31)]


def written(table: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(table), sink, **options)
    return sink.getvalue()


def read(kind: str | dict[str, Any], values: Any, **options: Any) -> Converted:
    content = written({"c": values, "other": pa.array([None] * len(values), pa.duration("s"))}, **options)
    return convert(contract({"format": "parquet"}, {"c": kind}), content)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("timestamp", pa.array([NS - 789, None], pa.timestamp("ns")), [MOMENT, None]),
        ("timestamp", pa.array([NS - 789], pa.timestamp("ns", "Europe/Berlin")), [MOMENT]),
        ("timestamp", pa.array([MOMENT], pa.timestamp("us")), [MOMENT]),
        ("timestamp", pa.array(EARLY_LATE, pa.timestamp("ms")), EARLY_LATE),
        ("date", pa.array([date(2026, 11, 20)], pa.date32()), [date(2026, 11, 20)]),
        ("date", pa.array([date(1969, 12, 31)], pa.date64()), [date(1969, 12, 31)]),
        ("date", pa.array([at(2026, 11, 20)], pa.timestamp("us")), [date(2026, 11, 20)]),
        ("real", pa.array([1.5, 2.5], pa.float32()).cast(pa.float16()), [1.5, 2.5]),
        ("decimal(5,2)", pa.array([0.1, 12.34], pa.float32()), [Decimal("0.10"), Decimal("12.34")]),
        ("double precision", pa.array([0.1, 1e300, 3.0]), [0.1, 1e300, 3.0]),
        ("bigint", pa.array([9007199254740993]), [9007199254740993]),
        ("bigint", pa.array([4.0]), [4]),
        ("decimal(38,0)", pa.array([2**64 - 1], pa.uint64()), [Decimal(2**64 - 1)]),
        ("decimal(12,2)", pa.array([Decimal("1.50")], pa.decimal256(50, 2)), [Decimal("1.50")]),
        ("varchar(20)", pa.array([time(13, 5, 0, 250000)], pa.time64("us")), ["13:05:00.25"]),
        ("varchar(20)", pa.array([time(13, 5)], pa.time32("s")), ["13:05:00"]),
        ("varchar(20)", pa.array(["a", "Łódź", None]).dictionary_encode(), ["a", "Łódź", None]),
        ("varchar(20)", pa.array(["a"], pa.large_string()), ["a"]),
        ("varchar(20)", pa.array([b"abc"], pa.binary(3)), ["abc"]),
        ("boolean", pa.array([True, False]), [True, False]),
        ("integer", pa.array([None, None], pa.null()), [None, None]),
    ],
)  # fmt: skip
def test_values(kind: str, values: Any, expected: list[Any]) -> None:
    found = read(kind, values)
    assert ([row[0] for row in found.rows["t"]], found.reasons) == (expected, [])


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="this Arrow (that of Glue 5.0 for one) has no type of UUIDs")
def test_a_uuid_is_its_text() -> None:
    found = read("varchar(40)", pa.array([uuid.UUID(int=1).bytes], pa.uuid()))
    expected = ["00000000-0000-0000-0000-000000000001"]
    assert ([row[0] for row in found.rows["t"]], found.reasons) == (expected, [])


def test_int96_holds_every_year() -> None:
    moments = [at(1, 1, 1), at(1500, 2, 28), MOMENT, at(9999, 12, 31, 23, 59, 59)]
    values = pa.array(moments, pa.timestamp("us"))
    found = read("timestamp", values, use_deprecated_int96_timestamps=True)
    assert [row[0] for row in found.rows["t"]] == moments


@pytest.mark.parametrize(
    ("kind", "values", "good", "reason"),
    [
        ("timestamp", pa.array([NS, NS - 789], pa.timestamp("ns")), [MOMENT], "t.c: not a timestamp"),
        ("varchar(9)", pa.array([b"abc", b"\xff\xfe"]), ["abc"], f"{NOT_UTF_8} binary)"),
        ("integer", pa.array([5.5, 6.0]), [6], "t.c: not an integer"),
        ("decimal(3,2)", pa.array([Decimal(99), Decimal(1)], pa.decimal256(50, 2)), [1], "t.c: not a decimal(3,2)"),
        ("date", pa.array([2**31 - 1, 0], pa.int32()).cast(pa.date32()), [date(1970, 1, 1)], "t.c: not a date"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_exact_is_refused_alone(kind: str, values: Any, good: list[Any], reason: str) -> None:
    found = read(kind, values)
    assert ([row[0] for row in found.rows["t"]], found.reasons) == (good, [[reason]])


def test_text_of_a_string_column_that_is_no_utf_8() -> None:
    values = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xff\xfe"))
    found = read("varchar(9)", values)
    assert found.rows["t"] == [("a",)]
    assert found.reasons == [[f"{NOT_UTF_8} string)"]]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (pa.array([[1]]), "list<element: int64>"),
        (pa.array([{"a": 1}]), "struct<a: int64>"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "map<string, int64 ('c')>"),
        (pa.array([1], pa.duration("s")), "duration[s]"),
    ],
)
def test_a_type_that_is_no_single_value_is_told_with_its_column(values: Any, told: str) -> None:
    found = read("varchar(9)", values)
    assert found.rows["t"] == []
    assert found.reasons == [[f"file: column c has Parquet type {told}, which is not a single value of a contract"]]


def test_a_zone_is_of_moments_that_the_file_keeps_without_one() -> None:
    moments = [at(2026, 7, 1, 12)]
    content = written({"a": pa.array(moments, pa.timestamp("us")), "b": pa.array(moments, pa.timestamp("us", "UTC"))})
    columns = {"a": "timestamp", "b": "timestamp"}
    found = convert(contract({"format": "parquet"}, columns, timezone="Europe/Berlin"), content)
    assert found.rows["t"] == [(at(2026, 7, 1, 10), at(2026, 7, 1, 12))]


def test_nested_columns_and_arrays() -> None:
    columns = {
        "id": {"type": "integer", "source": "$.id"},
        "city": {"type": "varchar(9)", "source": "$.to.city"},
        "weight": "real",
    }
    content = written(
        {
            "id": pa.array([1, 2, 3]),
            "to": pa.array([{"city": "X", "zip": "1"}, None, {"city": None, "zip": None}]),
            "parts": pa.array([[{"weight": 0.5, "x": b"\xff"}, {"weight": None, "x": None}], [], None]),
        }
    )
    found = convert(contract({"format": "parquet"}, columns, explode="parts"), content)
    assert (found.rows["t"], found.reasons) == ([(1, "X", 0.5), (1, "X", None)], [])
    assert found.records == (3, 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PAR1 is not enough PAR1", "file: has no valid Parquet footer"),
        (b"id,name\n1,Ann\n", "file: has no valid Parquet footer"),
    ],
)
def test_what_is_no_parquet(content: bytes, reason: str) -> None:
    found = convert(contract({"format": "parquet"}, {"c": "integer"}), content)
    assert (found.rows["t"], found.reasons) == ([], [[reason]])


def test_damaged_pages_refuse_the_file_in_plain_words() -> None:
    content = bytearray(written({"c": pa.array(range(10_000))}, compression="gzip"))
    content[200:400] = bytes(200)
    found = convert(contract({"format": "parquet"}, {"c": "integer"}), bytes(content))
    assert found.rows["t"] == []
    assert [reason.startswith("file: its Parquet data are damaged") for [reason] in found.reasons] == [True]
