"""What must be true after the load: aggregates, archive, notifications."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy.compare import Difference
from glue_jobs.conversion.engines import EngineName
from sluice.contract import Contract
from sluice.lake.layout import MANIFEST_NAME, Partition
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice_laptop.demo.inbox import Message

Keys = Callable[[str], Sequence[str]]
"""Gives the keys of the raw bucket that begin with a prefix."""
Row = tuple[object, ...]
_LOADED = {BatchState.LOADED, BatchState.ARCHIVED}


@dataclass(frozen=True, slots=True)
class AggregateResult:
    """How an aggregate table compares with its truth.

    Attributes:
        rows: Rows in the warehouse.
        is_right: Whether they are the truth's, whole.
    """

    rows: int
    is_right: bool


def compare_aggregate(name: str, expected: Sequence[Row], found: Sequence[Row]) -> Iterator[Difference]:
    """Every row that an aggregate lacks or has too much; types count, so that 1.0 is not 1.00."""
    left = [repr(row) for row in found]
    for row in expected:
        if repr(row) in left:
            left.remove(repr(row))
        else:
            yield Difference(name, "", "row", row, "none")
    for text in left:
        yield Difference(name, "", "row", "none", text)


def compare_engines(batches: Iterable[BatchRecord]) -> Iterator[Difference]:
    """Whether both engines have converted something: the job's own process and Spark."""
    engines = {batch.engine for batch in batches}
    for name in EngineName:
        if name not in engines:
            yield Difference("batches", "", f"converted by {name}", "some", "none")


def compare_archive(
    keys: Keys, contracts: Mapping[str, Contract], batches: Iterable[BatchRecord]
) -> tuple[list[Difference], int]:
    """Whether the raw files of every loaded batch are where its contract wants them.

    Args:
        keys: Lists the raw bucket.
        contracts: The contracts by dataset.
        batches: The ledger's batches.

    Returns:
        What is not as it must be, and the number of archived files without manifests.
    """
    differences: list[Difference] = []
    archived = 0
    for batch in batches:
        if batch.state not in _LOADED or not contracts[batch.dataset].archive:
            continue
        folder = contracts[batch.dataset].layout.folder(Partition.parse(batch.partition))
        where = f"{batch.dataset} {batch.partition}"
        files = [key for key in keys(f"archive/{folder}/") if not key.endswith(f"/{MANIFEST_NAME}")]
        archived += len(files)
        if len(files) != batch.files:
            differences.append(Difference(where, "", "archived files", batch.files, len(files)))
        left = list(keys(f"{folder}/"))
        if left:
            differences.append(Difference(where, "", "files left in the raw folder", "none", left))
        if batch.state is not BatchState.ARCHIVED:
            differences.append(Difference(where, "", "state", str(BatchState.ARCHIVED), str(batch.state)))
    return differences, archived


def compare_notifications(messages: Iterable[Message], batches: Iterable[BatchRecord]) -> Iterator[Difference]:
    """Whether people heard of every load and of every batch that needs them, and of nothing else."""
    told: dict[str, set[tuple[str, str]]] = {"business": set(), "support": set()}
    for message in messages:
        partitions = message.body.get("partitions", [message.body.get("partition")])
        # A notice of an outage is of no batch.
        told[message.topic].update((message.body["dataset"], partition) for partition in partitions if partition)
    due: dict[str, set[tuple[str, str]]] = {"business": set(), "support": set()}
    for batch in batches:
        if batch.state in _LOADED:
            due["business"].add((batch.dataset, batch.partition))
        elif batch.state in {BatchState.REJECTED, BatchState.FAILED}:
            due["support"].add((batch.dataset, batch.partition))
    for topic, expected in due.items():
        for place in sorted(expected - told[topic]):
            yield Difference(" ".join(place), "", f"notification to {topic}", "one", "none")
        for place in sorted(told[topic] - expected):
            yield Difference(" ".join(place), "", f"notification to {topic}", "none", "one")
