"""Content made to break a reader: every file ends as records and reasons, in bounded time and memory."""

import bz2
import gzip
import io
import json
import tracemalloc
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any, BinaryIO, cast

import pytest

from sluice.contract import CsvSource
from sluice.contract.shape import shape_of
from sluice.kernel.parse import content
from sluice.kernel.parse.content import MAX_RECORD_CHARACTERS
from sluice.kernel.parse.csv_fields import FieldReader
from sluice.kernel.parse.csv_text import CsvRecords
from sluice.kernel.parse.json_text import has_half_surrogate
from sluice.kernel.parse.reader import file_reader
from tests.unit.kernel_convert import Converted, contract, convert

JSON, ARRAY = {"format": "json"}, {"format": "json", "records": "array"}
CSV, XML = {"format": "csv"}, {"format": "xml", "row_tag": "e"}
HALF = "record: half of a surrogate pair"


def through(source: dict[str, Any], body: bytes | str) -> Converted:
    return convert(contract(source, {"id": "varchar(9)", "v": {"type": "varchar(20)", "may_be_absent": True}}), body)


@pytest.mark.parametrize("depth", [500, 990, 1000, 5000, 100_000])
@pytest.mark.parametrize("inside", ["", '"\\ud800"', '"\\u00e9"'])
def test_json_of_any_depth(depth: int, inside: str) -> None:
    deep = "[" * depth + inside + "]" * depth
    found = through(JSON, f'{{"id":"1"}}\n{{"id":"2","x":{deep}}}\n{{"id":"3"}}\n')
    kept = [row[0] for row in found.rows["t"]]
    assert (kept, found.reasons) in (
        (["1", "2", "3"], []),
        (["1", "3"], [["record: malformed JSON"]]),
        (["1", "3"], [[HALF]]),
    )
    if inside == '"\\ud800"':
        assert kept == ["1", "3"]


@pytest.mark.parametrize("depth", [150, 1000, 50_000])
def test_xml_of_any_depth(depth: int) -> None:
    body = f"<r><e><id>1</id></e><e><id>2</id>{'<x>' * depth}{'</x>' * depth}</e><e><id>3</id></e></r>"
    found = through(XML, body)
    if depth < 200:
        assert [row[0] for row in found.rows["t"]] == ["1", "2", "3"]
    else:
        assert [row[0] for row in found.rows["t"]] == ["1", "3"]
        assert found.reasons == [["record: more than 200 elements inside each other"]]


def test_xml_deep_outside_of_records() -> None:
    body = f"<r>{'<x>' * 20_000}<e><id>1</id></e>{'</x>' * 20_000}</r>"
    assert through(XML, body).rows["t"] == [("1", None)]


def test_half_a_surrogate_beside_a_number_of_many_digits() -> None:
    found = through(JSON, '{"id":"1","n":%s,"v":"\\ud800"}\n{"id":"2","v":"\\ud83d\\ude00"}\n' % ("1" * 5000))
    assert (found.rows["t"], found.reasons) == ([("2", "😀")], [[HALF]])


@pytest.mark.parametrize(
    ("text", "is_half"),
    [
        (r"\ud83d\ude00", False),
        (r"\ud83d", True),
        (r"\ude00\ud83d", True),
        (r"\ud83d\ud83d\ude00", True),
        (r"\ud83d \ude00", True),
        (r"\ud83d\n\ude00", True),
        (r"\\ud83d", False),
        (r"\\\ud83d", True),
        (r"\uD83D\uDE00\ud83d\ude00", False),
        (r"\ud83d\u0041", True),
    ],
)
def test_halves_of_surrogates_as_the_decoder_sees_them(text: str, is_half: bool) -> None:
    decoded = json.loads(f'"{text}"')
    assert any(0xD800 <= ord(character) < 0xE000 for character in decoded) == is_half
    assert has_half_surrogate(f'"{text}"') == is_half


@pytest.mark.parametrize(
    "line",
    ['12345,2026-01-01,""\n', '""\n', 'a","b\n', 'x","y,""\n', '"a,5" pipe\n'],
    ids=["empty fields", "only quotes", "opened again", "both", "open and plain"],
)
def test_a_quote_that_is_not_closed_costs_no_more_than_its_text(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0

    def counting(name: str) -> None:
        whole = getattr(FieldReader, name)

        def counted(self: FieldReader, text: str) -> Any:
            nonlocal looked_at
            looked_at += len(text)
            return whole(self, text)

        monkeypatch.setattr(FieldReader, name, counted)

    counting("fields")
    counting("stays_open")
    body = "a,b,c\n" + '1,"open,3\n' + line * 5_000
    records = CsvRecords(CsvSource("x/%Y/%m/%d"), ["a", "b", "c"], []).lines(io.StringIO(body, newline=""))
    assert sum(1 for _ in records) > 0
    assert looked_at < 4 * len(body)


def test_a_record_is_found_after_many_that_are_not_closed() -> None:
    body = "a,b,c\n" + '1,"x,2\n' * 2000 + '"p\nq",r,s\n1,2,3\n'
    records = list(CsvRecords(CsvSource("x/%Y/%m/%d"), ["a", "b", "c"], []).lines(io.StringIO(body, newline="")))
    assert [parsed.record for parsed in records][-2:] == [("p\nq", "r", "s"), ("1", "2", "3")]


class Endless(io.RawIOBase):
    """A stream of pieces that are made as they are read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._held = filter(None, pieces), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._held:
            self._held = next(self._pieces, b"")
        count = min(len(buffer), len(self._held))
        buffer[:count], self._held = self._held[:count], self._held[count:]
        return count


def read_endless(source: dict[str, Any], pieces: Iterator[bytes]) -> tuple[int, list[str], int]:
    """Records, errors, and the most memory that reading took."""
    made = contract(source, {"id": {"type": "varchar(9)", "may_be_absent": True}})
    read = file_reader(made, shape_of(made))
    good, errors = 0, list[str]()
    tracemalloc.start()
    try:
        for parsed in read(cast("BinaryIO", Endless(pieces)), None):
            good += parsed.error is None
            errors += [] if parsed.error is None else [parsed.error]
        return good, errors, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MIB = 1 << 20
LONG_JSON = f"file: has text of more than {MAX_RECORD_CHARACTERS} characters that is not JSON record"
LONG_XML = f"file: has a record, or a text outside of records, of more than {MAX_RECORD_CHARACTERS} bytes"
TOO_LONG = f"record: longer than {MAX_RECORD_CHARACTERS} characters"


@pytest.mark.parametrize(
    ("source", "pieces", "good", "errors"),
    [
        (JSON, [b'{"id":"1"}\n', b"[" * MIB, b"\n", b'{"id":"2"}\n'], 2, [TOO_LONG]),
        (CSV, [b"id\n1\n", b"x" * MIB, b"\n2\n"], 2, [TOO_LONG]),
        (ARRAY, [b'[{"id":"1"},"', b"x" * MIB], 1, [LONG_JSON]),
        (XML, [b"<r><e><id>1</id></e><e>", b"x" * MIB], 1, [LONG_XML]),
    ],
)  # fmt: skip
def test_a_record_without_an_end(source: dict[str, Any], pieces: list[bytes], good: int, errors: list[str]) -> None:
    """Forty MiB where the bound is sixteen; what is held follows the bound."""
    first, long, *rest = pieces
    found = read_endless(source, iter([first, *[long] * 40, *rest]))
    assert found[:2] == (good, errors)
    assert found[2] < 200 * MIB


@pytest.mark.parametrize(
    ("source", "begin", "record", "end"),
    [
        (JSON, b"", b'{"id":"1","v":"%s"}\n' % (b"x" * 500), b""),
        ({**JSON, "records": "concatenated"}, b"", b'{"id":"1","v":"%s"}' % (b"x" * 500), b""),
        (ARRAY, b'[{"id":"0"}', b',{"id":"1","v":"%s"}' % (b"x" * 500), b"]"),
        (CSV, b"id,v\n", b"1,%s\n" % (b"x" * 500), b""),
        (XML, b"<r>", b"<e><id>1</id><v>%s</v></e>\n" % (b"x" * 500), b"</r>"),
    ],
    ids=["lines", "concatenated", "array", "csv", "xml"],
)
def test_memory_does_not_grow_with_the_file(source: dict[str, Any], begin: bytes, record: bytes, end: bytes) -> None:
    count = 20_000
    pieces = iter([begin, *islice(cycle([record * 100]), count // 100), end])
    good, errors, most = read_endless(source, pieces)
    assert (good in (count, count + 1), errors) == (True, [])
    assert most < 5 * MIB


BAD = b"\x1f\x8bnonsense that is not a deflate stream"


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("multiline", [True, False])
@pytest.mark.parametrize(
    ("compression", "content", "reason"),
    [
        ("gzip", b"id\n1\n", "file: is not a valid gzip file"),
        ("gzip", BAD, "file: is not a valid gzip file"),
        ("gzip", gzip.compress(b"id\n" * 1000)[:-9], "file: its gzip data end too early"),
        ("bzip2", b"id\n1\n", "file: is not a valid bzip2 file"),
        ("bzip2", bz2.compress(b"id\n" * 1000)[:-9], "file: its bzip2 data end too early"),
    ],
)
def test_compressed_files_that_are_broken(
    form: str,
    multiline: bool,
    compression: str,
    content: bytes,
    reason: str,
) -> None:
    options = {"multiline": multiline} if form == "csv" else {}
    found = through({"format": form, "compression": compression, **options}, content)
    assert (found.rows["t"], found.reasons) == ([], [[reason]])


def test_a_bomb_is_not_unpacked_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_UNPACKED_BYTES", 10 * MIB)
    found = through({**JSON, "compression": "bzip2"}, bz2.compress(b"\n" * (40 * MIB)))
    assert found.reasons == [["file: unpacks to more than 250 times its size, which no data do"]]


def test_data_that_pack_well_are_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_UNPACKED_BYTES", MIB)
    found = through(
        {**CSV, "compression": "gzip"}, gzip.compress(b"id\n" + b"".join(b"%d\n" % n for n in range(200_000)))
    )
    assert (len(found.rows["t"]), found.reasons) == (200_000, [])


class Broken(io.RawIOBase):
    """A stream that fails after some bytes, as a connection does."""

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self._rest = start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            raise ConnectionResetError("the world")
        buffer[: len(self._rest)], count = self._rest, len(self._rest)
        self._rest = b""
        return count


@pytest.mark.parametrize(
    ("source", "start"),
    [
        (JSON, b'{"id":"1"}\n'),
        (ARRAY, b'[{"id":"1"},'),
        ({**CSV, "compression": "gzip"}, gzip.compress(b"id\n1\n")[:12]),
        ({**CSV, "compression": "bzip2"}, bz2.compress(b"id\n1\n")[:12]),
        (XML, b"<r><e><id>1</id></e>"),
        (CSV, b""),
    ],
)
def test_a_stream_that_fails_is_no_fault_of_the_file(source: dict[str, Any], start: bytes) -> None:
    made = contract(source, {"id": "varchar(9)"})
    with pytest.raises(ConnectionResetError, match="the world"):
        list(file_reader(made, shape_of(made))(cast("BinaryIO", Broken(start)), None))


def test_what_a_reader_does_not_expect_is_the_file_s_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> list[str | None]:
        raise RecursionError("deep")

    monkeypatch.setattr(FieldReader, "fields", fails)
    found = through(CSV, "id,v\n1,2\n")
    assert found.reasons == [["file: cannot be read: the reader failed on its content (see the log)"]]
    assert "RecursionError" in caplog.text
