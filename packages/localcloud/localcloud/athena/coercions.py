"""Which types of a query INSERT INTO takes for a column.

Source: https://docs.aws.amazon.com/athena/latest/ug/insert-into.html asks for the column's own type; Trino, whose
engine it is, takes what it casts by itself: https://trino.io/docs/current/language/types.html
"""

from localcloud.athena.results import Kind
from localcloud.athena.types import Type

_DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "hugeint": 19, "ubigint": 19, "uinteger": 19}
_INTEGERS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
_TEXTS = ("string", "varchar", "char")
_SAME = {"boolean": "boolean", "date": "date", "blob": "binary", "timestamp": "timestamp"}


def coerces(kind: Kind, column: Type) -> bool:
    """Whether values of a type go into a column without a cast.

    Args:
        kind: of the values.
        column: the column's type.
    """
    if kind.mark:
        return False
    if kind.id == "null":
        return True
    if kind.children or column.children:
        return _coerces_inside(kind, column)
    if kind.id in _DIGITS:
        return _coerces_integer(_DIGITS[kind.id], column)
    if kind.id == "decimal":
        fits = kind.scale <= column.scale and kind.precision - kind.scale <= column.precision - column.scale
        return column.base in ("float", "double") or (column.base == "decimal" and fits)
    if kind.id == "varchar":
        return column.base in _TEXTS
    if kind.id == "date":
        return column.base in ("date", "timestamp")
    if kind.id in ("float", "double"):
        return column.base in ("double", kind.id)
    return _SAME.get(kind.id) == column.base


def _coerces_integer(digits: int, column: Type) -> bool:
    if column.base == "decimal":
        return digits <= column.precision - column.scale
    return column.base in ("float", "double") or digits <= _INTEGERS.get(column.base, 0)


def _coerces_inside(kind: Kind, column: Type) -> bool:
    base = {"list": "array", "array": "array", "map": "map", "struct": "struct", "tuple": "struct"}.get(kind.id)
    if base != column.base or len(kind.children) != len(column.children):
        return False
    return all(coerces(inner, child) for inner, child in zip(kind.children, column.children, strict=True))
