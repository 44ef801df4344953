"""Arrow types of what the kernel gives; they decide the Parquet types of the files.

Catalog, COPY and Spectrum read a column only where the file has the type that its table names: decimals to the last
digit, moments in microseconds since 1970 UTC.
Source: https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-troubleshooting.html (incompatible Parquet schema)
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute

from sluice.contract import SqlType, Table
from sluice.contract.model import LINEAGE
from sluice.lake.quarantine import QUARANTINE_COLUMNS

pc: Any = pyarrow.compute
"""Arrow's functions without the types of their stubs, which know neither all functions nor all kinds of arguments."""
Array = Any
"""An array of Arrow's, of any type, or one in chunks."""

ARROW_REFUSES = (pa.ArrowInvalid, pa.ArrowNotImplementedError)
"""What Arrow raises of content that it does not take."""

MOMENT = pa.timestamp("us", tz="UTC")
_TYPES: dict[str, pa.DataType] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "char": pa.string(),
    "varchar": pa.string(),
    "date": pa.date32(),
    "timestamp": MOMENT,
}
_QUARANTINE: dict[str, pa.DataType] = {
    "string": pa.string(),
    "array<string>": pa.list_(pa.string()),
    "timestamp": MOMENT,
}

QUARANTINE_SCHEMA = pa.schema([pa.field(name, _QUARANTINE[kind]) for name, kind in QUARANTINE_COLUMNS.items()])
"""Columns of quarantined records."""


def arrow_type(sql_type: SqlType) -> pa.DataType:
    """Arrow's type of a column."""
    if sql_type.name == "decimal":
        return pa.decimal128(sql_type.precision or 0, sql_type.scale or 0)
    return _TYPES[sql_type.name]


def stored_schema(table: Table) -> pa.Schema:
    """The columns of a table's files, lineage columns last."""
    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in table.stored_types.items()])


def chunk_schema(table: Table) -> pa.Schema:
    """The columns of a table's rows in memory: lineage, which repeats itself, stands in dictionaries."""
    once = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([field.with_type(once) if field.name in LINEAGE else field for field in stored_schema(table)])


def repeated(text: str, times: int) -> Array:
    """A text that many rows share, kept once."""
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), times), pa.array([text], pa.string()))


def plain(rows: pa.Table) -> pa.Table:
    """Rows with the values of dictionaries in place of them, for those who do not know dictionaries."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            values = rows.column(index).cast(field.type.value_type)
            rows = rows.set_column(index, field.with_type(field.type.value_type), values)
    return rows
