"""`sluice put`: own files into a dataset, and what comes of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sluice.aws.failures import aws_errors
from sluice.aws.objects import Objects
from sluice.cli.batch_view import BatchView, view_as_json
from sluice.cli.follow import follow, is_success, render_outcome
from sluice.cli.options import GlobalOptions
from sluice.cli.paths import data_files
from sluice.cli.replay import replay_of
from sluice.cli.session import Session
from sluice.contract import Contract
from sluice.contract.places import rule_lines
from sluice.errors import CommandError
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId
from sluice.ledger.delivery import Delivery, Mode
from sluice.ledger.record import BatchRecord
from sluice.terminal import err, out, print_json, progress_of, say


def put(  # noqa: PLR0913 - each is an option of the command line
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The dataset.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(help="Its raw files, or folders of them; all go into one partition.")],
    *,
    at: Annotated[
        str,
        typer.Option(
            help="The partition, such as 2026-11-20T13, or 2026-11-20 where the dataset has days. "
            "(default: this hour or day, in UTC)",
            show_default=False,
        ),
    ] = "",
    add: Annotated[bool, typer.Option("--add", help="Add to the files that the partition has.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Have these files alone, whatever the partition has.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the batch to its end.")] = True,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds to follow the batch, at most.")] = 3600,
    as_json: Annotated[bool, typer.Option("--json", help="Print the batch as one JSON object.")] = False,
) -> None:
    """Upload files of your own, write their manifest, and follow the batch to its end.

    Does what a source system does, on AWS as on this machine. Ends with status 0 when the rows are in the warehouse,
    and with 1 when they are not; rows that broke the contract are in quarantine and leave it 0.
    """
    if add and replace:
        raise typer.BadParameter("--add and --replace exclude each other")
    session = Session(context.ensure_object(GlobalOptions))
    session.expect_write()
    contract = session.contract(dataset)
    partition = Partition.parse(at) if at else _present(contract)
    named = _by_name(data_files(files))
    delivery = delivery_of(session)
    mode = Mode.ADD if add else Mode.REPLACE if replace else Mode.NEW
    plan = delivery.plan(contract, partition, {name: path.stat().st_size for name, path in named.items()}, mode)
    known = {batch.batch_id for batch in delivery.batches(contract, partition)}
    _upload(delivery, plan.manifest_url.rpartition("/")[0], named)
    delivery.replays.write(plan)
    say(f"{plan.manifest_url} written")
    batch_of_partition = BatchId.make(dataset, partition, "0")
    if not wait:
        say(f"follow it: sluice status {batch_of_partition.prefix.rstrip('.')}")
        return
    batch = follow(session.ledger, str(batch_of_partition), known, timeout)
    if as_json:
        claim = session.ledger.claim(batch.claim_id) if batch.claim_id else None
        print_json(view_as_json(BatchView(batch, session.ledger.file_counts(batch.batch_id), claim)))
    else:
        out().print(render_outcome(batch, broken_rules(session, batch)))
    if not is_success(batch):
        raise typer.Exit(1)


def broken_rules(session: Session, batch: BatchRecord) -> list[str]:
    """The lines of a batch's contract that its records broke; none where its file is not here."""
    path = session.options.contracts_folder / f"{batch.dataset}.yaml"
    return rule_lines(path, batch.reasons) if path.is_file() else []


def delivery_of(session: Session) -> Delivery:
    """Deliveries to the raw bucket of a session."""
    return Delivery(session.ledger, Objects(session.clients.s3), replay_of(session), session.settings.raw_bucket)


def _present(contract: Contract) -> Partition:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return Partition(now) if contract.layout.is_hourly else Partition(now.replace(hour=0), is_hourly=False)


def _by_name(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by the names that they get in the partition's folder."""
    twice = [name for name, count in Counter(path.name for path in paths).items() if count > 1]
    if twice:
        raise CommandError(f"several files have the name {', '.join(twice)}; one folder cannot have both")
    return {path.name: path for path in paths}


def _upload(delivery: Delivery, folder: str, named: dict[str, Path]) -> None:
    with progress_of(len(named), err(), "uploading") as progress:
        task = progress.task_ids[0]
        for name, path in named.items():
            progress.update(task, description=name)
            with aws_errors(f"upload {path} to {folder}/"):
                delivery.objects.upload(path, f"{folder}/{name}")
            progress.advance(task)
