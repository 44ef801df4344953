"""What people are told: a subject that fits into an e-mail's, and a JSON body that a program can read as well.

The business topic tells those who use the data what has arrived; the support topic tells those who keep Sluice running
what is wrong, where, why, and which command tries it again. A reason is a message of our own errors: they name files,
rows and rules, and no credentials.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sluice.drift import Difference, Kind
from sluice.ledger.advice import after_rejection, retry_of, retry_of_all
from sluice.ledger.batch import Stage
from sluice.ledger.record import BatchRecord, Outage, timestamp

MAX_SUBJECT_CHARACTERS = 100
"""Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
MAX_LISTED = 100
"""Partitions or batches that a body lists; it says how many there are in all."""
MAX_WHY_CHARACTERS = 8000
MAX_DIFFERENCES = 20
"""Differences of a kind that a body lists: a message of SNS has at most 256 KiB."""
MAX_DIFFERENCE_PARTITIONS = 20
MAX_DIFFERENCE_CHARACTERS = 500
"""Of a type, a name, or what is to be done, as JSON writes them; each is shorter, unless somebody means harm."""
_LONGEST_ESCAPE = 12


class Audience(StrEnum):
    """Whom a notice is for; there is a topic for each."""

    BUSINESS = "business"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification.

    Attributes:
        audience: Whom it is for.
        subject: ASCII, at most `MAX_SUBJECT_CHARACTERS`.
        body: JSON.
    """

    audience: Audience
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class StepFailure:
    """What went wrong in a state of the load's state machine.

    Attributes:
        state: Name of the state.
        error: Name of the error.
        cause: What the error says.
    """

    state: str
    error: str
    cause: str

    @property
    def text(self) -> str:
        """The failure in one line."""
        return f"{self.state} failed: {': '.join(part for part in (self.error, self.cause) if part)}"


def arrived(record: BatchRecord) -> Notice:
    """A manifest has been taken in."""
    facts = {
        "event": "arrived",
        "dataset": record.dataset,
        "partition": record.partition,
        "batch": record.batch_id,
        "manifest": record.manifest_url,
        "files": record.files,
        "bytes": record.size_bytes,
    }
    return _notice(Audience.BUSINESS, f"{record.dataset} {record.partition} arrived", facts)


def loaded(dataset: str, records: Sequence[BatchRecord], now: datetime) -> Notice:
    """Batches of one load are in the warehouse, in the aggregates and, where asked for, in the archive.

    Args:
        dataset: The dataset.
        records: The batches, at least one.
        now: The present moment.
    """
    partitions = sorted({record.partition for record in records})
    first = min(datetime.fromisoformat(record.received_at) for record in records)
    facts = {
        "event": "loaded",
        "dataset": dataset,
        "partitions": partitions[:MAX_LISTED],
        "partition_count": len(partitions),
        "rows": _rows(records),
        "quarantined": sum(counts.rejected for record in records for counts in record.counts.values()),
        "files_without": _files_without(records),
        "seconds": round((now - first) / timedelta(seconds=1), 3),
    }
    what = partitions[0] if len(partitions) == 1 else f"{len(partitions)} partitions"
    return _notice(Audience.BUSINESS, f"{dataset} {what} loaded", facts)


def rejected(record: BatchRecord) -> Notice:
    """A manifest broke a rule; its partition is not taken."""
    facts = _about(record) | {"event": "rejected", "manifest": record.manifest_url, "retry": after_rejection(record)}
    return _notice(Audience.SUPPORT, f"{record.dataset} {record.partition} rejected", facts)


def failed(record: BatchRecord) -> Notice:
    """A batch has failed for good."""
    facts = _about(record) | {
        "event": "failed",
        "stage": str(record.stage),
        "attempts": record.attempts,
        "run": record.run_id,
        "retry": retry_of(record.batch_id),
    }
    return _notice(Audience.SUPPORT, f"{record.dataset} {record.partition}: {_stage(record.stage)} failed", facts)


def failed_together(records: Sequence[BatchRecord]) -> Notice:
    """Batches of one dataset and stage have failed for good for one cause.

    Args:
        records: The batches, at least one.
    """
    first = min(records, key=lambda record: record.received_at)
    facts = _about(first) | {
        "event": "failed",
        "stage": str(first.stage),
        "attempts": max(record.attempts for record in records),
        "run": first.run_id,
        "batches": sorted(record.batch_id for record in records)[:MAX_LISTED],
        "batch_count": len(records),
        "partitions": sorted({record.partition for record in records})[:MAX_LISTED],
        "retry": retry_of_all(first.dataset, since=first.received_at),
    }
    return _notice(Audience.SUPPORT, f"{first.dataset} {len(records)} batches: {_stage(first.stage)} failed", facts)


def outage_began(outage: Outage, waiting: int) -> Notice:
    """Something that a stage depends on is away; nothing has to be done for what waits.

    Args:
        outage: The outage.
        waiting: Batches that wait.
    """
    facts = {
        "event": "outage_began",
        "dataset": outage.dataset,
        "stage": str(outage.stage),
        "since": timestamp(outage.since),
        "why": outage.reason[:MAX_WHY_CHARACTERS],
        "waiting": waiting,
        "is_tried_again": True,
        "look": f"sluice status --dataset {outage.dataset}",
    }
    return _notice(Audience.SUPPORT, f"{outage.dataset}: {_stage(outage.stage)} waits, something is away", facts)


def outage_ended(outage: Outage, now: datetime) -> Notice:
    """What was away is back.

    Args:
        outage: The outage as it was.
        now: The present moment.
    """
    facts = {
        "event": "outage_ended",
        "dataset": outage.dataset,
        "stage": str(outage.stage),
        "since": timestamp(outage.since),
        "seconds": round((now - outage.since) / timedelta(seconds=1), 3),
        "runs": outage.failures,
        "why": outage.reason[:MAX_WHY_CHARACTERS],
    }
    return _notice(Audience.SUPPORT, f"{outage.dataset}: {_stage(outage.stage)} goes on", facts)


def stopped(
    dataset: str, execution: str, records: Sequence[BatchRecord], failure: StepFailure, *, is_given_up: bool
) -> Notice:
    """The rows of a load are in the warehouse, but something after it failed.

    Args:
        dataset: The dataset.
        execution: Name of the execution that follows the load.
        records: The batches of the load.
        failure: What failed.
        is_given_up: Whether it is not tried again by itself.
    """
    names = sorted(record.batch_id for record in records)
    facts: dict[str, Any] = {
        "event": "stopped",
        "dataset": dataset,
        "partitions": sorted({record.partition for record in records})[:MAX_LISTED],
        "batches": names[:MAX_LISTED],
        "batch_count": len(names),
        "execution": execution,
        "state": failure.state,
        "why": failure.text[:MAX_WHY_CHARACTERS],
        "is_tried_again": not is_given_up,
    }
    if names:
        facts["retry"] = retry_of(names[0])
    return _notice(Audience.SUPPORT, f"{dataset}: {failure.state} failed after the load", facts)


def drifted(dataset: str, zone: str, differences: Sequence[Difference]) -> Notice:
    """Something differs from its contract, or was changed to agree with it.

    Args:
        dataset: The dataset.
        zone: ``raw`` or ``processed``.
        differences: What to tell, at least one.
    """
    breaking = [item for item in differences if item.kind is Kind.BREAKING]
    changed = [item for item in differences if item.is_applied]
    notes = [item for item in differences if item.kind is Kind.NOTE]
    facts: dict[str, Any] = {
        "event": "drift",
        "dataset": dataset,
        "zone": zone,
        "breaking": [_difference(item) for item in breaking[:MAX_DIFFERENCES]],
        "breaking_count": len(breaking),
        "changed_count": len(changed),
        "changed": [_difference(item) for item in changed[:MAX_DIFFERENCES]],
        "note_count": len(notes),
        "notes": [_difference(item) for item in notes[:MAX_DIFFERENCES]],
        "look": f"sluice drift {dataset}",
    }
    if breaking:
        subject = f"{dataset}: {len(breaking)} breaking difference{'' if len(breaking) == 1 else 's'} in {zone}"
    else:
        subject = f"{dataset}: {zone} {'follows its contract' if changed else 'has news of its schema'}"
    return _notice(Audience.SUPPORT, subject, facts)


def _difference(item: Difference) -> dict[str, Any]:
    """A difference as people get it, with both types."""
    facts: dict[str, Any] = {
        "layer": str(item.layer),
        "table": item.table,
        "column": _short(item.column),
        "have": _short(item.have),
        "want": _short(item.want),
        "fix": _short(item.fix),
    }
    if item.partitions:
        listed = list(item.partitions[:MAX_DIFFERENCE_PARTITIONS])
        facts |= {"partitions": listed, "partition_count": len(item.partitions)}
    return facts


def _short(text: str) -> str:
    is_short = len(json.dumps(text)) <= MAX_DIFFERENCE_CHARACTERS
    return text if is_short else f"{text[: MAX_DIFFERENCE_CHARACTERS // _LONGEST_ESCAPE]}..."


def _about(record: BatchRecord) -> dict[str, Any]:
    return {
        "dataset": record.dataset,
        "partition": record.partition,
        "batch": record.batch_id,
        "why": record.reason[:MAX_WHY_CHARACTERS],
        "at": record.updated_at,
    }


def _stage(stage: Stage | None) -> str:
    return {Stage.CONVERT: "conversion", Stage.LOAD: "load", None: "processing"}[stage]


def _rows(records: Sequence[BatchRecord]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for record in records:
        for table, counts in record.load_counts.items():
            rows = total.setdefault(table, {"inserted": 0, "updated": 0})
            rows["inserted"] += counts.inserted
            rows["updated"] += counts.updated
    return total


def _files_without(records: Sequence[BatchRecord]) -> dict[str, int]:
    """How many files lack a column altogether, by column; the warehouse keeps the values that it has."""
    total: Counter[str] = Counter()
    for record in records:
        total.update(record.absent)
    return dict(sorted(total.most_common(MAX_LISTED)))


def _notice(audience: Audience, subject: str, facts: Mapping[str, Any]) -> Notice:
    # Nothing but printable ASCII, and no line breaks: SNS refuses anything else.
    clean = re.sub(r"[^ -~]", "?", f"Sluice: {subject}")
    return Notice(audience, clean[:MAX_SUBJECT_CHARACTERS], json.dumps(facts, indent=1, sort_keys=True) + "\n")
