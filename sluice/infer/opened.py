"""A sample file's bytes: how they are compressed, in which encoding, and which format they have."""

import bz2
import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, TextIO, cast

from sluice.errors import SampleError

Format = Literal["csv", "json", "xml", "parquet"]
Compression = Literal["none", "gzip", "bzip2"]
UNDECODABLE: Final = "\ufffd"
"""What stands for bytes that the encoding does not have."""

ASCII: Final = "ASCII"
"""Encoding of a text that reads the same in every encoding, but for those of wide characters."""

_CHUNK_BYTES: Final = 1 << 16
_LOOKED_AT_BYTES: Final = 16 << 20
_MAGIC: Final[dict[bytes, Compression]] = {b"\x1f\x8b": "gzip", b"BZh": "bzip2"}
_MARKS: Final = (
    (codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)  # fmt: skip
_PARQUET: Final = b"PAR1"
_STRAY: Final = re.compile("[\udc80-\udcff]")
_NOT_IN_WINDOWS: Final = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})
_FIRST_PRINTABLE: Final = 0xA0


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample file.

    Attributes:
        path: Where it lies.
        format: Format of its records.
        compression: How it is compressed.
        encoding: Encoding of its text.
    """

    path: Path
    format: Format
    compression: Compression = "none"
    encoding: str = "UTF-8"

    @contextmanager
    def binary(self) -> Iterator[BinaryIO]:
        """The unpacked bytes.

        Raises:
            SampleError: The file cannot be read, or its compressed data are damaged.
        """
        with _reading(self.path, self.compression) as stream:
            yield stream

    @contextmanager
    def text(self) -> Iterator[TextIO]:
        """The text without a byte order mark; line ends stay as they are.

        Raises:
            SampleError: The file cannot be read, or its compressed data are damaged.
        """
        name = "utf-8-sig" if self.encoding == "UTF-8" else self.encoding
        with self.binary() as stream:
            yield io.TextIOWrapper(stream, name, errors="replace", newline="")


def sample_of(path: Path) -> Sample:
    """Find out what a file is.

    Raises:
        SampleError: It cannot be read, is empty, or is of no format that contracts know.
    """
    with _reading(path, "none") as stream:
        start = stream.read(len(_PARQUET))
    if start == _PARQUET:
        return Sample(path, "parquet")
    compression: Compression = "none"
    for magic, name in _MAGIC.items():
        compression = name if start.startswith(magic) else compression
    with _reading(path, compression) as stream:
        encoding = _encoding(stream)
    found = Sample(path, "csv", compression, encoding)
    with found.text() as text:
        begin = text.read(_CHUNK_BYTES).lstrip()
    if not begin:
        raise SampleError(f"{path}: is empty")
    if "\0" in begin:
        raise SampleError(f"{path}: is not text and no Parquet file; contracts read CSV, JSON, XML and Parquet")
    forms: dict[str, Format] = {"<": "xml", "{": "json", "[": "json"}
    return Sample(path, forms.get(begin[0], "csv"), compression, encoding)


@contextmanager
def _reading(path: Path, compression: Compression) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream:
            if compression == "gzip":
                yield cast("BinaryIO", gzip.GzipFile(fileobj=stream))
            else:
                yield cast("BinaryIO", bz2.BZ2File(stream)) if compression == "bzip2" else stream
    except EOFError as exc:
        raise SampleError(f"{path}: its {compression} data end too early") from exc
    except (OSError, zlib.error) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else f"is not a valid {compression} file"
        raise SampleError(f"{path}: {reason}") from exc


def _encoding(stream: BinaryIO) -> str:
    """UTF-8, unless its bytes say otherwise; one broken letter among many good ones says nothing."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    stray: set[int] = set()
    broken, good, size = 0, 0, 0
    while size < _LOOKED_AT_BYTES and (chunk := stream.read(_CHUNK_BYTES)):
        if size == 0:
            marked = next((name for mark, name in _MARKS if chunk.startswith(mark)), None)
            if marked is not None:
                return marked
        size += len(chunk)
        text = decoder.decode(chunk)
        found = _STRAY.findall(text)
        stray.update(ord(character) - 0xDC00 for character in found)
        broken += len(found)
        good += len(text) - len(text.encode("ascii", "ignore")) - len(found)
    if broken == good == 0:
        return ASCII
    if broken <= good:
        return "UTF-8"
    is_windows = min(stray) < _FIRST_PRINTABLE and not stray & _NOT_IN_WINDOWS
    return "windows-1252" if is_windows else "ISO-8859-1"
