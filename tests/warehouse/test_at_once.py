"""Everything that works on one dataset's tables, at the same time: nothing is lost, doubled, stale or stuck.

The long version is ``make prove``: SLUICE_AT_ONCE says how many versions of everything come.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from glue_jobs.loading.context import LoadContext
from glue_jobs.loading.run import load_claim
from sluice.aws.samples import Samples
from sluice.aws.schemas import CatalogSchemas
from sluice.backoff import Backoff
from sluice.contract.model import Contract
from sluice.drift.redshift import RedshiftSurvey
from sluice.drift.survey import Survey
from sluice.errors import SluiceError
from sluice.failures import Verdict
from sluice.lake.handover import LoadBatchOutcome
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId
from tests.warehouse.shop import AGGREGATES, CONTRACTS, DAY, NEXT_DAY, NOON, Rows, Shop, customer, item, order, product

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client

    from localcloud_tests.warehouse.conftest import LocalAws

HOURS = ("2026-11-20T10", "2026-11-21T10")
VERSIONS = int(os.environ.get("SLUICE_AT_ONCE", "1"))
DAYS = tuple((DAY + timedelta(days=number)).isoformat() for number in range(3))


def grown(contract: Contract) -> Contract:
    """The contract with wider amounts."""
    orders, items = contract.tables
    columns = tuple(
        replace(column, type="decimal(16,4)") if column.name == "total_amount" else column for column in orders.columns
    )
    return replace(contract, tables=(replace(orders, columns=columns), items))


@dataclass
class Busy:
    """A shop in which several things happen at once.

    Attributes:
        shop: The shop.
        contract: The contract of orders as it is deployed now.
        problems: What went wrong that must not.
        owed: What could not be refreshed when it was to be.
        is_grown: Whether the wider contract is deployed.
        is_over: Whether those that go on and on are to end.
    """

    shop: Shop
    survey: Survey
    contract: Contract = CONTRACTS["orders"]
    problems: list[str] = field(default_factory=list)
    owed: list[Mapping[str, Sequence[str]]] = field(default_factory=list)
    is_grown: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def deliver(self, dataset: str, label: str, version: int, rows: Rows) -> None:
        """Convert and load one batch, converting it again where its contract has changed meanwhile, and refresh."""
        for _ in range(5):
            contract = self.contract
            outcome, refresh = self.load(dataset, label, version, rows)
            if not outcome.error:
                self.refresh(refresh)
                return
            # A load by the contract of yesterday meets a table of today: `sluice retry` makes it a load of today.
            if outcome.verdict not in {Verdict.CONVERT, Verdict.WORLD} and contract is self.contract:
                break
        self.problems.append(f"{dataset} {label}: {outcome.error}")

    def load(
        self, dataset: str, label: str, version: int, rows: Rows
    ) -> tuple[LoadBatchOutcome, Mapping[str, Sequence[str]]]:
        """One conversion and one load of a batch."""
        shop, contract = self.shop, self.contract if dataset == "orders" else CONTRACTS[dataset]
        partition = Partition.parse(label)
        batch = str(BatchId.make(dataset, partition, f"{version:X}"))
        published = {
            table.name: tuple(
                replace(file, columns=table.written_columns)
                for file in shop._publish_table(table, partition, batch, rows.get(table.name, ()))
            )
            for table in contract.tables
        }
        claim = f"{shop.loads.bucket}-{next(self._numbers)}"
        shop.loads.dispatch(contract, {batch: published}, claim)
        patience = Backoff(attempts=20, base_seconds=0.02, cap_seconds=0.3)
        context = LoadContext(
            shop.loads.warehouse, shop.loads.documents, shop.loads.processed, "default", claim, f"{claim}/run", patience
        )
        found = load_claim(context, {**CONTRACTS, "orders": contract}, dataset, shop.loads.schema)
        return found.batches[0], found.refresh

    def refresh(self, days: Mapping[str, Sequence[str]]) -> None:
        """What follows a load. Files of the old contract are refused until they are sent again: it is made up for."""
        try:
            self.shop.refresh(days)
        except SluiceError:
            self.owed.append(days)

    def on_and_on(self, step: Callable[[], object]) -> None:
        """Do something again and again; what is refused meanwhile is of no interest."""
        while not self.is_over.is_set():
            with suppress(SluiceError):
                step()
            self.is_over.wait(0.2)

    def grow(self) -> None:
        """Deploy the wider contract, and let the schema sync make it so."""
        self.contract = grown(CONTRACTS["orders"])
        self.is_grown.set()
        with suppress(SluiceError):
            self.sync()

    def sync(self) -> None:
        """The schema sync's look at the dataset, fixing what it may."""
        self.survey.processed(self.contract, apply=True)

    def refresh_all(self) -> None:
        """All aggregates of all days."""
        self.shop.refresh(dict.fromkeys(AGGREGATES, DAYS))


@pytest.fixture
def busy(local_aws: LocalAws, redshift: RedshiftDataAPIServiceClient, s3: S3Client) -> Busy:
    glue = local_aws.client("glue")
    shop = Shop.open(redshift, s3, glue)
    redshift_survey = RedshiftSurvey(shop.loads.warehouse, shop.settings, Backoff(attempts=20, base_seconds=0.02))
    survey = Survey(CatalogSchemas(glue), Samples(s3), redshift_survey, shop.settings, NOON.astimezone)
    return Busy(shop, survey)


def rows_of(hour: int, version: int) -> Rows:
    """Orders of an hour, some of which other hours have too; versions move to other days."""
    numbers = range(hour, hour + 4)
    at = 10 * version + hour
    day = DAY if (version + hour) % 2 else NEXT_DAY
    orders = [order(n, amount=f"{n}{version}.00", at=at, order_date=day) for n in numbers]
    return {"orders": orders, "order_items": [item(n, at=at, order_date=day, quantity=version) for n in numbers]}


def send_orders(busy: Busy, is_half_way: threading.Event) -> None:
    """All hours, version after version; at the end a replay of everything, so that the files of the old contract go."""
    for version in range(1, VERSIONS + 1):
        for hour, label in enumerate(HOURS):
            busy.deliver("orders", label, version, rows_of(hour, version))
        is_half_way.set()
    assert busy.is_grown.wait(60)
    for hour, label in enumerate(HOURS):
        busy.deliver("orders", label, VERSIONS + 1, rows_of(hour, VERSIONS))


def send_dimensions(busy: Busy) -> None:
    """What orders refer to, changing."""
    for at in range(1, VERSIONS + 1):
        busy.deliver("customers", HOURS[0], at, {"customers": [customer(1, f"s{at}", at)]})
        busy.deliver("products", HOURS[0], at, {"products": [product(1, f"c{at}", at)]})


def grow(busy: Busy, is_half_way: threading.Event) -> None:
    """The wider contract, once the first versions are there."""
    is_half_way.wait(60)
    busy.grow()


def all_at_once(busy: Busy) -> None:
    """Let everything happen, until everything that ends has ended."""
    is_half_way = threading.Event()
    with ThreadPoolExecutor(6) as pool:
        endless = [pool.submit(busy.on_and_on, busy.refresh_all), pool.submit(busy.on_and_on, busy.sync)]
        ending = [
            pool.submit(send_orders, busy, is_half_way),
            pool.submit(send_dimensions, busy),
            pool.submit(grow, busy, is_half_way),
        ]
        try:
            for task in ending:
                task.result(timeout=60 + 60 * VERSIONS)
        finally:
            busy.is_over.set()
        for task in endless:
            task.result(timeout=60)


def newest_orders() -> dict[str, dict[str, Any]]:
    """What must be in the table in the end."""
    found: dict[str, dict[str, Any]] = {}
    for version in range(VERSIONS + 1):
        for hour, _ in enumerate(HOURS):
            for row in rows_of(hour, version)["orders"]:
                known = found.get(row["order_id"])
                if known is None or row["updated_at"] >= known["updated_at"]:
                    found[row["order_id"]] = dict(row)
    return found


def test_loads_growth_drift_refreshes_and_replays_at_once(busy: Busy) -> None:
    for hour, label in enumerate(HOURS):
        busy.deliver("orders", label, 0, rows_of(hour, 0))

    all_at_once(busy)

    busy.sync()
    assert busy.problems == []
    shop, expected = busy.shop, newest_orders()
    names = ("order_id", "order_date", "total_amount", "updated_at")
    found = shop.loads.rows("orders", names)
    assert found == sorted((tuple(row[name] for name in names) for row in expected.values()), key=repr)
    audit = [(table, batch) for table, batch, *_ in shop.loads.audit()]
    assert len(audit) == len(set(audit)) == 2 * len(HOURS) * (VERSIONS + 2) + 2 * VERSIONS
    assert shop.loads.staging_tables() == []
    for days in busy.owed:
        shop.refresh(days)
    before = shop.aggregates()
    busy.refresh_all()
    assert shop.aggregates() == before
    assert sum(row[1] for row in before["daily_orders"]) == len(expected)
