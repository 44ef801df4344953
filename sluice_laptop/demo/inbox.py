"""Hears what the topics say, as a person with a subscription would."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from sluice.aws.clients import Clients
from sluice.settings import Settings
from sluice_laptop.deploy.queues import MadeQueue, allow_sender

_MOST_PER_CALL = 10


@dataclass(frozen=True, slots=True)
class Message:
    """One notification.

    Attributes:
        topic: ``business`` or ``support``.
        subject: Its subject.
        body: Its body, parsed.
    """

    topic: str
    subject: str
    body: dict[str, Any]


@dataclass
class Inbox:
    """A queue for each topic, subscribed to it.

    Attributes:
        clients: Clients of the endpoint.
        settings: Names of the topics.
        messages: What was heard so far.
    """

    clients: Clients
    settings: Settings
    messages: list[Message] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Begin to hear, for as long as the block lasts."""
        self.subscribe()
        return self

    def __exit__(self, *_: object) -> None:
        """Hear no more."""
        self.unsubscribe()

    def subscribe(self) -> None:
        """Begin to hear.

        Side Effects:
            Makes a queue for each topic and subscribes it.
        """
        for audience, topic in self._topics().items():
            url = self.clients.sqs.create_queue(QueueName=_queue_of(audience))["QueueUrl"]
            found = self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            queue = MadeQueue(url, found["Attributes"]["QueueArn"])
            # Creating a topic that exists gives its ARN.
            arn = self.clients.sns.create_topic(Name=topic)["TopicArn"]
            allow_sender(self.clients, queue, "sns.amazonaws.com", arn)
            self.clients.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn)

    def unsubscribe(self) -> None:
        """Hear no more; the topics are as they were before.

        Side Effects:
            Removes the subscriptions and the queues.
        """
        for audience, topic in self._topics().items():
            url = self.clients.sqs.get_queue_url(QueueName=_queue_of(audience))["QueueUrl"]
            found = self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            queue_arn, arn = found["Attributes"]["QueueArn"], self.clients.sns.create_topic(Name=topic)["TopicArn"]
            for page in self.clients.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn):
                for subscription in page["Subscriptions"]:
                    if subscription["Endpoint"] == queue_arn:
                        self.clients.sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
            self.clients.sqs.delete_queue(QueueUrl=url)

    def read(self) -> None:
        """Take in what has come since the last time."""
        for audience in self._topics():
            self.messages += self._new(audience)

    def of(self, topic: str) -> list[Message]:
        """What one topic said, in the order in which it was heard."""
        return [message for message in self.messages if message.topic == topic]

    def _new(self, audience: str) -> Iterator[Message]:
        sqs = self.clients.sqs
        url = sqs.get_queue_url(QueueName=_queue_of(audience))["QueueUrl"]
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=_MOST_PER_CALL).get("Messages"):
            for message in found:
                envelope = json.loads(message["Body"])
                yield Message(audience, envelope["Subject"], json.loads(envelope["Message"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _topics(self) -> dict[str, str]:
        return {"business": self.settings.business_topic, "support": self.settings.support_topic}


def _queue_of(audience: str) -> str:
    return f"demo-heard-{audience}"
