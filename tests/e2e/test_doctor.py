"""The doctor on a deployed stack: well as it is, and one thing broken after another, each found with its remedy."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sluice.doctor import Deployment, Finding, Severity, examine
from sluice.doctor.catalog import check_tables as check_catalog
from sluice.doctor.checks import CHECKS
from sluice.doctor.compute import check_functions, check_jobs, check_roles, check_rules
from sluice.doctor.crawlers import check_crawlers
from sluice.doctor.findings import DEPLOY, error, warning
from sluice.doctor.intake import check_buckets, check_event_source, check_notification, check_queue
from sluice.doctor.ledger import check_heartbeat
from sluice.doctor.loading import check_machine, check_secret, check_topics
from sluice.doctor.warehouse import check_aggregates, check_external_schema, check_tables
from sluice.drift.columns import DECIDE
from sluice.lake.catalog_tables import processed_table
from sluice.ledger.record import Heartbeat
from sluice.names import MANIFEST_FUNCTION
from tests.e2e.stack import Stack

Break = Callable[[Stack], AbstractContextManager[None]]
Check = Callable[[Deployment], Iterable[Finding]]


def deployment_of(stack: Stack) -> Deployment:
    """What the command line would examine."""
    return Deployment.of(stack.clients, stack.settings, stack.contracts)


def test_a_deployed_stack_has_no_errors(stack: Stack) -> None:
    found = list(examine(deployment_of(stack), with_queries=False))
    # Batches of other tests may have failed for good.
    assert [one for one in found if one.severity is Severity.ERROR and one.area != "batches"] == []
    assert {finding.area for finding in found} == {area for area, _ in CHECKS}


@contextmanager
def no_versions(stack: Stack) -> Iterator[None]:
    bucket = stack.settings.raw_bucket
    stack.clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    try:
        yield
    finally:
        stack.clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


@contextmanager
def no_notification(stack: Stack) -> Iterator[None]:
    s3, bucket = stack.clients.s3, stack.settings.raw_bucket
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        configuration: Any = {"QueueConfigurations": answer["QueueConfigurations"]}
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


@contextmanager
def closed_queue(stack: Stack) -> Iterator[None]:
    sqs = stack.clients.sqs
    url = sqs.get_queue_url(QueueName=stack.settings.manifest_queue)["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}
    )
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


@contextmanager
def dead_letter(stack: Stack) -> Iterator[None]:
    sqs = stack.clients.sqs
    url = sqs.get_queue_url(QueueName=f"{stack.settings.manifest_queue}-dlq")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    try:
        yield
    finally:
        sqs.purge_queue(QueueUrl=url)


@contextmanager
def deaf_function(stack: Stack) -> Iterator[None]:
    lambda_ = stack.clients.lambda_
    [mapping] = lambda_.list_event_source_mappings(FunctionName=stack.settings.prefix + MANIFEST_FUNCTION)[
        "EventSourceMappings"
    ]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


@contextmanager
def all_or_nothing(stack: Stack) -> Iterator[None]:
    lambda_ = stack.clients.lambda_
    [mapping] = lambda_.list_event_source_mappings(FunctionName=stack.settings.prefix + MANIFEST_FUNCTION)[
        "EventSourceMappings"
    ]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], FunctionResponseTypes=[])
    try:
        yield
    finally:
        types = mapping["FunctionResponseTypes"]
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], FunctionResponseTypes=types)


@contextmanager
def crawler_of_a_former_dataset(stack: Stack) -> Iterator[None]:
    glue = stack.clients.glue
    targets: Any = {"CatalogTargets": [{"DatabaseName": stack.settings.raw_database, "Tables": ["orders"]}]}
    glue.create_crawler(
        Name="sluice-raw-gone", Role="sluice-raw-orders", Targets=targets, SchemaChangePolicy={"DeleteBehavior": "LOG"}
    )
    try:
        yield
    finally:
        glue.delete_crawler(Name="sluice-raw-gone")


@contextmanager
def no_crawler(stack: Stack) -> Iterator[None]:
    stack.clients.glue.delete_crawler(Name="sluice-processed-orders")
    try:
        yield
    finally:
        stack.deploy()


@contextmanager
def rule_off(stack: Stack) -> Iterator[None]:
    stack.clients.events.disable_rule(Name="sluice-job-change")
    try:
        yield
    finally:
        stack.clients.events.enable_rule(Name="sluice-job-change")


@contextmanager
def rule_without_target(stack: Stack) -> Iterator[None]:
    events = stack.clients.events
    targets = events.list_targets_by_rule(Rule="sluice-job-change")["Targets"]
    events.remove_targets(Rule="sluice-job-change", Ids=[target["Id"] for target in targets])
    try:
        yield
    finally:
        events.put_targets(Rule="sluice-job-change", Targets=targets)


@contextmanager
def old_glue(stack: Stack) -> Iterator[None]:
    job = stack.clients.glue.get_job(JobName=stack.settings.load_job)["Job"]
    kept = ("Role", "Command", "DefaultArguments", "ExecutionProperty", "Timeout", "WorkerType", "NumberOfWorkers")
    definition = {name: value for name, value in job.items() if name in kept} | {"JobRunQueuingEnabled": True}
    older: Any = definition | {"GlueVersion": "5.0"}
    current: Any = definition | {"GlueVersion": job["GlueVersion"]}
    stack.clients.glue.update_job(JobName=stack.settings.load_job, JobUpdate=older)
    try:
        yield
    finally:
        stack.clients.glue.update_job(JobName=stack.settings.load_job, JobUpdate=current)


@contextmanager
def other_column(stack: Stack) -> Iterator[None]:
    contract, settings = stack.contracts["products"], stack.settings
    table = processed_table(contract, contract.tables[0], settings.processed)
    changed = json.loads(json.dumps(table))
    changed["StorageDescriptor"]["Columns"][0]["Type"] = "bigint"
    stack.clients.glue.update_table(DatabaseName=settings.processed_database, TableInput=changed)
    try:
        yield
    finally:
        stack.clients.glue.update_table(DatabaseName=settings.processed_database, TableInput=table)


@contextmanager
def no_procedure(stack: Stack) -> Iterator[None]:
    warehouse = deployment_of(stack).warehouse
    name = "aggregates.refresh_daily_orders(varchar)"
    warehouse.execute(f"DROP PROCEDURE {name}")
    try:
        yield
    finally:
        stack.deploy()


@contextmanager
def narrower_column(stack: Stack) -> Iterator[None]:
    warehouse = deployment_of(stack).warehouse
    warehouse.execute("ALTER TABLE public.refunds DROP COLUMN reason")
    warehouse.execute("ALTER TABLE public.refunds ADD COLUMN reason integer")
    try:
        yield
    finally:
        warehouse.execute("ALTER TABLE public.refunds DROP COLUMN reason")
        warehouse.execute("ALTER TABLE public.refunds ADD COLUMN reason varchar(40)")


@contextmanager
def old_sweep(stack: Stack) -> Iterator[None]:
    before = stack.ledger.heartbeat()
    stack.ledger.beat(Heartbeat(datetime.now(UTC) - timedelta(hours=5)))
    try:
        yield
    finally:
        stack.ledger.beat(before or Heartbeat(datetime.now(UTC)))


ACCOUNT = "eu-central-1:000000000000"
BROKEN: list[tuple[Break, Check, Finding]] = [
    (
        no_versions,
        check_buckets,
        error(
            "buckets",
            "bucket sluice-raw does not keep versions",
            "aws s3api put-bucket-versioning --bucket sluice-raw --versioning-configuration Status=Enabled",
        ),
    ),
    (
        no_notification,
        check_notification,
        error(
            "notification",
            "bucket sluice-raw does not tell queue sluice-manifests of every object named *manifest.json",
            DEPLOY,
        ),
    ),
    (
        closed_queue,
        check_queue,
        error("queue", "the policy of queue sluice-manifests does not let bucket sluice-raw send", DEPLOY),
    ),
    (
        dead_letter,
        check_queue,
        error(
            "queue",
            "dead-letter queue sluice-manifests-dlq has 1 events of manifests given up",
            "find the cause in the log of sluice-on-manifest, then: sluice dlq redrive",
        ),
    ),
    (
        all_or_nothing,
        check_event_source,
        error(
            "event source",
            "event source mapping of sluice-on-manifest does not have ReportBatchItemFailures: "
            "failed manifests would be lost",
            DEPLOY,
        ),
    ),
    (
        rule_off,
        check_rules,
        error("rules", "rule sluice-job-change is switched off", "aws events enable-rule --name sluice-job-change"),
    ),
    (rule_without_target, check_rules, error("rules", "rule sluice-job-change calls nothing", DEPLOY)),
    (
        old_glue,
        check_jobs,
        warning("jobs", "Glue job sluice-load-redshift has Glue version 5.0, and is made for 6.0", DEPLOY),
    ),
    (
        other_column,
        check_catalog,
        error(
            "catalog", "table sluice_processed.products: column product_id is bigint and should be varchar(20)", DEPLOY
        ),
    ),
    (
        crawler_of_a_former_dataset,
        check_crawlers,
        warning(
            "crawlers",
            "crawler sluice-raw-gone is of no dataset of the contracts",
            "aws glue delete-crawler --name sluice-raw-gone",
        ),
    ),
    (
        no_crawler,
        check_crawlers,
        error("crawlers", "crawler sluice-processed-orders does not exist", DEPLOY),
    ),
    (
        no_procedure,
        check_aggregates,
        error(
            "aggregates",
            'aggregate daily_orders lacks its procedure "aggregates"."refresh_daily_orders"',
            DEPLOY,
        ),
    ),
    (
        narrower_column,
        check_tables,
        error(
            "warehouse tables",
            "table public.refunds: column reason is integer in the warehouse and varchar(40) in the contract. "
            "A table can gain columns, longer varchar columns and wider decimal columns; any other change of a type "
            "needs a new column or a new table",
            DECIDE,
        ),
    ),
]


def bad(check: Check, deployment: Deployment) -> list[Finding]:
    return [finding for finding in check(deployment) if finding.severity is not Severity.OK]


@pytest.mark.parametrize(("broken", "check", "finding"), BROKEN, ids=[broken.__name__ for broken, *_ in BROKEN])
def test_what_is_broken_is_found_and_nothing_else(stack: Stack, broken: Break, check: Check, finding: Finding) -> None:
    assert bad(check, deployment_of(stack)) == []
    with broken(stack):
        assert bad(check, deployment_of(stack)) == [finding]
    assert bad(check, deployment_of(stack)) == []


def test_a_mapping_that_is_switched_off_is_found(stack: Stack) -> None:
    with deaf_function(stack):
        [finding] = bad(check_event_source, deployment_of(stack))
    assert finding.what.endswith("Disabled: manifests wait in the queue")
    assert finding.fix.startswith("aws lambda update-event-source-mapping --uuid ")
    assert bad(check_event_source, deployment_of(stack)) == []


def test_a_sweep_that_has_stopped_is_found(stack: Stack) -> None:
    with old_sweep(stack):
        [finding] = bad(check_heartbeat, deployment_of(stack))
    assert finding.what == "the last sweep was 5 h ago: what a crash leaves behind stays"


def test_a_topic_that_somebody_hears_is_well(stack: Stack) -> None:
    """Until then there is a warning, with the command that subscribes somebody."""
    sns, name = stack.clients.sns, stack.settings.support_topic
    topic = f"arn:aws:sns:{ACCOUNT}:{name}"
    found = {finding.what: finding for finding in bad(check_topics, deployment_of(stack))}
    assert found[f"topic {name} has no subscription: nobody hears it"].fix.startswith(
        f"aws sns subscribe --topic-arn {topic} "
    )
    queue = f"arn:aws:sqs:{ACCOUNT}:{stack.settings.manifest_queue}-dlq"
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)
    assert [finding.what for finding in bad(check_topics, deployment_of(stack)) if name in finding.what] == []
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


def test_what_was_never_deployed_is_missing_with_its_name(stack: Stack) -> None:
    """As with settings that name another stack: nothing of it is there."""
    settings = replace(
        stack.settings,
        raw_bucket="elsewhere",
        manifest_queue="elsewhere",
        convert_job="elsewhere",
        load_machine="elsewhere",
        support_topic="elsewhere",
        warehouse_secret="elsewhere",
        raw_database="elsewhere",
        spectrum_schema="elsewhere",
    )
    there = deployment_of(stack)
    there = deployment_of(stack)
    elsewhere = replace(there, settings=settings)
    missing = [
        (check_buckets, "bucket elsewhere does not exist"),
        (check_queue, "queue elsewhere does not exist"),
        (check_jobs, "Glue job elsewhere does not exist"),
        (check_machine, "state machine elsewhere does not exist: nothing is loaded"),
        (check_topics, "topic elsewhere does not exist: nobody is told of anything"),
        (check_secret, "secret elsewhere does not exist: nothing reaches the warehouse"),
        (check_catalog, "database elsewhere does not exist"),
        (check_external_schema, "the warehouse has no external schema elsewhere: aggregates need it"),
    ]
    for check, what in missing:
        assert what in [finding.what for finding in bad(check, elsewhere) if finding.severity is Severity.ERROR]
    assert list(check_notification(elsewhere)) == []
    assert list(check_event_source(elsewhere)) == []


def test_functions_and_roles_of_another_name_are_missing(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    there = deployment_of(stack)
    assert bad(check_functions, there) == bad(check_roles, there) == []
    monkeypatch.setattr("sluice.doctor.compute.FUNCTIONS", ("nobody",))
    assert bad(check_functions, there) == [error("functions", "function sluice-nobody does not exist", DEPLOY)]
    monkeypatch.setattr("sluice.doctor.compute._roles", lambda _: {"f": "arn:aws:iam::000000000000:role/nobody"})
    assert bad(check_roles, there) == [error("roles", "role nobody of f does not exist", DEPLOY)]
