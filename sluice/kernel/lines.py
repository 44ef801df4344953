"""Bytes of a text file in blocks of whole lines."""

import io
from collections.abc import Iterator
from typing import Any

from sluice.kernel.parse.content import MAX_RECORD_CHARACTERS

BLOCK_BYTES = 4 << 20
_BYTE_ORDER_MARK = "\ufeff".encode()
_MAX_LINE_BYTES = 4 * (MAX_RECORD_CHARACTERS + 1)
"""As many bytes hold more characters than are read of any line."""


def ends_lines_with_line_feeds(content: "io.BufferedReader[Any]") -> bool:
    """Whether the lines of a UTF-8 file end as `Lines` takes them to; in doubt they do not.

    The first line break says how lines end. A lone carriage return before it, or no line feed near the beginning, is
    left to those who know more.
    """
    first, found, _ = content.peek().partition(b"\n")
    return bool(found) and b"\r" not in first.removesuffix(b"\r")


class Lines:
    """The lines of a UTF-8 file: one by one, each with its end, or as many as stand in a block."""

    def __init__(self, content: io.BufferedReader, *, is_first: bool = True) -> None:
        """Read lines.

        Args:
            content: The bytes, of which none was read.
            is_first: Whether they are the first of a file, where a byte order mark may stand.
        """
        self._content = content
        self._held = b""
        self._place = 0
        self._is_first = is_first

    def _more(self) -> bool:
        found = self._content.read(BLOCK_BYTES)
        if self._is_first:
            found = found.removeprefix(_BYTE_ORDER_MARK)
            self._is_first = False
        self._held, self._place = self._held[self._place :] + found, 0
        return bool(found)

    def _take(self, end: int) -> bytes:
        found, self._place = self._held[self._place : end], end
        return found

    def block(self) -> bytes | None:
        """The next lines, with their ends; None when there is none."""
        while True:
            end = self._held.rfind(b"\n", self._place) + 1
            if end:
                return self._take(end)
            if len(self._held) - self._place > BLOCK_BYTES or not self._more():
                line = next(self, None)
                return None if line is None else line.encode()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line; one that is longer than any reader takes comes cut, and its rest is skipped."""
        end = self._held.find(b"\n", self._place) + 1
        while not end and len(self._held) - self._place <= _MAX_LINE_BYTES:
            known = len(self._held) - self._place
            if not self._more():
                break
            end = self._held.find(b"\n", known) + 1
        if self._place == len(self._held):
            raise StopIteration
        text = self._take(end or len(self._held)).decode("utf-8", "replace")
        if len(text) > MAX_RECORD_CHARACTERS and not end:
            self._skip_line()
        return text[: MAX_RECORD_CHARACTERS + 1]

    def _skip_line(self) -> None:
        while self._more():
            end = self._held.find(b"\n") + 1
            self._place = end or len(self._held)
            if end:
                return
