"""The crawlers, and the way of the published files' events to them: bucket, topic, a queue for each crawler."""

import json
from collections.abc import Mapping
from typing import Any

from crawlers.definitions import CrawlerDefinition, CrawlerPlace, crawler_definitions, crawler_request, folder_filter
from sluice.aws.clients import Clients
from sluice.contract import Contract
from sluice.lake.catalog_tables import Zone
from sluice.settings import Settings
from sluice_laptop.deploy.made import unless_exists
from sluice_laptop.deploy.permissions import Permissions, make_role
from sluice_laptop.deploy.queues import MadeQueue, allow_sender, make_queue
from sluice_laptop.deploy.stack import Stack

OBJECT_TOPIC = "processed-objects"


def make_crawlers(
    clients: Clients,
    settings: Settings,
    contracts: Mapping[str, Contract],
    stack: Stack,
    permissions: Permissions,
) -> None:
    """Make all crawlers with their queues and roles, and have the processed bucket tell of its objects."""
    topic = clients.sns.create_topic(Name=settings.prefix + OBJECT_TOPIC)["TopicArn"]
    policy = json.dumps(permissions.resources["object_topic"])
    clients.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    for crawler in crawler_definitions(contracts):
        name = crawler.name(settings.prefix)
        queue = _make_event_queue(clients, crawler, name, stack, topic) if crawler.hears_events else None
        place = CrawlerPlace(
            name,
            make_role(clients, name, permissions.of_crawler(crawler, "" if queue is None else queue.arn)),
            {Zone.RAW: settings.raw_database, Zone.PROCESSED: settings.processed_database}[crawler.zone],
            stack.crawlers.schedules[crawler.zone],
            "" if queue is None else queue.arn,
            "" if queue is None else queue.dead_letters_arn,
        )
        request: dict[str, Any] = dict(crawler_request(crawler, place))
        if not unless_exists(clients.glue.create_crawler, **request):
            clients.glue.update_crawler(**request)
    clients.s3.put_bucket_notification_configuration(
        Bucket=settings.processed_bucket,
        NotificationConfiguration={
            "TopicConfigurations": [
                {"Id": "objects", "TopicArn": topic, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
            ]
        },
    )


def _make_event_queue(clients: Clients, crawler: CrawlerDefinition, name: str, stack: Stack, topic: str) -> MadeQueue:
    queue = make_queue(
        clients,
        f"{name}-objects",
        retention_seconds=stack.crawlers.retention_seconds,
        dead_letter_retention_seconds=stack.crawlers.dead_letter_retention_seconds,
    )
    allow_sender(clients, queue, "sns.amazonaws.com", topic)
    # Subscribing twice gives the same subscription, whose filter may be that of an older contract.
    subscription = clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)["SubscriptionArn"]
    for attribute, value in {
        "RawMessageDelivery": "true",
        "FilterPolicyScope": "MessageBody",
        "FilterPolicy": folder_filter(crawler),
    }.items():
        clients.sns.set_subscription_attributes(
            SubscriptionArn=subscription, AttributeName=attribute, AttributeValue=value
        )
    return queue
