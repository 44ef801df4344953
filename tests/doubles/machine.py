"""Step Functions in memory: it runs the states of a definition as they stand in their file.

Only what the definition uses is there; anything else is an error. Nothing waits: a `Wait` lets the world's time pass.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import new as new_hash
from typing import Any

from jsonata import Jsonata

from sluice.aws.executions import Execution
from sluice.errors import AwsError, SluiceError
from tests.doubles.faults import Faults

Json = Any
Task = Callable[[Json], Json]
_FINAL = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


class StateError(Exception):
    """A state failed, as Step Functions names it."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause

    @classmethod
    def of_lambda(cls, error: SluiceError) -> "StateError":
        """What a function's error looks like to the machine that called it."""
        name = type(error).__name__
        return cls(name, json.dumps({"errorMessage": str(error), "errorType": name}))


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
        try:
            self._pass_point(f"before state {going.state}")
            output, following = self._run(going, going.state, definition, going.input)
            self._pass_point(f"after state {going.state}")
        except WaitingForRun as waiting:
            going.run_id = waiting.run_id
            return
        except StateError as error:
            self._caught(going, definition, error)
            return
        going.run_id, going.result = "", None
        if following is None:
            going.status = "SUCCEEDED"
        else:
            going.state, going.input = following, output

    def _pass_point(self, name: str) -> None:
        try:
            self.faults.pass_point(name)
        except SluiceError as exc:
            raise StateError("Lambda.ServiceException", str(exc)) from exc

    def _enter(self, going: Going) -> None:
        if not going.path or going.path[-1] != going.state:
            going.path.append(going.state)

    def _caught(self, going: Going, definition: Json, error: StateError) -> None:
        going.run_id, going.result = "", None
        caught = self._catch(going, definition, going.input, error)
        if caught is None:
            going.status, going.message = "FAILED", f"{error.error}: {error.cause}"
        else:
            going.input, going.state = caught

    def _catch(self, going: Going, definition: Json, given: Json, error: StateError) -> tuple[Json, str] | None:
        for catcher in definition.get("Catch", ()):
            if _matches(catcher["ErrorEquals"], error.error):
                context = self._states(going, given) | {"errorOutput": {"Error": error.error, "Cause": error.cause}}
                return _render(catcher["Output"], context), catcher["Next"]
        return None

    def _run(self, going: Going, name: str, definition: Json, given: Json) -> tuple[Json, str | None]:
        """Run one state; gives its output and the next state, None at the end."""
        states = self._states(going, given)
        kind = definition["Type"]
        if kind == "Choice":
            return _choose(definition, states)
        if kind == "Fail":
            raise StateError(definition["Error"], _render(definition["Cause"], states))
        if kind == "Task":
            states["result"] = self._task(going, definition, states)
        elif kind == "Map":
            states["result"] = self._map(going, definition, states)
        elif kind == "Wait":
            self.sleep(_render(definition["Seconds"], states))
        elif kind not in {"Pass", "Succeed"}:
            raise AssertionError(f"state {name}: {kind} is not there")
        default = states.get("result", given)
        output = _render(definition["Output"], states) if "Output" in definition else default
        return output, None if kind == "Succeed" or definition.get("End") else definition["Next"]

    def _task(self, going: Going, definition: Json, states: Json) -> Json:
        arguments = _render(definition["Arguments"], states)
        uses: dict[int, int] = {}
        while True:
            try:
                return self._call(going, definition["Resource"], arguments)
            except StateError as error:
                number, retrier = _retrier(definition.get("Retry", ()), error.error)
                if retrier is None or uses.get(number, 0) >= retrier["MaxAttempts"]:
                    raise
                self.sleep(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** uses.get(number, 0))
                uses[number] = uses.get(number, 0) + 1

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

    def _map(self, going: Going, definition: Json, states: Json) -> list[Json]:
        processor = definition["ItemProcessor"]
        items = _render(definition["Items"], states)
        assert isinstance(items, list), f"a map runs over a list, not over {items!r}"
        return [self._item(going, processor, item) for item in items]

    def _item(self, going: Going, processor: Json, item: Json) -> Json:
        state: str | None = processor["StartAt"]
        given = item
        while state is not None:
            definition = processor["States"][state]
            try:
                given, state = self._run(going, state, definition, given)
            except StateError as error:
                caught = self._catch(going, definition, given, error)
                if caught is None:
                    raise
                given, state = caught
        return given

    def _states(self, going: Going, given: Json) -> dict[str, Json]:
        arn = f"arn:aws:states:eu-central-1:000000000000:execution:sluice-load:{going.name}"
        execution = {"Id": arn, "Input": going.given, "Name": going.name, "RedriveCount": going.redrives}
        return {"input": given, "context": {"Execution": execution}}


def _choose(definition: Json, states: Json) -> tuple[Json, str]:
    for choice in definition["Choices"]:
        verdict = _render(choice["Condition"], states)
        assert isinstance(verdict, bool), choice["Condition"]
        if verdict:
            output = _render(choice["Output"], states) if "Output" in choice else states["input"]
            return output, choice["Next"]
    return states["input"], definition["Default"]


def _retrier(retriers: Json, error: str) -> tuple[int, Json | None]:
    for number, retrier in enumerate(retriers):
        if _matches(retrier["ErrorEquals"], error):
            return number, retrier
    return -1, None


def _matches(names: list[str], error: str) -> bool:
    if "States.TaskFailed" in names and error != "States.Timeout":
        return True
    return "States.ALL" in names or error in names


def _render(template: Json, states: Mapping[str, Json]) -> Json:
    """A field of a state with its expressions evaluated."""
    if isinstance(template, dict):
        return {name: _render(item, states) for name, item in template.items()}
    if isinstance(template, list):
        return [_render(item, states) for item in template]
    if isinstance(template, str) and template.startswith("{%") and template.endswith("%}"):
        return evaluate(template[2:-2].strip(), states)
    return template


def evaluate(expression: str, states: Mapping[str, Json]) -> Json:
    """The value of an expression; as in Step Functions, one that has none is an error."""
    try:
        value = compiled(expression).evaluate(None, {"states": states})
    except Exception as exc:
        raise StateError("States.QueryEvaluationError", f"{expression}: {exc}") from exc
    if value is None:
        raise StateError("States.QueryEvaluationError", f"{expression}: did not return a result")
    return json.loads(json.dumps(value))


@cache
def compiled(expression: str) -> Jsonata:
    """The expression, with the functions that Step Functions adds and the definition uses."""
    parsed = Jsonata.jsonata(expression)
    parsed.register_lambda(
        "hash", lambda text, algorithm: new_hash(algorithm.replace("-", ""), text.encode()).hexdigest()
    )
    return parsed
