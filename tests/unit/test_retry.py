"""An operator's retry: what it does by the state of the batch, and what it refuses."""

from datetime import timedelta

import pytest

from sluice.errors import CommandError
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.retry import retry
from sluice.settings import Settings
from tests.doubles.world import World

FOLDER = "orders/year=2026/month=11/day=20/hour=13"


def again(world: World, batch_id: str) -> str:
    return retry(batch_id, world.ledger, world.machine, world.settings.load_machine, world.clock())


def one_batch() -> tuple[World, str]:
    world = World(Settings(max_attempts=1))
    world.deliver(world.send(FOLDER))
    (batch_id,) = world.ledger.records
    return world, batch_id


def end(world: World, batch_id: str, *, well: bool) -> None:
    """The run that is at work ends."""
    (run,) = world.glue.running
    world.succeed(run.run_id, None if well else {batch_id: ("InputChangedError: part-1 has changed", False)})
    world.notify(run.run_id)


@pytest.mark.parametrize(
    ("stage", "state", "done"),
    [
        (Stage.CONVERT, "RECEIVED", "is RECEIVED again and waits for the next convert run"),
        (Stage.LOAD, "CONVERTED", "is CONVERTED again and waits for the next load run"),
    ],
)
def test_a_failed_batch_goes_into_its_stage_again_and_comes_through(stage: Stage, state: str, done: str) -> None:
    world, batch_id = one_batch()
    if stage is Stage.LOAD:
        end(world, batch_id, well=True)
    end(world, batch_id, well=False)
    assert world.states() == {batch_id: "FAILED"}
    assert again(world, batch_id) == f"batch {batch_id} {done}"
    assert world.states() == {batch_id: state}
    assert world.ledger.records[batch_id].attempts == 0
    world.drain()
    assert world.states() == {batch_id: "LOADED"}
    assert world.conversions[batch_id] == 1


def stopped() -> tuple[World, str]:
    """A load that was given up: its aggregates cannot be refreshed."""
    world, batch_id = one_batch()
    end(world, batch_id, well=True)
    world.warehouse.errors.extend(["ERROR: syntax error"] * 3 * 2)
    end(world, batch_id, well=True)
    for _ in range(3):
        world.sweep()
    (load,) = world.ledger.open_loads("orders")
    assert (load.redrives, load.is_given_up) == (1, True)
    return world, batch_id


def test_a_load_that_was_given_up_goes_on_where_it_stopped() -> None:
    world, batch_id = stopped()
    assert again(world, batch_id) == "execution c0002 of sluice-load goes on where it stopped"
    assert world.open_loads() == []
    assert world.ledger.records[batch_id].reason == ""
    assert len(world.topics.of("loaded")) == 1


def test_a_load_that_fails_again_is_helped_by_the_sweep_again() -> None:
    world, batch_id = stopped()
    world.warehouse.errors.extend(["ERROR: syntax error"] * 3)
    again(world, batch_id)
    (load,) = world.ledger.open_loads("orders")
    assert (load.redrives, load.is_given_up) == (0, False)
    world.drain()
    assert world.open_loads() == []


def test_an_execution_that_cannot_be_redriven_is_followed_by_a_new_one() -> None:
    world, batch_id = stopped()
    world.machine.is_redrivable = False
    assert again(world, batch_id) == (
        "execution c0002 of sluice-load cannot be redriven: it is at work, or the sweep begins a new one in its place"
    )
    world.sweep(timedelta())
    assert list(world.machine.executions) == ["c0002", "c0002-2"]
    world.drain()
    assert world.open_loads() == []
    assert world.loads == [batch_id]


def test_a_failed_batch_that_was_replaced_is_not_tried_again() -> None:
    world, batch_id = one_batch()
    end(world, batch_id, well=False)
    world.deliver(world.send(FOLDER))
    newer = max(world.ledger.records)
    before = dict(world.ledger.records)
    with pytest.raises(CommandError, match=f"^batch {batch_id} has been replaced by the newer manifest {newer}$"):
        again(world, batch_id)
    assert world.ledger.records == before


def test_a_manifest_that_was_rejected_replaces_nothing() -> None:
    world, batch_id = one_batch()
    end(world, batch_id, well=False)
    world.deliver(world.send(FOLDER, manifest=b"{"))
    again(world, batch_id)
    world.drain()
    assert world.states()[batch_id] == "LOADED"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (
            BatchState.LOADED,
            "nothing has failed; to convert and load it again, run: sluice replay orders 2026-11-20T13",
        ),
        (BatchState.SUPERSEDED, "a newer manifest of its partition took its place"),
    ],
)
def test_what_has_not_failed_is_left_alone(state: BatchState, why: str) -> None:
    world, batch_id = one_batch()
    if state is BatchState.SUPERSEDED:
        world = World()
        older, newer = world.send(FOLDER), world.send(FOLDER)
        world.deliver(newer, older)
        batch_id = min(world.ledger.records)
    elif state is BatchState.LOADED:
        world.drain()
    before = dict(world.ledger.records)
    with pytest.raises(CommandError) as caught:
        again(world, batch_id)
    assert str(caught.value) == f"batch {batch_id} is {state}: {why}"
    assert world.ledger.records == before


def test_a_batch_that_a_run_carries_is_left_to_the_sweep() -> None:
    world, batch_id = one_batch()
    before = dict(world.ledger.records)
    said = again(world, batch_id)
    assert said == f"batch {batch_id} is CONVERTING: it is on its way; the sweep looks now whether its run is"
    assert world.ledger.records == before


def test_a_rejected_or_unknown_batch_says_what_to_do() -> None:
    world = World()
    world.deliver(world.send(FOLDER, manifest=b"{"))
    (batch_id,) = world.ledger.records
    with pytest.raises(CommandError, match="its manifest is wrong; fix it, then run: sluice replay orders 2026"):
        again(world, batch_id)
    with pytest.raises(CommandError, match=r"^there is no batch orders\.2026112013\.1$"):
        again(world, "orders.2026112013.1")
