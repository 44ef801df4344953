"""Columns of a Parquet file, from its footer alone."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from localcloud.glue.crawls.found import S3File
from localcloud.glue.crawls.kinds import Array, Kind, Struct, render

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BLOCK_BYTES = 1 << 20
_SIGNED = {8: "tinyint", 16: "smallint", 32: "int", 64: "bigint"}
#: The smallest type of the catalog that holds all values; AWS documents nothing about unsigned numbers.
_UNSIGNED = {8: "smallint", 16: "int", 32: "bigint", 64: "decimal(20,0)"}


class RangedFile(io.RawIOBase):
    """An object of S3 as a file: reads its last part at once, and others as they are asked for."""

    def __init__(self, s3: S3Client, file: S3File) -> None:
        super().__init__()
        self._s3, self._file, self._place = s3, file, 0
        self._tail_start = max(0, file.size_bytes - _BLOCK_BYTES)
        self._tail: bytes | None = None

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be sought."""
        return True

    def tell(self) -> int:
        """Where it is."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size_bytes}[whence]
        self._place = max(0, base + offset)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Read bytes from here."""
        rest = max(0, self._file.size_bytes - self._place)
        start, end = self._place, self._place + (rest if size < 0 else min(size, rest))
        self._place = end
        if end <= start:
            return b""
        if start < self._tail_start:
            return self._get(start, end)
        if self._tail is None:
            self._tail = self._get(self._tail_start, self._file.size_bytes)
        return self._tail[start - self._tail_start : end - self._tail_start]

    def _get(self, start: int, end: int) -> bytes:
        span = f"bytes={start}-{end - 1}"
        content: bytes = self._s3.get_object(Bucket=self._file.bucket, Key=self._file.key, Range=span)["Body"].read()
        return content


def read_parquet(s3: S3Client, file: S3File) -> dict[str, Kind] | None:
    """Give the columns of a file; None when it is not a valid Parquet.

    Raises:
        ClientError: S3 refuses.
    """
    try:
        schema = pq.read_schema(pa.PythonFile(RangedFile(s3, file), mode="r"))
    except pa.ArrowInvalid:
        return None
    return {field.name.lower(): kind_of(field.type) for field in schema}


def kind_of(kind: pa.DataType) -> Kind:
    """The catalog's type of a type of Arrow."""
    if pa.types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if pa.types.is_struct(kind):
        return Struct(tuple((field.name.lower(), kind_of(field.type)) for field in kind))
    if pa.types.is_map(kind):
        return f"map<{render(kind_of(kind.key_type))},{render(kind_of(kind.item_type))}>"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return Array(kind_of(kind.value_type))
    if pa.types.is_integer(kind):
        return (_SIGNED if pa.types.is_signed_integer(kind) else _UNSIGNED)[kind.bit_width]
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return _plain(kind)


def _plain(kind: pa.DataType) -> str:
    names: dict[str, Callable[[pa.DataType], bool]] = {
        "boolean": pa.types.is_boolean,
        "double": pa.types.is_float64,
        "float": pa.types.is_floating,
        "date": pa.types.is_date,
        "timestamp": pa.types.is_timestamp,
    }
    is_binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return next((name for name, holds in names.items() if holds(kind)), "binary" if is_binary else "string")
