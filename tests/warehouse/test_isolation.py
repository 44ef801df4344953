"""Isolation levels: what the stand-in refuses under each; loads conflict about nothing under either."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from localcloud_tests.warehouse.client import TARGET, Sql
from sluice.contract.model import Column, LoadMode
from sluice.warehouse.bootstrap import create_own
from tests.warehouse.loads import Loads, batch_id, contract_of, row, stored, things

LEVELS = {"SNAPSHOT": "Snapshot Isolation", "SERIALIZABLE": "Serializable"}
MODES: tuple[LoadMode, ...] = ("upsert", "append", "full_refresh")


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, sql: Sql) -> Iterator[str]:
    """The warehouse with this isolation level; with the usual one afterwards."""
    sql.ok(f"ALTER DATABASE warehouse ISOLATION LEVEL {request.param}")
    yield request.param
    sql.ok("ALTER DATABASE warehouse ISOLATION LEVEL SNAPSHOT")


def begin(sql: Sql) -> str:
    begun = sql.client.execute_statement(Sql="BEGIN", SessionKeepAliveSeconds=60, **TARGET)
    sql.wait(begun["Id"])
    return str(begun["SessionId"])


def test_the_level_is_shown(level: str, sql: Sql) -> None:
    assert sql.rows("SELECT isolation_level FROM stv_db_isolation_level") == [(LEVELS[level],)]


def test_transactions_that_read_what_the_other_writes_conflict_when_serializable(level: str, sql: Sql) -> None:
    """AWS's own example: both read and add to a shared table, so no order of the two gives both results.

    Source: https://repost.aws/knowledge-center/redshift-serializable-isolation
    """
    sql.batch("CREATE TABLE shared (n integer)", "CREATE TABLE one (n integer)", "CREATE TABLE two (n integer)")
    first, second = begin(sql), begin(sql)
    for session, own in ((first, "one"), (second, "two")):
        sql.ok(f"INSERT INTO {own} SELECT COUNT(*) FROM shared", SessionId=session)
    for session in (first, second):
        sql.run("INSERT INTO shared VALUES (1)", SessionId=session)

    ends = [sql.run("COMMIT", SessionId=session) for session in (first, second)]

    if level == "SNAPSHOT":
        assert [end["Status"] for end in ends] == ["FINISHED", "FINISHED"]
        assert sql.rows("SELECT COUNT(*) FROM shared") == [(2,)]
    else:
        assert sql.rows("SELECT COUNT(*) FROM shared") == [(1,)]


def test_other_databases_and_other_changes_are_refused(sql: Sql) -> None:
    assert sql.error("ALTER DATABASE other ISOLATION LEVEL SNAPSHOT") == 'ERROR: database "other" does not exist'
    assert "syntax error" in sql.error("ALTER DATABASE warehouse ISOLATION LEVEL CHAOS")
    assert "is not supported by the local stand-in" in sql.error("ALTER DATABASE warehouse OWNER TO other")
    assert "cannot run inside a transaction block" in sql.batch_error(
        "ALTER DATABASE warehouse ISOLATION LEVEL SNAPSHOT", "SELECT 1"
    )


def test_loads_of_many_datasets_at_once_conflict_about_nothing(level: str, loads: Loads) -> None:
    """As at the top of an hour; the audit is there, as after any deployment."""
    for label, statement in create_own():
        loads.warehouse.execute(statement, label=label)
    names = [f"d{number:02}" for number in range(24)]
    everybody = {name: Loads(loads.s3, loads.client, loads.bucket) for name in names}

    def load(name: str) -> list[str]:
        mode = MODES[names.index(name) % 3]
        columns = (*things().columns, Column("sold", "date"))
        table = replace(things(mode, name=name), columns=columns, business_date="sold")
        batch = batch_id(1, dataset=name)
        file = loads.publish(table, batch, [(*row(1, 1, "x"), None), (*row(2, 1, "y"), None)])
        contract = contract_of(table, dataset=name)
        claim = everybody[name].dispatch(contract, {batch: {name: (file,)}}, claim=f"{loads.bucket}-{batch}")
        return [found.error for found in everybody[name].run(contract, claim).values()]

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(load, names)) == [[""]] * len(names)

    assert {name: found.slept for name, found in everybody.items()} == {name: [] for name in names}
    for name in names:
        batch = batch_id(1, dataset=name)
        assert loads.rows(name) == [
            (*stored((*row(1, 1, "x"), None), batch),),
            (*stored((*row(2, 1, "y"), None), batch),),
        ]
    assert [entry[1] for entry in loads.audit()] == [batch_id(1, dataset=name) for name in names]
