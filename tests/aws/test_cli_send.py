"""`sluice send` and `sluice status` against a real endpoint."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localcloud_tests.aws.cloud import REGION, Aws
from sluice.aws.clients import Clients
from sluice.aws.ledger import Ledger, ledger_table_definition
from sluice.cli import main
from sluice.contract.files import read_contracts
from sluice.lake.layout import Partition
from sluice.lake.manifest import Manifest
from sluice.ledger.batch import BatchId, BatchState
from sluice.ledger.record import BatchRecord
from sluice.simulator import Sender, SimulatorOptions, simulate

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
HOUR = Partition.parse("2026-11-20T13")


def _run(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["--contracts", str(CONTRACTS), *arguments])
    return ended.value.code


@pytest.fixture
def endpoint(aws: Aws, bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The endpoint by its variable, with the new bucket as the raw bucket; no other AWS configuration."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("SLUICE_RAW_BUCKET", bucket)
    monkeypatch.setenv("SLUICE_LEDGER_TABLE", f"ledger-{bucket}")
    monkeypatch.setenv("COLUMNS", "200")
    return aws.endpoint_url


@pytest.mark.usefixtures("endpoint")
def test_send_writes_every_file_its_manifest_names(aws: Aws, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = _run("send", "transactions", "customers", "--start", HOUR.label, "--hours", "2", "--rows", "20")
    assert status == 0
    keys = aws.keys(bucket)
    manifests = [key for key in keys if key.endswith("/manifest.json")]
    assert manifests == [
        "customers/year=2026/month=11/day=20/hour=13/manifest.json",
        "customers/year=2026/month=11/day=20/hour=14/manifest.json",
        "transactions/2026-11-20/13/manifest.json",
        "transactions/2026-11-20/14/manifest.json",
    ]
    listed = {
        entry.url: entry.content_length
        for key in manifests
        for entry in Manifest.parse(aws.body(bucket, key), key).entries
    }
    assert listed == {f"s3://{bucket}/{key}": len(aws.body(bucket, key)) for key in set(keys) - set(manifests)}
    printed = capsys.readouterr().out
    assert [line.split()[:4] for line in printed.splitlines()[1:]] == [
        ["transactions", "2026-11-20T13", "20", "3"],
        ["customers", "2026-11-20T13", "20", "1"],
        ["transactions", "2026-11-20T14", "20", "3"],
        ["customers", "2026-11-20T14", "20", "1"],
    ]


@pytest.mark.usefixtures("endpoint")
def test_sending_again_gives_the_same_objects(aws: Aws, bucket: str) -> None:
    command = ("send", "customers", "--start", HOUR.label, "--rows", "20")
    assert _run(*command) == 0
    before = {key: aws.body(bucket, key) for key in aws.keys(bucket)}
    assert _run(*command) == 0
    assert {key: aws.body(bucket, key) for key in aws.keys(bucket)} == before


@pytest.mark.usefixtures("endpoint")
def test_sending_to_a_bucket_that_is_not_there_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLUICE_RAW_BUCKET", "nobody-made-this")
    assert _run("send", "customers", "--start", HOUR.label, "--rows", "20") == 1
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "send customers 2026-11-20T13 to s3://nobody-made-this/customers/" in message
    assert "NoSuchBucket" in message


def test_a_file_of_many_parts_arrives_whole(aws: Aws, bucket: str) -> None:
    """Above 8 MB boto3 splits the upload; the manifest's length is that of the whole."""
    contract = read_contracts(CONTRACTS)["orders"]
    clients = Clients.of_local_cloud(aws.endpoint_url, REGION)
    sent = Sender(clients.s3, bucket).send(simulate(contract, HOUR, SimulatorOptions(HOUR, rows=22_000)))
    assert sent.size_bytes > 8 * 2**20
    (key,) = (key for key in aws.keys(bucket) if key.endswith(".json") and "manifest" not in key)
    body = aws.body(bucket, key)
    assert (len(body), body.count(b"\n")) == (sent.size_bytes, 21_999)


def _book(aws: Aws, bucket: str) -> tuple[BatchRecord, BatchRecord]:
    clients = Clients.of_local_cloud(aws.endpoint_url, REGION)
    clients.dynamodb.create_table(**ledger_table_definition(f"ledger-{bucket}"))
    ledger = Ledger(clients.dynamodb, f"ledger-{bucket}")
    records = []
    for minute, (hour, state, reason) in enumerate(
        [(HOUR, BatchState.RECEIVED, ""), (HOUR.next(), BatchState.REJECTED, "manifest [x]: 'entries' is empty")]
    ):
        at = datetime(2026, 11, 20, 15, minute, tzinfo=UTC)
        batch_id = BatchId.make("orders", hour, "1")
        record = BatchRecord.first(batch_id, hour.label, state, manifest_url="s3://m", at=at, reason=reason)
        assert ledger.create(record)
        records.append(record)
    return records[0], records[1]


@pytest.mark.usefixtures("endpoint")
def test_status_shows_sums_then_what_moves_then_what_failed(
    aws: Aws, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _book(aws, bucket)
    assert _run("status") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 batches: 1 RECEIVED, 1 REJECTED"
    assert lines[1].split() == ["received", "dataset", "partition", "state", "reason"]
    assert lines[2].split() == ["2026-11-20T15:00:00", "orders", "2026-11-20T13", "RECEIVED"]
    assert lines[3].split() == [
        "2026-11-20T15:01:00", "orders", "2026-11-20T14", "REJECTED", "manifest", "[x]:", "'entries'", "is", "empty",
    ]  # fmt: skip


@pytest.mark.usefixtures("endpoint")
def test_status_for_machines_and_with_filters(aws: Aws, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    waiting, rejected = _book(aws, bucket)
    assert _run("status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(item["batch_id"], item["state"], item["reason"]) for item in found] == [
        (rejected.batch_id, "REJECTED", "manifest [x]: 'entries' is empty"),
        (waiting.batch_id, "RECEIVED", ""),
    ]
    assert found[1]["counts"] == {}
    for filters in (("--state", "received"), ("--limit", "2", "--dataset", "orders", "--state", "RECEIVED")):
        assert _run("status", "--json", *filters) == 0
        assert [item["batch_id"] for item in json.loads(capsys.readouterr().out)] == [waiting.batch_id]
    assert _run("status", "--dataset", "letters") == 0
    assert capsys.readouterr().out == "no batch fits these filters\n"


@pytest.mark.usefixtures("endpoint")
def test_status_without_a_ledger_is_an_error_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("status") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sluice: ")
    assert "ResourceNotFoundException" in captured.err
