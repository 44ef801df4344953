"""Messages over a socket, plain or in TLS."""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress
from typing import BinaryIO

from localcloud.redshift.port.messages import MAX_MESSAGE_BYTES, MAX_STARTUP_BYTES, Body, ProtocolError

_FLUSH_BYTES = 256 * 1024


class Stream:
    """One client's socket.

    Args:
        connected: the accepted socket.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader: BinaryIO | None = None
        self._waiting = bytearray()

    @property
    def is_secure(self) -> bool:
        """Whether the connection is in TLS."""
        return isinstance(self._socket, ssl.SSLSocket)

    @property
    def peer(self) -> str:
        """The client's address."""
        return str(self._socket.getpeername()[0])

    def startup(self) -> tuple[int, Body]:
        """Read the first message, or the next after a request for encryption: its code and its content.

        Nothing behind it is read: what comes next may be TLS.

        Raises:
            ProtocolError: it is no such message.
            EOFError: the client has gone.
        """
        (length,) = struct.unpack("!i", self._exactly(4))
        if not 8 <= length <= MAX_STARTUP_BYTES:
            raise ProtocolError("this is not PostgreSQL's protocol")
        content = self._exactly(length - 4)
        return int(struct.unpack("!i", content[:4])[0]), Body(content[4:])

    def _exactly(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            part = self._socket.recv(count - len(found))
            if not part:
                raise EOFError
            found += part
        return bytes(found)

    def answer_encryption(self, context: ssl.SSLContext | None) -> None:
        """Answer a request for encryption: begin TLS, or say that there is none."""
        self._socket.sendall(b"N" if context is None else b"S")
        if context is not None:
            self._socket = context.wrap_socket(self._socket, server_side=True)

    def read(self) -> tuple[bytes, Body]:
        """Read one message: its kind and its content. What was written is sent first.

        Raises:
            ProtocolError: it is too long.
            EOFError: the client has gone.
        """
        self.flush()
        if self._reader is None:
            self._reader = self._socket.makefile("rb")
        head = self._read(5)
        (length,) = struct.unpack("!i", head[1:])
        if not 4 <= length <= MAX_MESSAGE_BYTES:
            raise ProtocolError(f"a message of {length} bytes is not taken")
        return head[:1], Body(self._read(length - 4))

    def _read(self, count: int) -> bytes:
        found = self._reader.read(count) if self._reader is not None else b""
        if len(found) < count:
            raise EOFError
        return found

    def write(self, *messages: bytes) -> None:
        """Write messages; they are sent when the client's next message is waited for, or there are many."""
        for one in messages:
            self._waiting += one
        if len(self._waiting) > _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was written."""
        if self._waiting:
            self._socket.sendall(self._waiting)
            self._waiting.clear()

    def shut(self) -> None:
        """End the connection from another thread: whoever reads or writes on it is woken."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It is closed already.
            return

    def close(self) -> None:
        """Close the socket; TLS is ended in order, without waiting for the client."""
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(0)
            with suppress(OSError, ValueError):
                self._socket.unwrap()
        if self._reader is not None:
            self._reader.close()
        self._socket.close()
