"""Buckets, the ledger's table and the Data Catalog."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from localcloud.deploy.made import unless_exists
from sluice.aws.clients import Clients
from sluice.aws.ledger import ledger_table_definition
from sluice.catalog_tables import processed_table, quarantine_table, raw_table
from sluice.contract import Contract
from sluice.settings import Settings

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


def make_catalog(clients: Clients, settings: Settings, contracts: Mapping[str, Contract]) -> None:
    """Make the databases and their tables, and bring existing tables to what the contracts say."""
    for database in (settings.raw_database, settings.processed_database):
        unless_exists(clients.glue.create_database, DatabaseInput={"Name": database})
    for database, table in _tables(settings, contracts):
        if not unless_exists(clients.glue.create_table, DatabaseName=database, TableInput=table):
            clients.glue.update_table(DatabaseName=database, TableInput=table)


def _tables(settings: Settings, contracts: Mapping[str, Contract]) -> "Iterator[tuple[str, TableInputTypeDef]]":
    for contract in contracts.values():
        yield settings.raw_database, raw_table(contract, settings.raw_bucket)
        for table in contract.tables:
            yield settings.processed_database, processed_table(contract, table, settings.processed)
        yield settings.processed_database, quarantine_table(contract, settings.processed)
