"""External schemas: tables of the Data Catalog over Parquet files, as Redshift Spectrum reads them."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

from localcloud.redshift import Warehouse
from localcloud_tests.warehouse.client import TARGET, Sql, parquet
from localcloud_tests.warehouse.conftest import PASSWORD, LocalAws, free_port
from localcloud_tests.warehouse.lake import Lake
from localcloud_tests.warehouse.test_standin_lifecycle import rows, run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ORDERS = {"id": "bigint", "name": "varchar(10)"}
ROLE = "arn:aws:iam::123456789012:role/spectrum"
ALL = "SELECT * FROM spectrum.orders ORDER BY id"


def orders(*rows: tuple[int | None, str | None]) -> pa.Table:
    return pa.table(
        {"id": pa.array([row[0] for row in rows], pa.int64()), "name": pa.array([row[1] for row in rows], pa.string())}
    )


@pytest.fixture
def two_days(sql: Sql, lake: Lake) -> Lake:
    """An external table spectrum.orders with the days 20 and 21."""
    lake.table("orders", ORDERS, ["day"])
    lake.put("orders", "20", rows=orders((1, "a"), (2, None)))
    lake.put("orders", "21", rows=orders((3, "c")))
    lake.register("orders", "20")
    lake.register("orders", "21")
    lake.attach(sql)
    return lake


def storage(sql: Sql) -> str:
    """Give the schema in which the rows of the external schema lie."""
    ((number,),) = sql.rows("SELECT esoid FROM svv_external_schemas WHERE schemaname = 'spectrum'")
    return f"pg_ext_{number}"


# What is read


def test_only_registered_partitions_are_read_and_new_ones_at_once(sql: Sql, lake: Lake) -> None:
    lake.table("orders", ORDERS, ["day"])
    lake.put("orders", "20", rows=orders((1, "a"), (2, None)))
    lake.put("orders", "21", rows=orders((3, "c")))
    lake.attach(sql)
    assert sql.rows(ALL) == []
    lake.register("orders", "20")
    assert sql.rows(ALL) == [(1, "a", "20"), (2, None, "20")]
    lake.register("orders", "21")
    assert sql.rows(ALL) == [(1, "a", "20"), (2, None, "20"), (3, "c", "21")]
    lake.forget("orders", "20")
    assert sql.rows(ALL) == [(3, "c", "21")]


def test_new_changed_and_gone_files_show_and_no_other_is_read_again(sql: Sql, two_days: Lake) -> None:
    assert sql.rows(ALL) == [(1, "a", "20"), (2, None, "20"), (3, "c", "21")]
    objects = f'SELECT id, "$object" FROM {storage(sql)}.orders ORDER BY id'
    before = dict(sql.rows(objects))
    two_days.put("orders", "20", rows=orders((4, "d")), name="new.parquet")
    two_days.put("orders", "21", rows=orders((3, "changed")))
    assert sql.rows(ALL) == [(1, "a", "20"), (2, None, "20"), (3, "changed", "21"), (4, "d", "20")]
    after = dict(sql.rows(objects))
    assert {key for key in before if before[key] == after[key]} == {1, 2}
    two_days.remove(two_days.location("orders", "20") + "part-0.parquet")
    assert sql.rows(ALL) == [(3, "changed", "21"), (4, "d", "20")]


def test_a_partition_may_lie_anywhere_and_move(sql: Sql, two_days: Lake) -> None:
    two_days.put("elsewhere", "20", rows=orders((9, "z")))
    assert sql.rows(ALL) == [(1, "a", "20"), (2, None, "20"), (3, "c", "21")]
    two_days.forget("orders", "20")
    two_days.register("orders", "20", location=two_days.location("elsewhere", "20").rstrip("/"))
    two_days.register("orders", "99", location=two_days.location("orders", "21"))
    assert sql.rows(ALL + ", day") == [(3, "c", "21"), (3, "c", "99"), (9, "z", "20")]


@pytest.mark.parametrize("name", ["_SUCCESS", ".part.crc", "#part", "part~", "marker/"])
def test_hidden_files_are_not_read(sql: Sql, two_days: Lake, name: str) -> None:
    two_days.put("orders", "20", rows=b"" if name.endswith("/") else b"no Parquet", name=name)
    assert sql.rows(ALL) == [(1, "a", "20"), (2, None, "20"), (3, "c", "21")]


def test_folders_below_a_location_are_read(sql: Sql, lake: Lake) -> None:
    lake.table("orders", ORDERS)
    lake.put("orders", rows=orders((1, "a")))
    lake.put("orders", "deep", "deeper", rows=orders((2, "b")))
    lake.put("orders_old", rows=orders((3, "c")))
    lake.attach(sql)
    assert sql.rows(ALL) == [(1, "a"), (2, "b")]


def test_columns_go_by_name_and_old_files_lack_new_ones(sql: Sql, lake: Lake) -> None:
    lake.table("orders", {**ORDERS, "note": "string"}, ["day"])
    old = pa.table({"extra": [1.5], "NAME": ["a"], "ID": pa.array([1], pa.int64()), "day": ["file"]})
    lake.put("orders", "20", rows=old)
    lake.put("orders", "20", rows=pa.table({"unknown": [1, 2]}), name="none.parquet")
    lake.register("orders", "20")
    lake.attach(sql)
    rows = [(1, "a", None, "20"), (None, None, None, "20"), (None, None, None, "20")]
    assert sql.rows(ALL) == rows


def test_every_type_arrives_as_it_was_written(sql: Sql, lake: Lake) -> None:
    types = {
        "a": "smallint", "b": "int", "c": "bigint", "d": "float", "e": "double", "f": "boolean", "g": "decimal(9,2)",
        "h": "string", "i": "varchar(40)", "j": "char(4)", "k": "date", "l": "timestamp",
    }  # fmt: skip
    moment = dt.datetime(2026, 11, 20, 13, 14, 15, 678901, tzinfo=dt.UTC)
    table = pa.table(
        {
            "a": pa.array([-32768, None], pa.int16()),
            "b": pa.array([2**31 - 1, None], pa.int32()),
            "c": pa.array([-(2**63), None], pa.int64()),
            "d": pa.array([1.5, None], pa.float32()),
            "e": pa.array([0.1, None], pa.float64()),
            "f": pa.array([True, None]),
            "g": pa.array([decimal.Decimal("-1234567.89"), None], pa.decimal128(9, 2)),
            "h": pa.array(['x,"y"\n\\z\t\'ä', None]),
            "i": pa.array(["", None]),
            "j": pa.array(["ab", None]),
            "k": pa.array([dt.date(1, 1, 1), None]),
            "l": pa.array([moment, None], pa.timestamp("us", tz="UTC")),
        }
    )
    lake.table("types", types, {"day": "date", "hour": "int"})
    lake.put("types", "x", rows=parquet(table, use_deprecated_int96_timestamps=True))
    lake.register("types", "2026-11-20", "7", location=lake.location("types", "x"))
    lake.register("types", "2026-11-21", "__HIVE_DEFAULT_PARTITION__", location=lake.location("types", "none"))
    lake.put("types", "none", rows=table.slice(1))
    lake.attach(sql)
    values = (
        -32768, 2**31 - 1, -(2**63), 1.5, 0.1, True, "-1234567.89", 'x,"y"\n\\z\t\'ä', "", "ab  ", "0001-01-01",
        "2026-11-20 13:14:15.678901",
    )  # fmt: skip
    assert sql.rows("SELECT * FROM spectrum.types ORDER BY a, day") == [
        (*values, "2026-11-20", 7),
        (*(None,) * 12, "2026-11-20", 7),
        (*(None,) * 12, "2026-11-21", None),
    ]


def test_text_is_cut_to_the_bytes_of_its_column(sql: Sql, lake: Lake) -> None:
    lake.table("orders", {"id": "bigint", "name": "varchar(3)"})
    lake.put("orders", rows=orders((1, "abcd"), (2, "aää"), (3, "abc"), (4, None), (5, "")))
    lake.attach(sql)
    assert sql.rows(ALL) == [(1, "abc"), (2, "aä"), (3, "abc"), (4, None), (5, "")]


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [
        ("bigint", pa.array([1], pa.int32()), "BIGINT"),
        ("varchar(10)", pa.array([1], pa.int64()), "VARCHAR(10)"),
        ("decimal(10,2)", pa.array([decimal.Decimal("1.00")], pa.decimal128(12, 2)), "DECIMAL(10, 2)"),
        ("int", pa.array([[1]]), "INT"),
    ],
)
def test_a_file_of_another_type_fails_the_queries_that_read_the_column(
    sql: Sql, lake: Lake, column: str, values: pa.Array[Any], kind: str
) -> None:
    lake.table("t", {"x": column, "y": "int"})
    lake.put("t", rows=pa.table({"y": pa.array([7], pa.int32())}), name="good.parquet")
    lake.attach(sql)
    assert sql.rows("SELECT x, y FROM spectrum.t") == [(None, 7)]
    bad = lake.put("t", rows=pa.table({"y": pa.array([8], pa.int32()), "x": values}), name="bad.parquet")
    assert sql.rows("SELECT y FROM spectrum.t ORDER BY y") == [(7,), (8,)]
    for statement in ("SELECT * FROM spectrum.t", "SELECT y FROM spectrum.t WHERE x IS NULL"):
        error = sql.error(statement)
        assert error.startswith("ERROR: Spectrum Scan Error")
        assert f"File '{bad}' has an incompatible Parquet schema for column '{bad}.x'. Column type: {kind}" in error
    lake.remove(bad)
    assert sql.rows("SELECT * FROM spectrum.t") == [(None, 7)]


def test_a_file_that_is_no_parquet_fails_by_name(sql: Sql, two_days: Lake) -> None:
    bad = two_days.put("orders", "20", rows=b"no Parquet", name="bad.parquet")
    assert f"File '{bad}' has an invalid Parquet footer or is not Parquet" in sql.error(ALL)


def test_the_columns_of_the_catalog_are_followed(sql: Sql, lake: Lake) -> None:
    lake.table("orders", {"id": "bigint"}, ["day"])
    lake.put("orders", "20", rows=orders((1, "abcdef")))
    lake.register("orders", "20")
    lake.attach(sql)
    assert sql.rows(ALL) == [(1, "20")]
    lake.change("orders", {"id": "bigint", "name": "varchar(2)"}, ["day"])
    assert sql.rows(ALL) == [(1, "ab", "20")]
    lake.change("orders", {"name": "varchar(6)", "id": "bigint"}, ["day"])
    assert sql.rows(ALL) == [("abcdef", 1, "20")]
    lake.change("orders", {"id": "int"}, ["day"])
    assert "Column type: INT, Parquet schema" in sql.error(ALL)
    lake.glue.delete_table(DatabaseName=lake.database, Name="orders")
    assert 'relation "spectrum.orders" does not exist' in sql.error(ALL)
    assert sql.rows(
        f"SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE n.nspname = '{storage(sql)}'"
    ) == [(0,)]


@pytest.mark.parametrize("column", ["struct<a:int>", "array<int>", "binary", "tinyint", "varchar"])
def test_a_type_that_is_not_read_is_refused(sql: Sql, lake: Lake, column: str) -> None:
    lake.table("t", {"x": column})
    lake.attach(sql)
    expected = f"The type {column} of column x of external table t is not supported by the local stand-in"
    assert expected in sql.error("SELECT * FROM spectrum.t")


def test_another_file_format_is_refused(sql: Sql, lake: Lake) -> None:
    lake.table("t", {"x": "int"}, input_format="org.apache.hadoop.mapred.TextInputFormat")
    lake.attach(sql)
    expected = "External table t: a file format other than PARQUET is not supported by the local stand-in"
    assert expected in sql.error("SELECT * FROM spectrum.t")


# Pseudocolumns


def test_path_and_size_are_there_when_they_are_named(sql: Sql, two_days: Lake, s3: S3Client) -> None:
    paths = [two_days.location("orders", day) + "part-0.parquet" for day in ("20", "21")]
    sizes = [s3.head_object(Bucket=two_days.bucket, Key=path.split("/", 3)[3])["ContentLength"] for path in paths]
    assert sql.rows(
        'SELECT id, "$path", o."$size" FROM spectrum.orders o WHERE "$path" LIKE \'%/20/%\' ORDER BY id'
    ) == [
        (1, paths[0], sizes[0]),
        (2, paths[0], sizes[0]),
    ]
    counted = sql.rows(
        'SELECT "$path", count(*) FROM spectrum.orders GROUP BY "$path" ORDER BY spectrum.orders."$path"'
    )
    assert counted == [(paths[0], 2), (paths[1], 1)]


def test_all_columns_stand_beside_a_pseudocolumn(sql: Sql, two_days: Lake) -> None:
    path = two_days.location("orders", "21") + "part-0.parquet"
    sql.batch("CREATE TABLE local (id BIGINT, note VARCHAR(5))", "INSERT INTO local VALUES (3, 'x')")
    where = "WHERE \"$path\" LIKE '%/21/%'"
    assert sql.rows(f'SELECT *, "$path" FROM spectrum.orders {where}') == [(3, "c", "21", path)]
    assert sql.rows(f'SELECT "$path", o.* FROM spectrum.orders AS o {where}') == [(path, 3, "c", "21")]
    join = f"FROM local l JOIN spectrum.orders o ON o.id = l.id {where}"
    assert sql.rows(f'SELECT *, o."$path" {join}') == [(3, "x", 3, "c", "21", path)]
    assert sql.rows(f'SELECT l.*, o."$path", COUNT(*) {join} GROUP BY 1, 2, 3') == [(3, "x", path, 1)]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (
            'SELECT * FROM (SELECT "$path" FROM spectrum.orders) x',
            '* beside a pseudocolumn such as "$path" in a statement with joins by USING or subqueries',
        ),
        ('SELECT spectrum.orders.*, "$size" FROM spectrum.orders', 'orders.* beside a pseudocolumn such as "$path"'),
        ('SELECT "$spectrum_oid" FROM spectrum.orders', 'The pseudocolumn "$spectrum_oid"'),
        (
            "CREATE PROCEDURE p() AS $$ BEGIN EXECUTE 'SELECT \"$path\" FROM spectrum.orders'; END $$ LANGUAGE plpgsql",
            "A pseudocolumn in a procedure",
        ),
    ],
)
def test_what_the_pseudocolumns_cannot_do_is_refused(sql: Sql, two_days: Lake, statement: str, what: str) -> None:
    assert two_days.database
    assert f"{what} is not supported by the local stand-in" in sql.error(statement)


# Where they are read


def test_external_tables_join_local_ones_and_fill_them(sql: Sql, two_days: Lake) -> None:
    assert two_days.database
    sql.batch("CREATE TABLE days (day VARCHAR(2), label VARCHAR(10))", "INSERT INTO days VALUES ('20', 'friday')")
    joined = "SELECT o.id, d.label FROM spectrum.orders o JOIN days d ON d.day = o.day"
    assert sql.rows(joined + " ORDER BY 1") == [(1, "friday"), (2, "friday")]
    sql.ok(f"CREATE TABLE labelled AS {joined}")
    sql.ok("INSERT INTO labelled SELECT id, name FROM warehouse.spectrum.orders WHERE day = '21'")
    sql.ok(
        "MERGE INTO labelled USING spectrum.orders s ON labelled.id = s.id"
        " WHEN MATCHED THEN UPDATE SET label = s.name WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.name)"
    )
    sql.ok("DELETE FROM labelled USING spectrum.orders s WHERE s.id = labelled.id AND s.name IS NULL")
    assert sql.rows("SELECT * FROM labelled ORDER BY id") == [(1, "a"), (3, "c")]


def test_a_procedure_reads_the_tables_that_its_words_and_those_of_procedures_it_calls_name(
    sql: Sql, two_days: Lake
) -> None:
    two_days.table("broken", {"x": "array<int>"})
    sql.batch(
        "CREATE TABLE counts (n BIGINT)",
        "CREATE PROCEDURE refresh(schema_name VARCHAR) AS $$ BEGIN"
        " EXECUTE 'INSERT INTO counts SELECT count(*) FROM ' || schema_name || '.orders'; END $$ LANGUAGE plpgsql",
        "CREATE PROCEDURE outside() AS $$ BEGIN CALL refresh('spectrum'); END $$ LANGUAGE plpgsql",
    )
    sql.ok("CALL refresh('spectrum')")
    two_days.put("orders", "20", rows=orders((4, "d")), name="more.parquet")
    sql.ok("CALL outside()")
    assert sql.rows("SELECT n FROM counts ORDER BY n") == [(3,), (4,)]


def test_a_table_that_cannot_be_here_disturbs_no_procedure_that_may_not_read_it(sql: Sql, two_days: Lake) -> None:
    two_days.table("broken", {"x": "array<int>"})
    sql.ok("CREATE TABLE counts (n BIGINT)")
    sql.ok(
        "CREATE PROCEDURE refresh(name VARCHAR) AS $$ BEGIN"
        " EXECUTE 'INSERT INTO counts SELECT count(*) FROM spectrum.' || name; END $$ LANGUAGE plpgsql"
    )
    sql.ok("CALL refresh('ord' || 'ers')")
    assert sql.rows("SELECT n FROM counts") == [(3,)]
    assert "gone" in sql.error("CALL gone()")


def test_a_procedure_that_names_no_table_gets_all(sql: Sql, two_days: Lake) -> None:
    assert two_days.database
    sql.batch(
        "CREATE TABLE counts (n BIGINT)",
        "CREATE PROCEDURE refresh(name VARCHAR) AS $$ BEGIN"
        " EXECUTE 'INSERT INTO counts SELECT count(*) FROM spectrum.' || name; END $$ LANGUAGE plpgsql",
        "CALL refresh('ord' || 'ers')",
    )
    assert sql.rows("SELECT n FROM counts") == [(3,)]


def test_two_calls_at_once_each_see_what_the_other_wrote_before_the_lock(sql: Sql, two_days: Lake) -> None:
    assert two_days.database
    sql.batch(
        "CREATE TABLE guard (x INT)",
        "CREATE TABLE counts (day VARCHAR(2), n BIGINT)",
        "CREATE PROCEDURE refresh() AS $$ BEGIN LOCK guard; DELETE FROM counts;"
        " INSERT INTO counts SELECT day, count(*) FROM spectrum.orders GROUP BY day; END $$ LANGUAGE plpgsql",
    )
    session = sql.ok("BEGIN", SessionKeepAliveSeconds=60)["SessionId"]
    sql.ok("LOCK guard", SessionId=session)
    started = [sql.client.execute_statement(Sql="CALL refresh()", **TARGET)["Id"] for _ in range(3)]
    while sql.rows("SELECT count(*) FROM pg_locks WHERE relation = 'guard'::regclass AND NOT granted") != [(3,)]:
        time.sleep(0.02)
    sql.ok("ROLLBACK", SessionId=session)
    assert [sql.wait(each).get("Error") for each in started] == [None] * 3
    assert sql.rows("SELECT * FROM counts ORDER BY day") == [("20", 2), ("21", 1)]


def test_statements_that_read_a_table_for_the_first_time_at_once_read_it_once(sql: Sql, two_days: Lake) -> None:
    assert two_days.database
    started = [sql.client.execute_statement(Sql=ALL, **TARGET)["Id"] for _ in range(8)]
    for each in started:
        assert sql.wait(each).get("Error") is None
        assert sql.result(each) == [(1, "a", "20"), (2, None, "20"), (3, "c", "21")]


# Transactions


def test_a_batch_reads_one_state_even_when_its_first_statement_took_the_snapshot(sql: Sql, two_days: Lake) -> None:
    two_days.put("orders", "20", rows=orders((4, "d")), name="more.parquet")
    sql.ok("CREATE TABLE t (id BIGINT)")
    sql.batch("SELECT count(*) FROM t", "INSERT INTO t SELECT id FROM spectrum.orders")
    assert sql.rows("SELECT id FROM t ORDER BY id") == [(1,), (2,), (3,), (4,)]


def test_an_error_belongs_to_the_statement_that_reads_the_table(sql: Sql, two_days: Lake) -> None:
    two_days.put("orders", "20", rows=b"no Parquet", name="bad.parquet")
    found = sql.run_batch("CREATE TABLE t (id BIGINT)", "INSERT INTO t SELECT id FROM spectrum.orders", "SELECT 1")
    assert [part["Status"] for part in found["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert found["Error"].startswith("Query #2 failed with ERROR: Spectrum Scan Error")
    assert 'relation "t" does not exist' in sql.error("SELECT * FROM t")


def test_what_was_read_stays_when_the_transaction_is_rolled_back(sql: Sql, two_days: Lake) -> None:
    assert two_days.database
    error = sql.batch_error("CREATE TABLE t AS SELECT * FROM spectrum.orders", "SELECT 1/0")
    assert "division by zero" in error
    assert sql.rows(f"SELECT count(*) FROM {storage(sql)}.orders") == [(3,)]


def test_a_change_behind_the_snapshot_of_an_open_transaction_is_no_silent_gap(sql: Sql, two_days: Lake) -> None:
    session = sql.ok("BEGIN", SessionKeepAliveSeconds=60)["SessionId"]
    assert sql.rows("SELECT count(*) FROM spectrum.orders", SessionId=session) == [(3,)]
    two_days.put("orders", "20", rows=orders((4, "d")), name="more.parquet")
    error = sql.error("SELECT count(*) FROM spectrum.orders", SessionId=session)
    assert error.startswith("ERROR: External table spectrum.orders changed after this transaction took its snapshot")
    sql.ok("ROLLBACK", SessionId=session)
    assert sql.rows("SELECT count(*) FROM spectrum.orders", SessionId=session) == [(4,)]


# The bucket beside the statement


def test_a_file_replaced_after_the_listing_is_not_missed_and_none_is_fetched_twice(
    folder: Path, lake: Lake, local_aws: LocalAws
) -> None:
    lake.table("orders", ORDERS)
    old = lake.put("orders", rows=orders((1, "old")), name="a.parquet")
    lake.put("orders", rows=orders((2, "b")), name="b.parquet")
    fetched: list[str] = []

    def note(params: dict[str, Any], **_: object) -> None:
        if not fetched:
            lake.put("orders", rows=orders((1, "new")), name="c.parquet")
            lake.remove(old)
        fetched.append(params["url_path"].rpartition("/")[2])

    def s3(_: str) -> Any:
        client = local_aws.client("s3")
        client.meta.events.register("before-call.s3.GetObject", note)
        return client

    warehouse = Warehouse(folder, port=free_port(), password=PASSWORD, s3=s3, glue=lambda _: local_aws.client("glue"))
    warehouse.start()
    try:
        make = f"CREATE EXTERNAL SCHEMA spectrum FROM DATA CATALOG DATABASE '{lake.database}' IAM_ROLE default"
        assert run(warehouse, make)["Status"] == "FINISHED"
        for _ in range(2):
            assert run(warehouse, ALL)["ResultRows"] == 2
        # The other door shows what was read last.
        assert rows(warehouse, ALL) == [(1, "new"), (2, "b")]
    finally:
        warehouse.stop()
    assert fetched == ["a.parquet", "b.parquet", "c.parquet"]


# Read only


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE spectrum.orders SET name = 'x'",
        "DELETE FROM spectrum.orders",
        "DELETE spectrum.orders WHERE id = 1",
        "TRUNCATE TABLE spectrum.orders",
        "COPY spectrum.orders FROM 's3://b/k' IAM_ROLE default FORMAT AS PARQUET",
        "MERGE INTO spectrum.orders USING t ON TRUE WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)",
        "CREATE TABLE spectrum.other (id BIGINT)",
        "CREATE VIEW spectrum.v AS SELECT 1 AS a",
        "LOCK TABLE spectrum.orders",
        "VACUUM FULL spectrum.orders",
        "ANALYZE spectrum.orders",
        "INSERT INTO spectrum.orders VALUES (4, 'x', '20')",
        "ALTER TABLE spectrum.orders ADD COLUMN x INT",
        "DROP TABLE IF EXISTS spectrum.orders, t",
        "CREATE VIEW v AS SELECT * FROM spectrum.orders",
        "GRANT SELECT ON spectrum.orders TO PUBLIC",
        "GRANT SELECT ON ALL TABLES IN SCHEMA spectrum TO PUBLIC",
        "SET search_path TO public, spectrum",
        "WITH gone AS (SELECT 1 AS id) DELETE FROM spectrum.orders WHERE id IN (SELECT id FROM gone)",
    ],
)
def test_external_tables_cannot_be_changed(sql: Sql, two_days: Lake, statement: str) -> None:
    assert two_days.database
    sql.ok("CREATE TABLE t AS SELECT id FROM spectrum.orders")
    error = sql.error(statement)
    expected = (
        "is not supported for external tables", "is not supported by the local stand-in", "permission denied",
        "External tables are not supported in views", "privileges of external tables cannot be granted or revoked",
        'External schema "spectrum" cannot be set in search_path',
    )  # fmt: skip
    assert any(text in error for text in expected), error
    assert sql.rows(ALL) == [(1, "a", "20"), (2, None, "20"), (3, "c", "21")]


def test_other_statements_are_left_alone(sql: Sql, two_days: Lake) -> None:
    assert two_days.database
    sql.batch(
        "CREATE ROLE readers",
        "CREATE USER somebody PASSWORD DISABLE",
        "GRANT readers TO somebody",
        "CREATE TABLE t (id BIGINT)",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO somebody",
        "REVOKE SELECT ON t FROM somebody",
        "CREATE VIEW v AS SELECT 'spectrum.orders' AS path FROM t",
        "SET search_path TO public",
        "LOCK t",
        "DROP TABLE t CASCADE",
        "DROP USER somebody",
        "DROP ROLE readers",
    )


def test_who_has_usage_of_the_schema_reads_and_nobody_writes(sql: Sql, two_days: Lake, local_aws: LocalAws) -> None:
    assert two_days.database
    sql.batch("CREATE USER reader PASSWORD 'Reader123'", ALL)
    address = local_aws.warehouse.dsn.replace("sluice:", "reader:", 1)
    start, _, rest = address.partition("reader:")
    with psycopg.connect(f"{start}reader:Reader123@{rest.partition('@')[2]}", autocommit=True) as reader:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(ALL.encode())
        sql.ok("GRANT USAGE ON SCHEMA spectrum TO reader")
        assert reader.execute(ALL.encode()).fetchall() == [(1, "a", "20"), (2, None, "20"), (3, "c", "21")]
        with pytest.raises(psycopg.errors.FeatureNotSupported, match=r"spectrum\.orders is read only"):
            reader.execute("DELETE FROM spectrum.orders")
    sql.batch("REVOKE USAGE ON SCHEMA spectrum FROM reader", "DROP USER reader")


# The schema itself


def test_a_schema_is_made_once_and_dropped_without_its_tables(sql: Sql, two_days: Lake) -> None:
    make = f"SCHEMA {{}} spectrum FROM DATA CATALOG DATABASE '{two_days.database}' IAM_ROLE '{ROLE}'"
    assert 'schema "spectrum" already exists' in sql.error(f"CREATE EXTERNAL {make.format('')}")
    sql.ok(f"CREATE EXTERNAL {make.format('IF NOT EXISTS')}")
    schemas = "SELECT eskind, schemaname, databasename, esoptions FROM svv_external_schemas"
    assert sql.rows(schemas) == [(1, "spectrum", two_days.database, '{"IAM_ROLE":"default"}')]
    assert sql.rows("SELECT count(*) FROM spectrum.orders") == [(3,)]
    where = storage(sql)
    sql.ok("DROP SCHEMA spectrum")
    assert sql.rows(schemas) == []
    assert sql.rows(f"SELECT count(*) FROM pg_namespace WHERE nspname IN ('spectrum', '{where}')") == [(0,)]
    assert 'relation "spectrum.orders" does not exist' in sql.error(ALL)
    sql.ok(f"CREATE EXTERNAL {make.format('')} REGION 'eu-central-1'")
    assert sql.rows(schemas) == [(1, "spectrum", two_days.database, f'{{"IAM_ROLE":"{ROLE}","REGION":"eu-central-1"}}')]
    assert sql.rows("SELECT count(*) FROM spectrum.orders") == [(3,)]
    sql.ok("ALTER SCHEMA spectrum RENAME TO lake")
    assert sql.rows("SELECT count(*) FROM lake.orders") == [(3,)]


def test_a_local_schema_is_not_made_external(sql: Sql, lake: Lake) -> None:
    sql.ok("CREATE SCHEMA spectrum")
    sql.ok(
        f"CREATE EXTERNAL SCHEMA IF NOT EXISTS spectrum FROM DATA CATALOG DATABASE '{lake.database}' IAM_ROLE default"
    )
    assert sql.rows("SELECT schemaname FROM svv_external_schemas") == []
    sql.ok("CREATE TABLE spectrum.orders (id BIGINT)")


def test_a_missing_database_is_an_error_or_is_made(sql: Sql, lake: Lake) -> None:
    missing = f"{lake.database}_missing"
    make = f"CREATE EXTERNAL SCHEMA spectrum FROM DATA CATALOG DATABASE '{missing}' IAM_ROLE default"
    error = sql.error(make)
    assert error.startswith("ERROR: External Catalog Error.")
    assert "EntityNotFoundException from glue" in error
    assert sql.rows("SELECT schemaname FROM svv_external_schemas") == []
    sql.ok(f"{make} CREATE EXTERNAL DATABASE IF NOT EXISTS")
    assert lake.glue.get_database(Name=missing)["Database"]["Name"] == missing
    assert 'relation "spectrum.orders" does not exist' in sql.error(ALL)
    lake.glue.delete_database(Name=missing)
    assert "EntityNotFoundException from glue" in sql.error(ALL)


@pytest.mark.parametrize(
    ("rest", "error"),
    [
        ("FROM DATA CATALOG DATABASE 'x'", "IAM_ROLE is required"),
        ("FROM DATA CATALOG IAM_ROLE default", "DATABASE is required"),
        ("FROM DATA CATALOG DATABASE 'x' IAM_ROLE 'me'", "Invalid IAM role ARN: me"),
        (f"FROM DATA CATALOG DATABASE 'x' IAM_ROLE '{ROLE}, {ROLE}'", "Invalid IAM role ARN"),
        ("FROM DATA CATALOG DATABASE x IAM_ROLE default", 'syntax error at or near "x"'),
        ("FROM DATA CATALOG DATABASE 'x' DATABASE 'y' IAM_ROLE default", 'syntax error at or near "DATABASE"'),
        ("FROM CATALOG DATABASE 'x' IAM_ROLE default", 'syntax error at or near "CATALOG"'),
        ("FROM HIVE METASTORE DATABASE 'x' IAM_ROLE default", "FROM HIVE is not supported by the local stand-in"),
        (
            "FROM DATA CATALOG DATABASE 'x' IAM_ROLE default CATALOG_ID '1'",
            "CREATE EXTERNAL SCHEMA with CATALOG_ID is not supported by the local stand-in",
        ),
    ],
)
def test_the_grammar_is_redshifts(sql: Sql, rest: str, error: str) -> None:
    assert error in sql.error(f"CREATE EXTERNAL SCHEMA spectrum {rest}")
    assert sql.rows("SELECT schemaname FROM svv_external_schemas") == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DROP SCHEMA spectrum DROP EXTERNAL DATABASE CASCADE", "DROP SCHEMA with DROP EXTERNAL DATABASE"),
        ("DROP SCHEMA spectrum, public", "DROP SCHEMA of external and local schemas at once"),
        (
            "CREATE EXTERNAL TABLE spectrum.t (x INT) STORED AS TEXTFILE LOCATION 's3://b/'",
            "CREATE EXTERNAL TABLE in a format other than PARQUET",
        ),
        (
            "CREATE EXTERNAL TABLE spectrum.t STORED AS PARQUET LOCATION 's3://b/' AS SELECT 1",
            "CREATE EXTERNAL TABLE AS",
        ),
        (
            "CREATE EXTERNAL TABLE spectrum.t (x ARRAY<INT>) STORED AS PARQUET LOCATION 's3://b/'",
            "The type ARRAY of column x",
        ),
        ("ALTER TABLE spectrum.orders SET FILE FORMAT PARQUET", "ALTER TABLE SET FILE FORMAT"),
        ("ALTER TABLE spectrum.orders ADD COLUMN x INT", "ALTER TABLE for the external table spectrum.orders"),
        ("PREPARE p AS SELECT * FROM spectrum.orders", "PREPARE with an external table"),
        ("CREATE MATERIALIZED VIEW v AS SELECT id FROM spectrum.orders", "A materialized view with an external table"),
    ],
)
def test_what_only_redshift_can_do_is_refused(sql: Sql, two_days: Lake, statement: str, what: str) -> None:
    assert two_days.database
    assert f"{what} is not supported by the local stand-in" in sql.error(statement)
    assert sql.rows("SELECT count(*) FROM spectrum.orders") == [(3,)]


def test_the_system_views_show_the_catalog_as_it_is_now(sql: Sql, two_days: Lake) -> None:
    assert sql.rows("SELECT schemaname, tablename, columnname, external_type, columnnum, part_key, is_nullable"
                    " FROM svv_external_columns ORDER BY columnnum") == [
        ("spectrum", "orders", "id", "bigint", 1, 0, "true"),
        ("spectrum", "orders", "name", "varchar(10)", 2, 0, "true"),
        ("spectrum", "orders", "day", "string", 3, 1, "true"),
    ]  # fmt: skip
    hive = "org.apache.hadoop.hive.ql.io.parquet."
    shape = (f"{hive}MapredParquetInputFormat", f"{hive}MapredParquetOutputFormat", f"{hive}serde.ParquetHiveSerDe")
    tables = "SELECT * FROM svv_external_tables"
    ((*table, parameters),) = sql.rows(tables)
    assert table == [
        "warehouse", "spectrum", "orders", "TABLE", two_days.location("orders"), *shape, '{"serialization.format":"1"}',
        0,
    ]  # fmt: skip
    assert json.loads(parameters)["classification"] == "parquet"
    partitions = 'SELECT schemaname, tablename, "values", location FROM svv_external_partitions ORDER BY 3'
    expected = [("spectrum", "orders", f'["{day}"]', two_days.location("orders", day)) for day in ("20", "21", "22")]
    assert sql.rows(partitions) == expected[:2]
    two_days.register("orders", "22")
    assert sql.rows(partitions) == expected
    assert sql.rows("SELECT count(*) FROM spectrum.orders") == [(3,)]
    assert sql.rows("SELECT table_schema, table_name, table_type FROM svv_tables WHERE table_name = 'orders'") == [
        ("spectrum", "orders", "EXTERNAL TABLE")
    ]
    listed = sql.client.list_tables(WorkgroupName="sluice", Database="warehouse", SchemaPattern="spectrum")["Tables"]
    assert listed == [{"name": "orders", "schema": "spectrum", "type": "EXTERNAL TABLE"}]
    schemas = sql.client.list_schemas(WorkgroupName="sluice", Database="warehouse")["Schemas"]
    assert [name for name in schemas if name.startswith("pg_ext")] == []
    two_days.glue.delete_table(DatabaseName=two_days.database, Name="orders")
    assert sql.rows(tables) == []
