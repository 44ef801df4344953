"""Who waits for a load: other loads of the same table, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from localcloud_tests.warehouse.client import TARGET, Sql
from sluice.contract.model import LoadMode
from sluice.lake.handover import LoadBatchOutcome
from sluice.warehouse.batches import list_batches
from sluice.warehouse.merge import merge
from sluice.warehouse.staging import Staging, stage
from sluice.warehouse.target import Target
from tests.warehouse.loads import Loads, batch_id, contract_of, counts, row, stored, things

MODES: list[LoadMode] = ["upsert", "append", "full_refresh"]
WAITING = (
    "SELECT COUNT(*) FROM pg_locks l INNER JOIN pg_class c ON c.oid = l.relation "
    "WHERE c.relname = 'loads_things' AND NOT l.granted"
)


@contextmanager
def open_load(loads: Loads, sql: Sql, mode: LoadMode) -> Iterator[str]:
    """A load whose transaction has done all its work and is not committed."""
    target = Target("things", loads.schema, things(mode))
    # No name that the second load would take for what a dead run left behind.
    staging = Staging(target, "open")
    file = loads.publish(target.table, batch_id(2), [row(1, 2, "two")])
    claim = loads.dispatch(contract_of(target.table), {batch_id(2): {"things": (file,)}})
    loads.warehouse.transaction(
        stage(staging, loads.processed.load_manifest(claim, "things"), "default"), label="stage"
    )
    begun = sql.client.execute_statement(Sql="BEGIN", SessionKeepAliveSeconds=300, **TARGET)
    sql.wait(begun["Id"])
    session = str(begun["SessionId"])
    for statement in merge(staging, list_batches([batch_id(2)], mode), claim):
        sql.ok(statement, SessionId=session)
    yield session
    loads.warehouse.execute(f"DROP TABLE IF EXISTS {staging.sql}")


@pytest.mark.parametrize("mode", MODES)
def test_readers_of_the_target_do_not_wait_for_a_load(loads: Loads, sql: Sql, mode: LoadMode) -> None:
    table = things(mode)
    loads.load(table, {batch_id(2, 0): [row(1, 1, "one")]})
    before = [stored(row(1, 1, "one"), batch_id(2, 0))]
    impatient = replace(loads.warehouse, timeout_seconds=20)

    with open_load(loads, sql, mode) as session:
        assert impatient.rows("SELECT * FROM public.things") == before
        sql.ok("COMMIT", SessionId=session)

    assert loads.rows() == [stored(row(1, 2, "two"), batch_id(2))]


@pytest.mark.parametrize("mode", MODES)
def test_a_second_load_of_the_table_waits_for_the_first(loads: Loads, sql: Sql, mode: LoadMode) -> None:
    """It would otherwise take its snapshot before the first has committed, and count rows as new that are not."""
    table = things(mode)
    loads.load(table, {batch_id(2, 0): [row(1, 1, "one")]})

    def second() -> dict[str, LoadBatchOutcome]:
        return loads.load(table, {batch_id(2, 3): [row(1, 3, "three")]})

    with ThreadPoolExecutor(1) as pool, open_load(loads, sql, mode) as session:
        future = pool.submit(second)
        waiting = any(sql.rows(WAITING) == [(1,)] for _ in range(1000) if not future.done())
        assert waiting
        sql.ok("COMMIT", SessionId=session)
        outcome = future.result()

    expected: dict[LoadMode, Any] = {"upsert": (1, 0, 1, 0), "append": (1, 1, 0, 0), "full_refresh": (1, 1, 0, 0)}
    assert counts(outcome) == {batch_id(2, 3): expected[mode]}
    assert loads.rows() == [stored(row(1, 3, "three"), batch_id(2, 3))]
    assert [entry[1] for entry in loads.audit()] == [batch_id(2, 0), batch_id(2), batch_id(2, 3)]
