"""The batches of a load, as the transaction that merges them sees them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from sluice.contract.model import LoadMode
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId
from sluice.warehouse.quoting import identifier, literal

_BATCH_ID = re.compile(r"[a-z][a-z0-9_]*\.(\d{4})(\d\d)(\d\d)(\d\d)?\.[0-9A-Z]+(?:-[0-9A-Z]+)*")
"""Behind a hyphen stands the sequencer of a batch that `BatchId.after` has put behind an older one."""
_MAX_VALUES_BYTES = 90_000

MAX_RANGES = 100
"""Most partitions that a condition names one by one; the rows of more are looked for between the first and the last."""

BATCHES = identifier("_load_batches")
"""Temporary table of the batches of a load; no contract can name a table so."""


@dataclass(frozen=True)
class ListedBatch:
    """One batch of a load.

    Attributes:
        batch_id: The batch.
        partition_label: Label of its partition.
        partition_digits: The partition as it stands in the batch id.
        is_current: Whether no newer batch of the same load takes its place.
    """

    batch_id: str
    partition_label: str
    partition_digits: str
    is_current: bool = True


def list_batches(batch_ids: Iterable[str], mode: LoadMode) -> tuple[ListedBatch, ...]:
    """The batches of a load, oldest first.

    Args:
        batch_ids: Ids of batches of one dataset.
        mode: What a newer batch replaces: with ``append`` the older ones of its partition, with ``full_refresh`` all
            older ones, with ``upsert`` none.

    Raises:
        ValueError: A text is not a batch id.
    """
    ordered = sorted(set(batch_ids))
    newest = {_replaced(batch_id, mode): batch_id for batch_id in ordered}
    return tuple(_listed(batch_id, newest[_replaced(batch_id, mode)] == batch_id) for batch_id in ordered)


def create_batches() -> str:
    """The statement that makes the temporary table of the batches."""
    return (
        f'CREATE TEMP TABLE {BATCHES} ("batch_id" varchar(256) NOT NULL, "partition_label" varchar(16) NOT NULL, '
        '"partition_digits" varchar(16) NOT NULL, "is_current" boolean NOT NULL) DISTSTYLE ALL'
    )


def insert_batches(batches: Iterable[ListedBatch]) -> Iterator[str]:
    """The statements that fill it, each well below the Data API's limit of 100 KB."""
    head = f'INSERT INTO {BATCHES} ("batch_id", "partition_label", "partition_digits", "is_current") VALUES '
    return (head + rows for rows in _lists(map(_values, batches)))


def batch_id_lists(batch_ids: Iterable[str]) -> Iterator[str]:
    """The ids as lists of literals for ``IN``, each well below the Data API's limit of 100 KB."""
    return _lists(literal(_checked(batch_id)[0]) for batch_id in sorted(set(batch_ids)))


def value_lists(rows: Iterable[str]) -> Iterator[str]:
    """Rows for ``VALUES``, with commas between them, in lists that are each well below the Data API's limit of 100 KB.

    Args:
        rows: Each with its parentheses.
    """
    return _lists(rows)


def within(column: str, batch_ids: Iterable[str]) -> str:
    """The condition that a batch is one of the partitions of these batches.

    It compares the column itself with literals, so that a scan can leave out the blocks whose smallest and largest
    value lie outside; an expression of the column, such as ``SPLIT_PART``, makes it read the whole table. Behind the
    digits of a partition stands a full stop, and the character after the full stop is the slash.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/t_Sorting_data.html (zone maps) and
    https://docs.aws.amazon.com/redshift/latest/dg/c_designing-queries-best-practices.html (no functions in predicates)

    Args:
        column: The column of the batch id, quoted.
        batch_ids: Ids of batches of one dataset; at least one.
    """
    prefixes = sorted({BatchId.parse(_checked(batch_id)[0]).prefix for batch_id in batch_ids})
    if len(prefixes) > MAX_RANGES:
        return f"({_between(column, prefixes[0], prefixes[-1])})"
    return f"({' OR '.join(_between(column, prefix, prefix) for prefix in prefixes)})"


def by_partition(batch_ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in groups, in order, each of at most as many partitions as `within` has ranges."""
    groups = [list(ids) for _, ids in groupby(sorted(batch_ids), lambda batch_id: BatchId.parse(batch_id).prefix)]
    for start in range(0, len(groups), MAX_RANGES):
        yield [batch_id for group in groups[start : start + MAX_RANGES] for batch_id in group]


def _between(column: str, first: str, last: str) -> str:
    beyond = last[:-1] + chr(ord(last[-1]) + 1)
    return f"{column} BETWEEN {literal(first)} AND {literal(beyond)}"


def _lists(texts: Iterable[str]) -> Iterator[str]:
    """The texts with commas between them, in as many lists as the limit asks for."""
    listed: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode())
        if listed and size + length > _MAX_VALUES_BYTES:
            yield ", ".join(listed)
            listed, size = [], 0
        listed.append(text)
        size += length + 2
    if listed:
        yield ", ".join(listed)


def _values(batch: ListedBatch) -> str:
    texts = (batch.batch_id, batch.partition_label, batch.partition_digits)
    return f"({', '.join(map(literal, texts))}, {'TRUE' if batch.is_current else 'FALSE'})"


def _replaced(batch_id: str, mode: LoadMode) -> str:
    if mode == "upsert":
        return batch_id
    return BatchId.parse(batch_id).prefix if mode == "append" else ""


def _listed(batch_id: str, is_current: bool) -> ListedBatch:
    match = _checked(batch_id)
    year, month, day, hour = match.groups()
    label = f"{year}-{month}-{day}" + (f"T{hour}" if hour else "")
    return ListedBatch(batch_id, Partition.parse(label).label, BatchId.parse(batch_id).partition, is_current)


def _checked(batch_id: str) -> re.Match[str]:
    match = _BATCH_ID.fullmatch(batch_id)
    if match is None:
        raise ValueError(f"{batch_id!r} is not a batch id")
    return match
