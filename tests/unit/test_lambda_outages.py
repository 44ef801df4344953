"""Outages and runs that die: what is of the world costs nobody an attempt, and what breaks a run is found."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_trigger import arrival, outages
from lambda_trigger.dispatch import dispatch, dispatch_all
from lambda_trigger.moves import Company, common, parts
from sluice.aws.jobs import JobRun
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import timestamp
from sluice.settings import Settings
from tests.doubles.faults import CrashError
from tests.doubles.world import World

RUN = timedelta(minutes=2)
AWAY = "WarehouseBusyError: own tables: ERROR: the database system is shutting down"
FIRST = datetime(2026, 10, 1, tzinfo=UTC)


def send(world: World, count: int, dataset: str = "orders", first: int = 0) -> list[str]:
    """That many batches of one hour each, all booked and none converted; returns their ids."""
    layout = world.contracts[dataset].layout
    before = set(world.ledger.records)
    for hour in range(first, first + count):
        arrival.take(world.trigger, world.send(layout.folder(Partition(FIRST + timedelta(hours=hour)))))
    return sorted(world.ledger.records.keys() - before)


def converted(world: World, count: int) -> list[str]:
    """Batches whose conversion is done and whose load has begun."""
    found = send(world, count)
    dispatch(world.trigger, "orders", Stage.CONVERT)
    while runs := running(world, world.settings.convert_job):
        world.succeed(runs[0].run_id)
        world.notify(runs[0].run_id)
    return found


def running(world: World, job: str) -> list[JobRun]:
    return [run for run in world.glue.running if run.job == job]


def outage(world: World, lasts: timedelta, message: str = AWAY) -> list[tuple[int, bool]]:
    """Let load runs take their time, failing until the outage is over; returns how many batches each carried."""
    end = world.now + lasts
    runs = []
    while not all(record.state.is_final for record in world.ledger.records.values()):
        if not (going := running(world, world.settings.load_job)):
            world.sweep(timedelta(minutes=5))
            continue
        world.now += RUN
        for run in going:
            runs.append((len(world.batch_ids(run)), world.now >= end))
            if world.now >= end:
                world.succeed(run.run_id)
            else:
                world.glue.end(run.run_id, "FAILED", message)
            world.notify(run.run_id)
        assert len(runs) < 200
    return runs


@pytest.mark.parametrize(
    ("batches", "hours", "joint", "probes", "message"),
    [
        (500, 1, 7, 3, AWAY),
        (500, 1, 7, 3, "AwsBusyError: own tables: Could not connect to the endpoint URL"),
        (20, 10, 16, 50, AWAY),
    ],
)
def test_an_outage_ends_minutes_after_its_end(batches: int, hours: int, joint: int, probes: int, message: str) -> None:
    world = World()
    converted(world, batches)
    began = world.now
    runs = outage(world, timedelta(hours=hours), message)
    assert Counter(world.states().values()) == {"LOADED": batches}
    sizes = Counter(carried for carried, _ in runs)
    assert set(sizes) <= {batches, batches - 1, 1}
    assert sizes[batches] + sizes[batches - 1] <= joint
    assert sizes[1] <= probes
    assert world.now - began < timedelta(hours=hours) + timedelta(minutes=25)
    assert [len(world.topics.of(event)) for event in ("outage_began", "outage_ended", "failed")] == [1, 1, 0]
    (began_notice,), (ended_notice,) = world.topics.of("outage_began"), world.topics.of("outage_ended")
    assert (began_notice["waiting"], began_notice["stage"], began_notice["dataset"]) == (batches, "load", "orders")
    assert ended_notice["runs"] == sum(not is_over for _, is_over in runs)
    assert {record.attempts for record in world.ledger.records.values()} == {0}
    assert world.ledger.outages(Stage.LOAD) == ()


def test_pauses_double_up_to_an_hour() -> None:
    world = World()
    converted(world, 3)
    pauses = []
    for _ in range(9):
        (run,) = running(world, world.settings.load_job)
        world.glue.end(run.run_id, "FAILED", AWAY)
        world.notify(run.run_id)
        found = world.ledger.outage("orders", Stage.LOAD)
        assert found is not None
        pauses.append(round((found.until - world.now) / timedelta(minutes=1)))
        # The stage rests, and no batch by itself: when somebody gets through, all are due.
        assert all(record.due_at <= timestamp(world.now) for record in world.ledger.records.values())
        world.sweep(found.until - world.now)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def resting(world: World) -> None:
    """The runs that are at work meet an outage, as others did before, so that their stage rests for an hour."""
    for run in world.glue.running:
        world.glue.end(run.run_id, "FAILED", AWAY)
        world.notify(run.run_id)
    for found in world.ledger.outages(Stage.LOAD):
        grown = found.changed(failures=7, tried_at=world.now, until=world.now + timedelta(hours=1))
        world.ledger.save_outage(found, grown)


def test_one_batch_probes_for_all_stages_and_datasets_that_wait_for_the_same() -> None:
    world = World()
    for dataset in ("orders", "products"):
        send(world, 3, dataset)
    dispatch_all(world.trigger, ["orders", "products"], [Stage.CONVERT])
    for run in running(world, world.settings.convert_job):
        world.succeed(run.run_id)
        world.notify(run.run_id)
    resting(world)
    world.sweep(timedelta(minutes=9))
    assert world.glue.running == []
    world.sweep(timedelta(minutes=2))
    (probe,) = world.glue.running
    (batch,) = world.batch_ids(probe)
    before = world.ledger.outages(Stage.LOAD)
    world.glue.end(probe.run_id, "FAILED", AWAY)
    world.notify(probe.run_id)
    assert world.ledger.records[batch].attempts == 0
    after = world.ledger.outages(Stage.LOAD)
    assert [found.until for found in after] == [found.until for found in before]
    assert sum(found.probes for found in after) == 1
    world.sweep(timedelta(minutes=5))
    assert world.glue.running == []
    world.sweep(timedelta(minutes=6))
    (probe,) = world.glue.running
    world.succeed(probe.run_id)
    world.notify(probe.run_id)
    world.sweep(timedelta(minutes=5))
    assert sorted(len(world.batch_ids(run)) for run in world.glue.running) == [2, 3]
    world.drain()
    assert set(world.states().values()) == {"LOADED"}
    assert [len(world.topics.of(event)) for event in ("outage_began", "outage_ended")] == [1, 1]


def test_a_probe_is_not_given_up_before_those_for_which_it_goes() -> None:
    world = World(Settings(give_up_after_seconds=4 * 3600))
    converted(world, 3)
    resting(world)
    for record in world.ledger.records.values():
        old = replace(record, held_since=timestamp(world.now - timedelta(hours=5)), version=record.version + 1)
        world.ledger.save(record, old)
    world.sweep(timedelta(minutes=11))
    (probe,) = world.glue.running
    world.glue.end(probe.run_id, "FAILED", AWAY)
    world.notify(probe.run_id)
    assert set(world.states().values()) == {"CONVERTED"}


def test_what_arrives_meanwhile_waits_and_goes_with_the_others() -> None:
    world = World()
    waiting = converted(world, 2)
    (run,) = running(world, world.settings.load_job)
    world.glue.end(run.run_id, "FAILED", AWAY)
    world.notify(run.run_id)
    late = send(world, 1, first=10)
    dispatch(world.trigger, "orders", Stage.CONVERT)
    (conversion,) = running(world, world.settings.convert_job)
    world.succeed(conversion.run_id)
    world.notify(conversion.run_id)
    assert running(world, world.settings.load_job) == []
    world.sweep(timedelta(minutes=2))
    (joint,) = running(world, world.settings.load_job)
    assert world.batch_ids(joint) == sorted([*waiting, *late])


def test_an_outage_is_given_up_by_age_and_told_in_one_notice() -> None:
    world = World(Settings(give_up_after_seconds=6 * 3600))
    converted(world, 40)
    outage(world, timedelta(days=30))
    assert Counter(world.states().values()) == {"FAILED": 40}
    (notice,) = world.topics.of("failed")
    assert (notice["batch_count"], len(notice["batches"])) == (40, 40)
    assert notice["retry"].startswith("sluice retry --dataset orders --since 2026-11-20T14:00:00")
    notes = {record.history[-1].note for record in world.ledger.records.values()}
    assert len(notes) == 1
    assert notes.pop().startswith("given up, it has been so since 2026-11-20T14:0")


def test_several_datasets_have_one_notice_for_one_cause() -> None:
    world = World()
    for dataset in ("orders", "products"):
        send(world, 2, dataset)
    dispatch_all(world.trigger, ["orders", "products"], [Stage.CONVERT])
    for run in world.glue.running:
        world.glue.end(run.run_id, "FAILED", "Resource unavailable")
        world.notify(run.run_id)
    assert len(world.ledger.outages(Stage.CONVERT)) == 2
    assert len(world.topics.of("outage_began")) == 1
    world.drain()
    assert len(world.topics.of("outage_ended")) == 1
    assert Counter(world.states().values()) == {"LOADED": 4}


def test_stages_that_wait_for_the_same_have_one_notice() -> None:
    """Each run names what it asked for: of an address the host counts."""
    world = World()
    converted(world, 1)
    send(world, 1, "products")
    dispatch(world.trigger, "products", Stage.CONVERT)
    for number, run in enumerate(world.glue.running):
        url = f"https://s3.amazonaws.com/b/{number}/k.json"
        world.glue.end(run.run_id, "FAILED", f'AwsBusyError: read: Could not connect to the endpoint URL: "{url}"')
        world.notify(run.run_id)
    assert [len(world.ledger.outages(stage)) for stage in Stage] == [1, 1]
    assert len(world.topics.of("outage_began")) == 1
    world.drain()
    assert len(world.topics.of("outage_ended")) == 1


def test_the_end_of_the_one_that_was_told_leaves_the_others_told() -> None:
    world = World()
    for dataset in ("orders", "products"):
        send(world, 1, dataset)
    dispatch_all(world.trigger, ["orders", "products"], [Stage.CONVERT])
    orders, products = world.glue.running
    for run in (orders, products):
        world.glue.end(run.run_id, "FAILED", "Resource unavailable")
        world.notify(run.run_id)
    world.sweep(timedelta(minutes=2))
    orders, products = world.glue.running
    world.succeed(orders.run_id)
    world.notify(orders.run_id)
    world.glue.end(products.run_id, "FAILED", "Resource unavailable")
    world.notify(products.run_id)
    assert [len(world.topics.of(event)) for event in ("outage_began", "outage_ended")] == [1, 0]
    world.drain()
    assert [len(world.topics.of(event)) for event in ("outage_began", "outage_ended")] == [1, 1]


def test_ends_at_the_same_moment_are_told_once() -> None:
    """Each of two stages that wait for the same sees the other one while it ends."""
    world = World()
    for dataset in ("orders", "products"):
        send(world, 1, dataset)
    dispatch_all(world.trigger, ["orders", "products"], [Stage.CONVERT])
    for run in running(world, world.settings.convert_job):
        world.glue.end(run.run_id, "FAILED", AWAY)
        world.notify(run.run_id)
    assert len(world.ledger.outages(Stage.CONVERT)) == 2
    world.faults.meanwhile(
        "before MemoryLedger.end_outage", lambda: outages.end(world.trigger, "products", Stage.CONVERT)
    )
    outages.end(world.trigger, "orders", Stage.CONVERT)
    assert world.ledger.outages(Stage.CONVERT) == ()
    assert [len(world.topics.of(event)) for event in ("outage_began", "outage_ended")] == [1, 1]
    assert world.ledger.kept_notices() == ()


@pytest.mark.parametrize("point", ["MemoryLedger.save_outage", "MemoryLedger.end_outage", "MemoryTopics.publish"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_two_who_book_the_same_end_at_the_same_moment_tell_it_once(point: str, when: str) -> None:
    """An event that comes twice, or that a sweep overtakes; both the beginning and the end of an outage."""
    world = World()
    send(world, 1)
    dispatch(world.trigger, "orders", Stage.CONVERT)
    (run,) = world.glue.running
    world.glue.end(run.run_id, "FAILED", AWAY)
    world.faults.meanwhile(f"{when} {point}", lambda: world.notify(run.run_id))
    world.notify(run.run_id)
    found = world.ledger.outage("orders", Stage.CONVERT)
    assert found is not None
    assert (found.failures, found.is_told) == (1, True)
    world.sweep(timedelta(minutes=2))
    (run,) = world.glue.running
    world.succeed(run.run_id)
    world.faults.meanwhile(f"{when} {point}", lambda: world.notify(run.run_id))
    world.notify(run.run_id)
    assert world.ledger.outages(Stage.CONVERT) == ()
    assert [len(world.topics.of(event)) for event in ("outage_began", "outage_ended")] == [1, 1]


def test_two_dispatchers_send_one_probe() -> None:
    world = World()
    converted(world, 3)
    resting(world)
    world.now += timedelta(minutes=11)
    found = world.ledger.outage("orders", Stage.LOAD)
    assert found is not None
    assert [outages.begin_probe(world.trigger, found) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("point", ["before MemoryTopics.publish", "after MemoryTopics.publish"])
def test_a_crash_while_it_is_told_tells_it_again(point: str) -> None:
    world = World()
    send(world, 1)
    dispatch(world.trigger, "orders", Stage.CONVERT)
    (run,) = world.glue.running
    world.glue.end(run.run_id, "FAILED", "Resource unavailable")
    world.faults.fail(point, CrashError("killed"))
    with pytest.raises(CrashError):
        world.notify(run.run_id)
    world.notify(run.run_id)
    world.sweep(timedelta(seconds=1))
    assert len(world.topics.of("outage_began")) == (1 if "before" in point else 2)
    assert world.ledger.kept_notices() == ()
    found = world.ledger.outage("orders", Stage.CONVERT)
    assert found is not None
    assert (found.failures, found.is_told) == (1, True)


def test_what_the_world_does_to_some_batches_of_a_run_is_no_outage_and_no_attempt() -> None:
    world = World()
    one, *_ = converted(world, 3)
    (run,) = running(world, world.settings.load_job)
    world.succeed(run.run_id, {one: ("WarehouseBusyError: lock timeout", True)})
    world.notify(run.run_id)
    found = world.ledger.records[one]
    assert (found.state, found.attempts, found.held) == (BatchState.CONVERTED, 0, 1)
    assert (world.ledger.outages(Stage.LOAD), world.topics.of("outage_began")) == ((), [])
    world.drain()
    assert set(world.states().values()) == {"LOADED"}
    assert (world.ledger.records[one].held, world.ledger.records[one].held_since) == (0, "")


def test_what_nobody_knows_is_the_batchs_own_where_others_got_through() -> None:
    world = World()
    one, *_ = converted(world, 3)
    error = ("WarehouseUnclearError: table t: ERROR: Assert", True)
    for _ in range(100):
        world.sweep(timedelta(minutes=5))
        for run in running(world, world.settings.load_job):
            failing = {one: error} if one in world.batch_ids(run) else {}
            world.succeed(run.run_id, failing)
            world.notify(run.run_id)
    assert world.ledger.records[one].state is BatchState.CONVERTED  # alone it is the world's, until its age
    assert world.ledger.records[one].attempts == 1
    assert Counter(world.states().values()) == {"LOADED": 2, "CONVERTED": 1}
    outage(world, timedelta(days=30), "WarehouseUnclearError: table t: ERROR: Assert")
    assert Counter(world.states().values()) == {"LOADED": 2, "FAILED": 1}


@pytest.mark.parametrize(
    ("state", "message"),
    [("STOPPED", ""), ("FAILED", "LocalCloudStopped: local cloud stopped while the run was active")],
)
def test_a_stop_is_no_attempt(state: str, message: str) -> None:
    world = World()
    send(world, 3)
    dispatch(world.trigger, "orders", Stage.CONVERT)
    for _ in range(5):
        (run,) = world.glue.running
        world.glue.end(run.run_id, state, message)
        world.notify(run.run_id)
        assert [(r.state, r.attempts, r.company) for r in world.ledger.records.values()] == [("RECEIVED", 0, "")] * 3
        world.sweep(timedelta(minutes=2))
    world.drain()
    assert set(world.states().values()) == {"LOADED"}


def test_a_missing_right_has_its_attempts() -> None:
    world = World()
    (batch,) = send(world, 1)
    dispatch(world.trigger, "orders", Stage.CONVERT)
    for attempt in (1, 2, 3):
        (run,) = world.glue.running
        world.succeed(run.run_id, {batch: ("AwsDeniedError: read s3://b/k: AccessDenied", False)})
        world.notify(run.run_id)
        assert world.ledger.records[batch].attempts == attempt
        world.sweep(timedelta(minutes=5))
    assert world.ledger.records[batch].state is BatchState.FAILED


def break_runs(world: World, culprits: set[str], message: str = "JVM gone: out of memory") -> int:
    """Let every conversion die that carries a culprit, and all else succeed; returns the number of conversions."""
    runs = 0
    for _ in range(3000):
        if not (going := running(world, world.settings.convert_job)):
            if all(record.state is not BatchState.RECEIVED for record in world.ledger.records.values()):
                return runs
            world.sweep(timedelta(minutes=5))
            continue
        for run in going:
            runs += 1
            if culprits & set(world.batch_ids(run)):
                world.glue.end(run.run_id, "FAILED", message)
            else:
                world.succeed(run.run_id)
            world.notify(run.run_id)
    raise AssertionError("never ends")


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.data())
def test_a_batch_that_breaks_its_run_is_found_by_halves(count: int, data: st.DataObject) -> None:
    world = World()
    names = send(world, count)
    culprit = data.draw(st.sampled_from(names))
    dispatch(world.trigger, "orders", Stage.CONVERT)
    runs = break_runs(world, {culprit})
    assert {name for name, record in world.ledger.records.items() if record.state is BatchState.FAILED} == {culprit}
    assert runs <= 2 * ceil(log2(count)) + world.settings.max_attempts
    failed = world.ledger.records[culprit]
    assert failed.reason.endswith("ended as FAILED: JVM gone: out of memory")
    (notice,) = world.topics.of("failed")
    assert notice["batch"] == culprit


@settings(max_examples=15, deadline=None)
@given(st.integers(4, 40), st.data())
def test_several_batches_that_break_their_runs_are_found_and_the_others_go_on(count: int, data: st.DataObject) -> None:
    """A probe that is a culprit itself may take the runs for an outage; even then nobody is lost."""
    world = World()
    names = send(world, count)
    culprits = set(data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True)))
    dispatch(world.trigger, "orders", Stage.CONVERT)
    break_runs(world, culprits)
    failed = {name for name, record in world.ledger.records.items() if record.state is BatchState.FAILED}
    assert culprits <= failed
    if not world.topics.of("outage_began"):
        assert failed == culprits


def test_a_batch_that_a_claim_named_and_never_got_is_none_of_those_that_died_with_it() -> None:
    """It changed between the choice and the claim: the one batch of the run was alone, and its failure is its own."""
    world = World()
    taken, other = send(world, 2)
    record = world.ledger.records[other]
    changed = replace(record, due_at=timestamp(world.now + timedelta(hours=1)), version=record.version + 1)
    world.faults.meanwhile("after MemoryLedger.write_claim", lambda: world.ledger.save(record, changed))
    dispatch(world.trigger, "orders", Stage.CONVERT)
    (run,) = world.glue.running
    claim = world.ledger.claim(world.ledger.records[taken].claim_id)
    assert claim is not None
    assert (claim.batch_ids, world.batch_ids(run)) == ((taken, other), [taken])
    world.glue.end(run.run_id, "FAILED", "gone")
    world.notify(run.run_id)
    found = world.ledger.records[taken]
    assert (found.state, found.attempts) == (BatchState.RECEIVED, 1)
    assert found.history[-1].note.startswith("attempt 1 of 3")
    assert world.ledger.records[other] == changed


@pytest.mark.parametrize("booked", [1, 2])
def test_a_booking_that_is_finished_later_parts_batches_as_it_began(booked: int) -> None:
    """Those that were booked before a crash count as those that died with their run."""
    world = World()
    names = send(world, 3)
    dispatch(world.trigger, "orders", Stage.CONVERT)
    (run,) = world.glue.running
    world.glue.end(run.run_id, "FAILED", "gone")
    saves = iter(range(3))

    def crash_after(_: object = None) -> None:
        if next(saves) == booked:
            raise CrashError("killed")
        world.faults.meanwhile("before MemoryLedger.save", crash_after)

    world.faults.meanwhile("before MemoryLedger.save", crash_after)
    with pytest.raises(CrashError):
        world.notify(run.run_id)
    world.notify(run.run_id)
    companies = {name: record.company for name, record in world.ledger.records.items()}
    assert len({companies[name] for name in names[:2]}) == 1
    assert companies[names[2]] != companies[names[0]]
    assert {record.attempts for record in world.ledger.records.values()} == {0}


def test_runs_that_all_die_alike_are_an_outage_after_a_probe() -> None:
    world = World()
    send(world, 64)
    dispatch(world.trigger, "orders", Stage.CONVERT)
    sizes = []
    while world.ledger.outage("orders", Stage.CONVERT) is None:
        (run,) = world.glue.running
        sizes.append(len(world.batch_ids(run)))
        world.glue.end(run.run_id, "FAILED", f"the cluster {len(sizes)} did not come up")
        world.notify(run.run_id)
    assert sizes == [64, 32, 32, 1]
    assert {record.attempts for record in world.ledger.records.values()} == {0}
    assert world.glue.running == []
    world.sweep(timedelta(minutes=2))
    (joint,) = world.glue.running
    assert len(world.batch_ids(joint)) == 64
    world.drain()
    assert set(world.states().values()) == {"LOADED"}
    assert [len(world.topics.of(event)) for event in ("outage_began", "outage_ended")] == [1, 1]


def test_who_went_apart_goes_with_nobody_else() -> None:
    world = World()
    send(world, 2)
    dispatch(world.trigger, "orders", Stage.CONVERT)
    fresh = send(world, 1, first=7)
    (run,) = world.glue.running
    world.glue.end(run.run_id, "FAILED", "gone")
    world.notify(run.run_id)
    (next_run,) = world.glue.running
    assert world.batch_ids(next_run) == fresh


@given(st.lists(st.text("abc", min_size=1), min_size=1, max_size=30, unique=True), st.booleans())
def test_parts_are_everybody_once(names: list[str], with_probe: bool) -> None:
    found = parts("c1", sorted(names), with_probe=with_probe)
    assert found.keys() == set(names)
    sizes = Counter(company.part for company in found.values())
    assert sizes["p"] == with_probe
    assert 0 <= sizes["1"] - sizes["2"] <= 1
    assert all(Company.parse(str(company)) == company for company in found.values())


def test_a_company_is_common_or_none() -> None:
    assert common(["c1.1", "c1.1"]) == Company("c1", "1")
    assert common(["c1.1", "c1.2"]) == common([""]) == common([]) == Company()
