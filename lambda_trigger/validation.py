"""What a manifest must satisfy before its batch is taken, and how its files are remembered."""

from collections.abc import Mapping
from functools import partial

from lambda_trigger.manifest_events import ManifestEvent
from lambda_trigger.ports import DocumentsPort
from sluice.aws.documents import ObjectInfo
from sluice.batch import BatchId
from sluice.contract import Contract
from sluice.errors import LayoutError, ManifestError, TerminalError
from sluice.handover import FrozenManifest, SourceFile
from sluice.layout import Partition, archive_url
from sluice.manifest import Manifest, ManifestEntry
from sluice.parallel import each

_MAX_PROBLEMS = 5


class OverwrittenError(TerminalError):
    """The manifest of the event has been replaced by a newer one before it was read."""


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
    raise LayoutError(f"folder {folder!r} fits no dataset (layouts: {known})")


def freeze(
    documents: DocumentsPort, event: ManifestEvent, batch_id: BatchId, partition: Partition, workers: int
) -> FrozenManifest:
    """Check a manifest and its files, and note the files as they are now.

    A file that is not in the partition's folder is looked for in the archive: a source system that lists a file again
    need not know that Sluice has put it away meanwhile.

    Args:
        documents: Where the manifest and its files are.
        event: The event that announced it.
        batch_id: Its batch.
        partition: Its partition.
        workers: Threads that look at files.

    Raises:
        ManifestError: The manifest breaks a rule; a mandatory file is missing; a file has another length than stated.
        MissingObjectError: The manifest is gone.
        OverwrittenError: The manifest has been replaced, and the bucket keeps no versions.
        AwsBusyError: S3 could not answer now.
    """
    manifest, manifest_file = _read(documents, event)
    manifest.check_inside(event.bucket, event.folder, event.url)
    look = partial(_look, documents)
    found = dict(zip(manifest.entries, each(look, manifest.entries, workers), strict=True))
    problems = [text for entry, file in found.items() if (text := _problem(entry, file))]
    if problems:
        more = f" (and {len(problems) - _MAX_PROBLEMS} more)" if len(problems) > _MAX_PROBLEMS else ""
        raise ManifestError(f"{event.url}: {'; '.join(problems[:_MAX_PROBLEMS])}{more}")
    return FrozenManifest(
        batch_id=str(batch_id),
        dataset=batch_id.dataset,
        partition=partition.label,
        url=event.url,
        files=tuple(file for file in found.values() if file is not None),
        skipped=tuple(entry.url for entry, file in found.items() if file is None),
        written_at=event.written_at,
        manifest=manifest_file,
        manifest_version=event.version_id or "",
    )


def _read(documents: DocumentsPort, event: ManifestEvent) -> tuple[Manifest, SourceFile]:
    body, info = documents.fetch(event.url, event.version_id)
    if event.version_id is None and event.etag not in {"", info.etag}:
        raise OverwrittenError(f"{event.url}: replaced by a newer manifest before it was read")
    return Manifest.parse(body, event.url), _source_file(event.url, info)


def _look(documents: DocumentsPort, entry: ManifestEntry) -> SourceFile | None:
    for url in dict.fromkeys((entry.url, archive_url(entry.url))):
        info = documents.info(url)
        if info is not None:
            return _source_file(url, info)
    return None


def _problem(entry: ManifestEntry, file: SourceFile | None) -> str:
    """Why a file forbids the batch; empty when it does not."""
    if file is None:
        return f"mandatory file {entry.url} is not there" if entry.mandatory else ""
    if entry.content_length not in {None, file.size_bytes}:
        return f"file {file.url} has {file.size_bytes} bytes, the manifest says {entry.content_length}"
    return ""


def _source_file(url: str, info: ObjectInfo) -> SourceFile:
    return SourceFile(url, info.size_bytes, int(info.modified_at.timestamp()), info.etag)
