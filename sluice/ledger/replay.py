"""Converting and loading a partition again: its manifest is written again, and the ordinary path does everything else.

The new manifest lists the files of the partition's newest accepted batch where they are now, in the partition's folder
or in the archive. Its event makes a new batch, and the newest batch of a partition replaces the older ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from sluice.contract import Contract
from sluice.errors import CommandError, LayoutError, ManifestError, MissingObjectError, UnreadableObjectError
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import MANIFEST_NAME, Partition, archive_url
from sluice.lake.manifest import Manifest, ManifestEntry
from sluice.lake.stored import StoredObject, Whereabouts
from sluice.ledger.batch import BatchId
from sluice.ledger.record import BatchRecord
from sluice.logs import in_context
from sluice.settings import Settings

MAX_PARTITIONS = 10_000
"""Most partitions that one range may have: more than a year of hours."""
_MAX_PROBLEMS = 5
_THREADS = 16
_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Versions(Protocol):
    """The part of `sluice.aws.ledger.Ledger` that a replay uses."""

    def versions(self, batch_id: str) -> tuple[BatchRecord, ...]:
        """Every batch of the same partition, newest manifest first."""


class Texts(Protocol):
    """The part of `sluice.aws.documents.Documents` that a replay uses."""

    def read(self, url: str) -> str:
        """Content of a UTF-8 text object."""


class Store(Protocol):
    """The part of `sluice.aws.objects.Objects` that a replay uses."""

    def info(self, url: str) -> StoredObject | None:
        """The current version of an object; None when there is none."""

    def create(self, url: str, body: bytes) -> bool:
        """Write an object that does not exist yet."""

    def replace(self, stored: StoredObject, body: bytes) -> bool:
        """Write an object in place of another that is still there."""


@dataclass(frozen=True)
class ReplayPlan:
    """What a replay of one partition writes.

    Attributes:
        dataset: The dataset.
        partition: The partition.
        batch_id: The batch whose files are replayed; empty when there is none.
        manifest_url: Where the manifest is written.
        text: The manifest.
        files: Number of files in it; None for a manifest that was never accepted, which is written again as it was.
        lying: The manifest that lay there when this was planned; None when there was none.
        archived: How many of the files are in the archive.
    """

    dataset: str
    partition: Partition
    batch_id: str
    manifest_url: str
    text: str
    files: int | None
    lying: StoredObject | None
    archived: int = 0


@dataclass(frozen=True)
class Replay:
    """Replays partitions.

    Attributes:
        ledger: Knows the batches of a partition.
        documents: Manifests, as they are and as they were validated.
        objects: The raw bucket.
        contracts: The contracts by dataset.
        settings: Names of buckets.
        now: The present moment in UTC.
    """

    ledger: Versions
    documents: Texts
    objects: Store
    contracts: Mapping[str, Contract]
    settings: Settings
    now: datetime

    def plan_all(
        self, dataset: str, partitions: Sequence[Partition], *, is_forced: bool = False
    ) -> tuple[ReplayPlan, ...]:
        """What to write for each of some partitions that have a batch, or a manifest that lies there.

        Args:
            dataset: The dataset.
            partitions: The partitions.
            is_forced: Whether a partition may have a batch that is still on its way.

        Raises:
            CommandError: A partition cannot be replayed, or there are none; the message has every reason.
        """
        contract = self._contract(dataset)
        found_batches = self.each(lambda one: (one, self._batches(contract, one)), partitions)
        known = [one for one in found_batches if one[1]]
        unknown = self.each(
            partial(self._plan_unknown, contract), [one for one, batches in found_batches if not batches]
        )
        lying = [plan for plan in unknown if plan is not None]
        if not known and not lying:
            span = partitions[0].label if len(partitions) == 1 else f"{partitions[0].label} to {partitions[-1].label}"
            raise CommandError(
                f"the ledger knows no batch of {dataset} {span}, and no manifest lies there; "
                f"`sluice status --dataset {dataset}` shows all it knows"
            )

        def attempt(item: tuple[Partition, tuple[BatchRecord, ...]]) -> ReplayPlan | CommandError:
            try:
                return self._plan(contract, *item, is_forced=is_forced)
            except CommandError as exc:
                return exc

        found = list(map(attempt, known))
        problems = [str(one) for one in found if isinstance(one, CommandError)]
        if problems:
            raise CommandError(_shortened(problems, "\n"))
        plans = [*(one for one in found if isinstance(one, ReplayPlan)), *lying]
        return tuple(sorted(plans, key=lambda plan: plan.partition))

    def plan(self, dataset: str, partition: Partition, *, is_forced: bool = False) -> ReplayPlan:
        """What to write for one partition; see `plan_all`."""
        return self.plan_all(dataset, [partition], is_forced=is_forced)[0]

    def write(self, plan: ReplayPlan) -> None:
        """Write the manifest, in place of exactly the one that lay there. Its event starts the rest.

        Raises:
            CommandError: Somebody has written a manifest since the plan was made. It counts, and nothing was written.
        """
        body = plan.text.encode()
        is_written = (
            self.objects.create(plan.manifest_url, body)
            if plan.lying is None
            else self.objects.replace(plan.lying, body)
        )
        if not is_written:
            what = f"{plan.dataset} {plan.partition.label}"
            raise CommandError(f"{what}: {plan.manifest_url} was written or archived meanwhile; wait, and try again")

    def resubmit(
        self, dataset: str, partition: Partition, name: str, body: bytes, *, is_forced: bool = False
    ) -> ReplayPlan:
        """Send one more file for a partition, such as one with corrected rows, beside the files that it has.

        Args:
            dataset: The dataset.
            partition: The partition.
            name: Name of the file; the partition must have none of that name.
            body: Its content, in the format of the dataset.
            is_forced: Whether the partition may have a batch that is still on its way.

        Returns:
            What was written.

        Raises:
            CommandError: The partition cannot be replayed, the name is not a file name, or it exists; or somebody wrote
                a manifest at the same moment, and the new file is in none.
        """
        plan = self.plan(dataset, partition, is_forced=is_forced)
        written = self.with_files(plan, {name: len(body)})
        if not self.objects.create(f"{plan.manifest_url.rpartition('/')[0]}/{name}", body):
            raise CommandError(_taken(plan, name))
        self.write(written)
        return written

    def with_files(self, plan: ReplayPlan, files: Mapping[str, int]) -> ReplayPlan:
        """A plan with more files, which are still to be written.

        Args:
            plan: What the partition has.
            files: Size in bytes of each new file by its name.

        Raises:
            CommandError: The partition has or had a file of one of the names, or a file cannot have it.
        """
        if plan.files is None:
            what = f"{plan.dataset} {plan.partition.label}"
            raise CommandError(f"{what}: none of its manifests was accepted; send it again")
        folder = plan.manifest_url.rpartition("/")[0]
        for name in files:
            url = f"{folder}/{name}"
            if any(self.objects.info(place) is not None for place in (url, archive_url(url))):
                raise CommandError(_taken(plan, name))
        entries = Manifest.parse(plan.text.encode(), plan.manifest_url).entries
        manifest = Manifest((*entries, *(ManifestEntry(f"{folder}/{name}", size) for name, size in files.items())))
        try:
            manifest.check_inside(self.settings.raw_bucket, folder.split("/", 3)[3], plan.manifest_url)
        except (ManifestError, LayoutError) as exc:
            names = ", ".join(map(repr, files))
            raise CommandError(f"{names} cannot be the name of a new file: {exc}") from exc
        return replace(plan, text=manifest.to_json(), files=len(manifest.entries))

    def each(self, function: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
        """A function's answers for each item, in their order; several are asked for at once."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(in_context(function), items))

    def _contract(self, dataset: str) -> Contract:
        contract = self.contracts.get(dataset)
        if contract is None:
            raise CommandError(f"there is no dataset {dataset!r}; there are {', '.join(sorted(self.contracts))}")
        return contract

    def _batches(self, contract: Contract, partition: Partition) -> tuple[BatchRecord, ...]:
        return self.ledger.versions(str(BatchId.make(contract.dataset, partition, "0")))

    def _plan(
        self, contract: Contract, partition: Partition, batches: Sequence[BatchRecord], *, is_forced: bool
    ) -> ReplayPlan:
        what = f"{contract.dataset} {partition.label}"
        for batch in () if is_forced else batches:
            if not batch.state.is_final:
                raise CommandError(f"{what}: batch {batch.batch_id} is {batch.state}; wait for its end, or use --force")
            if batch.is_being_archived(self.now):
                raise CommandError(f"{what}: files of {batch.batch_id} are being archived; wait, or use --force")
        url = f"s3://{self.settings.raw_bucket}/{contract.layout.folder(partition)}/{MANIFEST_NAME}"
        lying = self.objects.info(url)
        if lying is not None and not is_forced and _is_newer(lying, batches[0]):
            raise CommandError(
                f"{what}: the ledger does not know the manifest that lies there yet; wait, or use --force"
            )
        for batch in batches:
            if batch.state.is_accepted and batch.frozen_manifest:
                return self._plan_accepted(what, url, lying, partition, batch)
        text = self._text(what, url)
        return ReplayPlan(contract.dataset, partition, batches[0].batch_id, url, text, None, lying)

    def _plan_unknown(self, contract: Contract, partition: Partition) -> ReplayPlan | None:
        """To write the manifest of a partition again that the ledger does not know; None when none lies there."""
        url = f"s3://{self.settings.raw_bucket}/{contract.layout.folder(partition)}/{MANIFEST_NAME}"
        lying = self.objects.info(url)
        if lying is None:
            return None
        text = self._text(f"{contract.dataset} {partition.label}", url)
        return ReplayPlan(contract.dataset, partition, "", url, text, None, lying)

    def _plan_accepted(
        self, what: str, url: str, lying: StoredObject | None, partition: Partition, batch: BatchRecord
    ) -> ReplayPlan:
        try:
            manifest = FrozenManifest.from_json(self.documents.read(batch.frozen_manifest))
        except MissingObjectError as exc:
            raise CommandError(f"{what}: nobody knows the files of batch {batch.batch_id} any more: {exc}") from exc
        if not manifest.files:
            raise CommandError(f"{what}: batch {batch.batch_id} has no files")
        files = self._where_they_are(what, manifest.files)
        entries = tuple(ManifestEntry(file.url, file.size_bytes) for file in files)
        archived = sum(archive_url(file.url) == file.url for file in files)
        text = Manifest(entries).to_json()
        return ReplayPlan(batch.dataset, partition, batch.batch_id, url, text, len(files), lying, archived)

    def _where_they_are(self, what: str, files: Sequence[SourceFile]) -> list[SourceFile]:
        found = self.each(Whereabouts(self.objects).find, files)
        lost = [
            f"{file.url} is gone or has changed, and {archive_url(file.url)} is not it either"
            for file, place in zip(files, found, strict=True)
            if place is None
        ]
        if lost:
            raise CommandError(f"{what}: {_shortened(lost, '; ')}")
        return [place for place in found if place is not None]

    def _text(self, what: str, url: str) -> str:
        """The manifest of a partition of which none was ever accepted: its fault may have been fixed meanwhile."""
        try:
            return self.documents.read(url)
        except (MissingObjectError, UnreadableObjectError) as exc:
            raise CommandError(f"{what}: its manifest was never accepted and cannot be read: {exc}") from exc
        except UnicodeDecodeError as exc:
            raise CommandError(f"{what}: its manifest {url} is not text in UTF-8") from exc


def parse_span(text: str, *, is_hourly: bool) -> tuple[Partition, ...]:
    """The partitions that a person means.

    Args:
        text: ``2026-11-20T13`` for an hour, ``2026-11-20`` for a day, which of an hourly dataset is its 24 hours, or
            two of these with ``..`` between them for everything from the one to the other, both included.
        is_hourly: Whether the dataset has hours.

    Raises:
        CommandError: The text is no such thing, the dataset has days only, or the span is too long.
    """
    first, dots, last = text.partition("..")
    start, end = _bounds(first, is_hourly=is_hourly)[0], _bounds(last if dots else first, is_hourly=is_hourly)[1]
    if end < start:
        raise CommandError(f"{text!r} ends before it begins")
    found = tuple(_between(start, end))
    if len(found) > MAX_PARTITIONS:
        raise CommandError(f"{text!r} has {len(found)} partitions; at most {MAX_PARTITIONS} at once")
    return found


def _taken(plan: ReplayPlan, name: str) -> str:
    return f"{plan.dataset} {plan.partition.label} has or had a file of the name {name!r}: choose another"


def _is_newer(lying: StoredObject, newest: BatchRecord) -> bool:
    """Whether a manifest was written after that of the newest batch, so that its event is still on its way.

    S3 keeps whole seconds of an object, so it never seems to be later than its own event.
    """
    return newest.written_at != "" and lying.modified_at > datetime.fromisoformat(newest.written_at)


def _bounds(text: str, *, is_hourly: bool) -> tuple[Partition, Partition]:
    """First and last partition of an hour or a day."""
    try:
        named = Partition.parse(text)
    except LayoutError as exc:
        raise CommandError(f"{exc}; a range as 2026-11-20T13..2026-11-21T02") from exc
    if named.is_hourly == is_hourly:
        return named, named
    if named.is_hourly:
        raise CommandError(f"{text!r} is an hour, and the dataset has days")
    return Partition(named.start), Partition(named.start + timedelta(hours=23))


def _between(first: Partition, last: Partition) -> Iterator[Partition]:
    while first <= last:
        yield first
        first = first.next()


def _shortened(lines: Sequence[str], separator: str) -> str:
    more = [f"and {len(lines) - _MAX_PROBLEMS} more"] if len(lines) > _MAX_PROBLEMS else []
    return separator.join([*lines[:_MAX_PROBLEMS], *more])
