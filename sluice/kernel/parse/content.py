"""Bytes of a file to text, in a stream: what is held in memory never depends on the size of a file."""

import bz2
import codecs
import gzip
import io
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, TextIO, TypeVar, cast

from sluice.kernel.parse.parsed import BrokenFileError, Parsed, broken_file

_logger = logging.getLogger(__name__)

MAX_RECORD_CHARACTERS: Final = 1 << 24
"""The longest line or record that is read (16 Mi). No row of the warehouse could hold it.

Source: "The maximum size of a single input row from any source is 4 MB"
(https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-source.html).
"""

MAX_UNPACKED_RATIO: Final = 250
MAX_UNPACKED_BYTES: Final = 1 << 30
"""A compressed file that unpacks to more than this, and to more than `MAX_UNPACKED_RATIO` times its packed bytes, is
taken for a bomb. Gzip reaches 1,032 times and bzip2 far more, on nothing but repetition; data reach 20 to 50."""

_BREAK = re.compile(r"\r\n?|\n")
_PIECE = 1 << 16


class RawBytes(io.RawIOBase):
    """The packed bytes of a file: counts them, and knows a failure of the stream from a fault of its content.

    Attributes:
        taken: Bytes read so far.
        has_content: Whether there is a byte, as far as is known.
        failure: What the stream raised, if it did: a fault of the world, which is not a verdict on the file.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.taken = 0
        self.has_content = False
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Whether the stream is."""
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, as streams do."""
        place = self._stream.seek(offset, whence)
        self.has_content |= whence == io.SEEK_END and place - offset > 0
        return place

    def tell(self) -> int:
        """The place of the next byte."""
        return self._stream.tell()

    def readinto(self, buffer: object) -> int:
        """Fill a buffer, as `io.RawIOBase` wants it."""
        view = memoryview(cast("bytearray", buffer))
        try:
            found = self._stream.read(len(view))
        except BaseException as exc:
            self.failure = exc
            raise
        view[: len(found)] = found
        self.taken += len(found)
        self.has_content |= bool(found)
        return len(found)


class _Bzip2:
    """Unpacks streams of bzip2 that follow each other, and nothing else; `bz2.BZ2File` leaves out what is not a stream.

    Source: https://docs.python.org/3/library/bz2.html (`BZ2Decompressor.unused_data`)
    """

    def __init__(self, packed: BinaryIO) -> None:
        self._packed, self._unpacker = packed, bz2.BZ2Decompressor()
        self._rest = b""

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end.

        Raises:
            OSError: The data are damaged.
            EOFError: They end too early.
        """
        while True:
            if self._unpacker.eof:
                self._rest = self._unpacker.unused_data or self._packed.read(_PIECE)
                if not self._rest:
                    return b""
                self._unpacker = bz2.BZ2Decompressor()
            elif self._unpacker.needs_input:
                self._rest = self._packed.read(_PIECE)
                if not self._rest:
                    raise EOFError
            found = self._unpacker.decompress(self._rest, size)
            self._rest = b""
            if found:
                return found


class _Unpacked(io.RawIOBase):
    """What a decompressor gives, up to the bound."""

    def __init__(self, unpacker: BinaryIO, raw: RawBytes) -> None:
        super().__init__()
        self._unpacker, self._raw, self._given = unpacker, raw, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        found = self._unpacker.read(len(view))
        self._given += len(found)
        if self._given > max(MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO * self._raw.taken):
            raise BrokenFileError(f"unpacks to more than {MAX_UNPACKED_RATIO} times its size, which no data do")
        view[: len(found)] = found
        return len(found)


def open_binary(stream: "BinaryIO | RawBytes", compression: str) -> BinaryIO:
    """The unpacked bytes, whatever the file's name ends with.

    Args:
        stream: The file's bytes from its beginning.
        compression: ``none``, ``gzip`` or ``bzip2``.
    """
    raw = stream if isinstance(stream, RawBytes) else RawBytes(stream)
    if compression == "none":
        return cast("BinaryIO", io.BufferedReader(raw, _PIECE))
    packed = cast("BinaryIO", io.BufferedReader(raw, _PIECE))
    unpacker = cast("BinaryIO", gzip.GzipFile(fileobj=packed) if compression == "gzip" else _Bzip2(packed))
    return cast("BinaryIO", io.BufferedReader(_Unpacked(unpacker, raw), _PIECE))


def open_text(stream: "BinaryIO | RawBytes", compression: str, encoding: str) -> TextIO:
    r"""The text without a byte order mark; undecodable bytes become U+FFFD and line ends stay as they are.

    Read lines of it by `lines_of`: it does not cut at ``\r`` by itself.
    """
    return io.TextIOWrapper(open_binary(stream, compression), _codec(encoding), errors="replace", newline="\n")


def lines_of(text: TextIO, quote: str = "") -> Iterator[str]:
    r"""The lines of a text, each with its end.

    The first line break of a file says how its lines end: after ``\n`` or ``\r\n`` a lone ``\r`` is part of the data,
    and after a lone ``\r`` all three end a line. A line longer than `MAX_RECORD_CHARACTERS` comes cut, one character
    longer than that, and its rest is skipped.

    Args:
        text: What `open_text` gave, unread.
        quote: Line breaks inside these are not looked at.
    """
    first = text.readline(_PIECE)
    if _first_break(first, quote) == "\r":
        yield from _whole(_cut_at_any(first, text))
        return
    while not first.endswith("\n") and len(first) <= MAX_RECORD_CHARACTERS:
        more = text.readline(MAX_RECORD_CHARACTERS + 1 - len(first))
        if not more:
            break
        first += more
    line = first
    while line:
        yield line
        if len(line) > MAX_RECORD_CHARACTERS and not line.endswith("\n"):
            while (rest := text.readline(_PIECE)) and not rest.endswith("\n"):
                pass
        line = text.readline(MAX_RECORD_CHARACTERS + 1)


def _first_break(start: str, quote: str) -> str:
    quotes = place = 0
    for match in _BREAK.finditer(start):
        quotes += start.count(quote, place, match.start()) if quote else 0
        place = match.start()
        if quotes % 2 == 0:
            return match[0] if match.end() < len(start) or match[0] != "\r" else ""
    return ""


def _cut_at_any(first: str, text: TextIO) -> Iterator[str]:
    """Lines and parts of lines, cut after any line break."""
    piece = first
    while piece:
        if piece.endswith("\r"):  # The line feed that belongs to it may be the next character.
            piece += text.read(1)
        begin = 0
        for match in _BREAK.finditer(piece):
            yield piece[begin : match.end()]
            begin = match.end()
        if begin < len(piece):
            yield piece[begin:]
        piece = text.read(_PIECE)


def _whole(parts: Iterator[str]) -> Iterator[str]:
    line = ""
    for part in parts:
        line = (line + part)[: MAX_RECORD_CHARACTERS + 1]
        if part.endswith(("\n", "\r")):
            yield line
            line = ""
    if line:
        yield line


def _codec(encoding: str) -> str:
    name = codecs.lookup(encoding).name
    return "utf-8-sig" if name == "utf-8" else name


_Found = TypeVar("_Found")


def file_records(
    read: Callable[[RawBytes], Iterator[_Found]], stream: BinaryIO, compression: str, *, may_be_empty: bool
) -> Iterator[_Found | Parsed]:
    """The records of a file; whatever its content does to a reader ends as a reason, never as an exception.

    Args:
        read: Reads the file's bytes.
        stream: The file's bytes from its beginning.
        compression: How they are compressed.
        may_be_empty: Whether a file of no bytes is well-formed, without compression.

    Raises:
        Exception: What the stream itself raised: a fault of the world, which is not a verdict on the file.
    """
    raw = RawBytes(stream)
    try:
        with _unpacking(compression):
            yield from read(raw)
    except Exception as exc:
        if raw.failure is not None:
            raise raw.failure from None
        if isinstance(exc, BrokenFileError):
            yield broken_file(exc if raw.has_content else BrokenFileError("is empty"))
            return
        _logger.exception("a reader failed on the content of a file")
        yield broken_file(BrokenFileError("cannot be read: the reader failed on its content (see the log)"))
        return
    if not raw.has_content and not (may_be_empty and compression == "none"):
        yield broken_file(BrokenFileError("is empty"))


@contextmanager
def _unpacking(compression: str) -> Iterator[None]:
    """Say in our words that a compressed file is broken."""
    try:
        yield
    except EOFError as exc:
        raise BrokenFileError(f"its {compression} data end too early") from exc
    except (OSError, zlib.error) as exc:
        if compression == "none":
            raise
        raise BrokenFileError(f"is not a valid {compression} file") from exc
