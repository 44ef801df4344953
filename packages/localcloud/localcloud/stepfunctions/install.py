"""Puts our executions over MiniStack's."""

import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from localcloud import registry
from localcloud.glue.runner import GlueRunner
from localcloud.iam.door import Door
from localcloud.iam.sessions import asking_as
from localcloud.iam.tasks import require_task
from localcloud.routing import ActionRouter
from localcloud.stepfunctions import passage
from localcloud.stepfunctions.api import ExecutionApi
from localcloud.stepfunctions.engine import Engine
from localcloud.stepfunctions.events import send_status_change
from localcloud.stepfunctions.glue_task import RESOURCE, GlueTask
from localcloud.stepfunctions.retries import delay_seconds, find_retrier, is_matched
from localcloud.stepfunctions.tracing import TracingApi
from localcloud.stepfunctions.walk import grouped, inner_walk


def install_stepfunctions(runner: GlueRunner, wait_scale: float, door: Door) -> Engine:
    """Register our handlers and tasks; the engine is to be started once the endpoint answers.

    Args:
        runner: does Glue runs.
        wait_scale: length of a second of Wait states and of pauses between retries, in seconds.
        door: judges what tasks do.
    """
    engine = Engine()
    states = ActionRouter(registry.get_handler("states"))
    ExecutionApi(engine, states).install()
    TracingApi(states).install()
    registry.set_handler("states", states)
    registry.set_task(RESOURCE, GlueTask(runner))
    registry.add_sdk_service("redshiftdata", "redshift-data", "RedshiftData", "RedshiftData")
    replacements: Mapping[str, Callable[[Any], Any]] = {
        "_run_execution": lambda _: engine.run,
        "_run_sub_machine": lambda _: inner_walk,
        "_run_map_items": grouped,
        "_emit_execution_status_event": lambda _: send_status_change,
        "_error_matches": lambda _: is_matched,
        "_find_matching_retrier": lambda inner: _retrier_finder(inner, wait_scale),
        "_scaled_sleep": lambda _: lambda seconds: passage.pause(seconds * wait_scale),
        "_invoke_resource": lambda inner: _checked(inner, door),
        "_invoke_resource_with_timeout": _with_deadline,
    }
    for name, make in replacements.items():
        registry.replace_in_stepfunctions(name, make)
    return engine


def _retrier_finder(inner: Callable[..., Any], wait_scale: float) -> Callable[..., Any]:
    """Find a retrier and wait as it says: MiniStack itself knows no MaxDelaySeconds and no JitterStrategy."""
    random = Random()  # noqa: S311 - jitter, no secret

    def find(
        retriers: Sequence[Mapping[str, Any]], error: str, counts: Mapping[int, int]
    ) -> tuple[Mapping[str, Any] | None, int]:
        if passage.CURRENT.get() is None:  # TestState, which only says what would be
            answer: tuple[Mapping[str, Any] | None, int] = inner(retriers, error, counts)
            return answer
        passage.check()
        found = find_retrier(retriers, error, counts)
        if found is None:
            return None, -1
        retrier, position = found
        passage.pause(delay_seconds(retrier, counts.get(position, 0), random) * wait_scale)
        return {**retrier, "IntervalSeconds": 0}, position

    return find


def _checked(invoke: Callable[[str, Any], Any], door: Door) -> Callable[[str, Any], Any]:
    """Do a task only while its execution goes on and its role may, and drop what comes too late."""

    def checked(resource: str, arguments: Any) -> Any:  # noqa: ANN401 - as the state has it
        passage.check()
        current = passage.CURRENT.get()
        principal = None if current is None else require_task(door, current.record, resource, arguments)
        try:
            with asking_as(principal):
                return invoke(resource, arguments)
        finally:
            passage.check()

    return checked


def _with_deadline(invoke: Callable[[str, Any, float], Any]) -> Callable[[str, Any, float], Any]:
    """Tell a task when its time is over."""

    def timed(resource: str, arguments: Any, timeout: float) -> Any:  # noqa: ANN401 - as the state has it
        token = passage.DEADLINE.set(time.monotonic() + timeout)
        try:
            return invoke(resource, arguments, timeout)
        finally:
            passage.DEADLINE.reset(token)

    return timed
