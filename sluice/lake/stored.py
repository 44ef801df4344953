"""What S3 knows of one object, as far as its copies and versions have to be told apart."""

from dataclasses import dataclass
from datetime import datetime

from sluice.lake.handover import SourceFile


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
