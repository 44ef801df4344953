"""What S3 knows of one object, as far as its copies and versions have to be told apart, and where a raw file is now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import archive_url, incoming_url, is_archive_url


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as a listing shows it.

    Attributes:
        url: ``s3://bucket/key``.
        size_bytes: Length in bytes.
        etag: ETag without quotes.
    """

    url: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object.

    Attributes:
        url: ``s3://bucket/key``.
        size_bytes: Length in bytes.
        modified_at: LastModified in UTC; S3 keeps whole seconds.
        etag: ETag without quotes. A copy may have another one than its source: the ETag of what was uploaded in parts
            tells of the parts, and that of an encrypted object of the encryption.
        version_id: Its version; empty where the bucket keeps none.
        source_etag: ETag of the object that it was copied from by `Objects.copy`; empty otherwise.
        checksums: Checksums over the whole object, each with its name.
    """

    url: str
    size_bytes: int
    modified_at: datetime
    etag: str
    version_id: str = ""
    source_etag: str = ""
    checksums: tuple[tuple[str, str], ...] = ()

    @property
    def as_file(self) -> SourceFile:
        """The object as manifests remember it."""
        return SourceFile(self.url, self.size_bytes, int(self.modified_at.timestamp()), self.etag)

    def has_content_of(self, file: SourceFile) -> bool:
        """Whether this is a file as it was remembered, or a copy of it."""
        return self.size_bytes == file.size_bytes and file.etag in {self.etag, self.source_etag}

    def is_copy_of(self, source: "StoredObject") -> bool:
        """Whether `Objects.copy` made this from exactly that content."""
        mine, theirs = dict(self.checksums), dict(source.checksums)
        return (
            self.source_etag == source.etag
            and self.size_bytes == source.size_bytes
            and all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys())
        )


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
