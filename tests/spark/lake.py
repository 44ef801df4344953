"""A small world for conversion runs: buckets that are folders, a catalog in memory, and the few steps before a run.

A run goes through one of the engines: the kernel in the test's own process, Spark with a task for each batch, or Spark
with every batch divided among several tasks.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from glue_jobs.conversion.engines import Engine, Engines
from glue_jobs.conversion.ports import OpenObjects
from glue_jobs.conversion.run import RunContext, convert
from localcloud.glue.expression import PartitionKey, compile_expression
from sluice.contract import Contract
from sluice.contract.files import read_contract
from sluice.errors import AwsError, SluiceError
from sluice.lake.handover import BatchOutcome, FrozenManifest, RunInput, RunOutcome, SourceFile
from sluice.lake.layout import PARTITION_KEYS, Partition, partition_predicate
from sluice.ledger.batch import BatchId
from sluice.settings import Settings
from tests.doubles.folder import FolderStore

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
        self.partitions.setdefault((database, table), {}).update(partitions)

    def switch(
        self, database: str, wanted: Mapping[str, Mapping[tuple[str, ...], str]]
    ) -> dict[tuple[str, ...], SluiceError]:
        if self.refuses is not None and self.refuses in wanted:
            error = AwsError(f"register partitions of {database}.{self.refuses}: refused")
            return dict.fromkeys(wanted[self.refuses], error)
        for table, partitions in wanted.items():
            self.register(database, table, partitions)
        return {}


class Lake:
    """Buckets, catalog, and runs over them."""

    def __init__(self, folder: Path, make_spark: Callable[[Contract, OpenObjects, datetime], Engine] | None) -> None:
        """Make an empty one.

        Args:
            folder: Where the buckets are.
            make_spark: Makes the Spark engine; None converts in this process.
        """
        self.folder = folder
        self.settings = Settings(spark_from_bytes=1 << 62 if make_spark is None else 1)
        self.engine = "process" if make_spark is None else "spark"
        self.store = FolderStore(folder)
        self.make_spark = make_spark or _no_spark
        self.catalog = MemoryCatalog()
        self.sent: dict[str, str] = {}
        self.partitions: dict[str, Partition] = {}
        self._sequence = itertools.count(1)

    def path(self, url: str) -> Path:
        """The local file behind a URL."""
        return self.store.path(url)

    def put(self, url: str, body: bytes) -> SourceFile:
        """Write an object."""
        return self.store.put(url, body)

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
        outcome = convert(self.context(contract, f"run{number:05}"), claim, self.predicate(*ids))
        written = self.path(self.settings.processed.run_outcome(claim)).read_text()
        assert RunOutcome.from_json(written) == outcome
        assert outcome.engine in {self.engine, "process"}  # where nothing is to be read
        return outcome

    def context(self, contract: Contract, run: str) -> RunContext:
        """What a run works with."""
        store = self.store
        engines = Engines(partial(replace, store), self.make_spark)
        return RunContext(self.settings, contract, store, self.catalog, engines, lambda: NOW, run)

    def predicate(self, *batch_ids: str) -> str:
        """The partitions of batches, as an expression for the catalog."""
        return partition_predicate(self.partitions[name] for name in batch_ids)

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
        """Parquet files of a published partition: those in the location that the catalog shows."""
        locations = self.catalog.partitions.get((self.settings.processed_database, table), {})
        if partition.values not in locations:
            return []
        return sorted(path for path in self.path(locations[partition.values]).rglob("*") if path.is_file())

    def everything(self, *tables: str) -> dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]]:
        """All that readers see, by table and partition."""
        found: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}
        for table in tables:
            for values, location in self.catalog.partitions.get((self.settings.processed_database, table), {}).items():
                rows = [
                    tuple(row.values())
                    for path in self.path(location).rglob("*.parquet")
                    for row in pq.ParquetFile(path).read().to_pylist()
                ]
                found[table, values] = sorted(rows, key=repr)
        return found

    def raw_url(self, contract: Contract, name: str, partition: Partition = HOUR) -> str:
        """URL of a raw file."""
        return f"s3://{self.settings.raw_bucket}/{contract.layout.folder(partition)}/{name}"


def _no_spark(contract: Contract, open_objects: OpenObjects, at: datetime) -> Engine:
    raise AssertionError("a small run needs no Spark")
