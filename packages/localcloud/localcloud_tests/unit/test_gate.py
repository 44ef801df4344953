"""Which requests reach the endpoint at all; tests/aws/test_localcloud_gate.py attacks a running one."""

import asyncio
from typing import Any

import pytest

from localcloud.gate import Gate, Headers, Receive, Scope, Send

OWN = (b"host", b"127.0.0.1:4566")


class Inner:
    """An application that notes what it was asked and allows every origin, as MiniStack does."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        self.asked.append(scope["type"])
        headers = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-max-age", b"1"), (b"ETag", b"e")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"secret"})


def ask(headers: Headers, kind: str = "http", host_names: tuple[str, ...] = ()) -> tuple[list[str], list[Any]]:
    """What the inner application was asked, and the events that came back."""
    inner, sent = Inner(), list[Any]()

    async def receive() -> Any:
        raise AssertionError("a refusal reads no body")

    async def send(event: Any) -> None:
        sent.append(event)

    asyncio.run(Gate(inner, host_names)({"type": kind, "headers": headers}, receive, send))
    return inner.asked, sent


@pytest.mark.parametrize(
    "host", [b"127.0.0.1", b"127.0.0.1:4566", b"127.0.0.2:1", b"LocalHost:4566", b"[::1]:4566", b"[::1]", b"cloud:4566"]
)
def test_programs_that_call_it_by_its_names_are_answered_without_cors(host: bytes) -> None:
    asked, (start, body) = ask(
        [(b"host", host), (b"authorization", b"AWS4-HMAC-SHA256 Credential")], host_names=("Cloud",)
    )
    assert asked == ["http"]
    assert start == {"type": "http.response.start", "status": 200, "headers": [(b"ETag", b"e")]}
    assert body["body"] == b"secret"


@pytest.mark.parametrize(
    "host",
    [
        *(b"evil.example", b"evil.example:4566", b"127.0.0.1.evil.example", b"localhost.evil.example", b"cloud"),
        *(b"127.0.0.1:4566@evil.example", b"127.0.0.1:x", b"", b":4566", b"[::1", b"[::1]x", b"0.0.0.0", b"10.0.0.1"),
        *(b"bucket.localhost", b"localhost.", b"2130706433", b"127.1"),
    ],
)
def test_other_names_are_refused(host: bytes) -> None:
    asked, (start, body) = ask([(b"host", host)])
    assert (asked, start["status"]) == ([], 403)
    assert b"the Host header names another machine" in body["body"]


@pytest.mark.parametrize("headers", [[], [OWN, OWN], [OWN, (b"host", b"evil.example")]])
def test_one_host_is_named(headers: Headers) -> None:
    asked, (start, body) = ask(headers)
    assert (asked, start["status"]) == ([], 403)
    assert body["body"] == b"refused: a request has exactly one Host header\n"


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ((b"origin", b"https://evil.example"), b"Origin"),
        ((b"origin", b"null"), b"Origin"),
        ((b"origin", b"http://127.0.0.1:4566"), b"Origin"),
        ((b"origin", b""), b"Origin"),
        ((b"sec-fetch-site", b"cross-site"), b"Sec-Fetch-Site"),
        ((b"sec-fetch-site", b"same-site"), b"Sec-Fetch-Site"),
        ((b"sec-fetch-site", b"same-origin"), b"Sec-Fetch-Site"),
        ((b"referer", b"https://evil.example/"), b"Referer"),
    ],
)
def test_what_a_page_sends_is_refused(header: tuple[bytes, bytes], shown: bytes) -> None:
    asked, (start, body) = ask([OWN, header])
    assert (asked, start["status"]) == ([], 403)
    assert body["body"] == b"refused: the %s header shows a web page; pages may not use this endpoint\n" % shown
    assert all(not name.startswith(b"access-control") for name, _ in start["headers"])


def test_an_address_that_the_user_types_is_answered() -> None:
    asked, _ = ask([OWN, (b"sec-fetch-site", b"none")])
    assert asked == ["http"]


def test_web_sockets_are_closed_before_they_open() -> None:
    assert ask([OWN], kind="websocket") == ([], [{"type": "websocket.close", "code": 1008}])


def test_start_and_stop_pass() -> None:
    asked, _ = ask([], kind="lifespan")
    assert asked == ["lifespan"]
