"""The ledger in memory; it passes the same behaviour suite as the one in DynamoDB."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sluice.errors import AwsError, ConflictError
from sluice.lake.handover import FileCounts
from sluice.ledger.batch import BatchId, BatchState, Stage, WaitingList
from sluice.ledger.record import BatchRecord, Claim, Heartbeat, KeptNotice, OpenLoad, Outage, Slot, WaitEntry, timestamp


class MemoryLedger:
    """Keeps the promises of `sluice.aws.ledger.Ledger` in dictionaries."""

    def __init__(self) -> None:
        self.records: dict[str, BatchRecord] = {}
        self._files: dict[str, dict[str, FileCounts]] = {}
        self._slots: dict[tuple[str, Stage], Slot] = {}
        self._claims: dict[str, Claim] = {}
        self._open: dict[tuple[str, str], OpenLoad] = {}
        self._outages: dict[tuple[Stage, str], Outage] = {}
        self._notices: dict[str, KeptNotice] = {}
        self._heartbeat: Heartbeat | None = None

    def create(self, record: BatchRecord) -> bool:
        if record.batch_id in self.records:
            return False
        self.records[record.batch_id] = record
        return True

    def save(self, old: BatchRecord, new: BatchRecord) -> None:
        current = self.records.get(new.batch_id)
        if current == new:
            return
        if current is None or current.version != old.version:
            raise ConflictError(f"batch {new.batch_id}: changed by another writer before it became {new.state}")
        self.records[new.batch_id] = new

    def batch(self, batch_id: str) -> BatchRecord | None:
        return self.records.get(batch_id)

    def versions(self, batch_id: str) -> tuple[BatchRecord, ...]:
        prefix = BatchId.parse(batch_id).prefix
        found = (record for name, record in self.records.items() if name.startswith(prefix))
        return tuple(sorted(found, key=lambda record: record.batch_id, reverse=True))

    def batches(
        self,
        dataset: str | None = None,
        state: BatchState | None = None,
        limit: int = 100,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[BatchRecord, ...]:
        found = [
            record
            for record in self.records.values()
            if dataset in {None, record.dataset}
            and state in {None, record.state}
            and (since is None or timestamp(since) <= record.received_at)
            and (until is None or record.received_at <= timestamp(until))
        ]
        return tuple(sorted(found, key=lambda record: record.received_at, reverse=True)[:limit])

    def datasets(self) -> tuple[str, ...]:
        return tuple(sorted({record.dataset for record in self.records.values()}))

    def write_file_counts(self, batch_id: str, counts: Iterable[FileCounts]) -> None:
        self._files.setdefault(batch_id, {}).update({file.url: file for file in counts})

    def file_counts(self, batch_id: str) -> tuple[FileCounts, ...]:
        return tuple(file for _, file in sorted(self._files.get(batch_id, {}).items()))

    def waiting(self, dataset: str, stage: WaitingList) -> tuple[WaitEntry, ...]:
        found = [r for r in self.records.values() if r.dataset == dataset and r.waits_for == stage]
        return tuple(
            WaitEntry(r.batch_id, r.attempts, r.due_at, r.company) for r in sorted(found, key=lambda r: r.batch_id)
        )

    def take_slot(self, dataset: str, stage: Stage, slot: Slot) -> bool:
        return self._slots.setdefault((dataset, stage), slot).claim_id == slot.claim_id

    def slot(self, dataset: str, stage: Stage) -> Slot | None:
        return self._slots.get((dataset, stage))

    def release_slot(self, dataset: str, stage: Stage, claim_id: str) -> None:
        held = self.slot(dataset, stage)
        if held is not None and held.claim_id == claim_id:
            del self._slots[dataset, stage]

    def write_claim(self, claim: Claim) -> None:
        self._claims[claim.claim_id] = claim

    def record_run(self, claim_id: str, run_id: str) -> None:
        self._claims[claim_id] = replace(self._written(claim_id), run_id=run_id)

    def note_unclear(self, claim_id: str, at: datetime) -> None:
        self._claims[claim_id] = replace(self._written(claim_id), unclear_at=at)

    def end_claim(self, claim_id: str, at: datetime) -> None:
        self._claims[claim_id] = replace(self._written(claim_id), ended_at=at)

    def claim(self, claim_id: str) -> Claim | None:
        return self._claims.get(claim_id)

    def open_load(self, load: OpenLoad) -> None:
        self._open.setdefault((load.dataset, load.claim_id), load)

    def change_open_load(self, load: OpenLoad) -> None:
        if (load.dataset, load.claim_id) in self._open:
            self._open[load.dataset, load.claim_id] = load

    def open_loads(self, dataset: str) -> tuple[OpenLoad, ...]:
        return tuple(load for (name, _), load in sorted(self._open.items()) if name == dataset)

    def close_load(self, dataset: str, claim_id: str) -> None:
        self._open.pop((dataset, claim_id), None)

    def save_outage(self, old: Outage | None, new: Outage, notice: KeptNotice | None = None) -> bool:
        current = self.outage(new.dataset, new.stage)
        if current == new:
            return False
        if _incarnation(current) != _incarnation(old):
            raise ConflictError(f"outage {new.dataset}/{new.stage}: changed by another writer")
        self._outages[new.stage, new.dataset] = new
        if notice is not None:
            self.keep_notice(notice)
        return True

    def outage(self, dataset: str, stage: Stage) -> Outage | None:
        return self._outages.get((stage, dataset))

    def outages(self, stage: Stage) -> tuple[Outage, ...]:
        return tuple(outage for (of, _), outage in sorted(self._outages.items()) if of is stage)

    def end_outage(self, outage: Outage, notice: KeptNotice | None = None) -> bool:
        current = self.outage(outage.dataset, outage.stage)
        if current is None:
            return False
        if _incarnation(current) != _incarnation(outage):
            raise ConflictError(f"outage {outage.dataset}/{outage.stage}: changed by another writer before it ended")
        del self._outages[outage.stage, outage.dataset]
        if notice is not None:
            self.keep_notice(notice)
        return True

    def keep_notice(self, notice: KeptNotice) -> None:
        self._notices[notice.name] = notice

    def kept_notices(self) -> tuple[KeptNotice, ...]:
        return tuple(notice for _, notice in sorted(self._notices.items()))

    def drop_notice(self, name: str) -> None:
        self._notices.pop(name, None)

    def beat(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat

    def heartbeat(self) -> Heartbeat | None:
        return self._heartbeat

    def _written(self, claim_id: str) -> Claim:
        if claim_id not in self._claims:
            raise AwsError(f"claim {claim_id} was never written")
        return self._claims[claim_id]


def _incarnation(outage: Outage | None) -> tuple[datetime, int] | None:
    return None if outage is None else (outage.since, outage.version)
