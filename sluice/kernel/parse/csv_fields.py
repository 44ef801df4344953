r"""One record of delimited text to its fields. Stricter than most: what does not follow the rules is no record.

A field in quotes may hold the delimiter, line breaks and escaped quotes, and nothing but the delimiter or the end of
the record may follow it. A quote inside a field that does not begin with one is plain text (``5" pipe``).
"""

import re

from sluice.contract import CsvSource


class UnclosedQuoteError(ValueError):
    """The text ends inside quotes: the record may go on in the next line."""


class QuoteError(ValueError):
    """Text follows a closing quote."""


class FieldReader:
    """Splits records by a contract's delimiter, quote and escape."""

    def __init__(self, source: CsvSource) -> None:
        quote, escape = re.escape(source.quote), re.escape(source.escape)
        self.delimiter, self.quote = source.delimiter, source.quote
        self._doubled = source.escape == source.quote
        if self._doubled:
            self._quoted = re.compile(f"{quote}((?:[^{quote}]++|{quote}{quote})*+){quote}", re.DOTALL)
            self._closing = re.compile(quote)
        else:
            inside = f"(?:[^{quote}{escape}]++|{escape}.)*+"
            self._quoted = re.compile(f"{quote}({inside}){quote}", re.DOTALL)
            self._closing = re.compile(f"{escape}.|({quote})", re.DOTALL)
        self._escaped = re.compile(f"{escape}([{quote}{escape}])")

    def fields(self, record: str) -> list[str | None]:
        """The fields of a record; None for one that is empty without quotes.

        Args:
            record: Text without the line end that closes it.

        Raises:
            UnclosedQuoteError: The text ends inside quotes.
            QuoteError: Text follows a closing quote.
        """
        if self.quote not in record:
            return [field or None for field in record.split(self.delimiter)]
        found: list[str | None] = []
        place = 0
        field: str | None
        while True:
            if record.startswith(self.quote, place):
                field, place = self._in_quotes(record, place)
            else:
                end = record.find(self.delimiter, place)
                end = len(record) if end < 0 else end
                field, place = record[place:end] or None, end
            found.append(field)
            if place == len(record):
                return found
            place += 1

    def quotes(self, text: str) -> int:
        """How many quotes of a text are not escaped; of doubled ones both count, which leaves odd and even as it is."""
        if self._doubled:
            return text.count(self.quote)
        return sum(1 for match in self._closing.finditer(text) if match[1])

    def _in_quotes(self, record: str, place: int) -> tuple[str, int]:
        match = self._quoted.match(record, place)
        if match is None:
            raise UnclosedQuoteError
        end = match.end()
        if end != len(record) and record[end] != self.delimiter:
            raise QuoteError
        return self._escaped.sub(r"\1", match[1]), end
