"""Taking a manifest in: from S3's event to a batch in the ledger."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256

from lambda_trigger.manifest_events import ManifestEvent
from lambda_trigger.notifier import Notifier
from lambda_trigger.ports import CatalogPort, DocumentsPort, LedgerPort
from lambda_trigger.validation import OverwrittenError, find_partition, freeze
from sluice.batch import BatchId, BatchState
from sluice.contract import Contract
from sluice.errors import LayoutError, ManifestError, MissingObjectError
from sluice.handover import FrozenManifest
from sluice.layout import Partition
from sluice.logs import log_context
from sluice.record import UNKNOWN_DATASET, BatchRecord
from sluice.settings import Settings
from sluice.whereabouts import raw_location

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Intake:
    """Books each manifest once, whatever the number and order of its events.

    Attributes:
        ledger: Where batches are booked.
        documents: Manifests and their files.
        catalog: Where raw partitions are registered.
        contracts: The contracts by dataset.
        settings: Names of buckets and databases.
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

    def take(self, event: ManifestEvent) -> str | None:
        """Take one manifest in.

        A manifest that breaks a rule is booked as REJECTED and raises nothing. Every step can be repeated: after a
        crash at any point, taking the same event again ends in the same state.

        Returns:
            The dataset that may have something to dispatch now; None when there is none.

        Raises:
            TransientError: AWS could not answer now; the event is to be taken again.
        """
        try:
            contract, partition = find_partition(self.contracts, event.folder)
        except LayoutError as exc:
            self._reject_unknown(event, exc)
            return None
        batch_id = BatchId.make(contract.dataset, partition, event.sequencer)
        with log_context(dataset=contract.dataset, batch=str(batch_id)):
            if self.ledger.batch(str(batch_id)) is None:
                self._book(self._judge(event, batch_id, partition))
        return contract.dataset

    def _book(self, record: BatchRecord) -> None:
        """Tell people of a batch that nobody knew, then book it: so they hear of it at least once."""
        if record.state is BatchState.REJECTED:
            self.notifier.rejected(record)
        elif record.state is BatchState.RECEIVED:
            self.notifier.arrived(record)
        is_new = self.ledger.create(record)
        logger.info("%s batch %s: %s %s", "booked" if is_new else "knew", record.batch_id, record.state, record.reason)

    def _judge(self, event: ManifestEvent, batch_id: BatchId, partition: Partition) -> BatchRecord:
        """The first record of a batch, everything that it relies on being in place."""
        book = partial(_first_record, event, batch_id, partition.label, self.clock())
        newer = self._newer(batch_id)
        if newer is not None:
            return book(
                BatchState.SUPERSEDED, reason=f"newer manifest {newer.batch_id} of the same partition came first"
            )
        try:
            manifest = freeze(self.documents, event, batch_id, partition, self.workers)
        except OverwrittenError as exc:
            return book(BatchState.SUPERSEDED, reason=str(exc))
        except (ManifestError, MissingObjectError) as exc:
            return book(BatchState.REJECTED, reason=exc.named)
        url = self._accept(batch_id, partition, manifest)
        size_bytes = sum(file.size_bytes for file in manifest.files)
        return replace(book(BatchState.RECEIVED), frozen_manifest=url, files=len(manifest.files), size_bytes=size_bytes)

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
        """A newer batch of the partition; one whose manifest was rejected replaces nothing."""
        for record in self.ledger.versions(str(batch_id)):
            if record.batch_id > str(batch_id) and record.state is not BatchState.REJECTED:
                return record
        return None

    def _reject_unknown(self, event: ManifestEvent, error: LayoutError) -> None:
        digest = sha256(event.folder.encode()).hexdigest()[:16]
        batch_id = BatchId.of_folder(UNKNOWN_DATASET, digest, event.sequencer)
        with log_context(dataset=UNKNOWN_DATASET, batch=str(batch_id)):
            if self.ledger.batch(str(batch_id)) is None:
                at = self.clock()
                self._book(_first_record(event, batch_id, event.folder, at, BatchState.REJECTED, reason=error.named))


def _first_record(
    event: ManifestEvent,
    batch_id: BatchId,
    partition: str,
    at: datetime,
    state: BatchState,
    *,
    reason: str = "",
) -> BatchRecord:
    return BatchRecord.first(
        batch_id,
        partition,
        state,
        manifest_url=event.url,
        at=at,
        written_at=event.written_at,
        reason=reason,
    )
