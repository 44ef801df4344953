"""Functions that are made ready before their first event: a process that has imported the code and waits.

On AWS an invocation of the type ``DryRun`` checks the request and runs nothing. Here it does the same, and besides it
starts the function's process where none runs, so that the first event finds what a function in use has: a warm
environment. A process is started once; whatever invokes the function meanwhile waits for this one.
Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (InvocationType)
"""

import logging
import re
import threading
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from localcloud.registry import Handler, Response

logger = logging.getLogger(__name__)

_INVOCATIONS: Final = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations/?")
_NO_CONTENT: Final = 204


def readied(inner: Handler, ready: Callable[[str], Callable[[], None] | None]) -> Handler:
    """A handler of Lambda that makes functions ready when a dry run asks for them.

    Args:
        inner: MiniStack's.
        ready: Gives, for the name of a function, what starts its process, to be done beside the request; None when
            there is nothing to start. It is asked within the request's account and region.
    """

    async def handler(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        answer = await inner(method, path, headers, body, query)
        match = _INVOCATIONS.fullmatch(path)
        if match and answer[0] == _NO_CONTENT and headers.get("x-amz-invocation-type") == "DryRun":
            start = ready(unquote(match["name"]))
            if start is not None:
                threading.Thread(target=_quietly, args=(start, match["name"]), name="warm", daemon=True).start()
        return answer

    return handler


def _quietly(start: Callable[[], None], name: str) -> None:
    """Start; what goes wrong is told by the first event, as it would be without this."""
    try:
        start()
    except (OSError, RuntimeError) as exc:
        logger.info("function %s was not made ready: %s", name, exc)
