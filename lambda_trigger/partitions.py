"""Partitions where the Data Catalog has them: raw ones before a run reads them, and whatever it lacks afterwards."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from lambda_trigger.trigger import Trigger
from sluice.lake.handover import FrozenManifest, RunOutcome, SourceFile
from sluice.lake.layout import Partition, partition_predicate
from sluice.lake.stored import Whereabouts, archive_location, raw_location
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord, timestamp
from sluice.logs import log_context
from sluice.parallel import each

logger = logging.getLogger(__name__)

CLOCKS_DIFFER = timedelta(minutes=5)
"""More than the clocks of two Lambda functions can be apart."""
RECENT = timedelta(days=1)
"""How long after its last change a batch's partitions are looked for."""
MAX_RECENT = 200
"""Batches of a dataset that one sweep looks at: the newest."""
_S = BatchState
_NOT_ACCEPTED = {_S.WAITING, _S.REJECTED, _S.SUPERSEDED}
_Pair = tuple[BatchRecord, FrozenManifest]


def settle(trigger: Trigger, dataset: str, records: Sequence[BatchRecord]) -> None:
    """Bring frozen manifests and raw partitions of batches up to date, before a run reads them.

    A manifest can list a file that the archive is just moving, because an older batch had it too. No conversion of
    a partition begins while its files are moved, so what is found now is where it stays.

    Args:
        trigger: The trigger.
        dataset: Dataset of the batches.
        records: The batches, at most one of each partition.

    Raises:
        TransientError: AWS could not answer now.
    """
    found = each(partial(_manifest, trigger), records, trigger.workers)
    pairs = [(record, one) for record, one in zip(records, found, strict=True) if one is not None]
    locations = {
        Partition.parse(record.partition).values: _location(record, manifest)
        for record, manifest in _followed(trigger, pairs)
    }
    trigger.catalog.register(trigger.settings.raw_database, dataset, locations)


def _manifest(trigger: Trigger, record: BatchRecord) -> FrozenManifest | None:
    manifest = FrozenManifest.read_from(trigger.documents.read, record.frozen_manifest)
    if manifest is None:
        # The run fails this batch, and it alone.
        logger.warning("batch %s: its frozen manifest is gone or cannot be read", record.batch_id)
    return manifest


def _followed(trigger: Trigger, pairs: Sequence[_Pair]) -> list[_Pair]:
    """Batches with their manifests as they are after files have moved."""
    have_moved = each(lambda pair: _may_have_moved(trigger, pair[0]), pairs, trigger.workers)
    # All files of all batches at once: one batch may have thousands.
    files = [file for (_, one), is_it in zip(pairs, have_moved, strict=True) if is_it for file in one.files]
    find = Whereabouts(trigger.objects).find
    # A file that is nowhere stays as it is: the run names it and fails the batch.
    places = dict(zip(files, each(lambda file: find(file) or file, files, trigger.workers), strict=True))
    return each(lambda pair: (pair[0], _rewritten(trigger, *pair, places)), pairs, trigger.workers)


def _may_have_moved(trigger: Trigger, record: BatchRecord) -> bool:
    return any(_may_have_moved_since(record, other) for other in trigger.ledger.versions(record.batch_id))


def _rewritten(
    trigger: Trigger, record: BatchRecord, manifest: FrozenManifest, places: Mapping[SourceFile, SourceFile]
) -> FrozenManifest:
    files = tuple(places.get(file, file) for file in manifest.files)
    if files == manifest.files:
        return manifest
    with log_context(batch=record.batch_id):
        logger.info("batch %s: its files have been archived since its manifest was read", record.batch_id)
    followed = replace(manifest, files=files)
    trigger.documents.write(record.frozen_manifest, followed.to_json())
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


# What the sweep repairs


def repair(trigger: Trigger, dataset: str) -> None:
    """Register the partitions of recent batches that the catalog lacks; none of a dataset without a contract.

    Raises:
        AwsBusyError: AWS could not answer now.
        AwsError: AWS refused.
    """
    contract = trigger.contracts.get(dataset)
    if contract is None:
        return  # Its tables have left the catalog together with its contract.
    since = timestamp(trigger.clock() - RECENT)
    recent = [record for record in trigger.ledger.batches(dataset, limit=MAX_RECENT) if record.updated_at >= since]
    accepted = _newest(record for record in recent if record.state not in _NOT_ACCEPTED)
    lacking = _lacking(trigger, trigger.settings.raw_database, dataset, accepted)
    if lacking:
        logger.warning("the catalog lacks %d raw partitions of %s", len(lacking), dataset)
        settle(trigger, dataset, list(lacking.values()))
    # Whatever became of it afterwards: older files may be gone since it was published.
    published = _newest(record for record in recent if record.convert_claim)
    for table in contract.tables:
        _repair_processed(trigger, table.name, published)


def _repair_processed(trigger: Trigger, table: str, published: Mapping[Partition, BatchRecord]) -> None:
    lacking = _lacking(trigger, trigger.settings.processed_database, table, published)
    folders = {}
    for partition, record in lacking.items():
        outcome = RunOutcome.read_from(
            trigger.documents.read, trigger.settings.processed.run_outcome(record.convert_claim)
        )
        if outcome is not None:  # It expires long after the time in which partitions are looked for.
            folders[partition.values] = f"{trigger.settings.processed.partition(table, partition, outcome.run)}/"
    if folders:
        logger.warning("the catalog lacks %d partitions of %s", len(folders), table)
        # One that is there by now was switched by a run meanwhile, which knows better.
        trigger.catalog.register(trigger.settings.processed_database, table, folders, only_new=True)


def _lacking(
    trigger: Trigger, database: str, table: str, wanted: Mapping[Partition, BatchRecord]
) -> dict[Partition, BatchRecord]:
    if not wanted:
        return {}
    found = trigger.catalog.locations(database, table, partition_predicate(wanted))
    return {partition: record for partition, record in wanted.items() if partition.values not in found}


def _newest(records: Iterable[BatchRecord]) -> dict[Partition, BatchRecord]:
    """The newest batch of each partition."""
    ordered = sorted(records, key=lambda record: record.batch_id)
    return {Partition.parse(record.partition): record for record in ordered}
