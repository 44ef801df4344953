"""The objects of a bucket in memory: every version kept, copied, deleted and hidden as S3 does it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.aws.documents import ObjectInfo
from sluice.errors import InputChangedError
from sluice.lake.stored import StoredObject

if TYPE_CHECKING:
    from tests.doubles.world import MemoryDocuments


class MemoryObjects:
    """Keeps the promises of `sluice.aws.objects.Objects` over the same objects as `MemoryDocuments`.

    Args:
        documents: The objects.
        clock: The present moment in UTC, for what is written.
        keeps_versions: Whether the bucket does.
    """

    def __init__(
        self, documents: "MemoryDocuments", clock: Callable[[], datetime], *, keeps_versions: bool = True
    ) -> None:
        self.documents = documents
        self.keeps_versions = keeps_versions
        self._clock = clock
        self._source_etags: dict[tuple[str, str], str] = {}

    def info(self, url: str) -> StoredObject | None:
        versions = self._versions(url)
        if not versions:
            return None
        version = next(reversed(versions))
        _, info = versions[version]
        return StoredObject(
            url,
            info.size_bytes,
            info.modified_at.replace(microsecond=0),
            info.etag,
            version if self.keeps_versions else "",
            self._source_etags.get((url, version), ""),
        )

    def copy(self, source: StoredObject, target: str) -> StoredObject:
        found = self.info(source.url)
        version = source.version_id or next(reversed(self._versions(source.url)), "")
        body, info = self._versions(source.url).get(version, (b"", None))
        if info is None or info.etag != source.etag or (not self.keeps_versions and found != source):
            raise InputChangedError(f"{source.url}: changed while it was copied to {target}")
        copied = self.documents.put(target, body, self._clock())
        self._source_etags[target, copied] = source.etag
        stored = self.info(target)
        assert stored is not None
        return stored

    def delete(self, stored: StoredObject) -> None:
        versions = self._versions(stored.url)
        if not self.keeps_versions:
            if self.info(stored.url) == stored:
                self.documents.delete(stored.url)
            return
        versions.pop(stored.version_id, None)
        below = self.info(stored.url)
        if below is None or below.modified_at < stored.modified_at:
            # A marker over the older versions; nobody asks for those any more.
            self.documents.delete(stored.url)

    def hide(self, stored: StoredObject) -> None:
        if self.info(stored.url) == stored:
            self.documents.delete(stored.url)

    def remove(self, url: str) -> None:
        self.documents.delete(url)

    def remove_all(self, urls: Iterable[str]) -> None:
        for url in urls:
            self.documents.delete(url)

    def listed(self, folder: str, limit: int | None = None) -> tuple[StoredObject, ...]:
        inside = [url for url in self.documents.urls() if url.startswith(f"{folder.rstrip('/')}/")]
        found = [self.info(url) for url in inside]
        return tuple(item for item in found if item is not None)[:limit]

    def top_folders(self, bucket: str) -> tuple[str, ...]:
        keys = [
            url.removeprefix(f"s3://{bucket}/") for url in self.documents.urls() if url.startswith(f"s3://{bucket}/")
        ]
        return tuple(sorted({key.partition("/")[0] for key in keys if "/" in key}))

    def upload(self, path: Path, url: str) -> None:
        self.documents.put(url, path.read_bytes(), self._clock())

    def create(self, url: str, body: bytes) -> bool:
        if self._versions(url):
            return False
        self.documents.put(url, body, self._clock())
        return True

    def replace(self, stored: StoredObject, body: bytes) -> bool:
        found = self.info(stored.url)
        if found is None or found.etag != stored.etag:
            return False
        self.documents.put(stored.url, body, self._clock())
        return True

    def put_in_parts(self, url: str, body: bytes, at: datetime) -> str:
        """Write an object as a large upload does, so that its ETag is not that of its copies."""
        version = self.documents.put(url, body, at)
        versions = self._versions(url)
        versions[version] = (body, ObjectInfo(len(body), at, f"{md5(md5(body).digest()).hexdigest()}-2"))
        return version

    def _versions(self, url: str) -> dict[str, tuple[bytes, ObjectInfo]]:
        return self.documents._versions.get(url, {})
