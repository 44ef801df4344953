"""One go at converting batches together: read, evaluate, count, write to staging, read back. Nothing is published."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from glue_jobs.conversion import schema
from glue_jobs.conversion.accounting import StagedTable, check_ratio
from glue_jobs.conversion.batches import Batch
from glue_jobs.conversion.faults import SPARK_ERRORS, is_of_file, root_cause
from glue_jobs.conversion.readers import InputFile, RecordReader
from glue_jobs.conversion.rows import RowBuilder
from glue_jobs.conversion.staging import Selection, Staging, tally
from glue_jobs.conversion.storage import Storage
from sluice.contract import Contract
from sluice.contract.shape import shape_of
from sluice.errors import SluiceError
from sluice.kernel.tally import FileTally


@dataclass(frozen=True)
class Staged:
    """What an attempt wrote.

    Attributes:
        tallies: What was read, by URL of the source file.
        failed: Batches of which more than allowed is quarantined.
        tables: What was written, by table (the quarantine among them) and batch.
    """

    tallies: Mapping[str, FileTally]
    failed: Mapping[str, SluiceError]
    tables: Mapping[str, Mapping[str, StagedTable]] = field(default_factory=dict)

    def of(self, batch_id: str) -> dict[str, StagedTable]:
        """What was written of one batch, by table."""
        return {name: batches.get(batch_id, StagedTable()) for name, batches in self.tables.items()}


class Converter:
    """Converts batches of one contract into staged files."""

    def __init__(
        self, spark: SparkSession, storage: Storage, contract: Contract, clock: Callable[[], datetime]
    ) -> None:
        """Convert by a contract.

        Args:
            spark: A configured session.
            storage: S3.
            contract: The contract.
            clock: Gives the time, with its time zone.
        """
        self._spark, self._storage, self._contract, self._clock = spark, storage, contract, clock
        shape = shape_of(contract)
        self._reader = RecordReader(spark, storage, contract, shape)
        self._rows = RowBuilder(contract, shape)

    def convert(self, batches: Iterable[Batch], unreadable: Mapping[str, str], folder: str) -> Staged:
        """Convert batches into staged files; raw files are read once.

        Args:
            batches: The batches.
            unreadable: Files that Spark cannot read, with the reason.
            folder: Where to write; nothing is there yet.
        """
        batches = tuple(batches)
        records = self._reader.read(_inputs(batches), unreadable)
        evaluated = self._rows.evaluate(records).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            return self._stage(evaluated, batches, Staging(self._spark, self._storage, folder))
        finally:
            evaluated.unpersist()

    def _stage(self, evaluated: DataFrame, batches: Iterable[Batch], staging: Staging) -> Staged:
        tallies = tally(evaluated, self._contract)
        for batch in batches:
            for file in batch.files:
                tallies.setdefault(file.url, FileTally())
        failed = {
            batch.batch_id: error for batch in batches if (error := self._ratio_error(batch, tallies)) is not None
        }
        broken = [url for url, found in tallies.items() if found.file_error is not None]
        names = [table.name for table in self._contract.tables]
        for table in self._contract.tables:
            staging.write_table(evaluated, table, Selection(failed, broken))
        if any(found.rejected for found in tallies.values()):
            staging.write_quarantine(evaluated, self._contract, Selection((), broken), self._clock())
            names.append(self._contract.quarantine_table)
        return Staged(tallies, failed, {name: staging.read_back(name) for name in names})

    def _ratio_error(self, batch: Batch, tallies: Mapping[str, FileTally]) -> SluiceError | None:
        try:
            check_ratio(self._contract, batch.files, tallies)
        except SluiceError as exc:
            return exc
        return None

    def unreadable_files(self, batches: Iterable[Batch]) -> dict[str, str]:
        """Read every file alone and give those whose own bytes break Spark's readers, with the reason.

        A file is among them only when two reads of it fail for the same cause, and that cause is certainly its own: a
        batch is never converted without a file for any other reason.
        """
        found = {}
        for item in _inputs(batches):
            fault = self._own_fault(item)
            if fault is not None and fault == self._own_fault(item):
                found[item.file.url] = f"file: not readable ({fault})"
        return found

    def _own_fault(self, item: InputFile) -> str | None:
        """What the file itself does to a reader; None when it can be read, or when something else went wrong."""
        try:
            self._reader.read([item]).select(schema.RECORD).write.format("noop").mode("overwrite").save()
        except SPARK_ERRORS as exc:
            return root_cause(exc) if is_of_file(exc) else None
        return None


def _inputs(batches: Iterable[Batch]) -> list[InputFile]:
    return [InputFile(batch.batch_id, file) for batch in batches for file in batch.files]
