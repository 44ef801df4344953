"""Columns and types from the catalog: what Athena reads of Parquet and of text files, and how values show."""

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from localcloud_tests.aws.cloud import Aws
from localcloud_tests.aws.queries import Queries
from sluice.contract import parse_contract
from sluice.lake.catalog_tables import raw_table
from tests.unit.contract_data import plain_contract

OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
JSON = "org.openx.data.jsonserde.JsonSerDe"
MOMENT = datetime(2026, 7, 1, 23, 30, 0, 250_499, tzinfo=UTC)
LATE = datetime(1969, 12, 31, 23, 59, 59, 999_700, tzinfo=UTC)


@pytest.fixture(scope="module")
def lake(aws: Aws) -> Queries:
    queries = Queries(aws, aws.make_bucket("athena-columns"))
    queries.create_database()
    return queries


SHOWN: "list[tuple[str, pa.Array[Any], tuple[str, str | None]]]" = [
    ("boolean", pa.array([True]), ("boolean", "true")),
    ("tinyint", pa.array([-7], pa.int8()), ("tinyint", "-7")),
    ("smallint", pa.array([7], pa.int16()), ("smallint", "7")),
    ("int", pa.array([7], pa.int16()), ("integer", "7")),
    ("bigint", pa.array([2**62], pa.int64()), ("bigint", str(2**62))),
    ("bigint", pa.array([7], pa.int32()), ("bigint", "7")),
    ("float", pa.array([0.1], pa.float32()), ("float", "0.1")),
    ("double", pa.array([1e7], pa.float64()), ("double", "1.0E7")),
    ("double", pa.array([0.5], pa.float32()), ("double", "0.5")),
    ("decimal(38,9)", pa.array([Decimal("12345678901234567890123456789.123456789")]),
     ("decimal", "12345678901234567890123456789.123456789")),
    ("decimal(12,4)", pa.array([Decimal("1.50")], pa.decimal128(10, 2)), ("decimal", "1.5000")),
    ("string", pa.array(["für"]), ("varchar", "für")),
    ("varchar(2)", pa.array(["für"]), ("varchar", "fü")),
    ("char(2)", pa.array(["DE"]), ("varchar", "DE")),
    ("string", pa.array(["x"]).dictionary_encode(), ("varchar", "x")),
    ("binary", pa.array([b"ab"]), ("varbinary", "61 62")),
    ("date", pa.array([date(2026, 7, 1)]), ("date", "2026-07-01")),
    ("timestamp", pa.array([MOMENT], pa.timestamp("us", tz="UTC")), ("timestamp", "2026-07-01 23:30:00.250")),
    ("timestamp", pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("ns")),
     ("timestamp", "2026-07-01 23:30:00.250")),
    ("timestamp", pa.array([LATE.replace(tzinfo=None)], pa.timestamp("us")),
     ("timestamp", "1970-01-01 00:00:00.000")),
    ("array<string>", pa.array([["a", None, "b"]]), ("array", "[a, null, b]")),
    ("array<string>", pa.array([[]], pa.list_(pa.string())), ("array", "[]")),
    ("map<string,int>", pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())), ("map", "{a=1}")),
    ("struct<x:bigint,y:string>", pa.array([{"x": 1, "y": "b"}]), ("row", "{x=1, y=b}")),
    ("string", pa.array([None], pa.string()), ("varchar", None)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "shown"), SHOWN, ids=[f"{n} {entry[0]}" for n, entry in enumerate(SHOWN)])
def test_a_value_of_parquet(
    lake: Queries, kind: str, values: "pa.Array[Any]", shown: tuple[str, str | None], request: Any
) -> None:
    name = f"v{request.node.callspec.indices['kind']}"
    lake.create_table(name, {"Value": kind, "absent": kind})
    lake.put(f"{name}/a.parquet", pa.table({"VALUE": values, "more": pa.array([1])}))
    ended = lake.run(f"SELECT value, absent FROM {name}")
    assert ended.state == "SUCCEEDED"
    assert ended.columns == (("value", shown[0]), ("absent", shown[0]))
    assert ended.rows == ((shown[1], None),)


REFUSED: "list[tuple[str, pa.Array[Any], str]]" = [
    ("string", pa.array([1], pa.int64()), "INT64 (int64) … varchar"),
    ("int", pa.array([1], pa.int64()), "INT64 (int64) … integer"),
    ("bigint", pa.array(["1"]), "BYTE_ARRAY (string) … bigint"),
    ("decimal(10,2)", pa.array([Decimal("1.500")], pa.decimal128(12, 3)),
     "FIXED_LEN_BYTE_ARRAY (decimal128(12, 3)) … decimal(10,2)"),
    ("decimal(10,2)", pa.array([1.5]), "DOUBLE (double) … decimal(10,2)"),
    ("date", pa.array(["2026-07-01"]), "BYTE_ARRAY (string) … date"),
    ("timestamp", pa.array([date(2026, 7, 1)]), "INT32 (date32[day]) … timestamp(3)"),
    ("float", pa.array([1.5]), "DOUBLE (double) … real"),
    ("array<bigint>", pa.array([["a"]]), "group (list<element: string>) … array(bigint)"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "types"), REFUSED, ids=[entry[2] for entry in REFUSED])
def test_a_type_that_the_catalog_does_not_have(
    lake: Queries, kind: str, values: "pa.Array[Any]", types: str, request: Any
) -> None:
    name = f"r{request.node.callspec.indices['kind']}"
    lake.create_table(name, {"value": kind, "other": "bigint"})
    lake.put(f"{name}/a.parquet", pa.table({"value": values, "other": pa.array([5])}))
    found, _, wanted = types.partition(" … ")
    message = (
        f"HIVE_BAD_DATA: Field value's type {found} in parquet file s3://{lake.bucket}/{name}/a.parquet "
        f"is incompatible with type {wanted} defined in table schema"
    )
    assert lake.run(f"SELECT value FROM {name}").state == f"FAILED {message}"
    # Who does not read the column is not concerned.
    assert lake.rows(f"SELECT other FROM {name}") == [("5",)]


def test_files_of_different_ages_are_read_as_one_table(lake: Queries) -> None:
    lake.create_table("ages", {"id": "bigint", "amount": "decimal(12,2)", "note": "string"})
    amounts = pa.array([Decimal("1.50")], pa.decimal128(8, 2))
    lake.put("ages/1.parquet", pa.table({"amount": amounts, "id": pa.array([1], pa.int32())}))
    lake.put("ages/2.parquet", pa.table({"id": pa.array([2], pa.int64()), "note": pa.array(["new"])}))
    assert lake.rows("SELECT * FROM ages ORDER BY id") == [("1", "1.50", None), ("2", None, "new")]
    assert lake.rows("SELECT note, sum(amount) FROM ages GROUP BY note ORDER BY note") == [
        ("new", None),
        (None, "1.50"),
    ]


def test_csv_is_read_by_position(lake: Queries) -> None:
    lake.create_table("c", {"a": "string", "b": "string", "n": "bigint"}, {}, OPEN_CSV, separatorChar=";")
    lake.set_parameters("c", **{"skip.header.line.count": "1"})
    text = 'b;a;n\n"x; ""y""";2;3;too many\nonly one\n;;\n'
    lake.put("c/a.csv.gz", gzip.compress(text.encode()))
    lake.put("c/b.csv", "h\nä;2;-4\r\n".encode())
    expected = [('x; "y"', "2", "3"), ("only one", None, None), ("", "", None), ("ä", "2", "-4")]
    assert lake.rows('SELECT a, b, n FROM c ORDER BY "$path"') == expected


def test_json_is_read_by_name(lake: Queries) -> None:
    lake.create_table("j", {"id": "string", "customer": "string", "items": "string", "n": "int"}, {}, JSON)
    lines = [
        '{"ID": "o1", "customer": {"id": 7, "name": "für"}, "items": [1.50, null], "n": 3}',
        '{"id": 5, "customer": null, "extra": true}',
    ]
    lake.put("j/a.json", "\n".join(lines).encode())
    assert lake.rows("SELECT * FROM j ORDER BY n") == [
        ("o1", '{"id":7,"name":"für"}', "[1.50,null]", "3"),
        ("5", None, None, None),
    ]
    assert lake.rows("SELECT json_extract_scalar(customer, '$.id') FROM j WHERE n = 3") == [("7",)]
    lake.put("j/b.json", b"{no JSON}\n")
    ended = lake.run("SELECT id FROM j")
    assert ended.state.startswith(f"FAILED HIVE_BAD_DATA: Error reading line 1 of s3://{lake.bucket}/j/b.json: ")


def test_what_has_no_serde_shows_as_lines(lake: Queries) -> None:
    lake.create_table("x", {"line": "string", "more": "string"}, {}, LAZY, **{"serialization.format": "1"})
    lake.put("x/a.xml", b"<products>\n  <product id='1'/>\n</products>\n")
    assert lake.rows("SELECT line, more FROM x WHERE line LIKE '%product %'") == [("  <product id='1'/>", None)]
    lake.create_table("l", {"a": "int", "b": "string"}, {}, LAZY, **{"field.delim": ","})
    lake.put("l/a.txt", b"1,x\nnone,\\N\n")
    assert lake.rows("SELECT a, b FROM l ORDER BY a") == [("1", "x"), (None, None)]


@pytest.mark.parametrize(
    ("source", "name", "body"),
    [
        ({"format": "csv"}, "a.csv", b"parcel_id,weight\np1,2\n"),
        ({"format": "json", "records": "lines"}, "a.json", b'{"parcel_id": "p1", "weight": 2}\n'),
    ],
)
def test_a_raw_table_of_a_contract(aws: Aws, bucket: str, source: dict[str, Any], name: str, body: bytes) -> None:
    layout = {"layout": "parcels/year=%Y/month=%m/day=%d/hour=%H"}
    contract = parse_contract(plain_contract(source=source | layout), "parcels.yaml")
    queries = Queries(aws, bucket)
    queries.create_database()
    aws.client("glue").create_table(DatabaseName=bucket, TableInput=raw_table(contract, bucket))
    queries.put(f"archive/old/{name}", body)
    queries.add_partition("parcels", ["2026", "11", "20", "13"], "archive/old/")
    names = {column.path.lower() for column in contract.tables[0].columns}
    chosen = "parcel_id" if "weight" not in names else "parcel_id, weight"
    expected = ("p1", "2")[: chosen.count(",") + 1]
    assert queries.rows(f"SELECT {chosen}, year, hour FROM parcels") == [(*expected, "2026", "13")]
