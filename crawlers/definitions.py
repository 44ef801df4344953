"""Which crawlers there are: one per dataset and zone, over the tables that the contracts made.

Sluice registers the partitions of its batches itself, so a crawler only finds what somebody else put there, and shows
what drifted. It owns no schema: it changes no table, and gives new partitions the table's columns.

A crawler of published files looks only into the folders that the events in its own queue name. One of raw files lists
them: S3 takes one receiver for the creation of a manifest, and that is the queue that everything starts from
(docs/adr/0015-raw-crawlers-list.md).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote_plus

from sluice.contract import Contract
from sluice.lake.catalog_tables import Zone, zone_tables
from sluice.lake.layout import ProcessedLayout, split_url
from sluice.names import crawler_name

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import CatalogTargetTypeDef, CreateCrawlerRequestTypeDef

RECRAWL_BEHAVIORS: Final[Mapping[Zone, Literal["CRAWL_EVERYTHING", "CRAWL_EVENT_MODE"]]] = {
    Zone.RAW: "CRAWL_EVERYTHING",
    Zone.PROCESSED: "CRAWL_EVENT_MODE",
}
"""Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-event-notifications.html"""
UPDATE_BEHAVIOR: Final = "LOG"
DELETE_BEHAVIOR: Final = "LOG"
"""Tables of a crawler over catalog tables are never deleted; with LOG their columns are not changed either.

Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-schema-changes-prevent.html
"""
CONFIGURATION = json.dumps(
    {
        "Version": 1.0,
        "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
        # Glue puts it into every crawler over catalog tables; left out here, each plan would take it away again.
        # Source: https://github.com/hashicorp/terraform-provider-aws/issues/30212
        "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"},
        # Tables have their index already.
        "CreatePartitionIndex": False,
    },
    separators=(",", ":"),
)

_ANY_BUCKET = "any-bucket"


@dataclass(frozen=True, slots=True)
class CrawlerDefinition:
    """One crawler.

    Attributes:
        zone: Whether it looks at raw or at published files.
        dataset: The dataset.
        tables: Names of the tables that it keeps complete.
        folders: Their folders below the zone's bucket, each with a slash at the end.
    """

    zone: Zone
    dataset: str
    tables: tuple[str, ...]
    folders: tuple[str, ...]

    @property
    def key(self) -> str:
        """What names it within one deployment."""
        return f"{self.zone}-{self.dataset}"

    @property
    def hears_events(self) -> bool:
        """Whether it has a queue of S3's events."""
        return RECRAWL_BEHAVIORS[self.zone] == "CRAWL_EVENT_MODE"

    @property
    def description(self) -> str:
        """What it looks at, for people."""
        return f"{self.zone.capitalize()} tables of {self.dataset}"

    @property
    def event_prefixes(self) -> tuple[str, ...]:
        """What the keys of its folders begin with in S3's events, which encode them as a URL does.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
        """
        return tuple(quote_plus(folder, safe="/") for folder in self.folders)

    def name(self, prefix: str) -> str:
        """Its name in an account.

        Args:
            prefix: What the names of a deployment begin with, such as ``sluice-``.
        """
        return crawler_name(prefix, self.zone, self.dataset)


@dataclass(frozen=True, slots=True)
class CrawlerPlace:
    """Where a crawler lives.

    Attributes:
        name: Its name.
        role: ARN of its role.
        database: Catalog database of its tables.
        schedule: Glue's cron expression.
        queue_arn: The queue of S3's events, which no other crawler and no function reads; empty for one that lists.
        dead_letters_arn: That queue's dead-letter queue; empty for one that lists.
    """

    name: str
    role: str
    database: str
    schedule: str
    queue_arn: str = ""
    dead_letters_arn: str = ""


def crawler_definitions(contracts: Mapping[str, Contract]) -> tuple[CrawlerDefinition, ...]:
    """The crawlers of all datasets, ordered by their keys.

    Args:
        contracts: The contracts by dataset.
    """
    found = (crawler for contract in contracts.values() for crawler in _of_dataset(contract))
    return tuple(sorted(found, key=lambda crawler: crawler.key))


def crawler_request(crawler: CrawlerDefinition, place: CrawlerPlace) -> "CreateCrawlerRequestTypeDef":
    """What CreateCrawler and UpdateCrawler are asked for.

    Args:
        crawler: The crawler.
        place: Where it lives.
    """
    target: CatalogTargetTypeDef = {"DatabaseName": place.database, "Tables": list(crawler.tables)}
    if crawler.hears_events:
        target |= {"EventQueueArn": place.queue_arn, "DlqEventQueueArn": place.dead_letters_arn}
    return {
        "Name": place.name,
        "Description": crawler.description,
        "Role": place.role,
        "DatabaseName": place.database,
        "Targets": {"CatalogTargets": [target]},
        "Schedule": place.schedule,
        "RecrawlPolicy": {"RecrawlBehavior": RECRAWL_BEHAVIORS[crawler.zone]},
        "SchemaChangePolicy": {"UpdateBehavior": UPDATE_BEHAVIOR, "DeleteBehavior": DELETE_BEHAVIOR},
        "Configuration": CONFIGURATION,
    }


def folder_filter(crawler: CrawlerDefinition) -> str:
    """The filter policy of a crawler's subscription: the bucket's events about objects in its folders.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html (scope ``MessageBody``)

    Args:
        crawler: The crawler.
    """
    return _filter({"s3": {"object": {"key": [{"prefix": prefix} for prefix in crawler.event_prefixes]}}})


def _filter(record: Mapping[str, object]) -> str:
    return json.dumps({"Records": record}, separators=(",", ":"))


def _of_dataset(contract: Contract) -> tuple[CrawlerDefinition, ...]:
    tables: dict[Zone, dict[str, str]] = {zone: {} for zone in Zone}
    for zone, table in zone_tables(contract, _ANY_BUCKET, ProcessedLayout(_ANY_BUCKET)):
        _, folder = split_url(str(table["StorageDescriptor"]["Location"]))
        tables[zone][table["Name"]] = folder
    return tuple(
        CrawlerDefinition(zone, contract.dataset, tuple(found), tuple(found.values())) for zone, found in tables.items()
    )
