"""The batches of a run: their manifests, and where the catalog has to show them."""

from collections.abc import Mapping
from dataclasses import dataclass

import cattrs

from glue_jobs.conversion.ports import DocumentsPort
from sluice.errors import TerminalError, TransientError
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import Partition
from sluice.lake.stored import raw_location


class UnregisteredPartitionError(TransientError):
    """The catalog does not know the partition of a batch, or knows it elsewhere; the next start registers it again."""


class UnreadableManifestError(TerminalError):
    """The frozen manifest of a batch is none, or one that a newer version of Sluice wrote."""


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

    @property
    def size_bytes(self) -> int:
        """Length of all files."""
        return sum(file.size_bytes for file in self.files)


def read_batch(documents: DocumentsPort, batch_id: str, manifest_url: str) -> Batch:
    """Read a batch's frozen manifest.

    Raises:
        MissingObjectError: It is not there.
        UnreadableManifestError: It cannot be read.
    """
    try:
        manifest = FrozenManifest.from_json(documents.read(manifest_url))
    except (ValueError, cattrs.BaseValidationError) as exc:
        why = str(exc) if isinstance(exc, ValueError) else "a field is missing or of the wrong type"
        raise UnreadableManifestError(f"{manifest_url}: {why}; send the manifest again") from exc
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
