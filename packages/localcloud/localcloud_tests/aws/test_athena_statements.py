"""Statements that are no queries: definitions, partitions, and what shows them."""

import re

import pyarrow as pa
import pytest

from localcloud_tests.aws.cloud import Aws
from localcloud_tests.aws.queries import Queries


@pytest.fixture
def lake(aws: Aws, bucket: str) -> Queries:
    queries = Queries(aws, bucket)
    queries.create_database()
    return queries


def one(n: int) -> pa.Table:
    return pa.table({"n": pa.array([n], pa.int64())})


def without_time(definition: str) -> str:
    """A definition without the moment at which it was made."""
    return re.sub(r"'transient_lastDdlTime'='\d+'", "", definition)


def test_a_table_from_its_definition_to_its_end(lake: Queries) -> None:
    sql = f"""
        CREATE EXTERNAL TABLE `made` (`n` bigint COMMENT 'a number')
        PARTITIONED BY (`day` string)
        STORED AS PARQUET
        LOCATION 's3://{lake.bucket}/made/'
    """
    assert lake.run(sql).state == "SUCCEEDED"
    lake.put("made/day=1/a.parquet", one(1))
    lake.put("made/day=2/a.parquet", one(2))
    lake.put("made/no-partition/a.parquet", one(3))
    lake.put("elsewhere/a.parquet", one(4))
    assert lake.rows("SELECT * FROM made") == []
    assert lake.rows("MSCK REPAIR TABLE made") == [
        ("Partitions not in metastore:\tmade:day=1\tmade:day=2",),
        ("Repair: Added partition to metastore made:day=1",),
        ("Repair: Added partition to metastore made:day=2",),
    ]
    assert lake.rows("MSCK REPAIR TABLE made") == []
    location = f"s3://{lake.bucket}/elsewhere/"
    add = "ALTER TABLE made ADD {} PARTITION (day = '4') LOCATION '{}'"
    assert lake.run(add.format("", location)).state == "SUCCEEDED"
    assert lake.run(add.format("", location)).state == "FAILED ALREADY_EXISTS: Partition already exists: made:day=4"
    assert lake.run(add.format("IF NOT EXISTS", location)).state == "SUCCEEDED"
    assert lake.run("ALTER TABLE made DROP PARTITION (day = '1')").state == "SUCCEEDED"
    assert lake.run("ALTER TABLE made DROP PARTITION (day = '1')").state == (
        "FAILED GENERIC_USER_ERROR: Partition not found: made:day=1"
    )
    assert lake.rows("SELECT n, day FROM made ORDER BY n") == [("2", "2"), ("4", "4")]
    assert lake.rows("SHOW PARTITIONS made") == [("day=2",), ("day=4",)]
    assert lake.rows("SHOW COLUMNS IN made") == [("n",), ("day",)]
    described = [str(row[0]).split() for row in lake.rows("DESCRIBE made")]
    assert described == [
        ["n", "bigint", "a", "number"],
        ["day", "string"],
        [],
        ["#", "Partition", "Information"],
        ["#", "col_name", "data_type", "comment"],
        [],
        ["day", "string"],
    ]
    created = "".join(f"{row[0]}\n" for row in lake.rows("SHOW CREATE TABLE made"))
    assert "STORED AS INPUTFORMAT \n  'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat' \n" in created
    assert lake.run(created.replace("`made`", "`again`")).state == "SUCCEEDED"
    assert lake.rows("DESCRIBE again") == lake.rows("DESCRIBE made")
    again = "".join(f"{row[0]}\n" for row in lake.rows("SHOW CREATE TABLE again"))
    assert without_time(again) == without_time(created.replace("`made`", "`again`"))
    assert lake.run("DROP TABLE again").state == "SUCCEEDED"
    assert lake.run("DROP TABLE made").state == "SUCCEEDED"
    assert lake.rows("SHOW TABLES") == []
    # The files of an external table stay.
    assert len(lake.aws.keys(lake.bucket, "made/")) == 3


def test_databases(lake: Queries) -> None:
    name = f"{lake.bucket}_more".replace("-", "_")
    assert lake.run(f"CREATE DATABASE {name}").state == "SUCCEEDED"
    assert lake.run(f"CREATE DATABASE IF NOT EXISTS {name}").state == "SUCCEEDED"
    assert lake.rows(f"SHOW DATABASES LIKE '{name}'") == [(name,)]
    assert lake.rows(f"SHOW TABLES IN {name}") == []
    assert lake.run(f"DROP SCHEMA {name}").state == "SUCCEEDED"
    assert lake.rows(f"SHOW DATABASES '{name}'") == []
    assert lake.run(f"DROP DATABASE IF EXISTS {name}").state == "SUCCEEDED"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", "MERGE, which is for Iceberg tables only,"),
        ("VACUUM t", "VACUUM, which is for Iceberg tables only,"),
        ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN ANALYZE"),
        ("UNLOAD (SELECT 1) TO 's3://x/' WITH (format = 'ORC')", "writing the format ORC"),
        (
            "CREATE TABLE t WITH (bucketed_by = ARRAY['x'], bucket_count = 2) AS SELECT 1 AS x",
            "a table that is bucketed (bucketed_by)",
        ),
        ("CREATE TABLE t (x int) LOCATION 's3://x/' TBLPROPERTIES ('table_type' = 'ICEBERG')", "an Iceberg table"),
    ],
)
def test_what_is_not_here_says_so(lake: Queries, sql: str, what: str) -> None:
    assert lake.run(sql).state == f"FAILED NOT_SUPPORTED: {what} is not in the local stand-in of Athena"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SHOW PARTITIONS nosuch", "TABLE_NOT_FOUND: Table '{bucket}.nosuch' does not exist"),
        ("DESCRIBE", "SYNTAX_ERROR: mismatched input '<EOF>'"),
        ("SHOW COLUMNS IN t x", "SYNTAX_ERROR: line 1:19: mismatched input 'x'"),
    ],
)
def test_statements_that_fail(lake: Queries, sql: str, reason: str) -> None:
    assert lake.run(sql).state == f"FAILED {reason.format(bucket=lake.bucket)}"
