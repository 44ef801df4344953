"""`sluice rebuild`: everything is checked before anything is dropped, and nothing is done unless it is asked for."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sluice.cli import main
from sluice.cli import rebuild as module
from sluice.cli.session import Session
from sluice.contract.places import column_lines, rule_lines
from tests.doubles.depot import BASE, Depot

ROOT = Path(__file__).resolve().parents[2]
DROPS = [f'DROP TABLE IF EXISTS "public"."{name}"' for name in ("orders", "order_items")]
GRANTS = [
    f'GRANT SELECT ON TABLE "public"."{name}" TO {who}'
    for name in ("orders", "order_items")
    for who in ('GROUP "bi"', "PUBLIC", 'ROLE "reading"', '"iamr:analysts"')
]
READERS = [("bi", "group"), ("public", "public"), ("reading", "role"), ("iamr:analysts", "user")]


@dataclass
class Warehouse:
    """A warehouse with the tables of orders."""

    asked: list[str] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)

    def rows(self, sql: str, *_: Any, **__: Any) -> list[tuple[object, ...]]:
        if "svv_relation_privileges" in sql:
            return [*READERS]
        return [("orders",), ("order_items",)] if "svv_tables" in sql else [(7,)]

    def execute(self, sql: str) -> None:
        self.asked.append(sql)

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked["FunctionName"])
        return self.answer


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    found = Warehouse()
    monkeypatch.setattr(Session, "warehouse", found)
    monkeypatch.setattr(Session, "clients", SimpleNamespace(lambda_=found))
    monkeypatch.setenv("COLUMNS", "100")
    return found


def use(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "ledger", depot.ledger)
    monkeypatch.setattr(module, "replay_of", lambda _: depot.replays())


def call(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["--contracts", str(ROOT / "contracts"), "--aws", "rebuild", "orders", *arguments])
    return ended.value.code


def test_without_a_word_it_is_only_shown(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    depot = Depot()
    depot.take_and_load(depot.send({"part-1": b"one", "part-2": b"two"}))
    use(depot, monkeypatch)
    before = depot.documents.read(f"{BASE}/manifest.json")
    assert call() == 0
    captured = capsys.readouterr()
    assert [line.rstrip() for line in captured.out.splitlines()] == [
        "step                         what it has",
        "drop orders                  7 rows",
        "drop order_items             7 rows",
        "replay orders 2026-11-20T13  2 files",
    ]
    assert "nothing was changed" in captured.err
    assert (warehouse.asked, depot.documents.read(f"{BASE}/manifest.json")) == ([], before)


def test_tables_are_dropped_and_every_partition_is_replayed(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    depot = Depot()
    depot.run_archive(depot.take_and_load(depot.send({"part-1": b"one"})))
    use(depot, monkeypatch)
    assert call("--apply") == 0
    assert warehouse.asked == [*DROPS, "sluice-bootstrap", *GRANTS]
    assert "/archive/" in depot.documents.read(f"{BASE}/manifest.json")


def test_nothing_is_replayed_when_the_tables_were_not_made(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    depot = Depot()
    depot.take_and_load(depot.send({"part-1": b"one"}))
    use(depot, monkeypatch)
    before = depot.documents.read(f"{BASE}/manifest.json")
    warehouse.answer = {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "no"}')}
    assert call("--apply") == 1
    assert "function sluice-bootstrap failed: no; deploy, and call this again" in capsys.readouterr().err
    assert warehouse.asked == [*DROPS, "sluice-bootstrap"]
    assert depot.documents.read(f"{BASE}/manifest.json") == before


def test_nothing_is_dropped_when_a_partitions_files_are_gone(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    depot = Depot()
    depot.take_and_load(depot.send({"part-1": b"one"}))
    depot.objects.remove(f"{BASE}/part-1")
    use(depot, monkeypatch)
    assert call("--apply") == 1
    assert "is gone or has changed" in capsys.readouterr().err
    assert warehouse.asked == []


def test_a_dataset_without_a_batch_has_nothing_to_rebuild(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Depot(), monkeypatch)
    assert call("--apply") == 1
    assert "the ledger knows no batch of orders" in capsys.readouterr().err
    assert warehouse.asked == []


def test_a_broken_rule_is_found_in_its_contract() -> None:
    path = ROOT / "contracts" / "orders.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    places = column_lines(path)
    assert {column for table, column in places if table == "orders"} >= {"order_id", "total_amount"}
    for (_, column), line in places.items():
        assert column in lines[line - 1]
    number = places["orders", "total_amount"]
    reasons = ["orders.total_amount: below the minimum", "record: malformed JSON", "orders.nothing: x"]
    assert rule_lines(path, reasons) == [f"{path}:{number}: orders.total_amount"]
    assert rule_lines(ROOT / "none.yaml", reasons) == []
