"""JSON: one object a line, or a file that is one array of objects. Numbers keep the digits that the source wrote."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from sluice.contract import JsonSource
from sluice.contract.shape import Group
from sluice.kernel.parse.content import open_text, unpacking
from sluice.kernel.parse.parsed import (
    UNDECODABLE,
    BrokenFileError,
    MalformedRecordError,
    Parsed,
    broken_file,
)
from sluice.kernel.parse.values import extractor

_SPACE = re.compile(r"[ \t\r\n]*")
_BYTE_ORDER_MARK = "\ufeff"
_HALF_SURROGATE = re.compile("[\ud800-\udfff]")


class _Decoder:
    """Python's JSON decoder, which remembers what it let pass: equal keys, and numbers that JSON does not have."""

    def __init__(self) -> None:
        self._flaw: str | None = None
        self._decoder = json.JSONDecoder(
            parse_int=str, parse_float=str, parse_constant=self._no_number, object_pairs_hook=self._object
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

    def __init__(self, source: JsonSource, shape: Group) -> None:
        self._source = source
        self._decoder = _Decoder()
        self._shape = shape
        self._extract = extractor(shape)

    def __reduce__(self) -> tuple[type["JsonRecords"], tuple[JsonSource, Group]]:
        """Sent to Spark's workers as what it was made of."""
        return JsonRecords, (self._source, self._shape)

    def line(self, text: str) -> Parsed:
        """The record of one line that is not blank."""
        text = text.removeprefix(_BYTE_ORDER_MARK)
        begin = _end_of_space(text, 0)
        try:
            value, end, flaw = self._decoder.read(text, begin)
        except ValueError:
            return Parsed(None, text, self._bytes_flaw(text) or "record: malformed JSON")
        if _end_of_space(text, end) != len(text):
            return Parsed(None, text, "record: malformed JSON (more than one value)")
        return self._record(value, text, flaw)

    def file(self, content: bytes) -> Iterator[Parsed]:
        """The records of a whole file.

        Args:
            content: The file's bytes, compressed as the contract says.
        """
        read: Callable[[bytes], Iterator[Parsed]] = self._lines if self._source.records == "lines" else self._array
        try:
            with unpacking(self._source.compression):
                yield from read(content)
        except BrokenFileError as exc:
            yield broken_file(exc)

    def _lines(self, content: bytes) -> Iterator[Parsed]:
        for line in open_text(content, self._source.compression, self._source.encoding):
            if not line.isspace():
                yield self.line(line.rstrip("\r\n"))

    def _array(self, content: bytes) -> Iterator[Parsed]:
        text = open_text(content, self._source.compression, self._source.encoding).read()
        place = _end_of_space(text, 0)
        if text[place : place + 1] != "[":
            raise BrokenFileError("is not one JSON array")
        place = _end_of_space(text, place + 1)
        if text[place : place + 1] == "]":
            self._expect_end(text, place + 1)
            return
        while True:
            begin = place
            try:
                value, place, flaw = self._decoder.read(text, begin)
            except ValueError as exc:
                raise BrokenFileError("is not one well-formed JSON array") from exc
            yield self._record(value, text[begin:place], flaw)
            place = _end_of_space(text, place)
            mark = text[place : place + 1]
            if mark == "]":
                self._expect_end(text, place + 1)
                return
            if mark != ",":
                raise BrokenFileError("is not one well-formed JSON array")
            place = _end_of_space(text, place + 1)

    def _expect_end(self, text: str, place: int) -> None:
        if _end_of_space(text, place) != len(text):
            raise BrokenFileError("has text after its JSON array")

    def _record(self, value: object, raw_text: str, flaw: str | None) -> Parsed:
        flaw = flaw or self._bytes_flaw(raw_text)
        if flaw is not None:
            return Parsed(None, raw_text, flaw)
        try:
            return Parsed(self._extract(value), raw_text)
        except MalformedRecordError as exc:
            return Parsed(None, raw_text, str(exc))

    def _bytes_flaw(self, raw_text: str) -> str | None:
        if UNDECODABLE in raw_text:
            return f"record: bytes that are not {self._source.encoding}"
        if ("\\ud" in raw_text or "\\uD" in raw_text) and _has_half_surrogate(raw_text):
            return "record: half of a surrogate pair"
        return None


def _has_half_surrogate(raw_text: str) -> bool:
    r"""Whether an escape such as ``\ud800`` stands alone: no text can hold it."""
    try:
        return _HALF_SURROGATE.search(json.dumps(json.loads(raw_text), ensure_ascii=False)) is not None
    except ValueError:
        return False


def _end_of_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return start if match is None else match.end()
