"""Dispatch: which batches go out together, what the run is told, and what happens when Glue refuses."""

import json
from datetime import timedelta

import pytest

from lambda_trigger import arrival
from lambda_trigger.dispatch import dispatch
from sluice.errors import AwsBusyError, AwsError, StartUnclearError
from sluice.lake.handover import LoadInput, PublishedFile, RunInput
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import Slot
from sluice.settings import Settings
from tests.doubles.faults import CrashError
from tests.doubles.world import START, World


def folder(hour: int, dataset: str = "orders") -> str:
    return f"{dataset}/year=2026/month=11/day=20/hour={hour:02}"


@pytest.fixture
def world() -> World:
    return World()


def short(world: World) -> dict[str, str]:
    """State by partition and number of the version."""
    states: dict[str, str] = {}
    for name, state in world.states().items():
        partition = name.split(".")[1]
        number = 1 + sum(key.startswith(partition) for key in states)
        states[f"{partition}/{number}"] = state
    return states


def test_all_waiting_batches_go_in_one_run(world: World) -> None:
    world.deliver(*(world.send(folder(hour)) for hour in (3, 1, 2)), world.send(folder(1, "products")))
    orders, products = world.glue.running
    ids = sorted(name for name in world.ledger.records if name.startswith("orders"))
    assert orders.job == "sluice-raw-to-parquet"
    assert orders.arguments == {
        "--claim_id": "c0001",
        "--dataset": "orders",
        "--push_down_predicate": "year='2026' and month='11' and day='20' and hour in ('01','02','03')",
    }
    frozen = {name: f"s3://sluice-processed/_sluice/manifests/orders/{name}.json" for name in ids}
    text = world.documents.read("s3://sluice-processed/_sluice/runs/c0001/input.json")
    assert RunInput.from_json(text) == RunInput("c0001", "orders", frozen)
    claim = world.ledger.claim("c0001")
    assert claim is not None
    assert (claim.batch_ids, claim.run_id, claim.ended_at) == (tuple(ids), "jr_1", None)
    assert {world.ledger.records[name].claim_id for name in ids} == {"c0001"}
    assert products.arguments["--dataset"] == "products"


def test_what_comes_while_a_run_is_on_waits_for_its_end(world: World) -> None:
    world.deliver(world.send(folder(1)))
    world.deliver(world.send(folder(2)))
    world.deliver(world.send(folder(3)))
    assert short(world) == {"2026112001/1": "CONVERTING", "2026112002/1": "RECEIVED", "2026112003/1": "RECEIVED"}
    (run,) = world.glue.running
    world.succeed(run.run_id)
    world.notify(run.run_id)
    assert short(world) == {"2026112001/1": "LOADING", "2026112002/1": "CONVERTING", "2026112003/1": "CONVERTING"}
    assert sorted(run.job for run in world.glue.running) == ["sluice-load-redshift", "sluice-raw-to-parquet"]


def test_a_run_takes_no_more_batches_than_allowed() -> None:
    world = World(Settings(max_batches_per_run=2))
    world.deliver(*(world.send(folder(hour)) for hour in (1, 2, 3)))
    assert list(short(world).values()) == ["CONVERTING", "CONVERTING", "RECEIVED"]


def test_a_run_takes_no_more_files_than_allowed() -> None:
    world = World(Settings(max_files_per_run=3))
    files = {"a": b"1", "b": b"2"}
    world.deliver(*(world.send(folder(hour), files) for hour in (1, 2)), world.send(folder(3)))
    assert list(short(world).values()) == ["CONVERTING", "RECEIVED", "RECEIVED"]
    world.drain()
    assert list(short(world).values()) == ["LOADED", "LOADED", "LOADED"]
    runs = [run for run in world.glue.runs.values() if run.job == "sluice-raw-to-parquet"]
    assert [len(world.batch_ids(run)) for run in runs] == [1, 2]


def test_of_two_waiting_versions_the_newer_goes(world: World) -> None:
    world.deliver(world.send(folder(0)))
    events = [world.send(folder(1)) for _ in range(3)]
    world.deliver(*events)
    world.drain()
    states = short(world)
    assert states == {
        "2026112000/1": "LOADED",
        "2026112001/1": "SUPERSEDED",
        "2026112001/2": "SUPERSEDED",
        "2026112001/3": "LOADED",
    }
    newest = max(world.ledger.records)
    reasons = {record.reason for record in world.ledger.records.values() if record.state is BatchState.SUPERSEDED}
    assert reasons == {f"replaced by the newer manifest {newest} of the same partition"}
    assert set(world.conversions.values()) == {1}


def test_a_newer_version_waits_until_the_older_one_is_loaded(world: World) -> None:
    world.deliver(world.send(folder(1)))
    world.deliver(world.send(folder(1)), world.send(folder(2)))
    (convert,) = world.glue.running
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    assert short(world) == {"2026112001/1": "LOADING", "2026112001/2": "RECEIVED", "2026112002/1": "CONVERTING"}
    load = next(run for run in world.glue.running if run.job == "sluice-load-redshift")
    world.succeed(load.run_id)
    world.notify(load.run_id)
    assert short(world)["2026112001/1"] == "LOADED"
    world.drain()
    assert set(short(world).values()) == {"LOADED"}
    assert [name for name in world.loads if ".2026112001." in name] == sorted(
        name for name in world.ledger.records if ".2026112001." in name
    )


def test_a_load_gets_the_published_files_and_their_copy_manifest(world: World) -> None:
    world.deliver(world.send(folder(1), {"a": b"1", "b": b"2"}), world.send(folder(2)))
    (convert,) = world.glue.running
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    (load,) = world.glue.running
    assert load.job == "sluice-load-redshift"
    assert load.arguments == {"--claim_id": "c0002", "--dataset": "orders"}
    one, two = sorted(world.ledger.records)
    hours = {name: Partition.parse(world.ledger.records[name].partition) for name in (one, two)}
    folders = {name: world.settings.processed.partition("orders", hour, "jr_1") for name, hour in hours.items()}
    urls = {name: f"{folder}/part-00000.parquet" for name, folder in folders.items()}
    base = "s3://sluice-processed/_sluice/loads/c0002"
    assert LoadInput.from_json(world.documents.read(f"{base}/input.json")) == LoadInput(
        "c0002",
        "orders",
        {
            one: {"orders": (PublishedFile(urls[one], 100, 2),)},
            two: {"orders": (PublishedFile(urls[two], 100, 1),)},
        },
    )
    assert json.loads(world.documents.read(f"{base}/orders.manifest.json")) == {
        "entries": [{"url": urls[name], "mandatory": True, "meta": {"content_length": 100}} for name in (one, two)]
    }


def test_a_table_without_files_has_no_copy_manifest(world: World) -> None:
    world.deliver(world.send(folder(1)))
    (convert,) = world.glue.running
    world.work(convert.run_id)
    url = "s3://sluice-processed/_sluice/runs/c0001/outcome.json"
    outcome = json.loads(world.documents.read(url))
    outcome["batches"][0]["published"] = {"orders": [], "order_items": []}
    world.documents.write(url, json.dumps(outcome))
    world.glue.end(convert.run_id, "SUCCEEDED")
    world.notify(convert.run_id)
    (batch_id,) = world.ledger.records
    assert [name for name in world.documents.urls() if "/loads/" in name] == [
        "s3://sluice-processed/_sluice/loads/c0002/input.json"
    ]
    text = world.documents.read("s3://sluice-processed/_sluice/loads/c0002/input.json")
    assert LoadInput.from_json(text).batches == {batch_id: {"orders": (), "order_items": ()}}
    world.drain()
    assert world.loads == [batch_id]


def test_a_batch_whose_published_files_are_forgotten_fails_alone(world: World) -> None:
    world.deliver(world.send(folder(1)))
    (first,) = world.glue.running
    world.deliver(world.send(folder(2)))
    world.succeed(first.run_id)
    world.machine.refusals = [AwsBusyError("no capacity")]
    world.notify(first.run_id)
    (second,) = world.glue.running
    world.documents.delete("s3://sluice-processed/_sluice/runs/c0001/outcome.json")
    world.succeed(second.run_id)
    world.notify(second.run_id)
    assert short(world) == {"2026112001/1": "FAILED", "2026112002/1": "LOADING"}
    failed = world.ledger.records[min(world.ledger.records)]
    assert (failed.stage, failed.reason) == (
        Stage.LOAD,
        "MissingObjectError: s3://sluice-processed/_sluice/runs/c0001/outcome.json no longer lists its files",
    )


def test_a_refused_start_gives_everything_back_and_the_sweep_tries_again(world: World) -> None:
    world.glue.refusals = [AwsBusyError("ConcurrentRunsExceededException")]
    world.deliver(world.send(folder(1)), world.send(folder(2)))
    records = sorted(world.ledger.records.values(), key=lambda record: record.batch_id)
    assert [(r.state, r.attempts, r.claim_id) for r in records] == [(BatchState.RECEIVED, 0, "")] * 2
    assert [[change.state for change in r.history] for r in records] == [[BatchState.RECEIVED]] * 2
    assert world.ledger.slot("orders", Stage.CONVERT) is None
    assert world.glue.runs == {}
    world.sweep()
    assert list(short(world).values()) == ["CONVERTING", "CONVERTING"]


def test_a_start_that_glue_refuses_for_good_gives_everything_back_and_is_an_error(world: World) -> None:
    world.glue.refusals = [AwsError("EntityNotFoundException")]
    with pytest.raises(AwsError, match="EntityNotFoundException"):
        world.deliver(world.send(folder(1)))
    assert list(short(world).values()) == ["RECEIVED"]
    assert world.ledger.slot("orders", Stage.CONVERT) is None


def test_a_run_whose_start_lost_its_answer_is_found_at_once(world: World) -> None:
    world.glue.refusals = [StartUnclearError("timed out")]
    world.glue.is_started_anyway = True
    world.deliver(world.send(folder(1)))
    claim = world.ledger.claim("c0001")
    assert claim is not None
    assert (claim.run_id, claim.unclear_at, len(world.glue.runs)) == ("jr_1", None, 1)
    world.drain()
    assert set(world.conversions.values()) == {1}


@pytest.mark.parametrize("is_started", [True, False])
def test_an_unclear_start_is_looked_into_a_minute_later(world: World, is_started: bool) -> None:
    world.glue.refusals = [StartUnclearError("timed out")]
    world.glue.is_started_anyway = is_started
    world.glue.blind_looks = 1
    world.deliver(world.send(folder(1)))
    world.sweep(timedelta(seconds=50))
    assert list(short(world).values()) == ["CONVERTING"]
    assert len(world.glue.runs) == (1 if is_started else 0)
    world.sweep(timedelta(seconds=20))
    assert len(world.glue.runs) == 1
    assert list(short(world).values()) == ["CONVERTING"]
    claim = world.ledger.claim("c0001")
    assert claim is not None
    assert (claim.run_id, claim.ended_at is None) == (("jr_1", True) if is_started else ("", False))
    world.drain()
    assert set(world.conversions.values()) == {1}


@pytest.mark.parametrize("call", ["FakeGlue.find", "MemoryLedger.note_unclear"])
def test_an_unclear_start_that_cannot_be_looked_for_or_noted_is_left_to_the_sweep(world: World, call: str) -> None:
    world.glue.refusals = [StartUnclearError("timed out")]
    world.glue.blind_looks = 1 if "note" in call else 0
    arrival.take(world.trigger, world.send(folder(1)))
    world.faults.fail(f"before {call}", AwsBusyError("away"))
    dispatch(world.trigger, "orders", Stage.CONVERT)
    assert list(short(world).values()) == ["CONVERTING"]
    world.sweep(timedelta(minutes=2) if "find" in call else timedelta(minutes=17))
    assert len(world.glue.runs) == 1
    world.drain()
    assert set(world.conversions.values()) == {1}


def test_after_a_restart_no_dispatcher_is_waited_for(world: World) -> None:
    """Killed between claim and start: what knows that no function is alive need not wait for a quarter of an hour."""
    arrival.take(world.trigger, world.send(folder(1)))
    world.faults.fail("before FakeGlue.start", CrashError("killed"))
    with pytest.raises(CrashError):
        dispatch(world.trigger, "orders", Stage.CONVERT)
    world.sweep(timedelta(seconds=5), dead_before=START)
    assert world.glue.runs == {}
    world.sweep(timedelta(seconds=5), dead_before=world.now + timedelta(seconds=1))
    assert len(world.glue.runs) == 1
    world.drain()
    assert set(world.conversions.values()) == {1}


def test_after_a_restart_a_slot_without_a_claim_is_free(world: World) -> None:
    arrival.take(world.trigger, world.send(folder(1)))
    world.faults.fail("after MemoryLedger.take_slot", CrashError("killed"))
    with pytest.raises(CrashError):
        dispatch(world.trigger, "orders", Stage.CONVERT)
    world.sweep(timedelta(seconds=5), dead_before=world.now + timedelta(seconds=1))
    assert len(world.glue.runs) == 1


def test_a_busy_slot_is_left_alone(world: World) -> None:
    world.ledger.take_slot("orders", Stage.CONVERT, Slot("other", START))
    world.deliver(world.send(folder(1)))
    assert list(short(world).values()) == ["RECEIVED"]
    assert world.glue.runs == {}
    assert world.ledger.slot("orders", Stage.CONVERT) == Slot("other", START)


def test_a_busy_ledger_in_the_middle_gives_everything_back(world: World) -> None:
    event = world.send(folder(1))
    arrival.take(world.trigger, event)
    names = ["before MemoryDocuments.write", "after MemoryDocuments.write", "after MemoryLedger.write_claim"]
    for name in names:
        probe = World()
        arrival.take(probe.trigger, probe.send(folder(1)))
        probe.faults.arm(10**6)
        dispatch(probe.trigger, "orders", Stage.CONVERT)
        world.faults.arm(probe.faults.passed.index(name), AwsBusyError("slow down"))
        with pytest.raises(AwsBusyError, match="slow down"):
            dispatch(world.trigger, "orders", Stage.CONVERT)
        assert list(short(world).values()) == ["RECEIVED"]
        assert world.ledger.slot("orders", Stage.CONVERT) is None
    assert world.glue.runs == {}


def test_nothing_waits_nothing_starts(world: World) -> None:
    assert dispatch(world.trigger, "orders", Stage.CONVERT) is None
    assert world.ledger.slot("orders", Stage.CONVERT) is None


def test_what_becomes_possible_while_a_dispatcher_finds_nothing_is_not_forgotten(world: World) -> None:
    """A partition becomes free while a dispatcher, having found it busy, still has the slot."""
    world.deliver(world.send(folder(1)))
    (convert,) = world.glue.running
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    (load,) = world.glue.running
    arrival.take(world.trigger, world.send(folder(1)))
    world.succeed(load.run_id)
    release = world.ledger.release_slot

    def release_after_the_load_has_ended(dataset: str, stage: Stage, claim_id: str) -> None:
        world.ledger.release_slot = release  # type: ignore[method-assign]
        world.notify(load.run_id)
        release(dataset, stage, claim_id)

    world.ledger.release_slot = release_after_the_load_has_ended  # type: ignore[method-assign]
    dispatch(world.trigger, "orders", Stage.CONVERT)
    assert list(short(world).values()) == ["LOADED", "CONVERTING"]


def test_the_input_of_a_load_keeps_to_the_batches_of_its_claim(world: World) -> None:
    world = World(Settings(max_batches_per_run=1))
    world.deliver(world.send(folder(1)), world.send(folder(2)))
    world.drain()
    assert sorted(world.loads) == sorted(world.ledger.records)
    loads = [run for run in world.glue.runs.values() if run.job == "sluice-load-redshift"]
    assert [len(world.batch_ids(run)) for run in loads] == [1, 1]
