"""Our handlers in MiniStack's service registry: actions that we do for real, the rest passes through."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError, invalid_input
from localcloud.registry import Handler, Response

Action = Callable[[dict[str, Any]], dict[str, Any]]

JSON_TYPE = "application/x-amz-json-1.1"


def json_response(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of an AWS JSON-protocol service."""
    content = json.dumps(body, ensure_ascii=False).encode()
    return status, {"Content-Type": JSON_TYPE, **(headers or {})}, content


def error_response(error: AwsApiError) -> Response:
    """An error of an AWS JSON-protocol service, named in the body and in the header as AWS does."""
    body = {"__type": error.code, "Message": error.message, "message": error.message}
    return json_response(body, error.status, {"x-amzn-errortype": error.code})


class ActionRouter:
    """A service handler that answers some actions itself and hands the others on.

    Actions are plain functions from the request's JSON to the answer's. They run on a thread of their own, for they may
    call back into the endpoint, and in the request's context, which holds its account and region.
    """

    def __init__(self, inner: Handler, actions: Mapping[str, Action] | None = None) -> None:
        """Wrap a handler.

        Args:
            inner: the handler of every action that is not ours.
            actions: our own, by the action's name in X-Amz-Target.
        """
        self._inner = inner
        self._actions: dict[str, Action] = dict(actions or {})

    def add(self, name: str, action: Action) -> None:
        """Answer one more action."""
        self._actions[name] = action

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        """Answer a request as MiniStack's dispatcher expects it."""
        name = headers.get("x-amz-target", "").rpartition(".")[2]
        action = self._actions.get(name)
        if action is None:
            return await self._inner(method, path, headers, body, query)
        return await registry.on_own_thread(_answer, action, body)

    def call_inner(self, target: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the wrapped handler from an action's thread, in the present request's account and region.

        Args:
            target: value of X-Amz-Target, such as AWSGlue.GetTable.
            request: the request's JSON.

        Raises:
            AwsApiError: the wrapped handler refused.
        """
        call = self._inner("POST", "/", {"x-amz-target": target}, json.dumps(request).encode(), {})
        status, _, body = asyncio.run(_awaited(call))
        answer: dict[str, Any] = json.loads(body) if body else {}
        if status != 200:
            raise AwsApiError(answer.get("__type", "InternalServiceException"), answer.get("message", ""), status)
        return answer


async def _awaited(call: Awaitable[Response]) -> Response:
    return await call


def _answer(action: Action, body: bytes) -> Response:
    try:
        request = json.loads(body) if body else {}
        if not isinstance(request, dict):
            raise invalid_input("the request is not a JSON object")
        return json_response(action(request))
    except AwsApiError as error:
        return error_response(error)
    except json.JSONDecodeError as error:
        return error_response(AwsApiError("SerializationException", f"the request is not JSON: {error}"))
