"""Asks PostgreSQL what a statement means, without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from localcloud.redshift.typing.decimals import Decimal
from localcloud.redshift.typing.nodes import Node, read
from localcloud.redshift.typing.types import Types

_UTILITY = 6
_DIGITS = re.compile(r"(?i)(?:decimal|numeric|dec)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_UNDEFINED_COLUMN = "42703"


@dataclass(frozen=True)
class Column:
    """A column of a query's result, by PostgreSQL's number of its type."""

    name: str
    type: int
    modifier: int


class UnknownColumnError(Exception):
    """A name that no table of the statement has.

    Attributes:
        place: where it stands, in characters from 0 on.
    """

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


class UnclearError(Exception):
    """PostgreSQL cannot analyse the statement: it will say so, or do better, when it runs; the text says why."""


class Analyst:
    """Analyses statements on a connection.

    Args:
        connection: idle, or inside a transaction that goes on whatever becomes of the analysis.
    """

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection

    def columns(self, sql: str) -> list[Column]:
        """Give the columns of a query.

        Raises:
            UnknownColumnError: it names a column that is not there.
            UnclearError: it cannot be analysed.
        """
        with self._unharmed():
            self._parse(sql)
            found = self._connection.pgconn.describe_prepared(b"")
            return [
                Column((found.fname(place) or b"").decode(), found.ftype(place), found.fmod(place))
                for place in range(found.nfields)
            ]

    def described(self, sql: str, parameters: Sequence[int]) -> PGresult:
        """Give what PostgreSQL says of a statement's parameters and columns.

        Args:
            sql: the statement, with ``$1`` for its first parameter.
            parameters: the numbers of their types; 0 leaves one open.

        Raises:
            psycopg.Error: it cannot be analysed.
        """
        with self._unharmed():
            found = self._connection.pgconn.prepare(b"", sql.encode(), parameters or None)
            if found.status != ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(found, self._connection.info.encoding)
            return self._connection.pgconn.describe_prepared(b"")

    def check(self, sql: str) -> None:
        """Look whether a statement can be analysed; raises as `columns` does."""
        with self._unharmed():
            self._parse(sql)

    def types(self, sql: str, parameters: Sequence[str] = ()) -> Types:
        """Give the types in a statement.

        Args:
            sql: the statement.
            parameters: the types of its parameters, as a procedure declares them.

        Raises:
            UnknownColumnError: it names a column that is not there.
            UnclearError: it cannot be analysed.
        """
        trees: list[str] = []

        def notice(diagnostic: psycopg.errors.Diagnostic) -> None:
            if diagnostic.message_detail and diagnostic.message_primary == "parse tree:":
                trees.append(diagnostic.message_detail)

        with self._unharmed():
            kinds = [self._kind(name) for name in parameters]
            self._connection.add_notice_handler(notice)
            self._connection.execute("SET debug_print_parse = on; SET client_min_messages = log")
            try:
                self._parse(sql, [number for number, _ in kinds])
            finally:
                self._connection.remove_notice_handler(notice)
                if self._connection.info.transaction_status is not TransactionStatus.INERROR:
                    self._connection.execute("SET debug_print_parse = off; RESET client_min_messages")
        found = [root for root in map(_tree, trees) if root.number("commandType") != _UTILITY]
        if not found:
            raise UnclearError
        return Types(
            found[-1], sql.encode(), {n: kind for n, (_, kind) in enumerate(kinds, start=1) if kind is not None}
        )

    def _kind(self, name: str) -> tuple[int, Decimal | None]:
        """PostgreSQL's number of a type by its name, 0 for one that it has not, and its digits when it is a decimal."""
        row = self._connection.execute("SELECT coalesce(to_regtype(%s)::oid::integer, 0)", (name,)).fetchone()
        written = _DIGITS.fullmatch(name)
        digits = Decimal(int(written[1]), int(written[2] or 0)) if written is not None else None
        return int(str(row[0])) if row else 0, digits

    def procedures(self, names: list[str]) -> list[str]:
        """Give the modes of the parameters (i, o, b) of the procedures of a name, which may have a schema."""
        *schema, name = names
        rows = self._connection.execute(
            "SELECT coalesce(array_to_string(p.proargmodes, ''), repeat('i', p.pronargs)) FROM pg_proc p"
            " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind = 'p' AND p.proname = %s"
            " AND CASE WHEN %s::text IS NULL THEN pg_function_is_visible(p.oid) ELSE n.nspname = %s END",
            (name, schema[-1] if schema else None, schema[-1] if schema else None),
        ).fetchall()
        return [str(modes) for (modes,) in rows]

    @contextmanager
    def _unharmed(self) -> Iterator[None]:
        """Keep a transaction alive when the analysis fails."""
        status = self._connection.info.transaction_status
        if status is TransactionStatus.INERROR:
            raise UnclearError
        if status is not TransactionStatus.INTRANS:
            yield
            return
        self._connection.execute("SAVEPOINT redshift_analysis")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO SAVEPOINT redshift_analysis")
            raise
        finally:
            self._connection.execute("RELEASE SAVEPOINT redshift_analysis")

    def _parse(self, sql: str, parameters: Sequence[int] = ()) -> None:
        found = self._connection.pgconn.prepare(b"", sql.encode(), parameters or None)
        if found.status == ExecStatus.COMMAND_OK:
            return
        state = found.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b""
        position = found.error_field(psycopg.pq.DiagnosticField.STATEMENT_POSITION)
        if state.decode() == _UNDEFINED_COLUMN and position is not None:
            raise UnknownColumnError(int(position) - 1)
        raise UnclearError((found.error_field(psycopg.pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode())


def _tree(text: str) -> Node:
    # One statement at a time; the text has it in a list.
    return read(text.strip())


_analyst: ContextVar[Analyst | None] = ContextVar("analyst", default=None)


@contextmanager
def asking(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[None]:
    """Let the statements that are prepared inside be analysed on a connection."""
    token = _analyst.set(Analyst(connection))
    try:
        yield
    finally:
        _analyst.reset(token)


def analyst() -> Analyst | None:
    """Give who analyses statements now; None where no connection is at hand."""
    return _analyst.get()
