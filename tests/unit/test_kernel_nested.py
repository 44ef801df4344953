"""Arrays and objects as JSON text, and arrays of single values as tables, in JSON and in Parquet."""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.contract import Contract, parse_contract
from sluice.errors import ContractError
from tests.unit.kernel_convert import contract, convert

JSON, PARQUET = {"format": "json"}, {"format": "parquet"}
COLUMNS = {"id": "integer", "x": {"type": "varchar(80)", "json": True, "may_be_absent": True}}


def parquet(**columns: "pa.Array[Any]") -> bytes:
    sink = io.BytesIO()
    ids = pa.array(range(1, 1 + len(next(iter(columns.values())))), pa.int32())
    pq.write_table(pa.table({"id": ids, **columns}), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('["a", "b"]', '["a","b"]'),
        ('[1, 1.50, "1", 1E400, -0, 12345678901234567890.10]', '[1,1.50,"1",1E400,-0,12345678901234567890.10]'),
        ('{"a" : [ ] , "b\\"" : null}', '{"a":[],"b\\"":null}'),
        ('["\\u00e9\\u0000", true, false]', '["é\\u0000",true,false]'),
        ('"a"', '"a"'),
        ("7.0", "7.0"),
        ("null", None),
    ],
)
@pytest.mark.parametrize("records", ["lines", "array", "concatenated"])
def test_json_is_kept_as_text_with_the_digits_of_its_numbers(records: str, value: str, text: str | None) -> None:
    body = f'{{"id":1,"x":{value}}}'
    found = convert(contract({**JSON, "records": records}, COLUMNS), f"[{body}]" if records == "array" else body)
    assert (found.rows["t"], found.reasons) == ([(1, text)], [])


def test_json_that_does_not_fit_is_refused() -> None:
    deep = "[" * 900 + "]" * 900
    long = json.dumps(["x" * 80])
    found = convert(
        contract(JSON, COLUMNS), f'{{"id":1,"x":{long}}}\n{{"id":2,"x":{{"a":1,"a":2}}}}\n{{"id":3,"x":{deep}}}\n'
    )
    assert found.rows["t"] == []
    assert found.reasons[:2] == [["t.x: longer than 80 bytes"], ["record: a key stands twice in one object"]]
    assert found.reasons[2] in (["record: x is nested too deep"], ["t.x: longer than 80 bytes"])


def test_many_lines_are_the_same_in_both_lanes() -> None:
    lines = [json.dumps({"id": n, "x": "s" if n % 3 else [n]}) for n in range(100)]
    found = convert(contract(JSON, COLUMNS), "\n".join(lines))
    assert sorted(found.rows["t"]) == [(n, '"s"' if n % 3 else f"[{n}]") for n in range(100)]


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([["a", None]]), '["a",null]'),
        (pa.array([[1, 2]], pa.large_list(pa.uint64())), "[1,2]"),
        (pa.array([[1.5, 2.0]], pa.list_(pa.float32(), 2)), "[1.5,2]"),
        (pa.array([{"a": Decimal("1.50"), "b": None}]), '{"a":1.50,"b":null}'),
        (pa.array([[("k", 1), ("m", None)]], pa.map_(pa.string(), pa.int8())), '{"k":1,"m":null}'),
        (pa.array([[datetime(2026, 11, 20, tzinfo=UTC)]], pa.list_(pa.timestamp("ns", "UTC"))),
         '["2026-11-20 00:00:00"]'),
        (pa.array([[["a"], []]]), '[["a"],[]]'),
        (pa.array(["a"]).dictionary_encode(), '"a"'),
        (pa.array([None], pa.list_(pa.string())), None),
    ],
    ids=["list", "large", "fixed size", "struct", "map", "moments", "lists", "dictionary", "null"],
)  # fmt: skip
def test_nested_parquet_is_kept_as_json(array: "pa.Array[Any]", text: str | None) -> None:
    found = convert(contract(PARQUET, COLUMNS), parquet(x=array))
    assert (found.rows["t"], found.reasons) == ([(1, text)], [])


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (pa.array([[float("nan")]]), "record: x has NaN or Infinity, which JSON does not have"),
        (
            pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int8())),
            "record: x has a key twice in one map, which JSON does not have",
        ),
        (
            pa.array([[b"\xff"]]),
            "record: x has bytes that are not UTF-8 (Parquet type list<element: binary>)",
        ),
    ],
)
def test_parquet_values_that_json_does_not_have_are_refused(array: "pa.Array[Any]", reason: str) -> None:
    found = convert(contract(PARQUET, COLUMNS), parquet(x=array))
    assert (found.rows["t"], found.reasons) == ([], [[reason]])


def tags(source: dict[str, Any]) -> Contract:
    columns = [
        {"name": "id", "type": "integer", "source": "$.id"},
        {"name": "tag", "type": "varchar(3)", "source": "#text"},
    ]
    table = {"load": "append", "columns": [{"name": "id", "type": "integer"}]}
    return parse_contract(
        {
            "dataset": "t",
            "source": {"layout": "t/%Y/%m/%d", **source},
            "max_rejected_ratio": 1,
            "tables": [{"name": "t", **table}, {"name": "u", "load": "append", "explode": "tags", "columns": columns}],
        },
        "t.yaml",
    )


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.string(), 2)])
def test_a_list_of_single_values_is_a_table(kind: pa.DataType) -> None:
    lists = pa.array([["a", "b"], ["c", None], None], kind)
    found = convert(tags(PARQUET), parquet(tags=lists))
    assert found.rows == {"t": [(1,), (2,), (3,)], "u": [(1, "a"), (1, "b"), (2, "c"), (2, None)]}
    assert found.reasons == []


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (pa.array([[["a"]]]), "list<element: list<element: string>>"),
        (pa.array(["a"]), "string"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_single_values_refuses_the_file(array: "pa.Array[Any]", kind: str) -> None:
    found = convert(tags(PARQUET), parquet(tags=array))
    assert found.reasons == [[f"file: column tags has Parquet type {kind}, which is not an array of single values"]]


@pytest.mark.parametrize("source", [{"format": "csv"}, {"format": "xml", "row_tag": "e"}])
def test_json_is_of_json_and_parquet_only(source: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match=r"columns\[1\] \(x\)\.json: only JSON and Parquet"):
        contract(source, COLUMNS)


@pytest.mark.parametrize("column", [{"type": "integer"}, {"type": "varchar(9)", "case": "upper"}])
def test_json_is_kept_in_texts_as_they_are(column: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match="JSON is kept in char or varchar, and its letters as they are"):
        contract(JSON, {"x": {**column, "json": True}})


def test_one_place_is_text_or_json() -> None:
    with pytest.raises(ContractError, match="x: is both a single value and JSON"):
        contract(JSON, {**COLUMNS, "y": {"type": "varchar(9)", "source": "x"}})
