"""The truth about the aggregates, on rows made by hand; and that it is one the generated data can tell apart."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sluice.contract.files import read_contracts
from sluice.errors import SimulatorError
from sluice.lake.layout import Partition
from sluice.simulator import DATASETS, SimulatorOptions, Truth, simulate, truth_of_aggregates, words
from sluice.simulator.record import Record, Tree
from sluice.warehouse.aggregate import aggregates

CONTRACTS = read_contracts(Path(__file__).resolve().parents[2] / "contracts")
HOUR = Partition.parse("2026-11-20T13")
AT = HOUR.start.replace(tzinfo=None)
DAY, NEXT_DAY = date(2026, 11, 20), date(2026, 11, 21)
D = Decimal


def _order(number: int, status: str, amount: str, *lines: Tree, **changes: Any) -> Tree:
    return {
        "order_id": f"O{number}",
        "customer": {"id": "C1"},
        "order_date": DAY,
        "total_amount": D(amount),
        "order_status": status,
        "updated_at": AT,
        "items": list(lines),
        **changes,
    }


def _line(number: int, product: str, quantity: int, price: str) -> Tree:
    return {"line_number": number, "product_id": product, "quantity": quantity, "unit_price": D(price)}


def _product(product_id: str, category: str) -> Tree:
    return {
        "@id": product_id,
        "name": f"name of {product_id}",
        "classification": {"category": category},
        "updated_at": AT,
    }


def _truth(records: Mapping[str, list[Tree]]) -> Truth:
    truth = Truth({name: CONTRACTS[name] for name in ("customers", "products", "orders")})
    for dataset, trees in records.items():
        batch = truth.begin(dataset, HOUR)
        for tree in trees:
            batch.add(Record(tree, ""), "file")
    return truth


def test_each_aggregate_is_what_its_file_describes() -> None:
    truth = _truth(
        {
            "customers": [{"customer_id": "C1", "customer_segment": "consumer", "updated_at": AT}],
            "products": [_product("P1", "Tea"), _product("P2", "Ink")],
            "orders": [
                _order(1, "placed", "10.01", _line(1, "P1", 2, "5.00"), _line(2, "P2", 3, "1.11")),
                _order(2, "cancelled", "20.00", _line(1, "P1", 9, "9.00")),
                _order(3, "returned", "30.00", _line(1, "P1", 9, "9.00")),
                _order(4, "shipped", "0.99", _line(1, "P1", 1, "0.99")),
                _order(5, "delivered", "5.00", _line(1, "P9", 4, "2.50"), order_date=NEXT_DAY, customer={"id": "C9"}),
            ],
        }
    )

    assert truth_of_aggregates(truth) == {
        "daily_orders": [(DAY, 4, 1, 1, D("11.00")), (NEXT_DAY, 1, 0, 0, D("5.00"))],
        "daily_sales_by_category": [
            (DAY, "Ink", 1, 3, D("3.33")),
            (DAY, "Tea", 2, 3, D("10.99")),
            (NEXT_DAY, "unknown", 1, 4, D("10.00")),
        ],
        "daily_sales_by_segment": [(DAY, "consumer", 2, D("11.00")), (NEXT_DAY, "unknown", 1, D("5.00"))],
        "top_products": [
            (DAY, 1, "P1", "name of P1", 3, D("10.99")),
            (DAY, 2, "P2", "name of P2", 3, D("3.33")),
            (NEXT_DAY, 1, "P9", "unknown", 4, D("10.00")),
        ],
    }


def test_a_day_on_which_nothing_was_sold_has_its_orders_and_nothing_else() -> None:
    truth = _truth({"orders": [_order(1, "cancelled", "20.00", _line(1, "P1", 9, "9.00"))]})

    assert truth_of_aggregates(truth) == {
        "daily_orders": [(DAY, 1, 1, 0, D("0.00"))],
        "daily_sales_by_category": [],
        "daily_sales_by_segment": [],
        "top_products": [],
    }


def test_of_products_with_equal_revenue_the_first_ids_are_the_top_ten() -> None:
    lines = [_line(number, f"P{number:02}", 1, "1.00") for number in range(12, 0, -1)]

    rows = truth_of_aggregates(_truth({"orders": [_order(1, "placed", "12.00", *lines)]}))["top_products"]

    assert [(row[1], row[2]) for row in rows] == [(place, f"P{place:02}") for place in range(1, 11)]


def test_generated_data_fills_every_aggregate_that_this_version_has() -> None:
    truth = Truth({name: CONTRACTS[name] for name in DATASETS})
    options = SimulatorOptions(HOUR, rows=200, files=1)
    for dataset in DATASETS:
        for hour in (HOUR, HOUR.next()):
            batch = truth.begin(dataset, hour)
            for record in simulate(CONTRACTS[dataset], hour, options).records(0):
                batch.add(record, "file")

    found = truth_of_aggregates(truth)

    assert found.keys() == aggregates().keys()
    assert {row[1] for row in found["daily_sales_by_category"]} == {name for name, _ in words.CATEGORIES}
    assert {row[1] for row in found["daily_sales_by_segment"]} == set(words.SEGMENTS)
    assert [row[1] for row in found["top_products"]] == list(range(1, 11))


def test_the_truth_about_some_tables_is_not_enough() -> None:
    with pytest.raises(SimulatorError, match="the aggregates need the truth about customers, products"):
        truth_of_aggregates(Truth({"orders": CONTRACTS["orders"]}))
