"""What is deployed around the functions, which no run of the pipeline shows while all goes well."""

import io
import json
import zipfile
from collections.abc import Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localcloud_tests.aws.cloud import eventually
from sluice.lake.layout import Partition
from sluice_laptop.deploy import Deployer
from sluice_laptop.deploy.stack import Stack as StackNumbers
from tests.e2e.stack import Stack


def test_messages_fail_alone_and_end_in_the_dead_letter_queue(stack: Stack) -> None:
    sqs = stack.clients.sqs
    name = stack.settings.manifest_queue
    numbers = StackNumbers.read(stack.settings).queue
    urls = {queue: sqs.get_queue_url(QueueName=queue)["QueueUrl"] for queue in (name, f"{name}-dlq")}
    found = {
        queue: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        for queue, url in urls.items()
    }
    assert json.loads(found[name]["RedrivePolicy"]) == {
        "deadLetterTargetArn": found[f"{name}-dlq"]["QueueArn"],
        "maxReceiveCount": numbers.max_receives,
    }
    assert found[name]["VisibilityTimeout"] == str(numbers.visibility_timeout_seconds)
    function = stack.settings.prefix + numbers.function
    [mapping] = stack.clients.lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    assert (mapping["EventSourceArn"], mapping["FunctionResponseTypes"]) == (
        found[name]["QueueArn"],
        ["ReportBatchItemFailures"],
    )


def test_deploying_again_doubles_nothing_and_puts_right_what_was_changed(stack: Stack) -> None:
    before, revisions = _resources(stack), _revisions(stack)
    name, lambda_ = f"{stack.settings.prefix}archive", stack.clients.lambda_
    function: Mapping[str, Any] = lambda_.get_function_configuration(FunctionName=name)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("other.py", "")
    lambda_.update_function_code(FunctionName=name, ZipFile=packed.getvalue())
    lambda_.update_function_configuration(
        FunctionName=name, Handler="other.handler", Timeout=3, Environment={"Variables": {}}
    )

    Deployer(stack.clients, stack.settings, stack.contracts, stack.cloud.warehouse_dsn).deploy()

    assert _resources(stack) == before
    kept = ("CodeSha256", "Handler", "Timeout", "Environment", "MemorySize", "Role", "Runtime")
    after: Mapping[str, Any] = lambda_.get_function_configuration(FunctionName=name)
    assert [after[field] for field in kept] == [function[field] for field in kept]
    # The others were not even changed, for that would end their warm processes.
    assert {**_revisions(stack), name: ""} == {**revisions, name: ""}


def _revisions(stack: Stack) -> dict[str, object]:
    """The revision of each function, which every change of it changes."""
    pages = stack.clients.lambda_.get_paginator("list_functions").paginate()
    return {found["FunctionName"]: found["RevisionId"] for page in pages for found in page["Functions"]}


def test_every_table_has_a_crawler_and_an_index(stack: Stack) -> None:
    found = _resources(stack)
    crawled = [
        table
        for crawler in stack.clients.glue.get_crawlers()["Crawlers"]
        for target in crawler["Targets"]["CatalogTargets"]
        for table in target["Tables"]
    ]
    assert sorted(crawled) == sorted(found["tables"])
    assert [name for name, *_ in found["indexes"]] == found["tables"]
    hourly, daily = ["year", "month", "day", "hour"], ["year", "month", "day"]
    assert [keys for name, _, keys in found["indexes"] if name == "orders"] == [hourly, hourly]
    assert [keys for name, _, keys in found["indexes"] if name == "refunds"] == [daily, daily]


def test_a_crawler_hears_of_its_own_published_files_only(stack: Stack) -> None:
    s3, bucket = stack.clients.s3, stack.settings.processed_bucket
    queues = {
        name: _ObjectQueue(stack, f"{stack.settings.prefix}processed-{name}-objects")
        for name in ("suppliers", "products")
    }
    for queue in queues.values():
        queue.keys()
    key = "suppliers/year=2031/month=01/day=02/heard of.parquet"

    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=bucket, Key=key)

    encoded = "suppliers/year%3D2031/month%3D01/day%3D02/heard+of.parquet"
    wanted = [("ObjectCreated:Put", encoded), ("ObjectRemoved:DeleteMarkerCreated", encoded)]
    assert sorted(eventually(lambda: queues["suppliers"].keys(at_least=2))) == wanted
    assert queues["products"].keys() == []


def test_crawls_of_both_zones_may_do_what_they_have_to(stack: Stack) -> None:
    """Each acts under the role that the plan gives it; nothing but a crawl registers these files."""
    s3, glue, hour = stack.clients.s3, stack.clients.glue, Partition.parse("2031-01-02T03")
    body = io.BytesIO()
    pq.write_table(pa.table({"product_id": ["PROD-9902"]}), body)
    raw, processed = stack.settings.raw_bucket, stack.settings.processed_bucket
    values = list(hour.values)
    files = {
        (raw, f"{stack.contracts['products'].layout.folder(hour)}/found.txt"): stack.settings.raw_database,
        (processed, "products/year=2031/month=01/day=02/hour=03/found.parquet"): stack.settings.processed_database,
    }
    for bucket, key in files:
        s3.put_object(Bucket=bucket, Key=key, Body=body.getvalue())
    try:
        for zone in ("raw", "processed"):
            name = f"{stack.settings.prefix}{zone}-products"
            glue.start_crawler(Name=name)
            crawl = eventually(partial(_last_crawl, stack, name))
            assert (crawl["Status"], crawl.get("ErrorMessage")) == ("SUCCEEDED", None)
        for database in files.values():
            glue.get_partition(DatabaseName=database, TableName="products", PartitionValues=values)
    finally:
        for (bucket, key), database in files.items():
            s3.delete_object(Bucket=bucket, Key=key)
            gone: Any = [{"Values": values}]
            glue.batch_delete_partition(DatabaseName=database, TableName="products", PartitionsToDelete=gone)


def _last_crawl(stack: Stack, name: str) -> Any:
    crawler = stack.clients.glue.get_crawler(Name=name)["Crawler"]
    return crawler["LastCrawl"] if crawler["State"] == "READY" else None


class _ObjectQueue:
    """The queue of a crawler, read as the crawler reads it."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._sqs = stack.clients.sqs
        self._url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        self._heard: list[tuple[str, str]] = []

    def keys(self, at_least: int = 0) -> list[tuple[str, str]]:
        """The events heard so far, when they are as many; takes them out of the queue."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                for record in json.loads(message["Body"])["Records"]:
                    self._heard.append((record["eventName"], record["s3"]["object"]["key"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        if len(self._heard) < at_least:
            return []
        heard, self._heard = self._heard, []
        return heard


def _resources(stack: Stack) -> dict[str, list[Any]]:
    clients, settings = stack.clients, stack.settings
    tables = clients.glue.get_paginator("get_tables")
    databases = (settings.raw_database, settings.processed_database)
    pages = [page for database in databases for page in tables.paginate(DatabaseName=database)]
    return {
        "buckets": [bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]],
        "tables": [table["Name"] for page in pages for table in page["TableList"]],
        "jobs": [job["Name"] for job in clients.glue.get_jobs()["Jobs"]],
        "functions": [function["FunctionName"] for function in clients.lambda_.list_functions()["Functions"]],
        "mappings": [m["UUID"] for m in clients.lambda_.list_event_source_mappings()["EventSourceMappings"]],
        "rules": [rule["Name"] for rule in clients.events.list_rules()["Rules"]],
        "queues": sorted(clients.sqs.list_queues()["QueueUrls"]),
        "machines": [m["name"] for m in clients.stepfunctions.list_state_machines()["stateMachines"]],
        "crawlers": [crawler["Name"] for crawler in clients.glue.get_crawlers()["Crawlers"]],
        "subscriptions": sorted(s["Endpoint"] for s in clients.sns.list_subscriptions()["Subscriptions"]),
        "indexes": [
            (table["Name"], index["IndexName"], [key["Name"] for key in index["Keys"]])
            for page in pages
            for table in page["TableList"]
            for index in clients.glue.get_partition_indexes(
                DatabaseName=table["DatabaseName"], TableName=table["Name"]
            )["PartitionIndexDescriptorList"]
        ],
        "topics": sorted(topic["TopicArn"] for topic in clients.sns.list_topics()["Topics"]),
    }
