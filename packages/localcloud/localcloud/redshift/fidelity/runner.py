"""Gives statements to a warehouse of its own, one by one, through the Data API."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from localcloud.config import HOST
from localcloud.redshift.fidelity.clients import empty_glue, empty_s3
from localcloud.redshift.fidelity.fixtures import Fixture
from localcloud.redshift.fidelity.verdicts import Outcome, Verdict, judge
from localcloud.redshift.warehouse import Warehouse

_TARGET = {"WorkgroupName": "fidelity", "Database": "warehouse"}
_KEEP_ALIVE_SECONDS = 3600
_SCHEMAS = (
    "SELECT nspname FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg@_%' ESCAPE '@'"
)
_ROLES = """
    SELECT rolname FROM pg_roles
    WHERE NOT rolsuper AND rolname <> current_user AND rolname NOT LIKE 'pg@_%' ESCAPE '@' ORDER BY rolname
"""
_FINAL = frozenset({"FINISHED", "FAILED", "ABORTED"})


class RefusedError(Exception):
    """The Data API refused a request."""


class DataApi:
    """Calls the Data API of a warehouse in this process.

    Args:
        warehouse: it runs.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def call(self, operation: str, **request: object) -> dict[str, Any]:
        """Call one operation.

        Raises:
            RefusedError: the API answers with an error.
        """
        headers = {"x-amz-target": f"RedshiftData.{operation}"}
        call = self._warehouse.handle_request("POST", "/", headers, json.dumps(request).encode(), {})
        status, _, body = asyncio.run(call)
        answer: dict[str, Any] = json.loads(body)
        if status != 200:
            raise RefusedError(str(answer.get("Message", "")))
        return answer


class Session:
    """Statements of one file, which share a connection as they would in a client.

    Args:
        api: the Data API.
        timeout_seconds: after which a statement is cancelled, at most 30.
    """

    def __init__(self, api: DataApi, timeout_seconds: int) -> None:
        self._api = api
        self._timeout_seconds = timeout_seconds
        opened = api.call("ExecuteStatement", Sql="SELECT 1", SessionKeepAliveSeconds=_KEEP_ALIVE_SECONDS, **_TARGET)
        self._id = opened["SessionId"]
        self._wait(opened["Id"])

    def outcome(self, statement: str) -> Outcome:
        """Run a statement; after one that fails, an open transaction is left."""
        try:
            statement_id = self._api.call("ExecuteStatement", Sql=statement, SessionId=self._id)["Id"]
        except RefusedError as error:
            return Outcome(Verdict.ERROR, str(error).partition("\n")[0])
        found = self._wait(statement_id)
        if found["Status"] not in _FINAL:
            return self._give_up(statement_id)
        outcome = judge(found.get("Error") if found["Status"] != "FINISHED" else None)
        if outcome.verdict is not Verdict.RUNS:
            self.leave()
        return outcome

    def leave(self) -> None:
        """Leave the transaction, when one is open."""
        self._wait(self._api.call("ExecuteStatement", Sql="ROLLBACK", SessionId=self._id)["Id"])

    def _wait(self, statement_id: str) -> dict[str, Any]:
        return self._api.call("DescribeStatement", Id=statement_id, WaitTimeSeconds=self._timeout_seconds)

    def _give_up(self, statement_id: str) -> Outcome:
        self._api.call("CancelStatement", Id=statement_id)
        while self._wait(statement_id)["Status"] not in _FINAL:
            continue
        self.leave()
        return Outcome(Verdict.ERROR, f"not through after {self._timeout_seconds} seconds")


def run(fixtures: Sequence[Fixture], timeout_seconds: int) -> dict[str, list[Outcome]]:
    """Run every file in an empty warehouse; give the outcomes of its statements by the file's name.

    Args:
        fixtures: the files.
        timeout_seconds: after which a statement is cancelled, at most 30.

    Side Effects:
        A warehouse is started in a folder of its own, and stopped and deleted.
    """
    found: dict[str, list[Outcome]] = {}
    with _warehouse() as warehouse:
        api = DataApi(warehouse)
        for fixture in fixtures:
            _clean(warehouse)
            session = Session(api, timeout_seconds)
            found[fixture.name] = [session.outcome(statement) for statement in fixture.statements]
            session.leave()
    return found


@contextmanager
def _warehouse() -> Iterator[Warehouse]:
    with tempfile.TemporaryDirectory(prefix="sluice-fidelity-") as name:
        folder, password = Path(name) / "warehouse", secrets.token_hex(16)
        warehouse = Warehouse(folder, port=_free_port(), password=password, s3=empty_s3, glue=empty_glue)
        warehouse.start()
        try:
            yield warehouse
        finally:
            warehouse.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _clean(warehouse: Warehouse) -> None:
    """Leave nothing of an earlier file: what a file finds must not depend on the others."""
    with psycopg.connect(warehouse.dsn, autocommit=True) as connection:
        for (name,) in connection.execute(_SCHEMAS).fetchall():
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
        for (name,) in connection.execute(_ROLES).fetchall():
            role = sql.Identifier(name)
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT TRUE").format(role))
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))
        connection.execute("CREATE SCHEMA public")
