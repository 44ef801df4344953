"""Putting the raw files of loaded batches away: ``orders/…/part-1`` becomes ``archive/orders/…/part-1``.

Only for contracts that ask for it, and only while the batch is the newest one of its partition. Time line:

    lease     the batch's record says until when raw files of the partition may be deleted
    look      is it still the newest? A batch that is booked from here on waits for the end of the lease
    copy      every file, its copy checked
    catalog   the partition lies in the archive now
    look      a newer batch? Then its manifest may list these files: they stay, and go with that batch
    delete    exactly the versions that were copied
    book      ARCHIVED, and with it the older batches whose files went along

Every step finds out by itself what is done already, so after a crash anywhere the whole is done again. A conversion
that begins after the lease finds the moved files in the archive (see `lambda_trigger.raw_files`).
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from lambda_trigger.outcomes import read_frozen_manifest
from lambda_trigger.ports import CatalogPort, DocumentsPort, LedgerPort, ObjectsPort
from sluice.contract import Contract
from sluice.errors import InputChangedError, MissingObjectError, SluiceError
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import Partition, archive_url, is_archive_url
from sluice.lake.stored import StoredObject
from sluice.lake.whereabouts import archive_location
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord, timestamp
from sluice.logs import log_context
from sluice.parallel import each
from sluice.settings import Settings

logger = logging.getLogger(__name__)

RESERVE = timedelta(seconds=30)
"""Nothing new is begun when less than this is left of the time."""
_FILES_AT_ONCE = 2000


class _Found(Enum):
    """What became of one file."""

    COPIED = "archived"
    GONE = "not there any more"
    CHANGED = "written again meanwhile: it stays"
    NAME_TAKEN = "its name in the archive belongs to another file: it stays"
    LATE = "no time left"


@dataclass(frozen=True, slots=True)
class _File:
    """One file that shall go.

    Attributes:
        file: The file as its manifest remembers it.
        version: S3's version of it; empty when that does not matter or is not known.
        may_replace: Whether its copy may replace what the archive has under its name.
    """

    file: SourceFile
    version: str = ""
    may_replace: bool = True


@dataclass
class _Plan:
    """A batch whose files go, step by step.

    Attributes:
        record: The newest batch of the partition, with the lease.
        manifest: Its manifest.
        older: Loaded batches that it replaced.
        files: Its files that are not in the archive yet, and its manifest.
        leftovers: Files of the older batches that it does not list.
        found: What became of each.
        originals: Versions whose copies are checked.
        error: Why the batch cannot be archived now.
    """

    record: BatchRecord
    manifest: FrozenManifest
    older: tuple[BatchRecord, ...]
    files: tuple[_File, ...]
    leftovers: tuple[_File, ...]
    found: dict[str, _Found] = field(default_factory=dict)
    originals: list[StoredObject] = field(default_factory=list)
    error: SluiceError | None = None

    @property
    def is_late(self) -> bool:
        return _Found.LATE in self.found.values()

    @property
    def is_all_archived(self) -> bool:
        """Whether no file of the newest batch stays where it is. Its manifest is not a file of the partition."""
        return all(self.found.get(file.url) is not _Found.CHANGED for file in self.manifest.files)

    @property
    def note(self) -> str:
        counts = Counter(self.found.values())
        return ", ".join(f"{counts[what]} {what.value}" for what in _Found if counts[what])


@dataclass(frozen=True)
class Archive:
    """Moves raw files to the archive.

    Attributes:
        ledger: Where batches are.
        documents: Frozen manifests.
        objects: The raw bucket.
        catalog: Raw partitions.
        contracts: The contracts by dataset.
        settings: Names of buckets and databases.
        clock: The present moment in UTC.
        workers: Threads that move files.
    """

    ledger: LedgerPort
    documents: DocumentsPort
    objects: ObjectsPort
    catalog: CatalogPort
    contracts: Mapping[str, Contract]
    settings: Settings
    clock: Callable[[], datetime]
    workers: int = 16

    def run(self, claim_id: str, dataset: str, deadline: datetime) -> bool:
        """Archive the loaded batches of a claim.

        Args:
            claim_id: The claim of the load.
            dataset: Its dataset.
            deadline: When the caller's time is over.

        Returns:
            Whether nothing is left to do; otherwise it is to be called again.

        Raises:
            SluiceError: Something could not be archived; the rest has been. Doing it again goes on where this stopped.
        """
        claim, contract = self.ledger.claim(claim_id), self.contracts.get(dataset)
        if claim is None or contract is None or not contract.archive:
            return True
        errors: list[SluiceError] = []
        for batch_ids in self._groups(claim.batch_ids):
            found = each(lambda name: self._plan(name, deadline), batch_ids, self.workers)
            plans = [plan for plan in found if isinstance(plan, _Plan)]
            self._move(dataset, plans, deadline)
            errors += [error for error in found if isinstance(error, SluiceError)]
            errors += [plan.error for plan in plans if plan.error is not None]
            if any(plan.is_late for plan in plans) or self._is_over(deadline):
                # Whatever else is wrong shows when the rest is done.
                return False
        if errors:
            raise errors[0]
        return True

    def _groups(self, batch_ids: Sequence[str]) -> Iterator[list[str]]:
        """Batches in groups, so that what is done is booked before the time is over."""
        group: list[str] = []
        files = 0
        for record in each(self.ledger.batch, batch_ids, self.workers):
            if record is None or record.state is not BatchState.LOADED:
                continue
            if group and files + record.files > _FILES_AT_ONCE:
                yield group
                group, files = [], 0
            group.append(record.batch_id)
            files += record.files
        if group:
            yield group

    # Lease and plan

    def _plan(self, batch_id: str, deadline: datetime) -> _Plan | SluiceError | None:
        """What is to be moved for a batch, under its lease; None when it is not its turn."""
        with log_context(batch=batch_id):
            try:
                return self._leased(batch_id, deadline)
            except SluiceError as exc:
                logger.warning("cannot be archived: %s", exc)
                return exc

    def _leased(self, batch_id: str, deadline: datetime) -> _Plan | None:
        record = self.ledger.batch(batch_id)
        if record is None or record.state is not BatchState.LOADED or self._newer(record) is not None:
            return None
        leased = record.archiving(deadline, self.clock())
        self.ledger.save(record, leased)
        # A batch that is booked before this line is seen here; one that is booked after it sees the lease.
        newer = self._newer(leased)
        if newer is not None:
            self._give_up(leased, newer)
            return None
        return self._planned(leased)

    def _planned(self, record: BatchRecord) -> _Plan:
        manifest = read_frozen_manifest(self.documents, record.frozen_manifest)
        if manifest is None:
            raise MissingObjectError(f"{record.frozen_manifest}: there is no such object, or it cannot be read")
        older = [other for other in self.ledger.versions(record.batch_id) if other.batch_id < record.batch_id]
        loaded = tuple(other for other in older if other.state is BatchState.LOADED)
        files = [_File(file) for file in manifest.files if not is_archive_url(file.url)]
        if manifest.manifest is not None:
            files.append(_File(manifest.manifest, manifest.manifest_version))
        listed = {file.url for file in manifest.files}
        left = {file for other in loaded for file in self._files(other) if not is_archive_url(file.url)}
        leftovers = tuple(
            _File(file, may_replace=archive_url(file.url) not in listed)
            for file in sorted(left, key=lambda file: (file.url, file.modified_at, file.etag))
            if file.url not in listed
        )
        return _Plan(record, manifest, loaded, tuple(files), leftovers)

    def _files(self, record: BatchRecord) -> tuple[SourceFile, ...]:
        manifest = read_frozen_manifest(self.documents, record.frozen_manifest)
        if manifest is None:
            logger.warning("batch %s: its frozen manifest is gone, so nobody knows what it left", record.batch_id)
            return ()
        return manifest.files

    def _newer(self, record: BatchRecord) -> BatchRecord | None:
        """A newer batch of the partition; one whose manifest was rejected replaces nothing."""
        versions = self.ledger.versions(record.batch_id)
        newer = (one for one in versions if one.batch_id > record.batch_id and one.state.is_accepted)
        return next(newer, None)

    def _give_up(self, leased: BatchRecord, newer: BatchRecord) -> None:
        """End the lease: the files go when the newer batch is archived."""
        with log_context(batch=leased.batch_id):
            logger.info("batch %s stays where it is: %s is newer", leased.batch_id, newer.batch_id)
        now = self.clock()
        self.ledger.save(leased, leased.archiving(now, now))

    # Copy, register, delete, book

    def _move(self, dataset: str, plans: Sequence[_Plan], deadline: datetime) -> None:
        work = [(plan, item) for plan in plans for item in (*plan.files, *plan.leftovers)]
        each(lambda pair: self._copy(*pair, deadline), work, self.workers)
        copied = [plan for plan in plans if plan.error is None and not plan.is_late]
        self._register(dataset, copied)
        kept = [plan for plan in copied if self._is_newest_still(plan)]
        originals = [(plan, original) for plan in kept for original in plan.originals]
        each(lambda pair: self._delete(*pair, deadline), originals, self.workers)
        each(self._book, [plan for plan in kept if plan.error is None and not plan.is_late], self.workers)

    def _copy(self, plan: _Plan, item: _File, deadline: datetime) -> None:
        """Copy a file, unless that is done; what there is to delete afterwards goes into the plan."""
        if plan.error is not None:
            return
        if self._is_over(deadline):
            plan.found[item.file.url] = _Found.LATE
            return
        with log_context(batch=plan.record.batch_id):
            try:
                plan.found[item.file.url] = self._copied(plan, item)
            except SluiceError as exc:
                logger.warning("%s could not be copied to the archive: %s", item.file.url, exc)
                plan.error = exc

    def _copied(self, plan: _Plan, item: _File) -> _Found:
        url, target = item.file.url, archive_url(item.file.url)
        original = self.objects.info(url)
        archived = self.objects.info(target)
        is_there = archived is not None and archived.has_content_of(item.file)
        if original is None:
            return _Found.COPIED if is_there else _Found.GONE
        if is_there and original.as_file.modified_at < item.file.modified_at:
            # The file was deleted, and a crash left the version to be seen that its writer had replaced by it.
            self.objects.hide(original)
            return _Found.COPIED
        if original.as_file != item.file or item.version not in {"", original.version_id}:
            return _Found.CHANGED
        if archived is None or not archived.is_copy_of(original):
            if archived is not None and not item.may_replace:
                return _Found.NAME_TAKEN
            try:
                self.objects.copy(original, target)
            except InputChangedError:
                return _Found.CHANGED
        plan.originals.append(original)
        return _Found.COPIED

    def _register(self, dataset: str, plans: Sequence[_Plan]) -> None:
        locations = {
            Partition.parse(plan.manifest.partition).values: archive_location(plan.manifest)
            for plan in plans
            if plan.is_all_archived
        }
        self.catalog.register(self.settings.raw_database, dataset, locations)

    def _is_newest_still(self, plan: _Plan) -> bool:
        newer = self._newer(plan.record)
        if newer is None:
            return True
        self._give_up(plan.record, newer)
        return False

    def _delete(self, plan: _Plan, original: StoredObject, deadline: datetime) -> None:
        if plan.error is not None:
            return
        if self._is_over(deadline):
            plan.found[original.url] = _Found.LATE
            return
        with log_context(batch=plan.record.batch_id):
            try:
                self.objects.delete(original)
            except SluiceError as exc:
                logger.warning("%s could not be deleted after it was archived: %s", original.url, exc)
                plan.error = exc

    def _book(self, plan: _Plan) -> None:
        now = self.clock()
        for older in plan.older:
            note = f"its files went with those of {plan.record.batch_id}"
            self.ledger.save(older, older.moved(BatchState.ARCHIVED, now, note=note))
        done = plan.record.moved(BatchState.ARCHIVED, now, note=plan.note, archiving_until=timestamp(now))
        self.ledger.save(plan.record, done)
        with log_context(batch=plan.record.batch_id):
            logger.info("batch %s: ARCHIVED, %s", plan.record.batch_id, plan.note)

    def _is_over(self, deadline: datetime) -> bool:
        return self.clock() > deadline - RESERVE
