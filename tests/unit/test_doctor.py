"""The doctor's judgement: what is well, what is not, and what fixes it. Its looking is tested on the local cloud."""

import copy
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.stub import Stubber
from rich.console import Console

from sluice.aws.clients import Clients
from sluice.aws.data_api import DataApi
from sluice.aws.ledger import Ledger
from sluice.cli.doctor import render_findings
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.doctor import Deployment, Finding, Severity, examine
from sluice.doctor.catalog import differences, expected_tables
from sluice.doctor.checks import CHECKS, QUERIES
from sluice.doctor.compute import check_functions, check_rules
from sluice.doctor.crawlers import check_crawlers, judge_crawler
from sluice.doctor.findings import DEPLOY, error, note, ok, warning
from sluice.doctor.intake import allows_bucket, allows_forwarders, announces_manifests, foreign_targets
from sluice.doctor.ledger import check_batches, check_heartbeat, check_open_loads, check_outages
from sluice.doctor.loading import texts
from sluice.doctor.queries import check_freshness, check_keys, check_loads, check_quarantine, judge_share
from sluice.doctor.warehouse import (
    check_aggregates,
    check_external_schema,
    check_isolation,
    check_tables,
    check_users,
)
from sluice.errors import AwsBusyError
from sluice.lake.handover import TableCounts
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId, BatchState, Stage
from sluice.ledger.record import BatchRecord, Heartbeat, KeptNotice, OpenLoad, Outage
from sluice.names import FUNCTIONS, GLUE_VERSION, MANIFEST_FUNCTION, RULES
from sluice.settings import Settings
from sluice.warehouse.aggregate import own_names, plans
from sluice.warehouse.health import loads_by_table
from sluice.warehouse.parts import users
from sluice_laptop.deploy.stack import Stack, load_machine_definition
from tests.doubles.ledger import MemoryLedger
from tests.ledger_behaviour import record

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = read_contracts(ROOT / "contracts")
NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:sluice-manifests"
BUCKET = "sluice-raw"


@dataclass
class Answers:
    """A warehouse, or an Athena, with prepared rows for each statement that contains a text."""

    by_text: Mapping[str, Iterable[tuple[object, ...]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None, *, label: str) -> list[tuple[Any, ...]]:
        assert label
        self.asked.append((sql, dict(parameters or {})))
        [found] = [rows for text, rows in self.by_text.items() if text in f"{sql} {parameters}"]
        return list(found)


def deployment(
    ledger: MemoryLedger | None = None,
    warehouse: Answers | None = None,
    contracts: Mapping[str, Contract] = CONTRACTS,
) -> Deployment:
    """A deployment in memory; clients of AWS are not reached."""
    return Deployment(
        Settings(),
        contracts,
        Clients(region="eu-central-1"),
        cast("Ledger", ledger or MemoryLedger()),
        cast("DataApi", warehouse or Answers()),
        lambda: NOW,
    )


def only(dataset: str) -> dict[str, Contract]:
    return {dataset: CONTRACTS[dataset]}


# Names


def test_names_are_those_of_the_stack() -> None:
    stack = json.loads((ROOT / "terraform" / "stack.json").read_text(encoding="utf-8"))
    assert list(stack["functions"]) == list(FUNCTIONS)
    assert [*stack["rules"], *stack["schedules"]] == list(RULES)
    assert stack["glue"]["version"] == GLUE_VERSION
    assert stack["queue"]["function"] == MANIFEST_FUNCTION


def test_the_deployments_own_name_stands_before_what_is_looked_for() -> None:
    clients = Clients(region="eu-central-1", access_key="a", secret_key="b")
    named = replace(deployment(contracts=only("orders")), settings=Settings(name="lake"), clients=clients)
    functions = ["lake-on-manifest", "lake-on-job-change", "lake-sweep", "lake-load-step", "lake-archive"]
    functions += ["lake-bootstrap", "lake-sync-schema"]
    rules = ["lake-job-change", "lake-crawled", "lake-sweep"]
    crawlers = {
        "lake-raw-orders": ["orders"],
        "lake-processed-orders": ["orders", "order_items", "orders_quarantine"],
        "lake-processed-gone": ["gone"],
        "sluice-processed-gone": ["gone"],  # another deployment's
    }
    with Stubber(clients.lambda_) as lambda_, Stubber(clients.events) as events, Stubber(clients.glue) as glue:
        for name in functions:
            answer = {"FunctionName": name, "State": "Active"}
            lambda_.add_response("get_function_configuration", answer, {"FunctionName": name})
        for name in rules:
            events.add_response("describe_rule", {"State": "ENABLED"}, {"Name": name})
            target = {"Id": "x", "Arn": "arn:aws:lambda:eu-central-1:123456789012:function:x"}
            events.add_response("list_targets_by_rule", {"Targets": [target]}, {"Rule": name})
        there = [
            {"Name": name, "Targets": {"CatalogTargets": [{"DatabaseName": "d", "Tables": tables}]}}
            for name, tables in crawlers.items()
        ]
        glue.add_response("get_crawlers", {"Crawlers": there}, {})
        assert list(check_functions(named)) == [ok("functions", f"function {name} exists") for name in functions]
        assert list(check_rules(named)) == [ok("rules", f"rule {name} is switched on") for name in rules]
        assert list(check_crawlers(named)) == [
            ok("crawlers", "crawler lake-raw-orders looks at orders"),
            ok("crawlers", "crawler lake-processed-orders looks at order_items, orders, orders_quarantine"),
            warning(
                "crawlers",
                "crawler lake-processed-gone is of no dataset of the contracts",
                "aws glue delete-crawler --name lake-processed-gone",
            ),
        ]
    fix = "look into the log of lake-sweep, and at its schedule; else "
    ledger = MemoryLedger()
    ledger.beat(Heartbeat(NOW - timedelta(hours=1)))
    [finding] = check_heartbeat(replace(named, ledger=cast("Ledger", ledger)))
    assert finding.fix == f"{fix}{DEPLOY}"


def test_the_local_deploy_and_the_machine_have_the_deployments_own_name() -> None:
    settings = Settings(name="lake")
    assert Stack.read(settings).rules["crawled"].pattern["detail"]["crawlerName"] == [{"prefix": "lake-"}]
    called = {text for text in texts(json.loads(load_machine_definition(settings))) if text.startswith("lake-")}
    assert called == {"lake-load-step", "lake-archive"}


# Running the checks


def test_a_check_that_cannot_look_is_a_finding_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: Deployment) -> Iterable[Finding]:
        yield ok("first", "a beginning")
        raise AwsBusyError("look for x: Throttling:\n  slow down")

    def fine(_: Deployment) -> Iterable[Finding]:
        return [ok("second", "all is well")]

    monkeypatch.setattr("sluice.doctor.checks.CHECKS", (("first", busy), ("second", fine)))
    monkeypatch.setattr("sluice.doctor.checks.QUERIES", (("queries", fine),))
    found = list(examine(deployment(), with_queries=False))
    assert found == [
        ok("first", "a beginning"),
        error(
            "first",
            "could not be examined: look for x: Throttling: slow down",
            "see that the caller may look, and that the service answers; then run `sluice doctor` again",
        ),
        ok("second", "all is well"),
    ]
    assert len(list(examine(deployment(), with_queries=True))) == 4


def test_every_area_has_a_name_of_its_own() -> None:
    names = [name for name, _ in (*CHECKS, *QUERIES)]
    assert len(set(names)) == len(names) == 27


def test_findings_as_people_get_them() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(render_findings([ok("a", "[red]x"), warning("b", "y", "fix [y]"), error("c", "z", "fix z")]))
    assert [line.rstrip() for line in cast("io.StringIO", console.file).getvalue().splitlines()] == [
        "ok       a: [red]x",
        "warning  b: y",
        "         fix: fix [y]",
        "error    c: z",
        "         fix: fix z",
        "1 ok, 1 warning, 1 error",
    ]


def test_what_is_well_is_one_line_of_sums() -> None:
    console = Console(file=io.StringIO(), width=30)
    console.print(render_findings([ok("a", "x"), error("area", "z " * 20, "fix it")], show_all=False))
    assert [line.rstrip() for line in cast("io.StringIO", console.file).getvalue().splitlines()] == [
        "error    area: z z z z z z z z",
        "         z z z z z z z z z z z",
        "         z",
        "         fix: fix it",
        "1 ok, 1 error (--all shows",
        "them)",
    ]


# Queue policy and notification

POLICY: dict[str, Any] = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": QUEUE,
            "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{BUCKET}"}},
        }
    ]
}


@pytest.mark.parametrize(
    ("field_name", "value", "is_allowed"),
    [
        ("Effect", "Allow", True),
        ("Effect", "Deny", False),
        ("Principal", "*", True),
        ("Principal", {"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]}, True),
        ("Principal", {"Service": "sns.amazonaws.com"}, False),
        ("Principal", {"AWS": "123456789012"}, False),
        ("Action", ["SQS:SendMessage"], True),
        ("Action", "sqs:*", True),
        ("Action", "sqs:ReceiveMessage", False),
        ("Resource", "*", True),
        ("Resource", f"{QUEUE}-dlq", False),
        ("Condition", {}, True),
        ("Condition", {"ArnLike": {"AWS:SourceArn": ["arn:aws:s3:*:*:other", "arn:aws:s3:::sluice-*"]}}, True),
        ("Condition", {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::other"}}, False),
        ("Condition", {"StringEquals": {"aws:SourceAccount": "123456789012"}}, True),
    ],
)
def test_who_may_send_to_the_queue(field_name: str, value: object, is_allowed: bool) -> None:
    policy = copy.deepcopy(POLICY)
    policy["Statement"][0][field_name] = value
    assert allows_bucket(policy, QUEUE, BUCKET) is is_allowed


@pytest.mark.parametrize(
    ("service", "is_allowed"),
    [("sns.amazonaws.com", True), ("events.amazonaws.com", True), ("s3.amazonaws.com", False)],
)
def test_a_topic_or_eventbridge_may_send_in_place_of_s3(service: str, is_allowed: bool) -> None:
    policy = copy.deepcopy(POLICY)
    policy["Statement"][0]["Principal"] = {"Service": service}
    assert allows_forwarders(policy, QUEUE) is is_allowed


def test_a_policy_may_have_one_statement_or_none() -> None:
    assert allows_bucket({"Statement": POLICY["Statement"][0]}, QUEUE, BUCKET)
    assert not allows_bucket({}, QUEUE, BUCKET)


@pytest.mark.parametrize(
    ("changes", "is_announced"),
    [
        ({}, True),
        ({"Filter": {}}, True),
        ({"Events": ["s3:ObjectCreated:Put"]}, False),
        ({"QueueArn": f"{QUEUE}-dlq"}, False),
        ({"Filter": {"Key": {"FilterRules": [{"Name": "Suffix", "Value": "manifest.json"}]}}}, True),
        ({"Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".json"}]}}}, True),
        ({"Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".manifest"}]}}}, False),
        ({"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "orders/"}]}}}, False),
    ],
)
def test_which_notification_announces_every_manifest(changes: dict[str, Any], is_announced: bool) -> None:
    suffix = {"Key": {"FilterRules": [{"Name": "suffix", "Value": "manifest.json"}]}}
    entry = {"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"], "Filter": suffix} | changes
    assert announces_manifests(entry, QUEUE) is is_announced


def test_whom_a_bucket_tells_besides_the_queue() -> None:
    events = ["s3:ObjectCreated:*"]
    configuration = {
        "QueueConfigurations": [{"QueueArn": QUEUE, "Events": events}, {"QueueArn": "arn:q", "Events": events}],
        "TopicConfigurations": [{"TopicArn": "arn:t", "Events": ["s3:ObjectCreated:Put"]}],
        "LambdaFunctionConfigurations": [
            {"LambdaFunctionArn": "arn:f", "Events": events},
            {"LambdaFunctionArn": "arn:g", "Events": ["s3:ObjectRemoved:*"]},
        ],
    }
    assert foreign_targets(configuration, QUEUE) == ["arn:f", "arn:q", "arn:t"]
    assert foreign_targets({"QueueConfigurations": [{"QueueArn": QUEUE, "Events": events}]}, QUEUE) == []


def test_texts_of_a_definition() -> None:
    document = {"States": {"Load": {"Arguments": {"JobName": "a"}, "Retry": [{"ErrorEquals": ["b"]}], "n": 1}}}
    assert texts(document) == {"a", "b"}


# Catalog

TABLES = [table for tables in expected_tables(deployment()).values() for table in tables]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["Name"])
def test_a_table_as_the_contract_has_it_has_no_difference(table: dict[str, Any]) -> None:
    found = copy.deepcopy(table) | {"CreateTime": NOW, "Parameters": {"more": "of it"}, "Description": "other"}
    assert list(differences(table, found)) == []


def _orders() -> dict[str, Any]:
    return copy.deepcopy(next(dict(table) for table in TABLES if table["Name"] == "order_items"))


def test_every_difference_is_named() -> None:
    wanted, found = _orders(), _orders()
    storage = found["StorageDescriptor"]
    storage["Columns"][3]["Type"] = "bigint"
    del storage["Columns"][2]
    storage["Columns"].append({"Name": "extra", "Type": "string"})
    storage["Location"] = "s3://elsewhere/"
    storage["SerdeInfo"] = {"SerializationLibrary": "other"}
    found["PartitionKeys"][0]["Type"] = "int"
    assert list(differences(wanted, found)) == [
        "partition key year is int and should be string",
        "column product_id is missing",
        "column quantity is bigint and should be int",
        "column extra is not in the contract",
        "Location is s3://elsewhere/ and should be s3://sluice-processed/order_items/",
        "its files are not read by org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ]
    assert list(differences(wanted, None)) == ["does not exist"]


def test_the_order_of_columns_counts() -> None:
    wanted, found = _orders(), _orders()
    columns = found["StorageDescriptor"]["Columns"]
    columns[0], columns[1] = columns[1], columns[0]
    [difference] = differences(wanted, found)
    assert difference.startswith("the columns are in the order line_number, order_id, product_id")


# Ledger


def test_a_recent_sweep_is_well_and_its_problems_are_told() -> None:
    ledger = MemoryLedger()
    ledger.beat(Heartbeat(NOW - timedelta(minutes=15), ("orders/load: AwsError: x",)))
    assert list(check_heartbeat(deployment(ledger))) == [
        ok("sweep", "the last sweep was 15 min ago"),
        warning("sweep", "the last sweep could not fix: orders/load: AwsError: x", "the next sweep tries again"),
    ]


@pytest.mark.parametrize(("minutes", "age"), [(16, "16 min"), (180, "3 h")])
def test_an_old_sweep_is_an_error(minutes: int, age: str) -> None:
    ledger = MemoryLedger()
    ledger.beat(Heartbeat(NOW - timedelta(minutes=minutes)))
    [finding] = check_heartbeat(deployment(ledger))
    assert (finding.severity, finding.what) == (
        Severity.ERROR,
        f"the last sweep was {age} ago: what a crash leaves behind stays",
    )
    assert "sluice-sweep" in finding.fix


def test_no_sweep_yet_is_a_warning() -> None:
    [finding] = check_heartbeat(deployment())
    assert (finding.severity, finding.what) == (Severity.WARNING, "there was no sweep yet")


def test_failed_and_stuck_batches_are_named_with_their_command() -> None:
    ledger = MemoryLedger()
    failed = replace(record("5"), state=BatchState.FAILED, stage=Stage.LOAD, reason="WarehouseError: x")
    stuck = replace(record("2", at=NOW - timedelta(hours=3)), state=BatchState.CONVERTING)
    young = record("3", at=NOW - timedelta(minutes=119))
    done = replace(record("4", at=NOW - timedelta(days=3)), state=BatchState.LOADED)
    for batch in (failed, stuck, young, done):
        ledger.create(batch)
    assert list(check_batches(deployment(ledger))) == [
        error("batches", f"{failed.batch_id} has failed: WarehouseError: x", f"sluice retry {failed.batch_id}"),
        warning("batches", f"{stuck.batch_id} is CONVERTING for 3 h", f"sluice status {stuck.batch_id}"),
    ]


def test_outages_are_told_with_what_waits_and_so_are_notices_that_could_not_be_sent() -> None:
    ledger = MemoryLedger()
    assert list(check_outages(deployment(ledger))) == [ok("outages", "nothing that runs need is away")]
    ledger.create(record())
    since, until = NOW - timedelta(minutes=50), NOW + timedelta(minutes=9)
    ledger.save_outage(None, Outage("orders", Stage.CONVERT, since, 4, until, "AwsBusyError: away", "c1"))
    ledger.save_outage(None, Outage("orders", Stage.LOAD, since, 1, NOW, "WarehouseBusyError: paused", "c2"))
    for minute, subject in enumerate(("first", "second")):
        kept = KeptNotice.first(NOW + timedelta(minutes=minute), "orders", "sluice-support", subject, "{}")
        ledger.keep_notice(kept)
    fix = "when it is back: sluice retry --dataset orders"
    assert list(check_outages(deployment(ledger))) == [
        warning(
            "outages",
            "convert of orders meets an outage for 50 min (4 runs; 1 batches wait) and rests until "
            f"{until:%H:%M} UTC: AwsBusyError: away",
            fix,
        ),
        warning(
            "outages",
            "load of orders meets an outage for 50 min (1 runs; 0 batches wait) and is tried again by the next sweep: "
            "WarehouseBusyError: paused",
            fix,
        ),
        warning(
            "outages",
            "2 notices could not be sent, the oldest to sluice-support: first",
            "see that the topic is there and may be published to; each sweep tries again",
        ),
    ]


def test_moving_batches_are_well() -> None:
    ledger = MemoryLedger()
    ledger.create(record("3", at=NOW - timedelta(minutes=1)))
    assert list(check_batches(deployment(ledger))) == [ok("batches", "no batch has failed, and none stands still")]


def test_open_loads_are_told_when_they_are_late_or_given_up() -> None:
    ledger = MemoryLedger()
    ledger.create(record())
    assert list(check_open_loads(deployment(ledger))) == [
        ok("open loads", "every load came to its end, or is on its way")
    ]
    young = NOW - timedelta(minutes=59)
    late = NOW - timedelta(minutes=61)
    ledger.open_load(OpenLoad("c1", "orders", young, 0, young))
    ledger.open_load(OpenLoad("c2", "orders", late, 1, late))
    ledger.open_load(OpenLoad("c3", "orders", young, 3, young, is_given_up=True))
    fix = "sluice status --dataset orders; `sluice retry <batch>` makes its execution go on"
    assert list(check_open_loads(deployment(ledger))) == [
        warning("open loads", "load c2 of orders is not finished after 61 min", fix),
        error("open loads", "load c3 of orders is not finished after 59 min, and was given up", fix),
    ]


# Warehouse


def columns_of(dataset: str, **changes: tuple[object, ...]) -> list[tuple[object, ...]]:
    """Rows of svv_columns for a dataset's tables, with single columns changed."""
    rows: list[tuple[object, ...]] = []
    for table in CONTRACTS[dataset].tables:
        for name, kind in table.stored_types.items():
            live: tuple[object, ...] = (kind.redshift.lower(), None, None, None)
            if kind.name == "varchar":
                live = ("character varying", kind.length, None, None)
            elif kind.name == "decimal":
                live = ("numeric", None, kind.precision, kind.scale)
            elif kind.name == "timestamp":
                live = ("timestamp without time zone", None, None, None)
            rows.append((table.name, name, *changes.get(name, live)))
    return rows


def test_every_part_has_its_user_in_the_warehouse() -> None:
    there = [(user.lower(),) for user in users(Settings())]
    well = ok("users", "every part has its user in the warehouse")
    assert list(check_users(deployment(warehouse=Answers({"pg_user": there})))) == [well]
    why = "the warehouse has no user IAMR:sluice-load-redshift: nobody has given the parts their rights"
    assert list(check_users(deployment(warehouse=Answers({"pg_user": there[1:]})))) == [error("users", why, DEPLOY)]


def test_the_external_schema_shows_the_processed_database() -> None:
    name = "external schema"
    for rows, finding in (
        ([("sluice_processed",)], ok(name, "external schema spectrum shows database sluice_processed")),
        ([], error(name, "the warehouse has no external schema spectrum: aggregates need it", DEPLOY)),
        (
            [("other",)],
            error(
                name,
                "external schema spectrum shows database other and should show sluice_processed",
                f"drop schema spectrum; then {DEPLOY}",
            ),
        ),
    ):
        warehouse = Answers({"svv_external_schemas": rows})
        assert list(check_external_schema(deployment(warehouse=warehouse))) == [finding]
        assert [parameters for _, parameters in warehouse.asked] == [{"schema_name": "spectrum"}]


def test_the_isolation_level_is_shown_with_what_it_means() -> None:
    for level, meaning in (
        ("Snapshot Isolation", "loads and other sessions conflict only when they change the same rows"),
        (
            "Serializable",
            (
                "loads do not conflict with each other, but other sessions that read and write several tables in one "
                "transaction may end with error 1023; ALTER DATABASE ... ISOLATION LEVEL SNAPSHOT ends that"
            ),
        ),
    ):
        warehouse = Answers({"stv_db_isolation_level": [(level,)]})
        found = list(check_isolation(deployment(warehouse=warehouse)))
        assert found == [ok("isolation", f"isolation level {level}: {meaning}")]


def test_tables_are_compared_with_their_contracts() -> None:
    live = columns_of("products", product_name=("character varying", 10, None, None))
    [finding] = check_tables(deployment(warehouse=Answers({"svv_columns": live}), contracts=only("products")))
    assert finding.severity is Severity.WARNING
    assert finding.what.startswith('table public.products is behind its contract: ALTER TABLE "public"."products"')

    live = columns_of("products", product_name=("integer", None, 32, 0))
    [finding] = check_tables(deployment(warehouse=Answers({"svv_columns": live}), contracts=only("products")))
    assert finding.severity is Severity.ERROR
    assert "column product_name is integer in the warehouse" in finding.what

    live = columns_of("products")
    assert list(check_tables(deployment(warehouse=Answers({"svv_columns": live}), contracts=only("products")))) == [
        ok("warehouse tables", "table public.products is as its contract says")
    ]


def test_a_missing_table_is_an_error_only_when_it_was_loaded() -> None:
    ledger, warehouse = MemoryLedger(), Answers({"svv_columns": []})
    assert list(check_tables(deployment(ledger, warehouse, only("orders")))) == [
        ok("warehouse tables", "orders, order_items of orders: not there yet; the first load makes it")
    ]
    ledger.create(replace(record(), state=BatchState.ARCHIVED))
    [finding] = check_tables(deployment(ledger, warehouse, only("orders")))
    assert (finding.severity, finding.what) == (
        Severity.ERROR,
        "orders, order_items of orders: missing, although batches were loaded",
    )


def test_an_aggregate_needs_table_guard_and_procedure() -> None:
    names = [plan.aggregate for plan in plans(CONTRACTS, "public")]
    procedures: list[tuple[object, ...]] = [(own_names(aggregate)[0],) for aggregate in names]
    answers: dict[str, list[tuple[object, ...]]] = {
        "ordinal_position {'schema_name': 'aggregates'}": [
            (aggregate.name, "business_date", "date", None, None, None) for aggregate in names
        ],
        "ordinal_position {'schema_name': 'sluice'}": [
            (own_names(aggregate)[1], "x", "integer", None, 32, 0) for aggregate in names
        ],
        "p.proname {'schema_name': 'aggregates'}": procedures,
        "p.proname {'schema_name': 'sluice'}": [],
    }
    assert list(check_aggregates(deployment(warehouse=Answers(answers)))) == [
        ok("aggregates", f"aggregate {aggregate.name} has its table and its procedure") for aggregate in names
    ]
    for key, rows in answers.items():
        if not rows:
            continue
        [*_, last] = check_aggregates(deployment(warehouse=Answers(answers | {key: rows[:-1]})))
        assert last.severity is Severity.ERROR
        assert last.what.startswith(f"aggregate {names[-1].name} lacks its ")


def test_contracts_without_facts_have_no_aggregates() -> None:
    found = list(check_aggregates(deployment(contracts=only("customers"))))
    assert found == [ok("aggregates", "no aggregate goes with these contracts")]


# Health queries


def test_freshness_is_measured_in_partitions() -> None:
    rows = [("orders", "2026-11-20T13", "t", 6 * 60), ("transactions", "2026-11-20T08", "t", 6 * 60 + 1)]
    found = list(check_freshness(deployment(warehouse=Answers({"newest_partition": rows}))))
    assert found == [
        note("freshness", "customers was never loaded"),
        ok("freshness", "orders was last loaded 360 min ago; its newest partition is 2026-11-20T13"),
        note("freshness", "products was never loaded"),
        warning(
            "freshness",
            "transactions was last loaded 361 min ago; its newest partition is 2026-11-20T08",
            "sluice status --dataset transactions; does its source still send?",
        ),
    ]


def test_a_load_that_lost_rows_is_an_error() -> None:
    answers = Answers({loads_by_table(7): [("orders", 3, 100, 0), ("products", 2, 50, 1)]})
    assert list(check_loads(deployment(warehouse=answers))) == [
        ok("loads", "orders: 3 loads with 100 rows in 7 days"),
        error(
            "loads",
            "products: 2 loads with 50 rows in 7 days, of which 1 do not account for every row",
            "sluice loads --table products; load the partitions again with `sluice replay`",
        ),
    ]


def test_keys_of_tables_that_are_there() -> None:
    answers = Answers(
        {
            "svv_tables": [("orders",), ("order_items",), ("other",)],
            "SELECT 'orders'": [("orders", 0, 0)],
            "SELECT 'order_items'": [("order_items", 2, 1)],
        }
    )
    assert list(check_keys(deployment(warehouse=answers))) == [
        ok("keys", "orders: no key is null, and none is doubled"),
        error(
            "keys",
            "order_items: 2 rows with null in the key, 1 keys in more than one row",
            "find out who else writes the table; delete the rows and replay their partitions",
        ),
    ]


@pytest.mark.parametrize(
    ("quarantined", "read", "severity"),
    [
        (0, 100, Severity.OK),
        (10, 100, Severity.OK),
        (11, 100, Severity.WARNING),
        (20, 100, Severity.WARNING),
        (21, 100, Severity.WARNING),
        (5, 5, Severity.WARNING),
    ],
)
def test_the_share_of_the_quarantine(quarantined: int, read: int, severity: Severity) -> None:
    assert CONTRACTS["orders"].max_rejected_ratio == 0.2
    finding = judge_share(CONTRACTS["orders"], quarantined, read)
    assert finding.severity is severity
    assert finding.what.startswith(f"orders: {quarantined} of {read} records of 7 days quarantined")
    assert (finding.fix == "") is (severity is Severity.OK)


def test_nothing_of_nothing_is_not_well() -> None:
    assert list(check_quarantine(deployment(contracts=only("orders")))) == [
        note("quarantine", "orders: no record came in 7 days")
    ]


def test_the_share_is_that_of_the_newest_batches_of_a_week_whatever_their_partitions_dates() -> None:
    def loaded(sequencer: str, partition: str, rejected: int, days_ago: int) -> BatchRecord:
        batch_id = BatchId.make("orders", Partition.parse(partition), sequencer)
        at = NOW - timedelta(days=days_ago)
        first = BatchRecord.first(batch_id, partition, BatchState.RECEIVED, manifest_url="s3://m", at=at)
        counts = {"orders": TableCounts(10, rejected, 0, 10 - rejected), "order_items": TableCounts(70, 70, 0, 0)}
        return replace(first, state=BatchState.LOADED, counts=counts)

    ledger = MemoryLedger()
    for batch in (
        loaded("1", "2013-01-01T10", 9, days_ago=2),
        loaded("2", "2013-01-01T10", 1, days_ago=1),  # a correction of the one before
        loaded("1", "2013-01-01T11", 5, days_ago=1),
        loaded("1", "2013-01-01T12", 9, days_ago=8),
    ):
        ledger.create(batch)
    what = "orders: 6 of 20 records of 7 days quarantined (30.0%), more than the 20.0% that its contract allows"
    assert list(check_quarantine(deployment(ledger, contracts=only("orders")))) == [
        warning("quarantine", what, "sluice quarantine orders")
    ]


def test_a_failed_batch_whose_partition_has_a_newer_one_is_no_error() -> None:
    ledger = MemoryLedger()
    ledger.create(replace(record("1"), state=BatchState.FAILED, reason="x"))
    ledger.create(replace(record("2"), state=BatchState.REJECTED))
    assert [finding.severity for finding in check_batches(deployment(ledger))] == [Severity.ERROR]
    ledger.create(replace(record("3"), state=BatchState.LOADED))
    assert [finding.severity for finding in check_batches(deployment(ledger))] == [Severity.OK]


# Crawlers

CRAWLED = frozenset({"orders", "order_items"})
CRAWLER = {"Targets": {"CatalogTargets": [{"Tables": ["order_items", "orders"]}]}}
LOOKS = "crawler c looks at order_items, orders"


@pytest.mark.parametrize(
    ("crawler", "finding"),
    [
        (None, error("crawlers", "crawler c does not exist", DEPLOY)),
        (CRAWLER, ok("crawlers", LOOKS)),
        (CRAWLER | {"LastCrawl": {"Status": "SUCCEEDED"}}, ok("crawlers", LOOKS)),
        (
            CRAWLER | {"LastCrawl": {"Status": "FAILED", "ErrorMessage": "no access"}},
            warning("crawlers", "the last crawl of c failed: no access", "aws glue start-crawler --name c"),
        ),
        (
            {"Targets": {"CatalogTargets": [{"Tables": ["orders"]}]}},
            error("crawlers", "crawler c looks at orders instead of order_items, orders", DEPLOY),
        ),
        (
            {"Targets": {"S3Targets": [{"Path": "s3://b/"}]}},
            error("crawlers", "crawler c looks at nothing instead of order_items, orders", DEPLOY),
        ),
    ],
)
def test_what_a_crawlers_state_means(crawler: Mapping[str, Any] | None, finding: Finding) -> None:
    assert judge_crawler("c", CRAWLED, crawler) == finding
