"""Values, types and files of Athena's stand-in: laws, and what the API's texts look like."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from localcloud.athena.catalog import Catalog
from localcloud.athena.engine import TRIES, Control, Engine
from localcloud.athena.errors import QueryError
from localcloud.athena.objects import Objects
from localcloud.athena.results import double_text, float_text
from localcloud.athena.statement_texts import read_statement
from localcloud.athena.types import Type, parse_type

PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (100.0, "100.0"),
        (0.1, "0.1"),
        (0.001, "0.001"),
        (0.0009, "9.0E-4"),
        (9999999.0, "9999999.0"),
        (10000000.0, "1.0E7"),
        (123456789.5, "1.234567895E8"),
        (-1.5e-10, "-1.5E-10"),
        (1e300, "1.0E300"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_doubles_look_like_javas(number: float, text: str) -> None:
    assert double_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_comes_back_from_its_text(number: float) -> None:
    assert float(double_text(number)) == number


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_as_short_as_its_precision_allows(number: float) -> None:
    text = float_text(number)
    assert pa.array([float(text)], pa.float32()) == pa.array([number], pa.float32())
    assert len(text.partition("E")[0].strip("-0.").replace(".", "")) <= 9


_plain = st.sampled_from(["boolean", "tinyint", "int", "bigint", "float", "double", "string", "binary", "date"])
_sized = st.builds(
    lambda precision, scale: f"decimal({precision},{min(precision, scale)})", st.integers(1, 38), st.integers(0, 38)
) | st.integers(1, 65535).map(lambda length: f"varchar({length})")
TYPES = st.recursive(
    _plain | _sized,
    lambda inner: (
        inner.map(lambda kind: f"array<{kind}>")
        | st.tuples(_plain, inner).map(lambda kinds: f"map<{kinds[0]},{kinds[1]}>")
        | st.lists(inner, min_size=1, max_size=3).map(
            lambda kinds: f"struct<{','.join(f'f{n}:{kind}' for n, kind in enumerate(kinds))}>"
        )
    ),
    max_leaves=5,
)


@given(TYPES)
def test_a_type_is_read_as_it_is_written(text: str) -> None:
    assert parse_type(text).hive == text
    assert parse_type(f" {text.upper()} ") == parse_type(text)


@pytest.mark.parametrize(
    "text", ["", "text", "array", "array<", "array<int", "map<int>", "decimal(x)", "int)", "int int"]
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(QueryError, match=r"HIVE_INVALID_METADATA: .* is not a type"):
        parse_type(text)


def test_names_of_types() -> None:
    kind = parse_type("struct<a:array<decimal(10,2)>,b:map<string,int>>")
    assert kind.athena == "row(a array(decimal(10,2)), b map(varchar, integer))"
    assert kind.duckdb == 'STRUCT("a" DECIMAL(10, 2)[], "b" MAP(VARCHAR, INTEGER))'
    assert Type("decimal").athena == "decimal(10,0)"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    nobody: Any = None
    return Engine(Catalog(nobody), Objects(tmp_path_factory.mktemp("athena") / "objects", nobody))


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    bound = 10**digits - 1
    return st.integers(-bound, bound).map(lambda number: Decimal(number).scaleb(-scale))


@given(decimals(12, 2), decimals(10, 4).filter(bool))
def test_a_quotient_of_decimals_is_rounded_half_up(engine: Engine, left: Decimal, right: Decimal) -> None:
    sql = f"SELECT CAST('{left:f}' AS decimal(12,2)) / CAST('{right:f}' AS decimal(10,4))"
    found = engine.query(sql, "default", Control())
    assert (found.columns[0].precision, found.columns[0].scale) == (18, 4)
    expected = (left / right).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    assert found.rows == [[f"{expected:f}" if expected else "0.0000"]]


@pytest.mark.parametrize(
    ("sql", "kind", "word"),
    [
        ("select 1", "DML", "SELECT"),
        ("-- why\n (SELECT 1)", "DML", "SELECT"),
        ("with a as (select 1) select * from a;", "DML", "WITH"),
        ("show tables", "UTILITY", "SHOW"),
        ("create external table a (b int)", "DDL", "CREATE"),
        ("alter table a drop partition (b = 1)", "DDL", "ALTER"),
        ("'", "DML", "SELECT"),
    ],
)
def test_kinds_of_statements(sql: str, kind: str, word: str) -> None:
    found = read_statement(sql)
    assert (found.kind, found.word) == (kind, word)


@dataclass
class Bucket:
    """A bucket whose files are replaced a number of times, each time between a listing and the reading."""

    replaced: int
    version: int = 0
    listings: int = 0
    exceptions: Any = field(default_factory=lambda: SimpleNamespace(NoSuchKey=type("NoSuchKey", (ClientError,), {})))

    def get_paginator(self, _: str) -> "Bucket":
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        self.listings += 1
        moment = datetime(2026, 7, 1, tzinfo=UTC)
        key, size = f"t/{self.version}.parquet", len(self.body())
        yield {"Contents": [{"Key": key, "ETag": str(self.version), "Size": size, "LastModified": moment}]}
        self.version += self.replaced >= self.listings

    def body(self) -> bytes:
        body = io.BytesIO()
        pq.write_table(pa.table({"n": pa.array([self.version], pa.int64())}), body)
        return body.getvalue()

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: ARG002, N803 - boto3's names
        if Key != f"t/{self.version}.parquet":
            raise self.exceptions.NoSuchKey({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        moment = datetime(2026, 7, 1, tzinfo=UTC)
        body = self.body()
        return {"Body": io.BytesIO(body), "ETag": str(self.version), "ContentLength": len(body), "LastModified": moment}


class Glue:
    """A catalog with one table."""

    def get_table(self, **_: str) -> dict[str, Any]:
        serde = {"SerializationLibrary": PARQUET}
        columns = [{"Name": "n", "Type": "bigint"}]
        return {
            "Table": {
                "Name": "t",
                "StorageDescriptor": {"Location": "s3://b/t/", "Columns": columns, "SerdeInfo": serde},
            }
        }


def engine_over(bucket: Bucket, folder: Path) -> Engine:
    catalog: Any = Glue()
    s3: Any = bucket
    return Engine(Catalog(lambda: catalog), Objects(folder / "objects", lambda: s3))


def test_files_that_go_away_are_listed_anew(tmp_path: Path) -> None:
    bucket = Bucket(replaced=TRIES - 1)
    found = engine_over(bucket, tmp_path).query("SELECT n FROM t", "default", Control())
    assert (found.rows, bucket.listings) == ([[str(TRIES - 1)]], TRIES)


def test_files_that_go_away_all_the_time_fail_the_query(tmp_path: Path) -> None:
    bucket = Bucket(replaced=1000)
    with pytest.raises(QueryError, match=r"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split s3://b/t/4.parquet"):
        engine_over(bucket, tmp_path).query("SELECT n FROM t", "default", Control())
    assert bucket.listings == TRIES
    # What was fetched for the query is gone with it.
    assert [path.name for path in (tmp_path / "objects").iterdir()] == ["bodies"]
