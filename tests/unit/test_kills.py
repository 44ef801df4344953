"""A process that is killed at any step of functions, state machine and archive loses and doubles nothing.

The steps are not listed here. Everything that these parts do to the outside goes through the ports of
`lambda_trigger.ports` and the states of the machine; the doubles count each call twice, before and after it takes
effect. Stories lead through all of them: a method of a port that no story passes fails a test, and so does a state.
"""

import ast
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lambda_trigger import ports
from sluice.errors import AwsError, StartUnclearError
from sluice.lake.handover import RunFolders
from sluice.lake.layout import Partition
from sluice.ledger.batch import Stage
from sluice.settings import Settings
from sluice_laptop.demo.proofs import Found, ProofOptions
from tests.doubles.depot import Depot
from tests.doubles.faults import CrashError
from tests.doubles.world import START, World
from tests.unit import test_lambda_archive as archive
from tests.unit import test_lambda_crashes as functions
from tests.unit import test_load_machine_walk as machine
from tests.unit.test_load_machine_walk import Act, snapshot, told

FOLDER = "orders/year=2026/month=11/day=20/hour=01"
AWAY = "WarehouseBusyError: own tables: ERROR: the database system is shutting down"


def arrive(world: World) -> None:
    """A manifest comes, and its conversion ends: its load is at work."""
    world.deliver(world.send(FOLDER))
    (run,) = world.glue.running
    world.succeed(run.run_id)
    world.notify(run.run_id)


def load_ends(world: World) -> None:
    """The run of the load ends well."""
    (run,) = world.glue.running
    world.succeed(run.run_id)
    world.notify(run.run_id)


def warehouse_is_away(world: World) -> None:
    """The run of the load meets an outage."""
    (run,) = world.glue.running
    world.glue.end(run.run_id, "FAILED", AWAY)
    world.notify(run.run_id)


def stage_rests(world: World) -> None:
    """It has met the outage so often that the stage rests for an hour."""
    warehouse_is_away(world)
    (outage,) = world.ledger.outages(Stage.LOAD)
    grown = outage.changed(failures=7, tried_at=world.now, until=world.now + timedelta(hours=1))
    world.ledger.save_outage(outage, grown)


def probe_begins(world: World) -> None:
    """Eleven minutes later the sweep sends one batch to see."""
    world.sweep(timedelta(minutes=11))


@contextmanager
def topics_refuse(world: World) -> Iterator[None]:
    world.topics.error = AwsError("publish: AuthorizationErrorException")
    try:
        yield
    finally:
        world.topics.error = None


def load_ends_in_silence(world: World) -> None:
    """The load ends, and nobody can be told."""
    with topics_refuse(world):
        load_ends(world)


def sweep(world: World) -> None:
    world.sweep(timedelta(minutes=5))


def start_is_unclear(world: World) -> None:
    """Two manifests come; nobody knows whether their run was started, and it was not."""
    world.glue.refusals = [StartUnclearError("timed out")]
    world.deliver(world.send(FOLDER))


def manifest_comes_early(world: World) -> None:
    """A manifest comes before its file."""
    url = f"s3://{world.settings.raw_bucket}/{FOLDER}/late"
    world.deliver(world.send(FOLDER, {}, manifest=f'{{"entries": [{{"url": "{url}"}}]}}'.encode()))


def file_comes(world: World) -> None:
    """The file comes, and the sweep looks again."""
    world.documents.put(f"s3://{world.settings.raw_bucket}/{FOLDER}/late", b"1", world.now)
    sweep(world)


def nobody_tells(world: World) -> None:
    """A manifest is written, and no event comes of it."""
    world.send(FOLDER)
    world.now += timedelta(minutes=5)


def search(world: World) -> None:
    """The sweep searches for manifests."""
    world.sweep(timedelta(minutes=5), is_searching=True)


def partition_was_replaced(world: World) -> None:
    """A run that is over long since has left a folder behind that no reader is shown."""
    arrive(world)
    load_ends(world)
    layout, hour = world.settings.processed, Partition.parse("2026-11-20T01")
    note = RunFolders("orders", "old", ("orders",), (hour.label,))
    world.documents.put(f"{layout.replaced('orders')}/old.json", note.to_json().encode(), START)
    world.documents.put(f"{layout.partition('orders', hour, 'old')}/part-0.parquet", b"x", START)
    world.now += timedelta(seconds=world.settings.replaced_grace_seconds)


STORIES: dict[str, tuple[list[Act], Act]] = {
    "the warehouse goes away": ([arrive], warehouse_is_away),
    "a probe begins": ([arrive, stage_rests], probe_begins),
    "a probe fails": ([arrive, stage_rests, probe_begins], warehouse_is_away),
    "a probe gets through": ([arrive, stage_rests, probe_begins], load_ends),
    "nobody can be told": ([arrive], load_ends_in_silence),
    "what could not be told is told": ([arrive, load_ends_in_silence], sweep),
    "a start is unclear": ([], start_is_unclear),
    "an unclear start is looked into": ([start_is_unclear], sweep),
    "a manifest comes early": ([], manifest_comes_early),
    "its file comes": ([manifest_comes_early], file_comes),
    "a manifest of which nobody tells": ([nobody_tells], search),
    "old folders go": ([partition_was_replaced], sweep),
}


def begun(story: str) -> World:
    world = World(Settings(), is_archiving=True)
    for step in STORIES[story][0]:
        step(world)
    return world


def points_of(story: str) -> list[str]:
    world = begun(story)
    world.faults.arm(10**9)
    STORIES[story][1](world)
    return list(world.faults.passed)


@pytest.mark.parametrize("story", STORIES)
def test_a_kill_at_any_step_ends_like_none(story: str) -> None:
    for point, name in enumerate(points_of(story)):
        if name.startswith("before") and point:
            continue  # That is the moment after the call before it.
        check_kill(story, point, name)


def check_kill(story: str, point: int, name: str) -> None:
    """Tell a story with a kill, and compare its end with that of the same one without."""
    world = begun(story)
    world.faults.arm(point)
    with pytest.raises(CrashError):
        STORIES[story][1](world)
    finish(world, story)
    what = f"{story}, killed {name} ({point})"
    seen, heard, rest = undisturbed_end(story)
    assert snapshot(world) == seen, what
    assert told(world) >= heard, what
    assert everything(world) == rest, what


@cache
def undisturbed_end(story: str) -> tuple[dict[str, Any], set[tuple[str, str]], dict[str, object]]:
    world = begun(story)
    STORIES[story][1](world)
    finish(world, story)
    return snapshot(world), told(world), everything(world)


def kills(options: ProofOptions) -> Iterator[Found]:
    """The long version, for `make prove`: every step of every story, before and after each call.

    Args:
        options: Nothing of them changes anything.

    Yields:
        What became of each story.
    """
    logging.disable(logging.CRITICAL)  # Each kill is logged with its traceback.
    try:
        for story in STORIES:
            points = points_of(story)
            problems = [text for point, name in enumerate(points) if (text := _problem(story, point, name))]
            yield Found(story, times=len(points), wrong=len(problems), problems=tuple(problems))
    finally:
        logging.disable(logging.NOTSET)


def _problem(story: str, point: int, name: str) -> str:
    try:
        check_kill(story, point, name)
    except AssertionError as exc:
        return str(exc).partition("\n")[0]
    return ""


def finish(world: World, story: str) -> None:
    """SQS delivers what a killed function held again, and time passes."""
    if nobody_tells not in STORIES[story][0]:
        world.deliver(*world.sent)
    world.sweep(timedelta(minutes=17), is_searching=True)
    world.drain()


def everything(world: World) -> dict[str, object]:
    return {
        "outages": [world.ledger.outages(stage) for stage in Stage],
        "notices": world.ledger.kept_notices(),
        "conversions": sorted(world.conversions.values()),
        "loads": sorted(world.loads),
        "published": [url for url in world.documents.urls() if "/table-files/" in url],
    }


# The list of steps

NOT_A_STEP = {
    "DeliveriesPort.again_in": "when it is not asked for, the message comes all the same, later",
    "MetricsPort.emit": "a measurement is a line of the log",
    "ObjectsPort.hide": "killed in test_lambda_archive, which needs a file that S3 brings to light again",
}
"""What no story has to pass, with the reason."""


def steps_of_the_code() -> set[str]:
    """Every method of every port."""
    tree = ast.parse(Path(inspect.getfile(ports)).read_text(encoding="utf-8"))
    return {
        f"{port.name}.{method.name}"
        for port in tree.body
        if isinstance(port, ast.ClassDef)
        for method in port.body
        if isinstance(method, ast.FunctionDef)
    }


DOUBLES = {
    "MemoryLedger": ("LedgerPort", "OutboxPort"),
    "MemoryDocuments": ("DocumentsPort",),
    "MemoryObjects": ("ObjectsPort",),
    "MemoryCatalog": ("CatalogPort",),
    "FakeGlue": ("JobsPort",),
    "FakeMachine": ("ExecutionsPort",),
    "MemoryTopics": ("TopicsPort",),
}


def passed_by_all_stories() -> set[str]:
    names = [name for story in STORIES for name in points_of(story)]
    names += [name for story in machine.STORIES for name in machine.points_of(story)]
    names += [name for story in functions.STORIES for name in points_of_functions(story)]
    names += [name for story in archive.STORIES for name in points_of_archive(story)]
    calls = {name.split(" ", 1)[1] for name in names if not name.split(" ", 1)[1].startswith("state ")}
    found = set()
    for call in calls:
        double, _, method = call.partition(".")
        found |= {f"{port}.{method}" for port in DOUBLES[double]}
    return found


def points_of_functions(story: str) -> list[str]:
    before, act, _ = functions.STORIES[story]
    world = World()
    for step in before:
        step(world)
    world.faults.arm(10**9)
    act(world)
    return list(world.faults.passed)


def points_of_archive(story: Callable[[Depot], str]) -> list[str]:
    depot = Depot(keeps_versions=True)
    claim = story(depot)
    depot.faults.arm(10**9)
    depot.run_archive(claim)
    return list(depot.faults.passed)


def test_every_step_of_the_code_is_on_the_way_of_a_story() -> None:
    steps = steps_of_the_code()
    assert steps - passed_by_all_stories() - NOT_A_STEP.keys() == set()
    assert NOT_A_STEP.keys() <= steps
