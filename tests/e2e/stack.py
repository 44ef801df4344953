"""A deployed local cloud for tests of the whole pipeline, and the few things that a source system and a reader do."""

import json
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import psycopg

from localcloud.child import LocalCloudProcess
from localcloud.config import GlueSettings, LocalCloudConfig
from sluice.aws.clients import Clients
from sluice.aws.ledger import Ledger
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord
from sluice.settings import Settings
from sluice_laptop.deploy import Deployer
from sluice_laptop.foreground import WAREHOUSE_SECRET

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240.0
SPARK_FROM_BYTES = 4 << 20
"""Spark takes runs from this size on, so that one test can have one."""


class Stack:
    """One local cloud with Sluice deployed from a folder of contracts."""

    def __init__(self, folder: Path, contracts_folder: Path) -> None:
        self.folder = folder
        self.contracts: Mapping[str, Contract] = read_contracts(contracts_folder)
        self.settings = Settings(
            warehouse_secret=WAREHOUSE_SECRET,
            retry_delay_seconds=0,
            file_wait_seconds=0,
            spark_from_bytes=SPARK_FROM_BYTES,
        )
        glue = GlueSettings(slots=2)
        config = LocalCloudConfig(folder / "state", port=0, warehouse_port=0, glue=glue, wait_scale=0.1, iam="enforce")
        self.cloud = LocalCloudProcess(config)

    def start(self) -> None:
        """Start the local cloud and deploy."""
        self.cloud.start()
        self.clients = Clients.of_local_cloud(self.cloud.endpoint_url, self.cloud.config.region)
        self.ledger = Ledger(self.clients.dynamodb, self.settings.ledger_table)
        self.deploy()

    def deploy(self) -> None:
        """Deploy, or deploy again."""
        Deployer(self.clients, self.settings, self.contracts, self.cloud.warehouse_dsn).deploy()

    def put_files(self, dataset: str, partition: Partition, files: Mapping[str, bytes]) -> list[dict[str, object]]:
        """Write raw files; gives their manifest entries."""
        folder = self.contracts[dataset].layout.folder(partition)
        for name, body in files.items():
            self.clients.s3.put_object(Bucket=self.settings.raw_bucket, Key=f"{folder}/{name}", Body=body)
        return [
            {"url": f"s3://{self.settings.raw_bucket}/{folder}/{name}", "meta": {"content_length": len(body)}}
            for name, body in files.items()
        ]

    def put_manifest(self, dataset: str, partition: Partition, entries: Iterable[Mapping[str, object]]) -> None:
        """Write the manifest that opens the gate."""
        folder = self.contracts[dataset].layout.folder(partition)
        body = json.dumps({"entries": list(entries)}).encode()
        self.clients.s3.put_object(Bucket=self.settings.raw_bucket, Key=f"{folder}/manifest.json", Body=body)

    def send(self, dataset: str, partition: Partition, files: Mapping[str, bytes]) -> None:
        """Write a partition as a source system does: files, then manifest."""
        self.put_manifest(dataset, partition, self.put_files(dataset, partition, files))

    def settled(self, dataset: str, count: int, patience_seconds: float = PATIENCE_SECONDS) -> list[BatchRecord]:
        """Wait until a dataset has that many batches and everything is done with them; gives them, oldest first."""
        deadline = time.monotonic() + patience_seconds
        while True:
            # Looked at before the batches are read: what it has done is in them then.
            goes_on = self.ledger.slot(dataset, Stage.LOAD) is not None or self.ledger.open_loads(dataset)
            batches = sorted(self.ledger.batches(dataset=dataset), key=lambda batch: batch.received_at)
            if len(batches) >= count and not goes_on and all(batch.state.is_final for batch in batches):
                return batches
            if time.monotonic() > deadline:
                states = [(batch.batch_id, str(batch.state), batch.reason) for batch in batches]
                raise AssertionError(f"{dataset}: not settled after {patience_seconds:.0f} s: {states}")
            time.sleep(0.5)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the warehouse answers to a client of its PostgreSQL port."""
        dsn = self.cloud.warehouse_dsn
        assert dsn is not None
        with psycopg.connect(dsn) as connection:
            return connection.execute(query.encode()).fetchall()


def states(batches: Iterable[BatchRecord]) -> list[BatchState]:
    """The states of batches, in their order."""
    return [batch.state for batch in batches]


def contracts_with(folder: Path, extra: Iterable[Path]) -> Path:
    """A folder with the project's contracts and others beside them."""
    target = folder / "contracts"
    shutil.copytree(ROOT / "contracts", target)
    for path in extra:
        shutil.copy(path, target / path.name)
    return target
