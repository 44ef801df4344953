"""What `sluice up` tells: how to open the warehouse, and each step of a batch once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sluice.contract import Contract, parse_contract
from sluice.lake.handover import TableCounts
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId, BatchState
from sluice.ledger.record import BatchRecord
from sluice.settings import Settings
from sluice_laptop import up
from sluice_laptop.foreground import warm
from sluice_laptop.up import History, psql_command
from tests.doubles.depot import Depot
from tests.doubles.world import CONTRACTS

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
    assert psql_command(DSN, tmp_path) == f'PGPASSWORD="$LOCALCLOUD_WAREHOUSE_PASSWORD" {address}'
    (tmp_path / "warehouse.password").write_text("secret", encoding="utf-8")
    assert psql_command(DSN, tmp_path) == f'PGPASSWORD="$(cat {tmp_path}/warehouse.password)" {address}'


class Quieting:
    """A queue that has messages for some looks, and functions that note how they are called."""

    def __init__(self, looks: int) -> None:
        self.looks, self.asked = looks, 0
        self.invoked: list[tuple[int, str, bytes]] = []

    def get_queue_url(self, **_: Any) -> dict[str, str]:
        return {"QueueUrl": "q"}

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        self.asked += 1
        waiting, hidden = request["AttributeNames"]
        return {"Attributes": {waiting: "0", hidden: "1" if self.asked <= self.looks else "0"}}

    def invoke(self, **request: Any) -> None:
        assert request["InvocationType"] == "Event"
        self.invoked.append((self.asked, request["FunctionName"], request["Payload"]))


def test_a_start_sweeps_at_once_and_searches_when_the_queue_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_POLL_SECONDS", 0.0)
    cloud = Quieting(looks=3)
    clients = SimpleNamespace(sqs=cloud, lambda_=cloud)
    up.look_after_what_was_left(cast("Any", clients), Settings(), datetime(2026, 11, 20, 14, tzinfo=UTC)).join()
    first = b'{"dead_before": "2026-11-20T14:00:00+00:00"}'
    assert cloud.invoked == [(0, "sluice-sweep", first), (4, "sluice-sweep", b'{"search": true}')]


def test_a_queue_that_never_empties_is_searched_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_POLL_SECONDS", 0.0)
    cloud = Quieting(looks=10_000)
    clients = SimpleNamespace(sqs=cloud, lambda_=cloud)
    up.look_after_what_was_left(cast("Any", clients), Settings(), datetime.now(UTC)).join()
    assert cloud.invoked[-1] == (120, "sluice-sweep", b'{"search": true}')


def test_every_function_on_a_batchs_path_is_made_ready() -> None:
    asked: list[dict[str, Any]] = []
    clients = SimpleNamespace(lambda_=SimpleNamespace(invoke=lambda **request: asked.append(request)))
    warm(cast("Any", clients), Settings(name="team"))
    assert [request["FunctionName"] for request in asked] == [
        "team-on-manifest",
        "team-on-job-change",
        "team-load-step",
        "team-archive",
    ]
    assert {request["InvocationType"] for request in asked} == {"DryRun"}


def _contract(dataset: str, layout: str, format_: str = "csv") -> Contract:
    columns = [{"name": "flight_id", "type": "bigint"}]
    table = {"name": f"{dataset}_seen", "load": "append", "columns": columns}
    return parse_contract(
        {"dataset": dataset, "source": {"format": format_, "layout": layout}, "tables": [table]}, f"{dataset}.yaml"
    )


def test_hints_are_made_from_the_contracts_that_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contracts = {"flights": _contract("flights", "flights/%Y/%m/%d/%H"), "days": _contract("days", "days/%Y/%m/%d")}
    monkeypatch.chdir(tmp_path)
    options = up.needed_options(tmp_path / "my state", Path("my/contracts"))
    assert options == f"--state-dir '{tmp_path}/my state' --contracts my/contracts "
    assert up.needed_options(tmp_path / ".sluice", None) == ""
    assert up.hints(Settings(), contracts, "--state-dir x ") == [
        ("send data", "sluice --state-dir x send flights --hours 3"),
        ("your files", "sluice --state-dir x put flights FILES --at 2026-11-20T13"),
        ("or by S3", "files to s3://sluice-raw/flights/%Y/%m/%d/%H/, then their manifest.json"),
        ("look", "sluice --state-dir x status --watch"),
        ("query", "sluice --state-dir x query redshift 'select count(*) from flights_seen'"),
    ]
    parquet = {"days": _contract("days", "days/%Y/%m/%d", "parquet")}
    assert [name for name, _ in up.hints(Settings(), parquet)] == ["your files", "or by S3", "look", "query"]
    assert ("your files", "sluice put days FILES --at 2026-11-20") in up.hints(Settings(), parquet)


def test_lost_files_are_told_once() -> None:
    depot = Depot()
    depot.put("part-1", b"one")
    lost = up.LostFiles(CONTRACTS, depot.objects, "sluice-raw")
    late = depot.now + timedelta(minutes=3)
    assert list(lost.news(depot.now)) == []
    assert [line.plain[10:] for line in lost.news(late)] == [
        "orders: folder 2026-11-20T13 with 1 file and no manifest.json: sluice announce orders 2026-11-20T13"
    ]
    assert list(lost.news(late)) == []
    depot.documents.put("s3://sluice-raw/oders/x", b"x", depot.now)
    pattern = CONTRACTS["orders"].layout.pattern
    assert [line.plain[10:] for line in lost.news(late)] == [
        f"s3://sluice-raw/oders/ is the folder of no dataset: did you mean orders? Files go to {pattern}/"
    ]
