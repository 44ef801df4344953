"""One state of a machine at a time, with tasks and pauses of the caller's: for tests that walk through one in memory.

What a state does is what it does in an execution of the local cloud; there is no endpoint, no clock and no record.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from localcloud import registry
from localcloud.errors import StateError
from localcloud.stepfunctions.redrive import now_text
from localcloud.stepfunctions.retries import FATAL, delay_seconds, find_retrier, is_matched
from localcloud.stepfunctions.walk import as_text, grouped, inner_walk

Invoke = Callable[[str, Any], Any]


class _Longest(Random):
    """No jitter: every pause is as long as it can be."""

    def uniform(self, _: float, b: float) -> float:
        return b


@dataclass(frozen=True)
class Step:
    """What a state came to.

    Attributes:
        output: what it hands on.
        following: name of the next state; None at the end.
        is_caught: whether it failed, and its Catch says what comes.
    """

    output: Any
    following: str | None
    is_caught: bool = False


@dataclass(frozen=True)
class Stepper:
    """Runs states.

    Attributes:
        invoke: does a task: its resource and its arguments; it raises `StateError` to fail. Anything else that it
            raises comes out of `run` as it is, however deep in a Map it was raised.
        pause: lets seconds pass, of a Wait and between two tries.
    """

    invoke: Invoke
    pause: Callable[[float], None]

    def run(self, name: str, state: Mapping[str, Any], data: object, execution: Mapping[str, Any]) -> Step:
        """Run one state, with its Retry and its Catch.

        Args:
            name: of the state.
            state: its definition, in JSONata.
            data: its input.
            execution: ``$states.context.Execution``.

        Raises:
            StateError: it failed, and nothing caught it.
        """
        raised: list[BaseException] = []
        caught: list[object] = []
        context = _context(name, execution)
        record: dict[str, Any] = {"events": []}
        apply = registry.present_in_stepfunctions("_apply_catcher")

        def apply_catcher(catcher: object, given: object, of: object, *more: object) -> object:
            if of is context:  # and not that of a state inside a Map
                caught.append(catcher)
            return apply(catcher, given, of, *more)

        replacements = self._replacements(raised) | {"_apply_catcher": apply_catcher}
        try:
            with registry.replaced_in_stepfunctions(replacements), registry.state_failures():
                output, following = registry.run_state(state, data, record, context)
                as_text(name, output)
        except StateError:
            if raised:
                raise raised[0] from None
            raise
        return Step(output, following, bool(caught))

    def catch(
        self, name: str, state: Mapping[str, Any], data: object, execution: Mapping[str, Any], failure: StateError
    ) -> tuple[Any, str] | None:
        """What the Catch of a state makes of a failure: output and next state; None when nothing catches it.

        Args:
            name: of the state.
            state: its definition, in JSONata.
            data: its input.
            execution: ``$states.context.Execution``.
            failure: what the state failed with.
        """
        with registry.replaced_in_stepfunctions(self._replacements([])), registry.state_failures():
            return registry.catch(state, data, _context(name, execution), failure.error, failure.cause)

    def _replacements(self, raised: list[BaseException]) -> dict[str, Any]:
        def invoke(resource: str, arguments: Any) -> Any:  # noqa: ANN401 - as the state has it
            try:
                return self.invoke(resource, arguments)
            except StateError as failure:
                raise registry.state_failure(failure.error, failure.cause) from failure
            except BaseException as other:
                # MiniStack would take it for a failure of the state, or lose it with the thread of an iteration.
                raised.append(other)
                raise registry.state_failure(FATAL, f"{type(other).__name__}: {other}") from other

        def find(
            retriers: list[Mapping[str, Any]], error: str, counts: Mapping[int, int]
        ) -> tuple[Mapping[str, Any] | None, int]:
            found = find_retrier(retriers, error, counts)
            if found is None:
                return None, -1
            retrier, position = found
            self.pause(delay_seconds(retrier, counts.get(position, 0), _Longest()))
            return {**retrier, "IntervalSeconds": 0}, position

        def scaled_sleep(seconds: float) -> None:
            if seconds > 0:  # What comes after a retry was waited for when the retry was found.
                self.pause(seconds)

        return {
            "_run_sub_machine": inner_walk,
            "_run_map_items": grouped(registry.present_in_stepfunctions("_run_map_items")),
            "_error_matches": is_matched,
            "_find_matching_retrier": find,
            "_scaled_sleep": scaled_sleep,
            "_invoke_resource": invoke,
            "_truthy": _boolean,
            "jsonata": registry.parsing_once(),
        }


def evaluate(expression: str, data: object, execution: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - as JSONata has it
    """The value of an expression as a state has it, without its ``{% %}``.

    Args:
        expression: the expression.
        data: ``$states.input``.
        execution: ``$states.context.Execution``.

    Raises:
        StateError: it has none.
    """
    with registry.state_failures():
        return registry.evaluate(expression, data, _context("", {} if execution is None else execution))


def _boolean(value: object) -> bool:
    """A condition's value.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html (a condition evaluates to a boolean)
    """
    if not isinstance(value, bool):
        raise registry.state_failure("States.QueryEvaluationError", f"a condition is {value!r}, and not a boolean")
    return value


def _context(name: str, execution: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "QueryLanguage": "JSONata",
        "Execution": dict(execution),
        "State": {"Name": name, "EnteredTime": now_text(), "RetryCount": 0},
        "variables": {},
    }
