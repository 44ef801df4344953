"""Which manifests of a partition came before another one, and the batch id that says so.

S3's sequencers order the events of one key, as hexadecimal numbers of one length. For lengths that differ AWS's pages
contradict each other: the shorter one is to be padded with zeros on the left in some copies, on the right in others.
There the versions' times decide, and both are logged. They decide as well where there is no sequencer, because no event
told of the manifest.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and
https://repost.aws/knowledge-center/s3-duplicate-sqs-messages
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from lambda_trigger.manifest_events import ManifestEvent
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId
from sluice.ledger.record import BatchRecord

logger = logging.getLogger(__name__)
_RIGHT_DIGITS = 8
"""Digits behind the seconds in what stands for the sequencer of a manifest that has none."""


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
    mine, other = _moment(event.written_at), _moment(record.written_at)
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


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _of_time(written_at: str) -> str:
    """What stands for a sequencer: S3's own begin with the second, too."""
    moment = _moment(written_at) or datetime.fromtimestamp(0, UTC)
    return f"{int(moment.timestamp()):010X}{'0' * _RIGHT_DIGITS}"
