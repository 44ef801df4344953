"""An operator's wish to try a batch again: what it means depends on where the batch stands.

A batch that has FAILED goes back into the waiting list of the stage in which it failed, with all its attempts; the next
dispatch takes it. A batch that waits need not wait any longer for the end of a pause. A batch that is in the warehouse
while something after its load has stopped has an execution that can go on. One that a run carries, or that waits for
its files, is looked after by the sweep, which is called at once. Everything else needs nothing, or a replay.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from sluice.errors import CommandError, ConflictError
from sluice.ledger.advice import why_not_retried
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import WAITING, BatchRecord, OpenLoad, Outage, timestamp

_IN_WAREHOUSE = {BatchState.LOADED, BatchState.ARCHIVED}
_ON_ITS_WAY = "it is on its way; the sweep looks now whether its run is"
_LOOKED_AFTER = {
    BatchState.WAITING: "the sweep looks for what is missing now",
    BatchState.CONVERTING: _ON_ITS_WAY,
    BatchState.LOADING: _ON_ITS_WAY,
}
"""What the sweep, which every retry calls, does about a batch that nothing has to be changed for."""
_TRIES = 3


class RetryLedger(Protocol):
    """The part of `sluice.aws.ledger.Ledger` that a retry needs."""

    def batch(self, batch_id: str) -> BatchRecord | None:
        """One batch."""

    def versions(self, batch_id: str) -> Sequence[BatchRecord]:
        """Every batch of the partition."""

    def save(self, old: BatchRecord, new: BatchRecord) -> None:
        """Replace a batch's record."""

    def outage(self, dataset: str, stage: Stage) -> Outage | None:
        """The open outage of a stage of a dataset."""

    def save_outage(self, old: Outage | None, new: Outage) -> bool:
        """Replace what is known of an outage."""

    def open_loads(self, dataset: str) -> Sequence[OpenLoad]:
        """Loads that have something to do after them."""

    def change_open_load(self, load: OpenLoad) -> None:
        """Replace what is known of an open load."""


class RetryExecutions(Protocol):
    """The part of `sluice.aws.executions.Executions` that a retry needs."""

    def redrive(self, machine: str, name: str) -> bool:
        """Make an execution go on."""


def retry(batch_id: str, ledger: RetryLedger, executions: RetryExecutions, machine: str, now: datetime) -> str:
    """Try a batch again.

    Args:
        batch_id: The batch.
        ledger: Where it is.
        executions: Executions of the load's state machine.
        machine: Name of that machine.
        now: The present moment in UTC.

    Returns:
        What was done, for people.

    Raises:
        CommandError: There is nothing to try again, or it would be of no use; the message says why and what to do.
        ConflictError: Somebody changed the batch at the same moment; nothing was done.
        AwsBusyError: AWS could not answer now.
        AwsError: AWS refused.
    """
    record = ledger.batch(batch_id)
    if record is None:
        raise CommandError(f"there is no batch {batch_id}")
    if record.state is BatchState.FAILED:
        return _into_the_waiting_list(record, ledger, now)
    if record.state in WAITING.values():
        return _at_once(record, ledger, now)
    if record.state in _IN_WAREHOUSE:
        return _go_on(record, ledger, executions, machine, now)
    if record.state in _LOOKED_AFTER:
        return f"batch {batch_id} is {record.state}: {_LOOKED_AFTER[record.state]}"
    raise CommandError(f"batch {batch_id} is {record.state}: {why_not_retried(record)}")


def retry_all(
    records: Iterable[BatchRecord],
    ledger: RetryLedger,
    executions: RetryExecutions,
    machine: str,
    now: datetime,
) -> Iterator[str]:
    """Try batches again, one after the other; one that cannot be keeps none of the others from it.

    Args:
        records: The batches.
        ledger: Where they are.
        executions: Executions of the load's state machine.
        machine: Name of that machine.
        now: The present moment in UTC.

    Yields:
        What was done with each batch, or why nothing was, for people.
    """
    gone_on: set[str] = set()
    for record in records:
        if record.state in _IN_WAREHOUSE and record.claim_id in gone_on:
            continue  # Its load goes on already, for all its batches.
        try:
            yield retry(record.batch_id, ledger, executions, machine, now)
        except (CommandError, ConflictError) as exc:
            yield str(exc)
            continue
        gone_on.add(record.claim_id)


def wake(ledger: RetryLedger, datasets: Iterable[str], now: datetime) -> tuple[Outage, ...]:
    """End the pauses of stages that wait for something that was away, because somebody says that it is back.

    Args:
        ledger: Where outages are.
        datasets: The datasets.
        now: The present moment in UTC.

    Returns:
        The outages whose pause was ended.
    """
    found = (_woken(ledger, name, stage, now) for name in datasets for stage in Stage)
    return tuple(outage for outage in found if outage is not None)


def _woken(ledger: RetryLedger, dataset: str, stage: Stage, now: datetime) -> Outage | None:
    """The outage whose pause was ended; None when the stage does not rest, or others change it again and again."""
    for _ in range(_TRIES):
        outage = ledger.outage(dataset, stage)
        if outage is None or not outage.is_resting(now):
            return None
        try:
            ledger.save_outage(outage, outage.changed(until=now))
        except ConflictError:
            continue
        return outage
    return None


def _into_the_waiting_list(record: BatchRecord, ledger: RetryLedger, now: datetime) -> str:
    newer = [
        other.batch_id
        for other in ledger.versions(record.batch_id)
        if other.batch_id > record.batch_id and other.state.is_accepted
    ]
    if newer:
        # A conversion would be superseded at once, and the published files of a load may be gone.
        raise CommandError(f"batch {record.batch_id} has been replaced by the newer manifest {max(newer)}")
    waiting = record.retried(now)
    ledger.save(record, waiting)
    return f"batch {record.batch_id} is {waiting.state} again and waits for the next {waiting.stage} run"


def _at_once(record: BatchRecord, ledger: RetryLedger, now: datetime) -> str:
    if record.due_at > timestamp(now):
        ledger.save(record, record.due(now))
    wake(ledger, [record.dataset], now)
    return f"batch {record.batch_id} is {record.state} and goes with the next run, without any pause"


def _go_on(record: BatchRecord, ledger: RetryLedger, executions: RetryExecutions, machine: str, now: datetime) -> str:
    load = next((load for load in ledger.open_loads(record.dataset) if load.claim_id == record.claim_id), None)
    if load is None:
        raise CommandError(f"batch {record.batch_id} is {record.state}: {why_not_retried(record)}")
    # The sweep helps again from here on, as often as after the first failure.
    helped = replace(load, redrives=0, tried_at=now, is_given_up=False)
    ledger.change_open_load(helped)
    name = f"execution {load.execution} of {machine}"
    if executions.redrive(machine, load.execution):
        return f"{name} goes on where it stopped"
    # The next sweep need not wait.
    ledger.change_open_load(replace(helped, tried_at=load.tried_at))
    return f"{name} cannot be redriven: it is at work, or the sweep begins a new one in its place"
