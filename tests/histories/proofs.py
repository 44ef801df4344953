"""The long versions for `make prove`: generators of what each case found, see `sluice_laptop.demo.proofs`."""

import logging
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from lambda_trigger import arrival
from lambda_trigger.dispatch import dispatch
from sluice.lake.layout import Partition
from sluice.ledger.batch import Stage
from sluice_laptop.demo.proofs import Found, ProofOptions
from tests.doubles.world import World
from tests.histories.bursts import FIRST, burst, runs_of
from tests.histories.machine import Histories

ROOT: Final = Path(__file__).parents[2]
HISTORIES: Final = 1000
PHASES: Final = (Phase.generate, Phase.shrink)
WAITING: Final = 10_000
_LONGER: Final = 20
"""How much longer than in the suite hostile deliveries are, and how many more rounds there are at once."""
_MIB: Final = 1 << 20
_TESTS_RAN: Final = {0, 1}
"""How pytest ends when tests ran. Source: https://docs.pytest.org/en/stable/reference/exit-codes.html"""


def histories(options: ProofOptions) -> Iterator[Found]:
    """Random histories, shared out over the seeds; one that does not end as the model says is shortened to a script."""
    times = max(1, (options.times or HISTORIES) // len(options.seeds))
    for number in options.seeds:
        error = first_error(number, times)
        problems = (error,) if error else ()
        yield Found(f"{times} histories, seed {number}", times, wrong=len(problems), problems=problems)


def first_error(number: int, times: int) -> str:
    """The shortest script of a history that does not end as the model says; empty when there is none.

    Args:
        number: The seed.
        times: How many histories are tried.
    """
    machine = seed(number)(type("Histories", (Histories,), {}))
    chosen = settings(
        max_examples=times,
        stateful_step_count=40,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=PHASES,
        print_blob=False,
        report_multiple_bugs=False,
    )
    logging.disable(logging.CRITICAL)
    try:
        run_state_machine_as_test(machine, settings=chosen)
    except Exception as exc:  # noqa: BLE001 - whatever a history ends with is what it found
        return "\n".join([f"{type(exc).__name__}: {exc}", *getattr(exc, "__notes__", ())])
    finally:
        logging.disable(logging.NOTSET)
    return ""


def bursts(options: ProofOptions) -> Iterator[Found]:
    """A thousand manifests of one dataset and 200 of each other within a minute; then ten thousand that wait."""
    world = World()
    sizes = {name: 1000 if name == "orders" else 200 for name in world.contracts}
    burst(world, sizes)
    world.drain()
    most = max(runs_of(world, world.settings.convert_job).values())
    doubled = sum(count - 1 for count in world.conversions.values())
    lost = sum(sizes.values()) - Counter(world.states().values())["LOADED"]
    yield Found(
        f"burst: at most {most} conversion runs of a dataset", sum(sizes.values()), lost, doubled, int(most >= 20)
    )
    yield _waiting(options.times or WAITING)


def _waiting(count: int) -> Found:
    world = World()
    for hour in range(count):
        partition = Partition(FIRST + timedelta(hours=hour - count + 1000))
        arrival.take(world.trigger, world.send(world.contracts["orders"].layout.folder(partition)))
    tracemalloc.start()
    try:
        dispatch(world.trigger, "orders", Stage.CONVERT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    carried = Counter(world.states().values())["CONVERTING"]
    return Found(f"{count} batches wait: {carried} start, {peak / _MIB:.0f} MiB", count, wrong=int(peak > 256 * _MIB))


def hostile(options: ProofOptions) -> Iterator[Found]:
    """Hostile deliveries, longer than in the suite; bombs are unpacked up to their bound."""
    longer = {"SLUICE_HOSTILE": str(options.times or _LONGER)}
    yield tests_of("hostile deliveries", ["tests/unit/test_hostile.py"], longer, options)
    yield tests_of("hostile content", ["tests/unit/test_kernel_hostile.py"], {}, options)


def at_once(options: ProofOptions) -> Iterator[Found]:
    """Loads, a contract that grows, schema syncs, refreshes and replays at the same time, for many rounds."""
    longer = {"SLUICE_AT_ONCE": str(options.times or _LONGER)}
    yield tests_of("two at once", ["tests/warehouse/test_at_once.py"], longer, options)


def tests_of(what: str, files: list[str], environment: Mapping[str, str], options: ProofOptions) -> Found:
    """Run tests with longer numbers; what they found."""
    options.folder.mkdir(parents=True, exist_ok=True)
    report = options.folder / f"{Path(files[0]).stem}.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "0", f"--junitxml={report}"]
    ended = subprocess.run(
        [*command, *files], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if ended.returncode not in _TESTS_RAN:
        return Found(what, wrong=1, problems=(ended.stdout[-2000:] + ended.stderr[-2000:],))
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = [
        str(case.get("name")) for case in cases if case.find("failure") is not None or case.find("error") is not None
    ]
    return Found(what, len(cases), wrong=len(failed), problems=tuple(failed))
