"""CSV as source systems really write it."""

import bz2
import csv
import gzip
import io
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract import CsvSource
from sluice.kernel.parse import Parsed
from sluice.kernel.parse.csv_text import MAX_QUOTED_CHARACTERS, CsvRecords

FEW, MANY = "record: too few fields", "record: too many fields"
OPEN, AFTER = "record: a quote that is not closed", "record: text after a closing quote"


def reader(columns: str = "a,b,c", required: str = "a", **source: object) -> CsvRecords:
    return CsvRecords(CsvSource("x/%Y/%m/%d", **source), columns.split(","), required.split(","))  # type: ignore[arg-type]


def read(body: str | bytes, **source: object) -> list[tuple[object, ...] | str | None]:
    """Each record's values, or what is wrong with it."""
    content = body.encode() if isinstance(body, str) else body
    return [parsed.record or parsed.error for parsed in reader(**source).file(io.BytesIO(content))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("", ["file: is empty"], id="no bytes"),
        pytest.param(" \n\n", ["file: has no header: there is no line that is not blank"], id="blank lines alone"),
        pytest.param("a,b,c\n", [], id="header only"),
        pytest.param("a,b,c\n1,2,3", [("1", "2", "3")], id="last line without its end"),
        pytest.param("\ufeffa,b,c\n1,2,3\n", [("1", "2", "3")], id="byte order mark"),
        pytest.param("a,b,c\n\n1,2,3\n  \n\r\n4,5,6\n\n", [("1", "2", "3"), ("4", "5", "6")], id="blank lines"),
        pytest.param("\n \na,b,c\n1,2,3\n", [("1", "2", "3")], id="blank lines before the header"),
        pytest.param("a,b,c\n1,2,3\r\n4,5,6\r7\n", [("1", "2", "3"), ("4", "5", "6\r7")], id="a lone CR after LF"),
        pytest.param("a,b,c\r\n1,2,3\n4,5,6\r7,8,9", [("1", "2", "3"), MANY], id="a lone CR after CRLF"),
        pytest.param('a,"b\rb",c\n1,2,3\r4\n', [("1", None, "3\r4")], id="a CR in quotes ends no line"),
        pytest.param("a,b,c\r1,2,3\r\n4,5,6\n", [("1", "2", "3"), ("4", "5", "6")], id="CR first"),
        pytest.param(
            'a,b,c\n1,"x\ny",3\r\n4,"p\r\nq\r",6\n', [("1", "x\ny", "3"), ("4", "p\r\nq\r", "6")], id="breaks in quotes"
        ),
        pytest.param('a,b,c\n"1,1","say ""hi""",""\n', [("1,1", 'say "hi"', "")], id="delimiter and quotes in quotes"),
        pytest.param('a,b,c\n,"",x\n', [(None, "", "x")], id="missing and empty"),
        pytest.param('a,b,c\n1,5" pipe,3\n', [("1", '5" pipe', "3")], id="quote inside a field without quotes"),
        pytest.param("a,b,c\n 1 ,\t2, 3\n", [(" 1 ", "\t2", " 3")], id="white space stays"),
        pytest.param("a,b,c\n1,2\n1,2,3,4\n5,6,7\n", [FEW, MANY, ("5", "6", "7")], id="too few and too many fields"),
        pytest.param('a,b,c\n1,"x"y,3\n4,5,6\n', [AFTER, ("4", "5", "6")], id="text after a quote"),
        pytest.param('a,b,c\n1,2,"3\n4,5,6\n7,8,9\n', [OPEN, ("4", "5", "6"), ("7", "8", "9")], id="open at the end"),
        pytest.param('a,b,c\n1,"2,3\n4,5,6\n', [OPEN, ("4", "5", "6")], id="open in the middle"),
        pytest.param(
            'a,b,c\n1,2,"3\n4,5,"6"\n7,8,9\n', [OPEN, ("4", "5", "6"), ("7", "8", "9")], id="open, then a quoted field"
        ),
        pytest.param("c,x,a,b\n3,z,1,2\n", [("1", "2", "3")], id="other order, unknown column"),
        pytest.param("a,c\n1,3\n", [("1", None, "3")], id="optional column missing"),
        pytest.param("b,c\n1,3\n", ["file: its header, split at ',', lacks column a"], id="required column missing"),
        pytest.param("a,b,b,c\n1,2,3,4\n", ["file: its header names column b twice"], id="column twice"),
        pytest.param("a,x,x\n1,2,3\n", ["file: its header names a column twice"], id="unknown column twice"),
        pytest.param("a,b,c,,\n1,2,3,,\n", [("1", "2", "3")], id="columns without names"),
        pytest.param('a,"b,c\n1,2,3\n', ["file: its header is malformed"], id="malformed header"),
        pytest.param('"a","b\nb",c\n1,2,3\n', [("1", None, "3")], id="line break in the header"),
        pytest.param(
            b"a,b,c\n1,caf\xe9,3\n4,5,6\n", ["record: bytes that are not UTF-8", ("4", "5", "6")], id="latin-1"
        ),
        pytest.param("a,b,c\n\0x,\0,3\n", [("\0x", "\0", "3")], id="NUL characters"),
        pytest.param("a,b,c\n#1,2,3\n", [("#1", "2", "3")], id="no comments"),
        pytest.param("a,b,c\n1,\u2028\x0b\x85,3\n", [("1", "\u2028\x0b\x85", "3")], id="other separators are text"),
    ],
)
def test_default_dialect(body: str | bytes, expected: list[object]) -> None:
    assert read(body) == expected


@pytest.mark.parametrize(
    ("source", "body", "expected"),
    [
        pytest.param({"header": False}, "1,2,3\n4,5\n", [("1", "2", "3"), FEW], id="no header"),
        pytest.param({"header": False}, "\ufeff1,2,3\n", [("1", "2", "3")], id="no header, byte order mark"),
        pytest.param({"delimiter": "\t"}, "a\tb\tc\n\t\t\n", [(None, None, None)], id="a record of tabs"),
        pytest.param(
            {"delimiter": "|", "quote": "'", "escape": "'"},
            "a|b|c\n'x|y'|\"|'it''s'\n",
            [("x|y", '"', "it's")],
            id="other marks",
        ),
        pytest.param(
            {"escape": "\\"},
            'a,b,c\n"say \\"hi\\"","C:\\new","\\\\"\n',
            [('say "hi"', "C:\\new", "\\")],
            id="backslash",
        ),
        pytest.param({"escape": "\\"}, 'a,b,c\n1,"x\\"\ny",3\n', [("1", 'x"\ny', "3")], id="backslash over lines"),
        pytest.param({"encoding": "ISO-8859-1"}, b"a,b,c\n1,caf\xe9,3\n", [("1", "café", "3")], id="latin-1"),
        pytest.param({"encoding": "UTF-16"}, "a,b,c\n1,é,3\n".encode("utf-16"), [("1", "é", "3")], id="UTF-16"),
        pytest.param({"encoding": "cp1252"}, "a,b,c\n1,€,3\n".encode("cp1252"), [("1", "€", "3")], id="cp1252"),
        pytest.param(
            {"multiline": False}, 'a,b,c\n1,"x\ny",3\n', [OPEN, FEW], id="line breaks in quotes are not allowed"
        ),
        pytest.param({"compression": "gzip"}, gzip.compress(b"a,b,c\n1,2,3\n"), [("1", "2", "3")], id="gzip"),
        pytest.param({"compression": "bzip2"}, bz2.compress(b"a,b,c\n1,2,3\n"), [("1", "2", "3")], id="bzip2"),
        pytest.param({"compression": "gzip"}, b"a,b,c\n", ["file: is not a valid gzip file"], id="no gzip"),
        pytest.param({"compression": "bzip2"}, b"a,b,c\n", ["file: is not a valid bzip2 file"], id="no bzip2"),
    ],
)
def test_other_dialects(source: dict[str, object], body: str | bytes, expected: list[object]) -> None:
    assert read(body, **source) == expected


@pytest.mark.parametrize(("compress", "name"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2")])
def test_a_compressed_file_that_was_cut_off_is_broken_as_a_whole(compress: object, name: str) -> None:
    body = ("a,b,c\n" + "1,2,3\n" * 50_000).encode()
    found = list(reader(compression=name).file(io.BytesIO(compress(body)[:-9])))  # type: ignore[operator]
    assert found[-1] == Parsed(None, "", f"file: its {name} data end too early", is_whole_file=True)


def test_raw_text_is_the_record_as_it_was_written() -> None:
    body = 'a,b,c\r\n1,"x\r\n""y""",3\r\n4,5\r\n'
    assert [(parsed.raw_text, parsed.error) for parsed in reader().file(io.BytesIO(body.encode()))] == [
        ('1,"x\r\n""y""",3', None),
        ("4,5", FEW),
    ]


def test_a_forgotten_quote_does_not_swallow_a_long_file() -> None:
    rows = "4,5,6\n" * (MAX_QUOTED_CHARACTERS // 6 + 10)
    found = read('a,b,c\n1,"2,3\n' + rows + 'x,"y",z\n')
    assert found[0] == OPEN
    assert len(found) == rows.count("\n") + 2
    assert found[-1] == ("x", "y", "z")


def test_a_part_of_a_file_takes_the_header_of_its_start() -> None:
    parts = reader().lines(["3,1\n", "6,4"], header="c,a\n")
    assert [parsed.record for parsed in parts] == [("1", None, "3"), ("4", None, "6")]


def test_readers_travel_to_workers() -> None:
    travelled = pickle.loads(pickle.dumps(reader()))
    assert [parsed.record for parsed in travelled.file(io.BytesIO(b"a,b,c\n1,2,3\n"))] == [("1", "2", "3")]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd\ufeff"), max_size=8)


@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=6), st.sampled_from(["\n", "\r\n", "\r"]))
def test_reads_what_a_csv_writer_writes(rows: list[list[str]], end: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    assert read(written.getvalue()) == [tuple(row) for row in rows]


@given(st.text(st.sampled_from('a,"\n\r\\ é'), max_size=60))
def test_no_text_is_lost(text: str) -> None:
    """Whatever the quotes do, every character outside blank lines and line ends is in some record's text."""
    found = "".join(parsed.raw_text for parsed in reader("a", header=False).file(io.BytesIO(text.encode())))
    kept = str.maketrans("", "", " \r\n")
    assert found.translate(kept) == text.translate(kept)
