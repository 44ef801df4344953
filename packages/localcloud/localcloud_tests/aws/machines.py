"""State machines and functions for tests of executions."""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud_tests.aws.cloud import Aws, eventually, zip_of

ROLE = "arn:aws:iam::000000000000:role/r"
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")

# Fails until the execution was redriven as often as the event wants.
STUBBORN = """
class OddError(Exception): pass
def handler(event, context):
    if event["redrives"] < event["wanted"]:
        raise OddError(f"redriven {event['redrives']} times")
    return event
"""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Machines:
    """State machines of one local cloud."""

    aws: Aws

    def make(self, states: Mapping[str, Any], **definition: Any) -> str:
        """A JSONata machine that starts with its first state; its ARN."""
        whole = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states} | definition
        return str(
            self.aws.client("stepfunctions").create_state_machine(
                name=f"machine-{next(_numbers)}", definition=json.dumps(whole), roleArn=ROLE
            )["stateMachineArn"]
        )

    def start(self, machine: str, data: object = None, name: str | None = None) -> str:
        """Start an execution; its ARN."""
        named = {} if name is None else {"name": name}
        return str(
            self.aws.client("stepfunctions").start_execution(
                stateMachineArn=machine, input=json.dumps({} if data is None else data), **named
            )["executionArn"]
        )

    def describe(self, execution: str) -> dict[str, Any]:
        """An execution."""
        described: dict[str, Any] = self.aws.client("stepfunctions").describe_execution(executionArn=execution)
        return described

    def wait(self, execution: str, seconds: float = 120.0) -> dict[str, Any]:
        """An execution that has ended."""

        def look() -> dict[str, Any] | None:
            described = self.describe(execution)
            return described if described["status"] in ENDED else None

        described = eventually(look, seconds)
        assert described is not None
        return described

    def run(self, states: Mapping[str, Any], data: object = None, **definition: Any) -> dict[str, Any]:
        """Make a machine, run it once, and give the ended execution."""
        return self.wait(self.start(self.make(states, **definition), data))

    def output(self, states: Mapping[str, Any], data: object = None) -> Any:
        """The output of a run that succeeds."""
        ended = self.run(states, data)
        assert ended["status"] == "SUCCEEDED", ended
        return json.loads(ended["output"])

    def redrive(self, execution: str, **request: Any) -> dict[str, Any]:
        """Redrive an execution."""
        answer: dict[str, Any] = self.aws.client("stepfunctions").redrive_execution(executionArn=execution, **request)
        return answer

    def history(self, execution: str) -> list[dict[str, Any]]:
        """All events of an execution."""
        client = self.aws.client("stepfunctions")
        pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]

    def entered(self, execution: str) -> list[str]:
        """The states that an execution has entered, in order."""
        events = self.history(execution)
        return [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]

    def function(self, code: str, **settings: Any) -> str:
        """A function of `code`, which has a `handler`; its name."""
        name = f"function-{next(_numbers)}"
        client = self.aws.client("lambda")
        client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="code.handler",
            Role=ROLE,
            Code={"ZipFile": zip_of({"code.py": code})},
            **({"Timeout": 30} | settings),
        )
        return name


def invoke(function: str, payload: object, **more: Any) -> dict[str, Any]:
    """A state that invokes a function."""
    return (
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": function, "Payload": payload},
            "Output": "{% $states.result.Payload %}",
        }
        | ({"End": True} if "Next" not in more else {})
        | more
    )


def refused(call: Callable[..., Any], **request: Any) -> str:
    """The code that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


def said(ended: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """How an execution ended."""
    return ended["status"], ended.get("error"), ended.get("cause")


def glue(job: str, **more: Any) -> dict[str, Any]:
    """A state that runs a job to its end."""
    arguments = {"JobName": job, "Arguments": {"--claim_id": "{% $states.input.claim %}"}}
    return (
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::glue:startJobRun.sync",
            "Arguments": arguments,
        }
        | ({"End": True} if "Next" not in more else {})
        | more
    )


class Inbox:
    """A queue, and what comes into it."""

    def __init__(self, aws: Aws) -> None:
        self.name = f"inbox-{next(_numbers)}"
        self.bodies: list[Any] = []
        aws.client("sqs").create_queue(QueueName=self.name)
        self.open(aws)
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]
        self.arn = attributes["QueueArn"]

    def open(self, aws: Aws) -> None:
        """Go on with a local cloud that was started again."""
        self._sqs = aws.client("sqs")
        self.url = self._sqs.get_queue_url(QueueName=self.name)["QueueUrl"]

    def has(self, count: int) -> list[Any]:
        """The bodies of the first messages, once there are so many."""

        def look() -> bool:
            for message in self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                self.bodies.append(json.loads(message["Body"]))
            return len(self.bodies) >= count

        eventually(look)
        return self.bodies
