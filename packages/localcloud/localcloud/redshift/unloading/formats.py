"""Rows of a query as the bytes of a file: delimited text, CSV, JSON, Parquet.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

from __future__ import annotations

import bz2
import datetime as dt
import decimal
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localcloud.redshift.dialect.unload import Form, UnloadCommand

Row = Sequence[str | None]
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}
_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_TEXTS = frozenset({"character varying", "character", "text"})
_SPECIAL = re.compile(r'["\n\r]')


@dataclass(frozen=True)
class UnloadedColumn:
    """A column of the query.

    Attributes:
        type: PostgreSQL's name of the type, without digits.
        digits: length of a text; precision and scale of a decimal; empty when there are none.
    """

    name: str
    type: str
    digits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Piece:
    """The content of one file.

    Attributes:
        lines: as the manifest counts them: a header is one.
    """

    content: bytes
    lines: int


def pieces(command: UnloadCommand, columns: Sequence[UnloadedColumn], rows: Sequence[Row]) -> Iterator[Piece]:
    """Give the files of some rows, at least one.

    Args:
        command: says the form.
        columns: that the files have.
        rows: their values, as PostgreSQL writes them.
    """
    if command.form is Form.PARQUET:
        yield Piece(_parquet(columns, rows), len(rows))
        return
    write = _json_line(columns) if command.form is Form.JSON else _text_line(command, columns)
    header = _header(command, columns)
    lines: list[bytes] = []
    size = len(header)
    for row in rows:
        line = write(row)
        if lines and size + len(line) > command.most_bytes:
            yield _piece(command, header, lines)
            lines, size = [], len(header)
        lines.append(line)
        size += len(line)
    yield _piece(command, header, lines)


def _piece(command: UnloadCommand, header: bytes, lines: list[bytes]) -> Piece:
    content = _COMPRESS[command.compression](header + b"".join(lines))
    return Piece(content, len(lines) + command.has_header)


def _header(command: UnloadCommand, columns: Sequence[UnloadedColumn]) -> bytes:
    if not command.has_header:
        return b""
    texts = [UnloadedColumn(column.name, "text") for column in columns]
    return _text_line(command, texts)([column.name for column in columns])


def _text_line(command: UnloadCommand, columns: Sequence[UnloadedColumn]) -> Callable[[Row], bytes]:
    delimiter = command.delimiter
    is_text = [column.type in _TEXTS for column in columns]
    special = frozenset({"\n", "\r", delimiter, "\\"} | ({'"', "'"} if command.has_quotes else set()))

    def csv(value: str | None) -> str:
        if value is None:
            return command.null
        is_quoted = delimiter in value or _SPECIAL.search(value) is not None
        return '"' + value.replace('"', '""') + '"' if is_quoted else value

    def plain(value: str | None, *, may_escape: bool) -> str:
        if value is None:
            return command.null
        text = value
        if command.escapes and may_escape:
            text = "".join(f"\\{letter}" if letter in special else letter for letter in value)
        return f'"{text}"' if command.has_quotes else text

    def line(row: Row) -> bytes:
        if command.form is Form.CSV:
            fields = [csv(value) for value in row]
        else:
            fields = [plain(value, may_escape=one) for value, one in zip(row, is_text, strict=True)]
        return (delimiter.join(fields) + "\n").encode()

    return line


def _json_line(columns: Sequence[UnloadedColumn]) -> Callable[[Row], bytes]:
    names = [json.dumps(column.name, ensure_ascii=False) for column in columns]
    numeric = [column.type in _NUMBERS for column in columns]

    def line(row: Row) -> bytes:
        # A number keeps its digits: it is not read on the way.
        fields = [f"{name}:{_json(value, is_number=one)}" for name, value, one in zip(names, row, numeric, strict=True)]
        return ("{" + ",".join(fields) + "}\n").encode()

    return line


def _json(value: str | None, *, is_number: bool) -> str:
    if value is None:
        return "null"
    return (
        value if is_number and value not in {"NaN", "Infinity", "-Infinity"} else json.dumps(value, ensure_ascii=False)
    )


def _parquet(columns: Sequence[UnloadedColumn], rows: Sequence[Row]) -> bytes:
    arrays = [_array(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    table = pa.Table.from_arrays(arrays, names=[column.name for column in columns])
    sink = io.BytesIO()
    pq.write_table(table, sink, version="1.0", compression="snappy")
    return sink.getvalue()


def _array(column: UnloadedColumn, values: list[str | None]) -> pa.Array[Any]:
    kind, read = _PARQUET.get(column.type, (pa.string(), str))
    if column.type == "numeric":
        precision, scale = column.digits if len(column.digits) == 2 else (38, _scale(values))
        kind = pa.decimal128(precision, scale)
    array: pa.Array[Any] = pa.array([None if value is None else read(value) for value in values], kind)
    return array


def _scale(values: Sequence[str | None]) -> int:
    return max((len(value.partition(".")[2]) for value in values if value is not None), default=0)


def _moment(value: str) -> dt.datetime:
    # The zone of a TIMESTAMPTZ is not unloaded; sessions are in UTC.
    return dt.datetime.fromisoformat(value).replace(tzinfo=None)


#: Arrow's type for each type of a column, and what reads PostgreSQL's text of it.
_PARQUET: dict[str, tuple[Any, Callable[[str], Any]]] = {
    "smallint": (pa.int16(), int),
    "integer": (pa.int32(), int),
    "bigint": (pa.int64(), int),
    "real": (pa.float32(), float),
    "double precision": (pa.float64(), float),
    "boolean": (pa.bool_(), lambda value: value == "t"),
    "numeric": (None, decimal.Decimal),
    "date": (pa.date32(), dt.date.fromisoformat),
    "timestamp without time zone": (pa.timestamp("us"), _moment),
    "timestamp with time zone": (pa.timestamp("us"), _moment),
}
