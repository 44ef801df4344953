"""The sweep: partitions that the catalog lacks, its sign of life, and problems that it outlives."""

import json
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise

import pytest

from lambda_trigger import arrival
from lambda_trigger.dispatch import dispatch
from lambda_trigger.sweep import SweepError, in_turn
from sluice.errors import AwsBusyError, AwsError
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import Claim, Heartbeat, OpenLoad
from sluice.names import SWEEP_PERIOD
from tests.doubles.world import ROOT, START, World

FOLDER = "orders/year=2026/month=11/day=20/hour={:02}"


@pytest.fixture
def world() -> World:
    """One loaded batch of each of two hours."""
    world = World()
    world.deliver(*(world.send(FOLDER.format(hour)) for hour in (1, 2)))
    world.drain()
    return world


def test_partitions_that_the_catalog_lacks_are_registered_again(world: World) -> None:
    before = {table: dict(partitions) for table, partitions in world.catalog.partitions.items()}
    assert {table for _, table in before} == {"orders", "order_items"}
    assert all(len(partitions) == 2 for partitions in before.values())
    for partitions in world.catalog.partitions.values():
        partitions.pop(("2026", "11", "20", "01"))
    world.sweep()
    assert world.catalog.partitions == before


def test_partitions_of_batches_that_were_not_accepted_or_not_published_are_not() -> None:
    world = World()
    world.deliver(world.send(FOLDER.format(1), manifest=b"{"), world.send(FOLDER.format(2)))
    world.catalog.partitions.clear()
    world.sweep()
    assert world.catalog.partitions == {
        ("sluice_raw", "orders"): {("2026", "11", "20", "02"): f"s3://sluice-raw/{FOLDER.format(2)}/"}
    }


def test_a_partition_shows_what_was_published_last_even_if_that_could_not_be_loaded(world: World) -> None:
    """The files of the batch before it go after the time of grace, so its folder may be empty by now."""
    event = world.send(FOLDER.format(2))
    world.deliver(event)
    (convert,) = world.glue.running
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    (load,) = world.glue.running
    newest = max(world.ledger.records)
    world.succeed(load.run_id, {newest: ("WarehouseError: a value is too long for its column", False)})
    world.notify(load.run_id)
    assert world.states()[newest] == "FAILED"
    before = {table: dict(partitions) for table, partitions in world.catalog.partitions.items()}
    world.catalog.partitions.clear()
    world.sweep()
    assert world.catalog.partitions == before


def test_a_partition_that_a_run_switches_while_the_sweep_repairs_shows_the_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its new folder would go after the time of grace, while its load may still wait."""
    database, values, locations = "sluice_processed", ("2026", "11", "20", "01"), world.catalog.locations

    def and_then_a_run_switches(name: str, table: str, expression: str) -> dict[tuple[str, ...], str]:
        found = locations(name, table, expression)
        if name == database:
            world.catalog.register(name, table, {values: "s3://sluice-processed/of-the-run/"})
        return found

    world.catalog.partitions.clear()
    monkeypatch.setattr(world.catalog, "locations", and_then_a_run_switches)
    world.sweep()
    shown = {table: world.catalog.partitions[database, table][values] for table in ("orders", "order_items")}
    assert shown == dict.fromkeys(shown, "s3://sluice-processed/of-the-run/")


def zombie(world: World) -> dict[str, str]:
    """A partition is switched to what a run wrote whose claim was closed; what was to be shown, by table."""
    database, values = "sluice_processed", ("2026", "11", "20", "01")
    shown = {table: world.catalog.partitions[database, table][values] for table in ("orders", "order_items")}
    for table in shown:
        world.catalog.register(database, table, {values: f"s3://sluice-processed/{table}-of-the-dead/"})
    return shown


def now_shown(world: World) -> dict[str, str]:
    found = world.catalog.partitions
    return {name: found["sluice_processed", name]["2026", "11", "20", "01"] for name in ("orders", "order_items")}


@pytest.mark.parametrize("has_rejected", [False, True])
def test_what_a_run_switched_that_had_no_right_to_is_put_right_by_the_next_sweep(
    world: World, has_rejected: bool
) -> None:
    if has_rejected:
        world.deliver(world.send(FOLDER.format(1), manifest=b"{"))
    shown = zombie(world)
    world.sweep()
    assert now_shown(world) == shown
    assert world.ledger.slot("orders", Stage.CONVERT) is None
    assert world.ledger.heartbeat() == Heartbeat(world.now, ())


def test_a_run_at_work_may_be_about_to_show_something_newer(world: World) -> None:
    """Its own switch would be taken back. It is looked at again when it has ended."""
    arrival.take(world.trigger, world.send(FOLDER.format(3)))
    dispatch(world.trigger, "orders", Stage.CONVERT)
    shown = zombie(world)
    world.sweep()
    assert now_shown(world) == {table: f"s3://sluice-processed/{table}-of-the-dead/" for table in shown}
    world.drain()
    world.sweep()
    assert now_shown(world) == shown


def test_a_newer_batch_on_its_way_is_left_alone(world: World) -> None:
    """What is shown may be its own, from a run that died after its switch; its next run goes on from there."""
    zombie(world)
    arrival.take(world.trigger, world.send(FOLDER.format(1)))
    (before,) = {tuple(now_shown(world).values())}
    world.faults.fail("before FakeGlue.start", AwsBusyError("Rate exceeded"))
    world.sweep()
    assert tuple(now_shown(world).values()) == before
    world.drain()
    world.sweep()
    newest = max(name for name in world.ledger.records if ".2026112001." in name)
    run = world.ledger.records[newest].convert_run
    assert all(location.endswith(f"/{run}/") for location in now_shown(world).values())


def test_who_finds_the_slot_taken_meanwhile_is_not_forgotten(world: World) -> None:
    zombie(world)
    event = world.send(FOLDER.format(3))
    world.faults.meanwhile("before MemoryLedger.release_slot", lambda: world.deliver(event))
    world.sweep()
    (run,) = world.glue.running
    assert len(world.batch_ids(run)) == 1


def test_partitions_of_long_ago_are_left_to_the_crawlers(world: World) -> None:
    world.catalog.partitions.clear()
    world.sweep(timedelta(days=1, minutes=1))
    assert world.catalog.partitions == {}


def test_the_catalog_is_asked_no_more_than_once_for_a_table_when_nothing_is_lacking(world: World) -> None:
    world.faults.arm(10**9)
    world.sweep()
    asked = [name for name in world.faults.passed if name.startswith("before MemoryCatalog")]
    assert asked == ["before MemoryCatalog.locations"] * 3


def test_a_sweep_leaves_a_sign_of_life(world: World) -> None:
    world.sweep()
    assert world.ledger.heartbeat() == Heartbeat(world.now, ())


def test_problems_are_in_the_sign_of_life_and_keep_nothing_else_from_being_swept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrival.take(world.trigger, world.send(FOLDER.format(3)))
    arrival.take(world.trigger, world.send("products/year=2026/month=11/day=20/hour=01"))
    start = world.glue.start

    def refuse_orders(job: str, arguments: Mapping[str, str]) -> str:
        if arguments["--dataset"] == "orders":
            raise AwsError("AccessDeniedException")
        return start(job, arguments)

    monkeypatch.setattr(world.glue, "start", refuse_orders)
    with pytest.raises(SweepError, match=r"^orders/convert: AccessDeniedException$"):
        world.sweep()
    beat = world.ledger.heartbeat()
    assert beat is not None
    assert beat.problems == ("orders/convert: AccessDeniedException",)
    waiting = {record.dataset for record in world.ledger.records.values() if record.state is BatchState.RECEIVED}
    assert waiting == {"orders"}


def test_an_error_that_nobody_expected_stops_one_piece_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    arrival.take(world.trigger, world.send("products/year=2026/month=11/day=20/hour=01"))
    waiting = world.ledger.waiting

    def broken(dataset: str, stage: object) -> object:
        if dataset == "orders":
            raise KeyError("an item that nobody can read")
        return waiting(dataset, stage)  # type: ignore[arg-type]

    monkeypatch.setattr(world.ledger, "waiting", broken)
    with pytest.raises(SweepError, match=r"^orders/waiting manifests: KeyError; orders/convert: KeyError; "):
        world.sweep()
    beat = world.ledger.heartbeat()
    assert beat is not None
    assert beat.problems == tuple(f"orders/{what}: KeyError" for what in ("waiting manifests", "convert", "load"))
    (run,) = world.glue.running
    assert run.arguments["--dataset"] == "products"


def test_every_dataset_is_the_first_in_its_turn_and_none_is_left_out() -> None:
    datasets = ["d", "b", "a", "c"]
    orders = [in_turn(datasets, START + number * SWEEP_PERIOD) for number in range(8)]
    assert {order[0] for order in orders[:4]} == set(datasets)
    assert orders[4:] == orders[:4]
    start = "abcd".index(orders[0][0])
    assert orders[:4] == [tuple("abcdabcd"[(start + n) % 4 :][:4]) for n in range(4)]
    assert in_turn(datasets, START + SWEEP_PERIOD / 2) in orders[:2]
    assert in_turn([], START) == ()


def test_a_sweep_visits_the_datasets_in_their_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    visited: list[str] = []
    repair = world.ledger.slot

    def note(dataset: str, stage: Stage) -> object:
        visited.append(dataset)
        return repair(dataset, stage)

    monkeypatch.setattr(world.ledger, "slot", note)
    firsts = set()
    for _ in world.contracts:
        visited.clear()
        world.sweep(SWEEP_PERIOD)
        assert set(visited) == set(world.contracts)
        firsts.add(visited[0])
    assert firsts == set(world.contracts)


def test_the_period_is_that_of_the_schedule() -> None:
    stack = json.loads((ROOT / "terraform" / "stack.json").read_text(encoding="utf-8"))
    assert stack["schedules"]["sweep"]["expression"] == f"rate({SWEEP_PERIOD // timedelta(minutes=1)} minutes)"


def test_a_ledger_that_cannot_tell_its_datasets_keeps_none_from_being_swept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> tuple[str, ...]:
        raise AwsBusyError("slow down")

    monkeypatch.setattr(world.ledger, "datasets", busy)
    arrival.take(world.trigger, world.send(FOLDER.format(3)))
    with pytest.raises(SweepError, match=r"^what the ledger knows: slow down$"):
        world.sweep()
    assert [run.arguments["--dataset"] for run in world.glue.running] == ["orders"]


def test_a_sweep_that_cannot_leave_its_sign_fails(world: World) -> None:
    world.faults.arm(10**9)
    world.sweep()
    world.faults.arm(world.faults.passed.index("before MemoryLedger.beat"), AwsBusyError("slow down"))
    with pytest.raises(AwsBusyError, match="slow down"):
        world.sweep()


def test_an_open_load_rests_between_two_tries() -> None:
    world = World()
    world.deliver(world.send(FOLDER.format(1)))
    (convert,) = world.glue.running
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    world.warehouse.errors.extend(["ERROR: syntax error"] * 100)
    (load,) = world.glue.running
    world.succeed(load.run_id)
    world.notify(load.run_id)
    (going,) = world.machine.executions.values()
    (opened,) = world.ledger.open_loads("orders")
    tried = [opened.tried_at]
    for _ in range(30):
        before = going.redrives
        world.sweep(timedelta(seconds=20))
        if going.redrives > before:
            tried.append(world.ledger.open_loads("orders")[0].tried_at)
    pauses = [(later - earlier) / timedelta(seconds=1) for earlier, later in pairwise(tried)]
    assert len(pauses) == 3
    assert all(pause >= least for pause, least in zip(pauses, (60, 120, 240), strict=True))


def test_an_open_load_that_cannot_be_mended_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for number in (1, 2):
        load = OpenLoad(f"c{number}", "orders", world.now, 0, world.now)
        world.ledger.write_claim(Claim(load.claim_id, "orders", Stage.LOAD, (), world.now))
        world.ledger.open_load(load)
    start = world.machine.start

    def refuse_the_first(machine: str, name: str, arguments: Mapping[str, str]) -> None:
        if name == "c1":
            raise AwsError("start execution c1: AccessDenied")
        start(machine, name, arguments)

    monkeypatch.setattr(world.machine, "start", refuse_the_first)
    with pytest.raises(SweepError, match=r"^orders/open loads: start execution c1: AccessDenied$"):
        world.sweep()
    assert list(world.machine.executions) == ["c2"]
