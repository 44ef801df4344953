"""What a statement that writes decides before it writes: types, folders, lines, and the text of a view."""

import gzip
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.athena.catalog import Column
from localcloud.athena.coercions import coerces
from localcloud.athena.errors import QueryError
from localcloud.athena.results import Kind
from localcloud.athena.types import Type, hive_type, parse_type
from localcloud.athena.view_text import ViewText, read_view_text, write_view_text
from localcloud.athena.words import Words
from localcloud.athena.written import FileFormat, Layout, partition_folder, write_files

ENGINE = duckdb.connect()
PLAIN = ("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "binary", "date", "timestamp")
TYPES = st.recursive(
    st.one_of(
        st.sampled_from(PLAIN),
        st.tuples(st.integers(1, 38), st.integers(0, 38))
        .filter(lambda sizes: sizes[1] <= sizes[0])
        .map(lambda sizes: f"decimal({sizes[0]},{sizes[1]})"),
    ),
    lambda inner: st.one_of(
        inner.map(lambda one: f"array<{one}>"),
        inner.map(lambda one: f"map<string,{one}>"),
        st.tuples(inner, inner).map(lambda both: f"struct<a:{both[0]},b:{both[1]}>"),
    ),
    max_leaves=3,
)


def kind_of(text: str) -> Kind:
    """The kind of a query's column that has a type of the catalog."""
    found = ENGINE.sql(f"SELECT CAST(NULL AS {parse_type(text).duckdb})").description
    assert found is not None
    return Kind.of(found[0][1])


@given(TYPES)
def test_a_column_of_a_query_becomes_a_column_of_the_same_type_that_takes_its_values(text: str) -> None:
    kind = kind_of(text)
    assert hive_type(kind) == text
    assert coerces(kind, parse_type(text))


@given(st.sampled_from(["tinyint", "smallint", "int", "bigint", "float", "double", "decimal(38,0)"]), TYPES)
def test_what_is_coerced_never_fails(wanted: str, text: str) -> None:
    """Of whole numbers, which is what a wider type could lose."""
    ends = {"tinyint": 127, "smallint": 32767, "int": 2147483647, "bigint": 9223372036854775807}
    if text not in ends or not coerces(kind_of(text), parse_type(wanted)):
        return
    for number in (ends[text], -ends[text] - 1):
        found = ENGINE.sql(f"SELECT CAST(CAST({number} AS {text}) AS {parse_type(wanted).duckdb})").fetchall()
        assert int(found[0][0]) == pytest.approx(number, rel=1e-6)


@pytest.mark.parametrize(
    ("sql", "column", "is_coerced"),
    [
        ("1", "int", True),
        ("1", "bigint", True),
        ("1", "smallint", False),
        ("CAST(1 AS BIGINT)", "int", False),
        ("1", "decimal(10,0)", True),
        ("1", "decimal(10,1)", False),
        ("1.5", "decimal(8,2)", True),
        ("1.555", "decimal(8,2)", False),
        ("1.5", "double", True),
        ("CAST(1 AS DOUBLE)", "float", False),
        ("CAST(1 AS FLOAT)", "double", True),
        ("'x'", "string", True),
        ("'x'", "int", False),
        ("1", "string", False),
        ("DATE '2026-01-01'", "timestamp", True),
        ("TIMESTAMP '2026-01-01 00:00:00'", "date", False),
        ("NULL", "array<int>", True),
        ("[1]", "array<bigint>", True),
        ("[1]", "array<string>", False),
        ("row(1, 'x')", "struct<a:int,b:string>", True),
        ("row(1)", "struct<a:int,b:string>", False),
        ("MAP {'a': 1}", "map<string,int>", True),
    ],
)
def test_what_insert_takes_for_a_column(sql: str, column: str, *, is_coerced: bool) -> None:
    found = ENGINE.sql(f"SELECT {sql} AS x").description
    assert found is not None
    assert coerces(Kind.of(found[0][1]), parse_type(column)) is is_coerced


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_a_partitions_value_is_one_folder_that_gives_it_back(value: str) -> None:
    folder = partition_folder([Column("k", Type("string"))], (value.encode("utf-8", "ignore").decode(),))
    assert folder.count("/") == 1
    assert unquote(folder.removeprefix("k=").removesuffix("/")) == value.encode("utf-8", "ignore").decode()


def test_a_partition_that_is_null() -> None:
    keys = [Column("year", Type("string")), Column("month", Type("int"))]
    assert partition_folder(keys, ("2026", None)) == "year=2026/month=__HIVE_DEFAULT_PARTITION__/"
    assert partition_folder([], ()) == ""


NESTED = "struct<a:array<int>,b:map<string,decimal(4,2)>>"
COLUMNS = [
    Column("n", Type("bigint")), Column("d", Type("decimal", (4, 2))), Column("f", Type("double")),
    Column("t", Type("timestamp")), Column("day", Type("date")), Column("s", Type("string")),
    Column("b", Type("boolean")),
]  # fmt: skip
TABLE = pa.table(
    {
        "n": pa.array([1, None], pa.int64()),
        "d": pa.array([Decimal("1.50"), None], pa.decimal128(4, 2)),
        "f": pa.array([1e7, float("nan")]),
        "t": pa.array([datetime(2026, 11, 20, 13, 14, 15, 678000), None], pa.timestamp("us")),  # noqa: DTZ001 - as DuckDB
        "day": pa.array([date(2026, 11, 20), None]),
        "s": pa.array(['a "ä"', None]),
        "b": pa.array([True, None]),
    }
)


def written(columns: list[Column], table: pa.Table, form: FileFormat, folder: Path) -> str:
    [file] = write_files(table, Layout(columns, [], form), folder)
    assert file.name.endswith(form.suffix)
    body = file.path.read_bytes()
    return (gzip.decompress(body) if form.suffix else body).decode()


def test_lines_of_text(tmp_path: Path) -> None:
    lines = written(COLUMNS, TABLE, FileFormat("TEXTFILE", delimiter=","), tmp_path).splitlines()
    assert lines == [
        '1,1.50,1.0E7,2026-11-20 13:14:15.678,2026-11-20,a "ä",true',
        "\\N,\\N,NaN,\\N,\\N,\\N,\\N",
    ]


def test_lines_of_json(tmp_path: Path) -> None:
    first, second = written(COLUMNS, TABLE, FileFormat("JSON", "none"), tmp_path).splitlines()
    assert first == (
        '{"n":1,"d":1.50,"f":1.0E7,"t":"2026-11-20 13:14:15.678","day":"2026-11-20","s":"a \\"ä\\"","b":true}'
    )
    assert json.loads(second) == {"n": None, "d": None, "f": "NaN", "t": None, "day": None, "s": None, "b": None}


def test_nested_values_as_json(tmp_path: Path) -> None:
    rows = ENGINE.sql("SELECT {'a': [1, NULL], 'b': MAP {'x': 1.50::DECIMAL(4, 2)}} AS v").to_arrow_table()
    line = written([Column("v", parse_type(NESTED))], rows, FileFormat("JSON"), tmp_path)
    assert line == '{"v":{"a":[1,null],"b":{"x":1.50}}}\n'


def test_no_row_is_no_file_and_each_partition_is_one(tmp_path: Path) -> None:
    keys = [Column("k", Type("string"))]
    layout = Layout([Column("n", Type("int"))], keys, FileFormat("JSON"))
    rows = pa.table({"n": pa.array([1, 2, 3, 4], pa.int32()), "k": pa.array(["a", None, "a", ""])})
    found = {file.values: gzip.decompress(file.path.read_bytes()) for file in write_files(rows, layout, tmp_path)}
    assert set(found) == {("a",), (None,)}
    assert found["a",] == b'{"n":1}\n{"n":3}\n'
    assert write_files(rows.slice(0, 0), layout, tmp_path) == []


@given(st.text(), st.text())
def test_a_views_text_is_read_as_it_is_written(sql: str, database: str) -> None:
    view = ViewText(sql.encode("utf-8", "ignore").decode(), database.encode("utf-8", "ignore").decode())
    text = write_view_text(view, {"a": "integer"})
    assert text.startswith("/* Presto View: ")
    assert read_view_text(text, "v") == view


@pytest.mark.parametrize("text", ["", "SELECT 1", "/* Presto View: x */", "/* Presto View: e30= */"])
def test_a_view_of_somebody_elses_is_named(text: str) -> None:
    with pytest.raises(QueryError, match=r"HIVE_INVALID_VIEW_DATA: shop\.v is no view that Athena made"):
        read_view_text(text, "shop.v")


def test_words_of_definitions() -> None:
    words = Words(
        "(a int COMMENT 'x, y', `b c` array<struct<d:map<string,decimal(3, 1)>>>) "
        "WITH (f = 'x', n = 3, g = ARRAY['h'], o = true)"
    )
    assert words.columns() == [
        {"Name": "a", "Type": "int", "Comment": "x, y"},
        {"Name": "b c", "Type": "array<struct<d:map<string,decimal(3,1)>>>"},
    ]
    words.expect("WITH")
    assert words.properties() == {"f": "x", "n": 3, "g": ("h",), "o": True}
    words.end()


def read_columns(sql: str) -> None:
    """Columns in brackets, and nothing behind them."""
    words = Words(sql)
    words.columns()
    words.end()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("(a int", "SYNTAX_ERROR: mismatched input '<EOF>'"),
        ("(a int) x", "SYNTAX_ERROR: line 1:9: mismatched input 'x'"),
    ],
)
def test_words_that_are_not_what_is_expected(sql: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        read_columns(sql)
    assert str(caught.value) == message
