"""S3 as a folder of this machine, one folder for each bucket; it can be used in several processes."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path

from sluice.errors import InputChangedError, MissingObjectError
from sluice.lake.handover import SourceFile
from sluice.lake.layout import split_url
from sluice.lake.stored import StoredObject


class BrokenStream(io.FileIO):
    """A connection that breaks after the first bytes."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(path, "rb")
        self._error = error

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self.tell():
            raise self._error
        return super().readinto(memoryview(buffer)[:10])


@dataclass(frozen=True)
class FolderStore:
    """Keeps the promises of `sluice.aws.objects.Objects` and `sluice.aws.documents.Documents` that conversions use.

    Attributes:
        root: The folder.
        log: A file that gets a line for each object that is opened.
        breaks: What reading raises, by the name of the file.
    """

    root: Path
    log: Path | None = None
    breaks: Mapping[str, Exception] = field(default_factory=dict)

    def path(self, url: str) -> Path:
        bucket, key = split_url(url)
        return self.root / bucket / key

    def put(self, url: str, body: bytes) -> SourceFile:
        path = self.path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return SourceFile(url, len(body), int(path.stat().st_mtime), md5(body).hexdigest())

    def open(self, file: SourceFile) -> io.RawIOBase:
        path = self.path(file.url)
        if not path.is_file():
            raise InputChangedError(f"{file.url}: is gone since its manifest was validated")
        if file.etag and md5(path.read_bytes()).hexdigest() != file.etag:
            raise InputChangedError(f"{file.url}: has another ETag than when its manifest was validated")
        if int(path.stat().st_mtime) != file.modified_at:
            raise InputChangedError(f"{file.url}: was written again since its manifest was validated")
        if self.log is not None:
            with self.log.open("a") as log:
                log.write(f"{file.url}\n")
        error = self.breaks.get(path.name)
        return path.open("rb", buffering=0) if error is None else BrokenStream(path, error)

    def upload(self, path: Path, url: str) -> None:
        self.put(url, path.read_bytes())

    def listed(self, folder: str) -> tuple[StoredObject, ...]:
        root = self.path(folder)
        return tuple(
            StoredObject(
                f"{folder.rstrip('/')}/{path.relative_to(root).as_posix()}",
                path.stat().st_size,
                datetime.fromtimestamp(path.stat().st_mtime, UTC),
                md5(path.read_bytes()).hexdigest(),
            )
            for path in sorted(root.rglob("*"))
            if path.is_file()
        )

    def remove_all(self, urls: Iterable[str]) -> None:
        for url in urls:
            self.path(url).unlink(missing_ok=True)

    def read(self, url: str) -> str:
        if not self.exists(url):
            raise MissingObjectError(f"{url}: there is no such object")
        return self.path(url).read_text(encoding="utf-8")

    def write(self, url: str, text: str) -> None:
        self.put(url, text.encode())

    def exists(self, url: str) -> bool:
        return self.path(url).is_file()
