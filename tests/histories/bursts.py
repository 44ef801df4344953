"""Bursts: all datasets' manifests within a minute, and what became of them."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from sluice.lake.layout import Partition
from tests.doubles.world import World

FIRST = datetime(2026, 9, 1, tzinfo=UTC)
MESSAGES_AT_ONCE = 10
"""What one call of the function gets from the queue."""


def burst(world: World, sizes: dict[str, int]) -> None:
    """The manifests of all datasets, mixed, ten in a message, within a minute; runs take longer than that."""
    waiting = {dataset: iter(range(count)) for dataset, count in sizes.items()}
    events = []
    while waiting:
        for dataset in list(waiting):
            hour = next(waiting[dataset], None)
            if hour is None:
                del waiting[dataset]
                continue
            partition = Partition(FIRST + timedelta(hours=hour))
            events.append(world.send(world.contracts[dataset].layout.folder(partition)))
    pause = timedelta(minutes=1) / len(events)
    for start in range(0, len(events), MESSAGES_AT_ONCE):
        world.now += pause * MESSAGES_AT_ONCE
        world.deliver(*events[start : start + MESSAGES_AT_ONCE])


def runs_of(world: World, job: str) -> Counter[str]:
    return Counter(run.arguments["--dataset"] for run in world.glue.runs.values() if run.job == job)
