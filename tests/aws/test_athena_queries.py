"""Queries by the API: states, results, workgroups, limits and refusals."""

import time
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from localcloud_tests.aws.cloud import Aws
from localcloud_tests.aws.queries import ENDLESS, Queries
from sluice.aws.athena import Athena
from sluice.errors import AwsError

NO_LOCATION = (
    "No output location provided. An output location is required either through the Workgroup result "
    "configuration setting or as an API input."
)
numbers = pa.table({"n": pa.array(range(5000), pa.int64())})


@pytest.fixture(scope="module")
def lake(aws: Aws) -> Queries:
    queries = Queries(aws, aws.make_bucket("athena-queries"))
    queries.create_database()
    queries.create_table("t", {"n": "bigint"})
    queries.put("t/a.parquet", numbers)
    return queries


def refusal(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_pages_of_a_result_and_its_file(lake: Queries) -> None:
    query_id = lake.start("SELECT n, nullif(n, 1) AS m FROM t ORDER BY n")
    execution = lake.wait(query_id)
    client = lake.aws.client("athena")
    first = client.get_query_results(QueryExecutionId=query_id)
    rows = first["ResultSet"]["Rows"]
    # The first row of the first page has the names, and counts.
    assert len(rows) == 1000
    assert rows[0] == {"Data": [{"VarCharValue": "n"}, {"VarCharValue": "m"}]}
    assert rows[2] == {"Data": [{"VarCharValue": "1"}, {}]}
    second = client.get_query_results(QueryExecutionId=query_id, NextToken=first["NextToken"], MaxResults=2)
    assert [row["Data"][0]["VarCharValue"] for row in second["ResultSet"]["Rows"]] == ["999", "1000"]
    assert len(lake.run("SELECT n FROM t").rows) == 5000
    location = f"s3://{lake.bucket}/_results/{query_id}.csv"
    assert execution["ResultConfiguration"]["OutputLocation"] == location
    body = lake.aws.body(lake.bucket, f"_results/{query_id}.csv").decode()
    assert body.splitlines()[:3] == ['"n","m"', '"0","0"', '"1",']
    assert execution["StatementType"] == "DML"
    assert execution["Status"]["CompletionDateTime"] >= execution["Status"]["SubmissionDateTime"]


def test_a_column_says_what_it_holds(lake: Queries) -> None:
    query_id = lake.start("SELECT CAST(1.5 AS decimal(10,2)) AS d, 'a' AS s, 1 AS i, true AS b")
    lake.wait(query_id)
    result = lake.aws.client("athena").get_query_results(QueryExecutionId=query_id)["ResultSet"]
    found = [
        (info["Name"], info["Type"], info["Precision"], info["Scale"], info["CaseSensitive"])
        for info in result["ResultSetMetadata"]["ColumnInfo"]
    ]
    assert found == [
        ("d", "decimal", 10, 2, False),
        ("s", "varchar", 2147483647, 0, True),
        ("i", "integer", 10, 0, False),
        ("b", "boolean", 0, 0, False),
    ]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT * FROM nosuch",
         "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.athena-queries.nosuch' does not exist"),
        ("SELECT * FROM other.t", "TABLE_NOT_FOUND: line 1:21: Table 'awsdatacatalog.other.t' does not exist"),
        ('SELECT * FROM "t$partitions"',
         "TABLE_NOT_FOUND: Table 'awsdatacatalog.athena-queries.t$partitions' does not exist"),
        ("SELECT m FROM t", "COLUMN_NOT_FOUND: line 1:8: Column 'm' cannot be resolved"),
        ("SELECT t.m FROM t", "COLUMN_NOT_FOUND: line 1:10: Column 't.m' cannot be resolved"),
        ("SELECT FROM t WHERE", "SYNTAX_ERROR: line 1:15: mismatched input 'WHERE'"),
        ("SELECT 1 FROM t WHERE n = '1'", "TYPE_MISMATCH: Cannot apply operator: bigint = varchar"),
        ("SELECT 1 / (n - n) FROM t", "DIVISION_BY_ZERO: Division by zero"),
        ("DELETE FROM t",
         "NOT_SUPPORTED: DELETE, which is for Iceberg tables only, is not in the local stand-in of Athena"),
    ],
)  # fmt: skip
def test_a_query_that_fails(lake: Queries, sql: str, reason: str) -> None:
    ended = lake.run(sql)
    assert ended.state == f"FAILED {reason}"
    assert ended.execution["Status"]["AthenaError"]["ErrorMessage"] == reason
    query_id = ended.execution["QueryExecutionId"]
    message = refusal(lake.aws.client("athena").get_query_results, QueryExecutionId=query_id)
    assert message == "InvalidRequestException: Query did not finish successfully. Final query state: FAILED"


def test_an_endless_query_stops_nobody_else_and_is_stopped(lake: Queries) -> None:
    query_id = lake.start(ENDLESS)
    began = time.monotonic()
    assert lake.rows("SELECT count(*) FROM t") == [("5000",)]
    assert time.monotonic() - began < 20
    assert lake.get(query_id)["Status"]["State"] == "RUNNING"
    client = lake.aws.client("athena")
    message = refusal(client.get_query_results, QueryExecutionId=query_id)
    assert message == "InvalidRequestException: Query has not yet finished. Current state: RUNNING"
    client.stop_query_execution(QueryExecutionId=query_id)
    status = lake.get(query_id)["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Query cancelled by user")
    # Stopping what has ended changes nothing.
    client.stop_query_execution(QueryExecutionId=query_id)
    assert lake.get(query_id)["Status"] == status


def test_the_same_token_is_the_same_query(lake: Queries) -> None:
    token = "a-token-of-at-least-thirty-two-characters"
    first = lake.start("SELECT 1", ClientRequestToken=token)
    assert lake.start("SELECT 1", ClientRequestToken=token) == first
    result = {"OutputLocation": f"s3://{lake.bucket}/"}
    message = refusal(
        lake.aws.client("athena").start_query_execution,
        QueryString="SELECT 2",
        ClientRequestToken=token,
        ResultConfiguration=result,
    )
    assert message == "InvalidRequestException: Idempotent parameters do not match"


def test_the_workgroups_place_of_results(lake: Queries) -> None:
    client = lake.aws.client("athena")
    place = {"OutputLocation": f"s3://{lake.bucket}/workgroup"}
    for name, is_enforced in (("strict", True), ("lenient", False)):
        configuration = {"EnforceWorkGroupConfiguration": is_enforced, "ResultConfiguration": place}
        client.create_work_group(Name=name, Configuration=configuration)
    own = {"OutputLocation": f"s3://{lake.bucket}/own/"}
    for workgroup, result, folder in (
        ("strict", own, "workgroup"),
        ("lenient", own, "own"),
        ("lenient", {}, "workgroup"),
    ):
        query_id = lake.start("SELECT 1", WorkGroup=workgroup, ResultConfiguration=result)
        execution = lake.wait(query_id)
        location = f"s3://{lake.bucket}/{folder}/{query_id}.csv"
        assert execution["ResultConfiguration"]["OutputLocation"] == location
        assert lake.aws.keys(lake.bucket, f"{folder}/{query_id}") == [f"{folder}/{query_id}.csv"]
        assert execution["WorkGroup"] == workgroup


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"WorkGroup": "nosuch"}, "WorkGroup nosuch is not found."),
        ({"ResultConfiguration": {}}, NO_LOCATION),
        ({"ResultConfiguration": {"OutputLocation": "s3://no-such-bucket/"}},
         "Unable to verify/create output bucket no-such-bucket"),
        ({"ResultConfiguration": {"OutputLocation": "/tmp/"}}, "outputLocation is not a valid S3 path: /tmp/"),
    ],
)  # fmt: skip
def test_a_query_that_is_not_taken(lake: Queries, request_: dict[str, Any], message: str) -> None:
    client = lake.aws.client("athena")
    before = client.list_query_executions()["QueryExecutionIds"]
    with pytest.raises(ClientError) as refused:
        lake.start("SELECT 1", **request_)
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"
    assert refused.value.response["Error"]["Message"] == message
    assert client.list_query_executions()["QueryExecutionIds"] == before


def test_a_query_that_would_scan_too_much_is_cancelled(lake: Queries) -> None:
    random_bytes = pa.array([bytes([n % 251]) * 1000 + n.to_bytes(8, "big") for n in range(12_000)])
    lake.create_table("big", {"b": "binary", "n": "bigint"})
    table = pa.table({"b": random_bytes, "n": pa.array(range(12_000), pa.int64())})
    lake.put("big/a.parquet", table, compression="none", use_dictionary=False)
    lake.aws.client("athena").create_work_group(
        Name="thrifty", Configuration={"BytesScannedCutoffPerQuery": 10_000_000}
    )
    assert lake.run("SELECT max(b) FROM big", WorkGroup="thrifty").state == (
        "CANCELLED Bytes scanned limit was exceeded"
    )
    assert lake.run("SELECT max(n) FROM big", WorkGroup="thrifty").rows == (("11999",),)
    assert lake.run("SELECT max(b) FROM big").scanned > 12_000_000


def test_parameters_and_prepared_statements(lake: Queries) -> None:
    sql = "SELECT n FROM t WHERE n = ? OR n = ?"
    assert lake.rows(f"{sql} ORDER BY 1", ExecutionParameters=["3", "2 + 2"]) == [("3",), ("4",)]
    client = lake.aws.client("athena")
    client.create_prepared_statement(StatementName="pick", WorkGroup="primary", QueryStatement=sql)
    assert sorted(lake.rows("EXECUTE pick USING 7, greatest(1, 8)")) == [("7",), ("8",)]
    assert lake.run("EXECUTE nosuch").state == "FAILED NOT_FOUND: Prepared statement not found: nosuch"


def test_sluices_door(lake: Queries) -> None:
    athena = Athena(lake.aws.client("athena"), lake.bucket, f"s3://{lake.bucket}/_results/")
    found = athena.execute("SELECT count(*), max(n) AS most FROM t")
    assert [column.name for column in found.columns] == ["_col0", "most"]
    assert found.rows == (("5000", "4999"),)
    assert athena.execute("SHOW TABLES 't'").rows == (("t",),)
    with pytest.raises(AwsError, match="COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved"):
        athena.execute("SELECT x FROM t")
