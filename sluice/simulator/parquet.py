"""Records as Parquet: typed columns, or texts throughout where bad values have to be held."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.contract import Column, Contract, SqlType
from sluice.simulator.dress import Wardrobe
from sluice.simulator.record import Node, Tree

_ROWS_AT_ONCE: Final = 16_384
_TYPES: Final[Mapping[str, pa.DataType]] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
Fields = dict[str, "Column | Fields | list[Fields]"]


class ParquetEncoder:
    """Writes the Parquet files of one contract.

    Args:
        contract: The contract.
        is_typed: Whether columns have the types of the contract; otherwise all are texts, which hold any value.
    """

    suffix = ".parquet"

    def __init__(self, contract: Contract, *, is_typed: bool) -> None:
        self._is_typed = is_typed
        self._fields = _fields_of(Wardrobe(contract))
        self._schema = pa.schema(list(self._struct(self._fields)))

    def record(self, written: Tree) -> str:
        """One record as text: JSON whose leaves are texts."""
        return json.dumps(_texts(written), ensure_ascii=False)

    def write(self, records: Iterable[str], stream: BinaryIO) -> None:
        """Write a whole file of records."""
        with pq.ParquetWriter(stream, self._schema) as writer:
            remaining = iter(records)
            while some := list(islice(remaining, _ROWS_AT_ONCE)):
                rows = [self._values(self._fields, json.loads(text)) for text in some]
                writer.write_table(pa.Table.from_pylist(rows, schema=self._schema))

    def _struct(self, fields: Fields) -> Iterator["pa.Field[Any]"]:
        for name, field in fields.items():
            if isinstance(field, list):
                yield pa.field(name, pa.list_(pa.struct(list(self._struct(field[0])))))
            elif isinstance(field, dict):
                yield pa.field(name, pa.struct(list(self._struct(field))))
            else:
                yield pa.field(name, _type(field) if self._is_typed else pa.string())

    def _values(self, fields: Fields, tree: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._value(fields[name], node) for name, node in tree.items() if name in fields}

    def _value(self, field: "Column | Fields | list[Fields]", node: Any) -> Any:  # noqa: ANN401 - whatever a record holds
        if node is None:
            return None
        if isinstance(field, list):
            return [self._values(field[0], element) for element in node]
        if isinstance(field, dict):
            return self._values(field, node)
        return _typed(field.sql_type, node) if self._is_typed and not field.json else node


def _fields_of(wardrobe: Wardrobe) -> Fields:
    fields: Fields = {}
    for path, column in wardrobe.record_columns.items():
        _put(fields, path, column)
    for array, columns in wardrobe.element_columns.items():
        inner: Fields = {}
        for path, column in columns.items():
            _put(inner, path, column)
        _put(fields, array, [inner])
    return fields


def _put(fields: Fields, path: str, field: "Column | list[Fields]") -> None:
    *above, name = path.split(".")
    for part in above:
        inner = fields.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        fields = inner
    fields[name] = field


def _type(column: Column) -> pa.DataType:
    kind = column.sql_type
    if kind.name == "decimal" and not column.json:
        return pa.decimal128(kind.precision or 18, kind.scale or 0)
    return pa.string() if column.json else _TYPES.get(kind.name, pa.string())


def _texts(node: Node) -> Any:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        return {name: _texts(one) for name, one in node.items()}
    if isinstance(node, list):
        return [_texts(one) for one in node]
    if node is None:
        return None
    return str(node).lower() if isinstance(node, bool) else str(node)


def _typed(kind: SqlType, text: str) -> Any:  # noqa: ANN401 - a value of any type
    if kind.name in ("smallint", "integer", "bigint"):
        return int(text)
    if kind.name in ("real", "double precision"):
        return float(text)
    if kind.name == "decimal":
        return Decimal(text)
    if kind.name == "boolean":
        return text == "true"
    if kind.name == "date":
        return date.fromisoformat(text)
    return datetime.fromisoformat(text) if kind.name == "timestamp" else text
