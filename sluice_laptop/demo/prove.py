"""`python -m sluice_laptop.demo.prove`: the demo on bad days of AWS, one after the other, and what became of each.

Every day has a seed of its own, for its data and for what goes wrong; with ``--docs`` the result becomes a section of
``docs/failures.md``.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from deploy.compare import Difference
from localcloud.faults.journal import Tally
from localcloud.faults.plan import FaultPlan, Kind
from sluice.contract.files import read_contracts
from sluice.failures_reference import REFERENCE_FILE, SECTION
from sluice_laptop.demo.report import Report
from sluice_laptop.demo.run import DemoOptions, prove

_MEANING: Final = {
    "throttled, 500, 503, reset, cut answer": """
        The SDK asks again, up to five times. What is still in the way then ends the run or the function as `world`: no
        attempt counts, and the next event or sweep goes on. The body of an object is not asked for again by the SDK:
        documents are read three times, raw files from where they broke off.""",
    "lost answer": """
        The work was done, and it is asked for again: the ledger's writes meet their own result, statements carry a
        `ClientToken`, objects are written whole.""",
    "any of them at `StartJobRun`": """
        It is sent once, for it has no token. Refused for the rate or an expired token: the batches wait for the next
        sweep. Anything else is unclear: a run that began names its claim, and its end is booked; where none began, the
        sweep gives the batches back after 16 minutes.""",
    "expired token": """
        The SDK does not ask again: the run or function ends as `world`, and the next one has new credentials. An answer
        to HEAD has no code, so that a bare 400 passes, too.""",
    "late, twice": """
        An event that is known changes nothing. A message whose function failed comes again after its visibility
        timeout.""",
}
"""What the pipeline does about each kind."""

_SURPLUS: Final = ("none", "once")


@dataclass(frozen=True)
class Day:
    """One bad day.

    Attributes:
        seed: Of the data and of the plan.
        report: What the demo found.
    """

    seed: int
    report: Report

    @property
    def asked(self) -> int:
        """Requests, events and tasks that the plan was asked about."""
        return sum(tally.asked for tally in self.report.faults)

    @property
    def injected(self) -> int:
        """How many of them went wrong."""
        return sum(kinds_of(self.report.faults).values())

    @property
    def lost(self) -> int:
        """Rows that the warehouse lacks."""
        return sum(difference.got == "none" for difference in _rows(self.report.differences))

    @property
    def doubled(self) -> int:
        """Rows that the warehouse has too much."""
        return sum(difference.expected in _SURPLUS for difference in _rows(self.report.differences))

    @property
    def wrong(self) -> int:
        """All other differences; a day that did not come to its end is one."""
        others = len(self.report.differences) - self.lost - self.doubled
        return others + (0 if self.report.is_complete else 1)


def kinds_of(tallies: Iterable[Tally]) -> Counter[Kind]:
    """How often each kind of fault was injected."""
    found: Counter[Kind] = Counter()
    for tally in tallies:
        found.update(tally.injected)
    return found


def section(days: Sequence[Day], rate: float, rows: int) -> str:
    """The result as a section of the page about failures.

    Args:
        days: What became of each day.
        rate: Share of what went wrong.
        rows: Source records in each hour of each dataset.
    """
    injected, asked = _by_place(days)
    lines = [
        SECTION,
        "",
        f"Written by `make prove`: the demo (three hours of all four datasets, {rows} records each) on {len(days)}",
        "days. Of all that functions and Glue runs ask of the laptop's AWS, of all events, and of the state machine's",
        f"calls of functions {rate:.0%} go wrong by a seeded plan: refused for the rate, 500, 503, connection reset,",
        "the work done and its answer lost, an answer cut in its middle, a token expired; an event late or twice.",
        "Afterwards every batch must be LOADED or ARCHIVED, and every row of every table as it was sent. A notice that",
        "cannot be sent is counted (`NotificationsFailed`) and stops nothing.",
        "",
        "| seed | requests and events | went wrong | lost | doubled | otherwise wrong | notices not sent | seconds |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {d.seed} | {d.asked:,} | {d.injected} | {d.lost} | {d.doubled} | {d.wrong} | {d.report.unsent} "
            f"| {d.report.seconds:.0f} |"
            for d in days
        ),
        "",
        "| what goes wrong | what becomes of it |",
        "| --- | --- |",
        *(f"| {kind} | {' '.join(text.split())} |" for kind, text in _MEANING.items()),
        "",
        "What was injected, over all days:",
        "",
        f"| service | operation | asked | {' | '.join(Kind)} |",
        f"| --- | --- | ---: | {' | '.join('---:' for _ in Kind)} |",
        *(
            f"| {service} | {operation} | {asked[service, operation]:,} | "
            + " | ".join(str(kinds[kind] or "") for kind in Kind)
            + " |"
            for (service, operation), kinds in sorted(injected.items())
        ),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _by_place(days: Iterable[Day]) -> tuple[dict[tuple[str, str], Counter[Kind]], Counter[tuple[str, str]]]:
    injected: dict[tuple[str, str], Counter[Kind]] = {}
    asked: Counter[tuple[str, str]] = Counter()
    for tally in (tally for day in days for tally in day.report.faults):
        asked[tally.service, tally.operation] += tally.asked
        injected.setdefault((tally.service, tally.operation), Counter()).update(tally.injected)
    return injected, asked


def _rows(differences: Iterable[Difference]) -> list[Difference]:
    return [difference for difference in differences if difference.what == "row"]


def _show(console: Console, days: Sequence[Day]) -> None:
    view = Table(title="Bad days of AWS", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("seed", "asked", "went wrong", *Kind, "lost", "doubled", "wrong", "unsent", "seconds"):
        view.add_column(name, justify="right")
    for day in days:
        kinds = kinds_of(day.report.faults)
        counts = (day.seed, day.asked, day.injected, *(kinds[kind] for kind in Kind), day.lost, day.doubled, day.wrong)
        view.add_row(*map(str, counts), str(day.report.unsent), f"{day.report.seconds:.0f}")
    console.print(view)


def main(arguments: list[str] | None = None) -> int:
    """Prove, and print what came of it.

    Args:
        arguments: Of the command line; None takes the process's own.

    Returns:
        The exit status: 0 when nothing was lost, doubled or wrong on any day.
    """
    parser = argparse.ArgumentParser(prog="python -m sluice_laptop.demo.prove", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--rows", type=int, default=300, help="source records in each hour of each dataset")
    parser.add_argument("--rate", type=float, default=0.05, help="share of what goes wrong")
    parser.add_argument("--folder", type=Path, default=Path("build/prove"))
    parser.add_argument("--timeout", type=float, default=3600, help="seconds that one day may take")
    parser.add_argument("--docs", action="store_true", help=f"write the section of {REFERENCE_FILE}")
    given = parser.parse_args(arguments)
    contracts = read_contracts(Path("contracts"))
    days = []
    for seed in given.seeds:
        plan = FaultPlan(seed=seed, rate=given.rate)
        options = DemoOptions(given.folder / str(seed), given.rows, seed, given.timeout, plan)
        days.append(Day(seed, prove(options, contracts)))
        if given.docs:
            page = REFERENCE_FILE.read_text(encoding="utf-8").partition(SECTION)[0]
            REFERENCE_FILE.write_text(page + section(days, given.rate, given.rows), encoding="utf-8")
    _show(Console(width=200), days)
    return 0 if all(day.report.ok for day in days) else 1


if __name__ == "__main__":
    sys.exit(main())
