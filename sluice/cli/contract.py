"""`sluice contract`: check contracts, and write the schema that editors check them with."""

from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.session import GlobalOptions
from sluice.cli.terminal import out, say, say_error, table_of
from sluice.contract import Contract
from sluice.contract.files import read_contract, read_contracts
from sluice.errors import CommandError, ContractError

app = typer.Typer(
    rich_markup_mode="markdown", help="Check contracts, and write their JSON Schema.", no_args_is_help=True
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
    for path in paths or [options.contracts_dir or Path("contracts")]:
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
        from sluice.contract.schema import SCHEMA_FILE, contract_schema  # noqa: PLC0415 - needs a development library
    except ModuleNotFoundError as exc:
        raise CommandError(f"the schema needs the library {exc.name}: pip install 'sluice[dev]'") from exc
    folder = context.ensure_object(GlobalOptions).contracts_dir or Path("contracts")
    path = output or folder / SCHEMA_FILE
    text = contract_schema()
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        say(f"{path} is current")
        return
    if not path.parent.is_dir():
        raise CommandError(f"{path.parent}: no such folder")
    path.write_text(text, encoding="utf-8")
    say(f"{path} written")


def _read(path: Path) -> list[Contract]:
    if path.is_dir():
        return list(read_contracts(path).values())
    if not path.is_file():
        raise ContractError(f"{path}: no such file or folder")
    return [read_contract(path)]
