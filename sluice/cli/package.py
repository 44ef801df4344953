"""`sluice package`: what a deployment needs, in one folder."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.root import ROOT
from sluice.terminal import out, table_of


def package(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder to write.")] = Path("dist"),
) -> None:
    """Write what a deployment needs: packages of Lambda and Glue, the catalog's tables, and Terraform's module.

    The same contracts, aggregates and version of Sluice give the same bytes. `infra/main.tf` of a project reads the
    folder.
    """
    from deploy.catalog import write_catalog  # noqa: PLC0415 - not importable before the command line has begun
    from deploy.packages import write_packages  # noqa: PLC0415

    session = Session(context.ensure_object(GlobalOptions))
    contracts = session.contracts
    written = [*write_packages(folder, contracts), write_catalog(folder, session.options.contracts_folder)]
    module = folder / "terraform"
    shutil.rmtree(module, ignore_errors=True)
    shutil.copytree(ROOT / "terraform", module, ignore=shutil.ignore_patterns("tests", "examples", ".terraform*"))
    rows = [(str(path), path.stat().st_size) for path in written]
    out().print(table_of(("file", "bytes"), [*rows, (f"{module}/", "")], numbers=("bytes",)))
