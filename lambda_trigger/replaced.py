"""Folders of published files that no reader is shown any more: of replaced partitions, and of runs that died."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import cattrs

from lambda_trigger.apart import each_apart
from lambda_trigger.ports import CatalogPort, DocumentsPort, ObjectsPort
from sluice.contract import Contract
from sluice.errors import MissingObjectError
from sluice.lake.handover import RunFolders
from sluice.lake.layout import Partition
from sluice.lake.predicate import partition_predicate
from sluice.lake.stored import StoredObject
from sluice.parallel import each
from sluice.settings import Settings

logger = logging.getLogger(__name__)

MAX_NOTES = 20
"""Notes of a dataset that one sweep works off: the oldest."""


@dataclass(frozen=True)
class ReplacedFolders:
    """Removes old folders of runs when their time of grace is over.

    Each run notes, before its first file, which partitions it is about to replace. When the note is as old as the time
    of grace, the folders of these partitions are listed, and whatever lies outside the location that the catalog shows
    goes, unless it is younger than that itself. A partition that a younger run has noted waits for that run's note: the
    folder that it replaced may still be read. One that the catalog does not show is left alone, because nothing tells
    then which of its folders is the one to keep; the note of the run that registers it again finds the others.

    Attributes:
        documents: The notes.
        objects: The processed bucket.
        catalog: The Data Catalog.
        contracts: The contracts by dataset.
        settings: Names, and the time of grace.
        clock: The present moment in UTC.
        workers: Threads that list folders.
    """

    documents: DocumentsPort
    objects: ObjectsPort
    catalog: CatalogPort
    contracts: Mapping[str, Contract]
    settings: Settings
    clock: Callable[[], datetime]
    workers: int = 16

    def remove(self, dataset: str) -> None:
        """Work off the notes of a dataset that are due; none of one without a contract, whose tables are gone.

        Raises:
            AwsBusyError: AWS could not answer now; the other notes were worked off.
            AwsError: AWS refused.
        """
        contract = self.contracts.get(dataset)
        if contract is None:
            return
        # A table that has left the contract has left the catalog, so nothing tells which of its folders is shown.
        tables = {*(table.name for table in contract.tables), contract.quarantine_table}
        before = self.clock() - timedelta(seconds=self.settings.replaced_grace_seconds)
        due = [note for note in self._notes(dataset) if note.modified_at < before]
        oldest = sorted(due, key=lambda note: note.modified_at)[:MAX_NOTES]
        each_apart(partial(self._work_off, tables, before), oldest, f"remove replaced files of {dataset}")

    def _work_off(self, tables: Collection[str], before: datetime, note: StoredObject) -> None:
        folders = self._read(note.url)
        if folders is not None:
            self._tidy(replace(folders, tables=tuple(name for name in folders.tables if name in tables)), before)
        self.objects.remove(note.url)

    def _notes(self, dataset: str) -> tuple[StoredObject, ...]:
        return self.objects.listed(self.settings.processed.replaced(dataset))

    def _tidy(self, folders: RunFolders, before: datetime) -> None:
        wanted = [Partition.parse(label) for label in folders.partitions]
        # In this order: what a run replaces after the look at the catalog is current in it, and so it is kept; what
        # one replaced before has its note by now.
        current = {table: self._locations(table, wanted) for table in folders.tables}
        younger = self._younger(folders.dataset, before)
        places = [
            (self.settings.processed.runs(table, partition), location)
            for table in folders.tables
            for partition in wanted
            if partition.label not in younger and (location := current[table].get(partition.values)) is not None
        ]
        found = each(lambda place: self._old(*place, before), places, self.workers)
        urls = [url for part in found for url in part]
        if urls:
            self.objects.remove_all(urls)
            logger.info("%s: removed %d replaced files after run %s", folders.dataset, len(urls), folders.run)

    def _locations(self, table: str, wanted: Iterable[Partition]) -> dict[tuple[str, ...], str]:
        return self.catalog.locations(self.settings.processed_database, table, partition_predicate(wanted))

    def _younger(self, dataset: str, before: datetime) -> set[str]:
        """Partitions that runs have noted which are not due."""
        notes = [note.url for note in self._notes(dataset) if note.modified_at >= before]
        found = each(self._read, notes, self.workers) if notes else []
        return {label for folders in found if folders is not None for label in folders.partitions}

    def _old(self, folder: str, location: str, before: datetime) -> list[str]:
        kept = location if location.endswith("/") else f"{location}/"
        return [
            item.url
            for item in self.objects.listed(folder)
            if not item.url.startswith(kept) and item.modified_at < before
        ]

    def _read(self, url: str) -> RunFolders | None:
        try:
            return RunFolders.from_json(self.documents.read(url))
        except MissingObjectError:
            return None
        except (ValueError, cattrs.BaseValidationError):
            # S3 writes an object whole or not at all, so no run of ours wrote this.
            logger.exception("%s is not a %s", url, RunFolders.__name__)
            return None
