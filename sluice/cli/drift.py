"""`sluice drift`: compares contracts with catalog, files, Spectrum, Redshift and source, now."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from sluice.aws.samples import Samples
from sluice.aws.schemas import CatalogSchemas
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.drift import Difference, Kind
from sluice.drift.redshift import RedshiftSurvey
from sluice.drift.survey import Survey
from sluice.terminal import err, print_json, print_table, say, table_of

_STYLES = {Kind.COMPATIBLE: "green", Kind.NOTE: "yellow", Kind.BREAKING: "bold red"}
_COLUMNS = ("layer", "table", "column", "there", "contract")


def drift(
    context: typer.Context,
    *,
    dataset: Annotated[str, typer.Argument(help="Only this dataset. (default: all)", show_default=False)] = "",
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Make the compatible changes: new columns, longer varchar columns, wider decimal columns. Nothing is "
            "ever dropped.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array of differences instead of a table.")
    ] = False,
) -> None:
    """Compare contracts with the Data Catalog, the newest published files, Spectrum, Redshift and the newest raw files.

    Changes nothing without `--apply`. Differences with the same remedy stand together, what breaks first; then the
    status is 1. The same comparison runs after every crawl, and tells support.
    """
    session = Session(context.ensure_object(GlobalOptions))
    if apply:
        session.expect_write()
    contracts = [session.contract(dataset)] if dataset else list(session.contracts.values())
    survey = survey_of(session)
    found: list[Difference] = []
    with err().status("comparing") as line:
        for contract in contracts:
            line.update(f"comparing {contract.dataset}")
            found += [*survey.raw(contract, apply=apply), *survey.processed(contract, apply=apply)]
    if as_json:
        print_json([asdict(item) for item in found])
    elif found:
        print_table(render_differences(found))
    else:
        say("everything is as the contracts say")
    if any(item.kind is Kind.BREAKING for item in found):
        raise typer.Exit(1)


def survey_of(session: Session) -> Survey:
    """A survey with the doors of a session."""
    redshift = RedshiftSurvey(session.warehouse, session.settings)
    clients = session.clients
    return Survey(
        CatalogSchemas(clients.glue), Samples(clients.s3), redshift, session.settings, lambda: datetime.now(UTC)
    )


def render_differences(found: Sequence[Difference]) -> RenderableType:
    """Differences as people get them: those with the same remedy together, what breaks first."""
    by_remedy: dict[tuple[Kind, str], list[Difference]] = {}
    for item in sorted(found, key=lambda item: _ORDER.index(item.kind)):
        remedy = f"done: {item.fix}" if item.is_applied else item.fix
        by_remedy.setdefault((item.kind, remedy), []).append(item)
    parts: list[RenderableType] = []
    for (kind, remedy), items in by_remedy.items():
        parts += [Text()] if parts else []
        parts.append(Text.assemble((f"{kind}: ", _STYLES[kind]), remedy))
        parts.append(Padding(table_of(_COLUMNS, map(_row, items)), (0, 0, 0, 2)))
    return Group(*parts)


_ORDER = (Kind.BREAKING, Kind.NOTE, Kind.COMPATIBLE)


def _row(item: Difference) -> Sequence[str]:
    return (item.layer, item.table, item.column, item.have or "-", item.want or "-")
