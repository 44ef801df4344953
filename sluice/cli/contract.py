"""`sluice contract`: check contracts and what a plan makes of them, guess new ones, and write editors' schema."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.options import GlobalOptions
from sluice.cli.paths import data_files
from sluice.contract import Contract
from sluice.contract.files import read_contract, read_contracts
from sluice.drift import Kind
from sluice.drift.planned import planned_changes
from sluice.errors import CommandError, ContractError
from sluice.infer.infer import DEFAULT_ROWS, Options, infer
from sluice.root import ROOT
from sluice.terminal import out, print_table, say, say_error, table_of

SCHEMA_FILE = "contract.schema.json"
"""Beside the contracts, for editors."""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    help="Check contracts and plans of them, guess new ones, and write their JSON Schema.",
    no_args_is_help=True,
)


@app.command(epilog="Example: sluice contract check contracts/orders.yaml")
def check(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Contract files or folders of them. (default: ./contracts)", show_default=False),
    ] = None,
) -> None:
    """Check contracts; every problem is one line with file, field and rule.

    The contracts of a folder are checked against each other as well: names and folders belong to one contract each.
    """
    options = context.ensure_object(GlobalOptions)
    problems: list[str] = []
    found: list[Contract] = []
    for path in paths or [options.contracts_folder]:
        try:
            found += _read(path)
        except ContractError as exc:
            problems += str(exc).splitlines()
    for problem in problems:
        say_error(problem)
    if problems:
        raise typer.Exit(1)
    rows = [
        (contract.dataset, contract.source.format, contract.source.layout, ", ".join(t.name for t in contract.tables))
        for contract in found
    ]
    out().print(table_of(("dataset", "format", "layout", "tables"), rows))


@app.command(epilog="Example: sluice contract new payments samples/payments --output contracts/payments.yaml")
def new(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    files: Annotated[
        list[Path], typer.Argument(help="Samples of its raw files, CSV, JSON, XML or Parquet, or folders of them.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(help="File to write, `<dataset>.yaml`. (default: standard output)", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    layout: Annotated[
        str | None,
        typer.Option(
            help="Folder of a partition, such as `payments/%Y-%m-%d/%H`. (default: as the samples' folders)",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Records of each file that are looked at, at most.")] = DEFAULT_ROWS,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether the first record of CSV names the columns. (default: what it looks like)",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Guess a first contract from samples: types, keys, order, folders, with a comment on every guess.

    The result passes `sluice contract check` and runs as it is. Check what its comments say all the same: a sample
    shows what is there, not what may come.
    """
    if output is not None:
        _expect_writable(dataset, output, force=force)
    text = infer(dataset, data_files(files), Options(layout, rows, header)).to_yaml()
    if output is None:
        typer.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    say(f"{output} written; check what its comments say")


def _expect_writable(dataset: str, output: Path, *, force: bool) -> None:
    if output.name != f"{dataset}.yaml":
        raise CommandError(f"{output}: the contract of {dataset!r} must be in a file named {dataset}.yaml")
    if not output.parent.is_dir():
        raise CommandError(f"{output.parent}: no such folder")
    if output.exists() and not force:
        raise CommandError(f"{output}: is there already; write over it with --force")


@app.command(epilog="Example: sluice contract schema --output contracts/contract.schema.json")
def schema(
    context: typer.Context,
    *,
    output: Annotated[
        Path | None,
        typer.Option(help="File to write. (default: contract.schema.json beside the contracts)", show_default=False),
    ] = None,
) -> None:
    """Write the JSON Schema by which editors complete and check contracts."""
    try:
        from sluice.contract.schema import contract_schema  # noqa: PLC0415 - needs a development library
    except ModuleNotFoundError:  # an installed copy carries the one that was made with it
        text = (ROOT / "contracts" / SCHEMA_FILE).read_text(encoding="utf-8")
    else:
        text = contract_schema()
    path = output or context.ensure_object(GlobalOptions).contracts_folder / SCHEMA_FILE
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        say(f"{path} is current")
        return
    if not path.parent.is_dir():
        raise CommandError(f"{path.parent}: no such folder")
    path.write_text(text, encoding="utf-8")
    say(f"{path} written")


@app.command(epilog="Example: sluice contract plan plan.json --accept-breaking")
def plan(
    file: Annotated[Path, typer.Argument(help="What `terraform show -json <plan>` printed; `-` for standard input.")],
    *,
    accept_breaking: Annotated[
        bool, typer.Option("--accept-breaking", help="Show what breaks published tables, and let it pass.")
    ] = False,
) -> None:
    """Show what a plan of Terraform's changes in published tables, before it is applied; needs no account.

    A column that gets a type which its files do not have, other partition keys and a removed table are refused: the
    status is 1. After an agreed change of types, `sluice rebuild` converts what is published.
    """
    from sluice.cli.drift import render_differences  # noqa: PLC0415 - brings boto3, which the others do without

    try:
        found = planned_changes(json.loads(_text_of(file)))
    except (KeyError, TypeError, ValueError) as exc:
        raise CommandError(f"{file}: is not a plan as `terraform show -json` prints it: {exc!r}") from exc
    if not found:
        say("the plan leaves the columns of the published tables as they are")
        return
    print_table(render_differences(found))
    if any(item.kind is Kind.BREAKING for item in found) and not accept_breaking:
        say_error("the plan breaks published tables; change the contracts back, or agree with --accept-breaking")
        raise typer.Exit(1)


def _text_of(file: Path) -> str:
    if file == Path("-"):
        return sys.stdin.read()
    if not file.is_file():
        raise CommandError(f"{file}: no such file")
    return file.read_text(encoding="utf-8")


def _read(path: Path) -> list[Contract]:
    if path.is_dir():
        return list(read_contracts(path).values())
    if not path.is_file():
        raise ContractError(f"{path}: no such file or folder")
    return [read_contract(path)]
