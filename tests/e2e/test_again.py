"""An hour that is sent again with corrected rows, and then replayed from the archive: tables and aggregates."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from sluice.aws.documents import Documents
from sluice.aws.objects import Objects
from sluice.lake.handover import LoadCounts
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice.ledger.replay import Replay
from tests.e2e.stack import Stack

DATASET = "orders"
HOUR = Partition.parse("2027-06-07T08")
DAY = HOUR.start.date()
PRODUCT = "PROD-9901"


def test_an_hour_sent_again_with_corrected_rows_and_then_replayed(stack: Stack) -> None:
    before = len(stack.settled(DATASET, 0))

    stack.send(DATASET, HOUR, {"a.json": _file({"ORD-990001": ("placed", 2), "ORD-990002": ("shipped", 3)})})
    first = _newest(stack, before + 1)
    assert first.load_counts["orders"] == LoadCounts(staged=2, inserted=2)
    _compare(stack, first, {"ORD-990001": ("placed", 2), "ORD-990002": ("shipped", 3)})

    # Corrected, with the same time of change: one order was cancelled, one had more units, and one was forgotten.
    corrected = {"ORD-990001": ("cancelled", 2), "ORD-990002": ("shipped", 5), "ORD-990003": ("delivered", 1)}
    stack.send(DATASET, HOUR, {"a.json": _file(corrected)})
    second = _newest(stack, before + 2)
    assert second.load_counts["orders"] == LoadCounts(staged=3, inserted=1, updated=2)
    _compare(stack, second, corrected)

    # From the archive: the same rows, as a new batch.
    replays = Replay(
        stack.ledger,
        Documents(stack.clients.s3),
        Objects(stack.clients.s3),
        stack.contracts,
        stack.settings,
        datetime.now(UTC),
    )
    [plan] = replays.plan_all(DATASET, [HOUR])
    replays.write(plan)
    third = _newest(stack, before + 3)
    assert third.load_counts["orders"] == LoadCounts(staged=3, updated=3)
    _compare(stack, third, corrected)


def _newest(stack: Stack, count: int) -> BatchRecord:
    """The newest batch of the hour, when everything is done with it."""
    stack.settled(DATASET, count)
    return stack.ledger.versions(f"{DATASET}.{HOUR.compact}.0")[0]


def _file(orders: Mapping[str, tuple[str, int]]) -> bytes:
    return b"".join(_order(name, *what) for name, what in orders.items())


def _order(name: str, status: str, quantity: int) -> bytes:
    order = {
        "order_id": name,
        "customer": {"id": "CUST-99001"},
        "order_date": DAY.isoformat(),
        "total_amount": quantity * 10 + 0.5,
        "order_status": status,
        "updated_at": "2027-06-07T08:30:00",
        "items": [{"line_number": 1, "product_id": PRODUCT, "quantity": quantity, "unit_price": 10.25}],
    }
    return json.dumps(order).encode() + b"\n"


def _compare(stack: Stack, batch: BatchRecord, orders: Mapping[str, tuple[str, int]]) -> None:
    assert (batch.state, batch.reason) == (BatchState.ARCHIVED, "")
    day = f"where order_date = '{DAY}'"
    assert stack.rows(f"select order_id, order_status, total_amount, _batch_id from orders {day} order by 1") == [
        (name, status, Decimal(f"{quantity * 10}.50"), batch.batch_id) for name, (status, quantity) in orders.items()
    ]
    assert stack.rows(f"select order_id, quantity, _batch_id from order_items {day} order by 1") == [
        (name, quantity, batch.batch_id) for name, (_, quantity) in orders.items()
    ]
    sold = [quantity for status, quantity in orders.values() if status != "cancelled"]
    cancelled = len(orders) - len(sold)
    revenue = sum((Decimal(f"{quantity * 10}.50") for quantity in sold), Decimal())
    units = sum(sold)
    lines = units * Decimal("10.25")
    of_day = f"where business_date = '{DAY}'"
    for name, row in {
        "daily_orders": (DAY, len(orders), cancelled, 0, revenue),
        "daily_sales_by_segment": (DAY, "unknown", len(sold), revenue),
        "daily_sales_by_category": (DAY, "unknown", len(sold), units, lines),
        "top_products": (DAY, 1, PRODUCT, "unknown", units, lines),
    }.items():
        assert stack.rows(f"select * from aggregates.{name} {of_day}") == [row]
