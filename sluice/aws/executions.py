"""Executions of Step Functions: start, describe, go on after a failure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sluice.aws.arns import Arns
from sluice.aws.failures import aws_errors, code_of
from sluice.errors import AwsBusyError, StartUnclearError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

SUCCEEDED = "SUCCEEDED"
FAILED_STATES = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
"""Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html"""


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a state machine.

    Attributes:
        machine: Name of the state machine.
        name: Name of the execution.
        state: Its status as Step Functions gives it.
        message: Error and cause; empty without one.
    """

    machine: str
    name: str
    state: str
    message: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether it has ended without success."""
        return self.state in FAILED_STATES

    @property
    def is_ended(self) -> bool:
        """Whether it does nothing any more by itself."""
        return self.state == SUCCEEDED or self.has_failed


@dataclass(frozen=True, slots=True)
class Executions:
    """Executions of standard state machines, by name.

    A name means one execution: starting it again starts nothing, so that the client may try a start again whose answer
    was lost. Step Functions keeps a name for 90 days after its execution has ended.
    Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html

    Every method raises `AwsBusyError` when Step Functions could not answer now and `AwsError` when it refused.

    Attributes:
        client: The client.
        arns: Gives the ARNs of machines and executions.
    """

    client: "SFNClient"
    arns: Arns

    def start(self, machine: str, name: str, arguments: Mapping[str, str]) -> None:
        """Start an execution; nothing happens when one of this name was started before.

        Args:
            machine: Name of the state machine.
            name: Name of the execution, at most 80 characters: letters, digits, ``-`` and ``_``.
            arguments: Its input.

        Raises:
            StartUnclearError: The answer was lost; it may have been started.
        """
        action = f"start execution {name} of {machine}"
        arn = self.arns.machine(machine)
        try:
            with aws_errors(action):
                try:
                    self.client.start_execution(stateMachineArn=arn, name=name, input=json.dumps(dict(arguments)))
                except ClientError as exc:
                    if code_of(exc) != "ExecutionAlreadyExists":
                        raise
        except AwsBusyError as exc:
            # The client has tried several times: even when the last answer is a clear refusal, an earlier one, that
            # was lost, may have been a start.
            raise StartUnclearError(str(exc)) from exc

    def describe(self, machine: str, name: str) -> Execution | None:
        """One execution; None when Step Functions does not know it (any more)."""
        with aws_errors(f"describe execution {name} of {machine}"):
            try:
                answer = self.client.describe_execution(executionArn=self.arns.execution(machine, name))
            except ClientError as exc:
                if code_of(exc) == "ExecutionDoesNotExist":
                    return None
                raise
        message = ": ".join(text for text in (answer.get("error", ""), _readable(answer.get("cause", ""))) if text)
        return Execution(machine, name, answer["status"], message)

    def redrive(self, machine: str, name: str) -> bool:
        """Make an execution go on in the state in which it failed.

        Returns:
            False when Step Functions cannot do that: it runs, has succeeded, is unknown, or failed over 14 days ago.
            Source: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
        """
        with aws_errors(f"redrive execution {name} of {machine}"):
            try:
                self.client.redrive_execution(executionArn=self.arns.execution(machine, name))
            except ClientError as exc:
                if code_of(exc) in {"ExecutionNotRedrivable", "ExecutionDoesNotExist"}:
                    return False
                raise
        return True


def _readable(cause: str) -> str:
    """What a cause says to people: of a function's error the message alone, without its stack."""
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    message = document.get("errorMessage") if isinstance(document, dict) else None
    return message if isinstance(message, str) else cause
