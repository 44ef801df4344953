"""Runs the statements of the Data API on worker threads: one, or a batch as one transaction or one by one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial

import psycopg

from localcloud.redshift.clock import Clock
from localcloud.redshift.database import DATABASE, USER, Connection, Database
from localcloud.redshift.dialect.prepared import Scope
from localcloud.redshift.engine import Engine, report
from localcloud.redshift.errors import SqlError
from localcloud.redshift.history import Ran
from localcloud.redshift.results import read_result
from localcloud.redshift.sessions import SessionStore
from localcloud.redshift.spectrum import Visit
from localcloud.redshift.statements import Part, Statement, Status

logger = logging.getLogger(__name__)

_WORKERS = 48
_INSIST_SECONDS = 0.2


class Executor:
    """Runs statements.

    Args:
        database: gives connections.
        engine: translates and runs each statement.
        sessions: the open sessions.
        clock: gives the current time.
    """

    def __init__(self, database: Database, engine: Engine, sessions: SessionStore, clock: Clock) -> None:
        self._database = database
        self._engine = engine
        self._sessions = sessions
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="redshift")
        self._running: dict[str, Connection] = {}
        self._lock = threading.Lock()

    def submit(self, statement: Statement) -> None:
        """Have a statement run by a worker."""
        self._pool.submit(self._work, statement)

    def cancel(self, statement: Statement) -> bool:
        """Ask a statement to stop; tell whether it was still active."""
        with self._lock:
            if statement.status.is_final:
                return False
            statement.is_cancelled = True
        self._interrupt(statement)
        threading.Thread(target=self._insist, args=(statement,), name="redshift-cancel", daemon=True).start()
        return True

    def stop(self) -> None:
        """Wait for the workers; what they run must have been cancelled before."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _interrupt(self, statement: Statement) -> None:
        # Within the lock: the next statement of a session gets the connection only after this one has left.
        with self._lock:
            connection = self._running.get(statement.id)
            if connection is not None:
                connection.cancel_safe()

    def _insist(self, statement: Statement) -> None:
        """Interrupt until the statement has ended: PostgreSQL may be between two commands, with nothing to cancel."""
        while not wait([statement.done], _INSIST_SECONDS).done:
            # A PostgreSQL that cannot be asked at this moment is asked again, or ends the statement by its own end.
            with suppress(psycopg.Error):
                self._interrupt(statement)

    def _work(self, statement: Statement) -> None:
        self._set(statement, Status.PICKED)
        try:
            with self._connection(statement) as connection:
                self._run(statement, connection)
        except (SqlError, psycopg.Error) as error:
            self._end(statement, str(report(error)))
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
        return self._engine.visit(connection, partial(_require_active, statement))

    def _run_transaction(self, statement: Statement, connection: Connection) -> None:
        visit = self._visit(statement, connection)
        self._engine.ahead(visit, [part.bound for part in statement.parts])
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
        part.status, part.updated_at, part.query_id = Status.STARTED, self._clock(), self._engine.new_query_id()
        started = time.perf_counter_ns()
        try:
            self._engine.begin(_ran(statement, part, part.updated_at))
            prepared = self._engine.translate(visit, connection, part.bound, part.query_id)
            # A cancel that came meanwhile found nothing to cancel in PostgreSQL.
            _require_active(statement)
            if prepared.scope is Scope.CONTROLS:
                _refuse_control(statement)
            done = self._engine.execute(prepared, connection, part.query_id, read_result, statement.login)
            part.rows, part.result = done.rows, done.result
            part.status = Status.FINISHED
        except (SqlError, psycopg.Error) as error:
            self._fail(statement, part, error)
        began = part.updated_at
        part.duration_ns = time.perf_counter_ns() - started
        part.updated_at = self._clock()
        self._engine.record(_ran(statement, part, began))

    def _fail(self, statement: Statement, part: Part, error: SqlError | psycopg.Error) -> None:
        was_cancelled = statement.is_cancelled and isinstance(error, psycopg.errors.QueryCanceled)
        part.status = Status.ABORTED if was_cancelled else Status.FAILED
        part.error = str(report(error))

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
