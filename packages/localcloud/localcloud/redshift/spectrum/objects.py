"""Which objects of a bucket belong to a table.

Only registered partitions are read; files whose name begins with ``.``, ``_`` or ``#`` or ends with ``~`` are hidden;
folders below a location are read too.
Source: https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-external-tables.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localcloud.redshift.errors import SqlError
from localcloud.redshift.loading.source import S3Object, parse_url
from localcloud.redshift.spectrum.catalog import ExternalTable, Partition

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HIDDEN_STARTS = (".", "_", "#")
_HIDDEN_END = "~"


@dataclass(frozen=True)
class ExternalObject:
    """One version of one file of one partition."""

    values: tuple[str | None, ...]
    file: S3Object
    etag: str


def list_objects(s3: S3Client, table: ExternalTable, partitions: Sequence[Partition]) -> tuple[ExternalObject, ...]:
    """Give the visible files of a table.

    Args:
        s3: lists the buckets.
        table: the table; the folder that its partitions have in common is listed once for all below its location.
        partitions: those that are read.

    Raises:
        SqlError: a location is not an address in S3, or S3 refuses.
    """
    inside = [part for part in partitions if part.location.startswith(table.location)]
    listed = list(_list(s3, _common_folder([part.location for part in inside]))) if inside else []
    below = _by_location(listed, inside)
    found: list[ExternalObject] = []
    for part in partitions:
        files = below[part.location] if part.location in below else _list(s3, part.location)
        found += (ExternalObject(part.values, file, etag) for file, etag in files)
    return tuple(found)


def _common_folder(locations: Sequence[str]) -> str:
    levels = zip(*(location.split("/") for location in locations), strict=False)
    common = takewhile(lambda names: len(set(names)) == 1, levels)
    return "/".join(names[0] for names in common).rstrip("/") + "/"


def _by_location(
    listed: Iterable[tuple[S3Object, str]], partitions: Iterable[Partition]
) -> dict[str, list[tuple[S3Object, str]]]:
    """Give each location its files: one goes to every location that is a folder above it."""
    found: dict[str, list[tuple[S3Object, str]]] = {part.location: [] for part in partitions}
    for file, etag in listed:
        folder = file.url
        while "/" in folder.removeprefix("s3://"):
            folder = folder.rstrip("/").rpartition("/")[0] + "/"
            if folder in found:
                found[folder].append((file, etag))
    return found


def _list(s3: S3Client, location: str) -> Iterator[tuple[S3Object, str]]:
    bucket, prefix = _address(location)
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                if _is_read(item["Key"], item["Size"]):
                    yield S3Object(bucket, item["Key"], item["Size"]), item["ETag"]
    except ClientError as error:
        message = error.response.get("Error", {}).get("Message", "")
        raise SqlError(f"S3ServiceException: {message}: {location}") from error


def _address(location: str) -> tuple[str, str]:
    bucket = location.removeprefix("s3://").rstrip("/")
    # The root of a bucket is a location too, but no key.
    return (bucket, "") if location.startswith("s3://") and "/" not in bucket else parse_url(location)


def _is_read(key: str, size_bytes: int) -> bool:
    name = key.rpartition("/")[2]
    # An empty object is a folder's marker: there is no empty Parquet file.
    return size_bytes > 0 and name != "" and not name.startswith(_HIDDEN_STARTS) and not name.endswith(_HIDDEN_END)
