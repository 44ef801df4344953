"""Any interleaving of events, run ends, crashes and sweeps ends well.

Hypothesis draws a schedule; afterwards time passes until everything has settled, and the laws of the design are
checked.
"""

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import AwsBusyError, SluiceError, StartUnclearError
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.retry import retry
from sluice.settings import Settings
from tests.doubles.faults import CrashError
from tests.doubles.world import AGGREGATE, World

PARTITIONS = [f"orders/year=2026/month=11/day=20/hour={hour:02}" for hour in (1, 2, 3)]
THROUGH = {BatchState.LOADED, BatchState.ARCHIVED}
OUTCOMES = {"none": None, "transient": ("AwsBusyError: slow down", True), "terminal": ("LayoutError: broken", False)}

sends = st.tuples(st.just("send"), st.integers(0, 2), st.sampled_from(["good", "good", "good", "broken"]))
deliveries = st.tuples(st.just("deliver"), st.integers(0, 30), st.integers(0, 30))
ends = st.tuples(
    st.just("end"),
    st.sampled_from(["succeed", "succeed", "fail", "work, then fail", "lost"]),
    st.sampled_from([*OUTCOMES]),
)
notices = st.tuples(st.just("notify"), st.integers(0, 30), st.just(0))
sweeps = st.tuples(st.just("sweep"), st.integers(0, 8), st.just(0))
refusals = st.tuples(st.just("refuse"), st.sampled_from(["busy", "lost", "lost, started"]), st.just(0))
aborts = st.tuples(st.just("abort"), st.sampled_from(["ABORTED", "TIMED_OUT"]), st.just(0))
refreshes = st.tuples(st.just("break_refresh"), st.integers(1, 8), st.just(0))
operators = st.tuples(st.just("retry"), st.integers(0, 30), st.just(0))
faults = st.tuples(st.just("fault"), st.integers(0, 60), st.sampled_from(["crash", "busy"]))
tells = st.tuples(st.just("end_and_tell"), st.sampled_from(["succeed", "fail"]), st.sampled_from([*OUTCOMES]))
arrivals = st.tuples(st.just("arrive"), st.integers(0, 2), st.sampled_from(["good", "good", "good", "broken"]))
steps = st.one_of(
    arrivals, arrivals, sends, deliveries, ends, tells, tells, notices, sweeps, refusals, faults,
    aborts, refreshes, operators,
)  # fmt: skip
schedules = st.lists(steps, min_size=10, max_size=60)


@dataclass
class Play:
    """A schedule as it is played."""

    retries: Counter[str] = field(default_factory=Counter)
    world: World = field(default_factory=lambda: World(Settings(max_batches_per_run=2), is_archiving=True))

    def send(self, partition: int, kind: str) -> None:
        self.world.send(PARTITIONS[partition], manifest=b"{" if kind == "broken" else None)

    def arrive(self, partition: int, kind: str) -> None:
        self.send(partition, kind)
        self.world.deliver(self.world.sent[-1])

    def end_and_tell(self, ending: str, outcome: str) -> None:
        running = self.world.glue.running
        self.end(ending, outcome)
        if running:
            self.world.notify(running[0].run_id)

    def deliver(self, first: int, second: int) -> None:
        sent = self.world.sent
        if sent:
            self.world.deliver(sent[first % len(sent)], sent[second % len(sent)])

    def end(self, ending: str, outcome: str) -> None:
        """The oldest run ends, in one way or another; somebody may be told later, or nobody."""
        if not self.world.glue.running:
            return
        run = self.world.glue.running[0]
        batch_ids = self.world.batch_ids(run)
        error = OUTCOMES[outcome]
        errors = {} if error is None else {batch_ids[0]: error}
        if ending in {"succeed", "work, then fail"}:
            self.world.work(run.run_id, errors)
        self.world.glue.end(run.run_id, "SUCCEEDED" if ending in {"succeed", "lost"} else "FAILED", "broken")

    def notify(self, number: int, _: int) -> None:
        ended = [run for run in self.world.glue.runs.values() if run.is_ended]
        if ended:
            self.world.notify(ended[number % len(ended)].run_id)

    def sweep(self, minutes: int, _: int) -> None:
        self.world.sweep(timedelta(minutes=minutes))

    def refuse(self, kind: str, _: int) -> None:
        self.world.glue.is_started_anyway = kind == "lost, started"
        error: SluiceError = AwsBusyError("no capacity") if kind == "busy" else StartUnclearError("timed out")
        self.world.glue.refusals = [error]
        self.world.machine.is_started_anyway = kind == "lost, started"
        self.world.machine.refusals = [error]

    def abort(self, status: str, _: int) -> None:
        """The oldest execution ends where it is, and the run that it waits for with it."""
        for going in self.world.machine.running[:1]:
            if going.run_id and not self.world.glue.runs[going.run_id].is_ended:
                self.world.glue.end(going.run_id, "STOPPED")
            self.world.machine.end(going.name, status)

    def break_refresh(self, count: int, _: int) -> None:
        self.world.warehouse.errors = ["ERROR: deadlock"] * count

    def retry(self, number: int, _: int) -> None:
        batch_ids = sorted(self.world.ledger.records)
        if batch_ids:
            world, batch_id = self.world, batch_ids[number % len(batch_ids)]
            self.retries[batch_id] += 1
            retry(batch_id, world.ledger, world.machine, world.settings.load_machine, world.clock())

    def fault(self, point: int, kind: str) -> None:
        self.world.faults.arm(point, AwsBusyError("slow down") if kind == "busy" else None)

    def step(self, name: str, *arguments: object) -> None:
        with suppress(CrashError, SluiceError):
            getattr(self, name)(*arguments)
        self.check_always()

    def check_always(self) -> None:
        running = Counter((run.job, run.arguments["--dataset"]) for run in self.world.glue.running)
        assert all(count == 1 for count in running.values()), running
        by_partition: dict[str, int] = defaultdict(int)
        for record in self.world.ledger.records.values():
            by_partition[record.id.prefix] += record.is_in_flight
        assert all(count <= 1 for count in by_partition.values()), self.world.states()

    def settle(self) -> None:
        self.world.faults.disarm()
        self.world.glue.refusals = []
        self.world.machine.refusals = []
        self.world.warehouse.errors = []
        for event in self.world.sent:
            self.world.deliver(event)
        for run in list(self.world.glue.runs.values()):
            if run.is_ended:
                self.world.notify(run.run_id)
        self.world.drain()
        # What waits for a person has one now.
        for name, record in sorted(self.world.ledger.records.items()):
            if record.claim_id in self.given_up():
                self.retry(sorted(self.world.ledger.records).index(name), 0)
        self.world.drain()

    def given_up(self) -> set[str]:
        return {load.claim_id for load in self.world.ledger.open_loads("orders") if load.is_given_up}


@settings(max_examples=300, deadline=None)
@given(schedules)
def test_every_schedule_ends_well(schedule: list[tuple[str, object, object]]) -> None:
    play = Play()
    for step in schedule:
        play.step(*step)
    play.settle()
    play.check_always()
    world = play.world
    assert len(world.ledger.records) == len(world.sent)
    assert all(record.state.is_final for record in world.ledger.records.values())
    for stage in Stage:
        assert world.ledger.waiting("orders", stage) == ()
        assert world.ledger.slot("orders", stage) is None
    check_newest_wins(world)
    check_work_is_done_once(world, play.retries)
    check_what_follows_is_done(world)


def check_what_follows_is_done(world: World) -> None:
    assert world.open_loads() == []
    loaded = [record for record in world.ledger.records.values() if record.state in THROUGH]
    assert world.warehouse.refreshed == ({f"refresh {AGGREGATE}": {"2026-11-20"}} if loaded else {})
    assert {record.reason for record in loaded} <= {""}
    told = {partition for body in world.topics.of("loaded") for partition in body["partitions"]}
    assert told == {record.partition for record in loaded}
    failed = {name for name, record in world.ledger.records.items() if record.state is BatchState.FAILED}
    assert failed <= {body["batch"] for body in world.topics.of("failed")}


def check_newest_wins(world: World) -> None:
    partitions = defaultdict(list)
    for name, record in sorted(world.ledger.records.items()):
        if record.state is not BatchState.REJECTED:
            partitions[record.id.prefix].append((name, record))
    for records in partitions.values():
        name, newest = records[-1]
        assert newest.state in {BatchState.ARCHIVED, BatchState.FAILED}
        if newest.state is BatchState.FAILED:
            assert newest.reason == "LayoutError: broken" or newest.attempts == world.settings.max_attempts
        else:
            loads = [loaded for loaded in world.loads if loaded.startswith(newest.id.prefix)]
            assert loads[-1] == name
            assert loads == sorted(loads)
        for _, record in records[:-1]:
            assert record.state in {*THROUGH, BatchState.SUPERSEDED, BatchState.FAILED}
    for record in world.ledger.records.values():
        assert (record.state is BatchState.REJECTED) == record.reason.startswith("ManifestError: ")


def check_work_is_done_once(world: World, retries: Counter[str]) -> None:
    assert set(world.conversions.values()) <= {1}, "converted twice"
    carried = Counter((run.job, batch_id) for run in world.glue.runs.values() for batch_id in world.batch_ids(run))
    for (job, batch_id), count in carried.items():
        if job == world.settings.convert_job:
            assert count <= world.settings.max_attempts * (1 + retries[batch_id]), carried
    for record in world.ledger.records.values():
        if record.state in THROUGH:
            assert world.conversions[record.batch_id] == 1
