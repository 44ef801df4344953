"""What a manifest must satisfy before its batch is taken, and how its files are remembered."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches

from lambda_trigger.manifest_events import ManifestEvent
from lambda_trigger.ports import DocumentsPort
from sluice.aws.documents import ObjectInfo
from sluice.contract import Contract
from sluice.errors import (
    LayoutError,
    ManifestError,
    ObjectTooLargeError,
    TerminalError,
    TransientError,
    UnreadableObjectError,
)
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import Partition, archive_url
from sluice.lake.manifest import Manifest, ManifestEntry
from sluice.ledger.batch import BatchId
from sluice.parallel import each

MAX_MANIFEST_BYTES = 50 * 1024 * 1024
"""Longest manifest that is taken. The function has the memory for it."""
MAX_FILES = 100_000
"""Most files of a manifest. The function has the time for them."""
_FILES_AT_ONCE = 5000
"""Files that are looked for between two looks at the clock."""
_MAX_PROBLEMS = 5


class OverwrittenError(TerminalError):
    """The manifest of the event has been replaced by a newer one before it was read."""


class IncompleteError(TerminalError):
    """Files of the manifest are missing or not whole, or it may not be read itself; that may pass by itself."""


class OutOfTimeError(TransientError):
    """The function's time is nearly over; the manifest is taken when its message is delivered again."""


@dataclass(frozen=True, slots=True)
class Looks:
    """How files are looked for.

    Attributes:
        documents: Where manifests and files are.
        clock: The present moment in UTC.
        until: When no more of them are looked for; None when there is time.
        workers: Threads that look.
    """

    documents: DocumentsPort
    clock: Callable[[], datetime]
    until: datetime | None = None
    workers: int = 16

    def find(self, folder: str, urls: Iterable[str]) -> dict[str, ObjectInfo]:
        """What S3 knows of files of one folder; those that are not there are left out.

        Args:
            folder: ``s3://`` URL of the folder, with a slash at the end.
            urls: The files.

        Raises:
            OutOfTimeError: The time is over.
            AwsBusyError: S3 could not answer now.
        """
        ordered = sorted(urls)
        parts = [ordered[start : start + _FILES_AT_ONCE] for start in range(0, len(ordered), _FILES_AT_ONCE)]
        found: dict[str, ObjectInfo] = {}
        for part in each(lambda part: self._part(folder, part), parts, self.workers):
            found |= part
        return found

    def _part(self, folder: str, urls: Sequence[str]) -> dict[str, ObjectInfo]:
        if self.until is not None and self.clock() > self.until:
            raise OutOfTimeError(f"no time left to look for {len(urls)} files from {urls[0]} on")
        return self.documents.infos(folder, urls)


def find_partition(contracts: Mapping[str, Contract], folder: str) -> tuple[Contract, Partition]:
    """The dataset and the partition that a folder of the raw bucket belongs to.

    Args:
        contracts: The contracts by dataset.
        folder: The folder without a slash at the end.

    Raises:
        LayoutError: No dataset has such a folder, or its date or hour does not exist.
    """
    for contract in contracts.values():
        if contract.layout.matches(folder):
            return contract, contract.layout.partition(folder)
    known = ", ".join(contract.layout.pattern for contract in contracts.values())
    raise LayoutError(f"folder {folder!r} fits no dataset (layouts: {known}){_nearest(contracts, folder)}")


def _nearest(contracts: Mapping[str, Contract], folder: str) -> str:
    """What the writer of a folder may have meant; empty where nothing is near."""
    roots = {contract.layout.root: contract.layout.pattern for contract in contracts.values()}
    for root, pattern in roots.items():
        if folder == root or folder.startswith(f"{root}/"):
            return f"; below {root}/ it must be {pattern}, with %m, %d and %H of two digits"
    near = get_close_matches(folder.split("/", maxsplit=1)[0].lower(), [root.split("/")[0] for root in roots], n=1)
    return f"; did you mean {near[0]}/ ?" if near else ""


def check_not_future(partition: Partition, url: str, now: datetime, ahead: timedelta) -> None:
    """Refuse a partition that cannot be there yet: a table that is replaced whole would never change again after it.

    Args:
        partition: The partition.
        url: Its manifest, for the message.
        now: The present moment in UTC.
        ahead: How far ahead of now a partition may begin: a source system may live in another time zone.

    Raises:
        ManifestError: It begins later.
    """
    if partition.start - now > ahead:
        hours = ahead / timedelta(hours=1)
        raise ManifestError(
            f"{url}: partition {partition.label} begins more than {hours:g} hours in the future (it is "
            f"{now:%Y-%m-%dT%H:%M} UTC)"
        )


def freeze(
    looks: Looks, event: ManifestEvent, batch_id: BatchId, partition: Partition, *, allows_empty: bool = False
) -> FrozenManifest:
    """Check a manifest and its files, and note the files as they are now.

    A file that is not in the partition's folder is looked for in the archive: a source system that lists a file again
    need not know that Sluice has put it away meanwhile.

    Args:
        looks: Where the manifest and its files are.
        event: The event that announced it.
        batch_id: Its batch.
        partition: Its partition.
        allows_empty: Whether none of its files need be there.

    Raises:
        ManifestError: The manifest breaks a rule.
        IncompleteError: A mandatory file is missing, or all of them are; a file has another length than stated; the
            manifest may not be read.
        MissingObjectError: The manifest is gone.
        OverwrittenError: The manifest has been replaced, and the bucket keeps no versions.
        OutOfTimeError: There is no time for all of it.
        AwsBusyError: S3 could not answer now.
    """
    manifest, manifest_file = _read(looks.documents, event)
    manifest.check_inside(event.bucket, event.folder, event.url)
    found = _look(looks, event, manifest.entries)
    problems = [text for entry in manifest.entries if (text := _problem(entry, found.get(entry.url)))]
    if not problems and not found and not allows_empty:
        problems = [f"none of its {len(manifest.entries)} files is there, and the contract has no allow_empty"]
    if problems:
        more = f" (and {len(problems) - _MAX_PROBLEMS} more)" if len(problems) > _MAX_PROBLEMS else ""
        raise IncompleteError(f"{event.url}: {'; '.join(problems[:_MAX_PROBLEMS])}{more}")
    return FrozenManifest(
        batch_id=str(batch_id),
        dataset=batch_id.dataset,
        partition=partition.label,
        url=event.url,
        files=tuple(found[entry.url] for entry in manifest.entries if entry.url in found),
        skipped=tuple(entry.url for entry in manifest.entries if entry.url not in found),
        written_at=event.written_at,
        manifest=manifest_file,
        manifest_version=event.version_id or "",
    )


def _read(documents: DocumentsPort, event: ManifestEvent) -> tuple[Manifest, SourceFile]:
    try:
        body, info = documents.fetch(event.url, event.version_id, max_bytes=MAX_MANIFEST_BYTES)
    except ObjectTooLargeError as exc:
        raise ManifestError(f"{exc}: send the files of the partition in fewer entries, or as larger files") from exc
    except UnreadableObjectError as exc:
        raise IncompleteError(
            f"{exc}; the role of the function needs s3:GetObject and s3:GetObjectVersion on it, and kms:Decrypt on a "
            "key that is not the bucket's own"
        ) from exc
    if event.version_id is None and event.etag not in {"", info.etag}:
        raise OverwrittenError(f"{event.url}: replaced by a newer manifest before it was read")
    manifest = Manifest.parse(body, event.url)
    if len(manifest.entries) > MAX_FILES:
        raise ManifestError(f"{event.url}: lists {len(manifest.entries)} files; at most {MAX_FILES} are taken")
    return manifest, _source_file(event.url, info)


def _look(looks: Looks, event: ManifestEvent, entries: Sequence[ManifestEntry]) -> dict[str, SourceFile]:
    """Files by the URL under which the manifest lists them, where they are now."""
    incoming = event.url.rpartition("/")[0] + "/"
    archive = archive_url(event.url).rpartition("/")[0] + "/"
    found: dict[str, SourceFile] = {}
    for folder in (incoming, archive):
        # First where the manifest says, then, what is missing there, in the archive.
        places = {entry.url: entry.url for entry in entries if entry.url.startswith(folder)}
        if folder == archive:
            places |= {entry.url: archive_url(entry.url) for entry in entries if entry.url not in found}
        infos = looks.find(folder, places.values())
        found |= {url: _source_file(place, infos[place]) for url, place in places.items() if place in infos}
    return found


def _problem(entry: ManifestEntry, file: SourceFile | None) -> str:
    """Why a file forbids the batch; empty when it does not."""
    if file is None:
        return f"mandatory file {entry.url} is not there" if entry.mandatory else ""
    if entry.content_length not in {None, file.size_bytes}:
        return f"file {file.url} has {file.size_bytes} bytes, the manifest says {entry.content_length}"
    return ""


def _source_file(url: str, info: ObjectInfo) -> SourceFile:
    return SourceFile(url, info.size_bytes, int(info.modified_at.timestamp()), info.etag)
