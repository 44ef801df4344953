"""`sluice try`: the conversion's own verdict on files of this machine, with nothing left behind."""

import gzip
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sluice.cli import main
from sluice.cli.trial import TriedColumn, TriedRecord, TriedTable, attempt, statements
from sluice.contract.files import read_contract
from sluice.warehouse.target import Target, create_target

CONTRACT = """
dataset: payments
source: {format: csv, layout: payments/%Y/%m/%d}
max_rejected_ratio: 0.5
tables:
  - name: payments
    primary_key: [payment_id]
    order_by: [paid_on]
    columns:
      - {name: payment_id, type: bigint}
      - {name: amount, type: "decimal(12,2)", source: sum, required: true, min: 0}
      - {name: method, type: varchar(8), trim: true, case: lower, allowed: [card, cash]}
      - {name: paid_on, type: date}
"""
FILE = """payment_id,sum,method,paid_on
1,10.5, CARD ,2026-11-20
1,11.5,card,2026-11-21
2,-1,card,2026-11-20
3,7,,2026-11-19
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("contracts").mkdir()
    Path("contracts/payments.yaml").write_text(CONTRACT, encoding="utf-8")
    Path("a.csv").write_text(FILE, encoding="utf-8")
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["try", *arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_all_that_becomes_of_files_is_told(folder: Path) -> None:
    trial = attempt(read_contract(Path("contracts/payments.yaml")), [Path("a.csv")], folder / "out")
    columns = (
        TriedColumn("payment_id", "bigint", "payment_id", 0, "1", "3"),
        TriedColumn("amount", "decimal(12,2)", "sum", 0, "7.00", "11.50"),
        TriedColumn("method", "varchar(8)", "method", 1, "card", "card"),
        TriedColumn("paid_on", "date", "paid_on", 0, "2026-11-19", "2026-11-21"),
    )
    assert trial.tables == (TriedTable("payments", 4, 1, 1, 2, columns),)
    reason = "payments.amount: below the minimum"
    assert (trial.records, trial.rejected, trial.failure, dict(trial.reasons)) == (4, 1, "", {reason: 1})
    assert trial.quarantined == (TriedRecord("a.csv", (reason,), "2,-1,card,2026-11-20"),)


def test_the_terminal_shows_it_and_nothing_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.rglob("*"))
    status, out, _ = call(capsys, "payments", "a.csv")
    assert status == 0
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0] == "payments: 3 of 4 records are good"
    assert "payments     4         1           1          2" in lines
    assert "amount      decimal(12,2)     0  7.00 .. 11.50             sum" in lines
    assert "a.csv: payments.amount: below the minimum" in lines
    assert sorted(folder.rglob("*")) == before


def test_what_the_contract_would_have_refused_ends_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_bytes(gzip.compress(FILE.encode()))
    status, out, _ = call(capsys, "payments", "a.csv", "--json")
    found = json.loads(out)
    assert (status, found["records"], found["rejected"], found["tables"][0]["published"]) == (1, 1, 1, 0)
    assert found["failure"].startswith("TooManyRejectedError: ")


def test_the_files_are_kept_where_they_are_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):  # the second call replaces the first one's files
        assert call(capsys, "payments", "a.csv", "--output", "out")[0] == 0
    tables = {path.parent.name: pq.ParquetFile(path).read() for path in Path("out").rglob("*.parquet")}
    assert {name: rows.num_rows for name, rows in tables.items()} == {"payments": 2, "payments_quarantine": 1}
    assert tables["payments"]["amount"].to_pylist() == [pytest.approx(11.5), pytest.approx(7)]


def test_a_folder_with_other_files_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = call(capsys, "payments", "a.csv", "--output", "contracts")
    assert (status, [path.name for path in Path("contracts").iterdir()]) == (1, ["payments.yaml"])
    assert "has files that no trial wrote (payments.yaml)" in err


def test_the_statements_are_those_of_the_load(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contract = read_contract(Path("contracts/payments.yaml"))
    found = list(statements(contract, "public"))
    (table,) = create_target(Target("payments", "public", contract.tables[0]))
    assert found[0] == ("payments: table", table)
    assert any(sql.startswith("MERGE INTO") for _, sql in found)
    out = call(capsys, "payments", "a.csv", "--sql")[1]
    assert all(sql in out for _, sql in found)


def test_a_change_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = Path("contracts/payments.yaml")
    changes: list[Callable[[], object]] = [
        lambda: None,
        lambda: contract.write_text(CONTRACT.replace("min: 0", "min: -5"), encoding="utf-8"),
        lambda: contract.write_text("dataset: [", encoding="utf-8"),
        lambda: shutil.copy("a.csv", "b.csv"),  # is not looked at
    ]

    def pause(_: float) -> None:
        if not changes:
            raise KeyboardInterrupt
        changes.pop(0)()
        moment = time.time_ns() + len(changes) * 10**9
        os.utime(contract, ns=(moment, moment)) if len(changes) in (1, 2) else None

    monkeypatch.setattr(time, "sleep", pause)
    status, out, err = call(capsys, "payments", "a.csv", "--watch")
    assert status == 0
    assert [line for line in out.splitlines() if "records are good" in line] == [
        "payments: 3 of 4 records are good",
        "payments: 4 of 4 records are good",
    ]
    assert err.count("waiting for a change") == 3
    assert "not valid YAML" in err
