"""A manifest of which no event came is found, once, at a bounded cost."""

from datetime import timedelta

import pytest

from lambda_trigger import reconcile
from lambda_trigger.moves import NO_EVENT
from lambda_trigger.reconcile import MAX_LOOKS
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice.names import SWEEP_PERIOD
from sluice.settings import Settings
from tests.doubles.world import World

FOLDER = "orders/year=2026/month=11/day={:02}/hour={:02}"


@pytest.fixture
def world() -> World:
    return World(Settings(retry_delay_seconds=0))


def only(world: World) -> BatchRecord:
    (record,) = world.ledger.records.values()
    return record


def looks(world: World) -> int:
    """How often an object was looked at."""
    return world.faults.passed.count("before MemoryObjects.info")


def test_a_lost_event_is_made_up_for(world: World) -> None:
    event = world.send(FOLDER.format(20, 13))
    world.sweep(timedelta(minutes=5), is_searching=True)
    record = only(world)
    assert (record.state, record.partition, record.manifest_url) == (BatchState.CONVERTING, "2026-11-20T13", event.url)
    assert (record.manifest_version, record.sequencer) == (event.version_id, "")
    assert record.history[0].note == NO_EVENT
    assert world.metrics.total("orders", "ManifestsFound") == 1
    # The event comes after all.
    world.deliver(event)
    world.drain()
    assert (only(world).batch_id, only(world).state) == (record.batch_id, BatchState.LOADED)
    assert world.metrics.total("orders", "ManifestsFound") == 1


def test_a_lost_event_of_a_correction_is_made_up_for(world: World) -> None:
    world.deliver(world.send(FOLDER.format(20, 13), {"part-1": b"one"}))
    world.drain()
    world.send(FOLDER.format(20, 13), {"part-2": b"corrected"})
    world.sweep(timedelta(minutes=5), is_searching=True)
    world.drain()
    old, new = sorted(world.ledger.records)
    assert world.states() == {old: "LOADED", new: "LOADED"}
    assert world.loads == [old, new]


def test_what_comes_after_a_found_manifest_is_newer_and_what_came_before_is_older(world: World) -> None:
    before = world.send(FOLDER.format(20, 13), {"part-1": b"one"})
    world.send(FOLDER.format(20, 13), {"part-2": b"two"})
    world.sweep(timedelta(minutes=5), is_searching=True)
    world.drain()
    world.deliver(before)
    world.drain()
    assert list(world.states().values()) == ["SUPERSEDED", "LOADED"]
    world.deliver(world.send(FOLDER.format(20, 13), {"part-3": b"three"}))
    world.drain()
    assert list(world.states().values()) == ["SUPERSEDED", "LOADED", "LOADED"]


@pytest.mark.parametrize("state", ["LOADED", "REJECTED", "WAITING", "SUPERSEDED"])
def test_what_has_a_batch_is_left_alone(world: World, state: str) -> None:
    folder = FOLDER.format(20, 13)
    lacking = f'{{"entries": [{{"url": "s3://sluice-raw/{folder}/none"}}]}}'.encode()
    event = world.send(folder, manifest={"REJECTED": b"{", "WAITING": lacking}.get(state))
    if state == "SUPERSEDED":
        world.deliver(world.send(folder))
    world.deliver(event)
    if state in {"LOADED", "SUPERSEDED"}:
        world.drain()
    before = world.states()
    world.sweep(timedelta(minutes=5), is_searching=True)
    assert world.states() == before
    assert world.metrics.total("orders", "ManifestsFound") == 0


def test_a_manifest_of_just_now_is_left_to_its_event(world: World) -> None:
    world.send(FOLDER.format(20, 13))
    world.sweep(timedelta(minutes=1), is_searching=True)
    assert world.states() == {}


def test_an_older_manifest_that_shows_again_is_nothing_new(world: World) -> None:
    folder = FOLDER.format(20, 13)
    world.send(folder, {"part-1": b"one"})  # its event is lost, and it is replaced
    world.now += timedelta(minutes=5)
    event = world.send(folder, {"part-2": b"two"})
    world.deliver(event)
    world.drain()
    del world.documents._versions[event.url][str(event.version_id)]
    world.sweep(timedelta(minutes=5), is_searching=True)
    assert list(world.states().values()) == ["LOADED"]


@pytest.mark.parametrize(("day", "hour", "is_found"), [(18, 15, True), (20, 15, True), (18, 13, False), (25, 0, False)])
def test_the_newest_partitions_of_the_clock_are_searched(world: World, day: int, hour: int, is_found: bool) -> None:
    world.send(FOLDER.format(day, hour))
    world.sweep(timedelta(minutes=5), is_searching=True)
    assert len(world.states()) == is_found


def test_the_neighbours_of_what_came_last_are_searched(world: World) -> None:
    world.deliver(world.send("orders/year=2020/month=01/day=01/hour=05"))
    for hour in (4, 6, 8):
        world.send(f"orders/year=2020/month=01/day=01/hour={hour:02}")
    world.sweep(timedelta(minutes=5), is_searching=True)
    assert [name.split(".")[1] for name in world.states()] == ["2020010104", "2020010105", "2020010106"]


@pytest.mark.parametrize(
    "folder", ["orders/year=0001/month=01/day=01/hour=00", "orders/year=9999/month=12/day=31/hour=23"]
)
def test_the_ends_of_the_calendar_have_no_neighbours(folder: str) -> None:
    world = World(Settings(max_ahead_seconds=1e12))
    world.deliver(world.send(folder))
    world.sweep(timedelta(minutes=5), is_searching=True)
    assert len(world.states()) == 1


def test_the_cost_is_bounded(world: World) -> None:
    for hour in range(24):
        for day in (1, 10):
            world.deliver(world.send(f"orders/year=2025/month=11/day={day + hour % 9:02}/hour={hour:02}"))
    world.faults.passed.clear()
    reconcile.repair(world.trigger, "orders")
    assert 100 < looks(world) <= MAX_LOOKS
    world.faults.passed.clear()
    reconcile.repair(world.trigger, "products")
    assert 0 < looks(world) < 60


def test_it_is_done_once_an_hour_for_each_dataset(world: World) -> None:
    for dataset in world.contracts:
        turns = []
        for _ in range(36):
            world.now += SWEEP_PERIOD
            turns.append(reconcile.is_due(world.trigger, dataset, SWEEP_PERIOD))
        assert sum(turns) == 3
    often = World(Settings(reconcile_seconds=0))
    assert all(reconcile.is_due(often.trigger, dataset, SWEEP_PERIOD) for dataset in often.contracts)


def test_a_dataset_without_a_contract_is_not_searched(world: World) -> None:
    world.faults.passed.clear()
    reconcile.repair(world.trigger, "gone")
    assert looks(world) == 0
