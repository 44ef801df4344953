"""Types of columns as a crawl finds them: the catalog's names, and structures of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NULL = "null"
"""Type of a column of which no value was seen."""

_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_FLOATS = ("float", "double")
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_MAX_PRECISION = 38


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure with named fields."""

    fields: tuple[tuple[str, "Kind"], ...]


@dataclass(frozen=True, slots=True)
class Array:
    """An array."""

    element: "Kind"


Kind = str | Struct | Array
Columns = Mapping[str, Kind]


def render(kind: Kind) -> str:
    """Give a type as the catalog writes it; one of which nothing was seen is a string."""
    if isinstance(kind, Struct):
        return f"struct<{','.join(f'{name}:{render(field)}' for name, field in kind.fields)}>"
    if isinstance(kind, Array):
        return f"array<{render(kind.element)}>"
    return "string" if kind == NULL else kind


def normal(catalog_type: str) -> str:
    """A type that the catalog holds, in the form in which `render` writes it."""
    text = re.sub(r"\s+", "", catalog_type.lower())
    return {"integer": "int", "real": "float"}.get(text, text)


def widest(one: Kind, other: Kind) -> Kind:
    """Give the type that holds the values of two files.

    Whole numbers widen to the larger one, numbers to double, structures field by field; everything else becomes
    string. AWS documents no rule.
    """
    if other in (one, NULL):
        return one
    if one == NULL:
        return other
    if isinstance(one, Struct) and isinstance(other, Struct):
        return Struct(tuple(merged([dict(one.fields), dict(other.fields)]).items()))
    if isinstance(one, Array) and isinstance(other, Array):
        return Array(widest(one.element, other.element))
    if isinstance(one, str) and isinstance(other, str):
        return _wider_number(one, other)
    return "string"


def merged(all_columns: Iterable[Columns]) -> dict[str, Kind]:
    """Give the columns of files together, in the order in which they are first seen."""
    found: dict[str, Kind] = {}
    for columns in all_columns:
        for name, kind in columns.items():
            found[name] = widest(found[name], kind) if name in found else kind
    return found


def _wider_number(one: str, other: str) -> str:
    pair = {one, other}
    if pair <= set(_INTEGERS):
        return max(one, other, key=_INTEGERS.index)
    if pair <= {*_INTEGERS, *_FLOATS}:
        return "double"
    first, second = _DECIMAL.fullmatch(one), _DECIMAL.fullmatch(other)
    if first is not None and second is not None:
        scale = max(int(first[2]), int(second[2]))
        whole = max(int(first[1]) - int(first[2]), int(second[1]) - int(second[2]))
        if whole + scale <= _MAX_PRECISION:
            return f"decimal({whole + scale},{scale})"
    return "string"
