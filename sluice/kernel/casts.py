"""Text to typed values, strictly: what is not exactly a value of the type becomes None, and nothing raises.

No cast trims, rounds, cuts, or takes ``1.5`` for an integer. Numbers are written with ASCII digits.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import replace
from decimal import Context, Decimal
from typing import Any

from sluice.contract import Column, Contract, SqlType
from sluice.contract.model import EPOCHS
from sluice.contract.sqltype import INTEGER_BITS
from sluice.kernel.moments import Clock, epoch, iso_date, iso_timestamp, reader
from sluice.kernel.standard import default_text

Cast = Callable[[str], Any]
"""From a text to a value of the column's type: str, int, Decimal, float, bool, date, or datetime in UTC."""

TRUE = ("true", "t", "yes", "y", "1")
FALSE = ("false", "f", "no", "n", "0")
_BOOLEANS = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
_INTEGER = re.compile(r"([+-]?)0*([0-9]{1,19})")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_SCIENTIFIC = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))[eE]([+-]?[0-9]{1,3})")
_MIDNIGHT = re.compile(r" 00:00:00Z?\Z")
_WIDE = Context(prec=2000)
_HALFWAY_BITS = (1 << 28) - 1
_INFINITY = float("inf")


def reads_plainly(column: Column) -> bool:
    """Whether a column's values are written as its type has them: numbers with a point, moments of ISO 8601 in UTC."""
    return (
        column.format is None
        and column.timezone in (None, "UTC")
        and column.sub_microseconds == "refuse"
        and column.decimal_mark == "."
        and column.thousands_mark is None
    )


def in_zone(contract: Contract, column: Column) -> Column:
    """The column with the contract's time zone, where it has none of its own."""
    if column.timezone is not None or column.sql_type.name != "timestamp" or contract.timezone == "UTC":
        return column
    return replace(column, timezone=contract.timezone)


def caster(column: Column) -> Cast:
    """The cast of a column; the length of char and varchar is a check of its own.

    A default stands in the contract as the type has it, whatever the source writes.
    """
    cast, default = _caster(column), default_text(column)
    if default is None or reads_plainly(column):
        return cast
    value = _caster(Column(column.name, column.type))(default)

    def take(text: str) -> Any:  # noqa: ANN401 - a value of the column's type
        found = cast(text)
        return value if found is None and text == default else found

    return take


def _caster(column: Column) -> Cast:
    sql_type = column.sql_type
    if sql_type.is_text:
        return _same
    if sql_type.name == "boolean":
        return lambda text: _BOOLEANS.get(text.lower()) if text.isascii() else None
    if sql_type.is_temporal:
        return _temporal(column)
    cast = _number(sql_type)
    return cast if reads_plainly(column) else _marked(cast, column.decimal_mark, column.thousands_mark)


def _number(sql_type: SqlType) -> Cast:
    if sql_type.is_integer:
        return _integer(INTEGER_BITS[sql_type.name])
    if sql_type.name == "decimal":
        return _decimal(sql_type.precision or 0, sql_type.scale or 0)
    return _single if sql_type.name == "real" else _double


def _marked(cast: Cast, decimal_mark: str, thousands_mark: str | None) -> Cast:
    """A cast of numbers with other marks than a point: where thousands are marked, all of them are, by three digits."""
    point = re.escape(decimal_mark)
    groups = "" if thousands_mark is None else f"|[0-9]{{1,3}}(?:{re.escape(thousands_mark)}[0-9]{{3}})+"
    form = re.compile(f"([+-]?)([0-9]*{groups})(?:{point}([0-9]*))?((?:[eE][+-]?[0-9]+)?)")

    def take(text: str) -> Any:  # noqa: ANN401 - a number of any type
        match = form.fullmatch(text)
        if match is None:
            return None
        sign, whole, fraction, exponent = match.groups()
        whole = whole.replace(thousands_mark, "") if thousands_mark else whole
        return cast(f"{sign}{whole}{'' if fraction is None else f'.{fraction}'}{exponent}")

    return take


def parquet_caster(column: Column) -> Cast:
    """The cast of a column whose texts were made of Parquet's own values.

    Parquet has dates and moments of its own, which stand here as ISO 8601; the format is for those that are texts. A
    date that somebody keeps as a moment is its midnight.
    """
    cast = caster(column)
    if not column.sql_type.is_temporal:
        return cast
    iso = caster(replace(column, format=None))
    is_date = column.sql_type.name == "date"

    def take(text: str) -> Any:  # noqa: ANN401 - a value of any type
        value = None if column.format is None else cast(text)
        return iso(_MIDNIGHT.sub("", text) if is_date else text) if value is None else value

    return take


def _same(text: str) -> str:
    return text


def _integer(bits: int) -> Cast:
    limit = 1 << (bits - 1)

    def take(text: str) -> int | None:
        match = _INTEGER.fullmatch(text)
        if match is None:
            return None
        number = int(match[1] + match[2])
        return number if -limit <= number < limit else None

    return take


def _decimal(precision: int, scale: int) -> Cast:
    whole, unit = precision - scale, Decimal(1).scaleb(-scale)
    plain = re.compile(rf"(?=[+-]?\.?[0-9])[+-]?0*[0-9]{{0,{whole}}}(?:\.[0-9]{{0,{scale}}}0*)?")

    def take(text: str) -> Decimal | None:
        if plain.fullmatch(text) is not None or _fits_scientific(text, whole, scale):
            number = Decimal(text)
            # Zero keeps no sign, as the warehouse has no negative zero.
            return number.quantize(unit, context=_WIDE) if number else abs(unit * 0)
        return None

    return take


def _fits_scientific(text: str, whole: int, scale: int) -> bool:
    """Whether a number such as ``1.20e-1`` has no more digits before and after the point than allowed."""
    match = _SCIENTIFIC.fullmatch(text)
    if match is None:
        return False
    fraction = match[3] or match[4] or ""
    digits = (match[2] or "") + fraction
    significant = digits.lstrip("0")
    after_point = len(fraction) - int(match[5])
    trailing = len(digits) - len(digits.rstrip("0"))
    return not significant or (after_point - trailing <= scale and len(significant) - after_point <= whole)


def _double(text: str) -> float | None:
    if _FLOAT.fullmatch(text) is None:
        return None
    number = float(text)
    return number if abs(number) < _INFINITY else None


def _single(text: str) -> float | None:
    """The nearest number of four bytes.

    Rounding twice, to eight bytes and then to four, differs only where the first rounding gave a number halfway
    between two of four bytes; such a one is moved to the side of the text's own value.
    """
    number = _double(text)
    if not number:
        return number
    if not struct.unpack("<q", struct.pack("<d", number))[0] & _HALFWAY_BITS:
        exact, rounded = Decimal(text), Decimal(number)
        if exact != rounded:
            number = _neighbour(number, up=exact > rounded)
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return None


def _neighbour(number: float, *, up: bool) -> float:
    bits: int = struct.unpack("<q", struct.pack("<d", number))[0]
    away_from_zero = up == (number > 0)
    return float(struct.unpack("<d", struct.pack("<q", bits + (1 if away_from_zero else -1)))[0])


def _temporal(column: Column) -> Cast:
    is_date, form = column.sql_type.name == "date", column.format
    clock = Clock.of(column.timezone, cuts=column.sub_microseconds == "cut", year_pivot=column.year_pivot)
    if form is None:
        return iso_date if is_date else lambda text: iso_timestamp(text, clock)
    if form in EPOCHS:
        return epoch(EPOCHS[form], clock)
    read = reader(form, clock)
    if not is_date:
        return read

    def day(text: str) -> Any:  # noqa: ANN401 - a date or None
        moment = read(text)
        return None if moment is None else moment.date()

    return day
