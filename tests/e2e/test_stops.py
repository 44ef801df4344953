"""One load that is stopped at every state after its rows are in, and killed with everything else in the middle of one.

Each time it is made to go on, by the sweep or by an operator; the end is that of a load without trouble.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg

from sluice.aws.arns import Arns
from sluice.aws.executions import Execution, Executions
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice.ledger.retry import retry
from sluice.names import SWEEP_FUNCTION
from sluice.simulator import Sender, SimulatorOptions, Truth, simulate
from sluice_laptop.deploy.warehouse import bootstrap_warehouse
from tests.e2e.stack import PATIENCE_SECONDS, Stack

DATASET = "orders"
HOUR = Partition.parse("2027-05-03T04")
FOLDER = "orders/year=2027/month=05/day=03/hour=04"
PROCEDURE = "refresh_daily_orders"
GUARD = "guard_daily_orders"
AGGREGATES = ("daily_orders", "daily_sales_by_category", "daily_sales_by_segment", "top_products")


def test_a_load_that_stops_everywhere_ends_as_one_that_stops_nowhere(stack: Stack) -> None:
    truth = Truth({DATASET: stack.contracts[DATASET]})
    options = SimulatorOptions(HOUR, rows=60, bad_share=0.1, update_share=0)

    # A procedure is gone. The sweep comes when the test calls it: it makes a load go on only so often.
    _stop_schedule(stack)
    _execute(stack, f"drop procedure aggregates.{PROCEDURE}(varchar)")
    _break_archive(stack)
    sender = Sender(stack.clients.s3, stack.settings.raw_bucket, truth)
    sender.send(simulate(stack.contracts[DATASET], HOUR, options))
    batch = _stopped_batch(stack, "RefreshAggregates")
    assert batch.state is BatchState.LOADED
    assert PROCEDURE in batch.reason
    _compare_rows(stack, truth)
    assert _aggregate(stack, "daily_orders") == []

    # It is back, but everything is killed while its call waits for a lock.
    bootstrap_warehouse(stack.clients, stack.settings)
    _kill_in_the_middle(stack, batch)
    stack.start()
    _stop_schedule(stack)
    assert _execution(stack, batch).message.startswith("LocalCloudStopped")

    # The aggregates are right, but the function of the archive is broken; the deploy had fixed it.
    _break_archive(stack)
    _sweep(stack)
    batch = _stopped_batch(stack, "Archive")
    assert batch.state is BatchState.LOADED
    assert [order[1] for order in _aggregate(stack, "daily_orders")] == [len(truth.rows("orders"))]
    assert _keys(stack, f"archive/{FOLDER}/") == []

    # The files are away, but the last step cannot reach the ledger, and so cannot even book that it failed.
    stack.deploy()
    _stop_schedule(stack)
    _hide_ledger(stack)
    _sweep(stack)
    _wait(lambda: _execution(stack, batch).has_failed and _batch(stack).state is BatchState.ARCHIVED, "Finish to fail")
    assert "Finish failed" in _execution(stack, batch).message
    assert stack.ledger.open_loads(DATASET) != ()

    # The sweep has gone on with it as often as it may; now it is the operator's turn.
    stack.deploy()
    _sweep(stack)
    [given_up] = stack.ledger.open_loads(DATASET)
    assert given_up.is_given_up
    assert _execution(stack, batch).has_failed
    retry(batch.batch_id, stack.ledger, _executions(stack), stack.settings.load_machine, datetime.now(UTC))
    # The load is closed by the last step, which Step Functions takes note of a moment later.
    _wait(lambda: _execution(stack, batch).state == "SUCCEEDED", "the load to be finished")
    assert stack.ledger.open_loads(DATASET) == ()

    batch = _batch(stack)
    assert (batch.state, batch.reason) == (BatchState.ARCHIVED, "")
    assert [step.state for step in batch.history].count(BatchState.LOADING) == 1
    _compare_rows(stack, truth)
    _compare_aggregates(stack)
    _compare_files(stack, batch)


def _kill_in_the_middle(stack: Stack, batch: BatchRecord) -> None:
    """Kill the local cloud, warehouse and all, while the refresh waits for its lock and all that is so far is saved."""
    dsn = stack.cloud.warehouse_dsn
    assert dsn is not None
    blocker = psycopg.connect(dsn)
    try:
        blocker.execute(f"lock table sluice.{GUARD}")
        _sweep(stack)
        _wait(lambda: _is_waiting(dsn), "the refresh to wait for its lock")
        _wait(lambda: _is_saved(stack, batch), "the state to be saved")
        stack.cloud.kill()
    finally:
        blocker.close()


def _is_waiting(dsn: str) -> bool:
    query = f"select count(*) from pg_locks where not granted and relation = 'sluice.{GUARD}'::regclass"
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query).fetchone() != (0,)


def _is_saved(stack: Stack, batch: BatchRecord) -> bool:
    """Whether the execution's redrive, and that the sweep has counted it, are on disk."""
    saved = [path.read_text("utf-8") for path in stack.cloud.config.services_dir.iterdir() if path.is_file()]
    is_redriven = any("ExecutionRedriven" in body and batch.claim_id in body for body in saved)
    # The open load was there before the sweep, with a count of 0: services are saved one after the other.
    opened = [body.partition(f'"OPEN#{DATASET}"')[2].partition(f'"{batch.claim_id}"')[2] for body in saved]
    return is_redriven and any(re.match(r'.{,400}"redrives": \{"N": "1"\}', item) for item in opened)


def _stop_schedule(stack: Stack) -> None:
    """Switch the sweep's schedule off; the next deploy switches it on."""
    stack.clients.events.disable_rule(Name=stack.settings.prefix + SWEEP_FUNCTION)


def _break_archive(stack: Stack) -> None:
    stack.clients.lambda_.update_function_configuration(
        FunctionName=f"{stack.settings.prefix}archive", Handler="lambda_trigger.handlers.gone"
    )


def _hide_ledger(stack: Stack) -> None:
    name = f"{stack.settings.prefix}load-step"
    known = stack.clients.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    stack.clients.lambda_.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**known, "SLUICE_LEDGER_TABLE": "gone"}}
    )


def _sweep(stack: Stack) -> None:
    answer = stack.clients.lambda_.invoke(FunctionName=stack.settings.prefix + SWEEP_FUNCTION, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()


def _batch(stack: Stack) -> BatchRecord:
    return stack.ledger.versions(f"{DATASET}.{HOUR.compact}.0")[0]


def _stopped_batch(stack: Stack, state: str) -> BatchRecord:
    """The batch, when its execution has stopped because of a state."""

    def is_stopped() -> bool:
        found = stack.ledger.versions(f"{DATASET}.{HOUR.compact}.0")
        return bool(found) and found[0].reason.startswith(f"{state} failed") and _execution(stack, found[0]).has_failed

    _wait(is_stopped, f"{state} to fail")
    return _batch(stack)


def _executions(stack: Stack) -> Executions:
    return Executions(stack.clients.stepfunctions, Arns(stack.clients.sts))


def _execution(stack: Stack, batch: BatchRecord) -> Execution:
    found = _executions(stack).describe(stack.settings.load_machine, batch.claim_id)
    assert found is not None
    return found


def _wait(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


def _execute(stack: Stack, sql: str) -> None:
    dsn = stack.cloud.warehouse_dsn
    assert dsn is not None
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.encode())


def _aggregate(stack: Stack, name: str) -> list[tuple[object, ...]]:
    day = HOUR.start.date().isoformat()
    return stack.rows(f"select * from aggregates.{name} where business_date = '{day}' order by 1, 2, 3")


def _compare_rows(stack: Stack, truth: Truth) -> None:
    names = stack.contracts[DATASET].table(DATASET).column_names
    expected = sorted(tuple(version.row[name] for name in names) for version in truth.rows(DATASET).values())
    day = HOUR.start.date().isoformat()
    found = stack.rows(f"select {', '.join(names)} from {DATASET} where order_date = '{day}' order by 1")
    assert found == expected


def _compare_aggregates(stack: Stack) -> None:
    """What the interrupted refreshes left is what one undisturbed refresh gives."""
    before = {name: _aggregate(stack, name) for name in AGGREGATES}
    assert all(before.values())
    for name in AGGREGATES:
        _execute(stack, f"call aggregates.refresh_{name}('{HOUR.start.date().isoformat()}')")
    assert {name: _aggregate(stack, name) for name in AGGREGATES} == before


def _compare_files(stack: Stack, batch: BatchRecord) -> None:
    assert _keys(stack, f"{FOLDER}/") == []
    assert len(_keys(stack, f"archive/{FOLDER}/")) == batch.files + 1
    found = stack.clients.glue.get_partition(
        DatabaseName=stack.settings.raw_database, TableName=DATASET, PartitionValues=list(HOUR.values)
    )
    location = found["Partition"]["StorageDescriptor"]["Location"]
    assert location == f"s3://{stack.settings.raw_bucket}/archive/{FOLDER}/"


def _keys(stack: Stack, prefix: str) -> list[str]:
    found = stack.clients.s3.list_objects_v2(Bucket=stack.settings.raw_bucket, Prefix=prefix)
    return [item["Key"] for item in found.get("Contents", ())]
