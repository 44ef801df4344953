"""The aggregates, from the published files to their rows, after every kind of load."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from sluice.errors import WarehouseError
from sluice.lake.layout import Partition
from sluice.simulator import SimulatorOptions, Truth, simulate, truth_of_aggregates
from sluice.warehouse.bootstrap import Grants
from tests.warehouse.loads import Row
from tests.warehouse.shop import CONTRACTS, DAY, NEXT_DAY, Rows, Shop, customer, item, order, product

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient
    from mypy_boto3_s3 import S3Client

    from localcloud_tests.warehouse.conftest import LocalAws

D = Decimal


@pytest.fixture(scope="module")
def opened(local_aws: LocalAws, redshift: RedshiftDataAPIServiceClient, s3: S3Client) -> Shop:
    return Shop.open(redshift, s3, local_aws.client("glue"))


@pytest.fixture
def shop(opened: Shop) -> Iterator[Shop]:
    yield opened
    opened.empty()


def test_each_aggregate_says_what_its_file_says(shop: Shop) -> None:
    shop.send("products", "2026-11-20T12", {"products": [product(1, "Tea", name="Tee 茶"), product(2, "Ink")]})
    shop.send("customers", "2026-11-20T12", {"customers": [customer(1, "consumer"), customer(2, "corporate")]})
    orders = [
        order(1, "placed", "10.01"),
        order(2, "cancelled", "20.00"),
        order(3, "returned", "30.00"),
        order(4, "shipped", "0.99", customer_id="CUST-00002"),
        order(5, "delivered", "5.00", customer_id="CUST-00099", order_date=NEXT_DAY),
    ]
    items = [
        item(1, 1, "PROD-0001", 2, "5.00"),
        item(1, 2, "PROD-0002", 3, "1.11"),
        item(2, 1, "PROD-0001", 9, "9.00"),
        item(3, 1, "PROD-0001", 9, "9.00"),
        item(4, 1, "PROD-0001", 1, "0.99"),
        item(5, 1, "PROD-0099", 4, "2.50", order_date=NEXT_DAY),
    ]

    refreshed = shop.send("orders", "2026-11-20T13", {"orders": orders, "order_items": items})

    days = (DAY.isoformat(), NEXT_DAY.isoformat())
    assert refreshed == dict.fromkeys(
        ("daily_orders", "daily_sales_by_category", "daily_sales_by_segment", "top_products"), days
    )
    assert shop.aggregates() == {
        "daily_orders": [(DAY, 4, 1, 1, D("11.00")), (NEXT_DAY, 1, 0, 0, D("5.00"))],
        "daily_sales_by_category": [
            (DAY, "Ink", 1, 3, D("3.33")),
            (DAY, "Tea", 2, 3, D("10.99")),
            (NEXT_DAY, "unknown", 1, 4, D("10.00")),
        ],
        "daily_sales_by_segment": [
            (DAY, "consumer", 1, D("10.01")),
            (DAY, "corporate", 1, D("0.99")),
            (NEXT_DAY, "unknown", 1, D("5.00")),
        ],
        "top_products": [
            (DAY, 1, "PROD-0001", "Tee 茶", 3, D("10.99")),
            (DAY, 2, "PROD-0002", "thing", 3, D("3.33")),
            (NEXT_DAY, 1, "PROD-0099", "unknown", 4, D("10.00")),
        ],
    }


def one_order(number: int, amount: str = "10.00", **changes: Any) -> Rows:
    """An order with one line of the same amount."""
    date = {name: value for name, value in changes.items() if name in ("order_date", "at")}
    return {"orders": [order(number, amount=amount, **changes)], "order_items": [item(number, price=amount, **date)]}


def merged(*parts: Rows) -> Rows:
    return {name: [row for part in parts for row in part.get(name, ())] for name in ("orders", "order_items")}


def test_a_late_hour_changes_the_days_that_it_brings_and_no_other(shop: Shop) -> None:
    shop.send("orders", "2026-11-20T13", one_order(1))
    shop.send("orders", "2026-11-21T15", one_order(2, order_date=NEXT_DAY))
    shop.loads.warehouse.execute(
        f"UPDATE {shop.sums('daily_orders')} SET orders = 99 WHERE business_date = '2026-11-21'"
    )

    refreshed = shop.send("orders", "2026-11-20T14", one_order(3))

    assert set(refreshed.values()) == {(DAY.isoformat(),)}
    assert shop.aggregate("daily_orders") == [(DAY, 2, 0, 0, D("20.00")), (NEXT_DAY, 99, 0, 0, D("10.00"))]


def test_an_hour_sent_again_counts_by_its_corrected_rows(shop: Shop) -> None:
    shop.send("orders", "2026-11-20T13", merged(one_order(1), one_order(2, order_date=NEXT_DAY), one_order(3)))

    refreshed = shop.send("orders", "2026-11-20T13", merged(one_order(1, "11.00"), one_order(3, "13.00")), version=2)

    # Order 2 is not in the corrected hour: the table keeps it, the published files do not.
    assert refreshed["daily_orders"] == (DAY.isoformat(), NEXT_DAY.isoformat())
    assert shop.aggregate("daily_orders") == [(DAY, 2, 0, 0, D("24.00"))]
    assert shop.aggregate("top_products") == [(DAY, 1, "PROD-0001", "unknown", 2, D("24.00"))]


def test_what_lies_beneath_a_row_that_an_hour_no_longer_has_counts_again(shop: Shop) -> None:
    shop.send("orders", "2026-11-20T13", one_order(1, "1.00"))
    shop.send("orders", "2026-11-20T14", one_order(1, "2.00", at=5))
    assert shop.aggregate("daily_orders") == [(DAY, 1, 0, 0, D("2.00"))]

    shop.send("orders", "2026-11-20T14", {}, version=2)

    assert shop.aggregate("daily_orders") == [(DAY, 1, 0, 0, D("1.00"))]

    shop.send("orders", "2026-11-20T12", one_order(1, "3.00", at=3))

    assert shop.aggregate("daily_orders") == [(DAY, 1, 0, 0, D("3.00"))]


def test_an_older_version_that_its_hour_no_longer_has_counts_no_more(shop: Shop) -> None:
    """The table's row came with another hour, which has lost it already."""
    shop.send("orders", "2026-11-20T13", one_order(1, "1.00"))
    shop.send("orders", "2026-11-20T14", one_order(1, "2.00", at=5))
    shop.send("orders", "2026-11-20T14", {}, version=2)
    assert shop.aggregate("daily_orders") == [(DAY, 1, 0, 0, D("1.00"))]

    shop.send("orders", "2026-11-20T13", {}, version=2)

    assert shop.aggregate("daily_orders") == []


def test_a_date_that_moves_leaves_its_old_day(shop: Shop) -> None:
    shop.send("orders", "2026-11-20T13", merged(one_order(1), one_order(2)))

    refreshed = shop.send("orders", "2026-11-20T14", one_order(1, order_date=NEXT_DAY, at=5))

    assert set(refreshed.values()) == {(DAY.isoformat(), NEXT_DAY.isoformat())}
    assert shop.aggregate("daily_orders") == [(DAY, 1, 0, 0, D("10.00")), (NEXT_DAY, 1, 0, 0, D("10.00"))]
    assert shop.aggregate("daily_sales_by_category") == [
        (DAY, "unknown", 1, 1, D("10.00")),
        (NEXT_DAY, "unknown", 1, 1, D("10.00")),
    ]


def test_a_version_that_loses_changes_nothing(shop: Shop) -> None:
    shop.send("orders", "2026-11-20T13", one_order(1, at=5))
    before = shop.aggregates()

    shop.send("orders", "2026-11-20T14", one_order(1, "99.00", order_date=NEXT_DAY))

    assert shop.aggregates() == before


def test_a_dimension_that_comes_late_brings_the_days_that_refer_to_it(shop: Shop) -> None:
    shop.send(
        "orders", "2026-11-20T13", merged(one_order(1), one_order(2, order_date=NEXT_DAY, customer_id="CUST-00002"))
    )

    assert shop.send("products", "2026-11-22T09", {"products": [product(7, "Tea")]}) == {}
    of_customers = shop.send("customers", "2026-11-22T09", {"customers": [customer(2, "corporate")]})
    of_products = shop.send("products", "2026-11-22T10", {"products": [product(1, "Ink", name="Füller")]})

    both = (DAY.isoformat(), NEXT_DAY.isoformat())
    assert of_customers == {"daily_sales_by_segment": (NEXT_DAY.isoformat(),)}
    assert of_products == {"daily_sales_by_category": both, "top_products": both}
    assert shop.aggregate("daily_sales_by_segment") == [
        (DAY, "unknown", 1, D("10.00")),
        (NEXT_DAY, "corporate", 1, D("10.00")),
    ]
    assert shop.aggregate("daily_sales_by_category") == [
        (DAY, "Ink", 1, 1, D("10.00")),
        (NEXT_DAY, "Ink", 1, 1, D("10.00")),
    ]
    assert [row[3] for row in shop.aggregate("top_products")] == ["Füller", "Füller"]


def test_a_dimension_may_be_loaded_before_its_facts_have_a_table(shop: Shop) -> None:
    """Nothing refers to it then, and the load must not fail for that; nor where the facts lack what is new in them."""
    table = f"{shop.loads.schema}.orders"
    for change in ("RENAME COLUMN order_date TO older_date", "RENAME TO orders_moved"):
        shop.loads.warehouse.execute(f"ALTER TABLE {table} {change}")
        assert shop.send("customers", "2026-11-22T09", {"customers": [customer(2, "corporate")]}, len(change)) == {}
    shop.loads.warehouse.execute(f"ALTER TABLE {table}_moved RENAME TO orders")
    shop.loads.warehouse.execute(f"ALTER TABLE {table} RENAME COLUMN older_date TO order_date")


def test_a_dimension_that_an_hour_no_longer_has_is_unknown_again(shop: Shop) -> None:
    shop.send("orders", "2026-11-20T13", one_order(1))
    shop.send("products", "2026-11-20T13", {"products": [product(1, "Ink")]})

    refreshed = shop.send("products", "2026-11-20T13", {"products": [product(2, "Tea")]}, version=2)

    assert refreshed["daily_sales_by_category"] == (DAY.isoformat(),)
    assert shop.aggregate("daily_sales_by_category") == [(DAY, "unknown", 1, 1, D("10.00"))]


def test_an_order_that_is_cancelled_takes_lines_with_it_that_its_new_version_does_not_have(shop: Shop) -> None:
    lines = [item(1, 1, price="1.00"), item(1, 2, price="2.00")]
    shop.send("orders", "2026-11-20T13", {"orders": [order(1, amount="3.00")], "order_items": lines})

    shop.send("orders", "2026-11-21T13", {"orders": [order(1, "cancelled", "0.00", at=5)], "order_items": []})

    assert shop.aggregates() == {
        "daily_orders": [(DAY, 1, 1, 0, D("0.00"))],
        "daily_sales_by_category": [],
        "daily_sales_by_segment": [],
        "top_products": [],
    }


def test_of_products_with_equal_revenue_the_first_ids_are_the_top_ten(shop: Shop) -> None:
    numbers = (12, 3, 7, 1, 11, 2, 10, 4, 9, 5, 8, 6)
    lines = [item(1, place, f"PROD-{number:04}") for place, number in enumerate(numbers, start=1)]
    lines.append(item(1, 13, "PROD-0099", 1, "10.01"))

    shop.send("orders", "2026-11-20T13", {"orders": [order(1)], "order_items": lines})

    expected = ["PROD-0099", *(f"PROD-{number:04}" for number in range(1, 10))]
    assert [(row[1], row[2]) for row in shop.aggregate("top_products")] == list(enumerate(expected, start=1))


def test_refreshing_twice_together_or_day_by_day_gives_the_same_tables(shop: Shop) -> None:
    rows = merged(one_order(1), one_order(2, order_date=NEXT_DAY), one_order(3, "4.00", order_date=NEXT_DAY))
    refreshed = shop.send("orders", "2026-11-20T13", rows)
    once = shop.aggregates()
    assert all(once.values())

    shop.refresh(refreshed)
    twice = shop.aggregates()
    for name in once:
        shop.loads.warehouse.execute(f"DELETE FROM {shop.sums(name)}")
    for name, days in refreshed.items():
        for day in (*days, "2020-01-01"):
            shop.refresh({name: [day]})

    assert twice == once
    assert shop.aggregates() == once


def test_rows_that_arrived_over_years_are_found(shop: Shop) -> None:
    labels = [f"{year}-{month:02}-{day:02}T00" for year in (2024, 2025) for month in (1, 2, 12) for day in (1, 28)]
    batches = [
        shop.publish("orders", label, {"orders": [order(number)]}) for number, label in enumerate(labels, start=1)
    ]

    outcome = shop.load("orders", *batches)
    shop.refresh(outcome.refresh)

    assert shop.aggregate("daily_orders") == [(DAY, len(labels), 0, 0, D("120.00"))]


def test_no_date_changes_nothing_and_what_is_no_date_is_refused(shop: Shop) -> None:
    shop.send("orders", "2026-11-20T13", one_order(1))
    before = shop.aggregates()

    for dates in ("NULL", "''", "'  '"):
        shop.loads.warehouse.execute(f"CALL {shop.sums('refresh_daily_orders')}({dates})")
    errors = {dates: error_of(shop, dates) for dates in NO_DATES}

    assert {dates: error for dates, error in errors.items() if NO_DATES[dates] not in error} == {}
    assert shop.aggregates() == before


NO_DATES = {
    "2026-11-20;2026-11-21": (
        'daily_orders: "2026-11-20;2026-11-21" is not a valid date: write dates as 2026-11-20,2026-11-21'
    ),
    "2026-11-20,": 'daily_orders: "" is not a valid date',
    "2026-11-20, 20.11.2026": 'daily_orders: "20.11.2026" is not a valid date',
    "2026-11-20') OR ('1' = '1": """daily_orders: "2026-11-20') OR ('1' = '1" is not a valid date""",
    "2026-02-30": 'date/time field value out of range: "2026-02-30"',
}


def error_of(shop: Shop, dates: str) -> str:
    with pytest.raises(WarehouseError) as caught:
        shop.refresh({"daily_orders": [dates]})
    return str(caught.value)


def test_refreshes_at_once_end_as_one_after_the_other(shop: Shop) -> None:
    refreshed = shop.send("orders", "2026-11-20T13", merged(one_order(1), one_order(2, order_date=NEXT_DAY)))
    expected = shop.aggregates()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: shop.refresh(refreshed), range(4)))

    assert shop.aggregates() == expected


def test_a_run_that_finds_its_batch_merged_still_says_what_must_be_refreshed(shop: Shop) -> None:
    """The process dies between the merge and its outcome; its second run is asked for the same claim."""
    batch = shop.publish("orders", "2026-11-20T13", one_order(1))
    claim = shop.loads.dispatch(CONTRACTS["orders"], {batch: shop.published["orders"][batch]})
    first = shop.load("orders", claim=claim)
    shop.loads.s3.delete_object(Bucket=shop.loads.bucket, Key=f"_sluice/loads/{claim}/outcome.json")

    second = shop.load("orders", claim=claim)

    assert second == first
    assert second.refresh["daily_orders"] == (DAY.isoformat(),)
    shop.refresh(second.refresh)
    assert shop.aggregate("daily_orders") == [(DAY, 1, 0, 0, D("10.00"))]


def test_a_batch_is_not_refreshed_before_it_is_loaded_in_all_its_tables(shop: Shop) -> None:
    good = shop.publish("orders", "2026-11-20T13", one_order(1))
    bad = shop.publish("orders", "2026-11-21T13", one_order(2, order_date=NEXT_DAY))
    [file] = shop.published["orders"][bad]["order_items"]
    s3, bucket, key = shop.loads.s3, shop.loads.bucket, file.url.removeprefix(f"s3://{shop.loads.bucket}/")
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.delete_object(Bucket=bucket, Key=key)

    first = shop.attempt("orders", good, bad)
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    second = shop.load("orders", bad)

    assert [batch.error == "" for batch in first.batches] == [True, False]
    assert set(first.refresh.values()) == {(DAY.isoformat(),)}
    # The orders themselves were merged by the first run; the second one knows of them.
    assert second.refresh["daily_orders"] == (NEXT_DAY.isoformat(),)


def test_a_day_that_rows_left_with_a_failed_batch_is_refreshed_with_the_next_one(shop: Shop) -> None:
    shop.send("orders", "2026-11-20T13", one_order(1))
    moved = shop.publish("orders", "2026-11-20T14", one_order(1, order_date=NEXT_DAY, at=5))
    [file] = shop.published["orders"][moved]["order_items"]
    shop.loads.s3.delete_object(Bucket=shop.loads.bucket, Key=file.url.removeprefix(f"s3://{shop.loads.bucket}/"))
    [failed] = shop.attempt("orders", moved).batches
    assert "order_items" in failed.error

    # The table of orders has the move already, and the hour is sent again without it.
    shop.send("orders", "2026-11-20T14", one_order(2, order_date=NEXT_DAY), version=2)

    # Order 1 counts once, by what the files still have of it, and on the day that the table says.
    assert shop.aggregate("daily_orders") == [(NEXT_DAY, 2, 0, 0, D("20.00"))]


@pytest.mark.parametrize("seed", [1, 2])
def test_generated_data_in_any_order_gives_the_truth(shop: Shop, seed: int) -> None:
    """Around midnight: orders of one hour have versions in the other, whose dates are those of the first."""
    hours = (Partition.parse("2026-11-20T23"), Partition.parse("2026-11-21T00"))
    datasets = ("customers", "products", "orders")
    options = SimulatorOptions(hours[0], seed=seed, rows=80, files=1, update_share=0.4)
    truth = Truth({name: CONTRACTS[name] for name in datasets})
    places = [(dataset, hour) for dataset in datasets for hour in hours]
    random.Random(seed).shuffle(places)

    for dataset, hour in places:
        batch = truth.begin(dataset, hour)
        for record in simulate(CONTRACTS[dataset], hour, options).records(0):
            batch.add(record, "file")
        tables = CONTRACTS[dataset].tables
        rows = {table.name: [version.row for version in batch.newest(table.name).values()] for table in tables}
        shop.send(dataset, hour.label, rows)

    expected = truth_of_aggregates(truth)
    assert {row[0] for row in expected["daily_orders"]} == {DAY, NEXT_DAY}
    assert shop.aggregates() == expected


def test_a_warehouse_is_made_ready_twice_as_once_and_grants_what_it_is_told(shop: Shop) -> None:
    shop.send("orders", "2026-11-20T13", one_order(1))
    before = (shop.aggregates(), shop.loads.rows("orders"), shop.loads.audit())
    users = (f"IAMR:{shop.loads.schema}-reader", f"IAMR:{shop.loads.schema}-caller")
    for user in users:
        shop.loads.warehouse.execute(f'CREATE USER "{user}" PASSWORD DISABLE')

    shop.bootstrap(Grants(readers=users[:1], callers=users[1:]))

    assert (shop.aggregates(), shop.loads.rows("orders"), shop.loads.audit()) == before
    assert [rights_of(shop, user) for user in users] == [
        (True, True, True, False),
        (False, False, False, False),
    ]
    assert may_call(shop, users[1])


def rights_of(shop: Shop, name_of_user: str) -> Row:
    """Reading a table, the lake and an aggregate; writing an aggregate."""
    # Names are folded to lower case, as Redshift does.
    name, schema, user = "top_products", shop.loads.schema, name_of_user.lower()
    rights = (
        f"has_table_privilege('{user}', '{schema}.orders', 'SELECT')",
        f"has_schema_privilege('{user}', '{shop.settings.spectrum_schema}', 'USAGE')",
        f"has_table_privilege('{user}', '{shop.sums(name)}', 'SELECT')",
        f"has_table_privilege('{user}', '{shop.sums(name)}', 'INSERT')",
    )
    [row] = shop.loads.warehouse.rows(f"SELECT {', '.join(rights)}")
    return row


def may_call(shop: Shop, user: str) -> bool:
    procedure, schema = shop.sums("refresh_top_products"), shop.settings.aggregate_schema
    [[may]] = shop.loads.warehouse.rows(
        f"SELECT has_function_privilege('{user.lower()}', '{procedure}(varchar)', 'EXECUTE') "
        f"AND has_schema_privilege('{user.lower()}', '{schema}', 'USAGE')"
    )
    return bool(may)
