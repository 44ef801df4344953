"""Binds views WITH NO SCHEMA BINDING again when a statement reads them and what they read has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from localcloud.redshift.database import Connection, Database
from localcloud.redshift.dialect.late_view import Bound, bound
from localcloud.redshift.dialect.lexer import tokenize
from localcloud.redshift.dialect.unload import unloaded_query
from localcloud.redshift.errors import SqlError
from localcloud.redshift.typing.analyst import Analyst, Column, UnclearError, asking

_VIEWS = """
    SELECT v.relation::bigint, lower(c.relname), v.definition, v.names, v.query, v.columns, v.types::bigint[],
           v.modifiers
    FROM pg_catalog.redshift_late_views v JOIN pg_class c ON c.oid = v.relation
"""
_BIND = "SELECT pg_catalog.redshift_bind_late_view(%s::oid, %s, %s, %s::oid[], %s::integer[], %s)"
#: What names a view without reading it, so that it does not matter whether it can be read.
_NOT_READING = frozenset({"drop", "alter", "comment", "grant", "revoke", "create", "show", "set", "lock", "truncate"})
#: Statements that make something of what they read.
_READING = frozenset({("create", word) for word in ("table", "temp", "temporary", "local", "materialized")})


@dataclass(frozen=True)
class LateView:
    """A view that is bound late.

    Attributes:
        relation: PostgreSQL's number of it.
        name: without its schema, in lower case.
        definition: its query as it was written.
        names: that the view gives its columns.
        bound: what the query meant when it was bound last; None when it was never.
    """

    relation: int
    name: str
    definition: str
    names: tuple[str, ...]
    bound: Bound | None


class LateViews:
    """The views of a warehouse that are bound late.

    Args:
        database: gives connections.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._word = ""

    def close(self) -> None:
        """Close the connection that looks things up."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def read_by(self, sql: str) -> tuple[LateView, ...]:
        """Give the views that a statement reads, each behind those that it reads itself.

        A CALL may read any. A view that the statement's own transaction has made is not among them: it is bound when it
        is made.
        """
        views = self._all()
        if not views:
            return ()
        query = unloaded_query(sql)
        by_name: dict[str, list[LateView]] = {}
        for view in views:
            by_name.setdefault(view.name, []).append(view)
        keys = [token.key for token in tokenize(sql)[:1]]
        first = views if keys == ["call"] else _named(sql if query is None else query.value, by_name)
        found: dict[int, LateView] = {}
        _collect(first, by_name, found, frozenset())
        return tuple(found.values())

    def bind(self, connection: Connection, sql: str, views: Sequence[LateView], adapt: Callable[[str], str]) -> None:
        """Make sure that views show what their queries mean now.

        Args:
            connection: of the statement.
            sql: the statement.
            views: that it reads.
            adapt: gives a query as the dialect understands it.

        Raises:
            SqlError: the statement reads a view that cannot be read.
        """
        if connection.info.transaction_status is TransactionStatus.INERROR:
            return
        asked = Analyst(connection)
        for view in views:
            try:
                with asking(connection):
                    found = bound(adapt(view.definition), view.names, asked)
            except (UnclearError, SqlError) as error:
                if _must_read(sql):
                    raise error if isinstance(error, SqlError) else SqlError(str(error)) from None
                continue
            if found != view.bound:
                self._bind(connection, view, found)

    def _bind(self, connection: Connection, view: LateView, found: Bound) -> None:
        names = [column.name for column in found.columns]
        types = [column.type for column in found.columns]
        modifiers = [column.modifier for column in found.columns]
        connection.execute(_BIND, (view.relation, found.query, names, types, modifiers, self._word))

    def _all(self) -> tuple[LateView, ...]:
        with self._lock:
            try:
                rows = self._rows()
            except psycopg.OperationalError:
                # The server was started again since, which a connection notices when it is used.
                rows = self._rows()
        return tuple(map(_view, rows))

    def _rows(self) -> list[tuple[Any, ...]]:
        # Not on the statement's own connection: it would take the snapshot of its transaction.
        if self._connection is None or self._connection.closed:
            self._connection = self._database.administer()
            row = self._connection.execute("SELECT word FROM pg_catalog.redshift_binder").fetchone()
            self._word = str(row[0]) if row else ""
        return self._connection.execute(_VIEWS).fetchall()


def _view(row: Sequence[Any]) -> LateView:
    relation, name, definition, names, query, *facts = row
    columns = zip(*(each or () for each in facts), strict=True)
    known = None if query is None else Bound(query, tuple(Column(*column) for column in columns))
    return LateView(relation, name, definition, tuple(names), known)


def _named(sql: str, by_name: Mapping[str, Sequence[LateView]]) -> list[LateView]:
    return [view for token in tokenize(sql) if token.is_name for view in by_name.get(token.name, ())]


def _collect(
    views: Sequence[LateView],
    by_name: Mapping[str, Sequence[LateView]],
    found: dict[int, LateView],
    above: frozenset[int],
) -> None:
    for view in views:
        if view.relation not in found and view.relation not in above:
            _collect(_named(view.definition, by_name), by_name, found, above | {view.relation})
            found[view.relation] = view


def _must_read(sql: str) -> bool:
    keys = tuple(token.key for token in tokenize(sql)[:2])
    return keys in _READING or (keys[:1] != ("call",) and not _NOT_READING & set(keys[:1]))
