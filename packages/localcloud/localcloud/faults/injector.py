"""The plan at the endpoint: an ASGI application in front of the one that answers."""

import http
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from localcloud.faults.answers import answer_of
from localcloud.faults.asked import Operation, operation_of
from localcloud.faults.journal import Journal
from localcloud.faults.plan import OF_REQUESTS, FaultPlan, Kind
from localcloud.gate import Application, Receive, Scope, Send
from localcloud.workload import WORKLOAD

CONTROL_PATH: Final = "/_localcloud/faults"
"""GET: the plan and what went wrong so far; PUT: another plan."""
DROP: Final = "localcloud.drop"
"""The extension of a scope that ends its connection without a further byte."""

_MARK = f"app/{WORKLOAD}".encode()
_WITH_ANSWER = frozenset({Kind.THROTTLED, Kind.INTERNAL, Kind.UNAVAILABLE, Kind.EXPIRED})


class FaultInjector:
    """An ASGI application that lets an inner one answer, or not, as the plan says."""

    def __init__(self, inner: Application, journal: Journal) -> None:
        """Stand in front of an application.

        Args:
            inner: What answers.
            journal: The plan, and what is counted.
        """
        self._inner = inner
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it go wrong."""
        if scope["type"] == "http" and scope["path"] == CONTROL_PATH:
            await self._control(scope, receive, send)
        elif scope["type"] == "http" and self._journal.plan.rate and _is_of_workload(scope):
            await self._answer(scope, receive, send)
        else:
            await self._inner(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        asked = operation_of(scope["method"], scope["path"], query, headers, body)
        kind = self._journal.next_fate(asked.service, asked.name, OF_REQUESTS) if asked else None
        again = _given(body, receive)
        if asked is None or kind is None:
            await self._inner(scope, again, send)
        elif kind in _WITH_ANSWER:
            await _send_answer(asked, kind, send)
        else:
            await self._break(scope, again, send, kind)

    async def _break(self, scope: Scope, receive: Receive, send: Send, kind: Kind) -> None:
        """Do the work or not, and end the connection."""
        events: list[Any] = []

        async def keep(event: Any) -> None:  # noqa: ANN401 - an event of ASGI
            events.append(event)

        if kind is not Kind.RESET:
            await self._inner(scope, receive, keep)
        body = b"".join(event.get("body", b"") for event in events)
        if kind is Kind.CUT_ANSWER and scope["method"] != "HEAD" and len(body) > 1:
            await send(_with_length(events[0], len(body)))
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        drop: Callable[[], Awaitable[None]] = scope["extensions"][DROP]
        await drop()

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        status = http.HTTPStatus.OK
        answer: dict[str, Any] = {}
        if scope["method"] == "PUT":
            try:
                self._journal.follow(FaultPlan.from_json(body.decode()))
            except (ValueError, TypeError) as error:
                status, answer = http.HTTPStatus.BAD_REQUEST, {"message": str(error)}
        if status is http.HTTPStatus.OK:
            tallies = [tally.to_fields() for tally in self._journal.tallies()]
            answer = {"plan": json.loads(self._journal.plan.to_json()), "tallies": tallies}
        await _send_whole(send, status, {"Content-Type": "application/json"}, json.dumps(answer).encode())


def can_drop(application: Application) -> Application:
    """Give an application, in each scope, a way to end the connection; to be the first that hypercorn calls.

    ASGI has none: an application that sends nothing has hypercorn answer with 500. So its stream is told that it is
    closed, as it is told when a client goes away.
    """

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            stream: Any = getattr(send, "__self__", None)

            async def drop() -> None:
                closed = _stream_closed()
                await stream.send(closed(stream_id=stream.stream_id))

            scope["extensions"] = {**(scope.get("extensions") or {}), DROP: drop}
        await application(scope, receive, send)

    return called


def _stream_closed() -> Any:  # noqa: ANN401 - a class of hypercorn's
    from hypercorn.protocol.events import StreamClosed  # noqa: PLC0415 - needed on bad days only

    return StreamClosed


def _is_of_workload(scope: Scope) -> bool:
    return any(name == b"user-agent" and _MARK in value.split() for name, value in scope["headers"])


async def _whole(receive: Receive) -> bytes:
    parts = []
    while True:
        event = await receive()
        parts.append(event.get("body", b""))
        if not event.get("more_body", False):
            return b"".join(parts)


def _given(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already, and then what else comes."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:  # noqa: ANN401 - an event of ASGI
        return waiting.pop() if waiting else await receive()

    return again


def _with_length(start: Any, size: int) -> Any:  # noqa: ANN401 - an event of ASGI
    """The start of an answer that says how long its body is: so a client knows that it lacks something."""
    kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    return {**start, "headers": [*kept, (b"content-length", str(size).encode())]}


async def _send_answer(asked: Operation, kind: Kind, send: Send) -> None:
    await _send_whole(send, *answer_of(asked, kind))


async def _send_whole(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    named.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": int(status), "headers": named})
    await send({"type": "http.response.body", "body": body})
