"""The handlers on the local cloud: real events from S3 through SQS, a real ledger, catalog and Glue."""

import json
from pathlib import Path
from typing import Any

import pytest

from lambda_trigger import handlers
from lambda_trigger.after_load import LoadStoppedError
from sluice.lake.handover import (
    FrozenManifest,
    LoadBatchOutcome,
    LoadCounts,
    LoadInput,
    LoadOutcome,
    RunInput,
    RunOutcome,
)
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord, Slot
from tests.aws.fixtures_ledger import LambdaContext, Trigger, clients, sqs_record, trigger
from tests.doubles.world import AGGREGATE, START, published

__all__ = ["clients", "trigger"]

EVENTS = Path(__file__).parents[1] / "events"
HOUR = "orders/year=2026/month=11/day=20/hour=13"
CONTEXT: Any = LambdaContext()


def deliver(*records: dict[str, Any]) -> list[str]:
    """Invoke on_manifest; the ids of the messages that are to be delivered again."""
    answer = handlers.on_manifest({"Records": list(records)}, CONTEXT)
    assert answer.keys() == {"batchItemFailures"}
    return [str(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]


def job_change(job: str, run_id: str, state: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / "glue_job_state_change.json").read_text())
    event["detail"] |= {"jobName": job, "jobRunId": run_id, "state": state}
    return event


def only(trigger: Trigger) -> BatchRecord:
    (record,) = trigger.ledger.batches()
    return record


def test_a_manifest_becomes_a_run(trigger: Trigger) -> None:
    trigger.send(HOUR, "part 1+2%.json", "ünïcode.json")
    assert deliver(*trigger.receive(1)) == []
    record = only(trigger)
    assert (record.dataset, record.partition, record.state) == ("orders", "2026-11-20T13", BatchState.CONVERTING)

    frozen = FrozenManifest.from_json(trigger.documents.read(record.frozen_manifest))
    base = f"s3://{trigger.settings.raw_bucket}/{HOUR}"
    for file, name in zip(frozen.files, ["part 1+2%.json", "ünïcode.json"], strict=True):
        head = trigger.clients.s3.head_object(Bucket=trigger.settings.raw_bucket, Key=f"{HOUR}/{name}")
        assert (file.url, file.size_bytes) == (f"{base}/{name}", head["ContentLength"])
        assert (file.modified_at, f'"{file.etag}"') == (int(head["LastModified"].timestamp()), head["ETag"])

    found = trigger.catalog.locations(trigger.settings.raw_database, "orders", "year='2026' and hour='13'")
    assert found == {("2026", "11", "20", "13"): f"{base}/"}

    (run,) = trigger.runs(trigger.settings.convert_job)
    assert run["Arguments"] == {
        "--claim_id": record.claim_id,
        "--dataset": "orders",
        "--push_down_predicate": "year='2026' and month='11' and day='20' and hour='13'",
    }
    work = trigger.documents.read(trigger.settings.processed.run_input(record.claim_id))
    assert RunInput.from_json(work) == RunInput(record.claim_id, "orders", {record.batch_id: record.frozen_manifest})
    claim = trigger.ledger.claim(record.claim_id)
    assert claim is not None
    assert (claim.run_id, claim.batch_ids) == (run["Id"], (record.batch_id,))


def test_the_same_message_again_changes_nothing(trigger: Trigger) -> None:
    trigger.send(HOUR, "part-1")
    messages = trigger.receive(1)
    assert deliver(*messages, *[{**message, "messageId": "again"} for message in messages]) == []
    before = only(trigger)
    assert deliver(*messages) == []
    assert only(trigger) == before
    assert len(trigger.runs(trigger.settings.convert_job)) == 1


def test_each_version_of_a_manifest_is_a_batch_of_its_own(trigger: Trigger) -> None:
    trigger.send(HOUR, "old")
    trigger.send(HOUR, "new")
    messages = trigger.receive(2)
    assert deliver(*reversed(messages)) == []
    old, new = sorted(trigger.ledger.batches(), key=lambda record: record.batch_id)
    assert (old.state, new.state) == (BatchState.SUPERSEDED, BatchState.CONVERTING)
    frozen = FrozenManifest.from_json(trigger.documents.read(new.frozen_manifest))
    assert [file.url.rpartition("/")[2] for file in frozen.files] == ["new"]


def test_a_broken_message_fails_alone(trigger: Trigger) -> None:
    trigger.send(HOUR, "part-1")
    test_event, good = trigger.receive(1)
    assert json.loads(test_event["body"])["Event"] == "s3:TestEvent"
    broken = [sqs_record(body, f"broken-{n}") for n, body in enumerate(["{", "[]", '{"Records": [{}]}'])]
    assert deliver(broken[0], test_event, good, *broken[1:]) == ["broken-0", "broken-1", "broken-2"]
    assert trigger.states() == [("2026-11-20T13", "CONVERTING")]


def test_a_whole_batch_of_broken_messages_fails_message_by_message(trigger: Trigger) -> None:
    assert deliver(sqs_record("{", "one"), sqs_record("", "two")) == ["one", "two"]


def test_bad_manifests_are_booked_and_no_error(trigger: Trigger) -> None:
    trigger.put("invoices/manifest.json", b"{}")
    trigger.put(f"{HOUR}/manifest.json", b"{}")
    trigger.put("orders/year=2026/month=02/day=30/hour=13/manifest.json", b"{}")
    assert deliver(*trigger.receive(3)) == []
    found = {record.partition: (record.dataset, str(record.state)) for record in trigger.ledger.batches()}
    assert found == {
        "invoices": ("unknown", "REJECTED"),
        "2026-11-20T13": ("orders", "REJECTED"),
        "orders/year=2026/month=02/day=30/hour=13": ("unknown", "REJECTED"),
    }
    assert trigger.runs(trigger.settings.convert_job) == []


def test_a_service_that_is_out_of_order_fails_the_message(trigger: Trigger) -> None:
    trigger.send(HOUR, "part-1")
    messages = trigger.receive(1)
    trigger.clients.glue.delete_table(DatabaseName=trigger.settings.raw_database, Name="orders")
    assert deliver(*messages) == [messages[1]["messageId"]]
    assert trigger.ledger.batches() == ()


def test_the_end_of_a_run_is_booked_and_the_load_begins(trigger: Trigger) -> None:
    trigger.send(HOUR, "part-1")
    deliver(*trigger.receive(1))
    record = only(trigger)
    frozen = FrozenManifest.from_json(trigger.documents.read(record.frozen_manifest))
    outcome = published("run", frozen)
    url = trigger.settings.processed.run_outcome(record.claim_id)
    trigger.documents.write(url, RunOutcome(record.claim_id, "run", (outcome,)).to_json())
    (run,) = trigger.runs(trigger.settings.convert_job)
    event = job_change(trigger.settings.convert_job, run["Id"], "SUCCEEDED")
    handlers.on_job_change(event, CONTEXT)
    handlers.on_job_change(event, CONTEXT)

    record = only(trigger)
    assert (record.state, record.counts) == (BatchState.LOADING, outcome.table_counts())
    assert trigger.ledger.file_counts(record.batch_id) == outcome.files
    assert trigger.runs(trigger.settings.load_job) == []
    assert trigger.executions() == {record.claim_id: {"claim_id": record.claim_id, "dataset": "orders"}}
    text = trigger.documents.read(trigger.settings.processed.load_input(record.claim_id))
    assert LoadInput.from_json(text).batches == {record.batch_id: outcome.published}
    manifest = json.loads(trigger.documents.read(trigger.settings.processed.load_manifest(record.claim_id, "orders")))
    (file,) = outcome.published["orders"]
    assert manifest == {"entries": [{"url": file.url, "mandatory": True, "meta": {"content_length": 100}}]}


def test_the_steps_of_a_load(trigger: Trigger) -> None:
    record = loading(trigger)
    claim = {"claim_id": record.claim_id, "dataset": "orders"}
    counts = {"orders": LoadCounts(staged=3, inserted=2, updated=1)}
    refresh: dict[str, tuple[str, ...]] = {AGGREGATE: ("2026-11-20",)}
    loaded = LoadOutcome(record.claim_id, (LoadBatchOutcome(record.batch_id, tables=counts),), refresh)
    trigger.documents.write(trigger.settings.processed.load_outcome(record.claim_id), loaded.to_json())
    for _ in range(2):
        booked = handlers.load_step({"step": "book", **claim}, CONTEXT)
        assert (booked["loaded"], booked["archive"], booked["more"], len(booked["refresh"])) == (1, True, False, 1)
        json.dumps(booked)
    assert (only(trigger).state, only(trigger).load_counts) == (BatchState.LOADED, counts)
    assert [load.claim_id for load in trigger.ledger.open_loads("orders")] == [record.claim_id]

    failure = {"state": "Archive", "error": "AwsError", "cause": "AccessDenied", "redrives": 0}
    assert handlers.load_step({"step": "fail", **claim, "failure": failure}, CONTEXT) == {}
    assert only(trigger).reason == "Archive failed: AwsError: AccessDenied"
    with pytest.raises(LoadStoppedError, match=r"^Archive failed: AwsError: AccessDenied$"):
        handlers.load_step({"step": "stop", **claim, "failure": failure, "redrives": 0}, CONTEXT)
    assert handlers.load_step({"step": "stop", **claim, "failure": failure, "redrives": 1}, CONTEXT) == {}

    assert handlers.load_step({"step": "finish", **claim}, CONTEXT) == {}
    assert (only(trigger).reason, trigger.ledger.open_loads("orders")) == ("", ())
    notices = trigger.notices(2)
    assert [subject for subject, _ in notices] == [
        "Sluice: orders 2026-11-20T13 loaded", "Sluice: orders: Archive failed after the load",
    ]  # fmt: skip
    assert notices[0][1]["rows"] == {"orders": {"inserted": 2, "updated": 1}}


def loading(trigger: Trigger) -> BatchRecord:
    """A batch whose conversion has ended and whose load has begun."""
    trigger.send(HOUR, "part-1")
    deliver(*trigger.receive(1))
    record = only(trigger)
    frozen = FrozenManifest.from_json(trigger.documents.read(record.frozen_manifest))
    outcome = RunOutcome(record.claim_id, "run", (published("run", frozen),))
    trigger.documents.write(trigger.settings.processed.run_outcome(record.claim_id), outcome.to_json())
    (run,) = trigger.runs(trigger.settings.convert_job)
    handlers.on_job_change(job_change(trigger.settings.convert_job, run["Id"], "SUCCEEDED"), CONTEXT)
    return only(trigger)


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT"])
def test_a_failed_run_waits_for_a_free_slot_of_glue(trigger: Trigger, state: str) -> None:
    """The job allows one run at a time and the first one is still there, so Glue refuses; the batch waits."""
    trigger.send(HOUR, "part-1")
    deliver(*trigger.receive(1))
    (run,) = trigger.runs(trigger.settings.convert_job)
    handlers.on_job_change(job_change(trigger.settings.convert_job, run["Id"], state), CONTEXT)
    record = only(trigger)
    assert (record.state, record.attempts, record.claim_id) == (BatchState.RECEIVED, 1, "")
    assert record.reason.startswith(f"run {run['Id']} of {trigger.settings.convert_job} ended as {state}: ")
    assert trigger.ledger.slot("orders", Stage.CONVERT) is None
    assert len(trigger.runs(trigger.settings.convert_job)) == 1


def test_an_event_of_another_job_changes_nothing(trigger: Trigger) -> None:
    handlers.on_job_change(job_change("somebody-elses-job", "jr_1", "SUCCEEDED"), CONTEXT)
    assert trigger.ledger.batches() == ()


def test_the_sweep_frees_an_old_slot_and_starts_what_waits(trigger: Trigger) -> None:
    trigger.ledger.take_slot("orders", Stage.CONVERT, Slot("dead", START.replace(year=2020)))
    trigger.send(HOUR, "part-1")
    deliver(*trigger.receive(1))
    assert trigger.states() == [("2026-11-20T13", "RECEIVED")]
    handlers.sweep(json.loads((EVENTS / "eventbridge_schedule.json").read_text()), CONTEXT)
    assert trigger.states() == [("2026-11-20T13", "CONVERTING")]
    assert len(trigger.runs(trigger.settings.convert_job)) == 1
