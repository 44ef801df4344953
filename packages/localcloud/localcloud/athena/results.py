"""Values as Athena's results have them: every value a text, null is none.

Source: https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html and
https://docs.aws.amazon.com/athena/latest/APIReference/API_ColumnInfo.html; the texts are those of Trino's types.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

MAX_VARCHAR = 2147483647
MARKED: Mapping[str, str] = {"$zoned": "timestamp with time zone", "$months": "interval year to month"}
"""Names of the one field of a row that stands for a value whose text DuckDB does not know, and the value's type."""


@dataclass(frozen=True)
class Kind:
    """A type of DuckDB, taken apart.

    Attributes:
        id: DuckDB's name of it in lower case, such as list.
        precision: digits of a decimal.
        scale: digits of a decimal after the point.
        children: of a list (its elements), a map (keys, values) or a struct (its fields).
        names: of a struct's fields.
    """

    id: str
    precision: int = 0
    scale: int = 0
    children: tuple["Kind", ...] = ()
    names: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """The name of the field of a row that holds a text instead of a value, empty for others."""
        return self.names[0] if self.id == "struct" and self.names[0] in MARKED else ""

    @classmethod
    def of(cls, found: Any) -> "Kind":  # noqa: ANN401 - DuckDB's types have no public class
        """The kind of DuckDB's description of a type."""
        name = "json" if str(found) == "JSON" else str(found.id)
        if name == "decimal":
            sizes = dict(found.children)
            return cls(name, int(sizes["precision"]), int(sizes["scale"]))
        if name == "tuple":
            # A row without names.
            kinds = tuple(cls.of(value) for _, value in found.children)
            return cls(name, children=kinds, names=tuple(f"field{place}" for place in range(len(kinds))))
        if name in ("list", "array", "map", "struct"):
            parts = [(str(key), value) for key, value in found.children if not isinstance(value, int)]
            return cls(name, children=tuple(cls.of(value) for _, value in parts), names=tuple(key for key, _ in parts))
        return cls(name)


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0

    def info(self) -> dict[str, object]:
        """Its ColumnInfo."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type in ("varchar", "char"),
        }


@dataclass(frozen=True)
class Answer:
    """What a statement ended with.

    Attributes:
        columns: of the rows.
        rows: texts, None for null.
        scanned_bytes: that were read of the tables' files.
        updated: rows that a statement wrote, None for one that writes none.
        files: that it wrote beside its result.
    """

    columns: tuple[ResultColumn, ...] = ()
    rows: Sequence[Sequence[str | None]] = ()
    scanned_bytes: int = 0
    updated: int | None = field(default=None)
    files: tuple[str, ...] = ()

    @classmethod
    def of_texts(cls, names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> "Answer":
        """A result whose columns are all texts."""
        return cls(tuple(ResultColumn(name, "varchar", MAX_VARCHAR) for name in names), rows)


_TYPES: Mapping[str, tuple[str, int]] = {
    "boolean": ("boolean", 0),
    "tinyint": ("tinyint", 3),
    "smallint": ("smallint", 5),
    "integer": ("integer", 10),
    "bigint": ("bigint", 19),
    "hugeint": ("bigint", 19),
    "ubigint": ("bigint", 19),
    "uinteger": ("bigint", 19),
    "float": ("float", 17),
    "double": ("double", 17),
    "varchar": ("varchar", MAX_VARCHAR),
    "json": ("json", 0),
    "blob": ("varbinary", 1073741824),
    "date": ("date", 0),
    "time": ("time", 3),
    "timestamp": ("timestamp", 3),
    "timestamp with time zone": ("timestamp with time zone", 3),
    "interval": ("interval day to second", 0),
    "list": ("array", 0),
    "array": ("array", 0),
    "map": ("map", 0),
    "struct": ("row", 0),
    "tuple": ("row", 0),
    "uuid": ("uuid", 0),
    "null": ("unknown", 0),
}


def result_column(name: str, kind: Kind) -> ResultColumn:
    """The description of a column.

    Args:
        name: as the query has it.
        kind: of its values.
    """
    if kind.id == "decimal":
        return ResultColumn(name, "decimal", kind.precision, kind.scale)
    if kind.mark:
        return ResultColumn(name, MARKED[kind.mark], 3 if kind.mark == "$zoned" else 0, 0)
    found, precision = _TYPES.get(kind.id, ("varchar", MAX_VARCHAR))
    return ResultColumn(name, found, precision, 3 if found.startswith("timestamp") else 0)


def type_text(kind: Kind) -> str:
    """A type as Athena's messages name it."""
    if kind.id == "decimal":
        return f"decimal({kind.precision},{kind.scale})"
    if kind.id in ("list", "array"):
        return f"array({type_text(kind.children[0])})"
    if kind.id == "map":
        return f"map({', '.join(type_text(child) for child in kind.children)})"
    if kind.id == "struct":
        parts = zip(kind.names, kind.children, strict=True)
        return f"row({', '.join(f'{name} {type_text(child)}' for name, child in parts)})"
    if kind.id == "tuple":
        return f"row({', '.join(type_text(child) for child in kind.children)})"
    named = {"float": "real", "timestamp": "timestamp(3)", "timestamp with time zone": "timestamp(3) with time zone"}
    return named.get(kind.id, _TYPES.get(kind.id, (kind.id, 0))[0])


def athena_type(kind: Kind) -> str:
    """A type of a result's column as Athena's messages name it."""
    return f"{MARKED[kind.mark]}" if kind.mark else type_text(kind)


def text_of(value: Any, kind: Kind) -> str | None:  # noqa: ANN401 - any value of DuckDB
    """A value as Athena shows it; None for null.

    Args:
        value: as DuckDB gives it to Python.
        kind: its type.
    """
    if value is not None and kind.mark:
        return None if value[kind.mark] is None else str(value[kind.mark])
    return None if value is None else _text(value, kind)


def _text(value: Any, kind: Kind) -> str:  # noqa: ANN401 - any value of DuckDB
    show = _SHOWN.get(kind.id)
    return show(value) if show is not None else _nested(value, kind)


def _nested(value: Any, kind: Kind) -> str:  # noqa: ANN401 - any value of DuckDB
    if kind.id in ("list", "array"):
        return f"[{', '.join(_inner(item, kind.children[0]) for item in value)}]"
    if kind.id == "map":
        keys, values = kind.children
        return f"{{{', '.join(f'{_inner(k, keys)}={_inner(v, values)}' for k, v in value.items())}}}"
    if kind.id == "struct":
        parts = zip(kind.names, kind.children, strict=True)
        return f"{{{', '.join(f'{name}={_inner(value[name], child)}' for name, child in parts)}}}"
    if kind.id == "tuple":
        named = zip(kind.names, value, kind.children, strict=True)
        return f"{{{', '.join(f'{name}={_inner(item, child)}' for name, item, child in named)}}}"
    return str(value)


def _inner(value: Any, kind: Kind) -> str:  # noqa: ANN401 - any value of DuckDB
    return "null" if value is None else _text(value, kind)


def double_text(value: float) -> str:
    """A double as Java writes it: 0.1, 1.0, 1.0E7."""
    return _java(value, repr(value))


def float_text(value: float) -> str:
    """A single-precision number as Java writes it."""
    stored = struct.pack("f", value)
    texts = (f"{value:.{digits}g}" for digits in range(1, 10))
    return _java(value, next((text for text in texts if struct.pack("f", float(text)) == stored), repr(value)))


def _java(value: float, shortest: str) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(shortest).as_tuple()
    text = "".join(str(digit) for digit in digits).rstrip("0") or "0"
    shift = len(digits) + int(exponent)  # the number is 0.text * 10 ** shift
    minus = "-" if sign else ""
    if text == "0":
        return f"{minus}0.0"
    if -3 < shift <= 7:  # from 10^-3 up to 10^7 without an exponent
        if shift <= 0:
            return f"{minus}0.{'0' * -shift}{text}"
        return f"{minus}{text[:shift].ljust(shift, '0')}.{text[shift:] or '0'}"
    return f"{minus}{text[0]}.{text[1:] or '0'}E{shift - 1}"


def timestamp_text(value: datetime) -> str:
    """A timestamp with milliseconds."""
    return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}".rjust(23, "0")


def _zoned_text(value: datetime) -> str:
    # Without a zone here, because the query gives it in UTC.
    return f"{timestamp_text(value)} UTC"


def _time_text(value: time) -> str:
    return f"{value:%H:%M:%S}.{value.microsecond // 1000:03d}"


def _interval_text(value: timedelta) -> str:
    sign = "-" if value < timedelta() else ""
    value = abs(value)
    hours, seconds = divmod(value.seconds, 3600)
    return f"{sign}{value.days} {hours:02d}:{seconds // 60:02d}:{seconds % 60:02d}.{value.microseconds // 1000:03d}"


def _date_text(value: date) -> str:
    return value.isoformat()


def _decimal_text(value: Decimal) -> str:
    return f"{value:f}"


_SHOWN: Mapping[str, Callable[[Any], str]] = {
    "boolean": lambda value: "true" if value else "false",
    "double": double_text,
    "float": float_text,
    "decimal": _decimal_text,
    "timestamp": timestamp_text,
    "timestamp with time zone": _zoned_text,
    "time": _time_text,
    "date": _date_text,
    "interval": _interval_text,
    "blob": lambda value: bytes(value).hex(" "),
}
