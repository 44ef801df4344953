"""`sluice quarantine`: what broke its contract, and the way back for what was corrected."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from sluice.analysis.quarantine import Span
from sluice.cli.moments import parse_partition
from sluice.cli.options import GlobalOptions
from sluice.cli.quarantined import (
    FORMATS,
    QuarantinedRecord,
    ReasonCount,
    read_reasons,
    read_records,
    visible,
    write_records,
)
from sluice.cli.replay import replay_of
from sluice.cli.session import Session
from sluice.contract import Contract
from sluice.errors import CommandError
from sluice.lake.layout import Partition
from sluice.terminal import err, out, print_json, print_table, say, table_of

_REASON_COLUMNS: Final = ("records", "partitions", "kind", "reason")
_SAMPLE_COLUMNS: Final = ("partition", "source file", "reasons", "raw text")


def quarantine(  # noqa: PLR0913 - each is an option of the command line
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The dataset.", show_default=False)],
    *,
    partition: Annotated[
        str,
        typer.Option(help="Only this partition, such as 2026-11-20T13; of a day all its hours.", show_default=False),
    ] = "",
    since: Annotated[str, typer.Option(help="Only partitions from this one on.", show_default=False)] = "",
    until: Annotated[str, typer.Option(help="Only partitions up to this one.", show_default=False)] = "",
    samples: Annotated[int, typer.Option(min=0, help="Show so many records as well.")] = 0,
    export: Annotated[
        Path | None, typer.Option(help="Write all records to this file, a .csv or a .jsonl.", show_default=False)
    ] = None,
    resubmit: Annotated[
        Path | None,
        typer.Option(
            help="Send this file of corrected records, in the dataset's source format, as a new batch of --partition "
            "beside the files that the partition has.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Resubmit even while a batch of the partition is at work.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Show why records of a dataset are in quarantine, and how many; only of the current batch of each partition.

    A record with two reasons counts for both.
    """
    session = Session(context.ensure_object(GlobalOptions))
    contract = session.contract(dataset)
    span = _span(partition, since, until)
    if resubmit is not None:
        _refuse_others(since, until, samples, export)
        session.expect_write()
        _resubmit(session, contract, resubmit, parse_partition(partition), is_forced=force)
        return
    if export is not None and export.suffix not in FORMATS:
        raise typer.BadParameter(f"--export: {export.name} must end in {' or '.join(FORMATS)}")
    with err().status("asking Athena"):
        athena = session.athena()
        reasons = read_reasons(athena, contract, span)
        shown = read_records(athena, contract, span, samples) if samples else []
        exported = read_records(athena, contract, span) if export is not None else []
    if export is not None:
        write_records(export, exported)
        say(f"{len(exported)} records written to {export}")
    _print(reasons, shown, as_json=as_json)


def _span(partition: str, since: str, until: str) -> Span:
    if partition and (since or until):
        raise typer.BadParameter("--partition excludes --since and --until")
    if partition:
        only = parse_partition(partition)
        return Span(only, only)
    return Span(parse_partition(since), parse_partition(until))


def _refuse_others(since: str, until: str, samples: int, export: Path | None) -> None:
    if since or until or samples or export is not None:
        raise typer.BadParameter("--resubmit goes with --partition and --force only")


def _resubmit(
    session: Session, contract: Contract, path: Path, partition: Partition | None, *, is_forced: bool
) -> None:
    if partition is None:
        raise typer.BadParameter("--resubmit needs --partition: the one that the records belong to")
    try:
        body = path.read_bytes()
    except OSError as exc:
        raise CommandError(f"{path}: cannot be read: {exc.strerror}") from exc
    plan = replay_of(session).resubmit(contract.dataset, partition, path.name, body, is_forced=is_forced)
    done = f"{plan.manifest_url} written: {contract.dataset} {partition.label} is converted again, with {path.name}"
    out().print(done, markup=False, soft_wrap=True)


def _print(reasons: Sequence[ReasonCount], records: Sequence[QuarantinedRecord], *, as_json: bool) -> None:
    if as_json:
        print_json({"reasons": [*map(asdict, reasons)], "records": [*map(asdict, records)]})
        return
    if not reasons:
        say("nothing is in quarantine")
        return
    rows = [(item.records, item.partitions, item.kind, item.reason) for item in reasons]
    print_table(table_of(_REASON_COLUMNS, rows, numbers=_REASON_COLUMNS[:2]))
    if records:
        shown = [(r.partition, r.source_file, "; ".join(r.reasons), visible(r.raw_text)) for r in records]
        out().print()
        print_table(table_of(_SAMPLE_COLUMNS, shown))
