"""A user's way through the command line: send, look, query the warehouse and Athena."""

import json
from typing import Any

import pytest

from sluice.cli import main
from sluice.layout import Partition
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
