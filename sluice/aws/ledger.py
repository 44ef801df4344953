"""The ledger in DynamoDB: every batch, who waits for what, and which run carries which batches.

One table, keys ``pk`` and ``sk``. Every read that decides something is strongly consistent; only the listing for people
goes over the index. A batch and its place in a waiting list change in one transaction, so a batch is in the waiting
list of a stage exactly while its state says so.

| item | pk | sk |
| --- | --- | --- |
| batch | ``P#<dataset>#<partition>`` | ``B#<batch id>`` |
| counts of a file | ``P#<dataset>#<partition>`` | ``F#<batch id>#<digest of the URL>`` |
| place in a waiting list | ``WAIT#<dataset>#<stage>`` | batch id |
| slot | ``SLOT#<dataset>#<stage>`` | ``SLOT`` |
| claim | ``CLAIM#<claim id>`` | ``CLAIM`` |
| load that is not finished | ``OPEN#<dataset>`` | claim id |
| outage | ``OUTAGE#<stage>`` | dataset |
| notice that could not be sent | ``NOTICES`` | moment and digest |
| last sweep | ``HEARTBEAT`` | ``SWEEP`` |
| dataset that has batches | ``DATASETS`` | dataset |

Claims that have ended and counts of files go some time after that (``expires_at``); batches stay.

Lists of published files can outgrow an item (400 KB); they stay in the outcome document of the conversion, which the
batch names by its ``convert_claim``.
"""

import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sluice.aws import items
from sluice.aws.failures import aws_errors, code_of
from sluice.aws.items import Item, ledger_table_definition
from sluice.backoff import Backoff
from sluice.errors import AwsBusyError, ConflictError
from sluice.lake.handover import FileCounts
from sluice.ledger.batch import BatchState, Stage, WaitingList
from sluice.ledger.record import BatchRecord, Claim, Heartbeat, KeptNotice, OpenLoad, Outage, Slot, WaitEntry, timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

__all__ = ["Ledger", "ledger_table_definition"]

logger = logging.getLogger(__name__)
_DATASETS = "DATASETS"
_FILES_PER_CALL = 25
_BEGINNING, _END = "0", "9999"
"""Texts before and after every moment."""
_IS_NEW = "attribute_not_exists(pk)"
_BACKOFF = Backoff(attempts=5, base_seconds=0.05, cap_seconds=1.0)


@dataclass(frozen=True)
class Ledger:
    """The ledger's table. It is safe to share between threads.

    Every method raises `AwsBusyError` when DynamoDB could not answer now and `AwsError` when it refused.

    Attributes:
        dynamodb: The client.
        table: Name of the table.
        backoff: How patiently collisions of transactions and unprocessed writes are tried again.
        retention: How long claims that have ended and counts of files are kept.
        clock: The present moment in UTC.
    """

    dynamodb: "DynamoDBClient"
    table: str
    backoff: Backoff = field(default=_BACKOFF)
    retention: timedelta = timedelta(days=365)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    # Batches

    def create(self, record: BatchRecord) -> bool:
        """Book a batch that is not known yet, with its place in the waiting list when it waits.

        Returns:
            False when the batch is known already; then nothing changed.
        """
        self._put(items.key(_DATASETS, record.dataset))
        writes = [self._write(items.batch_item(record), _IS_NEW), *self._waiting_writes(None, record)]
        return self._transact(writes, f"book batch {record.batch_id}")

    def save(self, old: BatchRecord, new: BatchRecord) -> None:
        """Replace a batch's record, and move the batch between the waiting lists as its state says.

        Args:
            old: The record as it was read.
            new: The record as it shall be.

        Raises:
            ConflictError: The batch has changed since it was read; nothing was written.
        """
        condition = "version = :version"
        values = items.plain_item({":version": old.version})
        writes = [self._write(items.batch_item(new), condition, values), *self._waiting_writes(old, new)]
        if self._transact(writes, f"save batch {new.batch_id}"):
            return
        # A write whose answer was lost and that was sent again meets its own result.
        if self.batch(new.batch_id) != new:
            raise ConflictError(f"batch {new.batch_id}: changed by another writer before it became {new.state}")

    def batch(self, batch_id: str) -> BatchRecord | None:
        """One batch; None when it is not known."""
        item = self._get(items.batch_key(batch_id))
        return None if item is None else items.read_batch(item)

    def versions(self, batch_id: str) -> tuple[BatchRecord, ...]:
        """Every batch of the same partition as this one, itself included, newest manifest first."""
        found = self._query(items.partition_pk(batch_id), begins_with="B#", newest_first=True)
        return tuple(items.read_batch(item) for item in found)

    def batches(
        self,
        dataset: str | None = None,
        state: BatchState | None = None,
        limit: int = 100,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[BatchRecord, ...]:
        """Batches by time of arrival, newest first; a change of the last second may not show yet.

        Args:
            dataset: Only this dataset; None for all.
            state: Only this state; None for all.
            limit: Most batches to give.
            since: Only batches that arrived at this moment or later; None for no bound.
            until: Only batches that arrived at this moment or before; None for no bound.
        """
        names = self.datasets() if dataset is None else (dataset,)
        first = _BEGINNING if since is None else timestamp(since)
        last = _END if until is None else timestamp(until)
        if first > last:  # DynamoDB takes it for a mistake.
            return ()
        lists = [self._newest_first(name, state, limit, (first, last)) for name in names]
        merged = heapq.merge(*lists, key=lambda record: record.received_at, reverse=True)
        return tuple(islice(merged, limit))

    def datasets(self) -> tuple[str, ...]:
        """Datasets that ever had a batch, sorted."""
        return tuple(item["sk"]["S"] for item in self._query(_DATASETS))

    # Counts of files

    def write_file_counts(self, batch_id: str, counts: Iterable[FileCounts]) -> None:
        """Keep what became of each raw file of a batch; counts of the same file are replaced."""
        expires_at = self.clock() + self.retention
        writes = [{"PutRequest": {"Item": items.file_item(batch_id, file, expires_at)}} for file in counts]
        for start in range(0, len(writes), _FILES_PER_CALL):
            self._write_batch(writes[start : start + _FILES_PER_CALL])

    def file_counts(self, batch_id: str) -> tuple[FileCounts, ...]:
        """What became of each raw file of a batch, sorted by URL."""
        found = self._query(items.partition_pk(batch_id), begins_with=items.file_prefix(batch_id))
        return tuple(sorted(map(items.read_file, found), key=lambda counts: counts.url))

    # Waiting lists, slots and claims

    def waiting(self, dataset: str, stage: WaitingList) -> tuple[WaitEntry, ...]:
        """Batches that wait for a stage, sorted by batch id."""
        return tuple(items.read_wait(item) for item in self._query(items.wait_pk(dataset, stage)))

    def take_slot(self, dataset: str, stage: Stage, slot: Slot) -> bool:
        """Take the right to run a stage of a dataset.

        Returns:
            False when another claim has it.
        """
        if self._put(items.slot_item(dataset, stage, slot), _IS_NEW):
            return True
        held = self.slot(dataset, stage)
        return held is not None and held.claim_id == slot.claim_id

    def slot(self, dataset: str, stage: Stage) -> Slot | None:
        """Who has the slot; None when it is free."""
        item = self._get(items.slot_key(dataset, stage))
        return None if item is None else items.read_slot(item)

    def release_slot(self, dataset: str, stage: Stage, claim_id: str) -> None:
        """Give the slot back, if this claim still has it."""
        with aws_errors(f"release slot {dataset}/{stage}"):
            try:
                self.dynamodb.delete_item(
                    TableName=self.table,
                    Key=items.slot_key(dataset, stage),
                    ConditionExpression="claim_id = :claim",
                    ExpressionAttributeValues=items.plain_item({":claim": claim_id}),
                )
            except ClientError as exc:
                if not _is_condition(exc):
                    raise

    def write_claim(self, claim: Claim) -> None:
        """Write a claim, whole; only the run that it is for and the one who books it write it."""
        self._put(items.claim_item(claim))

    def record_run(self, claim_id: str, run_id: str) -> None:
        """Note in a claim which run was started for it."""
        self._set_in_claim(claim_id, "run_id", run_id)

    def note_unclear(self, claim_id: str, at: datetime) -> None:
        """Note in a claim that nobody can tell whether its run was started, and that its dispatcher has given it up."""
        self._set_in_claim(claim_id, "unclear_at", timestamp(at))

    def end_claim(self, claim_id: str, at: datetime) -> None:
        """Note in a claim that its batches are booked or given back."""
        self._set_in_claim(claim_id, "ended_at", timestamp(at), expires_at=at + self.retention)

    def claim(self, claim_id: str) -> Claim | None:
        """One claim; None when it was never written."""
        item = self._get(items.claim_key(claim_id))
        return None if item is None else items.read_claim(item)

    # Loads that are not finished, and the sweep's sign of life

    def open_load(self, load: OpenLoad) -> None:
        """Note that a load has something to do after it; one that is noted already stays as it is."""
        self._put(items.open_item(load), _IS_NEW)

    def change_open_load(self, load: OpenLoad) -> None:
        """Replace what is known of an open load; one that has been closed meanwhile stays closed."""
        self._put(items.open_item(load), "attribute_exists(pk)")

    def open_loads(self, dataset: str) -> tuple[OpenLoad, ...]:
        """Loads of a dataset that have something to do after them, by claim id."""
        return tuple(items.read_open(item, dataset) for item in self._query(items.open_pk(dataset)))

    def close_load(self, dataset: str, claim_id: str) -> None:
        """Note that a load has nothing to do any more; one that is unknown is not an error."""
        with aws_errors(f"close load {claim_id}"):
            self.dynamodb.delete_item(TableName=self.table, Key=items.key(items.open_pk(dataset), claim_id))

    def save_outage(self, old: Outage | None, new: Outage, notice: KeptNotice | None = None) -> bool:
        """Note an outage of a stage of a dataset, or what has become of it.

        Args:
            old: The outage as it was read; None when there was none.
            new: The outage as it shall be, the next version of the old one.
            notice: A notice of it, kept in the same transaction.

        Returns:
            Whether it was written by this call. False when it is as it shall be already: somebody else has written the
            same, or this call has and its answer was lost.

        Raises:
            ConflictError: The outage has changed or ended since it was read; nothing was written.
        """
        condition, values = (_IS_NEW, None) if old is None else _is_known(old)
        writes = [self._write(items.outage_item(new), condition, values), *self._keeping(notice)]
        what = f"{new.dataset}/{new.stage}"
        if self._transact(writes, f"note outage {what}"):
            return True
        if self.outage(new.dataset, new.stage) != items.read_outage(items.outage_item(new), new.stage):
            raise ConflictError(f"outage {what}: changed by another writer")
        return False

    def outage(self, dataset: str, stage: Stage) -> Outage | None:
        """The open outage of a stage of a dataset; None when there is none."""
        item = self._get(items.key(items.outage_pk(stage), dataset))
        return None if item is None else items.read_outage(item, stage)

    def outages(self, stage: Stage) -> tuple[Outage, ...]:
        """The open outages of a stage, by dataset."""
        return tuple(items.read_outage(item, stage) for item in self._query(items.outage_pk(stage)))

    def end_outage(self, outage: Outage, notice: KeptNotice | None = None) -> bool:
        """Forget an outage.

        Args:
            outage: The outage as it was read.
            notice: A notice of its end, kept in the same transaction.

        Returns:
            Whether it was ended by this call; False when it has ended already.

        Raises:
            ConflictError: The outage has changed since it was read; nothing was written.
        """
        condition, values = _is_known(outage)
        what, place = f"{outage.dataset}/{outage.stage}", items.key(items.outage_pk(outage.stage), outage.dataset)
        gone: Any = {"TableName": self.table, "Key": place, "ConditionExpression": condition}
        deletion: TransactWriteItemTypeDef = {"Delete": gone | {"ExpressionAttributeValues": values}}
        writes = [deletion, *self._keeping(notice)]
        if self._transact(writes, f"end outage {what}"):
            return True
        if self.outage(outage.dataset, outage.stage) is None:
            return False
        raise ConflictError(f"outage {what}: changed by another writer before it ended")

    def keep_notice(self, notice: KeptNotice) -> None:
        """Keep a notice until it is sent; the same one again changes nothing."""
        self._put(items.notice_item(notice))

    def kept_notices(self) -> tuple[KeptNotice, ...]:
        """The notices that wait to be sent, oldest first."""
        return tuple(map(items.read_notice, self._query(items.NOTICES_PK)))

    def drop_notice(self, name: str) -> None:
        """Forget a notice that was sent; one that is unknown is not an error."""
        with aws_errors(f"drop notice {name}"):
            self.dynamodb.delete_item(TableName=self.table, Key=items.key(items.NOTICES_PK, name))

    def beat(self, heartbeat: Heartbeat) -> None:
        """Leave a sign of life."""
        self._put(items.heartbeat_item(heartbeat))

    def heartbeat(self) -> Heartbeat | None:
        """The last sign of life; None when there never was one."""
        item = self._get(items.HEARTBEAT_KEY)
        return None if item is None else items.read_heartbeat(item)

    # What these are made of

    def _waiting_writes(self, old: BatchRecord | None, new: BatchRecord) -> "list[TransactWriteItemTypeDef]":
        before = None if old is None else old.waits_for
        writes: list[TransactWriteItemTypeDef] = []
        if before is not None and before is not new.waits_for:
            place = items.key(items.wait_pk(new.dataset, before), new.batch_id)
            writes.append({"Delete": {"TableName": self.table, "Key": place}})
        if new.waits_for is not None:
            writes.append({"Put": {"TableName": self.table, "Item": items.wait_item(new, new.waits_for)}})
        return writes

    def _keeping(self, notice: KeptNotice | None) -> "list[TransactWriteItemTypeDef]":
        return [] if notice is None else [{"Put": {"TableName": self.table, "Item": items.notice_item(notice)}}]

    def _write(self, item: Item, condition: str, values: Item | None = None) -> "TransactWriteItemTypeDef":
        put: Any = {"TableName": self.table, "Item": item, "ConditionExpression": condition}
        return {"Put": put if values is None else put | {"ExpressionAttributeValues": values}}

    def _transact(self, writes: "Sequence[TransactWriteItemTypeDef]", action: str) -> bool:
        """Write all or nothing; False when a condition does not hold."""
        return self.backoff.call(lambda _: self._transact_once(writes, action), AwsBusyError, action)

    def _transact_once(self, writes: "Sequence[TransactWriteItemTypeDef]", action: str) -> bool:
        with aws_errors(action):
            try:
                self.dynamodb.transact_write_items(TransactItems=writes)
            except ClientError as exc:
                reasons = {reason.get("Code", "") for reason in exc.response.get("CancellationReasons", ())}
                if "ConditionalCheckFailed" in reasons:
                    return False
                if code_of(exc) == "TransactionCanceledException" and reasons & _BUSY_REASONS:
                    raise AwsBusyError(f"{action}: {exc}") from exc
                raise
        return True

    def _write_batch(self, writes: list[Any]) -> None:
        pending = list(writes)

        def write(_: int) -> None:
            # What DynamoDB leaves stays pending for the next try.
            with aws_errors("write file counts"):
                answer = self.dynamodb.batch_write_item(RequestItems={self.table: pending})
            pending[:] = answer.get("UnprocessedItems", {}).get(self.table, [])
            if pending:
                raise AwsBusyError(f"write file counts: DynamoDB left {len(pending)} items unprocessed")

        self.backoff.call(write, AwsBusyError, "write file counts")

    def _put(self, item: Item, condition: str | None = None) -> bool:
        """Write an item; False when the condition does not hold."""
        extra: Any = {} if condition is None else {"ConditionExpression": condition}
        with aws_errors(f"write {item['pk']['S']}"):
            try:
                self.dynamodb.put_item(TableName=self.table, Item=item, **extra)
            except ClientError as exc:
                if _is_condition(exc):
                    return False
                raise
        return True

    def _set_in_claim(self, claim_id: str, name: str, value: str, expires_at: datetime | None = None) -> None:
        facts = items.plain_item({name: value}) | ({} if expires_at is None else items.expires(expires_at))
        with aws_errors(f"note {name} in claim {claim_id}"):
            self.dynamodb.update_item(
                TableName=self.table,
                Key=items.claim_key(claim_id),
                UpdateExpression="SET " + ", ".join(f"{fact} = :{fact}" for fact in facts),
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={f":{fact}": item for fact, item in facts.items()},
            )

    def _get(self, key: Item) -> Item | None:
        with aws_errors(f"read {key['pk']['S']}"):
            return self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")

    def _query(self, pk: str, begins_with: str = "", *, newest_first: bool = False) -> list[Item]:
        condition = "pk = :pk and begins_with(sk, :sk)" if begins_with else "pk = :pk"
        values = {":pk": pk, ":sk": begins_with} if begins_with else {":pk": pk}
        with aws_errors(f"query {pk}"):
            pages = self.dynamodb.get_paginator("query").paginate(
                TableName=self.table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=items.plain_item(values),
                ConsistentRead=True,
                ScanIndexForward=not newest_first,
            )
            return [item for page in pages for item in page["Items"]]

    def _newest_first(
        self, dataset: str, state: BatchState | None, limit: int, bounds: tuple[str, str]
    ) -> Iterator[BatchRecord]:
        values = {":dataset": dataset, ":since": bounds[0], ":until": bounds[1]}
        values |= {} if state is None else {":state": str(state)}
        narrow: Any = (
            {} if state is None else {"FilterExpression": "#s = :state", "ExpressionAttributeNames": {"#s": "state"}}
        )
        with aws_errors(f"list batches of {dataset}"):
            pages = self.dynamodb.get_paginator("query").paginate(
                TableName=self.table,
                IndexName=items.BY_DATASET,
                KeyConditionExpression="dataset = :dataset and received_at between :since and :until",
                ExpressionAttributeValues=items.plain_item(values),
                ScanIndexForward=False,
                PaginationConfig={"PageSize": max(limit, 25)},
                **narrow,
            )
            for page in pages:
                yield from map(items.read_batch, page["Items"])


_BUSY_REASONS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


def _is_known(outage: Outage) -> tuple[str, Item]:
    """The condition that an outage is as it was read; those of older deployments have no version."""
    since = items.plain_item({":since": timestamp(outage.since)})
    if outage.version == 0:
        return "since = :since and attribute_not_exists(version)", since
    return "since = :since and version = :version", since | items.plain_item({":version": outage.version})


def _is_condition(exc: ClientError) -> bool:
    return code_of(exc) == "ConditionalCheckFailedException"
