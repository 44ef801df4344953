"""Parquet files: columns by name, the file's types against the catalog's, and how many bytes a query reads of one.

Which types of a file a column of the catalog reads: the same type, a wider integer, a double for a float, and a decimal
with at least as many digits on both sides of the point. Athena documents the refusal and its message; it documents no
list of what it reads, so narrower types, which Trino's reader takes in part, are refused here.

Source: https://docs.aws.amazon.com/athena/latest/ug/troubleshooting-athena.html and
https://docs.aws.amazon.com/athena/latest/ug/types-of-updates.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types as arrow

from localcloud.athena.catalog import Column
from localcloud.athena.errors import bad_data
from localcloud.athena.types import Type, quote

_INTEGERS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_TEXTS = ("string", "varchar", "char")


@dataclass(frozen=True)
class ParquetFile:
    """What a query needs to know of a file.

    Attributes:
        names: the file's spelling of the names of its columns, by name in lower case.
        types: the types of its columns, by name in lower case.
        physical: what messages call a column's type, by name in lower case.
        sizes: bytes of a column's chunks as stored, by name in lower case.
    """

    names: Mapping[str, str]
    types: Mapping[str, pa.DataType]
    physical: Mapping[str, str]
    sizes: Mapping[str, int]

    def scanned(self, columns: Iterable[str]) -> int:
        """Bytes that are read for some columns: their chunks, as stored; footers do not count."""
        return sum(self.sizes.get(name, 0) for name in columns)


def read_footer(path: Path, url: str) -> ParquetFile:
    """Read a file's footer.

    Args:
        path: of the file's body.
        url: of the file, for messages.

    Raises:
        QueryError: it is not Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            return _described(file)
    except (pa.ArrowException, OSError) as error:
        raise bad_data(f"Not valid Parquet file: {url}: {error}") from error


def _described(file: pq.ParquetFile) -> ParquetFile:
    schema, metadata = file.schema_arrow, file.metadata
    physical: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for number in range(metadata.num_columns):
        leaf = metadata.schema.column(number)
        name = leaf.path.partition(".")[0].lower()
        physical.setdefault(name, "group" if "." in leaf.path else str(leaf.physical_type))
        chunks = (metadata.row_group(group).column(number) for group in range(metadata.num_row_groups))
        sizes[name] = sizes.get(name, 0) + sum(chunk.total_compressed_size for chunk in chunks)
    return ParquetFile(
        names={name.lower(): name for name in reversed(schema.names)},
        types={field.name.lower(): field.type for field in reversed(list(schema))},
        physical=physical,
        sizes=sizes,
    )


def check_columns(file: ParquetFile, columns: Sequence[Column], url: str) -> None:
    """Make sure that the columns that a query reads have types that the catalog's columns can hold.

    Raises:
        QueryError: HIVE_BAD_DATA, with file, column and both types.
    """
    for column in columns:
        found = file.types.get(column.name)
        if found is not None and not is_readable(column.type, found):
            raise bad_data(
                f"Field {column.name}'s type {file.physical[column.name]} ({found}) in parquet file {url} "
                f"is incompatible with type {column.type.athena} defined in table schema"
            )


def is_readable(wanted: Type, found: pa.DataType) -> bool:
    """Whether a catalog type reads a file's type.

    Args:
        wanted: the catalog's.
        found: the file's.
    """
    if arrow.is_dictionary(found):
        return is_readable(wanted, found.value_type)
    if wanted.base in _INTEGERS:
        return arrow.is_signed_integer(found) and found.bit_width <= _INTEGERS[wanted.base]
    if wanted.base == "decimal":
        return _holds_decimal(wanted, found)
    if wanted.children:
        return _holds_nested(wanted, found)
    if wanted.base == "double":
        return arrow.is_float64(found) or arrow.is_float32(found)
    if wanted.base in (*_TEXTS, "binary"):
        return arrow.is_string(found) or arrow.is_large_string(found) or arrow.is_binary(found)
    checks: dict[str, Callable[[pa.DataType], bool]] = {
        "boolean": arrow.is_boolean,
        "float": arrow.is_float32,
        "date": arrow.is_date32,
        "timestamp": arrow.is_timestamp,
    }
    return checks[wanted.base](found)


def _holds_decimal(wanted: Type, found: pa.DataType) -> bool:
    if not isinstance(found, (pa.Decimal32Type, pa.Decimal64Type, pa.Decimal128Type, pa.Decimal256Type)):
        return False
    digits, scale = int(found.precision), int(found.scale)
    return scale <= wanted.scale and digits - scale <= wanted.precision - wanted.scale


def _holds_nested(wanted: Type, found: pa.DataType) -> bool:
    if wanted.base == "array":
        return isinstance(found, (pa.ListType, pa.LargeListType)) and is_readable(wanted.children[0], found.value_type)
    if wanted.base == "map":
        return (
            isinstance(found, pa.MapType)
            and is_readable(wanted.children[0], found.key_type)
            and is_readable(wanted.children[1], found.item_type)
        )
    if not isinstance(found, pa.StructType):
        return False
    fields = {field.name.lower(): field.type for field in found}
    pairs = zip(wanted.names, wanted.children, strict=True)
    return all(name not in fields or is_readable(child, fields[name]) for name, child in pairs)


def expression(column: Column, file: ParquetFile) -> str:
    """DuckDB's expression of a catalog column over a file.

    Timestamps are in UTC, without zone, and have milliseconds, rounded as Trino's reader does; texts are cut to the
    length that the catalog gives; a column that the file lacks is null.
    """
    name = file.names.get(column.name)
    if name is None:
        return f"CAST(NULL AS {column.type.duckdb})"
    if column.type.base == "timestamp":
        return f"date_trunc('millisecond', make_timestamp(epoch_us({quote(name)}) + 500))"
    if column.type.base in ("varchar", "char") and column.type.arguments:
        return f"left(CAST({quote(name)} AS VARCHAR), {column.type.arguments[0]})"
    return f"CAST({quote(name)} AS {column.type.duckdb})"
