"""The warehouse and the ledger against the truth: every row, every column with its type, every count."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sluice.aws.data_api import DataApi
from sluice.contract import BATCH_ID, SOURCE_FILE, Table
from sluice.lake.handover import TableCounts
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId, BatchState
from sluice.ledger.record import BatchRecord
from sluice.simulator import Truth
from sluice.simulator.truth import KeyValues, Version
from sluice.warehouse.quoting import names, qualified

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be.

    Attributes:
        where: Table, or batch.
        key: Key of the row; empty for a batch.
        what: Column, or what was counted.
        expected: What the truth says.
        got: What was found.
    """

    where: str
    key: str
    what: str
    expected: object
    got: object


def warehouse_rows(warehouse: DataApi, schema: str, table: Table) -> list[Row]:
    """All rows of a table, lineage columns included."""
    columns = list(table.stored_types)
    # Names come quoted from the contract, and nothing else is in the statement.
    query = f"SELECT {names(columns)} FROM {qualified(schema, table.name)}"  # noqa: S608
    return [dict(zip(columns, row, strict=True)) for row in warehouse.rows(query, label=f"read {table.name}")]


def compare_rows(table: Table, expected: Mapping[KeyValues, Version], rows: Iterable[Row]) -> Iterator[Difference]:
    """Every difference between a table and its truth."""
    left = dict(expected)
    seen: set[KeyValues] = set()
    for row in rows:
        key: KeyValues = tuple(row[name] for name in table.primary_key)  # type: ignore[misc]
        if key in seen:
            yield Difference(table.name, _text(key), "row", "once", "more than once")
            continue
        seen.add(key)
        version = left.pop(key, None)
        if version is None:
            yield Difference(table.name, _text(key), "row", "none", dict(row))
        else:
            yield from _compare_row(table, key, version, row)
    for key, version in left.items():
        yield Difference(table.name, _text(key), "row", version.row, "none")


def compare_batches(
    truth: Truth, rejected: Iterable[tuple[str, Partition]], batches: Iterable[BatchRecord]
) -> Iterator[Difference]:
    """Every difference between the ledger and the truth: one batch per manifest, its state, its counts."""
    by_place: dict[tuple[str, str], list[BatchRecord]] = {}
    for batch in batches:
        by_place.setdefault((batch.dataset, batch.partition), []).append(batch)
    for dataset, partition in rejected:
        yield from _compare_batch(dataset, partition, BatchState.REJECTED, {}, by_place)
    for batch_truth in truth.batches():
        state = BatchState.LOADED if batch_truth.is_published else BatchState.FAILED
        counts = batch_truth.counts() if batch_truth.is_published else {}
        yield from _compare_batch(batch_truth.contract.dataset, batch_truth.partition, state, counts, by_place)
    for place, surplus in by_place.items():
        yield Difference(" ".join(place), "", "batches", 0, len(surplus))


def _compare_batch(
    dataset: str,
    partition: Partition,
    state: BatchState,
    counts: Mapping[str, TableCounts],
    by_place: dict[tuple[str, str], list[BatchRecord]],
) -> Iterator[Difference]:
    where = f"{dataset} {partition.label}"
    found = by_place.pop((dataset, partition.label), [])
    if len(found) != 1:
        yield Difference(where, "", "batches", 1, len(found))
        return
    # An archived batch is a loaded one whose raw files were put away.
    got = BatchState.LOADED if found[0].state is BatchState.ARCHIVED else found[0].state
    if got is not state:
        yield Difference(where, "", "state", str(state), f"{got}: {found[0].reason}")
        return
    for table, wanted in counts.items():
        if found[0].counts.get(table) != wanted:
            yield Difference(where, "", f"counts of {table}", wanted, found[0].counts.get(table))


def _compare_row(table: Table, key: KeyValues, version: Version, row: Row) -> Iterator[Difference]:
    for name in table.column_names:
        expected, got = version.row[name], row[name]
        if type(expected) is not type(got) or expected != got:
            yield Difference(table.name, _text(key), name, expected, got)
    if row[SOURCE_FILE] != version.file_url:
        yield Difference(table.name, _text(key), SOURCE_FILE, version.file_url, row[SOURCE_FILE])
    partition = BatchId.parse(str(row[BATCH_ID])).partition
    if partition != version.partition.compact:
        yield Difference(table.name, _text(key), BATCH_ID, version.partition.compact, partition)


def _text(key: KeyValues) -> str:
    return ", ".join(str(value) for value in key)
