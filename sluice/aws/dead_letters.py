"""Messages that a queue has given up, sent back to where they came from."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.aws.failures import aws_errors
from sluice.errors import AwsError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_AT_ONCE = 10
"""Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""
_HIDDEN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead-letter queue of a queue.

    Every method raises `AwsBusyError` when SQS could not answer now and `AwsError` when it refused.

    Attributes:
        sqs: The client.
        queue: Name of the queue whose messages were given up.
    """

    sqs: "SQSClient"
    queue: str

    def redrive(self, limit: int) -> int:
        """Send messages back to the queue, to be delivered there as if they were new.

        A message is deleted after it was sent, so a crash may send one twice and loses none.

        Args:
            limit: Most messages.

        Returns:
            How many were sent.

        Raises:
            AwsError: The queue has no dead-letter queue.
        """
        with aws_errors(f"redrive queue {self.queue}"):
            target = self.sqs.get_queue_url(QueueName=self.queue)["QueueUrl"]
            source = self.sqs.get_queue_url(QueueName=self._dead_letter_queue(target))["QueueUrl"]
            sent = 0
            while sent < limit:
                answer = self.sqs.receive_message(
                    QueueUrl=source,
                    MaxNumberOfMessages=min(_AT_ONCE, limit - sent),
                    VisibilityTimeout=_HIDDEN_SECONDS,
                    WaitTimeSeconds=1,
                )
                messages = answer.get("Messages", [])
                for message in messages:
                    self.sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
                    self.sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
                    sent += 1
                if not messages:
                    return sent
            return sent

    def _dead_letter_queue(self, url: str) -> str:
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        arn = str(json.loads(attributes.get("RedrivePolicy", "{}")).get("deadLetterTargetArn", ""))
        if not arn:
            raise AwsError(f"queue {self.queue} has no dead-letter queue")
        return arn.rpartition(":")[2]
