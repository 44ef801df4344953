"""Precision and scale of computed decimals.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_DIGITS = 38
#: What a quotient keeps at least, also where its digits would be more than 38.
_LEAST_SCALE = 4


@dataclass(frozen=True)
class Decimal:
    """A decimal type.

    Attributes:
        precision: digits in all.
        scale: digits after the point.
    """

    precision: int
    scale: int

    @property
    def sql(self) -> str:
        """The type's name."""
        return f"numeric({self.precision},{self.scale})"

    @property
    def whole(self) -> int:
        """Digits before the point."""
        return self.precision - self.scale


SMALLINT, INTEGER, BIGINT = Decimal(5, 0), Decimal(10, 0), Decimal(19, 0)


def added(one: Decimal, other: Decimal) -> Decimal:
    """Give the type of a sum or difference."""
    scale = max(one.scale, other.scale)
    return _limited(max(one.whole, other.whole) + 1 + scale, scale)


def multiplied(one: Decimal, other: Decimal) -> Decimal:
    """Give the type of a product."""
    return _limited(one.precision + other.precision + 1, one.scale + other.scale)


def divided(one: Decimal, other: Decimal) -> Decimal:
    """Give the type of a quotient.

    The page limits precision and scale to 38 and does not say which digits go where both would be more. Here the digits
    before the point stay, and four after it: a sum divided by a sum has four.
    """
    scale = max(_LEAST_SCALE, one.scale + other.precision - other.scale + 1)
    whole = one.whole + other.scale
    if whole + scale > MAX_DIGITS:
        scale = min(scale, max(_LEAST_SCALE, MAX_DIGITS - whole))
    return _limited(whole + scale, scale)


def united(types: Iterable[Decimal]) -> Decimal | None:
    """Give the type that takes the values of several, as CASE and UNION have it; None when there is none."""
    found = list(types)
    if not found:
        return None
    scale = max(one.scale for one in found)
    return _limited(max(one.whole for one in found) + scale, scale)


def literal(text: str) -> Decimal:
    """Give the type of a number as it is written: its digits."""
    mantissa = text.lower().partition("e")[0]
    before, _, after = mantissa.partition(".")
    whole = len(before.lstrip("0"))
    return _limited(max(1, whole + len(after)), len(after))


def _limited(precision: int, scale: int) -> Decimal:
    return Decimal(min(precision, MAX_DIGITS), min(scale, MAX_DIGITS))
