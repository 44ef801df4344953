"""The errors of Lambda functions by the names that Lambda gives them; state machines match those.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html,
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB of an answer)
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

UNNAMED = "Runtime.HandlerError"
"""What MiniStack calls every error but a timeout."""
DEAD_WORKER = "Worker process died"
MAX_ANSWER_BYTES = 6_291_556
_CLASS = re.compile(r"([A-Za-z_]\w*):(.*)", re.DOTALL)


TOO_LARGE = {
    "errorType": "Function.ResponseSizeTooLarge",
    "errorMessage": f"Response payload size exceeded maximum allowed payload size ({MAX_ANSWER_BYTES} bytes).",
}


def with_error_types(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Make MiniStack's invoker answer with the name of a function's exception.

    Args:
        invoke: takes a function's record, an event and a request id.
    """

    def invoke_named(function: Any, event: Any, request_id: str) -> Any:  # noqa: ANN401 - its own
        result = invoke(function, event, request_id)
        body = result.get("body")
        if not result.get("error"):
            return result if _is_small(body) else result | {"body": TOO_LARGE, "error": True}
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


def _is_small(answer: object) -> bool:
    try:
        return len(json.dumps(answer)) <= MAX_ANSWER_BYTES
    except (TypeError, ValueError):  # not ours to tell: MiniStack answers with what it can
        return True
