"""`sluice drift`: compares contracts with catalog, files, Spectrum, Redshift and source, now."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from sluice.aws.samples import Samples
from sluice.aws.schemas import CatalogSchemas
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.cli.terminal import err, print_json, print_table, say, table_of
from sluice.drift import Difference, Kind
from sluice.drift.redshift import RedshiftSurvey
from sluice.drift.survey import Survey

_STYLES = {Kind.COMPATIBLE: "green", Kind.NOTE: "yellow", Kind.BREAKING: "bold red"}
_COLUMNS = ("", "layer", "table", "column", "there", "contract", "what follows")


def drift(
    context: typer.Context,
    *,
    dataset: Annotated[str, typer.Argument(help="Only this dataset. (default: all)", show_default=False)] = "",
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Make the compatible changes: new columns, longer varchar columns, wider decimal columns, a missing "
            "external schema. Nothing is ever dropped.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array of differences instead of a table.")
    ] = False,
) -> None:
    """Compare contracts with the Data Catalog, the newest published files, Spectrum, Redshift and the newest raw files.

    Changes nothing without `--apply`. Ends with status 1 when something breaks; the last column says what to do. The
    same comparison runs after every crawl, and tells support.
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
        print_table(table_of(_COLUMNS, map(_row, found)))
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


def _row(item: Difference) -> Sequence[Text | str]:
    what = "done: " if item.is_applied else ""
    return (
        Text(item.kind, _STYLES[item.kind]),
        item.layer,
        item.table,
        item.column,
        item.have or "-",
        item.want or "-",
        f"{what}{item.mend}",
    )
