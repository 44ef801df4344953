"""A burst: all datasets' manifests within a minute, each loaded once, in few runs, and nothing given up.

The long version is ``make prove``: SLUICE_BURST says how many batches of one dataset wait at once.
"""

import os
import time
import tracemalloc
from collections import Counter
from datetime import timedelta

from lambda_trigger import arrival
from lambda_trigger.dispatch import dispatch
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState, Stage
from tests.doubles.world import World
from tests.histories.bursts import FIRST, burst, runs_of

MIB = 1 << 20


def test_a_thousand_manifests_within_a_minute() -> None:
    world = World()
    sizes = {name: 1000 if name == "orders" else 200 for name in world.contracts}
    burst(world, sizes)
    world.drain()
    assert Counter(record.dataset for record in world.ledger.records.values()) == sizes
    assert set(world.states().values()) == {"LOADED"}
    assert set(world.conversions.values()) == {1}
    assert sorted(world.loads) == sorted(world.ledger.records)
    for job in (world.settings.convert_job, world.settings.load_job):
        runs = runs_of(world, job)
        assert max(runs.values()) < 20, runs
    assert [world.topics.of(event) for event in ("failed", "rejected", "outage_began")] == [[], [], []]
    assert {record.attempts for record in world.ledger.records.values()} == {0}


def test_memory_of_a_dispatch_follows_what_waits() -> None:
    """What a dispatcher holds beside the ledger's own answer: far below a function's memory for any backlog."""
    count = int(os.environ.get("SLUICE_BURST", "500"))
    world = World()
    for hour in range(count):
        partition = Partition(FIRST + timedelta(hours=hour))
        arrival.take(world.trigger, world.send(world.contracts["orders"].layout.folder(partition)))
    started = time.monotonic()
    tracemalloc.start()
    try:
        claim = dispatch(world.trigger, "orders", Stage.CONVERT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"{count} batches wait: dispatch in {time.monotonic() - started:.1f} s, {peak / MIB:.1f} MiB")  # noqa: T201
    assert claim is not None
    states = Counter(record.state for record in world.ledger.records.values())
    taken = min(count, world.settings.max_batches_per_run)
    assert states == Counter({BatchState.CONVERTING: taken}) + Counter({BatchState.RECEIVED: count - taken})
    assert peak < 64 * MIB
