"""Manifests in the format of Redshift's COPY: the full and only list of a partition's files, or of a load's.

Source: https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html. One rule is Sluice's own:
``mandatory`` left out means true, because a file that is missing in silence is how rows get lost.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from sluice.errors import LayoutError, ManifestError
from sluice.lake.layout import archive_url, incoming_url, split_url


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One file of a manifest.

    Attributes:
        url: ``s3://bucket/key`` of the file.
        content_length: Size in bytes, or None where the writer did not say.
        mandatory: Whether the file must exist.
    """

    url: str
    content_length: int | None = None
    mandatory: bool = True

    def to_json(self) -> dict[str, Any]:
        """The entry as COPY reads it."""
        meta = {} if self.content_length is None else {"meta": {"content_length": self.content_length}}
        return {"url": self.url, "mandatory": self.mandatory, **meta}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A list of files, each named once."""

    entries: tuple[ManifestEntry, ...]

    @classmethod
    def parse(cls, body: bytes, url: str) -> Self:
        """Read a manifest and check its form.

        Args:
            body: Content of the manifest object.
            url: Where it lies, for messages.

        Raises:
            ManifestError: It is not JSON, has no entries, an entry lacks its URL, or a URL stands twice (COPY would
                load that file twice).
        """
        try:
            document = json.loads(body.decode("utf-8-sig"))
        except (ValueError, RecursionError) as exc:  # Also bytes that are no UTF-8, and numbers of absurd length.
            raise ManifestError(f"{url}: not valid JSON in UTF-8: {exc}") from exc
        entries = document.get("entries") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise ManifestError(f"{url}: must be an object with a list named 'entries'")
        if not entries:
            raise ManifestError(f"{url}: 'entries' is empty")
        parsed = tuple(_entry(entry, f"{url}: entries[{index}]") for index, entry in enumerate(entries))
        for name, count in Counter(entry.url for entry in parsed).items():
            if count > 1:
                raise ManifestError(f"{url}: {name} is listed {count} times; each file may stand once")
        return cls(parsed)

    def check_inside(self, bucket: str, folder: str, url: str) -> None:
        """Make sure that every file lies in the folder of the manifest, or in the same folder of the archive.

        Args:
            bucket: The manifest's bucket.
            folder: The partition's folder, without a slash at the end.
            url: Where the manifest lies, for messages.

        Raises:
            ManifestError: An entry lies elsewhere, has a key that file systems read otherwise than S3 or that would be
                too long in the archive, has the name of another entry there, or is the manifest itself.
        """
        names: dict[str, int] = {}
        for index, entry in enumerate(self.entries):
            at = f"{url}: entries[{index}]"
            key = _key_inside(entry, bucket, folder, at)
            if incoming_url(entry.url) == url:
                raise ManifestError(f"{at}: the manifest lists itself")
            if names.setdefault(key, index) != index:
                raise ManifestError(
                    f"{at}: {entry.url} has the name of entries[{names[key]}]; one of the two is in the archive"
                )

    def to_json(self) -> str:
        """The manifest as COPY reads it."""
        return json.dumps({"entries": [entry.to_json() for entry in self.entries]}, indent=1) + "\n"


def load_manifest(files: Iterable[tuple[str, int]]) -> Manifest:
    """The manifest for a COPY from Parquet: every file mandatory, every length stated, as COPY demands.

    Args:
        files: URL and size in bytes of each file.
    """
    return Manifest(tuple(ManifestEntry(url, size) for url, size in sorted(files)))


def _key_inside(entry: ManifestEntry, bucket: str, folder: str, at: str) -> str:
    """Key of a file, as if it were not archived, when it is one that Sluice can work with."""
    entry_bucket, key = split_url(incoming_url(entry.url))
    if entry_bucket != bucket or not key.startswith(f"{folder}/"):
        raise ManifestError(f"{at}: {entry.url} is not inside s3://{bucket}/{folder}/")
    if not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise ManifestError(f"{at}: {entry.url} has an empty, '.' or '..' part in its path")
    try:
        archive_url(entry.url)
    except LayoutError as exc:
        raise ManifestError(f"{at}: there is no room for its name in the archive: {exc}") from exc
    return key


def _entry(entry: object, at: str) -> ManifestEntry:
    if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
        raise ManifestError(f"{at}: must be an object with a text named 'url'")
    try:
        split_url(entry["url"])
    except LayoutError as exc:
        raise ManifestError(f"{at}.url: {exc}") from exc
    mandatory = entry.get("mandatory", True)
    if not isinstance(mandatory, bool):
        raise ManifestError(f"{at}.mandatory: must be true or false, not {mandatory!r}")
    meta = entry.get("meta", {})
    length = meta.get("content_length") if isinstance(meta, dict) else None
    is_length = length is None or (isinstance(length, int) and not isinstance(length, bool) and length >= 0)
    if not isinstance(meta, dict) or not is_length:
        raise ManifestError(f"{at}.meta.content_length: must be a whole number of bytes")
    return ManifestEntry(entry["url"], length, mandatory)
