"""Values on their way in and out: parameters become literals, results become binary where a client wants them so.

PostgreSQL's numbers of types are Redshift's too.
Source: https://www.postgresql.org/docs/8.0/datatype.html, and for the binary forms the functions *_send of PostgreSQL
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from localcloud.redshift.database import Connection
from localcloud.redshift.dialect.lexer import Kind, Token, quote_text, replace, tokenize
from localcloud.redshift.errors import SqlError
from localcloud.redshift.port.messages import Bind, Field, format_of
from localcloud.redshift.requests import TAKES_PARAMETERS

_TEXT, _UNKNOWN, _VARCHAR = 25, 705, 1043
_BOOL = 16
_WHOLE = {20: "!q", 21: "!h", 23: "!i", 26: "!I"}
_REAL = {700: "!f", 701: "!d"}
_NUMERIC, _BYTES = 1700, 17
_TYPED = {1082: "date", 1083: "time", 1114: "timestamp", 1184: "timestamptz", 1266: "timetz", 1186: "interval"}
_TEXTS = frozenset({18, 19, _TEXT, _UNKNOWN, 1042, _VARCHAR})
_PLAIN = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")
_POSITION = re.compile(r"\$(\d+)")
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - PostgreSQL's own, which has no zone


# -- Parameters


def count_parameters(sql: str) -> int:
    """Give the highest number of a parameter (``$1``, ``$2`` …) in a statement."""
    return max((place for token in tokenize(sql) if (place := _place(token)) is not None), default=0)


def _place(token: Token) -> int | None:
    found = _POSITION.fullmatch(token.text) if token.kind is Kind.SYMBOL else None
    return int(found[1]) if found else None


def texts_of(connection: Connection, types: Sequence[int], bind: Bind) -> list[bytes | None]:
    """Give the values of parameters as text; the database itself reads those that come in binary.

    Raises:
        SqlError: a value is not of its type.
    """
    found = list(bind.values)
    binary = [place for place in range(len(found)) if format_of(bind.formats, place) and found[place] is not None]
    for place in binary:
        kind = types[place] if place < len(types) else 0
        if kind in _TEXTS:
            continue
        result = connection.pgconn.exec_params(b"SELECT $1", [found[place]], [kind], [Format.BINARY], Format.TEXT)
        if result.status != ExecStatus.TUPLES_OK:
            raise SqlError(f"invalid binary value for parameter ${place + 1}", sqlstate="22P03")
        found[place] = result.get_value(0, 0)
    return found


def bound(sql: str, types: Sequence[int], values: Sequence[bytes | None]) -> str:
    """Put values into the places of a statement's parameters, as literals of their types.

    Args:
        sql: the statement.
        types: of the parameters as the client declared them; 0, or nothing, leaves a type open.
        values: as text.

    Raises:
        SqlError: there is no value for a parameter.
    """
    tokens = tokenize(sql)
    if not tokens or tokens[0].key not in TAKES_PARAMETERS:
        # The placeholder stays one, and the statement fails on it as it does in Redshift.
        return sql

    def literal(token: Token) -> str | None:
        place = _place(token)
        if place is None:
            return None
        if not 1 <= place <= len(values):
            raise SqlError(f"there is no parameter ${place}", sqlstate="42P02")
        return _literal(values[place - 1], types[place - 1] if place <= len(types) else 0)

    return replace(sql, tokens, literal)


def _literal(value: bytes | None, kind: int) -> str:
    if value is None:
        return "NULL"
    text = value.decode(errors="replace")
    if kind in _WHOLE or (kind == _NUMERIC and _PLAIN.fullmatch(value)):
        number = text.strip()
        return f"({number})" if number.startswith(("-", "+")) else number
    if kind in _REAL:
        return f"{quote_text(text)}::float8"
    if kind == _BOOL:
        return "true" if text.strip().lower() in {"t", "true", "1", "on", "yes", "y"} else "false"
    if kind in _TYPED:
        return f"{quote_text(text)}::{_TYPED[kind]}"
    return quote_text(text)


# -- Results


def fields_of(result: PGresult) -> list[Field]:
    """Describe the columns of a result; Redshift's texts without a width are varchar."""
    return [_field(result, place) for place in range(result.nfields)]


def shown_type(kind: int) -> int:
    """Give the number of a type as clients are told it: a text without a width is a varchar in Redshift."""
    return _VARCHAR if kind in {_TEXT, _UNKNOWN} else kind


def _field(result: PGresult, place: int) -> Field:
    kind = result.ftype(place)
    name = (result.fname(place) or b"").decode()
    modifier = result.fmod(place)
    return Field(
        name,
        result.ftable(place),
        max(result.ftablecol(place), 0),
        shown_type(kind),
        result.fsize(place),
        modifier,
    )


def encoder(kind: int) -> Callable[[bytes], bytes]:
    """Give what makes a value binary that the database gave as text.

    Args:
        kind: the number of its type.

    Raises:
        SqlError: the type has no binary form here.
    """
    if kind in _TEXTS:
        return bytes
    if kind in _WHOLE:
        return lambda value: struct.pack(_WHOLE[kind], int(value))
    if kind in _REAL:
        return lambda value: struct.pack(_REAL[kind], float(value))
    found = _ENCODERS.get(kind)
    if found is None:
        raise SqlError(f"no binary output function available for type {kind}", sqlstate="42883")
    return found


def _bool(value: bytes) -> bytes:
    return b"\1" if value == b"t" else b"\0"


def _bytea(value: bytes) -> bytes:
    return bytes.fromhex(value[2:].decode()) if value.startswith(b"\\x") else value


def _date(value: bytes) -> bytes:
    return struct.pack("!i", (date.fromisoformat(value.decode()) - _EPOCH.date()).days)


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _timestamp(value: bytes) -> bytes:
    moment = datetime.fromisoformat(value.decode())
    if moment.tzinfo is not None:
        moment = (moment - (moment.utcoffset() or timedelta())).replace(tzinfo=None)
    return struct.pack("!q", _microseconds(moment - _EPOCH))


def _time(value: bytes) -> bytes:
    moment = time.fromisoformat(value.decode())
    since = datetime.combine(_EPOCH.date(), moment.replace(tzinfo=None)) - _EPOCH
    if moment.tzinfo is None:
        return struct.pack("!q", _microseconds(since))
    offset = moment.utcoffset() or timedelta()
    return struct.pack("!qi", _microseconds(since), -int(offset.total_seconds()))


def _numeric(value: bytes) -> bytes:
    """PostgreSQL's form: digits to the base of 10 000 around the point."""
    number = Decimal(value.decode())
    if not number.is_finite():
        return struct.pack("!hhHH", 0, 0, 0xC000, 0)
    whole, _, part = f"{number:f}".lstrip("-").partition(".")
    scale = len(part)
    whole, part = whole.zfill(-(-len(whole) // 4) * 4), part.ljust(-(-len(part) // 4) * 4, "0")
    groups = [int((whole + part)[place : place + 4]) for place in range(0, len(whole) + len(part), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        del groups[0]
        weight -= 1
    while groups and groups[-1] == 0:
        del groups[-1]
    sign = 0x4000 if number < 0 else 0
    return struct.pack(f"!hhHH{len(groups)}h", len(groups), weight if groups else 0, sign, scale, *groups)


_ENCODERS: dict[int, Callable[[bytes], bytes]] = {
    _BOOL: _bool,
    _BYTES: _bytea,
    _NUMERIC: _numeric,
    1082: _date,
    1083: _time,
    1114: _timestamp,
    1184: _timestamp,
    1266: _time,
}
