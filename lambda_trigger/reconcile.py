"""Manifests of which no event came: somebody else's notification, a queue that was gone, a message that was lost.

A bucket is not listed for them: that would cost as much as it holds. The places where the manifests of the newest
partitions would lie are looked at, one request each:

- of the partitions that ended within `WINDOW`, or begin soon;
- of the partitions of the batches that came last, and of their neighbours.

That is at most `MAX_LOOKS` requests for a dataset each time, so 4,800 requests a day where it is done hourly: about
0.002 USD, see https://aws.amazon.com/s3/pricing/. What lies there and no batch knows is taken as if its event had come.
An older partition is not searched; `sluice replay` takes it.
"""

import logging
from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from functools import partial
from itertools import islice

from lambda_trigger import arrival
from lambda_trigger.manifests import ManifestEvent
from lambda_trigger.metrics import Metric
from lambda_trigger.trigger import Trigger
from sluice.contract import Contract
from sluice.lake.layout import MANIFEST_NAME, Partition
from sluice.lake.stored import StoredObject
from sluice.ledger.batch import BatchId
from sluice.ledger.record import BatchRecord, moment
from sluice.logs import log_context
from sluice.parallel import each

logger = logging.getLogger(__name__)

WINDOW = timedelta(hours=48)
"""How long after its end an hour is looked for; of daily datasets, `DAYS` days."""
DAYS = 7
MAX_LOOKS = 200
"""Most places of a dataset that are looked at each time."""
RECENT_BATCHES = 50
GRACE = timedelta(minutes=2)
"""A manifest that was written just now is left to its event."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_due(trigger: Trigger, dataset: str, period: timedelta) -> bool:
    """Whether it is a dataset's turn in this sweep; each has its own minute, so that no sweep has them all.

    Args:
        trigger: The trigger.
        dataset: The dataset.
        period: Time from one sweep to the next.
    """
    every = max(1, round(timedelta(seconds=trigger.settings.reconcile_seconds) / period))
    return ((trigger.clock() - _EPOCH) // period + sum(dataset.encode())) % every == 0


def repair(trigger: Trigger, dataset: str) -> None:
    """Take the manifests of a dataset that lie where they belong and that no batch knows.

    Raises:
        TransientError: AWS could not answer now.
    """
    contract = trigger.contracts.get(dataset)
    if contract is None:
        return
    places = tuple(islice(_places(trigger, contract), MAX_LOOKS))
    lying = each(partial(_lying, trigger, contract), places, trigger.workers)
    found = 0
    for partition, stored in zip(places, lying, strict=True):
        if stored is not None and trigger.clock() - stored.modified_at > GRACE:
            found += _take(trigger, contract, partition, stored)
    if found:
        trigger.metrics.emit(dataset, {Metric.MANIFESTS_FOUND: found})


def _places(trigger: Trigger, contract: Contract) -> Iterator[Partition]:
    """Partitions that may have a manifest, the likeliest first, each once."""
    seen: set[Partition] = set()
    for partition in (*_of_batches(trigger, contract), *_of_the_clock(trigger, contract)):
        if partition not in seen:
            seen.add(partition)
            yield partition


def _of_batches(trigger: Trigger, contract: Contract) -> Iterator[Partition]:
    for record in trigger.ledger.batches(contract.dataset, limit=RECENT_BATCHES):
        partition = Partition.parse(record.partition)
        if partition.is_hourly == contract.layout.is_hourly and MINYEAR < partition.start.year < MAXYEAR:
            yield from (
                partition,
                partition.next(),
                Partition(partition.start - partition.length, partition.is_hourly),
            )


def _of_the_clock(trigger: Trigger, contract: Contract) -> Iterator[Partition]:
    now = trigger.clock()
    is_hourly = contract.layout.is_hourly
    start = now.replace(minute=0, second=0, microsecond=0)
    partition = Partition(start if is_hourly else start.replace(hour=0), is_hourly)
    yield partition.next()
    for _ in range(int(WINDOW / partition.length) if is_hourly else DAYS):
        yield partition
        partition = Partition(partition.start - partition.length, is_hourly)


def _lying(trigger: Trigger, contract: Contract, partition: Partition) -> StoredObject | None:
    folder = contract.layout.folder(partition)
    return trigger.objects.info(f"s3://{trigger.settings.raw_bucket}/{folder}/{MANIFEST_NAME}")


def _take(trigger: Trigger, contract: Contract, partition: Partition, stored: StoredObject) -> int:
    versions = trigger.ledger.versions(str(BatchId.make(contract.dataset, partition, "0")))
    if _is_known(stored, versions):
        return 0
    event = ManifestEvent(
        trigger.settings.raw_bucket,
        f"{contract.layout.folder(partition)}/{MANIFEST_NAME}",
        sequencer="",
        version_id=stored.version_id or None,
        etag=stored.etag,
        written_at=stored.modified_at.isoformat(),
    )
    with log_context(dataset=contract.dataset):
        logger.warning("no event told of %s, written at %s: taken now", event.url, event.written_at)
        arrival.take(trigger, event)
    return 1


def _is_known(stored: StoredObject, versions: tuple[BatchRecord, ...]) -> bool:
    """Whether the manifest that lies in a place has a batch, or is older than one.

    An older one shows again when a newer one was deleted; its content has been replaced.
    """
    if not versions:
        return False
    if stored.version_id and any(record.manifest_version == stored.version_id for record in versions):
        return True
    newest = max(moment(record.written_at) or _EPOCH for record in versions)
    if stored.version_id and versions[0].manifest_version:
        # Another version than any that is known. S3 keeps whole seconds of an object, and more of an event.
        return stored.modified_at < newest.replace(microsecond=0)
    return stored.modified_at <= newest
