"""Runs one statement as Redshift runs it: the same translation, refusals and locks for the Data API and for the port.

Redshift's writers of one table queue: UPDATE, DELETE and MERGE take the table for themselves before they take their
snapshot, INSERT and COPY share it. PostgreSQL locks rows instead; the stand-in takes the same table locks first, so
that the same loads wait, deadlock or fail here as there.
Source: https://docs.aws.amazon.com/redshift/latest/dg/c_write_readwrite.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Generic, TypeVar

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult

from localcloud.redshift.clock import Clock
from localcloud.redshift.credentials import Login, Temporary
from localcloud.redshift.database import Connection, Database, session_user
from localcloud.redshift.dialect.commands import prepare
from localcloud.redshift.dialect.prepared import Prepared, Scope
from localcloud.redshift.dialect.reader import TableName
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.history import QueryHistory, Ran
from localcloud.redshift.late_views import LateViews
from localcloud.redshift.loading.load import Loaded, Loader
from localcloud.redshift.spectrum import Spectrum, Visit
from localcloud.redshift.typing.analyst import Analyst, asking
from localcloud.redshift.typing.rewrite import typed
from localcloud.redshift.unloading.unload import Unloader

_BYTES_CHECK = re.compile(r"bytes_\d+_(\d+)")
_OTHER_USERS = re.compile(r"(?i)session(?:\s+|_)authorization")
_NO_OTHER_USER = "permission denied to set session authorization"
# TRIGGER, which Redshift does not have, stands for its ALTER: see `dialect.principals`.
_ALTERED_FOR = """
    SELECT pg_get_userbyid(relowner) FROM pg_class
    WHERE oid = to_regclass(%s) AND NOT pg_has_role(relowner, 'USAGE') AND has_table_privilege(oid, 'TRIGGER')
"""
_NO_SAVEPOINT = b"ROLLBACK TO SAVEPOINT redshift_has_none"
T = TypeVar("T")


@dataclass(frozen=True)
class Done(Generic[T]):
    """What a statement did.

    Attributes:
        rows: that it returned or changed; none of a COPY.
        result: what its rows were read as; None when it returns none.
        status: what PostgreSQL says of it, such as ``INSERT 0 3``; empty for COPY and UNLOAD.
        loaded: what a COPY loaded.
        unloaded: the rows that an UNLOAD wrote.
    """

    rows: int
    result: T | None
    status: str = ""
    loaded: Loaded | None = None
    unloaded: int | None = None


class Engine:
    """Translates statements and runs them.

    Args:
        database: shows what ran.
        loader: runs COPY.
        unloader: runs UNLOAD.
        spectrum: lets external tables follow their files.
        clock: gives the current time.
    """

    def __init__(
        self, database: Database, loader: Loader, unloader: Unloader, spectrum: Spectrum, clock: Clock
    ) -> None:
        self._loader = loader
        self._unloader = unloader
        self._spectrum = spectrum
        self._history = QueryHistory(database)
        self._late_views = LateViews(database)
        self._clock = clock
        # The record of loads outlives a restart, so the numbers must go on.
        self._query_ids = count(int(clock().timestamp()))

    def new_query_id(self) -> int:
        """Give the number under which the system views show a statement."""
        return next(self._query_ids)

    def now(self) -> datetime:
        """Give the current time in UTC."""
        return self._clock()

    def visit(self, connection: Connection, check: Callable[[], None]) -> Visit:
        """Begin what the statements of one transaction see of external tables.

        Args:
            connection: the statements' own.
            check: raises when the statement was cancelled.
        """
        return Visit(self._spectrum, connection, check)

    def begin(self, ran: Ran) -> None:
        """Remember for the system views what begins to run; `record` says that it is through."""
        self._history.begin(ran)

    def record(self, ran: Ran) -> None:
        """Remember for the system views what ran."""
        self._history.add(ran)

    def close(self) -> None:
        """End what reads external tables and late-binding views."""
        self._spectrum.close()
        self._late_views.close()

    def ahead(self, visit: Visit, sqls: Sequence[str]) -> None:
        """Let the external tables of coming statements follow now, before their transaction takes its snapshot."""
        views = [view for sql in sqls for view in self._late_views.read_by(sql)]
        visit.ahead([*sqls, *(view.definition for view in views)])

    def translate(self, visit: Visit, connection: Connection, sql: str, query_id: int) -> Prepared:
        """Give one Redshift statement ready for PostgreSQL; the external tables that it reads are up to date.

        Raises:
            SqlError: Redshift would refuse the statement, or the stand-in cannot run it.
            psycopg.Error: the transaction is aborted, or the connection is lost.
        """
        self._history.show_for(sql)
        with _aborting(connection):
            views = self._late_views.read_by(sql)
            text = visit.enter(sql, query_id, [view.definition for view in views])
            self._late_views.bind(connection, sql, views, visit.adapted)
            with asking(connection):
                return prepare(text)

    def execute(
        self,
        prepared: Prepared,
        connection: Connection,
        query_id: int,
        read: Callable[[Connection, PGresult], T],
        login: Login | None,
    ) -> Done[T]:
        """Run a translated statement in the transaction that Redshift would run it in.

        Args:
            prepared: the statement.
            connection: idle, or in the transaction that the statement belongs to.
            query_id: the number under which the system views show it.
            read: takes over its rows, while the transaction is open.
            login: who has come in on the connection; None is the owner of the database.

        Raises:
            SqlError: Redshift would refuse the statement, or the stand-in cannot run it.
            psycopg.Error: PostgreSQL refuses it.
        """
        with _aborting(connection):
            _refuse_other_users(prepared, login)
            return self._execute(prepared, connection, query_id, read, login)

    def _execute(
        self,
        prepared: Prepared,
        connection: Connection,
        query_id: int,
        read: Callable[[Connection, PGresult], T],
        login: Login | None,
    ) -> Done[T]:
        in_block = connection.info.transaction_status is not TransactionStatus.IDLE
        if prepared.scope is Scope.ALONE and in_block:
            raise SqlError(f"{prepared.kind.upper()} cannot run inside a transaction block")
        if prepared.kind == "call":
            # A handler of the procedure ends the transaction where it may.
            connection.execute(
                f"SELECT set_config('redshift.in_block', '{'on' if in_block else 'off'}', false)".encode()
            )
        if in_block or prepared.scope in {Scope.ALONE, Scope.CONTROLS}:
            done = self._steps(prepared, connection, query_id, read, login)
        elif prepared.scope is Scope.MAY_COMMIT:
            with _late_snapshots(connection):
                done = self._steps(prepared, connection, query_id, read, login)
        else:
            with _single(connection):
                done = self._steps(prepared, connection, query_id, read, login)
        if in_block and prepared.scope is Scope.COMMITS:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
        return done

    def _steps(
        self,
        prepared: Prepared,
        connection: Connection,
        query_id: int,
        read: Callable[[Connection, PGresult], T],
        login: Login | None,
    ) -> Done[T]:
        for table in prepared.locks:
            _lock_rows(connection, table)
        _require_role(connection, prepared)
        if prepared.copy is not None:
            loaded = self._loader.load(connection, prepared.copy, query_id)
            connection.execute(f"SET redshift.last_copy_count = '{loaded.rows}'".encode())
            connection.execute(f"SET redshift.last_copy_id = '{query_id}'".encode())
            # The Data API reports no rows for a COPY; pg_last_copy_count() does.
            return Done(0, None, loaded=loaded)
        first = prepared.steps[0]
        if prepared.unload is not None:
            unloaded = self._unloader.unload(connection, first, prepared.unload, query_id)
            connection.execute(f"SET redshift.last_unload_count = '{unloaded}'".encode())
            connection.execute(f"SET redshift.last_unload_id = '{query_id}'".encode())
            return Done(0, None, unloaded=unloaded)
        with _altering(connection, prepared.alters, login):
            # Only now: an analysis takes a snapshot, and what takes locks has to wait for them first.
            done = _run_sql(connection, typed(first, Analyst(connection)) if prepared.locks else first, read)
            for step in prepared.steps[1:]:
                connection.execute(step.encode())
        _stay(connection, login)
        return done


@contextmanager
def _aborting(connection: Connection) -> Iterator[None]:
    """Abort the open transaction when a statement of it is refused before PostgreSQL sees it, as Redshift does."""
    try:
        yield
    except SqlError:
        if not connection.closed and connection.info.transaction_status is TransactionStatus.INTRANS:
            with suppress(psycopg.Error):
                connection.execute(_NO_SAVEPOINT)
        raise


def _refuse_other_users(prepared: Prepared, login: Login | None) -> None:
    if isinstance(login, Temporary) and any(map(_OTHER_USERS.search, prepared.steps)):
        raise SqlError(_NO_OTHER_USER)


def _stay(connection: Connection, login: Login | None) -> None:
    """See that a session that IAM let in is its user's still: whoever opened it might become anybody.

    Raises:
        SqlError: a statement has made it another user's; what it did is taken back with its transaction.
    """
    if isinstance(login, Temporary) and session_user(connection) != login.username:
        connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(login.username)))
        raise SqlError(_NO_OTHER_USER)


@contextmanager
def _altering(connection: Connection, table: TableName | None, login: Login | None) -> Iterator[None]:
    """Let a user to whom ALTER of a table was granted do what PostgreSQL lets its owner do alone.

    Only a session that IAM let in can be another user's for a moment.
    """
    owner = None if table is None else connection.execute(_ALTERED_FOR, (table.sql,)).fetchone()
    if owner is None or login is None:
        yield
        return
    if not isinstance(login, Temporary):
        raise NotInStandInError("ALTER TABLE by a user with a password to whom ALTER was granted", "IAM's login")
    connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(owner[0])))
    try:
        yield
    finally:
        # After an error inside a transaction its end takes back what was set in it.
        if connection.info.transaction_status is not TransactionStatus.INERROR:
            connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(login.username)))


@contextmanager
def _single(connection: Connection) -> Iterator[None]:
    """Run one statement as a transaction of its own.

    Read committed takes the snapshot when the statement begins to run, after it waited for locks; with one statement
    there is no other difference to a snapshot for the whole transaction. Where transactions are serializable, so is
    that of one statement.
    """
    connection.execute("BEGIN" if _isolation(connection) == "serializable" else "BEGIN ISOLATION LEVEL READ COMMITTED")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _late_snapshots(connection: Connection) -> Iterator[None]:
    """Run a CALL so that its statements see what was committed while they waited.

    Redshift takes the snapshot at the first query or change, so after a LOCK with which the procedure begins;
    PostgreSQL would take it before the procedure begins. Read committed takes one for every statement of the procedure.
    Source: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
    """
    before = _isolation(connection)
    connection.execute("SET default_transaction_isolation = 'read committed'")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(f"SET default_transaction_isolation = '{before}'".encode())


def _isolation(connection: Connection) -> str:
    row = connection.execute("SHOW default_transaction_isolation").fetchone()
    return str(row[0]) if row else ""


def _require_role(connection: Connection, prepared: Prepared) -> None:
    """Refuse a COPY or UNLOAD with a role that the user may not name.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT-usage-notes.html (ASSUMEROLE)
    """
    command = prepared.copy or prepared.unload
    if command is None:
        return
    may = connection.execute("SELECT pg_catalog.redshift_may_assume(%s, %s)", (command.role, prepared.kind)).fetchone()
    if may is None or not may[0]:
        raise SqlError(
            f"permission denied for IAM role {command.role}",
            f"the user has no ASSUMEROLE on it FOR {prepared.kind.upper()}: GRANT ASSUMEROLE",
        )


def _lock_rows(connection: Connection, table: TableName) -> None:
    try:
        connection.execute(f"LOCK TABLE {table.sql} IN EXCLUSIVE MODE".encode())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        # The position in the error is that in the LOCK, which the user did not write.
        raise SqlError(error.diag.message_primary or str(error), sqlstate=error.sqlstate or "") from error


def _run_sql(connection: Connection, text: str, read: Callable[[Connection, PGresult], T]) -> Done[T]:
    with connection.cursor() as cursor:
        cursor.execute(text.encode())
        status = cursor.statusmessage or ""
        if cursor.description is None or cursor.pgresult is None:
            return Done(max(cursor.rowcount, 0), None, status)
        rows = cursor.pgresult.ntuples
        return Done(rows, read(connection, cursor.pgresult), status)


@dataclass(frozen=True)
class Report:
    """An error as Redshift words it.

    Attributes:
        severity: ``ERROR``, or ``FATAL`` when the database lets nobody in.
        sqlstate: its code of five characters.
        position: of the token in the statement as PostgreSQL got it, from 1 on; empty when it is unknown.
    """

    severity: str
    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""
    position: str = ""

    def __str__(self) -> str:
        lines = [f"{self.severity}: {self.message}"]
        pairs = (("Detail", self.detail), ("Hint", self.hint), ("Position", self.position))
        return "\n".join((*lines, *(f"  {name}: {value}" for name, value in pairs if value)))


def report(error: SqlError | psycopg.Error) -> Report:
    """Give an error as Redshift words it.

    Where PostgreSQL's words differ and callers are known to look for Redshift's, they are replaced.
    """
    if isinstance(error, SqlError):
        return Report(error.severity, error.sqlstate, error.message, error.detail)
    diagnostic = error.diag
    state = diagnostic.sqlstate or "XX000"
    reworded = _reworded(error)
    if reworded is not None:
        # PostgreSQL's details show the row; Redshift's message does not, and rows do not belong into logs.
        return Report("ERROR", state, reworded)
    return Report(
        "ERROR",
        state,
        diagnostic.message_primary or str(error).strip(),
        diagnostic.message_detail or "",
        diagnostic.message_hint or "",
        diagnostic.statement_position or "",
    )


def _reworded(error: psycopg.Error) -> str | None:
    diagnostic = error.diag
    text = diagnostic.message_primary or ""
    width = _BYTES_CHECK.fullmatch(diagnostic.constraint_name or "")
    if isinstance(error, psycopg.errors.CheckViolation) and width is not None:
        return f"value too long for type character varying({width[1]})"
    if isinstance(error, psycopg.errors.NotNullViolation):
        return f"Cannot insert a NULL value into column {diagnostic.column_name}"
    if isinstance(error, psycopg.errors.CardinalityViolation) and "MERGE" in text:
        return "Found multiple matches to update the same tuple."
    if isinstance(error, psycopg.errors.SerializationFailure):
        return f"1023 Serializable isolation violation on table ({text})"
    return None
