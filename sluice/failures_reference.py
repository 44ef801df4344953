"""The table of failures as a page, ``docs/failures.md``, written by ``python -m sluice.failures_reference``."""

from pathlib import Path
from typing import Final

from sluice.failures import TABLES, Rule, Verdict

REFERENCE_FILE: Final = Path("docs/failures.md")
SECTION: Final = "\n## A bad day of AWS"
"""Where the page's last section begins; `make prove` writes it, and it stays when the rest is made again."""

_INTRODUCTION: Final = """\
# What a failure means

<!-- This page is made by `python -m sluice.failures_reference` (`make docs`) from `sluice/failures.py`. -->

A failure is judged by what can never pass, not by a list of what may: it is *final* only for a cause that cannot change
by itself. What no rule below knows is of the world, and is tried again. No raw file is ever blamed for any of it: what
stands in a file is the parsers' to say, and goes to the quarantine with their reason.

| verdict | what it means | what becomes of the batch |
| --- | --- | --- |
"""

_VERDICTS: Final = {
    Verdict.WORLD: (
        "something that the run depends on is away, busy, throttled or full",
        """no attempt; it waits with all others of its dataset, 60 s (`retry_delay_seconds`) after the first run, twice
as long after each further one, at most an hour; after a day (`give_up_after_seconds`) it is FAILED""",
    ),
    Verdict.STOP: ("somebody stopped the run, or the machine under it", "no attempt; it goes on after 60 s"),
    Verdict.RUN: (
        "the run was lost, ran out of room or time, or died without a word",
        """with others in the run: no attempt, and all go on at once in halves, until the one that breaks runs is alone;
alone: an attempt of three (`max_attempts`). When both halves die alike, one batch goes first, alone: if it dies so,
too, it is of the world""",
    ),
    Verdict.DENIED: ("a right is missing, which may be on its way", "an attempt of three, with pauses; then FAILED"),
    Verdict.CONVERT: (
        "the contract changed after the conversion, and the published files no longer go with it",
        "no attempt; converted again at once, at most three times; then FAILED",
    ),
    Verdict.FINAL: ("another run does the same and ends the same", "FAILED at once"),
}

_AFTER: Final = """
While a stage of a dataset rests because of the world, new batches wait with the others, and the first run after the
pause takes all of them. In a pause of more than ten minutes one batch goes alone every ten minutes, as a probe for all
that wait for the same: when it gets through, all go on. Support hears once when that begins and once when it ends,
however many stages and datasets wait for the same; `sluice retry --dataset <dataset>` ends the pause. What the
warehouse says and no rule knows counts as an attempt of the batch where others of the same run got through. Batches
that fail for one cause are told in one notice. A notice that cannot be sent is kept in the ledger and sent by a later
sweep: people hear of everything at least once.

In each part the first rule that fits decides; marks are regular expressions that ignore case. Names in double quotes
are taken out of the warehouse's texts before they are looked at, so that a column may be called anything.
"""


def reference() -> str:
    """The page up to the last section, the same for the same table."""
    verdicts = "".join(
        f"| `{verdict}` | {what} | {' '.join(then.split())} |\n" for verdict, (what, then) in _VERDICTS.items()
    )
    return _INTRODUCTION + verdicts + _AFTER + "".join(map(_part, TABLES))


def _part(title: str) -> str:
    where, rules, otherwise = TABLES[title]
    head = f"\n## {title}\n\nLooked for in: {where}. Where none fits: `{otherwise}`.\n\n"
    return head + "| verdict | what it is | marks |\n| --- | --- | --- |\n" + "".join(map(_line, rules))


def _line(rule: Rule) -> str:
    marks = rule.pattern.replace("|", "\\|")
    return f"| `{rule.verdict}` | {rule.meaning} | `{marks}` |\n"


if __name__ == "__main__":
    _, _heading, _proof = REFERENCE_FILE.read_text(encoding="utf-8").partition(SECTION)
    REFERENCE_FILE.write_text(reference() + _heading + _proof, encoding="utf-8")
