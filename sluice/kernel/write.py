"""Rows of one batch and table to Parquet: the newest version of each row, in order, in files of a bounded size.

What fits into memory is ordered and written in one pass. Where it does not, runs go to a scratch folder (see `spill`),
and each range of the key that is read back becomes a part of a file. So memory is bounded whatever a batch weighs.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.contract import SOURCE_FILE, Table
from sluice.errors import AccountingError
from sluice.kernel.arrow import pc
from sluice.kernel.newest import by_source, in_order, keys, newest
from sluice.kernel.spill import Key, Run, ranges, within, write_run

MEMORY_BYTES = 128 << 20
"""How many bytes of rows a writer holds before it spills, as Arrow counts them; it needs about three times as much."""

ROW_GROUP_BYTES = 128 << 20
"""About the largest row group, as Arrow counts its bytes.

Source: https://docs.aws.amazon.com/athena/latest/ug/performance-tuning-data-optimization-techniques.html
"""

FILE_BYTES = 512 << 20
"""A file that has grown to this length is followed by another one."""

COMPRESSION: Literal["zstd"] = "zstd"

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


class _Writer:
    """Takes rows and writes them; what is dropped or left out is for subclasses to say."""

    source = SOURCE_FILE

    def __init__(self, sink: Sink, scratch: Path, memory_bytes: int) -> None:
        self._files = _Files(sink, self.source)
        self._scratch, self._memory_bytes = scratch, memory_bytes
        self._held: list[pa.Table] = []
        self._held_bytes = 0
        self._runs: list[Run] = []
        self._dropped: set[str] = set()

    def add(self, rows: pa.Table) -> None:
        """Take rows."""
        if rows.num_rows:
            self._held.append(rows)
            self._held_bytes += rows.nbytes
            if self._held_bytes > self._memory_bytes:
                self._spill()

    def drop(self, source_file: str) -> None:
        """Forget the rows of a file, those that came and those that may come: it is not well-formed as a whole."""
        self._dropped.add(source_file)

    def finish(self) -> WrittenTable:
        """Write what was taken.

        Raises:
            AccountingError: A file has another number of rows than was written to it.
        """
        duplicates: Counter[str] = Counter()
        with self._files:
            if self._runs:
                self._spill()
            try:
                for rows, left_out in self._parts():
                    duplicates.update(left_out)
                    self._files.write(rows)
            finally:
                for run in self._runs:
                    run.path.unlink()
        return WrittenTable(tuple(self._files.written), duplicates)

    def _take_held(self) -> pa.Table | None:
        held = [rows for rows in map(self._kept, self._held) if rows.num_rows]
        self._held, self._held_bytes = [], 0
        return pa.concat_tables(held).unify_dictionaries().combine_chunks() if held else None

    def _kept(self, rows: pa.Table) -> pa.Table:
        if not self._dropped:
            return rows
        dropped = pa.array(sorted(self._dropped), pa.string())
        return rows.filter(pc.invert(pc.is_in(rows[self.source].cast(pa.string()), dropped)))

    def _spill(self) -> None:
        rows = self._take_held()
        if rows is None:
            return
        self._scratch.mkdir(parents=True, exist_ok=True)
        path = self._scratch / f"run-{len(self._runs):05}.arrow"
        self._runs.append(self._run(path, rows))

    def _run(self, path: Path, rows: pa.Table) -> Run:
        return write_run(path, rows, None)

    def _parts(self) -> Iterator[tuple[pa.Table, Counter[str]]]:
        """What to write, part by part, and what each part leaves out."""
        held = self._take_held()
        if held is not None:
            yield self._finished(held)
        for run in self._runs:
            rows = [kept for kept in map(self._kept, run.blocks()) if kept.num_rows]
            if rows:
                yield self._finished(pa.concat_tables(rows).combine_chunks())

    def _finished(self, rows: pa.Table) -> tuple[pa.Table, Counter[str]]:
        return rows, Counter()


class TableWriter(_Writer):
    """Writes the rows of one batch and table, each in its newest version (see `newest`), ordered by `sort_key`."""

    def __init__(self, table: Table, sink: Sink, *, scratch: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        """Write by a table's keys.

        Args:
            table: The contract's table.
            sink: Where files go; they are named ``part-00000.parquet`` and so on.
            scratch: A folder of this writer's own for what does not fit into memory; it is made when needed, and its
                files are removed at the end.
            memory_bytes: How many bytes of rows to hold.
        """
        super().__init__(sink, scratch, memory_bytes)
        self._table = table
        self._order = table.redshift.sort_key or table.primary_key

    def _run(self, path: Path, rows: pa.Table) -> Run:
        if not self._table.primary_key:
            return super()._run(path, rows)
        found = keys(self._table, rows)
        order = pc.sort_indices(found, sort_keys=[(name, "ascending") for name in self._table.primary_key])
        return write_run(path, rows.take(order).combine_chunks(), found.take(order))

    def _parts(self) -> Iterator[tuple[pa.Table, Counter[str]]]:
        if not self._table.primary_key or not self._runs:
            yield from super()._parts()
            return
        for low, high in ranges(self._runs, self._memory_bytes // 2):
            yield self._range(low, high)

    def _range(self, low: Key | None, high: Key | None) -> tuple[pa.Table, Counter[str]]:
        """The rows of a range of the key; versions are left out on the way, so that many of one key do no harm."""
        duplicates: Counter[str] = Counter()
        found: list[pa.Table] = []
        size = 0
        for rows in self._blocks(low, high):
            found.append(rows)
            size += rows.nbytes
            if size > self._memory_bytes:
                best, left_out = newest(self._table, pa.concat_tables(found).unify_dictionaries().combine_chunks())
                duplicates.update(left_out)
                found, size = [best], best.nbytes
        if not found:
            return self._runs_schema().empty_table(), duplicates
        best, left_out = self._finished(pa.concat_tables(found).unify_dictionaries().combine_chunks())
        duplicates.update(left_out)
        return best, duplicates

    def _blocks(self, low: Key | None, high: Key | None) -> Iterator[pa.Table]:
        for run in self._runs:
            for block in run.blocks(low, high):
                mask = within(keys(self._table, block), low, high)
                rows = self._kept(block if mask is None else block.filter(mask))
                if rows.num_rows:
                    yield rows

    def _runs_schema(self) -> pa.Schema:
        with pa.OSFile(str(self._runs[0].path), "rb") as file:
            return pa.ipc.open_file(file).schema

    def _finished(self, rows: pa.Table) -> tuple[pa.Table, Counter[str]]:
        if not self._table.primary_key:
            return in_order(rows, self._order), Counter()
        best, left_out = newest(self._table, rows)
        return (best if self._order == self._table.primary_key else in_order(best, self._order)), left_out


class QuarantineWriter(_Writer):
    """Writes the quarantined records of one batch, in the order in which they came."""

    source = "source_file"

    def __init__(self, sink: Sink, *, scratch: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        """Write to a sink; the arguments are those of `TableWriter`."""
        super().__init__(sink, scratch, memory_bytes)

    def _kept(self, rows: pa.Table) -> pa.Table:
        """Of a dropped file the row that says why it is refused stays."""
        if not self._dropped:
            return rows
        is_dropped = pc.is_in(rows[self.source], pa.array(sorted(self._dropped), pa.string()))
        return rows.filter(pc.or_(pc.invert(is_dropped), pc.equal(rows["kind"], "file")))


class _Files:
    """The Parquet files of one table: the next one begins where one has grown long."""

    def __init__(self, sink: Sink, source: str) -> None:
        self._sink, self._source = sink, source
        self.written: list[WrittenFile] = []
        self._open: _OpenFile | None = None
        self._stack = ExitStack()

    def write(self, rows: pa.Table) -> None:
        """Write rows as row groups of their own."""
        if not rows.num_rows:
            return
        if self._open is None:
            name = f"part-{len(self.written):05}.parquet"
            self._open = _OpenFile(name, self._stack.enter_context(self._sink(name)), rows.schema)
        self._open.write(rows, by_source(rows, self._source))
        if self._open.size_bytes >= FILE_BYTES:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self.written.append(self._open.close())
            self._open = None
        self._stack.close()

    def __enter__(self) -> None:
        self._stack = ExitStack()

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self._close()
        else:
            self._stack.__exit__(*exception)  # type: ignore[arg-type]


class _OpenFile:
    """One Parquet file that is being written."""

    def __init__(self, name: str, file: BinaryIO, schema: pa.Schema) -> None:
        self._name, self._stream = name, _Counted(file)
        self._footers: list[pq.FileMetaData] = []
        self._rows: Counter[str] = Counter()
        self._writer = pq.ParquetWriter(
            cast("BinaryIO", self._stream),
            schema,
            version="1.0",
            compression=COMPRESSION,
            store_schema=False,
            store_decimal_as_integer=True,
            metadata_collector=self._footers,
        )

    @property
    def size_bytes(self) -> int:
        """How much was written."""
        return self._stream.written

    def write(self, rows: pa.Table, sources: Counter[str]) -> None:
        """Write rows that came from these source files."""
        groups = max(-(-rows.nbytes // ROW_GROUP_BYTES), 1)
        self._writer.write_table(rows, row_group_size=-(-rows.num_rows // groups))
        self._rows.update(sources)

    def close(self) -> WrittenFile:
        """Write the footer, and hold it to the books."""
        self._writer.close()
        [footer] = self._footers
        if footer.num_rows != self._rows.total():
            raise AccountingError(f"{self._name}: {footer.num_rows} rows of {self._rows.total()} are in the file")
        return WrittenFile(self._name, self._stream.written, dict(self._rows))


class _Counted(io.RawIOBase):
    """A file that knows how much was written to it, and that is closed by who opened it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.written = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How much was written."""
        return self.written

    def write(self, content: Any) -> int:  # noqa: ANN401 - any buffer
        """Write a buffer."""
        self._file.write(content)
        self.written += len(content)
        return len(content)
