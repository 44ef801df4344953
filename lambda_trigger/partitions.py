"""Partitions where the Data Catalog has them: raw ones before a run reads them, and what it lacks or shows wrongly.

A run that Glue calls ended may be at work still, and may get stuck between its last look whether its claim is closed
and its switch. Then it switches a partition back to what it wrote, although another run has published since; the Data
Catalog knows no condition for a change of a partition. The next sweep puts that right, long before the folder that was
to be shown is taken for a replaced one.

Source: https://docs.aws.amazon.com/glue/latest/webapi/API_BatchUpdatePartition.html (no version, no condition)
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from lambda_trigger.trigger import Trigger
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import Partition, partition_predicate
from sluice.lake.stored import Whereabouts, archive_location, raw_location
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord, Slot, timestamp
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


def repair(trigger: Trigger, dataset: str) -> bool:
    """Register the partitions of recent batches that the catalog lacks, and put right those that it shows wrongly.

    Nothing is done for a dataset without a contract.

    Returns:
        Whether the slot of conversions was held meanwhile, so that somebody may have found it taken and left.

    Raises:
        AwsBusyError: AWS could not answer now.
        AwsError: AWS refused.
    """
    contract = trigger.contracts.get(dataset)
    if contract is None:
        return False  # Its tables have left the catalog together with its contract.
    since = timestamp(trigger.clock() - RECENT)
    recent = [record for record in trigger.ledger.batches(dataset, limit=MAX_RECENT) if record.updated_at >= since]
    accepted = _newest(record for record in recent if record.state not in _NOT_ACCEPTED)
    lacking = _lacking(trigger, trigger.settings.raw_database, dataset, accepted)
    if lacking:
        logger.warning("the catalog lacks %d raw partitions of %s", len(lacking), dataset)
        settle(trigger, dataset, list(lacking.values()))
    # Whatever became of it afterwards: older files may be gone since it was published.
    published = _newest(record for record in recent if record.convert_run)
    # A newer batch may have been switched to by a run that died: its next one goes on from there.
    settled = {
        partition: record
        for partition, record in published.items()
        if accepted.get(partition) == record and not _is_converted_again(record)
    }
    tables = [table.name for table in contract.tables]
    wrong = [name for name in tables if _repair_processed(trigger, name, published, settled)]
    return bool(wrong) and _put_right(trigger, dataset, wrong, settled)


def _repair_processed(
    trigger: Trigger, table: str, published: Mapping[Partition, BatchRecord], settled: Mapping[Partition, BatchRecord]
) -> bool:
    """Register what is lacking; whether something is shown that must not be."""
    wanted = _folders(trigger, table, published)
    shown = _shown(trigger, table, published)
    lacking = {values: folder for values, folder in wanted.items() if values not in shown}
    if lacking:
        logger.warning("the catalog lacks %d partitions of %s", len(lacking), table)
        # One that is there by now was switched by a run meanwhile, which knows better.
        trigger.catalog.register(trigger.settings.processed_database, table, lacking, only_new=True)
    return bool(_wrong(_folders(trigger, table, settled), shown))


def _put_right(trigger: Trigger, dataset: str, tables: Iterable[str], settled: Mapping[Partition, BatchRecord]) -> bool:
    """Show what was published last, while no run is at work that may be about to show something newer."""
    claim_id = trigger.new_claim_id()
    if not trigger.ledger.take_slot(dataset, Stage.CONVERT, Slot(claim_id, trigger.clock())):
        return False
    try:
        # Under the slot again: a run may have ended, and been booked, since.
        still = {where: one for where, one in settled.items() if _accepted(trigger, one).get(where) == one}
        for table in tables:
            wrong = _wrong(_folders(trigger, table, still), _shown(trigger, table, still))
            if wrong:
                logger.warning("%d partitions of %s showed what a run left that was given up", len(wrong), table)
                trigger.catalog.register(trigger.settings.processed_database, table, wrong)
    finally:
        trigger.ledger.release_slot(dataset, Stage.CONVERT, claim_id)
    return True


def _accepted(trigger: Trigger, record: BatchRecord) -> dict[Partition, BatchRecord]:
    """The newest accepted batch of a batch's partition, as it is now."""
    return _newest(one for one in trigger.ledger.versions(record.batch_id) if one.state not in _NOT_ACCEPTED)


def _folders(trigger: Trigger, table: str, published: Mapping[Partition, BatchRecord]) -> dict[tuple[str, ...], str]:
    """Where the files of batches are, by the values of their partitions."""
    return {
        partition.values: f"{trigger.settings.processed.partition(table, partition, record.convert_run)}/"
        for partition, record in published.items()
    }


def _shown(trigger: Trigger, table: str, wanted: Mapping[Partition, BatchRecord]) -> dict[tuple[str, ...], str]:
    return _locations(trigger, trigger.settings.processed_database, table, wanted)


def _lacking(
    trigger: Trigger, database: str, table: str, wanted: Mapping[Partition, BatchRecord]
) -> dict[Partition, BatchRecord]:
    found = _locations(trigger, database, table, wanted)
    return {partition: record for partition, record in wanted.items() if partition.values not in found}


def _locations(
    trigger: Trigger, database: str, table: str, wanted: Mapping[Partition, BatchRecord]
) -> dict[tuple[str, ...], str]:
    return trigger.catalog.locations(database, table, partition_predicate(wanted)) if wanted else {}


def _is_converted_again(record: BatchRecord) -> bool:
    """Whether a batch that was published once goes through another conversion, which may have switched already."""
    return record.state in {_S.RECEIVED, _S.CONVERTING} or (record.state is _S.FAILED and record.stage is Stage.CONVERT)


def _wrong(wanted: Mapping[tuple[str, ...], str], shown: Mapping[tuple[str, ...], str]) -> dict[tuple[str, ...], str]:
    """What is shown, and is not what is to be shown."""
    return {values: folder for values, folder in wanted.items() if shown.get(values, folder) != folder}


def _newest(records: Iterable[BatchRecord]) -> dict[Partition, BatchRecord]:
    """The newest batch of each partition."""
    ordered = sorted(records, key=lambda record: record.batch_id)
    return {Partition.parse(record.partition): record for record in ordered}
