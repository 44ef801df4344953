"""The schema sync against a real catalog, real Parquet files, Spectrum and Redshift of the local cloud."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crawlers import handlers
from crawlers.handlers import sync_of
from crawlers.schema_sync import SchemaSync
from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import LocalAws
from localcloud_tests.warehouse.lake import Lake
from sluice.aws.clients import Clients
from sluice.cli import main
from sluice.contract import Column, Contract, Table
from sluice.drift import Difference, Kind, Layer
from sluice.drift.columns import ADDED, DECIDE, STAYS, WIDENED
from sluice.drift.report import DriftReport
from sluice.lake.catalog_tables import processed_table, quarantine_table, raw_table
from sluice.settings import Settings
from sluice.warehouse.books import create_books
from sluice.warehouse.bootstrap import create_own, external_schema
from sluice.warehouse.target import Target
from tests.warehouse.loads import Loads, arrow_table, batch_id, contract_of, row, things

EVENT = Path(__file__).parents[1] / "events" / "glue_crawler_state_change.json"
NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
HOUR = ("2026", "11", "20", "13")
OLD = things()
B, C, N = Kind.BREAKING, Kind.COMPATIBLE, Kind.NOTE
PLACE = '"public"."things"'


def changed(**types: str) -> Table:
    """The table with other types, and with columns that are new."""
    known = {column.name: column.type for column in OLD.columns} | types
    return things(columns=tuple(Column(name, kind) for name, kind in known.items()))


@dataclass
class Shop:
    """One dataset in all layers, and a sync of it."""

    aws: LocalAws
    loads: Loads
    lake: Lake
    sql: Sql
    raw_database: str

    @property
    def settings(self) -> Settings:
        return replace(
            Settings(),
            raw_bucket=self.lake.bucket,
            processed_bucket=self.lake.bucket,
            raw_database=self.raw_database,
            processed_database=self.lake.database,
            support_topic=f"support-{self.lake.database}",
        )

    @property
    def clients(self) -> Clients:
        return Clients.of_local_cloud(self.aws.endpoint, "eu-central-1")

    def deploy(self, contract: Contract) -> None:
        """Make the catalog's tables as the contract has them, the external schema, and what loads are booked in."""
        settings, glue = self.settings, self.lake.glue
        self.sql.ok(
            f"CREATE EXTERNAL SCHEMA spectrum FROM DATA CATALOG DATABASE '{self.lake.database}' IAM_ROLE default"
        )
        for table in contract.tables:
            books = create_books(Target(contract.dataset, settings.warehouse_schema, table))
            for statement in (*(own for _, own in create_own()), *books):
                self.sql.ok(statement)
            glue.create_table(
                DatabaseName=self.lake.database, TableInput=processed_table(contract, table, settings.processed)
            )
        glue.create_table(DatabaseName=self.lake.database, TableInput=quarantine_table(contract, settings.processed))
        glue.create_table(DatabaseName=self.raw_database, TableInput=raw_table(contract, settings.raw_bucket))

    def publish(self, table: Table, rows: list[tuple[Any, ...]], hour: str = "13", run: str = "run1") -> None:
        """Put a Parquet file into a partition and register it."""
        full = [(*values, batch_id(int(hour)), "s3://raw/f") for values in rows]
        values = {"year": "2026", "month": "11", "day": "20", "hour": hour}
        folder = "/".join(["things", *(f"{key}={value}" for key, value in values.items())])
        location = f"s3://{self.lake.bucket}/{folder}/"
        self.lake.put(folder, rows=arrow_table(table, full), name=f"{run}-0.parquet")
        if (("2026", "11", "20", hour)) not in self.partitions():
            self.lake.register("things", *values.values(), location=location)

    def partitions(self) -> list[tuple[str, ...]]:
        found = self.lake.glue.get_partitions(DatabaseName=self.lake.database, TableName="things")["Partitions"]
        return [tuple(item["Values"]) for item in found]

    def crawler(self, database: str, *tables: str) -> str:
        name = f"crawler-{database}"
        self.lake.glue.create_crawler(
            Name=name,
            Role="role",
            Targets={"CatalogTargets": [{"DatabaseName": database, "Tables": list(tables)}]},
        )
        return name

    def sync(self, contract: Contract) -> SchemaSync:
        return replace(sync_of(self.clients, self.settings, {contract.dataset: contract}), clock=lambda: NOW)

    def look(self, contract: Contract, *, apply: bool = False) -> list[Difference]:
        survey: Any = self.sync(contract).survey
        found: list[Difference] = replace(survey, clock=lambda: NOW).processed(contract, apply=apply)
        return found

    def catalog(self, name: str = "things") -> dict[str, Any]:
        table: dict[str, Any] = dict(self.lake.glue.get_table(DatabaseName=self.lake.database, Name=name)["Table"])
        return table


@pytest.fixture
def shop(local_aws: LocalAws, loads: Loads, lake: Lake, sql: Sql) -> Shop:
    raw = f"raw_{lake.database}"
    lake.glue.create_database(DatabaseInput={"Name": raw})
    made = Shop(local_aws, loads, lake, sql, raw)
    made.clients.sns.create_topic(Name=made.settings.support_topic)
    return made


def filled(shop: Shop) -> Contract:
    """The dataset in all layers, as its contract says."""
    contract = contract_of(OLD)
    shop.deploy(contract)
    shop.loads.load(OLD, {batch_id(13): [row(1, 1, "one"), row(2, 1, "two")]})
    shop.publish(OLD, [row(1, 1, "one"), row(2, 1, "two")])
    return contract


def difference(layer: Layer, column: str, have: str, want: str, kind: Kind, fix: str, *partitions: str) -> Difference:
    return Difference(layer, "things", column, have, want, kind, fix, partitions)


def test_layers_that_agree_have_no_differences(shop: Shop) -> None:
    assert shop.look(filled(shop), apply=True) == []


def test_compatible_changes_are_made_everywhere_and_made_once(shop: Shop) -> None:
    filled(shop)
    before = shop.catalog()
    contract = contract_of(changed(name="varchar(30)", price="decimal(12,4)", color="varchar(8)"))

    found = shop.look(contract, apply=True)

    widen = (
        f'LOCK "sluice"."loads_things", {PLACE}; ALTER TABLE {PLACE} RENAME COLUMN "price" TO "price__decimal_8_2"; '
        f'ALTER TABLE {PLACE} ADD COLUMN "price" decimal(12,4); '
        f'UPDATE {PLACE} SET "price" = "price__decimal_8_2"'
    )
    applied = [
        difference(Layer.CATALOG, "name", "varchar(10)", "varchar(30)", C, WIDENED),
        difference(Layer.CATALOG, "price", "decimal(8,2)", "decimal(12,4)", C, WIDENED),
        difference(Layer.CATALOG, "color", "", "varchar(8)", C, ADDED),
        difference(
            Layer.WAREHOUSE, "name", "character varying(10)", "varchar(30)", C,
            f'ALTER TABLE {PLACE} ALTER COLUMN "name" TYPE varchar(30)',
        ),
        difference(Layer.WAREHOUSE, "price", "numeric(8,2)", "decimal(12,4)", C, widen),
        difference(
            Layer.WAREHOUSE, "color", "", "varchar(8)", C, f'ALTER TABLE {PLACE} ADD COLUMN "color" varchar(8)'
        ),
    ]  # fmt: skip
    files = [
        difference(
            Layer.FILES, "price", "decimal(8,2)", "decimal(12,4)", B,
            "Athena and Spectrum refuse these files: sluice replay things 2026-11-20T13", "2026-11-20T13",
        ),
        difference(
            Layer.FILES, "color", "", "varchar(8)", C,
            "nothing: Athena and Spectrum read null there, and so does a load", "2026-11-20T13",
        ),
    ]  # fmt: skip
    assert found == [*(item.settled() for item in applied), *files]
    after = shop.catalog()
    columns = after["StorageDescriptor"].pop("Columns")
    assert [(column["Name"], column["Type"]) for column in columns] == [
        ("id", "int"), ("version", "int"), ("name", "varchar(30)"), ("price", "decimal(12,4)"),
        ("color", "varchar(8)"), ("_batch_id", "varchar(256)"), ("_source_file", "varchar(1093)"),
    ]  # fmt: skip
    del before["StorageDescriptor"]["Columns"]
    changing = {"UpdateTime", "VersionId"}
    assert {key: value for key, value in after.items() if key not in changing} == {
        key: value for key, value in before.items() if key not in changing
    }
    assert shop.loads.rows(columns=("id", "name", "price", "color", "price__decimal_8_2")) == [
        (1, "one", Decimal("1.0000"), None, Decimal("1.00")),
        (2, "two", Decimal("1.0000"), None, Decimal("1.00")),
    ]
    assert shop.look(contract, apply=True) == files
    # What the notice says fixes it: the partition's files are written again.
    shop.publish(contract.tables[0], [(1, 1, "one", Decimal("1.0000"), "red")], run="run1")
    assert shop.look(contract, apply=True) == []
    assert shop.sql.rows("SELECT id, price, color FROM spectrum.things") == [(1, "1.0000", "red")]


def test_a_comparison_alone_changes_nothing(shop: Shop) -> None:
    filled(shop)
    before = (shop.catalog(), shop.loads.rows())
    found = shop.look(contract_of(changed(name="varchar(30)", color="varchar(8)")))
    assert [(item.layer, item.column, item.kind, item.is_applied) for item in found] == [
        (Layer.CATALOG, "name", C, False),
        (Layer.CATALOG, "color", C, False),
        (Layer.SPECTRUM, "name", C, False),
        (Layer.SPECTRUM, "color", C, False),
        (Layer.WAREHOUSE, "name", C, False),
        (Layer.WAREHOUSE, "color", C, False),
        (Layer.FILES, "color", C, False),
    ]
    assert (shop.catalog(), shop.loads.rows()) == before


def test_breaking_differences_are_told_with_both_types_and_keep_no_good_change_out(shop: Shop) -> None:
    filled(shop)
    contract = contract_of(changed(version="bigint", name="varchar(5)", color="varchar(8)"))
    shop.sql.ok(f'ALTER TABLE {PLACE} ADD COLUMN "mine" date')

    found = shop.look(contract, apply=True)

    refused = "Athena and Spectrum refuse these files: sluice replay things 2026-11-20T13"
    assert [item for item in found if item.kind is not C] == [
        difference(Layer.CATALOG, "version", "int", "bigint", B, DECIDE),
        difference(Layer.CATALOG, "name", "varchar(10)", "varchar(5)", B, DECIDE),
        difference(Layer.SPECTRUM, "version", "int", "bigint", B, DECIDE),
        difference(Layer.SPECTRUM, "name", "varchar(10)", "varchar(5)", B, DECIDE),
        difference(Layer.WAREHOUSE, "version", "integer", "bigint", B, DECIDE),
        difference(Layer.WAREHOUSE, "name", "character varying(10)", "varchar(5)", B, DECIDE),
        difference(Layer.WAREHOUSE, "mine", "date", "", N, STAYS),
        difference(Layer.FILES, "version", "integer", "bigint", B, refused, "2026-11-20T13"),
    ]
    assert [item.layer for item in found if item.is_applied] == [Layer.CATALOG, Layer.WAREHOUSE]
    assert "color" in [name for (name,) in shop.loads.warehouse.rows(
        "SELECT column_name FROM svv_columns WHERE table_schema = 'public' AND table_name = 'things'"
    )]  # fmt: skip


def test_files_of_several_runs_in_a_partition_are_each_looked_at(shop: Shop) -> None:
    contract = filled(shop)
    other = changed(version="bigint")
    shop.publish(other, [row(3, 1, "three")], run="run2")
    shop.publish(OLD, [row(4, 1, "four")], hour="14")
    refused = "Athena and Spectrum refuse these files: sluice replay things 2026-11-20T13"
    assert shop.look(contract) == [difference(Layer.FILES, "version", "bigint", "integer", B, refused, "2026-11-20T13")]


def test_a_broken_file_is_named(shop: Shop) -> None:
    contract = filled(shop)
    folder = "things/year=2026/month=11/day=20/hour=13"
    url = shop.lake.put(folder, rows=b"id,name\n1,a\n", name="other-0.parquet")
    assert shop.look(contract) == [
        difference(
            Layer.FILES, "", "a file that cannot be read", "", B,
            f"{url}: is not Parquet file: it does not end with PAR1",
        )
    ]  # fmt: skip


def test_a_missing_external_schema_is_told_and_readers_without_it_are_named(shop: Shop) -> None:
    contract = filled(shop)
    shop.sql.ok("DROP SCHEMA spectrum")
    for user in ("drift_reader", "drift_stranger"):
        if not shop.sql.rows(f"SELECT 1 FROM pg_user WHERE usename = '{user}'"):
            shop.sql.ok(f"CREATE USER {user} PASSWORD 'Aa345678'")
    shop.sql.ok(f"GRANT SELECT ON {PLACE} TO drift_reader")
    want = f"external schema over {shop.lake.database}"
    missing = Difference(Layer.SPECTRUM, "spectrum", "", "", want, B, "deploy: the bootstrap makes it")

    assert shop.look(contract) == [missing]
    assert shop.look(contract, apply=True) == [missing]
    shop.sql.ok(external_schema(shop.settings))
    grant = 'GRANT USAGE ON SCHEMA "spectrum" TO "drift_reader"'
    shut_out = Difference(Layer.SPECTRUM, "spectrum", "drift_reader", "", "USAGE", N, grant)
    assert shop.look(contract, apply=True) == [shut_out]
    shop.sql.ok(grant)
    assert shop.look(contract, apply=True) == []


def test_an_external_schema_over_another_database_is_left_alone(shop: Shop) -> None:
    contract = filled(shop)
    shop.sql.ok("DROP SCHEMA spectrum")
    shop.sql.ok(f"CREATE EXTERNAL SCHEMA spectrum FROM DATA CATALOG DATABASE '{shop.raw_database}' IAM_ROLE default")
    (found,) = shop.look(contract, apply=True)
    assert (found.have, found.kind) == (f"external schema over {shop.raw_database}", B)


def test_syncs_and_loads_at_once_leave_one_result(shop: Shop) -> None:
    filled(shop)
    wider = changed(price="decimal(12,4)", color="varchar(8)", name="varchar(30)")
    contract = contract_of(wider)
    errors: list[BaseException] = []
    outcomes: list[str] = []

    def guarded(action: Any) -> threading.Thread:
        def run() -> None:
            try:
                action()
            except BaseException as exc:  # noqa: BLE001 - shown by the assertion
                errors.append(exc)

        return threading.Thread(target=run)

    def load() -> None:
        values = (*row(3, 1, "three"), "red")
        outcome = shop.loads.load(wider, {batch_id(14): [values]})
        outcomes.extend(result.error for result in outcome.values())

    threads = [guarded(lambda: shop.look(contract, apply=True)) for _ in range(3)] + [guarded(load)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (errors, outcomes) == ([], [""])
    assert shop.loads.rows(columns=("id", "price", "color", "price__decimal_8_2")) == [
        (1, Decimal("1.0000"), None, Decimal("1.00")),
        (2, Decimal("1.0000"), None, Decimal("1.00")),
        (3, Decimal("1.0000"), "red", None),
    ]


def test_the_source_is_compared_with_the_contract(shop: Shop) -> None:
    contract = filled(shop)
    folder = "things/2026/11/20/13"
    lines = b'{"id": 1, "version": 2, "name": "a", "sale": true}\n' * 2
    shop.lake.put(folder, rows=lines, name="part.json")
    shop.lake.put(folder, rows=b"{}", name="manifest.json")
    shop.lake.glue.create_partition(
        DatabaseName=shop.raw_database,
        TableName="things",
        PartitionInput={
            "Values": list(HOUR),
            "StorageDescriptor": {"Location": f"s3://{shop.lake.bucket}/{folder}/"},
        },
    )
    survey: Any = shop.sync(contract).survey
    assert survey.raw(contract, apply=True) == [
        difference(Layer.SOURCE, "sale", "boolean", "", N, "ignored until the contract has it"),
        difference(
            Layer.SOURCE, "price", "", "decimal(8,2)", B,
            "is in none of the 2 newest records that were looked at: "
            "files without it are refused, because of things.price; "
            "ask the source, or change the contract",
        ),
    ]  # fmt: skip


def notices(shop: Shop, queue: str) -> list[dict[str, Any]]:
    answer = shop.clients.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    found = []
    for message in answer.get("Messages", ()):
        shop.clients.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        found.append(json.loads(json.loads(message["Body"])["Message"]))
    return found


def subscribed(shop: Shop) -> str:
    clients = shop.clients
    queue = clients.sqs.create_queue(QueueName=shop.settings.support_topic)["QueueUrl"]
    arn = clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = clients.sns.create_topic(Name=shop.settings.support_topic)["TopicArn"]
    clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return queue


class Context:
    """Of Lambda's context what the logger asks for."""

    function_name = "sync-schema"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:sync-schema"
    aws_request_id = "request"


def invoke(
    shop: Shop, contract: Contract, crawler: str, monkeypatch: pytest.MonkeyPatch, state: str = "Succeeded"
) -> None:
    event: dict[str, Any] = json.loads(EVENT.read_text(encoding="utf-8"))
    event["detail"] |= {"crawlerName": crawler, "state": state}
    monkeypatch.setattr(handlers, "schema_sync", lambda: shop.sync(contract))
    context: Any = Context()
    handlers.sync_schema(event, context)


def test_a_crawl_is_followed_and_told_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(shop)
    queue = subscribed(shop)
    contract = contract_of(changed(version="bigint", color="varchar(8)"))
    crawler = shop.crawler(shop.lake.database, "things", "things_quarantine")

    invoke(shop, contract, crawler, monkeypatch)

    (notice,) = notices(shop, queue)
    assert (notice["event"], notice["dataset"], notice["zone"], notice["breaking_count"]) == (
        "drift", "things", "processed", 4,
    )  # fmt: skip
    assert notice["breaking"][0] == {
        "layer": "catalog", "table": "things", "column": "version", "have": "int", "want": "bigint", "fix": DECIDE,
    }  # fmt: skip
    assert [(item["layer"], item["column"]) for item in notice["changed"]] == [
        ("catalog", "color"), ("warehouse", "color"),
    ]  # fmt: skip
    invoke(shop, contract, crawler, monkeypatch)
    assert notices(shop, queue) == []
    url = shop.settings.processed.drift_report("things")
    report = DriftReport.from_json(shop.loads.documents.read(url))
    zone = report.zones["processed"]
    assert (zone.crawler, zone.surveyed_at[:19]) == (crawler, "2026-11-20T14:00:00")
    assert [item.column for item in zone.differences if item.kind is B] == ["version"] * 4
    # It is as it was again, and differs again later: that is news.
    invoke(shop, contract_of(changed(color="varchar(8)")), crawler, monkeypatch)
    assert notices(shop, queue) == []
    invoke(shop, contract, crawler, monkeypatch)
    assert [found["breaking_count"] for found in notices(shop, queue)] == [4]


@pytest.mark.parametrize("state", ["Started", "Failed"])
def test_other_states_change_nothing(shop: Shop, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(shop)
    before = shop.catalog()
    crawler = shop.crawler(shop.lake.database, "things")
    invoke(shop, contract_of(changed(color="varchar(8)")), crawler, monkeypatch, state)
    assert shop.catalog() == before


def test_a_crawler_that_is_not_ours_changes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = filled(shop)
    before = shop.lake.glue.get_tables(DatabaseName=shop.lake.database)["TableList"]
    invoke(shop, contract, "no-such-crawler", monkeypatch)
    invoke(shop, contract, shop.crawler(shop.lake.database, "somebody_elses"), monkeypatch)
    assert shop.lake.glue.get_tables(DatabaseName=shop.lake.database)["TableList"] == before


CONTRACT = """
dataset: things
source:
  format: json
  layout: things/%Y/%m/%d/%H
tables:
  - name: things
    primary_key: [id]
    order_by: [version]
    columns:
      - {{name: id, type: integer}}
      - {{name: version, type: {version}}}
      - {{name: name, type: varchar(10)}}
      - {{name: price, type: "decimal(8,2)"}}
      - {{name: color, type: varchar(8)}}
"""


@dataclass
class Command:
    """`sluice drift` in a folder of one contract."""

    shop: Shop
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *options: str, version: str = "integer") -> tuple[object, str]:
        """Status and standard output."""
        (self.folder / "things.yaml").write_text(CONTRACT.format(version=version), encoding="utf-8")
        where = ["--endpoint-url", self.shop.aws.endpoint, "--contracts", str(self.folder)]
        with pytest.raises(SystemExit) as ended:
            main([*where, "drift", *options])
        return ended.value.code, self.capsys.readouterr().out


@pytest.fixture
def command(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    for name, value in shop.settings.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    filled(shop)
    return Command(shop, tmp_path, capsys)


def test_the_command_compares_and_changes_only_when_it_is_told_to(command: Command) -> None:
    status, out = command.run("things", "--json")
    # The raw table's column, and each layer of the published one.
    found = [
        (item["layer"], item["table"], item["column"], item["kind"], item["is_applied"]) for item in json.loads(out)
    ]
    layers = ("catalog", "catalog", "spectrum", "warehouse", "files")
    assert (status, found) == (0, [(layer, "things", "color", "compatible", False) for layer in layers])
    assert json.loads(command.run("--json")[1]) == json.loads(out)

    status, out = command.run("things", "--apply", "--json")
    applied = [(item["layer"], item["is_applied"]) for item in json.loads(out)]
    assert (status, applied) == (0, [("catalog", True), ("catalog", True), ("warehouse", True), ("files", False)])
    assert [item["layer"] for item in json.loads(command.run("--json")[1])] == ["files"]


def test_the_command_ends_with_1_when_something_breaks(command: Command) -> None:
    status, out = command.run("--apply", version="bigint")
    assert status == 1
    breaking, _, _ = out.partition("compatible: ")  # what breaks stands first
    assert breaking.count("breaking: ") == 2
    assert [line.split() for line in breaking.splitlines() if "version" in line] == [
        ["catalog", "things", "version", "int", "bigint"],
        ["spectrum", "things", "version", "int", "bigint"],
        ["warehouse", "things", "version", "integer", "bigint"],
        ["files", "things", "version", "integer", "bigint"],
    ]
    assert "sluice replay things 2026-11-20T13" in out


def test_the_command_knows_its_datasets(command: Command) -> None:
    status, out = command.run("nothing")
    assert (status, out) == (1, "")
