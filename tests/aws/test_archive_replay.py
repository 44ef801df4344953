"""Archive, replay and archive again on the local cloud: real versions, events and catalog."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lambda_trigger import handlers
from sluice.cli import main
from sluice.lake.handover import FrozenManifest
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord, Claim
from tests.aws.fixtures_ledger import LambdaContext, Trigger, clients, trigger
from tests.doubles.world import START

__all__ = ["clients", "trigger"]

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
FOLDER = "orders/year=2026/month=11/day=20/hour=13"
VALUES = ("2026", "11", "20", "13")


@dataclass(frozen=True)
class TimedContext(LambdaContext):
    """What Lambda hands to a handler, with its clock."""

    milliseconds: int = 900_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


CONTEXT: Any = TimedContext()


def newest(trigger: Trigger) -> BatchRecord:
    return max(trigger.ledger.batches(), key=lambda record: record.batch_id)


def load(trigger: Trigger) -> str:
    """What a conversion and a load leave in the ledger; returns the claim of the load."""
    record = newest(trigger)
    claim = Claim(f"load-{record.batch_id[-6:]}", "orders", Stage.LOAD, (record.batch_id,), START)
    trigger.ledger.write_claim(claim)
    assert record.state is BatchState.CONVERTING
    for state in (BatchState.CONVERTED, BatchState.LOADING, BatchState.LOADED):
        moved = record.moved(state, START)
        trigger.ledger.save(record, moved)
        record = moved
    trigger.ledger.release_slot("orders", Stage.CONVERT, record.claim_id)
    return claim.claim_id


def archive(trigger: Trigger, claim: str, context: Any = CONTEXT) -> dict[str, bool]:
    return handlers.archive({"claim_id": claim, "dataset": "orders"}, context)


def raw(trigger: Trigger) -> dict[str, bytes]:
    """Current objects of the raw bucket."""
    s3, bucket = trigger.clients.s3, trigger.settings.raw_bucket
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def location(trigger: Trigger) -> str:
    return trigger.catalog.locations(trigger.settings.raw_database, "orders", "")[VALUES]


def stop_runs(trigger: Trigger) -> None:
    """End the conversion that dispatch has started; the job can run once at a time."""
    job = trigger.settings.convert_job
    trigger.clients.glue.batch_stop_job_run(JobName=job, JobRunIds=[run["Id"] for run in trigger.runs(job)])


def test_an_hour_is_archived_replayed_and_archived_again(
    trigger: Trigger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = f"s3://{trigger.settings.raw_bucket}"
    trigger.send(FOLDER, "part 1+2%.json", "ünïcode.json")
    handlers.on_manifest({"Records": trigger.receive(1)}, CONTEXT)
    before = raw(trigger)
    claim = load(trigger)
    late: Any = TimedContext(milliseconds=1000)
    assert archive(trigger, claim, late) == {"done": False}
    assert raw(trigger) == before
    assert archive(trigger, claim) == {"done": True}
    assert archive(trigger, claim) == {"done": True}
    assert raw(trigger) == {f"archive/{key}": body for key, body in before.items()}
    assert location(trigger) == f"{base}/archive/{FOLDER}/"
    assert trigger.states() == [("2026-11-20T13", "ARCHIVED")]
    stop_runs(trigger)

    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main(["--contracts", str(CONTRACTS), "replay", "orders", "2026-11-20", "--json"])
    assert ended.value.code == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == [
        {
            "dataset": "orders",
            "partition": "2026-11-20T13",
            "batch_id": newest(trigger).batch_id,
            "manifest_url": f"{base}/{FOLDER}/manifest.json",
            "files": 2,
            "archived": 2,
        }
    ]
    assert "watch them: sluice status --dataset orders --watch" in printed.err
    # Two messages: the manifest in the archive was announced too, and means nothing.
    handlers.on_manifest({"Records": trigger.receive(1)}, CONTEXT)
    assert trigger.states() == [("2026-11-20T13", "ARCHIVED"), ("2026-11-20T13", "CONVERTING")]
    frozen = FrozenManifest.from_json(trigger.documents.read(newest(trigger).frozen_manifest))
    assert sorted(file.url for file in frozen.files) == [
        f"{base}/archive/{FOLDER}/part 1+2%.json",
        f"{base}/archive/{FOLDER}/ünïcode.json",
    ]
    assert location(trigger) == f"{base}/archive/{FOLDER}/"
    assert archive(trigger, load(trigger)) == {"done": True}
    files = {f"archive/{key}": body for key, body in before.items() if not key.endswith("manifest.json")}
    after = raw(trigger)
    manifest = json.loads(after.pop(f"archive/{FOLDER}/manifest.json"))
    assert after == files
    assert sorted(entry["url"] for entry in manifest["entries"]) == [f"{base}/{key}" for key in sorted(files)]
    assert trigger.states() == [("2026-11-20T13", "ARCHIVED"), ("2026-11-20T13", "ARCHIVED")]


def test_a_dry_replay_writes_nothing(
    trigger: Trigger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # a narrow terminal folds what is compared
    trigger.send(FOLDER, "part-1")
    handlers.on_manifest({"Records": trigger.receive(1)}, CONTEXT)
    load(trigger)
    objects = trigger.clients.s3.list_object_versions(Bucket=trigger.settings.raw_bucket)["Versions"]
    with pytest.raises(SystemExit) as ended:
        main(["--contracts", str(CONTRACTS), "replay", "orders", "2026-11-20T13", "--dry-run"])
    assert ended.value.code == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split() == ["orders", "2026-11-20T13", "1", "0", newest(trigger).batch_id]
    assert "nothing was written" in printed.err
    assert trigger.clients.s3.list_object_versions(Bucket=trigger.settings.raw_bucket)["Versions"] == objects
