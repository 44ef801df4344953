"""Which engine converts a run: a choice of time and money alone, which changes no row, no quarantine and no count."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from glue_jobs.conversion.one_batch import Result, Task
from glue_jobs.conversion.ports import OpenObjects
from glue_jobs.conversion.process import ProcessEngine
from sluice.contract import Contract


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


def choose(sizes: Iterable[int], spark_from_bytes: int) -> EngineName:
    """The engine for a run whose batches have these sizes in bytes.

    Args:
        sizes: Length of each batch's files.
        spark_from_bytes: From that sum on Spark distributes the run.
    """
    return EngineName.SPARK if sum(sizes) >= spark_from_bytes else EngineName.PROCESS
