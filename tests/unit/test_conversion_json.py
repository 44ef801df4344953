"""JSON as source systems really write it."""

import gzip
import io
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract import JsonSource
from sluice.contract.shape import Group, Items, Leaf
from sluice.kernel.parse import Parsed
from sluice.kernel.parse.json_text import JsonRecords

SHAPE = Group({"a": Leaf(), "n": Group({"x": Leaf()}), "i": Items(Group({"q": Leaf()}))})
MALFORMED = "record: malformed JSON"


def reader(**source: object) -> JsonRecords:
    return JsonRecords(JsonSource("x/%Y/%m/%d", **source), SHAPE)  # type: ignore[arg-type]


def read(body: str | bytes, **source: object) -> list[tuple[object, ...] | str | None]:
    content = body.encode() if isinstance(body, str) else body
    return [parsed.record or parsed.error for parsed in reader(**source).file(io.BytesIO(content))]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"a":"x","n":{"x":"y"},"i":[{"q":"1"},{}]}', ("x", ("y",), [("1",), (None,)])),
        ("{}", (None, None, None)),
        ('{"a":null,"n":null,"i":null}', (None, None, None)),
        ('{"i":[],"n":{}}', (None, (None,), [])),
        ('{"a":12.10}', ("12.10", None, None)),
        ('{"a":1e5}', ("1e5", None, None)),
        ('{"a":-0}', ("-0", None, None)),
        ('{"a":12345678901234567890.123456789}', ("12345678901234567890.123456789", None, None)),
        ('{"a":true,"n":{"x":false}}', ("true", ("false",), None)),
        ('{"a":"\\u00e9\\ud83d\\ude00\\u0000"}', ("é😀\0", None, None)),
        ('{"a":"\\\\ud800"}', ("\\ud800", None, None)),
        ('{"A":1,"unknown":{"deep":[1,[2]]}}', (None, None, None)),
        ("  {}\t", (None, None, None)),
        ('{"a":1', MALFORMED),
        ('{"a":1}}', f"{MALFORMED} (more than one value)"),
        ('{"a":1} x', f"{MALFORMED} (more than one value)"),
        ('{"a":1}{"a":2}', f"{MALFORMED} (more than one value)"),
        ('{"a":1},', f"{MALFORMED} (more than one value)"),
        ("{'a':1}", MALFORMED),
        ('{a:"x"}', MALFORMED),
        ('{"a":01}', MALFORMED),
        ('{"a":1.}', MALFORMED),
        ('{"a":"x\ty"}', MALFORMED),
        ("[" * 100_000, MALFORMED),
        ('{"a":NaN}', f"{MALFORMED} (NaN or Infinity)"),
        ('{"unknown":-Infinity}', f"{MALFORMED} (NaN or Infinity)"),
        ('{"a":1,"a":2}', "record: a key stands twice in one object"),
        ('{"n":{"x":1,"x":1}}', "record: a key stands twice in one object"),
        ('{"i":[{"q":1,"q":2}]}', "record: a key stands twice in one object"),
        ('{"a":"\\ud800"}', "record: half of a surrogate pair"),
        ('{"a":"\ufffd"}', "record: bytes that are not UTF-8"),
        ("null", "record: not a JSON object"),
        ("5", "record: not a JSON object"),
        ('[{"a":1}]', "record: not a JSON object"),
        ('{"a":{"z":1}}', "record: a is not a single value"),
        ('{"a":[1]}', "record: a is not a single value"),
        ('{"n":5}', "record: n is not an object"),
        ('{"n":""}', "record: n is not an object"),
        ('{"n":{"x":[]}}', "record: n.x is not a single value"),
        ('{"i":{}}', "record: i is not an array of objects"),
        ('{"i":"x"}', "record: i is not an array of objects"),
        ('{"i":[null]}', "record: i is not an array of objects"),
        ('{"i":[[{"q":1}]]}', "record: i is not an array of objects"),
    ],
)
def test_line(line: str, expected: object) -> None:
    parsed = reader().line(line)
    assert (parsed.record if parsed.error is None else parsed.error) == expected
    assert parsed.raw_text == line
    assert not parsed.is_whole_file


def test_a_flaw_of_one_line_is_forgotten_in_the_next() -> None:
    assert read('{"a":NaN}\n{"a":1,"a":1}\n{"a":1}\n')[2] == ("1", None, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("", [], id="no bytes"),
        pytest.param(
            '\ufeff{"a":1}\r\n\n \n{"a":2}', [("1", None, None), ("2", None, None)], id="marks and blank lines"
        ),
        pytest.param(b'{"a":"caf\xe9"}\n', ["record: bytes that are not UTF-8"], id="latin-1"),
        pytest.param(b'{"a":"caf\xe9}\n', ["record: bytes that are not UTF-8"], id="latin-1 and malformed"),
    ],
)
def test_lines(body: str | bytes, expected: list[object]) -> None:
    assert read(body) == expected


def test_lines_in_another_encoding_and_compression() -> None:
    body = gzip.compress('{"a":"é"}\n'.encode("utf-16"))
    assert read(body, encoding="UTF-16", compression="gzip") == [("é", None, None)]


BROKEN = "file: is not one well-formed JSON array"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("[]", [], id="empty array"),
        pytest.param(" [ ] \n", [], id="empty array with space"),
        pytest.param('\ufeff[{"a":1},\n {"a":2}]\n', [("1", None, None), ("2", None, None)], id="two"),
        pytest.param(
            '[{"a":1},5,{"a":NaN}]',
            [("1", None, None), "record: not a JSON object", f"{MALFORMED} (NaN or Infinity)"],
            id="bad elements",
        ),
        pytest.param("", ["file: is empty"], id="no bytes"),
        pytest.param('{"a":1}', ["file: is not one JSON array"], id="an object"),
        pytest.param('[{"a":1}', [("1", None, None), BROKEN], id="not closed"),
        pytest.param('[{"a":1},]', [("1", None, None), BROKEN], id="comma at the end"),
        pytest.param('[{"a":1} {"a":2}]', [("1", None, None), BROKEN], id="no comma"),
        pytest.param('[{"a":1}] x', [("1", None, None), "file: has text after its JSON array"], id="text after it"),
        pytest.param("[] []", ["file: has text after its JSON array"], id="two arrays"),
    ],
)
def test_array(body: str, expected: list[object]) -> None:
    assert read(body, records="array") == expected


def test_raw_text_of_an_element_is_exact() -> None:
    found = list(reader(records="array").file(io.BytesIO(b'[ {"a" :  1.50 } ,{"a":2}]')))
    assert [parsed.raw_text for parsed in found] == ['{"a" :  1.50 }', '{"a":2}']


def test_what_breaks_a_file_is_its_last_news() -> None:
    [*_, last] = reader(records="array", compression="gzip").file(
        io.BytesIO(gzip.compress(b'[{"a":1}]' + b" " * 9)[:-8])
    )
    assert last == Parsed(None, "", "file: its gzip data end too early", is_whole_file=True)


def test_readers_travel_to_workers() -> None:
    travelled = pickle.loads(pickle.dumps(reader()))
    assert travelled.line('{"a":1}') == reader().line('{"a":1}')


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("aniqx"), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_any_json_is_a_record_or_has_a_reason(value: object) -> None:
    text = json.dumps(value)
    parsed = reader().line(text)
    assert (parsed.record is None) == (parsed.error is not None)
    if parsed.record is not None:
        assert isinstance(value, dict)
        leaf = value.get("a")
        expected = json.dumps(leaf) if isinstance(leaf, bool) else leaf if leaf is None else str(leaf)
        assert parsed.record[0] == expected
