"""The queue of S3 events that a crawl in event mode reads.

Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-event-notifications.html
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from localcloud.glue.crawls.found import S3File

MAX_MESSAGES = 100_000
"""Messages that one crawl reads at most."""
_AT_ONCE = 10
_HIDDEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Messages:
    """What one crawl has taken from its queue.

    Attributes:
        objects: that were made or deleted; their size is not known.
        strays: bodies that are no events of S3.
    """

    objects: tuple[S3File, ...]
    strays: tuple[str, ...]
    receipts: tuple[str, ...] = field(repr=False, default=())

    @property
    def folders(self) -> frozenset[str]:
        """Addresses of the folders with changes."""
        return frozenset(file.folder for file in self.objects)


class EventQueue:
    """One queue, and where to put what is not an event."""

    def __init__(self, sqs: Any, arn: str, own_sqs: Any, dead_letters_arn: str | None) -> None:  # noqa: ANN401 - boto3
        """Reach the queues.

        Args:
            sqs: the client of the crawler's role.
            arn: of the queue.
            own_sqs: the local cloud's client. AWS documents neither that messages are given back nor that strays go to
                the dead letters, and asks for no right to it.
            dead_letters_arn: of the queue for what is not an event; None loses it (a line of the log tells).

        Raises:
            ClientError: there is no such queue.
        """
        self._sqs, self._own_sqs = sqs, own_sqs
        self._url = _url(sqs, arn)
        self._dead_letters = None if dead_letters_arn is None else _url(own_sqs, dead_letters_arn)

    def take(self) -> Messages:
        """Take what waits, at most 100,000 messages; `done` deletes them, `give_back` returns them."""
        bodies: list[str] = []
        receipts: list[str] = []
        while len(receipts) < MAX_MESSAGES:
            room = min(_AT_ONCE, MAX_MESSAGES - len(receipts))
            wanted = {"MaxNumberOfMessages": room, "VisibilityTimeout": _HIDDEN_SECONDS, "WaitTimeSeconds": 0}
            batch = self._sqs.receive_message(QueueUrl=self._url, **wanted).get("Messages", [])
            if not batch:
                break
            bodies += [message["Body"] for message in batch]
            receipts += [message["ReceiptHandle"] for message in batch]
        objects, strays = read_messages(bodies)
        return Messages(tuple(objects), tuple(strays), tuple(receipts))

    def done(self, messages: Messages) -> None:
        """Delete messages; those that are no events go to the dead letters."""
        for body in messages.strays if self._dead_letters is not None else ():
            self._own_sqs.send_message(QueueUrl=self._dead_letters, MessageBody=body)
        for entries in _entries(messages.receipts):
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def give_back(self, messages: Messages) -> None:
        """Let the next crawl see messages."""
        for entries in _entries(messages.receipts):
            shown = [entry | {"VisibilityTimeout": 0} for entry in entries]
            self._own_sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=shown)


def read_messages(bodies: Sequence[str]) -> tuple[list[S3File], list[str]]:
    """Give the objects that messages name, and the bodies that are no events of S3.

    Events come as S3 sends them, or in the envelope of SNS. S3's test event names nothing.
    """
    objects: list[S3File] = []
    strays: list[str] = []
    for body in bodies:
        try:
            objects += list(_objects(json.loads(body)))
        except (ValueError, TypeError, KeyError, AttributeError):
            strays.append(body)
    return objects, strays


def _objects(event: Any) -> Iterator[S3File]:  # noqa: ANN401 - any JSON
    if "Message" in event and "Records" not in event:
        event = json.loads(event["Message"])
    if event.get("Event") == "s3:TestEvent":
        return
    for record in event["Records"]:
        item = record["s3"]["object"]
        yield S3File(record["s3"]["bucket"]["name"], unquote_plus(item["key"]), int(item.get("size", 0)))


def _entries(receipts: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(receipts), _AT_ONCE):
        some = receipts[start : start + _AT_ONCE]
        yield [{"Id": str(place), "ReceiptHandle": receipt} for place, receipt in enumerate(some)]


def _url(sqs: Any, arn: str) -> str:  # noqa: ANN401 - a boto3 client
    *_, account_id, name = arn.split(":")
    url: str = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account_id)["QueueUrl"]
    return url
