"""The footer of a Parquet file: what the file says of its columns, its rows and its writer.

Only the end of a file is needed: eight bytes that tell the footer's length, and the footer. The types are those that a
contract knows; what no contract can name has no `sql_type`.

Source: https://parquet.apache.org/docs/file-format/ and
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sluice.contract.sqltype import MAX_VARCHAR_BYTES, SqlType
from sluice.errors import TerminalError
from sluice.parquet.compact import CompactError, CompactReader, Fields, Value

TAIL_BYTES: Final = 8
"""The last bytes of a file: the footer's length and the mark."""
MAX_FOOTER_BYTES: Final = 16 << 20
"""Longer footers are refused: a file of ours has some tens of kilobytes."""

_MARK: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
_LENGTH_BYTES: Final = 4

# Numbers of fields and values of parquet.thrift.
_SCHEMA, _ROWS, _ROW_GROUPS, _WRITER = 2, 3, 4, 6
_TYPE, _REPETITION, _NAME, _CHILDREN, _CONVERTED, _SCALE, _PRECISION, _LOGICAL = 1, 3, 4, 5, 6, 7, 8, 10
_REQUIRED, _REPEATED = 0, 2
_PHYSICAL: Final = ("boolean", "int32", "int64", "int96", "float", "double", "binary", "fixed binary")
_PLAIN: Final = {
    "boolean": "boolean",
    "int32": "integer",
    "int64": "bigint",
    "int96": "timestamp",  # Spark's and Hive's old way; nothing else is stored so
    "float": "real",
    "double": "double precision",
}
_CONVERTED_NAMES: Final = {
    0: "string", 4: "string", 5: "decimal", 6: "date", 7: "time", 8: "time", 9: "timestamp", 10: "timestamp",
    11: "unsigned 8-bit integer", 12: "unsigned 16-bit integer", 13: "unsigned 32-bit integer",
    14: "unsigned 64-bit integer", 15: "tinyint", 16: "smallint", 17: "integer", 18: "bigint", 19: "json", 20: "bson",
    21: "interval",
}  # fmt: skip
_LOGICAL_NAMES: Final = {
    1: "string", 4: "string", 5: "decimal", 6: "date", 7: "time", 8: "timestamp", 11: "null", 12: "json", 13: "bson",
    14: "uuid", 15: "16-bit float", 16: "variant", 17: "geometry", 18: "geography",
}  # fmt: skip
_SIGNED: Final = {8: "tinyint", 16: "smallint", 32: "integer", 64: "bigint"}
_DECIMAL, _TIMESTAMP, _INTEGER = 5, 8, 10
_NANOSECONDS: Final = 3
_TEXT: Final = SqlType("varchar", length=MAX_VARCHAR_BYTES)


class ParquetError(TerminalError):
    """A file is not Parquet file that can be read; the message names it."""


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column as a file has it.

    Attributes:
        name: Its name.
        type: Its type in words, such as ``decimal(12,2)``, ``string`` or ``group``.
        sql_type: The type in a contract's terms; texts have no length in a file, here they have the longest. None for
            what no contract can name.
        is_nullable: Whether the file allows null.
    """

    name: str
    type: str
    sql_type: SqlType | None
    is_nullable: bool = True


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says of itself.

    Attributes:
        columns: The columns in their order; nested ones once, as a group.
        rows: How many rows it has.
        writer: The program that wrote it; empty when the file does not tell.
    """

    columns: tuple[FileColumn, ...]
    rows: int
    writer: str


def footer_bytes(tail: bytes, size_bytes: int, name: str) -> int:
    """How long the footer is, without the tail.

    Args:
        tail: The file's last `TAIL_BYTES`, or more.
        size_bytes: Length of the whole file.
        name: The file, for messages.

    Raises:
        ParquetError: It is not Parquet file, is encrypted, or its footer is longer than the file or `MAX_FOOTER_BYTES`.
    """
    mark = tail[-len(_MARK) :]
    if mark == _ENCRYPTED:
        raise ParquetError(f"{name}: its footer is encrypted")
    if mark != _MARK or len(tail) < TAIL_BYTES:
        raise ParquetError(f"{name}: is not Parquet file: it does not end with {_MARK.decode()}")
    length = int.from_bytes(tail[-TAIL_BYTES:-_LENGTH_BYTES], "little")
    if not 0 < length <= size_bytes - TAIL_BYTES - len(_MARK):
        raise ParquetError(f"{name}: its footer should have {length} bytes, and the whole file has {size_bytes}")
    if length > MAX_FOOTER_BYTES:
        raise ParquetError(f"{name}: its footer has {length} bytes; {MAX_FOOTER_BYTES} are read at most")
    return length


def read_footer(end: bytes, size_bytes: int, name: str) -> Footer:
    """Read the footer.

    Args:
        end: The end of the file: the footer and the tail, or more.
        size_bytes: Length of the whole file.
        name: The file, for messages.

    Raises:
        ParquetError: There is no well-formed footer.
    """
    length = footer_bytes(end, size_bytes, name)
    if len(end) < length + TAIL_BYTES:
        raise ParquetError(f"{name}: its footer has {length} bytes, of which {len(end) - TAIL_BYTES} are here")
    content = end[-TAIL_BYTES - length : -TAIL_BYTES]
    try:
        fields = CompactReader(content).document(skipped=(_ROW_GROUPS,))
        return Footer(tuple(_columns(fields)), _number(fields, _ROWS), _text(fields.get(_WRITER, b"")))
    except CompactError as exc:
        raise ParquetError(f"{name}: its footer is broken: {exc}") from exc


def _columns(fields: Fields) -> Iterator[FileColumn]:
    """The children of the root; the schema is one flat list, each group before its members."""
    schema = fields.get(_SCHEMA)
    if not isinstance(schema, list) or not schema:
        raise CompactError("there is no schema")
    elements = [_fields(element) for element in schema]
    place = 1
    for _ in range(_number(elements[0], _CHILDREN)):
        if place >= len(elements):
            raise CompactError("the schema ends too early")
        yield _column(elements[place])
        place = _after(elements, place)
    if place != len(elements):
        raise CompactError(f"the schema has {len(elements)} elements, of which {place} belong to its root")


def _after(elements: list[Fields], place: int) -> int:
    """The element that follows one and all its members."""
    open_members = 1
    while open_members:
        if place >= len(elements):
            raise CompactError("the schema ends too early")
        members = _number(elements[place], _CHILDREN, 0)
        if not 0 <= members < len(elements):
            raise CompactError(f"an element has {members} members")
        open_members += members - 1
        place += 1
    return place


def _column(element: Fields) -> FileColumn:
    name = _text(element.get(_NAME, b""))
    repetition = _number(element, _REPETITION, _REQUIRED)
    is_nullable = repetition != _REQUIRED
    if _CHILDREN in element:
        return FileColumn(name, "group", None, is_nullable)
    if repetition == _REPEATED:
        return FileColumn(name, "list", None, is_nullable)
    kind = _kind(element)
    return FileColumn(name, kind, _sql_type(kind), is_nullable)


def _kind(element: Fields) -> str:
    """The logical type where the file has one, else the older annotation, else how the values are stored."""
    physical = _PHYSICAL[_number(element, _TYPE, allowed=range(len(_PHYSICAL)))]
    logical = element.get(_LOGICAL)
    if isinstance(logical, dict) and logical:
        found = _logical(*next(iter(logical.items())))
        if found:
            return found
    converted = element.get(_CONVERTED)
    if isinstance(converted, int):
        found = _CONVERTED_NAMES.get(converted, f"annotation {converted}")
        is_decimal = found == "decimal"
        return _decimal(_number(element, _PRECISION), _number(element, _SCALE, 0)) if is_decimal else found
    return _PLAIN.get(physical, physical)


def _logical(number: int, value: Value) -> str:
    """A logical type in words; empty for one that this reader does not know."""
    details = value if isinstance(value, dict) else {}
    if number == _DECIMAL:
        return _decimal(_number(details, 2), _number(details, 1, 0))
    if number == _INTEGER:
        bits = _number(details, 1)
        return _SIGNED.get(bits, "integer?") if details.get(2) is True else f"unsigned {bits}-bit integer"
    if number == _TIMESTAMP and isinstance(unit := details.get(2), dict) and _NANOSECONDS in unit:
        return "timestamp of nanoseconds"
    return _LOGICAL_NAMES.get(number, "")


def _decimal(precision: int, scale: int) -> str:
    return f"decimal({precision},{scale})"


def _sql_type(kind: str) -> SqlType | None:
    if kind == "string":
        return _TEXT
    try:
        return SqlType.parse(kind)
    except ValueError:
        return None


def _fields(value: Value) -> Fields:
    if not isinstance(value, dict):
        raise CompactError("an element of the schema is not a structure")
    return value


def _number(fields: Mapping[int, Value], number: int, default: int | None = None, allowed: range | None = None) -> int:
    value = fields.get(number, default)
    if isinstance(value, bool) or not isinstance(value, int) or (allowed is not None and value not in allowed):
        raise CompactError(f"field {number} is {value!r}")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, bytes):
        raise CompactError(f"{value!r} is not text")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise CompactError("a text is not UTF-8") from exc
