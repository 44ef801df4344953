"""What a value must satisfy, and the reason when it does not.

Reasons name table, column and rule, never the value, so that equal faults have equal reasons.
"""

import re
from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from typing import Any

from sluice.contract import Column, SqlType, Table
from sluice.contract.model import Scalar
from sluice.contract.rules import typed_value
from sluice.kernel.casts import caster

IsBroken = Callable[[Any], bool]
Rule = tuple[IsBroken, str]


def why_null(table: Table, column: Column) -> str | None:
    """The reason of a null; None where the column may be null."""
    if column.name not in table.not_null:
        return None
    if column.name in table.primary_key:
        return "null in a key"
    return "null in order_by" if column.name in table.order_by else "required"


def why_not_of_type(column: Column) -> str:
    """The reason of a text that is not a value of the column's type."""
    article = "an" if column.sql_type.name == "integer" else "a"
    return f"not {article} {column.sql_type}"


def rules(column: Column) -> list[Rule]:
    """What values of a column must satisfy beside their type; the first broken rule is the reason."""
    found: list[Rule] = _text_rules(column) if column.sql_type.is_text else []
    if column.allowed:
        allowed = frozenset(constant(column.sql_type, item) for item in column.allowed)
        found.append((lambda value: value not in allowed, "not in the allowed values"))
    if column.pattern is not None:
        pattern = compiled(column.pattern)
        found.append((lambda value: pattern.fullmatch(value) is None, "does not match the pattern"))
    if column.min is not None:
        least = constant(column.sql_type, column.min)
        found.append((lambda value: value < least, "below the minimum"))
    if column.max is not None:
        most = constant(column.sql_type, column.max)
        found.append((lambda value: value > most, "above the maximum"))
    return found


def compiled(pattern: str) -> re.Pattern[str]:
    r"""The regular expression of a contract, in Python's dialect; ``\d``, ``\w`` and ``\s`` are ASCII."""
    return re.compile(pattern, re.ASCII)


def constant(sql_type: SqlType, value: Scalar) -> Any:  # noqa: ANN401 - a value of any type
    """A value of the contract as its column's type has it; moments without an offset are in UTC."""
    typed = typed_value(sql_type, value)
    if isinstance(typed, bool | str):
        return typed
    if isinstance(typed, Decimal):
        return _number(sql_type, typed)
    return typed.date() if sql_type.name == "date" else typed.replace(tzinfo=UTC)


def _number(sql_type: SqlType, value: Decimal) -> int | float | Decimal:
    if sql_type.is_integer:
        return int(value)
    if sql_type.name == "decimal":
        return value
    # A bound beyond what four bytes hold is still a bound.
    nearest: float | None = caster(Column("constant", sql_type.redshift))(str(value))
    return float(value) if nearest is None else nearest


def _text_rules(column: Column) -> list[Rule]:
    length = column.sql_type.length or 0
    found: list[Rule] = [(lambda value: _bytes(value) > length, f"longer than {length} bytes")]
    if column.sql_type.name == "char":
        # Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
        found.append((lambda value: not value.isascii(), "char holds single-byte characters only"))
    found.append((lambda value: "\0" in value, "contains a NUL character"))
    found.append((_has_half_surrogate, "contains half of a surrogate pair"))
    return found


def _bytes(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def _has_half_surrogate(value: str) -> bool:
    return not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)
