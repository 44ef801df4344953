"""Samples of Parquet: types from the footer, the rest from the first rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.contract import SqlType
from sluice.contract.shape import TEXT_OF_ELEMENT
from sluice.contract.sqltype import INTEGER_BITS, MAX_DECIMAL_PRECISION, MAX_VARCHAR_BYTES
from sluice.errors import SampleError
from sluice.infer.observed import Path, Tree
from sluice.infer.opened import Sample
from sluice.kernel.parse.parquet_values import element_type, json_of, plain_array, text_of

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
        left_out: Why a field is not a column, by path.
        as_json: Why a field is a column only as JSON, by the same paths as `types`.
    """

    sample: Sample
    malformed: int = 0
    types: dict[tuple[Path, Path], SqlType] = field(default_factory=dict)
    left_out: dict[Path, str] = field(default_factory=dict)
    as_json: dict[tuple[Path, Path], str] = field(default_factory=dict)
    _nested: set[Path] = field(default_factory=set)
    _writers: dict[Path, Callable[[Any], str]] = field(default_factory=dict)

    def read(self, rows: int) -> Iterator[dict[str, Tree]]:
        """The first records, all values as texts.

        Args:
            rows: How many.

        Raises:
            SampleError: The file is not a valid Parquet.
        """
        try:
            with pq.ParquetFile(self.sample.path) as file:
                schema = file.schema_arrow
                for index in range(len(schema)):
                    self._field((), (schema.field(index).name,), schema.field(index).type)
                names = [name for name in schema.names if (name,) not in self.left_out]
                batches = file.iter_batches(batch_size=min(rows, _ROWS_AT_ONCE), columns=names)
                for record in islice((record for batch in batches for record in _records(batch)), rows):
                    yield {name: self._tree((name,), value) for name, value in record.items()}
        except (pa.ArrowException, OSError) as exc:
            raise SampleError(f"{self.sample.path}: is not a valid Parquet file: {str(exc).splitlines()[0]}") from exc

    def _field(self, array: Path, path: Path, kind: pa.DataType) -> None:
        full = (*array, *path)
        element = pa.null() if array else element_type(kind)
        if pa.types.is_struct(kind):
            for child in (kind.field(index) for index in range(kind.num_fields)):
                self._field(array, (*path, child.name), child.type)
        elif pa.types.is_struct(element):
            for child in (element.field(index) for index in range(element.num_fields)):
                self._field(path, (child.name,), child.type)
        elif (sql_type := _sql_type(element)) is not None:
            self.types[path, (TEXT_OF_ELEMENT,)] = sql_type
            self._writers[path] = text_of(element) or str
        elif (sql_type := _sql_type(kind)) is not None:
            self.types[array, path] = sql_type
            self._writers[full] = text_of(kind) or str
        elif json_of(kind) is not None:
            self.as_json[array, path] = "an array inside an array" if array else f"of Parquet's type {kind}"
            self._nested.add(full)
        else:
            self.left_out[full] = f"{_NO_COLUMN} {kind}" + (" inside an array" if array else "")

    def _tree(self, path: Path, value: Any) -> Tree:  # noqa: ANN401 - any value of Arrow
        if value is None or path in self.left_out or path in self._nested:
            return None
        if isinstance(value, dict):
            return {name: self._tree((*path, name), child) for name, child in value.items()}
        if isinstance(value, list):
            return [self._tree(path, item) for item in value]
        try:
            return self._writers[path](value)
        except UnicodeDecodeError:
            return None


def _records(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The records of a batch, with values that Python holds exactly."""
    columns = [plain_array(batch.column(place)).to_pylist() for place in range(batch.num_columns)]
    return (dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True))


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
        is_known = 0 <= kind.scale <= min(kind.precision, MAX_DECIMAL_PRECISION)
        return SqlType("decimal", min(kind.precision, MAX_DECIMAL_PRECISION), kind.scale) if is_known else None
    if pa.types.is_date(kind):
        return SqlType("date")
    if pa.types.is_timestamp(kind):
        return SqlType("timestamp")
    return None if text_of(kind) is None or pa.types.is_null(kind) else _TEXT


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
