"""What `sluice up` tells: how to open the warehouse, and each step of a batch once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from localcloud.up import History, psql_command
from sluice.batch import BatchId, BatchState
from sluice.handover import TableCounts
from sluice.layout import Partition
from sluice.record import BatchRecord

HOUR = Partition.parse("2026-11-20T13")
AT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
DSN = "postgresql://sluice:secret@127.0.0.1:5439/warehouse"


def _first(dataset: str, minutes: int = 0) -> BatchRecord:
    batch_id = BatchId.make(dataset, HOUR, "1")
    at = AT + timedelta(minutes=minutes)
    return BatchRecord.first(batch_id, HOUR.label, BatchState.RECEIVED, manifest_url="s3://m", at=at)


def _lines(history: History, *batches: BatchRecord) -> list[str]:
    return [line.plain for line in history.news(batches)]


def test_each_step_is_told_once_and_in_order() -> None:
    history, orders, products = History(), _first("orders", minutes=1), _first("products")
    assert _lines(history, orders, products) == [
        "14:05:00  products 2026-11-20T13  RECEIVED",
        "14:06:00  orders 2026-11-20T13  RECEIVED",
    ]
    assert _lines(history, orders, products) == []
    moved = orders.moved(BatchState.CONVERTING, AT + timedelta(minutes=2))
    moved = moved.moved(BatchState.RECEIVED, AT + timedelta(minutes=3), "the run was stopped")
    assert _lines(history, moved, products) == [
        "14:07:00  orders 2026-11-20T13  CONVERTING",
        "14:08:00  orders 2026-11-20T13  RECEIVED    the run was stopped",
    ]


def test_a_loaded_batch_shows_its_counts() -> None:
    batch = _first("orders").moved(BatchState.CONVERTING, AT)
    batch = batch.moved(BatchState.CONVERTED, AT, counts={"orders": TableCounts(10, 2, 1, 7)})
    batch = batch.moved(BatchState.LOADING, AT).moved(BatchState.LOADED, AT)
    assert _lines(History(), batch)[-1] == (
        "14:05:00  orders 2026-11-20T13  LOADED      orders: 7 published, 2 rejected, 1 duplicates"
    )


def test_the_warehouse_is_opened_without_showing_the_password(tmp_path: Path) -> None:
    address = "psql -h 127.0.0.1 -p 5439 -U sluice warehouse"
    assert psql_command(DSN, tmp_path) == f'PGPASSWORD="$SLUICE_WAREHOUSE_PASSWORD" {address}'
    (tmp_path / "warehouse.password").write_text("secret", encoding="utf-8")
    assert psql_command(DSN, tmp_path) == f'PGPASSWORD="$(cat {tmp_path}/warehouse.password)" {address}'
