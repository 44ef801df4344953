"""The way of one batch through the code: how many files and functions one CSV batch enters, leg by leg.

A stranger who follows a batch opens each of these files. The numbers are what this run counts, and are printed
(``pytest -s``); the test holds them below a limit, so that the way does not grow unseen.
"""

import ast
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.histories.account import Account
from tests.histories.contents import FIRST_CONTRACTS
from tests.histories.history import History

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("crawlers", "glue_jobs", "lambda_trigger", "sluice")
TRIGGER_LEGS = ("arrival", "after the run", "after the load")
STREET = {
    "arrival": "lambda_trigger/arrival.py",
    "conversion": "glue_jobs/conversion/run.py",
    "after the run": "lambda_trigger/after_run.py",
    "load": "glue_jobs/loading/run.py",
}
"""The four files to read first, each of one leg."""
MOST_FILES_OF_THE_TRIGGER, MOST_FILES = 27, 77
"""It was 37 and 88 when the trigger's parts were objects that knew each other."""


@dataclass
class Leg:
    """What one leg of the way passed.

    Attributes:
        files: Files of the product, from the checkout's top.
        functions: Functions by file and first line.
        changes: How often the call went from one file into another one.
    """

    files: set[str] = field(default_factory=set)
    functions: set[tuple[str, int]] = field(default_factory=set)
    changes: int = 0


@contextmanager
def traced(leg: Leg) -> Iterator[None]:
    """Count what the code inside calls, in all threads that begin meanwhile."""
    known: dict[str, str] = {}
    last = threading.local()

    def name_of(path: str) -> str:
        if path not in known:
            found = Path(path)
            inside = found.is_relative_to(ROOT) and found.relative_to(ROOT).parts[0] in PACKAGES
            known[path] = found.relative_to(ROOT).as_posix() if inside else ""
        return known[path]

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        name = name_of(frame.f_code.co_filename)
        if not name or frame.f_code.co_name in {"<module>", "<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>"}:
            return
        leg.files.add(name)
        leg.functions.add((name, frame.f_code.co_firstlineno))
        leg.changes += getattr(last, "file", name) != name
        last.file = name

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def way_of_one_batch() -> dict[str, Leg]:
    """Send one CSV file with its manifest, and follow it to the end of its load."""
    history = History(Account({"events": FIRST_CONTRACTS["events"]}))
    account = history.account
    history.send("events", 0, [(0, 1)])
    legs: dict[str, Leg] = {}

    def go(name: str, act: Callable[[], object]) -> None:
        legs[name] = Leg()
        with traced(legs[name]):
            act()

    go("arrival", lambda: account.deliver(history.sent[0].event))
    [conversion] = account.glue.running
    go("conversion", lambda: account.work(conversion.run_id))
    go("after the run", lambda: account.notify(conversion.run_id))
    [load] = account.glue.running
    go("load", lambda: account.work(load.run_id))
    go("after the load", lambda: account.notify(load.run_id))
    assert set(account.states().values()) <= {"LOADED", "ARCHIVED"}
    assert account.states() != {}
    return legs


def table(legs: dict[str, Leg]) -> str:
    """The numbers, a line for each leg."""
    lines = [f"{'leg':<16}{'files':>7}{'functions':>11}{'changes':>9}"]
    for name, leg in legs.items():
        lines.append(f"{name:<16}{len(leg.files):>7}{len(leg.functions):>11}{leg.changes:>9}")
    for name, parts in (("the trigger", [legs[name] for name in TRIGGER_LEGS]), ("in all", list(legs.values()))):
        files = set().union(*(leg.files for leg in parts))
        functions = set().union(*(leg.functions for leg in parts))
        lines.append(f"{name:<16}{len(files):>7}{len(functions):>11}{sum(leg.changes for leg in parts):>9}")
    return "\n".join(lines)


def test_the_way_of_one_batch_is_short() -> None:
    legs = way_of_one_batch()
    sys.stdout.write(f"\n{table(legs)}\n")
    trigger = set().union(*(legs[name].files for name in TRIGGER_LEGS))
    assert len(trigger) <= MOST_FILES_OF_THE_TRIGGER, sorted(trigger)
    everything = set().union(*(leg.files for leg in legs.values()))
    assert len(everything) <= MOST_FILES, sorted(everything)


def test_each_leg_passes_the_file_that_tells_it() -> None:
    legs = way_of_one_batch()
    assert {name: file in legs[name].files for name, file in STREET.items()} == dict.fromkeys(STREET, True)


def test_the_page_names_the_files_in_their_order() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    section = page[page.index("## Read these four first") : page.index("Everything else")]
    assert re.findall(r"^\d\. \[`([^`]+)`\]", section, re.MULTILINE) == list(STREET.values())


@pytest.mark.parametrize("file", STREET.values())
def test_each_of_them_says_what_holds_after_a_crash(file: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    assert docstring is not None
    assert "What holds after a crash" in docstring
