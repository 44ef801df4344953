"""Samples of delimited text: how they are written, and their records."""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, TextIO

from sluice.errors import SampleError
from sluice.infer.observed import Tree
from sluice.infer.opened import UNDECODABLE, Sample
from sluice.infer.values import Values

_DELIMITERS: Final = (",", ";", "\t", "|", "^", "~", "\x01")
_LOOKED_AT: Final = 200
_LONGEST: Final = 1 << 20
"""Characters of a record; a quote that does not close within so many is an error, as for the conversion."""
_BACKSLASH: Final = "\\"
_NAME_CHARACTERS: Final = 64
Fields = list[str]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written.

    Attributes:
        delimiter: One character between fields.
        quote: One character around fields.
        escape: Character before a quote inside a quoted field.
        header: Whether the first record names the columns.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    header: bool = True

    def fields(self, record: str) -> Fields:
        """The fields of one record.

        Raises:
            csv.Error: Quotes are open, or text follows a closing one.
        """
        if self.quote not in record:
            return record.split(self.delimiter)
        doubled = self.escape == self.quote
        reader = csv.reader(
            [record],
            delimiter=self.delimiter,
            quotechar=self.quote,
            doublequote=doubled,
            escapechar=None if doubled else self.escape,
            strict=True,
        )
        return next(reader)


@dataclass(slots=True)
class CsvRecords:
    """The records of one file.

    Attributes:
        sample: The file.
        dialect: How it is written.
        malformed: Records that could not be read so far.
        has_line_breaks: Whether a record with more than one line was read.
    """

    sample: Sample
    dialect: Dialect
    malformed: int = 0
    has_line_breaks: bool = False

    def __post_init__(self) -> None:
        """Make room for the longest field that the conversion takes."""
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))

    def read(self) -> Iterator[dict[str, Tree]]:
        """The records by column name.

        Raises:
            SampleError: The file has no records, or its header names a column twice.
        """
        with self.sample.text() as text:
            items = _records(_lines(text), self.dialect)
            first = next(items, None)
            if first is None or first[0] is None:
                raise SampleError(f"{self.sample.path}: its first line is no record of CSV")
            names = self._names(first[0])
            if not self.dialect.header:
                yield dict(zip(names, first[0], strict=True))
            for fields, record in items:
                if fields is None or len(fields) != len(names) or UNDECODABLE in record:
                    self.malformed += 1
                    continue
                self.has_line_breaks |= "\n" in record or "\r" in record
                yield dict(zip(names, fields, strict=True))

    def _names(self, first: Fields) -> list[str]:
        if not self.dialect.header:
            return [f"column_{number}" for number in range(1, len(first) + 1)]
        twice = [name for name, count in Counter(first).items() if count > 1 and name]
        if twice:
            raise SampleError(
                f"{self.sample.path}: its header names column {twice[0]!r} twice (or use --no-header if it is none)"
            )
        return first


def dialect_of(sample: Sample, header: bool | None) -> Dialect:
    """How a file is written, by its first records.

    Args:
        sample: The file.
        header: Whether the first record names the columns; None to find out.

    Raises:
        SampleError: No way of reading gives records.
    """
    with sample.text() as text:
        lines = list(islice(_lines(text), _LOOKED_AT))
    found = max(_dialects(lines), key=lambda dialect: _score(lines, dialect))
    records = [fields for fields, _ in _records(lines, found) if fields is not None]
    if not records:
        raise SampleError(f"{sample.path}: no record of CSV could be read")
    return replace(found, header=_has_header(records) if header is None else header)


def _dialects(lines: Sequence[str]) -> Iterator[Dialect]:
    """Ways to write CSV; of equally good ones the first is taken."""
    present = [delimiter for delimiter in _DELIMITERS if any(delimiter in line for line in lines)]
    for delimiter in present or [","]:
        yield Dialect(delimiter)
        if any('\\"' in line for line in lines):
            yield Dialect(delimiter, escape=_BACKSLASH)
        if 2 * sum(_has_single_quotes(line, delimiter) for line in lines) >= len(lines):
            yield Dialect(delimiter, "'", "'")


def _has_single_quotes(line: str, delimiter: str) -> bool:
    """Whether a field begins and one ends with a single quote."""
    mark = re.escape(delimiter)
    return '"' not in line and re.search(f"(?:^|{mark})'.*'(?:{mark}|$)", line.rstrip("\r\n")) is not None


def _score(lines: Sequence[str], dialect: Dialect) -> tuple[bool, float, int, int, float]:
    """How well a dialect explains the lines.

    What counts: the first record is as wide as the others, most are equally wide, no quotes are left around fields,
    records are wide, and at last how many are equally wide to the last one.
    """
    records = [fields for fields, _ in _records(lines, dialect)]
    widths = Counter(len(fields) for fields in records if fields is not None)
    if not widths:
        return False, 0, 0, 0, 0
    width, common = max(widths.items(), key=lambda item: (item[1], item[0]))
    share = common / len(records)
    wrapped = sum(len(field) > 1 and field[0] == field[-1] == "'" for fields in records for field in fields or ())
    is_even = width > 1 and records[0] is not None and len(records[0]) == width
    return is_even, round(share, 1), -wrapped, width, share


def _has_header(records: Sequence[Fields]) -> bool:
    """Whether the first record names columns: it holds no number, no date and no value that stands below it.

    Where columns hold nothing but texts, it must look like names as well.
    """
    first, rest = records[0], [record for record in records[1:] if len(record) == len(records[0])]
    if not any(first) or not all(_is_text([field]) for field in first if field):
        return False
    columns = [[record[place] for record in rest] for place in range(len(first))]
    if any(name in column for name, column in zip(first, columns, strict=True) if name):
        return False
    return not all(map(_is_text, columns)) or all(map(_is_name, first))


def _is_name(field: str) -> bool:
    letters, digits = sum(map(str.isalpha, field)), sum(map(str.isdigit, field))
    return len(field) <= _NAME_CHARACTERS and letters >= digits and not set("\r\n@") & set(field)


def _is_text(fields: Iterable[str]) -> bool:
    values = Values()
    for field in fields:
        values.add(field)
    return values.guess("").sql_type.is_text


def _lines(text: TextIO) -> Iterator[str]:
    """Lines with their ends; one that is too long comes in parts, so that no file fills the memory."""
    while line := text.readline(_LONGEST):
        yield line


def _records(lines: Iterable[str], dialect: Dialect) -> Iterator[tuple[Fields | None, str]]:
    """Records with their text, no fields where they are malformed; blank lines are none.

    As for the conversion, a quote that is never closed gives up the line in which it stands and no other.
    """
    rest = _Lines(lines)
    while (line := rest.take()) is not None:
        record = _without_end(line)
        if not record or (record.isspace() and dialect.delimiter not in record):
            continue
        fields = _fields(dialect, record)
        if fields is None and _may_go_on(dialect, record.count(dialect.quote)):
            fields, record = _continued(dialect, line, rest)
        yield fields, record


def _continued(dialect: Dialect, line: str, rest: "_Lines") -> tuple[Fields | None, str]:
    """The record that begins with a line and goes on in those that follow, which are given back when it does not."""
    taken, size, quotes = [line], len(line), line.count(dialect.quote)
    while size <= _LONGEST and (more := rest.take()) is not None:
        taken.append(more)
        size += len(more)
        quotes += more.count(dialect.quote)
        if dialect.quote in more and (fields := _fields(dialect, _without_end("".join(taken)))) is not None:
            return fields, _without_end("".join(taken))
        if not _may_go_on(dialect, quotes):
            break
    rest.give_back(taken[1:])
    return None, _without_end(line)


class _Lines:
    """Lines that can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rest = iter(lines)
        self._again: deque[str] = deque()

    def take(self) -> str | None:
        """The next line, None at the end."""
        return self._again.popleft() if self._again else next(self._rest, None)

    def give_back(self, lines: Sequence[str]) -> None:
        """Make lines the next ones."""
        self._again.extendleft(reversed(lines))


def _fields(dialect: Dialect, record: str) -> Fields | None:
    try:
        return dialect.fields(record)
    except csv.Error:
        return None


def _may_go_on(dialect: Dialect, quotes: int) -> bool:
    """Whether so many quotes leave one open; with a backslash before quotes only reading on tells."""
    return dialect.escape != dialect.quote or quotes % 2 == 1


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")
