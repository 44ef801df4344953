"""A bad day of AWS at the running endpoint: what botocore makes of each fault, and that only the workload meets it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, HTTPClientError

from localcloud.child import LocalCloudProcess
from localcloud.faults.control import follow_plan, read_tallies
from localcloud.faults.journal import Tally
from localcloud.faults.plan import FaultPlan, Kind
from localcloud_tests.aws.cloud import REGION, Aws, Jobs, eventually, let_s3_send


@pytest.fixture
def plan(cloud: LocalCloudProcess) -> Iterator[Any]:
    """Begins with a plan; after the test there is none."""
    yield lambda **fields: follow_plan(cloud.endpoint_url, FaultPlan(rate=1.0, **fields))
    follow_plan(cloud.endpoint_url, FaultPlan())


def workload(cloud: LocalCloudProcess, service: str, *, attempts: int = 1) -> Any:
    """A client like those of functions and runs."""
    config = Config(  # type: ignore[call-arg] # the types know no user_agent_appid
        retries={"mode": "standard", "total_max_attempts": attempts},
        user_agent_appid="localcloud-workload",
        s3={"addressing_style": "path"},
    )
    make: Any = boto3.client  # its overloads know services by literal names only
    return make(
        service,
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        aws_access_key_id="000000000000",
        aws_secret_access_key="local",
        config=config,
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Kind.THROTTLED, "SlowDown"),
        (Kind.INTERNAL, "InternalError"),
        (Kind.UNAVAILABLE, "ServiceUnavailable"),
        (Kind.EXPIRED, "ExpiredToken"),
    ],
)
def test_a_refusal_changes_nothing(
    cloud: LocalCloudProcess, aws: Aws, bucket: str, plan: Any, kind: Kind, code: str
) -> None:
    plan(kinds=(kind,), places=("s3",))
    with pytest.raises(ClientError) as caught:
        workload(cloud, "s3").put_object(Bucket=bucket, Key="a", Body=b"x")
    assert caught.value.response["Error"]["Code"] == code
    assert aws.keys(bucket) == []
    assert read_tallies(cloud.endpoint_url) == (Tally("s3", "PutObject", 1, {kind: 1}),)


def test_a_reset_changes_nothing(cloud: LocalCloudProcess, aws: Aws, bucket: str, plan: Any) -> None:
    plan(kinds=(Kind.RESET,))
    with pytest.raises(ConnectionClosedError):
        workload(cloud, "s3").put_object(Bucket=bucket, Key="a", Body=b"x" * 100_000)
    assert aws.keys(bucket) == []


def test_a_lost_answer_leaves_the_work_done(cloud: LocalCloudProcess, aws: Aws, bucket: str, plan: Any) -> None:
    plan(kinds=(Kind.LOST_ANSWER,))
    with pytest.raises(ConnectionClosedError):
        workload(cloud, "s3").put_object(Bucket=bucket, Key="a", Body=b"x")
    assert aws.keys(bucket) == ["a"]


def test_a_cut_answer_is_no_whole_object(cloud: LocalCloudProcess, aws: Aws, bucket: str, plan: Any) -> None:
    body = bytes(range(256)) * 400
    aws.client("s3").put_object(Bucket=bucket, Key="a", Body=body)
    plan(kinds=(Kind.CUT_ANSWER,))
    found = workload(cloud, "s3").get_object(Bucket=bucket, Key="a")
    assert found["ContentLength"] == len(body)
    with pytest.raises((BotoCoreError, HTTPClientError)):
        found["Body"].read()


def test_a_cut_answer_of_json_is_asked_for_again(cloud: LocalCloudProcess, plan: Any) -> None:
    plan(kinds=(Kind.CUT_ANSWER,), places=("glue",))
    with pytest.raises(ConnectionClosedError):
        workload(cloud, "glue", attempts=2).get_databases()
    assert read_tallies(cloud.endpoint_url) == (Tally("glue", "GetDatabases", 2, {Kind.CUT_ANSWER: 2}),)


def test_clients_outside_and_other_connections_are_spared(
    cloud: LocalCloudProcess, aws: Aws, bucket: str, plan: Any
) -> None:
    plan(kinds=(Kind.RESET,))
    aws.client("s3").put_object(Bucket=bucket, Key="a", Body=b"x")
    assert aws.keys(bucket) == ["a"]
    assert read_tallies(cloud.endpoint_url) == ()


def test_a_glue_run_meets_the_plan(cloud: LocalCloudProcess, jobs: Jobs, plan: Any) -> None:
    plan(kinds=(Kind.EXPIRED,), places=("dynamodb",))
    script = "import boto3\nboto3.client('dynamodb').list_tables()\n"
    ended = jobs.run(jobs.create(f"meets-faults-{jobs.bucket}", script))
    assert ended["JobRunState"] == "FAILED"
    assert "ExpiredTokenException" in ended["ErrorMessage"]
    # The run's end is an event, which rules of other tests may listen to: it is counted, and nothing befalls it.
    befallen = [(t.operation, t.injected) for t in read_tallies(cloud.endpoint_url) if t.injected]
    assert befallen == [("ListTables", {Kind.EXPIRED: 1})]


def test_an_event_of_s3_comes_twice(cloud: LocalCloudProcess, aws: Aws, bucket: str, plan: Any) -> None:
    s3, sqs = aws.client("s3"), aws.client("sqs")
    url = sqs.create_queue(QueueName=f"heard-{bucket}")["QueueUrl"]
    arn = let_s3_send(sqs, url, bucket)
    queue = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [queue]})
    sqs.purge_queue(QueueUrl=url)  # S3's test event
    plan(kinds=(Kind.TWICE,), late_seconds=0.1)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    heard: list[Any] = []

    def both() -> bool:
        heard.extend(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []))
        return len(heard) >= 2

    eventually(both)
    first, second = (json.loads(message["Body"])["Records"][0] for message in heard)
    assert first == second
    assert first["s3"]["object"]["key"] == "a"


def test_what_goes_wrong_is_logged(cloud: LocalCloudProcess, bucket: str, plan: Any) -> None:
    plan(kinds=(Kind.RESET,), places=("s3:HeadObject",))
    with pytest.raises(BotoCoreError):
        workload(cloud, "s3").head_object(Bucket=bucket, Key="logged")
    line = '{"service": "s3", "operation": "HeadObject", "number": 0, "kind": "reset"}'
    assert line in Path(cloud.config.log_file).read_text(encoding="utf-8")


def test_a_plan_that_is_none_is_refused_and_nothing_changes(cloud: LocalCloudProcess, plan: Any) -> None:
    plan(kinds=(Kind.RESET,))
    address = cloud.endpoint_url + "/_localcloud/faults"
    before = urllib.request.urlopen(address).read()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(address, b'{"rate": 2}', method="PUT"))
    with caught.value as answer:
        assert (answer.code, json.load(answer)) == (400, {"message": "rate: 2.0 is not between 0 and 1"})
    assert urllib.request.urlopen(address).read() == before
