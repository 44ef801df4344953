"""What starts functions: the queue of the manifests, event rules and schedules; and the topics that people hear of."""

import json
from typing import Any

from sluice.aws.clients import Clients
from sluice.lake.layout import MANIFEST_NAME
from sluice.settings import Settings
from sluice_laptop.deploy.made import unless_exists
from sluice_laptop.deploy.permissions import Permissions
from sluice_laptop.deploy.queues import make_queue
from sluice_laptop.deploy.stack import Queue, Stack


def make_topics(clients: Clients, settings: Settings, permissions: Permissions, key_arn: str) -> None:
    """Make the topics; on a laptop nobody is subscribed until somebody wants to be."""
    for field in ("business_topic", "support_topic"):
        arn = clients.sns.create_topic(Name=getattr(settings, field))["TopicArn"]
        for attribute, value in {
            "KmsMasterKeyId": key_arn,
            "Policy": json.dumps(permissions.resources[field]),
        }.items():
            clients.sns.set_topic_attributes(TopicArn=arn, AttributeName=attribute, AttributeValue=value)


def make_rules(clients: Clients, settings: Settings, stack: Stack) -> None:
    """Make the event rules and the schedules."""
    prefix = settings.prefix
    for key, rule in stack.rules.items():
        _make_rule(clients, prefix + key, prefix + rule.function, {"EventPattern": json.dumps(rule.pattern)})
    for key, schedule in stack.schedules.items():
        _make_rule(clients, prefix + key, prefix + schedule.function, {"ScheduleExpression": schedule.expression})


def make_manifest_queue(
    clients: Clients, settings: Settings, stack: Stack, permissions: Permissions, key_arn: str
) -> str:
    """Make the queue and its dead-letter queue, and have its function read it; gives the queue's ARN."""
    numbers = stack.queue
    queue = make_queue(
        clients,
        settings.manifest_queue,
        retention_seconds=numbers.retention_seconds,
        dead_letter_retention_seconds=numbers.dead_letter_retention_seconds,
        visibility_timeout_seconds=numbers.visibility_timeout_seconds,
        max_receives=numbers.max_receives,
    )
    policy = json.dumps(permissions.resources["manifest_queue"])
    clients.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": policy, "KmsMasterKeyId": key_arn})
    _read_queue(clients, settings.prefix + numbers.function, numbers, queue.arn)
    return queue.arn


def announce_manifests(clients: Clients, settings: Settings, queue_arn: str) -> None:
    """Have the raw bucket tell the queue of every manifest."""
    clients.s3.put_bucket_notification_configuration(
        Bucket=settings.raw_bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "Id": "manifests",
                    "QueueArn": queue_arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": MANIFEST_NAME}]}},
                }
            ]
        },
    )


def _make_rule(clients: Clients, name: str, function_name: str, trigger: dict[str, str]) -> None:
    rule_arn = clients.events.put_rule(Name=name, State="ENABLED", **trigger)["RuleArn"]  # type: ignore[arg-type]
    function_arn = clients.lambda_.get_function(FunctionName=function_name)["Configuration"]["FunctionArn"]
    clients.events.put_targets(Rule=name, Targets=[{"Id": function_name, "Arn": function_arn}])
    unless_exists(
        clients.lambda_.add_permission,
        FunctionName=function_name,
        StatementId=name,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )


def _read_queue(clients: Clients, name: str, numbers: Queue, queue_arn: str) -> None:
    mapping: dict[str, Any] = {
        "BatchSize": numbers.batch_size,
        "MaximumBatchingWindowInSeconds": numbers.batch_window_seconds,
        "ScalingConfig": {"MaximumConcurrency": numbers.maximum_concurrency},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    found = clients.lambda_.list_event_source_mappings(FunctionName=name, EventSourceArn=queue_arn)
    if not found["EventSourceMappings"]:
        clients.lambda_.create_event_source_mapping(FunctionName=name, EventSourceArn=queue_arn, **mapping)
