"""Runs statements on worker threads, in the transactions that Redshift would run them in.

Redshift's writers of one table queue: UPDATE, DELETE and MERGE take the table for themselves before they take their
snapshot, INSERT and COPY share it. PostgreSQL locks rows instead; the stand-in takes the same table locks first, so
that the same loads wait, deadlock or fail here as there.
Source: https://docs.aws.amazon.com/redshift/latest/dg/c_write_readwrite.html
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import count

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from localcloud.redshift.clock import Clock
from localcloud.redshift.credentials import Login, Temporary
from localcloud.redshift.database import DATABASE, USER, Connection, Database
from localcloud.redshift.dialect.commands import prepare
from localcloud.redshift.dialect.prepared import Prepared, Scope
from localcloud.redshift.dialect.reader import TableName
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.history import QueryHistory, Ran
from localcloud.redshift.late_views import LateViews
from localcloud.redshift.loading.load import Loader
from localcloud.redshift.results import ResultSet, read_result
from localcloud.redshift.sessions import SessionStore
from localcloud.redshift.spectrum import Spectrum, Visit
from localcloud.redshift.statements import Part, Statement, Status
from localcloud.redshift.typing.analyst import Analyst, asking
from localcloud.redshift.typing.rewrite import typed
from localcloud.redshift.unloading.unload import Unloader

logger = logging.getLogger(__name__)

_WORKERS = 48
_BYTES_CHECK = re.compile(r"bytes_\d+_(\d+)")
# TRIGGER, which Redshift does not have, stands for its ALTER: see `dialect.principals`.
_ALTERED_FOR = """
    SELECT pg_get_userbyid(relowner) FROM pg_class
    WHERE oid = to_regclass(%s) AND NOT pg_has_role(relowner, 'USAGE') AND has_table_privilege(oid, 'TRIGGER')
"""


class Executor:
    """Runs statements.

    Args:
        database: gives connections.
        loader: runs COPY.
        unloader: runs UNLOAD.
        spectrum: lets external tables follow their files.
        sessions: the open sessions.
        clock: gives the current time.
    """

    def __init__(
        self,
        database: Database,
        loader: Loader,
        unloader: Unloader,
        spectrum: Spectrum,
        sessions: SessionStore,
        clock: Clock,
    ) -> None:
        self._database = database
        self._loader = loader
        self._unloader = unloader
        self._spectrum = spectrum
        self._sessions = sessions
        self._clock = clock
        self._history = QueryHistory(database)
        self._late_views = LateViews(database)
        self._pool = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="redshift")
        self._running: dict[str, Connection] = {}
        self._lock = threading.Lock()
        # The record of loads outlives a restart, so the numbers must go on.
        self._query_ids = count(int(clock().timestamp()))

    def submit(self, statement: Statement) -> None:
        """Have a statement run by a worker."""
        self._pool.submit(self._work, statement)

    def cancel(self, statement: Statement) -> bool:
        """Ask a statement to stop; tell whether it was still active."""
        with self._lock:
            if statement.status.is_final:
                return False
            statement.is_cancelled = True
            connection = self._running.get(statement.id)
        if connection is not None:
            connection.cancel_safe()
        return True

    def stop(self) -> None:
        """Wait for the workers; what they run must have been cancelled before."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._spectrum.close()
        self._late_views.close()

    def _work(self, statement: Statement) -> None:
        self._set(statement, Status.PICKED)
        try:
            with self._connection(statement) as connection:
                self._run(statement, connection)
        except (SqlError, psycopg.Error) as error:
            self._end(statement, error_text(error))
        except Exception:
            # The last line of defence of a worker thread: without it the caller would wait for ever.
            logger.exception("statement %s broke the stand-in", statement.id)
            self._end(statement, "ERROR: internal error of the local stand-in, see its log")
        finally:
            if statement.session_id is not None:
                self._sessions.give_back(statement.session_id)
            statement.done.set_result(None)

    @contextmanager
    def _connection(self, statement: Statement) -> Iterator[Connection]:
        if statement.request.database != DATABASE:
            raise SqlError(f'database "{statement.request.database}" does not exist')
        connection = self._open(statement)
        with self._lock:
            self._running[statement.id] = connection
            statement.process_id = connection.info.backend_pid
        try:
            yield connection
        finally:
            with self._lock:
                del self._running[statement.id]
            if statement.session_id is None:
                connection.close()

    def _open(self, statement: Statement) -> Connection:
        if statement.session_id is None:
            return self._database.connect(statement.login)
        session = self._sessions.get(statement.session_id)
        if session.connection is None or session.connection.closed:
            session.connection = self._database.connect(statement.login)
        return session.connection

    def _run(self, statement: Statement, connection: Connection) -> None:
        self._set(statement, Status.STARTED)
        if statement.request.is_transaction and len(statement.parts) + statement.request.is_batch > 1:
            self._run_transaction(statement, connection)
        else:
            for part in statement.parts:
                self._run_part(statement, part, connection, self._visit(statement, connection))
        self._end(statement, _first_error(statement))

    def _visit(self, statement: Statement, connection: Connection) -> Visit:
        return Visit(self._spectrum, connection, partial(_require_active, statement))

    def _run_transaction(self, statement: Statement, connection: Connection) -> None:
        visit = self._visit(statement, connection)
        views = [view for part in statement.parts for view in self._late_views.read_by(part.bound)]
        visit.ahead([*(part.bound for part in statement.parts), *(view.definition for view in views)])
        connection.execute("BEGIN")
        for part in statement.parts:
            self._run_part(statement, part, connection, visit)
            if part.status is not Status.FINISHED:
                connection.execute("ROLLBACK")
                return
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            self._fail(statement, statement.parts[-1], error)

    def _run_part(self, statement: Statement, part: Part, connection: Connection, visit: Visit) -> None:
        if statement.is_cancelled:
            part.status = Status.ABORTED
            return
        part.status, part.updated_at, part.query_id = Status.STARTED, self._clock(), next(self._query_ids)
        started = time.perf_counter_ns()
        try:
            self._history.show_for(part.bound)
            views = self._late_views.read_by(part.bound)
            text = visit.enter(part.bound, part.query_id, [view.definition for view in views])
            self._late_views.bind(connection, part.bound, views, visit.adapted)
            with asking(connection):
                prepared = prepare(text)
            # A cancel that came meanwhile found nothing to cancel in PostgreSQL.
            _require_active(statement)
            part.rows, part.result = self._execute(prepared, connection, statement, part.query_id)
            part.status = Status.FINISHED
        except (SqlError, psycopg.Error) as error:
            self._fail(statement, part, error)
        began = part.updated_at
        part.duration_ns = time.perf_counter_ns() - started
        part.updated_at = self._clock()
        self._history.add(_ran(statement, part, began))

    def _fail(self, statement: Statement, part: Part, error: SqlError | psycopg.Error) -> None:
        was_cancelled = statement.is_cancelled and isinstance(error, psycopg.errors.QueryCanceled)
        part.status = Status.ABORTED if was_cancelled else Status.FAILED
        part.error = error_text(error)

    def _execute(
        self, prepared: Prepared, connection: Connection, statement: Statement, query_id: int
    ) -> tuple[int, ResultSet | None]:
        in_block = connection.info.transaction_status is not TransactionStatus.IDLE
        if prepared.scope is Scope.CONTROLS:
            _refuse_control(statement)
        if prepared.scope is Scope.ALONE and in_block:
            raise SqlError(f"{prepared.kind.upper()} cannot run inside a transaction block")
        if prepared.kind == "call":
            # A handler of the procedure ends the transaction where it may.
            connection.execute(
                f"SELECT set_config('redshift.in_block', '{'on' if in_block else 'off'}', false)".encode()
            )
        if in_block or prepared.scope in {Scope.ALONE, Scope.CONTROLS}:
            outcome = self._steps(prepared, connection, query_id, statement.login)
        elif prepared.scope is Scope.MAY_COMMIT:
            with _late_snapshots(connection):
                outcome = self._steps(prepared, connection, query_id, statement.login)
        else:
            with _single(connection):
                outcome = self._steps(prepared, connection, query_id, statement.login)
        if in_block and prepared.scope is Scope.COMMITS:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
        return outcome

    def _steps(
        self, prepared: Prepared, connection: Connection, query_id: int, login: Login | None
    ) -> tuple[int, ResultSet | None]:
        for table in prepared.locks:
            _lock_rows(connection, table)
        if prepared.copy is not None:
            loaded = self._loader.load(connection, prepared.copy, query_id)
            connection.execute(f"SET redshift.last_copy_count = '{loaded}'".encode())
            connection.execute(f"SET redshift.last_copy_id = '{query_id}'".encode())
            # The Data API reports no rows for a COPY; pg_last_copy_count() does.
            return 0, None
        first = prepared.steps[0]
        if prepared.unload is not None:
            unloaded = self._unloader.unload(connection, first, prepared.unload, query_id)
            connection.execute(f"SET redshift.last_unload_count = '{unloaded}'".encode())
            connection.execute(f"SET redshift.last_unload_id = '{query_id}'".encode())
            return 0, None
        with _altering(connection, prepared.alters, login):
            # Only now: an analysis takes a snapshot, and what takes locks has to wait for them first.
            outcome = _run_sql(connection, typed(first, Analyst(connection)) if prepared.locks else first)
            for step in prepared.steps[1:]:
                connection.execute(step.encode())
        return outcome

    def _set(self, statement: Statement, status: Status) -> None:
        statement.status, statement.updated_at = status, self._clock()

    def _end(self, statement: Statement, error: str) -> None:
        """Settle the state of the whole: it failed when any part did."""
        with self._lock:
            is_aborted = statement.is_cancelled and any(part.status is Status.ABORTED for part in statement.parts)
            statement.error = error
            for part in statement.parts:
                if not part.status.is_final:
                    part.status = Status.ABORTED
            if is_aborted or (statement.is_cancelled and error):
                status = Status.ABORTED
            else:
                status = Status.FAILED if error else Status.FINISHED
            self._set(statement, status)


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


def _ran(statement: Statement, part: Part, began: datetime) -> Ran:
    user = statement.login.username if statement.login is not None else USER
    return Ran(
        part.query_id,
        user,
        statement.process_id,
        part.sql,
        began,
        part.updated_at,
        part.error,
        part.status is Status.ABORTED,
        max(part.rows, 0),
    )


def _require_active(statement: Statement) -> None:
    if statement.is_cancelled:
        raise psycopg.errors.QueryCanceled("canceling statement due to user request")


def _first_error(statement: Statement) -> str:
    for number, part in enumerate(statement.parts, start=1):
        if part.error:
            return f"Query #{number} failed with {part.error}" if statement.request.is_batch else part.error
    return ""


def _refuse_control(statement: Statement) -> None:
    if statement.session_id is None or statement.request.is_batch:
        raise SqlError(
            "transaction control is not supported by the local stand-in outside a session",
            "what it does inside a batch is not documented; a batch is one transaction by itself",
        )


def _lock_rows(connection: Connection, table: TableName) -> None:
    try:
        connection.execute(f"LOCK TABLE {table.sql} IN EXCLUSIVE MODE".encode())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        # The position in the error is that in the LOCK, which the user did not write.
        raise SqlError(error.diag.message_primary or str(error)) from error


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


def _run_sql(connection: Connection, text: str) -> tuple[int, ResultSet | None]:
    with connection.cursor() as cursor:
        cursor.execute(text.encode())
        if cursor.description is None or cursor.pgresult is None:
            return max(cursor.rowcount, 0), None
        result = read_result(connection, cursor.pgresult)
        return len(result.rows), result


def error_text(error: SqlError | psycopg.Error) -> str:
    """Give an error as Redshift words it.

    Where PostgreSQL's words differ and callers are known to look for Redshift's, they are replaced.
    """
    if isinstance(error, SqlError):
        return str(error)
    diagnostic = error.diag
    reworded = _reworded(error)
    if reworded is not None:
        # PostgreSQL's details show the row; Redshift's message does not, and rows do not belong into logs.
        return f"ERROR: {reworded}"
    lines = [f"ERROR: {diagnostic.message_primary or str(error).strip()}"]
    lines += [f"  Detail: {diagnostic.message_detail}"] if diagnostic.message_detail else []
    lines += [f"  Hint: {diagnostic.message_hint}"] if diagnostic.message_hint else []
    lines += [f"  Position: {diagnostic.statement_position}"] if diagnostic.statement_position else []
    return "\n".join(lines)


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
