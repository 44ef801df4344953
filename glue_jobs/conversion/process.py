"""The engine of small runs: the kernel in the job's own process, on all cores, without a Spark session."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from glue_jobs.conversion.one_batch import Converter, Result, Task, by_size
from glue_jobs.conversion.ports import OpenObjects
from sluice.contract import Contract
from sluice.logs import in_context

SMALL_BYTES = 16 << 20
"""Batches below this size are converted several at a time, each in one thread; larger ones one after the other, with
several parts of their files at a time, so that memory is bounded by one batch's."""
_WAITING_THREADS = 4
"""Threads per core for small batches: each waits for S3 most of its time."""


class ProcessEngine:
    """Converts batches of one contract in this process.

    pyarrow gives the other threads their turn while it works; what runs in plain Python does not, which is the part of
    a file that is not proven good column by column.
    """

    def __init__(self, contract: Contract, open_objects: OpenObjects, at: datetime, scratch: Path | None) -> None:
        """Convert by a contract.

        Args:
            contract: The contract.
            open_objects: Makes the door to S3.
            at: Moment of the quarantine, with its time zone.
            scratch: Folder for files on their way; None for the machine's own.
        """
        self._contract, self._objects, self._at, self._scratch = contract, open_objects(), at, scratch

    def convert(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """Convert batches; each task gives one result, in no particular order."""
        small, large = by_size(tasks, SMALL_BYTES)
        cores = os.cpu_count() or 1
        with TemporaryDirectory(dir=self._scratch, prefix="sluice-", ignore_cleanup_errors=True) as folder:
            if small:
                one = Converter(self._contract, self._objects, self._at, Path(folder))
                with ThreadPoolExecutor(min(len(small), cores * _WAITING_THREADS)) as pool:
                    yield from pool.map(in_context(one.convert), small)
            if large:
                many = Converter(self._contract, self._objects, self._at, Path(folder), threads=cores)
                yield from map(many.convert, large)
