"""Arrival, the first leg: from S3's message to a batch that waits for its conversion.

    message     S3 tells of a manifest, any number of times and in any order; or the sweep finds one (`reconcile`)
    place       which partition is it, was it booked before, and which of the partition's batches came before it?
    judge       the manifest is read as the event names it, its files are looked for, and it is written down with
                them as they are now: the frozen manifest; the raw partition is registered
    tell        people hear of what is rejected, and of what arrived if the settings want it
    book        the batch and its place in the waiting list, in one transaction
    dispatch    by whoever called: see `dispatch`

What holds after a crash: nothing is booked before everything that an accepted batch relies on is in place, and every
step may be repeated. So before `book` there is at most a frozen manifest that nobody refers to, and the message comes
again; after it the batch waits, and the sweep dispatches it if nobody else does.

A manifest whose files are not all there, or which may not be read, WAITS: replication and parallel uploads keep no
order, and rights take a moment to be there. Each sweep looks again, until the batch is RECEIVED, or REJECTED when it
has waited for long enough.

Which of two manifests is the newer one: S3's sequencers order the events of one key, as hexadecimal numbers of one
length. For lengths that differ AWS's pages contradict each other: the shorter one is to be padded with zeros on the
left in some copies, on the right in others. There the versions' times decide, and both are logged. They decide as well
where there is no sequencer, because no event told of the manifest.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and
https://repost.aws/knowledge-center/s3-duplicate-sqs-messages
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256

from lambda_trigger.manifests import (
    IncompleteError,
    ManifestEvent,
    OverwrittenError,
    check_not_future,
    find_partition,
    freeze,
)
from lambda_trigger.moves import Finding, first_record, newer_than, wait_ended
from lambda_trigger.trigger import Trigger
from sluice.errors import LayoutError, ManifestError, MissingObjectError
from sluice.lake.handover import FrozenManifest
from sluice.lake.layout import Partition, split_url
from sluice.lake.stored import raw_location
from sluice.ledger.batch import ARRIVAL, BatchId, BatchState
from sluice.ledger.record import UNKNOWN_DATASET, BatchRecord, moment, timestamp
from sluice.logs import log_context
from sluice.parallel import each_apart

logger = logging.getLogger(__name__)
_RIGHT_DIGITS = 8
"""Digits behind the seconds in what stands for the sequencer of a manifest that has none."""


def take(trigger: Trigger, event: ManifestEvent, until: datetime | None = None) -> str | None:
    """Take one manifest in.

    A manifest that breaks a rule is booked as REJECTED and raises nothing. Every step can be repeated: after a
    crash at any point, taking the same event again ends in the same state.

    Args:
        trigger: The trigger.
        event: What S3 told; or what lies there, without a sequencer, when no event came.
        until: When the caller's time is over; None when there is enough.

    Returns:
        The dataset that may have something to dispatch now; None when there is none.

    Raises:
        TransientError: AWS could not answer now, or there is no time left; the event is to be taken again.
    """
    try:
        contract, partition = find_partition(trigger.contracts, event.folder)
    except LayoutError as exc:
        _reject_unknown(trigger, event, exc)
        return None
    plain = plain_id(contract.dataset, partition, event)
    versions = trigger.ledger.versions(str(plain))
    # By version and by sequencer, not by id alone: one that the sweep found has an id without its event's sequencer.
    known = known_as(event, plain, versions)
    batch_id = place(event, plain, versions) if known is None else known.id
    with log_context(dataset=contract.dataset, batch=str(batch_id)):
        if known is None:
            _book(trigger, event, batch_id, partition.label, _judge(trigger, event, batch_id, partition, until))
        elif known.state is BatchState.WAITING:
            _look_again(trigger, known, event, partition, until)
    return contract.dataset


def look_again(trigger: Trigger, dataset: str) -> None:
    """Look once more at the manifests of a dataset that wait for their files; one keeps no other from its look.

    Raises:
        SluiceError: Something went wrong with one of them, the first one's error; the others were looked at.
    """
    waiting = [entry.batch_id for entry in trigger.ledger.waiting(dataset, ARRIVAL)]
    each_apart(partial(_look_at, trigger, dataset), waiting, f"look at waiting manifests of {dataset}")


def _look_at(trigger: Trigger, dataset: str, batch_id: str) -> None:
    record = trigger.ledger.batch(batch_id)
    if record is None or record.state is not BatchState.WAITING:
        return
    event = _event_of(record)
    with log_context(batch=batch_id):
        try:
            contract, partition = find_partition(trigger.contracts, event.folder)
        except LayoutError as exc:
            _end_wait(trigger, record, Finding(BatchState.REJECTED, exc.named))
            return
        if contract.dataset == dataset:
            _look_again(trigger, record, event, partition, None)
        else:
            gone = LayoutError(f"folder {event.folder!r} belongs to dataset {contract.dataset} by now")
            _end_wait(trigger, record, Finding(BatchState.REJECTED, gone.named))


def _look_again(
    trigger: Trigger, record: BatchRecord, event: ManifestEvent, partition: Partition, until: datetime | None
) -> None:
    finding = _judge(trigger, event, record.id, partition, until)
    if finding.state is not BatchState.WAITING:
        _end_wait(trigger, record, finding)
    elif timestamp(trigger.clock()) >= record.due_at:
        minutes = trigger.settings.file_wait_seconds / 60
        _end_wait(trigger, record, Finding(BatchState.REJECTED, f"{finding.reason} (waited for {minutes:g} minutes)"))
    elif finding.reason != record.reason:
        trigger.ledger.save(record, record.still_waiting(trigger.clock(), finding.reason))


def _end_wait(trigger: Trigger, record: BatchRecord, finding: Finding) -> None:
    ended = wait_ended(record, finding, trigger.clock())
    _tell(trigger, ended)
    trigger.ledger.save(record, ended)
    logger.info("batch %s: %s %s", ended.batch_id, ended.state, finding.reason)


def _book(trigger: Trigger, event: ManifestEvent, batch_id: BatchId, partition: str, finding: Finding) -> None:
    """Tell people of a batch that nobody knew, then book it: so they hear of it at least once."""
    # A partition may have been booked by another delivery meanwhile; `create` lets one of both through.
    record = first_record(batch_id, partition, event, finding, trigger.settings, trigger.clock())
    _tell(trigger, record)
    is_new = trigger.ledger.create(record)
    logger.info(
        "%s batch %s: %s %s", "booked" if is_new else "already booked", record.batch_id, record.state, record.reason
    )


def _tell(trigger: Trigger, record: BatchRecord) -> None:
    if record.state is BatchState.REJECTED:
        trigger.notifier.rejected(record)
    elif record.state is BatchState.RECEIVED:
        trigger.notifier.arrived(record)


def _judge(
    trigger: Trigger, event: ManifestEvent, batch_id: BatchId, partition: Partition, until: datetime | None
) -> Finding:
    """What is to be said of a batch; everything that an accepted one relies on is in place then."""
    newer = newer_than(str(batch_id), trigger.ledger.versions(str(batch_id)))
    if newer is not None:
        reason = f"newer manifest {newer.batch_id} of the same partition came first"
        return Finding(BatchState.SUPERSEDED, reason)
    ahead = timedelta(seconds=trigger.settings.max_ahead_seconds)
    try:
        check_not_future(partition, event.url, trigger.clock(), ahead)
        manifest = freeze(trigger, event, batch_id, partition, until)
    except OverwrittenError as exc:
        return Finding(BatchState.SUPERSEDED, str(exc))
    except (ManifestError, MissingObjectError) as exc:
        return Finding(BatchState.REJECTED, exc.named)
    except IncompleteError as exc:
        is_patient = trigger.settings.file_wait_seconds > 0
        return Finding(BatchState.WAITING if is_patient else BatchState.REJECTED, exc.named)
    facts = {
        "frozen_manifest": _accept(trigger, batch_id, partition, manifest),
        "files": len(manifest.files),
        "size_bytes": sum(file.size_bytes for file in manifest.files),
    }
    return Finding(BatchState.RECEIVED, facts=facts)


def _accept(trigger: Trigger, batch_id: BatchId, partition: Partition, manifest: FrozenManifest) -> str:
    """Prepare what the conversion of a batch needs; returns the URL of its frozen manifest.

    The ledger comes after this, so a batch that it knows has its frozen manifest and its partition.
    """
    url = trigger.settings.processed.frozen_manifest(batch_id.dataset, str(batch_id))
    trigger.documents.write(url, manifest.to_json())
    location = {partition.values: raw_location(manifest)}
    trigger.catalog.register(trigger.settings.raw_database, batch_id.dataset, location)
    return url


def _reject_unknown(trigger: Trigger, event: ManifestEvent, error: LayoutError) -> None:
    digest = sha256(event.folder.encode()).hexdigest()[:16]
    batch_id = BatchId.of_folder(UNKNOWN_DATASET, digest, event.sequencer)
    with log_context(dataset=UNKNOWN_DATASET, batch=str(batch_id)):
        if trigger.ledger.batch(str(batch_id)) is None:
            _book(trigger, event, batch_id, event.folder, Finding(BatchState.REJECTED, error.named))


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


# Which manifest came before which


def plain_id(dataset: str, partition: Partition, event: ManifestEvent) -> BatchId:
    """The id that a manifest's batch has unless it has to sort elsewhere."""
    return BatchId.make(dataset, partition, event.sequencer or _of_time(event.written_at))


def known_as(event: ManifestEvent, plain: BatchId, versions: Sequence[BatchRecord]) -> BatchRecord | None:
    """The batch of a manifest, if it was booked before, be it without an event; None when it was not.

    Args:
        event: What is known of the manifest.
        plain: Its plain id.
        versions: The batches of its partition.
    """
    for record in versions:
        if event.version_id and record.manifest_version == event.version_id:
            return record
        if event.sequencer and record.sequencer.upper() == event.sequencer.upper():
            return record
        if record.batch_id == str(plain):
            return record
    return None


def place(event: ManifestEvent, plain: BatchId, versions: Sequence[BatchRecord]) -> BatchId:
    """The id of a manifest's batch that sorts behind all older batches of its partition and before all newer ones.

    Args:
        event: What is known of the manifest.
        plain: Its plain id.
        versions: The batches of its partition; that of the manifest is not among them.
    """
    older = [record for record in versions if _is_older(record, event, plain)]
    newer = [record for record in versions if record not in older]
    last = max((record.id for record in older), default=None)
    first = min((record.id for record in newer), default=None)
    if (last is None or last < plain) and (first is None or plain < first):
        return plain
    return plain.after(last)


def _is_older(record: BatchRecord, event: ManifestEvent, plain: BatchId) -> bool:
    """Whether a batch's manifest was written before another one."""
    if event.sequencer and len(record.sequencer) == len(event.sequencer):
        return record.sequencer.upper() < event.sequencer.upper()
    mine, other = moment(event.written_at), moment(record.written_at)
    by_text = record.id < plain
    if mine is None or other is None:
        return by_text
    # S3 keeps whole seconds of an object. What was found lying there is the last one of its second.
    if not event.sequencer:
        return other.replace(microsecond=0) <= mine
    if not record.sequencer:
        return other < mine.replace(microsecond=0)
    logger.warning(
        "sequencers of %s differ in length: %s written at %s, %s written at %s; the times decide",
        event.url,
        record.sequencer,
        record.written_at,
        event.sequencer,
        event.written_at,
    )
    return by_text if mine == other else other < mine


def _of_time(written_at: str) -> str:
    """What stands for a sequencer: S3's own begin with the second, too."""
    found = moment(written_at) or datetime.fromtimestamp(0, UTC)
    return f"{int(found.timestamp()):010X}{'0' * _RIGHT_DIGITS}"
