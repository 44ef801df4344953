"""Odd files that were tried by hand: put together, mixed, in another encoding, of old types. Right, or refused."""

import bz2
import io
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.kernel.convert import Lanes
from tests.unit.kernel_convert import contract, convert

CSV, JSON, PARQUET = {"format": "csv"}, {"format": "json"}, {"format": "parquet"}
AB = {"a": "varchar(20)", "b": "varchar(20)"}
AGAIN = ["record: is the header again"]
MARK = "\ufeff"
NO_VALUE = "which is not a single value of a contract"


@pytest.mark.parametrize("more", [0, 60], ids=["few lines", "many lines"])
@pytest.mark.parametrize("multiline", [True, False])
def test_files_that_were_put_together(more: int, *, multiline: bool) -> None:
    """Each brings its byte order mark and its header, and neither is data."""
    body = f'{MARK}a,b\n1,2\n{MARK}a,b\n{MARK}"3",4\n"a","b"\n{MARK}\na,x\n' + "5,6\n" * more
    found = convert(contract({**CSV, "multiline": multiline}, AB), body)
    assert sorted(found.rows["t"]) == sorted([("1", "2"), ("3", "4"), ("a", "x"), *[("5", "6")] * more])
    assert found.reasons == [AGAIN, AGAIN]


def test_a_header_that_is_read_in_part() -> None:
    body = "a,x,b\n" + "1,2,3\n" * 40 + "a,x,b\na,y,b\n"
    found = convert(contract(CSV, {"b": "varchar(5)"}), body)
    assert (len(found.rows["t"]), found.reasons) == (41, [AGAIN])


def test_a_record_of_one_field_may_be_the_name_of_its_column() -> None:
    found = convert(contract(CSV, {"word": "varchar(5)"}), "word\nword\na\n")
    assert (found.rows["t"], found.reasons) == ([("word",), ("a",)], [])


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("UTF-16", "a,b\n1,ä\n".encode("utf-16")),
        ("UTF-16LE", f"{MARK}a,b\n1,ä\n".encode("utf-16-le")),
        ("UTF-16BE", "a,b\r\n1,ä\r\n".encode("utf-16-be")),
        ("UTF-32", "a,b\n1,ä".encode("utf-32")),
        ("cp1252", "a,b\n1,ä\n".encode("cp1252")),
        ("UTF-8", f"{MARK}{MARK}a,b\r1,ä\r".encode()),
        ("UTF-8", b"a,b\r\r\n1,\xc3\xa4\r\r\n"),
        ("utf8", "a,b\n1,ä\r\n".encode()),
    ],
)
def test_encodings_and_ends_of_lines(encoding: str, content: bytes) -> None:
    found = convert(contract({**CSV, "encoding": encoding}, AB), content)
    assert (found.rows["t"], found.reasons) == ([("1", "ä")], [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("a,b\n1,2\n\x1a", "record: too few fields"),
        ("a,b\n1,2\n\0\0\0", "record: too few fields"),
        ("a,b\n1,2\nTotal: 1\n", "record: too few fields"),
        ("a,b\n1,2\n1\0,2\n", "t.a: contains a NUL character"),
        ("a,b\n1,2\n1, “x, y”\n", "record: too many fields"),
    ],
)
def test_what_else_stands_in_files(body: str, reason: str) -> None:
    found = convert(contract(CSV, AB), body)
    assert (found.rows["t"], found.reasons) == ([("1", "2")], [[reason]])


@pytest.mark.parametrize("multiline", [True, False])
@pytest.mark.parametrize(
    ("body", "row"),
    [
        ("x\\ty\\n,\\\\z", ("x\ty\n", "\\z")),
        ('\\N,"\\N"', (None, "N")),
        ('"x\\,y",\\"z\\"', ("x,y", '"z"')),
        ("\\q,\\Z", ("q", "\x1a")),
        ("x\\\\,\\,", ("x\\", ",")),
    ],
)
def test_what_stands_behind_an_escape(body: str, row: tuple[str | None, ...], *, multiline: bool) -> None:
    """Databases write null, tabs and line breaks so; a letter alone would be another value."""
    source = {**CSV, "escape": "\\", "escape_unquoted": True, "multiline": multiline}
    found = convert(contract(source, AB), f"a,b\n{body}\n1,2\n")
    assert (found.rows["t"], found.reasons) == ([row, ("1", "2")], [])


@pytest.mark.parametrize(
    ("body", "row"),
    [
        ("x\\\ny,2\n", ("x\ny", "2")),
        ("x\\\r\\\ny,2\n", ("x\r\ny", "2")),
        ('"x\\\ny",2\n', ("x\ny", "2")),
        ("x\\\n\\\n,2\n", ("x\n\n", "2")),
    ],
)
def test_a_line_break_behind_an_escape_is_data(body: str, row: tuple[str, ...]) -> None:
    source = {**CSV, "escape": "\\", "escape_unquoted": True}
    found = convert(contract(source, AB), f"a,b\n{body}3,4\n")
    assert (found.rows["t"], found.reasons) == ([row, ("3", "4")], [])
    cut = convert(contract({**source, "multiline": False}, AB), "a,b\nx\\\n3,4\n")
    assert (cut.rows["t"], cut.reasons) == ([("3", "4")], [["record: ends in an escape"]])


def test_many_escaped_line_breaks_cost_no_more_than_their_text() -> None:
    source = {**CSV, "escape": "\\", "escape_unquoted": True}
    found = convert(contract(source, AB), "a,b\n" + "x\\\n" * 100_000 + "z,1\n3,4\n", lanes=Lanes.ROW)
    assert (found.rows["t"], found.reasons) == ([("3", "4")], [["t.a: longer than 20 bytes"]])


PACKED = bz2.compress(b"a,b\n1,2\n")


@pytest.mark.parametrize(
    ("content", "rows", "reasons"),
    [
        (PACKED + bz2.compress(b"3,4\n"), [("1", "2"), ("3", "4")], []),
        (PACKED + b"junk", [], [["file: is not a valid bzip2 file"]]),
        (PACKED + bz2.compress(b"3,4\n")[:-3], [], [["file: its bzip2 data end too early"]]),
        (PACKED + b"BZ", [], [["file: its bzip2 data end too early"]]),
        (PACKED[:-5], [], [["file: its bzip2 data end too early"]]),
        (bz2.compress(b""), [], [["file: has no header: there is no line that is not blank"]]),
        (b"", [], [["file: is empty"]]),
    ],
)
def test_nothing_behind_a_stream_of_bzip2_is_left_out(content: bytes, rows: list[Any], reasons: list[Any]) -> None:
    found = convert(contract({**CSV, "compression": "bzip2"}, AB), content)
    assert (found.rows["t"], found.reasons) == (rows, reasons)


@pytest.mark.parametrize(
    ("header", "near"),
    [
        ("a,e\u0301", "e\u0301"),
        ("a,\u00a0é", "\u00a0é"),
        ("a,É", "É"),
        ("a,é\u200b", "é\u200b"),
    ],
)
def test_names_that_only_look_alike_are_told(header: str, near: str) -> None:
    columns = {"a": "varchar(9)", "e": {"type": "varchar(9)", "source": "é"}}
    found = convert(contract(CSV, columns), f"{header}\n1,2\n")
    assert found.reasons == [[f"file: its header, split at ',', lacks column é (nearest in the file: {near!r})"]]


def parquet(values: "pa.Array[Any]", **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"v": values}), sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize("nested", [False, True], ids=["column", "in a list"])
def test_nanoseconds_of_int96_are_not_lost(*, nested: bool) -> None:
    """The old type has nanoseconds, and years that a count of them does not reach."""
    micros = [datetime(1, 1, 1), datetime(1500, 2, 28), datetime(2026, 11, 20, 13, 5, 0, 1), datetime(9999, 12, 31, 23)]  # noqa: DTZ001
    wide = pa.array([*micros, None], pa.timestamp("us"))
    fine = pa.array([1_600_000_000_123_456_789, 1_600_000_000_123_456_000], pa.timestamp("ns"))
    made = contract(PARQUET, {"v": {"type": "varchar(200)", "json": True} if nested else "timestamp"})

    def through(values: "pa.Array[Any]") -> list[Any]:
        lists = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values) if nested else values
        found = convert(made, parquet(lists, use_deprecated_int96_timestamps=True))
        return [found.rows["t"], found.reasons]

    exact = "2020-09-13 12:26:40.123456"
    if nested:
        texts = [
            '"0001-01-01 00:00:00"',
            '"1500-02-28 00:00:00"',
            '"2026-11-20 13:05:00.000001"',
            '"9999-12-31 23:00:00"',
        ]
        assert through(wide) == [[(f"[{','.join([*texts, 'null'])}]",)], []]
        assert through(fine) == [[(f'["{exact}789","{exact}"]',)], []]
    else:
        assert through(wide) == [[*((moment,) for moment in micros), (None,)], []]
        assert through(fine) == [[(datetime.fromisoformat(exact),)], [["t.v: not a timestamp"]]]


def test_int96_is_cut_where_the_contract_says_so() -> None:
    made = contract(PARQUET, {"v": {"type": "timestamp", "sub_microseconds": "cut"}})
    fine = pa.array([1_600_000_000_123_456_789], pa.timestamp("ns"))
    found = convert(made, parquet(fine, use_deprecated_int96_timestamps=True))
    assert found.rows["t"] == [(datetime.fromisoformat("2020-09-13 12:26:40.123456"),)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file: is empty"),
        (b"v\n1\n", "file: has no valid Parquet footer"),
        (b"PAR1" + b"x" * 50 + b"PAR1", "file: has no valid Parquet footer"),
        (parquet(pa.array([1]))[:-5], "file: has no valid Parquet footer"),
        (parquet(pa.array([["a"]])), f"file: column v has Parquet type list<element: string>, {NO_VALUE}"),
        (parquet(pa.array([1], pa.duration("s"))), f"file: column v has Parquet type duration[s], {NO_VALUE}"),
    ],
)
def test_files_that_are_no_parquet_of_the_contract_s(content: bytes, reason: str) -> None:
    assert convert(contract(PARQUET, {"v": "varchar(9)"}), content).reasons == [[reason]]


@pytest.mark.parametrize(
    ("values", "kind", "rows", "reasons"),
    [
        (pa.array(["a", None, "a"]).dictionary_encode(), "varchar(1)", ["a", None, "a"], 0),
        (pa.array([2**64 - 1, 1], pa.uint64()), "bigint", [1], 1),
        (pa.array([2**64 - 1], pa.uint64()), "decimal(20,0)", [2**64 - 1], 0),
        (pa.array([255], pa.uint8()), "smallint", [255], 0),
        (pa.array(["ä"], pa.large_string()), "varchar(2)", ["ä"], 0),
        (pa.array([b"\xff", b"ok"]), "varchar(2)", ["ok"], 1),
        (pa.array([1.5, float("nan"), float("inf")]), "double precision", [1.5], 2),
        (pa.array([1.0, 1.5, 2.0**60]), "bigint", [1], 2),
        (pa.array([True]), "integer", [], 1),
        (pa.array([10**7], pa.int32()).cast(pa.date32()), "date", [], 1),
        (pa.array([None], pa.null()), "varchar(1)", [None], 0),
        (pa.array(["a\0b"]), "varchar(5)", [], 1),
    ],
)
def test_values_of_parquet_s_types(values: "pa.Array[Any]", kind: str, rows: list[Any], reasons: int) -> None:
    found = convert(contract(PARQUET, {"v": kind}), parquet(values))
    assert [row[0] for row in found.rows["t"]] == rows
    assert found.records == (len(values), reasons)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id":1,"id":2}', "record: a key stands twice in one object"),
        ('{"id":1,"x":{"a":1,"a":2}}', "record: a key stands twice in one object"),
        ('{"id":NaN}', "record: malformed JSON (NaN or Infinity)"),
        ('{"id":1,"x":[-Infinity]}', "record: malformed JSON (NaN or Infinity)"),
        ('{"id":1},', "record: malformed JSON (more than one value)"),
        ('[{"id":1}]', "record: not a JSON object"),
        ('\x1e{"id":1}', "record: malformed JSON"),
        ('{"id":{"x":1}}', "record: id is not a single value"),
        ('{"id":[1]}', "record: id is not a single value"),
        ('{"id":true}', "t.id: not an integer"),
        ('{"id":1.0}', "t.id: not an integer"),
        ('{"id":1e2}', "t.id: not an integer"),
        ('{"id":2147483648}', "t.id: not an integer"),
    ],
)
def test_lines_of_json_that_say_nothing_certain(line: str, reason: str) -> None:
    found = convert(contract(JSON, {"id": "integer"}), f'{line}\n{{"id":-0}}\n{{"id":"7"}}\n')
    assert (found.rows["t"], found.reasons) == ([(0,), (7,)], [[reason]])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-29 01:59:59", "2026-03-29 00:59:59"),
        ("2026-03-29 02:30:00", None),
        ("2026-10-25 02:30:00", "2026-10-25 00:30:00"),
        ("2026-10-25 02:30:00+01:00", "2026-10-25 01:30:00"),
        ("2024-02-29 12:00", "2024-02-29 11:00:00"),
        ("2023-02-29 12:00", None),
        ("1900-02-29 12:00", None),
        ("2000-02-29 00:00:00", "2000-02-28 23:00:00"),
        ("2026-11-20 24:00:00", None),
        ("2026-11-20 23:59:60", None),
        ("2026-11-20T10:00:00\u221205:00", None),
    ],
)
def test_moments_of_a_zone(text: str, moment: str | None) -> None:
    made = contract(JSON, {"at": {"type": "timestamp", "timezone": "Europe/Berlin"}})
    found = convert(made, f'{{"at":"{text}"}}')
    assert found.rows["t"] == ([] if moment is None else [(datetime.fromisoformat(moment),)])
    assert found.reasons == ([["t.at: not a timestamp"]] if moment is None else [])
