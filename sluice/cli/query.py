"""`sluice query`: SQL to the warehouse or to Athena."""

import re
from typing import Annotated, Final

import typer

from sluice.analysis import Reader, Schemas, queries, query_of, render
from sluice.analysis.quarantine import Span
from sluice.cli.moments import parse_partition
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.terminal import err, out, print_rows

app = typer.Typer(
    add_completion=False,
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
    _expect(session, sql)
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
    _expect(session, sql)
    door = session.athena(database, output, workgroup)
    with err().status("running in Athena"):
        result = door.execute(sql)
    print_rows([column.name for column in result.columns], result.rows, as_json=as_json)


@app.command(epilog="Example: sluice query saved top_products --reader athena")
def saved(  # noqa: PLR0913 - each is an option of the command line
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which query; all of them are listed without.", show_default=False)] = "",
    *,
    reader: Annotated[
        Reader, typer.Option(help="Through what the tables are read; athena and spectrum read the published files.")
    ] = Reader.REDSHIFT,
    since: Annotated[
        str, typer.Option(help="Only files of partitions from this one on, such as 2026-11-20T13.", show_default=False)
    ] = "",
    until: Annotated[str, typer.Option(help="Only files of partitions up to this one.", show_default=False)] = "",
    workgroup: Annotated[str, typer.Option(help="Athena workgroup.")] = "primary",
    as_sql: Annotated[bool, typer.Option("--sql", help="Print the statement instead of running it.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array of objects instead of a table.")
    ] = False,
) -> None:
    """Run one of the saved analysis queries, which give the same answer through every reader."""
    session = Session(context.ensure_object(GlobalOptions))
    if not name:
        print_rows(["name", "answers"], [(query.name, query.question) for query in queries()], as_json=as_json)
        return
    query = query_of(name)
    if (since or until) and not reader.reads_files:
        raise typer.BadParameter("--since and --until choose files: use them with --reader athena or spectrum")
    span = Span(parse_partition(since), parse_partition(until)) if since or until else None
    sql = render(query, reader, session.contracts, Schemas.from_settings(session.settings), span)
    if as_sql:
        out().print(sql, markup=False, highlight=False, soft_wrap=True)
        return
    with err().status(f"running through {reader}"):
        runner = session.athena(workgroup=workgroup) if reader is Reader.ATHENA else session.warehouse
        result = runner.execute(sql)
    print_rows([column.name for column in result.columns], result.rows, as_json=as_json)


_READING: Final = ("select", "with", "show", "explain", "describe", "values")


def _expect(session: Session, sql: str) -> None:
    """Ask before a statement that may write; one that begins as a query does is taken for one."""
    words = re.sub(r"--[^\n]*|/\*.*?\*/|[(\s]+", " ", sql, flags=re.DOTALL).split()
    if not words or words[0].lower() not in _READING:
        session.expect_write()
