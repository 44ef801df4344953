"""Values of Parquet's types as texts, exactly, and as JSON."""

import json
import math
import struct
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

_EXACT_IN_DOUBLE = 2**53
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - counted from, not a moment
_PER_SECOND = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}
_DAY_ZERO = date(1970, 1, 1)


def element_type(kind: Any) -> pa.DataType:  # noqa: ANN401 - pyarrow has a class for each kind of list
    """Type of a list's elements; the null type for what is not a list."""
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_list_view)
    return kind.value_type if any(is_kind(kind) for is_kind in lists) else pa.null()


Columns = Mapping[str, tuple[pa.DataType, list[Any]]]
"""Columns of a batch by name: the type, and the values as `plain_array` has them."""


def has_int96(file: pq.ParquetFile) -> bool:
    """Whether a file has moments of the old kind: nanoseconds of a day, and a day."""
    return any(file.schema.column(place).physical_type == "INT96" for place in range(len(file.schema)))


def whole_moments(in_microseconds: Columns, in_nanoseconds: Columns) -> Columns:
    """The nanoseconds of moments of INT96, which has more years than 64 bits have nanoseconds.

    Read in microseconds they lose digits, and read in nanoseconds they go round; both together tell all.

    Args:
        in_microseconds: A batch that was read with INT96 in microseconds.
        in_nanoseconds: The same one, read with INT96 in nanoseconds.
    """
    found = {}
    for name, (kind, values) in in_nanoseconds.items():
        coarse_kind, coarse = in_microseconds[name]
        whole = _whole(coarse_kind, kind)
        found[name] = (kind, values if whole is None else list(map(whole, coarse, values)))
    return found


Whole = Callable[[Any, Any], Any]


def _whole(coarse: Any, fine: Any) -> Whole | None:  # noqa: ANN401 - pyarrow has a class for each kind
    """How a value is put together of two of these types; None where they are the same."""
    if coarse == fine:
        return None
    if pa.types.is_timestamp(fine):
        return lambda micros, nanos: None if micros is None else 1000 * micros + (nanos - 1000 * micros) % 2**64
    if pa.types.is_struct(fine):
        members = {field.name: whole for field in fine if (whole := _whole(coarse.field(field.name).type, field.type))}
        return lambda one, other: (
            None if one is None else one | {name: whole(one[name], other[name]) for name, whole in members.items()}
        )
    whole = _whole(element_type(coarse), element_type(fine))
    if whole is None:
        return None
    return lambda one, other: None if one is None else list(map(whole, one, other))


class NoJsonError(ValueError):
    """A value has no form in JSON; the message says what it is."""


def json_of(kind: pa.DataType) -> Callable[[Any], str] | None:
    """How a value of a type, as `plain_array` has it, is written as JSON; None for types that have no JSON."""
    if pa.types.is_struct(kind):
        return _json_object({field.name: json_of(field.type) for field in kind})
    if pa.types.is_map(kind):
        key, item = text_of(kind.key_type), json_of(kind.item_type)
        return None if key is None or item is None else _json_map(key, item)
    element = element_type(kind)
    if not pa.types.is_null(element):
        return _json_array(json_of(element))
    to_text = text_of(kind)
    if to_text is None:
        return None
    if pa.types.is_floating(kind):
        return _json_number(to_text)
    if any(is_kind(kind) for is_kind in (pa.types.is_boolean, pa.types.is_integer, pa.types.is_decimal)):
        return to_text
    return lambda value: json.dumps(to_text(value), ensure_ascii=False)


def _json_object(members: dict[str, Callable[[Any], str] | None]) -> Callable[[Any], str] | None:
    writers = {name: (json.dumps(name, ensure_ascii=False), writer) for name, writer in members.items() if writer}
    if len(writers) < len(members):
        return None

    def write(value: Mapping[str, Any]) -> str:
        parts = (
            f"{name}:{'null' if value[key] is None else writer(value[key])}" for key, (name, writer) in writers.items()
        )
        return f"{{{','.join(parts)}}}"

    return write


def _json_array(element: Callable[[Any], str] | None) -> Callable[[Any], str] | None:
    if element is None:
        return None
    return lambda items: f"[{','.join('null' if item is None else element(item) for item in items)}]"


def _json_map(key: Callable[[Any], str], item: Callable[[Any], str]) -> Callable[[Any], str]:
    def write(pairs: list[tuple[Any, Any]]) -> str:
        found = {key(name): "null" if value is None else item(value) for name, value in pairs}
        if len(found) < len(pairs):
            raise NoJsonError("a key twice in one map")
        return f"{{{','.join(f'{json.dumps(name, ensure_ascii=False)}:{text}' for name, text in found.items())}}}"

    return write


def _json_number(to_text: Callable[[Any], str]) -> Callable[[Any], str]:
    def write(value: float) -> str:
        if not math.isfinite(value):
            raise NoJsonError("NaN or Infinity")
        return to_text(value)

    return write


def plain_array(array: "pa.Array[Any]") -> "pa.Array[Any]":
    """An array whose values Python can hold exactly: texts as bytes, moments and days as numbers."""
    kind = plain_type(array.type)
    return array if kind == array.type else array.cast(kind)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of what `plain_array` makes of an array of some type."""
    return next((make(kind) for is_kind, make in _PLAIN if is_kind(kind)), kind)


def _plain_element(kind: Any) -> "pa.Field[Any]":  # noqa: ANN401 - pyarrow has a class for each kind of list
    field: pa.Field[Any] = kind.value_field
    return field.with_type(plain_type(kind.value_type))


_PLAIN: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any], pa.DataType]], ...]] = (
    (pa.types.is_dictionary, lambda kind: plain_type(kind.value_type)),
    (pa.types.is_string, lambda _: pa.binary()),
    (pa.types.is_string_view, lambda _: pa.binary()),
    (pa.types.is_large_string, lambda _: pa.large_binary()),
    (pa.types.is_timestamp, lambda _: pa.int64()),
    (pa.types.is_time64, lambda _: pa.int64()),
    (pa.types.is_date64, lambda _: pa.int64()),
    (pa.types.is_time32, lambda _: pa.int32()),
    (pa.types.is_date32, lambda _: pa.int32()),
    (pa.types.is_struct, lambda kind: pa.struct([field.with_type(plain_type(field.type)) for field in kind])),
    (pa.types.is_list, lambda kind: pa.list_(_plain_element(kind))),
    (pa.types.is_large_list, lambda kind: pa.large_list(_plain_element(kind))),
    (pa.types.is_fixed_size_list, lambda kind: pa.list_(_plain_element(kind), kind.list_size)),
    (pa.types.is_map, lambda kind: pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))),
)


def text_of(kind: pa.DataType) -> Callable[[Any], str] | None:
    """How a value of a type, as `plain_array` has it, is written as text; None for types of no single value."""
    if pa.types.is_dictionary(kind):
        return text_of(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return _uuid if kind.extension_name == "arrow.uuid" else text_of(kind.storage_type)
    for is_kind, writer in _WRITERS:
        if is_kind(kind):
            return writer(kind)
    return None


def _utf_8(value: bytes) -> str:
    return value.decode("utf-8")


def _uuid(value: uuid.UUID | bytes) -> str:
    return str(value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=value))


def _float(form: str, digits: range) -> Callable[[float], str]:
    """The shortest text that is read back as the same number; whole numbers look like integers."""

    def write(value: float) -> str:
        if value.is_integer() and abs(value) < _EXACT_IN_DOUBLE:
            return str(int(value))
        for count in digits:
            text = f"{value:.{count}g}"
            try:
                if struct.pack(form, float(text)) == struct.pack(form, value):
                    return text
            except OverflowError:
                continue
        return repr(value)

    return write


_FLOATS: Final = {16: _float("<e", range(3, 6)), 32: _float("<f", range(6, 10)), 64: _float("<d", range(15, 18))}


def _day(value: int) -> str:
    try:
        return (_DAY_ZERO + timedelta(days=value)).isoformat()
    except OverflowError:
        return f"{value} days after 1970-01-01"


def _day_of_milliseconds(value: int) -> str:
    return _day(value // 86_400_000)


def _moment(per_second: int) -> Callable[[int], str]:
    """A moment in UTC, such as ``2026-11-20 13:05:00.25``; with nine digits where six do not say it."""

    def write(value: int) -> str:
        seconds, fraction = divmod(value, per_second)
        try:
            return f"{_EPOCH + timedelta(seconds=seconds)}{_fraction(fraction, per_second)}"
        except OverflowError:
            return f"{seconds} seconds after 1970-01-01"

    return write


def _time(per_second: int) -> Callable[[int], str]:
    def write(value: int) -> str:
        seconds, fraction = divmod(value, per_second)
        return f"{(_EPOCH + timedelta(seconds=seconds)).time()}{_fraction(fraction, per_second)}"

    return write


def _fraction(fraction: int, per_second: int) -> str:
    digits = str(fraction).zfill(len(str(per_second)) - 1).rstrip("0")
    return f".{digits}" if fraction else ""


_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_WRITERS: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any], Callable[[Any], str]]], ...]] = (
    (pa.types.is_boolean, lambda _: lambda value: "true" if value else "false"),
    (pa.types.is_integer, lambda _: str),
    (pa.types.is_floating, lambda kind: _FLOATS[kind.bit_width]),
    (pa.types.is_decimal, lambda _: lambda value: format(value, "f")),
    (lambda kind: any(is_text(kind) for is_text in _TEXTS), lambda _: _utf_8),
    (pa.types.is_date32, lambda _: _day),
    (pa.types.is_date64, lambda _: _day_of_milliseconds),
    (pa.types.is_timestamp, lambda kind: _moment(_PER_SECOND[kind.unit])),
    (pa.types.is_time, lambda kind: _time(_PER_SECOND[kind.unit])),
    (pa.types.is_null, lambda _: lambda _: ""),
)
