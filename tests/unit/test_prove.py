"""What proofs find and how it is shown; what a bad day is counted as, and how the page tells of it."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path
from random import Random
from typing import cast

import pytest
from rich.console import Console

from deploy.compare import Difference
from localcloud.faults.journal import Tally
from localcloud.faults.plan import Kind
from sluice_laptop.demo.after import compare_notifications
from sluice_laptop.demo.bad_day import Day, found_in, section
from sluice_laptop.demo.inbox import Message
from sluice_laptop.demo.proofs import Found, Proof, ProofOptions, kind_of, prove_all
from sluice_laptop.demo.prove import PROOFS
from sluice_laptop.demo.report import Report
from sluice_laptop.demo.site import Site
from sluice_laptop.demo.under_load import _kill, _mixed

ROW = {"id": 1}
BEGAN = Message("support", "", {"event": "outage_began", "dataset": "orders"})
TALLIES = (
    Tally("s3", "GetObject", 40, {Kind.RESET: 1, Kind.THROTTLED: 2}),
    Tally("glue", "GetTable", 9, {}),
)


def test_a_day_s_differences_are_lost_doubled_or_wrong() -> None:
    report = Report(
        faults=TALLIES,
        is_complete=True,
        differences=[
            Difference("orders", "1", "row", ROW, "none"),
            Difference("orders", "2", "row", "none", ROW),
            Difference("orders", "3", "row", "once", "more than once"),
            Difference("orders", "4", "amount", 1, 2),
            Difference("orders 13", "", "state", "LOADED", "FAILED"),
        ],
    )
    day = Day(1, report)
    assert (day.lost, day.doubled, day.wrong) == (1, 2, 2)
    assert (day.asked, day.injected) == (49, 3)


def test_differences_are_counted_and_told() -> None:
    lost, other = (
        Difference("orders", "1", "row", ROW, "none"),
        Difference("orders 13", "", "state", "LOADED", "FAILED"),
    )
    found = found_in("it", 3, [lost, other])
    assert (found.what, found.times, found.lost, found.doubled, found.wrong) == ("it", 3, 1, 0, 1)
    assert found.problems[1] == "orders 13 state: expected 'LOADED', got 'FAILED'"


def test_a_day_without_an_end_is_wrong() -> None:
    day = Day(1, Report(error="not done"))
    assert (day.lost, day.doubled, day.wrong) == (0, 0, 1)


def test_the_page_tells_of_every_day_and_every_operation() -> None:
    days = [
        Day(1, Report(faults=TALLIES, is_complete=True, seconds=61.2, messages=[BEGAN, BEGAN])),
        Day(2, Report(faults=TALLIES[:1])),
    ]
    lines = section(days, 0.05, 60).splitlines()
    assert lines[:2] == ["", "## A bad day of AWS"]
    assert "| 1 | 49 | 3 | 0 | 0 | 0 | 2 | 61 |" in lines
    assert "| 2 | 40 | 3 | 0 | 0 | 1 | 0 | 0 |" in lines
    assert "| service | operation | asked | throttled | 500 | 503 | reset |" in "\n".join(lines)
    assert "| s3 | GetObject | 80 | 4 |  |  | 2 |  |  |  |  |  |" in lines
    assert "| glue | GetTable | 9 |  |  |  |  |  |  |  |  |  |" in lines


def test_a_notice_of_an_outage_is_of_no_batch() -> None:
    assert list(compare_notifications([BEGAN], [])) == []


# Under load


class Victim:
    """What is done to a local cloud."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: self.done.append(name)


def test_kills_are_of_all_kinds_and_all_but_those_of_one_process_are_followed_by_a_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sluice_laptop.demo.under_load._LIVES", (0.0, 0.0))
    chosen = Random(1)
    ways = {
        "one process": ["kill_one"],
        "the local cloud": ["kill_cloud", "start"],
        "everything": ["kill_all", "start"],
    }
    found = Counter[str]()
    for _ in range(200):
        victim = Victim()
        way = _kill(cast("Site", victim), chosen)
        assert victim.done == ways[way]
        found[way] += 1
    assert found["everything"] > found["the local cloud"] > 20 < found["one process"] < found["everything"]


def test_a_burst_has_every_hour_once_and_datasets_in_turn() -> None:
    places = list(_mixed({"orders": 3, "products": 1}))
    assert [name for name, _ in places] == ["orders", "products", "orders", "orders"]
    assert len({(name, hour.label) for name, hour in places}) == 4


# The frame


def two_cases(options: ProofOptions) -> Iterator[Found]:
    yield Found("first", times=options.times or 7)
    yield Found("second", lost=1, problems=("row 3 is gone",))


def breaks_after_one(options: ProofOptions) -> Iterator[Found]:
    yield Found(options.folder.name)
    raise ValueError("no such thing")


def proof_of(function: str) -> Proof:
    return Proof(function.replace("_", "-"), "what it shows", f"{__name__}:{function}")


def test_every_case_is_timed_and_has_its_memory(tmp_path: Path) -> None:
    first, second = proof_of("two_cases").cases(ProofOptions(tmp_path, times=3))
    assert (first.what, first.times, first.is_good) == ("first", 3, True)
    assert (second.what, second.times, second.is_good) == ("second", 1, False)
    assert first.seconds >= 0
    assert max(first.peak_bytes.values()) > 2**20


def test_a_proof_that_breaks_is_wrong_and_keeps_what_it_found(tmp_path: Path) -> None:
    first, broken = proof_of("breaks_after_one").cases(ProofOptions(tmp_path))
    assert (first.what, first.is_good) == ("breaks-after-one", True)
    assert (broken.wrong, broken.problems) == (1, ("ValueError: no such thing",))


def test_a_place_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    (found,) = Proof("gone", "", "localcloud.gone:gone").cases(ProofOptions(tmp_path))
    assert not found.is_good
    assert found.problems[0].startswith("ModuleNotFoundError: ")


def test_all_are_shown_and_written_and_one_that_lost_something_is_told(tmp_path: Path) -> None:
    said = StringIO()
    console = Console(file=said, width=160)
    assert not prove_all([proof_of("two_cases"), proof_of("breaks_after_one")], ProofOptions(tmp_path), console)
    assert "two-cases: second: 1 lost, 0 doubled, 0 wrong" in said.getvalue()
    assert "  row 3 is gone\n" in said.getvalue()
    written = json.loads((tmp_path / "proofs.json").read_text())
    assert [(case["proof"], case["what"], case["times"], case["lost"], case["wrong"]) for case in written] == [
        ("two-cases", "first", 7, 0, 0),
        ("two-cases", "second", 1, 1, 0),
        ("breaks-after-one", "breaks-after-one", 1, 0, 0),
        ("breaks-after-one", "breaks-after-one", 1, 0, 1),
    ]


def test_nothing_proven_is_no_proof(tmp_path: Path) -> None:
    assert not prove_all([], ProofOptions(tmp_path), Console(file=StringIO()))


def test_the_page_and_the_readme_name_every_proof_and_no_other() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "proofs.md").read_text(encoding="utf-8")
    claims = [line for line in page.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    names = {proof.name for proof in PROOFS}
    assert names == {name for line in claims for name in re.findall(r"`([a-z-]+)`", line.split("|")[2])}
    files = {name for line in claims for name in re.findall(r"`((?:tests|packages)/[\w/]+\.py)`", line)}
    assert [name for name in files if not (root / name).is_file()] == []
    assert len(files) > 10
    told = re.findall(r"ONLY=([a-z-]+)", (root / "README.md").read_text(encoding="utf-8"))
    assert set(told) <= names


def test_every_proof_is_where_it_is_said_to_be() -> None:
    for proof in PROOFS:
        module, _, function = proof.place.partition(":")
        assert callable(getattr(import_module(module), function)), proof.name
    assert len({proof.name for proof in PROOFS}) == len(PROOFS)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["/usr/bin/python3.11", "-P", "-m", "localcloud", "--stop-with-stdin"], "localcloud"),
        (["python", "/x/raw_to_parquet.py", "--JOB_NAME", "x"], "raw_to_parquet"),
        (["python", "-c", "import x"], "python"),
        (["python3"], "python3"),
        (["postgres: checkpointer "], "postgres"),
        (["/usr/lib/jvm/bin/java", "-cp", "x"], "java"),
        ([], ""),
        ([""], ""),
    ],
)
def test_what_a_process_is(command: list[str], kind: str) -> None:
    assert kind_of(command) == kind
