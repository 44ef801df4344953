"""Whatever happens to batches, the trigger's lines say which dataset, batch and run they are about."""

import logging
from collections.abc import Iterator

import pytest

from sluice.errors import AwsBusyError
from sluice.ledger.batch import Stage
from sluice.logs import ContextFilter
from tests.doubles.world import World

HOUR = "orders/year=2026/month=11/day=20/hour={:02}"
PACKAGES = ("lambda_trigger", "sluice")


class Kept(logging.Handler):
    """Records as the formatter of a function gets them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.addFilter(ContextFilter())
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    loggers = [logging.getLogger(name) for name in PACKAGES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield handler
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def about(record: logging.LogRecord) -> tuple[str, ...]:
    return tuple(getattr(record, name) for name in ("dataset", "batch", "claim"))


def test_every_line_of_a_life_in_the_pipeline_names_what_it_is_about(kept: Kept) -> None:
    world = World(is_archiving=True)
    world.deliver(*(world.send(HOUR.format(hour)) for hour in range(3)))
    world.deliver(world.send(HOUR.format(4), manifest=b"no manifest"))
    world.deliver(world.send("nobody/knows/this/folder"))
    [run] = world.glue.running
    first, second, _ = world.batch_ids(run)
    world.succeed(run.run_id, {first: ("InputChangedError: gone", False), second: ("AwsBusyError: slow", True)})
    world.notify(run.run_id)
    world.glue.refusals = [AwsBusyError("too many runs")]
    world.deliver(world.send(HOUR.format(5)))
    world.warehouse.errors = ["ERROR: deadlock detected"] * 9
    world.deliver(world.send(HOUR.format(2), {"part-1": b"corrected"}))
    world.drain()

    batches = {record.batch_id: record.dataset for record in world.ledger.records.values()}
    assert set(world.states().values()) >= {"FAILED", "REJECTED", "ARCHIVED"}
    named = set()
    for record in kept.records:
        message = record.getMessage()
        mentioned = [name for name in batches if name in message]
        if len(mentioned) == 1:
            assert record.__dict__["batch"] == mentioned[0], message
            named.add(mentioned[0])
        if record.name != "lambda_trigger.archive":  # its handler names dataset and run
            assert record.__dict__["dataset"] in {"orders", "unknown", *batches.values()}, (record.name, message)
        if "claim c" in message or "run jr_" in message:
            assert record.__dict__["claim"].startswith("c0"), message
    assert named == set(batches)


def test_nothing_of_one_event_is_left_for_the_next(kept: Kept) -> None:
    world = World()
    world.deliver(world.send(HOUR.format(0)))
    [run] = world.glue.running
    world.succeed(run.run_id)
    world.notify(run.run_id)
    logging.getLogger("lambda_trigger").info("between two events")
    assert [about(record) for record in kept.records if record.getMessage() == "between two events"] == [("", "", "")]
    dispatched = [record for record in kept.records if "started for 1 batches" in record.getMessage()]
    claims = {record.args[0]: about(record) for record in dispatched if isinstance(record.args, tuple)}
    assert claims == {"c0001": ("orders", "", "c0001"), "c0002": ("orders", "", "c0002")}
    assert world.ledger.slot("orders", Stage.LOAD) is not None
