"""What commits, what rolls back, and who waits for whom."""

from __future__ import annotations

import time

import pytest

from localcloud_tests.warehouse.client import TARGET, Sql

pytestmark = pytest.mark.usefixtures("pausing")


def test_a_failing_batch_rolls_everything_back(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT)")
    found = sql.run_batch("INSERT INTO t VALUES (1)", "INSERT INTO nowhere VALUES (2)", "INSERT INTO t VALUES (3)")
    assert found["Status"] == "FAILED"
    assert found["Error"].startswith('Query #2 failed with ERROR: relation "nowhere" does not exist')
    assert [part["Status"] for part in found["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert sql.rows("SELECT * FROM t") == []


def test_ddl_rolls_back_too(sql: Sql) -> None:
    sql.batch_error("CREATE TABLE t (id INT)", "SELECT 1/0")
    assert 'relation "t" does not exist' in sql.error("SELECT * FROM t")


def test_with_auto_commit_the_others_stay(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT)")
    found = sql.run_batch(
        "INSERT INTO t VALUES (1)", "SELECT 1/0", "INSERT INTO t VALUES (3)", ExecutionMode="AUTO_COMMIT"
    )
    assert (found["Status"], found["ExecutionMode"]) == ("FAILED", "AUTO_COMMIT")
    assert [part["Status"] for part in found["SubStatements"]] == ["FINISHED", "FAILED", "FINISHED"]
    assert sql.rows("SELECT id FROM t ORDER BY id") == [(1,), (3,)]


def test_truncate_commits_what_came_before_it(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)", "CREATE TABLE u (id INT)")
    sql.batch_error("INSERT INTO u VALUES (1)", "TRUNCATE t", "INSERT INTO u VALUES (2)", "SELECT 1/0")
    assert sql.rows("SELECT id FROM t") == []
    assert sql.rows("SELECT id FROM u") == [(1,)]


def test_delete_is_the_way_to_empty_a_table_within_a_transaction(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    sql.batch_error("DELETE FROM t", "SELECT 1/0")
    assert sql.rows("SELECT id FROM t") == [(1,)]


def test_vacuum_runs_alone_only(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT)")
    for text in (
        "VACUUM",
        "VACUUM t",
        "VACUUM FULL t TO 99 PERCENT BOOST",
        "VACUUM SORT ONLY t",
        "VACUUM DELETE ONLY t",
    ):
        sql.ok(text)
    assert "VACUUM cannot run inside a transaction block" in sql.batch_error("SELECT 1", "VACUUM t")
    sql.batch("ANALYZE t", "ANALYZE t (id)", "ANALYZE t PREDICATE COLUMNS", "ANALYZE")


def test_changing_a_varchar_runs_alone_only(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (name VARCHAR(3))")
    assert "cannot run inside a transaction block" in sql.batch_error("ALTER TABLE t ALTER COLUMN name TYPE VARCHAR(9)")


def test_lock_keeps_readers_out(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT)")
    holder = sql.client.batch_execute_statement(
        Sqls=["LOCK t", "INSERT INTO t VALUES (1)", "SELECT pause(0.6)"], **TARGET
    )["Id"]
    while sql.client.describe_statement(Id=holder)["SubStatements"][2]["Status"] != "STARTED":
        time.sleep(0.02)
    # The reader answers only after the holder has committed, and sees its row.
    assert sql.rows("SELECT id FROM t") == [(1,)]
    assert sql.client.describe_statement(Id=holder)["Status"] == "FINISHED"


def test_writers_of_one_table_queue_and_lose_nothing(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT, n INT)", "INSERT INTO t VALUES (1, 0)")
    ids = [sql.client.execute_statement(Sql="UPDATE t SET n = n + 1", **TARGET)["Id"] for _ in range(12)]
    assert {sql.wait(found)["Status"] for found in ids} == {"FINISHED"}
    assert sql.rows("SELECT n FROM t") == [(12,)]


def test_a_snapshot_older_than_anothers_write_is_a_serialization_error(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT, n INT)", "CREATE TABLE stage (id INT)", "INSERT INTO t VALUES (1, 0)")
    late = sql.client.batch_execute_statement(
        Sqls=["SELECT count(*) FROM stage", "SELECT pause(0.6)", "UPDATE t SET n = n + 1"], **TARGET
    )["Id"]
    while sql.client.describe_statement(Id=late)["SubStatements"][1]["Status"] != "STARTED":
        time.sleep(0.02)
    sql.ok("UPDATE t SET n = n + 10")
    found = sql.wait(late)
    assert found["Status"] == "FAILED"
    assert "1023 Serializable isolation violation on table" in found["Error"]
    assert sql.rows("SELECT n FROM t") == [(10,)]


def test_locking_first_takes_the_snapshot_after_the_wait(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT, n INT)", "INSERT INTO t VALUES (1, 0)")
    batch = ["LOCK t", "SELECT pause(0.1)", "UPDATE t SET n = n + 1"]
    ids = [sql.client.batch_execute_statement(Sqls=batch, **TARGET)["Id"] for _ in range(4)]
    assert {sql.wait(found)["Status"] for found in ids} == {"FINISHED"}
    assert sql.rows("SELECT n FROM t") == [(4,)]


def test_insert_then_update_of_one_table_can_deadlock(sql: Sql) -> None:
    sql.batch("CREATE TABLE t (id INT, n INT)", "INSERT INTO t VALUES (1, 0)")
    batch = ["INSERT INTO t VALUES (2, 0)", "SELECT pause(0.5)", "UPDATE t SET n = n + 1"]
    ids = [sql.client.batch_execute_statement(Sqls=batch, **TARGET)["Id"] for _ in range(2)]
    found = [sql.wait(one) for one in ids]
    assert sorted(one["Status"] for one in found) == ["FAILED", "FINISHED"]
    (error,) = [one["Error"] for one in found if one["Status"] == "FAILED"]
    assert "deadlock detected" in error
    assert sql.rows("SELECT count(*) FROM t") == [(2,)]
