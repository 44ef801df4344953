"""Who may talk to the endpoint: programs on this machine, and no web page in its browser.

The endpoint asks nobody for credentials, and a function that is created through it runs as the user. A page of any
site can make the browser send requests to 127.0.0.1, so listening there alone protects nothing. What a browser adds
by itself and a page cannot take away tells its requests from those of an SDK:

* ``Origin``: on every cross-origin request that a script may read, and on every POST
  (https://fetch.spec.whatwg.org/#origin-header). SDKs send none.
* ``Sec-Fetch-Site``: on every request to a trustworthy address, which 127.0.0.1 and localhost are, images and links
  too; ``none`` is an address that the user has typed (https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header).
* ``Referer``: for browsers that are too old for the above.
* ``Host``: the name in the page's own address. A name that an attacker has pointed at 127.0.0.1 after the page was
  loaded (DNS rebinding) stands there.
"""

import http
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_CORS = b"access-control-"
_POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1


class Gate:
    """An ASGI application that lets an inner one answer programs only, and takes CORS headers off its answers."""

    def __init__(self, inner: Application, host_names: Iterable[str] = ()) -> None:
        """Guard an application.

        Args:
            inner: What answers.
            host_names: What the endpoint is called beside localhost and the loopback addresses: a container's name,
                the address that it listens on.
        """
        self._inner = inner
        self._host_names = frozenset({"localhost", *(name.lower() for name in host_names)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 403 before anything has seen the request."""
        if scope["type"] == "websocket":  # nothing here speaks it, and a page may open one anywhere
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        reason = self.refusal(scope["headers"])
        if reason:
            await _refuse(send, reason)
        else:
            await self._inner(scope, receive, _without_cors(send))

    def refusal(self, headers: Headers) -> str | None:
        """Why a request is not answered; None when it is.

        Args:
            headers: Its headers, the names in small letters as ASGI has them.
        """
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            return "a request has exactly one Host header"
        if not self._is_own(_host_name(hosts[0].decode("latin-1"))):
            return "the Host header names another machine; the endpoint is 127.0.0.1, localhost, or as --host-name says"
        for name, value in headers:
            if name in (b"origin", b"referer") or (name == b"sec-fetch-site" and value.strip().lower() != b"none"):
                return f"the {name.decode().title()} header shows a web page; pages may not use this endpoint"
        return None

    def _is_own(self, host: str) -> bool:
        if host in self._host_names:
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def _host_name(value: str) -> str:
    """The name or the address in a Host header, without its port; empty when the header is none."""
    name, colon, port = value.rpartition(":")
    if value.startswith("["):
        name, bracket, rest = value[1:].partition("]")
        return name.lower() if bracket and (not rest or rest[1:].isdecimal()) else ""
    if not colon:
        return value.lower()
    return name.lower() if port.isdecimal() else ""


async def _refuse(send: Send, reason: str) -> None:
    body = f"refused: {reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(http.HTTPStatus.FORBIDDEN), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _without_cors(send: Send) -> Send:
    async def sending(event: Any) -> None:  # noqa: ANN401 - an event of ASGI
        if event["type"] == "http.response.start":
            kept = [(name, value) for name, value in event["headers"] if not name.lower().startswith(_CORS)]
            event = {**event, "headers": kept}
        await send(event)

    return sending
