"""`sluice replay`: convert and load partitions again."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from sluice.aws.documents import Documents
from sluice.aws.objects import Objects
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.lake.layout import Partition
from sluice.ledger.replay import Replay, ReplayPlan, parse_span
from sluice.terminal import out, print_json, say, table_of

_COLUMNS = ("dataset", "partition", "files", "in archive", "of batch")


def replay(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The dataset.", show_default=False)],
    when: Annotated[
        str,
        typer.Argument(
            help="An hour (2026-11-20T13), a day (2026-11-20), or a range (2026-11-20T13..2026-11-21T02).",
            show_default=False,
        ),
    ],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Also where a batch of the partition is still on its way.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be replayed, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")] = False,
) -> None:
    """Convert and load partitions again, from the files that their newest batches had.

    Writes each partition's manifest again, with its files where they are now, in the raw folder or in the archive. That
    makes a new batch, which replaces the rows of the older ones. Where a partition has no batch, because no event came,
    its manifest is written again as it lies there. All partitions are checked before any is written.
    """
    session = Session(context.ensure_object(GlobalOptions))
    if not dry_run:
        session.expect_write()
    replays = replay_of(session)
    plans = replays.plan_all(dataset, _partitions(session, dataset, when), is_forced=force)
    for plan in () if dry_run else plans:
        replays.write(plan)
    if as_json:
        print_json([_as_json(plan) for plan in plans])
    else:
        out().print(table_of(_COLUMNS, map(_row, plans), numbers=("files", "in archive")))
    if dry_run:
        say("nothing was written; without --dry-run these partitions are replayed")
    else:
        say(f"watch them: sluice status --dataset {dataset} --watch")


def replay_of(session: Session) -> Replay:
    """Replays against the cloud of a session."""
    ledger = session.ledger
    s3 = session.clients.s3
    now = datetime.now(UTC)
    return Replay(ledger, Documents(s3), Objects(s3), session.contracts, session.settings, now)


def _partitions(session: Session, dataset: str, when: str) -> tuple[Partition, ...]:
    return parse_span(when, is_hourly=session.contract(dataset).layout.is_hourly)


def _row(plan: ReplayPlan) -> tuple[object, ...]:
    if plan.files is None and not plan.batch_id:
        return (plan.dataset, plan.partition.label, "", "", "(none yet: its manifest as it lies there)")
    if plan.files is None:
        return (plan.dataset, plan.partition.label, "", "", f"{plan.batch_id} (rejected: its manifest as it was)")
    return (plan.dataset, plan.partition.label, plan.files, plan.archived, plan.batch_id)


def _as_json(plan: ReplayPlan) -> dict[str, object]:
    facts = {name: value for name, value in asdict(plan).items() if name not in {"partition", "text", "lying"}}
    return {**facts, "partition": plan.partition.label}
