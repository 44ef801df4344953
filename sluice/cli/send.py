"""`sluice send`: play the source system."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from sluice.aws.failures import aws_errors
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.lake.layout import Partition
from sluice.simulator import Sender, SimulatedPartition, SimulatorOptions, simulate
from sluice.terminal import err, out, progress_of, table_of


def send(  # noqa: PLR0913 - each is an option of the command line
    context: typer.Context,
    datasets: Annotated[
        list[str] | None,
        typer.Argument(help="Datasets to send. (default: all that there are contracts for)", show_default=False),
    ] = None,
    *,
    start: Annotated[
        str, typer.Option(help="First hour in UTC, such as 2026-11-20T13. (default: this hour)", show_default=False)
    ] = "",
    hours: Annotated[int, typer.Option(min=1, help="Number of hours to send, one after the other.")] = 1,
    rows: Annotated[int, typer.Option(min=1, help="Source records in each hour of each dataset.")] = 1000,
    files: Annotated[
        int | None,
        typer.Option(min=1, help="Files in each hour. (default: 3 for transactions, else 1)", show_default=False),
    ] = None,
    bad_share: Annotated[float, typer.Option(min=0, max=1, help="Share of records that break the contract.")] = 0.02,
    duplicate_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of records that repeat a key of the same hour.")
    ] = 0.03,
    update_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of records that are versions of a key of an earlier hour.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed and options give the same files.")] = 1,
) -> None:
    """Play the source system: write files into the raw bucket, and the manifest last.

    The data of the datasets that Sluice brings mean something; for any other contract values are made up that keep its
    rules, and bad ones that break each of them. Works against every S3 endpoint. Updates reach back to the first hour
    that is sent, so send hours that belong together with one command, or with the same --start.
    """
    session = Session(context.ensure_object(GlobalOptions))
    session.expect_write()
    first = Partition.parse(start) if start else _this_hour()
    options = SimulatorOptions(first, seed, rows, files, bad_share, duplicate_share, update_share)
    partitions = _partitions(session, datasets or list(session.contracts), options, hours)
    sent = _send(session, partitions, options.rows)
    columns = ("dataset", "partition", "records", "files", "bytes", "manifest")
    out().print(table_of(columns, sent, numbers=("records", "files", "bytes")))


def _this_hour() -> Partition:
    return Partition(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))


def _partitions(
    session: Session, datasets: Sequence[str], options: SimulatorOptions, hours: int
) -> list[SimulatedPartition]:
    """What is to be sent, hour by hour; of a dataset that has days, each day once."""
    found: dict[tuple[str, Partition], SimulatedPartition] = {}
    hour = options.start
    for _ in range(hours):
        for contract in map(session.contract, datasets):
            is_hourly = contract.layout.is_hourly
            partition, first = (one if is_hourly else _day(one) for one in (hour, options.start))
            simulated = simulate(contract, partition, replace(options, start=first), session.contracts)
            found.setdefault((contract.dataset, partition), simulated)
        hour = hour.next()
    return list(found.values())


def _day(hour: Partition) -> Partition:
    return Partition(hour.start.replace(hour=0), is_hourly=False)


def _send(session: Session, partitions: Sequence[SimulatedPartition], rows: int) -> list[tuple[Any, ...]]:
    sent = []
    with progress_of(len(partitions) * rows, err()) as progress:
        task = progress.task_ids[0]
        sender = Sender(session.clients.s3, session.settings.raw_bucket, on_record=lambda: progress.advance(task))
        for partition in partitions:
            name = f"{partition.contract.dataset} {partition.partition.label}"
            progress.update(task, description=name)
            with aws_errors(f"send {name} to s3://{session.settings.raw_bucket}/{partition.folder}/"):
                done = sender.send(partition)
            sent.append((*name.split(), done.records, done.files, done.size_bytes, done.manifest_url))
    return sent
