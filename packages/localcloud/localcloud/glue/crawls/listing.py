"""Which objects a crawl looks at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from localcloud.glue.crawls.found import S3File
from localcloud.glue.crawls.globs import is_excluded

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HIDDEN = (".", "_")
_FOLDER_MARK = "_$folder$"


def split_address(location: str) -> tuple[str, str]:
    """Bucket and key prefix of a location."""
    bucket, _, prefix = location.partition("://")[2].partition("/")
    return bucket, prefix


def as_folder(location: str) -> str:
    """A location with a slash at the end, and with the scheme that the catalog uses."""
    bucket, prefix = split_address(location)
    return f"s3://{bucket}/{prefix}" if not prefix or prefix.endswith("/") else f"s3://{bucket}/{prefix}/"


def list_files(s3: S3Client, location: str, root: str, exclusions: Sequence[str]) -> Iterator[S3File]:
    """Give the files of a folder and of all folders below it.

    Args:
        s3: lists the bucket.
        location: the folder; without objects below it, an object of this name, unless the include path is a folder's.
        root: the include path, to which exclusions are relative.
        exclusions: patterns of objects to leave out.

    Raises:
        ClientError: S3 refuses, or there is no such bucket.
    """
    bucket, prefix = split_address(as_folder(location))
    is_folder = False
    for file in _objects(s3, bucket, prefix):
        is_folder = True
        if is_looked_at(file, root, exclusions):
            yield file
    if not is_folder and prefix and not root.endswith("/"):
        name = prefix.rstrip("/")
        # The object itself comes first of those that begin with its name.
        first = next(_objects(s3, bucket, name), None)
        if first is not None and first.key == name and is_looked_at(first, root, exclusions):
            yield first


def _objects(s3: S3Client, bucket: str, prefix: str) -> Iterator[S3File]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            yield S3File(bucket, item["Key"], item["Size"])


def is_looked_at(file: S3File, root: str, exclusions: Sequence[str]) -> bool:
    """Whether a file may be data: not empty, not excluded, and in no hidden folder.

    That names which begin with ``_`` or ``.`` are hidden, as for Athena and Spark, AWS does not document for crawlers:
    definitions should exclude them.
    """
    path = file.url.removeprefix(as_folder(root))
    is_marker = file.key.endswith(("/", _FOLDER_MARK)) or file.size_bytes == 0
    is_hidden = any(part.startswith(_HIDDEN) for part in path.split("/")) if path != file.url else False
    return not (is_marker or is_hidden or is_excluded(path, exclusions))
