"""The parts come into the warehouse as the users of their roles: they may all that they do, and nothing is spare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import CLIENT_OPTIONS, LocalAws, no_retries
from localcloud_tests.warehouse.lake import Lake
from sluice.aws.bootstrap import run_bootstrap
from sluice.aws.data_api import Address, DataApi
from sluice.backoff import Backoff
from sluice.contract.model import Column
from sluice.drift.redshift import RedshiftSurvey
from sluice.errors import SluiceError, WarehouseError
from sluice.lake.catalog_tables import processed_table
from sluice.settings import Settings
from sluice.warehouse.aggregate import plans
from sluice.warehouse.bootstrap import bootstrap_steps
from sluice.warehouse.parts import Grant, grants, load_user, procedures_owner, refresh_user, sync_user, users
from tests.runtime_models import runtime_client
from tests.warehouse.loads import Loads, batch_id, contract_of, row, things
from tests.warehouse.shop import AGGREGATES, CONTRACTS, DAY, Shop, order

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client

UPSERTED = things(business_date="on_day", columns=(*things().columns, Column("on_day", "date")))
APPENDED = replace(things("append"), name="events")
CONTRACT = replace(contract_of(UPSERTED, APPENDED), allow_empty=True)


def client_of(local_aws: LocalAws, user: str) -> RedshiftDataAPIServiceClient:
    """The Data API as a part, with the library of its runtime."""
    role = user.partition(":")[2]
    options: dict[str, Any] = {**CLIENT_OPTIONS, "endpoint_url": local_aws.endpoint, "config": no_retries()}
    options["aws_access_key_id"] = f"role.{role}"
    found: RedshiftDataAPIServiceClient = runtime_client("redshift-data", "1.42.84", **options)
    return found


@dataclass
class Parts:
    """The parts of one deployment, each in front of the warehouse as itself.

    Attributes:
        loads: The load job.
        survey: The schema sync.
        sql: The administrator.
        settings: Of the deployment.
    """

    loads: Loads
    survey: RedshiftSurvey
    sql: Sql
    settings: Settings
    hours: Iterator[int]

    def behind(self) -> None:
        """Let a table fall behind its contract: it has a column too few, and a decimal that is too narrow."""
        columns = "SELECT column_name FROM svv_columns WHERE table_schema = 'public' AND table_name = 'things'"
        for (name,) in self.sql.rows(columns):
            if name == "name" or name.startswith("price"):
                self.sql.ok(f"ALTER TABLE public.things DROP COLUMN {name}")
        self.sql.ok("ALTER TABLE public.things ADD COLUMN price decimal(6,2)")

    def load(self) -> None:
        """Load both tables: one is upserted, of the other an hour is replaced."""
        self.behind()
        batch = batch_id(13, next(self.hours))
        plain = row(1, int(batch[-4:], 16), "one")
        published = {
            "things": (self.loads.publish(UPSERTED, batch, [(*plain, DAY)]),),
            "events": (self.loads.publish(APPENDED, batch, [plain]),),
        }
        outcome = self.loads.run(CONTRACT, self.loads.dispatch(CONTRACT, {batch: published}))
        if outcome[batch].error:
            raise WarehouseError(outcome[batch].error)

    def sync(self) -> None:
        """Compare both tables and what Spectrum shows of them with the contract, and bring the tables up to it."""
        self.behind()
        found = [*self.survey.external(CONTRACT), *self.survey.targets(CONTRACT, apply=True)]
        if wrong := [item for item in found if not item.is_applied]:
            raise WarehouseError(str(wrong))


@pytest.fixture
def parts(local_aws: LocalAws, s3: S3Client, bucket: str, lake: Lake, sql: Sql) -> Parts:
    settings = Settings(processed_bucket=lake.bucket, processed_database=lake.database)
    for table in CONTRACT.tables:
        definition = processed_table(CONTRACT, table, settings.processed)
        lake.glue.create_table(DatabaseName=lake.database, TableInput=definition)
    address, patience = Address("warehouse", workgroup="sluice"), Backoff(attempts=1)
    contracts = {CONTRACT.dataset: CONTRACT}
    administrator = DataApi(sql.client, address, patience)
    run_bootstrap(administrator, bootstrap_steps(settings, contracts), patience)
    sync = DataApi(client_of(local_aws, sync_user(settings)), address, patience)
    loads = Loads(s3, client_of(local_aws, load_user(settings)), bucket)
    return Parts(loads, RedshiftSurvey(sync, settings, patience), sql, settings, count(1))


def test_parts_do_their_work_as_themselves_and_own_nothing(parts: Parts) -> None:
    parts.load()
    parts.load()
    assert parts.sql.rows("SELECT id, version, name FROM public.things") == [(1, 2, "one")]
    assert parts.sql.rows("SELECT id, version FROM public.events") == [(1, 2)]
    parts.sync()
    assert parts.sql.rows("SELECT id, version, name FROM public.things") == [(1, 2, None)]

    listed = ", ".join(f"'{user.lower()}'" for user in users(parts.settings))
    owned = f"SELECT schemaname, tablename FROM pg_tables WHERE tableowner IN ({listed})"
    assert parts.sql.rows(owned) == []
    superusers = f"SELECT usename FROM pg_user WHERE usename IN ({listed}) AND (usesuper OR usecreatedb)"
    assert parts.sql.rows(superusers) == []
    found = parts.sql.rows(f"SELECT usename FROM pg_user WHERE usename IN ({listed}) ORDER BY 1")
    assert found == [(user.lower(),) for user in sorted(users(parts.settings))]


def single_rights(settings: Settings) -> Iterator[Grant]:
    """Each right of load and sync alone."""
    for grant in grants(settings, {CONTRACT.dataset: CONTRACT}, ()):
        if grant.user in {load_user(settings), sync_user(settings)}:
            yield from (replace(grant, rights=(right,)) for right in grant.rights)


def test_without_any_one_right_its_part_fails(parts: Parts) -> None:
    parts.load()
    works = {load_user(parts.settings): parts.load, sync_user(parts.settings): parts.sync}
    spare = []
    for grant in single_rights(parts.settings):
        parts.sql.ok(grant.revoked)
        try:
            works[grant.user]()
        except SluiceError:
            parts.sql.ok(grant.sql)
        else:
            spare.append(grant.revoked)
    assert spare == []
    parts.load()
    parts.sync()


def test_the_machine_calls_the_procedures_of_the_aggregates_which_have_their_own_rights(
    local_aws: LocalAws, redshift: RedshiftDataAPIServiceClient, s3: S3Client, sql: Sql
) -> None:
    shop = Shop.open(redshift, s3, local_aws.client("glue"))
    plan = plans(CONTRACTS, shop.settings.warehouse_schema)
    machine = replace(shop, loads=replace(shop.loads, client=client_of(local_aws, refresh_user(shop.settings))))
    days = {name: [DAY.isoformat()] for name in AGGREGATES}
    shop.load("orders", shop.publish("orders", "2026-11-20T13", {"orders": [order(1)]}))

    machine.refresh(days)
    assert shop.aggregates()["daily_orders"] == [(DAY, 1, 0, 0, Decimal("10.00"))]
    taking_part = {refresh_user(shop.settings), procedures_owner(shop.settings)}
    given = [grant for grant in grants(shop.settings, CONTRACTS, plan) if grant.user in taking_part]
    # CREATE is what makes an owner of whom it is granted to, once.
    for grant in (replace(one, rights=(right,)) for one in given for right in one.rights if right != "CREATE"):
        sql.ok(grant.revoked)
        # Of one aggregate where the right is about one; otherwise the first that needs it ends it.
        meant = {name: days[name] for name in AGGREGATES if name in grant.objects}
        with pytest.raises(WarehouseError, match="permission denied"):
            machine.refresh(meant or days)
        sql.ok(grant.sql)
    for statement in (f"SELECT * FROM {shop.sums('daily_orders')}", f"SELECT * FROM {shop.loads.schema}.orders"):
        with pytest.raises(WarehouseError, match="permission denied"):
            machine.loads.warehouse.execute(statement)
    machine.refresh(days)
