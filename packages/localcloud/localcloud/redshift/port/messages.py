"""The messages of PostgreSQL's protocol 3.0: what a client sends is read, what it gets is built.

Source: https://www.postgresql.org/docs/8.0/protocol-message-formats.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from localcloud.errors import CloudError

PROTOCOL = 3 << 16
CANCEL_REQUEST = 1234 << 16 | 5678
SSL_REQUEST = 1234 << 16 | 5679
GSS_REQUEST = 1234 << 16 | 5680
#: A start-up message is short; a longer one is no client of this protocol.
MAX_STARTUP_BYTES = 10_000
#: Redshift takes statements of 16 MB; their values come with them.
#: Source: https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html
MAX_MESSAGE_BYTES = 64 * 1024 * 1024


class ProtocolError(CloudError):
    """A client that does not keep to the protocol; the connection ends."""


class Body:
    """The content of a message, read from front to back."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    @property
    def rest(self) -> bytes:
        """What was not read yet."""
        return self._content[self._place :]

    def take(self, count: int) -> bytes:
        """Read bytes.

        Raises:
            ProtocolError: there are fewer.
        """
        part = self._content[self._place : self._place + count]
        if count < 0 or len(part) < count:
            raise ProtocolError("a message ends too early")
        self._place += count
        return part

    def text(self) -> str:
        """Read a text up to its zero byte.

        Raises:
            ProtocolError: it has no end, or is not UTF-8.
        """
        end = self._content.find(b"\0", self._place)
        if end < 0:
            raise ProtocolError("a text in a message has no end")
        part = self._content[self._place : end]
        self._place = end + 1
        try:
            return part.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError(f"a text in a message is not UTF-8: {error}") from error

    def short(self) -> int:
        """Read a number of two bytes."""
        return int(struct.unpack("!H", self.take(2))[0])

    def long(self) -> int:
        """Read a number of four bytes, which may be negative."""
        return int(struct.unpack("!i", self.take(4))[0])

    def number(self) -> int:
        """Read a number of four bytes without a sign, such as the number of a type."""
        return int(struct.unpack("!I", self.take(4))[0])

    def value(self) -> bytes | None:
        """Read a value with its length before it; None is null."""
        length = self.long()
        return None if length == -1 else self.take(length)


@dataclass(frozen=True)
class Parse:
    """A statement to remember.

    Attributes:
        name: of the statement; empty for the one without a name.
        types: the numbers of the parameters' types, 0 where the client leaves them open.
    """

    name: str
    sql: str
    types: tuple[int, ...]

    @classmethod
    def of(cls, body: Body) -> Parse:
        """Read the message."""
        name, sql = body.text(), body.text()
        return cls(name, sql, tuple(body.number() for _ in range(body.short())))


@dataclass(frozen=True)
class Bind:
    """Values for a statement.

    Attributes:
        portal: the name of the statement with its values; empty for the one without a name.
        formats: of the values: 0 for text, 1 for binary; none for text only, one for all of them, or one each.
        results: the formats of the columns of the result, likewise.
    """

    portal: str
    statement: str
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    results: tuple[int, ...]

    @classmethod
    def of(cls, body: Body) -> Bind:
        """Read the message."""
        portal, statement = body.text(), body.text()
        formats = tuple(body.short() for _ in range(body.short()))
        values = tuple(body.value() for _ in range(body.short()))
        return cls(portal, statement, formats, values, tuple(body.short() for _ in range(body.short())))


def format_of(formats: Sequence[int], place: int) -> int:
    """Give the format at a place; see `Bind`."""
    if not formats:
        return 0
    return formats[place] if 1 < len(formats) > place else formats[0]


def startup(body: Body) -> dict[str, str]:
    """Read the parameters of a start-up message."""
    found: dict[str, str] = {}
    while body.rest not in {b"", b"\0"}:
        name = body.text()
        found[name] = body.text()
    return found


def message(kind: bytes, content: bytes = b"") -> bytes:
    """Build any message."""
    return kind + struct.pack("!i", len(content) + 4) + content


def _text(value: str) -> bytes:
    return value.replace("\0", "").encode() + b"\0"


def authentication(code: int) -> bytes:
    """Ask for a password (3: as it is), or let the client in (0)."""
    return message(b"R", struct.pack("!i", code))


def parameter_status(name: str, value: str) -> bytes:
    """Tell a setting of the session."""
    return message(b"S", _text(name) + _text(value))


def backend_key(process_id: int, secret: int) -> bytes:
    """Tell what a request to cancel has to name."""
    return message(b"K", struct.pack("!iI", process_id, secret))


def ready(status: bytes) -> bytes:
    """Tell that the next statement may come: ``I`` idle, ``T`` in a transaction, ``E`` in one that failed."""
    return message(b"Z", status)


def negotiated(options: Iterable[str]) -> bytes:
    """Tell that nothing newer than protocol 3.0 is spoken, and which options nobody knows here."""
    names = list(options)
    return message(b"v", struct.pack("!ii", 0, len(names)) + b"".join(map(_text, names)))


def command_complete(tag: str) -> bytes:
    """Tell that a statement is through."""
    return message(b"C", _text(tag))


@dataclass(frozen=True)
class Field:
    """A column of a result as the protocol describes it: its table and type by PostgreSQL's numbers."""

    name: str
    table: int
    column: int
    type: int
    size: int
    modifier: int


def row_description(fields: Sequence[Field], formats: Sequence[int]) -> bytes:
    """Describe the columns of a result."""
    parts = [struct.pack("!H", len(fields))]
    for place, field in enumerate(fields):
        facts = (field.table, field.column, field.type, field.size, field.modifier, format_of(formats, place))
        parts += (_text(field.name), struct.pack("!IHIhih", *facts))
    return message(b"T", b"".join(parts))


def parameter_description(types: Sequence[int]) -> bytes:
    """Describe the parameters of a statement."""
    return message(b"t", struct.pack(f"!H{len(types)}I", len(types), *types))


def data_row(values: Sequence[bytes | None]) -> bytes:
    """Give one row."""
    parts = [struct.pack("!H", len(values))]
    for value in values:
        parts += (b"\xff\xff\xff\xff",) if value is None else (struct.pack("!i", len(value)), value)
    return message(b"D", b"".join(parts))


def report(kind: bytes, fields: Iterable[tuple[str, str]]) -> bytes:
    """Give an error (``E``) or a notice (``N``): its fields by their letters, those without a value left out."""
    content = b"".join(letter.encode() + _text(value) for letter, value in fields if value)
    return message(kind, content + b"\0")


PARSE_COMPLETE = message(b"1")
BIND_COMPLETE = message(b"2")
CLOSE_COMPLETE = message(b"3")
NO_DATA = message(b"n")
EMPTY_QUERY = message(b"I")
PORTAL_SUSPENDED = message(b"s")
