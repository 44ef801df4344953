"""Rows that do not fit into memory: ordered runs on disk, read back by ranges of the key.

A run is what a writer held when its memory was full, ordered by the key. Of each of its blocks the first key is
remembered. So any range of the key can be read from all runs without reading the rest, and ranges of about equal weight
are found without looking at a row.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from sluice.kernel.arrow import Array, pc

BLOCK_ROWS = 16_384
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run on disk.

    Attributes:
        path: The file.
        firsts: The first key of each block; empty when rows have no key.
        size_bytes: What its rows weigh in memory.
    """

    path: Path
    firsts: tuple[Key, ...]
    size_bytes: int

    def blocks(self, low: Key | None = None, high: Key | None = None) -> Iterator[pa.Table]:
        """The blocks that can hold keys from `low` up to, and without, `high`."""
        with pa.OSFile(str(self.path), "rb") as file:
            reader = pa.ipc.open_file(file)
            first = 0 if low is None else max(bisect_left(self.firsts, low) - 1, 0)
            last = reader.num_record_batches if high is None else bisect_left(self.firsts, high)
            for index in range(first, last):
                yield pa.Table.from_batches([reader.get_batch(index)])


def write_run(path: Path, rows: pa.Table, keys: pa.Table | None) -> Run:
    """Write rows that are ordered by these keys.

    Args:
        path: The file to write.
        rows: The rows, without chunks.
        keys: Their keys in the same order; None when they have none.
    """
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema, options=_OPTIONS) as writer:
        writer.write_table(rows, max_chunksize=BLOCK_ROWS)
    starts = range(0, rows.num_rows, BLOCK_ROWS) if keys is not None else ()
    firsts = [tuple(column[start].as_py() for column in keys.columns) for start in starts] if keys is not None else []
    return Run(path, tuple(firsts), rows.nbytes)


def ranges(runs: Sequence[Run], size_bytes: int) -> list[tuple[Key | None, Key | None]]:
    """Ranges of the key, in order, each of about so many bytes of rows; None is before the first and after the last."""
    every = sorted((first, run.size_bytes / len(run.firsts)) for run in runs for first in run.firsts)
    bounds: list[Key] = []
    weight = 0.0
    for first, block_bytes in every:
        if weight >= size_bytes and (not bounds or bounds[-1] < first):
            bounds.append(first)
            weight = 0.0
        weight += block_bytes
    return list(zip([None, *bounds], [*bounds, None], strict=True))


def within(keys: pa.Table, low: Key | None, high: Key | None) -> Array | None:
    """Which keys are in a range; None when all are without looking."""
    mask: Any = None if low is None else _is_at_least(keys, low)
    if high is not None:
        below = pc.invert(_is_at_least(keys, high))
        mask = below if mask is None else pc.and_(mask, below)
    return mask


def _is_at_least(keys: pa.Table, bound: Key) -> Array:
    result: Any = None
    for column, value in reversed(list(zip(keys.columns, bound, strict=True))):
        limit = pa.scalar(value, column.type)
        if result is None:
            result = pc.greater_equal(column, limit)
        else:
            result = pc.or_(pc.greater(column, limit), pc.and_(pc.equal(column, limit), result))
    return result
