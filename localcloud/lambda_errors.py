"""The errors of Lambda functions by the names that Lambda gives them; state machines match those.

Source: https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

UNNAMED = "Runtime.HandlerError"
"""What MiniStack calls every error but a timeout."""
DEAD_WORKER = "Worker process died"
_CLASS = re.compile(r"([A-Za-z_]\w*):(.*)", re.DOTALL)


def with_error_types(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Make MiniStack's invoker answer with the name of a function's exception.

    Args:
        invoke: takes a function's record, an event and a request id.
    """

    def invoke_named(function: Any, event: Any, request_id: str) -> Any:  # noqa: ANN401 - its own
        result = invoke(function, event, request_id)
        body = result.get("body") if result.get("error") else None
        return result if not isinstance(body, Mapping) else result | {"body": named(body)}

    return invoke_named


def named(error: Mapping[str, Any]) -> dict[str, Any]:
    """An error's payload with Lambda's own errorType.

    Args:
        error: MiniStack's; its message begins with the exception's class and a colon, if there was an exception.
    """
    if error.get("errorType") != UNNAMED:
        return dict(error)
    message = str(error.get("errorMessage", ""))
    if message == DEAD_WORKER:
        return {"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited"}
    split = _CLASS.fullmatch(message)
    return dict(error) if split is None else {"errorType": split[1], "errorMessage": split[2]}
