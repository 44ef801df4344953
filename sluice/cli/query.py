"""`sluice query`: SQL to the warehouse or to Athena."""

from typing import Annotated

import typer

from sluice.cli.session import GlobalOptions, Session
from sluice.cli.terminal import err, print_rows

app = typer.Typer(
    rich_markup_mode="markdown",
    help="Run SQL: in the warehouse, or with Athena on the published files.",
    no_args_is_help=True,
)

Sql = Annotated[str, typer.Argument(help="One SQL statement.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON array of objects instead of a table.")]


@app.command(epilog="Example: sluice query redshift 'select count(*) from orders'")
def redshift(context: typer.Context, sql: Sql, *, as_json: AsJson = False) -> None:
    """Run SQL in the warehouse, through the Redshift Data API."""
    session = Session(context.ensure_object(GlobalOptions))
    warehouse = session.warehouse
    with err().status("running in the warehouse"):
        result = warehouse.execute(sql)
    print_rows([column.name for column in result.columns], result.rows, as_json=as_json)


@app.command(epilog="Example: sluice query athena 'select * from orders_quarantine limit 10'")
def athena(
    context: typer.Context,
    sql: Sql,
    *,
    database: Annotated[
        str, typer.Option(help="Catalog database. (default: that of the published tables)", show_default=False)
    ] = "",
    output: Annotated[
        str,
        typer.Option(
            help="S3 folder for results. (default: _sluice/athena/ of the processed bucket)", show_default=False
        ),
    ] = "",
    workgroup: Annotated[str, typer.Option(help="Athena workgroup.")] = "primary",
    as_json: AsJson = False,
) -> None:
    """Run SQL with Athena on the published files."""
    session = Session(context.ensure_object(GlobalOptions))
    door = session.athena(database, output, workgroup)
    with err().status("running in Athena"):
        result = door.execute(sql)
    print_rows([column.name for column in result.columns], result.rows, as_json=as_json)
