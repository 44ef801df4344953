"""Statements that write: tables and files of CREATE TABLE AS, INSERT INTO and UNLOAD, views, prepared statements."""

import gzip
import io
import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from localcloud_tests.aws.cloud import Aws
from localcloud_tests.aws.queries import Queries

MISMATCH = (
    "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types: "
    "Table: [bigint, decimal(8,2), timestamp(3), varchar], Query: [varchar, decimal(8,2), timestamp(3), varchar]"
)
KEYS_FIRST = (
    "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the table and in the same order as "
    "the table properties: [id]"
)


@pytest.fixture
def lake(aws: Aws, bucket: str) -> Queries:
    """A database with one table of three rows."""
    queries = Queries(aws, bucket)
    queries.create_database()
    queries.create_table("sold", {"id": "bigint", "amount": "decimal(8,2)", "at": "timestamp", "shop": "string"})
    rows = {
        "id": pa.array([1, 2, 3], pa.int64()),
        "amount": pa.array(["1.50", "2.00", None]).cast(pa.decimal128(8, 2)),
        "at": pa.array(["2026-11-20 13:14:15.678", None, None]).cast(pa.timestamp("us")),
        "shop": pa.array(["north", "south", None]),
    }
    queries.put("sold/a.parquet", pa.table(rows))
    return queries


def objects(lake: Queries, prefix: str) -> dict[str, bytes]:
    """Bodies by their folder below a prefix; each folder has one file."""
    keys = lake.aws.keys(lake.bucket, prefix)
    found = {key.removeprefix(prefix).rpartition("/")[0]: lake.aws.body(lake.bucket, key) for key in keys}
    assert len(found) == len(keys)
    return found


def statistics(execution: Mapping[str, object]) -> Mapping[str, object]:
    """Of a query's record."""
    found = execution["Statistics"]
    assert isinstance(found, dict)
    return found


def test_a_table_from_a_query_has_its_types_its_files_and_a_manifest_of_them(lake: Queries) -> None:
    ended = lake.run("CREATE TABLE made AS SELECT *, id * 2 AS twice FROM sold")
    query_id = ended.execution["QueryExecutionId"]
    assert ended.state == "SUCCEEDED"
    assert (ended.columns, ended.rows) == ((("rows", "bigint"),), ())
    assert (ended.execution["StatementType"], ended.execution["SubstatementType"]) == ("DDL", "CREATE_TABLE_AS_SELECT")
    location = f"s3://{lake.bucket}/_results/tables/{query_id}"
    assert ended.execution["ResultConfiguration"]["OutputLocation"] == location
    table = lake.aws.client("glue").get_table(DatabaseName=lake.bucket, Name="made")["Table"]
    assert table["StorageDescriptor"]["Location"] == location
    assert [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]] == [
        ("id", "bigint"), ("amount", "decimal(8,2)"), ("at", "timestamp"), ("shop", "string"), ("twice", "bigint"),
    ]  # fmt: skip
    assert table["PartitionKeys"] == []
    assert lake.rows("SELECT * FROM made ORDER BY id") == [
        ("1", "1.50", "2026-11-20 13:14:15.678", "north", "2"),
        ("2", "2.00", None, "south", "4"),
        ("3", None, None, None, "6"),
    ]
    [key] = lake.aws.keys(lake.bucket, f"_results/tables/{query_id}/")
    manifest = f"_results/{query_id}-manifest.csv"
    assert statistics(ended.execution)["DataManifestLocation"] == f"s3://{lake.bucket}/{manifest}"
    assert lake.aws.body(lake.bucket, manifest).decode() == f"s3://{lake.bucket}/{key}\n"
    row_group = pq.ParquetFile(io.BytesIO(lake.aws.body(lake.bucket, key))).metadata.row_group(0)
    assert row_group.column(0).compression == "GZIP"
    count = lake.aws.client("athena").get_query_results(QueryExecutionId=query_id)
    assert (count["UpdateCount"], count["ResultSet"]["Rows"]) == (3, [])
    again = lake.run("CREATE TABLE made AS SELECT 1 AS id")
    text = f"line 1:1: Destination table 'awsdatacatalog.{lake.bucket}.made' already exists"
    assert again.state == f"FAILED TABLE_ALREADY_EXISTS: {text}"


def test_partitions_of_a_table_from_a_query_are_folders_and_insert_adds_to_them(lake: Queries) -> None:
    place = f"s3://{lake.bucket}/made/"
    properties = f"format = 'JSON', external_location = '{place}', partitioned_by = ARRAY['shop']"
    assert lake.run(f"CREATE TABLE made WITH ({properties}) AS SELECT id, amount, shop FROM sold").state == "SUCCEEDED"
    bodies = {folder: gzip.decompress(body).decode() for folder, body in objects(lake, "made/").items()}
    assert bodies == {
        "shop=north": '{"id":1,"amount":1.50}\n',
        "shop=south": '{"id":2,"amount":2.00}\n',
        "shop=__HIVE_DEFAULT_PARTITION__": '{"id":3,"amount":null}\n',
    }
    assert lake.run("INSERT INTO made (shop, id) VALUES ('east', 9), ('north', 8)").state == "SUCCEEDED"
    assert lake.rows("SHOW PARTITIONS made") == [
        ("shop=__HIVE_DEFAULT_PARTITION__",), ("shop=east",), ("shop=north",), ("shop=south",),
    ]  # fmt: skip
    expected = [
        ("1", "1.50", "north"), ("2", "2.00", "south"), ("3", None, None), ("8", None, "north"), ("9", None, "east"),
    ]  # fmt: skip
    assert lake.rows("SELECT id, amount, shop FROM made ORDER BY id") == expected
    taken = lake.run(f"CREATE TABLE other WITH (external_location = '{place}') AS SELECT 1 AS id")
    assert taken.state.startswith("FAILED HIVE_PATH_ALREADY_EXISTS: Target directory for table")
    assert lake.rows("SHOW TABLES") == [("made",), ("sold",)]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("INSERT INTO sold SELECT 'x', amount, at, shop FROM sold",
         MISMATCH),
        ("INSERT INTO sold (id, nosuch) VALUES (1, 2)",
         "COLUMN_NOT_FOUND: line 1:1: Insert column name does not exist in target table: nosuch"),
        ("INSERT INTO sold (id, id) VALUES (1, 2)",
         "DUPLICATE_COLUMN_NAME: line 1:1: Insert column name is specified more than once: id"),
        ("CREATE TABLE made AS SELECT id, id * 2 FROM sold",
         "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position 2"),
        ("CREATE TABLE made AS SELECT id, amount AS id FROM sold",
         "DUPLICATE_COLUMN_NAME: line 1:1: Column name 'id' specified more than once"),
        ("CREATE TABLE made AS SELECT id, current_timestamp AS now FROM sold",
         "NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone (column 'now')"),
        ("CREATE TABLE made WITH (partitioned_by = ARRAY['id']) AS SELECT id, shop FROM sold",
         KEYS_FIRST),
        ("CREATE TABLE made WITH (partitioned_by = ARRAY['n']) AS SELECT 1 AS id, n FROM UNNEST(sequence(1, 101)) t(n)",
         "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions/buckets"),
        ("CREATE TABLE made WITH (formt = 'PARQUET') AS SELECT 1 AS id",
         "INVALID_TABLE_PROPERTY: Catalog 'awsdatacatalog' table property 'formt' does not exist"),
        ("CREATE TABLE made AS SELECT id / 0 AS n FROM sold", "DIVISION_BY_ZERO: Division by zero"),
    ],
)  # fmt: skip
def test_a_statement_that_fails_writes_nothing(lake: Queries, sql: str, reason: str) -> None:
    before = (lake.rows("SELECT * FROM sold"), lake.aws.keys(lake.bucket, "sold/"), lake.rows("SHOW TABLES"))
    tables = lake.aws.keys(lake.bucket, "_results/tables/")
    assert lake.run(sql).state == f"FAILED {reason}"
    after = (lake.rows("SELECT * FROM sold"), lake.aws.keys(lake.bucket, "sold/"), lake.rows("SHOW TABLES"))
    assert after == before
    assert lake.aws.keys(lake.bucket, "_results/tables/") == tables


def test_unload_writes_files_and_no_table(lake: Queries) -> None:
    sql = (
        f"UNLOAD (SELECT id, shop FROM sold WHERE id < ?) TO 's3://{lake.bucket}/out' WITH (format = 'TEXTFILE', {{}})"
    )
    comma = sql.format("field_delimiter = ','")
    assert lake.run(comma, ExecutionParameters=["3"]).state == "SUCCEEDED"
    assert {folder: gzip.decompress(body) for folder, body in objects(lake, "out/").items()} == {
        "": b"1,north\n2,south\n"
    }
    again = lake.run(comma, ExecutionParameters=["3"])
    assert again.state == f"FAILED HIVE_PATH_ALREADY_EXISTS: Target directory s3://{lake.bucket}/out/ already exists"
    assert lake.run(sql.format("partitioned_by = ARRAY['shop']"), ExecutionParameters=["2"]).state == "SUCCEEDED"
    assert sorted(key.split("/")[1] for key in lake.aws.keys(lake.bucket, "out/"))[-1] == "shop=north"
    parquet = (
        f"UNLOAD (SELECT * FROM sold) TO 's3://{lake.bucket}/all/' WITH (format = 'parquet', compression = 'snappy')"
    )
    assert lake.run(parquet).state == "SUCCEEDED"
    [body] = objects(lake, "all/").values()
    assert pq.read_table(io.BytesIO(body)).column_names == ["id", "amount", "at", "shop"]
    assert lake.rows("SHOW TABLES") == [("sold",)]


def test_a_view_is_a_table_of_the_catalog_in_athenas_encoding(lake: Queries) -> None:
    assert (
        lake.run("CREATE VIEW dear AS SELECT id, amount * 2 AS twice FROM sold WHERE amount > 1.5").state == "SUCCEEDED"
    )
    item = lake.aws.client("glue").get_table(DatabaseName=lake.bucket, Name="dear")["Table"]
    assert (item["TableType"], item["Parameters"]) == (
        "VIRTUAL_VIEW",
        {"comment": "Presto View", "presto_view": "true"},
    )
    assert item["ViewOriginalText"].startswith("/* Presto View: ")
    assert item["StorageDescriptor"]["Columns"] == [
        {"Name": "id", "Type": "bigint"},
        {"Name": "twice", "Type": "decimal(18,2)"},
    ]
    other = (
        f"CREATE VIEW outer_view AS WITH sold AS (SELECT 7 AS id) SELECT d.twice, s.id FROM {lake.bucket!r} d, sold s"
    )
    assert lake.run(other.replace(f"{lake.bucket!r}", f'"{lake.bucket}".dear')).state == "SUCCEEDED"
    # The WITH around a view means nothing to the view's own tables.
    assert lake.rows("WITH sold AS (SELECT 1 AS x) SELECT v.*, sold.x FROM outer_view AS v, sold") == [
        ("4.00", "7", "1")
    ]
    assert lake.rows("SHOW VIEWS") == [("dear",), ("outer_view",)]
    assert lake.rows("SHOW COLUMNS IN dear") == [("id",), ("twice",)]
    taken = lake.run("CREATE VIEW dear AS SELECT 1 AS id")
    assert taken.state == f"FAILED TABLE_ALREADY_EXISTS: View already exists: 'awsdatacatalog.{lake.bucket}.dear'"
    assert lake.run("CREATE OR REPLACE VIEW dear AS SELECT 1 AS id").state == "SUCCEEDED"
    assert lake.rows("SELECT * FROM dear") == [("1",)]
    assert "dear is a view" in lake.run("DROP TABLE dear").state
    assert lake.run("DROP VIEW dear").state == "SUCCEEDED"
    assert lake.run("DROP VIEW sold").state.startswith("FAILED GENERIC_USER_ERROR: View ")
    assert lake.rows("SHOW TABLES") == [("outer_view",), ("sold",)]


def test_prepared_statements_are_those_of_the_api(lake: Queries) -> None:
    client = lake.aws.client("athena")
    name = f"p_{lake.bucket}".replace("-", "_")
    assert lake.run(f"PREPARE {name} FROM INSERT INTO sold (id, shop) VALUES (?, ?)").state == "SUCCEEDED"
    found = client.get_prepared_statement(StatementName=name, WorkGroup="primary")["PreparedStatement"]
    assert found["QueryStatement"] == "INSERT INTO sold (id, shop) VALUES (?, ?)"
    assert lake.run(f"EXECUTE {name} USING 7, 'a, b'").state == "SUCCEEDED"
    assert lake.run(f"EXECUTE {name}", ExecutionParameters=["8", "'c'"]).state == "SUCCEEDED"
    assert lake.rows("SELECT id, shop FROM sold WHERE id > 6 ORDER BY id") == [("7", "a, b"), ("8", "c")]
    assert lake.run(f"DEALLOCATE PREPARE {name}").state == "SUCCEEDED"
    assert lake.run(f"EXECUTE {name} USING 1, 'x'").state == f"FAILED NOT_FOUND: Prepared statement not found: {name}"


def test_a_workgroup_that_enforces_its_place_takes_no_other_for_a_table(lake: Queries) -> None:
    name = f"enforced-{lake.bucket}"
    place = f"s3://{lake.bucket}/enforced/"
    configuration = {"ResultConfiguration": {"OutputLocation": place}, "EnforceWorkGroupConfiguration": True}
    lake.aws.client("athena").create_work_group(Name=name, Configuration=configuration)
    elsewhere = f"CREATE TABLE made WITH (external_location = 's3://{lake.bucket}/made/') AS SELECT 1 AS id"
    refused = lake.run(elsewhere, WorkGroup=name)
    assert "submitted with an 'external_location' property to an Athena Workgroup that enforces" in refused.state
    ended = lake.run("CREATE TABLE made AS SELECT 1 AS id", WorkGroup=name)
    table = lake.aws.client("glue").get_table(DatabaseName=lake.bucket, Name="made")["Table"]
    assert table["StorageDescriptor"]["Location"] == f"{place}tables/{ended.execution['QueryExecutionId']}"


def test_explain_shows_the_partitions_that_are_read(lake: Queries) -> None:
    lake.run("CREATE TABLE made WITH (partitioned_by = ARRAY['shop']) AS SELECT id, shop FROM sold")
    lines = [str(row[0]) for row in lake.rows("EXPLAIN SELECT id FROM made WHERE shop = 'north'")]
    assert lines[0] == "- Output[id]"
    assert [line.strip() for line in lines if "made" in line or "north" in line] == [
        f"- TableScan[table = awsdatacatalog:{lake.bucket}:made]",
        f"LAYOUT: {lake.bucket}.made",
        ":: [[north]]",
    ]
    assert lake.rows("EXPLAIN (TYPE VALIDATE) SELECT id FROM made") == [("true",)]
    assert lake.run("EXPLAIN SELECT nosuch FROM made").state.startswith("FAILED COLUMN_NOT_FOUND")


def test_columns_and_properties_of_a_table_change(lake: Queries) -> None:
    assert (
        lake.run("ALTER TABLE sold ADD COLUMNS (extra string COMMENT 'new', nested array<struct<a:int>>)").state
        == "SUCCEEDED"
    )
    assert lake.rows("SELECT extra, nested FROM sold WHERE id = 1") == [(None, None)]
    assert lake.run("ALTER TABLE sold ADD COLUMNS (id int)").state.endswith("Duplicate column name: id")
    assert lake.run("ALTER TABLE sold REPLACE COLUMNS (id bigint, shop string)").state == "SUCCEEDED"
    assert lake.rows("SELECT * FROM sold ORDER BY id LIMIT 1") == [("1", "north")]
    assert lake.run("ALTER TABLE sold SET TBLPROPERTIES ('notes' = 'x')").state == "SUCCEEDED"
    assert lake.rows("SHOW TBLPROPERTIES sold('notes')") == [("x",)]
    assert lake.run(f"ALTER TABLE sold SET LOCATION 's3://{lake.bucket}/nothing/'").state == "SUCCEEDED"
    assert lake.rows("SELECT * FROM sold") == []
    table = lake.aws.client("glue").get_table(DatabaseName=lake.bucket, Name="sold")["Table"]
    assert json.dumps(table["StorageDescriptor"]["Columns"]) == json.dumps(
        [{"Name": "id", "Type": "bigint"}, {"Name": "shop", "Type": "string"}]
    )
