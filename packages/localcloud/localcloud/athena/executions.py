"""Queries by the API: submitted, run on threads of their own, stopped, and read page by page.

Source: https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html,
https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html and
https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html
"""

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from localcloud import registry
from localcloud.athena.engine import Control
from localcloud.athena.errors import QueryCancelledError, QueryError
from localcloud.athena.results import Answer, ResultColumn
from localcloud.athena.statement_texts import Statement, read_statement
from localcloud.athena.statements import Context, Statements
from localcloud.athena.stored import ResultWriter
from localcloud.errors import AwsApiError
from localcloud.iam.judge import Principal
from localcloud.iam.sessions import asking, asking_as
from localcloud.routing import ActionRouter

logger = logging.getLogger(__name__)

MAX_QUERY_BYTES = 262144
MAX_ROWS = 1000
AT_ONCE = 8
"""Queries that run at the same time; further ones are QUEUED."""
_STOP_SECONDS = 20.0
_STOP_PAUSE_SECONDS = 0.1
_USER_ERROR, _SYSTEM_ERROR = 2, 1
_VERSION = "Athena engine version 3"
_STOPPED = "Query cancelled by user"


class QueryService:
    """The actions about queries that are ours, over MiniStack's Athena, which keeps their records.

    Args:
        statements: answers statements.
        writer: puts results into S3.
    """

    def __init__(self, athena: ActionRouter, statements: Statements, writer: ResultWriter) -> None:
        self._athena = athena
        self._statements = statements
        self._writer = writer
        self._slots = threading.Semaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._controls: dict[str, Control] = {}
        self._threads: set[threading.Thread] = set()
        self._tokens: dict[tuple[str, ...], tuple[str, str]] = {}

    def install(self) -> None:
        """Take over the actions."""
        self._athena.add("StartQueryExecution", self.start_query_execution)
        self._athena.add("StopQueryExecution", self.stop_query_execution)
        self._athena.add("GetQueryResults", self.get_query_results)
        self._athena.add("GetQueryRuntimeStatistics", self.get_query_runtime_statistics)

    def start(self) -> None:
        """End the queries that ran when an earlier local cloud stopped, which nobody runs any more."""
        for record in registry.all_athena_executions():
            if record["Status"]["State"] in ("QUEUED", "RUNNING"):
                _finish(record, "FAILED", "GENERIC_INTERNAL_ERROR: the local cloud stopped while the query ran")

    def stop(self) -> None:
        """Stop what runs, and wait for it, but not for ever."""
        deadline = time.monotonic() + _STOP_SECONDS
        with self._lock:
            left = list(self._threads)
        while left and time.monotonic() < deadline:
            # Again and again: what DuckDB has not begun yet, it does not interrupt.
            with self._lock:
                for control in self._controls.values():
                    control.stop("the local cloud stops")
            left[0].join(_STOP_PAUSE_SECONDS)
            left = [thread for thread in left if thread.is_alive()]

    def start_query_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartQueryExecution: a record, and a thread that runs the statement."""
        sql = str(request.get("QueryString") or "")
        if not sql.strip():
            raise _invalid("QueryString is required")
        if len(sql.encode()) > MAX_QUERY_BYTES:
            raise _invalid(f"QueryString is longer than {MAX_QUERY_BYTES} bytes")
        workgroup = self._workgroup(str(request.get("WorkGroup") or "primary"))
        result = self._result_configuration(request, workgroup)
        statement = read_statement(sql)
        scope = registry.current_scope()
        with self._lock:
            token = (*scope, str(request.get("ClientRequestToken") or uuid.uuid4()))
            known, known_sql = self._tokens.get(token, ("", sql))
            if known_sql != sql:
                raise _invalid("Idempotent parameters do not match")
            if known:
                return {"QueryExecutionId": known}
            record = _new_record(request, sql, statement, workgroup, result)
            query_id = str(record["QueryExecutionId"])
            registry.athena_executions()[query_id] = record
            self._tokens[token] = (query_id, sql)
            limit = _configuration(workgroup).get("BytesScannedCutoffPerQuery")
            control = self._controls[query_id] = Control(None if limit is None else int(limit))
            # A daemon: whatever a query does, the process ends.
            context = _context(record, control, is_enforced=_is_enforced(workgroup))
            arguments = (record, statement, context, scope, asking())
            thread = threading.Thread(target=self._run, args=arguments, name=f"athena-{query_id}", daemon=True)
            self._threads.add(thread)
        thread.start()
        return {"QueryExecutionId": query_id}

    def stop_query_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopQueryExecution: of a query that has ended it changes nothing."""
        record = _record(request)
        with self._lock:
            control = self._controls.get(record["QueryExecutionId"])
            if control is not None and record["Status"]["State"] in ("QUEUED", "RUNNING"):
                _finish(record, "CANCELLED", _STOPPED)
        if control is not None:
            control.stop(_STOPPED)
        return {}

    def get_query_results(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetQueryResults: a page of rows; the first row of a query's first page has the names of its columns."""
        record = _record(request)
        state = record["Status"]["State"]
        if state in ("QUEUED", "RUNNING"):
            raise _invalid(f"Query has not yet finished. Current state: {state}")
        if state != "SUCCEEDED":
            raise _invalid(f"Query did not finish successfully. Final query state: {state}")
        limit = int(request.get("MaxResults") or MAX_ROWS)
        if not 1 <= limit <= MAX_ROWS:
            raise _invalid(f"MaxResults must be between 1 and {MAX_ROWS}")
        answer = record["_results"] or {"columns": [], "rows": [], "updated": None}
        columns = [ResultColumn(**column) for column in answer["columns"]]
        rows = list(answer["rows"])
        if record["StatementType"] == "DML" and answer["updated"] is None:
            rows.insert(0, [column.name for column in columns])
        start = _offset(request.get("NextToken"))
        page: dict[str, Any] = {
            "ResultSet": {
                "Rows": [_row(row) for row in rows[start : start + limit]],
                "ResultSetMetadata": {"ColumnInfo": [column.info() for column in columns]},
            },
            "UpdateCount": answer["updated"] or 0,
        }
        return page if start + limit >= len(rows) else page | {"NextToken": str(start + limit)}

    def get_query_runtime_statistics(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetQueryRuntimeStatistics: times and rows, without stages."""
        record = _record(request)
        statistics = record["Statistics"]
        names = (
            "QueryQueueTimeInMillis",
            "QueryPlanningTimeInMillis",
            "EngineExecutionTimeInMillis",
            "ServiceProcessingTimeInMillis",
            "TotalExecutionTimeInMillis",
        )
        rows = {
            "InputBytes": statistics["DataScannedInBytes"],
            "OutputRows": len((record["_results"] or {"rows": ()})["rows"]),
        }
        timeline = {name: statistics[name] for name in names}
        return {"QueryRuntimeStatistics": {"Timeline": timeline, "Rows": rows}}

    def _run(
        self,
        record: dict[str, Any],
        statement: Statement,
        context: Context,
        scope: tuple[str, str],
        caller: Principal | None,
    ) -> None:
        """The entry of a query's thread: whatever happens, the record says so."""
        with self._slots, registry.request_scope(*scope), asking_as(caller):
            self._run_now(record, statement, context)
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _run_now(self, record: dict[str, Any], statement: Statement, context: Context) -> None:
        submitted = record["Status"]["SubmissionDateTime"]
        began = time.time()
        record["Statistics"]["QueryQueueTimeInMillis"] = _milliseconds(began - submitted)
        try:
            self._answer(record, statement, context)
        except QueryCancelledError as error:
            self._end(record, "CANCELLED", str(error))
        except QueryError as error:
            if context.control.reason is not None:  # an interrupted query fails in many ways
                self._end(record, "CANCELLED", context.control.reason)
            self._end(record, "FAILED", str(error), _USER_ERROR)
        except Exception as error:  # the thread's entry point: a caller waits for an end
            logger.exception("query %s of Athena failed", record["QueryExecutionId"])
            self._end(record, "FAILED", f"GENERIC_INTERNAL_ERROR: {error}", _SYSTEM_ERROR)
        finally:
            with self._lock:
                self._controls.pop(record["QueryExecutionId"], None)

    def _answer(self, record: dict[str, Any], statement: Statement, context: Context) -> None:
        with self._lock:
            context.control.check()
            record["Status"]["State"] = "RUNNING"
        began = time.time()
        answer = self._statements.run(statement, record["ExecutionParameters"], context)
        record["Statistics"]["EngineExecutionTimeInMillis"] = _milliseconds(time.time() - began)
        record["Statistics"]["DataScannedInBytes"] = answer.scanned_bytes
        if answer.updated is None:
            self._writer.write(record["ResultConfiguration"]["OutputLocation"], answer)
        else:
            manifest = f"{record['_results_location']}{record['QueryExecutionId']}-manifest.csv"
            self._writer.write_manifest(manifest, answer)
            record["Statistics"]["DataManifestLocation"] = manifest
        record["_results"] = _kept(answer)
        self._end(record, "SUCCEEDED", "")

    def _end(self, record: dict[str, Any], state: str, reason: str, category: int = 0) -> None:
        with self._lock:
            if record["Status"]["State"] in ("QUEUED", "RUNNING"):
                _finish(record, state, reason, category)

    def _workgroup(self, name: str) -> Mapping[str, Any]:
        try:
            found = self._athena.call_inner("AmazonAthena.GetWorkGroup", {"WorkGroup": name})["WorkGroup"]
        except AwsApiError as error:
            raise _invalid(f"WorkGroup {name} is not found.") from error
        workgroup: Mapping[str, Any] = found
        if workgroup.get("State") == "DISABLED":
            raise _invalid(f"WorkGroup {name} is disabled.")
        return workgroup

    def _result_configuration(self, request: Mapping[str, Any], workgroup: Mapping[str, Any]) -> dict[str, Any]:
        """Where results go: the workgroup's place when it is enforced or the request names none."""
        configuration = _configuration(workgroup)
        given = dict(request.get("ResultConfiguration") or {})
        default = dict(configuration.get("ResultConfiguration") or {})
        chosen = default if _is_enforced(workgroup) or "OutputLocation" not in given else given
        location = str(chosen.get("OutputLocation") or "")
        if not location:
            raise _invalid(
                "No output location provided. An output location is required either through the Workgroup result "
                "configuration setting or as an API input."
            )
        if not location.startswith("s3://"):
            raise _invalid(f"outputLocation is not a valid S3 path: {location}")
        self._writer.require_bucket(location)
        return chosen | {"OutputLocation": location if location.endswith("/") else f"{location}/"}


def _configuration(workgroup: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = workgroup.get("Configuration") or {}
    return found


def _is_enforced(workgroup: Mapping[str, Any]) -> bool:
    """Whether a workgroup's place of results is everybody's.

    AWS enforces unless the workgroup says otherwise; without a place of its own there is nothing to enforce.
    """
    configuration = _configuration(workgroup)
    has_place = "OutputLocation" in (configuration.get("ResultConfiguration") or {})
    return bool(configuration.get("EnforceWorkGroupConfiguration", True)) and has_place


def _context(record: Mapping[str, Any], control: Control, *, is_enforced: bool) -> Context:
    tables = f"{record['_results_location']}tables/{record['QueryExecutionId']}/"
    return Context(record["QueryExecutionContext"]["Database"], record["WorkGroup"], control, tables, is_enforced)


def _new_record(
    request: Mapping[str, Any],
    sql: str,
    statement: Statement,
    workgroup: Mapping[str, Any],
    result: Mapping[str, Any],
) -> dict[str, Any]:
    """A query's record; all its names are there from the start, because MiniStack may copy it at any moment."""
    query_id = str(uuid.uuid4())
    context = request.get("QueryExecutionContext") or {}
    folder = result["OutputLocation"]
    output = f"{folder}{query_id}.{'csv' if statement.kind == 'DML' else 'txt'}"
    if statement.writes_files:
        output = f"{folder}tables/{query_id}" if statement.is_ctas else f"{folder}{query_id}"
    times = (
        "QueryQueueTime",
        "QueryPlanningTime",
        "EngineExecutionTime",
        "ServiceProcessingTime",
        "TotalExecutionTime",
    )
    return {
        "QueryExecutionId": query_id,
        "Query": sql,
        "StatementType": statement.kind,
        "SubstatementType": statement.subkind,
        "ResultConfiguration": {**result, "OutputLocation": output},
        "QueryExecutionContext": {
            "Database": context.get("Database") or "default",
            "Catalog": context.get("Catalog") or "AwsDataCatalog",
        },
        "ExecutionParameters": [str(value) for value in request.get("ExecutionParameters") or ()],
        "Status": {"State": "QUEUED", "SubmissionDateTime": round(time.time(), 3)},
        "Statistics": {f"{name}InMillis": 0 for name in times} | {"DataScannedInBytes": 0},
        "WorkGroup": workgroup["Name"],
        "EngineVersion": {"SelectedEngineVersion": _VERSION, "EffectiveEngineVersion": _VERSION},
        "_results": None,
        "_results_location": folder,
    }


def _finish(record: dict[str, Any], state: str, reason: str, category: int = 0) -> None:
    """Say how a query ended; the status is put in one piece, for others read it at any moment."""
    now = round(time.time(), 3)
    status = record["Status"]
    ended = {"State": state, "SubmissionDateTime": status["SubmissionDateTime"], "CompletionDateTime": now}
    if reason:
        ended["StateChangeReason"] = reason
    if category:
        error = {"ErrorCategory": category, "ErrorType": 0, "Retryable": False, "ErrorMessage": reason}
        ended["AthenaError"] = error
    record["Statistics"]["TotalExecutionTimeInMillis"] = _milliseconds(now - status["SubmissionDateTime"])
    record["Status"] = ended


def _kept(answer: Answer) -> dict[str, Any]:
    """An answer in plain values, which MiniStack can save."""
    columns = [asdict(column) for column in answer.columns]
    return {"columns": columns, "rows": [list(row) for row in answer.rows], "updated": answer.updated}


def _record(request: Mapping[str, Any]) -> dict[str, Any]:
    query_id = str(request.get("QueryExecutionId"))
    record = registry.athena_executions().get(query_id)
    if record is None:
        raise _invalid(f"QueryExecution {query_id} was not found")
    return record


def _row(values: list[str | None]) -> dict[str, Any]:
    return {"Data": [{} if value is None else {"VarCharValue": value} for value in values]}


def _offset(token: object) -> int:
    if token is None:
        return 0
    if not isinstance(token, str) or not token.isdecimal():
        raise _invalid("NextToken is none that this API gave")
    return int(token)


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _invalid(message: str) -> AwsApiError:
    return AwsApiError("InvalidRequestException", message)
