"""Which waiting batches the next run takes. Nothing here changes anything."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isqrt

from sluice.batch import BatchId, Stage
from sluice.record import WAITING, BatchRecord, WaitEntry, timestamp

Versions = Callable[[str], Sequence[BatchRecord]]
"""Gives every batch of the partition of a batch, newest first."""


@dataclass(frozen=True)
class Choice:
    """What to do with the batches that wait.

    Attributes:
        take: Batches for the next run, sorted by batch id.
        superseded: Batches that a newer manifest replaces, each with the newer batch's id.
    """

    take: tuple[BatchRecord, ...]
    superseded: tuple[tuple[BatchRecord, str], ...]


@dataclass(frozen=True)
class Limits:
    """How much one run takes.

    Attributes:
        batches: Most batches.
        files: Most raw files of all batches together; a batch that has more runs alone. The outcome of a run counts
            each of them, and whoever books it has a Lambda's time and memory.
    """

    batches: int
    files: int

    def of_company(self, attempts: int, max_attempts: int) -> "Limits":
        """The limits of a run whose batches have failed that often."""
        if attempts == 0:
            return self
        return replace(self, batches=1 if attempts >= max_attempts - 1 else isqrt(self.batches))


ONE_BATCH = Limits(batches=1, files=1)


@dataclass
class _Chooser:
    stage: Stage
    versions: Versions
    now: datetime
    superseded: list[tuple[BatchRecord, str]] = field(default_factory=list)

    def look(self, entries: Sequence[WaitEntry]) -> BatchRecord | None:
        """The batch that may run among those of one partition; None when the partition has to wait."""
        newest = entries[-1].batch_id
        records = {record.batch_id: record for record in self.versions(newest)}
        # Only what the partition's own records say counts: the waiting list was read a moment earlier.
        waiting = [
            records[entry.batch_id]
            for entry in entries
            if entry.batch_id in records and records[entry.batch_id].state is WAITING[self.stage]
        ]
        if not waiting:
            return None
        candidate = waiting[-1]
        replaced_by = self._newer(candidate, records.values())
        outdated = waiting if replaced_by != candidate.batch_id else waiting[:-1]
        self.superseded += [(record, replaced_by) for record in outdated]
        if replaced_by != candidate.batch_id or self._is_busy(candidate, records.values()):
            return None
        return candidate

    def _newer(self, candidate: BatchRecord, records: Iterable[BatchRecord]) -> str:
        """The newest accepted batch of the partition, for conversion; what is converted already is loaded."""
        if self.stage is Stage.LOAD:
            return candidate.batch_id
        accepted = (record.batch_id for record in records if record.state.is_accepted)
        return max(accepted, default=candidate.batch_id)

    def _is_busy(self, candidate: BatchRecord, records: Iterable[BatchRecord]) -> bool:
        """Whether another batch's load is still to read what a conversion would delete, or its raw files are moving."""
        if self.stage is Stage.LOAD:
            return False
        others = (record for record in records if record.batch_id != candidate.batch_id)
        return any(record.is_in_flight or record.is_being_archived(self.now) for record in others)


def choose(
    stage: Stage,
    entries: Iterable[WaitEntry],
    versions: Versions,
    limits: Limits,
    max_attempts: int,
    now: datetime,
) -> Choice:
    """Choose the batches of the next run.

    Per partition only the newest batch runs, none while another batch of the partition is between its conversion and
    the end of its load or is being archived, and none before it is due. Among those that may run, the one that is due
    for longest decides: the run takes batches whose runs have failed as often, so fresh batches and failed ones never
    mix, and neither can starve under a stream of the other. Batches that failed go in smaller and smaller company: the
    last attempt is made alone, so that a batch that breaks its run takes none down with it, and the attempts between in
    groups of the limit's square root, so that a passing outage does not turn one run into hundreds.

    Args:
        stage: The stage of the run.
        entries: The stage's waiting list, sorted by batch id.
        versions: Gives every batch of a batch's partition.
        limits: How much a run takes.
        max_attempts: Runs that a batch gets in a stage.
        now: The present moment in UTC.
    """
    by_partition: dict[str, list[WaitEntry]] = defaultdict(list)
    for entry in entries:
        by_partition[BatchId.parse(entry.batch_id).prefix].append(entry)
    chooser = _Chooser(stage, versions, now)
    ordered = sorted(
        (group for group in by_partition.values() if group[-1].due_at <= timestamp(now)),
        key=lambda group: (group[-1].due_at, group[-1].attempts, group[-1].batch_id),
    )
    take = _first_of(chooser, ordered, limits, max_attempts)
    return Choice(tuple(sorted(take, key=lambda record: record.batch_id)), tuple(chooser.superseded))


def _first_of(
    chooser: _Chooser, groups: Iterable[Sequence[WaitEntry]], limits: Limits, max_attempts: int
) -> list[BatchRecord]:
    taken: list[BatchRecord] = []
    files = 0
    attempts: int | None = None
    for group in groups:
        if attempts not in {None, group[-1].attempts}:
            continue
        candidate = chooser.look(group)
        if candidate is None:
            continue
        if attempts is None:
            attempts = group[-1].attempts
            limits = limits.of_company(attempts, max_attempts)
        files += candidate.files
        if taken and files > limits.files:
            break
        taken.append(candidate)
        if len(taken) == limits.batches:
            break
    return taken
