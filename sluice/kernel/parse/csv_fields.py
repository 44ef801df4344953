r"""One record of delimited text to its fields. Stricter than most: what does not follow the rules is not a record.

A field in quotes may hold the delimiter, line breaks and escaped quotes, and nothing but the delimiter or the end of
the record may follow it. A quote inside a field that does not begin with one is plain text (``5" pipe``).
"""

import re
from typing import Final

from sluice.contract import CsvSource

_LETTERS: Final = {"0": "\0", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "Z": "\x1a"}
"""What letters mean behind an escape that stands anywhere; other characters mean themselves.

Source: https://dev.mysql.com/doc/refman/8.4/en/load-data.html (FIELDS ESCAPED BY) and
https://www.postgresql.org/docs/current/sql-copy.html (text format)
"""
_NULL: Final = "N"


class UnclosedQuoteError(ValueError):
    """The text ends inside quotes: the record may go on in the next line."""


class QuoteError(ValueError):
    """Text follows a closing quote."""


class EscapeError(ValueError):
    """The text ends in an escape."""


class FieldReader:
    """Splits records by a contract's delimiter, quote and escape."""

    def __init__(self, source: CsvSource) -> None:
        quote, escape = re.escape(source.quote), re.escape(source.escape)
        self.delimiter, self.quote = source.delimiter, source.quote
        if source.escape == source.quote:
            self._quoted = re.compile(f"{quote}((?:[^{quote}]++|{quote}{quote})*+){quote}", re.DOTALL)
            self._inside = re.compile(f"(?:[^{quote}]++|{quote}{quote})*+{quote}", re.DOTALL)
        else:
            inside = f"(?:[^{quote}{escape}]++|{escape}.)*+"
            self._quoted = re.compile(f"{quote}({inside}){quote}", re.DOTALL)
            self._inside = re.compile(f"{inside}{quote}", re.DOTALL)
        self._skips = source.skip_initial_space
        self._bare = re.compile(f"(?:[^{re.escape(self.delimiter)}{escape}]++|{escape}.?)*+", re.DOTALL)
        self._bare_escape = source.escape if source.escape_unquoted else None
        self._bare_escaped = re.compile(f"{escape}(.?)", re.DOTALL)
        self._trailing = re.compile(f"(?<!{escape})(?:{escape}{escape})*{escape}\\Z")
        self._escaped = re.compile(f"{escape}([{quote}{escape}])")

    def fields(self, record: str) -> list[str | None]:
        """The fields of a record; None for one that is empty without quotes.

        Args:
            record: Text without the line end that closes it.

        Raises:
            UnclosedQuoteError: The text ends inside quotes.
            QuoteError: Text follows a closing quote.
            EscapeError: The text ends in an escape.
        """
        if self.quote not in record and (self._bare_escape is None or self._bare_escape not in record):
            if self._skips:
                return [field.lstrip(" ") or None for field in record.split(self.delimiter)]
            return [field or None for field in record.split(self.delimiter)]
        found: list[str | None] = []
        place = 0
        field: str | None
        while True:
            place = self._begin(record, place)
            if record.startswith(self.quote, place):
                field, place = self._in_quotes(record, place)
            else:
                end = self._end(record, place)
                field, place = self._text(record[place:end]), end
            found.append(field)
            if place == len(record):
                return found
            place += 1

    def escapes_its_end(self, line: str) -> bool:
        """Whether the line break behind a line is escaped and so part of the record.

        Args:
            line: A line without its end.
        """
        return self._bare_escape is not None and self._trailing.search(line) is not None

    def stays_open(self, line: str) -> bool:
        """Whether quotes that were open before a line are open after it.

        Looks at each character once, so that a quote that is never closed costs its text once and no more.

        Args:
            line: A line without its end.

        Raises:
            QuoteError: The quotes are closed in it, and text follows.
        """
        place = 0
        while (match := self._inside.match(line, place)) is not None:
            place = match.end()
            if place == len(line):
                return False
            if line[place] != self.delimiter:
                raise QuoteError
            place = self._begin(line, place + 1)
            while not line.startswith(self.quote, place):
                end = self._end(line, place)
                if end == len(line):
                    return False
                place = self._begin(line, end + 1)
            place += 1
        return True

    def _end(self, record: str, place: int) -> int:
        """Where the field without quotes ends that begins at a place."""
        if self._bare_escape is not None:
            match = self._bare.match(record, place)
            return len(record) if match is None else match.end()
        end = record.find(self.delimiter, place)
        return len(record) if end < 0 else end

    def _text(self, field: str) -> str | None:
        """The text of a field without quotes."""
        if self._bare_escape is None or self._bare_escape not in field:
            return field or None
        return None if field == self._bare_escape + _NULL else self._unescaped(field)

    def _unescaped(self, field: str) -> str:
        return self._bare_escaped.sub(_meant, field)

    def _begin(self, record: str, place: int) -> int:
        """Where the field begins that stands at a place."""
        while self._skips and record.startswith(" ", place) and self.delimiter != " ":
            place += 1
        return place

    def _in_quotes(self, record: str, place: int) -> tuple[str, int]:
        match = self._quoted.match(record, place)
        if match is None:
            raise UnclosedQuoteError
        end = match.end()
        if end != len(record) and record[end] != self.delimiter:
            raise QuoteError
        if self._bare_escape is not None:
            return self._unescaped(match[1]), end
        return self._escaped.sub(r"\1", match[1]), end


def _meant(match: re.Match[str]) -> str:
    if not match[1]:
        raise EscapeError
    return _LETTERS.get(match[1], match[1])
