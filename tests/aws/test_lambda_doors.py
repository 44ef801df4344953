"""The trigger's doors to S3, the Data Catalog and Glue, on the local cloud."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from localcloud_tests.aws.cloud import eventually
from sluice.aws.catalog import GlueCatalog
from sluice.aws.clients import Clients
from sluice.aws.documents import Documents
from sluice.aws.executions import Execution, Executions
from sluice.aws.failures import as_sluice_error
from sluice.aws.jobs import GlueJobs
from sluice.aws.topics import Topics
from sluice.errors import AwsBusyError, AwsDeniedError, AwsError, MissingObjectError, SluiceError, StartUnclearError
from tests.aws.fixtures_ledger import Trigger, clients, trigger

__all__ = ["clients", "trigger"]


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "StartJobRun")


class Refusing:
    """A Glue client that raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def start_job_run(self, **_: Any) -> Any:
        raise self._error


# S3


def test_documents_are_read_as_they_were_written(trigger: Trigger) -> None:
    url = f"s3://{trigger.settings.processed_bucket}/_sluice/a b+c%/ü.json"
    assert trigger.documents.exists(url) is False
    assert trigger.documents.info(url) is None
    trigger.documents.write(url, "first")
    trigger.documents.write(url, "zwölf\n")
    assert trigger.documents.read(url) == "zwölf\n"
    info = trigger.documents.info(url)
    assert info is not None
    assert (info.size_bytes, info.etag) == (7, md5("zwölf\n".encode()).hexdigest())
    assert trigger.documents.fetch(url) == ("zwölf\n".encode(), info)
    assert trigger.documents.exists(url) is True


def test_a_document_is_created_once(trigger: Trigger) -> None:
    url = f"s3://{trigger.settings.processed_bucket}/_sluice/runs/c1/closed.json"
    assert trigger.documents.create(url, "first") is True
    assert trigger.documents.create(url, "second") is False
    assert trigger.documents.read(url) == "first"


def test_files_are_found_by_listing_as_they_would_be_by_looking_at_each(trigger: Trigger) -> None:
    folder = f"s3://{trigger.settings.raw_bucket}/listed=1/"
    names = ("a b+c%25", "ü", "part-1", "part-10", "part-2", "deep/er")
    for name in (*names, "other"):
        trigger.documents.write(folder + name, name)
    wanted = [folder + name for name in (*names, "missing", "part-1/")]
    each = {url: info for url in wanted if (info := trigger.documents.info(url)) is not None}
    assert trigger.documents.infos(folder, wanted) == each
    assert len(each) == len(names)


def test_a_version_is_read_exactly(trigger: Trigger) -> None:
    bucket, key = trigger.settings.raw_bucket, "some/key"
    put = trigger.clients.s3.put_object
    versions = [put(Bucket=bucket, Key=key, Body=body)["VersionId"] for body in (b"one", b"two")]
    url = f"s3://{bucket}/{key}"
    assert [trigger.documents.fetch(url, version)[0] for version in (*versions, None)] == [b"one", b"two", b"two"]
    trigger.clients.s3.delete_object(Bucket=bucket, Key=key)
    assert trigger.documents.fetch(url, versions[0])[0] == b"one"
    with pytest.raises(MissingObjectError, match=r"^s3://.*/some/key: there is no such object$"):
        trigger.documents.fetch(url)


def test_what_is_not_there_is_named(trigger: Trigger) -> None:
    url = f"s3://{trigger.settings.raw_bucket}/gone"
    with pytest.raises(MissingObjectError) as caught:
        trigger.documents.read(url)
    assert str(caught.value) == f"{url}: there is no such object"


def test_a_bucket_that_is_not_there_is_an_error_of_its_own(clients: Clients) -> None:
    with pytest.raises(AwsError, match=r"^write s3://no-such-bucket/k: .*NoSuchBucket"):
        Documents(clients.s3).write("s3://no-such-bucket/k", "x")


# Data Catalog


def hours(count: int) -> dict[tuple[str, ...], str]:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    found = [start + timedelta(hours=n) for n in range(count)]
    return {(f"{at:%Y}", f"{at:%m}", f"{at:%d}", f"{at:%H}"): f"s3://raw/orders/{at:%Y%m%d%H}/" for at in found}


def test_partitions_are_registered_with_the_tables_format(trigger: Trigger) -> None:
    database = trigger.settings.raw_database
    trigger.catalog.register(database, "orders", {("2026", "11", "20", "13"): "s3://raw/orders/x"})
    table = trigger.clients.glue.get_table(DatabaseName=database, Name="orders")["Table"]
    (partition,) = trigger.clients.glue.get_partitions(DatabaseName=database, TableName="orders")["Partitions"]
    assert partition["Values"] == ["2026", "11", "20", "13"]
    assert partition["StorageDescriptor"] == {**table["StorageDescriptor"], "Location": "s3://raw/orders/x/"}


def test_more_partitions_than_a_call_takes(trigger: Trigger) -> None:
    database, wanted = trigger.settings.raw_database, hours(230)
    trigger.catalog.register(database, "orders", wanted)
    trigger.catalog.register(database, "orders", wanted)
    assert trigger.catalog.locations(database, "orders", "") == wanted
    day = {values: location for values, location in wanted.items() if values[2] == "03"}
    assert trigger.catalog.locations(database, "orders", "month='11' and day='03'") == day
    assert len(day) == 24


def test_a_partition_that_lies_elsewhere_is_moved(trigger: Trigger) -> None:
    database, wanted = trigger.settings.raw_database, hours(3)
    trigger.catalog.register(database, "orders", wanted)
    first = min(wanted)
    trigger.catalog.register(database, "orders", {first: "s3://new/place/"}, only_new=True)
    assert trigger.catalog.locations(database, "orders", "") == wanted
    trigger.catalog.register(database, "orders", {first: "s3://new/place/"})
    assert trigger.catalog.locations(database, "orders", "") == wanted | {first: "s3://new/place/"}


def test_a_partition_gets_the_columns_that_the_table_has_now(trigger: Trigger) -> None:
    database, glue = trigger.settings.raw_database, trigger.clients.glue
    trigger.catalog.register(database, "orders", hours(1))
    table = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    descriptor: Any = table["StorageDescriptor"]
    descriptor["Columns"].append({"Name": "added", "Type": "string"})
    changed: Any = {"Name": "orders", "StorageDescriptor": descriptor, "PartitionKeys": table["PartitionKeys"]}
    glue.update_table(DatabaseName=database, TableInput=changed)
    trigger.catalog.register(database, "orders", hours(1))
    (partition,) = glue.get_partitions(DatabaseName=database, TableName="orders")["Partitions"]
    assert partition["StorageDescriptor"]["Columns"][-1] == {"Name": "added", "Type": "string"}


def test_values_that_do_not_fit_the_keys_are_refused(trigger: Trigger) -> None:
    database = trigger.settings.raw_database
    with pytest.raises(AwsError) as caught:
        trigger.catalog.register(database, "orders", {("2026", "11", "20"): "s3://raw/x/"})
    assert str(caught.value) == (
        f"{database}.orders: partition ('2026', '11', '20') does not fit the partition keys "
        "['year', 'month', 'day', 'hour']"
    )
    assert trigger.catalog.locations(database, "orders", "") == {}


def test_a_table_that_is_not_there_is_named(trigger: Trigger) -> None:
    database = trigger.settings.raw_database
    with pytest.raises(AwsError, match=rf"^look up table {database}\.nowhere: .*EntityNotFoundException"):
        trigger.catalog.register(database, "nowhere", hours(1))


def test_nothing_to_register(trigger: Trigger) -> None:
    trigger.catalog.register(trigger.settings.raw_database, "no-such-table", {})


@pytest.mark.parametrize(
    ("code", "kind"), [("InternalServiceException", AwsBusyError), ("InvalidInputException", AwsError)]
)
def test_a_partition_that_the_catalog_refuses_is_an_error(trigger: Trigger, code: str, kind: type[SluiceError]) -> None:
    """The call is answered with 200 and the partition's own error."""

    class Glue:
        def __getattr__(self, name: str) -> Any:
            return getattr(trigger.clients.glue, name)

        def batch_create_partition(self, **_: Any) -> Any:
            values = list(min(hours(2)))
            return {"Errors": [{"PartitionValues": values, "ErrorDetail": {"ErrorCode": code, "ErrorMessage": "no"}}]}

    database = trigger.settings.raw_database
    with pytest.raises(kind) as caught:
        GlueCatalog(Glue()).register(database, "orders", hours(2))  # type: ignore[arg-type]
    assert str(caught.value) == f"{database}.orders: partition ('2026', '11', '01', '00'): {code}: no"


def second_table(trigger: Trigger) -> str:
    """A table like the first beside it."""
    glue, database = trigger.clients.glue, trigger.settings.raw_database
    table = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    second: Any = {name: table[name] for name in ("StorageDescriptor", "PartitionKeys")}
    glue.create_table(DatabaseName=database, TableInput={"Name": "second"} | second)
    return "second"


def test_partitions_of_several_tables_are_switched_by_few_calls(trigger: Trigger) -> None:
    """New partitions take one call for a hundred, existing ones two."""
    calls: list[str] = []

    class Glue:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(trigger.clients.glue, name)

    database = trigger.settings.raw_database
    catalog = GlueCatalog(Glue())  # type: ignore[arg-type]
    wanted = hours(130)
    first, second = ({values: f"s3://{run}/{'-'.join(values)}/" for values in wanted} for run in ("r1", "r2"))
    assert catalog.switch(database, {"orders": first, second_table(trigger): dict(list(first.items())[:1])}) == {}
    assert calls == ["get_table"] * 2 + ["batch_create_partition"] * 3
    calls.clear()
    assert catalog.switch(database, {"orders": second}) == {}
    assert calls == ["get_table", *["batch_create_partition", "batch_update_partition"] * 2]
    assert trigger.catalog.locations(database, "orders", "") == second


def test_what_cannot_be_switched_in_one_table_stays_in_the_next(trigger: Trigger) -> None:
    class Glue:
        def __getattr__(self, name: str) -> Any:
            return getattr(trigger.clients.glue, name)

        def batch_create_partition(self, **request: Any) -> Any:
            if request["TableName"] != "orders":
                return trigger.clients.glue.batch_create_partition(**request)
            detail = {"ErrorCode": "InternalServiceException", "ErrorMessage": "no"}
            trigger.clients.glue.batch_create_partition(
                **request | {"PartitionInputList": request["PartitionInputList"][1:]}
            )
            return {"Errors": [{"PartitionValues": list(min(hours(2))), "ErrorDetail": detail}]}

    database, wanted = trigger.settings.raw_database, hours(2)
    catalog = GlueCatalog(Glue())  # type: ignore[arg-type]
    second_table(trigger)
    failed = catalog.switch(database, {"orders": wanted, "second": wanted})
    assert {values: str(error) for values, error in failed.items()} == {
        min(wanted): f"{database}.orders: partition ('2026', '11', '01', '00'): InternalServiceException: no"
    }
    kept = {max(wanted): wanted[max(wanted)]}
    assert trigger.catalog.locations(database, "orders", "") == kept
    assert trigger.catalog.locations(database, "second", "") == kept


def test_a_table_that_is_not_there_keeps_its_partitions_from_being_switched_anywhere(trigger: Trigger) -> None:
    database, wanted = trigger.settings.raw_database, hours(2)
    first = min(wanted)
    failed = trigger.catalog.switch(database, {"orders": wanted, "nowhere": {first: "s3://x/"}})
    assert list(failed) == [first]
    assert "EntityNotFoundException" in str(failed[first])
    assert list(trigger.catalog.locations(database, "orders", "")) == [max(wanted)]


# Job runs


def glue_jobs(trigger: Trigger) -> GlueJobs:
    return GlueJobs(trigger.clients.glue, trigger.clients.glue_once)


def test_a_run_is_started_described_and_found(trigger: Trigger) -> None:
    jobs, job = glue_jobs(trigger), trigger.settings.convert_job
    before = datetime.now(UTC)
    run_id = jobs.start(job, {"--claim_id": "c1", "--dataset": "orders"})
    run = jobs.describe(job, run_id)
    assert run is not None
    assert (run.job, run.run_id, run.claim_id, run.is_ended) == (job, run_id, "c1", False)
    assert run.arguments == {"--claim_id": "c1", "--dataset": "orders"}
    found = jobs.find(job, "c1", before)
    assert found is not None
    assert found.run_id == run_id
    assert jobs.find(job, "c2", before) is None
    assert jobs.describe(job, "jr_unknown") is None


def test_a_second_run_beyond_the_jobs_limit_is_refused_for_now(trigger: Trigger) -> None:
    jobs, job = glue_jobs(trigger), trigger.settings.convert_job
    jobs.start(job, {"--claim_id": "c1"})
    with pytest.raises(AwsBusyError, match=rf"^start a run of {job}: .*ConcurrentRunsExceededException"):
        jobs.start(job, {"--claim_id": "c2"})
    assert jobs.find(job, "c2", datetime.now(UTC)) is None


def test_a_job_that_is_not_there_is_refused_for_good(trigger: Trigger) -> None:
    with pytest.raises(AwsError, match=r"^start a run of no-such-job: .*EntityNotFoundException"):
        glue_jobs(trigger).start("no-such-job", {})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("ConcurrentRunsExceededException"), AwsBusyError),
        (refusal("ResourceNumberLimitExceededException"), AwsBusyError),
        (refusal("ThrottlingException"), AwsBusyError),
        (refusal("ExpiredTokenException", 403), AwsBusyError),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), AwsBusyError),
        (ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"), AwsBusyError),
        (refusal("InternalServiceException", 500), StartUnclearError),
        (refusal("OperationTimeoutException"), StartUnclearError),
        (refusal("Unheard", 503), StartUnclearError),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), StartUnclearError),
        (refusal("InvalidInputException"), AwsError),
        (refusal("AccessDeniedException"), AwsDeniedError),
    ],
)
def test_a_start_is_refused_or_unclear(error: Exception, kind: type[SluiceError]) -> None:
    client: Any = Refusing(error)
    with pytest.raises(SluiceError) as caught:
        GlueJobs(client, client).start("job", {})
    assert type(caught.value) is kind
    assert str(caught.value) == f"start a run of job: {error}"


def test_a_start_is_sent_once(clients: Clients) -> None:
    once: Any = clients.glue_once.meta.config
    often: Any = clients.glue.meta.config
    assert once.retries == {"mode": "standard", "total_max_attempts": 1}
    assert often.retries == {"mode": "standard", "total_max_attempts": 5}


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, AwsBusyError),
        ("SlowDown", 503, AwsBusyError),
        ("Unheard", 500, AwsBusyError),
        ("Unheard", 429, AwsBusyError),
        ("Unheard", 400, AwsBusyError),
        ("ProvisionedThroughputExceededException", 400, AwsBusyError),
        ("AccessDenied", 403, AwsDeniedError),
        ("ValidationException", 400, AwsError),
    ],
)
def test_errors_have_one_of_two_families(code: str, status: int, kind: type[SluiceError]) -> None:
    error = as_sluice_error(refusal(code, status), "read it")
    assert type(error) is kind
    assert str(error).startswith(f"read it: An error occurred ({code})")


# Step Functions and SNS


def test_a_name_means_one_execution(trigger: Trigger) -> None:
    executions, machine = Executions(trigger.clients.stepfunctions, trigger.arns), trigger.settings.load_machine
    arguments = {"claim_id": "c1", "dataset": "orders"}
    assert executions.describe(machine, "c1") is None
    for _ in range(2):
        executions.start(machine, "c1", arguments)
    eventually(lambda: executions.describe(machine, "c1") == Execution(machine, "c1", "SUCCEEDED"))
    executions.start(machine, "c1", arguments)
    assert trigger.executions() == {"c1": arguments}
    assert executions.redrive(machine, "c1") is False
    assert executions.redrive(machine, "c2") is False


def test_an_execution_that_failed_goes_on(trigger: Trigger) -> None:
    """The machine fails until it is redriven, as that of the load does."""
    condition = "{% $states.context.Execution.RedriveCount > 0 %}"
    states = {
        "Look": {"Type": "Choice", "Choices": [{"Condition": condition, "Next": "Done"}], "Default": "Broken"},
        "Broken": {"Type": "Pass", "Output": "{% $states.context.Execution.RedriveCount > 0 ? {} : $error('broken') %}",
                   "Next": "Done"},
        "Done": {"Type": "Succeed"},
    }  # fmt: skip
    machine = f"{trigger.settings.load_machine}-broken"
    trigger.clients.stepfunctions.create_state_machine(
        name=machine,
        definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": "Look", "States": states}),
        roleArn="arn:aws:iam::000000000000:role/r",
    )
    executions = Executions(trigger.clients.stepfunctions, trigger.arns)
    executions.start(machine, "c1", {})

    def state() -> str:
        found = executions.describe(machine, "c1")
        assert found is not None
        return found.state

    eventually(lambda: state() == "FAILED")
    failed = executions.describe(machine, "c1")
    assert failed is not None
    assert failed.has_failed
    assert failed.message.startswith("States.QueryEvaluationError: ")
    assert executions.redrive(machine, "c1") is True
    eventually(lambda: state() == "SUCCEEDED")


def test_a_machine_that_is_not_there_is_an_error_of_its_own(trigger: Trigger) -> None:
    executions = Executions(trigger.clients.stepfunctions, trigger.arns)
    with pytest.raises(AwsError, match=r"^start execution c1 of no-such-machine: .*StateMachineDoesNotExist"):
        executions.start("no-such-machine", "c1", {})


class RefusingExecutions(Refusing):
    """A client of Step Functions that raises."""

    def start_execution(self, **_: Any) -> Any:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [refusal("ThrottlingException"), refusal("ExecutionLimitExceeded"), ReadTimeoutError(endpoint_url="x")],
)
def test_a_start_without_a_clear_answer_may_have_happened(trigger: Trigger, error: Exception) -> None:
    """The client has repeated it: what the first request came to nobody knows."""
    refusing: Any = RefusingExecutions(error)
    with pytest.raises(StartUnclearError, match=r"^start execution c1 of m: "):
        Executions(refusing, trigger.arns).start("m", "c1", {})


def test_a_notice_reaches_its_topic(trigger: Trigger) -> None:
    topics = Topics(trigger.clients.sns, trigger.arns)
    topics.publish(trigger.settings.support_topic, "Sluice: orders failed", json.dumps({"why": "zwölf\n"}))
    assert trigger.notices(1) == [("Sluice: orders failed", {"why": "zwölf\n"})]
    with pytest.raises(AwsError, match=r"^publish to no-such-topic: .*NotFound"):
        topics.publish("no-such-topic", "subject", "{}")


def test_arns_have_the_account_and_the_region(trigger: Trigger) -> None:
    arns = trigger.arns
    account = trigger.clients.sts.get_caller_identity()["Account"]
    assert [arns.machine("m"), arns.execution("m", "c1"), arns.topic("t")] == [
        f"arn:aws:states:eu-central-1:{account}:stateMachine:m",
        f"arn:aws:states:eu-central-1:{account}:execution:m:c1",
        f"arn:aws:sns:eu-central-1:{account}:t",
    ]
