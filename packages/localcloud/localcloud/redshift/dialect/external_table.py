"""What Redshift's SQL writes into the Data Catalog: external tables over Parquet, and their partitions.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_TABLE.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from localcloud.redshift.dialect.lexer import Kind
from localcloud.redshift.dialect.reader import Reader, TableName
from localcloud.redshift.dialect.types import read_type
from localcloud.redshift.errors import NotInStandInError, SqlError

_TYPES = {
    "integer": "int",
    "real": "float",
    "double precision": "double",
    "timestamp without time zone": "timestamp",
}
_PLAIN = frozenset({"smallint", "bigint", "boolean", "date"})
_SIZED = {"numeric": "decimal", "character varying": "varchar", "character": "char"}
_SIZE = re.compile(r"([a-z ]+)\((.+)\)")
Columns = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class NewTable:
    """One CREATE EXTERNAL TABLE: names and the catalog's types, without a format other than Parquet."""

    table: TableName
    columns: Columns
    keys: Columns
    location: str
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DroppedTable:
    """One DROP TABLE of an external table; its files stay."""

    table: TableName
    if_exists: bool


@dataclass(frozen=True)
class MovedTable:
    """One ALTER TABLE ... SET LOCATION."""

    table: TableName
    location: str


@dataclass(frozen=True)
class NewPartitions:
    """One ALTER TABLE ... ADD PARTITION: for each partition its values by key, and its location."""

    table: TableName
    partitions: tuple[tuple[dict[str, str], str], ...]
    if_missing: bool


@dataclass(frozen=True)
class MovedPartition:
    """One ALTER TABLE ... PARTITION ... SET LOCATION."""

    table: TableName
    values: dict[str, str]
    location: str


@dataclass(frozen=True)
class DroppedPartition:
    """One ALTER TABLE ... DROP PARTITION; its files stay."""

    table: TableName
    values: dict[str, str]


Change = NewTable | DroppedTable | MovedTable | NewPartitions | MovedPartition | DroppedPartition


def read_change(sql: str) -> Change | None:
    """Read a statement that may write the Data Catalog; None for any other.

    Whether the table is an external one is left to the caller: its schema tells.

    Raises:
        SqlError: the grammar is broken, or the stand-in has not what it asks for.
    """
    reader = Reader(sql)
    if reader.take("create", "external", "table"):
        return _create(reader)
    if reader.take("drop", "table"):
        if_exists = reader.take("if", "exists")
        table = reader.table()
        if not reader.take("cascade"):
            reader.take("restrict")
        return DroppedTable(table, if_exists) if reader.at_end else None
    return _alter(reader) if reader.take("alter", "table") else None


def _create(reader: Reader) -> NewTable:
    table = reader.table()
    if not reader.looks_at("("):
        raise NotInStandInError("CREATE EXTERNAL TABLE AS")
    columns = _columns(reader)
    keys = _columns(reader) if reader.take("partitioned", "by") else ()
    _format(reader)
    reader.expect("location")
    location = reader.string()
    properties = _properties(reader) if reader.take("table", "properties") else {}
    if reader.looks_at("as"):
        raise NotInStandInError("CREATE EXTERNAL TABLE AS")
    reader.end()
    return NewTable(table, columns, keys, location, properties)


def _columns(reader: Reader) -> Columns:
    reader.expect("(")
    found = [_column(reader)]
    while reader.take(","):
        found.append(_column(reader))
    reader.expect(")")
    names = [name for name, _ in found]
    for name in names:
        if names.count(name) > 1:
            raise SqlError(f'column "{name}" specified more than once')
    return tuple(found)


def _column(reader: Reader) -> tuple[str, str]:
    name = reader.name()
    coming = reader.peek()
    if coming is not None and coming.key in {"struct", "array", "map"}:
        raise NotInStandInError(f"The type {coming.text.upper()} of column {name}")
    kind = read_type(reader, name)
    sized = _SIZE.fullmatch(kind)
    if sized is not None and sized[1] in _SIZED:
        return name, f"{_SIZED[sized[1]]}({sized[2]})"
    if kind in _TYPES or kind in _PLAIN:
        return name, _TYPES.get(kind, kind)
    raise SqlError(f'Column "{name}" has unsupported type "{kind}" for an external table.')


def _format(reader: Reader) -> None:
    if reader.take("row", "format"):
        reader.until("stored")
    reader.expect("stored", "as")
    if not reader.take("parquet"):
        raise NotInStandInError("CREATE EXTERNAL TABLE in a format other than PARQUET")


def _properties(reader: Reader) -> dict[str, str]:
    reader.expect("(")
    found: dict[str, str] = {}
    while True:
        name = reader.string()
        reader.expect("=")
        found[name] = reader.string()
        if not reader.take(","):
            break
    reader.expect(")")
    return found


def _alter(reader: Reader) -> Change | None:
    table = reader.table()
    if reader.take("set", "location"):
        return MovedTable(table, _last(reader))
    if reader.looks_at("set", "file") or reader.looks_at("set", "table"):
        reader.next()
        raise NotInStandInError(f"ALTER TABLE SET {reader.next().text.upper()} {reader.next().text.upper()}")
    if reader.take("partition"):
        values = _values(reader)
        reader.expect("set", "location")
        return MovedPartition(table, values, _last(reader))
    if reader.take("drop", "partition"):
        values = _values(reader)
        reader.end()
        return DroppedPartition(table, values)
    if reader.looks_at("add", "partition") or reader.looks_at("add", "if", "not", "exists", "partition"):
        reader.take("add")
        return _add(reader, table)
    return None


def _add(reader: Reader, table: TableName) -> NewPartitions:
    if_missing = reader.take("if", "not", "exists")
    found = []
    while reader.take("partition"):
        values = _values(reader)
        reader.expect("location")
        found.append((values, reader.string()))
        reader.take(",")
    reader.end()
    return NewPartitions(table, tuple(found), if_missing)


def _last(reader: Reader) -> str:
    text = reader.string()
    reader.end()
    return text


def _values(reader: Reader) -> dict[str, str]:
    reader.expect("(")
    found: dict[str, str] = {}
    while True:
        name = reader.name()
        reader.expect("=")
        token = reader.peek()
        is_text = token is not None and token.kind is Kind.STRING
        found[name] = reader.string() if is_text else str(reader.integer())
        if not reader.take(","):
            break
    reader.expect(")")
    return found
