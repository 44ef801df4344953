"""Files that a statement writes: rows of a query as Parquet, JSON or text, one file for each partition.

Source: https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html (CTAS table properties),
https://docs.aws.amazon.com/athena/latest/ug/compression-formats.html and
https://docs.aws.amazon.com/athena/latest/ug/ctas-considerations-limitations.html
"""

import base64
import gzip
import json
import secrets
import string
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from localcloud.athena.catalog import NULL_PARTITION, Column
from localcloud.athena.errors import QueryError
from localcloud.athena.results import double_text, float_text, timestamp_text
from localcloud.athena.types import Type

MAX_PARTITIONS = 100
"""Partitions that one statement may write.

Source: https://docs.aws.amazon.com/athena/latest/ug/ctas-insert-into.html
"""
PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
JSON_SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"
TEXT_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
_MAPRED = "org.apache.hadoop.mapred.TextInputFormat", "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_HIVE_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_SAFE = " ()[]{}<>,;|&$@!~`+-"
Values = tuple[str | None, ...]


@dataclass(frozen=True)
class FileFormat:
    """How files are written.

    Attributes:
        name: PARQUET, JSON or TEXTFILE.
        compression: in lower case: gzip, snappy, zstd, lz4 or none.
        delimiter: between the fields of a text.
        null: stands for null in a text.
    """

    name: str
    compression: str = "gzip"
    delimiter: str = "\x01"
    null: str = "\\N"

    @property
    def serde(self) -> str:
        """The class that reads a record."""
        return {"PARQUET": PARQUET_SERDE, "JSON": JSON_SERDE}.get(self.name, TEXT_SERDE)

    @property
    def classes(self) -> tuple[str, str]:
        """The classes that read and write files."""
        if self.name == "PARQUET":
            return f"{_HIVE_PARQUET}.MapredParquetInputFormat", f"{_HIVE_PARQUET}.MapredParquetOutputFormat"
        return _MAPRED

    @property
    def suffix(self) -> str:
        """The end of a file's name."""
        return ".gz" if self.name != "PARQUET" and self.compression == "gzip" else ""


@dataclass(frozen=True)
class WrittenFile:
    """A file that is to be put into S3.

    Attributes:
        values: of its partition.
        name: of the file.
        path: where it is now.
    """

    values: Values
    name: str
    path: Path


@dataclass(frozen=True)
class Layout:
    """What the files are to hold.

    Attributes:
        columns: those in the files.
        keys: the partition keys.
        format: of the files.
    """

    columns: Sequence[Column]
    keys: Sequence[Column]
    format: FileFormat


def write_files(rows: pa.Table, layout: Layout, folder: Path) -> list[WrittenFile]:
    """Write rows to files in a folder, one for each partition; none when there are no rows.

    Args:
        rows: with the columns and keys.
        layout: what the files are to hold.
        folder: that exists.

    Raises:
        QueryError: there are too many partitions.
    """
    started = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    query = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(5))
    found = []
    for number, (values, part) in enumerate(_partitions(rows, layout)):
        name = f"{started}_{number:05d}_{query}_{uuid.uuid4()}{layout.format.suffix}"
        path = folder / f"{number}"
        _WRITERS[layout.format.name](part.select([column.name for column in layout.columns]), layout, path)
        found.append(WrittenFile(values, name, path))
    return found


def partition_folder(keys: Sequence[Column], values: Values) -> str:
    """The folder of a partition below its table's: year=2026/month=11/; nothing for a table without partitions."""
    parts = zip(keys, values, strict=True)
    return "".join(
        f"{key.name}={NULL_PARTITION if value is None else quote(value, safe=_SAFE)}/" for key, value in parts
    )


def _partitions(rows: pa.Table, layout: Layout) -> Iterator[tuple[Values, pa.Table]]:
    if not layout.keys:
        if rows.num_rows:
            yield (), rows
        return
    names = [key.name for key in layout.keys]
    distinct = rows.select(names).group_by(names).aggregate([]).to_pylist()
    if len(distinct) > MAX_PARTITIONS:
        text = f"Exceeded limit of {MAX_PARTITIONS} open writers for partitions/buckets"
        raise QueryError("HIVE_TOO_MANY_OPEN_PARTITIONS", text)
    for row in distinct:
        mask: Any = pa.scalar(value=True)
        for name in names:
            column, value = rows[name], row[name]
            mask = pc.and_(
                mask, pc.is_null(column) if value is None else pc.equal(column, pa.scalar(value, column.type))
            )
        values = tuple(
            None if row[name] in (None, "") else field_text(row[name], key.type)
            for name, key in zip(names, layout.keys, strict=True)
        )
        yield values, rows.filter(mask)


def _write_parquet(rows: pa.Table, layout: Layout, path: Path) -> None:
    # Hive's readers take timestamps of 96 bits.
    compression: Any = layout.format.compression
    pq.write_table(rows, path, compression=compression, use_deprecated_int96_timestamps=True)


def _write_lines(line: Callable[[Mapping[str, Any], Layout], str]) -> Callable[[pa.Table, Layout, Path], None]:
    def write(rows: pa.Table, layout: Layout, path: Path) -> None:
        body = "".join(f"{line(row, layout)}\n" for row in rows.to_pylist()).encode()
        path.write_bytes(gzip.compress(body, mtime=0) if layout.format.compression == "gzip" else body)

    return write


def _json_line(row: Mapping[str, Any], layout: Layout) -> str:
    pairs = (f"{json.dumps(column.name)}:{json_text(row[column.name], column.type)}" for column in layout.columns)
    return f"{{{','.join(pairs)}}}"


def _text_line(row: Mapping[str, Any], layout: Layout) -> str:
    form = layout.format
    values = ((row[column.name], column.type) for column in layout.columns)
    return form.delimiter.join(form.null if value is None else field_text(value, kind) for value, kind in values)


def json_text(value: Any, kind: Type) -> str:  # noqa: ANN401 - any value of Arrow
    """A value as JSON; moments and bytes are texts."""
    if value is None:
        return "null"
    if kind.base == "array":
        return f"[{','.join(json_text(one, kind.children[0]) for one in value)}]"
    if kind.base == "map":
        pairs = dict(value).items()
        inner = (f"{json.dumps(field_text(k, kind.children[0]))}:{json_text(v, kind.children[1])}" for k, v in pairs)
        return f"{{{','.join(inner)}}}"
    if kind.base == "struct":
        fields = zip(kind.names, value.values(), kind.children, strict=True)
        return f"{{{','.join(f'{json.dumps(name)}:{json_text(one, child)}' for name, one, child in fields)}}}"
    text = field_text(value, kind)
    is_plain = isinstance(value, (bool, int, float, Decimal)) and text not in ("NaN", "Infinity", "-Infinity")
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def field_text(value: Any, kind: Type) -> str:  # noqa: ANN401 - any value of Arrow
    """A value that is not nested, as text files and names of partitions have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value) if kind.base == "float" else double_text(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return timestamp_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


_WRITERS: Mapping[str, Callable[[pa.Table, Layout, Path], None]] = {
    "PARQUET": _write_parquet,
    "JSON": _write_lines(_json_line),
    "TEXTFILE": _write_lines(_text_line),
}
