"""A process that dies at any call to the outside, before or after it took effect, loses and doubles nothing."""

from collections.abc import Callable

import pytest

from sluice.errors import AwsBusyError, StartUnclearError
from sluice.ledger.batch import Stage
from tests.doubles.faults import CrashError
from tests.doubles.world import World

FOLDERS = [f"orders/year=2026/month=11/day=20/hour={hour:02}" for hour in (1, 2)]
Act = Callable[[World], None]


def arrive(world: World) -> None:
    """Two manifests come in one message."""
    world.deliver(*(world.send(folder) for folder in FOLDERS))


def redeliver(world: World) -> None:
    """SQS gives all messages again."""
    world.deliver(*world.sent)


def conversion_ends(world: World) -> None:
    """Glue tells of the end of the conversion."""
    run = next(run for run in world.glue.runs.values() if run.job == world.settings.convert_job)
    if not run.is_ended:
        world.succeed(run.run_id)
    world.notify(run.run_id)


def load_ends(world: World) -> None:
    """Glue tells of the end of the load."""
    run = next(run for run in world.glue.runs.values() if run.job == world.settings.load_job)
    if not run.is_ended:
        world.succeed(run.run_id)
    world.notify(run.run_id)


def conversion_fails(world: World) -> None:
    """Glue tells of a conversion that failed."""
    run = next(iter(world.glue.runs.values()))
    world.glue.end(run.run_id, "FAILED", "out of memory")
    world.notify(run.run_id)


def start_is_refused(world: World) -> None:
    """Two manifests come, and Glue refuses the start."""
    world.glue.refusals = [AwsBusyError("ConcurrentRunsExceededException")]
    arrive(world)


def a_replacement_comes(world: World) -> None:
    """Newer versions of both partitions come while the first are at work."""
    arrive(world)


def sweep_after_a_lost_answer(world: World) -> None:
    """The sweep looks into a claim whose start had no answer."""
    world.sweep()


def lose_an_answer_and_look(world: World) -> None:
    """Two manifests come, the start's answer is lost, and Glue shows the run."""
    world.glue.refusals = [StartUnclearError("timed out")]
    world.glue.is_started_anyway = True
    arrive(world)


def lose_the_answer(world: World) -> None:
    """Two manifests come, and the start's answer is lost; Glue does not show the run at once."""
    world.glue.refusals = [StartUnclearError("timed out")]
    world.glue.is_started_anyway = True
    world.glue.blind_looks = 1
    arrive(world)


STORIES: dict[str, tuple[list[Act], Act, Act]] = {
    "arrival": ([], arrive, redeliver),
    "refused start": ([], start_is_refused, redeliver),
    "conversion ends": ([arrive], conversion_ends, conversion_ends),
    "conversion ends, told by the sweep alone": ([arrive], conversion_ends, lambda world: world.sweep()),
    "conversion fails": ([arrive], conversion_fails, conversion_fails),
    "load ends": ([arrive, conversion_ends], load_ends, load_ends),
    "load ends, told by the sweep alone": ([arrive, conversion_ends], load_ends, lambda world: world.sweep()),
    "replacement": ([arrive, conversion_ends], a_replacement_comes, redeliver),
    "unclear start, found": ([], lose_an_answer_and_look, redeliver),
    "unclear start": ([lose_the_answer], sweep_after_a_lost_answer, sweep_after_a_lost_answer),
}


def points_of(story: str) -> int:
    """Number of points at which the story can be cut."""
    before, act, _ = STORIES[story]
    world = World()
    for step in before:
        step(world)
    world.faults.arm(10**9)
    act(world)
    return len(world.faults.passed)


@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_point_ends_like_no_crash(story: str) -> None:
    before, act, repeat = STORIES[story]
    for point in range(points_of(story)):
        world = World()
        for step in before:
            step(world)
        world.faults.arm(point)
        with pytest.raises(CrashError):
            act(world)
        repeat(world)
        world.drain()
        check_end(world, f"{story}, cut at point {point}")


def check_end(world: World, what: str) -> None:
    by_partition: dict[str, list[str]] = {}
    for name, state in world.states().items():
        by_partition.setdefault(name.split(".")[1], []).append(state)
    assert set(by_partition) == {"2026112001", "2026112002"}, what
    for states in by_partition.values():
        assert states[-1] == "LOADED", what
        assert set(states[:-1]) <= {"LOADED", "SUPERSEDED"}, what
    assert set(world.conversions.values()) == {1}, what
    assert len(world.loads) == len(set(world.loads)), what
    for stage in Stage:
        assert world.ledger.slot("orders", stage) is None, what
        assert world.ledger.waiting("orders", stage) == (), what


def test_the_stories_have_the_points_that_they_are_about() -> None:
    assert {story: points_of(story) >= 20 for story in STORIES} == dict.fromkeys(STORIES, True) | {
        "unclear start": points_of("unclear start") >= 8
    }
