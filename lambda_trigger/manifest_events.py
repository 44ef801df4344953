"""Events of S3 as SQS delivers them, read into what the trigger wants to know.

S3 tells the queue itself, or a bucket whose notification belongs to somebody else tells a topic of SNS or EventBridge,
which tells the queue.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html and
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from sluice.errors import TerminalError
from sluice.lake.layout import MANIFEST_NAME, is_reserved

logger = logging.getLogger(__name__)
_MAJOR_VERSION = "2"


class EventError(TerminalError):
    """A message is not an event of S3; it fails alone and ends in the dead-letter queue."""


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
