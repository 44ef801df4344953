"""CSV: files with or without a header, columns in any order, line ends of any kind."""

from collections import deque
from collections.abc import Iterable, Iterator

from sluice.contract import CsvSource
from sluice.kernel.parse.content import open_text, unpacking
from sluice.kernel.parse.csv_fields import FieldReader, QuoteError, UnclosedQuoteError
from sluice.kernel.parse.parsed import UNDECODABLE, BrokenFileError, Parsed, broken_file

MAX_RECORD_CHARACTERS = 1 << 20
"""A quote that does not close within this much text is an error: no row of the warehouse could hold the field, and the
rest of the file must not disappear in it."""

_BYTE_ORDER_MARK = "\ufeff"
Fields = list[str | None]
Item = tuple[Fields | None, str, str | None]


class CsvRecords:
    """Reads CSV by a contract's columns."""

    def __init__(self, source: CsvSource, columns: Iterable[str], required: Iterable[str]) -> None:
        """Read these columns.

        Args:
            source: The contract's source.
            columns: Columns to take, in the order of the records; without a header also their order in the file.
            required: Columns that a file must have.
        """
        self._source = source
        self._columns = tuple(columns)
        self._required = frozenset(required)
        self._reader = FieldReader(source)

    def file(self, content: bytes) -> Iterator[Parsed]:
        """The records of a whole file.

        Args:
            content: The file's bytes, compressed as the contract says.
        """
        try:
            with unpacking(self._source.compression):
                yield from self._read(open_text(content, self._source.compression, self._source.encoding), None)
        except BrokenFileError as exc:
            yield broken_file(exc)

    def lines(self, lines: Iterable[str], header: str | None = None) -> Iterator[Parsed]:
        """The records of a part of a file that holds whole lines.

        Args:
            lines: Lines with or without their ends.
            header: First record of the file, when the lines do not begin with it.
        """
        try:
            yield from self._read(lines, header)
        except BrokenFileError as exc:
            yield broken_file(exc)

    def _read(self, lines: Iterable[str], header: str | None) -> Iterator[Parsed]:
        items = self._items(lines)
        if not self._source.header:
            names: Fields = list(self._columns)
        elif header is not None:
            names = next(self._items([header]))[0] or []
        else:
            first = next(items, None)
            if first is None:
                return
            if first[0] is None:
                raise BrokenFileError("its header is malformed")
            names = first[0]
        places, width = self._places(names), len(names)
        for fields, raw_text, error in items:
            if fields is None:
                yield Parsed(None, raw_text, error)
            elif len(fields) != width:
                few = len(fields) < width
                yield Parsed(None, raw_text, "record: too few fields" if few else "record: too many fields")
            elif UNDECODABLE in raw_text:
                yield Parsed(None, raw_text, f"record: bytes that are not {self._source.encoding}")
            else:
                yield Parsed(tuple([None if place is None else fields[place] for place in places]), raw_text)

    def _places(self, names: Fields) -> list[int | None]:
        """Where each column stands in the file's records.

        Raises:
            BrokenFileError: A column stands twice, or a required one is missing.
        """
        known = {name: place for place, name in enumerate(names) if name is not None}
        twice = [name for name in self._columns if names.count(name) > 1]
        if twice:
            raise BrokenFileError(f"its header names column {twice[0]} twice")
        if len(known) < sum(name is not None for name in names):
            raise BrokenFileError("its header names a column twice")
        missing = [name for name in self._columns if name in self._required and name not in known]
        if missing:
            split = f"its header, split at {self._source.delimiter!r},"
            raise BrokenFileError(f"{split} lacks column {', '.join(missing)}")
        return [known.get(name) for name in self._columns]

    def _items(self, lines: Iterable[str]) -> Iterator[Item]:
        """Records as fields, text, and what is wrong; blank lines are none.

        Where quotes are broken only the line in which the record began is given up, and reading goes on with the next:
        otherwise one forgotten quote would swallow the records after it.
        """
        source = _Lines(lines)
        while (line := source.take()) is not None:
            record = _without_end(line).removeprefix(_BYTE_ORDER_MARK) if source.is_first else _without_end(line)
            if not record or (record.isspace() and self._reader.delimiter not in record):
                continue
            try:
                yield self._reader.fields(record), record, None
            except QuoteError:
                yield None, record, "record: text after a closing quote"
            except UnclosedQuoteError:
                yield self._continued(line, source) or (None, record, "record: a quote that is not closed")

    def _continued(self, line: str, source: "_Lines") -> Item | None:
        """The record that begins with a line and goes on in those that follow; None, and nothing taken, without one."""
        if not self._source.multiline:
            return None
        taken: list[str] = []
        size, quotes = len(line), self._reader.quotes(line)
        while size <= MAX_RECORD_CHARACTERS and (more := source.take()) is not None:
            taken.append(more)
            size += len(more)
            count = self._reader.quotes(more)
            quotes += count
            if count == 0:
                continue
            record = _without_end("".join((line, *taken)))
            try:
                return self._reader.fields(record), record, None
            except UnclosedQuoteError:
                continue
            except QuoteError:
                break
        source.give_back(taken)
        return None


class _Lines:
    """Lines that can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rest = iter(lines)
        self._again: deque[str] = deque()
        self._taken = 0

    @property
    def is_first(self) -> bool:
        """Whether the line taken last is the first of all."""
        return self._taken == 1

    def take(self) -> str | None:
        """The next line, or None at the end."""
        if self._again:
            return self._again.popleft()
        self._taken += 1
        return next(self._rest, None)

    def give_back(self, lines: list[str]) -> None:
        """Make lines the next ones."""
        self._again.extendleft(reversed(lines))


def _without_end(line: str) -> str:
    if line.endswith("\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(("\n", "\r")) else line
