"""What follows from a run's end, told by an event or found by the sweep."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from lambda_trigger import after_run, arrival
from lambda_trigger.sweep import SweepError
from sluice.aws.jobs import JobRun
from sluice.errors import AwsError, StartUnclearError
from sluice.lake.handover import BatchOutcome, FileCounts, FrozenManifest, LoadCounts, TableCounts
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord, Slot, timestamp
from sluice.settings import Settings
from tests.doubles.machine import Going
from tests.doubles.world import START, World, published

OUTDATED = "OutdatedFilesError: table public.orders: its files have tax where the contract has vat"
FOLDER = "orders/year=2026/month=11/day=20/hour={:02}"


@pytest.fixture
def world() -> World:
    return World(Settings(retry_delay_seconds=0))


def started(world: World, *hours: int) -> JobRun:
    """A conversion of one batch an hour."""
    world.deliver(*(world.send(FOLDER.format(hour)) for hour in hours))
    (run,) = world.glue.running
    return run


def records(world: World) -> list[BatchRecord]:
    return [record for _, record in sorted(world.ledger.records.items())]


def states(world: World) -> list[str]:
    return [str(record.state) for record in records(world)]


def path(record: BatchRecord) -> list[str]:
    return [str(change.state) for change in record.history]


def test_a_batch_goes_all_the_way(world: World) -> None:
    convert = started(world, 1)
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    (load,) = world.glue.running
    world.succeed(load.run_id)
    world.notify(load.run_id)
    (record,) = records(world)
    assert path(record) == ["RECEIVED", "CONVERTING", "CONVERTED", "LOADING", "LOADED"]
    assert record.counts == {"orders": TableCounts(1, 0, 0, 1)}
    assert record.load_counts == {"orders": LoadCounts(staged=1)}
    assert (record.convert_claim, record.claim_id, record.run_id) == ("c0001", "c0002", "c0002")
    assert (record.stage, record.attempts, record.reason) == (Stage.LOAD, 0, "")
    file = f"s3://sluice-raw/{FOLDER.format(1)}/part-1"
    assert world.ledger.file_counts(record.batch_id) == (FileCounts(file, 1, 0, {"orders": TableCounts(1, 0, 0, 1)}),)
    assert [world.ledger.slot("orders", stage) for stage in Stage] == [None, None]


def test_what_files_lack_is_booked_and_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(run: str, manifest: FrozenManifest) -> BatchOutcome:
        outcome = published(run, manifest)
        return replace(outcome, files=tuple(replace(file, absent=("orders.note",)) for file in outcome.files))

    monkeypatch.setattr("tests.doubles.world.published", lacking)
    convert = started(world, 1)
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    (record,) = records(world)
    assert record.absent == {"orders.note": 1}
    assert [file.absent for file in world.ledger.file_counts(record.batch_id)] == [("orders.note",)]


def test_the_same_end_twice_changes_nothing(world: World) -> None:
    convert = started(world, 1)
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    before = records(world)
    world.notify(convert.run_id)
    assert records(world) == before
    assert len(world.glue.runs) == 2


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT", "ERROR"])
def test_batches_of_a_run_that_died_go_on_at_once_in_halves(world: World, state: str) -> None:
    run = started(world, 1, 2, 3)
    world.glue.end(run.run_id, state, "out of memory")
    world.notify(run.run_id)
    assert states(world) == ["CONVERTING", "CONVERTING", "RECEIVED"]
    assert [(record.attempts, record.company) for record in records(world)] == [
        (0, "c0001.1"), (0, "c0001.1"), (0, "c0001.2"),
    ]  # fmt: skip
    reason = f"run jr_1 of sluice-raw-to-parquet ended as {state}: out of memory"
    assert {record.reason for record in records(world)} == {reason}
    note = records(world)[2].history[-1].note
    assert note == f"no attempt, its run carried 3 batches; it goes on with 1: {reason}"


def test_attempts_do_not_follow_each_other_at_once() -> None:
    world = World()
    pauses = []
    run = started(world, 1)
    while True:
        world.glue.end(run.run_id, "FAILED", "out of memory")
        world.notify(run.run_id)
        failed_at = world.now
        if not records(world)[0].waits_for:
            break
        assert world.glue.running == []
        world.sweep(datetime.fromisoformat(records(world)[0].due_at) - world.now - timedelta(milliseconds=50))
        assert world.glue.running == []
        world.sweep(timedelta(milliseconds=50))
        (run,) = world.glue.running
        pauses.append(round((world.now - failed_at) / timedelta(seconds=1)))
    assert pauses == [60, 120]
    assert states(world) == ["FAILED"]


def test_the_pause_has_an_end() -> None:
    world = World(Settings(retry_delay_seconds=7000, max_attempts=100))
    run = started(world, 1)
    world.glue.end(run.run_id, "FAILED")
    world.notify(run.run_id)
    (record,) = records(world)
    assert record.due_at == timestamp(datetime.fromisoformat(record.updated_at) + timedelta(hours=1))


def test_fresh_batches_go_before_those_that_failed(world: World) -> None:
    run = started(world, 1, 2)
    for hour in (3, 4):
        world.deliver(world.send(FOLDER.format(hour)))
    world.glue.end(run.run_id, "FAILED")
    world.notify(run.run_id)
    assert states(world) == ["RECEIVED", "RECEIVED", "CONVERTING", "CONVERTING"]


def test_a_batch_that_breaks_every_run_fails_and_takes_none_with_it(world: World) -> None:
    started(world, 1, 2, 3)
    poison = min(world.ledger.records)
    for _ in range(30):
        for run in world.glue.running:
            is_convert = run.job == world.settings.convert_job
            if is_convert and poison in world.batch_ids(run):
                world.glue.end(run.run_id, "FAILED", "executor lost")
            else:
                world.succeed(run.run_id)
            world.notify(run.run_id)
    assert states(world) == ["FAILED", "LOADED", "LOADED"]
    failed = records(world)[0]
    assert (failed.stage, failed.attempts) == (Stage.CONVERT, 3)
    assert failed.reason == f"run {failed.run_id} of sluice-raw-to-parquet ended as FAILED: executor lost"
    # Two runs with others, and three alone.
    assert path(failed) == ["RECEIVED", *["CONVERTING", "RECEIVED"] * 4, "CONVERTING", "FAILED"]


def test_batches_of_one_run_have_fates_of_their_own(world: World) -> None:
    run = started(world, 1, 2, 3)
    one, two, three = sorted(world.ledger.records)
    errors = {one: ("InputChangedError: part-1 has changed", False), two: ("AwsDeniedError: AccessDenied", False)}
    world.succeed(run.run_id, errors)
    world.notify(run.run_id)
    assert world.states() == {one: "FAILED", two: "CONVERTING", three: "LOADING"}
    assert world.ledger.records[one].reason == "InputChangedError: part-1 has changed"
    notes = [world.ledger.records[name].history[index].note for name, index in ((one, -1), (two, -2))]
    assert notes == [
        "not tried again: InputChangedError: part-1 has changed",
        "attempt 1 of 3: AwsDeniedError: AccessDenied",
    ]
    assert (world.ledger.records[one].attempts, world.ledger.records[two].attempts) == (1, 1)
    world.drain()
    assert world.states() == {one: "FAILED", two: "LOADED", three: "LOADED"}
    assert world.ledger.records[two].reason == ""


def test_a_load_that_fails_is_tried_again_without_converting_again(world: World) -> None:
    convert = started(world, 1)
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    (load,) = world.glue.running
    world.glue.end(load.run_id, "FAILED", "lost connection")
    world.notify(load.run_id)
    (record,) = records(world)
    assert (record.state, record.attempts) == (BatchState.LOADING, 1)
    world.drain()
    assert path(records(world)[0]) == [
        "RECEIVED", "CONVERTING", "CONVERTED", "LOADING", "CONVERTED", "LOADING", "LOADED",
    ]  # fmt: skip
    assert set(world.conversions.values()) == {1}


def test_files_that_no_longer_fit_their_contract_are_converted_again(world: World) -> None:
    convert = started(world, 1, 2)
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    (load,) = world.glue.running
    outdated, other = (record.batch_id for record in records(world))
    world.succeed(load.run_id, errors={outdated: (OUTDATED, False)})
    world.notify(load.run_id)
    record = records(world)[0]
    assert path(record) == ["RECEIVED", "CONVERTING", "CONVERTED", "LOADING", "RECEIVED", "CONVERTING"]
    assert (record.attempts, record.stage, record.reason) == (0, Stage.CONVERT, OUTDATED)
    assert record.history[4].note == f"no attempt, to be converted again: {OUTDATED}"
    (again,) = world.glue.running
    world.succeed(again.run_id)
    world.notify(again.run_id)
    (load,) = world.glue.running
    world.succeed(load.run_id)
    world.notify(load.run_id)
    assert states(world) == ["LOADED", "LOADED"]
    assert world.conversions == {outdated: 2, other: 1}
    assert records(world)[0].reason == ""


def test_files_that_never_fit_do_not_go_round_for_ever(world: World) -> None:
    """A new load and an old conversion, such as a deployment that stopped half-way leaves behind."""
    started(world, 1)
    (name,) = (record.batch_id for record in records(world))
    for _ in range(2 * world.settings.max_attempts + 2):
        (run,) = world.glue.running
        is_load = run.job == world.settings.load_job
        world.succeed(run.run_id, errors={name: (OUTDATED, False)} if is_load else {})
        world.notify(run.run_id)
    (record,) = records(world)
    assert (record.state, record.reason) == (BatchState.FAILED, OUTDATED)
    assert world.conversions == {name: world.settings.max_attempts + 1}
    assert world.glue.running == []


def test_a_load_that_never_works_fails_the_batch(world: World) -> None:
    run = started(world, 1)
    world.succeed(run.run_id)
    world.notify(run.run_id)
    (batch_id,) = world.ledger.records
    (load,) = world.glue.running
    world.succeed(load.run_id, {batch_id: ("WarehouseError: no such column", False)})
    world.notify(load.run_id)
    (record,) = records(world)
    assert (record.state, record.stage, record.attempts) == (BatchState.FAILED, Stage.LOAD, 1)
    assert record.reason == "WarehouseError: no such column"


@pytest.mark.parametrize("text", [None, "{", "[]", '{"claim_id": "c0001"}'])
def test_success_without_an_outcome_is_a_failed_run(world: World, text: str | None) -> None:
    run = started(world, 1)
    if text is not None:
        world.documents.write("s3://sluice-processed/_sluice/runs/c0001/outcome.json", text)
    world.glue.end(run.run_id, "SUCCEEDED")
    world.notify(run.run_id)
    (record,) = records(world)
    assert (record.state, record.attempts) == (BatchState.CONVERTING, 1)
    assert record.reason == "run jr_1 of sluice-raw-to-parquet succeeded without an outcome for this batch"


def test_an_outcome_that_lacks_a_batch_is_a_failed_run_for_it(world: World) -> None:
    run = started(world, 1, 2)
    one, two = sorted(world.ledger.records)
    input_url = "s3://sluice-processed/_sluice/runs/c0001/input.json"
    whole = world.documents.read(input_url)
    frozen = f"s3://sluice-processed/_sluice/manifests/orders/{two}.json"
    world.documents.write(
        input_url, f'{{"claim_id": "c0001", "dataset": "orders", "batches": {{"{two}": "{frozen}"}}}}'
    )
    world.succeed(run.run_id)
    world.documents.write(input_url, whole)
    world.notify(run.run_id)
    assert world.states() == {one: "CONVERTING", two: "LOADING"}
    assert world.ledger.records[one].attempts == 1


def test_work_that_is_done_counts_even_when_the_run_failed_afterwards(world: World) -> None:
    run = started(world, 1)
    world.work(run.run_id)
    world.glue.end(run.run_id, "FAILED", "driver lost while it stopped")
    world.notify(run.run_id)
    assert states(world) == ["LOADING"]
    assert set(world.conversions.values()) == {1}


def test_an_event_that_is_ahead_of_glue_counts(world: World) -> None:
    run = started(world, 1)
    after_run.on_change(world.trigger, run.job, run.run_id, "FAILED")
    (record,) = records(world)
    assert record.reason == "run jr_1 of sluice-raw-to-parquet ended as FAILED: AWS gives no reason"


@pytest.mark.parametrize(
    ("job", "run_id", "state"),
    [
        ("somebody-elses-job", "jr_1", "SUCCEEDED"),
        ("sluice-raw-to-parquet", "jr_99", "SUCCEEDED"),
        ("sluice-load-redshift", "jr_1", "SUCCEEDED"),
        ("sluice-raw-to-parquet", "jr_1", "RUNNING"),
    ],
)
def test_other_events_change_nothing(world: World, job: str, run_id: str, state: str) -> None:
    started(world, 1)
    before = records(world)
    after_run.on_change(world.trigger, job, run_id, state)
    assert records(world) == before


def test_a_run_that_somebody_started_by_hand_changes_nothing(world: World) -> None:
    run_id = world.glue.start("sluice-raw-to-parquet", {"--dataset": "orders"})
    world.glue.end(run_id, "SUCCEEDED")
    world.notify(run_id)
    assert records(world) == []


def test_a_run_that_somebody_repeated_by_hand_does_not_end_the_claim_of_the_first(world: World) -> None:
    first = started(world, 1)
    again = world.glue.start(first.job, first.arguments)
    before = records(world)
    world.glue.end(again, "FAILED", "broken pipe")
    world.notify(again)
    assert (records(world), world.glue.running) == (before, [first])
    world.succeed(first.run_id)
    world.notify(first.run_id)
    assert states(world) == ["LOADING"]


@pytest.mark.parametrize("state", ["SUCCEEDED", "ERROR", "EXPIRED"])
def test_the_sweep_finds_an_end_that_no_event_told(world: World, state: str) -> None:
    run = started(world, 1)
    if state == "SUCCEEDED":
        world.work(run.run_id)
    world.glue.end(run.run_id, state)
    world.sweep(timedelta())
    (record,) = records(world)
    expected = BatchState.LOADING if state == "SUCCEEDED" else BatchState.CONVERTING
    assert (record.state, record.attempts) == (expected, 1 if state == "ERROR" else 0)


def test_the_sweep_leaves_a_running_run_alone(world: World) -> None:
    started(world, 1)
    before = records(world)
    world.sweep(timedelta(hours=3))
    assert records(world) == before
    assert len(world.glue.runs) == 1


def test_a_run_that_glue_has_forgotten_has_failed(world: World) -> None:
    run = started(world, 1)
    del world.glue.runs[run.run_id]
    world.sweep()
    (record,) = records(world)
    assert (record.attempts, record.held) == (0, 1)
    assert record.reason == "run jr_1 of sluice-raw-to-parquet ended as EXPIRED: Glue does not know the run any more"


def test_a_slot_without_a_claim_is_freed_when_it_is_old(world: World) -> None:
    world.ledger.take_slot("orders", Stage.CONVERT, Slot("dead", START))
    world.deliver(world.send(FOLDER.format(1)))
    world.sweep(timedelta(minutes=15))
    assert states(world) == ["RECEIVED"]
    world.sweep(timedelta(minutes=2))
    assert states(world) == ["CONVERTING"]


def test_a_dataset_that_fails_does_not_keep_the_others_from_being_swept(world: World) -> None:
    arrival.take(world.trigger, world.send(FOLDER.format(1)))
    arrival.take(world.trigger, world.send("products/year=2026/month=11/day=20/hour=01"))
    world.glue.refusals = [AwsError("AccessDeniedException")]
    with pytest.raises(SweepError, match=r"^orders/convert: AccessDeniedException$"):
        world.sweep()
    assert states(world) == ["RECEIVED", "CONVERTING"]


def test_a_refused_start_of_one_stage_does_not_keep_the_other_from_starting(world: World) -> None:
    run = started(world, 1)
    world.deliver(world.send(FOLDER.format(2)))
    world.succeed(run.run_id)
    world.glue.refusals = [AwsError("AccessDeniedException")]
    with pytest.raises(AwsError, match="AccessDeniedException"):
        world.notify(run.run_id)
    assert states(world) == ["LOADING", "RECEIVED"]


def test_what_is_done_is_measured(world: World) -> None:
    event = world.send(FOLDER.format(1), {"a": b"12345", "b": b"123"})
    world.now += timedelta(minutes=3)
    world.deliver(event)
    for _ in range(2):
        (run,) = world.glue.running
        world.now += timedelta(minutes=1)
        world.succeed(run.run_id)
        world.notify(run.run_id)
    durations = [values.pop("ExecutionDuration") for _, values in world.metrics.lines if "ExecutionDuration" in values]
    freshness = [values.pop("FreshnessSeconds") for _, values in world.metrics.lines if "FreshnessSeconds" in values]
    assert [dataset for dataset, _ in world.metrics.lines] == ["orders"] * 4
    assert [values for _, values in world.metrics.lines if values] == [
        {"FilesProcessed": 2, "BytesProcessed": 8, "RowsPublished": 2, "RowsQuarantined": 0, "ConvertedBySpark": 0},
        {"DataRowsLoaded": 0},
    ]
    assert [round(seconds) for seconds in durations] == [60, 60]
    assert [round(seconds) for seconds in freshness] == [300]


@pytest.mark.parametrize("written_at", ["", "yesterday", "2026-11-20T14:00:00"])
def test_freshness_is_not_guessed(world: World, written_at: str) -> None:
    event = replace(world.send(FOLDER.format(1)), written_at=written_at)
    world.deliver(event)
    world.drain()
    assert all("FreshnessSeconds" not in values for _, values in world.metrics.lines)
    assert states(world) == ["LOADED"]


def loading(world: World) -> Going:
    """An execution that loads one batch."""
    convert = started(world, 1)
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    (going,) = world.machine.executions.values()
    return going


def test_an_execution_that_aws_has_forgotten_has_failed(world: World) -> None:
    going = loading(world)
    world.glue.end(going.run_id, "STOPPED")
    world.machine.executions.clear()
    world.sweep()
    (record,) = records(world)
    assert (record.state, record.attempts, record.held) == (BatchState.LOADING, 0, 1)
    assert record.reason == (
        "execution c0002 of sluice-load ended as EXPIRED: Step Functions does not know the execution any more"
    )
    assert list(world.machine.executions) != [going.name]


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT"])
def test_an_execution_that_was_ended_before_it_booked_has_failed(world: World, status: str) -> None:
    going = loading(world)
    world.glue.end(going.run_id, "STOPPED")
    world.machine.end(going.name, status)
    world.sweep(timedelta())
    (record,) = records(world)
    assert (record.state, record.attempts) == (BatchState.LOADING, 0 if status == "ABORTED" else 1)
    assert record.reason == f"execution c0002 of sluice-load ended as {status}: AWS gives no reason"


@pytest.mark.parametrize("is_started", [True, False])
def test_an_unclear_start_of_an_execution_is_looked_into_later(world: World, is_started: bool) -> None:
    convert = started(world, 1)
    world.succeed(convert.run_id)
    world.machine.refusals = [StartUnclearError("timed out")]
    world.machine.is_started_anyway = is_started
    world.notify(convert.run_id)
    assert (states(world), len(world.machine.executions)) == (["LOADING"], int(is_started))
    world.sweep()
    assert list(world.machine.executions) == ["c0002" if is_started else "c0003"]
    (record,) = records(world)
    assert (record.state, record.attempts) == (BatchState.LOADING, 0)
    claim = world.ledger.claim(record.claim_id)
    assert claim is not None
    assert claim.run_id == record.claim_id
    world.drain()
    assert (states(world), len(world.loads)) == (["LOADED"], 1)
