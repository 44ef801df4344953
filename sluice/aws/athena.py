"""Athena: submit a query, wait, read its rows."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sluice.aws.data_api_values import ResultColumn, ResultSet
from sluice.aws.failures import aws_errors
from sluice.errors import AwsBusyError, AwsError

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
_PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class Athena:
    """Runs SQL on the tables of the Data Catalog.

    Attributes:
        client: boto3's client.
        database: Database of tables that are named without one.
        output_location: ``s3://`` folder in which Athena writes results.
        workgroup: Athena workgroup; its own output location, when it enforces one, goes before ours.
        timeout_seconds: After this long a query is stopped.
        sleep: Waits for a number of seconds.
        clock: Seconds that only go forward.
    """

    client: "AthenaClient"
    database: str
    output_location: str
    workgroup: str = "primary"
    timeout_seconds: float = 1800
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def execute(self, sql: str) -> ResultSet:
        """Run one statement and give its rows; every value is text or None, as Athena's API has it.

        Raises:
            AwsError: Athena refused the statement; the message has Athena's reason.
            AwsBusyError: Athena could not answer now, or the query took too long and was stopped.
        """
        with aws_errors("Athena"):
            query_id = self.client.start_query_execution(
                QueryString=sql,
                QueryExecutionContext={"Database": self.database},
                ResultConfiguration={"OutputLocation": self.output_location},
                WorkGroup=self.workgroup,
            )["QueryExecutionId"]
            self._wait(query_id)
            return self._result(query_id)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement and give its rows with Python's values: int, float, Decimal, bool, date, datetime or str.

        Raises:
            AwsError: Athena refused the statement; the message has Athena's reason.
            AwsBusyError: Athena could not answer now, or the query took too long and was stopped.
        """
        result = self.execute(sql)
        kinds = [column.type.lower() for column in result.columns]
        return [tuple(read_text(kind, value) for kind, value in zip(kinds, row, strict=True)) for row in result.rows]

    def _wait(self, query_id: str) -> None:
        started = self.clock()
        while True:
            status = self.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] in _ENDED:
                raise AwsError(f"Athena: query {status['State'].lower()}: {status.get('StateChangeReason', '')}")
            if self.clock() - started > self.timeout_seconds:
                self.client.stop_query_execution(QueryExecutionId=query_id)
                raise AwsBusyError(f"Athena: stopped, the query did not end within {self.timeout_seconds:.0f} s")
            self.sleep(_PAUSE_SECONDS)

    def _result(self, query_id: str) -> ResultSet:
        columns: tuple[ResultColumn, ...] = ()
        rows: list[tuple[str | None, ...]] = []
        for page in self.client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
            result = page["ResultSet"]
            metadata = result.get("ResultSetMetadata", {}).get("ColumnInfo", [])
            columns = columns or tuple(ResultColumn(info["Name"], info["Type"]) for info in metadata)
            rows += [_values(row, len(columns)) for row in result.get("Rows", [])]
        # The first row of a SELECT's result repeats the names of the columns; SHOW and DESCRIBE have no such row.
        if rows and rows[0] == tuple(column.name for column in columns):
            del rows[0]
        return ResultSet(columns, tuple(rows))


_FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), int),
    **dict.fromkeys(("real", "float", "double"), float),
    "decimal": Decimal,
    "boolean": "true".__eq__,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}


def read_text(kind: str, text: str | None) -> Any:  # noqa: ANN401 - a value of any SQL type
    """A value of Athena's API, which gives all of them as text.

    Args:
        kind: Athena's name of the type; texts, and types that Python has no value for, stay text.
        text: The value; None for null.

    Source: https://docs.aws.amazon.com/athena/latest/APIReference/API_Datum.html
    """
    return text if text is None or kind not in _FROM_TEXT else _FROM_TEXT[kind](text)


def _values(row: Mapping[str, Any], count: int) -> tuple[str | None, ...]:
    values = [item.get("VarCharValue") for item in row.get("Data", [])]
    return tuple(values + [None] * (count - len(values)))
