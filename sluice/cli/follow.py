"""Following a batch from its manifest to its end."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from rich.console import Group, RenderableType
from rich.text import Text

from sluice.errors import CommandError, TransientError
from sluice.lake.handover import LoadCounts, TableCounts
from sluice.ledger.advice import next_step
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice.terminal import err, state_text, table_of

POLL_SECONDS = 0.5
_LOADED = (BatchState.LOADED, BatchState.ARCHIVED)


class Batches(Protocol):
    """The part of `sluice.aws.ledger.Ledger` that following uses."""

    def batch(self, batch_id: str) -> BatchRecord | None:
        """One batch; None when it is not known."""

    def versions(self, batch_id: str) -> tuple[BatchRecord, ...]:
        """Every batch of the same partition, newest manifest first."""


def changes(
    ledger: Batches,
    partition_batch: str,
    known: Collection[str],
    timeout_seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[BatchRecord | None]:
    """The record of a new batch of a partition each time that it is looked at, until the batch is at its end.

    Args:
        ledger: The ledger.
        partition_batch: Text of any `BatchId` of the partition.
        known: Batches of the partition that were there before.
        timeout_seconds: How long to look.
        clock: Seconds that only grow.
        pause: Waits for so many seconds.

    Yields:
        The batch as it is now; None while there is none.

    Raises:
        CommandError: The time is over; the message says how to look on.
    """
    deadline = clock() + timeout_seconds
    batch: BatchRecord | None = None
    while batch is None or not batch.state.is_final:
        if clock() > deadline:
            raise CommandError(_too_late(batch, timeout_seconds))
        try:
            batch = _look(ledger, partition_batch, known, batch)
        except TransientError:
            pause(POLL_SECONDS)
            continue
        yield batch
        if batch is None or not batch.state.is_final:
            pause(POLL_SECONDS)


def _look(
    ledger: Batches, partition_batch: str, known: Collection[str], batch: BatchRecord | None
) -> BatchRecord | None:
    if batch is not None:
        return ledger.batch(batch.batch_id) or batch
    new = [record for record in ledger.versions(partition_batch) if record.batch_id not in known]
    return new[-1] if new else None


def _too_late(batch: BatchRecord | None, seconds: float) -> str:
    if batch is None:
        return (
            f"no batch after {seconds:.0f} s: the event of the manifest did not arrive; `sluice doctor` says what is "
            "wrong, and the sweep finds the manifest within the hour"
        )
    return (
        f"{batch.dataset} {batch.partition} is {batch.state} after {seconds:.0f} s and goes on by itself; look with "
        f"`sluice status {batch.batch_id}`"
    )


def follow(ledger: Batches, partition_batch: str, known: Collection[str], timeout_seconds: float) -> BatchRecord:
    """Follow the new batch of a partition to its end, with a line on standard error for each state.

    Args:
        ledger: The ledger.
        partition_batch: Text of any `BatchId` of the partition.
        known: Batches of the partition that were there before.
        timeout_seconds: How long to look.

    Raises:
        CommandError: The time is over.
    """
    console, shown, started = err(), 0, time.monotonic()
    last: BatchRecord | None = None
    with console.status("waiting for the batch") as line:
        for batch in changes(ledger, partition_batch, known, timeout_seconds):
            seconds = time.monotonic() - started
            if batch is None:
                line.update(f"waiting for the batch ({seconds:.0f} s)")
                continue
            for change in batch.history[shown:]:
                console.print(Text(f"{change.at[11:19]}  {change.state:<10}  {change.note}".rstrip()), soft_wrap=True)
            shown, last = len(batch.history), batch
            line.update(f"{batch.dataset} {batch.partition} {batch.state} ({seconds:.0f} s)")
    if last is None:
        raise CommandError(_too_late(None, timeout_seconds))
    return last


def is_success(batch: BatchRecord) -> bool:
    """Whether the rows of a batch are in the warehouse, and nothing after that failed."""
    return batch.state in _LOADED and not batch.reason


def render_outcome(batch: BatchRecord, lines: Sequence[str] = ()) -> RenderableType:
    """What came of a batch: its state and time, rows by table, and what to do next where there is something.

    Args:
        batch: The batch.
        lines: Lines of its contract that its records broke.
    """
    head = Text.assemble((f"{batch.dataset} {batch.partition} ", "bold"), state_text(batch.state))
    head.append(f" in {_seconds(batch):.0f} s")
    parts: list[RenderableType] = [head]
    if batch.counts:
        parts.append(table_of(_COLUMNS, [_row(batch, name) for name in batch.counts], numbers=_COLUMNS[1:]))
    if batch.reason:
        parts.append(Text(f"reason: {batch.reason}"))
    rejected = sum(count.rejected for count in batch.counts.values())
    step = next_step(batch)
    if step.command:
        parts += [Text.assemble(("next: ", "bold"), step.text), Text(f"  {step.command}", "cyan")]
    elif rejected:
        text = "next: rows broke the contract and are in quarantine; the rest is loaded"
        command = f"sluice quarantine {batch.dataset} --partition {batch.partition} --samples 5"
        parts += [Text(text), Text(f"  {command}", "cyan")]
    if lines:
        parts.append(Text("or, where the rule is wrong and not the record, change the contract"))
        parts += [Text(f"  {line}", "cyan") for line in lines]
    return Group(*parts)


_COLUMNS = ("table", "read", "rejected", "duplicates", "published", "inserted", "updated")


def _row(batch: BatchRecord, table: str) -> tuple[object, ...]:
    counts: TableCounts = batch.counts[table]
    loaded: LoadCounts | None = batch.load_counts.get(table)
    numbers = (counts.read, counts.rejected, counts.duplicates, counts.published)
    return (table, *numbers, *(("", "") if loaded is None else (loaded.inserted, loaded.updated)))


def _seconds(batch: BatchRecord) -> float:
    last, first = (datetime.fromisoformat(text) for text in (batch.history[-1].at, batch.received_at))
    return (last - first).total_seconds()
