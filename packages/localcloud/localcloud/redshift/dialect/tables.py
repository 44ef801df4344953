"""CREATE TABLE: keys are informational, distribution and sort order are only noted.

Primary keys, unique and foreign keys are never enforced by Redshift, so they are left out of the PostgreSQL table; a
primary key still makes its columns NOT NULL. Distribution, sort keys and encodings are kept beside the table, for the
system views.
Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_AS.html
"""

from __future__ import annotations

from localcloud.redshift.dialect.definitions import (
    Column,
    Layout,
    read_column_attribute,
    read_table_attribute,
    read_table_constraint,
)
from localcloud.redshift.dialect.lexer import quote_name, quote_text, tokenize
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.reader import Reader, TableName
from localcloud.redshift.dialect.rewrite import refuse, rewrite
from localcloud.redshift.dialect.spans import clause_end
from localcloud.redshift.dialect.types import read_type
from localcloud.redshift.errors import SqlError
from localcloud.redshift.typing.declared import declared


def create_table(sql: str) -> Prepared:
    """Prepare CREATE TABLE in its three forms: columns, LIKE, AS."""
    refuse(sql)
    reader = Reader(sql)
    reader.expect("create")
    is_temporary = _temporary(reader)
    reader.expect("table")
    if_missing = reader.take("if", "not", "exists")
    table = reader.table()
    is_temporary = is_temporary or table.name.startswith("#")
    if is_temporary and table.schema:
        raise SqlError("cannot create temporary relation in non-temporary schema")
    head = f"CREATE {'TEMPORARY ' if is_temporary else ''}TABLE {'IF NOT EXISTS ' if if_missing else ''}{table.sql}"
    if _is_definition(reader):
        return _TableBuilder(reader, table, head).prepare()
    if if_missing:
        raise SqlError('syntax error at or near "AS"', "Redshift has no CREATE TABLE IF NOT EXISTS ... AS")
    return _create_as(reader, table, head)


def _temporary(reader: Reader) -> bool:
    reader.take("local")
    return reader.take("temporary") or reader.take("temp")


def _is_definition(reader: Reader) -> bool:
    """Tell ``(name type ...)`` and ``(LIKE ...)`` from the plain list of names that CREATE TABLE AS may have."""
    if not reader.looks_at("("):
        return False
    following = reader.peek(2)
    return following is not None and following.key not in {",", ")"}


def _create_as(reader: Reader, table: TableName, head: str) -> Prepared:
    names = reader.names() if reader.looks_at("(") else ()
    layout = Layout()
    while not reader.take("as"):
        if not read_table_attribute(reader, layout):
            raise reader.error()
    query = declared(rewrite(reader.rest()))
    columns = f" ({', '.join(quote_name(name) for name in names)})" if names else ""
    return Prepared("create table as", (f"{head}{columns} AS {query}", _note(table, layout)))


def select_into(sql: str) -> Prepared | None:
    """Prepare SELECT … INTO, which is another way to write CREATE TABLE AS; None for another query.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_INTO.html
    """
    tokens = tokenize(sql)
    if not tokens or tokens[0].key != "select":
        return None
    place = clause_end(tokens, 1, frozenset({"into", "from", "where", "union"}))
    if place >= len(tokens) or tokens[place].key != "into":
        return None
    reader = Reader(sql, place + 1)
    is_temporary = _temporary(reader)
    reader.take("table")
    table = reader.table()
    rest = sql[tokens[reader.position].start :] if reader.position < len(tokens) else ""
    kind = "TEMPORARY TABLE" if is_temporary else "TABLE"
    return create_table(f"CREATE {kind} {table.sql} AS {sql[: tokens[place].start]} {rest}")


def _note(table: TableName, layout: Layout) -> str:
    return f"SELECT pg_catalog.redshift_note_layout({quote_text(table.sql)}, {quote_text(layout.json)})"


class _TableBuilder:
    """Reads the definition of a table."""

    def __init__(self, reader: Reader, table: TableName, head: str) -> None:
        self.reader = reader
        self.table = table
        self.head = head
        self.columns: list[Column] = []
        self.like: list[str] = []
        self.parents: list[TableName] = []
        self.layout = Layout()

    def prepare(self) -> Prepared:
        """Read everything and give the PostgreSQL statements."""
        self.reader.expect("(")
        self._element()
        while self.reader.take(","):
            self._element()
        self.reader.expect(")")
        while not self.reader.at_end:
            if not read_table_attribute(self.reader, self.layout):
                raise self.reader.error()
        self._finish()
        elements = ", ".join([*self.like, *(column.sql for column in self.columns)])
        return Prepared("create table", (f"{self.head} ({elements})", *self._follow_ups()))

    def _follow_ups(self) -> tuple[str, ...]:
        if self.parents:
            source = quote_text(self.parents[0].sql)
            return (f"SELECT pg_catalog.redshift_copy_layout({quote_text(self.table.sql)}, {source})",)
        return (_note(self.table, self.layout),)

    def _finish(self) -> None:
        names = [column.name for column in self.columns]
        for name in names:
            if names.count(name) > 1:
                raise SqlError(f'column "{name}" specified more than once')
        if not self.parents:
            self.layout.check(set(names))
        for column in self.columns:
            column.not_null = column.not_null or column.name in self.layout.primary_key

    def _element(self) -> None:
        reader = self.reader
        if reader.take("like"):
            self._like()
        elif read_table_constraint(reader, self.layout):
            pass
        else:
            name = reader.new_name()
            column = Column(name, read_type(reader, name))
            while read_column_attribute(reader, column, self.layout):
                pass
            self.columns.append(column)

    def _like(self) -> None:
        parent = self.reader.table()
        option = ""
        if self.reader.take("including", "defaults"):
            option = " INCLUDING DEFAULTS"
        else:
            self.reader.take("excluding", "defaults")
        self.parents.append(parent)
        self.like.append(f"LIKE {parent.sql}{option}")
