"""A client that speaks PostgreSQL's protocol message by message, as a driver's recording says."""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Self

import psycopg


class Raw:
    """One connection."""

    def __init__(self, dsn: str) -> None:
        self.parts = psycopg.conninfo.conninfo_to_dict(dsn)
        self.socket = socket.create_connection((str(self.parts["host"]), int(self.parts["port"] or 0)))
        self.socket.settimeout(30)
        self.reader = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reader.close()
        self.socket.close()

    def first(self, code: int, content: bytes = b"") -> None:
        """Send a message without a kind."""
        self.socket.sendall(struct.pack("!ii", len(content) + 8, code) + content)

    def send(self, *messages: tuple[bytes, bytes]) -> None:
        """Send messages in one piece."""
        self.socket.sendall(b"".join(kind + struct.pack("!i", len(body) + 4) + body for kind, body in messages))

    def read(self) -> tuple[str, bytes]:
        """Read one message; an empty kind is the end."""
        try:
            head = self.reader.read(5)
        except ConnectionResetError:
            # The other side went before it had read everything.
            return "", b""
        if len(head) < 5:
            return "", b""
        return head[:1].decode(), self.reader.read(struct.unpack("!i", head[1:])[0] - 4)

    def until(self, last: str = "Z") -> list[tuple[str, bytes]]:
        """Read messages up to one of a kind, or the end."""
        found = [self.read()]
        while found[-1][0] not in {last, ""}:
            found.append(self.read())
        return found

    def log_in(self, **parameters: str) -> list[tuple[str, bytes]]:
        """Start a session and give its messages behind the request for a password."""
        wanted = {"user": str(self.parts["user"]), "database": str(self.parts["dbname"]), **parameters}
        content = b"".join(text(part) for pair in wanted.items() for part in pair) + b"\0"
        self.first(3 << 16, content)
        assert self.read() == ("R", struct.pack("!i", 3))
        self.send((b"p", text(str(self.parts["password"]))))
        return self.until()


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def parse(sql: str, *types: int, name: str = "") -> tuple[bytes, bytes]:
    return b"P", text(name) + text(sql) + struct.pack(f"!H{len(types)}I", len(types), *types)


def bind(
    *values: bytes | None, formats: tuple[int, ...] = (), results: tuple[int, ...] = (), name: str = ""
) -> tuple[bytes, bytes]:
    body = text("") + text(name) + struct.pack(f"!H{len(formats)}H", len(formats), *formats)
    body += struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return b"B", body + struct.pack(f"!H{len(results)}H", len(results), *results)


def describe(kind: bytes, name: str = "") -> tuple[bytes, bytes]:
    return b"D", kind + text(name)


def execute(limit: int = 0) -> tuple[bytes, bytes]:
    return b"E", text("") + struct.pack("!i", limit)


SYNC = (b"S", b"")


def fields(body: bytes) -> dict[str, str]:
    """Read the fields of an error or a notice."""
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def row(body: bytes) -> list[bytes | None]:
    """Read the values of a row."""
    found: list[bytes | None] = []
    place = 2
    for _ in range(struct.unpack("!H", body[:2])[0]):
        (length,) = struct.unpack("!i", body[place : place + 4])
        place += 4
        found.append(None if length == -1 else body[place : place + length])
        place += max(length, 0)
    return found
