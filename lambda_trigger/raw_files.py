"""What a conversion needs to be true of raw files at the moment when it begins: they are where its input says."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lambda_trigger.outcomes import read_frozen_manifest
from lambda_trigger.ports import CatalogPort, DocumentsPort, LedgerPort, ObjectsPort
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import Partition
from sluice.lake.whereabouts import Whereabouts, archive_location, raw_location
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord, timestamp
from sluice.logs import log_context
from sluice.parallel import each
from sluice.settings import Settings

logger = logging.getLogger(__name__)

_Pair = tuple[BatchRecord, FrozenManifest]
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
        found = each(self._manifest, records, self.workers)
        pairs = [(record, one) for record, one in zip(records, found, strict=True) if one is not None]
        locations = {
            Partition.parse(record.partition).values: _location(record, manifest)
            for record, manifest in self._followed(pairs)
        }
        self.catalog.register(self.settings.raw_database, dataset, locations)

    def _manifest(self, record: BatchRecord) -> FrozenManifest | None:
        manifest = read_frozen_manifest(self.documents, record.frozen_manifest)
        if manifest is None:
            # The run fails this batch, and it alone.
            logger.warning("batch %s: its frozen manifest is gone or cannot be read", record.batch_id)
        return manifest

    def _followed(self, pairs: Sequence[_Pair]) -> list[_Pair]:
        """Batches with their manifests as they are after files have moved."""
        have_moved = each(lambda pair: self._may_have_moved(pair[0]), pairs, self.workers)
        # All files of all batches at once: one batch may have thousands.
        files = [file for (_, one), is_it in zip(pairs, have_moved, strict=True) if is_it for file in one.files]
        find = Whereabouts(self.objects).find
        # A file that is nowhere stays as it is: the run names it and fails the batch.
        places = dict(zip(files, each(lambda file: find(file) or file, files, self.workers), strict=True))
        return each(lambda pair: (pair[0], self._rewritten(*pair, places)), pairs, self.workers)

    def _may_have_moved(self, record: BatchRecord) -> bool:
        return any(_may_have_moved_since(record, other) for other in self.ledger.versions(record.batch_id))

    def _rewritten(
        self, record: BatchRecord, manifest: FrozenManifest, places: Mapping[SourceFile, SourceFile]
    ) -> FrozenManifest:
        files = tuple(places.get(file, file) for file in manifest.files)
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
