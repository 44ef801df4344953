"""The demo on bad days of AWS, one after the other, and what became of each.

Every day has a seed of its own, for its data and for what goes wrong; with ``--docs`` the result becomes a section of
``docs/failures.md``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from deploy.compare import Difference
from localcloud.faults.journal import Tally
from localcloud.faults.plan import FaultPlan, Kind
from sluice.contract.files import read_contracts
from sluice.failures_reference import REFERENCE_FILE, SECTION
from sluice_laptop.demo.proofs import Found, ProofOptions
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
        sweep. Anything else is unclear: a run that began names its claim and is found by it; where none shows, the
        sweep gives the batches back, a minute later at the earliest.""",
    "expired token": """
        The SDK does not ask again: the run or function ends as `world`, and the next one has new credentials. An answer
        to HEAD has no code, so that a bare 400 passes, too.""",
    "late, twice": """
        An event that is known changes nothing. A message whose function failed because of the world comes again
        after 10 seconds, each time twice as late.""",
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
        return lost_rows(self.report.differences)

    @property
    def doubled(self) -> int:
        """Rows that the warehouse has too much."""
        return doubled_rows(self.report.differences)

    @property
    def outages(self) -> int:
        """Outages of which support was told."""
        return sum(message.body.get("event") == "outage_began" for message in self.report.messages)

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
        "Afterwards every batch must be LOADED or ARCHIVED, every row of every table as it was sent, and people must",
        "have heard of all of it. Outages are those of which support was told.",
        "",
        "| seed | requests and events | went wrong | lost | doubled | otherwise wrong | outages | seconds |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {d.seed} | {d.asked:,} | {d.injected} | {d.lost} | {d.doubled} | {d.wrong} | {d.outages} "
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


def bad_days(options: ProofOptions) -> Iterator[Found]:
    """One bad day for each seed.

    Args:
        options: The seeds, the folder, how much is sent and how much goes wrong.

    Yields:
        What became of each day.

    Side Effects:
        Writes the section of the page about failures after each day, when the options want it.
    """
    contracts = read_contracts(Path("contracts"))
    days: list[Day] = []
    for seed in options.seeds:
        plan = FaultPlan(seed=seed, rate=options.rate)
        demo = DemoOptions(options.folder / str(seed), options.rows, seed, options.timeout_seconds, plan)
        days.append(Day(seed, prove(demo, contracts)))
        if options.is_documented:
            page = REFERENCE_FILE.read_text(encoding="utf-8").partition(SECTION)[0]
            REFERENCE_FILE.write_text(page + section(days, options.rate, options.rows), encoding="utf-8")
        yield _found(days[-1])


def found_in(what: str, times: int, differences: Sequence[Difference]) -> Found:
    """What differences from what was sent mean for a proof.

    Args:
        what: The case.
        times: How often it was tried.
        differences: All of them.
    """
    lost, doubled = lost_rows(differences), doubled_rows(differences)
    problems = tuple(_text(difference) for difference in differences)
    return Found(what, times, lost, doubled, len(differences) - lost - doubled, problems)


def lost_rows(differences: Iterable[Difference]) -> int:
    """Rows that the warehouse lacks."""
    return sum(difference.got == "none" for difference in _rows(differences))


def doubled_rows(differences: Iterable[Difference]) -> int:
    """Rows that the warehouse has too much."""
    return sum(difference.expected in _SURPLUS for difference in _rows(differences))


def _found(day: Day) -> Found:
    report = day.report
    what = f"seed {day.seed}: {day.injected} of {day.asked:,} requests and events went wrong"
    found = found_in(what, day.injected, report.differences)
    return replace(found, wrong=day.wrong, problems=(report.error,) if report.error else found.problems)


def _text(difference: Difference) -> str:
    where = " ".join(filter(None, (difference.where, difference.key, difference.what)))
    return f"{where}: expected {difference.expected!r}, got {difference.got!r}"
