"""JSON: lines, the elements of one array, or one value after the other. Numbers keep the digits of the source."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, BinaryIO, TextIO

from sluice.contract import JsonSource
from sluice.contract.shape import Group, Path, has_json
from sluice.kernel.parse.content import MAX_RECORD_CHARACTERS, RawBytes, file_records, lines_of, open_text
from sluice.kernel.parse.parsed import (
    BYTE_ORDER_MARK,
    MAX_RAW_TEXT,
    UNDECODABLE,
    BrokenFileError,
    FileNotes,
    MalformedRecordError,
    Parsed,
)
from sluice.kernel.parse.presence import Presence
from sluice.kernel.parse.values import Number, extractor, respelt

_SPACE = re.compile(r"[ \t\r\n]*")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_PIECE = 1 << 18
_MALFORMED = "record: malformed JSON"
_TOO_LONG = f"record: longer than {MAX_RECORD_CHARACTERS} characters"


class _Decoder:
    """Python's JSON decoder, which remembers what it let pass: equal keys, and numbers that JSON does not have."""

    def __init__(self, number: type[str]) -> None:
        self._flaw: str | None = None
        self._decoder = json.JSONDecoder(
            parse_int=number, parse_float=number, parse_constant=self._no_number, object_pairs_hook=self._object
        )

    def read(self, text: str, start: int) -> tuple[Any, int, str | None]:
        """The value that begins at an index, where it ends, and its flaw.

        Raises:
            ValueError: There is no well-formed value.
        """
        self._flaw = None
        try:
            value, end = self._decoder.raw_decode(text, start)
        except RecursionError as exc:
            raise ValueError("nested too deep") from exc
        return value, end, self._flaw

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            self._flaw = "record: a key stands twice in one object"
        return members

    def _no_number(self, _: str) -> None:
        self._flaw = "record: malformed JSON (NaN or Infinity)"


class JsonRecords:
    """Reads JSON by a contract's shape."""

    def __init__(self, source: JsonSource, shape: Group, needed: Collection[Path] = ()) -> None:
        """Read by a shape.

        Args:
            source: The contract's source.
            shape: What to take of each record.
            needed: Places that a file with records must have.
        """
        self._source, self._shape, self._needed = source, shape, frozenset(needed)
        self._decoder = _Decoder(Number if has_json(shape) else str)
        self._extract = extractor(shape)
        self._presence = Presence(shape)

    def __reduce__(self) -> tuple[type["JsonRecords"], tuple[JsonSource, Group, Collection[Path]]]:
        """Sent to other processes as what it was made of."""
        return JsonRecords, (self._source, self._shape, self._needed)

    def line(self, text: str) -> Parsed:
        """The record of one line that is not blank."""
        text = text.removeprefix(BYTE_ORDER_MARK)
        if len(text) > MAX_RECORD_CHARACTERS:
            return Parsed(None, text[:MAX_RAW_TEXT], _TOO_LONG)
        begin = _end_of_space(text, 0)
        try:
            value, end, flaw = self._decoder.read(text, begin)
        except ValueError:
            return Parsed(None, text, self._bytes_flaw(text) or _MALFORMED)
        if _end_of_space(text, end) != len(text):
            return Parsed(None, text, f"{_MALFORMED} (more than one value)")
        return self._record(value, text, flaw)

    def file(self, stream: BinaryIO, notes: FileNotes | None = None) -> Iterator[Parsed]:
        """The records of a whole file; the last one may be the news that the file is refused.

        Args:
            stream: The file's bytes from its beginning, compressed as the contract says.
            notes: Where to put what else is learned of the file.
        """
        form: Callable[[TextIO], Iterator[Parsed]] = {
            "lines": self._lines, "array": self._array, "concatenated": self._concatenated
        }[self._source.records]  # fmt: skip

        def read(raw: RawBytes) -> Iterator[Parsed]:
            self.begin()
            yield from form(open_text(raw, self._source.compression, self._source.encoding))
            self.conclude(notes)

        return file_records(read, stream, self._source.compression, may_be_empty=self._source.records != "array")

    def unpacked(self, content: BinaryIO, notes: FileNotes | None = None) -> Iterator[Parsed]:
        """The records of a whole file of lines, from its unpacked bytes.

        Raises:
            BrokenFileError: The file lacks a field that it must have.
        """
        self.begin()
        yield from self._lines(open_text(content, "none", self._source.encoding))
        self.conclude(notes)

    def begin(self) -> None:
        """Forget which fields were seen: another file begins."""
        self._presence = Presence(self._shape)

    def conclude(self, notes: FileNotes | None = None) -> None:
        """Say which fields were not seen since `begin`.

        Raises:
            BrokenFileError: A field that the file must have.
        """
        self._presence.conclude(self._needed, notes, "field")

    def _lines(self, text: TextIO) -> Iterator[Parsed]:
        for line in lines_of(text):
            if not line.isspace():
                yield self.line(line.rstrip("\r\n"))

    def _array(self, text: TextIO) -> Iterator[Parsed]:
        values = _Values(text, self._decoder)
        if values.mark() != "[":
            raise BrokenFileError("is not one JSON array")
        values.skip()
        if values.mark() == "]":
            values.skip()
        else:
            while True:
                try:
                    value, raw_text, flaw = values.next()
                except BrokenFileError:
                    raise
                except ValueError as exc:
                    raise BrokenFileError("is not one well-formed JSON array") from exc
                yield self._record(value, raw_text, flaw)
                mark = values.mark()
                values.skip()
                if mark == "]":
                    break
                if mark != ",":
                    raise BrokenFileError("is not one well-formed JSON array")
        if values.mark():
            raise BrokenFileError("has text after its JSON array")

    def _concatenated(self, text: TextIO) -> Iterator[Parsed]:
        values = _Values(text, self._decoder)
        while values.mark():
            try:
                value, raw_text, flaw = values.next()
            except BrokenFileError:
                raise
            except ValueError:
                # Where the next object begins nobody can tell.
                raise BrokenFileError("holds text that is not JSON between or in its objects") from None
            yield self._record(value, raw_text, flaw)

    def _record(self, value: object, raw_text: str, flaw: str | None) -> Parsed:
        flaw = flaw or self._bytes_flaw(raw_text)
        if flaw is not None:
            return Parsed(None, raw_text, flaw)
        try:
            if self._source.match == "ignore_case":
                value = respelt(self._shape, value)
            if not self._presence.is_complete and isinstance(value, dict):
                self._presence.see(value)
            return Parsed(self._extract(value), raw_text)
        except MalformedRecordError as exc:
            return Parsed(None, raw_text, str(exc))

    def _bytes_flaw(self, raw_text: str) -> str | None:
        if UNDECODABLE in raw_text:
            return f"record: bytes that are not {self._source.encoding}"
        if ("\\ud" in raw_text or "\\uD" in raw_text) and has_half_surrogate(raw_text):
            return "record: half of a surrogate pair"
        return None


class _Values:
    """JSON values one after the other, of which no more than one is held."""

    def __init__(self, text: TextIO, decoder: _Decoder) -> None:
        self._text, self._decoder = text, decoder
        self._held, self._place, self._is_at_end = "", 0, False

    def mark(self) -> str:
        """The next character that is not white space; nothing at the end."""
        while True:
            self._place = _end_of_space(self._held, self._place)
            if self._place < len(self._held) or self._is_at_end:
                return self._held[self._place : self._place + 1]
            self._more(_PIECE)

    def skip(self) -> None:
        """Go past the character that `mark` gave."""
        self._place += 1

    def next(self) -> tuple[Any, str, str | None]:
        """The next value, its text, and its flaw.

        Raises:
            ValueError: There is no well-formed value.
            BrokenFileError: It is too long.
        """
        self.mark()
        while True:
            try:
                value, end, flaw = self._decoder.read(self._held, self._place)
                if end < len(self._held) or self._is_at_end:  # A number may go on in what comes next.
                    raw_text = self._held[self._place : end]
                    self._place = end
                    return value, raw_text, flaw
            except ValueError:
                if self._is_at_end:
                    raise
            size = len(self._held) - self._place
            if size > MAX_RECORD_CHARACTERS:
                raise BrokenFileError(
                    f"has text of more than {MAX_RECORD_CHARACTERS} characters that is not JSON record"
                )
            # Twice as much each time, so that a long value is not read again too often.
            self._more(max(_PIECE, size))

    def _more(self, size: int) -> None:
        more = self._text.read(size)
        self._held, self._place = self._held[self._place :] + more, 0
        self._is_at_end = not more


def has_half_surrogate(raw_text: str) -> bool:
    r"""Whether an escape such as ``\ud800`` stands alone in well-formed JSON: no text can hold it."""
    high_ends = -1
    for match in _ESCAPE.finditer(raw_text):
        code = int(match[1], 16) if match[1] else 0
        if high_ends >= 0 and (match.start() != high_ends or not 0xDC00 <= code < 0xE000):
            return True
        if high_ends >= 0:
            high_ends = -1
        elif 0xD800 <= code < 0xDC00:
            high_ends = match.end()
        elif 0xDC00 <= code < 0xE000:
            return True
    return high_ends >= 0


def _end_of_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return start if match is None else match.end()
