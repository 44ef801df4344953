"""The commands put together, and the options that stand before them."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sluice import __version__
from sluice.cli.lazy import Entry, LazyGroup
from sluice.cli.options import GlobalOptions
from sluice.project import Project


class _Commands(LazyGroup):
    entries = (
        Entry(
            "init",
            "Make a project: a commented first contract, aggregates, queries, samples, Terraform, CI, editor settings.",
            "sluice init shop",
        ),
        Entry(
            "up",
            "Run AWS on this machine with Sluice deployed, until stopped with Ctrl-C.",
            "sluice up --port 4600",
            "local.up",
        ),
        Entry(
            "demo",
            "Run the whole pipeline on this machine and compare the warehouse, row by row, with what was sent.",
            "sluice demo --rows 500",
            "local.demo",
        ),
        Entry(
            "try",
            "Try a contract on files of this machine: what each column becomes, what would be quarantined.",
            "sluice try orders samples/orders --watch",
            "trial.run",
        ),
        Entry(
            "send",
            "Play the source system: write files into the raw bucket, and the manifest last.",
            "sluice send orders transactions --start 2026-11-20T13 --hours 3 --bad-share 0.05",
        ),
        Entry(
            "put",
            "Upload files of your own, write their manifest, and follow the batch to its end.",
            "sluice put orders orders-13.json --at 2026-11-20T13",
        ),
        Entry(
            "announce",
            "Write the manifests of folders whose files are there already, such as years of history that were copied.",
            "sluice announce orders 2026-11-01..2026-11-20 --dry-run",
        ),
        Entry(
            "status",
            "Show the batches and where they stand: sums, what moves, what failed, then the rest, newest first.",
            "sluice status --dataset orders --state failed --since 1d",
        ),
        Entry(
            "retry",
            "Let failed batches go on, in the stage in which they failed, and start that stage at once.",
            "sluice retry orders.2026112013",
        ),
        Entry(
            "replay",
            "Convert and load partitions again, from the files that their newest batches had.",
            "sluice replay orders 2026-11-20T13..2026-11-20T15 --dry-run",
        ),
        Entry(
            "rebuild",
            "Make a dataset's warehouse tables again: drop them, and convert and load all its partitions again.",
            "sluice rebuild orders",
        ),
        Entry(
            "logs",
            "Show what functions and runs have written about one batch, in the order of time, from CloudWatch Logs.",
            "sluice logs orders.2026112013 --errors",
        ),
        Entry(
            "quarantine",
            "Show why records of a dataset are in quarantine, and how many; only of the current batch of each "
            "partition.",
            "sluice quarantine orders --partition 2026-11-20 --samples 20 --export bad.jsonl",
        ),
        Entry(
            "loads",
            "Show what was loaded into the warehouse, newest first: one row for each batch and table.",
            "sluice loads --table order_items --since 6h",
        ),
        Entry(
            "release",
            "Free tables of load mode full_refresh that a batch keeps all later refreshes out of.",
            "sluice release stock stock.2099010100.00000000000000000000000000000001 --dry-run",
        ),
        Entry(
            "doctor",
            "Examine a deployed stack, on AWS or on this machine: is everything there, as the contracts say, and "
            "alive?",
            "sluice doctor --no-queries",
        ),
        Entry(
            "drift",
            "Compare contracts with the Data Catalog, the newest published files, Spectrum, Redshift and the newest "
            "raw files.",
            "sluice drift orders --apply",
        ),
        Entry(
            "package",
            "Write what a deployment needs: packages of Lambda and Glue, the catalog's tables, and Terraform's module.",
            "sluice package dist",
        ),
        Entry("dlq", "Deliver the events of manifests again that were given up."),
        Entry("query", "Run SQL: in the warehouse, or with Athena on the published files."),
        Entry("contract", "Check contracts and plans of them, guess new ones, and write their JSON Schema."),
    )


app = typer.Typer(
    name="sluice",
    cls=_Commands,
    help="Batches of raw files from S3 into Amazon Redshift through AWS Glue; on AWS or on this machine.",
    epilog="Example: sluice --endpoint-url http://127.0.0.1:4566 status",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=True,
)


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
    chosen.project = Project.find(Path())
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
