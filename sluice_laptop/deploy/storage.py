"""Buckets, the ledger's table and the Data Catalog."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sluice.aws.clients import Clients
from sluice.aws.items import ledger_expiry
from sluice.aws.ledger import ledger_table_definition
from sluice.contract import Contract
from sluice.lake.catalog_tables import PARTITION_INDEX, Zone, zone_tables
from sluice.settings import Settings
from sluice_laptop.deploy.made import unless_exists

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef
    from mypy_boto3_s3 import S3Client


def make_buckets(s3: "S3Client", settings: Settings) -> None:
    """Make both buckets, with versions."""
    existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for name in (settings.raw_bucket, settings.processed_bucket):
        if name not in existing:
            s3.create_bucket(
                Bucket=name,
                CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name},  # type: ignore[typeddict-item]
            )
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def make_ledger(clients: Clients, settings: Settings) -> None:
    """Make the ledger's table."""
    if settings.ledger_table not in clients.dynamodb.list_tables()["TableNames"]:
        clients.dynamodb.create_table(**ledger_table_definition(settings.ledger_table))
        clients.dynamodb.update_time_to_live(**ledger_expiry(settings.ledger_table))


def make_catalog(clients: Clients, settings: Settings, contracts: Mapping[str, Contract]) -> None:
    """Make the databases, their tables and partition indexes, and bring existing tables to what the contracts say."""
    databases = {Zone.RAW: settings.raw_database, Zone.PROCESSED: settings.processed_database}
    for database in databases.values():
        unless_exists(clients.glue.create_database, DatabaseInput={"Name": database})
    for contract in contracts.values():
        for zone, table in zone_tables(contract, settings.raw_bucket, settings.processed):
            _make_table(clients, databases[zone], table)


def _make_table(clients: Clients, database: str, table: "TableInputTypeDef") -> None:
    name = table["Name"]
    if not unless_exists(clients.glue.create_table, DatabaseName=database, TableInput=table):
        clients.glue.update_table(DatabaseName=database, TableInput=table)
    keys = [key["Name"] for key in table.get("PartitionKeys", ())]
    # An index that exists is left alone: the keys of a table never change.
    unless_exists(
        clients.glue.create_partition_index,
        DatabaseName=database,
        TableName=name,
        PartitionIndex={"IndexName": PARTITION_INDEX, "Keys": keys},
    )
