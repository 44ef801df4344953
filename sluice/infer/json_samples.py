"""Samples of JSON: one object a line or one array of objects, read piece by piece."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TextIO

from sluice.errors import SampleError
from sluice.infer.observed import Tree
from sluice.infer.opened import UNDECODABLE, Sample

_CHUNK_CHARACTERS: Final = 1 << 16
_LONGEST: Final = 16 << 20
"""Characters of a record that are read at most."""
_SPACE: Final = re.compile(r"[ \t\r\n]*")


@dataclass(slots=True)
class JsonRecords:
    """The records of one file.

    Attributes:
        sample: The file.
        malformed: Records that could not be read so far.
    """

    sample: Sample
    malformed: int = 0

    def form(self) -> Literal["lines", "array", "concatenated"]:
        """Whether the file is one array, one object a line, or objects that follow each other in any other way."""
        with self.sample.text() as text:
            if _begins(text).startswith("["):
                return "array"
        with self.sample.text() as text:
            line = next((line for line in iter(lambda: text.readline(_LONGEST), "") if not line.isspace()), "").strip()
        try:
            _, end = _decode(line, 0)
        except ValueError:
            return "concatenated" if line == "{" else "lines"
        return "concatenated" if line[end:].lstrip().startswith("{") else "lines"

    def read(self) -> Iterator[dict[str, Tree]]:
        """The records; all single values are texts, numbers with the digits that the source wrote.

        Raises:
            SampleError: The array is not well-formed, or one object stretches over lines.
        """
        with self.sample.text() as text:
            form = self.form()
            values = self._array(text) if form == "array" else self._lines(text)
            values = self._concatenated(text) if form == "concatenated" else values
            for value in values:
                tree = None if value is None else _object(value)
                if tree is None:
                    self.malformed += 1
                else:
                    yield tree

    def _lines(self, text: TextIO) -> Iterator[object]:
        while line := text.readline(_LONGEST):
            if line.isspace():
                continue
            try:
                yield None if UNDECODABLE in line else _decode(line.strip(), 0)[0]
            except ValueError:
                yield None

    def _concatenated(self, text: TextIO) -> Iterator[object]:
        reader = _Pieces(text, self.sample)
        while reader.peek():
            yield reader.value()

    def _array(self, text: TextIO) -> Iterator[object]:
        reader = _Pieces(text, self.sample)
        reader.expect("[")
        if reader.peek() == "]":
            return
        while True:
            yield reader.value()
            if reader.peek() == "]":
                return
            reader.expect(",")


class _Pieces:
    """Values of a text that is read as far as they need."""

    def __init__(self, text: TextIO, sample: Sample) -> None:
        self._text, self._sample = text, sample
        self._buffer, self._place, self._is_whole = "", 0, False

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._place)
            self._place = self._place if match is None else match.end()
            if self._place < len(self._buffer) or not self._more():
                return self._buffer[self._place : self._place + 1]

    def expect(self, mark: str) -> None:
        """Go past a character.

        Raises:
            SampleError: There is another one.
        """
        if self.peek() != mark:
            raise SampleError(f"{self._sample.path}: is not one well-formed JSON array of objects")
        self._place += 1

    def value(self) -> object:
        """The next value.

        Raises:
            SampleError: There is no well-formed one, or it is too long.
        """
        self.peek()
        while True:
            try:
                value, end = _decode(self._buffer, self._place)
            except ValueError as exc:
                if len(self._buffer) - self._place < _LONGEST and self._more():
                    continue
                raise SampleError(
                    f"{self._sample.path}: is not well-formed JSON: an array of objects, or one after the other"
                ) from exc
            # A number at the end of what was read may go on in what follows.
            if end < len(self._buffer) or not self._more():
                self._place = end
                return value

    def _more(self) -> bool:
        """Read on, twice as much as is waiting, so that a long value is not tried too often."""
        waiting = len(self._buffer) - self._place
        found = self._text.read(max(_CHUNK_CHARACTERS, waiting))
        self._buffer, self._place = self._buffer[self._place :] + found, 0
        return bool(found)


def _begins(text: TextIO) -> str:
    while part := text.read(_CHUNK_CHARACTERS):
        if not part.isspace():
            return part.lstrip()
    return ""


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_number)


def _decode(text: str, start: int) -> tuple[Any, int]:
    """A value and where it ends.

    Raises:
        ValueError: There is no well-formed one.
    """
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError as exc:
        raise ValueError("nested too deep") from exc


def _object(value: object) -> dict[str, Tree] | None:
    """An object as a tree; None for anything else, and where half of a surrogate pair makes a text that is none."""
    if not isinstance(value, dict):
        return None
    try:
        return {_text(name): _tree(child) for name, child in value.items()}
    except UnicodeEncodeError:
        return None


def _tree(value: object) -> Tree:
    if isinstance(value, dict):
        return {_text(name): _tree(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_tree(item) for item in value]
    if value is True or value is False:
        return "true" if value else "false"
    return None if value is None else _text(str(value))


def _text(text: str) -> str:
    text.encode()
    return text
