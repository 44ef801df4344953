"""A local cloud with Sluice deployed that is sent to while it is killed and started again, and compared at the end."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import psutil
from botocore.exceptions import BotoCoreError, ClientError

from deploy.compare import Difference, compare_batches, compare_rows, warehouse_rows
from localcloud.child import LocalCloudProcess
from localcloud.config import LocalCloudConfig
from localcloud.errors import LocalCloudError
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.aws.ledger import Ledger
from sluice.contract import Contract
from sluice.errors import TransientError
from sluice.lake.layout import Partition
from sluice.ledger.batch import Stage
from sluice.ledger.record import BatchRecord
from sluice.names import SWEEP_FUNCTION
from sluice.settings import Settings
from sluice.simulator import DATASETS, Sender, SimulatorOptions, Truth, simulate
from sluice.simulator.aggregates import truth_of_aggregates
from sluice.warehouse.quoting import qualified
from sluice_laptop.demo.after import compare_aggregate
from sluice_laptop.demo.scenario import START
from sluice_laptop.deploy import Deployer
from sluice_laptop.foreground import WAREHOUSE_SECRET
from sluice_laptop.up import look_after_what_was_left

CHECKPOINT_SECONDS: Final = 2.0
_SWEEP_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.5
_MOST_BATCHES: Final = 100_000


class Site:
    """A local cloud, its source system, and what must be in its warehouse in the end.

    Args:
        folder: Where its state goes.
        contracts: Contracts by dataset; those of `DATASETS` are used.
        seed: Seed of the data.
        rows: Source records in each partition.
    """

    def __init__(self, folder: Path, contracts: Mapping[str, Contract], seed: int, rows: int) -> None:
        self.contracts = {name: contracts[name] for name in DATASETS}
        self.settings = Settings(warehouse_secret=WAREHOUSE_SECRET, retry_delay_seconds=0)
        self.truth = Truth(self.contracts)
        state = folder.resolve() / "state"
        config = LocalCloudConfig(state, port=0, warehouse_port=0, wait_scale=0.1, iam="enforce")
        self.cloud = LocalCloudProcess(replace(config, checkpoint_seconds=CHECKPOINT_SECONDS))
        self._options = SimulatorOptions(START, seed, rows, bad_share=0.05, duplicate_share=0.05, update_share=0.2)
        self._clients: Clients | None = None

    @property
    def clients(self) -> Clients:
        """Clients of the endpoint as it is now.

        Raises:
            LocalCloudError: The local cloud is not running.
        """
        if self._clients is None:
            raise LocalCloudError("the local cloud is not running")
        return self._clients

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.clients.dynamodb, self.settings.ledger_table)

    def start(self) -> None:
        """Start, as `sluice up` does after a kill: what the kill left behind is looked after at once.

        Raises:
            CloudError: It does not start.
        """
        began = datetime.now(UTC)
        self.cloud.start()
        self._clients = Clients.of_local_cloud(self.cloud.endpoint_url, self.cloud.config.region)
        look_after_what_was_left(self.clients, self.settings, began)

    def deploy(self) -> None:
        """Start for the first time and deploy; returns when that is saved, so that no kill takes it away."""
        self.cloud.start()
        self._clients = Clients.of_local_cloud(self.cloud.endpoint_url, self.cloud.config.region)
        Deployer(self.clients, self.settings, self.contracts, self.cloud.warehouse_dsn).deploy()
        time.sleep(2 * CHECKPOINT_SECONDS)

    def stop(self) -> None:
        """Stop in order; does nothing when it does not run."""
        self._clients = None
        self.cloud.stop()

    def __enter__(self) -> Self:
        self.deploy()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill_all(self) -> None:
        """SIGKILL to everything: the endpoint, PostgreSQL, jobs, functions, and those who look after them."""
        below = psutil.Process(self.cloud.pid).children(recursive=True)
        self._clients = None
        for process in below:
            _kill(process)
        self.cloud.kill()

    def kill_cloud(self) -> None:
        """SIGKILL to the local cloud alone; what it started ends by itself."""
        self._clients = None
        self.cloud.kill()

    def kill_one(self, number: int) -> str:
        """SIGKILL to one process that the local cloud has started, which goes on.

        Args:
            number: Any number, which chooses it.

        Returns:
            Its name; empty when there was none.
        """
        below = sorted(psutil.Process(self.cloud.pid).children(recursive=True), key=lambda process: process.pid)
        if not below:
            return ""
        chosen = below[number % len(below)]
        with suppress(psutil.Error):
            name: str = chosen.name()
            chosen.kill()
            return name
        return ""

    def send(self, dataset: str, hour: Partition) -> None:
        """Put a partition, again and again until that succeeds, as a source system does whose target is away."""
        while True:
            with suppress(BotoCoreError, ClientError, LocalCloudError, OSError):
                sender = Sender(self.clients.s3, self.settings.raw_bucket, self.truth)
                sender.send(simulate(self.contracts[dataset], hour, self._options))
                return
            time.sleep(_POLL_SECONDS)

    def settle(self, timeout_seconds: float) -> list[BatchRecord]:
        """Wait until nothing is left to be done, calling the sweep more often than its schedule does.

        Returns:
            All batches.

        Raises:
            LocalCloudError: That takes longer than it may, or the local cloud ended.
        """
        deadline, sweep_at = time.monotonic() + timeout_seconds, 0.0
        wanted = {(one.contract.dataset, one.partition.label) for one in self.truth.batches()}
        while True:
            if time.monotonic() >= sweep_at:
                self._sweep()
                sweep_at = time.monotonic() + _SWEEP_SECONDS
            batches: list[BatchRecord] = []
            with suppress(TransientError, BotoCoreError, ClientError):
                # Looked at before the batches are read: what it has done is in them then.
                goes_on = any(self._goes_on(name) for name in self.contracts)
                batches = list(self.ledger.batches(limit=_MOST_BATCHES))
                known = {(batch.dataset, batch.partition) for batch in batches}
                if known >= wanted and not goes_on and all(batch.state.is_final for batch in batches):
                    return batches
            if not self.cloud.is_running:
                raise LocalCloudError(f"the local cloud ended by itself; see {self.cloud.config.log_file}")
            if time.monotonic() > deadline:
                raise LocalCloudError(_stuck(batches, wanted, timeout_seconds))
            time.sleep(_POLL_SECONDS)

    def differences(self, batches: list[BatchRecord]) -> Iterator[Difference]:
        """Everything that is not as it was sent: batches, rows, aggregates.

        Args:
            batches: All batches, everything being done with them.
        """
        # A partition that was put once more because the first answer was lost has an older batch as well.
        newest: dict[tuple[str, str], BatchRecord] = {}
        for batch in sorted(batches, key=lambda one: one.batch_id):
            newest[batch.dataset, batch.partition] = batch
        yield from compare_batches(self.truth, (), newest.values())
        warehouse = DataApi(self.clients.redshift_data, Address.from_settings(self.settings))
        for name, contract in self.truth.tables.items():
            table = contract.table(name)
            rows = warehouse_rows(warehouse, self.settings.warehouse_schema, table)
            yield from compare_rows(table, self.truth.rows(name), rows)
        for name, wanted in truth_of_aggregates(self.truth).items():
            found = warehouse.rows(f"SELECT * FROM {qualified(self.settings.aggregate_schema, name)}", label=name)  # noqa: S608
            yield from compare_aggregate(name, wanted, found)

    def _goes_on(self, dataset: str) -> bool:
        ledger = self.ledger
        return any(ledger.slot(dataset, stage) is not None for stage in Stage) or bool(ledger.open_loads(dataset))

    def _sweep(self) -> None:
        with suppress(BotoCoreError, ClientError):
            name = self.settings.prefix + SWEEP_FUNCTION
            self.clients.lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"search": true}')


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        process.kill()  # It checks that the id has not gone to another process.


def _stuck(batches: list[BatchRecord], wanted: set[tuple[str, str]], seconds: float) -> str:
    known = {(batch.dataset, batch.partition) for batch in batches}
    lines = [f"not done after {seconds:.0f} s; stuck:"]
    lines += [f"  {' '.join(place)}: no batch yet" for place in sorted(wanted - known)]
    lines += [f"  {one.batch_id}: {one.state} {one.reason}" for one in batches if not one.state.is_final]
    return "\n".join(lines)
