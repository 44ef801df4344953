"""Messages that a function could not take, and those that their queue has given up, on the local cloud's SQS."""

import json
from collections.abc import Iterator

import pytest

from sluice.aws.clients import Clients
from sluice.aws.dead_letters import DeadLetters
from sluice.aws.deliveries import Deliveries
from sluice.errors import AwsError
from tests.aws.fixtures_ledger import clients

__all__ = ["clients"]

QUEUE, LETTERS = "redriven", "redriven-dead-letters"


@pytest.fixture
def queues(clients: Clients) -> Iterator[tuple[str, str]]:
    """URLs of a queue and its dead-letter queue."""
    sqs = clients.sqs
    letters = sqs.create_queue(QueueName=LETTERS)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "20"})
    queue = sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    yield queue, letters
    sqs.delete_queue(QueueUrl=queue)
    sqs.delete_queue(QueueUrl=letters)


def _bodies(clients: Clients, url: str) -> list[str]:
    found: list[str] = []
    while True:
        answer = clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600)
        if not answer.get("Messages"):
            return sorted(found)
        found += [message["Body"] for message in answer["Messages"]]


def test_what_was_given_up_is_delivered_again_each_once(clients: Clients, queues: tuple[str, str]) -> None:
    queue, letters = queues
    sent = [f"event {number:02}" for number in range(23)]
    for body in sent:
        clients.sqs.send_message(QueueUrl=letters, MessageBody=body)
    dead = DeadLetters(clients.sqs, QUEUE)
    assert dead.redrive(12) == 12
    first = _bodies(clients, queue)
    assert len(first) == 12
    assert dead.redrive(1_000) == 11
    assert sorted([*first, *_bodies(clients, queue)]) == sent
    assert _bodies(clients, letters) == []
    assert dead.redrive(1_000) == 0


def test_a_message_comes_again_as_soon_as_it_is_asked_for(clients: Clients, queues: tuple[str, str]) -> None:
    queue, _ = queues
    clients.sqs.send_message(QueueUrl=queue, MessageBody="event")
    [held] = clients.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=600)["Messages"]
    assert _bodies(clients, queue) == []
    Deliveries(clients.sqs, QUEUE).again_in(held["ReceiptHandle"], 0)
    assert _bodies(clients, queue) == ["event"]


def test_a_queue_that_is_gone_is_told_by_name(clients: Clients) -> None:
    with pytest.raises(AwsError, match=r"^change a delivery of gone: "):
        Deliveries(clients.sqs, "gone").again_in("receipt", 0)


def test_a_queue_that_gives_up_nothing_is_told_by_name(clients: Clients) -> None:
    url = clients.sqs.create_queue(QueueName="alone")["QueueUrl"]
    try:
        with pytest.raises(AwsError, match="queue alone has no dead-letter queue"):
            DeadLetters(clients.sqs, "alone").redrive(10)
    finally:
        clients.sqs.delete_queue(QueueUrl=url)
