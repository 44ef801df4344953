"""Aggregates as files: what is refused, what goes with which contracts, and the statements that refresh them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.errors import AggregateError
from sluice.settings import Settings
from sluice.warehouse.aggregate import Aggregate, Dimension, aggregates, parse_aggregate, plans, read_aggregates
from sluice.warehouse.bootstrap import Grants, bootstrap_steps
from sluice.warehouse.parts import users
from sluice.warehouse.procedure import MAX_DATES, refresh_statement, refresh_statements

CONTRACTS = read_contracts(Path(__file__).parents[2] / "contracts")
HEAD = """-- What it is.
--
-- facts: orders (total_amount, order_status)
-- dimension: customers on customer_id (customer_segment)

"""
TABLE = """-- name: table
-- What its columns are.
CREATE TABLE IF NOT EXISTS {{aggregate}} (business_date date NOT NULL, orders bigint);

"""
ROWS = """-- name: rows
SELECT f.business_date, COUNT(*) AS orders FROM {{facts}} AS f
LEFT JOIN {{customers}} AS c ON f.customer_id = c.customer_id GROUP BY f.business_date;
"""


def test_a_file_is_read_as_it_stands() -> None:
    assert parse_aggregate("mine", HEAD + TABLE + ROWS) == Aggregate(
        name="mine",
        facts="orders",
        columns=("total_amount", "order_status"),
        dimensions=(Dimension("customers", "customer_id", ("customer_segment",)),),
        table_sql="CREATE TABLE IF NOT EXISTS {{aggregate}} (business_date date NOT NULL, orders bigint)",
        rows_sql="SELECT f.business_date, COUNT(*) AS orders FROM {{facts}} AS f\n"
        "LEFT JOIN {{customers}} AS c ON f.customer_id = c.customer_id GROUP BY f.business_date",
    )


def test_an_aggregate_may_do_without_dimensions() -> None:
    text = "-- facts: orders (total_amount)\n" + TABLE + "-- name: rows\nSELECT business_date, 1 FROM {{facts}};\n"

    assert parse_aggregate("mine", text).dimensions == ()


FACTS = "-- facts: orders (total_amount, order_status)\n"
MALFORMED = [
    ("Mine", HEAD + TABLE + ROWS, "the name must be lower case letters"),
    ("mine", "", "it must have the blocks rows, table, and has none"),
    ("mine", HEAD + TABLE, "it must have the blocks rows, table, and has table"),
    ("mine", HEAD + TABLE + ROWS + "-- name: more\nSELECT 1;\n", "and has more, rows, table"),
    ("mine", HEAD + TABLE + TABLE + ROWS, "two blocks have the same name"),
    ("mine", HEAD + TABLE + "-- name: rows\n-- nothing\n", "it must have the blocks"),
    ("mine", TABLE + ROWS, "there must be one line '-- facts: table (columns)', and there are 0"),
    ("mine", FACTS + HEAD + TABLE + ROWS, "there must be one line '-- facts: table (columns)', and there are 2"),
    ("mine", HEAD.replace("(total_amount, order_status)", "") + TABLE + ROWS, "'-- facts: orders' is neither"),
    (
        "mine",
        HEAD.replace("on customer_id ", "") + TABLE + ROWS,
        "'-- dimension: customers (customer_segment)' is neither",
    ),
    ("mine", HEAD.replace("dimension", "dimensions") + TABLE + ROWS, "is neither '-- facts: table (columns)' nor"),
    ("mine", HEAD.replace("customers", "orders") + TABLE + ROWS, "a table is named twice"),
    ("mine", HEAD.replace("customers", "facts") + TABLE + ROWS, "a dimension cannot be called facts"),
    ("mine", HEAD + TABLE.replace("{{aggregate}}", "mine") + ROWS, "block table must have {{aggregate}} and nothing"),
    (
        "mine",
        HEAD + TABLE + ROWS.replace("{{customers}}", "customers"),
        "block rows must have {{customers}}, {{facts}}",
    ),
    ("mine", HEAD + TABLE + ROWS.replace("COUNT(*)", "{{count}}"), "block rows must have {{customers}}, {{facts}} and"),
    ("mine", HEAD + TABLE + ROWS.replace("COUNT(*)", "'a;b'"), "block rows must be one statement"),
    ("mine", HEAD + TABLE + ROWS.replace("COUNT(*)", "$$x$$"), "block rows must be one statement without '$$'"),
    ("mine", HEAD + TABLE.replace("business_date", "day") + ROWS, "must have the column 'business_date date'"),
]


@pytest.mark.parametrize(("name", "text", "rule"), MALFORMED, ids=[rule[:50] for _, _, rule in MALFORMED])
def test_a_malformed_file_is_refused_with_its_name_and_the_rule(name: str, text: str, rule: str) -> None:
    with pytest.raises(AggregateError) as caught:
        parse_aggregate(name, text)

    assert str(caught.value).startswith(f"aggregate {name}: ")
    assert rule in str(caught.value)


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "two.sql").write_text(HEAD + TABLE + ROWS, encoding="utf-8")
    (tmp_path / "one.sql").write_text(HEAD + TABLE + ROWS, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("none", encoding="utf-8")

    assert list(read_aggregates(tmp_path)) == ["one", "two"]


def orders_with(**changes: object) -> dict[str, Contract]:
    contract = CONTRACTS["orders"]
    tables = tuple(replace(table, **changes) if table.name == "orders" else table for table in contract.tables)  # type: ignore[arg-type]
    return {**CONTRACTS, "orders": replace(contract, tables=tables)}


def test_every_aggregate_goes_with_the_projects_own_contracts() -> None:
    assert [plan.aggregate.name for plan in plans(CONTRACTS, "public")] == sorted(aggregates())


def test_the_documents_example_is_an_aggregate() -> None:
    page = (Path(__file__).parents[2] / "docs" / "aggregates.md").read_text(encoding="utf-8")
    example, _ = re.findall(r"~~~sql\n(.*?)~~~", page, re.DOTALL)

    [plan] = plans(CONTRACTS, "public", {"example": parse_aggregate("example", example)})

    assert plan.fact_columns == ("total_amount", "order_status", "customer_id")


def test_an_aggregate_of_a_dataset_that_is_not_there_is_left_out() -> None:
    few = {name: contract for name, contract in CONTRACTS.items() if name != "products"}

    assert [plan.aggregate.name for plan in plans(few, "public")] == ["daily_orders", "daily_sales_by_segment"]
    assert plans({}, "public") == ()


COLUMNS = CONTRACTS["orders"].table("orders").columns
MISMATCHED = [
    (HEAD, {"business_date": None}, "the contract of its facts, orders, has no business_date"),
    (HEAD, {"load": "append"}, "table orders has load mode append; only upsert tells versions of a row"),
    (HEAD.replace("total_amount", "total"), {}, "table orders has no column total"),
    (HEAD.replace("(customer_segment)", "(segment)"), {}, "table customers has no column segment"),
    (HEAD.replace("on customer_id", "on email"), {}, "table orders has no column email"),
    (HEAD.replace("on customer_id", "on order_id"), {}, "order_id is not the primary key of table customers"),
    (HEAD.replace("(customer_segment)", "(customer_id)"), {}, "column customer_id of table customers is always there"),
    (
        HEAD.replace("total_amount", "business_date"),
        {"columns": (*COLUMNS, replace(COLUMNS[2], name="business_date"))},
        "column business_date is always there",
    ),
    (
        HEAD,
        {
            "columns": (*COLUMNS, replace(COLUMNS[2], name="business_date")),
            "business_date": "business_date",
            "primary_key": ("business_date", "order_id"),
        },
        "column business_date of table orders is part of its primary key",
    ),
]


@pytest.mark.parametrize(("head", "changes", "rule"), MISMATCHED, ids=[rule for _, _, rule in MISMATCHED])
def test_an_aggregate_that_does_not_go_with_a_contract_is_refused(
    head: str, changes: dict[str, object], rule: str
) -> None:
    found = {"mine": parse_aggregate("mine", head + TABLE + ROWS)}

    with pytest.raises(AggregateError) as caught:
        plans(orders_with(**changes), "public", found)

    assert f"aggregate mine: {rule}" in str(caught.value)


def test_a_refresh_is_a_complete_request_for_the_state_machine() -> None:
    assert refresh_statement(Settings(), "daily_orders", ("2026-11-20", "2026-11-21")) == {
        "Sql": 'CALL "aggregates"."refresh_daily_orders"(:dates)',
        "Parameters": [{"Name": "dates", "Value": "2026-11-20,2026-11-21"}],
        "StatementName": "refresh daily_orders",
        "Database": "warehouse",
        "WorkgroupName": "sluice",
    }


def test_a_refresh_goes_where_the_settings_say() -> None:
    settings = Settings(
        warehouse_cluster="big", warehouse_database="dwh", warehouse_secret="sluice/warehouse", aggregate_schema="sums"
    )

    assert refresh_statement(settings, "top_products", ("2026-11-20",)) == {
        "Sql": 'CALL "sums"."refresh_top_products"(:dates)',
        "Parameters": [{"Name": "dates", "Value": "2026-11-20"}],
        "StatementName": "refresh top_products",
        "Database": "dwh",
        "ClusterIdentifier": "big",
        "SecretArn": "sluice/warehouse",
    }


def test_a_refresh_of_nothing_or_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="aggregate daily_orders: there is no date to refresh"):
        refresh_statement(Settings(), "daily_orders", ())
    with pytest.raises(AggregateError, match=r"there is no aggregate 'sales' \(known: daily_orders, "):
        refresh_statement(Settings(), "sales", ("2026-11-20",))
    with pytest.raises(ValueError, match="neither warehouse_workgroup nor warehouse_cluster is set"):
        refresh_statement(Settings(warehouse_workgroup=""), "daily_orders", ("2026-11-20",))


def test_many_days_are_split_and_none_is_lost() -> None:
    days = tuple(f"{year}-01-01" for year in range(1000, 1000 + 2 * MAX_DATES + 1))

    statements = refresh_statements(Settings(), {"top_products": days[:1], "daily_orders": days})

    values = [statement["Parameters"] for statement in statements]
    assert [statement["StatementName"] for statement in statements] == 3 * ["refresh daily_orders"] + [
        "refresh top_products"
    ]
    listed = [str(value[0]["Value"]).split(",") for value in values]  # type: ignore[index]
    assert [len(part) for part in listed] == [MAX_DATES, MAX_DATES, 1, 1]
    assert [day for part in listed[:3] for day in part] == list(days)
    assert refresh_statements(Settings(), {}) == []


def test_what_the_bootstrap_needs_comes_before_what_needs_it() -> None:
    settings = Settings(warehouse_schema="sales", spectrum_schema="lake", aggregate_schema="sums")

    labels = [step.label for step in bootstrap_steps(settings, CONTRACTS, Grants(("reader",), ("caller",)))]

    assert list(dict.fromkeys(labels)) == [
        "audit: create_schema",
        "audit: create_table",
        "schema sales",
        "table sales.customers",
        "books of sales.customers",
        "table sales.orders",
        "books of sales.orders",
        "table sales.order_items",
        "books of sales.order_items",
        "table sales.products",
        "books of sales.products",
        "table sales.transactions",
        "books of sales.transactions",
        "schema lake",
        "schema sums",
        "aggregate daily_orders",
        "aggregate daily_sales_by_category",
        "aggregate daily_sales_by_segment",
        "aggregate top_products",
        "user IAMR:sluice-load-redshift",
        "user IAMR:sluice-load",
        "user IAMR:sluice-sync-schema",
        "user sluice-aggregates",
        "grant to IAMR:sluice-load-redshift",
        "grant to IAMR:sluice-load",
        "grant to sluice-aggregates",
        "grant to IAMR:sluice-sync-schema",
        "owner of daily_orders",
        "owner of daily_sales_by_category",
        "owner of daily_sales_by_segment",
        "owner of top_products",
        "grant to reader",
        "grant to caller",
    ]


@pytest.mark.parametrize("name", ["", 'a"b', "a b", "x" * 128, "a;b"])
def test_a_grant_goes_to_a_user_and_nothing_else(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name of a database user"):
        bootstrap_steps(Settings(), CONTRACTS, Grants(readers=(name,)))


def test_a_bootstrap_without_grants_grants_to_the_parts_alone() -> None:
    given = [step.sql for step in bootstrap_steps(Settings(), CONTRACTS) if step.sql.startswith("GRANT")]
    assert given
    assert {sql.rpartition(" TO ")[2] for sql in given} == {f'"{user}"' for user in users(Settings())}
