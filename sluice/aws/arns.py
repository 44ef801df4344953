"""ARNs of what settings only name: they have the account, the region and the partition in them."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sluice.aws.failures import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient


@dataclass(frozen=True)
class Arns:
    """ARNs in the caller's account and region; the account is asked for once.

    Every method raises `AwsBusyError` when STS could not answer now and `AwsError` when it refused. No role needs a
    permission for the question.
    Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html

    Attributes:
        sts: The client; its region is the region of all ARNs.
    """

    sts: "STSClient"

    def machine(self, name: str) -> str:
        """A state machine of Step Functions."""
        return self._arn("states", f"stateMachine:{name}")

    def execution(self, machine: str, name: str) -> str:
        """An execution of a state machine."""
        return self._arn("states", f"execution:{machine}:{name}")

    def topic(self, name: str) -> str:
        """A topic of SNS."""
        return self._arn("sns", name)

    def _arn(self, service: str, resource: str) -> str:
        partition, account = self._partition_and_account
        return f"arn:{partition}:{service}:{self.sts.meta.region_name}:{account}:{resource}"

    @cached_property
    def _partition_and_account(self) -> tuple[str, str]:
        with aws_errors("ask who the caller is"):
            answer = self.sts.get_caller_identity()
        return answer["Arn"].split(":")[1], answer["Account"]
