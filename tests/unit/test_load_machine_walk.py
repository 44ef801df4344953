"""Every way through the load's state machine, and a crash at every point of each: the end is that of no crash."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from lambda_trigger.sweep import SweepError
from sluice.errors import AwsBusyError, AwsError
from sluice.ledger.batch import Stage
from sluice.settings import Settings
from tests.doubles.faults import CrashError
from tests.doubles.machine import Going, StateError
from tests.doubles.world import AGGREGATE, World

FOLDERS = [f"orders/year=2026/month=11/day=20/hour={hour:02}" for hour in (1, 2)]
Act = Callable[[World], None]


def arrive(world: World) -> None:
    """Two manifests come, and both are converted: an execution has started the load."""
    world.deliver(*(world.send(folder) for folder in FOLDERS))
    (run,) = world.glue.running
    world.succeed(run.run_id)
    world.notify(run.run_id)


def load_ends(world: World) -> None:
    """The run of the load ends well, and all that follows happens."""
    (run,) = world.glue.running
    world.succeed(run.run_id)
    world.notify(run.run_id)


def load_fails(world: World) -> None:
    """The run of the load breaks."""
    (run,) = world.glue.running
    world.glue.end(run.run_id, "FAILED", "lost connection")
    world.notify(run.run_id)


def one_batch_fails(world: World) -> None:
    """One batch cannot be loaded, the other is."""
    (run,) = world.glue.running
    world.succeed(run.run_id, {min(world.ledger.records): ("WarehouseError: no such column", False)})
    world.notify(run.run_id)


def refresh_fails(world: World) -> None:
    """The warehouse refuses a procedure three times, which is all the tries that it has."""
    world.warehouse.errors.extend(["ERROR: deadlock"] * 3)
    load_ends(world)


def refresh_fails_twice(world: World) -> None:
    """The third try is good."""
    world.warehouse.errors.extend(["ERROR: deadlock"] * 2)
    load_ends(world)


def no_redrive(world: World) -> None:
    """It was too long ago."""
    world.machine.is_redrivable = False


def sweep(world: World) -> None:
    world.sweep()


STORIES: dict[str, tuple[list[Act], Act]] = {
    "load ends": ([arrive], load_ends),
    "load fails": ([arrive], load_fails),
    "one batch fails": ([arrive], one_batch_fails),
    "refresh fails": ([arrive], refresh_fails),
    "refresh fails twice": ([arrive], refresh_fails_twice),
    "the sweep redrives": ([arrive, refresh_fails], sweep),
    "the sweep begins again": ([arrive, refresh_fails, no_redrive], sweep),
}


def start(story: str) -> World:
    world = World(Settings(retry_delay_seconds=60), is_archiving=True)
    for step in STORIES[story][0]:
        step(world)
    return world


def paths(world: World) -> list[list[str]]:
    return [going.path for going in world.machine.executions.values()]


HAPPY = [
    "IsBooked", "Load", "BookLoad", "IsLoaded", "RefreshAggregates", "IsAllRefreshed", "IsArchived", "Archive",
    "IsAllArchived", "Finish", "Done",
]  # fmt: skip
BROKEN = [*HAPPY[:5], "BookFailure", "Stopped"]


@pytest.mark.parametrize(
    ("story", "path", "status"),
    [
        ("load ends", HAPPY, "SUCCEEDED"),
        ("load fails", ["IsBooked", "Load", "BookLoad", "IsLoaded", "Stopped"], "FAILED"),
        ("one batch fails", HAPPY, "SUCCEEDED"),
        ("refresh fails", BROKEN, "FAILED"),
        ("refresh fails twice", HAPPY, "SUCCEEDED"),
        ("the sweep redrives", [*BROKEN, "Resume", "PlanRefresh", *HAPPY[4:]], "SUCCEEDED"),
        ("the sweep begins again", BROKEN, "FAILED"),
    ],
)
def test_the_way_of_each_story(story: str, path: list[str], status: str) -> None:
    world = start(story)
    STORIES[story][1](world)
    going = next(iter(world.machine.executions.values()))
    assert (going.path, going.status) == (path, status)


def test_all_states_are_on_some_way() -> None:
    seen: set[str] = set()
    for story, (_, act) in STORIES.items():
        world = start(story)
        act(world)
        seen.update(*paths(world))
    assert seen == set(world.machine.definition["States"])


# A crash at every point


def again(world: World) -> None:
    """Step Functions gets no answer and calls again."""


def killed(world: World) -> None:
    """Every execution that is at work is aborted by a person, or by the clock."""
    for number, going in enumerate(at_work(world)):
        world.machine.end(going.name, ("ABORTED", "TIMED_OUT")[number % 2])


def caught(world: World) -> None:
    """The state fails for good, with an error that nobody repeats."""
    for going in at_work(world):
        world.machine.fail_state(going.name, StateError("Runtime.OutOfMemory", "the function is gone"))


def at_work(world: World) -> list[Going]:
    return [going for going in world.machine.running if not going.run_id]


def snapshot(world: World) -> dict[str, Any]:
    """What readers, operators and the next batch see."""
    records = sorted(world.ledger.records.values(), key=lambda record: record.batch_id)
    return {
        "batches": [(r.batch_id, r.state, r.attempts, r.reason, r.counts, r.load_counts) for r in records],
        "objects": [url for url in world.documents.urls() if url.startswith("s3://sluice-raw/")],
        "catalog": world.catalog.partitions,
        "aggregates": world.warehouse.refreshed,
        "open": world.open_loads(),
        "slots": [world.ledger.slot("orders", stage) for stage in Stage],
        "waiting": [world.ledger.waiting("orders", stage) for stage in Stage],
        "running": [going.name for going in world.machine.running],
        "problems": world.ledger.heartbeat(),
    } | {"problems": None if (beat := world.ledger.heartbeat()) is None else beat.problems}


def told(world: World) -> set[tuple[str, str]]:
    """What people must have heard: of every partition that it was loaded, of every batch that it failed."""
    loaded = {("loaded", partition) for body in world.topics.of("loaded") for partition in body["partitions"]}
    failed = {("failed", body["batch"]) for body in world.topics.of("failed")}
    stopped = {("stopped", body["state"]) for body in world.topics.of("stopped")}
    return loaded | failed | stopped


def points_of(story: str) -> list[str]:
    world = start(story)
    world.faults.arm(10**9)
    STORIES[story][1](world)
    return list(world.faults.passed)


@pytest.mark.parametrize("what_then", [again, killed, caught])
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_point_ends_like_no_crash(story: str, what_then: Act) -> None:
    act = STORIES[story][1]
    undisturbed = start(story)
    act(undisturbed)
    undisturbed.drain()
    expected, heard = snapshot(undisturbed), told(undisturbed)
    if what_then is caught:
        # Where the step that tells fails for good, only the sweep that gives the load up tells.
        heard = {notice for notice in heard if notice[0] != "stopped"}
    for point, name in enumerate(points_of(story)):
        world = start(story)
        world.faults.arm(point)
        with pytest.raises(CrashError):
            act(world)
        what_then(world)
        world.drain()
        assert snapshot(world) == expected, f"{story}, cut {name} ({point}), {what_then.__name__}"
        assert told(world) >= heard, f"{story}, cut {name} ({point}), {what_then.__name__}"


def test_the_stories_have_the_points_that_they_are_about() -> None:
    doors = {name.split(" ", 1)[1] for story in STORIES for name in points_of(story)}
    assert {
        "MemoryLedger.open_load", "MemoryLedger.close_load", "MemoryLedger.release_slot", "MemoryLedger.save",
        "MemoryLedger.change_open_load", "MemoryTopics.publish", "MemoryObjects.copy", "MemoryObjects.delete",
        "MemoryCatalog.register", "FakeMachine.redrive",
    } <= doors  # fmt: skip
    seen = {name.removeprefix("state ") for name in doors if name.startswith("state ")}
    assert seen >= {*HAPPY, *BROKEN, "Resume"}


# What the machine does not say of itself


def test_the_aggregates_of_the_affected_days_are_refreshed_and_nothing_else_is_called() -> None:
    world = start("load ends")
    load_ends(world)
    assert list(world.warehouse.calls.values()) == [
        {
            "Sql": f'CALL "aggregates"."refresh_{AGGREGATE}"(:dates)',
            "Parameters": [{"Name": "dates", "Value": "2026-11-20"}],
            "StatementName": f"refresh {AGGREGATE}",
            "Database": "warehouse",
            "WorkgroupName": "sluice",
        }
    ]


def test_a_load_that_is_given_up_waits_for_a_person_and_tells_once() -> None:
    world = start("load ends")
    world.warehouse.errors.extend(["ERROR: syntax error"] * 3 * 5)
    load_ends(world)
    for _ in range(10):
        world.sweep(timedelta(hours=2))
    (going,) = world.machine.executions.values()
    assert (going.redrives, going.status) == (3, "FAILED")
    told_of = [(body["state"], body["is_tried_again"]) for body in world.topics.of("stopped")]
    assert told_of == [("RefreshAggregates", True)] * 3 + [("RefreshAggregates", False)]
    assert world.open_loads() == [going.name]
    reasons = {record.reason for record in world.ledger.records.values()}
    why = f"RefreshAggregates failed: AggregateRefreshError: refresh {AGGREGATE}: ERROR: syntax error"
    assert reasons == {why}
    assert world.states() == dict.fromkeys(sorted(world.ledger.records), "LOADED")


def test_what_follows_a_load_waits_for_a_warehouse_that_is_away() -> None:
    world = start("load ends")
    world.warehouse.errors.extend(["ERROR: the database system is shutting down"] * 3 * 5)
    load_ends(world)
    for _ in range(12):
        world.sweep(timedelta(minutes=30))
    (going,) = world.machine.executions.values()
    assert (going.redrives, going.status) == (5, "SUCCEEDED")
    assert [(body["state"], body["is_tried_again"]) for body in world.topics.of("stopped")] == [
        ("RefreshAggregates", True)
    ]
    assert len(world.topics.of("loaded")) == 1
    assert world.open_loads() == []
    assert {record.reason for record in world.ledger.records.values()} == {""}


def test_what_follows_a_load_is_given_up_by_age_while_the_warehouse_is_away() -> None:
    world = start("load ends")
    world.warehouse.errors.extend(["ERROR: the database system is shutting down"] * 1000)
    load_ends(world)
    for _ in range(60):
        world.sweep(timedelta(minutes=30))
    told_of = [(body["state"], body["is_tried_again"]) for body in world.topics.of("stopped")]
    assert told_of == [("RefreshAggregates", True), ("Execution", False)]
    (load,) = world.ledger.open_loads("orders")
    assert load.is_given_up


def test_executions_that_time_out_again_and_again_are_told_of_by_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    world = start("load ends")
    world.machine.is_redrivable = False
    (going,) = world.machine.executions.values()
    world.warehouse.errors.extend(["ERROR: syntax error"] * 3)
    load_ends(world)
    world.topics.published.clear()

    def time_out(machine: str, name: str, arguments: Mapping[str, str]) -> None:
        world.machine.executions[name] = Going(name, arguments, "BookLoad", {}, "TIMED_OUT")
        assert machine == world.machine.name

    monkeypatch.setattr(world.machine, "start", time_out)
    for _ in range(6):
        world.sweep(timedelta(hours=2))
    (body,) = world.topics.of("stopped")
    assert (body["state"], body["is_tried_again"], body["batch_count"]) == ("Execution", False, 2)
    assert body["retry"] == f"sluice retry {min(world.ledger.records)}"
    assert list(world.machine.executions) == [going.name, *(f"{going.name}-{number}" for number in (2, 3, 4))]
    assert body["execution"] == f"{going.name}-4"
    assert world.open_loads() == [going.name]


def test_an_execution_that_cannot_be_redriven_any_more_is_followed_by_a_new_one() -> None:
    world = start("load ends")
    world.machine.is_redrivable = False
    world.warehouse.errors.extend(["ERROR: syntax error"] * 3)
    load_ends(world)
    (going,) = world.machine.executions.values()
    world.drain()
    assert {name: one.status for name, one in world.machine.executions.items()} == {
        going.name: "FAILED",
        f"{going.name}-2": "SUCCEEDED",
    }
    assert paths(world)[1] == [HAPPY[0], *HAPPY[2:]]
    assert world.open_loads() == []
    assert sorted(world.loads) == sorted(world.ledger.records)
    assert set(world.states().values()) == {"ARCHIVED"}


def test_an_execution_that_somebody_else_redrives_at_the_same_moment_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = start("load ends")
    world.warehouse.errors.extend(["ERROR: syntax error"] * 3)
    load_ends(world)
    redrive = world.machine.redrive

    def too_late(machine: str, name: str) -> bool:
        redrive(machine, name)
        return redrive(machine, name)

    monkeypatch.setattr(world.machine, "redrive", too_late)
    world.drain()
    assert len(world.machine.executions) == 1
    assert world.open_loads() == []


def test_the_load_of_an_execution_that_aws_has_forgotten_is_finished_by_a_new_one() -> None:
    world = start("load ends")
    refresh_fails(world)
    world.machine.executions.clear()
    world.drain()
    assert world.open_loads() == []
    assert set(world.states().values()) == {"ARCHIVED"}
    assert world.warehouse.refreshed == {f"refresh {AGGREGATE}": {"2026-11-20"}}


def test_notices_that_cannot_be_sent_are_counted_and_kept_and_stop_nothing() -> None:
    undisturbed = start("one batch fails")
    one_batch_fails(undisturbed)
    world = start("one batch fails")
    world.topics.error = AwsError("publish to sluice-support: AuthorizationErrorException")
    one_batch_fails(world)
    assert sorted(world.states().values()) == ["ARCHIVED", "FAILED"]
    assert world.metrics.total("orders", "NotificationsFailed") == 2
    assert world.topics.published == []
    with pytest.raises(SweepError, match=r"^notices: publish to sluice-support"):
        world.sweep()
    world.topics.error = None
    world.sweep()
    assert [(topic, subject) for topic, subject, _ in world.topics.published] == [
        (topic, subject) for topic, subject, _ in undisturbed.topics.published
    ]
    assert world.ledger.kept_notices() == ()
    world.sweep()
    assert len(world.topics.published) == 2


def test_what_can_be_neither_told_nor_kept_is_told_when_it_is_tried_again() -> None:
    world = start("one batch fails")
    world.topics.error = AwsBusyError("publish: away")
    world.faults.fail("before MemoryLedger.keep_notice", AwsBusyError("away, too"))
    one_batch_fails(world)
    world.topics.error = None
    world.drain()
    assert sorted(world.states().values()) == ["ARCHIVED", "FAILED"]
    assert [len(world.topics.of(event)) for event in ("failed", "loaded")] == [1, 1]


def test_the_next_load_begins_while_the_aggregates_of_the_first_are_refreshed() -> None:
    world = start("load ends")
    (first,) = world.glue.running
    world.deliver(world.send("orders/year=2026/month=11/day=20/hour=03"))
    (conversion,) = (run for run in world.glue.running if run.job == world.settings.convert_job)
    world.succeed(conversion.run_id)
    world.notify(conversion.run_id)
    assert len(world.machine.executions) == 1
    world.succeed(first.run_id)
    world.faults.arm(10**9)
    world.notify(first.run_id)
    passed = world.faults.passed
    assert passed.index("after FakeMachine.start") < passed.index("before state RefreshAggregates")
