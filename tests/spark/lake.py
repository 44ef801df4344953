"""A small world for conversion runs: buckets that are folders, a catalog in memory, and the few steps before a run."""

import itertools
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from glue_jobs.conversion.run import RunContext, convert
from localcloud.glue.expression import PartitionKey, compile_expression
from sluice.batch import BatchId
from sluice.contract import Contract
from sluice.contract.files import read_contract
from sluice.errors import AwsError
from sluice.handover import BatchOutcome, FrozenManifest, RunInput, RunOutcome, SourceFile
from sluice.layout import PARTITION_KEYS, Partition, split_url
from sluice.predicate import partition_predicate
from sluice.settings import Settings

BUCKETS = ("sluice-raw", "sluice-processed")
CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
HOUR = Partition(datetime(2026, 11, 20, 13, tzinfo=UTC))
_runs = itertools.count(1)


def project_contract(dataset: str) -> Contract:
    """One of the project's own contracts."""
    return read_contract(CONTRACTS / f"{dataset}.yaml")


@dataclass
class MemoryCatalog:
    """Partitions as the Data Catalog keeps them."""

    partitions: dict[tuple[str, str], dict[tuple[str, ...], str]] = field(default_factory=dict)
    refuses: str | None = None

    def locations(self, database: str, table: str, expression: str) -> dict[tuple[str, ...], str]:
        partitions = self.partitions.get((database, table), {})
        names = PARTITION_KEYS[: max(map(len, partitions), default=len(PARTITION_KEYS))]
        matches = compile_expression(
            expression, [PartitionKey(*key) for key in zip(names, ("string",) * 4, range(4), strict=False)]
        )
        return {values: location for values, location in partitions.items() if matches(values)}

    def register(self, database: str, table: str, partitions: Mapping[tuple[str, ...], str]) -> None:
        if table == self.refuses:
            raise AwsError(f"register partitions of {database}.{table}: refused")
        self.partitions.setdefault((database, table), {}).update(partitions)


class Lake:
    """Buckets, catalog, and runs over them."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder = spark, folder
        self.settings = Settings()
        self.catalog = MemoryCatalog()
        self.sent: dict[str, str] = {}
        self.partitions: dict[str, Partition] = {}
        self._sequence = itertools.count(1)
        for bucket in BUCKETS:
            for child in (folder / bucket).iterdir():
                shutil.rmtree(child)

    def path(self, url: str) -> Path:
        """The local file behind a URL."""
        bucket, key = split_url(url)
        return self.folder / bucket / key

    def put(self, url: str, body: bytes) -> SourceFile:
        """Write an object."""
        path = self.path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return SourceFile(url, len(body), int(path.stat().st_mtime), "")

    def send(self, contract: Contract, partition: Partition, files: Mapping[str, bytes | str]) -> str:
        """Write the files of a partition and its frozen manifest, and register the partition; gives the batch id."""
        folder = f"s3://{self.settings.raw_bucket}/{contract.layout.folder(partition)}"
        found = tuple(
            self.put(f"{folder}/{name}", body.encode() if isinstance(body, str) else body)
            for name, body in files.items()
        )
        batch_id = str(BatchId.make(contract.dataset, partition, f"{next(self._sequence):X}"))
        url = self.settings.processed.frozen_manifest(contract.dataset, batch_id)
        manifest = FrozenManifest(batch_id, contract.dataset, partition.label, f"{folder}/manifest.json", found)
        self.put(url, manifest.to_json().encode())
        self.catalog.register(self.settings.raw_database, contract.dataset, {partition.values: f"{folder}/"})
        self.sent[batch_id], self.partitions[batch_id] = url, partition
        return batch_id

    def run(self, contract: Contract, *batch_ids: str, claim: str | None = None) -> RunOutcome:
        """Convert batches, all that were sent when none is named, for a claim of their own when none is given."""
        ids = batch_ids or tuple(self.sent)
        number = next(_runs)
        claim = claim or f"claim-{number}"
        task = RunInput(claim, contract.dataset, {batch_id: self.sent[batch_id] for batch_id in ids})
        self.put(self.settings.processed.run_input(claim), task.to_json().encode())
        context = RunContext(self.spark, self.settings, contract, self.catalog, lambda: NOW, f"run{number:05}")
        outcome = convert(context, claim, partition_predicate(self.partitions[name] for name in ids))
        written = self.path(self.settings.processed.run_outcome(claim)).read_text()
        assert RunOutcome.from_json(written) == outcome
        assert not self.path(f"s3://{self.settings.processed_bucket}/_staging/{context.run}").exists()
        return outcome

    def run_one(
        self, contract: Contract, files: Mapping[str, bytes | str], partition: Partition = HOUR
    ) -> BatchOutcome:
        """Send one batch and convert it."""
        batch_id = self.send(contract, partition, files)
        [outcome] = self.run(contract, batch_id).batches
        return outcome

    def rows(self, table: str, *columns: str, partition: Partition = HOUR) -> list[tuple[Any, ...]]:
        """Published rows of a partition, sorted; all columns without the lineage when none is named."""
        found: list[tuple[Any, ...]] = []
        for path in self.files(table, partition):
            content = pq.ParquetFile(path).read()
            names = columns or tuple(name for name in content.column_names if not name.startswith("_"))
            found += [tuple(row[name] for name in names) for row in content.to_pylist()]
        return sorted(found, key=repr)

    def files(self, table: str, partition: Partition = HOUR) -> list[Path]:
        """Parquet files of a published partition."""
        folder = self.path(self.settings.processed.partition(table, partition))
        return sorted(folder.glob("*.parquet"))

    def raw_url(self, contract: Contract, name: str, partition: Partition = HOUR) -> str:
        """URL of a raw file."""
        return f"s3://{self.settings.raw_bucket}/{contract.layout.folder(partition)}/{name}"


@contextmanager
def settings_of(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Other settings for a while."""
    before = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            spark.conf.set(name, old or "")
