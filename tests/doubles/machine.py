"""Executions of one state machine in memory; what a state does is what it does on the local cloud.

Nothing waits: a `Wait` lets the world's time pass. A process that is killed leaves an execution in the state in which
it was, and that state is run again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.errors import StateError
from localcloud.stepfunctions.stepping import Stepper
from sluice.aws.executions import Execution
from sluice.errors import AwsError, SluiceError
from tests.doubles.faults import Faults

__all__ = ["FakeMachine", "Going", "StateError", "WaitingForRun", "of_lambda"]

Json = Any
Task = Callable[[Json], Json]
_FINAL = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


def of_lambda(error: SluiceError) -> StateError:
    """What a function's error looks like to the machine that called it."""
    name = type(error).__name__
    return StateError(name, json.dumps({"errorMessage": str(error), "errorType": name}))


class WaitingForRun(Exception):  # noqa: N818 - it is not an error
    """A task is not done before a Glue run has ended."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


@dataclass
class Going:
    """An execution on its way.

    Attributes:
        name: Its name.
        given: Its input.
        state: The state that it is in.
        input: What that state was given.
        status: As Step Functions names it.
        message: Error and cause of its end.
        redrives: How often it was redriven.
        run_id: The Glue run that it waits for; empty when it waits for none.
        result: What that run came to: a result, or an error.
        path: Every state that it entered.
    """

    name: str
    given: Json
    state: str
    input: Json
    status: str = "RUNNING"
    message: str = ""
    redrives: int = 0
    run_id: str = ""
    result: Json | StateError | None = None
    path: list[str] = field(default_factory=list)


@dataclass
class FakeMachine:
    """One state machine and its executions.

    Attributes:
        name: Name of the machine; it has no other.
        definition: The definition, rendered.
        tasks: What the tasks do, by resource; a function's by its name.
        faults: Every state passes a point before and after it.
        sleep: Lets time pass, in seconds.
        refusals: Errors for the next starts, in order; None lets one pass.
        is_started_anyway: Whether a start whose error is raised has started the execution all the same.
        is_redrivable: Whether executions can be redriven.
        executions: Every execution by name.
    """

    name: str
    definition: Mapping[str, Json]
    tasks: Mapping[str, Task]
    faults: Faults
    sleep: Callable[[float], None]
    refusals: list[Exception | None] = field(default_factory=list)
    is_started_anyway: bool = False
    is_redrivable: bool = True
    executions: dict[str, Going] = field(default_factory=dict)

    # What the door offers

    def start(self, machine: str, name: str, arguments: Mapping[str, str]) -> None:
        assert machine == self.name
        error = self.refusals.pop(0) if self.refusals else None
        if error is None or self.is_started_anyway:
            self._start(name, dict(arguments))
        if error is not None:
            raise error

    def describe(self, machine: str, name: str) -> Execution | None:
        going = self.executions.get(name)
        return None if going is None else Execution(machine, name, going.status, going.message)

    def redrive(self, machine: str, name: str) -> bool:
        assert machine == self.name
        going = self.executions.get(name)
        if going is None or going.status not in _FINAL - {"SUCCEEDED"} or not self.is_redrivable:
            return False
        going.status, going.message = "RUNNING", ""
        going.redrives += 1
        self.go_on(name)
        return True

    # What tests do

    def run_ended(self, run_id: str, result: Json | StateError) -> None:
        """A Glue run has ended; the execution that waits for it goes on."""
        for going in self.executions.values():
            if going.run_id == run_id and going.status == "RUNNING":
                going.result = result
                self.go_on(going.name)
                return

    def go_on(self, name: str) -> None:
        """Run the states of an execution until it waits or ends."""
        going = self.executions[name]
        while going.status == "RUNNING" and not (going.run_id and going.result is None):
            self._step(going)

    def end(self, name: str, status: str) -> None:
        """An execution ends where it is, as by a person's hand or by the clock."""
        going = self.executions[name]
        going.status, going.message = status, ""
        going.run_id, going.result = "", None

    def fail_state(self, name: str, error: StateError) -> None:
        """The state in which an execution is fails for good; its catch decides what comes then."""
        going = self.executions[name]
        self._caught(going, self.definition["States"][going.state], error)
        self.go_on(name)

    @property
    def running(self) -> list[Going]:
        return [going for going in self.executions.values() if going.status == "RUNNING"]

    # How it works

    def _start(self, name: str, given: Json) -> None:
        known = self.executions.get(name)
        if known is not None:
            if known.given != given:
                raise AwsError("ExecutionAlreadyExists: another input")
            return
        self.executions[name] = Going(name, given, self.definition["StartAt"], given)
        self.go_on(name)

    def _step(self, going: Going) -> None:
        definition = self.definition["States"][going.state]
        self._enter(going)
        stepper = Stepper(lambda resource, arguments: self._call(going, resource, arguments), self.sleep)
        try:
            self._pass_point(f"before state {going.state}")
            step = stepper.run(going.state, definition, going.input, self._context(going))
            if not step.is_caught:  # A failure that is caught is not the moment after the state.
                self._pass_point(f"after state {going.state}")
        except WaitingForRun as waiting:
            going.run_id = waiting.run_id
            return
        except StateError as error:
            going.run_id, going.result = "", None
            going.status, going.message = "FAILED", str(error)
            return
        except _PointError as error:
            self._caught(going, definition, error.failure)
            return
        going.run_id, going.result = "", None
        if step.following is None:
            going.status = "SUCCEEDED"
        else:
            going.state, going.input = step.following, step.output

    def _pass_point(self, name: str) -> None:
        try:
            self.faults.pass_point(name)
        except SluiceError as exc:
            raise _PointError(StateError("Lambda.ServiceException", str(exc))) from exc

    def _enter(self, going: Going) -> None:
        if not going.path or going.path[-1] != going.state:
            going.path.append(going.state)

    def _caught(self, going: Going, definition: Json, error: StateError) -> None:
        going.run_id, going.result = "", None
        stepper = Stepper(lambda *_: None, self.sleep)
        caught = stepper.catch(going.state, definition, going.input, self._context(going), error)
        if caught is None:
            going.status, going.message = "FAILED", str(error)
        else:
            going.input, going.state = caught

    def _call(self, going: Going, resource: str, arguments: Json) -> Json:
        if isinstance(going.result, StateError):
            raise going.result
        if going.result is not None:
            return going.result
        json.dumps(arguments)
        if resource == "arn:aws:states:::lambda:invoke":
            payload = json.loads(json.dumps(arguments["Payload"]))
            return {"Payload": json.loads(json.dumps(self.tasks[arguments["FunctionName"]](payload)))}
        return self.tasks[resource](arguments)

    def _context(self, going: Going) -> dict[str, Json]:
        arn = f"arn:aws:states:eu-central-1:000000000000:execution:sluice-load:{going.name}"
        return {"Id": arn, "Input": going.given, "Name": going.name, "RedriveCount": going.redrives}


class _PointError(Exception):
    """A point before or after a state was passed with an error; the state is not tried again for that."""

    def __init__(self, failure: StateError) -> None:
        super().__init__(str(failure))
        self.failure = failure
