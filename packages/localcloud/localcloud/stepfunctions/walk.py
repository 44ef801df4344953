"""The way from state to state; what a state does is MiniStack's."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from localcloud import registry
from localcloud.stepfunctions import passage
from localcloud.stepfunctions.redrive import now_text

States = Mapping[str, Mapping[str, Any]]
Enter = Callable[[str, str], None]

# Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_DATA_BYTES = 256 * 1024


def walk(
    states: States, start: str, data: object, record: dict[str, Any], context: dict[str, Any], enter: Enter
) -> object:
    """Run states until one is the last; gives its output.

    Args:
        states: By name.
        start: Name of the first one.
        data: Its input.
        record: MiniStack's record of the execution.
        context: MiniStack's context; its `State` changes with every state.
        enter: Called with a state's name and its input's JSON before it runs.

    Raises:
        Exception: What `registry.state_failure` makes: a state failed, and nothing caught it.
        CalledOffError: The walk was called off.
    """
    name: str | None = start
    while name is not None:
        passage.check()
        state = states.get(name)
        if state is None:
            raise registry.state_failure("States.Runtime", f"State '{name}' not found in definition")
        context["State"] = {"Name": name, "EnteredTime": now_text(), "RetryCount": 0}
        text = json.dumps(data)
        enter(name, text)
        kind = state.get("Type")
        registry.add_history(record, f"{kind}StateEntered", stateEnteredEventDetails={"name": name, "input": text})
        data, following = registry.run_state(state, data, record, context)
        passage.check()
        details = {"name": name, "output": as_text(name, data)}
        registry.add_history(record, f"{kind}StateExited", stateExitedEventDetails=details)
        name = following
    return data


def inner_walk(states: States, start: str, data: object, record: dict[str, Any], context: dict[str, Any]) -> object:
    """Run the states inside a Map or Parallel state: with their own variables, and only while the others succeed."""
    group = passage.GROUP.get()
    own = {**context, "variables": dict(context.get("variables", {}))}

    def enter(_: str, __: str) -> None:
        if group is not None:
            group.check()

    try:
        return walk(states, start, copy.deepcopy(data), record, own, enter)
    except Exception as failure:
        # Whatever it is, it ends this iteration, and with it the others.
        if group is not None:
            group.fail(failure)
        raise


def grouped(run_items: Callable[..., Any]) -> Callable[..., Any]:
    """Make MiniStack's Map stop its iterations when one fails."""

    def run(*arguments: object) -> object:
        token = passage.GROUP.set(passage.Group())
        try:
            return run_items(*arguments)
        finally:
            passage.GROUP.reset(token)

    return run


def as_text(name: str, data: object) -> str:
    """A state's output as JSON; it may have as many bytes as one state hands on to the next.

    Raises:
        Exception: What `registry.state_failure` makes: it is longer.
    """
    text = json.dumps(data)
    if len(text.encode()) > MAX_DATA_BYTES:
        raise registry.state_failure(
            "States.DataLimitExceeded",
            f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service "
            "limit.",
        )
    return text
