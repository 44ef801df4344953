"""What a failure means, by the texts and classes of public reports."""

import socket
import ssl
from pathlib import Path

import pytest

from sluice.errors import (
    AwsBusyError,
    AwsDeniedError,
    AwsError,
    ConflictError,
    ContractError,
    WarehouseDeniedError,
    WarehouseUnclearError,
)
from sluice.failures import (
    TABLES,
    Verdict,
    aws_verdict,
    client_verdict,
    run_verdict,
    step_verdict,
    verdict_of,
    warehouse_verdict,
)
from sluice.failures_reference import REFERENCE_FILE, SECTION, reference

ABORTED = (
    "An error occurred while calling o93.collect. Job aborted due to stage failure: Task 3 in stage 7.0 failed 4 "
    "times, most recent failure: Lost task 3.3 in stage 7.0 (TID 24) (10.0.0.7 executor 3): "
)
LOST_RUNS = {
    "worker out of memory (cudf-spark #5979)": ABORTED
    + "ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Command exited with code 137",
    "container killed (CaffeOnSpark #86, #210)": ABORTED
    + "ExecutorLostFailure Reason: Container killed by YARN for exceeding memory limits. 5.5 GB of 5.5 GB used.",
    "executor lost (TensorFlowOnSpark #134, #426)": ABORTED
    + "ExecutorLostFailure (executor 1 exited) Reason: Remote RPC client disassociated",
    "exit code 143": "Container from a bad node. Exit status: 143. Killed by external signal",
    "shuffle lost": ABORTED + "FetchFailed(null, shuffleId=0, mapIndex=-1, mapId=-1, reduceId=4)",
    "disk full (sparklyr #1390)": ABORTED + "java.io.IOException: No space left on device",
    "the worker's Python": ABORTED + "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)",
    "a bare SparkException": "org.apache.spark.SparkException: Job aborted.",
    "the driver": "Command failed with exit code 137",
    "no message": "",
}
"""What a Spark run that died says, of which nothing but its state and this text is left."""


@pytest.mark.parametrize("name", LOST_RUNS)
def test_a_run_that_is_lost_blames_no_batch_for_good(name: str) -> None:
    assert run_verdict("FAILED", LOST_RUNS[name]) is Verdict.RUN


WORLD_OF_THE_WAREHOUSE = {
    "arthur-redshift-etl #133": "ERROR: S3 Query Exception (Fetch) DETAIL: error: Task failed due to an internal "
    "error. boost::thread_resource_error: Resource temporarily unavailable code: 15001",
    "arthur-redshift-etl #134": "S3Query Exception (Fetch). Connection failed, retries exceeded. code: 15005",
    "arthur-redshift-etl #116": "Spectrum Scan Error error: Spectrum Scan Error code: 15001 context: Error: HTTP "
    "response error code: 503 Message: SlowDown Please reduce your request rate.",
    "arthur-redshift-etl #70": "Spectrum Scan Error context: HTTP response error code: 500 Message: InternalError We "
    "encountered an internal error. Please try again.",
    "aws-lambda-redshift-loader #197": 'FATAL: connection limit "500" exceeded for non-bootstrap users',
    "aws-lambda-redshift-loader #180": "FATAL: remaining connection slots are reserved for superuser connections",
    "aws-lambda-redshift-loader #239": "Error: Connection terminated unexpectedly",
    "tipoca-stream #144": "ERROR: Query (90) cancelled on user's request",
    "metabase #36770": "ERROR: canceling statement due to statement timeout",
    "re:Post redshift-query-abort": "ERROR: Query (1421) cancelled by WLM abort action of Query Monitoring Rule",
    "disk": "ERROR: Disk Full Detail: error: Disk Full code: 1016 context: node: 0",
    "catalogue-pipeline #3500": 'FATAL: password authentication failed for user "loader"',
    "rotation-lambdas #142": 'password authentication failed for user "admin"',
    "snowplow #386": "ERROR: cannot execute COPY in a read-only transaction",
    "resize": "ERROR: The cluster is read-only because it is being resized",
    "memory": "ERROR: Out Of Memory: DETAIL: error: Out Of Memory code: 1004",
    "feast #1834": "server closed the connection unexpectedly",
    "estuary/connectors #5218": "ERROR: 1023 DETAIL: Serializable isolation violation on table - 100182",
    "elementary #768": "Serializable isolation violation on table in Redshift",
    "amazon-redshift-jdbc-driver #147": "could not serialize access due to concurrent update",
    "catalog race": "ERROR: could not open relation with OID 115282",
    "spark-snowflake #96": "S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown,Rid 1",
    "maintenance": "ERROR: the database system is shutting down",
}
UNKNOWN_TO_ALL = ["ERROR: Assert", "ERROR: S3 Query Exception (Fetch)", "ERROR: no such thing"]
FINAL_OF_THE_WAREHOUSE = [
    'ERROR: syntax error at or near "connection lost"',
    'ERROR: column "statement timeout" does not exist',
    'ERROR: relation "public.disk full" does not exist',
    "ERROR: value 1023 is out of range for type smallint",
    "ERROR: Numeric data overflow (result precision)",
    "ERROR: String length exceeds DDL length",
    "ERROR: Spectrum Scan Error code: 15007 context: File 's3://b/1.parquet' has an incompatible Parquet schema",
    "ERROR: Spectrum Scan Error code: 15001 context: The length of the data column a is longer than the length defined",
    "ERROR: Load into table 'orders' failed. Check 'sys_load_error_detail' system table for details.",
    "ERROR: Cannot insert a NULL value into column id",
    "ERROR: Found multiple matches to update the same tuple.",
    "ERROR: cannot drop table t because other objects depend on it",
    "ERROR: Unmatched number of columns between table and file.",
    "ERROR: this is not supported",
    "S3ServiceException: The specified key does not exist: s3://b/1.parquet",
    'ERROR: daily_orders: "2026-11-20;2026-11-21" is not a valid date: write dates as 2026-11-20,2026-11-21',
    "ERROR: File size mismatch: s3://b/1.parquet has 1 bytes, the manifest says 2",
]


@pytest.mark.parametrize("report", WORLD_OF_THE_WAREHOUSE)
def test_what_passes_in_the_warehouse_is_not_final(report: str) -> None:
    assert warehouse_verdict(WORLD_OF_THE_WAREHOUSE[report]) is Verdict.WORLD


@pytest.mark.parametrize("text", FINAL_OF_THE_WAREHOUSE)
def test_only_what_cannot_change_is_final_in_the_warehouse(text: str) -> None:
    assert warehouse_verdict(text) is Verdict.FINAL


@pytest.mark.parametrize("text", UNKNOWN_TO_ALL)
def test_what_nobody_knows_is_told_as_such(text: str) -> None:
    assert warehouse_verdict(text) is None


@pytest.mark.parametrize(
    "text",
    ["ERROR: permission denied for schema sluice", "S3ServiceException:Access Denied,Status 403,Error AccessDenied"],
)
def test_a_right_may_be_on_its_way(text: str) -> None:
    assert warehouse_verdict(text) is Verdict.DENIED


@pytest.mark.parametrize(
    ("code", "status", "text", "verdict"),
    [
        # sample-voice-of-customer-datalake #304
        ("KMSThrottling", 400, "", Verdict.WORLD),
        ("KmsThrottled", 400, "", Verdict.WORLD),
        ("KMS.ThrottlingException", 400, "", Verdict.WORLD),
        ("OperationAborted", 409, "", Verdict.WORLD),
        ("FederationSourceRetryableException", 400, "", Verdict.WORLD),
        ("ResourceNotReadyException", 400, "", Verdict.WORLD),
        ("ExpiredToken", 400, "", Verdict.WORLD),
        ("ExpiredTokenException", 400, "", Verdict.WORLD),
        # The answer to HEAD has no body, so an expired token is a bare 400:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html, HADOOP-18353
        ("400", 400, "Bad Request", Verdict.WORLD),
        ("SlowDown", 503, "", Verdict.WORLD),
        ("SomethingNew", 500, "", Verdict.WORLD),
        ("SomethingNew", 429, "", Verdict.WORLD),
        ("SomethingNew", 400, "", Verdict.WORLD),
        ("ActiveStatementsExceededException", 400, "", Verdict.WORLD),
        ("ConcurrentRunsExceededException", 400, "", Verdict.WORLD),
        ("ProvisionedThroughputExceededException", 400, "", Verdict.WORLD),
        ("TransactionInProgressException", 400, "", Verdict.WORLD),
        ("RequestTimeout", 400, "", Verdict.WORLD),
        # aws-cdk #30536, dex #97
        ("ValidationException", 400, "Redshift endpoint doesn't exist in this region.", Verdict.WORLD),
        ("ValidationException", 400, "The cluster is paused", Verdict.WORLD),
        ("ValidationException", 400, "1 validation error detected", Verdict.FINAL),
        ("AccessDenied", 403, "", Verdict.DENIED),
        ("AccessDeniedException", 400, "", Verdict.DENIED),
        ("NoSuchKey", 404, "", Verdict.FINAL),
        ("404", 404, "", Verdict.FINAL),
        ("EntityNotFoundException", 400, "", Verdict.FINAL),
        ("AlreadyExistsException", 400, "", Verdict.FINAL),
        ("InvalidInputException", 400, "", Verdict.FINAL),
        ("ConditionalCheckFailedException", 400, "", Verdict.FINAL),
    ],
)
def test_codes_of_aws(code: str, status: int, text: str, verdict: Verdict) -> None:
    assert aws_verdict(code, status, text) is verdict


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("ReadTimeoutError", Verdict.WORLD),
        ("EndpointConnectionError", Verdict.WORLD),
        ("ResponseStreamingError", Verdict.WORLD),
        ("CredentialRetrievalError", Verdict.WORLD),
        ("NoCredentialsError", Verdict.DENIED),
        ("ParamValidationError", Verdict.FINAL),
        ("NoRegionError", Verdict.FINAL),
    ],
)
def test_errors_of_the_client(name: str, verdict: Verdict) -> None:
    assert client_verdict(name) is verdict


@pytest.mark.parametrize(
    ("state", "message", "verdict"),
    [
        ("STOPPED", "", Verdict.STOP),
        ("FAILED", "LocalCloudStopped: local cloud stopped while the run was active", Verdict.STOP),
        ("ABORTED", "somebody", Verdict.STOP),
        ("EXPIRED", "", Verdict.WORLD),
        ("FAILED", "WarehouseBusyError: table t: ERROR: Disk Full", Verdict.WORLD),
        ("FAILED", "AwsBusyError: own tables: execute_statement: Could not connect", Verdict.WORLD),
        ("FAILED", "Resource unavailable", Verdict.WORLD),
        ("FAILED", "Exceeded maximum concurrent compute capacity for your account", Verdict.WORLD),
        ("FAILED", "Load failed: Glue.AWSGlueException: Internal service error", Verdict.WORLD),
        ("TIMEOUT", "", Verdict.RUN),
        ("FAILED", "ConnectionRefusedError: [Errno 111] Connection refused", Verdict.RUN),
        ("FAILED", "AccountingError: rows were lost", Verdict.RUN),
        ("FAILED", "", Verdict.RUN),
    ],
)
def test_runs_that_left_no_outcome(state: str, message: str, verdict: Verdict) -> None:
    assert run_verdict(state, message) is verdict


@pytest.mark.parametrize(
    ("error", "text", "verdict"),
    [
        ("Runtime.HandlerNotFound", "Handler 'gone' missing on module", Verdict.FINAL),
        ("Runtime.ImportModuleError", "Unable to import module", Verdict.FINAL),
        # The local cloud's name for a function that cannot begin.
        ("Runtime.HandlerError", "module 'archive_step' has no attribute 'gone'", Verdict.FINAL),
        ("RuntimeError", "Worker init failed: module 'archive_step' has no attribute 'gone'", Verdict.FINAL),
        ("AttributeError", "module has no attribute 'gone'", Verdict.FINAL),
        ("Lambda.ResourceNotFoundException", "Function not found", Verdict.FINAL),
        ("States.QueryEvaluationError", "?", Verdict.FINAL),
        ("ContractError", "orders.yaml: ...", Verdict.FINAL),
        ("AwsBusyError", "read s3://b/k: SlowDown", Verdict.WORLD),
        ("AggregateRefreshError", "refresh a: ERROR: procedure a.refresh_a(varchar) does not exist", Verdict.FINAL),
        ("AggregateRefreshError", "refresh a: ERROR: the database system is shutting down", Verdict.WORLD),
        ("States.Permissions", "is not authorized", Verdict.DENIED),
        ("Lambda.TooManyRequestsException", "Rate exceeded", Verdict.WORLD),
        ("Sandbox.Timedout", "Task timed out after 120.00 seconds", Verdict.WORLD),
        ("States.Timeout", "", Verdict.WORLD),
        ("SomethingNew", "?", Verdict.WORLD),
    ],
)
def test_steps_after_a_load(error: str, text: str, verdict: Verdict) -> None:
    assert step_verdict(error, text) is verdict


def test_errors_of_our_own() -> None:
    found = [
        verdict_of(error)
        for error in (
            AwsBusyError("x"),
            ConflictError("x"),
            WarehouseUnclearError("x"),
            AwsDeniedError("x"),
            WarehouseDeniedError("x"),
            AwsError("x"),
            ContractError("x"),
            MemoryError(),
        )
    ]
    world, denied, final = Verdict.WORLD, Verdict.DENIED, Verdict.FINAL
    assert found == [world, world, world, denied, denied, final, final, Verdict.RUN]


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ConnectionResetError(), Verdict.WORLD),
        (TimeoutError(), Verdict.WORLD),
        (ssl.SSLError(), Verdict.WORLD),
        (socket.gaierror(), Verdict.WORLD),
        (OSError(28, "No space left on device"), Verdict.RUN),
        (MemoryError(), Verdict.RUN),
        (KeyError("x"), Verdict.RUN),
    ],
)
def test_errors_of_others(error: Exception, verdict: Verdict) -> None:
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = error
    assert [verdict_of(error), verdict_of(wrapped)] == [verdict, verdict]


def test_every_part_of_the_table_has_rules_that_compile() -> None:
    for title, (_, rules, _) in TABLES.items():
        assert rules, title
        assert not any(rule.knows("") for rule in rules), title


def test_the_page_is_current() -> None:
    page = (Path(__file__).resolve().parents[2] / REFERENCE_FILE).read_text(encoding="utf-8")
    assert page.partition(SECTION)[0] == reference(), "run `make docs` and commit docs/failures.md"
    assert all(f"\n| `{verdict}` | " in page for verdict in Verdict)
