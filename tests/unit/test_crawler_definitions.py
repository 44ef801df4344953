"""Crawlers from contracts, whole."""

import json
from pathlib import Path

import pytest

from crawlers.definitions import (
    CrawlerDefinition,
    CrawlerPlace,
    crawler_definitions,
    crawler_request,
    folder_filter,
)
from sluice.contract import Column, Contract, CsvSource, Table
from sluice.contract.files import read_contracts
from sluice.lake.catalog_tables import Zone

CONTRACTS = read_contracts(Path(__file__).parents[2] / "contracts")
RAW = CrawlerDefinition(Zone.RAW, "orders", ("orders",), ("orders/",))
PROCESSED = CrawlerDefinition(
    Zone.PROCESSED,
    "orders",
    ("orders", "order_items", "orders_quarantine"),
    ("orders/", "order_items/", "orders_quarantine/"),
)
POLICIES = {
    "SchemaChangePolicy": {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
    "Configuration": json.dumps(
        {
            "Version": 1.0,
            "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
            "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"},
            "CreatePartitionIndex": False,
        },
        separators=(",", ":"),
    ),
}


def test_one_per_dataset_and_zone() -> None:
    found = crawler_definitions(CONTRACTS)
    assert [crawler.key for crawler in found] == [
        f"{zone}-{name}" for zone in sorted(Zone) for name in sorted(CONTRACTS)
    ]
    assert [crawler for crawler in found if crawler.dataset == "orders"] == [PROCESSED, RAW]


def test_published_files_are_heard_of() -> None:
    place = CrawlerPlace("c", "arn:role", "published", "cron(0 3 ? * SUN *)", "arn:queue", "arn:dead")
    assert crawler_request(PROCESSED, place) == {
        "Name": "c",
        "Description": "Processed tables of orders",
        "Role": "arn:role",
        "DatabaseName": "published",
        "Targets": {
            "CatalogTargets": [
                {
                    "DatabaseName": "published",
                    "Tables": ["orders", "order_items", "orders_quarantine"],
                    "EventQueueArn": "arn:queue",
                    "DlqEventQueueArn": "arn:dead",
                }
            ]
        },
        "Schedule": "cron(0 3 ? * SUN *)",
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"},
        **POLICIES,
    }


def test_raw_files_are_listed() -> None:
    assert crawler_request(RAW, CrawlerPlace("c", "arn:role", "raw", "cron(0 3 ? * SUN *)")) == {
        "Name": "c",
        "Description": "Raw tables of orders",
        "Role": "arn:role",
        "DatabaseName": "raw",
        "Targets": {"CatalogTargets": [{"DatabaseName": "raw", "Tables": ["orders"]}]},
        "Schedule": "cron(0 3 ? * SUN *)",
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        **POLICIES,
    }


def test_names_have_no_underscore() -> None:
    assert CrawlerDefinition(Zone.RAW, "till_receipts", (), ()).name("sluice-") == "sluice-raw-till-receipts"


@pytest.mark.parametrize(
    ("layout", "prefix"),
    [
        ("finance/refunds/%Y-%m-%d", "finance/refunds/"),
        ("a=b/c d/%Y-%m-%d", "a%3Db/c+d/"),
        ("größe/%Y-%m-%d", "gr%C3%B6%C3%9Fe/"),
    ],
)
def test_filters_have_keys_as_the_events_have_them(layout: str, prefix: str) -> None:
    contract = Contract("x", CsvSource(layout), (Table("x", (Column("a", "bigint"),)),))
    [crawler] = [found for found in crawler_definitions({"x": contract}) if found.zone is Zone.RAW]
    assert json.loads(folder_filter(crawler)) == {"Records": {"s3": {"object": {"key": [{"prefix": prefix}]}}}}
