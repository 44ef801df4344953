"""Where a raw file is now: where its manifest said, or where the archive has put it."""

from dataclasses import dataclass
from typing import Protocol

from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import archive_url, incoming_url, is_archive_url
from sluice.lake.stored import StoredObject


class Looks(Protocol):
    """The part of `sluice.aws.objects.Objects` that looks."""

    def info(self, url: str) -> StoredObject | None:
        """The current version of an object; None when there is none."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Looks for raw files.

    Attributes:
        objects: The raw bucket.
    """

    objects: Looks

    def find(self, file: SourceFile) -> SourceFile | None:
        """A file with the content that it had when its manifest was validated, as it is now.

        Returns:
            The file with its present URL, time and ETag; None when nothing has that content any more.
        """
        for url in dict.fromkeys((file.url, archive_url(file.url), incoming_url(file.url))):
            found = self.objects.info(url)
            if found is not None and found.has_content_of(file):
                return found.as_file
        return None


def raw_location(manifest: FrozenManifest) -> str:
    """The folder that the catalog shall show for a batch's raw partition, with a slash at the end.

    It is the archive's folder when all of the batch's files are there. While some are not, as after a resubmission, it
    is the folder into which the source system writes: that is where the next files come. A conversion reads the files
    that its manifest names, in whichever of the two they are.
    """
    if manifest.files and all(is_archive_url(file.url) for file in manifest.files):
        return archive_location(manifest)
    return _folder(incoming_url(manifest.url))


def archive_location(manifest: FrozenManifest) -> str:
    """The folder of a batch's partition in the archive, with a slash at the end."""
    return _folder(archive_url(manifest.url))


def _folder(url: str) -> str:
    return f"{url.rpartition('/')[0]}/"
