"""A machine in memory, state by state: what a state does is what it does in an execution, and nothing waits."""

from typing import Any

import pytest

from localcloud.errors import StateError
from localcloud.stepfunctions.stepping import Step, Stepper, evaluate

EXECUTION = {"Id": "arn:x", "Input": {"n": 1}, "Name": "x", "RedriveCount": 2}
RETRY = {"ErrorEquals": ["Busy"], "IntervalSeconds": 10, "MaxAttempts": 3, "BackoffRate": 2, "MaxDelaySeconds": 30}
TASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"count": "{% $states.context.Execution.RedriveCount + $states.input.more %}"},
    "Output": "{% $states.result %}",
    "Retry": [RETRY | {"JitterStrategy": "FULL"}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "Failed"}],
    "Next": "After",
}
LAST = {name: field for name, field in TASK.items() if name not in {"Next", "Catch"}} | {"End": True}
MAP = {
    "Type": "Map",
    "Items": "{% $states.input %}",
    "MaxConcurrency": 1,
    "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "One", "States": {"One": LAST}},
    "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "Failed"}],
    "End": True,
}


class KilledError(BaseException):
    """The process is gone."""


class Parts:
    """Tasks that answer in turn, and a clock."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.paused: list[float] = []

    def invoke(self, resource: str, arguments: Any) -> Any:
        self.asked.append((resource, arguments))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def run(self, state: dict[str, Any], data: Any) -> Step:
        return Stepper(self.invoke, self.paused.append).run("State", state, data, EXECUTION)


def test_a_task_is_asked_with_its_arguments() -> None:
    parts = Parts({"a": 1})
    assert parts.run(TASK, {"more": 3}) == Step({"a": 1}, "After")
    assert parts.asked == [("arn:aws:states:::lambda:invoke", {"count": 5})]
    assert parts.paused == []


def test_retries_wait_as_long_as_they_can_and_no_longer_than_the_longest() -> None:
    parts = Parts(StateError("Busy", ""), StateError("Busy", ""), StateError("Busy", ""), {"a": 1})
    assert parts.run(TASK, {"more": 0}) == Step({"a": 1}, "After")
    assert parts.paused == [10, 20, 30]


def test_what_is_not_retried_is_caught_and_otherwise_fails() -> None:
    failure = StateError("Gone", "why")
    assert Parts(failure).run(TASK, {"more": 0}) == Step({"Error": "Gone", "Cause": "why"}, "Failed", is_caught=True)
    with pytest.raises(StateError, match=r"^Gone: why$"):
        Parts(failure).run(TASK | {"Catch": []}, {"more": 0})


def test_a_wait_lets_time_pass() -> None:
    parts = Parts()
    wait = {"Type": "Wait", "Seconds": "{% $states.input.n * 2 %}", "Next": "After"}
    assert parts.run(wait, {"n": 4}) == Step({"n": 4}, "After")
    assert parts.paused == [8]


@pytest.mark.parametrize("error", [KilledError(), AssertionError("no such thing"), KeyError("x")])
def test_what_is_no_failure_of_a_state_comes_out_however_deep(error: BaseException) -> None:
    for state, data in ((TASK, {"more": 0}), (MAP, [{"more": 1}, {"more": 2}])):
        parts = Parts({}, error) if state is MAP else Parts(error)
        with pytest.raises(type(error)) as caught:
            parts.run(state, data)
        assert caught.value is error
        assert parts.paused == []


def test_a_map_does_its_items_one_after_the_other() -> None:
    parts = Parts({"a": 1}, {"a": 2})
    assert parts.run(MAP, [{"more": 1}, {"more": 2}]) == Step([{"a": 1}, {"a": 2}], None)
    assert [arguments for _, arguments in parts.asked] == [{"count": 3}, {"count": 4}]


def test_what_is_caught_inside_a_map_is_no_failure_of_the_map() -> None:
    failed = {"Type": "Pass", "End": True}
    one = LAST | {"Catch": TASK["Catch"]}
    inner = {**MAP, "ItemProcessor": {"StartAt": "One", "States": {"One": one, "Failed": failed}}}
    caught = {"Error": "Gone", "Cause": "why"}
    assert Parts(StateError("Gone", "why")).run(inner, [{"more": 1}]) == Step([caught], None)
    assert Parts(StateError("Gone", "why")).run(MAP, [{"more": 1}]).is_caught


def test_a_condition_is_a_boolean() -> None:
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.n %}", "Next": "Yes"}], "Default": "No"}
    assert Parts().run(choice, {"n": False}) == Step({"n": False}, "No")
    with pytest.raises(StateError, match=r"^States.QueryEvaluationError: a condition is 1, and not a boolean$"):
        Parts().run(choice, {"n": 1})


def test_only_the_catch_of_a_state_that_failed_for_good() -> None:
    stepper = Stepper(Parts().invoke, lambda _: None)
    failure = StateError("Busy", "why")
    assert stepper.catch("State", TASK, {}, EXECUTION, failure) == ({"Error": "Busy", "Cause": "why"}, "Failed")
    assert stepper.catch("State", {"Type": "Pass", "End": True}, {}, EXECUTION, failure) is None


def test_a_state_hands_on_no_more_than_step_functions_lets_it() -> None:
    with pytest.raises(StateError, match=r"^States.DataLimitExceeded: "):
        Parts("x" * 300_000).run(TASK, {"more": 0})


def test_an_expression_has_a_value_or_is_an_error() -> None:
    assert evaluate("$states.input.a & $states.context.Execution.Name", {"a": "b"}, EXECUTION) == "bx"
    with pytest.raises(StateError, match=r"^States.QueryEvaluationError: "):
        evaluate("$states.input.b", {"a": "b"})
