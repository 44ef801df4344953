"""What is neither a single value nor a table is guessed as JSON text, and lists of Parquet as tables."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.infer.infer import Options, infer
from tests.unit.kernel_convert import convert


def guessed(body: bytes, name: str, folder: Path) -> tuple[dict[str, list[tuple[str, str, bool]]], Any]:
    """Columns of a guessed contract by table (name, type, whether JSON), and what the contract makes of its sample."""
    path = folder / name
    path.write_bytes(body)
    draft = infer("t", [path], Options())
    tables = {
        table.name: [(column.name, column.type, column.json) for column in table.columns]
        for table in draft.contract.tables
    }
    found = convert(draft.contract, body)
    assert found.reasons == []
    assert draft.head[-1].startswith("Tried on the samples: all of their")
    return tables, found.rows


ID, JSON = ("id", "integer", False), ("p", "varchar(65535)", True)


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        ("[[1,2],[3]]", "[[1.50]]", ["[[1,2],[3]]", "[[1.50]]"]),
        ('{"x":1}', '"s"', ['{"x":1}', '"s"']),
        ('[{"x":1}]', "7", ['[{"x":1}]', "7"]),
        ('[{"x":1},null]', "[]", ['[{"x":1},null]', "[]"]),
        ('[{"x":1},[2]]', "[]", ['[{"x":1},[2]]', "[]"]),
    ],
    ids=["arrays of arrays", "object or text", "array or number", "objects beside null", "objects beside arrays"],
)
def test_what_is_of_several_kinds_is_kept_as_json(
    first: str, second: str, texts: list[str | None], tmp_path: Path
) -> None:
    body = f'{{"id":1,"p":{first}}}\n{{"id":2,"p":{second}}}\n'.encode()
    tables, rows = guessed(body, "s.json", tmp_path)
    assert tables == {"t": [ID, JSON]}
    assert rows["t"] == [(1, texts[0]), (2, texts[1])]


def test_single_values_beside_objects_have_a_text_of_their_own(tmp_path: Path) -> None:
    tables, rows = guessed(b'{"id":1,"p":[{"x":1},2]}\n{"id":2,"p":null}\n', "s.json", tmp_path)
    assert tables == {"t": [ID], "t_p": [ID, ("x", "integer", False), ("text", "integer", False)]}
    assert rows == {"t": [(1,), (2,)], "t_p": [(1, 1, None), (1, None, 2)]}


def test_an_array_inside_an_array_is_a_column_of_its_table(tmp_path: Path) -> None:
    body = b'{"id":1,"items":[{"sku":"a","tags":["x",1]},{"sku":"b"}]}\n'
    tables, rows = guessed(body, "s.json", tmp_path)
    assert tables["t_items"][-2:] == [("sku", "varchar(16)", False), ("tags", "varchar(65535)", True)]
    assert [row[-2:] for row in rows["t_items"]] == [("a", '["x",1]'), ("b", None)]


def test_nested_types_of_parquet(tmp_path: Path) -> None:
    sink = io.BytesIO()
    columns = {
        "id": pa.array([1, 2], pa.int32()),
        "tags": pa.array([["a"], ["b", None]]),
        "m": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())),
        "n": pa.array([[[1]], []]),
        "i": pa.array([[{"x": 1, "y": [2]}], []]),
        "gone": pa.array([1, 2], pa.duration("s")),
    }
    pq.write_table(pa.table(columns), sink)
    tables, rows = guessed(sink.getvalue(), "s.parquet", tmp_path)
    assert tables["t"] == [ID, ("m", "varchar(65535)", True), ("n", "varchar(65535)", True)]
    assert tables["t_tags"] == [ID, ("text", "varchar(16)", False)]
    assert tables["t_i"] == [ID, ("x", "bigint", False), ("y", "varchar(65535)", True)]
    assert rows == {
        "t": [(1, '{"k":1}', "[[1]]"), (2, None, "[]")],
        "t_tags": [(1, "a"), (2, "b"), (2, None)],
        "t_i": [(1, 1, "[2]")],
    }


def test_what_databases_write_for_null_is_null(tmp_path: Path) -> None:
    body = "1\tA\\\tB\t\\N\n2\t\\N\t\\N\n3\tx\\ny\t8\n4\tz\\\\\t9\n"
    tables, found = guessed(body.encode(), "s.csv", tmp_path)
    assert [kind for _, kind, _ in tables["t"]] == ["integer", "varchar(16)", "integer"]
    assert found["t"] == [(1, "A\tB", None), (2, None, None), (3, "x\ny", 8), (4, "z\\", 9)]


def test_the_line_in_which_spreadsheets_tell_the_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("sep=|\nid|name, first\n1|a\n2|b\n")
    contract = infer("t", [path], Options()).contract
    assert (contract.source.skip_lines, contract.source.delimiter) == (1, "|")  # type: ignore[union-attr]
    assert convert(contract, path.read_bytes()).rows["t"] == [(1, "a"), (2, "b")]
