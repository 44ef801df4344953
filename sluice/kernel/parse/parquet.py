"""Parquet: the contract's columns, batch by batch, each value as the text that is cast.

Only columns that the contract reads are opened, so that no other one decides over a file. What a type cannot say
exactly is refused by value where values differ (text that is no UTF-8, nanoseconds), and by file, with column and type,
where the type is none of a contract's.
"""

import io
import json
import struct
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.contract import ParquetSource
from sluice.contract.shape import Group, Items, Leaf, Node, Path, place_name
from sluice.kernel.parse.content import RawBytes, file_records
from sluice.kernel.parse.parsed import BrokenFileError, FileNotes, MalformedRecordError, Parsed, lacks
from sluice.kernel.parse.values import spelt

BATCH_BYTES: Final = 32 << 20
"""About how much of a file is held at once, beside a page of each column."""
MAX_BATCH_ROWS: Final = 8192

_EXACT_IN_DOUBLE = 2**53
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - counted from, not a moment
_PER_SECOND = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}
_DAY_ZERO = date(1970, 1, 1)

Take = Callable[[Any], Any]


class ParquetRecords:
    """Reads Parquet by a contract's shape."""

    def __init__(
        self, source: ParquetSource, shape: Group, needed: Collection[Path] = (), *, marks_utc: bool = False
    ) -> None:
        """Read by a shape.

        Args:
            source: The contract's source.
            shape: What to take of each record.
            needed: Places that a file must have.
            marks_utc: Whether moments that a file keeps in UTC are written with ``Z``, because others are of a zone.
        """
        self._source, self._shape, self._needed = source, shape, frozenset(needed)
        self._marks_utc = marks_utc
        self._ignores_case = source.match == "ignore_case"

    def file(self, stream: BinaryIO, notes: FileNotes | None = None) -> Iterator[Parsed]:
        """The records of a whole file; the last one may be the news that the file is refused.

        Args:
            stream: The file's bytes from its beginning; it must be seekable.
            notes: Where to put what else is learned of the file.
        """
        return file_records(lambda raw: self._read(raw, notes), stream, "none", may_be_empty=False)

    def _read(self, raw: RawBytes, notes: FileNotes | None) -> Iterator[Parsed]:
        with _opened(raw) as file:
            try:
                found = file.schema_arrow
            except (pa.ArrowException, OSError, ValueError):
                raise BrokenFileError("has a column whose Parquet type cannot be read") from None
            columns = self._columns(found, notes)
            take = _group_of(self._shape, columns, (), marks_utc=self._marks_utc)
            yield from self._records(file, columns, take)

    def _columns(self, found: pa.Schema, notes: FileNotes | None) -> "_Found":
        columns = _Found.of(self._shape, list(found), ignores_case=self._ignores_case)
        absent = list(columns.absent(self._shape, ()))
        if missing := [path for path in absent if path in self._needed]:
            raise lacks("column", [place_name(path) for path in missing], _names(list(found), ()))
        if notes is not None:
            notes.absent = tuple(place_name(path) for path in absent)
        return columns

    def _records(self, file: pq.ParquetFile, columns: "_Found", take: Take) -> Iterator[Parsed]:
        names = [member.name for member in columns.members.values()]
        rows = _rows_at_once(file.metadata)
        try:
            if not names:  # Every column of the contract may be absent, and is.
                yield from (Parsed(take({}), "") for _ in range(file.metadata.num_rows))
                return
            for batch in file.iter_batches(batch_size=rows, columns=columns.paths()):
                arrays = {name: plain_array(batch.column(name)) for name in names}
                for values in zip(*(array.to_pylist() for array in arrays.values()), strict=True):
                    yield _parsed(take, dict(zip(names, values, strict=True)))
        except (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError) as exc:
            raise BrokenFileError(
                f"its Parquet data are damaged or of a kind that cannot be read: {_told(exc)}"
            ) from exc


def _told(exc: Exception) -> str:
    """The first line of a library's message, which says what is wrong; the names of its exceptions say nothing."""
    return (str(exc).splitlines() or [""])[0][:200]


def _opened(raw: RawBytes) -> pq.ParquetFile:
    if not raw.seek(0, io.SEEK_END):
        raise BrokenFileError("is empty")
    raw.seek(0)
    try:
        # INT96 has nanoseconds over years that 64 bits of them do not reach; what wrote it meant microseconds.
        return pq.ParquetFile(pa.PythonFile(raw, mode="r"), coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError, ValueError) as exc:
        if raw.failure is not None:
            raise
        raise BrokenFileError("has no valid Parquet footer") from exc


def _rows_at_once(metadata: pq.FileMetaData) -> int:
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    widest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
    return max(1, min(MAX_BATCH_ROWS, BATCH_BYTES // max(widest, 1)))


class _Found:
    """The part of a file's columns that a group of the shape reads.

    Attributes:
        members: Fields of the file by the contract's name.
        inner: The same of nested groups and of elements of arrays, by the contract's name.
    """

    def __init__(self, members: "Mapping[str, pa.Field[Any]]", inner: Mapping[str, "_Found"]) -> None:
        self.members, self.inner = members, inner

    @classmethod
    def of(cls, node: Group, fields: "list[pa.Field[Any]]", *, ignores_case: bool, path: Path = ()) -> "_Found":
        """Find the members of a group among fields.

        Raises:
            BrokenFileError: A field is no single value, object or array where the contract has one.
        """
        by_name: dict[str, pa.Field[Any]] = {}
        for field in fields:
            if field.name in node.members and field.name in by_name:
                raise BrokenFileError(f"has column {place_name((*path, field.name))} twice")
            by_name.setdefault(field.name, field)
        try:
            known = spelt(by_name, node.members) if ignores_case else by_name
        except MalformedRecordError as exc:
            raise BrokenFileError(str(exc).removeprefix("record: ")) from exc
        members = {name: known[name] for name in node.members if name in known}
        inner = {}
        for name, field in members.items():
            child, below = node.members[name], (*path, name)
            _check(child, field.type, below)
            if not isinstance(child, Leaf):
                kind = field.type if isinstance(child, Group) else _element_type(field.type)
                part = child if isinstance(child, Group) else child.element
                inner[name] = cls.of(part, list(cast("Any", kind)), ignores_case=ignores_case, path=below)
        return cls(members, inner)

    def absent(self, node: Group, path: Path) -> Iterator[Path]:
        """Places of the shape that the file does not have."""
        for name, child in node.members.items():
            below = (*path, name)
            if name not in self.members:
                yield from _leaves(child, below)
            elif isinstance(child, Items):
                yield from self.inner[name].absent(child.element, below)
            elif isinstance(child, Group):
                yield from self.inner[name].absent(child, below)

    def paths(self) -> list[str]:
        """Columns to open, as `pyarrow` names them: an object's members one by one, arrays whole."""
        found: list[str] = []
        for name, field in self.members.items():
            inner = self.inner.get(name)
            if inner is None or not pa.types.is_struct(field.type) or not inner.members:
                found.append(field.name)
            else:
                found += [f"{field.name}.{path}" for path in inner.paths()]
        return found


def _leaves(node: Node, path: Path) -> Iterator[Path]:
    """Places that are missing with a node: its texts; of an array the array."""
    if isinstance(node, Group):
        for name, child in node.members.items():
            yield from _leaves(child, (*path, name))
    else:
        yield path


def _names(fields: "list[pa.Field[Any]]", path: Path) -> Iterator[str]:
    for field in fields:
        below = (*path, field.name)
        yield place_name(below)
        if pa.types.is_struct(field.type):
            yield from _names(list(field.type), below)


def _element_type(kind: Any) -> pa.DataType:  # noqa: ANN401 - pyarrow has a class for each kind of list
    """Type of a list's elements; the null type for what is no list."""
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_list_view)
    return kind.value_type if any(is_kind(kind) for is_kind in lists) else pa.null()


def _check(node: Node, kind: pa.DataType, path: Path) -> None:
    """Make sure that a field is what the contract reads at its place.

    Raises:
        BrokenFileError: It is not.
    """
    column = place_name(path)
    if isinstance(node, Leaf):
        if text_of(kind) is None:
            raise BrokenFileError(f"column {column} has Parquet type {kind}, which is not a single value of a contract")
    elif isinstance(node, Items):
        if not pa.types.is_struct(_element_type(kind)):
            raise BrokenFileError(f"column {column} has Parquet type {kind}, which is not an array of objects")
    elif not pa.types.is_struct(kind):
        raise BrokenFileError(f"column {column} has Parquet type {kind}, which is not an object")


def _parsed(take: Take, values: dict[str, Any]) -> Parsed:
    try:
        return Parsed(take(values), "")
    except MalformedRecordError as exc:
        return Parsed(None, json.dumps(values, ensure_ascii=False, default=_shown), str(exc))


def _shown(value: object) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _group_of(node: Group, found: _Found, path: Path, *, marks_utc: bool) -> Take:
    members: list[tuple[str | None, Take]] = []
    for name, child in node.members.items():
        field = found.members.get(name)
        if field is None:
            members.append((None, _nothing(child)))
        else:
            below, inner = (*path, name), found.inner.get(name)
            members.append((field.name, _member(child, field.type, inner, below, marks_utc=marks_utc)))

    def take(value: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
        if value is None:
            return None
        return tuple([member(None if name is None else value[name]) for name, member in members])

    return take


def _nothing(node: Node) -> Take:
    """What a member that the file lacks is: an object of nothing, or null."""
    if not isinstance(node, Group):
        return lambda _: None
    members = [_nothing(child) for child in node.members.values()]
    return lambda _: tuple([member(None) for member in members])


def _member(node: Node, kind: pa.DataType, inner: _Found | None, path: Path, *, marks_utc: bool) -> Take:
    if isinstance(node, Leaf) or inner is None:
        return _leaf(kind, path, marks_utc=marks_utc)
    if isinstance(node, Group):
        return _group_of(node, inner, path, marks_utc=marks_utc)
    element = _group_of(node.element, inner, path, marks_utc=marks_utc)
    refusal = f"record: {place_name(path)} has an element that is null"

    def take(items: list[Any] | None) -> list[Any] | None:
        if items is None:
            return None
        if None in items:
            raise MalformedRecordError(refusal)
        return [element(item) for item in items]

    return take


def _leaf(kind: pa.DataType, path: Path, *, marks_utc: bool) -> Take:
    to_text = text_of(kind) or str
    mark = "Z" if marks_utc and isinstance(kind, pa.TimestampType) and kind.tz is not None else ""
    refusal = f"record: {place_name(path)} has bytes that are not UTF-8 (Parquet type {kind})"

    def take(value: Any) -> str | None:  # noqa: ANN401 - a value of any type
        if value is None:
            return None
        try:
            return to_text(value) + mark
        except UnicodeDecodeError:
            raise MalformedRecordError(refusal) from None

    return take


def plain_array(array: "pa.Array[Any]") -> "pa.Array[Any]":
    """An array whose values Python can hold exactly: texts as bytes, moments and days as numbers."""
    kind = plain_type(array.type)
    return array if kind == array.type else array.cast(kind)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of what `plain_array` makes of an array of some type."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_timestamp(kind) or pa.types.is_time64(kind) or pa.types.is_date64(kind):
        return pa.int64()
    if pa.types.is_time32(kind) or pa.types.is_date32(kind):
        return pa.int32()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(plain_type(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(plain_type(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(plain_type(kind.value_type)))
    return kind


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
