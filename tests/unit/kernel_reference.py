"""The casts once more, in plain Python: what the Spark ones are compared with. None where the text is not a value."""

import re
import struct
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from sluice.contract import SqlType

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_SCIENTIFIC = re.compile(rf"{_NUMBER.pattern}(?:[eE][+-]?[0-9]{{1,3}})?", re.ASCII)
_FLOATING = re.compile(rf"{_NUMBER.pattern}(?:[eE][+-]?[0-9]{{1,4}})?", re.ASCII)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?:(:\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
_BITS = {"smallint": 16, "integer": 32, "bigint": 64}


def reference(sql_type: SqlType, text: str) -> Any:
    """The value of a text."""
    if sql_type.is_integer:
        return _integer(_BITS[sql_type.name], text)
    if sql_type.name == "decimal":
        return _decimal(sql_type.precision or 0, sql_type.scale or 0, text)
    if sql_type.name == "boolean":
        lower = text.lower()
        return (
            True
            if lower in ("true", "t", "yes", "y", "1")
            else False
            if lower in ("false", "f", "no", "n", "0")
            else None
        )
    if sql_type.name == "date":
        return _date(text)
    return _moment(text) if sql_type.name == "timestamp" else _floating(sql_type.name, text)


def _integer(bits: int, text: str) -> int | None:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    number = int(text)
    return number if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def _decimal(precision: int, scale: int, text: str) -> Decimal | None:
    if not _SCIENTIFIC.fullmatch(text):
        return None
    with localcontext(prec=3000):
        shifted = Decimal(text).scaleb(scale)
        if shifted != shifted.to_integral_value() or abs(shifted) >= Decimal(10) ** precision:
            return None
        return Decimal(int(shifted)).scaleb(-scale)


def _floating(name: str, text: str) -> float | None:
    if not _FLOATING.fullmatch(text):
        return None
    number = float(text)
    if abs(number) == float("inf"):
        return None
    if name == "double precision":
        return number
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    day, time, second, fraction, zone = match.groups()
    nanoseconds = (fraction or "").ljust(9, "0")
    zone = "+0000" if zone in (None, "Z") else zone.replace(":", "").ljust(5, "0")
    offset = int(zone[1:3]) * 60 + int(zone[3:])
    if offset > 18 * 60 or int(zone[3:]) > 59 or nanoseconds[6:] != "000":
        return None
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{second or ':00'}.{nanoseconds[:6]}+00:00")
        return moment - timedelta(minutes=-offset if zone[0] == "-" else offset)
    except (ValueError, OverflowError):
        return None
