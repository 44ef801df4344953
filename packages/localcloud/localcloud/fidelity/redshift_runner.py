"""Gives the corpus to a warehouse of its own, statement by statement, through the Data API."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcloud.config import HOST
from localcloud.fidelity.clients import empty_glue, empty_s3
from localcloud.fidelity.corpus import Area, Case, CorpusError
from localcloud.fidelity.verdicts import Answer, Judged, judge
from localcloud.redshift.warehouse import Warehouse

_TARGET = {"WorkgroupName": "fidelity", "Database": "warehouse"}
_KEEP_ALIVE_SECONDS = 3600
_WAIT_SECONDS = 30
_FINAL = frozenset({"FINISHED", "FAILED", "ABORTED"})


class DataApi:
    """Calls the Data API of a warehouse in this process.

    Args:
        warehouse: it runs.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def call(self, operation: str, **request: object) -> dict[str, Any]:
        """Call one operation; an answer that is an error has its message as ``Error``."""
        headers = {"x-amz-target": f"RedshiftData.{operation}"}
        call = self._warehouse.handle_request("POST", "/", headers, json.dumps(request).encode(), {})
        status, _, body = asyncio.run(call)
        answer: dict[str, Any] = json.loads(body)
        return answer if status == 200 else {"Status": "FAILED", "Error": str(answer.get("Message", ""))}


class Session:
    """Statements of one area, which share a connection as they would in a client."""

    def __init__(self, api: DataApi) -> None:
        self._api = api
        opened = api.call("ExecuteStatement", Sql="SELECT 1", SessionKeepAliveSeconds=_KEEP_ALIVE_SECONDS, **_TARGET)
        self._id = opened["SessionId"]
        self._wait(opened)

    def answer(self, case: Case) -> Answer:
        """Give the answer to the last statement of a case, or to the first that fails."""
        found = Answer()
        for statement in case.statements:
            found = self.run(statement)
            if found.error:
                break
        # Whatever a case leaves open or fails in is not the next one's.
        self.run("ROLLBACK")
        return found

    def run(self, statement: str) -> Answer:
        """Run one statement."""
        found = self._wait(self._api.call("ExecuteStatement", Sql=statement, SessionId=self._id))
        if found["Status"] not in _FINAL:
            self._api.call("CancelStatement", Id=found["Id"])
            return Answer(f"not through after {_WAIT_SECONDS} seconds")
        if found["Status"] != "FINISHED":
            return Answer(str(found.get("Error")))
        return self._result(found["Id"]) if found["HasResultSet"] else Answer()

    def _wait(self, started: dict[str, Any]) -> dict[str, Any]:
        if "Id" not in started:
            return started
        return self._api.call("DescribeStatement", Id=started["Id"], WaitTimeSeconds=_WAIT_SECONDS)

    def _result(self, statement_id: str) -> Answer:
        result = self._api.call("GetStatementResult", Id=statement_id)
        columns = result["ColumnMetadata"]
        rows = tuple(tuple(map(_text, record)) for record in result["Records"])
        return Answer("", rows, tuple(c["typeName"] for c in columns), tuple(c["label"] for c in columns))


def _text(field: dict[str, Any]) -> str | None:
    ((kind, value),) = field.items()
    if kind == "isNull":
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def run(areas: tuple[Area, ...]) -> dict[str, list[Judged]]:
    """Run the areas, each in schemas of its own; give what became of their statements, by area.

    Raises:
        CorpusError: what an area presumes cannot be made.

    Side Effects:
        A warehouse is started in a folder of its own, and stopped and deleted.
    """
    found: dict[str, list[Judged]] = {}
    with _warehouse() as warehouse:
        api = DataApi(warehouse)
        for area in areas:
            session = Session(api)
            for statement in (f"CREATE SCHEMA {area.name.replace('-', '_')}_area", *_searched(area), *area.setup):
                answer = session.run(statement)
                if answer.error:
                    raise CorpusError(f"{area.service}/{area.name}.txt: {statement}: {answer.error}")
            found[area.name] = [judge(case, session.answer(case)) for case in area.cases]
    return found


def _searched(area: Area) -> tuple[str, ...]:
    return (f"SET search_path TO {area.name.replace('-', '_')}_area, public",)


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
