"""Taking a manifest in: from S3's event to a batch in the ledger.

A manifest whose files are not all there, or which may not be read, WAITS: replication and parallel uploads keep no
order, and rights take a moment to be there. Each sweep looks again, until the batch is RECEIVED, or REJECTED when it
has waited for long enough.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from lambda_trigger.apart import each_apart
from lambda_trigger.manifest_events import ManifestEvent
from lambda_trigger.notifier import Notifier
from lambda_trigger.ordering import known_as, place, plain_id
from lambda_trigger.ports import CatalogPort, DocumentsPort, LedgerPort
from lambda_trigger.validation import (
    IncompleteError,
    Looks,
    OverwrittenError,
    check_not_future,
    find_partition,
    freeze,
)
from sluice.contract import Contract
from sluice.errors import LayoutError, ManifestError, MissingObjectError
from sluice.lake.handover import FrozenManifest
from sluice.lake.layout import Partition, split_url
from sluice.lake.whereabouts import raw_location
from sluice.ledger.batch import ARRIVAL, BatchId, BatchState
from sluice.ledger.record import UNKNOWN_DATASET, BatchRecord, Change, timestamp
from sluice.logs import log_context
from sluice.settings import Settings

logger = logging.getLogger(__name__)

NO_EVENT = "no event told of its manifest; the sweep found it"


@dataclass(frozen=True, slots=True)
class _Finding:
    """What came of looking at a manifest.

    Attributes:
        state: The state that its batch is in now.
        reason: Why.
        facts: What the ledger learns of the batch.
    """

    state: BatchState
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Intake:
    """Books each manifest once, whatever the number and order of its events.

    Attributes:
        ledger: Where batches are booked.
        documents: Manifests and their files.
        catalog: Where raw partitions are registered.
        contracts: The contracts by dataset.
        settings: Names of buckets and databases, and how long files are waited for.
        notifier: Tells of what was rejected and, if the settings want it, of what arrived.
        clock: The present moment in UTC.
        workers: Threads that look at files.
    """

    ledger: LedgerPort
    documents: DocumentsPort
    catalog: CatalogPort
    contracts: Mapping[str, Contract]
    settings: Settings
    notifier: Notifier
    clock: Callable[[], datetime]
    workers: int = 16

    def take(self, event: ManifestEvent, until: datetime | None = None) -> str | None:
        """Take one manifest in.

        A manifest that breaks a rule is booked as REJECTED and raises nothing. Every step can be repeated: after a
        crash at any point, taking the same event again ends in the same state.

        Args:
            event: What S3 told; or what lies there, without a sequencer, when no event came.
            until: When the caller's time is over; None when there is enough.

        Returns:
            The dataset that may have something to dispatch now; None when there is none.

        Raises:
            TransientError: AWS could not answer now, or there is no time left; the event is to be taken again.
        """
        try:
            contract, partition = find_partition(self.contracts, event.folder)
        except LayoutError as exc:
            self._reject_unknown(event, exc)
            return None
        plain = plain_id(contract.dataset, partition, event)
        versions = self.ledger.versions(str(plain))
        known = known_as(event, plain, versions)
        batch_id = place(event, plain, versions) if known is None else known.id
        with log_context(dataset=contract.dataset, batch=str(batch_id)):
            if known is None:
                self._book(event, batch_id, partition.label, self._judge(event, batch_id, partition, until))
            elif known.state is BatchState.WAITING:
                self._look_again(known, event, partition, until)
        return contract.dataset

    def look_again(self, dataset: str) -> None:
        """Look once more at the manifests of a dataset that wait for their files; one keeps no other from its look.

        Raises:
            SluiceError: Something went wrong with one of them, the first one's error; the others were looked at.
        """
        waiting = [entry.batch_id for entry in self.ledger.waiting(dataset, ARRIVAL)]
        each_apart(partial(self._look_at, dataset), waiting, f"look at waiting manifests of {dataset}")

    def _look_at(self, dataset: str, batch_id: str) -> None:
        record = self.ledger.batch(batch_id)
        if record is None or record.state is not BatchState.WAITING:
            return
        event = _event_of(record)
        with log_context(batch=batch_id):
            try:
                contract, partition = find_partition(self.contracts, event.folder)
            except LayoutError as exc:
                self._end_wait(record, _Finding(BatchState.REJECTED, exc.named))
                return
            if contract.dataset == dataset:
                self._look_again(record, event, partition, None)
            else:
                gone = LayoutError(f"folder {event.folder!r} belongs to dataset {contract.dataset} by now")
                self._end_wait(record, _Finding(BatchState.REJECTED, gone.named))

    def _look_again(
        self, record: BatchRecord, event: ManifestEvent, partition: Partition, until: datetime | None
    ) -> None:
        finding = self._judge(event, record.id, partition, until)
        if finding.state is not BatchState.WAITING:
            self._end_wait(record, finding)
        elif timestamp(self.clock()) >= record.due_at:
            minutes = self.settings.file_wait_seconds / 60
            self._end_wait(record, _Finding(BatchState.REJECTED, f"{finding.reason} (waited for {minutes:g} minutes)"))
        elif finding.reason != record.reason:
            self.ledger.save(record, record.still_waiting(self.clock(), finding.reason))

    def _end_wait(self, record: BatchRecord, finding: _Finding) -> None:
        reason = finding.reason
        ended = record.moved(finding.state, self.clock(), note=reason, reason=reason, **finding.facts)
        self._tell(ended)
        self.ledger.save(record, ended)
        logger.info("batch %s: %s %s", ended.batch_id, ended.state, reason)

    def _book(self, event: ManifestEvent, batch_id: BatchId, partition: str, finding: _Finding) -> None:
        """Tell people of a batch that nobody knew, then book it: so they hear of it at least once."""
        record = self._first_record(event, batch_id, partition, finding)
        self._tell(record)
        is_new = self.ledger.create(record)
        logger.info(
            "%s batch %s: %s %s", "booked" if is_new else "already booked", record.batch_id, record.state, record.reason
        )

    def _tell(self, record: BatchRecord) -> None:
        if record.state is BatchState.REJECTED:
            self.notifier.rejected(record)
        elif record.state is BatchState.RECEIVED:
            self.notifier.arrived(record)

    def _judge(self, event: ManifestEvent, batch_id: BatchId, partition: Partition, until: datetime | None) -> _Finding:
        """What is to be said of a batch; everything that an accepted one relies on is in place then."""
        newer = self._newer(batch_id)
        if newer is not None:
            reason = f"newer manifest {newer.batch_id} of the same partition came first"
            return _Finding(BatchState.SUPERSEDED, reason)
        looks = Looks(self.documents, self.clock, until, self.workers)
        ahead = timedelta(seconds=self.settings.max_ahead_seconds)
        try:
            check_not_future(partition, event.url, self.clock(), ahead)
            allows_empty = self.contracts[batch_id.dataset].allow_empty
            manifest = freeze(looks, event, batch_id, partition, allows_empty=allows_empty)
        except OverwrittenError as exc:
            return _Finding(BatchState.SUPERSEDED, str(exc))
        except (ManifestError, MissingObjectError) as exc:
            return _Finding(BatchState.REJECTED, exc.named)
        except IncompleteError as exc:
            is_patient = self.settings.file_wait_seconds > 0
            return _Finding(BatchState.WAITING if is_patient else BatchState.REJECTED, exc.named)
        facts = {
            "frozen_manifest": self._accept(batch_id, partition, manifest),
            "files": len(manifest.files),
            "size_bytes": sum(file.size_bytes for file in manifest.files),
        }
        return _Finding(BatchState.RECEIVED, facts=facts)

    def _accept(self, batch_id: BatchId, partition: Partition, manifest: FrozenManifest) -> str:
        """Prepare what the conversion of a batch needs; returns the URL of its frozen manifest.

        The ledger comes after this, so a batch that it knows has its frozen manifest and its partition.
        """
        url = self.settings.processed.frozen_manifest(batch_id.dataset, str(batch_id))
        self.documents.write(url, manifest.to_json())
        location = {partition.values: raw_location(manifest)}
        self.catalog.register(self.settings.raw_database, batch_id.dataset, location)
        return url

    def _newer(self, batch_id: BatchId) -> BatchRecord | None:
        """A newer batch of the partition; one whose manifest was not accepted replaces nothing."""
        for record in self.ledger.versions(str(batch_id)):
            if record.batch_id > str(batch_id) and record.state.is_accepted:
                return record
        return None

    def _reject_unknown(self, event: ManifestEvent, error: LayoutError) -> None:
        digest = sha256(event.folder.encode()).hexdigest()[:16]
        batch_id = BatchId.of_folder(UNKNOWN_DATASET, digest, event.sequencer)
        with log_context(dataset=UNKNOWN_DATASET, batch=str(batch_id)):
            if self.ledger.batch(str(batch_id)) is None:
                self._book(event, batch_id, event.folder, _Finding(BatchState.REJECTED, error.named))

    def _first_record(self, event: ManifestEvent, batch_id: BatchId, partition: str, finding: _Finding) -> BatchRecord:
        now = self.clock()
        first = BatchRecord.first(
            batch_id,
            partition,
            finding.state,
            manifest_url=event.url,
            at=now,
            written_at=event.written_at,
            reason=finding.reason,
        )
        record = replace(
            first,
            sequencer=event.sequencer,
            manifest_version=event.version_id or "",
            manifest_etag=event.etag,
            **finding.facts,
        )
        if finding.state is BatchState.WAITING:
            record = replace(record, due_at=timestamp(now + timedelta(seconds=self.settings.file_wait_seconds)))
        if not event.sequencer:
            note = f"{NO_EVENT}; {finding.reason}" if finding.reason else NO_EVENT
            record = replace(record, history=(Change(finding.state, timestamp(now), note),))
        return record


def _event_of(record: BatchRecord) -> ManifestEvent:
    """What the event of a batch said, or would have said."""
    bucket, key = split_url(record.manifest_url)
    return ManifestEvent(
        bucket,
        key,
        record.sequencer,
        record.manifest_version or None,
        record.manifest_etag,
        record.written_at,
    )
