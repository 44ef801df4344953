"""Which manifest of a partition is the newest, where S3's sequencers do not say it."""

import logging
from dataclasses import replace
from itertools import permutations

import pytest

from lambda_trigger.manifests import ManifestEvent
from sluice.ledger.batch import BatchId
from tests.doubles.world import World

FOLDER = "orders/year=2026/month=11/day=20/hour=13"


def sent(world: World, sequencer: str, second: int, name: str) -> ManifestEvent:
    event = world.send(FOLDER, {name: b"1"})
    return replace(event, sequencer=sequencer, written_at=f"2026-11-20T14:00:{second:02}.500Z")


def newest(world: World) -> str:
    """Name of the file that was loaded last."""
    record = world.ledger.records[world.loads[-1]]
    return world.documents.read(record.frozen_manifest).split("/part-")[1][0]


SHORT_LATER = ("0069205B3CD90281E5", "0069205B3DA104")
LONG_LATER = ("0066000000AA", "0065A1B2C3D4E5F601")


@pytest.mark.parametrize("sequencers", [SHORT_LATER, LONG_LATER, ("FF", "100"), ("0100", "FF")])
@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_where_lengths_differ_the_time_decides(
    sequencers: tuple[str, str], order: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    events = [sent(world, sequencer, second, f"part-{second}") for second, sequencer in enumerate(sequencers)]
    with caplog.at_level(logging.WARNING, logger="lambda_trigger.arrival"):
        for place in order:
            world.deliver(events[place])
            world.drain()
    assert newest(world) == "1"
    states = {record.sequencer: str(record.state) for record in world.ledger.records.values()}
    assert states == {sequencers[0]: "LOADED" if order == (0, 1) else "SUPERSEDED", sequencers[1]: "LOADED"}
    assert any(all(one in line.getMessage() for one in sequencers) for line in caplog.records)
    # The events once more change nothing.
    before = dict(world.ledger.records)
    world.deliver(*events)
    world.drain()
    assert {name: str(record.state) for name, record in before.items()} == world.states()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_lengths_in_any_order(order: tuple[int, ...]) -> None:
    world = World()
    sequencers = ("0069205B3CD90281E5", "0069205B3DA104", "0069205B3EA10477")
    events = [sent(world, sequencer, second, f"part-{second}") for second, sequencer in enumerate(sequencers)]
    for place in order:
        world.deliver(events[place])
        world.drain()
    assert newest(world) == "2"


def test_of_one_length_the_sequencer_decides_whatever_the_times_say() -> None:
    world = World()
    world.deliver(sent(world, "0069205B3CD90281E6", 0, "part-1"))
    world.drain()
    world.deliver(sent(world, "0069205B3CD90281E5", 9, "part-0"))
    world.drain()
    assert newest(world) == "1"
    assert list(world.states().values()) == ["SUPERSEDED", "LOADED"]


def test_ids_of_one_length_are_as_they_were() -> None:
    world = World()
    event = sent(world, "0069205b3cd90281e5", 0, "part-0")
    world.deliver(event)
    assert list(world.states()) == ["orders.2026112013.00000000000000" + "0069205B3CD90281E5"]


def test_an_id_at_another_place_reads_back_and_sorts_between_its_neighbours() -> None:
    low = BatchId.of_folder("orders", "2026112013", "0069205B3CD90281E5")
    high = BatchId.of_folder("orders", "2026112013", "0069205B3CD90281E6")
    moved = BatchId.of_folder("orders", "2026112013", "0069205B3DA104").after(low)
    assert str(moved) == f"{low}-69205B3DA104"
    assert BatchId.parse(str(moved)) == moved
    assert sorted(map(str, (high, moved, low))) == [str(low), str(moved), str(high)]
    assert str(moved.after(None)) < str(low)
