"""Text files as Athena's SerDes read them: one record a line, every field a text that is cast to its column's type.

Source: https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html,
https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html and
https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html
"""

import bz2
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from localcloud.athena.catalog import Column, TableDefinition
from localcloud.athena.errors import QueryError, bad_data, not_here
from localcloud.athena.types import Type

Fields = list[str | None]
Reader = Callable[[str], Fields]

_BATCH: Final = 20_000
_OPEN_CSV = "OpenCSVSerde"
_LAZY = "LazySimpleSerDe"
_JSON = ("openx.data.jsonserde", "hive.hcatalog.data.JsonSerDe")
_DECOMPRESSORS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open}


def write_fields(table: TableDefinition, path: Path, url: str, target: Path) -> None:
    """Write the fields of a text file as a Parquet file of texts: columns c0, c1 and so on.

    Args:
        table: says how a record is read.
        path: of the file's body.
        url: of the file, whose ending says how it is compressed.
        target: is written.

    Raises:
        QueryError: a record cannot be read, or the table's SerDe is not here.
    """
    read = _reader(table)
    schema = pa.schema([(f"c{number}", pa.string()) for number in range(len(table.columns))])
    with pq.ParquetWriter(target, schema) as writer:
        for rows in _batches(_lines(table, path, url), read, url):
            columns = [pa.array(list(values), pa.string()) for values in zip(*rows, strict=True)]
            writer.write_table(pa.table(columns, schema=schema))


def field_expression(table: TableDefinition, number: int, column: Column) -> str:
    """DuckDB's expression of a column over the texts of `write_fields`."""
    field, kind = f"c{number}", column.type
    if kind.base in ("string", "varchar", "char"):
        return f"left({field}, {kind.arguments[0]})" if kind.arguments else field
    if kind.children:
        return f"CAST(CAST({field} AS JSON) AS {kind.duckdb})"
    if _LAZY in table.serde:
        # A field that is not a value of its type is null.
        return f"TRY_CAST({field} AS {kind.duckdb})"
    return f"CAST(nullif({field}, '') AS {kind.duckdb})"


def _batches(lines: Iterator[tuple[int, str]], read: Reader, url: str) -> Iterator[list[Fields]]:
    rows: list[Fields] = []
    for number, line in lines:
        try:
            rows.append(read(line))
        except (csv.Error, json.JSONDecodeError, ValueError) as error:
            raise bad_data(f"Error reading line {number} of {url}: {error}") from error
        if len(rows) == _BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


def _lines(table: TableDefinition, path: Path, url: str) -> Iterator[tuple[int, str]]:
    suffix = next((ending for ending in _DECOMPRESSORS if url.endswith(ending)), "")
    opened = _DECOMPRESSORS[suffix](path) if suffix else path.open("rb")
    skipped = int(table.parameters.get("skip.header.line.count") or 0)
    try:
        with opened as body, io.TextIOWrapper(body, "utf-8", "replace", newline="\n") as text:
            for number, line in enumerate(text, start=1):
                if number > skipped:
                    yield number, line.rstrip("\n").rstrip("\r")
    except (OSError, EOFError) as error:
        raise bad_data(f"Error reading {url}: {error}") from error


def _reader(table: TableDefinition) -> Reader:
    if _OPEN_CSV in table.serde:
        return _csv_reader(table)
    if _LAZY in table.serde:
        return _lazy_reader(table)
    if any(name in table.serde for name in _JSON):
        return _json_reader(table)
    raise not_here(f"SerDe {table.serde or 'none'} of table {table}")


def _csv_reader(table: TableDefinition) -> Reader:
    """OpenCSVSerde: fields by position; a missing one is null, one too many is left out."""
    given = table.serde_parameters
    quote = given.get("quoteChar", '"')
    escape = given.get("escapeChar", "\\")
    if quote == escape:
        raise QueryError("HIVE_INVALID_METADATA", f"quoteChar and escapeChar of table {table} must differ")
    count = len(table.columns)

    def read(line: str) -> Fields:
        options: dict[str, Any] = {"delimiter": given.get("separatorChar", ","), "quotechar": quote}
        row = next(csv.reader([line], escapechar=escape, **options), [""]) or [""]
        return _padded(row, count)

    return read


def _lazy_reader(table: TableDefinition) -> Reader:
    r"""LazySimpleSerDe: split at the delimiter, Ctrl-A unless another one is given; ``\N`` is null."""
    given = table.serde_parameters
    delimiter = given.get("field.delim") or given.get("serialization.format") or "\x01"
    delimiter = "\x01" if delimiter == "1" else delimiter
    null = given.get("serialization.null.format", "\\N")
    count = len(table.columns)

    def read(line: str) -> Fields:
        return _padded([None if field == null else field for field in line.split(delimiter)], count)

    return read


def _json_reader(table: TableDefinition) -> Reader:
    """The JSON SerDes: fields by name, upper or lower case; a text column shows what is nested as JSON text."""
    lenient = table.serde_parameters.get("ignore.malformed.json", "").lower() == "true"
    names = [
        table.serde_parameters.get(f"mapping.{column.name}", column.name).lower() for column in table.columns
    ]  # one place for each column

    def read(line: str) -> Fields:
        if not line.strip():
            return [None] * len(names)
        try:
            record = _record(line)
        except ValueError:
            if lenient:
                return [None] * len(names)
            raise
        folded = {key.lower(): value for key, value in record.items()}
        return [_text(folded.get(name), column.type) for name, column in zip(names, table.columns, strict=True)]

    return read


def _record(line: str) -> dict[str, Any]:
    record = json.loads(line, parse_float=_Number, parse_int=_Number)
    if not isinstance(record, dict):
        raise ValueError("Row is not a valid JSON Object")  # noqa: TRY004 - as json's own errors
    return record


class _Number(str):
    """A number of JSON as it was written."""

    __slots__ = ()


def _text(value: Any, kind: Type) -> str | None:  # noqa: ANN401 - any value of JSON
    if value is None:
        return None
    if isinstance(value, str):
        return str(value) if not kind.children else json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json_text(value)


def _json_text(value: Any) -> str:  # noqa: ANN401 - any value of JSON
    """JSON without spaces, numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_json_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _padded(row: Sequence[str | None], count: int) -> Fields:
    return [*row[:count], *([None] * (count - len(row)))]
