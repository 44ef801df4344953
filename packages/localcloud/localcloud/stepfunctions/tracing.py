"""The tracing setting of state machines, which MiniStack forgets; nothing is traced here."""

from typing import Any

from localcloud import registry
from localcloud.routing import ActionRouter

FIELD = "tracingConfiguration"
OFF = {"enabled": False}


class TracingApi:
    """The actions of state machines that tell of tracing."""

    def __init__(self, states: ActionRouter) -> None:
        """Answer over MiniStack's state machines.

        Args:
            states: keeps them.
        """
        self._states = states

    def install(self) -> None:
        """Take over the actions."""
        self._states.add("CreateStateMachine", self.create_state_machine)
        self._states.add("UpdateStateMachine", self.update_state_machine)
        self._states.add("DescribeStateMachine", self.describe_state_machine)

    def create_state_machine(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateStateMachine."""
        answer = self._states.call_inner("AWSStepFunctions.CreateStateMachine", request)
        _keep(answer["stateMachineArn"], request)
        return answer

    def update_state_machine(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateStateMachine: what the request leaves out stays."""
        answer = self._states.call_inner("AWSStepFunctions.UpdateStateMachine", request)
        _keep(request["stateMachineArn"], request)
        return answer

    def describe_state_machine(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeStateMachine, with tracing."""
        return {FIELD: OFF} | self._states.call_inner("AWSStepFunctions.DescribeStateMachine", request)


def _keep(arn: str, request: dict[str, Any]) -> None:
    machine = registry.get_state_machine(arn)
    if machine is not None and request.get(FIELD) is not None:
        machine[FIELD] = request[FIELD]
