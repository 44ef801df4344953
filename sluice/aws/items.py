"""Ledger values as DynamoDB items and back: the keys of the one table, and nothing that talks to DynamoDB."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import cattrs
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from sluice.lake.handover import FileCounts
from sluice.ledger.batch import BatchId, Stage, WaitingList
from sluice.ledger.record import (
    MAX_REASON_CHARACTERS,
    BatchRecord,
    Claim,
    Heartbeat,
    KeptNotice,
    OpenLoad,
    Outage,
    Slot,
    WaitEntry,
    timestamp,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import CreateTableInputTypeDef, UpdateTimeToLiveInputTypeDef

Item = dict[str, Any]
"""An item, or its key, as DynamoDB's own JSON: ``{"pk": {"S": "..."}}``."""

BY_DATASET = "by_dataset"
EXPIRES = "expires_at"
"""Attribute of items that DynamoDB removes some time after that moment, in seconds since 1970; nothing relies on it.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html (a number, in seconds;
expired items are removed within a few days and may be read until then)
"""
_KEYS = ("pk", "sk")
_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize
_converter = cattrs.Converter()


def ledger_table_definition(table: str) -> "CreateTableInputTypeDef":
    """What ``CreateTable`` needs for the ledger.

    The index lists batches by time of arrival. It is sparse: only batches carry both of its attributes.

    Args:
        table: Name of the table.
    """
    names = ("pk", "sk", "dataset", "received_at")
    return {
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": BY_DATASET,
                "KeySchema": [
                    {"AttributeName": "dataset", "KeyType": "HASH"},
                    {"AttributeName": "received_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }


def ledger_expiry(table: str) -> "UpdateTimeToLiveInputTypeDef":
    """What ``UpdateTimeToLive`` needs for the ledger.

    Args:
        table: Name of the table.
    """
    return {"TableName": table, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": EXPIRES}}


def expires(at: datetime) -> Item:
    """The attribute of an item that goes at that moment."""
    return plain_item({EXPIRES: int(at.timestamp())})


def key(pk: str, sk: str) -> Item:
    """The key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def partition_pk(batch_id: str) -> str:
    """Partition key of all that concerns one partition of a dataset."""
    parsed = BatchId.parse(batch_id)
    return f"P#{parsed.dataset}#{parsed.partition}"


def batch_key(batch_id: str) -> Item:
    """Key of a batch."""
    return key(partition_pk(batch_id), f"B#{batch_id}")


def wait_pk(dataset: str, stage: WaitingList) -> str:
    """Partition key of a waiting list."""
    return f"WAIT#{dataset}#{stage}"


def slot_key(dataset: str, stage: Stage) -> Item:
    """Key of a slot."""
    return key(f"SLOT#{dataset}#{stage}", "SLOT")


def claim_key(claim_id: str) -> Item:
    """Key of a claim."""
    return key(f"CLAIM#{claim_id}", "CLAIM")


def batch_item(record: BatchRecord) -> Item:
    """A batch as an item."""
    return batch_key(record.batch_id) | plain_item(record.to_plain())


def read_batch(item: Item) -> BatchRecord:
    """A batch from its item."""
    return BatchRecord.from_plain(plain(item))


def wait_item(record: BatchRecord, stage: WaitingList) -> Item:
    """A batch's place in a waiting list. It has no ``dataset`` attribute, so that the index does not see it."""
    facts = {"attempts": record.attempts, "due_at": record.due_at, "company": record.company}
    return key(wait_pk(record.dataset, stage), record.batch_id) | plain_item(facts)


def read_wait(item: Item) -> WaitEntry:
    """A place in a waiting list from its item."""
    facts = plain(item)
    return WaitEntry(item["sk"]["S"], facts["attempts"], facts.get("due_at", ""), facts.get("company", ""))


def slot_item(dataset: str, stage: Stage, slot: Slot) -> Item:
    """A taken slot as an item."""
    facts = {"claim_id": slot.claim_id, "taken_at": timestamp(slot.taken_at)}
    return slot_key(dataset, stage) | plain_item(facts)


def read_slot(item: Item) -> Slot:
    """A taken slot from its item."""
    facts = plain(item)
    return Slot(facts["claim_id"], datetime.fromisoformat(facts["taken_at"]))


def claim_item(claim: Claim) -> Item:
    """A claim as an item."""
    facts = {
        "claim_id": claim.claim_id,
        "dataset": claim.dataset,
        "stage": str(claim.stage),
        "batch_ids": list(claim.batch_ids),
        "started_at": timestamp(claim.started_at),
        "run_id": claim.run_id,
        "ended_at": None if claim.ended_at is None else timestamp(claim.ended_at),
        "unclear_at": None if claim.unclear_at is None else timestamp(claim.unclear_at),
    }
    return claim_key(claim.claim_id) | plain_item(facts)


def read_claim(item: Item) -> Claim:
    """A claim from its item."""
    facts = plain(item)
    return Claim(
        facts["claim_id"],
        facts["dataset"],
        Stage(facts["stage"]),
        tuple(facts["batch_ids"]),
        datetime.fromisoformat(facts["started_at"]),
        facts["run_id"],
        _moment(facts["ended_at"]),
        _moment(facts.get("unclear_at")),  # Claims of older versions have none.
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def open_pk(dataset: str) -> str:
    """Partition key of the open loads of a dataset."""
    return f"OPEN#{dataset}"


def open_item(load: OpenLoad) -> Item:
    """An open load as an item. It has no ``dataset`` attribute, so that the index does not see it."""
    facts = {
        "since": timestamp(load.since),
        "redrives": load.redrives,
        "tried_at": timestamp(load.tried_at),
        "is_given_up": load.is_given_up,
        "number": load.number,
        "is_held": load.is_held,
    }
    return key(open_pk(load.dataset), load.claim_id) | plain_item(facts)


def read_open(item: Item, dataset: str) -> OpenLoad:
    """An open load of a dataset from its item."""
    facts = plain(item)
    return OpenLoad(
        item["sk"]["S"],
        dataset,
        datetime.fromisoformat(facts["since"]),
        facts["redrives"],
        datetime.fromisoformat(facts["tried_at"]),
        facts["is_given_up"],
        facts.get("number", 1),
        facts.get("is_held", False),
    )


def outage_pk(stage: Stage) -> str:
    """Partition key of the open outages of a stage."""
    return f"OUTAGE#{stage}"


def outage_item(outage: Outage) -> Item:
    """An outage as an item. It has no ``dataset`` attribute, so that the index does not see it."""
    facts = {
        "since": timestamp(outage.since),
        "failures": outage.failures,
        "until": timestamp(outage.until),
        "reason": outage.reason[:MAX_REASON_CHARACTERS],
        "claim_id": outage.claim_id,
        "probes": outage.probes,
        "tried_at": None if outage.tried_at is None else timestamp(outage.tried_at),
        "is_told": outage.is_told,
        "version": outage.version,
    }
    return key(outage_pk(outage.stage), outage.dataset) | plain_item(facts)


def read_outage(item: Item, stage: Stage) -> Outage:
    """An outage of a stage from its item."""
    facts = plain(item)
    since, until = (datetime.fromisoformat(facts[name]) for name in ("since", "until"))
    return Outage(
        item["sk"]["S"],
        stage,
        since,
        facts["failures"],
        until,
        facts["reason"],
        facts["claim_id"],
        # Outages of older versions, which told at once, have none of these.
        facts.get("probes", 0),
        _moment(facts.get("tried_at")),
        facts.get("is_told", True),
        facts.get("version", 0),
    )


NOTICES_PK = "NOTICES"
"""Partition key of the notices that wait to be sent."""


def notice_item(notice: KeptNotice) -> Item:
    """A kept notice as an item. SNS takes 256 KiB at most, and an item holds 400 KB."""
    facts = {"about": notice.dataset, "topic": notice.topic, "subject": notice.subject, "body": notice.body}
    return key(NOTICES_PK, notice.name) | plain_item(facts)


def read_notice(item: Item) -> KeptNotice:
    """A kept notice from its item."""
    facts = plain(item)
    return KeptNotice(item["sk"]["S"], facts["about"], facts["topic"], facts["subject"], facts["body"])


HEARTBEAT_KEY = key("HEARTBEAT", "SWEEP")
"""Key of the heartbeat."""


def heartbeat_item(beat: Heartbeat) -> Item:
    """A heartbeat as an item."""
    return HEARTBEAT_KEY | plain_item({"at": timestamp(beat.at), "problems": list(beat.problems)})


def read_heartbeat(item: Item) -> Heartbeat:
    """A heartbeat from its item."""
    facts = plain(item)
    return Heartbeat(datetime.fromisoformat(facts["at"]), tuple(facts["problems"]))


def file_prefix(batch_id: str) -> str:
    """What the sort keys of a batch's file counts begin with."""
    return f"F#{batch_id}#"


def file_item(batch_id: str, counts: FileCounts, expires_at: datetime) -> Item:
    """Counts of one file as an item that goes; a digest stands for the key, which may be as long as a sort key."""
    sk = file_prefix(batch_id) + sha256(counts.url.encode()).hexdigest()[:32]
    return key(partition_pk(batch_id), sk) | plain_item(_converter.unstructure(counts)) | expires(expires_at)


def read_file(item: Item) -> FileCounts:
    """Counts of one file from its item."""
    return _converter.structure(plain(item), FileCounts)


def plain_item(facts: Mapping[str, Any]) -> Item:
    """Plain values as DynamoDB's JSON."""
    return {name: _serialize(value) for name, value in facts.items()}


def plain(item: Item) -> dict[str, Any]:
    """DynamoDB's JSON as plain values, without the key."""
    return {name: _whole(_deserialize(value)) for name, value in item.items() if name not in {*_KEYS, EXPIRES}}


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value
