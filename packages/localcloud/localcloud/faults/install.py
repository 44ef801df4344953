"""The plan where no request passes the endpoint: events of S3 and EventBridge, tasks of state machines."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any, Final

from localcloud import registry
from localcloud.faults.journal import Journal
from localcloud.faults.plan import OF_EVENTS, OF_TASKS, Kind

_FAILURES: Final = {
    Kind.THROTTLED: "TooManyRequestsException",
    Kind.INTERNAL: "ServiceException",
    Kind.LOST_ANSWER: "SdkClientException",
}
"""The errors of Lambda that pass, as a state machine names them.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
"""
_FUNCTION: Final = "arn:aws:states:::lambda:invoke"


def install_faults(journal: Journal) -> None:
    """Let events be late or come twice, and functions that a state machine calls fail, as the plan says.

    Args:
        journal: The plan, and what is counted.
    """
    registry.wrap_event_deliveries(
        of_s3=lambda inner: with_fate(inner, journal, "s3", "event to SQS"),
        of_rules=lambda inner: with_fate(inner, journal, "events", "event to target"),
    )
    registry.replace_in_stepfunctions("_invoke_resource", lambda inner: with_failures(inner, journal))


def with_fate(deliver: Callable[..., None], journal: Journal, service: str, operation: str) -> Callable[..., None]:
    """Deliver events late or twice where the plan says so.

    Args:
        deliver: Delivers one event, in the account and region of the present context.
        journal: The plan, and what is counted.
        service: What sends the events.
        operation: What the plan and the counts call it.
    """

    def delivered(*arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as MiniStack calls it
        kind = journal.next_fate(service, operation, OF_EVENTS)
        if kind is not Kind.LATE:
            deliver(*arguments, **named)
        if kind is not None:
            context = contextvars.copy_context()
            again = threading.Timer(journal.plan.late_seconds, context.run, (deliver, *arguments), named)
            again.daemon = True
            again.start()

    return delivered


def with_failures(invoke: Callable[[str, Any], Any], journal: Journal) -> Callable[[str, Any], Any]:
    """Let a state machine's call of a function fail, before or after its work.

    Args:
        invoke: Does a task.
        journal: The plan, and what is counted.
    """

    def invoked(resource: str, arguments: Any) -> Any:  # noqa: ANN401 - as the state has it
        if resource != _FUNCTION:
            return invoke(resource, arguments)
        kind = journal.next_fate("states", "lambda:invoke", OF_TASKS)
        if kind is None:
            return invoke(resource, arguments)
        if kind is Kind.LOST_ANSWER:
            invoke(resource, arguments)
        raise registry.state_failure(f"Lambda.{_FAILURES[kind]}", f"injected: {kind}")

    return invoked
