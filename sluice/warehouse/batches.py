"""The batches of a load, as the transaction that merges them sees them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sluice.batch import BatchId
from sluice.contract.model import LoadMode
from sluice.layout import Partition
from sluice.warehouse.quoting import identifier, literal

_BATCH_ID = re.compile(r"[a-z][a-z0-9_]*\.(\d{4})(\d\d)(\d\d)(\d\d)?\.[0-9A-Z]+")
_MAX_VALUES_BYTES = 60_000

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
        ValueError: A text is no batch id.
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


def partition_lists(batch_ids: Iterable[str]) -> Iterator[str]:
    """The partitions of the ids, in the digits of the ids, as `batch_id_lists` gives the ids themselves."""
    return _lists(map(literal, sorted({_checked(batch_id)[0].split(".")[1] for batch_id in batch_ids})))


def _lists(texts: Iterable[str]) -> Iterator[str]:
    """The texts with commas between them, in as many lists as the limit asks for."""
    listed: list[str] = []
    size = 0
    for text in texts:
        if size + len(text) > _MAX_VALUES_BYTES:
            yield ", ".join(listed)
            listed, size = [], 0
        listed.append(text)
        size += len(text) + 2
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
        raise ValueError(f"{batch_id!r} is no batch id")
    return match
