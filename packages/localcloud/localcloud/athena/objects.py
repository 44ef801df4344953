"""The files of a table: which objects below a location are read, and their bodies on disk.

Files and folders below the location whose name begins with an underscore or a dot are not read, others are, at any
depth.

Source: https://docs.aws.amazon.com/athena/latest/ug/tables-location-format.html
"""

import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localcloud.athena.errors import QueryError
from localcloud.glue.cache import ObjectCache
from localcloud.glue.objects import RemoteObject, split_location
from localcloud.iam.sessions import asking

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEPT_BYTES = 1 << 30
_HIDDEN = ("_", ".")
_DENIED = 403


@dataclass(frozen=True)
class TableFile:
    """A file that a query reads.

    Attributes:
        found: the object as it was listed.
        values: of its partition.
    """

    found: RemoteObject
    values: tuple[str | None, ...]

    @property
    def url(self) -> str:
        """Its address in S3, which `"$path"` shows."""
        return f"s3://{self.found.bucket}/{self.found.key}"


class FileGoneError(QueryError):
    """A file was deleted or replaced between its listing and its reading."""

    def __init__(self, file: RemoteObject) -> None:
        """Keep what the caller reads, should listing again not help."""
        super().__init__(
            "HIVE_CANNOT_OPEN_SPLIT",
            f"Error opening Hive split s3://{file.bucket}/{file.key} (offset=0, length={file.size}): "
            "the file was deleted or replaced while the query ran",
        )


class Objects:
    """Lists and fetches files; bodies are kept between queries, by their ETag.

    Args:
        folder: for the bodies; made when it is missing.
        s3: gives a client.
    """

    def __init__(self, folder: Path, s3: "Callable[[], S3Client]") -> None:
        self._s3 = s3
        shutil.rmtree(folder, ignore_errors=True)  # what an earlier process kept, nobody counts any more
        folder.mkdir(parents=True)
        self._folder = folder
        self._cache = ObjectCache(folder / "bodies", s3)
        self._lock = threading.Lock()
        self._kept: OrderedDict[RemoteObject, None] = OrderedDict()

    def listed(self, location: str) -> Iterator[RemoteObject]:
        """The files below a location, in the order of keys.

        Raises:
            QueryError: the location is none, or its bucket cannot be read.
        """
        _, prefix = _address(location)
        return (found for found in self._below(location) if _is_read(found, prefix))

    def listed_by_folder(self, root: str, locations: Iterable[str]) -> dict[str, list[RemoteObject]]:
        """The files below each of many locations, with one listing of what is above them all.

        Args:
            root: lies above the locations; those that it does not are left out.
            locations: the folders.

        Raises:
            QueryError: the root is none, or its bucket cannot be read.
        """
        bucket, above = _address(root)
        addresses = {location: _address(location) for location in locations}
        inside = {loc: key for loc, (found, key) in addresses.items() if found == bucket and key.startswith(above)}
        by_prefix: dict[str, list[RemoteObject]] = {prefix: [] for prefix in inside.values()}
        for found in self._below(root):
            folder = found.key
            while folder := folder.rstrip("/").rpartition("/")[0]:
                folder += "/"
                if folder in by_prefix and _is_read(found, folder):
                    by_prefix[folder].append(found)
        return {location: by_prefix[prefix] for location, prefix in inside.items()}

    def _below(self, location: str) -> Iterator[RemoteObject]:
        bucket, prefix = _address(location)
        pages = self._s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            for page in pages:
                for item in page.get("Contents", []):
                    modified_ns = round(item["LastModified"].timestamp() * 1_000_000) * 1000
                    yield RemoteObject(bucket, item["Key"], item["ETag"], item["Size"], modified_ns)
        except ClientError as error:
            message = error.response["Error"].get("Message", "")
            raise QueryError("HIVE_FILESYSTEM_ERROR", f"Failed to list directory: {location}: {message}") from error

    def is_empty(self, location: str) -> bool:
        """Whether no object is below a location."""
        return next(self._below(location), None) is None

    def put(self, url: str, path: Path) -> None:
        """Put a file into S3.

        Args:
            url: of the object.
            path: of the file.

        Raises:
            QueryError: S3 refuses.
        """
        bucket, key = split_location(url)
        try:
            with path.open("rb") as body:
                self._s3().put_object(Bucket=bucket, Key=key, Body=body)
        except ClientError as error:
            message = error.response["Error"].get("Message", "")
            raise QueryError("HIVE_WRITER_OPEN_ERROR", f"Error creating file {url}: {message}") from error

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder for one query, which goes away."""
        path = Path(tempfile.mkdtemp(prefix="query-", dir=self._folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def fetch(self, files: Sequence[TableFile], folder: Path) -> list[Path]:
        """Put files, as they were listed, into a query's folder.

        Returns:
            The path of each.

        Raises:
            FileGoneError: a file was deleted or replaced since it was listed.
        """
        if asking() is not None:
            self._require_read(files)
        wanted = [(file.found, folder / f"{number}") for number, file in enumerate(files)]
        with self._lock:
            placed = dict(self._cache.place(wanted))
            self._keep([found for found, _ in wanted])
        for found, _ in wanted:
            if found not in placed:
                raise FileGoneError(found)
        return [path for _, path in wanted]

    def _require_read(self, files: Sequence[TableFile]) -> None:
        """Make sure that the caller may read files: of those that are kept here, nobody asks S3 any more."""
        s3 = self._s3()
        for file in files:
            try:
                s3.head_object(Bucket=file.found.bucket, Key=file.found.key)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == _DENIED:
                    text = f"Error opening Hive split {file.url} (offset=0, length={file.found.size}): Access Denied"
                    raise QueryError(
                        "HIVE_CANNOT_OPEN_SPLIT", f"{text} (Service: Amazon S3; Status Code: 403)"
                    ) from error
                raise FileGoneError(file.found) from error

    def _keep(self, used: Sequence[RemoteObject]) -> None:
        for found in used:
            self._kept[found] = None
            self._kept.move_to_end(found)
        total = sum(found.size for found in self._kept)
        is_over = total > KEPT_BYTES
        while total > KEPT_BYTES:
            total -= self._kept.popitem(last=False)[0].size
        if is_over:
            self._cache.prune(self._kept)


def _address(location: str) -> tuple[str, str]:
    scheme, _, rest = location.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not bucket:
        raise QueryError("HIVE_INVALID_METADATA", f"{location!r} is not a location such as s3://bucket/folder/")
    return bucket, f"{key.rstrip('/')}/" if key.strip("/") else ""


def _is_read(found: RemoteObject, prefix: str) -> bool:
    # An empty object is a folder's marker, or a file without a record.
    return found.size > 0 and not any(part.startswith(_HIDDEN) for part in found.key[len(prefix) :].split("/"))
