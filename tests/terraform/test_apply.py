"""The real thing: Terraform deploys to a local cloud, a batch of each dataset goes through, and all is taken down.

Nothing but ``terraform apply`` makes a resource here: a resource that is missing in the configuration is missing.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from crawlers.definitions import crawler_definitions
from localcloud.iam.record import questions
from sluice.analysis import queries
from sluice.aws.athena import Athena
from sluice.aws.documents import Documents
from sluice.doctor import Deployment, Severity, examine
from sluice.drift.report import DriftReport, ZoneSurvey
from sluice.errors import MissingObjectError
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from sluice.simulator import DATASETS, Sender, SimulatorOptions, Truth, simulate
from tests.terraform.applied import NAME, AppliedStack
from tests.terraform.asked import UNASKED, Deployed, short_name
from tests.terraform.workspace import TerraformError, Workspace

HOUR = Partition(datetime(2027, 8, 1, 4, tzinfo=UTC))
OPTIONS = SimulatorOptions(start=HOUR, rows=20, files=1)
PATIENCE_SECONDS = 420.0

# What is in an account that nobody has touched, and the log group that Glue makes and all its crawlers share.
# Source: https://docs.aws.amazon.com/glue/latest/dg/monitor-crawler.html
NOT_OURS = {
    "log groups": ["/aws-glue/crawlers"],
    "workgroups": ["primary"],
}


@pytest.fixture
def stack(workspace: Workspace) -> Iterator[AppliedStack]:
    """The local cloud with what Terraform made. As for the tests of the pipeline, the folder is not pytest's."""
    with TemporaryDirectory(prefix="sluice-apply-") as name:
        applied = AppliedStack(Path(name), workspace)
        try:
            applied.start()
            yield applied
        finally:
            applied.cloud.stop()


@pytest.mark.timeout(1500)
def test_what_is_applied_takes_batches_in_stays_as_planned_and_goes_away(stack: AppliedStack) -> None:
    findings = list(examine(Deployment.of(stack.clients, stack.settings, stack.contracts), with_queries=False))
    assert [finding for finding in findings if finding.severity is Severity.ERROR] == []
    assert _crawled(stack) == {
        crawler.name("lake-"): (
            list(crawler.tables),
            [f"lake-processed-{crawler.dataset}-objects"] if crawler.hears_events else [],
        )
        for crawler in crawler_definitions(stack.contracts)
    }

    truth = Truth(stack.contracts)
    sender = Sender(stack.clients.s3, stack.settings.raw_bucket, truth)
    for dataset in DATASETS:
        sender.send(simulate(stack.contracts[dataset], HOUR, OPTIONS))
    assert {dataset: _ends(stack, dataset) for dataset in DATASETS} == {
        dataset: [BatchState.ARCHIVED if stack.contracts[dataset].archive else BatchState.LOADED]
        for dataset in DATASETS
    }
    for table, contract in truth.tables.items():
        names = contract.table(table).column_names
        expected = [tuple(version.row[name] for name in names) for version in truth.rows(table).values()]
        rows = stack.rows(f"select {', '.join(names)} from {table}")
        assert (table, sorted(rows, key=repr)) == (table, sorted(expected, key=repr))

    # The crawl of what was published ends well, and the schema sync hears of it.
    assert stack.crawl("lake-processed-orders", PATIENCE_SECONDS)["Status"] == "SUCCEEDED"
    survey = _survey(stack, "orders", "processed")
    assert (survey.crawler, survey.differences) == ("lake-processed-orders", ())
    athena = Athena(
        stack.clients.athena, stack.settings.processed_database, "s3://enforced-by-the-workgroup/", workgroup="lake"
    )
    answers = {title: athena.rows(sql) for title, sql in _saved_queries(stack).items()}
    published = {table: sum(row[-2] for row in answers[f"{table}: rows of the last day"]) for table in truth.tables}
    assert published == {table: len(truth.rows(table)) for table in truth.tables}

    stack.check_unchanged()

    # All of it under the roles of the plan, and no statement of them that nobody needed.
    asked = questions(stack.cloud.config.iam_record)
    assert [str(question.request) for question in asked if not question.is_allowed] == []
    deployed = Deployed.read(stack.clients, stack.cloud.endpoint_url)
    spare = {(short_name(arn, NAME), sid.removeprefix(f"{NAME}-")) for arn, sid in deployed.spare(asked)}
    assert spare - set(UNASKED) == set()
    allowing = deployed.allowing()
    present = {(short_name(arn, NAME), statement.sid.removeprefix(f"{NAME}-")) for arn, statement in allowing}
    assert set(UNASKED) - present == set()

    # Protected, it stays whole: nothing goes before the destroy stops.
    stack.protect(on=True)
    there = _everything(stack, truth)
    with pytest.raises(TerraformError, match="deletion_protection of lake is on"):
        stack.destroy()
    assert _everything(stack, truth) == there

    stack.protect(on=False)
    stack.destroy()
    assert stack.left_behind() == NOT_OURS


def _everything(stack: AppliedStack, truth: Truth) -> tuple[object, ...]:
    """Resources, objects and rows."""
    rows = {table: sorted(stack.rows(f"select * from {table}"), key=repr) for table in truth.tables}
    return stack.left_behind(), stack.objects(), rows


def _crawled(stack: AppliedStack) -> dict[str, tuple[list[str], list[str]]]:
    """Tables, and names of the queue of events, by crawler."""
    found = {}
    for crawler in stack.clients.glue.get_crawlers()["Crawlers"]:
        (target,) = crawler["Targets"]["CatalogTargets"]
        queues = [queue] if (queue := target.get("EventQueueArn", "").rpartition(":")[2]) else []
        for queue in queues:
            stack.clients.sqs.get_queue_url(QueueName=queue)
        found[crawler["Name"]] = (target["Tables"], queues)
    return found


def _survey(stack: AppliedStack, dataset: str, zone: str) -> ZoneSurvey:
    """What the schema sync left, once it has."""
    documents, deadline = Documents(stack.clients.s3), time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return DriftReport.from_json(documents.read(stack.settings.processed.drift_report(dataset))).zones[zone]
        except MissingObjectError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _saved_queries(stack: AppliedStack) -> dict[str, str]:
    client = stack.clients.athena
    names = [
        name
        for page in client.get_paginator("list_named_queries").paginate(WorkGroup="lake")
        for name in page["NamedQueryIds"]
    ]
    found = [client.get_named_query(NamedQueryId=name)["NamedQuery"] for name in names]
    queries_of_tables = sum(1 + len(contract.tables) for contract in stack.contracts.values())
    assert len(found) == len(queries()) + queries_of_tables
    return {query["Name"]: query["QueryString"] for query in found}


def _ends(stack: AppliedStack, dataset: str) -> list[BatchState]:
    return [batch.state for batch in stack.settled(dataset, 1, PATIENCE_SECONDS)]
