"""Samples of delimited text: how they are written, and their records."""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, TextIO

from sluice.errors import SampleError
from sluice.infer.observed import Tree
from sluice.infer.opened import UNDECODABLE, Sample
from sluice.infer.values import MAYBE_NULL, NULL_WORDS, Values

_DELIMITERS: Final = (",", ";", "\t", "|", "^", "~", "\x01")
_LOOKED_AT: Final = 200
_LONGEST: Final = 1 << 20
"""Characters of a record; a quote that does not close within so many is an error, as for the conversion."""
_TOLD_DELIMITER: Final = re.compile("sep=(.)[\r\n]*", re.IGNORECASE)
"""The line in which spreadsheets say how fields are delimited."""
_BACKSLASH: Final = "\\"
_NAME_CHARACTERS: Final = 64
_MOST_TITLE_LINES: Final = 10
_LEAST_BELOW_TITLE: Final = 3
_SHARE_BELOW_TITLE: Final = 0.9
Fields = list[str]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written.

    Attributes:
        delimiter: One character between fields.
        quote: One character around fields.
        escape: Character before a quote inside a quoted field.
        header: Whether the first record names the columns.
        skip_lines: Lines before it that are no data.
        skip_initial_space: Whether blanks that follow a delimiter are no part of a field.
        escape_unquoted: Whether the escape stands outside of quotes as well.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    header: bool = True
    skip_lines: int = 0
    skip_initial_space: bool = False
    escape_unquoted: bool = False

    def fields(self, record: str) -> Fields:
        """The fields of one record.

        Raises:
            csv.Error: Quotes are open, or text follows a closing one.
        """
        if self.quote not in record and not (self.escape_unquoted and self.escape in record):
            fields = record.split(self.delimiter)
            return [field.lstrip(" ") for field in fields] if self.skip_initial_space else fields
        if self.escape_unquoted:
            record = self._without_nulls(record)
        doubled = self.escape == self.quote
        reader = csv.reader(
            [record],
            delimiter=self.delimiter,
            quotechar=self.quote,
            doublequote=doubled,
            escapechar=None if doubled else self.escape,
            skipinitialspace=self.skip_initial_space,
            strict=True,
        )
        return next(reader)

    def _without_nulls(self, record: str) -> str:
        r"""A record in which ``\N`` is nothing, as the conversion takes it."""
        mark, null = re.escape(self.delimiter), re.escape(self.escape + "N")
        return re.sub(f"(^|(?<!{re.escape(self.escape)}){mark}){null}(?={mark}|$)", r"\1", record)


@dataclass(slots=True)
class CsvRecords:
    """The records of one file.

    Attributes:
        sample: The file.
        dialect: How it is written.
        malformed: Records that could not be read so far.
        widths: How many of the malformed ones have so many fields; 0 for broken quotes.
    """

    sample: Sample
    dialect: Dialect
    malformed: int = 0
    widths: Counter[int] = field(default_factory=Counter)
    _expected: int = 0

    def __post_init__(self) -> None:
        """Make room for the longest field that the conversion takes."""
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))

    def read(self) -> Iterator[dict[str, Tree]]:
        """The records by column name.

        Raises:
            SampleError: The file has no records, or its header names a column twice.
        """
        with self.sample.text() as text:
            items = _records(islice(_lines(text), self.dialect.skip_lines, None), self.dialect)
            first = next(items, None)
            if first is None or first[0] is None:
                raise SampleError(f"{self.sample.path}: its first line is not a record of CSV")
            names = self._names(first[0])
            if not self.dialect.header:
                yield dict(zip(names, first[0], strict=True))
            for fields, record in items:
                if fields is None or len(fields) != len(names) or UNDECODABLE in record:
                    self.malformed += 1
                    self.widths[len(fields or ())] += 1
                    self._expected = len(names)
                    continue
                yield dict(zip(names, fields, strict=True))

    @property
    def why_malformed(self) -> str:
        """What stands in the way of the records that could not be read."""
        if not self.widths:
            return ""
        width, _ = self.widths.most_common(1)[0]
        if not width:
            return "quotes are broken in them"
        what = "header" if self.dialect.header else "first line"
        return f"data lines have {width} fields, the {what} {self._expected}"

    def _names(self, first: Fields) -> list[str]:
        if not self.dialect.header:
            return [f"column_{number}" for number in range(1, len(first) + 1)]
        twice = [name for name, count in Counter(first).items() if count > 1 and name]
        if twice:
            raise SampleError(
                f"{self.sample.path}: its header names column {twice[0]!r} twice (or use --no-header if it is none)"
            )
        return [name or f"#{number}" for number, name in enumerate(first, 1)]


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
    told = _TOLD_DELIMITER.fullmatch(lines[0]) if lines else None
    if told is not None:
        lines = lines[1:]
        found = replace(_best(lines, told[1]), skip_lines=1)
        return _with_header_of(sample, lines, found, header)
    found = _best(lines)
    if not _score(lines, found)[0]:
        skip = _title_lines(lines)
        below = _best(lines[skip:])
        if skip and _score(lines[skip:], below)[0]:
            lines, found = lines[skip:], replace(below, skip_lines=skip)
    return _with_header_of(sample, lines, found, header)


def _with_header_of(sample: Sample, lines: Sequence[str], found: Dialect, header: bool | None) -> Dialect:
    records = [(fields, text) for fields, text in _records(lines, found) if fields is not None]
    if not records:
        raise SampleError(f"{sample.path}: no record of CSV could be read")
    return replace(found, header=_has_header(records, found.quote) if header is None else header)


def _best(lines: Sequence[str], delimiter: str = "") -> Dialect:
    """The dialect that explains the lines best; of one delimiter, where it is known."""
    tried = [dialect for dialect in _dialects(lines) if delimiter in ("", dialect.delimiter)] or [Dialect(delimiter)]
    return max(tried, key=lambda dialect: _score(lines, dialect))


def _title_lines(lines: Sequence[str]) -> int:
    """How many lines at the beginning are a title or comments: without a delimiter where nearly all others have it."""
    for delimiter in _DELIMITERS:
        numbers = [number for number, line in enumerate(lines) if not line.isspace()]
        widths = [0 if lines[number].startswith("#") else lines[number].count(delimiter) for number in numbers]
        first = next((place for place, width in enumerate(widths) if width), 0)
        below = widths[first:]
        if 0 < first <= _MOST_TITLE_LINES and len(below) >= _LEAST_BELOW_TITLE:
            width, common = Counter(below).most_common(1)[0]
            if width and common >= _SHARE_BELOW_TITLE * len(below):
                return numbers[first]
    return 0


def _dialects(lines: Sequence[str]) -> Iterator[Dialect]:
    """Ways to write CSV; of equally good ones the first is taken."""
    present = [delimiter for delimiter in _DELIMITERS if any(delimiter in line for line in lines)]
    for delimiter in present or [","]:
        yield Dialect(delimiter)
        if any('\\"' in line for line in lines):
            yield Dialect(delimiter, escape=_BACKSLASH)
        if any(f"{_BACKSLASH}{delimiter}" in line for line in lines):
            yield Dialect(delimiter, escape=_BACKSLASH, escape_unquoted=True)
        if any(f'{delimiter} "' in line for line in lines):
            yield Dialect(delimiter, skip_initial_space=True)
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


def _has_header(records: Sequence[tuple[Fields, str]], quote: str) -> bool:
    """Whether the first record names columns.

    Signs that it does, each enough: its first field is empty where those below are not, as labels of rows are written;
    it is quoted throughout where some column below never is; it holds a text where those below are numbers or moments.
    Where all columns are texts, it must look like names, and hold none that stands below it.
    """
    first, text = records[0]
    rest = [fields for fields, _ in records[1:] if len(fields) == len(first)]
    filled = [name for name in first if name]
    if not filled or set(filled) & (NULL_WORDS | MAYBE_NULL):
        return False
    is_distinct = len(set(filled)) == len(filled)
    columns = [[record[place] for record in rest] for place in range(len(first))]
    if is_distinct and rest and not first[0] and all(columns[0]) and len(filled) == len(first) - 1:
        return True
    if (
        is_distinct
        and rest
        and _is_quoted(text, len(first), quote)
        and not _is_quoted(records[1][1], len(first), quote)
    ):
        return True
    if not all(_is_text([name]) for name in filled):
        return False
    if not all(map(_is_text, columns)):
        return True
    return not any(name in column for name, column in zip(first, columns, strict=True) if name) and all(
        map(_is_name, first)
    )


def _is_quoted(record: str, fields: int, quote: str) -> bool:
    """Whether every field of a record stands in quotes."""
    return record.count(quote) >= 2 * fields and record.startswith(quote) and record.endswith(quote)


def _is_name(field: str) -> bool:
    letters, digits = sum(map(str.isalpha, field)), sum(map(str.isdigit, field))
    return len(field) <= _NAME_CHARACTERS and letters >= digits and not set("\r\n@") & set(field)


def _is_text(fields: Iterable[str]) -> bool:
    values = Values()
    for text in fields:
        values.add(text)
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
