"""Putting the raw files of loaded batches away: ``orders/…/part-1`` becomes ``archive/orders/…/part-1``.

Only for contracts that ask for it, and only while the batch is the newest one of its partition. Time line:

    lease     the batch's record says until when raw files of the partition may be deleted
    look      is it still the newest? A batch that is booked from here on waits for the end of the lease
    copy      every file, its copy checked
    catalog   the partition lies in the archive now
    look      a newer batch? Then its manifest may list these files: they stay, and go with that batch
    delete    exactly the versions that were copied
    book      ARCHIVED, and with it the older batches whose files went along

Why this is more than a copy and a delete: S3 has no move, so a crash can fall between the two. Writers may replace a
file under its name at any moment, and what they replaced shows again when the newer version is deleted. A newer
manifest may list the same files, wherever they lie. And thousands of files take longer than a function lives, so the
work is cut into groups that are booked one by one, and the step is called again.

Every step finds out by itself what is done already, so after a crash anywhere the whole is done again. A conversion
that begins after the lease finds the moved files in the archive (see `lambda_trigger.partitions.settle`).
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

from lambda_trigger.moves import archived, newer_than
from lambda_trigger.trigger import Trigger
from sluice.errors import InputChangedError, MissingObjectError, SluiceError
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import Partition, archive_url, is_archive_url
from sluice.lake.stored import StoredObject, archive_location
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice.logs import log_context
from sluice.parallel import each

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


def archive_claim(trigger: Trigger, claim_id: str, dataset: str, deadline: datetime) -> bool:
    """Archive the loaded batches of a claim.

    Args:
        trigger: The trigger.
        claim_id: The claim of the load.
        dataset: Its dataset.
        deadline: When the caller's time is over.

    Returns:
        Whether nothing is left to do; otherwise it is to be called again.

    Raises:
        SluiceError: Something could not be archived; the rest has been. Doing it again goes on where this stopped.
    """
    claim, contract = trigger.ledger.claim(claim_id), trigger.contracts.get(dataset)
    if claim is None or contract is None or not contract.archive:
        return True
    errors: list[SluiceError] = []
    for batch_ids in _groups(trigger, claim.batch_ids):
        found = each(lambda name: _plan(trigger, name, deadline), batch_ids, trigger.workers)
        plans = [plan for plan in found if isinstance(plan, _Plan)]
        _move(trigger, dataset, plans, deadline)
        errors += [error for error in found if isinstance(error, SluiceError)]
        errors += [plan.error for plan in plans if plan.error is not None]
        if any(plan.is_late for plan in plans) or _is_over(trigger, deadline):
            # Whatever else is wrong shows when the rest is done.
            return False
    if errors:
        raise errors[0]
    return True


def _groups(trigger: Trigger, batch_ids: Sequence[str]) -> Iterator[list[str]]:
    """Batches in groups, so that what is done is booked before the time is over."""
    group: list[str] = []
    files = 0
    for record in each(trigger.ledger.batch, batch_ids, trigger.workers):
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


def _plan(trigger: Trigger, batch_id: str, deadline: datetime) -> _Plan | SluiceError | None:
    """What is to be moved for a batch, under its lease; None when it is not its turn."""
    with log_context(batch=batch_id):
        try:
            return _leased(trigger, batch_id, deadline)
        except SluiceError as exc:
            logger.warning("cannot be archived: %s", exc)
            return exc


def _leased(trigger: Trigger, batch_id: str, deadline: datetime) -> _Plan | None:
    record = trigger.ledger.batch(batch_id)
    if record is None or record.state is not BatchState.LOADED or _newer(trigger, record) is not None:
        return None
    leased = record.archiving(deadline, trigger.clock())
    trigger.ledger.save(record, leased)
    # A batch that is booked before this line is seen here; one that is booked after it sees the lease.
    newer = _newer(trigger, leased)
    if newer is not None:
        _give_up(trigger, leased, newer)
        return None
    return _planned(trigger, leased)


def _planned(trigger: Trigger, record: BatchRecord) -> _Plan:
    manifest = FrozenManifest.read_from(trigger.documents.read, record.frozen_manifest)
    if manifest is None:
        raise MissingObjectError(f"{record.frozen_manifest}: there is no such object, or it cannot be read")
    older = [other for other in trigger.ledger.versions(record.batch_id) if other.batch_id < record.batch_id]
    # Their files go along: with the newest batch archived, nobody would come back for them.
    loaded = tuple(other for other in older if other.state is BatchState.LOADED)
    files = [_File(file) for file in manifest.files if not is_archive_url(file.url)]
    if manifest.manifest is not None:
        # By its version: a newer manifest under the same name belongs to a newer batch.
        files.append(_File(manifest.manifest, manifest.manifest_version))
    listed = {file.url for file in manifest.files}
    left = {file for other in loaded for file in _files(trigger, other) if not is_archive_url(file.url)}
    leftovers = tuple(
        _File(file, may_replace=archive_url(file.url) not in listed)
        for file in sorted(left, key=lambda file: (file.url, file.modified_at, file.etag))
        if file.url not in listed
    )
    return _Plan(record, manifest, loaded, tuple(files), leftovers)


def _files(trigger: Trigger, record: BatchRecord) -> tuple[SourceFile, ...]:
    manifest = FrozenManifest.read_from(trigger.documents.read, record.frozen_manifest)
    if manifest is None:
        logger.warning("batch %s: its frozen manifest is gone, so nobody knows what it left", record.batch_id)
        return ()
    return manifest.files


def _newer(trigger: Trigger, record: BatchRecord) -> BatchRecord | None:
    return newer_than(record.batch_id, trigger.ledger.versions(record.batch_id))


def _give_up(trigger: Trigger, leased: BatchRecord, newer: BatchRecord) -> None:
    """End the lease: the files go when the newer batch is archived."""
    with log_context(batch=leased.batch_id):
        logger.info("batch %s stays where it is: %s is newer", leased.batch_id, newer.batch_id)
    now = trigger.clock()
    trigger.ledger.save(leased, leased.archiving(now, now))


# Copy, register, delete, book


def _move(trigger: Trigger, dataset: str, plans: Sequence[_Plan], deadline: datetime) -> None:
    work = [(plan, item) for plan in plans for item in (*plan.files, *plan.leftovers)]
    each(lambda pair: _copy(trigger, *pair, deadline), work, trigger.workers)
    copied = [plan for plan in plans if plan.error is None and not plan.is_late]
    # The catalog before the deletions: a reader of the partition finds files at every moment.
    _register(trigger, dataset, copied)
    # Again, because copying takes minutes; from here on the lease keeps newer batches from relying on these files.
    kept = [plan for plan in copied if _is_newest_still(trigger, plan)]
    originals = [(plan, original) for plan in kept for original in plan.originals]
    each(lambda pair: _delete(trigger, *pair, deadline), originals, trigger.workers)
    each(partial(_book, trigger), [plan for plan in kept if plan.error is None and not plan.is_late], trigger.workers)


def _copy(trigger: Trigger, plan: _Plan, item: _File, deadline: datetime) -> None:
    """Copy a file, unless that is done; what there is to delete afterwards goes into the plan."""
    if plan.error is not None:
        return
    if _is_over(trigger, deadline):
        plan.found[item.file.url] = _Found.LATE
        return
    with log_context(batch=plan.record.batch_id):
        try:
            plan.found[item.file.url] = _copied(trigger, plan, item)
        except SluiceError as exc:
            logger.warning("%s could not be copied to the archive: %s", item.file.url, exc)
            plan.error = exc


def _copied(trigger: Trigger, plan: _Plan, item: _File) -> _Found:
    url, target = item.file.url, archive_url(item.file.url)
    original = trigger.objects.info(url)
    copy = trigger.objects.info(target)
    is_there = copy is not None and copy.has_content_of(item.file)
    if original is None:
        # Moved by an earlier call, or deleted by its owner.
        return _Found.COPIED if is_there else _Found.GONE
    if is_there and original.as_file.modified_at < item.file.modified_at:
        # The file was deleted, and a crash left the version to be seen that its writer had replaced by it.
        trigger.objects.hide(original)
        return _Found.COPIED
    if original.as_file != item.file or item.version not in {"", original.version_id}:
        return _Found.CHANGED
    if copy is None or not copy.is_copy_of(original):
        if copy is not None and not item.may_replace:
            return _Found.NAME_TAKEN
        try:
            trigger.objects.copy(original, target)
        except InputChangedError:
            return _Found.CHANGED
    plan.originals.append(original)
    return _Found.COPIED


def _register(trigger: Trigger, dataset: str, plans: Sequence[_Plan]) -> None:
    locations = {
        Partition.parse(plan.manifest.partition).values: archive_location(plan.manifest)
        for plan in plans
        if plan.is_all_archived
    }
    trigger.catalog.register(trigger.settings.raw_database, dataset, locations)


def _is_newest_still(trigger: Trigger, plan: _Plan) -> bool:
    newer = _newer(trigger, plan.record)
    if newer is None:
        return True
    _give_up(trigger, plan.record, newer)
    return False


def _delete(trigger: Trigger, plan: _Plan, original: StoredObject, deadline: datetime) -> None:
    if plan.error is not None:
        return
    if _is_over(trigger, deadline):
        plan.found[original.url] = _Found.LATE
        return
    with log_context(batch=plan.record.batch_id):
        try:
            trigger.objects.delete(original)
        except SluiceError as exc:
            logger.warning("%s could not be deleted after it was archived: %s", original.url, exc)
            plan.error = exc


def _book(trigger: Trigger, plan: _Plan) -> None:
    now = trigger.clock()
    for older in plan.older:
        trigger.ledger.save(older, archived(older, f"its files went with those of {plan.record.batch_id}", now))
    trigger.ledger.save(plan.record, archived(plan.record, plan.note, now, ends_lease=True))
    with log_context(batch=plan.record.batch_id):
        logger.info("batch %s: ARCHIVED, %s", plan.record.batch_id, plan.note)


def _is_over(trigger: Trigger, deadline: datetime) -> bool:
    return trigger.clock() > deadline - RESERVE
