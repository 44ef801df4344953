"""Queues that services fill, each with a dead-letter queue."""

import json
from dataclasses import dataclass

from sluice.aws.clients import Clients


@dataclass(frozen=True, slots=True)
class MadeQueue:
    """A queue that is there.

    Attributes:
        url: Its URL.
        arn: Its ARN.
        dead_letters_arn: Its dead-letter queue's; empty when it has none.
    """

    url: str
    arn: str
    dead_letters_arn: str = ""


def make_queue(
    clients: Clients,
    name: str,
    *,
    retention_seconds: int,
    dead_letter_retention_seconds: int,
    visibility_timeout_seconds: int = 360,
    max_receives: int = 5,
) -> MadeQueue:
    """Make a queue and its dead-letter queue, or bring them to these numbers."""
    _, dead_letters = _make(clients, f"{name}-dlq", {"MessageRetentionPeriod": str(dead_letter_retention_seconds)})
    url, arn = _make(
        clients,
        name,
        {
            "VisibilityTimeout": str(visibility_timeout_seconds),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letters, "maxReceiveCount": max_receives}),
            "MessageRetentionPeriod": str(retention_seconds),
        },
    )
    return MadeQueue(url, arn, dead_letters)


def allow_sender(clients: Clients, queue: MadeQueue, service: str, source_arn: str) -> None:
    """Let one service send to a queue on behalf of one resource, and nobody else.

    Args:
        clients: Clients of the endpoint.
        queue: The queue.
        service: The service's principal, such as ``s3.amazonaws.com``.
        source_arn: ARN of the resource.
    """
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sqs:SendMessage",
                "Resource": queue.arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
            }
        ],
    }
    clients.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": json.dumps(policy)})


def _make(clients: Clients, name: str, attributes: dict[str, str]) -> tuple[str, str]:
    """URL and ARN of a queue with these attributes."""
    try:
        url = clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        clients.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]
    except clients.sqs.exceptions.QueueDoesNotExist:
        url = clients.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
    found = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, found["Attributes"]["QueueArn"]
