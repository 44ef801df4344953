"""The shop's tables for tests of the aggregates: publishes batches, loads them, refreshes what the load says."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glue_jobs.loading.context import LoadContext
from glue_jobs.loading.run import load_claim
from localcloud_tests.warehouse.client import parquet, put
from sluice.aws.bootstrap import run_bootstrap
from sluice.aws.catalog import GlueCatalog
from sluice.contract import Table
from sluice.contract.files import read_contracts
from sluice.lake.catalog_tables import processed_table
from sluice.lake.handover import LoadOutcome, PublishedFile
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId
from sluice.settings import Settings
from sluice.warehouse.bootstrap import Grants, bootstrap_steps
from sluice.warehouse.procedure import refresh_statements
from tests.warehouse.loads import Loads, Row, arrow_table

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client

CONTRACTS = read_contracts(Path(__file__).parents[2] / "contracts")
DAY = date(2026, 11, 20)
NEXT_DAY = DAY + timedelta(days=1)
NOON = datetime.combine(DAY, time(12))
AGGREGATES = ("daily_orders", "daily_sales_by_category", "daily_sales_by_segment", "top_products")

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def order(number: int, status: str = "placed", amount: str = "10.00", **changes: Any) -> dict[str, Any]:
    """An order of `DAY`; `at` is the minute after noon of its version."""
    at = changes.pop("at", 0)
    row = dict.fromkeys(CONTRACTS["orders"].table("orders").column_names)
    return row | {
        "order_id": f"ORD-{number:06}",
        "customer_id": "CUST-00001",
        "order_date": DAY,
        "total_amount": Decimal(amount),
        "order_status": status,
        "updated_at": NOON + timedelta(minutes=at),
        **changes,
    }


def item(number: int, line: int = 1, product: str = "PROD-0001", quantity: int = 1, price: str = "10.00", **changes: Any) -> dict[str, Any]:  # fmt: skip  # noqa: E501
    """A line of an order."""
    at = changes.pop("at", 0)
    return {
        "order_id": f"ORD-{number:06}",
        "line_number": line,
        "product_id": product,
        "quantity": quantity,
        "unit_price": Decimal(price),
        "order_date": DAY,
        "customer_id": "CUST-00001",
        "updated_at": NOON + timedelta(minutes=at),
        **changes,
    }


def customer(number: int, segment: str, at: int = 0) -> dict[str, Any]:
    """A customer."""
    row = dict.fromkeys(CONTRACTS["customers"].table("customers").column_names)
    moment = NOON + timedelta(minutes=at)
    return row | {"customer_id": f"CUST-{number:05}", "customer_segment": segment, "updated_at": moment}


def product(number: int, category: str, at: int = 0, name: str = "thing") -> dict[str, Any]:
    """A product."""
    row = dict.fromkeys(CONTRACTS["products"].table("products").column_names)
    moment = NOON + timedelta(minutes=at)
    return row | {
        "product_id": f"PROD-{number:04}",
        "product_name": name,
        "category": category,
        "updated_at": moment,
    }


@dataclass
class Shop:
    """A warehouse that is ready, and the processed bucket and the catalog that it reads."""

    loads: Loads
    glue: GlueClient
    settings: Settings
    published: dict[str, dict[str, dict[str, tuple[PublishedFile, ...]]]] = field(default_factory=dict)

    @classmethod
    def open(cls, redshift: RedshiftDataAPIServiceClient, s3: S3Client, glue: GlueClient) -> Shop:
        """Make bucket, catalog and warehouse ready, in schemas of their own."""
        name = f"shop_{uuid.uuid4().hex[:12]}"
        settings = Settings(
            processed_bucket=name.replace("_", "-"),
            processed_database=name,
            warehouse_schema=name,
            spectrum_schema=f"{name}_lake",
            aggregate_schema=f"{name}_sums",
        )
        s3.create_bucket(
            Bucket=settings.processed_bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        glue.create_database(DatabaseInput={"Name": name})
        for contract in CONTRACTS.values():
            for table in contract.tables:
                definition = processed_table(contract, table, settings.processed)
                glue.create_table(DatabaseName=name, TableInput=definition)
        shop = cls(Loads(s3, redshift, settings.processed_bucket, name), glue, settings)
        shop.bootstrap()
        return shop

    def empty(self) -> None:
        """Take everything out of it that was ever published or loaded."""
        bucket = self.settings.processed_bucket
        for found in self.loads.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            self.loads.s3.delete_object(Bucket=bucket, Key=found["Key"])
        names = [table.name for contract in CONTRACTS.values() for table in contract.tables]
        tables = [f"{self.loads.schema}.{name}" for name in names]
        tables += [f"sluice.{book}_{name}" for name in names for book in ("loads", "dates")]
        tables += [self.sums(name) for name in AGGREGATES]
        statements = [f"DELETE FROM {table}" for table in (*tables, "sluice.load_audit")]
        self.loads.warehouse.transaction(statements, label="empty")

    def sums(self, name: str) -> str:
        """An aggregate, or a procedure, with its schema."""
        return f"{self.settings.aggregate_schema}.{name}"

    def bootstrap(self, grants: Grants | None = None) -> None:
        """Make the warehouse ready."""
        run_bootstrap(self.loads.warehouse, bootstrap_steps(self.settings, CONTRACTS, grants))

    def publish(self, dataset: str, label: str, rows: Rows, version: int = 1) -> str:
        """Publish one batch, as the conversion does: the partition is switched from what an earlier one published."""
        partition = Partition.parse(label)
        batch = str(BatchId.make(dataset, partition, f"{version:X}"))
        self.published.setdefault(dataset, {})[batch] = {
            table.name: self._publish_table(table, partition, batch, rows.get(table.name, ()))
            for table in CONTRACTS[dataset].tables
        }
        return batch

    def _publish_table(
        self, table: Table, partition: Partition, batch: str, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[PublishedFile, ...]:
        s3, bucket = self.loads.s3, self.loads.bucket
        location = f"{self.settings.processed.partition(table.name, partition, batch)}/"
        wanted = {table.name: {partition.values: location}}
        if not rows:
            assert GlueCatalog(self.glue).switch(self.settings.processed_database, wanted) == {}
            return ()
        lineage = (batch, f"s3://raw/{batch}/part-0")
        content = parquet(arrow_table(table, [(*(row[name] for name in table.column_names), *lineage) for row in rows]))
        folder = location.removeprefix(f"s3://{self.settings.processed_bucket}/")
        entry = put(s3, bucket, f"{folder}part-00000.parquet", content)
        assert GlueCatalog(self.glue).switch(self.settings.processed_database, wanted) == {}
        return (PublishedFile(entry["url"], len(content), len(rows)),)

    def load(self, dataset: str, *batches: str, claim: str = "") -> LoadOutcome:
        """Load published batches by one claim; all must succeed."""
        outcome = self.attempt(dataset, *batches, claim=claim)
        assert [batch.error for batch in outcome.batches] == [""] * len(outcome.batches)
        return outcome

    def attempt(self, dataset: str, *batches: str, claim: str = "") -> LoadOutcome:
        """Load published batches by one claim, whatever becomes of it."""
        loads = self.loads
        claim = claim or loads.dispatch(
            CONTRACTS[dataset], {batch: self.published[dataset][batch] for batch in batches}
        )
        context = LoadContext(
            loads.warehouse, loads.documents, loads.processed, "default", claim, f"{claim}/run", loads.patience
        )
        return load_claim(context, CONTRACTS, dataset, loads.schema)

    def refresh(self, refresh: Mapping[str, Sequence[str]]) -> None:
        """Do what the state machine does with an outcome."""
        for statement in refresh_statements(self.settings, refresh):
            self.loads.warehouse.execute(
                str(statement["Sql"]), _parameters(statement), label=str(statement["StatementName"])
            )

    def send(self, dataset: str, label: str, rows: Rows, version: int = 1) -> dict[str, tuple[str, ...]]:
        """Publish, load and refresh one batch; give what was refreshed."""
        outcome = self.load(dataset, self.publish(dataset, label, rows, version))
        self.refresh(outcome.refresh)
        return outcome.refresh

    def aggregate(self, name: str) -> list[Row]:
        """All rows of an aggregate, sorted."""
        return sorted(self.loads.warehouse.rows(f"SELECT * FROM {self.sums(name)}"))

    def aggregates(self) -> dict[str, list[Row]]:
        """All rows of all aggregates."""
        return {name: self.aggregate(name) for name in AGGREGATES}


def _parameters(statement: Mapping[str, Any]) -> dict[str, str]:
    return {parameter["Name"]: parameter["Value"] for parameter in statement["Parameters"]}
