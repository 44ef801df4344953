"""The commands put together, and the options that stand before them."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sluice import __version__
from sluice.cli import contract, doctor, drift, loads, local, quarantine, query, replay, retry, send, status
from sluice.cli.session import GlobalOptions

app = typer.Typer(
    name="sluice",
    help="Batches of raw files from S3 into Amazon Redshift through AWS Glue; on AWS or on this machine.",
    epilog="Example: sluice --endpoint-url http://127.0.0.1:4566 status",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command(epilog="Example: sluice up --port 4600")(local.up)
app.command(epilog="Example: sluice demo --rows 500")(local.demo)
app.command(epilog="Example: sluice send orders transactions --start 2026-11-20T13 --hours 3 --bad-share 0.05")(
    send.send
)
app.command(epilog="Example: sluice status --dataset orders --state failed --since 1d")(status.status)
app.command(epilog="Example: sluice retry orders.2026112013")(retry.retry)
app.command(epilog="Example: sluice replay orders 2026-11-20T13..2026-11-20T15 --dry-run")(replay.replay)
app.command(epilog="Example: sluice quarantine orders --partition 2026-11-20 --samples 20 --export bad.jsonl")(
    quarantine.quarantine
)
app.command(epilog="Example: sluice loads --table order_items --since 6h")(loads.loads)
app.command(epilog="Example: sluice doctor --no-queries")(doctor.doctor)
app.command(epilog="Example: sluice drift orders --apply")(drift.drift)
app.add_typer(query.app, name="query")
app.add_typer(contract.app, name="contract")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sluice {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    endpoint_url: Annotated[
        str,
        typer.Option(
            envvar="AWS_ENDPOINT_URL",
            help="AWS endpoint to talk to. Without it: the local cloud that runs on the state directory, else AWS.",
            show_default=False,
        ),
    ] = "",
    aws: Annotated[bool, typer.Option("--aws", help="Talk to AWS even if a local cloud runs here.")] = False,
    state_dir: Annotated[Path, typer.Option(help="Folder in which the local cloud keeps its state.")] = Path(".sluice"),
    contracts: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the contracts. (default: ./contracts, else those of the package)", show_default=False
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from, and log everything.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options for the command that follows."""
    if aws and endpoint_url:
        raise typer.BadParameter("--aws and --endpoint-url (or AWS_ENDPOINT_URL) exclude each other")
    chosen = context.ensure_object(GlobalOptions)
    chosen.endpoint_url = endpoint_url
    chosen.is_aws = aws
    chosen.state_dir = state_dir
    chosen.contracts_dir = contracts
    chosen.debug = debug
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
