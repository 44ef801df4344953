"""A user's way through the command line: send, look, query the warehouse and Athena."""

import json
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import main
from sluice.lake.layout import Partition
from sluice.simulator import SimulatorOptions, Truth, simulate
from tests.e2e.stack import ROOT, Stack

HOUR = Partition.parse("2027-03-01T05")


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    assert ended.value.code == 0, captured.err
    return json.loads(captured.out)


def _truth(stack: Stack) -> Truth:
    contract = stack.contracts["products"]
    truth = Truth({"products": contract})
    batch = truth.begin("products", HOUR)
    for record in simulate(contract, HOUR, SimulatorOptions(HOUR, rows=80, bad_share=0.1)).records(0):
        batch.add(record, "f")
    return truth


def test_what_is_sent_can_be_seen_and_queried(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.cloud.endpoint_url)
    monkeypatch.chdir(ROOT)
    command = ("send", "products", "--start", HOUR.label, "--rows", "80", "--bad-share", "0.1")
    with pytest.raises(SystemExit) as ended:
        main(list(command))
    assert ended.value.code == 0
    stack.settled("products", 1)
    truth = _truth(stack)
    counts = truth.counts("products")

    (batch,) = (b for b in _json(capsys, "status", "--dataset", "products", "--json") if b["partition"] == HOUR.label)
    assert (batch["state"], batch["reason"]) == ("LOADED", "")
    assert batch["counts"]["products"] == {
        "read": counts.read,
        "rejected": counts.rejected,
        "duplicates": counts.duplicates,
        "published": counts.published,
    }
    source = "like '%products/year=2027/month=03/day=01/hour=05/%'"
    sql = f"select product_id, product_name, stock_quantity from products where _source_file {source} order by 1"
    expected = [
        {name: version.row[name] for name in ("product_id", "product_name", "stock_quantity")}
        for _, version in sorted(truth.rows("products").items())
    ]
    assert _json(capsys, "query", "redshift", sql, "--json") == expected

    published = "select count(*) as n from products where year = '2027' and month = '03'"
    assert _json(capsys, "query", "athena", published, "--json") == [{"n": str(counts.published)}]
    quarantined = "select count(*) as n from products_quarantine where year = '2027' and month = '03'"
    assert _json(capsys, "query", "athena", quarantined, "--json") == [{"n": str(counts.rejected)}]


def test_own_files_are_put_and_files_that_lie_there_are_announced(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.cloud.endpoint_url)
    monkeypatch.chdir(ROOT)
    put, announced = HOUR.next(), HOUR.next().next()
    sent = simulate(stack.contracts["products"], put, SimulatorOptions(put, rows=20, bad_share=0, duplicate_share=0))
    path = tmp_path / sent.file_names[0]
    with path.open("wb") as stream:
        sent.write(0, stream)

    batch = _json(capsys, "put", "products", str(path), "--at", put.label, "--json")
    assert (batch["partition"], batch["state"], batch["counts"]["products"]["published"]) == (put.label, "LOADED", 20)
    with pytest.raises(SystemExit) as ended:
        main(["put", "products", str(path), "--at", put.label])
    assert (ended.value.code, "has a batch already" in capsys.readouterr().err) == (1, True)

    before = len(stack.ledger.batches("products"))
    stack.put_files("products", announced, {path.name: path.read_bytes()})
    for left in (0, 1):  # the second call finds nothing left to announce
        with pytest.raises(SystemExit) as ended:
            main(["announce", "products", announced.label])
        assert ended.value.code == 0
        assert ("no folder there has files and no manifest" in capsys.readouterr().err) is bool(left)
    newest = [batch for batch in stack.settled("products", before + 1) if batch.partition == announced.label]
    assert [(str(batch.state), batch.counts["products"].published) for batch in newest] == [("LOADED", 20)]


def test_a_statement_that_fails_is_an_error_in_words(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.cloud.endpoint_url)
    for engine in ("redshift", "athena"):
        with pytest.raises(SystemExit) as ended:
            main(["query", engine, "select nothing from nowhere"])
        captured = capsys.readouterr()
        assert (ended.value.code, captured.out) == (1, "")
        assert "nowhere" in captured.err
        assert "Traceback" not in captured.err
