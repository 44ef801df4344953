"""Rows of one batch and table to Parquet: the newest version of each row, sorted, in files of a bounded size."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from sluice.contract import Table

MEMORY_BYTES = 256 << 20
"""How many bytes of rows a writer holds before it spills, as Arrow counts them."""

Sink = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens a file of that name for writing; leaving the context normally keeps it, leaving by an exception does not."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A Parquet file.

    Attributes:
        name: Its name, as given to the sink.
        size_bytes: Its length.
        rows: Its rows by the source file that they came from.
    """

    name: str
    size_bytes: int
    rows: Mapping[str, int]


@dataclass(frozen=True)
class WrittenTable:
    """What was written for one batch and table.

    Attributes:
        files: The files; none when there is no row.
        duplicates: Rows left out for a newer one, by source file.
    """

    files: tuple[WrittenFile, ...]
    duplicates: Counter[str]


class TableWriter:
    """Writes the rows of one batch and table."""

    def __init__(self, table: Table, sink: Sink, *, scratch: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        """Write by a table's keys.

        Args:
            table: The contract's table.
            sink: Where files go; they are named ``part-00000.parquet`` and so on.
            scratch: Folder for what does not fit into memory; it is made when needed and emptied at the end.
            memory_bytes: How many bytes of rows to hold.
        """
        self.table, self.sink, self.scratch, self.memory_bytes = table, sink, scratch, memory_bytes

    def add(self, rows: pa.Table) -> None:
        """Take rows with the columns of `arrow.stored_schema`."""
        raise NotImplementedError

    def drop(self, source_file: str) -> None:
        """Forget the rows of a file, those that came and those that may come: it is not well-formed as a whole."""
        raise NotImplementedError

    def finish(self) -> WrittenTable:
        """Write what was taken."""
        raise NotImplementedError


class QuarantineWriter:
    """Writes the quarantined records of one batch, in the order in which they came."""

    def __init__(self, sink: Sink, *, scratch: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        """Write to a sink; the arguments are those of `TableWriter`."""
        self.sink, self.scratch, self.memory_bytes = sink, scratch, memory_bytes

    def add(self, rows: pa.Table) -> None:
        """Take rows with the columns of `arrow.QUARANTINE_SCHEMA`."""
        raise NotImplementedError

    def drop(self, source_file: str) -> None:
        """Forget the records that came from a file; the row that says why it is refused comes after them."""
        raise NotImplementedError

    def finish(self) -> WrittenTable:
        """Write what was taken."""
        raise NotImplementedError
