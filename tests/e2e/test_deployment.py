"""What is deployed around the functions, which no run of the pipeline shows while all goes well."""

import json

from localcloud.deploy import Deployer
from localcloud.deploy.stack import Stack as StackNumbers
from sluice.names import PREFIX
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
    function = PREFIX + numbers.function
    [mapping] = stack.clients.lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    assert (mapping["EventSourceArn"], mapping["FunctionResponseTypes"]) == (
        found[name]["QueueArn"],
        ["ReportBatchItemFailures"],
    )


def test_deploying_again_doubles_nothing(stack: Stack) -> None:
    before = _resources(stack)
    Deployer(stack.clients, stack.settings, stack.contracts, stack.cloud.warehouse_dsn).deploy()
    assert _resources(stack) == before


def _resources(stack: Stack) -> dict[str, list[str]]:
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
        "topics": sorted(topic["TopicArn"] for topic in clients.sns.list_topics()["Topics"]),
    }
