"""What a crawl reads off a catalog table."""

import json
from collections.abc import Container, Mapping
from typing import Any

from localcloud.errors import LocalCloudError
from localcloud.glue.crawls.found import S3File
from localcloud.glue.crawls.listing import as_folder

Table = Mapping[str, Any]
_SCHEME = "s3://"


def folder_of(table: Table) -> str:
    """The table's location, with a slash at the end."""
    return as_folder(str(table.get("StorageDescriptor", {}).get("Location") or ""))


def key_names(table: Table) -> list[str]:
    """Names of the partition keys."""
    return [key["Name"] for key in table.get("PartitionKeys") or ()]


def exclusions_of(table: Table) -> tuple[str, ...]:
    """The table's exclude patterns, relative to its location.

    Source: https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html

    Raises:
        LocalCloudError: the parameter is not JSON list of texts.
    """
    text = (table.get("Parameters") or {}).get("exclusions")
    if not text:
        return ()
    try:
        patterns = json.loads(text)
    except ValueError:
        patterns = None
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise LocalCloudError(f"table {table['Name']}: its parameter exclusions is not JSON list of texts: {text}")
    return tuple(patterns)


def owner_of(file: S3File, locations: Container[str]) -> str | None:
    """The nearest location above a file, or its own; None when there is none.

    Args:
        file: the object.
        locations: each with a slash at the end.
    """
    place = f"{file.url}/"
    while place != _SCHEME:
        if place in locations:
            return place
        place = place.rstrip("/").rpartition("/")[0] + "/"
    return None
