"""`sluice loads`: the load history, from the warehouse's own audit table."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from sluice.cli.moments import MOMENT_HELP, parse_since
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.terminal import err, print_rows
from sluice.warehouse.history import COLUMNS, select_history

_SECONDS = "%Y-%m-%d %H:%M:%S"


def loads(
    context: typer.Context,
    *,
    dataset: Annotated[str, typer.Option(help="Only loads of this dataset.", show_default=False)] = "",
    table: Annotated[str, typer.Option(help="Only loads of this table.", show_default=False)] = "",
    batch: Annotated[str, typer.Option(help="Only loads of this batch.", show_default=False)] = "",
    since: Annotated[str, typer.Option(help=f"Only loads since: {MOMENT_HELP}.", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, help="Most loads to show, newest first.")] = 50,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array of objects instead of a table.")
    ] = False,
) -> None:
    """Show what was loaded into the warehouse, newest first: one row for each batch and table.

    Staged rows are inserted, updated, or stale because the table had, or got, a newer version.
    """
    session = Session(context.ensure_object(GlobalOptions))
    first = parse_since(since, datetime.now(UTC))
    query = select_history(
        dataset=dataset,
        table=table,
        batch=batch,
        since="" if first is None else first.strftime(_SECONDS),
        limit=limit,
    )
    with err().status("asking the warehouse"):
        rows = session.warehouse.rows(query.sql, query.parameters, label="load history")
    print_rows(COLUMNS, rows, as_json=as_json)
