"""Folders of published files that no reader is shown any more: of replaced partitions, and of runs that died.

Each run notes, before its first file, which partitions it is about to replace. When the note is as old as the time
of grace, the folders of these partitions are listed, and whatever lies outside the location that the catalog shows
goes, unless it is younger than that itself. A partition that a younger run has noted waits for that run's note: the
folder that it replaced may still be read. One that the catalog does not show is left alone, because nothing tells
then which of its folders is the one to keep; the note of the run that registers it again finds the others.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from lambda_trigger.trigger import Trigger
from sluice.lake.handover import RunFolders
from sluice.lake.layout import Partition, partition_predicate
from sluice.lake.stored import StoredObject
from sluice.parallel import each, each_apart

logger = logging.getLogger(__name__)

MAX_NOTES = 20
"""Notes of a dataset that one sweep works off: the oldest."""


def remove(trigger: Trigger, dataset: str) -> None:
    """Work off the notes of a dataset that are due; none of one without a contract, whose tables are gone.

    Raises:
        AwsBusyError: AWS could not answer now; the other notes were worked off.
        AwsError: AWS refused.
    """
    contract = trigger.contracts.get(dataset)
    if contract is None:
        return
    # A table that has left the contract has left the catalog, so nothing tells which of its folders is shown.
    tables = {*(table.name for table in contract.tables), contract.quarantine_table}
    before = trigger.clock() - timedelta(seconds=trigger.settings.replaced_grace_seconds)
    due = [note for note in _notes(trigger, dataset) if note.modified_at < before]
    oldest = sorted(due, key=lambda note: note.modified_at)[:MAX_NOTES]
    each_apart(partial(_work_off, trigger, tables, before), oldest, f"remove replaced files of {dataset}")


def _work_off(trigger: Trigger, tables: Collection[str], before: datetime, note: StoredObject) -> None:
    folders = RunFolders.read_from(trigger.documents.read, note.url)
    if folders is not None:
        _tidy(trigger, replace(folders, tables=tuple(name for name in folders.tables if name in tables)), before)
    trigger.objects.remove(note.url)


def _notes(trigger: Trigger, dataset: str) -> tuple[StoredObject, ...]:
    return trigger.objects.listed(trigger.settings.processed.replaced(dataset))


def _tidy(trigger: Trigger, folders: RunFolders, before: datetime) -> None:
    wanted = [Partition.parse(label) for label in folders.partitions]
    # In this order: what a run replaces after the look at the catalog is current in it, and so it is kept; what
    # one replaced before has its note by now.
    current = {table: _locations(trigger, table, wanted) for table in folders.tables}
    younger = _younger(trigger, folders.dataset, before)
    places = [
        (trigger.settings.processed.runs(table, partition), location)
        for table in folders.tables
        for partition in wanted
        if partition.label not in younger and (location := current[table].get(partition.values)) is not None
    ]
    found = each(lambda place: _old(trigger, *place, before), places, trigger.workers)
    urls = [url for part in found for url in part]
    if urls:
        trigger.objects.remove_all(urls)
        logger.info("%s: removed %d replaced files after run %s", folders.dataset, len(urls), folders.run)


def _locations(trigger: Trigger, table: str, wanted: Iterable[Partition]) -> dict[tuple[str, ...], str]:
    return trigger.catalog.locations(trigger.settings.processed_database, table, partition_predicate(wanted))


def _younger(trigger: Trigger, dataset: str, before: datetime) -> set[str]:
    """Partitions that runs have noted which are not due."""
    notes = [note.url for note in _notes(trigger, dataset) if note.modified_at >= before]
    found = each(partial(RunFolders.read_from, trigger.documents.read), notes, trigger.workers) if notes else []
    return {label for folders in found if folders is not None for label in folders.partitions}


def _old(trigger: Trigger, folder: str, location: str, before: datetime) -> list[str]:
    kept = location if location.endswith("/") else f"{location}/"
    return [
        item.url
        for item in trigger.objects.listed(folder)
        if not item.url.startswith(kept) and item.modified_at < before
    ]
