"""Statements that write the Data Catalog: external tables and their partitions."""

from __future__ import annotations

import pytest

from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import LocalAws
from localcloud_tests.warehouse.lake import Lake
from localcloud_tests.warehouse.test_standin_spectrum import orders

ALL = "SELECT * FROM spectrum.orders ORDER BY id"


@pytest.fixture
def table(sql: Sql, lake: Lake) -> Lake:
    """An external table spectrum.orders, made by SQL, with files of the days 20 and 21 and no partition."""
    lake.attach(sql)
    lake.put("orders", "20", rows=orders((1, "a"), (2, None)))
    lake.put("orders", "21", rows=orders((3, "c")))
    sql.ok(
        "CREATE EXTERNAL TABLE spectrum.Orders (id BIGINT, name VARCHAR(10))"
        " PARTITIONED BY (day VARCHAR(2), hour INTEGER)"
        f" ROW FORMAT SERDE 'x' STORED AS PARQUET LOCATION '{lake.location('orders')}'"
        " TABLE PROPERTIES ('numRows'='170000', 'note'='made by SQL')"
    )
    return lake


def add(lake: Lake, day: str, hour: int = 1) -> str:
    return f"PARTITION (hour={hour}, day='{day}') LOCATION '{lake.location('orders', day)}'"


def partitions(sql: Sql) -> list[tuple[str, ...]]:
    return sql.rows("SELECT values, location FROM svv_external_partitions ORDER BY values")


def test_a_table_is_made_in_the_catalog(sql: Sql, table: Lake) -> None:
    found = table.glue.get_table(DatabaseName=table.database, Name="orders")["Table"]
    storage = found["StorageDescriptor"]
    assert storage["Columns"] == [{"Name": "id", "Type": "bigint"}, {"Name": "name", "Type": "varchar(10)"}]
    assert found["PartitionKeys"] == [{"Name": "day", "Type": "varchar(2)"}, {"Name": "hour", "Type": "int"}]
    assert found["Parameters"] == {"EXTERNAL": "TRUE", "numRows": "170000", "note": "made by SQL"}
    assert (found["TableType"], storage["Location"]) == ("EXTERNAL_TABLE", table.location("orders"))
    assert storage["InputFormat"] == "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    assert sql.rows(ALL) == []


def test_every_type_of_redshift_has_its_name_in_the_catalog(sql: Sql, lake: Lake) -> None:
    lake.attach(sql)
    columns = (
        "a SMALLINT, b INT4, c INT8, d DECIMAL(9,2), e NUMERIC, f REAL, g FLOAT, h DOUBLE PRECISION, i BOOL, j CHAR(4),"
        " k CHARACTER VARYING(5), l DATE, m TIMESTAMP"
    )
    sql.ok(f"CREATE EXTERNAL TABLE spectrum.t ({columns}) STORED AS PARQUET LOCATION '{lake.location('t')}'")
    found = sql.rows("SELECT external_type FROM svv_external_columns ORDER BY columnnum")
    assert [kind for (kind,) in found] == [
        "smallint", "int", "bigint", "decimal(9,2)", "decimal(18,0)", "float", "double", "double", "boolean", "char(4)",
        "varchar(5)", "date", "timestamp",
    ]  # fmt: skip
    assert sql.rows("SELECT * FROM spectrum.t") == []


def test_partitions_are_added_moved_and_dropped(sql: Sql, table: Lake) -> None:
    sql.ok(f"ALTER TABLE spectrum.orders ADD {add(table, '20')} {add(table, '21')}")
    assert sql.rows(ALL) == [(1, "a", "20", 1), (2, None, "20", 1), (3, "c", "21", 1)]
    before = partitions(sql)
    assert before == [('["20","1"]', table.location("orders", "20")), ('["21","1"]', table.location("orders", "21"))]
    assert "AlreadyExistsException" in sql.error(f"ALTER TABLE spectrum.orders ADD {add(table, '21')}")
    sql.ok(f"ALTER TABLE spectrum.orders ADD IF NOT EXISTS {add(table, '21')}, {add(table, '21', hour=2)}")
    assert sql.rows("SELECT hour FROM spectrum.orders WHERE id = 3 ORDER BY hour") == [(1,), (2,)]
    sql.ok(f"ALTER TABLE spectrum.orders PARTITION (day='21', hour=2) SET LOCATION '{table.location('orders', '20')}'")
    assert sql.rows("SELECT id FROM spectrum.orders WHERE hour = 2 ORDER BY id") == [(1,), (2,)]
    sql.ok("ALTER TABLE spectrum.orders DROP PARTITION (day='21', hour=2)")
    assert partitions(sql) == before


def test_a_table_moves_and_is_dropped_and_its_files_stay(sql: Sql, lake: Lake) -> None:
    lake.attach(sql)
    lake.put("elsewhere", rows=orders((9, "z")))
    sql.ok(
        "CREATE EXTERNAL TABLE spectrum.orders (id BIGINT, name VARCHAR(10)) STORED AS PARQUET"
        f" LOCATION '{lake.location('orders')}'"
    )
    assert sql.rows(ALL) == []
    sql.ok(f"ALTER TABLE spectrum.orders SET LOCATION '{lake.location('elsewhere')}'")
    assert sql.rows(ALL) == [(9, "z")]
    sql.ok("DROP TABLE spectrum.orders")
    assert 'relation "spectrum.orders" does not exist' in sql.error(ALL)
    assert 'Table "spectrum.orders" does not exist' in sql.error("DROP TABLE spectrum.orders")
    sql.ok("DROP TABLE IF EXISTS spectrum.orders CASCADE")
    assert lake.s3.list_objects_v2(Bucket=lake.bucket)["KeyCount"] == 1


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (
            "CREATE EXTERNAL TABLE public.t (x INT) STORED AS PARQUET LOCATION 's3://b/'",
            '"public.t" is not an external table',
        ),
        ("CREATE EXTERNAL TABLE t (x INT) STORED AS PARQUET LOCATION 's3://b/'", '"t" is not an external table'),
        (
            "CREATE EXTERNAL TABLE spectrum.orders (x INT) STORED AS PARQUET LOCATION 's3://b/'",
            'Relation "orders" already exists in the external database.',
        ),
        ("CREATE EXTERNAL TABLE spectrum.t (x INT) STORED AS PARQUET LOCATION '/b/'", "Invalid S3 location: /b/"),
        ("CREATE EXTERNAL TABLE spectrum.t (x TIMESTAMPTZ) STORED AS PARQUET LOCATION 's3://b/'", "unsupported type"),
        ("CREATE EXTERNAL TABLE spectrum.t (x INT, X INT) STORED AS PARQUET LOCATION 's3://b/'", "more than once"),
        (
            "CREATE EXTERNAL TABLE spectrum.t (x INT) PARTITIONED BY (x INT) STORED AS PARQUET LOCATION 's3://b/'",
            'column "x" is both a column and a partition key',
        ),
        ("CREATE EXTERNAL TABLE spectrum.t (x INT) LOCATION 's3://b/'", 'syntax error at or near "LOCATION"'),
        ("ALTER TABLE spectrum.orders ADD PARTITION (day='1') LOCATION 's3://b/'", "are day, hour, not day"),
        ("ALTER TABLE spectrum.orders ADD PARTITION (day='1', hour=1)", "syntax error at end of input"),
        ("ALTER TABLE spectrum.orders DROP PARTITION (day='1', hour=1)", "EntityNotFoundException"),
        ("ALTER TABLE spectrum.orders DROP PARTITION (day=1.5, hour=1)", 'syntax error at or near "1.5"'),
        ("ALTER TABLE spectrum.none SET LOCATION 's3://b/'", "EntityNotFoundException"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_changes(
    sql: Sql, table: Lake, statement: str, error: str
) -> None:
    before = table.glue.get_tables(DatabaseName=table.database)["TableList"]
    assert error in sql.error(statement)
    assert table.glue.get_tables(DatabaseName=table.database)["TableList"] == before
    assert partitions(sql) == []


def test_nothing_is_written_inside_a_transaction(sql: Sql, table: Lake) -> None:
    change = f"ALTER TABLE spectrum.orders ADD {add(table, '20')}"
    assert "ALTER TABLE cannot run inside a transaction block" in sql.batch_error("SELECT 1", change)
    session = sql.ok("BEGIN", SessionKeepAliveSeconds=60)["SessionId"]
    create = f"CREATE EXTERNAL TABLE spectrum.t (x INT) STORED AS PARQUET LOCATION '{table.location('t')}'"
    assert "CREATE EXTERNAL TABLE cannot run inside a transaction block" in sql.error(create, SessionId=session)
    sql.ok("ROLLBACK", SessionId=session)
    assert "DROP TABLE cannot run inside a transaction block" in sql.batch_error(
        "SELECT 1", "DROP TABLE spectrum.orders"
    )
    assert partitions(sql) == []
    assert sql.rows("SELECT tablename FROM svv_external_tables") == [("orders",)]


def test_only_the_owner_of_the_schema_writes(sql: Sql, table: Lake, local_aws: LocalAws) -> None:
    sql.batch("CREATE USER stranger PASSWORD 'Stranger1'", "GRANT USAGE ON SCHEMA spectrum TO stranger")
    secrets = local_aws.client("secretsmanager")
    secret = secrets.create_secret(
        Name=f"stranger-{table.database}", SecretString='{"username": "stranger", "password": "Stranger1"}'
    )["ARN"]
    try:
        assert "must be owner of schema spectrum" in sql.error("DROP TABLE spectrum.orders", SecretArn=secret)
    finally:
        sql.batch("REVOKE USAGE ON SCHEMA spectrum FROM stranger", "DROP USER stranger")
    assert sql.rows("SELECT tablename FROM svv_external_tables") == [("orders",)]


def test_local_tables_are_still_dropped_and_altered(sql: Sql, table: Lake) -> None:
    assert table.database
    sql.batch("CREATE TABLE t (id INT)", "ALTER TABLE t ADD COLUMN x INT", "DROP TABLE t")
    assert 'table "t" does not exist' in sql.error("DROP TABLE t")
    assert '"t" is not an external table' in sql.error("ALTER TABLE t SET LOCATION 's3://b/'")
    sql.ok("DROP TABLE IF EXISTS t")
