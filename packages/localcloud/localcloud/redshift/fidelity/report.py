"""The counts as a table, as JSON, and as the block of ``docs/fidelity.md``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.errors import CloudError
from localcloud.redshift.fidelity.verdicts import Outcome, Verdict

_BEGIN = "<!-- What follows is made by `python -m localcloud.redshift.fidelity`. -->\n"
_END = "<!-- Here it ends. -->\n"
_MEANINGS = {
    Verdict.RUNS: "runs to its end",
    Verdict.ACCEPTED: "is taken, and fails for want of a table, user, function or bucket that the file presumes",
    Verdict.NOT_HERE: "is refused as Redshift's own that the stand-in has not",
    Verdict.ERROR: "fails in another way: what the stand-in has wrong, and what Redshift refuses as well",
}


class NoBlockError(CloudError):
    """A page has no place for the counts."""


@dataclass(frozen=True)
class Counts:
    """How many statements came to each verdict."""

    by_verdict: Mapping[Verdict, int]

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Counts:
        """Count."""
        found = Counter(outcome.verdict for outcome in outcomes)
        return cls({verdict: found[verdict] for verdict in Verdict})

    @property
    def statements(self) -> int:
        """All of them."""
        return sum(self.by_verdict.values())

    @property
    def row(self) -> tuple[int, ...]:
        """All, then by verdict."""
        return (self.statements, *self.by_verdict.values())


@dataclass(frozen=True)
class Report:
    """What became of the statements of each file, by the file's name."""

    files: Mapping[str, Sequence[Outcome]]

    @property
    def total(self) -> Counts:
        """The counts of all files."""
        return Counts.of(outcome for outcomes in self.files.values() for outcome in outcomes)

    def reasons(self, verdict: Verdict) -> list[tuple[str, int]]:
        """Give the reasons of a verdict, the most frequent first."""
        every = (outcome for outcomes in self.files.values() for outcome in outcomes)
        counted = Counter(outcome.reason for outcome in every if outcome.verdict is verdict)
        return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))

    def table(self) -> str:
        """Give the counts of each file and of all, and the reasons, for a terminal."""
        rows: list[tuple[object, ...]] = [("file", "statements", *Verdict)]
        rows += [(name, *Counts.of(self.files[name]).row) for name in sorted(self.files)]
        rows.append(("all", *self.total.row))
        widths = [max(len(str(row[place])) for row in rows) for place in range(len(rows[0]))]
        lines = [_line(row, widths) for row in rows]
        for verdict in (Verdict.ACCEPTED, Verdict.NOT_HERE, Verdict.ERROR):
            lines += ["", f"{verdict}:", *(f"{count:6}  {reason}" for reason, count in self.reasons(verdict))]
        return "\n".join(lines) + "\n"

    def json(self, revision: str) -> str:
        """Give everything as JSON.

        Args:
            revision: of the fixtures.
        """
        document: dict[str, object] = {
            "fixtures": revision,
            "statements": self.total.statements,
            "total": self.total.by_verdict,
            "files": {name: Counts.of(outcomes).by_verdict for name, outcomes in self.files.items()},
            "reasons": {verdict: dict(self.reasons(verdict)) for verdict in Verdict if verdict is not Verdict.RUNS},
        }
        return json.dumps(document, indent=2, sort_keys=True) + "\n"

    def block(self, revision: str, day: str) -> str:
        """Give the block of ``docs/fidelity.md``.

        Args:
            revision: of the fixtures.
            day: on which they were counted.
        """
        total = self.total
        lines = [
            f"Counted on {day} with {revision}: {total.statements} statements in {len(self.files)} files.",
            "",
            "| a statement | statements | |",
            "| --- | --- | --- |",
        ]
        for verdict, count in total.by_verdict.items():
            lines.append(f"| {_MEANINGS[verdict]} | {count} | {count / max(total.statements, 1):.0%} |")
        for title, verdict in (("What is not here", Verdict.NOT_HERE), ("Other failures", Verdict.ERROR)):
            found = ", ".join(f"{_code(reason)} {count}" for reason, count in self.reasons(verdict))
            lines += ["", f"{title}: {found or 'none'}."]
        return "\n".join(lines) + "\n"


def _line(row: Sequence[object], widths: Sequence[int]) -> str:
    first, *rest = (str(cell) for cell in row)
    return "  ".join(
        (first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)))
    )


def _code(text: str) -> str:
    return f"`{text}`"


def write_block(page: Path, block: str) -> None:
    """Put the counts into their place in a page.

    Raises:
        NoBlockError: the page has no such place.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise NoBlockError(f"{page} has no lines {_BEGIN.strip()} and {_END.strip()}")
    page.write_text(f"{before}{begin}\n{block}\n{end}{after}", encoding="utf-8")
