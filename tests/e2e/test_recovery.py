"""A Glue process killed in the middle of either job: recovery ends with the rows of an undisturbed run."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import psycopg

from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice.simulator import Sender, SimulatorOptions, Truth, simulate
from tests.e2e.stack import PATIENCE_SECONDS, Stack

FIRST = Partition(datetime(2026, 11, 18, 7, tzinfo=UTC))
OPTIONS = SimulatorOptions(start=FIRST, seed=11, rows=200, update_share=0.3)
DATASET = "transactions"


def test_kill_in_the_middle_of_both_jobs(stack: Stack) -> None:
    contract = stack.contracts[DATASET]
    truth = Truth({DATASET: contract})
    sender = Sender(stack.clients.s3, stack.settings.raw_bucket, truth)

    # Job 1 dies while it writes its files.
    sender.send(simulate(contract, FIRST, replace(OPTIONS, rows=20_000)))
    _kill_run(stack, stack.settings.convert_job, lambda run: any((run / "work" / "tmp").glob("sluice-*/*/*.parquet")))
    [first] = _settled(stack, FIRST)
    assert first.state is BatchState.LOADED
    assert [step.state for step in first.history] == [
        BatchState.RECEIVED,
        BatchState.CONVERTING,
        BatchState.RECEIVED,
        BatchState.CONVERTING,
        BatchState.CONVERTED,
        BatchState.LOADING,
        BatchState.LOADED,
    ]
    _compare(stack, truth, first)

    # Job 2 dies while its transaction waits for the target: the warehouse goes on without it.
    dsn = stack.cloud.warehouse_dsn
    assert dsn is not None
    with psycopg.connect(dsn) as reader:
        reader.execute("lock table transactions")
        sender.send(simulate(contract, FIRST.next(), OPTIONS))
        _kill_run(stack, stack.settings.load_job, lambda _: _is_waiting_for_lock(dsn))
    [second] = _settled(stack, FIRST.next())
    assert second.state is BatchState.LOADED
    assert [step.state for step in second.history].count(BatchState.LOADING) == 2
    _compare(stack, truth, first, second)
    assert stack.rows(f"select count(*) from sluice.load_audit where batch_id = '{second.batch_id}'") == [(1,)]
    assert stack.rows("select table_name from information_schema.tables where table_name like 'stage_trans%'") == []


def _kill_run(stack: Stack, job: str, is_in_the_middle: Callable[..., bool]) -> None:
    """Wait until a run of the job is in the middle of its work, and kill its process as a crash would."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for run in stack.clients.glue.get_job_runs(JobName=job)["JobRuns"]:
            folder = stack.cloud.config.glue_dir / run["Id"]
            if run["JobRunState"] == "RUNNING" and _works_for(run["Arguments"]):
                pid = int((folder / "pid").read_text())
                # Nobody is asked from here on: the moment is short.
                while (folder / "pid").exists():
                    if is_in_the_middle(folder):
                        os.kill(pid, signal.SIGKILL)
                        return
                    time.sleep(0.001)
        time.sleep(0.02)
    raise AssertionError(f"no run of {job} came to the middle of its work")


def _works_for(arguments: dict[str, str]) -> bool:
    return arguments.get("--dataset") == DATASET


def _is_waiting_for_lock(dsn: str) -> bool:
    query = "select count(*) from pg_locks where not granted and relation = 'transactions'::regclass"
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query).fetchone() != (0,)


def _settled(stack: Stack, partition: Partition) -> list[BatchRecord]:
    """The batches of a partition, when everything is done with all of the dataset; other tests have others."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = [batch for batch in stack.settled(DATASET, 1) if batch.partition == partition.label]
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"no batch of {partition.label} came")


def _compare(stack: Stack, truth: Truth, *batches: BatchRecord) -> None:
    """The table holds of these batches exactly what the generator says, whole rows and all columns."""
    ours = ", ".join(f"'{batch.batch_id}'" for batch in batches)
    names = stack.contracts[DATASET].table(DATASET).column_names
    expected = sorted(tuple(version.row[name] for name in names) for version in truth.rows(DATASET).values())
    assert stack.rows(f"select {', '.join(names)} from {DATASET} where _batch_id in ({ours}) order by 1") == expected
