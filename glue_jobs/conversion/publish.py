"""Staged files to where readers look.

Per batch: move the files under names that no earlier run used, register the partition, then delete what earlier runs
left in it. A failure before the last step takes the moved files back, so the partition is as it was.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from glue_jobs.conversion.accounting import StagedFile
from glue_jobs.conversion.faults import SPARK_ERRORS
from glue_jobs.conversion.storage import Storage
from sluice.errors import SluiceError
from sluice.handover import PublishedFile
from sluice.layout import Partition, ProcessedLayout

_LOGGER = logging.getLogger(__name__)
_FAILURES = (SluiceError, *SPARK_ERRORS)


class PartitionCatalog(Protocol):
    """What the conversion asks of the Data Catalog."""

    def locations(self, database: str, table: str, expression: str) -> dict[tuple[str, ...], str]:
        """Folder of each partition that satisfies an expression, by partition values."""

    def register(self, database: str, table: str, partitions: Mapping[tuple[str, ...], str]) -> None:
        """Make sure that partitions exist with these folders."""


@dataclass(frozen=True)
class Ready:
    """Staged files of one batch and table.

    Attributes:
        batch_id: The batch.
        partition: Its partition.
        table: Catalog table.
        files: The files; none where the partition becomes empty.
    """

    batch_id: str
    partition: Partition
    table: str
    files: tuple[StagedFile, ...]


@dataclass(frozen=True)
class Publisher:
    """Makes staged files visible.

    Attributes:
        storage: Where the files lie.
        catalog: The Data Catalog.
        database: Catalog database of the tables.
        layout: Folders of the processed bucket.
        run: Name of the run, part of every file's name.
    """

    storage: Storage
    catalog: PartitionCatalog
    database: str
    layout: ProcessedLayout
    run: str

    def publish(
        self, ready: Sequence[Ready]
    ) -> tuple[dict[str, dict[str, tuple[PublishedFile, ...]]], dict[str, Exception]]:
        """Publish tables of batches.

        Args:
            ready: Each batch and table once.

        Returns:
            The published files by batch and table, and the batches that could not be published with the error; nothing
            of those is left.
        """
        moved: dict[tuple[str, str], tuple[PublishedFile, ...]] = {}
        failed: dict[str, Exception] = {}
        results = self.storage.for_all(self._move, ready)
        for item, (files, error) in zip(ready, results, strict=True):
            moved[item.batch_id, item.table] = files
            if error is not None:
                failed[item.batch_id] = error
        for table in sorted({item.table for item in ready}):
            good = [item for item in ready if item.table == table and item.batch_id not in failed]
            error = self._register(table, good)
            if error is not None:
                failed |= {item.batch_id: error for item in good}
        self._take_back(files for (batch_id, _), files in moved.items() if batch_id in failed)
        kept = [item for item in ready if item.batch_id not in failed]
        self.storage.for_all(lambda item: self._delete_others(item, moved[item.batch_id, item.table]), kept)
        published: dict[str, dict[str, tuple[PublishedFile, ...]]] = {item.batch_id: {} for item in kept}
        for item in kept:
            published[item.batch_id][item.table] = moved[item.batch_id, item.table]
        return published, failed

    def _move(self, item: Ready) -> tuple[tuple[PublishedFile, ...], Exception | None]:
        folder = self.layout.partition(item.table, item.partition)
        moved: list[PublishedFile] = []
        try:
            for number, file in enumerate(item.files):
                target = f"{folder}/{self.run}-{number}.parquet"
                self.storage.move(file.url, target)
                moved.append(PublishedFile(target, file.size_bytes, sum(file.rows.values())))
        except _FAILURES as exc:
            return tuple(moved), exc
        return tuple(moved), None

    def _register(self, table: str, items: Iterable[Ready]) -> Exception | None:
        partitions = {item.partition.values: f"{self.layout.partition(table, item.partition)}/" for item in items}
        if not partitions:
            return None
        try:
            self.catalog.register(self.database, table, partitions)
        except SluiceError as exc:
            return exc
        return None

    def _take_back(self, groups: Iterable[tuple[PublishedFile, ...]]) -> None:
        for files in groups:
            for file in files:
                try:
                    self.storage.delete(file.url)
                except _FAILURES:
                    _LOGGER.exception("could not remove %s", file.url)

    def _delete_others(self, item: Ready, kept: tuple[PublishedFile, ...]) -> None:
        """Delete what earlier runs left; what cannot be deleted now the next conversion of the partition deletes."""
        names = {file.url for file in kept}
        for file in self.storage.files(self.layout.partition(item.table, item.partition)):
            if file.url not in names:
                self.storage.delete(file.url)
