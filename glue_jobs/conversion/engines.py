"""Which engine converts a run: a choice of time and money alone, which changes no row, no quarantine and no count.

What counts is the work in a run's raw files, not their length: a byte of XML is more work than one of CSV, and a byte
of a compressed file more than one of a plain file.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from glue_jobs.conversion.one_batch import Result, Task
from glue_jobs.conversion.ports import OpenObjects
from glue_jobs.conversion.process import ProcessEngine
from sluice.contract import Contract, JsonSource, ParquetSource, Source


class EngineName(StrEnum):
    """The engines, as outcomes, ledger and metrics call them."""

    PROCESS = "process"
    SPARK = "spark"


class Engine(Protocol):
    """Converts the batches of a run."""

    def convert(self, tasks: Sequence[Task]) -> Iterable[Result]:
        """Convert batches; each task gives one result, in no particular order.

        Raises:
            Exception: The engine itself failed; the batches share that fate.
        """


@dataclass(frozen=True)
class Engines:
    """Makes engines.

    Attributes:
        open_objects: Makes the door to S3, in this process or another one.
        spark: Makes the Spark engine; nothing of Spark is imported before it is called.
        scratch: Folder for files on their way; None for the machine's own.
    """

    open_objects: OpenObjects
    spark: Callable[[Contract, OpenObjects, datetime], Engine]
    scratch: Path | None = None

    def make(self, name: EngineName, contract: Contract, at: datetime) -> Engine:
        """The engine of that name.

        Args:
            name: Its name.
            contract: The contract of the run.
            at: Moment of the quarantine, with its time zone.
        """
        if name is EngineName.SPARK:
            return self.spark(contract, self.open_objects, at)
        return ProcessEngine(contract, self.open_objects, at, self.scratch)


_WORK = {"csv": 1, "json": 1, "xml": 6, "parquet": 30}
_RECORD_BY_RECORD = 2
"""JSON that is not in lines has no lane of its own."""
_PACKED = {"none": 1, "gzip": 4, "bzip2": 8}
"""Bytes of plain text in a byte of these, and the work to unpack them."""


def work_of_a_byte(source: Source) -> int:
    """How many bytes of plain CSV are about as much work as a byte of a source's raw files.

    Measured as CPU seconds of a whole conversion of TPC-H lineitem (60,175 rows) on two cores: plain CSV 26 ms per MiB
    (gzip 3.3 times that, bzip2 11), JSON lines 0.6 times that (gzip 4.6), an array 1.9, XML 5.6 (gzip 61), Parquet 34.
    """
    work = _WORK[source.format]
    if isinstance(source, JsonSource) and source.records != "lines":
        work *= _RECORD_BY_RECORD
    return work if isinstance(source, ParquetSource) else work * _PACKED[source.compression]


def choose(source: Source, sizes: Iterable[int], spark_from_bytes: int) -> EngineName:
    """The engine for a run whose batches have these sizes in bytes.

    Args:
        source: The form of the raw files.
        sizes: Length of each batch's files.
        spark_from_bytes: From that many bytes of plain CSV, or what is as much work, Spark distributes the run.
    """
    return EngineName.SPARK if sum(sizes) * work_of_a_byte(source) >= spark_from_bytes else EngineName.PROCESS
