"""`sluice doctor`: examines a deployed stack and says how to mend what it finds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.cli.terminal import err, out, print_json, print_table, table_of
from sluice.doctor import Deployment, Finding, Severity, examine
from sluice.doctor.reference import health_queries
from sluice.layout import Partition

_STYLES = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.ERROR: "bold red"}


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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array of findings instead of a table.")
    ] = False,
) -> None:
    """Examine a deployed stack, on AWS or on this machine: is everything there, as the contracts say, and alive?

    Changes nothing. Each finding that is not ok says how to mend it. Ends with status 1 when there is an error;
    warnings leave it 0.
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
        print_table(render_findings(findings))
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(1)


def _print_queries(session: Session) -> None:
    today = Partition(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0), is_hourly=False)
    for query in health_queries(session.contracts, session.settings, today):
        comment = f"-- {query.title} ({query.engine}). {query.meaning}".replace("`", "")
        out().print(f"{comment}\n{query.sql};\n", markup=False, soft_wrap=True)


def render_findings(findings: Iterable[Finding]) -> RenderableType:
    """Findings as people get them, in the order in which they were found; no text is taken for markup."""
    listed = list(findings)
    rows = [(Text(f.severity, _STYLES[f.severity]), f.area, f.what, f.mend) for f in listed]
    counts = Counter(finding.severity for finding in listed)
    summary = ", ".join(f"{counts[severity]} {severity}" for severity in Severity)
    return Group(table_of(("", "area", "finding", "how to mend it"), rows), Text(summary, "dim"))
