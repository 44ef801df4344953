"""What a conversion needs to be true of raw files at the moment when it begins: they are where its input says."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lambda_trigger.parallel import each
from lambda_trigger.ports import CatalogPort, DocumentsPort, LedgerPort, ObjectsPort
from sluice.batch import BatchState
from sluice.errors import MissingObjectError
from sluice.handover import FrozenManifest
from sluice.layout import Partition
from sluice.logs import log_context
from sluice.record import BatchRecord, timestamp
from sluice.settings import Settings
from sluice.whereabouts import Whereabouts, archive_location, raw_location

logger = logging.getLogger(__name__)

CLOCKS_DIFFER = timedelta(minutes=5)
"""More than the clocks of two Lambda functions can be apart."""


@dataclass(frozen=True)
class RawFiles:
    """Follows raw files that were moved, and tells the catalog.

    Attributes:
        ledger: Knows when files of a partition may have been moved.
        documents: Frozen manifests.
        objects: The raw bucket.
        catalog: Raw partitions.
        settings: Names of buckets and databases.
        workers: Threads that look at files.
    """

    ledger: LedgerPort
    documents: DocumentsPort
    objects: ObjectsPort
    catalog: CatalogPort
    settings: Settings
    workers: int = 16

    def settle(self, dataset: str, records: Sequence[BatchRecord]) -> None:
        """Bring frozen manifests and raw partitions of batches up to date, before a run reads them.

        A manifest can list a file that the archive is just moving, because an older batch had it too. No conversion of
        a partition begins while its files are moved, so what is found now is where it stays.

        Args:
            dataset: Dataset of the batches.
            records: The batches, at most one of each partition.

        Raises:
            TransientError: AWS could not answer now.
        """
        manifests = each(self._followed, records, self.workers)
        locations = {
            Partition.parse(record.partition).values: _location(record, manifest)
            for record, manifest in zip(records, manifests, strict=True)
            if manifest is not None
        }
        self.catalog.register(self.settings.raw_database, dataset, locations)

    def _followed(self, record: BatchRecord) -> FrozenManifest | None:
        try:
            manifest = FrozenManifest.from_json(self.documents.read(record.frozen_manifest))
        except MissingObjectError:
            # The run fails this batch, and it alone.
            logger.warning("batch %s: its frozen manifest is gone", record.batch_id)
            return None
        if not any(_may_have_moved_since(record, other) for other in self.ledger.versions(record.batch_id)):
            return manifest
        find = Whereabouts(self.objects).find
        # A file that is nowhere stays as it is: the run names it and fails the batch.
        files = tuple(find(file) or file for file in manifest.files)
        if files == manifest.files:
            return manifest
        with log_context(batch=record.batch_id):
            logger.info("batch %s: its files have been archived since its manifest was read", record.batch_id)
        followed = replace(manifest, files=files)
        self.documents.write(record.frozen_manifest, followed.to_json())
        return followed


def _location(record: BatchRecord, manifest: FrozenManifest) -> str:
    is_archived = record.state is BatchState.ARCHIVED
    return archive_location(manifest) if is_archived else raw_location(manifest)


def _may_have_moved_since(record: BatchRecord, other: BatchRecord) -> bool:
    """Whether files may have been deleted for another batch after those of this one were looked at."""
    if other.batch_id == record.batch_id or not other.archiving_until:
        return False
    looked_at = datetime.fromisoformat(record.received_at)
    return other.archiving_until >= timestamp(looked_at - CLOCKS_DIFFER)
