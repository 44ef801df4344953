"""Plays the dispatcher for tests of the load: publishes Parquet, writes the claim's documents, runs the load."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from glue_jobs.loading.context import LoadContext
from glue_jobs.loading.run import load_claim
from sluice.aws.data_api import Address, DataApi
from sluice.aws.documents import Documents
from sluice.backoff import Backoff
from sluice.contract.model import Column, Contract, JsonSource, Table
from sluice.contract.sqltype import SqlType
from sluice.lake.handover import LoadBatchOutcome, LoadInput, PublishedFile
from sluice.lake.layout import ProcessedLayout
from sluice.lake.manifest import load_manifest

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client

Row = tuple[Any, ...]
Rows = Sequence[Row]

_ARROW: dict[str, pa.DataType] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "char": pa.string(),
    "varchar": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def batch_id(hour: int, version: int = 1, dataset: str = "things") -> str:
    """A batch of one hour of one day."""
    return f"{dataset}.20261120{hour:02}.{version:032X}"


def contract_of(*tables: Table, dataset: str = "things") -> Contract:
    """A contract with these tables."""
    return Contract(dataset, JsonSource(f"{dataset}/%Y/%m/%d/%H"), tables)


def things(load: Any = "upsert", **changes: Any) -> Table:
    """A small table: key, version, two values."""
    columns = (
        Column("id", "integer"),
        Column("version", "integer"),
        Column("name", "varchar(10)"),
        Column("price", "decimal(8,2)"),
    )
    return replace(Table("things", columns, primary_key=("id",), order_by=("version",), load=load), **changes)


def arrow_type(kind: SqlType) -> pa.DataType:
    """What the conversion job writes for a type."""
    if kind.name == "decimal":
        return pa.decimal128(kind.precision or 0, kind.scale or 0)
    return _ARROW[kind.name]


def arrow_table(table: Table, rows: Rows) -> pa.Table:
    """Rows of a table, lineage columns included, in the order of the contract."""
    schema = pa.schema([(name, arrow_type(kind)) for name, kind in table.stored_types.items()])
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


@dataclass
class Loads:
    """Runs loads against the local warehouse.

    Attributes:
        schema: Schema of the target tables.
        client: The Data API; tests put a failing one in its place.
    """

    s3: S3Client
    client: RedshiftDataAPIServiceClient
    bucket: str
    schema: str = "public"
    claims: int = 0
    slept: list[float] = field(default_factory=list)

    @property
    def processed(self) -> ProcessedLayout:
        return ProcessedLayout(self.bucket)

    @property
    def documents(self) -> Documents:
        return Documents(self.s3)

    @property
    def patience(self) -> Backoff:
        """Tries three times and waits no time."""
        return Backoff(attempts=3, sleep=self.slept.append, random=lambda: 0.5)

    @property
    def warehouse(self) -> DataApi:
        address = Address("warehouse", workgroup="sluice")
        return DataApi(self.client, address, Backoff(attempts=3, base_seconds=0.01))

    def publish(self, table: Table, batch: str, rows: Rows, file: str = "part-0") -> PublishedFile:
        """Write one Parquet file; the lineage columns are added."""
        lineage = (batch, f"s3://raw/{batch}/{file}")
        content = arrow_table(table, [(*row, *lineage) for row in rows])
        return replace(self.publish_arrow(table, batch, content, file), columns=table.written_columns)

    def publish_arrow(self, table: Table, batch: str, content: pa.Table, file: str = "part-0") -> PublishedFile:
        sink = io.BytesIO()
        pq.write_table(content, sink)
        key = f"{table.name}/{batch}/{file}.parquet"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=sink.getvalue())
        return PublishedFile(f"s3://{self.bucket}/{key}", len(sink.getvalue()), content.num_rows)

    def dispatch(
        self, contract: Contract, batches: Mapping[str, Mapping[str, Sequence[PublishedFile]]], claim: str = ""
    ) -> str:
        """Write the documents of a new claim; give its id."""
        self.claims += 1
        # The Data API remembers client tokens for 8 hours, so no two tests may have a claim in common.
        claim = claim or f"claim-{self.bucket}-{self.claims}"
        plain = {batch: {name: tuple(files) for name, files in tables.items()} for batch, tables in batches.items()}
        work = LoadInput(claim, contract.dataset, plain)
        for table in contract.tables:
            files = [(f.url, f.size_bytes) for tables in plain.values() for f in tables.get(table.name, ())]
            if files:
                self.documents.write(self.processed.load_manifest(claim, table.name), load_manifest(files).to_json())
        self.documents.write(self.processed.load_input(claim), work.to_json())
        return claim

    def run(self, contract: Contract, claim: str, run: str = "jr_1") -> dict[str, LoadBatchOutcome]:
        """Run the load of a claim; give what its outcome document says."""
        context = LoadContext(
            self.warehouse, self.documents, self.processed, "default", claim, f"{claim}/{run}", self.patience
        )
        outcome = load_claim(context, {contract.dataset: contract}, contract.dataset, self.schema)
        written = self.documents.read(self.processed.load_outcome(claim))
        assert written == outcome.to_json()
        return {batch.batch_id: batch for batch in outcome.batches}

    def load(self, table: Table, batches: Mapping[str, Rows]) -> dict[str, LoadBatchOutcome]:
        """Publish and load batches of a dataset of one table; a batch is one file, or none when it has no rows."""
        published = {
            batch: {table.name: (self.publish(table, batch, rows),) if rows else ()} for batch, rows in batches.items()
        }
        contract = replace(contract_of(table), allow_empty=True)
        return self.run(contract, self.dispatch(contract, published))

    def rows(self, table: str = "things", columns: Iterable[str] = ("*",)) -> list[Row]:
        """All rows of a target, sorted."""
        listed = ", ".join(column if column == "*" else f'"{column}"' for column in columns)
        return sorted(self.warehouse.rows(f'SELECT {listed} FROM "{self.schema}"."{table}"'), key=repr)

    def audit(self) -> list[Row]:
        """What the audit says of the targets: table, batch, partition, mode, and the four counts."""
        return self.warehouse.rows(
            "SELECT table_name, batch_id, partition_label, load_mode, "
            "rows_staged, rows_inserted, rows_updated, rows_stale "
            f"FROM sluice.load_audit WHERE table_schema = '{self.schema}' ORDER BY table_name, batch_id"
        )

    def staging_tables(self) -> list[str]:
        """Staging tables that are there now."""
        sql = "SELECT table_name FROM svv_tables WHERE table_schema = 'sluice' AND table_name LIKE 'stage%'"
        return sorted(name for (name,) in self.warehouse.rows(sql))


def row(key: int, version: int, name: str | None, price: str | None = "1.00") -> Row:
    """A row of `things` without its lineage."""
    return (key, version, name, None if price is None else Decimal(price))


def stored(values: Row, batch: str) -> Row:
    """The row as the target has it."""
    return (*values, batch, f"s3://raw/{batch}/part-0")


def counts(outcome: Mapping[str, LoadBatchOutcome], table: str = "things") -> dict[str, tuple[int, ...]]:
    """Staged, inserted, updated and stale rows of each batch of an outcome without errors."""
    assert {batch.batch_id: batch.error for batch in outcome.values() if batch.error} == {}
    found = {name: batch.tables[table] for name, batch in outcome.items()}
    return {name: (c.staged, c.inserted, c.updated, c.stale) for name, c in found.items()}
