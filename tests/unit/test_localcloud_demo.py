"""The demo's comparison and report: each kind of difference is found, and the report says so."""

import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.compare import Difference, compare_batches, compare_rows
from lambda_trigger.manifests import manifest_events
from sluice.analysis import Reader
from sluice.contract.files import read_contracts
from sluice.lake.handover import TableCounts
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId, BatchState
from sluice.ledger.record import BatchRecord
from sluice.simulator import DATASETS, SimulatorOptions, Truth, simulate
from sluice_laptop.demo.after import (
    AggregateResult,
    compare_aggregate,
    compare_archive,
    compare_engines,
    compare_notifications,
)
from sluice_laptop.demo.inbox import Message
from sluice_laptop.demo.readers import compare_answers, compare_counts
from sluice_laptop.demo.report import AnalysisResult, Report
from sluice_laptop.demo.scenario import LARGE, START, large_hour, s3_event, work_of

CONTRACT = read_contracts(Path(__file__).resolve().parents[2] / "contracts")["transactions"]
TABLE = CONTRACT.tables[0]
HOUR = Partition.parse("2026-11-20T13")
NOTHING_AFTER: dict[str, object] = {
    "faults": [],
    "error": "",
    "differences": [],
    "aggregates": {},
    "readers": {},
    "analyses": {},
    "archived_files": 0,
    "notifications": {"business": 0, "support": 0},
}


def _truth() -> Truth:
    truth = Truth({"transactions": CONTRACT})
    batch = truth.begin("transactions", HOUR)
    partition = simulate(CONTRACT, HOUR, SimulatorOptions(HOUR, rows=40, files=1, bad_share=0.1))
    for record in partition.records(0):
        batch.add(record, "s3://raw/f")
    return truth


TRUTH = _truth()
EXPECTED = TRUTH.rows("transactions")


def _rows() -> list[dict[str, Any]]:
    batch_id = str(BatchId.make("transactions", HOUR, "1"))
    return [{**version.row, "_batch_id": batch_id, "_source_file": "s3://raw/f"} for version in EXPECTED.values()]


def _batch(**changes: Any) -> BatchRecord:
    record = BatchRecord(
        str(BatchId.make("transactions", HOUR, "1")), "transactions", HOUR.label, BatchState.LOADED, "s3://raw/m",
        "2026-11-20T14:00:00.000000Z", "2026-11-20T14:00:00.000000Z", counts=TRUTH.batches()[0].counts(),
    )  # fmt: skip
    return replace(record, **changes)


def test_equal_rows_have_no_difference() -> None:
    assert list(compare_rows(TABLE, EXPECTED, reversed(_rows()))) == []


@pytest.mark.parametrize("column", [*TABLE.column_names[1:], "_source_file"])
def test_a_changed_value_of_any_column_is_found(column: str) -> None:
    rows = _rows()
    key, old = str(rows[3]["transaction_id"]), rows[3][column]
    rows[3][column] = "other"
    assert list(compare_rows(TABLE, EXPECTED, rows)) == [Difference("transactions", key, column, old, "other")]


def test_a_value_of_another_type_is_a_difference() -> None:
    rows = _rows()
    rows[0]["quantity"] = str(rows[0]["quantity"])
    assert [difference.what for difference in compare_rows(TABLE, EXPECTED, rows)] == ["quantity"]


def test_a_row_of_another_batch_is_a_difference() -> None:
    rows = _rows()
    rows[0]["_batch_id"] = str(BatchId.make("transactions", HOUR.next(), "1"))
    assert [(found.what, found.got) for found in compare_rows(TABLE, EXPECTED, rows)] == [("_batch_id", "2026112014")]


def test_missing_surplus_and_double_rows_are_found() -> None:
    first, second, *rest = _rows()
    stranger = {**first, "transaction_id": 1}
    found = list(compare_rows(TABLE, EXPECTED, [second, second, stranger, *rest]))
    keys = [str(second["transaction_id"]), "1", str(first["transaction_id"])]
    assert [(difference.key, difference.what) for difference in found] == [(key, "row") for key in keys]
    assert [found[0].got, found[1].expected, found[2].got] == ["more than once", "none", "none"]


def test_batches_as_they_must_be_have_no_difference() -> None:
    broken = _batch(partition=HOUR.next().label, state=BatchState.REJECTED, counts={})
    assert list(compare_batches(TRUTH, [("transactions", HOUR.next())], [_batch(), broken])) == []
    assert list(compare_batches(TRUTH, [], [_batch(state=BatchState.ARCHIVED)])) == []


@pytest.mark.parametrize(
    ("batches", "what"),
    [
        ([], "batches"),
        ([_batch(), _batch()], "batches"),
        ([_batch(), _batch(dataset="letters")], "batches"),
        ([_batch(state=BatchState.FAILED, reason="lost")], "state"),
        ([_batch(state=BatchState.REJECTED)], "state"),
        ([_batch(counts={})], "counts of transactions"),
        ([_batch(counts={"transactions": TableCounts(40, 3, 2, 35)})], "counts of transactions"),
    ],
)
def test_a_batch_that_is_not_as_it_must_be_is_found(batches: list[BatchRecord], what: str) -> None:
    assert [difference.what for difference in compare_batches(TRUTH, [], batches)] == [what]


def _written(report: Report, folder: Path) -> Any:
    report.write(folder / "new" / "report.json")
    return json.loads((folder / "new" / "report.json").read_text(encoding="utf-8"))


def test_the_report_for_machines(tmp_path: Path) -> None:
    counts = TableCounts(40, 4, 1, 35)
    report = Report(12.345, {"transactions": (counts, 35, 35)}, batches=[_batch()], is_complete=True)
    assert _written(report, tmp_path) == {
        "ok": True,
        "seconds": 12.3,
        "tables": {
            "transactions": {
                "rows_read": 40, "rejected": 4, "duplicates": 1, "published": 35, "warehouse": 35, "expected": 35,
            }
        },
        "batches": [
            {"dataset": "transactions", "partition": "2026-11-20T13", "state": "LOADED", "engine": "", "reason": ""}
        ],
        **NOTHING_AFTER,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("report", "says"),
    [
        (Report(), {}),
        (Report(is_complete=True, error="stopped"), {"error": "stopped"}),
        (
            Report(is_complete=True, differences=[Difference("orders", "1", "tax", 1, 2)]),
            {"differences": ["orders 1 tax: 1, 2"]},
        ),
    ],
)
def test_a_report_of_anything_but_success_is_not_ok(report: Report, says: dict[str, Any], tmp_path: Path) -> None:
    whole = {"ok": False, "seconds": 0.0, "tables": {}, "batches": [], **NOTHING_AFTER, **says}
    assert _written(report, tmp_path) == whole


def test_the_report_for_people_names_differences_and_reasons() -> None:
    stream = io.StringIO()
    report = Report(
        tables={"orders": (TableCounts(1234, 4, 1, 1229), 1229, 1229)},
        batches=[_batch(reasons={"orders.tax: below the [minimum]": 4})],
        differences=[Difference("orders", "ORD-1", "tax", None, 2)] * 25,
        is_complete=True,
    )
    report.show(Console(file=stream, width=120))
    text = stream.getvalue()
    assert "1,234" in text
    assert "orders.tax: below the [minimum]" in text
    assert text.count("orders [ORD-1] tax: expected None, got 2") == 20
    assert "... and 5 more differences" in text
    assert "NOT as it was sent" in text


def test_the_second_announcement_is_an_event_of_s3_for_the_same_batch() -> None:
    key = "odd name+%/2026-11-20/13/manifest.json"
    (event,) = manifest_events(json.dumps(s3_event("sluice-raw", key, "00AB", "etag", 7)), "sluice-raw")
    assert (event.bucket, event.key, event.sequencer, event.etag) == ("sluice-raw", key, "00AB", "etag")
    assert BatchId.make("t", HOUR, event.sequencer) == BatchId.make("t", HOUR, BatchId.make("t", HOUR, "ab").sequencer)


DAY = (date(2026, 11, 20), "Toys", 3, Decimal("12.50"))


@pytest.mark.parametrize(
    ("found", "differences"),
    [
        ([DAY], []),
        ([], [Difference("sales", "", "row", DAY, "none")]),
        ([DAY, DAY], [Difference("sales", "", "row", "none", repr(DAY))]),
        (
            [(*DAY[:3], Decimal("12.5"))],
            [
                Difference("sales", "", "row", DAY, "none"),
                Difference("sales", "", "row", "none", repr((*DAY[:3], Decimal("12.5")))),
            ],
        ),
    ],
)
def test_an_aggregate_is_compared_whole(found: list[tuple[object, ...]], differences: list[Difference]) -> None:
    assert list(compare_aggregate("sales", [DAY], found)) == differences


ARCHIVING = read_contracts(Path(__file__).resolve().parents[2] / "contracts")["orders"]
FOLDER = "orders/year=2026/month=11/day=20/hour=13"


def _archived(**changes: Any) -> BatchRecord:
    name = str(BatchId.make("orders", HOUR, "1"))
    return _batch(batch_id=name, dataset="orders", state=BatchState.ARCHIVED, files=2, **changes)


def _archive(batch: BatchRecord, keys: list[str]) -> tuple[list[tuple[str, object, object]], int]:
    def listed(prefix: str) -> list[str]:
        return [key for key in keys if key.startswith(prefix)]

    differences, count = compare_archive(listed, {"orders": ARCHIVING, "transactions": CONTRACT}, [batch])
    return [(found.what, found.expected, found.got) for found in differences], count


AWAY = [f"archive/{FOLDER}/{name}" for name in ("a", "b", "manifest.json")]


def test_archived_files_are_counted_without_their_manifest() -> None:
    assert _archive(_archived(), AWAY) == ([], 2)


def test_files_that_are_not_put_away_are_found() -> None:
    left = f"{FOLDER}/b"
    found, count = _archive(replace(_archived(), state=BatchState.LOADED), [*AWAY[:1], left])
    assert found == [
        ("archived files", 2, 1),
        ("files left in the raw folder", "none", [left]),
        ("state", "ARCHIVED", "LOADED"),
    ]
    assert count == 1


def test_nothing_is_asked_of_a_batch_that_has_no_archive_or_was_not_loaded() -> None:
    assert _archive(_batch(), [f"{FOLDER}/a"]) == ([], 0)
    assert _archive(replace(_archived(), state=BatchState.REJECTED), [f"{FOLDER}/a"]) == ([], 0)


def _told(topic: str, dataset: str, *partitions: str) -> Message:
    place = {"partitions": list(partitions)} if topic == "business" else {"partition": partitions[0]}
    return Message(topic, "", {"dataset": dataset, **place})


def test_everybody_who_must_hear_is_told() -> None:
    loaded, rejected = _batch(), _batch(state=BatchState.REJECTED, partition="2026-11-20T14")
    told = [_told("business", "transactions", HOUR.label), _told("support", "transactions", "2026-11-20T14")]
    assert list(compare_notifications(told, [loaded, rejected])) == []
    missing = list(compare_notifications([], [loaded, rejected]))
    assert [(found.where, found.what, found.got) for found in missing] == [
        ("transactions 2026-11-20T13", "notification to business", "none"),
        ("transactions 2026-11-20T14", "notification to support", "none"),
    ]
    surplus = list(compare_notifications([*told, _told("support", "orders", HOUR.label)], [loaded, rejected]))
    assert [(found.where, found.what, found.expected) for found in surplus] == [
        ("orders 2026-11-20T13", "notification to support", "none")
    ]


def test_the_report_has_what_comes_after_the_load(tmp_path: Path) -> None:
    body = {"dataset": "orders", "partitions": ["p"], "rows": {"orders": {"inserted": 1, "updated": 2}}}
    messages = [
        Message("business", "Sluice: orders p loaded", {**body, "quarantined": 3, "seconds": 4.2}),
        Message("support", "Sluice: rejected", {"dataset": "orders", "partition": "p", "why": "bad", "retry": "again"}),
    ]
    report = Report(is_complete=True, aggregates={"sales": AggregateResult(5, False)}, archived_files=7)
    report.messages = messages
    report.write(tmp_path / "report.json")
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["aggregates"] == {"sales": {"rows": 5, "ok": False}}
    assert (document["archived_files"], document["notifications"]) == (7, {"business": 1, "support": 1})
    text = io.StringIO()
    report.show(Console(file=text, width=200))
    for shown in ("orders 1 inserted, 2 updated; 3 quarantined; 4 s", "bad; again", "raw files in the archive: 7"):
        assert shown in text.getvalue()


# Readers

AGREED: dict[Reader, list[tuple[object, ...]]] = {reader: [("a", 1), ("b", None)] for reader in Reader}


def test_readers_that_agree_differ_in_nothing() -> None:
    assert list(compare_counts({"orders": dict.fromkeys(Reader, 3)})) == []
    decimals = AGREED | {Reader.ATHENA: [("a", Decimal("1.00")), ("b", None)]}
    assert list(compare_answers("q", decimals)) == []


@pytest.mark.parametrize("reader", [Reader.ATHENA, Reader.SPECTRUM])
def test_a_reader_that_counts_otherwise_is_found(reader: Reader) -> None:
    counts = {"orders": dict.fromkeys(Reader, 3) | {reader: 2}}
    assert list(compare_counts(counts)) == [Difference("orders", "", f"rows through {reader}", 3, 2)]


@pytest.mark.parametrize("reader", [Reader.ATHENA, Reader.SPECTRUM])
def test_a_reader_that_answers_otherwise_is_found(reader: Reader) -> None:
    other: list[tuple[object, ...]] = [("a", 1), ("b", 2)]
    assert list(compare_answers("q", AGREED | {reader: other})) == [
        Difference("query q", "2", f"row through {reader}", ("b", None), ("b", 2))
    ]
    assert list(compare_answers("q", AGREED | {reader: AGREED[reader][:1]})) == [
        Difference("query q", "", f"rows through {reader}", 2, 1)
    ]


def test_the_report_tells_who_agrees() -> None:
    counts, console = dict.fromkeys(Reader, 3), Console(file=io.StringIO(), width=100)
    report = Report(readers={"orders": counts}, analyses={"q": AnalysisResult(2, agrees=True)})
    report.show(console)
    report.analyses["r"] = AnalysisResult(2, agrees=False)
    report.show(console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1 analysis queries give the same rows through every reader" in shown
    assert "analysis queries on which the readers do not agree: r" in shown


def test_a_demo_that_used_one_engine_alone_is_not_right() -> None:
    both = [_batch(engine="process"), _batch(engine="spark"), _batch(engine="", state=BatchState.REJECTED)]
    assert list(compare_engines(both)) == []
    assert [difference.what for difference in compare_engines(both[:1])] == ["converted by spark"]
    assert [difference.what for difference in compare_engines(both[1:])] == ["converted by process"]


@pytest.mark.parametrize("rows", [50, 300])
def test_the_large_hour_outweighs_all_other_hours_of_any_dataset(rows: int) -> None:
    contracts = read_contracts(Path(__file__).resolve().parents[2] / "contracts")
    options = SimulatorOptions(START, rows=rows, bad_share=0.05, duplicate_share=0.05, update_share=0.2)
    large = large_hour(contracts, options)
    assert (large.contract.dataset, large.partition) == (LARGE, START.next())
    hours = (START, START.next(), START.next().next())
    together = {
        name: sum(
            work_of(simulate(contracts[name], hour, options)) for hour in hours if (name, hour) != (LARGE, hours[1])
        )
        for name in DATASETS
    }
    assert work_of(large) > max(together.values()) * 1.3
