"""`sluice up` and `sluice demo`: the local cloud. Only these two commands need it installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sluice.analysis.query import use_folder as use_queries
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.contract.files import read_contracts
from sluice.errors import CommandError
from sluice.root import ROOT
from sluice.warehouse.aggregate import use_folder as use_aggregates

_MISSING = "the local cloud is not installed with this copy of Sluice ({}): pip install 'sluice[local]'"


@contextmanager
def _local_cloud() -> Iterator[None]:
    """What the local cloud refuses is refused by the command."""
    try:
        from localcloud.errors import CloudError  # noqa: PLC0415 - is not installed where only AWS is used
        from localcloud.java import require_java  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise CommandError(_MISSING.format(exc)) from exc
    try:
        require_java()
        yield
    except CloudError as exc:
        raise CommandError(str(exc)) from exc


def up(
    context: typer.Context,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the AWS endpoint; 0 picks a free one.")] = 4566,
    warehouse_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the warehouse for psql and BI tools; 0 picks a free one.")
    ] = 5439,
    bind_address: Annotated[
        str, typer.Option(help="IPv4 address to listen on. Nobody is asked for a password on the AWS endpoint.")
    ] = "127.0.0.1",
    host_name: Annotated[
        list[str] | None,
        typer.Option(
            help="A name by which clients call the endpoint beside localhost; others are refused. Repeatable."
        ),
    ] = None,
    accept_breaking: Annotated[
        bool,
        typer.Option(
            "--accept-breaking",
            help="Take contracts that change columns as published files do not have them; then `sluice rebuild`.",
        ),
    ] = False,
) -> None:
    """Run AWS on this machine with Sluice deployed, until stopped with Ctrl-C.

    Everything listens on 127.0.0.1 only, unless another address is given, as in a container that others talk to. The
    endpoint answers programs only: a web page in the browser cannot use it. Data are kept in the state directory (see
    `sluice --help`) from one start to the next; delete it to begin again. Contracts that changed are compared with the
    catalog before it follows them, and what would break readers is refused.
    """
    session = Session(context.ensure_object(GlobalOptions))
    with _local_cloud():
        from localcloud.config import LocalCloudConfig  # noqa: PLC0415
        from sluice_laptop.up import run  # noqa: PLC0415

        config = LocalCloudConfig(
            session.options.state_dir.resolve(),
            port=port,
            warehouse_port=warehouse_port,
            bind_address=bind_address,
            host_names=tuple(host_name or ()),
            warehouse_names=(session.settings.warehouse_workgroup or session.settings.warehouse_cluster,),
            warehouse_role=session.settings.prefix + "warehouse",
        )
        contracts_dir = session.options.contracts_dir
        raise typer.Exit(
            run(config, session.settings, session.contracts, contracts_dir, accepts_breaking=accept_breaking)
        )


def demo(
    context: typer.Context,
    *,
    rows: Annotated[int, typer.Option(min=50, help="Source records in each hour of each dataset.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
    folder: Annotated[Path, typer.Option(help="Folder for the demo's state and its report.json.")] = Path("build/demo"),
    timeout: Annotated[int, typer.Option(min=1, help="Seconds to wait for the pipeline.")] = 1200,
) -> None:
    """Run the whole pipeline on this machine and compare the warehouse, row by row, with what was sent.

    Sends three hours of all four datasets with duplicates, updates, bad rows, a late hour, a manifest that is
    announced twice and one that names a missing file. Ends with status 1 on any difference.
    """
    session = Session(context.ensure_object(GlobalOptions))
    with _local_cloud():
        from sluice_laptop.demo import DemoOptions, run  # noqa: PLC0415

        options = DemoOptions(folder, rows=rows, seed=seed, timeout_seconds=timeout)
        contracts = session.options.contracts_dir or ROOT / "contracts"
        use_aggregates(None)  # a project's own are of other tables
        use_queries(None)
        raise typer.Exit(run(options, read_contracts(contracts)))
