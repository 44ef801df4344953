"""What people are told, word by word."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_trigger import notices
from lambda_trigger.notices import Audience, Notice, StepFailure
from sluice.drift import Difference, Kind, Layer
from sluice.lake.handover import LoadCounts, TableCounts
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import UNKNOWN_DATASET, BatchRecord
from sluice.settings import Settings
from tests.doubles.world import World
from tests.ledger_behaviour import AT, HOUR, record

FOLDER = "orders/year=2026/month=11/day=20/hour=13"


def body(notice: Notice) -> dict[str, object]:
    facts: dict[str, object] = json.loads(notice.body)
    return facts


def failed(batch: BatchRecord, stage: Stage, reason: str) -> BatchRecord:
    return replace(batch, state=BatchState.FAILED, stage=stage, reason=reason, attempts=3, run_id="jr_9")


def test_a_failed_batch() -> None:
    batch = failed(record(), Stage.LOAD, "WarehouseError: no such column")
    notice = notices.failed(batch)
    assert (notice.audience, notice.subject) == (Audience.SUPPORT, "Sluice: orders 2026-11-20T13: load failed")
    assert body(notice) == {
        "event": "failed",
        "dataset": "orders",
        "partition": "2026-11-20T13",
        "batch": batch.batch_id,
        "stage": "load",
        "attempts": 3,
        "run": "jr_9",
        "why": "WarehouseError: no such column",
        "at": "2026-11-20T14:00:00.000000+00:00",
        "retry": f"sluice retry {batch.batch_id}",
    }
    assert notices.failed(replace(batch, stage=Stage.CONVERT)).subject == (
        "Sluice: orders 2026-11-20T13: conversion failed"
    )


def test_a_rejected_manifest() -> None:
    batch = replace(record(state=BatchState.REJECTED), reason="ManifestError: not valid JSON")
    notice = notices.rejected(batch)
    assert (notice.audience, notice.subject) == (Audience.SUPPORT, "Sluice: orders 2026-11-20T13 rejected")
    assert body(notice) == {
        "event": "rejected",
        "dataset": "orders",
        "partition": "2026-11-20T13",
        "batch": batch.batch_id,
        "manifest": "s3://sluice-raw/orders/manifest.json",
        "why": "ManifestError: not valid JSON",
        "at": "2026-11-20T14:00:00.000000+00:00",
        "retry": "sluice replay orders 2026-11-20T13",
    }
    unknown = notices.rejected(replace(batch, dataset=UNKNOWN_DATASET))
    assert body(unknown)["retry"] == "send the files to the folder of a known dataset, with a manifest"


def test_a_load() -> None:
    first = replace(
        record("1"),
        counts={"orders": TableCounts(5, 1, 0, 4), "order_items": TableCounts(9, 2, 0, 7)},
        load_counts={"orders": LoadCounts(4, 3, 1, 0), "order_items": LoadCounts(7, 7, 0, 0)},
        absent={"orders.note": 2},
    )
    second = replace(
        record("2", partition=HOUR.next()),
        load_counts={"orders": LoadCounts(4, 1, 2, 1)},
        absent={"orders.note": 1, "orders.gift": 1},
    )
    notice = notices.loaded("orders", [second, first], AT + timedelta(seconds=61.5))
    assert (notice.audience, notice.subject) == (Audience.BUSINESS, "Sluice: orders 2 partitions loaded")
    assert body(notice) == {
        "event": "loaded",
        "dataset": "orders",
        "partitions": ["2026-11-20T13", "2026-11-20T14"],
        "partition_count": 2,
        "rows": {"orders": {"inserted": 4, "updated": 3}, "order_items": {"inserted": 7, "updated": 0}},
        "quarantined": 3,
        "files_without": {"orders.gift": 1, "orders.note": 3},
        "seconds": 61.5,
    }
    assert notices.loaded("orders", [first], AT).subject == "Sluice: orders 2026-11-20T13 loaded"


def test_an_arrival() -> None:
    notice = notices.arrived(record())
    assert (notice.audience, notice.subject) == (Audience.BUSINESS, "Sluice: orders 2026-11-20T13 arrived")
    assert body(notice) == {
        "event": "arrived",
        "dataset": "orders",
        "partition": "2026-11-20T13",
        "batch": record().batch_id,
        "manifest": "s3://sluice-raw/orders/manifest.json",
        "files": 1,
        "bytes": 3,
    }


def test_a_stopped_load_lists_no_more_than_a_message_holds() -> None:
    hour, batches = HOUR, []
    for _ in range(300):
        batches.append(record(partition=hour))
        hour = hour.next()
    failure = StepFailure("Archive", "AwsError", "x" * 100_000)
    notice = notices.stopped("orders", "c1", batches, failure, is_given_up=True)
    facts = body(notice)
    assert notice.subject == "Sluice: orders: Archive failed after the load"
    assert (len(str(facts["why"])), facts["batch_count"], facts["is_tried_again"]) == (8000, 300, False)
    assert facts["batches"] == [batch.batch_id for batch in batches[:100]]
    assert facts["retry"] == f"sluice retry {batches[0].batch_id}"
    # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    assert len(notice.body.encode()) < 256 * 1024


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_subject_is_one_that_sns_takes(partition: str, reason: str) -> None:
    batch = replace(record(), partition=partition, reason=reason)
    for notice in (notices.failed(failed(batch, Stage.LOAD, reason)), notices.rejected(batch), notices.arrived(batch)):
        assert 1 <= len(notice.subject) <= 100
        assert notice.subject.isascii()
        assert notice.subject.isprintable()
        assert body(notice)["partition"] == partition


# Who is told what, and when


def subjects(world: World) -> list[tuple[str, str]]:
    return [(topic, subject) for topic, subject, _ in world.topics.published]


def test_arrivals_are_announced_if_the_settings_want_it() -> None:
    quiet, loud = World(), World(Settings(announce_arrivals=True))
    for world in (quiet, loud):
        world.deliver(world.send(FOLDER))
    assert subjects(quiet) == []
    assert subjects(loud) == [("sluice-business", "Sluice: orders 2026-11-20T13 arrived")]


def test_a_rejection_is_told_to_support() -> None:
    world = World()
    world.deliver(world.send(FOLDER, manifest=b"{"))
    assert subjects(world) == [("sluice-support", "Sluice: orders 2026-11-20T13 rejected")]


@pytest.mark.parametrize("error", ["AwsDeniedError: AccessDenied", "InputChangedError: part-1 has changed"])
def test_only_the_last_failure_is_told(error: str) -> None:
    world = World(Settings(retry_delay_seconds=0))
    world.deliver(world.send(FOLDER))
    (batch_id,) = world.ledger.records
    runs = 0
    while world.glue.running:
        assert subjects(world) == []
        runs += 1
        (run,) = world.glue.running
        world.succeed(run.run_id, {batch_id: (error, False)})
        world.notify(run.run_id)
    assert runs == (3 if error.startswith("AwsDenied") else 1)
    assert subjects(world) == [("sluice-support", "Sluice: orders 2026-11-20T13: conversion failed")]
    assert world.metrics.total("orders", "ProcessingErrors") == runs


def test_drift() -> None:
    breaking = Difference(
        Layer.FILES, "orders", "price", "decimal(8,2)", "decimal(9,2)", Kind.BREAKING, "replay it", ("2026-11-20T13",)
    )
    made = Difference(Layer.CATALOG, "orders", "color", "", "varchar(8)", Kind.COMPATIBLE, "added").settled()
    note = Difference(Layer.SOURCE, "orders", "tip", "date", "", Kind.NOTE, "ignored")
    notice = notices.drifted("orders", "processed", (breaking, made, note))
    assert (notice.audience, notice.subject) == (
        Audience.SUPPORT, "Sluice: orders: 1 breaking difference in processed",
    )  # fmt: skip
    assert body(notice) == {
        "event": "drift",
        "dataset": "orders",
        "zone": "processed",
        "breaking": [
            {
                "layer": "files",
                "table": "orders",
                "column": "price",
                "have": "decimal(8,2)",
                "want": "decimal(9,2)",
                "fix": "replay it",
                "partitions": ["2026-11-20T13"],
                "partition_count": 1,
            }
        ],
        "breaking_count": 1,
        "changed": [
            {
                "layer": "catalog",
                "table": "orders",
                "column": "color",
                "have": "",
                "want": "varchar(8)",
                "fix": "added",
            }
        ],
        "changed_count": 1,
        "notes": [
            {"layer": "source", "table": "orders", "column": "tip", "have": "date", "want": "", "fix": "ignored"}
        ],
        "note_count": 1,
        "look": "sluice drift orders",
    }
    others = ((breaking, breaking), (made, note), (note,))
    assert [notices.drifted("orders", "raw", found).subject for found in others] == [
        "Sluice: orders: 2 breaking differences in raw",
        "Sluice: orders: raw follows its contract",
        "Sluice: orders: raw has news of its schema",
    ]


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f600", '"'])
def test_any_drift_fits_into_a_message_of_sns(letter: str) -> None:
    partitions = tuple(f"2026-11-20T{hour:02}" for hour in range(24)) * 9
    text = letter * 9999
    many = [
        Difference(Layer.FILES, "t" * 127, text, text, text, kind, text, partitions, is_applied)
        for kind, is_applied in ((Kind.BREAKING, False), (Kind.NOTE, False), (Kind.COMPATIBLE, True))
        for _ in range(999)
    ]
    notice = notices.drifted("orders", "processed", many)
    assert body(notice)["breaking_count"] == 999
    assert len(notice.body.encode()) < 256 * 1024
