"""CREATE VIEW ... WITH NO SCHEMA BINDING: a view whose tables are looked up when it is read.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from localcloud.redshift.dialect.lexer import quote_text, tokenize
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.reader import Reader, TableName
from localcloud.redshift.dialect.rewrite import rewrite
from localcloud.redshift.errors import SqlError
from localcloud.redshift.typing.analyst import Analyst, Column, UnclearError, UnknownColumnError, analyst

_BINDING = ("with", "no", "schema", "binding")


@dataclass(frozen=True)
class LateDefinition:
    """One CREATE VIEW ... WITH NO SCHEMA BINDING.

    Attributes:
        names: of the columns; empty when the query names them.
        query: as it was written.
    """

    view: TableName
    names: tuple[str, ...]
    query: str
    is_replacement: bool


@dataclass(frozen=True)
class Bound:
    """What a definition means now.

    Attributes:
        query: as PostgreSQL runs it.
        columns: of the view.
    """

    query: str
    columns: tuple[Column, ...]


def read_late_view(sql: str) -> LateDefinition | None:
    """Read a CREATE VIEW that is bound late; None for any other statement.

    Raises:
        SqlError: the grammar is broken.
    """
    tokens = tokenize(sql)
    if tuple(token.key for token in tokens[-4:]) != _BINDING or tokens[0].key != "create":
        return None
    reader = Reader(sql[: tokens[-4].start])
    reader.expect("create")
    is_replacement = reader.take("or", "replace")
    reader.expect("view")
    view = reader.table()
    names = reader.names() if reader.looks_at("(") else ()
    reader.expect("as")
    return LateDefinition(view, names, reader.rest().strip(), is_replacement)


def create(definition: LateDefinition) -> Prepared:
    """Prepare it: the view is bound at once when all that it reads is there.

    Raises:
        SqlError: a table has no schema, or the query is one that Redshift refuses.
    """
    schemas = sorted(_schemas(definition.query))
    name, written = quote_text(definition.view.sql), quote_text(definition.query)
    steps = [
        f"CALL pg_catalog.redshift_make_late_view({name}, {str(definition.is_replacement).lower()}, {_texts(schemas)})",
        f"SELECT pg_catalog.redshift_note_late_view({name}, {written}, {_texts(definition.names)})",
    ]
    asked = analyst()
    try:
        found = bound(definition.query, definition.names, asked) if asked is not None else None
    except UnclearError:
        # What it reads is not there yet; the query itself has been looked at.
        rewrite(definition.query)
        found = None
    if found is not None:
        facts = (
            _texts([column.name for column in found.columns]),
            f"ARRAY[{', '.join(str(column.type) for column in found.columns)}]::oid[]",
            f"ARRAY[{', '.join(str(column.modifier) for column in found.columns)}]::integer[]",
        )
        steps.append(
            f"SELECT pg_catalog.redshift_bind_late_view({name}::regclass, {quote_text(found.query)}, "
            f"{', '.join(facts)}, NULL)"
        )
    return Prepared("create view", tuple(steps))


def bound(query: str, names: tuple[str, ...], asked: Analyst) -> Bound:
    """Give what a definition means now.

    Args:
        query: of the definition.
        names: that the view gives its columns.
        asked: analyses the query.

    Raises:
        UnclearError: something that it reads is not there; the text says what.
        SqlError: the query is one that Redshift refuses, or has fewer columns than names.
    """
    text = rewrite(query)
    try:
        columns = asked.columns(text)
    except UnknownColumnError as error:
        token = next((one.text for one in tokenize(text) if one.start == error.place), "")
        raise UnclearError(f"column {token} does not exist") from None
    if len(names) > len(columns):
        raise SqlError("CREATE VIEW specifies more column names than columns")
    named = [Column(name, column.type, column.modifier) for name, column in zip(names, columns, strict=False)]
    found = (*named, *columns[len(named) :])
    for column in found:
        if sum(other.name == column.name for other in found) > 1:
            raise SqlError(f'column "{column.name}" specified more than once')
    return Bound(text, found)


def _schemas(query: str) -> set[str]:
    """Give the schemas of the tables that a query reads.

    Raises:
        SqlError: a table has none.
    """
    try:
        tree = sqlglot.parse_one(query, read="redshift")
    except SqlglotError:
        # What is not understood is looked at when the view is read.
        return set()
    common = {each.alias.lower() for each in tree.find_all(exp.CTE)}
    found: set[str] = set()
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not table.db and table.name.lower() not in common:
            raise SqlError(
                "All the relation names inside should be qualified when creating views with no schema binding.",
                f"{table.name} has no schema in front of it",
            )
        if table.db:
            found.add(table.db.lower())
    return found


def _texts(values: list[str] | tuple[str, ...]) -> str:
    return f"ARRAY[{', '.join(map(quote_text, values))}]::text[]"
