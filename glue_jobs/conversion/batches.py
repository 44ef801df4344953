"""The batches of a run, and whether their files are still what their manifests said."""

from collections.abc import Mapping
from dataclasses import dataclass

from glue_jobs.conversion.storage import Storage
from sluice.errors import InputChangedError, TransientError
from sluice.handover import FrozenManifest, SourceFile
from sluice.layout import Partition
from sluice.whereabouts import raw_location


class UnregisteredPartitionError(TransientError):
    """The catalog does not know the partition of a batch, or knows it elsewhere; the next start registers it again."""


@dataclass(frozen=True)
class Batch:
    """A batch that is to be converted.

    Attributes:
        batch_id: Text of the batch's id.
        partition: Its partition.
        files: Its files, as its manifest was validated.
        location: Where the catalog must show the partition, with a slash at the end.
    """

    batch_id: str
    partition: Partition
    files: tuple[SourceFile, ...]
    location: str


def read_batch(storage: Storage, batch_id: str, manifest_url: str) -> Batch:
    """Read a batch's frozen manifest.

    Raises:
        MissingObjectError: It is not there.
    """
    manifest = FrozenManifest.from_json(storage.read_text(manifest_url))
    return Batch(batch_id, Partition.parse(manifest.partition), manifest.files, raw_location(manifest))


def check_location(batch: Batch, locations: Mapping[tuple[str, ...], str]) -> None:
    """Make sure that the catalog's answer to the predicate has the batch's partition, where its manifest has it.

    Args:
        batch: The batch.
        locations: Folders by partition values.

    Raises:
        UnregisteredPartitionError: It has not.
    """
    location = locations.get(batch.partition.values)
    if location is None:
        raise UnregisteredPartitionError(f"partition {batch.partition.label} is not in the catalog")
    folder = location if location.endswith("/") else f"{location}/"
    if folder != batch.location:
        raise UnregisteredPartitionError(
            f"partition {batch.partition.label} is in {batch.location} by its manifest and in {folder} by the catalog"
        )


def check_unchanged(storage: Storage, file: SourceFile) -> None:
    """Make sure that a file is the one of the manifest.

    Raises:
        InputChangedError: It is gone, or its length, time or ETag differ.
    """
    found = storage.status(file.url)
    if found is None:
        raise InputChangedError(f"{file.url}: is gone since its manifest was validated")
    if found.size_bytes != file.size_bytes:
        raise InputChangedError(f"{file.url}: has {found.size_bytes} bytes, its manifest said {file.size_bytes}")
    if found.modified_at != file.modified_at:
        raise InputChangedError(f"{file.url}: was written again since its manifest was validated")
    if found.etag is not None and file.etag and found.etag != file.etag:
        raise InputChangedError(f"{file.url}: has another ETag than when its manifest was validated")


def first_change(storage: Storage, batches: Mapping[str, Batch]) -> dict[str, InputChangedError]:
    """The batches that have a file which is gone or has changed, with the first one found."""

    def problem(item: tuple[str, SourceFile]) -> tuple[str, InputChangedError | None]:
        try:
            check_unchanged(storage, item[1])
        except InputChangedError as exc:
            return item[0], exc
        return item[0], None

    every = [(batch.batch_id, file) for batch in batches.values() for file in batch.files]
    changes: dict[str, InputChangedError] = {}
    for batch_id, change in storage.for_all(problem, every):
        if change is not None:
            changes.setdefault(batch_id, change)
    return changes
