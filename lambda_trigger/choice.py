"""Which waiting batches the next run takes. Nothing here changes anything."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from lambda_trigger.moves import newer_than
from sluice.ledger.batch import BatchId, Stage
from sluice.ledger.record import LONGEST_WAIT, WAITING, BatchRecord, WaitEntry, timestamp

Versions = Callable[[Sequence[str]], Sequence[Sequence[BatchRecord]]]
"""Gives, for each of these batches, every batch of its partition, newest first."""
_READ_AT_ONCE = 64


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


MAX_BATCHES = 2000
"""The most batches of one run: its claim lists them, and an item of the ledger holds 400 KB.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html (maximum item size)
"""
ONE_BATCH = Limits(batches=1, files=1)


@dataclass
class _Chooser:
    stage: Stage
    now: datetime
    superseded: list[tuple[BatchRecord, str]] = field(default_factory=list)

    def look(self, entries: Sequence[WaitEntry], found: Sequence[BatchRecord]) -> BatchRecord | None:
        """The batch that may run among those of one partition; None when the partition has to wait."""
        records = {record.batch_id: record for record in found}
        # Only what the partition's own records say counts: the waiting list was read a moment earlier.
        waiting = [
            records[entry.batch_id]
            for entry in entries
            if entry.batch_id in records and records[entry.batch_id].state is WAITING[self.stage]
        ]
        if not waiting:
            return None
        # Sorted by batch id, so the last one is the newest manifest that waits.
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
        newer = newer_than(candidate.batch_id, records)
        return candidate.batch_id if newer is None else newer.batch_id

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
    now: datetime,
    *,
    is_joint: bool = False,
) -> Choice:
    """Choose the batches of the next run.

    Per partition only the newest batch runs, none while another batch of the partition is between its conversion and
    the end of its load or is being archived, and none before it is due. Among those that may run, the one that is due
    for longest decides: the run takes batches of its company, so that batches which went apart because their run died
    never meet others, and nothing starves under a stream of anything else.

    Args:
        stage: The stage of the run.
        entries: The stage's waiting list, sorted by batch id.
        versions: Gives every batch of batches' partitions.
        limits: How much a run takes.
        now: The present moment in UTC.
        is_joint: Whether all go together, whatever their company: after an outage nobody is under suspicion.
    """
    by_partition: dict[str, list[WaitEntry]] = defaultdict(list)
    for entry in entries:
        by_partition[BatchId.parse(entry.batch_id).prefix].append(entry)
    chooser = _Chooser(stage, now)
    ordered = sorted(
        (group for group in by_partition.values() if _is_due(group[-1], now)),
        key=lambda group: (group[-1].due_at, group[-1].company, group[-1].batch_id),
    )
    take = _first_of(chooser, ordered, versions, limits, is_joint=is_joint)
    return Choice(tuple(sorted(take, key=lambda record: record.batch_id)), tuple(chooser.superseded))


def _first_of(
    chooser: _Chooser, groups: Sequence[Sequence[WaitEntry]], versions: Versions, limits: Limits, *, is_joint: bool
) -> list[BatchRecord]:
    taken: list[BatchRecord] = []
    files = 0
    companies: set[str] = set()

    def fits(group: Sequence[WaitEntry]) -> bool:
        return is_joint or not companies or group[-1].company in companies

    for group, found in _with_versions(groups, versions, fits):
        candidate = chooser.look(group, found) if fits(group) else None
        if candidate is None:
            continue
        companies.add(group[-1].company)
        files += candidate.files
        # The first one is taken whatever its size: a batch above the limit would never run otherwise.
        if taken and files > limits.files:
            break
        taken.append(candidate)
        if len(taken) == limits.batches:
            break
    return taken


def _with_versions(
    groups: Iterable[Sequence[WaitEntry]], versions: Versions, fits: Callable[[Sequence[WaitEntry]], bool]
) -> Iterator[tuple[Sequence[WaitEntry], Sequence[BatchRecord]]]:
    """Partitions' entries with all batches of the partition, read some at once and no further than they are used."""
    fitting = filter(fits, groups)
    while some := list(islice(fitting, _READ_AT_ONCE)):
        yield from zip(some, versions([group[-1].batch_id for group in some]), strict=True)


def _is_due(entry: WaitEntry, now: datetime) -> bool:
    return not timestamp(now) < entry.due_at <= timestamp(now + LONGEST_WAIT)
