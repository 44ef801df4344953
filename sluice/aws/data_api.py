"""The warehouse through the Redshift Data API: submit, wait, read.

A statement that fails is not an exception of the API: the call is answered, and the statement ends as FAILED with the
error as text. Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sluice.aws.data_api_values import ResultColumn, ResultSet, read_records
from sluice.aws.failures import aws_errors
from sluice.backoff import Backoff
from sluice.errors import (
    AwsBusyError,
    SluiceError,
    WarehouseBusyError,
    WarehouseDeniedError,
    WarehouseError,
    WarehouseUnclearError,
)
from sluice.failures import Verdict, warehouse_verdict
from sluice.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient

logger = logging.getLogger(__name__)

MAX_STATEMENTS = 40
MAX_STATEMENT_BYTES = 100_000
_ENDED = {"FINISHED", "FAILED", "ABORTED"}
_LONG_POLL_SECONDS = 20  # the API allows 30; the client gives up reading after that
_FIRST_PAUSE_SECONDS = 0.05
_LEAST_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Address:
    """Where statements run.

    Attributes:
        database: Name of the database.
        workgroup: Redshift Serverless workgroup; empty for a provisioned cluster.
        cluster: Identifier of a provisioned cluster; empty for Serverless.
        secret: Secret of the database user, by name or ARN; empty to come in with the caller's IAM identity.
    """

    database: str
    workgroup: str = ""
    cluster: str = ""
    secret: str = ""

    @classmethod
    def from_settings(cls, settings: Settings) -> "Address":
        """The address that the settings name; a cluster goes before a workgroup.

        Raises:
            WarehouseError: They name neither.
        """
        if not settings.warehouse_cluster and not settings.warehouse_workgroup:
            raise WarehouseError("neither warehouse_workgroup nor warehouse_cluster is set")
        workgroup = "" if settings.warehouse_cluster else settings.warehouse_workgroup
        return cls(settings.warehouse_database, workgroup, settings.warehouse_cluster, settings.warehouse_secret)

    def to_request(self) -> dict[str, str]:
        """The address as a request of the API has it.

        Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_ExecuteStatement.html (``SecretArn``
        takes the secret's name as well)
        """
        place = {"ClusterIdentifier": self.cluster} if self.cluster else {"WorkgroupName": self.workgroup}
        secret = {"SecretArn": self.secret} if self.secret else {}
        return {"Database": self.database, **place, **secret}


@dataclass(frozen=True)
class DataApi:
    """Runs SQL in one database.

    Calls of the API are repeated as `backoff` says when AWS is busy, which is safe: every submission carries a token. A
    *statement* that failed is never repeated here, because only its author knows whether it may run twice.

    Every method raises `AwsBusyError` and `AwsError` for the API itself, `WarehouseBusyError` for a statement that may
    succeed later, and `WarehouseError` for one that will not.

    Attributes:
        client: boto3's client.
        address: Where statements run.
        backoff: How calls of the API are repeated.
        timeout_seconds: After this long a statement is cancelled; the API's own limit is 24 hours.
        clock: Seconds that only go forward.
        ends_at: A moment of the clock after which nothing is waited for much longer, because the waiting process is
            ended soon; None when there is none. A statement that nobody waits for would go on and hold its locks.
    """

    client: "RedshiftDataAPIServiceClient"
    address: Address
    backoff: Backoff = field(default_factory=lambda: Backoff(attempts=4))
    timeout_seconds: float = 6 * 3600
    clock: Callable[[], float] = time.monotonic
    ends_at: float | None = None

    def execute(
        self, sql: str, parameters: Mapping[str, str] | None = None, *, label: str = "query", token: str = ""
    ) -> ResultSet:
        """Run one statement and give its rows.

        Args:
            sql: The statement.
            parameters: Values of the ``:name`` in it. The API takes neither null nor the empty text.
            label: Short name of the statement for messages and logs.
            token: What makes a submission repeated within 8 hours one and the same, as `client_token` gives it.

        Returns:
            The rows; no columns and no rows when the statement gives none.
        """
        request = self._request([sql], parameters, label, token)
        description = self._run("execute_statement", {"Sql": sql, **request}, label)
        return self._result(str(description["Id"])) if description.get("HasResultSet") else ResultSet((), ())

    def rows(
        self, sql: str, parameters: Mapping[str, str] | None = None, *, label: str = "query"
    ) -> list[tuple[Any, ...]]:
        """Run one query and give its rows alone."""
        return list(self.execute(sql, parameters, label=label).rows)

    def transaction(self, statements: Sequence[str], *, label: str, token: str = "") -> None:
        """Run statements in one transaction: when one fails, nothing is changed.

        There are no parameters: ``BatchExecuteStatement`` has them since botocore 1.42.87, and Glue 6.0 has 1.42.84.
        Source: https://raw.githubusercontent.com/awslabs/aws-glue-libs/main/base-requirements.txt

        Args:
            statements: 1 to 40 statements of at most 100 KB.
            label: Short name of the transaction for messages and logs.
            token: As for `execute`.
        """
        request = self._request(statements, None, label, token)
        self._run("batch_execute_statement", {"Sqls": list(statements), **request}, label)

    def _request(
        self, statements: Sequence[str], parameters: Mapping[str, str] | None, label: str, token: str
    ) -> dict[str, Any]:
        _check_limits(statements, parameters or {}, label)
        request: dict[str, Any] = {**self.address.to_request(), "StatementName": label[:500]}
        # Without a token of ours boto3 makes a new one for each call, and a repeated call would run twice.
        request["ClientToken"] = token or client_token(label, str(time.time_ns()), *statements)
        if parameters:
            request["Parameters"] = [{"name": name, "value": value} for name, value in parameters.items()]
        return request

    def _run(self, operation: str, request: dict[str, Any], label: str) -> Mapping[str, Any]:
        started = self.clock()
        answer = self._call(operation, {**request, **self._long_poll(operation)}, label)
        statement_id = str(answer["Id"])
        description = self._wait(statement_id, answer, label, started)
        if description.get("Status") != "FINISHED":
            raise _failure(description, label)
        logger.info("%s: finished in %.1f s", label, self.clock() - started)
        return {**description, "Id": statement_id}

    def _wait(self, statement_id: str, answer: Mapping[str, Any], label: str, started: float) -> Mapping[str, Any]:
        """Ask until the statement has ended; by a long poll where this version of boto3 knows one."""
        # The answer to a submission tells whether it finished, but not why it failed.
        if answer.get("Status") == "FINISHED" and "HasResultSet" in answer:
            return answer
        request = {"Id": statement_id, **self._long_poll("describe_statement")}
        pause = _FIRST_PAUSE_SECONDS
        while True:
            description = self._call("describe_statement", request, label)
            if description["Status"] in _ENDED:
                return description
            seconds = self._patience(started)
            if self.clock() - started > seconds:
                self._cancel(statement_id, label)
                raise WarehouseBusyError(f"{label}: cancelled, it did not end within {seconds:.0f} s")
            self.backoff.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _patience(self, started: float) -> float:
        """How long a statement may take, in seconds; near the end still long enough for those that only look."""
        if self.ends_at is None:
            return self.timeout_seconds
        return min(self.timeout_seconds, max(_LEAST_SECONDS, self.ends_at - started))

    def _cancel(self, statement_id: str, label: str) -> None:
        try:
            self._call("cancel_statement", {"Id": statement_id}, label)
        except SluiceError as exc:
            logger.warning("%s: could not be cancelled: %s", label, exc)

    def _result(self, statement_id: str) -> ResultSet:
        columns: tuple[ResultColumn, ...] = ()
        rows: list[tuple[Any, ...]] = []
        request = {"Id": statement_id}
        while True:
            page = self._call("get_statement_result", request, "result")
            columns = columns or tuple(ResultColumn.from_metadata(item) for item in page["ColumnMetadata"])
            rows += read_records(columns, page["Records"])
            if not page.get("NextToken"):
                return ResultSet(columns, tuple(rows))
            request["NextToken"] = page["NextToken"]

    def _call(self, operation: str, request: Mapping[str, Any], label: str) -> Mapping[str, Any]:
        def once(_: int) -> Mapping[str, Any]:
            with aws_errors(f"{label}: {operation}"):
                answer: Mapping[str, Any] = getattr(self.client, operation)(**request)
                return answer

        return self.backoff.call(once, AwsBusyError, label)

    def _long_poll(self, operation: str) -> dict[str, int]:
        name = self.client.meta.method_to_api_mapping[operation]
        shape = self.client.meta.service_model.operation_model(name).input_shape
        return {"WaitTimeSeconds": _LONG_POLL_SECONDS} if shape and "WaitTimeSeconds" in shape.members else {}


def client_token(*parts: str) -> str:
    """A token of the API's longest form (64 characters), the same for the same parts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _check_limits(statements: Sequence[str], parameters: Mapping[str, str], label: str) -> None:
    if not 1 <= len(statements) <= MAX_STATEMENTS:
        raise WarehouseError(f"{label}: {len(statements)} statements; a transaction has 1 to {MAX_STATEMENTS}")
    for number, sql in enumerate(statements, start=1):
        size = len(sql.encode())
        if size > MAX_STATEMENT_BYTES:
            raise WarehouseError(
                f"{label}: statement {number} has {size} bytes; the Data API takes at most {MAX_STATEMENT_BYTES}"
            )
    empty = [name for name, value in parameters.items() if not value]
    if empty:
        raise WarehouseError(f"{label}: parameter {empty[0]} is empty; the Data API takes no empty text")


def _failure(description: Mapping[str, Any], label: str) -> WarehouseError | WarehouseBusyError:
    parts = description.get("SubStatements", [])
    failed = next((n for n, part in enumerate(parts, start=1) if part.get("Status") in ("FAILED", "ABORTED")), None)
    where = "" if failed is None else f"statement {failed} of {len(parts)}: "
    status = description["Status"]
    text = " ".join(str(description.get("Error") or f"the statement ended as {status}").split())
    message = f"{label}: {where}{text}"
    if status == "ABORTED":
        return WarehouseBusyError(message)
    return _ERRORS.get(warehouse_verdict(text), WarehouseError)(message)


_ERRORS: dict[Verdict | None, type[WarehouseError | WarehouseBusyError]] = {
    Verdict.WORLD: WarehouseBusyError,
    Verdict.DENIED: WarehouseDeniedError,
    None: WarehouseUnclearError,
}
