"""The clock is set back by a day at any moment of a batch's way: nothing waits for that day to pass once more."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from sluice.ledger.batch import Stage
from tests.doubles.faults import CrashError
from tests.doubles.world import World

FOLDER = "orders/year=2026/month=11/day=20/hour=09"
AWAY = "WarehouseBusyError: own tables: ERROR: the database system is shutting down"


def arrives(world: World) -> None:
    """A manifest has come, and its conversion is at work."""
    world.deliver(world.send(FOLDER))


def dies_with_the_slot(world: World) -> None:
    """The dispatcher has taken the slot and nothing else."""
    dies(world, "before MemoryLedger.write_claim")


def dies_with_the_claim(world: World) -> None:
    """The dispatcher has claimed the batch and started nothing."""
    dies(world, "before FakeGlue.start")


def dies(world: World, point: str) -> None:
    event = world.send(FOLDER)
    world.faults.fail(point, CrashError("killed"))
    with pytest.raises(CrashError):
        world.deliver(event)


def is_tried_again(world: World) -> None:
    """A run has died, and the batch has its pause."""
    arrives(world)
    ends(world, "gone")


def rests(world: World) -> None:
    """The load has met an outage so often that its stage rests for an hour."""
    arrives(world)
    (run,) = world.glue.running
    world.succeed(run.run_id)
    world.notify(run.run_id)
    ends(world, AWAY)
    (outage,) = world.ledger.outages(Stage.LOAD)
    hour = world.now + timedelta(hours=1)
    world.ledger.save_outage(outage, outage.changed(failures=7, tried_at=world.now, until=hour))


def is_converted(world: World) -> None:
    """The load is at work."""
    arrives(world)
    (run,) = world.glue.running
    world.succeed(run.run_id)
    world.notify(run.run_id)


def ends(world: World, message: str) -> None:
    (run,) = world.glue.running
    world.glue.end(run.run_id, "FAILED", message)
    world.notify(run.run_id)


@pytest.mark.parametrize(
    "before", [arrives, dies_with_the_slot, dies_with_the_claim, is_tried_again, rests, is_converted]
)
def test_nothing_waits_for_a_day_that_comes_twice(before: Callable[[World], None]) -> None:
    world = World()
    before(world)
    world.now -= timedelta(days=1)
    began = world.now
    world.drain()
    assert set(world.states().values()) == {"LOADED"}
    assert world.now - began < timedelta(hours=2)
