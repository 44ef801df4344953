"""A dataset is taken out of the contracts while its batches are on their way: they end, and nobody waits for them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from lambda_trigger import arrival
from lambda_trigger.dispatch import dispatch
from sluice.contract import Contract
from sluice.contract.model import contract_of
from sluice.errors import UnknownDatasetError
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord
from sluice.ledger.retry import retry
from tests.doubles.world import CONTRACTS, World

FOLDER = "{}/year=2026/month=11/day=20/hour={:02}"
REASON = (
    "UnknownDatasetError: no contract has the dataset orders (known: "
    f"{', '.join(sorted(name for name in CONTRACTS if name != 'orders'))})"
)
Step = Callable[[World], None]


def arrive(world: World) -> None:
    """A batch of orders is booked, and nobody has begun with it."""
    assert arrival.take(world.trigger, world.send(FOLDER.format("orders", 1))) == "orders"


def convert(world: World) -> None:
    dispatch(world.trigger, "orders", Stage.CONVERT)


def work(world: World) -> None:
    """Whatever runs does its work, and nobody has heard of it."""
    for run in world.glue.running:
        world.succeed(run.run_id)


def tell(world: World) -> None:
    at_work = {going.run_id for going in world.machine.running}
    for run in list(world.glue.runs.values()):
        if run.job == world.settings.convert_job or run.run_id in at_work:
            world.notify(run.run_id)


def die(world: World) -> None:
    for run in world.glue.running:
        world.glue.end(run.run_id, "FAILED", REASON)


def remove(world: World) -> None:
    del world.contracts["orders"]


def orders(world: World) -> BatchRecord:
    (found,) = (record for record in world.ledger.records.values() if record.dataset == "orders")
    return found


def settle(world: World) -> None:
    """Let time pass: whatever runs ends well, and the sweep comes."""
    for _ in range(8):
        world.sweep(timedelta(hours=1))
        work(world)
        tell(world)


CASES: dict[str, tuple[list[Step], BatchState, Stage, str]] = {
    "waits for its conversion": ([arrive, remove], BatchState.FAILED, Stage.CONVERT, REASON),
    "its conversion ends well": ([arrive, convert, work, remove, tell], BatchState.FAILED, Stage.LOAD, REASON),
    "its conversion knows it no more": ([arrive, convert, remove, die, tell], BatchState.FAILED, Stage.CONVERT, REASON),
    "its load ends well": ([arrive, convert, work, tell, work, remove, tell], BatchState.LOADED, Stage.LOAD, ""),
    "its load knows it no more": (
        [arrive, convert, work, tell, remove, die, tell],
        BatchState.FAILED,
        Stage.LOAD,
        REASON,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_batches_of_a_dataset_that_is_gone_come_to_an_end(case: str) -> None:
    steps, state, stage, reason = CASES[case]
    world = World(is_archiving=True)
    for step in steps:
        step(world)
    settle(world)
    batch = orders(world)
    assert (batch.state, batch.stage, batch.reason) == (state, stage, reason)
    assert [world.ledger.waiting("orders", one) for one in Stage] == [(), ()]
    assert [world.ledger.slot("orders", one) for one in Stage] == [None, None]
    assert world.ledger.open_loads("orders") == ()
    beat = world.ledger.heartbeat()
    assert beat is not None
    assert beat.problems == ()
    told = [body["batch"] for body in world.topics.of("failed")]
    assert told == ([batch.batch_id] if state is BatchState.FAILED else [])


@pytest.mark.parametrize("case", CASES)
def test_nobody_else_waits_for_them(case: str) -> None:
    world = World()
    for step in CASES[case][0]:
        step(world)
    world.deliver(world.send(FOLDER.format("products", 1)))
    settle(world)
    states = {record.state for record in world.ledger.records.values() if record.dataset == "products"}
    assert states == {BatchState.LOADED}


def test_many_of_them_end_at_once_and_a_new_one_is_rejected() -> None:
    world = World()
    for hour in range(5):
        arrival.take(world.trigger, world.send(FOLDER.format("orders", hour)))
    remove(world)
    world.sweep()
    assert {(record.state, record.reason) for record in world.ledger.records.values()} == {(BatchState.FAILED, REASON)}
    assert arrival.take(world.trigger, world.send(FOLDER.format("orders", 9))) is None
    assert world.ledger.records[max(world.ledger.records)].state is BatchState.REJECTED


def test_when_the_contract_is_back_they_can_be_tried_again() -> None:
    world = World()
    contract = world.contracts["orders"]
    arrive(world)
    remove(world)
    world.sweep()
    world.contracts["orders"] = contract
    failed = orders(world)
    retry(failed.batch_id, world.ledger, world.machine, world.settings.load_machine, world.clock())
    settle(world)
    assert (orders(world).state, orders(world).reason) == (BatchState.LOADED, "")


def test_a_contract_is_found_or_named_as_missing() -> None:
    one: dict[str, Contract] = {"orders": CONTRACTS["orders"]}
    assert contract_of(one, "orders") is CONTRACTS["orders"]
    with pytest.raises(UnknownDatasetError, match=r"^no contract has the dataset x \(known: orders\)$"):
        contract_of(one, "x")
