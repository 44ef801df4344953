"""The protocol of the Redshift Data API, as boto3 speaks it."""

from __future__ import annotations

import re
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.redshift.sessions import MAX_SESSIONS
from localcloud_tests.warehouse.client import TARGET, Sql, plain

pytestmark = pytest.mark.usefixtures("pausing")

if TYPE_CHECKING:
    from collections.abc import Callable

UUID = re.compile(r"[a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}")


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    """Give the code and the message of the exception that a call must raise."""
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def numbers(most: int) -> str:
    """A common table expression of the numbers up to one: Redshift has no function that gives rows."""
    return f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {most})"


def test_a_query_is_described_with_its_facts(sql: Sql) -> None:
    answer = sql.client.execute_statement(Sql="SELECT 1 AS one", StatementName="first", **TARGET)
    assert UUID.fullmatch(answer["Id"])
    assert (answer["Database"], answer["WorkgroupName"]) == ("warehouse", "sluice")

    found = sql.wait(answer["Id"])

    assert found["Status"] == "FINISHED"
    assert found["HasResultSet"] is True
    assert (found["ResultRows"], found["ResultSize"]) == (1, 1)
    assert found["QueryString"] == "SELECT 1 AS one"
    assert found["Duration"] > 10_000
    assert found["RedshiftPid"] > 0
    assert found["RedshiftQueryId"] > 0
    assert "Error" not in found
    assert "SubStatements" not in found
    assert found["UpdatedAt"] >= found["CreatedAt"]


def test_an_sql_error_is_a_failed_statement_and_no_exception(sql: Sql) -> None:
    found = sql.run("SELECT * FROM nowhere")
    assert found["Status"] == "FAILED"
    assert found["Error"].startswith('ERROR: relation "nowhere" does not exist')
    assert found["HasResultSet"] is False
    assert found["ResultRows"] == -1


def test_the_position_of_an_error_is_that_in_the_users_text(sql: Sql) -> None:
    text = "SELECT getdate(), nothing_here"
    assert sql.error(text).endswith(f"Position: {text.index('nothing_here') + 1}")


def test_values_come_back_as_a_typed_union(sql: Sql) -> None:
    found = sql.ok(
        "SELECT 1::smallint AS a, 2::int AS b, 3::bigint AS c, 1.5::real AS d, 2.5::float8 AS e, true AS f,"
        " 1.50::decimal(10,2) AS g, 'x'::varchar(10) AS h, '2026-11-20'::date AS i,"
        " '2026-11-20 13:14:15.5'::timestamp AS j, NULL AS k"
    )
    page = sql.client.get_statement_result(Id=found["Id"])
    assert page["Records"] == [
        [
            {"longValue": 1},
            {"longValue": 2},
            {"longValue": 3},
            {"doubleValue": 1.5},
            {"doubleValue": 2.5},
            {"booleanValue": True},
            {"stringValue": "1.50"},
            {"stringValue": "x"},
            {"stringValue": "2026-11-20"},
            {"stringValue": "2026-11-20 13:14:15.5"},
            {"isNull": True},
        ]
    ]
    types = [(column["typeName"], column["precision"], column["scale"]) for column in page["ColumnMetadata"]]
    assert types == [
        ("int2", 5, 0),
        ("int4", 10, 0),
        ("int8", 19, 0),
        ("float4", 8, 0),
        ("float8", 17, 0),
        ("bool", 1, 0),
        ("numeric", 10, 2),
        ("varchar", 10, 0),
        ("date", 13, 0),
        ("timestamp", 29, 0),
        ("varchar", 65535, 0),
    ]
    assert page["TotalNumRows"] == 1
    assert "NextToken" not in page


def test_column_metadata_names_the_table_and_its_nullability(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT NOT NULL, name VARCHAR(20))")
    found = sql.ok("SELECT id, name, id + 1 AS next FROM t")
    columns = sql.client.get_statement_result(Id=found["Id"])["ColumnMetadata"]
    assert [(c["name"], c["label"], c["schemaName"], c["tableName"], c["nullable"]) for c in columns] == [
        ("id", "id", "public", "t", 0),
        ("name", "name", "public", "t", 1),
        ("next", "next", "", "", 2),
    ]


def test_long_results_come_in_pages(sql: Sql) -> None:
    found = sql.ok(f"{numbers(2500)} SELECT n FROM numbers")
    first = sql.client.get_statement_result(Id=found["Id"])
    assert len(first["Records"]) == 1000
    assert first["TotalNumRows"] == 2500
    assert sql.result(found["Id"]) == [(n,) for n in range(1, 2501)]


def test_a_page_holds_about_a_megabyte(sql: Sql) -> None:
    found = sql.ok(f"{numbers(40)} SELECT repeat('x', 60000) AS text FROM numbers")
    first = sql.client.get_statement_result(Id=found["Id"])
    assert len(first["Records"]) == 17
    assert len(sql.result(found["Id"])) == 40


def test_a_row_above_64_kb_fails_the_statement(sql: Sql) -> None:
    assert "65537 bytes" in sql.error("SELECT repeat('x', 65537)")
    assert sql.rows("SELECT repeat('x', 65536)") == [("x" * 65536,)]


def test_csv_results_are_read_by_the_second_version_of_the_call(sql: Sql) -> None:
    found = sql.ok("SELECT 1 AS n, 'a,\"b' AS s UNION ALL SELECT 2, NULL ORDER BY 1", ResultFormat="CSV")
    page = sql.client.get_statement_result_v2(Id=found["Id"])
    assert page["Records"] == [{"CSVRecords": 'n,s\r\n1,"a,""b"\r\n2,\r\n'}]
    assert (page["ResultFormat"], page["TotalNumRows"]) == ("CSV", 2)
    assert refusal(lambda: sql.client.get_statement_result(Id=found["Id"]))[0] == "ValidationException"
    json_result = sql.ok("SELECT 1")
    assert refusal(lambda: sql.client.get_statement_result_v2(Id=json_result["Id"]))[0] == "ValidationException"


def test_a_statement_without_rows_has_no_result(sql: Sql) -> None:
    found = sql.ok("CREATE TABLE t (id INT)")
    assert found["HasResultSet"] is False
    assert (found["ResultRows"], found["ResultSize"]) == (0, 0)
    code, message = refusal(lambda: sql.client.get_statement_result(Id=found["Id"]))
    assert (code, "does not have result" in message) == ("ResourceNotFoundException", True)


def test_rows_affected_are_counted(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT)")
    assert sql.ok("INSERT INTO t VALUES (1), (2), (3)")["ResultRows"] == 3
    assert sql.ok("UPDATE t SET id = 9 WHERE id > 1")["ResultRows"] == 2
    assert sql.ok("DELETE FROM t")["ResultRows"] == 3


def test_a_batch_shows_its_sub_statements(sql: Sql) -> None:
    found = sql.batch("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (7)", "SELECT id FROM t")
    assert found["ExecutionMode"] == "TRANSACTION"
    assert found["HasResultSet"] is True
    parts = found["SubStatements"]
    assert [part["Id"] for part in parts] == [f"{found['Id']}:{number}" for number in (1, 2, 3)]
    assert [(p["Status"], p["HasResultSet"], p["ResultRows"]) for p in parts] == [
        ("FINISHED", False, 0),
        ("FINISHED", False, 1),
        ("FINISHED", True, 1),
    ]
    assert [p["QueryString"] for p in parts] == [
        "CREATE TABLE t (id INT)",
        "INSERT INTO t VALUES (7)",
        "SELECT id FROM t",
    ]
    assert len({p["RedshiftQueryId"] for p in parts}) == 3
    assert found["Duration"] == sum(p["Duration"] for p in parts)
    assert sql.result(parts[2]["Id"]) == [(7,)]
    code, message = refusal(lambda: sql.client.get_statement_result(Id=found["Id"]))
    assert (code, message) == (
        "ValidationException",
        "BatchExecuteStatement result can only be retrieved with sub-statement id.",
    )


def test_an_unknown_statement_is_not_found(sql: Sql) -> None:
    unknown = str(uuid.uuid4())
    for call in (sql.client.describe_statement, sql.client.get_statement_result, sql.client.cancel_statement):
        assert refusal(partial(call, Id=unknown))[0] == "ResourceNotFoundException"
    found = sql.batch("SELECT 1")
    assert refusal(lambda: sql.client.get_statement_result(Id=f"{found['Id']}:2"))[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "request_",
    [
        {"Sql": "SELECT 1", "Database": "warehouse"},
        {"Sql": "SELECT 1", "WorkgroupName": "sluice"},
        {"Sql": "SELECT 1", "WorkgroupName": "sluice", "ClusterIdentifier": "c", "Database": "warehouse"},
        {"Sql": "SELECT 1", "WorkgroupName": "Not A Name", "Database": "warehouse"},
        {"Sql": "SELECT 1; SELECT 2", **TARGET},
        {"Sql": " -- nothing\n ; ", **TARGET},
        {"Sql": f"SELECT '{'x' * 102_400}'", **TARGET},
        {"Sql": "SELECT 1", "StatementName": "x" * 2049, **TARGET},
        {"Sql": "SELECT 1", "ClientToken": "x" * 65, **TARGET},
        {"Sql": "SELECT 1", "WaitTimeSeconds": 31, **TARGET},
        {"Sql": "SELECT 1", "ResultFormat": "XML", **TARGET},
        {"Sql": "SELECT 1", "SessionKeepAliveSeconds": 86_401, **TARGET},
        {"Sql": "SELECT 1", "SessionId": str(uuid.uuid4()), **TARGET},
        {"Sql": "SELECT 1", "DbUser": "someone", **TARGET},
    ],
)
def test_misuse_is_a_validation_exception(sql: Sql, request_: dict[str, Any]) -> None:
    before = sql.client.list_statements(Status="ALL")["Statements"][0]["Id"]
    assert refusal(lambda: sql.client.execute_statement(**request_))[0] == "ValidationException"
    assert sql.client.list_statements(Status="ALL")["Statements"][0]["Id"] == before


def test_a_batch_has_1_to_40_statements(sql: Sql) -> None:
    assert len(sql.batch(*["SELECT 1"] * 40)["SubStatements"]) == 40
    code, message = refusal(lambda: sql.run_batch(*["SELECT 1"] * 41))
    assert (code, "41" in message) == ("ValidationException", True)
    assert refusal(lambda: sql.run_batch("SELECT 1", "SELECT 2; SELECT 3"))[0] == "ValidationException"


def test_a_statement_of_exactly_100_kb_runs(sql: Sql) -> None:
    text = "SELECT 1 AS n --"
    assert sql.rows(text + "x" * (102_400 - len(text))) == [(1,)]


def test_semicolons_in_strings_comments_and_at_the_end_are_no_second_statement(sql: Sql) -> None:
    assert sql.rows("SELECT ';' AS a /* ; */ -- ;\n;") == [(";",)]


def test_another_database_fails_the_statement(sql: Sql) -> None:
    found = sql.wait(sql.client.execute_statement(Sql="SELECT 1", WorkgroupName="sluice", Database="dev")["Id"])
    assert (found["Status"], found["Error"]) == ("FAILED", 'ERROR: database "dev" does not exist')


def test_a_cluster_does_as_well_as_a_workgroup(sql: Sql) -> None:
    answer = sql.client.execute_statement(
        Sql="SELECT 1", ClusterIdentifier="my-cluster", DbUser="sluice", Database="warehouse"
    )
    assert (answer["ClusterIdentifier"], answer["DbUser"]) == ("my-cluster", "sluice")
    assert sql.wait(answer["Id"])["Status"] == "FINISHED"


def test_waiting_on_submit_answers_when_the_statement_is_through(sql: Sql) -> None:
    answer = sql.client.execute_statement(Sql="SELECT pause(0.3)", WaitTimeSeconds=10, **TARGET)
    assert (answer["Status"], answer["HasResultSet"]) == ("FINISHED", True)
    assert answer["RedshiftPid"] > 0


def test_waiting_ends_when_the_time_is_over(sql: Sql) -> None:
    started = time.monotonic()
    answer = sql.client.execute_statement(Sql="SELECT pause(20)", WaitTimeSeconds=1, **TARGET)
    assert 0.9 < time.monotonic() - started < 5
    assert answer["Status"] == "STARTED"
    assert sql.client.cancel_statement(Id=answer["Id"])["Status"] is True
    assert sql.wait(answer["Id"])["Status"] == "ABORTED"


def test_without_waiting_the_answer_comes_before_the_result(sql: Sql) -> None:
    answer = sql.client.execute_statement(Sql="SELECT pause(0.5)", **TARGET)
    assert answer["Status"] in {"SUBMITTED", "PICKED", "STARTED"}
    assert sql.client.describe_statement(Id=answer["Id"])["Status"] in {"SUBMITTED", "PICKED", "STARTED"}
    assert refusal(lambda: sql.client.get_statement_result(Id=answer["Id"]))[0] == "ResourceNotFoundException"
    waited = sql.client.get_statement_result(Id=answer["Id"], WaitTimeSeconds=10)
    assert waited["TotalNumRows"] == 1


def test_cancelling_rolls_back_and_what_is_through_cannot_be_cancelled(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT)")
    batch = sql.client.batch_execute_statement(
        Sqls=["INSERT INTO t VALUES (1)", "SELECT pause(20)", "INSERT INTO t VALUES (2)"], **TARGET
    )
    while sql.client.describe_statement(Id=batch["Id"])["SubStatements"][1]["Status"] != "STARTED":
        time.sleep(0.02)
    time.sleep(0.2)
    sql.client.cancel_statement(Id=batch["Id"])
    found = sql.wait(batch["Id"])
    assert found["Status"] == "ABORTED"
    assert [part["Status"] for part in found["SubStatements"]] == ["FINISHED", "ABORTED", "ABORTED"]
    assert sql.rows("SELECT count(*) FROM t") == [(0,)]
    assert refusal(lambda: sql.client.cancel_statement(Id=batch["Id"]))[0] == "ValidationException"


def test_a_client_token_makes_a_repeated_request_the_same_statement(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (id INT)")
    token = uuid.uuid4().hex
    first = sql.ok("INSERT INTO t VALUES (1)", ClientToken=token)
    again = sql.ok("INSERT INTO t VALUES (1)", ClientToken=token)
    assert again["Id"] == first["Id"]
    assert sql.rows("SELECT count(*) FROM t") == [(1,)]
    assert refusal(lambda: sql.run("INSERT INTO t VALUES (2)", ClientToken=token))[0] == "ValidationException"
    assert sql.rows("SELECT count(*) FROM t") == [(1,)]


def test_parameters_are_values(sql: Sql) -> None:
    parameters = [{"name": "name", "value": "O'Neil \\ :id"}, {"name": "id", "value": "7"}]
    found = sql.ok("SELECT :name AS name, 1 + :id AS n, ':id' AS literal", Parameters=parameters)
    assert sql.result(found["Id"]) == [("O'Neil \\ :id", 8, ":id")]
    assert found["QueryParameters"] == parameters
    assert found["QueryString"] == "SELECT :name AS name, 1 + :id AS n, ':id' AS literal"


def test_parameters_of_a_batch_are_shared(sql: Sql) -> None:
    sql.batch(
        "CREATE TABLE t (id INT, day DATE)",
        "INSERT INTO t VALUES (:id, :day)",
        "INSERT INTO t SELECT id + 1, day + 1 FROM t WHERE id = :id AND day = :day",
        Parameters=[{"name": "id", "value": "1"}, {"name": "day", "value": "2026-11-20"}],
    )
    assert sql.rows("SELECT id, day FROM t ORDER BY id") == [(1, "2026-11-20"), (2, "2026-11-21")]


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("SELECT 1", [{"name": "unused", "value": "1"}]),
        ("SELECT :a, :b", [{"name": "a", "value": "1"}]),
        ("SELECT :a", [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]),
    ],
)
def test_parameters_must_fit_the_statement(sql: Sql, text: str, parameters: list[dict[str, str]]) -> None:
    assert refusal(lambda: sql.run(text, Parameters=parameters))[0] == "ValidationException"


def test_parameters_are_no_identifiers_and_not_for_utility_statements(sql: Sql, bucket: str) -> None:
    sql.ok("CREATE TABLE t (id INT)")
    table = [{"name": "t", "value": "t"}]
    assert "syntax error" in sql.error("SELECT * FROM :t", Parameters=table)
    assert "syntax error" in sql.error("TRUNCATE :t", Parameters=table)
    copy = "COPY t FROM :t IAM_ROLE default FORMAT PARQUET"
    assert "syntax error" in sql.error(copy, Parameters=[{"name": "t", "value": f"s3://{bucket}/x"}])


def test_a_placeholder_without_parameters_is_an_sql_error(sql: Sql) -> None:
    assert 'syntax error at or near ":"' in sql.error("SELECT :a")


def test_without_a_session_temporary_tables_end_with_the_call(sql: Sql) -> None:
    sql.ok("CREATE TEMP TABLE s (id INT)")
    assert 'relation "s" does not exist' in sql.error("SELECT * FROM s")
    assert sql.batch("CREATE TEMP TABLE s (id INT)", "INSERT INTO s VALUES (1)", "SELECT * FROM s")


def test_a_session_keeps_temporary_tables_and_transactions(sql: Sql) -> None:
    first = sql.client.execute_statement(
        Sql="CREATE TEMP TABLE s (id INT)", SessionKeepAliveSeconds=60, WaitTimeSeconds=10, **TARGET
    )
    session = {"SessionId": first["SessionId"]}
    assert sql.ok("INSERT INTO s VALUES (1)", **session)["RedshiftPid"] == first["RedshiftPid"]
    sql.ok("BEGIN", **session)
    sql.ok("INSERT INTO s VALUES (2)", **session)
    sql.ok("ROLLBACK", **session)
    assert sql.rows("SELECT id FROM s", **session) == [(1,)]


def test_a_session_runs_one_statement_at_a_time_and_ends(sql: Sql) -> None:
    first = sql.client.execute_statement(Sql="SELECT pause(20)", SessionKeepAliveSeconds=1, **TARGET)
    session = first["SessionId"]
    code, message = refusal(lambda: sql.client.execute_statement(Sql="SELECT 1", SessionId=session))
    assert (code, "busy" in message) == ("ValidationException", True)
    sql.client.cancel_statement(Id=first["Id"])
    assert sql.wait(first["Id"])["Status"] == "ABORTED"
    assert sql.rows("SELECT 1", SessionId=session) == [(1,)]
    time.sleep(1.2)
    refused = refusal(lambda: sql.client.execute_statement(Sql="SELECT 1", SessionId=session))
    assert refused[0] == "ResourceNotFoundException"


def test_transaction_control_outside_a_session_is_refused(sql: Sql) -> None:
    assert "not supported by the local stand-in" in sql.error("BEGIN")
    assert "not supported by the local stand-in" in sql.batch_error("BEGIN", "SELECT 1", "COMMIT")


def test_list_statements_shows_finished_ones_newest_first_by_name_prefix(sql: Sql) -> None:
    prefix = uuid.uuid4().hex
    ids = [
        sql.run(text, StatementName=f"{prefix}-{n}")["Id"]
        for n, text in enumerate(["SELECT 1", "SELECT x", "SELECT 3"])
    ]
    batch = sql.run_batch("SELECT 4", "SELECT 5", StatementName=f"{prefix}-b")["Id"]

    def listed(**options: Any) -> list[str]:
        return [item["Id"] for item in sql.client.list_statements(StatementName=prefix, **options)["Statements"]]

    assert listed() == [batch, ids[2], ids[0]]
    assert listed(Status="ALL") == [batch, *reversed(ids)]
    assert listed(Status="FAILED") == [ids[1]]
    page = sql.client.list_statements(StatementName=prefix, MaxResults=2)
    following = sql.client.list_statements(StatementName=prefix, MaxResults=2, NextToken=page["NextToken"])
    assert [item["Id"] for item in (*page["Statements"], *following["Statements"])] == [batch, ids[2], ids[0]]
    assert page["Statements"][0]["QueryStrings"] == ["SELECT 4", "SELECT 5"]
    assert page["Statements"][0]["IsBatchStatement"] is True
    assert page["Statements"][1]["QueryString"] == "SELECT 3"


def test_the_catalog_can_be_listed(sql: Sql) -> None:
    sql.batch("CREATE SCHEMA sluice", "CREATE TABLE sluice.orders (id BIGINT NOT NULL, total DECIMAL(12,2) DEFAULT 0)")
    client = sql.client
    assert client.list_databases(**TARGET)["Databases"] == ["warehouse"]
    assert client.list_schemas(SchemaPattern="sl%", **TARGET)["Schemas"] == ["sluice"]
    assert client.list_tables(SchemaPattern="sluice", TablePattern="or%", **TARGET)["Tables"] == [
        {"name": "orders", "schema": "sluice", "type": "TABLE"}
    ]
    table = client.describe_table(Schema="sluice", Table="orders", **TARGET)
    assert table["TableName"] == "orders"
    columns = [(c["name"], c["typeName"], c["nullable"], c["precision"], c["scale"]) for c in table["ColumnList"]]
    assert columns == [("id", "bigint", 0, 64, 0), ("total", "numeric", 1, 12, 2)]


def test_many_statements_at_once_keep_their_results_apart(sql: Sql) -> None:
    ids = [sql.client.execute_statement(Sql=f"SELECT {n} FROM pause(0.1)", **TARGET)["Id"] for n in range(60)]
    assert [sql.result(sql.wait(found)["Id"]) for found in ids] == [[(n,)] for n in range(60)]


def test_plain_refuses_a_field_with_two_kinds() -> None:
    with pytest.raises(ValueError, match="too many values"):
        plain({"longValue": 1, "stringValue": "1"})


def test_as_many_sessions_as_documented_find_a_connection(sql: Sql) -> None:
    ((most,),) = sql.rows("SHOW max_connections")
    assert int(most) > MAX_SESSIONS
