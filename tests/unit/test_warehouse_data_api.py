"""The Data API's client: what it asks, how it waits, how it reads, and what it makes of errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ParamValidationError
from botocore.stub import ANY, Stubber

from glue_jobs.loading.context import WAITING_SECONDS
from sluice.aws.data_api import MAX_STATEMENT_BYTES, Address, DataApi, client_token
from sluice.aws.data_api_values import ResultColumn, read_records
from sluice.backoff import Backoff
from sluice.errors import AwsBusyError, AwsError, WarehouseBusyError, WarehouseError
from sluice.settings import Settings
from tests.runtime_models import runtime_client

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient

ID = "0b111111-2222-3333-4444-555555555555"
SUBMITTED = {"Id": ID, "Status": "SUBMITTED", "HasResultSet": False}
PLACE = {"Database": "warehouse", "WorkgroupName": "sluice"}
ASKED = {"Sql": "SELECT 1", **PLACE, "StatementName": "query", "ClientToken": ANY, "WaitTimeSeconds": 20}
DESCRIBE = {"Id": ID, "WaitTimeSeconds": 20}


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def client() -> RedshiftDataAPIServiceClient:
    return boto3.client(
        "redshift-data",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def stub(client: RedshiftDataAPIServiceClient) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(client: RedshiftDataAPIServiceClient, clock: Clock) -> DataApi:
    backoff = Backoff(attempts=3, base_seconds=1, sleep=clock.sleep, random=lambda: 1.0)
    return DataApi(client, Address("warehouse", workgroup="sluice"), backoff, 100, lambda: clock.now)


def described(status: str, **more: Any) -> dict[str, Any]:
    return {"Id": ID, "Status": status, **more}


def test_a_statement_is_waited_for_and_its_pages_are_read(stub: Stubber, api: DataApi, clock: Clock) -> None:
    metadata = [{"name": "n", "label": "n", "typeName": "int4"}, {"name": "p", "label": "price", "typeName": "numeric"}]
    page = {"ColumnMetadata": metadata, "TotalNumRows": 2}
    stub.add_response("execute_statement", SUBMITTED, ASKED)
    stub.add_response("describe_statement", described("STARTED"), DESCRIBE)
    stub.add_response("describe_statement", described("FINISHED", HasResultSet=True), DESCRIBE)
    first, second = [[{"longValue": 1}, {"stringValue": "1.50"}]], [[{"longValue": 2}, {"isNull": True}]]
    stub.add_response("get_statement_result", {**page, "Records": first, "NextToken": "more"}, {"Id": ID})
    stub.add_response("get_statement_result", {**page, "Records": second}, {"Id": ID, "NextToken": "more"})

    result = api.execute("SELECT 1")

    assert result.columns == (ResultColumn("n", "int4"), ResultColumn("price", "numeric"))
    assert result.rows == ((1, Decimal("1.50")), (2, None))
    assert clock.slept == [0.05]


def test_a_statement_that_is_through_at_once_is_not_asked_for_again(stub: Stubber, api: DataApi) -> None:
    stub.add_response("execute_statement", described("FINISHED", HasResultSet=False), ASKED)

    assert api.rows("SELECT 1") == []


def test_a_transaction_carries_its_token(stub: Stubber, api: DataApi) -> None:
    stub.add_response(
        "batch_execute_statement",
        described("FINISHED", HasResultSet=False),
        {
            "Sqls": ["A", "B"],
            **PLACE,
            "StatementName": "merge",
            "ClientToken": "token",
            "WaitTimeSeconds": 20,
        },
    )

    api.transaction(["A", "B"], label="merge", token="token")


def test_every_request_is_known_to_the_botocore_of_glue_6(clock: Clock) -> None:
    """Glue 6.0 has 1.42.84: no ``Parameters`` of a batch, no long poll."""
    old = runtime_client(
        "redshift-data",
        "1.42.84",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    api = DataApi(old, Address("warehouse", workgroup="sluice"), Backoff(attempts=1), 2, lambda: clock.now)
    asked = {key: value for key, value in ASKED.items() if key != "WaitTimeSeconds"}
    with Stubber(old) as stub:
        batch = {key: value for key, value in asked.items() if key != "Sql"} | {"Sqls": ["A", "B"]}
        stub.add_response("batch_execute_statement", {"Id": ID}, batch)
        stub.add_response("describe_statement", described("FINISHED", HasResultSet=False), {"Id": ID})
        with_parameter = {**asked, "Sql": "SELECT :x", "Parameters": [{"name": "x", "value": "1"}]}
        stub.add_response("execute_statement", {"Id": ID}, with_parameter)
        stub.add_response("describe_statement", described("FINISHED", HasResultSet=True), {"Id": ID})
        stub.add_response("get_statement_result", {"ColumnMetadata": [], "Records": []}, {"Id": ID})

        api.transaction(["A", "B"], label="query")
        assert api.rows("SELECT :x", {"x": "1"}) == []
    with pytest.raises(ParamValidationError, match='Unknown parameter in input: "Parameters"'):
        old.batch_execute_statement(**PLACE, Sqls=["A :x"], Parameters=[{"name": "x", "value": "1"}])


def test_a_cluster_is_named_by_its_identifier(stub: Stubber, client: RedshiftDataAPIServiceClient) -> None:
    api = DataApi(client, Address.from_settings(Settings(warehouse_cluster="big", warehouse_database="db")))
    asked = {key: value for key, value in ASKED.items() if key != "WorkgroupName"}
    stub.add_response(
        "execute_statement",
        described("FINISHED", HasResultSet=False),
        {**asked, "Database": "db", "ClusterIdentifier": "big"},
    )

    api.execute("SELECT 1")


def test_settings_without_a_warehouse_are_refused() -> None:
    with pytest.raises(WarehouseError, match="neither warehouse_workgroup nor warehouse_cluster"):
        Address.from_settings(Settings(warehouse_workgroup=""))


@pytest.mark.parametrize(
    "text",
    [
        "ERROR: 1023 Serializable isolation violation on table - 100182, transactions forming the cycle are: 1, 2",
        "ERROR: 1018 DETAIL: Relation does not exist.",
        "ERROR: deadlock detected Detail: Process 1 waits for AccessExclusiveLock",
        "ERROR: could not complete because of conflict with concurrent transaction",
        "ERROR: could not serialize access due to concurrent update",
        "ERROR: connection to the compute node was lost",
        "FATAL: terminating connection due to administrator command",
        "ERROR: S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown,Rid 1",
        "ERROR: Query (12) cancelled by WLM abort action: system requested abort query",
        'ERROR: duplicate key value violates unique constraint "pg_namespace_nspname_index"',
        'ERROR: type "load_dates" already exists',
        'ERROR: relation "sluice.stage_orders_0a1b" does not exist',
        'ERROR: Relation "load_audit" already exists',
    ],
)
def test_errors_that_may_go_away_are_busy_errors(stub: Stubber, api: DataApi, text: str) -> None:
    stub.add_response("execute_statement", SUBMITTED, ASKED)
    stub.add_response("describe_statement", described("FAILED", Error=text), DESCRIBE)

    with pytest.raises(WarehouseBusyError) as caught:
        api.execute("SELECT 1")
    assert str(caught.value) == f"query: {text}"


@pytest.mark.parametrize(
    "text",
    [
        'ERROR: relation "public.x" does not exist',
        "ERROR: value 1023 is out of range for type smallint",
        'ERROR: column "deadlock" does not exist',
        "ERROR: Found multiple matches to update the same tuple.",
        "ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied",
        'ERROR: duplicate key value violates unique constraint "orders_pkey"',
        'ERROR: column "a" of relation "t" already exists',
        "ERROR: permission denied for schema sluice",
    ],
)
def test_all_other_errors_stay(stub: Stubber, api: DataApi, text: str) -> None:
    stub.add_response("execute_statement", SUBMITTED, ASKED)
    stub.add_response("describe_statement", described("FAILED", Error=text), DESCRIBE)

    with pytest.raises(WarehouseError) as caught:
        api.execute("SELECT 1")
    assert str(caught.value) == f"query: {text}"


def test_the_message_of_a_failed_transaction_names_the_statement(stub: Stubber, api: DataApi) -> None:
    parts = [{"Id": f"{ID}:{n}", "Status": s} for n, s in ((1, "FINISHED"), (2, "FAILED"), (3, "ABORTED"))]
    stub.add_response("batch_execute_statement", SUBMITTED, None)
    stub.add_response(
        "describe_statement", described("FAILED", Error="ERROR: syntax\n  error", SubStatements=parts), DESCRIBE
    )

    with pytest.raises(WarehouseError) as caught:
        api.transaction(["A", "B", "C"], label="table t: stage")
    assert str(caught.value) == "table t: stage: statement 2 of 3: ERROR: syntax error"


def test_a_statement_that_somebody_stopped_may_be_tried_again(stub: Stubber, api: DataApi) -> None:
    stub.add_response("execute_statement", SUBMITTED, ASKED)
    stub.add_response("describe_statement", described("ABORTED"), DESCRIBE)

    with pytest.raises(WarehouseBusyError, match="query: the statement ended as ABORTED"):
        api.execute("SELECT 1")


def test_a_busy_api_is_asked_again_with_the_same_token(stub: Stubber, api: DataApi, clock: Clock) -> None:
    asked = {**ASKED, "ClientToken": "token"}
    for code in ("ThrottlingException", "ActiveStatementsExceededException"):
        stub.add_client_error("execute_statement", code, http_status_code=400, expected_params=asked)
    stub.add_response("execute_statement", described("FINISHED", HasResultSet=False), asked)

    api.execute("SELECT 1", token="token")

    assert clock.slept == [1.0, 2.0]


def test_an_api_that_stays_busy_is_a_transient_error(stub: Stubber, api: DataApi) -> None:
    for _ in range(3):
        stub.add_client_error("execute_statement", "InternalServerException", http_status_code=500)

    with pytest.raises(AwsBusyError, match="InternalServerException"):
        api.execute("SELECT 1")


def test_a_refusal_of_the_api_is_not_tried_again(stub: Stubber, api: DataApi, clock: Clock) -> None:
    stub.add_client_error("execute_statement", "AccessDeniedException", http_status_code=400)

    with pytest.raises(AwsError, match="AccessDeniedException"):
        api.execute("SELECT 1")
    assert clock.slept == []


def test_a_statement_that_does_not_end_is_cancelled(stub: Stubber, api: DataApi, clock: Clock) -> None:
    stub.add_response("execute_statement", SUBMITTED, ASKED)
    doubling_pauses, longest_pauses = 7, 20  # 0.05 s, 0.1 s ... 3.2 s, then 5 s each
    for _ in range(doubling_pauses + longest_pauses):
        stub.add_response("describe_statement", described("STARTED"), DESCRIBE)
    stub.add_response("cancel_statement", {"Status": True}, {"Id": ID})

    with pytest.raises(WarehouseBusyError, match="query: cancelled, it did not end within 100 s"):
        api.execute("SELECT 1")
    assert 100 < clock.now < 106


def test_near_the_end_of_its_process_a_statement_is_cancelled_early(
    stub: Stubber, client: RedshiftDataAPIServiceClient, clock: Clock
) -> None:
    backoff = Backoff(attempts=3, base_seconds=1, sleep=clock.sleep, random=lambda: 1.0)
    api = DataApi(client, Address("warehouse", workgroup="sluice"), backoff, 100, lambda: clock.now, ends_at=60)
    clock.now = 20.0
    stub.add_response("execute_statement", SUBMITTED, ASKED)
    doubling_pauses, longest_pauses = 7, 8
    for _ in range(doubling_pauses + longest_pauses):
        stub.add_response("describe_statement", described("STARTED"), DESCRIBE)
    stub.add_response("cancel_statement", {"Status": True}, {"Id": ID})

    with pytest.raises(WarehouseBusyError, match="query: cancelled, it did not end within 40 s"):
        api.execute("SELECT 1")
    assert 60 < clock.now < 66


def test_statements_that_only_look_are_waited_for_after_the_end(stub: Stubber, api: DataApi, clock: Clock) -> None:
    late = replace(api, ends_at=1.0)
    clock.now = 50.0
    stub.add_response("execute_statement", SUBMITTED, ASKED)
    stub.add_response("describe_statement", described("STARTED"), DESCRIBE)
    stub.add_response("describe_statement", described("FINISHED", HasResultSet=False), DESCRIBE)

    assert late.rows("SELECT 1") == []


def test_a_load_run_gives_up_before_glue_ends_it() -> None:
    stack = json.loads((Path(__file__).parents[2] / "terraform" / "stack.json").read_text(encoding="utf-8"))
    seconds = stack["glue"]["jobs"]["load"]["timeout_minutes"] * 60
    assert seconds - 5 * 60 >= WAITING_SECONDS


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([], "0 statements; a transaction has 1 to 40"),
        (["A"] * 41, "41 statements; a transaction has 1 to 40"),
        (
            ["A", "ä" * (MAX_STATEMENT_BYTES // 2 + 1)],
            "statement 2 has 100002 bytes; the Data API takes at most 100000",
        ),
    ],
)
def test_what_the_api_would_refuse_is_not_sent(
    stub: Stubber, api: DataApi, statements: list[str], message: str
) -> None:
    with pytest.raises(WarehouseError) as caught:
        api.transaction(statements, label="merge")
    assert str(caught.value) == f"merge: {message}"


def test_an_empty_value_is_not_sent(stub: Stubber, api: DataApi) -> None:
    with pytest.raises(WarehouseError) as caught:
        api.execute("A :x", {"x": ""})
    assert str(caught.value) == "query: parameter x is empty; the Data API takes no empty text"


def test_tokens_are_the_same_for_the_same_parts_only() -> None:
    assert client_token("a", "b") == client_token("a", "b")
    assert len({client_token("a", "b"), client_token("ab"), client_token("b", "a"), client_token("a", "b", "")}) == 4
    assert len(client_token("a")) == 64


def test_values_have_their_types() -> None:
    cases: list[tuple[str, dict[str, Any], Any]] = [
        ("int8", {"longValue": 2**62}, 2**62),
        ("bool", {"booleanValue": False}, False),
        ("float8", {"doubleValue": 0.5}, 0.5),
        ("numeric", {"stringValue": "-0.10"}, Decimal("-0.10")),
        ("date", {"stringValue": "2026-11-20"}, date(2026, 11, 20)),
        ("time", {"stringValue": "13:01:02"}, time(13, 1, 2)),
        ("timestamp", {"stringValue": "2026-11-20 13:01:02.5"}, datetime.fromisoformat("2026-11-20T13:01:02.500000")),
        ("timestamptz", {"stringValue": "2026-11-20 13:01:02+00"}, datetime(2026, 11, 20, 13, 1, 2, tzinfo=UTC)),
        ("timestamp", {"stringValue": "infinity"}, "infinity"),
        ("varchar", {"stringValue": "2026-11-20"}, "2026-11-20"),
        ("varchar", {"stringValue": ""}, ""),
        ("varchar", {"isNull": True}, None),
        ("varbyte", {"blobValue": b"\x01"}, b"\x01"),
    ]
    columns = [ResultColumn(kind, kind) for kind, _, _ in cases]

    assert read_records(columns, [[field for _, field, _ in cases]]) == [tuple(value for _, _, value in cases)]


@pytest.mark.parametrize(
    ("settings", "request_"),
    [
        (Settings(), {"Database": "warehouse", "WorkgroupName": "sluice"}),
        (
            Settings(warehouse_secret="sluice/warehouse"),
            {"Database": "warehouse", "WorkgroupName": "sluice", "SecretArn": "sluice/warehouse"},
        ),
        (
            Settings(warehouse_cluster="big", warehouse_secret="arn:aws:secretsmanager:eu-central-1:1:secret:x-AbCdEf"),
            {
                "Database": "warehouse",
                "ClusterIdentifier": "big",
                "SecretArn": "arn:aws:secretsmanager:eu-central-1:1:secret:x-AbCdEf",
            },
        ),
    ],
    ids=["role", "secret by name", "secret by arn"],
)
def test_the_address_names_the_secret_and_never_what_is_in_it(settings: Settings, request_: dict[str, str]) -> None:
    assert Address.from_settings(settings).to_request() == request_


def test_every_submission_carries_the_secret(client: RedshiftDataAPIServiceClient, stub: Stubber) -> None:
    api = DataApi(client, Address("warehouse", workgroup="sluice", secret="sluice/warehouse"))
    with_secret = {**ASKED, "SecretArn": "sluice/warehouse"}
    stub.add_response("execute_statement", described("FINISHED", HasResultSet=False), with_secret)

    assert api.rows("SELECT 1") == []
