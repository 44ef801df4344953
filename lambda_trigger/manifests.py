"""A manifest from S3's message to its files as they are: what is announced, what it must satisfy, what is remembered.

S3 tells the queue itself, or a bucket whose notification belongs to somebody else tells a topic of SNS or EventBridge,
which tells the queue.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html and
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote_plus

from lambda_trigger.ports import DocumentsPort
from lambda_trigger.trigger import Trigger
from sluice.aws.documents import ObjectInfo
from sluice.contract import Contract
from sluice.errors import (
    LayoutError,
    ManifestError,
    ObjectTooLargeError,
    TerminalError,
    TransientError,
    UnreadableObjectError,
)
from sluice.lake.handover import FrozenManifest, SourceFile
from sluice.lake.layout import MANIFEST_NAME, Partition, archive_url, is_reserved
from sluice.lake.manifest import Manifest, ManifestEntry
from sluice.ledger.batch import BatchId
from sluice.parallel import each

logger = logging.getLogger(__name__)
MAX_MANIFEST_BYTES = 50 * 1024 * 1024
"""Longest manifest that is taken. The function has the memory for it."""
MAX_FILES = 100_000
"""Most files of a manifest. The function has the time for them."""
_FILES_AT_ONCE = 5000
"""Files that are looked for between two looks at the clock."""
_MAX_PROBLEMS = 5
_MAJOR_VERSION = "2"


class EventError(TerminalError):
    """A message is not an event of S3; it fails alone and ends in the dead-letter queue."""


class OverwrittenError(TerminalError):
    """The manifest of the event has been replaced by a newer one before it was read."""


class IncompleteError(TerminalError):
    """Files of the manifest are missing or not whole, or it may not be read itself; that may pass by itself."""


class OutOfTimeError(TransientError):
    """The function's time is nearly over; the manifest is taken when its message is delivered again."""


# What a message announces


@dataclass(frozen=True, slots=True)
class ManifestEvent:
    """S3 has taken a manifest.

    Attributes:
        bucket: Bucket of the manifest.
        key: Its key, decoded.
        sequencer: S3's sequencer, hexadecimal; orders the events of one key.
        version_id: Version of the manifest; None in a bucket that is not versioned.
        etag: ETag of the manifest; empty when the event does not say.
        written_at: When S3 took it, as the event says.
    """

    bucket: str
    key: str
    sequencer: str
    version_id: str | None = None
    etag: str = ""
    written_at: str = ""

    @property
    def folder(self) -> str:
        """Folder of the manifest without a slash at the end; empty at the top of the bucket."""
        return self.key.rpartition("/")[0]

    @property
    def url(self) -> str:
        """``s3://`` URL of the manifest."""
        return f"s3://{self.bucket}/{self.key}"


def manifest_events(body: str, raw_bucket: str) -> tuple[ManifestEvent, ...]:
    """The manifests that one message announces.

    S3's test event, deletions, other buckets, other objects and reserved folders announce none.

    Args:
        body: Body of the SQS message.
        raw_bucket: The bucket that source systems write to.

    Raises:
        EventError: The body is not an event of S3.
    """
    message = _read(body)
    if message.get("Type") == "Notification" and isinstance(message.get("Message"), str):
        message = _read(message["Message"])  # SNS around it
    found = _from_eventbridge(message) if message.get("source") == "aws.s3" else _from_s3(message)
    return tuple(event for event in found if event is not None and _announces(event, raw_bucket))


def _read(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise EventError(f"message is not valid JSON: {exc}") from exc
    if not isinstance(message, dict):
        raise EventError(f"message is not an event of S3: it is a {type(message).__name__}")
    return message


def _from_s3(message: Mapping[str, Any]) -> list[ManifestEvent | None]:
    records = message.get("Records")
    if records is None and message.get("Event") == "s3:TestEvent":
        # S3 sends it when the notification is set up.
        return []
    if not isinstance(records, list):
        raise EventError("message is not an event of S3: it has no list named 'Records'")
    try:
        return [_event(record) for record in records]
    except (KeyError, TypeError, AttributeError) as exc:
        raise EventError(f"message is not an event of S3: {exc!r}") from exc


def _from_eventbridge(message: Mapping[str, Any]) -> list[ManifestEvent | None]:
    if message.get("detail-type") != "Object Created":
        return []
    try:
        bucket, item = message["detail"]["bucket"]["name"], message["detail"]["object"]
        # Unlike in S3's own events, the key is as it is.
        return [
            ManifestEvent(
                bucket=bucket,
                key=item["key"],
                sequencer=_sequencer(item),
                version_id=item.get("version-id") or None,
                etag=item.get("etag", "").strip('"'),
                written_at=message.get("time", ""),
            )
        ]
    except (KeyError, TypeError, AttributeError) as exc:
        raise EventError(f"message is not an event of S3: {exc!r}") from exc


def _event(record: Mapping[str, Any]) -> ManifestEvent | None:
    major = str(record["eventVersion"]).split(".")[0]
    if major != _MAJOR_VERSION:
        raise EventError(f"event version {record['eventVersion']!r} is not {_MAJOR_VERSION}.x")
    if not str(record["eventName"]).startswith("ObjectCreated:"):
        return None
    item = record["s3"]["object"]
    return ManifestEvent(
        bucket=record["s3"]["bucket"]["name"],
        key=unquote_plus(item["key"]),
        sequencer=_sequencer(item),
        version_id=item.get("versionId") or None,
        etag=item.get("eTag", "").strip('"'),
        written_at=record.get("eventTime", ""),
    )


def _sequencer(item: Mapping[str, Any]) -> str:
    sequencer: str = item.get("sequencer", "")
    if not re.fullmatch(r"[0-9A-Fa-f]{1,32}", sequencer):
        raise EventError(f"event of {item['key']!r}: sequencer {sequencer!r} is not a hexadecimal number")
    return sequencer


def _announces(event: ManifestEvent, raw_bucket: str) -> bool:
    if event.bucket != raw_bucket:
        logger.warning("ignored %s: the raw bucket is %s", event.url, raw_bucket)
        return False
    # Manifests that were put away with their files announce nothing.
    return event.key.rpartition("/")[2] == MANIFEST_NAME and not is_reserved(event.key)


# What a manifest must satisfy


def find_partition(contracts: Mapping[str, Contract], folder: str) -> tuple[Contract, Partition]:
    """The dataset and the partition that a folder of the raw bucket belongs to.

    Args:
        contracts: The contracts by dataset.
        folder: The folder without a slash at the end.

    Raises:
        LayoutError: No dataset has such a folder, or its date or hour does not exist.
    """
    for contract in contracts.values():
        if contract.layout.matches(folder):
            return contract, contract.layout.partition(folder)
    known = ", ".join(contract.layout.pattern for contract in contracts.values())
    raise LayoutError(f"folder {folder!r} fits no dataset (layouts: {known}){_nearest(contracts, folder)}")


def _nearest(contracts: Mapping[str, Contract], folder: str) -> str:
    """What the writer of a folder may have meant; empty where nothing is near."""
    roots = {contract.layout.root: contract.layout.pattern for contract in contracts.values()}
    for root, pattern in roots.items():
        if folder == root or folder.startswith(f"{root}/"):
            return f"; below {root}/ it must be {pattern}, with %m, %d and %H of two digits"
    near = get_close_matches(folder.split("/", maxsplit=1)[0].lower(), [root.split("/")[0] for root in roots], n=1)
    return f"; did you mean {near[0]}/ ?" if near else ""


def check_not_future(partition: Partition, url: str, now: datetime, ahead: timedelta) -> None:
    """Refuse a partition that cannot be there yet: a table that is replaced whole would never change again after it.

    Args:
        partition: The partition.
        url: Its manifest, for the message.
        now: The present moment in UTC.
        ahead: How far ahead of now a partition may begin: a source system may live in another time zone.

    Raises:
        ManifestError: It begins later.
    """
    if partition.start - now > ahead:
        hours = ahead / timedelta(hours=1)
        raise ManifestError(
            f"{url}: partition {partition.label} begins more than {hours:g} hours in the future (it is "
            f"{now:%Y-%m-%dT%H:%M} UTC)"
        )


def freeze(
    trigger: Trigger, event: ManifestEvent, batch_id: BatchId, partition: Partition, until: datetime | None
) -> FrozenManifest:
    """Check a manifest and its files, and note the files as they are now.

    A file that is not in the partition's folder is looked for in the archive: a source system that lists a file again
    need not know that Sluice has put it away meanwhile.

    Args:
        trigger: Where the manifest and its files are, and the contract, which may allow that none of them is there.
        event: The event that announced it.
        batch_id: Its batch.
        partition: Its partition.
        until: When no more files are looked for; None when there is time.

    Raises:
        ManifestError: The manifest breaks a rule.
        IncompleteError: A mandatory file is missing, or all of them are; a file has another length than stated; the
            manifest may not be read.
        MissingObjectError: The manifest is gone.
        OverwrittenError: The manifest has been replaced, and the bucket keeps no versions.
        OutOfTimeError: There is no time for all of it.
        AwsBusyError: S3 could not answer now.
    """
    manifest, manifest_file = _manifest(trigger.documents, event)
    manifest.check_inside(event.bucket, event.folder, event.url)
    found = _files(trigger, event, manifest.entries, until)
    problems = [text for entry in manifest.entries if (text := _problem(entry, found.get(entry.url)))]
    if not problems and not found and not trigger.contracts[batch_id.dataset].allow_empty:
        problems = [f"none of its {len(manifest.entries)} files is there, and the contract has no allow_empty"]
    if problems:
        more = f" (and {len(problems) - _MAX_PROBLEMS} more)" if len(problems) > _MAX_PROBLEMS else ""
        raise IncompleteError(f"{event.url}: {'; '.join(problems[:_MAX_PROBLEMS])}{more}")
    return FrozenManifest(
        batch_id=str(batch_id),
        dataset=batch_id.dataset,
        partition=partition.label,
        url=event.url,
        files=tuple(found[entry.url] for entry in manifest.entries if entry.url in found),
        skipped=tuple(entry.url for entry in manifest.entries if entry.url not in found),
        written_at=event.written_at,
        manifest=manifest_file,
        manifest_version=event.version_id or "",
    )


def _manifest(documents: DocumentsPort, event: ManifestEvent) -> tuple[Manifest, SourceFile]:
    try:
        body, info = documents.fetch(event.url, event.version_id, max_bytes=MAX_MANIFEST_BYTES)
    except ObjectTooLargeError as exc:
        raise ManifestError(f"{exc}: send the files of the partition in fewer entries, or as larger files") from exc
    except UnreadableObjectError as exc:
        raise IncompleteError(
            f"{exc}; the role of the function needs s3:GetObject and s3:GetObjectVersion on it, and kms:Decrypt on a "
            "key that is not the bucket's own"
        ) from exc
    if event.version_id is None and event.etag not in {"", info.etag}:
        raise OverwrittenError(f"{event.url}: replaced by a newer manifest before it was read")
    manifest = Manifest.parse(body, event.url)
    if len(manifest.entries) > MAX_FILES:
        raise ManifestError(f"{event.url}: lists {len(manifest.entries)} files; at most {MAX_FILES} are taken")
    return manifest, _source_file(event.url, info)


def _files(
    trigger: Trigger, event: ManifestEvent, entries: Sequence[ManifestEntry], until: datetime | None
) -> dict[str, SourceFile]:
    """Files by the URL under which the manifest lists them, where they are now."""
    incoming = event.url.rpartition("/")[0] + "/"
    archive = archive_url(event.url).rpartition("/")[0] + "/"
    found: dict[str, SourceFile] = {}
    for folder in (incoming, archive):
        # First where the manifest says, then, what is missing there, in the archive.
        places = {entry.url: entry.url for entry in entries if entry.url.startswith(folder)}
        if folder == archive:
            places |= {entry.url: archive_url(entry.url) for entry in entries if entry.url not in found}
        infos = _infos(trigger, folder, places.values(), until)
        found |= {url: _source_file(place, infos[place]) for url, place in places.items() if place in infos}
    return found


def _infos(trigger: Trigger, folder: str, urls: Iterable[str], until: datetime | None) -> dict[str, ObjectInfo]:
    """What S3 knows of files of one folder; those that are not there are left out."""
    ordered = sorted(urls)
    parts = [ordered[start : start + _FILES_AT_ONCE] for start in range(0, len(ordered), _FILES_AT_ONCE)]

    def look(part: Sequence[str]) -> dict[str, ObjectInfo]:
        if until is not None and trigger.clock() > until:
            raise OutOfTimeError(f"no time left to look for {len(part)} files from {part[0]} on")
        return trigger.documents.infos(folder, part)

    found: dict[str, ObjectInfo] = {}
    for infos in each(look, parts, trigger.workers):
        found |= infos
    return found


def _problem(entry: ManifestEntry, file: SourceFile | None) -> str:
    """Why a file forbids the batch; empty when it does not."""
    if file is None:
        return f"mandatory file {entry.url} is not there" if entry.mandatory else ""
    if entry.content_length not in {None, file.size_bytes}:
        return f"file {file.url} has {file.size_bytes} bytes, the manifest says {entry.content_length}"
    return ""


def _source_file(url: str, info: ObjectInfo) -> SourceFile:
    return SourceFile(url, info.size_bytes, int(info.modified_at.timestamp()), info.etag)
