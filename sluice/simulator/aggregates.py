"""What the aggregates must hold in the end, worked out in plain Python from the truth about the tables.

It shares nothing with the SQL: each aggregate is written down here a second time, from its description.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeAlias

from sluice.errors import SimulatorError
from sluice.simulator.record import Row, Value
from sluice.simulator.truth import Truth

AggregateRow: TypeAlias = tuple[Value, ...]

_SOLD: Final = frozenset({"placed", "shipped", "delivered"})
_UNKNOWN: Final = "unknown"
_TOP: Final = 10


@dataclass(slots=True)
class _Sales:
    """What was sold of something.

    Attributes:
        count: Orders, or lines of orders.
        units: Sum of the quantities.
        revenue: Sum of the amounts.
    """

    count: int = 0
    units: int = 0
    revenue: Decimal = field(default_factory=Decimal)

    def add(self, units: int, amount: Decimal) -> None:
        """Take one more into account."""
        self.count += 1
        self.units += units
        self.revenue += amount


def truth_of_aggregates(truth: Truth) -> dict[str, list[AggregateRow]]:
    """The rows of every aggregate, sorted, with the values of each row in the order of the aggregate's columns.

    Args:
        truth: The truth about customers, products and orders.

    Raises:
        SimulatorError: It does not know one of them.
    """
    missing = {"customers", "products", "orders", "order_items"} - truth.tables.keys()
    if missing:
        raise SimulatorError(f"the aggregates need the truth about {', '.join(sorted(missing))}")
    return {name: sorted(rows(truth)) for name, rows in _AGGREGATES.items()}


def _daily_orders(truth: Truth) -> Iterator[AggregateRow]:
    by_day: dict[Value, list[Row]] = defaultdict(list)
    for order in _rows(truth, "orders"):
        by_day[order["order_date"]].append(order)
    for day, orders in by_day.items():
        states = [order["order_status"] for order in orders]
        revenue = sum((_decimal(order["total_amount"]) for order in orders if _is_sold(order)), Decimal("0.00"))
        yield day, len(orders), states.count("cancelled"), states.count("returned"), revenue


def _sales_by_segment(truth: Truth) -> Iterator[AggregateRow]:
    segments = _column(truth, "customers", "customer_segment")
    sales: dict[tuple[Value, Value], _Sales] = defaultdict(_Sales)
    for order in _rows(truth, "orders"):
        if _is_sold(order):
            place = order["order_date"], segments.get(order["customer_id"]) or _UNKNOWN
            sales[place].add(0, _decimal(order["total_amount"]))
    for (day, segment), sold in sales.items():
        yield day, segment, sold.count, sold.revenue


def _sales_by_category(truth: Truth) -> Iterator[AggregateRow]:
    categories = _column(truth, "products", "category")
    sales: dict[tuple[Value, Value], _Sales] = defaultdict(_Sales)
    for line in _sold_lines(truth):
        _add_line(sales[line["order_date"], categories.get(line["product_id"]) or _UNKNOWN], line)
    for (day, category), sold in sales.items():
        yield day, category, sold.count, sold.units, sold.revenue


def _top_products(truth: Truth) -> Iterator[AggregateRow]:
    product_names = _column(truth, "products", "product_name")
    by_day: dict[Value, dict[str, _Sales]] = defaultdict(lambda: defaultdict(_Sales))
    for line in _sold_lines(truth):
        _add_line(by_day[line["order_date"]][str(line["product_id"])], line)
    for day, sales in by_day.items():
        best = sorted(sales.items(), key=lambda item: (-item[1].revenue, item[0]))[:_TOP]
        for place, (product_id, sold) in enumerate(best, start=1):
            yield day, place, product_id, product_names.get(product_id) or _UNKNOWN, sold.units, sold.revenue


_AGGREGATES: Final[Mapping[str, Callable[[Truth], Iterator[AggregateRow]]]] = {
    "daily_orders": _daily_orders,
    "daily_sales_by_category": _sales_by_category,
    "daily_sales_by_segment": _sales_by_segment,
    "top_products": _top_products,
}


def _sold_lines(truth: Truth) -> Iterator[Row]:
    sold = {order["order_id"] for order in _rows(truth, "orders") if _is_sold(order)}
    return (line for line in _rows(truth, "order_items") if line["order_id"] in sold)


def _add_line(sales: _Sales, line: Row) -> None:
    quantity = int(str(line["quantity"]))
    sales.add(quantity, quantity * _decimal(line["unit_price"]))


def _is_sold(order: Row) -> bool:
    return order["order_status"] in _SOLD


def _rows(truth: Truth, table: str) -> Iterator[Row]:
    return (version.row for version in truth.rows(table).values())


def _column(truth: Truth, table: str, name: str) -> dict[Value, Value]:
    """A column by key."""
    return {key: version.row[name] for (key,), version in truth.rows(table).items()}


def _decimal(value: Value) -> Decimal:
    return Decimal(str(value))
