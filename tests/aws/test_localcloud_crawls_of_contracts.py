"""The project's own crawlers over its own kinds of files: they register partitions and find nothing different."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crawlers.definitions import CrawlerPlace, crawler_definitions, crawler_request
from localcloud.glue.crawls.kinds import normal
from localcloud_tests.aws.cloud import Aws
from localcloud_tests.aws.test_crawls import ROLE, Crawls, parquet
from sluice.aws.catalog import GlueCatalog
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.lake.catalog_tables import Zone, processed_table, zone_tables
from sluice.lake.layout import Partition, ProcessedLayout
from sluice.simulator.options import SimulatorOptions
from sluice.simulator.partition import simulate
from sluice.simulator.send import Sender

CONTRACTS = read_contracts(Path(__file__).resolve().parents[2] / "contracts")


def partition_of(contract: Contract) -> Partition:
    return Partition(
        datetime(2026, 11, 20, 13 if contract.layout.is_hourly else 0, tzinfo=UTC), contract.layout.is_hourly
    )


ARROW: dict[str, Any] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "smallint": pa.int16(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "double": pa.float64(),
}


def field(name: str, kind: str) -> "pa.Field[Any]":
    kind = normal(kind)
    if kind.startswith("decimal"):
        precision, scale = kind.removeprefix("decimal(").removesuffix(")").split(",")
        return pa.field(name, pa.decimal128(int(precision), int(scale)))
    return pa.field(name, ARROW["string" if kind.startswith(("varchar", "char")) else kind])


@pytest.fixture
def crawls(aws: Aws, bucket: str) -> Crawls:
    return Crawls(aws, bucket)


@pytest.mark.parametrize("dataset", sorted(CONTRACTS))
def test_raw_files_of_every_contract_are_as_the_catalog_says(crawls: Crawls, dataset: str) -> None:
    contract = CONTRACTS[dataset]
    partition = partition_of(contract)
    options = SimulatorOptions(partition, rows=50, bad_share=0.0)
    for zone, table in zone_tables(contract, crawls.name, ProcessedLayout(crawls.name)):
        if zone is Zone.RAW:
            crawls.glue.create_table(DatabaseName=crawls.name, TableInput=table)
    Sender(crawls.aws.client("s3"), crawls.name).send(simulate(contract, partition, options))
    [definition] = [
        found for found in crawler_definitions(CONTRACTS) if (found.zone, found.dataset) == (Zone.RAW, dataset)
    ]
    place = CrawlerPlace(f"raw-{dataset}", ROLE, crawls.name, "cron(0 3 1 1 ? *)")
    crawls.glue.create_crawler(**crawler_request(definition, place))

    folder = f"s3://{crawls.name}/{contract.layout.folder(partition)}/"
    values = ("2026", "11", "20", "13")[: len(partition.keys)]
    if dataset == "transactions":  # 2026-11-20/13: no crawler finds four keys in two folders, so Sluice registers them
        crawls.run(place.name)
        told = f"Folder {folder} does not fit the partition keys year, month, day, hour of table transactions"
        assert (crawls.partitions(dataset), crawls.warnings(place.name)) == ({}, [told])
        storage = crawls.glue.get_table(DatabaseName=crawls.name, Name=dataset)["Table"]["StorageDescriptor"]
        registered = {"Values": list(values), "StorageDescriptor": storage | {"Location": folder}}
        crawls.glue.create_partition(DatabaseName=crawls.name, TableName=dataset, PartitionInput=registered)

    crawls.run(place.name)

    assert crawls.partitions(dataset) == {values: folder}
    assert crawls.warnings(place.name) == []


@pytest.mark.parametrize("dataset", sorted(CONTRACTS))
def test_published_files_of_every_contract_are_as_the_catalog_says(crawls: Crawls, dataset: str) -> None:
    contract, layout = CONTRACTS[dataset], ProcessedLayout(crawls.name)
    partition = partition_of(contract)
    for table in contract.tables:
        wanted = processed_table(contract, table, layout)
        crawls.glue.create_table(DatabaseName=crawls.name, TableInput=wanted)
        columns = wanted["StorageDescriptor"]["Columns"]
        fields = [field(column["Name"], column["Type"]) for column in columns]
        crawls.put(f"{table.name}/{partition.hive_path}/part-0.parquet", parquet(*fields))
        crawls.put(f"{table.name}/_work/part-0.parquet", b"half")
    target = {"DatabaseName": crawls.name, "Tables": [table.name for table in contract.tables]}
    crawler = crawls.crawler({"CatalogTargets": [target]})

    crawls.run(crawler)

    for table in contract.tables:
        assert list(crawls.partitions(table.name).values()) == [f"{layout.table(table.name)}/{partition.hive_path}/"]
    assert crawls.warnings(crawler) == []


@pytest.mark.parametrize("dataset", sorted(CONTRACTS))
def test_published_partitions_are_not_looked_at(crawls: Crawls, dataset: str) -> None:
    """They lie outside the folders of their tables: a crawler finds neither a second partition nor a further key."""
    contract, layout = CONTRACTS[dataset], ProcessedLayout(crawls.name)
    partition, catalog = partition_of(contract), GlueCatalog(crawls.glue)
    for table in contract.tables:
        wanted = processed_table(contract, table, layout)
        crawls.glue.create_table(DatabaseName=crawls.name, TableInput=wanted)
        fields = [field(column["Name"], column["Type"]) for column in wanted["StorageDescriptor"]["Columns"]]
        for run in ("old", "new"):
            folder = layout.partition(table.name, partition, run)
            crawls.put(f"{folder.removeprefix(f's3://{crawls.name}/')}/part-00000.parquet", parquet(*fields))
            assert catalog.switch(crawls.name, {table.name: {partition.values: f"{folder}/"}}) == {}
    target = {"DatabaseName": crawls.name, "Tables": [table.name for table in contract.tables]}
    crawler = crawls.crawler({"CatalogTargets": [target]})

    crawls.run(crawler)

    for table in contract.tables:
        new = f"{layout.partition(table.name, partition, 'new')}/"
        assert crawls.partitions(table.name) == {partition.values: new}
    assert crawls.warnings(crawler) == []
