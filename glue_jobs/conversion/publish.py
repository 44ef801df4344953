"""Staged files to where readers look.

Per batch: write down which files come in place of which, move the new ones under names that no earlier run used,
register the partition, then delete what earlier runs left in it. A failure before the last step takes the moved files
back, so the partition is as it was. When the run dies, whoever books its end does the same by what was written down
(see `lambda_trigger.publications`), or deletes the rest of the old files if that had begun.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from glue_jobs.conversion.accounting import StagedFile
from glue_jobs.conversion.faults import SPARK_ERRORS
from sluice.errors import SluiceError
from sluice.handover import Publication, PublishedFile, Replacement
from sluice.layout import Partition, ProcessedLayout

_LOGGER = logging.getLogger(__name__)
_FAILURES = (SluiceError, *SPARK_ERRORS)
Step = dict[str, dict[str, Replacement]]
"""For each batch, its replacements by table."""


class HasUrl(Protocol):
    """A file of a listing."""

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""


_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Files(Protocol):
    """The part of `glue_jobs.conversion.storage.Storage` that publishing uses; see there."""

    def status(self, url: str) -> object | None:
        """What the store says of a file; None when it is not there."""

    def read_text(self, url: str) -> str:
        """Content of a small file."""

    def write_text(self, url: str, text: str) -> None:
        """Write a small file."""

    def files(self, folder: str) -> Sequence[HasUrl]:
        """Files of a folder."""

    def move(self, source: str, target: str) -> None:
        """Give a file another name."""

    def delete(self, url: str) -> None:
        """Remove a file; nothing happens when it is not there."""

    def for_all(self, work: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
        """Do something for many files at a time; the results in the order of the items."""


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
        claim_id: The claim that the run works for.
        run: Name of the run, part of every file's name.
    """

    storage: Files
    catalog: PartitionCatalog
    database: str
    layout: ProcessedLayout
    claim_id: str
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
        before = self._steps()
        replacements = self._replacements(ready)
        self._write_down((*before, replacements))
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
        stuck = {name: replacements[name] for name in sorted(failed) if not self._take_back(replacements[name])}
        kept = [item for item in ready if item.batch_id not in failed]
        old = (url for item in kept for url in replacements[item.batch_id][item.table].old)
        self.storage.for_all(self.storage.delete, old)
        self._write_down((*before, stuck))
        published: dict[str, dict[str, tuple[PublishedFile, ...]]] = {item.batch_id: {} for item in kept}
        for item in kept:
            published[item.batch_id][item.table] = moved[item.batch_id, item.table]
        return published, failed

    def _steps(self) -> tuple[Step, ...]:
        """What earlier parts of the claim's work left; a run publishes more than once when its batches go alone."""
        url = self.layout.run_publication(self.claim_id)
        return () if self.storage.status(url) is None else Publication.from_json(self.storage.read_text(url)).steps

    def _write_down(self, steps: Iterable[Step]) -> None:
        """Keep what is not settled where the end of the run is booked."""
        publication = Publication(tuple(step for step in steps if step))
        self.storage.write_text(self.layout.run_publication(self.claim_id), publication.to_json())

    def _replacements(self, ready: Sequence[Ready]) -> Step:
        replacements: Step = {item.batch_id: {} for item in ready}
        for item, replacement in zip(ready, self.storage.for_all(self._replacement, ready), strict=True):
            replacements[item.batch_id][item.table] = replacement
        return replacements

    def _replacement(self, item: Ready) -> Replacement:
        old = sorted(file.url for file in self.storage.files(self._folder(item)))
        return Replacement(tuple(self._target(item, number) for number in range(len(item.files))), tuple(old))

    def _folder(self, item: Ready) -> str:
        return self.layout.partition(item.table, item.partition)

    def _target(self, item: Ready, number: int) -> str:
        return f"{self._folder(item)}/{self.run}-{number}.parquet"

    def _move(self, item: Ready) -> tuple[tuple[PublishedFile, ...], Exception | None]:
        moved: list[PublishedFile] = []
        try:
            for number, file in enumerate(item.files):
                target = self._target(item, number)
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

    def _take_back(self, tables: Mapping[str, Replacement]) -> bool:
        """Remove the files of a batch, moved or half moved; False when that is left to whoever books the run's end."""
        try:
            for replacement in tables.values():
                for url in replacement.new:
                    self.storage.delete(url)
        except _FAILURES:
            _LOGGER.exception("run %s: could not remove the files of a batch that cannot be published", self.run)
            return False
        return True
