"""When schedules of crawlers fire, and what is kept of crawls on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.glue.crawls.crawl import Memory
from localcloud.glue.crawls.records import FAILED, RUNNING, SUCCEEDED, CrawlRecord, CrawlStore, Owner
from localcloud.glue.crawls.schedule import Scheduler, state_of

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOURLY = {"Schedule": {"ScheduleExpression": "cron(0 * * * ? *)"}}


def owner(name: str) -> Owner:
    return "1", "r", name


def next_hour(expression: str, after: datetime) -> datetime | None:
    """Stands for the evaluator of cron, whose work is not at stake here."""
    return after.replace(minute=0) + timedelta(hours=1) if expression.startswith("cron(0 *") else None


@dataclass
class World:
    """Crawlers, a clock and what was fired."""

    crawlers: dict[str, Mapping[str, Any]]
    now: datetime = NOON
    busy: set[str] = field(default_factory=set)
    fired: list[tuple[str, str]] = field(default_factory=list)

    def scheduler(self) -> Scheduler:
        return Scheduler(
            lambda: [(owner(name), definition) for name, definition in self.crawlers.items()],
            next_hour,
            self._fire,
            self._clock,
        )

    def _clock(self) -> float:
        return self.now.timestamp()

    def _fire(self, of: Owner) -> None:
        if of[2] in self.busy:
            raise AwsApiError("CrawlerRunningException", "it is running")
        self.fired.append((of[2], f"{self.now:%H:%M}"))


def test_a_schedule_fires_once_for_each_time() -> None:
    stopped = {"Schedule": {**HOURLY["Schedule"], "State": "NOT_SCHEDULED"}}
    world = World({"hourly": HOURLY, "stopped": stopped, "none": {"Schedule": {}}, "odd": {}, "never": {
        "Schedule": {"ScheduleExpression": "cron(0 0 1 1 ? 1999)"}}}, now=NOON + timedelta(minutes=58))  # fmt: skip
    scheduler = world.scheduler()
    for _ in range(8):
        world.now += timedelta(minutes=1)
        scheduler.tick()
    assert world.fired == [("hourly", "13:00")]


def test_a_crawler_that_runs_is_left_alone_and_others_are_not() -> None:
    world = World({"busy": HOURLY, "free": HOURLY}, busy={"busy"})
    scheduler = world.scheduler()
    world.now += timedelta(hours=1)
    scheduler.tick()
    assert world.fired == [("free", "13:00")]


def test_times_that_pass_while_nothing_ticks_fire_once() -> None:
    world = World({"hourly": HOURLY})
    scheduler = world.scheduler()
    world.now += timedelta(hours=5)
    scheduler.tick()
    scheduler.tick()
    assert world.fired == [("hourly", "17:00")]


def test_a_schedule_runs_until_it_is_stopped() -> None:
    assert [state_of(definition) for definition in ({}, HOURLY, {"Schedule": {"State": "SCHEDULED"}})] == [
        "NOT_SCHEDULED",
        "SCHEDULED",
        "NOT_SCHEDULED",
    ]


def test_cron_is_read_as_eventbridge_reads_it() -> None:
    assert registry.next_cron_time("cron(15 3 ? * MON-FRI *)", NOON) == datetime(2026, 7, 2, 3, 15, tzinfo=UTC)
    assert registry.next_cron_time("cron(0 12 * * ? *)", NOON) == NOON + timedelta(days=1)
    assert registry.next_cron_time("rate(1 hour)", NOON) is None
    assert (registry.is_cron("cron(0 12 * * ? *)"), registry.is_cron("cron(0 12 * * * *)")) == (True, False)


def record(number: int, name: str = "a/b", state: str = SUCCEEDED) -> CrawlRecord:
    return CrawlRecord(f"id-{number}", "1", "r", name, state, float(number), counts={"tablesCreated": number})


def test_crawls_and_memories_outlive_the_store(tmp_path: Path) -> None:
    store = CrawlStore(tmp_path)
    saved = [store.save(record(number)) for number in range(3)]
    running = store.save(record(9, "other", RUNNING))
    store.remember(owner("a/b"), Memory(4, frozenset({"s3://b/x/"})))

    again = CrawlStore(tmp_path)

    assert again.of(owner("a/b")) == saved[::-1]
    assert again.active() == [running]
    assert (again.memory(owner("a/b")), again.memory(owner("other"))) == (
        Memory(4, frozenset({"s3://b/x/"})),
        Memory(),
    )
    again.save(replace(running, state=FAILED))
    assert again.active() == []


def test_a_crawler_that_is_forgotten_leaves_nothing(tmp_path: Path) -> None:
    store = CrawlStore(tmp_path)
    store.save(record(1))
    kept = store.save(record(2, "other"))
    store.remember(owner("a/b"), Memory(1))

    store.forget(owner("a/b"))

    for view in (store, CrawlStore(tmp_path)):
        assert (view.of(owner("a/b")), view.memory(owner("a/b")), view.of(owner("other"))) == ([], Memory(), [kept])
