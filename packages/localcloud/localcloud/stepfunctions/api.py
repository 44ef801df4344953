"""Step Functions' API of executions, and of machines that go away, where MiniStack's is not AWS's."""

import json
import re
import threading
from datetime import UTC, datetime
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.routing import ActionRouter
from localcloud.stepfunctions import redrive
from localcloud.stepfunctions.engine import Engine
from localcloud.stepfunctions.events import machine_type
from localcloud.stepfunctions.walk import MAX_DATA_BYTES

# Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
FORBIDDEN = re.compile(r'[\s<>{}\[\]?*"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f\ufffe\uffff\ud800-\udfff]')
MAX_NAME_CHARACTERS = 80


class ExecutionApi:
    """The actions of executions that are ours."""

    def __init__(self, engine: Engine, states: ActionRouter) -> None:
        """Answer for an engine.

        Args:
            engine: runs the executions.
            states: asked for what MiniStack does well.
        """
        self._engine = engine
        self._states = states
        self._starting = threading.Lock()

    def install(self) -> None:
        """Take over the actions."""
        for action in (
            ("DeleteStateMachine", self.delete_state_machine),
            ("StartExecution", self.start_execution),
            ("StopExecution", self.stop_execution),
            ("RedriveExecution", self.redrive_execution),
            ("DescribeExecution", self.describe_execution),
            ("ListExecutions", self.list_executions),
        ):
            self._states.add(*action)

    def delete_state_machine(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteStateMachine: a machine that is gone is not an error, so a caller whose answer got lost may ask again.

        Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html (its only
        errors are InvalidArn and ValidationException)
        """
        try:
            return self._states.call_inner("AWSStepFunctions.DeleteStateMachine", request)
        except AwsApiError as error:
            if error.code == "StateMachineDoesNotExist":
                return {}
            raise

    def start_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartExecution: a name means one execution, and starting what still runs answers with it."""
        _check_input(request.get("input", "{}"))
        name = request.get("name")
        if name is None:
            return self._start(request)
        _check_name(name)
        with self._starting:
            record = registry.get_execution(_execution_arn(str(request.get("stateMachineArn")), name))
            if record is None:
                return self._start(request)
        is_same = record["input"] == request.get("input", "{}")
        if record["status"] != "RUNNING" or not is_same:
            raise AwsApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{record['executionArn']}'")
        return {"executionArn": record["executionArn"], "startDate": _seconds(record["startDate"])}

    def stop_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopExecution."""
        stopped = self._engine.abort(str(request.get("executionArn")), request.get("error"), request.get("cause"))
        return {"stopDate": _seconds(stopped)}

    def redrive_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """RedriveExecution."""
        date = self._engine.redrive(str(request.get("executionArn")), request.get("clientToken"))
        return {"redriveDate": _seconds(date)}

    def describe_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeExecution, with its redrives."""
        answer = self._states.call_inner("AWSStepFunctions.DescribeExecution", request)
        record = registry.get_execution(answer["executionArn"])
        if record is not None:
            answer |= redrive.view(record, machine_type(record), datetime.now(UTC))
            answer["redriveDate"] = _seconds(answer["redriveDate"])
        return {name: value for name, value in answer.items() if value is not None}

    def list_executions(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListExecutions, with their redrives."""
        answer = self._states.call_inner("AWSStepFunctions.ListExecutions", request)
        for item in answer["executions"]:
            record = registry.get_execution(item["executionArn"]) or {}
            item["redriveCount"] = record.get("redriveCount", 0)
            item["redriveDate"] = _seconds(record.get("redriveDate"))
        return answer

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._states.call_inner("AWSStepFunctions.StartExecution", request)


def _check_input(text: object) -> None:
    if not isinstance(text, str) or len(text.encode()) > MAX_DATA_BYTES:
        raise AwsApiError("ValidationException", f"input must be a text of at most {MAX_DATA_BYTES} bytes")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise AwsApiError("InvalidExecutionInput", f"Invalid State Machine Execution Input: {error}") from error


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_CHARACTERS or FORBIDDEN.search(name):
        raise AwsApiError("InvalidName", f"Invalid Name: '{name}'")


def _execution_arn(machine_arn: str, name: str) -> str:
    account_id, region = registry.current_scope()
    # arn:aws:states:region:account:stateMachine:name, and behind it a version or an alias
    machine = (machine_arn.split(":") + [""] * 7)[6]
    return f"arn:aws:states:{region}:{account_id}:execution:{machine}:{name}"


def _seconds(text: str | None) -> float | None:
    return None if text is None else redrive.parse(text).timestamp()
