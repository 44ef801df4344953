"""S3 objects as files: which keys can be files, what a listing says, and which files are nobody's data."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_SEGMENT_BYTES = 255
MAX_KEY_BYTES = 1024
TEMPORARY_FOLDERS = ("_temporary", "__magic_job-")


@dataclass(frozen=True)
class RemoteObject:
    """One object of a listing; `modified_ns` is its LastModified in nanoseconds since the epoch."""

    bucket: str
    key: str
    etag: str
    size: int
    modified_ns: int


def split_location(location: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` location.

    Raises:
        ValueError: it is none.
    """
    scheme, _, rest = location.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not bucket or not key:
        raise ValueError(f"{location!r} is not a location such as s3://bucket/key")
    return bucket, key


def list_objects(s3: "S3Client", bucket: str) -> Iterator[RemoteObject]:
    """Every object of a bucket, in the order of keys."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            modified_ns = round(item["LastModified"].timestamp() * 1_000_000) * 1000
            yield RemoteObject(bucket, item["Key"], item["ETag"], item["Size"], modified_ns)


def is_temporary(key: str) -> bool:
    """Whether a file is a by-product of Hadoop or Spark that never reaches S3: checksums and unfinished work."""
    segments = key.split("/")
    name = segments[-1]
    if name.startswith(".") and name.endswith(".crc"):
        return True
    if name.endswith("._COPYING_"):
        return True
    return any(part.startswith((*TEMPORARY_FOLDERS, ".spark-staging-")) for part in segments)


def can_be_file(key: str) -> bool:
    """Whether a key can be a relative path: no empty or dotted segment, none too long for a file system."""
    segments = key.split("/")
    if len(key.encode("utf-8", "surrogateescape")) > MAX_KEY_BYTES or "\0" in key:
        return False
    return all(
        segment not in ("", ".", "..") and len(segment.encode("utf-8", "surrogateescape")) <= MAX_SEGMENT_BYTES
        for segment in segments
    )


def files_and_folders(objects: Iterable[RemoteObject]) -> tuple[dict[str, RemoteObject], set[str], list[str]]:
    """Sort a bucket's objects into files, folder markers and keys that a file system cannot hold.

    A key ending in `/` is a folder marker. A key that is also the folder of other keys (`a` beside `a/b`) cannot be a
    file beside them: the folder wins, as the more useful of the two.

    Returns:
        Files by key, folders without the final slash, and the keys left out.
    """
    by_key = {found.key: found for found in objects}
    folders = {key.rstrip("/") for key in by_key if key.endswith("/") and can_be_file(key[:-1])}
    parents = folders | _parents(by_key)
    files: dict[str, RemoteObject] = {}
    left_out = []
    for key, found in by_key.items():
        if key.endswith("/") and key[:-1] in folders:
            continue
        if can_be_file(key) and key not in parents and not is_temporary(key):
            files[key] = found
        else:
            left_out.append(key)
    return files, folders, left_out


def _parents(by_key: Mapping[str, RemoteObject]) -> set[str]:
    parents = set()
    for key in by_key:
        folder = key.rpartition("/")[0]
        while folder and folder not in parents:
            parents.add(folder)
            folder = folder.rpartition("/")[0]
    return parents
