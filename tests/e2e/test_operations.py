"""An operator's day: look at a run, at what was quarantined and loaded, retry, resubmit, replay; and all is well."""

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import main
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from sluice.simulator import Sender, SimulatorOptions, simulate
from tests.e2e.stack import PATIENCE_SECONDS, ROOT, Stack

DATASET = "customers"
GOOD = Partition.parse("2027-04-01T05")
BAD = GOOD.next()
CORRECTED = BAD.next()
"""The hour whose records are sent as the corrected ones of the bad hour."""


class Operator:
    """Calls the command line against a stack."""

    def __init__(self, stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
        self._stack = stack
        self._capsys = capsys

    def call(self, *arguments: str, status: int = 0) -> str:
        """What a command prints; on standard error when it fails."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--contracts", str(self._stack.folder / "contracts"), *arguments])
        captured = self._capsys.readouterr()
        assert ended.value.code == status, captured.out + captured.err
        return captured.err if status else captured.out

    def json(self, *arguments: str) -> Any:
        """What a command prints for machines."""
        return json.loads(self.call(*arguments, "--json"))

    def newest(self, partition: Partition, is_there: Callable[[BatchRecord], bool]) -> BatchRecord:
        """The newest batch of a partition, when it has come as far as asked for."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self._stack.ledger.versions(f"{DATASET}.{partition.compact}.0")
            if found and is_there(found[0]):
                return found[0]
            assert time.monotonic() < deadline, [(batch.batch_id, batch.state, batch.reason) for batch in found]
            time.sleep(0.3)


@pytest.fixture
def operator(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    """Somebody at a terminal that knows the stack's endpoint and settings."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.cloud.endpoint_url)
    for name, value in stack.settings.to_environment().items():
        monkeypatch.setenv(name, value)
    return Operator(stack, capsys)


def _is(*states: BatchState) -> Callable[[BatchRecord], bool]:
    return lambda batch: batch.state in states


def _is_after(earlier: BatchRecord, state: BatchState) -> Callable[[BatchRecord], bool]:
    return lambda batch: batch.batch_id > earlier.batch_id and batch.state is state


def _send(stack: Stack, partition: Partition, bad_share: float) -> None:
    options = SimulatorOptions(partition, rows=60, bad_share=bad_share, update_share=0)
    Sender(stack.clients.s3, stack.settings.raw_bucket).send(simulate(stack.contracts[DATASET], partition, options))


def _corrected(stack: Stack) -> bytes:
    """A file of good records, in the dataset's own format."""
    options = SimulatorOptions(CORRECTED, rows=400, bad_share=0, duplicate_share=0, update_share=0)
    buffer = io.BytesIO()
    simulate(stack.contracts[DATASET], CORRECTED, options).write(0, buffer, lambda _: None)
    return buffer.getvalue()


def test_an_operators_day(stack: Stack, operator: Operator, tmp_path: Path) -> None:
    _send(stack, GOOD, 0.1)
    _send(stack, BAD, 0.9)
    bad = operator.newest(BAD, _is(BatchState.FAILED))
    good = operator.newest(GOOD, _is(BatchState.ARCHIVED))

    _look(stack, operator, good, tmp_path)

    # What failed is tried again, and fails again as nothing was fixed.
    assert operator.json("status", bad.batch_id)["next"]["command"] == (
        f"sluice quarantine {DATASET} --partition {BAD.label}"
    )
    tried = operator.call("retry", f"{DATASET}.{BAD.compact}")
    assert tried == f"batch {bad.batch_id} is RECEIVED again and waits for the next convert run\n"
    again = operator.newest(BAD, lambda batch: batch.state is BatchState.FAILED and len(batch.history) > 3)
    assert [step.state for step in again.history] == [
        BatchState.RECEIVED,
        BatchState.CONVERTING,
        BatchState.FAILED,
        BatchState.RECEIVED,
        BatchState.CONVERTING,
        BatchState.FAILED,
    ]

    # Corrected records make a new batch of the same partition; the good hour is replayed from its archive.
    path = tmp_path / "corrected.csv.gz"
    path.write_bytes(_corrected(stack))
    operator.call("quarantine", DATASET, "--partition", BAD.label, "--resubmit", str(path))
    operator.call("replay", DATASET, GOOD.label)
    fixed = operator.newest(BAD, _is_after(bad, BatchState.ARCHIVED))
    replayed = operator.newest(GOOD, _is_after(good, BatchState.ARCHIVED))
    assert fixed.files == bad.files + 1
    assert (fixed.counts[DATASET].read, fixed.counts[DATASET].rejected) == (460, 54)
    assert replayed.counts == good.counts
    # The replayed rows are those that were there: every one takes the place of its older self.
    [load] = operator.json("loads", "--batch", replayed.batch_id)
    assert (load["rows_staged"], load["rows_inserted"], load["rows_updated"]) == (
        good.counts[DATASET].published,
        0,
        good.counts[DATASET].published,
    )

    _is_well(operator)


def _look(stack: Stack, operator: Operator, batch: BatchRecord, folder: Path) -> None:
    counts = batch.counts[DATASET]
    text = operator.call("status", batch.batch_id)
    for line in ("history", "rows by table", "loaded by table", "quarantined, by reason", "files"):
        assert f"\n{line}" in text
    assert "next: nothing to do: its rows are in the warehouse" in text
    found = operator.json("status", batch.batch_id)
    assert (found["batch_id"], found["state"], found["counts"][DATASET]["published"]) == (
        batch.batch_id,
        "ARCHIVED",
        counts.published,
    )
    assert [file["records"] for file in found["files"]] == [60]

    [load] = operator.json("loads", "--dataset", DATASET, "--batch", batch.batch_id)
    assert (load["table_name"], load["partition_label"], load["rows_staged"], load["rows_inserted"]) == (
        DATASET,
        GOOD.label,
        counts.published,
        counts.published,
    )
    assert operator.json("loads", "--dataset", DATASET, "--since", "0m") == []

    listed = operator.json("quarantine", DATASET, "--partition", GOOD.label, "--samples", "2")
    assert {item["reason"]: item["records"] for item in listed["reasons"]} == batch.reasons
    assert [record["batch_id"] for record in listed["records"]] == [batch.batch_id] * 2
    export = folder / "bad.jsonl"
    operator.call("quarantine", DATASET, "--since", GOOD.label, "--until", GOOD.label, "--export", str(export))
    exported = [json.loads(line) for line in export.read_text(encoding="utf-8").splitlines()]
    assert len(exported) == counts.rejected
    assert sorted({reason for record in exported for reason in record["reasons"]}) == sorted(batch.reasons)

    refused = operator.call("retry", batch.batch_id, status=1)
    assert "nothing has failed" in refused
    stack.clients.lambda_.invoke(FunctionName="sluice-sweep", InvocationType="RequestResponse", Payload=b"{}")


def _is_well(operator: Operator) -> None:
    findings = operator.json("doctor")
    errors = [finding for finding in findings if finding["severity"] == "error"]
    # Batches of other tests' datasets may have failed for good.
    assert [one for one in errors if one["area"] != "batches" or one["what"].startswith(f"{DATASET}.")] == []
    told = {finding["what"] for finding in findings}
    assert "customers: no key is null, and none is doubled" in told
    assert any(what.startswith("customers was last loaded ") for what in told)
    assert any(what.startswith("the last sweep was ") for what in told)
    # Nobody is subscribed, the first batch of the bad hour stays failed, and much of that hour is in quarantine.
    warnings = {finding["area"] for finding in findings if finding["severity"] == "warning"}
    assert warnings <= {"topics", "batches", "quarantine", "raw files"}
