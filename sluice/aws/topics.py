"""Notifications to people, by way of SNS."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.aws.arns import Arns
from sluice.aws.failures import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


@dataclass(frozen=True, slots=True)
class Topics:
    """Publishes to topics by name.

    Attributes:
        client: The client.
        arns: Gives the ARNs of topics.
    """

    client: "SNSClient"
    arns: Arns

    def publish(self, topic: str, subject: str, message: str) -> None:
        """Publish one message.

        Args:
            topic: Name of the topic.
            subject: Subject of e-mails: ASCII without line breaks, at most 100 characters.
            message: The message, at most 256 KB.

        Raises:
            AwsBusyError: SNS could not answer now.
            AwsError: SNS refused.
        """
        with aws_errors(f"publish to {topic}"):
            self.client.publish(TopicArn=self.arns.topic(topic), Subject=subject, Message=message)
