"""The document of the catalog that Terraform reads."""

import json
from pathlib import Path

from crawlers.definitions import CONFIGURATION, crawler_definitions
from deploy.catalog import DATABASE, catalog_document, write_catalog
from sluice.analysis import Reader, Schemas, queries, render
from sluice.contract.files import read_contracts
from sluice.lake.catalog_tables import processed_table, quarantine_table, raw_table
from sluice.lake.layout import ProcessedLayout

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = read_contracts(ROOT / "contracts")


def test_document_has_every_table_without_its_bucket() -> None:
    document = catalog_document(CONTRACTS, {"orders.yaml": "00"})
    orders = CONTRACTS["orders"]
    layout = ProcessedLayout("b")
    wanted = {
        "raw/orders": raw_table(orders, "b"),
        "processed/order_items": processed_table(orders, orders.table("order_items"), layout),
        "processed/orders_quarantine": quarantine_table(orders, layout),
    }
    for key, table in wanted.items():
        entry = document["tables"][key]
        descriptor = {**entry["table"]["StorageDescriptor"], "Location": f"s3://b/{entry['path']}"}
        assert {**entry["table"], "StorageDescriptor": descriptor} == table
        assert (entry["zone"], entry["dataset"]) == (key.split("/")[0], "orders")
    assert "any-bucket" not in json.dumps(document)
    assert (document["contracts"], document["datasets"]) == ({"orders.yaml": "00"}, sorted(CONTRACTS))
    tables = sum(2 + len(contract.tables) for contract in CONTRACTS.values())
    assert len(document["tables"]) == tables


def test_document_has_every_crawler_as_it_is_defined() -> None:
    document = catalog_document(CONTRACTS, {})
    assert list(document["crawlers"]) == [crawler.key for crawler in crawler_definitions(CONTRACTS)]
    prefixes = [{"prefix": f"{name}/"} for name in ("orders", "order_items", "orders_quarantine")]
    assert document["crawlers"]["processed-orders"] == {
        "zone": "processed",
        "dataset": "orders",
        "tables": ("orders", "order_items", "orders_quarantine"),
        "folders": ("orders/", "order_items/", "orders_quarantine/"),
        "description": "Processed tables of orders",
        "hears_events": True,
        "event_filter": json.dumps({"Records": {"s3": {"object": {"key": prefixes}}}}, separators=(",", ":")),
    }
    assert document["crawling"] == {
        "configuration": CONFIGURATION,
        "recrawl_behaviors": {"raw": "CRAWL_EVERYTHING", "processed": "CRAWL_EVENT_MODE"},
        "update_behavior": "LOG",
        "delete_behavior": "LOG",
    }
    assert document["partition_index"] == "by_time"


def test_document_has_the_analysis_queries_for_athena() -> None:
    document = catalog_document(CONTRACTS, {})
    schemas = Schemas(athena="lake_processed", spectrum="x", redshift="y")
    assert {name: item["sql"].replace(DATABASE, "lake_processed") for name, item in document["queries"].items()} == {
        query.name: render(query, Reader.ATHENA, CONTRACTS, schemas) for query in queries()
    }
    assert {name: (item["title"], item["question"]) for name, item in document["queries"].items()} == {
        query.name: (query.title, query.question) for query in queries()
    }
    assert "any_database" not in json.dumps(document)


def test_queries_of_tables_that_no_contract_has_are_left_out() -> None:
    few = {name: CONTRACTS[name] for name in ("customers", "orders")}
    tables = {table.name for contract in few.values() for table in contract.tables}
    wanted = {query.name for query in queries() if set(query.tables) <= tables}
    assert set(catalog_document(few, {})["queries"]) == wanted
    assert 0 < len(wanted) < len(queries())
    assert catalog_document({}, {})["queries"] == {}


def test_queries_fit_what_athena_saves() -> None:
    """Source: https://docs.aws.amazon.com/athena/latest/APIReference/API_CreateNamedQuery.html."""
    found = catalog_document(CONTRACTS, {})["queries"].values()
    assert all(len(item["title"]) <= 128 and len(item["question"]) <= 1024 for item in found)
    assert all(len(item["sql"].encode()) < 262144 for item in found)
    assert len({item["title"] for item in found}) == len(found)


def test_written_twice_is_written_once(tmp_path: Path) -> None:
    path = write_catalog(tmp_path / "dist", ROOT / "contracts")
    first = path.read_bytes()
    assert write_catalog(tmp_path / "dist", ROOT / "contracts").read_bytes() == first
    assert set(json.loads(first)["contracts"]) == {f"{dataset}.yaml" for dataset in CONTRACTS}
