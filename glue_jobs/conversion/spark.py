"""The engine of large runs: Spark distributes batches, and parts of large files, over its workers.

The kernel is the same as in the job's own process. A batch that one worker can hold is one task, from its raw files to
its Parquet files. Of a larger one each part of a file is a task that gives its rows, divided by their keys, to Spark's
shuffle; one more task for each share of the keys leaves older versions of a row out, sorts, and writes. What passes
through the shuffle are bytes of Arrow's: Spark sees neither columns nor types.

Tasks write under names that depend on the batch and the share alone, so that a task that is repeated, or runs twice at
once, writes the same objects. What no task reported is removed before anybody can see it.
"""

import logging
import pickle
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from glue_jobs.conversion.accounting import check_content
from glue_jobs.conversion.faults import Failure
from glue_jobs.conversion.one_batch import Converter, Result, Task, by_size, uploads
from glue_jobs.conversion.ports import ObjectsPort, OpenObjects
from sluice.contract import Contract, Table
from sluice.errors import SluiceError
from sluice.kernel.convert import Chunk
from sluice.kernel.newest import keys
from sluice.kernel.tally import FileTally
from sluice.kernel.write import QuarantineWriter, Sink, TableWriter, WrittenFile, WrittenTable
from sluice.lake.handover import SourceFile
from sluice.parallel import each

SHUFFLE_FROM_BYTES = 256 << 20
"""Batches from this size on are shared by several workers."""
SHARE_BYTES = 256 << 20
"""Raw bytes behind one share of a batch's keys, which becomes at least one file."""
MAX_SHARES = 1000
_THREADS = 16
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """When and how far a batch is divided; tests divide small ones.

    Attributes:
        shuffle_from_bytes: Batches from this size on are shared by several workers.
        share_bytes: Raw bytes behind one share of a batch's keys.
        max_shares: Most shares of a batch.
    """

    shuffle_from_bytes: int = SHUFFLE_FROM_BYTES
    share_bytes: int = SHARE_BYTES
    max_shares: int = MAX_SHARES

    def shares(self, size_bytes: int) -> int:
        """Into how many shares a batch of that size is divided."""
        return min(self.max_shares, max(1, -(-size_bytes // self.share_bytes)))


class SparkEngine:
    """Converts batches of one contract in Spark's workers."""

    def __init__(
        self,
        spark: SparkSession,
        contract: Contract,
        open_objects: OpenObjects,
        at: datetime,
        limits: Limits = Limits(),
    ) -> None:
        """Convert by a contract.

        Args:
            spark: The session.
            contract: The contract.
            open_objects: Makes the door to S3 in whatever process calls it; it must be picklable.
            at: Moment of the quarantine, with its time zone.
            limits: When and how far a batch is divided.
        """
        self._context = spark.sparkContext
        self._worker = _Worker(contract, open_objects, at)
        self._limits = limits

    def convert(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """Convert batches; each task gives one result, in no particular order.

        Raises:
            Exception: Spark gave up on a task: its worker was lost again and again, or ran out of memory.
        """
        small, large = by_size(tasks, self._limits.shuffle_from_bytes)
        results: list[Result] = []
        if small:
            # The largest first, so that none of them is begun when everything else is done.
            ordered = sorted(small, key=lambda task: -task.size_bytes)
            results += self._context.parallelize(ordered, len(ordered)).map(self._worker.whole).collect()
        if large:
            results += self._shared(large)
        self._remove_strays({task.batch_id: task for task in tasks}, results)
        yield from results

    def _shared(self, tasks: Sequence[Task]) -> list[Result]:
        plan = Plan.make(self._worker.contract, tasks, self._limits)
        parts: list[Part] = []
        failed: list[Result] = []
        converter = self._worker.converter(Path())
        for task in tasks:
            try:
                found = [(file, part) for file in task.files for part in converter.parts(task.batch_id, file)]
            except Exception as exc:  # noqa: BLE001 - one batch's failure is no other batch's
                failed.append(Result.failed(task.batch_id, exc))
                continue
            parts += [Part(task.batch_id, file, raw.start, raw.end, number) for number, (file, raw) in enumerate(found)]
        pieces: list[Piece] = []
        if parts:
            pieces = (
                self._context.parallelize(parts, len(parts))
                .flatMap(partial(self._worker.part, plan))
                .partitionBy(len(plan.shares) + 1, _as_it_is)
                .mapPartitionsWithIndex(partial(self._worker.share, plan))
                .collect()
            )
        lost = {result.batch_id for result in failed}
        return failed + [_joined(self._worker.contract, task, pieces) for task in tasks if task.batch_id not in lost]

    def _remove_strays(self, tasks: Mapping[str, Task], results: Iterable[Result]) -> None:
        """Remove what a task wrote that was given up or repeated otherwise; readers see all that is in a folder."""
        objects = self._worker.open_objects()

        def strays(item: tuple[str, WrittenTable]) -> list[str]:
            folder, written = item
            reported = {f"{folder}/{file.name}" for file in written.files}
            return [found.url for found in objects.listed(folder) if found.url not in reported]

        places = [
            (tasks[result.batch_id].folders[name], written)
            for result in results
            for name, written in result.tables.items()
        ]
        urls = [url for found in each(strays, places, _THREADS) for url in found]
        if urls:
            _LOGGER.warning("removed %d objects that no task reported", len(urls))
            objects.remove_all(urls)


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a batch's rows of one table; it is written by one task.

    Attributes:
        batch_id: The batch.
        table: The table, or the quarantine.
        number: Its number among the shares of the table.
        folder: Where its files go.
    """

    batch_id: str
    table: str
    number: int
    folder: str

    def rename(self, name: str) -> str:
        """The name of a file that is unique among those of all shares: ``part-00003.00000.parquet``."""
        return f"part-{self.number:05}.{name.removeprefix('part-')}"


@dataclass(frozen=True)
class Plan:
    """All shares of a run; a share's place in the list is the number of its partition in the shuffle.

    Attributes:
        shares: The shares.
        places: Places of the shares of each batch and table.
    """

    shares: tuple[Share, ...]
    places: Mapping[tuple[str, str], range]

    @classmethod
    def make(cls, contract: Contract, tasks: Sequence[Task], limits: Limits) -> "Plan":
        """Plan shares for batches.

        Args:
            contract: The contract.
            tasks: The batches.
            limits: How far they are divided.
        """
        shares: list[Share] = []
        places: dict[tuple[str, str], range] = {}
        for task in tasks:
            count = limits.shares(task.size_bytes)
            for table, number in [*((table.name, count) for table in contract.tables), (contract.quarantine_table, 1)]:
                places[task.batch_id, table] = range(len(shares), len(shares) + number)
                shares += [Share(task.batch_id, table, index, task.folders[table]) for index in range(number)]
        return cls(tuple(shares), places)

    @property
    def books(self) -> int:
        """The partition for what is not a row: counts and failures."""
        return len(self.shares)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a raw file.

    Attributes:
        batch_id: The batch.
        file: The file.
        start, end: Bytes of the part, as `kernel.convert.RawFile` has them.
        number: Its number among the parts of the batch.
    """

    batch_id: str
    file: SourceFile
    start: int
    end: int | None
    number: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that a task reports: a count, a written share, or a failure.

    Attributes:
        batch_id: The batch.
        tally: Counts of a part of a file, with the file's URL.
        written: A share that was written, with its table.
        failure: Why the batch cannot be converted.
    """

    batch_id: str
    tally: tuple[str, FileTally] | None = None
    written: tuple[str, WrittenTable] | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class _Rows:
    """What passes through the shuffle: rows as Arrow's bytes, or the news that a file is void.

    Attributes:
        order: Number of the part and of the chunk in it.
        source_file: URL of the raw file.
        content: The rows.
        is_void: Whether all other rows of the file are to be forgotten.
    """

    order: tuple[int, int]
    source_file: str
    content: bytes = field(repr=False)
    is_void: bool = False


@dataclass(frozen=True)
class _Worker:
    """What runs in Spark's workers."""

    contract: Contract
    open_objects: OpenObjects
    at: datetime

    def converter(self, scratch: Path) -> Converter:
        return Converter(self.contract, self.open_objects(), self.at, scratch)

    def whole(self, task: Task) -> Result:
        """Convert a batch in one task."""
        with TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True) as folder:
            return self.converter(Path(folder)).convert(task)

    def part(self, plan: Plan, part: Part) -> Iterator[tuple[int, bytes]]:
        """Rows of a part of a file by their shares, and its counts."""
        try:
            for number, chunk in enumerate(self.converter(Path()).read(part.batch_id, part.file, part.start, part.end)):
                yield from self._divided(plan, part, number, chunk)
        except Exception as exc:  # noqa: BLE001 - one batch's failure is no other batch's
            failure = Result.failed(part.batch_id, exc).failure
            yield plan.books, pickle.dumps(Piece(part.batch_id, failure=failure))

    def _divided(self, plan: Plan, part: Part, number: int, chunk: Chunk) -> Iterator[tuple[int, bytes]]:
        order = (part.number, number)
        yield plan.books, pickle.dumps(Piece(part.batch_id, tally=(chunk.source_file, chunk.tally)))
        for table in self.contract.tables:
            places = plan.places[part.batch_id, table.name]
            if chunk.voids_the_file:
                for place in places:
                    yield place, pickle.dumps(_Rows(order, chunk.source_file, b"", is_void=True))
                continue
            for place, rows in zip(places, divided(table, chunk.tables[table.name], places, part.number), strict=True):
                if rows.num_rows:
                    yield place, pickle.dumps(_Rows(order, chunk.source_file, _to_bytes(rows)))
        if chunk.quarantine.num_rows:
            (place,) = plan.places[part.batch_id, self.contract.quarantine_table]
            content = _to_bytes(chunk.quarantine)
            yield place, pickle.dumps(_Rows(order, chunk.source_file, content, chunk.voids_the_file))

    def share(self, plan: Plan, place: int, items: Iterable[tuple[int, bytes]]) -> Iterator[Piece]:
        """Write a share, or pass on what is not a row."""
        if place == plan.books:
            yield from (pickle.loads(content) for _, content in items)  # noqa: S301 - our own task wrote it
            return
        share = plan.shares[place]
        try:
            with TemporaryDirectory(prefix="sluice-", ignore_cleanup_errors=True) as folder:
                rows = (pickle.loads(content) for _, content in items)  # noqa: S301
                written = self._write(share, rows, self.open_objects(), Path(folder))
        except Exception as exc:  # noqa: BLE001 - one batch's failure is no other batch's
            yield Piece(share.batch_id, failure=Result.failed(share.batch_id, exc).failure)
            return
        files = tuple(WrittenFile(share.rename(file.name), file.size_bytes, file.rows) for file in written.files)
        yield Piece(share.batch_id, written=(share.table, WrittenTable(files, written.duplicates)))

    def _write(self, share: Share, items: Iterable[_Rows], objects: ObjectsPort, scratch: Path) -> WrittenTable:
        sink = uploads(objects, share.folder, scratch, share.rename)
        if share.table == self.contract.quarantine_table:
            return _write_quarantine(sink, items, scratch / "spill")
        (table,) = (table for table in self.contract.tables if table.name == share.table)
        writer = TableWriter(table, sink, scratch=scratch / "spill")
        for item in items:
            if item.is_void:
                writer.drop(item.source_file)
            else:
                writer.add(_from_bytes(item.content))
        return writer.finish()


def _write_quarantine(sink: Sink, items: Iterable[_Rows], scratch: Path) -> WrittenTable:
    """Write quarantined records; of a file that is void, one of the rows that say so, whatever came when."""
    writer = QuarantineWriter(sink, scratch=scratch)
    void: dict[str, _Rows] = {}
    for item in items:
        if item.is_void:
            known = void.get(item.source_file)
            if known is None:
                writer.drop(item.source_file)
            if known is None or item.order < known.order:
                void[item.source_file] = item
        elif item.source_file not in void:
            writer.add(_from_bytes(item.content))
    for _, item in sorted(void.items()):
        writer.add(_from_bytes(item.content))
    return writer.finish()


def divided(table: Table, rows: pa.Table, places: range, part: int) -> list[pa.Table]:
    """Rows by shares: those of one key together, and those of a table without a key by the part that they came in.

    Args:
        table: The table.
        rows: Its rows.
        places: One for each share.
        part: Number of the part.
    """
    count = len(places)
    if count == 1:
        return [rows]
    if not table.primary_key:
        return [rows if index == part % count else rows.slice(0, 0) for index in range(count)]
    texts = [_text(column) for column in keys(table, rows).columns]
    key = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "\x1f")
    numbers = pa.array((zlib.crc32(value.encode()) % count for value in key.to_pylist()), pa.int16())
    return [rows.filter(pc.equal(numbers, pa.scalar(index, pa.int16()))) for index in range(count)]


def _text(column: Any) -> Any:  # noqa: ANN401 - Arrow's stubs have no type for all of its columns
    """A key column as text: values that are equal have equal texts."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_floating(column.type):
        column = pc.add(column, 0.0)  # makes 0 of -0
    return column.cast(pa.string())


def _to_bytes(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _from_bytes(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


def _as_it_is(place: int) -> int:
    return place


def _joined(contract: Contract, task: Task, pieces: Iterable[Piece]) -> Result:
    """The result of a batch from what its tasks reported."""
    mine = [piece for piece in pieces if piece.batch_id == task.batch_id]
    for piece in mine:
        if piece.failure is not None:
            return Result(task.batch_id, {}, {}, piece.failure)
    tallies = {file.url: FileTally() for file in task.files}
    for piece in mine:
        if piece.tally is not None:
            tallies[piece.tally[0]].merge(piece.tally[1])
    written = sorted((piece.written for piece in mine if piece.written is not None), key=itemgetter(0))
    tables = {name: _sum(table for _, table in found) for name, found in groupby(written, itemgetter(0))}
    try:
        check_content(contract, task.files, tallies)
    except SluiceError as exc:
        quarantine = {contract.quarantine_table: tables[contract.quarantine_table]}
        return Result(task.batch_id, tallies, quarantine, Failure.of(exc))
    return Result(task.batch_id, tallies, tables)


def _sum(tables: Iterable[WrittenTable]) -> WrittenTable:
    """The shares of a table as one, files in the order of their names."""
    found = list(tables)
    files = sorted((file for table in found for file in table.files), key=lambda file: file.name)
    duplicates = found[0].duplicates.copy()
    for table in found[1:]:
        duplicates.update(table.duplicates)
    return WrittenTable(tuple(files), duplicates)
