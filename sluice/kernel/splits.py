"""Large files in parts that are read by different workers.

A record belongs to the part in which its line begins, so any cut will do, and no part needs to know what others read.
"""

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO, cast

from sluice.contract import Contract, CsvSource
from sluice.kernel.lines import ends_lines_with_line_feeds
from sluice.kernel.raw import RawFile

_PIECE = 1 << 16


def splits(contract: Contract, raw: RawFile, target_bytes: int) -> list[RawFile]:
    """A file as parts, or as it is.

    Only uncompressed CSV without ``multiline`` is split, in UTF-8 and with lines that end with a line feed: there a
    line end always ends a record, and the header tells whether the file lacks a column. Of JSON only its end does.

    Args:
        contract: The contract.
        raw: The whole file; its stream must be seekable.
        target_bytes: About how long a part is to be.

    Raises:
        OSError: The stream failed; whatever the stream raises passes through.
    """
    source = contract.source
    if not isinstance(source, CsvSource) or source.multiline or source.compression != "none":
        return [raw]
    if raw.size_bytes <= target_bytes or not is_utf_8(source.encoding):
        return [raw]
    with raw.open() as stream:
        content = io.BufferedReader(cast("io.RawIOBase", stream), _PIECE)
        if not ends_lines_with_line_feeds(content) or _header_at(content.peek(), source.skip_lines) >= target_bytes:
            return [raw]
    bounds = range(0, raw.size_bytes, target_bytes)
    ends: Iterable[int | None] = [*bounds[1:], None]
    return [replace(raw, start=start, end=end) for start, end in zip(bounds, ends, strict=True)]


def is_utf_8(encoding: str) -> bool:
    """Whether an encoding is UTF-8."""
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8")


def _header_at(start: bytes, skip_lines: int) -> int:
    """Where the first line begins that is not blank, in the first bytes of a file; else where these end."""
    place = 0
    for number, line in enumerate(start.split(b"\n")):
        if number >= skip_lines and line.strip():
            return place
        place += len(line) + 1
    return place


class Part(io.RawIOBase):
    """The lines of a file that begin in a split of it."""

    def __init__(self, stream: BinaryIO, raw: RawFile) -> None:
        super().__init__()
        self._stream = stream
        begin = _line_from(stream, raw.start)
        self._left = (raw.size_bytes if raw.end is None else _line_from(stream, raw.end)) - begin
        stream.seek(begin)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer, as streams do."""
        content = self._stream.read(min(len(buffer), max(self._left, 0)))
        buffer[: len(content)] = content
        self._left -= len(content)
        return len(content)


def _line_from(stream: BinaryIO, place: int) -> int:
    """Where the first line begins at or after a place."""
    if place == 0:
        return 0
    place -= 1
    stream.seek(place)
    while content := stream.read(_PIECE):
        end = content.find(b"\n") + 1
        if end:
            return place + end
        place += len(content)
    return place
