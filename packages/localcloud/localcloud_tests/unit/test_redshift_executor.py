"""The worker of a statement against a connection that misses the first request to stop."""

import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import psycopg

from localcloud.redshift.database import DATABASE
from localcloud.redshift.executor import Executor
from localcloud.redshift.sessions import SessionStore
from localcloud.redshift.statements import Part, Request, Statement, Status

NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)


class Connection:
    """One whose PostgreSQL is between two commands when it is first asked to stop, and then cannot be asked."""

    def __init__(self) -> None:
        self.info = SimpleNamespace(backend_pid=1)
        self.asked = 0
        self.is_stopped = threading.Event()

    def cancel_safe(self) -> None:
        self.asked += 1
        if self.asked == 2:
            raise psycopg.OperationalError("too many connections")
        if self.asked > 2:
            self.is_stopped.set()

    def close(self) -> None:
        """Nothing is held."""


class Engine:
    """Runs a statement for as long as nobody stops it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_begun = threading.Event()

    def visit(self, *_: object) -> None:
        """Nothing is visited."""

    def new_query_id(self) -> int:
        return 1

    def begin(self, *_: object) -> None:
        """No history."""

    record = begin

    def translate(self, *_: object) -> object:
        return SimpleNamespace(scope=None)

    def execute(self, *_: object) -> object:
        self.has_begun.set()
        if self._connection.is_stopped.wait(30):
            raise psycopg.errors.QueryCanceled("canceling statement due to user request")
        return SimpleNamespace(rows=1, result=None)


def test_a_request_to_stop_that_found_nothing_is_made_again() -> None:
    connection: Any = Connection()
    engine: Any = Engine(connection)
    database: Any = SimpleNamespace(connect=lambda _: connection)
    executor = Executor(database, engine, SessionStore(lambda: NOW), lambda: NOW)
    sql = "SELECT 1"
    request = Request((sql,), (sql,), is_batch=False, is_transaction=True, database=DATABASE)
    statement = Statement("1", request, NOW, NOW, (Part(sql, sql, NOW, NOW),))
    executor.submit(statement)
    assert engine.has_begun.wait(30)
    assert executor.cancel(statement)
    statement.done.result(30)
    executor.stop()
    assert (statement.status, connection.asked) == (Status.ABORTED, 3)
