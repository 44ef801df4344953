"""The counts, for a terminal and as the table of ``docs/fidelity.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from localcloud.errors import CloudError
from localcloud.fidelity.verdicts import Judged, Verdict

_MADE_BY = "make fidelity"
_END = "<!-- Here it ends. -->\n"


class NoBlockError(CloudError):
    """A page has no place for the counts."""


def block(services: Mapping[str, Mapping[str, Sequence[Judged]]]) -> str:
    """Give the table.

    Args:
        services: by service and area, what became of each statement.
    """
    lines = ["", f"| area | statements | {' | '.join(Verdict)} |", f"| --- |{' ---: |' * (len(Verdict) + 1)}"]
    for service, areas in services.items():
        for area, judged in areas.items():
            lines.append(_row(f"{service}: {area.replace('-', ' ')}", judged))
        lines.append(_row(f"**{service}**", [one for judged in areas.values() for one in judged]))
    return "\n".join(lines) + "\n\n"


def _row(name: str, judged: Iterable[Judged]) -> str:
    counts = Counter(one.verdict for one in judged)
    return f"| {name} | {counts.total()} | {' | '.join(str(counts[verdict]) for verdict in Verdict)} |"


def differences(judged: Iterable[Judged], verdicts: Iterable[Verdict]) -> str:
    """Give the statements with these verdicts, each with what differs."""
    wanted = set(verdicts)
    return "".join(
        f"{one.verdict}  {one.case.place}  {' ;; '.join(one.case.statements)}\n    {one.reason}\n"
        for one in judged
        if one.verdict in wanted
    )


def written(page: Path, made_by: str = _MADE_BY) -> str:
    """Give the table that a page has now.

    Args:
        page: the page.
        made_by: the command that makes the table.

    Raises:
        NoBlockError: the page has no place for it.
    """
    return _parts(page, _begin(made_by))[1]


def write(page: Path, text: str, made_by: str = _MADE_BY) -> None:
    """Put the table into its place in a page.

    Args:
        page: the page.
        text: the table.
        made_by: the command that makes it.

    Raises:
        NoBlockError: the page has no such place.
    """
    before, _, after = _parts(page, _begin(made_by))
    page.write_text(f"{before}{_begin(made_by)}{text}{_END}{after}", encoding="utf-8")


def _begin(made_by: str) -> str:
    return f"<!-- What follows is made by `{made_by}`. -->\n"


def _parts(page: Path, mark: str) -> tuple[str, str, str]:
    before, begin, rest = page.read_text(encoding="utf-8").partition(mark)
    inside, end, after = rest.partition(_END)
    if not begin or not end:
        raise NoBlockError(f"{page} has no lines {mark.strip()} and {_END.strip()}")
    return before, inside, after
