"""One batch in full: found by its id or its partition, as text and as JSON."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from rich.console import Console

from sluice.aws.ledger import Ledger
from sluice.cli.batch_view import BatchView, find_batch, read_view, render_view, view_as_json
from sluice.errors import CommandError
from sluice.lake.handover import FileCounts, TableCounts
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord, Claim
from tests.doubles.ledger import MemoryLedger
from tests.ledger_behaviour import AT, converted, record

URL = "s3://sluice-raw/orders/[red]a[/red].json"
FILES = (FileCounts(URL, 10, 1, {"orders": TableCounts(10, 1, 2, 7)}),)


def failed() -> BatchRecord:
    """A batch that was converted, failed in its load, and has something everywhere."""
    loading = converted(record()).moved(BatchState.LOADING, AT + timedelta(minutes=1), claim_id="c2")
    return loading.moved(
        BatchState.FAILED,
        AT + timedelta(minutes=2),
        note="attempt 3 of 3: WarehouseError: [bold]no[/bold] such column",
        reason="WarehouseError: [bold]no[/bold] such column",
        attempts=3,
        run_id="c2",
        stage=Stage.LOAD,
    )


def ledger_with(*batches: BatchRecord) -> Ledger:
    memory = MemoryLedger()
    memory.records = {batch.batch_id: batch for batch in batches}
    for batch in batches:
        memory.write_file_counts(batch.batch_id, FILES)
        if batch.claim_id:
            memory.write_claim(Claim(batch.claim_id, "orders", Stage.LOAD, (batch.batch_id, "orders.1.2"), AT))
    return cast("Ledger", memory)


def text_of(view: BatchView) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    console.print(render_view(view))
    return [line.rstrip() for line in cast("io.StringIO", console.file).getvalue().splitlines()]


def test_everything_of_a_failed_batch_is_shown() -> None:
    batch = failed()
    assert text_of(read_view(ledger_with(batch), batch.batch_id)) == [
        f"batch        {batch.batch_id}",
        "dataset      orders",
        "partition    2026-11-20T13",
        "state        FAILED",
        "reason       WarehouseError: [bold]no[/bold] such column",
        "stage        load",
        "failed runs  3",
        "manifest     s3://sluice-raw/orders/manifest.json",
        "written      2026-11-20T13:59:59.000Z",
        "received     2026-11-20T14:00:00.000000+00:00",
        "updated      2026-11-20T14:02:00.000000+00:00",
        "claim        c2 (with 1 other batch)",
        "run          c2",
        "",
        "history",
        "since                seconds  state       note",
        "2026-11-20T14:00:00      0.0  RECEIVED",
        "2026-11-20T14:00:00      0.0  CONVERTING",
        "2026-11-20T14:00:00     60.0  CONVERTED   attempt 2 of 3",
        "2026-11-20T14:01:00     60.0  LOADING",
        "2026-11-20T14:02:00           FAILED      attempt 3 of 3: WarehouseError: [bold]no[/bold] such column",
        "",
        "rows by table",
        "table   read  rejected  duplicates  published",
        "orders    10         1           2          7",
        "",
        "loaded by table",
        "table   staged  inserted  updated  stale",
        "orders       7         3        4      0",
        "",
        "quarantined, by reason",
        "records  reason",
        "      1  orders.order_date: no date",
        "",
        "absent from files, as the contract allows",
        "files  column",
        "    1  orders.note",
        "",
        "files",
        "records  rejected  file",
        f"     10         1  {URL}",
        "",
        "next: fix the cause, then try its load again",
        f"  sluice retry {batch.batch_id}",
    ]


def test_a_new_batch_has_no_empty_sections() -> None:
    batch = record()
    assert text_of(BatchView(batch, (), None)) == [
        f"batch      {batch.batch_id}",
        "dataset    orders",
        "partition  2026-11-20T13",
        "state      RECEIVED",
        "stage      convert",
        "manifest   s3://sluice-raw/orders/manifest.json",
        "written    2026-11-20T13:59:59.000Z",
        "received   2026-11-20T14:00:00.000000+00:00",
        "updated    2026-11-20T14:00:00.000000+00:00",
        "",
        "history",
        "since                seconds  state     note",
        "2026-11-20T14:00:00           RECEIVED",
        "",
        "next: it waits for the next conversion of orders; the sweep starts one when nothing else does",
    ]


def test_fields_that_files_lack_are_told() -> None:
    loading = converted(record()).moved(BatchState.LOADING, AT, absent={"orders.note": 1, "orders.gift": 2})
    batch = loading.moved(BatchState.LOADED, AT)
    view = read_view(ledger_with(batch), batch.batch_id)
    shown = text_of(view)
    begin = shown.index("absent from files, as the contract allows")
    assert shown[begin + 1 : begin + 4] == ["files  column", "    2  orders.gift", "    1  orders.note"]
    assert shown[-1] == (
        "next: nothing to do, if it is right that files have no orders.gift and 1 more: its rows are in the warehouse, "
        "and an upsert kept the values there"
    )
    assert view_as_json(view)["absent"] == {"orders.note": 1, "orders.gift": 2}


def test_a_machine_gets_the_same() -> None:
    batch = failed()
    found = json.loads(json.dumps(view_as_json(read_view(ledger_with(batch), batch.batch_id)), default=str))
    assert {name: found[name] for name in ("batch_id", "state", "attempts", "claim_id", "claimed_batches", "next")} == {
        "batch_id": batch.batch_id,
        "state": "FAILED",
        "attempts": 3,
        "claim_id": "c2",
        "claimed_batches": [batch.batch_id, "orders.1.2"],
        "next": {"text": "fix the cause, then try its load again", "command": f"sluice retry {batch.batch_id}"},
    }
    assert [file["url"] for file in found["files"]] == [URL]
    assert found["load_counts"] == {"orders": {"staged": 7, "inserted": 3, "updated": 4, "stale": 0}}
    assert len(found["history"]) == 5


def test_a_partition_means_its_newest_batch() -> None:
    older, newer = record("1"), record("2")
    ledger = ledger_with(older, newer)
    assert find_batch(ledger, "orders.2026112013") == newer
    assert find_batch(ledger, older.batch_id) == older


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("orders.2026112014", "there is no batch of partition orders.2026112014; `sluice status` lists the batches"),
        (replace(record("9")).batch_id, "; `sluice status` lists the batches"),
        ("orders", "'orders' is not a batch id: it looks like orders.2026112013."),
        ("orders.", "'orders.' is not a batch id"),
        ("a.b.c.d", "'a.b.c.d' is not a batch id"),
    ],
)
def test_what_is_not_there_is_an_error_in_words(text: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        find_batch(ledger_with(record("1")), text)
    assert message in str(caught.value)
