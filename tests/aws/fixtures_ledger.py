"""Sluice's own doors to the running local cloud, and what a trigger needs there, named again for each test."""

import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from lambda_trigger import trigger as container
from localcloud.child import LocalCloudProcess
from localcloud_tests.aws.cloud import eventually, let_s3_send
from sluice.aws.arns import Arns
from sluice.aws.catalog import GlueCatalog
from sluice.aws.clients import Clients
from sluice.aws.documents import Documents
from sluice.aws.ledger import Ledger, ledger_table_definition
from sluice.backoff import Backoff
from sluice.lake.catalog_tables import raw_table
from sluice.settings import Settings
from tests.doubles.world import CONTRACTS

REGION: Literal["eu-central-1"] = "eu-central-1"
EVENTS = Path(__file__).parents[1] / "events"
JOB = "import time\nfor _ in range(600):\n    time.sleep(0.1)\n"
_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def clients(cloud: LocalCloudProcess) -> Clients:
    """Clients as production makes them."""
    return Clients(cloud.endpoint_url, REGION, "test", "test")


@pytest.fixture
def ledger(clients: Clients) -> Iterator[Ledger]:
    """A ledger in a table of its own."""
    table = f"ledger-{next(_numbers)}"
    clients.dynamodb.create_table(**ledger_table_definition(table))
    yield Ledger(clients.dynamodb, table, Backoff(attempts=3, base_seconds=0.01))
    clients.dynamodb.delete_table(TableName=table)


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda hands to a handler."""

    function_name: str = "sluice-test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:000000000000:function:sluice-test"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


@dataclass(frozen=True)
class Trigger:
    """The trigger's surroundings in the local cloud."""

    clients: Clients
    settings: Settings
    queue: str
    mailbox: str

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.clients.dynamodb, self.settings.ledger_table)

    @property
    def documents(self) -> Documents:
        return Documents(self.clients.s3)

    @property
    def catalog(self) -> GlueCatalog:
        return GlueCatalog(self.clients.glue)

    def put(self, key: str, body: bytes) -> None:
        """An object of the source system."""
        self.clients.s3.put_object(Bucket=self.settings.raw_bucket, Key=key, Body=body)

    def send(self, folder: str, *names: str) -> None:
        """A partition's files and its manifest."""
        base = f"s3://{self.settings.raw_bucket}/{folder}"
        for name in names:
            self.put(f"{folder}/{name}", name.encode())
        entries = [{"url": f"{base}/{name}", "meta": {"content_length": len(name.encode())}} for name in names]
        self.put(f"{folder}/manifest.json", json.dumps({"entries": entries}).encode())

    def receive(self, count: int) -> list[dict[str, Any]]:
        """Messages of that many events, as Lambda hands them to a handler; S3's test event stands before them."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            answer = self.clients.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                self.clients.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                found.append(sqs_record(message["Body"], message["MessageId"]))
            return len(found) > count

        eventually(look)
        return sorted(found, key=lambda record: "s3:TestEvent" not in record["body"])

    @property
    def arns(self) -> Arns:
        return Arns(self.clients.sts)

    def executions(self) -> dict[str, dict[str, Any]]:
        """Input of every execution of the load's machine, by name."""
        stepfunctions = self.clients.stepfunctions
        found = stepfunctions.list_executions(stateMachineArn=self.arns.machine(self.settings.load_machine))
        arns = [item["executionArn"] for item in found["executions"]]
        described = [stepfunctions.describe_execution(executionArn=arn) for arn in arns]
        return {item["name"]: json.loads(item["input"]) for item in described}

    def notices(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Subject and body of so many notices that came to the mailbox, in the order of their subjects."""
        found: list[tuple[str, dict[str, Any]]] = []

        def look() -> bool:
            answer = self.clients.sqs.receive_message(QueueUrl=self.mailbox, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                self.clients.sqs.delete_message(QueueUrl=self.mailbox, ReceiptHandle=message["ReceiptHandle"])
                notice = json.loads(message["Body"])
                found.append((notice["Subject"], json.loads(notice["Message"])))
            return len(found) >= count

        eventually(look)
        return sorted(found, key=lambda notice: notice[0])

    def states(self) -> list[tuple[str, str]]:
        """Partition and state of every batch, sorted."""
        return sorted((record.partition, str(record.state)) for record in self.ledger.batches())

    def runs(self, job: str) -> list[dict[str, Any]]:
        """Runs of a job, oldest first."""
        return list(reversed(self.clients.glue.get_job_runs(JobName=job)["JobRuns"]))  # type: ignore[arg-type]


def sqs_record(body: str, message_id: str) -> dict[str, Any]:
    """One message as Lambda gets it from SQS."""
    (record,) = json.loads((EVENTS / "sqs_s3.json").read_text())["Records"]
    return {**record, "body": body, "messageId": message_id}


@pytest.fixture
def trigger(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trigger]:
    """Everything that the handlers need, and the environment that tells them of it."""
    number = next(_numbers)
    settings = Settings(
        raw_bucket=f"trigger-raw-{number}",
        processed_bucket=f"trigger-processed-{number}",
        ledger_table=f"trigger-ledger-{number}",
        raw_database=f"trigger_raw_{number}",
        convert_job=f"trigger-convert-{number}",
        load_job=f"trigger-load-{number}",
        load_machine=f"trigger-load-{number}",
        business_topic=f"trigger-business-{number}",
        support_topic=f"trigger-support-{number}",
        retry_delay_seconds=0,
    )
    queue = _make(clients, settings, f"trigger-{number}")
    mailbox = _make_mailbox(clients, settings, f"trigger-mailbox-{number}")
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(clients.endpoint))
    for name, value in {"DEFAULT_REGION": REGION, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    # A package carries its contracts; a checkout has them in their folder.
    monkeypatch.setattr(container, "packaged_contracts", lambda: CONTRACTS)
    container.trigger_of_container.cache_clear()
    yield Trigger(clients, settings, queue, mailbox)
    container.trigger_of_container.cache_clear()
    _give_logs_back()
    _stop_runs(clients, settings)


def _make(clients: Clients, settings: Settings, queue: str) -> str:
    """The resources; returns the queue's URL."""
    for bucket in (settings.raw_bucket, settings.processed_bucket):
        clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    clients.dynamodb.create_table(**ledger_table_definition(settings.ledger_table))
    clients.glue.create_database(DatabaseInput={"Name": settings.raw_database})
    for contract in CONTRACTS.values():
        table = raw_table(contract, settings.raw_bucket)
        clients.glue.create_table(DatabaseName=settings.raw_database, TableInput=table)
    clients.s3.put_object(Bucket=settings.processed_bucket, Key="_sluice/code/job.py", Body=JOB.encode())
    script = f"s3://{settings.processed_bucket}/_sluice/code/job.py"
    for job in (settings.convert_job, settings.load_job):
        clients.glue.create_job(
            Name=job,
            Role="role",
            Command={"Name": "glueetl", "ScriptLocation": script},
            ExecutionProperty={"MaxConcurrentRuns": 1},
        )
    url = clients.sqs.create_queue(QueueName=queue)["QueueUrl"]
    arn = let_s3_send(clients.sqs, url, settings.raw_bucket)
    rules: Any = [{"Name": "suffix", "Value": "manifest.json"}]
    clients.s3.put_bucket_notification_configuration(
        Bucket=settings.raw_bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
            ]
        },
    )
    return url


def _make_mailbox(clients: Clients, settings: Settings, name: str) -> str:
    """The machine, which does nothing, and the topics, with a queue that gets all that is published; its URL."""
    clients.stepfunctions.create_state_machine(
        name=settings.load_machine,
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::000000000000:role/r",
    )
    url = clients.sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for topic in (settings.business_topic, settings.support_topic):
        topic_arn = clients.sns.create_topic(Name=topic)["TopicArn"]
        clients.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
    return url


def _give_logs_back() -> None:
    """A container logs as Lambda wants it; the tests that follow want their logs as they were."""
    for name in ("sluice", "lambda_trigger"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)


def _stop_runs(clients: Clients, settings: Settings) -> None:
    """Nothing may run when the test is over."""
    for job in (settings.convert_job, settings.load_job):
        active = [run["Id"] for run in clients.glue.get_job_runs(JobName=job)["JobRuns"] if _is_active(run)]
        if active:
            clients.glue.batch_stop_job_run(JobName=job, JobRunIds=active)


def _is_active(run: Any) -> bool:
    return run["JobRunState"] in {"STARTING", "RUNNING", "WAITING"}
