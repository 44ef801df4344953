"""The demo as a user runs it: its exit status, its report, and nothing left behind."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from sluice.analysis import queries

ROOT = Path(__file__).resolve().parents[2]
TABLES = {"customers", "orders", "order_items", "products", "transactions"}
AGGREGATES = {"daily_orders", "daily_sales_by_category", "daily_sales_by_segment", "top_products"}


def test_the_demo_accounts_for_every_row() -> None:
    with TemporaryDirectory(prefix="sluice-demo-") as folder:
        command = [
            sys.executable,
            "-c",
            "from sluice.cli import main; main()",
            "demo",
            "--rows",
            "60",
            "--folder",
            folder,
        ]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=580)
        assert result.returncode == 0, result.stdout + result.stderr
        report = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
        left = [process.pid for process in psutil.process_iter() if folder in " ".join(_command(process))]

    assert left == []
    assert report["ok"] is True
    assert set(report["tables"]) == TABLES
    for counts in report["tables"].values():
        assert counts["rows_read"] == counts["rejected"] + counts["duplicates"] + counts["published"]
        assert counts["warehouse"] == counts["expected"] > 0
    # Something of everything happened: otherwise the comparison would prove little.
    assert all(report["tables"][table]["rejected"] > 0 for table in TABLES)
    assert all(report["tables"][table]["duplicates"] > 0 for table in TABLES)
    assert set(report["aggregates"]) == AGGREGATES
    assert all(found["ok"] and found["rows"] > 0 for found in report["aggregates"].values())
    assert set(report["readers"]) == TABLES
    for table, counts in report["readers"].items():
        assert counts == dict.fromkeys(("athena", "spectrum", "redshift"), report["tables"][table]["warehouse"])
    assert set(report["analyses"]) == {query.name for query in queries()}
    # All have something to say: empty answers would agree whatever the readers see.
    assert all(found["ok"] and found["rows"] > 0 for found in report["analyses"].values())
    assert report["archived_files"] > 0
    assert report["notifications"]["support"] == 1
    assert 4 <= report["notifications"]["business"] <= 12
    assert "Sluice: orders" in result.stdout
    batches = report["batches"]
    # Orders and customers are archived, as their contracts ask.
    assert sorted(batch["state"] for batch in batches) == ["ARCHIVED"] * 6 + ["LOADED"] * 6 + ["REJECTED"]
    [rejected] = [batch for batch in batches if batch["state"] == "REJECTED"]
    assert "never-written" in rejected["reason"]
    assert set(batches[0]) == {"dataset", "partition", "state", "engine", "reason"}
    # One run is large enough for Spark, and no other.
    by_spark = [(batch["dataset"], batch["partition"]) for batch in batches if batch["engine"] == "spark"]
    assert by_spark == [("products", "2026-11-20T14")]
    assert {batch["engine"] for batch in batches if batch["state"] != "REJECTED"} == {"process", "spark"}


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
