"""A raw file as the kernel gets it."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Self

from sluice.lake.quarantine import MAX_FILE_TEXT_BYTES


@dataclass(frozen=True, slots=True)
class RawFile:
    """A raw file, or a split of it.

    Attributes:
        url: ``s3://bucket/key``; the rows' `_source_file`.
        batch_id: The rows' `_batch_id`.
        size_bytes: Length of the whole file.
        open: Gives a stream of the file's bytes, as they lie there, from the beginning. It must be seekable for splits
            and for Parquet.
        start: First byte of the split.
        end: First byte after the split; None for the end of the file. A record belongs to the split in which its line
            begins.
    """

    url: str
    batch_id: str
    size_bytes: int
    open: Callable[[], BinaryIO]
    start: int = 0
    end: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is not a split."""
        return self.start == 0 and self.end is None


class Watched(io.RawIOBase):
    """A raw file's stream that keeps its first bytes, and does not end before the file does."""

    def __init__(self, raw: RawFile) -> None:
        super().__init__()
        self._stream = raw.open()
        self._url, self._size = raw.url, raw.size_bytes
        self._first = bytearray()
        self._place = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether the raw file's stream is."""
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, as streams do."""
        self._place = self._stream.seek(offset, whence)
        return self._place

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; less comes at the end of the file only.

        Raises:
            ConnectionError: The stream ended before the file does. That is nothing that stands in the file, though what
                unpacks and parses could take it for a file that was cut off.
        """
        filled = 0
        while filled < len(buffer):
            content = self._stream.read(len(buffer) - filled)
            if not content:
                self._check_end()
                break
            buffer[filled : filled + len(content)] = content
            self._keep(content)
            self._place += len(content)
            filled += len(content)
        return filled

    def _check_end(self) -> None:
        if self._place < self._size:
            raise ConnectionError(f"{self._url}: the stream ended after {self._place} of {self._size} bytes")

    def _keep(self, content: bytes) -> None:
        if self._place == len(self._first) < MAX_FILE_TEXT_BYTES:
            self._first += content[: MAX_FILE_TEXT_BYTES - len(self._first)]

    def first_bytes(self) -> bytes:
        """The first 64 KiB of the file, for the quarantine; reads on where they were not read yet."""
        if self.seekable():
            self.seek(len(self._first))
        while self._place == len(self._first) < MAX_FILE_TEXT_BYTES and self.read(MAX_FILE_TEXT_BYTES):
            pass
        return bytes(self._first)

    def close(self) -> None:
        """Close the raw file's stream."""
        self._stream.close()
        super().close()

    def __enter__(self) -> Self:
        return self
