"""A run's own picture of S3: buckets as folders before it starts, and its changes sent back when it has ended."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from localcloud.glue.cache import ObjectCache
from localcloud.glue.objects import RemoteObject, files_and_folders, is_temporary, list_objects

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

PART_BYTES = 64 << 20
TRANSFER = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)
# Size, time and inode: a file written in place changes the second, one put in its place the third.
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Upload:
    """A file that the run wrote; a key that ends in ``/`` is a folder that it made and left empty."""

    bucket: str
    key: str


@dataclass(frozen=True)
class Deletion:
    """An object that the run deleted, with the ETag it had when the run began."""

    bucket: str
    key: str
    etag: str


@dataclass(frozen=True)
class Changes:
    """All that a run did to S3; `uploads` in the order in which the files appeared."""

    uploads: tuple[Upload, ...]
    deletions: tuple[Deletion, ...]

    def save(self, path: Path) -> None:
        """Write the changes down, atomically: from here on they are sent, whatever happens."""
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Changes":
        """Read saved changes."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        uploads = tuple(Upload(**upload) for upload in fields["uploads"])
        return cls(uploads, tuple(Deletion(**deletion) for deletion in fields["deletions"]))


class Workspace:
    """The folder that serves `s3://` to one run.

    It holds every bucket as it was when the run began: until `send`, others do not see what the run does in it, nor
    does the run see what they do.
    """

    def __init__(
        self,
        folder: Path,
        cache: ObjectCache,
        s3: "Callable[[], S3Client]",
        may_read: Callable[[str, str], bool] | None = None,
    ) -> None:
        self.folder = folder
        self._cache = cache
        self._s3 = s3
        self._may_read = may_read
        self._before: dict[Upload, tuple[Stamp, str]] = {}
        self._folders_before: set[Upload] = set()

    def bucket_folder(self, bucket: str) -> Path:
        """Where a bucket's objects are."""
        return self.folder / bucket

    def fetch(self) -> list[str]:
        """Fill the folder; the names of the buckets."""
        s3 = self._s3()
        buckets = self.buckets()
        with self._cache.lock:  # two runs that start together fetch an object once
            listing = {bucket: list(list_objects(s3, bucket)) for bucket in buckets}
            readable = {bucket: self._readable(bucket, objects) for bucket, objects in listing.items()}
            for bucket, objects in readable.items():
                self._fetch_bucket(bucket, objects)
            self._cache.prune(found for objects in listing.values() for found in objects)
        self._folders_before = {name for name, _ in self._empty_folders()}
        return buckets

    def buckets(self) -> list[str]:
        """Names of all buckets."""
        return [bucket["Name"] for bucket in self._s3().list_buckets().get("Buckets", [])]

    def changes(self) -> Changes:
        """What the run has written and deleted since `fetch`."""
        written: list[tuple[int, Upload]] = []
        seen = set()
        for name, path in self._files():
            status = path.stat()
            seen.add(name)
            before = self._before.get(name)
            if before is None or before[0] != _stamp(status):
                written.append((status.st_ctime_ns, name))
        made = ((name, path) for name, path in self._empty_folders() if name not in self._folders_before)
        written += [(path.stat().st_ctime_ns, name) for name, path in made]
        uploads = tuple(name for _, name in sorted(written, key=lambda item: (item[0], item[1].key)))
        gone = sorted(self._before.keys() - seen, key=lambda name: (name.bucket, name.key))
        return Changes(uploads, tuple(Deletion(n.bucket, n.key, self._before[n][1]) for n in gone))

    def send(self, changes: Changes) -> None:
        """Bring changes to S3: what was written first, in its order, then what was deleted.

        May be repeated after an interruption. An object that somebody else has replaced meanwhile is not deleted: in S3
        the run's deletion would have come before it.
        """
        s3 = self._s3()
        for upload in changes.uploads:
            _upload(s3, self.bucket_folder(upload.bucket) / upload.key, upload)
        for deletion in changes.deletions:
            if _etag(s3, deletion.bucket, deletion.key) == deletion.etag:
                s3.delete_object(Bucket=deletion.bucket, Key=deletion.key)

    def _readable(self, bucket: str, objects: list[RemoteObject]) -> list[RemoteObject]:
        """What the run's role may read; the rest is not there for it."""
        if self._may_read is None:
            return objects
        found = [each for each in objects if self._may_read(bucket, each.key)]
        if len(found) < len(objects):
            logger.info("s3://%s: the run's role may read %d of %d objects", bucket, len(found), len(objects))
        return found

    def _fetch_bucket(self, bucket: str, objects: list[RemoteObject]) -> None:
        root = self.bucket_folder(bucket)
        files, folders, left_out = files_and_folders(objects)
        for key in left_out:
            logger.warning("s3://%s/%s cannot be a file beside the others; Glue runs do not see it", bucket, key)
        for folder in {root, *(root / folder for folder in folders), *((root / key).parent for key in files)}:
            folder.mkdir(parents=True, exist_ok=True)
        for found, path in self._cache.place((found, root / key) for key, found in files.items()):
            self._before[Upload(bucket, found.key)] = (_stamp(path.stat()), found.etag)

    def _files(self) -> Iterator[tuple[Upload, Path]]:
        for bucket in sorted(self.folder.iterdir()):
            for folder, _, names in os.walk(bucket):
                for name in names:
                    path = Path(folder) / name
                    key = path.relative_to(bucket).as_posix()
                    if not is_temporary(key):
                        yield Upload(bucket.name, key), path

    def _empty_folders(self) -> Iterator[tuple[Upload, Path]]:
        """Folders without anything in them: S3A makes an empty object of each that is made.

        Source: https://hadoop.apache.org/docs/r3.4.2/hadoop-aws/tools/hadoop-aws/directory_markers.html
        """
        for bucket in sorted(self.folder.iterdir()):
            for folder, folders, names in os.walk(bucket):
                key = Path(folder).relative_to(bucket).as_posix() + "/"
                if not folders and not names and key != "./" and not is_temporary(key[:-1]):
                    yield Upload(bucket.name, key), Path(folder)


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _upload(s3: "S3Client", path: Path, upload: Upload) -> None:
    if upload.key.endswith("/"):
        s3.put_object(Bucket=upload.bucket, Key=upload.key, Body=b"")
        return
    if path.stat().st_size >= PART_BYTES:
        s3.upload_file(str(path), upload.bucket, upload.key, Config=TRANSFER)
        return
    with path.open("rb") as body:  # the transfer manager's threads cost more than a small file
        s3.put_object(Bucket=upload.bucket, Key=upload.key, Body=body)


def _etag(s3: "S3Client", bucket: str, key: str) -> str | None:
    try:
        return s3.head_object(Bucket=bucket, Key=key)["ETag"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
