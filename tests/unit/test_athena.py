"""Athena's answers, stubbed at the edge of boto3: rows, pages, failures, a query without end."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from sluice.aws.athena import Athena, read_text
from sluice.aws.data_api_values import ResultColumn, ResultSet
from sluice.errors import AwsBusyError, AwsError

QUERY = "11111111-2222-3333-4444-555555555555"


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Edge:
    """An Athena with prepared answers."""

    def __init__(self) -> None:
        client = boto3.client("athena", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
        self.stub, clock = Stubber(client), Clock()
        self.athena = Athena(client, "db", "s3://out/", timeout_seconds=1, sleep=clock.sleep, clock=lambda: clock.now)
        request = {
            "QueryString": "select 1",
            "QueryExecutionContext": {"Database": "db"},
            "ResultConfiguration": {"OutputLocation": "s3://out/"},
            "WorkGroup": "primary",
        }
        self.stub.add_response("start_query_execution", {"QueryExecutionId": QUERY}, request)

    def state(self, state: str, reason: str = "") -> None:
        status = {"State": state} | ({"StateChangeReason": reason} if reason else {})
        answer = {"QueryExecution": {"Status": status}}
        self.stub.add_response("get_query_execution", answer, {"QueryExecutionId": QUERY})

    def page(self, rows: list[list[str | None]], token: str = "", asked: str = "") -> None:
        data = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows]
        columns = [{"Name": "a", "Type": "varchar"}, {"Name": "n", "Type": "integer"}]
        answer: dict[str, Any] = {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": columns}}}
        self.stub.add_response(
            "get_query_results",
            answer | ({"NextToken": token} if token else {}),
            {"QueryExecutionId": QUERY} | ({"NextToken": asked} if asked else {}),
        )


@pytest.fixture
def edge() -> Iterator[Edge]:
    """An Athena whose prepared answers are all asked for."""
    made = Edge()
    with made.stub:
        yield made
        made.stub.assert_no_pending_responses()


def test_rows_of_all_pages_without_the_repeated_names(edge: Edge) -> None:
    for state in ("QUEUED", "RUNNING", "SUCCEEDED"):
        edge.state(state)
    edge.page([["a", "n"], ["x", "1"]], token="next")
    edge.page([[None, "2"], ["a", "n"]], asked="next")
    assert edge.athena.execute("select 1") == ResultSet(
        (ResultColumn("a", "varchar"), ResultColumn("n", "integer")), (("x", "1"), (None, "2"), ("a", "n"))
    )


def test_a_statement_without_names_in_its_first_row_keeps_it(edge: Edge) -> None:
    edge.state("SUCCEEDED")
    edge.page([["orders"]])
    assert edge.athena.execute("select 1").rows == (("orders", None),)


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_query_that_fails_gives_athenas_reason(edge: Edge, state: str) -> None:
    edge.state(state, "TABLE_NOT_FOUND: nowhere")
    with pytest.raises(AwsError, match=f"Athena: query {state.lower()}: TABLE_NOT_FOUND: nowhere"):
        edge.athena.execute("select 1")


def test_a_query_that_does_not_end_is_stopped(edge: Edge) -> None:
    for _ in range(5):
        edge.state("RUNNING")
    edge.stub.add_response("stop_query_execution", {}, {"QueryExecutionId": QUERY})
    with pytest.raises(AwsBusyError, match="did not end within 1 s"):
        edge.athena.execute("select 1")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("bigint", "-7", -7),
        ("tinyint", "7", 7),
        ("decimal", "10.50", Decimal("10.50")),
        ("double", "1.0E-7", 1e-07),
        ("real", "NaN", float("nan")),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("date", "2026-11-20", date(2026, 11, 20)),
        ("timestamp", "2026-11-20 13:05:00.250", datetime(2026, 11, 20, 13, 5, 0, 250000)),  # noqa: DTZ001
        ("varchar", "10", "10"),
        ("array", "[a, b]", "[a, b]"),
        ("bigint", None, None),
    ],
)
def test_texts_of_every_type_become_values(kind: str, text: str | None, value: object) -> None:
    found = read_text(kind, text)
    assert (type(found), repr(found)) == (type(value), repr(value))


def test_rows_have_values(edge: Edge) -> None:
    edge.state("SUCCEEDED")
    edge.page([["a", "n"], ["x", "1"], [None, None]])
    assert edge.athena.rows("select 1") == [("x", 1), (None, None)]
