"""Messages of a queue that a function could not take, and when they are delivered again."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.aws.failures import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What a queue has delivered.

    Attributes:
        sqs: The client.
        queue: Name of the queue.
    """

    sqs: "SQSClient"
    queue: str

    def again_in(self, receipt: str, seconds: int) -> None:
        """Have a message that is being worked on delivered again before the queue's visibility timeout is over.

        Args:
            receipt: The handle of this delivery.
            seconds: From now on; at most 12 hours.

        Raises:
            AwsBusyError: SQS could not answer now; the message comes after the visibility timeout.
            AwsError: SQS refused.

        Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
        """
        with aws_errors(f"change a delivery of {self.queue}"):
            url = self.sqs.get_queue_url(QueueName=self.queue)["QueueUrl"]
            self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
