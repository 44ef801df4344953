"""`sluice doctor`: examines a deployed stack and says how to fix what it finds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.doctor import Deployment, Finding, Severity, examine
from sluice.doctor.reference import health_queries
from sluice.lake.layout import Partition
from sluice.terminal import err, out, print_json, print_table

_WELL = (Severity.OK, Severity.NOTE)
_STYLES = {Severity.OK: "green", Severity.NOTE: "dim", Severity.WARNING: "yellow", Severity.ERROR: "bold red"}


def doctor(
    context: typer.Context,
    *,
    no_queries: Annotated[
        bool,
        typer.Option(
            "--no-queries",
            help="Leave out the health queries: freshness, rows of loads, keys, share of the quarantine. They read the "
            "tables, which takes time and, on AWS, costs a little.",
        ),
    ] = False,
    print_queries: Annotated[
        bool,
        typer.Option("--print-queries", help="Print the health queries of the contracts as SQL, and examine nothing."),
    ] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Show also what is as it should be.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array of all findings instead.")] = False,
) -> None:
    """Examine a deployed stack, on AWS or on this machine: is everything there, as the contracts say, and alive?

    Changes nothing. Shows what is not ok, with how to fix it, and one line of sums. Ends with status 1 when there is an
    error, such as a batch that has failed; warnings leave it 0.
    """
    session = Session(context.ensure_object(GlobalOptions))
    if print_queries:
        _print_queries(session)
        return
    deployment = Deployment.of(session.clients, session.settings, session.contracts)
    findings: list[Finding] = []
    with err().status("examining") as line:
        for finding in examine(deployment, with_queries=not no_queries):
            line.update(f"examining: {finding.area}")
            findings.append(finding)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(render_findings(findings, show_all=show_all))
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(1)


def _print_queries(session: Session) -> None:
    today = Partition(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0), is_hourly=False)
    for query in health_queries(session.contracts, session.settings, today):
        comment = f"-- {query.title} ({query.engine}). {query.meaning}".replace("`", "")
        out().print(f"{comment}\n{query.sql};\n", markup=False, soft_wrap=True)


def render_findings(findings: Iterable[Finding], *, show_all: bool = True) -> RenderableType:
    """Findings as people get them, in the order in which they were found; no text is taken for markup.

    Args:
        findings: The findings.
        show_all: Whether those are shown that are ok.
    """
    listed = list(findings)
    counts = Counter(finding.severity for finding in listed)
    summary = ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])
    parts: list[RenderableType] = []
    for finding in listed:
        if show_all or finding.severity not in _WELL:
            parts.append(_line(finding))
            if finding.fix:
                parts.append(Padding(Text.assemble(("fix: ", "bold"), finding.fix), (0, 0, 0, 9)))
    hint = "" if show_all or not any(counts[severity] for severity in _WELL) else " (--all shows them)"
    return Group(*parts, Text(f"{summary}{hint}", "dim"))


def _line(finding: Finding) -> RenderableType:
    head = Text.assemble((f"{finding.severity:<7}  ", _STYLES[finding.severity]), (f"{finding.area}: ", "bold"))
    grid = Table.grid()
    grid.add_column(width=9)
    grid.add_column(overflow="fold")
    grid.add_row(head[:9], head[9:] + Text(finding.what))
    return grid
