"""One batch from its raw files to Parquet in the run's folders. Nothing of it is visible before the run switches.

The same code converts in the job's own process and inside a task of Spark.
"""

import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import BinaryIO, cast

from glue_jobs.conversion.accounting import check_content
from glue_jobs.conversion.faults import Failure
from glue_jobs.conversion.ports import ObjectsPort
from glue_jobs.conversion.prefetch import in_order
from sluice.contract import Contract
from sluice.errors import SluiceError
from sluice.kernel.convert import Chunk, Kernel, RawFile
from sluice.kernel.splits import splits
from sluice.kernel.tally import FileTally
from sluice.kernel.write import QuarantineWriter, Sink, TableWriter, WrittenTable
from sluice.lake.handover import SourceFile

SPLIT_FROM_BYTES = 64 << 20
"""Files that are at least twice as long are read in parts of about this length."""
BUFFER_BYTES = 1 << 20
"""What a reader of a raw file asks of its stream at once."""
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """A batch to convert.

    Attributes:
        batch_id: The batch.
        files: Its raw files.
        folders: Where the files of each table of the contract go, the quarantine's among them; nothing is there yet.
    """

    batch_id: str
    files: tuple[SourceFile, ...]
    folders: Mapping[str, str]

    @property
    def size_bytes(self) -> int:
        """Length of all files."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True)
class Result:
    """What became of a batch.

    Attributes:
        batch_id: The batch.
        tallies: What was read, by URL of the raw file.
        tables: What was written, by table; of a batch with a failure the quarantine at most.
        failure: Why the batch is not published; its quarantine is, where it was written.
    """

    batch_id: str
    tallies: Mapping[str, FileTally]
    tables: Mapping[str, WrittenTable]
    failure: Failure | None = None

    @classmethod
    def failed(cls, batch_id: str, exc: Exception) -> "Result":
        """The result of a batch whose conversion ended by an exception, which is logged without its text."""
        if not isinstance(exc, SluiceError):
            _LOGGER.error("batch %s: %s at %s", batch_id, type(exc).__name__, _place(exc))
        return cls(batch_id, {}, {}, Failure.of(exc))


class Converter:
    """Converts batches of one contract."""

    def __init__(
        self, contract: Contract, objects: ObjectsPort, at: datetime, scratch: Path, *, threads: int = 1
    ) -> None:
        """Convert by a contract.

        Args:
            contract: The contract.
            objects: The door to S3.
            at: Moment of the quarantine, with its time zone.
            scratch: Folder for files on their way.
            threads: How many parts of a batch's files are read at the same time.
        """
        self._contract, self._objects, self._scratch, self._threads = contract, objects, scratch, threads
        self._kernel = Kernel(contract, at)

    def convert(self, task: Task) -> Result:
        """Convert a batch: its files are read once and its tables written once.

        Never raises: a failure is part of the result.
        """
        try:
            with TemporaryDirectory(dir=self._scratch, ignore_cleanup_errors=True) as folder:
                return self._convert(task, Path(folder))
        except Exception as exc:  # noqa: BLE001 - one batch's failure is no other batch's
            return Result.failed(task.batch_id, exc)

    def read(self, batch_id: str, file: SourceFile, start: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """The chunks of a raw file, or of a part of it.

        Raises:
            Exception: The stream failed.
        """
        yield from self._kernel.read(replace(self._whole(batch_id, file), start=start, end=end))

    def parts(self, batch_id: str, file: SourceFile) -> list[RawFile]:
        """A file as the parts that it is read in.

        Raises:
            Exception: The stream failed.
        """
        whole = self._whole(batch_id, file)
        if file.size_bytes < 2 * SPLIT_FROM_BYTES:
            return [whole]
        return splits(self._contract, whole, SPLIT_FROM_BYTES)

    def _whole(self, batch_id: str, file: SourceFile) -> RawFile:
        def stream() -> BinaryIO:
            return io.BufferedReader(self._objects.open(file), BUFFER_BYTES)

        return RawFile(file.url, batch_id, file.size_bytes, stream)

    def writers(self, folders: Mapping[str, str], scratch: Path) -> "Writers":
        """What writes the tables of a batch."""
        return Writers(self._contract, self._objects, folders, scratch)

    def _convert(self, task: Task, scratch: Path) -> Result:
        tallies = {file.url: FileTally() for file in task.files}
        writers = self.writers(task.folders, scratch)
        reads: list[Callable[[], Iterator[Chunk]]] = [
            partial(self.read, task.batch_id, file, part.start, part.end)
            for file in task.files
            for part in self.parts(task.batch_id, file)
        ]
        for chunk in in_order(reads, self._threads):
            is_void = tallies[chunk.source_file].file_error is not None
            tallies[chunk.source_file].merge(chunk.tally)
            if not is_void:
                writers.add(chunk)
        failure = None
        try:
            check_content(self._contract, task.files, tallies)
        except SluiceError as exc:
            failure = Failure.of(exc)
        return Result(task.batch_id, tallies, writers.finish(is_refused=failure is not None), failure)


class Writers:
    """Writes all tables of one batch, or some of them, below their folders."""

    def __init__(self, contract: Contract, objects: ObjectsPort, folders: Mapping[str, str], scratch: Path) -> None:
        """Write by a contract.

        Args:
            contract: The contract.
            objects: The door to S3.
            folders: Where each table's files go.
            scratch: Folder for files on their way.
        """
        self._quarantine_name = contract.quarantine_table
        self._tables = {
            table.name: TableWriter(
                table, uploads(objects, folders[table.name], scratch), scratch=scratch / f"{table.name}.spill"
            )
            for table in contract.tables
        }
        self._quarantine = QuarantineWriter(
            uploads(objects, folders[self._quarantine_name], scratch), scratch=scratch / "quarantine.spill"
        )

    def add(self, chunk: Chunk) -> None:
        """Take a chunk of a file that nothing has voided before."""
        if chunk.voids_the_file:
            for writer in self._tables.values():
                writer.drop(chunk.source_file)
            self._quarantine.drop(chunk.source_file)
        else:
            for name, rows in chunk.tables.items():
                if rows.num_rows:
                    self._tables[name].add(rows)
        if chunk.quarantine.num_rows:
            self._quarantine.add(chunk.quarantine)

    def finish(self, *, is_refused: bool) -> dict[str, WrittenTable]:
        """Write what was taken; of a batch that is refused, the quarantine alone."""
        tables = {} if is_refused else {name: writer.finish() for name, writer in self._tables.items()}
        return tables | {self._quarantine_name: self._quarantine.finish()}


def uploads(objects: ObjectsPort, folder: str, scratch: Path, rename: Callable[[str], str] = str) -> Sink:
    """A sink whose files become objects of a folder.

    Args:
        objects: The door to S3.
        folder: Where they go.
        scratch: Where they lie until they are whole.
        rename: Gives the object's name for the name that a writer chose.
    """

    @contextmanager
    def sink(name: str) -> Iterator[BinaryIO]:
        scratch.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=scratch, suffix=".parquet") as file:
            yield cast("BinaryIO", file)
            file.flush()
            objects.upload(Path(file.name), f"{folder}/{rename(name)}")

    return sink


def _place(exc: BaseException) -> str:
    """File and line of each frame, outermost first; not the exception's text, which may hold values of the input."""
    places = []
    frame = exc.__traceback__
    while frame is not None:
        places.append(f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}")
        frame = frame.tb_next
    return " > ".join(places)


def by_size(tasks: Sequence[Task], limit_bytes: int) -> tuple[list[Task], list[Task]]:
    """Small and large batches."""
    small = [task for task in tasks if task.size_bytes < limit_bytes]
    large = [task for task in tasks if task.size_bytes >= limit_bytes]
    return small, large
