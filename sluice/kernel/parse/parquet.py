"""Parquet: the contract's columns, batch by batch, each value as the text that is cast.

Only columns that the contract reads are opened, so that no other one decides over a file. What a type cannot say
exactly is refused by value where values differ (text that is not UTF-8, nanoseconds), and by file, with column and
type, where the type is none of a contract's.
"""

import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.contract import ParquetSource
from sluice.contract.shape import TEXT_OF_ELEMENT, Group, Items, Leaf, Node, Path, place_name
from sluice.kernel.parse.content import RawBytes, file_records
from sluice.kernel.parse.parquet_values import (
    Columns,
    NoJsonError,
    element_type,
    has_int96,
    json_of,
    plain_array,
    text_of,
    whole_moments,
)
from sluice.kernel.parse.parsed import BrokenFileError, FileNotes, MalformedRecordError, Parsed, lacks
from sluice.kernel.parse.values import spelt

BATCH_BYTES: Final = 32 << 20
"""About how much of a file is held at once, beside a page of each column."""
MAX_BATCH_ROWS: Final = 8192
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
            if not has_int96(file):
                yield from self._records(_batches(file, columns), file, columns, take)
                return
            with _opened(raw, int96_unit="us") as in_microseconds:
                batches = map(whole_moments, _batches(in_microseconds, columns), _batches(file, columns))
                yield from self._records(batches, file, columns, take)

    def _columns(self, found: pa.Schema, notes: FileNotes | None) -> "_Found":
        columns = _Found.of(self._shape, list(found), ignores_case=self._ignores_case)
        absent = list(columns.absent(self._shape, ()))
        if missing := [path for path in absent if path in self._needed]:
            raise lacks("column", [place_name(path) for path in missing], _names(list(found), ()))
        if notes is not None:
            notes.absent = tuple(place_name(path) for path in absent)
        return columns

    def _records(
        self, batches: "Iterator[Columns]", file: pq.ParquetFile, columns: "_Found", take: Take
    ) -> Iterator[Parsed]:
        try:
            if not columns.members:  # Every column of the contract may be absent, and is.
                yield from (Parsed(take({}), "") for _ in range(file.metadata.num_rows))
                return
            for batch in batches:
                for values in zip(*(column for _, column in batch.values()), strict=True):
                    yield _parsed(take, dict(zip(batch, values, strict=True)))
        except (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError) as exc:
            raise BrokenFileError(
                f"its Parquet data are damaged or of a kind that cannot be read: {_told(exc)}"
            ) from exc


def _told(exc: Exception) -> str:
    """The first line of a library's message, which says what is wrong; the names of its exceptions say nothing."""
    return (str(exc).splitlines() or [""])[0][:200]


def _batches(file: pq.ParquetFile, columns: "_Found") -> "Iterator[Columns]":
    names = [member.name for member in columns.members.values()]
    for batch in file.iter_batches(batch_size=_rows_at_once(file.metadata), columns=columns.paths()):
        arrays = {name: batch.column(name) for name in names}
        yield {name: (array.type, plain_array(array).to_pylist()) for name, array in arrays.items()}


def _opened(raw: RawBytes, int96_unit: str = "ns") -> pq.ParquetFile:
    if not raw.seek(0, io.SEEK_END):
        raise BrokenFileError("is empty")
    raw.seek(0)
    try:
        return pq.ParquetFile(pa.PythonFile(raw, mode="r"), coerce_int96_timestamp_unit=int96_unit)
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
            BrokenFileError: A field is not a single value, object or array where the contract has one.
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
                kind = field.type if isinstance(child, Group) else element_type(field.type)
                part = child if isinstance(child, Group) else child.element
                # An element that is a single value is as one with a text, as elements of XML have.
                fields = list(cast("Any", kind)) if pa.types.is_struct(kind) else [pa.field(TEXT_OF_ELEMENT, kind)]
                inner[name] = cls.of(part, fields, ignores_case=ignores_case, path=below)
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


def _check(node: Node, kind: pa.DataType, path: Path) -> None:
    """Make sure that a field is what the contract reads at its place.

    Raises:
        BrokenFileError: It is not.
    """
    column = place_name(path)
    if isinstance(node, Leaf):
        if (json_of(kind) if node.is_json else text_of(kind)) is None:
            what = "has no JSON" if node.is_json else "is not a single value of a contract"
            raise BrokenFileError(f"column {column} has Parquet type {kind}, which {what}")
    elif isinstance(node, Items):
        element, of_values = element_type(kind), TEXT_OF_ELEMENT in node.element.members
        if not pa.types.is_struct(element) and (not of_values or pa.types.is_null(element) or text_of(element) is None):
            what = "single values" if of_values else "objects"
            raise BrokenFileError(f"column {column} has Parquet type {kind}, which is not an array of {what}")
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
        is_json = isinstance(node, Leaf) and node.is_json
        return _json(kind, path) if is_json else _leaf(kind, path, marks_utc=marks_utc)
    if isinstance(node, Group):
        return _group_of(node, inner, path, marks_utc=marks_utc)
    element = _group_of(node.element, inner, path, marks_utc=marks_utc)
    of_values = not pa.types.is_struct(element_type(kind))
    refusal = f"record: {place_name(path)} has an element that is null"

    def take(items: list[Any] | None) -> list[Any] | None:
        if items is None:
            return None
        if of_values:
            return [element({TEXT_OF_ELEMENT: item}) for item in items]
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


def _json(kind: pa.DataType, path: Path) -> Take:
    to_json = json_of(kind) or str
    name = place_name(path)

    def take(value: Any) -> str | None:  # noqa: ANN401 - a value of any type
        if value is None:
            return None
        try:
            return to_json(value)
        except UnicodeDecodeError:
            raise MalformedRecordError(f"record: {name} has bytes that are not UTF-8 (Parquet type {kind})") from None
        except NoJsonError as exc:
            raise MalformedRecordError(f"record: {name} has {exc}, which JSON does not have") from None

    return take
