"""Samples of Parquet: types from the footer, the rest from the first rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.contract import SqlType
from sluice.contract.sqltype import INTEGER_BITS, MAX_VARCHAR_BYTES
from sluice.errors import SampleError
from sluice.infer.observed import Path, Tree
from sluice.infer.opened import Sample

_ROWS_AT_ONCE: Final = 1000
_TEXT: Final = SqlType("varchar", length=MAX_VARCHAR_BYTES)
_NO_COLUMN: Final = "no contract reads Parquet's type"


@dataclass(slots=True)
class ParquetRecords:
    """The records of one file.

    Attributes:
        sample: The file.
        malformed: Always 0: a Parquet file is whole or it is none.
        types: Type of each column, by the path of its array (empty for the record) and its own.
        left_out: Why a field is no column, by path.
    """

    sample: Sample
    malformed: int = 0
    types: dict[tuple[Path, Path], SqlType] = field(default_factory=dict)
    left_out: dict[Path, str] = field(default_factory=dict)

    def read(self, rows: int) -> Iterator[dict[str, Tree]]:
        """The first records, all values as texts.

        Args:
            rows: How many.

        Raises:
            SampleError: The file is no valid Parquet.
        """
        try:
            with pq.ParquetFile(self.sample.path) as file:
                schema = file.schema_arrow
                for index in range(len(schema)):
                    self._field((), (schema.field(index).name,), schema.field(index).type)
                batches = file.iter_batches(batch_size=min(rows, _ROWS_AT_ONCE))
                records = (record for batch in batches for record in batch.to_pylist())
                for record in islice(records, rows):
                    yield {name: self._tree((name,), value) for name, value in record.items()}
        except (pa.ArrowException, OSError) as exc:
            raise SampleError(f"{self.sample.path}: is no valid Parquet file: {str(exc).splitlines()[0]}") from exc

    def _field(self, array: Path, path: Path, kind: pa.DataType) -> None:
        full = (*array, *path)
        if pa.types.is_struct(kind):
            for child in (kind.field(index) for index in range(kind.num_fields)):
                self._field(array, (*path, child.name), child.type)
        elif (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and not array:
            self._array(path, kind.value_type)
        elif (sql_type := _sql_type(kind)) is not None:
            self.types[array, path] = sql_type
        else:
            self.left_out[full] = f"{_NO_COLUMN} {kind}" + (" inside an array" if array else "")

    def _array(self, path: Path, element: pa.DataType) -> None:
        if not pa.types.is_struct(element):
            self.left_out[path] = "its elements are single values; only objects become rows"
            return
        for child in (element.field(index) for index in range(element.num_fields)):
            self._field(path, (child.name,), child.type)

    def _tree(self, path: Path, value: Any) -> Tree:  # noqa: ANN401 - any value of Arrow
        if value is None or path in self.left_out:
            return None
        if isinstance(value, dict):
            return {name: self._tree((*path, name), child) for name, child in value.items()}
        if isinstance(value, list):
            return [self._tree(path, item) for item in value]
        return _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _sql_type(kind: pa.DataType) -> SqlType | None:
    """The type of a contract that holds every value; None when there is none."""
    if pa.types.is_dictionary(kind):
        return _sql_type(kind.value_type)
    if pa.types.is_boolean(kind):
        return SqlType("boolean")
    if pa.types.is_integer(kind):
        return _integer(kind)
    if pa.types.is_floating(kind):
        return SqlType("double precision" if pa.types.is_float64(kind) else "real")
    if pa.types.is_decimal(kind):
        is_known = kind.precision <= 38 and 0 <= kind.scale <= kind.precision
        return SqlType("decimal", kind.precision, kind.scale) if is_known else None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _TEXT
    if pa.types.is_date(kind):
        return SqlType("date")
    return SqlType("timestamp") if pa.types.is_timestamp(kind) else None


def _integer(kind: pa.DataType) -> SqlType:
    bits = kind.bit_width + (0 if pa.types.is_signed_integer(kind) else 1)
    name = next((name for name, width in INTEGER_BITS.items() if bits <= width), None)
    return SqlType("decimal", 20, 0) if name is None else SqlType(name)


def wider(one: SqlType, other: SqlType) -> SqlType | None:
    """The type that holds the values of two files; None when the files contradict each other."""
    if one == other:
        return one
    if one.is_integer and other.is_integer:
        return max(one, other, key=lambda kind: INTEGER_BITS[kind.name])
    if {one.name, other.name} == {"real", "double precision"}:
        return SqlType("double precision")
    if one.name == other.name == "decimal":
        scale = max(one.scale or 0, other.scale or 0)
        whole = max((kind.precision or 0) - (kind.scale or 0) for kind in (one, other))
        return SqlType("decimal", whole + scale, scale) if whole + scale <= 38 else None
    return None
