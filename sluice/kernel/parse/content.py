"""Bytes of a file to text."""

import bz2
import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO, cast

from sluice.kernel.parse.parsed import BrokenFileError


def open_binary(content: bytes, compression: str) -> BinaryIO:
    """The unpacked bytes, whatever the file's name ends with.

    Args:
        content: The file's bytes.
        compression: ``none``, ``gzip`` or ``bzip2``.
    """
    packed = io.BytesIO(content)
    if compression == "gzip":
        return cast("BinaryIO", gzip.GzipFile(fileobj=packed))
    return cast("BinaryIO", bz2.BZ2File(packed)) if compression == "bzip2" else packed


def open_text(content: bytes, compression: str, encoding: str) -> TextIO:
    r"""The text without a byte order mark; undecodable bytes become U+FFFD and line ends stay as they are.

    Lines end with ``\n``, ``\r\n`` or ``\r``, each kept, so that they may change within a file.
    """
    return io.TextIOWrapper(open_binary(content, compression), _codec(encoding), errors="replace", newline="")


def _codec(encoding: str) -> str:
    name = codecs.lookup(encoding).name
    return "utf-8-sig" if name == "utf-8" else name


@contextmanager
def unpacking(compression: str) -> Iterator[None]:
    """Say in our words that a compressed file is broken.

    Raises:
        BrokenFileError: The data are not of that compression, are damaged, or end too early.
    """
    try:
        yield
    except EOFError as exc:
        raise BrokenFileError(f"its {compression} data end too early") from exc
    except (OSError, zlib.error) as exc:
        raise BrokenFileError(f"is no valid {compression} file") from exc


def first_line(start: bytes, compression: str, encoding: str) -> str | None:
    """The first line of a file that is not blank, from its first bytes.

    Args:
        start: The first bytes of the file, enough for its first line.
        compression: ``none`` or ``bzip2``.
        encoding: The file's encoding.

    Returns:
        None when there is none in these bytes.
    """
    unpacked = bz2.BZ2Decompressor().decompress(start) if compression == "bzip2" else start
    lines = open_text(unpacked, "none", encoding)
    return next((line for line in lines if not line.isspace()), None)
