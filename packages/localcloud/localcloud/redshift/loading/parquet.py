"""Whether a Parquet file fits a table, and its rows as text that PostgreSQL reads.

Columns go by position, never by name. The page on columnar COPY gives no table of types: the one below takes a Parquet
type for a column type only where the values are the same in both; it rather refuses than loads what fails elsewhere.
Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html,
https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-troubleshooting.html
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from localcloud.redshift.errors import SqlError

_ROWS_AT_ONCE = 16_384
_CSV = pa.csv.WriteOptions(include_header=False, quoting_style="needed")


@dataclass(frozen=True)
class TargetColumn:
    """A column of the table to load.

    Attributes:
        type: PostgreSQL's name of the type, such as ``int8`` or ``varchar``.
        length: bytes of a varchar or char, else None.
        precision: digits of a decimal, else None.
        scale: digits behind the point of a decimal, else None.
    """

    name: str
    type: str
    is_nullable: bool
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    @property
    def declared(self) -> str:
        """The type as it was declared."""
        arguments = [str(part) for part in (self.length, self.precision, self.scale) if part is not None]
        name = _DECLARED.get(self.type, self.type.upper())
        return f"{name}({', '.join(arguments)})" if arguments else name


_DECLARED = {
    "int2": "SMALLINT",
    "int4": "INT",
    "int8": "BIGINT",
    "float4": "REAL",
    "float8": "DOUBLE",
    "bool": "BOOLEAN",
    "numeric": "DECIMAL",
    "bpchar": "CHAR",
}
#: Parquet's physical and logical types for each column type. An empty logical type means none.
_TYPES: dict[str, frozenset[tuple[str, str]]] = {
    "int2": frozenset({("INT32", "NONE"), ("INT32", "INT")}),
    "int4": frozenset({("INT32", "NONE"), ("INT32", "INT")}),
    "int8": frozenset({("INT64", "NONE"), ("INT64", "INT")}),
    "float4": frozenset({("FLOAT", "NONE")}),
    "float8": frozenset({("DOUBLE", "NONE")}),
    "bool": frozenset({("BOOLEAN", "NONE")}),
    "date": frozenset({("INT32", "DATE")}),
    "timestamp": frozenset({("INT96", "NONE"), ("INT64", "TIMESTAMP")}),
    "timestamptz": frozenset({("INT96", "NONE"), ("INT64", "TIMESTAMP")}),
    "varchar": frozenset({("BYTE_ARRAY", "STRING")}),
    "bpchar": frozenset({("BYTE_ARRAY", "STRING")}),
    "numeric": frozenset(
        {("INT32", "DECIMAL"), ("INT64", "DECIMAL"), ("BYTE_ARRAY", "DECIMAL"), ("FIXED_LEN_BYTE_ARRAY", "DECIMAL")}
    ),
}


def spectrum_error(code: int, context: str) -> SqlError:
    """Give an error in the shape in which Redshift reports what its scan layer found."""
    line = "-" * 47
    detail = f"\n  {line}\n  error:  Spectrum Scan Error\n  code:      {code}\n  context:   {context}\n  {line}"
    return SqlError("Spectrum Scan Error", detail)


class ParquetSource:
    """One Parquet file, checked against the columns it is loaded into.

    Args:
        stream: the file, seekable.
        url: its address, for error messages.
        columns: the columns to load, in order.
        fills_record: whether trailing columns may be missing in the file.

    Raises:
        SqlError: the file is not Parquet, or does not fit the columns.
    """

    def __init__(
        self, stream: IO[bytes], url: str, columns: Sequence[TargetColumn], *, fills_record: bool = False
    ) -> None:
        self._url = url
        self._file = _open(stream, url)
        fields = self._file.schema_arrow
        self.columns = tuple(columns[: len(fields)]) if fills_record else tuple(columns)
        self._check_count(len(fields), columns, fills_record=fills_record)
        for place, column in enumerate(self.columns):
            self._check_type(fields.field(place), place, column)

    def _check_count(self, count: int, columns: Sequence[TargetColumn], *, fills_record: bool) -> None:
        missing = columns[count:]
        if count > len(columns) or (missing and not fills_record):
            raise spectrum_error(
                15007,
                "Unmatched number of columns between table and file. "
                f"Table columns: {len(columns)}, Data columns: {count}, File name: {self._url}",
            )
        for column in missing:
            if not column.is_nullable:
                raise SqlError(f"Cannot insert a NULL value into column {column.name}")

    def _check_type(self, field: pa.Field[Any], place: int, column: TargetColumn) -> None:
        hint = f" (loaded into column {column.name})"
        if pa.types.is_nested(field.type):
            raise _incompatible(self._url, field.name, column, str(field.type), hint)
        # The fields before this one are flat, so that leaf columns and fields have the same places.
        leaf = self._file.schema.column(place)
        if not _fits(leaf, column):
            raise _incompatible(self._url, field.name, column, _describe(leaf), hint)

    def csv(self) -> Iterator[tuple[bytes, int]]:
        """Give the rows in pieces of PostgreSQL's CSV, each with its number of rows.

        Raises:
            SqlError: a text has more bytes than its column.
        """
        for batch in self._file.iter_batches(batch_size=_ROWS_AT_ONCE):
            arrays = [_canonical(array, column) for array, column in zip(batch.columns, self.columns, strict=True)]
            for array, column in zip(arrays, self.columns, strict=True):
                self._check_length(array, column)
                self._check_null(array, column)
            yield _to_csv(arrays), batch.num_rows

    def _check_length(self, array: pa.Array[Any], column: TargetColumn) -> None:
        longest = _longest(array, column)
        if column.length is not None and longest > column.length:
            raise spectrum_error(
                15001,
                f"The length of the data column {column.name} is longer than the length defined in the table. "
                f"Table: {column.length}, Data: {longest}, File name: {self._url}",
            )

    def _check_null(self, array: pa.Array[Any], column: TargetColumn) -> None:
        if not column.is_nullable and array.null_count:
            raise SqlError(f"Cannot insert a NULL value into column {column.name}", f"File name: {self._url}")


class ExternalParquet:
    """One Parquet file of an external table: columns go by name, missing ones are null, others are not read.

    Args:
        stream: the file, seekable.
        url: its address, for error messages.
        columns: the table's columns, in order.
        constants: values that every row gets behind the columns.

    Attributes:
        misfits: the error of each column whose type is not the table's. Its values are given as nulls, which nobody
            may see: Spectrum reads the columns only that a query names, and so fails those queries only.
        rows: in the file.
        column_bytes: what each of the table's columns takes in the file, as it is compressed.

    Raises:
        SqlError: the file is not Parquet.
    """

    def __init__(
        self, stream: IO[bytes], url: str, columns: Sequence[TargetColumn], constants: Sequence[str | None]
    ) -> None:
        self._url = url
        self._columns = columns
        self._constants = constants
        self._file = _open(stream, url)
        names = {name.lower(): name for name in reversed(self._file.schema_arrow.names)}
        wanted = [column for column in columns if column.name in names]
        found = {column.name: self._misfit(names[column.name], column) for column in wanted}
        self.misfits = {name: error for name, error in found.items() if error is not None}
        self._names = {name: names[name] for name, error in found.items() if error is None}
        self.rows = self._file.metadata.num_rows
        self.column_bytes = {name: size for name, size in self._sizes().items() if name in found}

    def _misfit(self, name: str, column: TargetColumn) -> SqlError | None:
        schema = self._file.schema
        leaves = [schema.column(place) for place in range(len(schema)) if schema.column(place).path == name]
        if not leaves:
            kind = str(self._file.schema_arrow.field(name).type)
            return _incompatible(self._url, name, column, kind)
        return None if _fits(leaves[0], column) else _incompatible(self._url, name, column, _describe(leaves[0]))

    def _sizes(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        metadata = self._file.metadata
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        for chunk in (group.column(place) for group in groups for place in range(group.num_columns)):
            name = chunk.path_in_schema.partition(".")[0].lower()
            sizes[name] = sizes.get(name, 0) + chunk.total_compressed_size
        return sizes

    def csv(self) -> Iterator[bytes]:
        """Give the rows in pieces of PostgreSQL's CSV; texts are cut to the width of their column, as Redshift does."""
        present = [self._names[column.name] for column in self._columns if column.name in self._names]
        for batch in self._file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=present):
            arrays = [self._values(batch, column) for column in self._columns]
            texts = (pa.scalar(value, pa.large_string()) for value in self._constants)
            arrays += [pa.repeat(text, batch.num_rows) for text in texts]
            yield _to_csv(arrays)

    def _values(self, batch: pa.RecordBatch, column: TargetColumn) -> pa.Array[Any]:
        if column.name not in self._names:
            return pa.nulls(batch.num_rows, pa.large_string())
        return _cut(_canonical(batch.column(self._names[column.name]), column), column)


def _open(stream: IO[bytes], url: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream, coerce_int96_timestamp_unit="us")
    except (pa.ArrowInvalid, OSError) as error:
        raise spectrum_error(15007, f"File '{url}' has an invalid Parquet footer or is not Parquet: {error}") from error


def _incompatible(url: str, name: str, column: TargetColumn, schema: str, hint: str = "") -> SqlError:
    return spectrum_error(
        15007,
        f"File '{url}' has an incompatible Parquet schema for column '{url}.{name}'. "
        f"Column type: {column.declared}, Parquet schema:\\n{schema}{hint}",
    )


def _longest(array: pa.Array[Any], column: TargetColumn) -> int:
    """Give the bytes of the longest text; 0 for a column that holds none."""
    if column.length is None or not len(array):
        return 0
    return pc.max(pc.call_function("binary_length", [array])).as_py() or 0


def _cut(array: pa.Array[Any], column: TargetColumn) -> pa.Array[Any]:
    width = column.length
    if width is None or _longest(array, column) <= width:
        return array
    whole = (value if value is None else value.encode()[:width] for value in array.to_pylist())
    return pa.array([part if part is None else part.decode(errors="ignore") for part in whole], pa.large_string())


def _fits(leaf: pq.ColumnSchema, column: TargetColumn) -> bool:
    logical = leaf.logical_type.type
    if (leaf.physical_type, logical) not in _TYPES.get(column.type, frozenset()):
        return False
    check = _CHECKS.get(logical)
    return check is None or check(leaf, column)


def _fits_decimal(leaf: pq.ColumnSchema, column: TargetColumn) -> bool:
    return (leaf.precision, leaf.scale) == (column.precision, column.scale)


def _fits_timestamp(leaf: pq.ColumnSchema, _: TargetColumn) -> bool:
    return bool(json.loads(leaf.logical_type.to_json())["timeUnit"] != "nanoseconds")


def _fits_integer(leaf: pq.ColumnSchema, column: TargetColumn) -> bool:
    logical = json.loads(leaf.logical_type.to_json())
    is_too_wide = column.type == "int2" and logical["bitWidth"] > 16
    return bool(logical["isSigned"]) and not is_too_wide


_CHECKS: dict[str, Callable[[Any, TargetColumn], bool]] = {
    "DECIMAL": _fits_decimal,
    "TIMESTAMP": _fits_timestamp,
    "INT": _fits_integer,
}


def _describe(leaf: pq.ColumnSchema) -> str:
    repetition = "optional" if leaf.max_definition_level else "required"
    logical = "" if leaf.logical_type.type == "NONE" else f" ({leaf.logical_type})"
    return f"{repetition} {leaf.physical_type.lower()} {leaf.name}{logical}"


def _canonical(array: pa.Array[Any], column: TargetColumn) -> pa.Array[Any]:
    """Give the values in the one Arrow type that stands for the column, whatever the writer noted in the file."""
    if column.type in {"varchar", "bpchar"}:
        return array.cast(pa.large_string())
    if column.type in {"timestamp", "timestamptz"}:
        return array.cast(pa.timestamp("us", tz=getattr(array.type, "tz", None))).cast(pa.timestamp("us"))
    return array


def _to_csv(arrays: list[pa.Array[Any]]) -> bytes:
    batch = pa.RecordBatch.from_arrays(arrays, names=[str(place) for place in range(len(arrays))])
    sink = io.BytesIO()
    pa.csv.write_csv(batch, sink, _CSV)
    return sink.getvalue()
