"""CSV: files with or without a header, columns in any order, line ends of any kind."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO, Final, NamedTuple

from sluice.contract import CsvSource
from sluice.kernel.parse.content import MAX_RECORD_CHARACTERS, RawBytes, file_records, lines_of, open_binary, open_text
from sluice.kernel.parse.csv_fields import EscapeError, FieldReader, QuoteError, UnclosedQuoteError
from sluice.kernel.parse.parsed import (
    BYTE_ORDER_MARK,
    MAX_RAW_TEXT,
    UNDECODABLE,
    BrokenFileError,
    FileNotes,
    Parsed,
    broken_file,
    lacks,
)

MAX_QUOTED_CHARACTERS: Final = 1 << 20
"""A quote that does not close within this much text is an error: no field of the warehouse could hold it, and the rest
of the file must not disappear in it."""

Fields = list[str | None]
Item = tuple[Fields | None, str, str | None]


class Places(NamedTuple):
    """Where columns stand in the records of a file.

    Attributes:
        columns: The place of each column; None of one that the file lacks.
        width: How many fields a record has.
        names: The fields of the header; nothing where files have none.
    """

    columns: list[int | None]
    width: int
    names: Fields

    def is_header(self, fields: Fields) -> bool:
        """Whether a record is the header again, as in files that were put together; one field alone may be a value."""
        return len(fields) > 1 and fields == self.names


class CsvRecords:
    """Reads CSV by a contract's columns."""

    def __init__(self, source: CsvSource, columns: Iterable[str], needed: Iterable[str]) -> None:
        """Read these columns.

        Args:
            source: The contract's source.
            columns: Columns to take, in the order of the records; without a header also their order in the file.
            needed: Columns that a file with a header must have.
        """
        self._source = source
        self._columns = tuple(columns)
        self._needed = frozenset(needed)
        self._reader = FieldReader(source)

    def file(self, stream: BinaryIO, notes: FileNotes | None = None) -> Iterator[Parsed]:
        """The records of a whole file.

        Args:
            stream: The file's bytes from its beginning, compressed as the contract says.
            notes: Where to put what else is learned of the file.
        """

        def read(raw: RawBytes) -> Iterator[Parsed]:
            return self.unpacked(open_binary(raw, self._source.compression), notes)

        return file_records(read, stream, self._source.compression, may_be_empty=not self._source.header)

    def unpacked(self, content: BinaryIO, notes: FileNotes | None) -> Iterator[Parsed]:
        """The records of a whole file, from its unpacked bytes.

        Raises:
            BrokenFileError: The file is not well-formed as a whole.
        """
        text = open_text(content, "none", self._source.encoding)
        return self._read(islice(lines_of(text, self._source.quote), self._source.skip_lines, None), None, notes)

    def lines(
        self, lines: Iterable[str], header: str | None = None, notes: FileNotes | None = None
    ) -> Iterator[Parsed]:
        """The records of a part of a file that holds whole lines.

        Args:
            lines: Lines with or without their ends.
            header: First record of the file, when the lines do not begin with it.
            notes: Where to put what else is learned of the file.
        """
        try:
            yield from self._read(lines, header, notes)
        except BrokenFileError as exc:
            yield broken_file(exc)

    def places(self, header: str | None, notes: FileNotes | None = None) -> Places:
        """Where each column stands in the file's records, and how many fields these have.

        Args:
            header: First record of the file, without its end; None where files have none.
            notes: Where to put what else is learned of the file.

        Raises:
            BrokenFileError: The header is malformed, names a column twice, or lacks one that a file must have.
        """
        names: Fields | None = list(self._columns)
        if self._source.header:
            names = next(self._items(self.ahead([header or ""])), (None, "", None))[0]
        return self._places(names, notes)

    def ahead(self, lines: Iterable[str]) -> "Ahead":
        """Lines as `begin` and `records` want them."""
        return Ahead(lines, self._reader)

    def header(self, ahead: "Ahead") -> str | None:
        """The text of the header, taken off the lines; None where there is none."""
        return next((text for _, text, _ in self._items(ahead)), None)

    def begin(self, ahead: "Ahead", header: str | None, notes: FileNotes | None) -> Places:
        """Where columns stand, by the header; the lines' first record is taken for it where none is given.

        Raises:
            BrokenFileError: The header is malformed, names a column twice, or lacks one that a file must have.
        """
        if not self._source.header:
            names: Fields | None = list(self._columns)
        else:
            first = next(self._items(ahead if header is None else self.ahead([header])), None)
            if first is None:
                if header is None:
                    raise BrokenFileError("has no header: there is no line that is not blank")
                first = ([], "", None)
            names = first[0]
        return self._places(names, notes)

    def _read(self, lines: Iterable[str], header: str | None, notes: FileNotes | None) -> Iterator[Parsed]:
        ahead = self.ahead(lines)
        return self.records(ahead, self.begin(ahead, header, notes))

    def records(self, ahead: "Ahead", found: Places) -> Iterator[Parsed]:
        """The records of lines, after `begin`."""
        for fields, raw_text, error in self._items(ahead):
            if fields is None:
                yield Parsed(None, raw_text, error)
            elif len(fields) != found.width:
                few = len(fields) < found.width
                yield Parsed(None, raw_text, "record: too few fields" if few else "record: too many fields")
            elif UNDECODABLE in raw_text:
                yield Parsed(None, raw_text, f"record: bytes that are not {self._source.encoding}")
            elif found.is_header(fields):
                yield Parsed(None, raw_text, "record: is the header again")
            else:
                yield Parsed(tuple([None if place is None else fields[place] for place in found.columns]), raw_text)

    def _places(self, names: Fields | None, notes: FileNotes | None) -> Places:
        if names is None:
            raise BrokenFileError("its header is malformed")
        known = {name: place for place, name in enumerate(names) if name}
        twice = [name for name in self._columns if name and names.count(name) > 1]
        if twice:
            raise BrokenFileError(f"its header names column {twice[0]} twice")
        if len(known) < sum(bool(name) for name in names):
            raise BrokenFileError("its header names a column twice")
        known = {f"#{place + 1}": place for place, name in enumerate(names) if not name} | known
        places = {name: known[name] for name in self._columns if name in known}
        if self._source.match == "ignore_case":
            places |= self._matched([name for name in self._columns if name not in known], known)
        absent = [name for name in self._columns if name not in places]
        if missing := [name for name in absent if name in self._needed]:
            where = f"its header, split at {self._source.delimiter!r}, "
            raise lacks("column", missing, known, where=where)
        if notes is not None:
            notes.absent = tuple(absent)
        header = names if self._source.header else []
        return Places([places.get(name) for name in self._columns], len(names), header)

    def _matched(self, columns: Iterable[str], known: dict[str, int]) -> dict[str, int]:
        """Columns that the header writes in another case.

        Raises:
            BrokenFileError: It does so in two ways.
        """
        found = {}
        for column in columns:
            alike = [name for name in known if name.casefold() == column.casefold()]
            if len(alike) > 1:
                raise BrokenFileError(f"its header names column {column} twice, in different case")
            if alike:
                found[column] = known[alike[0]]
        return found

    def _items(self, ahead: "Ahead") -> Iterator[Item]:
        """Records as fields, text, and what is wrong; blank lines are none.

        Where quotes are broken only the line in which the record began is given up, and reading goes on with the next:
        otherwise one forgotten quote would swallow the records after it.
        """
        while (line := ahead.take()) is not None:
            line = line.removeprefix(BYTE_ORDER_MARK)  # Files that were put together have one before each of them.
            line = self._with_escaped_ends(line, ahead)
            record = without_end(line)
            if not record or (record.isspace() and self._reader.delimiter not in record):
                continue
            if len(line) > MAX_RECORD_CHARACTERS:
                yield None, record[:MAX_RAW_TEXT], f"record: longer than {MAX_RECORD_CHARACTERS} characters"
                continue
            try:
                yield self._reader.fields(record), record, None
            except QuoteError:
                yield None, record, "record: text after a closing quote"
            except EscapeError:
                yield None, record, "record: ends in an escape"
            except UnclosedQuoteError:
                rest = ahead.until_closed(len(line)) if self._source.multiline else None
                if rest is None:
                    yield None, record, "record: a quote that is not closed"
                    continue
                record = without_end("".join((line, *rest)))
                yield self._reader.fields(record), record, None

    def _with_escaped_ends(self, line: str, ahead: "Ahead") -> str:
        """A line with those that follow it as long as its line break is escaped."""
        if not self._source.multiline or not self._reader.escapes_its_end(without_end(line)):
            return line
        parts, size = [line], len(line)
        while size <= MAX_QUOTED_CHARACTERS and self._reader.escapes_its_end(without_end(parts[-1])):
            more = ahead.take()
            if more is None:
                break
            parts.append(more)
            size += len(more)
        return "".join(parts)


class Ahead:
    """Lines, and a look at those that come: how far a quote that is open stays open.

    What is learned is kept: lines that leave open what was open before them do so for any record that begins before
    them. So each line is looked at once, however many records begin with a quote that is not closed.
    """

    def __init__(self, lines: Iterable[str], reader: FieldReader) -> None:
        self._rest, self._reader = iter(lines), reader
        self._coming: deque[str] = deque()
        self._open_lines = self._open_size = 0
        self._is_dead_end = False

    @property
    def is_looking(self) -> bool:
        """Whether lines are known that were not taken yet."""
        return bool(self._coming)

    def take(self) -> str | None:
        """The next line, or None at the end."""
        if not self._coming:
            return next(self._rest, None)
        line = self._coming.popleft()
        if self._open_lines:
            self._open_lines -= 1
            self._open_size -= len(line)
        else:
            self._is_dead_end = False
        return line

    def until_closed(self, size: int) -> list[str] | None:
        """Take the lines up to the one that closes the quotes which are open after the line taken last.

        Args:
            size: Characters of the record so far.

        Returns:
            None, with nothing taken, when they are never closed, too late, or with text after them.
        """
        while not self._is_dead_end and size + self._open_size <= MAX_QUOTED_CHARACTERS:
            if self._open_lines == len(self._coming):
                line = next(self._rest, None)
                if line is None:
                    self._is_dead_end = True
                    break
                self._coming.append(line)
            else:
                line = self._coming[self._open_lines]
            try:
                if not self._reader.stays_open(without_end(line)):
                    return self._closed()
            except QuoteError:
                self._is_dead_end = True
                break
            self._open_lines += 1
            self._open_size += len(line)
        return None

    def _closed(self) -> list[str]:
        taken = [self._coming.popleft() for _ in range(self._open_lines + 1)]
        self._open_lines = self._open_size = 0
        return taken


def without_end(line: str) -> str:
    """A line without its end."""
    if line.endswith("\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(("\n", "\r")) else line
