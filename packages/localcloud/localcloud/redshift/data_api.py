"""The Redshift Data API: what each operation takes and answers.

SQL errors are never exceptions here: the statement ends as FAILED with its error text. Exceptions are for wrong
requests.
Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from localcloud.redshift import requests
from localcloud.redshift.credentials import Login, read_login
from localcloud.redshift.errors import ResourceNotFoundError, ValidationError
from localcloud.redshift.executor import Executor
from localcloud.redshift.metadata import Metadata
from localcloud.redshift.results import Json, ResultSet
from localcloud.redshift.sessions import SessionStore
from localcloud.redshift.statements import Part, Request, Statement, StatementStore, Status

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

Body = Mapping[str, object]
_MAX_LISTED = 100


@dataclass(frozen=True)
class Answer:
    """What to answer, once the statement is through or the caller has waited long enough.

    Attributes:
        give: makes the answer from the state at that time.
        done: completes when the statement is through; None when there is nothing to wait for.
        wait_seconds: how long to wait for it.
    """

    give: Callable[[], Json]
    done: Future[None] | None = None
    wait_seconds: int | None = None

    async def wait(self) -> Json:
        """Wait without holding a thread, then answer."""
        if self.done is not None and self.wait_seconds is not None:
            await asyncio.wait({asyncio.wrap_future(self.done)}, timeout=self.wait_seconds)
        return await asyncio.to_thread(self.give)


class DataApi:
    """The operations.

    Args:
        store: remembers statements.
        sessions: keeps sessions.
        executor: runs statements.
        metadata: answers the List and Describe operations on the catalog.
        secrets: gives the client that secrets are read with; called for every request that names one.
        caller: gives the database user of the IAM identity whose request is being answered; empty for the owner.
    """

    def __init__(
        self,
        store: StatementStore,
        sessions: SessionStore,
        executor: Executor,
        metadata: Metadata,
        secrets: Callable[[], SecretsManagerClient],
        caller: Callable[[], str],
    ) -> None:
        self._secrets = secrets
        self._caller = caller
        self._store = store
        self._sessions = sessions
        self._executor = executor
        self._operations: dict[str, Callable[[Body], Answer]] = {
            "ExecuteStatement": self._execute,
            "BatchExecuteStatement": self._batch_execute,
            "DescribeStatement": self._describe,
            "GetStatementResult": self._get_result,
            "GetStatementResultV2": self._get_result_v2,
            "ListStatements": self._list,
            "CancelStatement": self._cancel,
        }
        for name, operation in metadata.operations.items():
            self._operations[name] = partial(self._about, operation)

    def call(self, operation: str, body: Body) -> Answer:
        """Start an operation.

        Raises:
            ApiError: the request is refused.
        """
        found = self._operations.get(operation)
        if found is None:
            raise ValidationError(f"Operation {operation} is not supported by the local stand-in")
        return found(body)

    def stop(self) -> None:
        """Cancel what runs, wait for it, and end the sessions."""
        for statement in self._store.active():
            self._executor.cancel(statement)
        self._executor.stop()
        for statement in self._store.active():
            statement.status = Status.ABORTED
            statement.done.set_result(None)
        self._sessions.close_all()

    def _execute(self, body: Body) -> Answer:
        sql = requests.text(body, "Sql", required=True) or ""
        return self._submit(body, requests.read_request(body, [sql], is_batch=False))

    def _batch_execute(self, body: Body) -> Answer:
        return self._submit(body, requests.read_request(body, requests.batch_sqls(body), is_batch=True))

    def _submit(self, body: Body, request: Request) -> Answer:
        wait_seconds = requests.wait_seconds(body)
        token = requests.client_token(body)
        if request.session_id is not None:
            session = self._sessions.get(request.session_id)
            request = replace(request, database=session.database, target=session.target)
        login = read_login(request.target, self._secrets, self._caller())
        statement, is_new = self._store.submit(request, token)
        if is_new:
            statement.login = login
            self._start(statement)
        return Answer(lambda: _submitted(statement), statement.done, wait_seconds)

    def _start(self, statement: Statement) -> None:
        request = statement.request
        if request.session_id is not None:
            statement.session_id = self._take_session(statement, request.session_id)
        elif request.keep_alive_seconds:
            session = self._sessions.open(request.database, request.target, request.keep_alive_seconds)
            statement.session_id = session.id
        self._executor.submit(statement)

    def _take_session(self, statement: Statement, session_id: str) -> str:
        try:
            return self._sessions.take(session_id, statement.request.keep_alive_seconds).id
        except ValidationError:
            self._store.discard(statement)
            raise

    def _describe(self, body: Body) -> Answer:
        statement_id = requests.statement_id(body)
        statement = self._store.get(statement_id.partition(":")[0])
        if ":" in statement_id:
            self._store.part(statement_id)
        return Answer(lambda: _described(statement, statement_id), statement.done, requests.wait_seconds(body))

    def _get_result(self, body: Body) -> Answer:
        return self._result(body, "JSON", _records_page)

    def _get_result_v2(self, body: Body) -> Answer:
        return self._result(body, "CSV", _csv_page)

    def _result(self, body: Body, wanted: str, page: Callable[[ResultSet, int], Json]) -> Answer:
        statement, part = self._store.part(requests.statement_id(body))
        start = _place(requests.text(body, "NextToken"))

        def give() -> Json:
            if statement.request.result_format != wanted:
                operation = "GetStatementResultV2" if wanted == "JSON" else "GetStatementResult"
                raise ValidationError(f"The result format is not {wanted}; use {operation}")
            if statement.status is not Status.FINISHED or part.result is None:
                raise ResourceNotFoundError(
                    "Query does not have result. Please check query status with DescribeStatement."
                )
            return page(part.result, start)

        return Answer(give, statement.done, requests.wait_seconds(body))

    def _list(self, body: Body) -> Answer:
        wanted = requests.text(body, "Status") or Status.FINISHED
        if wanted != "ALL" and wanted not in list(Status):
            raise ValidationError(f"Status {wanted} is unknown")
        name = requests.text(body, "StatementName") or ""
        database = requests.text(body, "Database")
        limit = requests.integer(body, "MaxResults", 0, _MAX_LISTED) or _MAX_LISTED
        start = _place(requests.text(body, "NextToken"))
        found = [
            statement
            for statement in self._store.newest_first()
            if wanted in {"ALL", statement.status} and statement.request.name.startswith(name)
            if database in {None, statement.request.database}
        ]
        answer: Json = {"Statements": [_listed(statement) for statement in found[start : start + limit]]}
        if start + limit < len(found):
            answer["NextToken"] = str(start + limit)
        return Answer(lambda: answer)

    def _about(self, operation: Callable[[Body, Login | None], Json], body: Body) -> Answer:
        return Answer(partial(operation, body, read_login(requests.target(body), self._secrets, self._caller())))

    def _cancel(self, body: Body) -> Answer:
        statement = self._store.get(requests.statement_id(body).partition(":")[0])
        if not self._executor.cancel(statement):
            raise ValidationError(f"Could not cancel a query that is already in {statement.status} state")
        return Answer(lambda: {"Status": True})


def _place(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        raise ValidationError("NextToken is not one that was handed out")
    return int(token)


def _seconds(moment: datetime) -> float:
    return round(moment.timestamp(), 3)


def _submitted(statement: Statement) -> Json:
    answer: Json = {
        "Id": statement.id,
        "CreatedAt": _seconds(statement.created_at),
        "Database": statement.request.database,
        "Status": statement.status,
        "HasResultSet": statement.has_result,
        **dict(statement.request.target),
    }
    if statement.process_id:
        answer["RedshiftPid"] = statement.process_id
    if statement.session_id is not None:
        answer["SessionId"] = statement.session_id
    return answer


def _described(statement: Statement, shown_id: str) -> Json:
    request = statement.request
    first = statement.parts[0]
    answer: Json = {
        **_submitted(statement),
        "Id": shown_id,
        "UpdatedAt": _seconds(statement.updated_at),
        "Duration": _total([part.duration_ns for part in statement.parts]),
        "RedshiftPid": statement.process_id,
        "RedshiftQueryId": first.query_id if not request.is_batch else 0,
        "ResultFormat": request.result_format,
        "ResultRows": first.rows if not request.is_batch else -1,
        "ResultSize": _size(first) if not request.is_batch else -1,
    }
    if statement.error:
        answer["Error"] = statement.error
    if request.parameters:
        answer["QueryParameters"] = [{"name": name, "value": value} for name, value in request.parameters]
    if request.is_batch:
        answer["ExecutionMode"] = "TRANSACTION" if request.is_transaction else "AUTO_COMMIT"
        pairs = enumerate(statement.parts, start=1)
        answer["SubStatements"] = [_described_part(part, f"{statement.id}:{number}") for number, part in pairs]
    else:
        answer["QueryString"] = first.sql
    return answer


def _described_part(part: Part, shown_id: str) -> Json:
    answer: Json = {
        "Id": shown_id,
        "CreatedAt": _seconds(part.created_at),
        "UpdatedAt": _seconds(part.updated_at),
        "Duration": part.duration_ns,
        "HasResultSet": part.result is not None,
        "QueryString": part.sql,
        "RedshiftQueryId": part.query_id,
        "ResultRows": part.rows,
        "ResultSize": _size(part),
        "Status": part.status,
    }
    if part.error:
        answer["Error"] = part.error
    return answer


def _total(durations: list[int]) -> int:
    known = [duration for duration in durations if duration >= 0]
    return sum(known) if known else -1


def _size(part: Part) -> int:
    if part.result is not None:
        return part.result.size_bytes
    return 0 if part.status is Status.FINISHED else -1


def _listed(statement: Statement) -> Json:
    request = statement.request
    answer: Json = {
        "Id": statement.id,
        "CreatedAt": _seconds(statement.created_at),
        "UpdatedAt": _seconds(statement.updated_at),
        "Status": statement.status,
        "IsBatchStatement": request.is_batch,
        "ResultFormat": request.result_format,
        "StatementName": request.name,
    }
    if request.is_batch:
        answer["QueryStrings"] = list(request.sqls)
    else:
        answer["QueryString"] = request.sqls[0]
    if request.parameters:
        answer["QueryParameters"] = [{"name": name, "value": value} for name, value in request.parameters]
    if statement.session_id is not None:
        answer["SessionId"] = statement.session_id
    return answer


def _records_page(result: ResultSet, start: int) -> Json:
    rows, following = result.page(start)
    return _page(result, following, result.records(rows))


def _csv_page(result: ResultSet, start: int) -> Json:
    rows, following = result.page(start)
    text = result.csv(rows, has_header=start == 0)
    return {**_page(result, following, [{"CSVRecords": text}]), "ResultFormat": "CSV"}


def _page(result: ResultSet, following: int | None, records: object) -> Json:
    answer: Json = {
        "ColumnMetadata": [column.json for column in result.columns],
        "Records": records,
        "TotalNumRows": len(result.rows),
    }
    if following is not None:
        answer["NextToken"] = str(following)
    return answer
