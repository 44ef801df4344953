"""A claim that is closed without an outcome is fenced: no run publishes for it any more."""

from datetime import timedelta

import pytest

from sluice.aws.jobs import CLAIM_ARGUMENT, JobRun
from sluice.errors import AwsBusyError, StartUnclearError
from sluice.lake.handover import ClosedClaim
from sluice.ledger.batch import BatchState, Stage
from sluice.settings import Settings
from tests.doubles.world import World

FOLDER = "orders/year=2026/month=11/day=20/hour=13"


@pytest.fixture
def world() -> World:
    return World(Settings(retry_delay_seconds=0))


def started(world: World) -> JobRun:
    world.deliver(world.send(FOLDER))
    (run,) = world.glue.running
    return run


def fence(world: World, run: JobRun) -> ClosedClaim | None:
    url = world.settings.processed.run_closed(run.arguments[CLAIM_ARGUMENT])
    return ClosedClaim.from_json(world.documents.read(url)) if world.documents.info(url) is not None else None


def test_a_dead_run_that_is_run_again_in_the_console_publishes_nothing(world: World) -> None:
    dead = started(world)
    world.glue.end(dead.run_id, "FAILED", "killed")
    world.notify(dead.run_id)
    found = fence(world, dead)
    assert found is not None
    assert (found.claim_id, found.reason) == (dead.claim_id, f"run {dead.run_id} ended as FAILED and left no outcome")
    # A newer manifest of the hour is converted; then somebody presses "Run again" for the dead run.
    world.drain()
    world.deliver(world.send(FOLDER, {"part-2": b"new"}))
    world.drain()
    before, converted = world.documents.urls(), dict(world.conversions)
    again = world.glue.start(dead.job, dead.arguments)
    world.succeed(again)
    world.notify(again)
    assert (world.documents.urls(), dict(world.conversions)) == (before, converted)
    assert list(world.states().values()) == ["LOADED", "LOADED"]


def test_a_run_that_left_its_outcome_is_not_fenced(world: World) -> None:
    run = started(world)
    world.succeed(run.run_id)
    world.notify(run.run_id)
    assert fence(world, run) is None


def test_an_outcome_that_comes_before_the_fence_stands_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(world)
    create = world.documents.create

    def late(url: str, text: str) -> bool:
        # Glue called the run dead, and it was at its last step.
        world.work(run.run_id)
        return create(url, text)

    monkeypatch.setattr(world.documents, "create", late)
    world.glue.end(run.run_id, "TIMEOUT")
    world.notify(run.run_id)
    (record,) = world.ledger.records.values()
    assert (record.state, record.attempts) == (BatchState.LOADING, 0)


def test_the_fence_stands_before_a_batch_is_given_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(world)

    def refuse(url: str, text: str) -> bool:
        raise AwsBusyError(f"write {url}: SlowDown")

    monkeypatch.setattr(world.documents, "create", refuse)
    world.glue.end(run.run_id, "FAILED")
    with pytest.raises(AwsBusyError):
        world.notify(run.run_id)
    (record,) = world.ledger.records.values()
    assert (record.state, record.claim_id) == (BatchState.CONVERTING, run.claim_id)
    monkeypatch.undo()
    world.sweep(timedelta(minutes=5))
    assert fence(world, run) is not None
    assert record.claim_id != world.ledger.records[record.batch_id].claim_id


def test_a_run_that_comes_after_its_claim_was_given_back_publishes_nothing(world: World) -> None:
    world.glue.refusals = [StartUnclearError("start: the answer was lost")]
    world.deliver(world.send(FOLDER))
    (record,) = world.ledger.records.values()
    claim = world.ledger.claim(record.claim_id)
    assert claim is not None
    world.sweep()
    (run,) = world.glue.running
    assert run.claim_id != claim.claim_id
    late = world.glue.start(run.job, {**run.arguments, CLAIM_ARGUMENT: claim.claim_id})
    world.work(late)
    assert not world.conversions
    assert world.documents.info(world.settings.processed.run_outcome(claim.claim_id)) is None


def test_loads_need_no_fence(world: World) -> None:
    # The audit row keeps a load that runs again from changing anything.
    run = started(world)
    world.succeed(run.run_id)
    world.notify(run.run_id)
    (load,) = world.glue.running
    world.glue.end(load.run_id, "FAILED")
    world.notify(load.run_id)
    (record,) = world.ledger.records.values()
    assert record.stage is Stage.LOAD
    assert fence(world, load) is None
