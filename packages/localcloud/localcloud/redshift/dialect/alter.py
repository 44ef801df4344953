"""ALTER TABLE: one change a statement, as Redshift has it.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
"""

from __future__ import annotations

import json
from dataclasses import replace

from localcloud.redshift.dialect.definitions import (
    Column,
    Layout,
    read_column_attribute,
    read_table_attribute,
    read_table_constraint,
    set_distkey,
)
from localcloud.redshift.dialect.lexer import quote_name, quote_text
from localcloud.redshift.dialect.prepared import Prepared, Scope
from localcloud.redshift.dialect.reader import Reader, TableName
from localcloud.redshift.dialect.rewrite import refuse
from localcloud.redshift.dialect.types import read_type
from localcloud.redshift.errors import NotInStandInError, SqlError


def alter_table(sql: str) -> Prepared:
    """Prepare ALTER TABLE: one change a statement, as Redshift has it."""
    refuse(sql)
    reader = Reader(sql)
    reader.expect("alter", "table")
    table = reader.table()
    if reader.looks_at("owner"):
        # A table is given away by its owner only.
        return _simple_change(reader, table)
    return replace(_change(reader, table), alters=table)


def _change(reader: Reader, table: TableName) -> Prepared:
    if reader.take("add"):
        return _add(reader, table)
    if reader.take("alter"):
        return _alter(reader, table)
    if reader.take("append"):
        raise NotInStandInError("ALTER TABLE ... APPEND")
    if reader.looks_at("drop") or reader.looks_at("rename"):
        return _simple_change(reader, table)
    raise reader.error()


def _add(reader: Reader, table: TableName) -> Prepared:
    layout = Layout()
    if read_table_constraint(reader, layout):
        reader.end()
        return Prepared("alter table", ("SELECT 1 WHERE false",))
    reader.take("column")
    if reader.looks_at("if"):
        raise reader.error()
    name = reader.new_name()
    column = Column(name, read_type(reader, name))
    while read_column_attribute(reader, column, layout):
        pass
    reader.end()
    if layout.distkey or layout.sortkeys or column.identity:
        raise SqlError("DISTKEY, SORTKEY and IDENTITY are not allowed in ALTER TABLE ADD COLUMN")
    if column.not_null and not column.default:
        raise SqlError("ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression")
    steps = [f"ALTER TABLE {table.sql} ADD COLUMN {column.sql}"]
    if layout.encodings:
        steps.append(_change_note(table, {"encodings": layout.encodings}))
    return Prepared("alter table", tuple(steps))


def _change_note(table: TableName, change: dict[str, object]) -> str:
    return f"SELECT pg_catalog.redshift_change_layout({quote_text(table.sql)}, {quote_text(json.dumps(change))})"


def _alter(reader: Reader, table: TableName) -> Prepared:
    if reader.take("column"):
        return _alter_column(reader, table)
    layout = Layout()
    if reader.take("distkey"):
        set_distkey(layout, reader.name())
    elif reader.take("encode", "auto") or reader.take("sortkey", "auto"):
        # AUTO keeps what there is.
        reader.end()
        return Prepared("alter table", ("SELECT 1 WHERE false",))
    elif reader.take("sortkey", "none"):
        reader.end()
        return Prepared("alter table", (_change_note(table, {"sortkeys": [], "sortstyle": ""}),))
    else:
        is_known = read_table_attribute(reader, layout)
        if is_known and layout.style == "key":
            reader.take("distkey")
            set_distkey(layout, reader.name())
        elif not is_known:
            raise reader.error()
    reader.end()
    change: dict[str, object] = {"sortkeys": layout.sortkeys, "sortstyle": layout.sortstyle}
    if not layout.sortstyle:
        change = {"style": layout.style, "distkey": layout.distkey}
    return Prepared("alter table", (_change_note(table, change),))


def _alter_column(reader: Reader, table: TableName) -> Prepared:
    name = reader.name()
    if reader.take("encode"):
        change = _change_note(table, {"encodings": {name: reader.name()}})
        reader.end()
        return Prepared("alter table", (change,))
    reader.expect("type")
    column_type = read_type(reader, name)
    reader.end()
    if not column_type.startswith("character varying"):
        raise SqlError(f'target data type "{column_type}" is not supported. ALTER COLUMN TYPE takes VARCHAR only')
    check = f"SELECT pg_catalog.redshift_require_varchar({quote_text(table.sql)}, {quote_text(name)})"
    change = f"ALTER TABLE {table.sql} ALTER COLUMN {quote_name(name)} TYPE {column_type}"
    # The page says that a column cannot be altered within a transaction block.
    return Prepared("alter table alter column", (check, change), scope=Scope.ALONE)


def _simple_change(reader: Reader, table: TableName) -> Prepared:
    if reader.take("drop"):
        if reader.take("constraint"):
            reader.name()
            return Prepared("alter table", ("SELECT 1 WHERE false",))
        reader.take("column")
        change = f"DROP COLUMN {quote_name(reader.name())}{_behaviour(reader)}"
    elif reader.take("owner", "to"):
        change = f"OWNER TO {quote_name(reader.name())}"
    elif reader.take("rename", "to"):
        change = f"RENAME TO {quote_name(reader.name())}"
    else:
        reader.expect("rename", "column")
        old = reader.name()
        reader.expect("to")
        change = f"RENAME COLUMN {quote_name(old)} TO {quote_name(reader.new_name())}"
    reader.end()
    return Prepared("alter table", (f"ALTER TABLE {table.sql} {change}",))


def _behaviour(reader: Reader) -> str:
    return next((f" {word.upper()}" for word in ("cascade", "restrict") if reader.take(word)), "")
