"""Which objects a COPY loads: those of a manifest, or those under a key prefix.

Source: https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html and
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-source-s3.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localcloud.redshift.errors import SqlError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ABSENT = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})


@dataclass(frozen=True)
class S3Object:
    """One object to load."""

    bucket: str
    key: str
    size_bytes: int

    @property
    def url(self) -> str:
        """The full path of the object."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Entry:
    """One entry of a manifest; it need not tell the size of a file that is not columnar."""

    bucket: str
    key: str
    is_mandatory: bool
    size_bytes: int | None


def files(s3: S3Client, source: str, *, is_manifest: bool, is_columnar: bool = True) -> tuple[S3Object, ...]:
    """Give the objects of a COPY's FROM; one that a manifest lists twice comes twice.

    Args:
        s3: reads the manifest and looks the objects up.
        source: ``s3://bucket/key`` of the manifest, or the prefix of the keys.
        is_manifest: which of the two it is.
        is_columnar: whether the files are Parquet: then a manifest has to tell their sizes.

    Raises:
        SqlError: the manifest breaks a rule, a mandatory file is missing, or there is no file at all.
    """
    bucket, key = parse_url(source)
    found = (
        _of_manifest(s3, bucket, key, is_columnar=is_columnar) if is_manifest else tuple(_of_prefix(s3, bucket, key))
    )
    if not found:
        raise SqlError(f"The specified S3 prefix '{key}' does not exist" if not is_manifest else _nothing(source))
    return found


def _nothing(source: str) -> str:
    return f"Problem reading manifest file - no file of {source} was found"


def parse_url(url: str) -> tuple[str, str]:
    """Give bucket and key of ``s3://bucket/key``.

    Raises:
        SqlError: the text is no such address.
    """
    scheme, _, path = url.partition("://")
    bucket, _, key = path.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise SqlError(f"Invalid S3 path: {url}")
    return bucket, key


def _of_prefix(s3: S3Client, bucket: str, prefix: str) -> Iterator[S3Object]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        for page in pages:
            for item in page.get("Contents", ()):
                yield S3Object(bucket, item["Key"], item["Size"])
    except ClientError as error:
        raise s3_error(error, f"s3://{bucket}/{prefix}") from error


def _of_manifest(s3: S3Client, bucket: str, key: str, *, is_columnar: bool) -> tuple[S3Object, ...]:
    url = f"s3://{bucket}/{key}"
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        raise s3_error(error, url) from error
    looked_up = (_look_up(s3, entry) for entry in parse_manifest(body, url, is_columnar=is_columnar))
    return tuple(item for item in looked_up if item is not None)


def s3_error(error: ClientError, url: str) -> SqlError:
    """What S3 refused, in the shape in which Redshift reports it."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in _ABSENT:
        return SqlError(f"S3ServiceException: The specified key does not exist: {url}")
    return SqlError(f"S3ServiceException: {error.response.get('Error', {}).get('Message', code)}: {url}")


def parse_manifest(body: bytes, url: str, *, is_columnar: bool = True) -> tuple[Entry, ...]:
    """Read a manifest.

    Raises:
        SqlError: it is not JSON in UTF-8, has no entries, or an entry lacks what its files need.
    """
    try:
        document = json.loads(body.decode("utf-8"))
    except ValueError as error:
        raise _problem(url, f"it is not JSON in UTF-8 ({error})") from error
    entries = document.get("entries") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise _problem(url, "it has no entries")
    return tuple(
        _entry(entry, f"{url} entry {number}", is_columnar=is_columnar) for number, entry in enumerate(entries, start=1)
    )


def _problem(where: str, what: str) -> SqlError:
    return SqlError(f"Problem reading manifest file {where} - {what}")


def _entry(entry: object, where: str, *, is_columnar: bool) -> Entry:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("url"), str):
        raise _problem(where, "url is missing")
    mandatory = entry.get("mandatory", False)
    if not isinstance(mandatory, bool):
        raise _problem(where, "mandatory is neither true nor false")
    meta: Any = entry.get("meta")
    size = meta.get("content_length") if isinstance(meta, Mapping) else None
    if size is None and not is_columnar:
        return Entry(*parse_url(entry["url"]), mandatory, None)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _problem(where, "meta.content_length is required for files in a columnar format")
    bucket, key = parse_url(entry["url"])
    return Entry(bucket, key, mandatory, size)


def _look_up(s3: S3Client, entry: Entry) -> S3Object | None:
    url = f"s3://{entry.bucket}/{entry.key}"
    try:
        size = s3.head_object(Bucket=entry.bucket, Key=entry.key)["ContentLength"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT and not entry.is_mandatory:
            return None
        raise s3_error(error, url) from error
    if entry.size_bytes is not None and size != entry.size_bytes:
        raise SqlError(f"File size mismatch: {url} has {size} bytes, the manifest says {entry.size_bytes}")
    return S3Object(entry.bucket, entry.key, size)
