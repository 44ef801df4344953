"""What fits a terminal of 80 columns, and what a list says of what it leaves out."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from sluice.cli.drift import render_differences
from sluice.cli.status import render_batches
from sluice.drift import Difference, Kind
from sluice.drift.columns import ADDED, DECIDE
from sluice.drift.difference import Layer
from sluice.lake.handover import TableCounts
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchId, BatchState
from sluice.ledger.record import BatchRecord
from sluice.terminal import LoggedProgress, Sheet, short_time, table_of

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
HOUR = Partition.parse("2026-11-20T13")


def lines(what: RenderableType, width: int = 80) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(what)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def batch(number: int, state: BatchState, *, dataset: str = "transactions", reason: str = "") -> BatchRecord:
    batch_id = BatchId.make(dataset, HOUR, f"{number:X}")
    at = NOW - timedelta(minutes=number)
    first = BatchRecord.first(batch_id, HOUR.label, BatchState.RECEIVED, manifest_url="s3://m", at=at)
    return replace(first, state=state, reason=reason)


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_what_fits_is_a_table() -> None:
    assert lines(table_of(("name", "n"), [("a", 1), ("bb", None)], numbers=("n",))) == [
        "name     n",
        "a        1",
        "bb    null",
    ]


def test_a_note_stands_below_its_row_between_words() -> None:
    sheet = table_of(("name", "n", "why"), [("a", 1, "word " * 20), ("b", 2, "")], numbers=("n",), note="why")
    assert lines(sheet, 40) == [
        "name  n",
        "a     1",
        "  word word word word word word word",
        "  word word word word word word word",
        "  word word word word word word",
        "b     2",
    ]


def test_long_text_is_folded_between_words() -> None:
    sheet = table_of(("name", "text"), [("a", "some words that go on and on and on")])
    assert lines(sheet, 34) == ["name  text", "a     some words that go on and on", "      and on"]


def test_rows_that_are_too_wide_stand_upright_and_leave_empty_values_out() -> None:
    columns = [f"column_{number}" for number in range(12)]
    sheet = table_of(columns, [["value", *[""] * 10, None], list(range(12))])
    assert lines(sheet, 60)[:4] == [
        "-[ 1 ]----------------------------------",
        "column_0   value",
        "column_11  null",
        "-[ 2 ]----------------------------------",
    ]
    assert lines(sheet, 60)[4:] == [f"{name:<9}  {number}" for number, name in enumerate(columns)]


WORDS = st.text("abc ", min_size=1, max_size=30)


@given(
    st.lists(st.tuples(WORDS, st.text("0123", min_size=1, max_size=9), WORDS, WORDS), min_size=1, max_size=4),
    st.integers(40, 120),
)
def test_no_layout_is_wider_than_the_terminal_and_none_breaks_a_word(
    rows: Sequence[tuple[str, ...]], width: int
) -> None:
    columns = ("first", "number", "third", "fourth")
    shown = lines(Sheet(columns, rows, ("number",), "fourth"), width)
    assert max(map(len, shown)) <= width
    found = set(" ".join(shown).split())
    assert {word for row in rows for value in row for word in value.split()} <= found


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("2026-11-20T07:10:59.5", "07:10"),
        ("2026-11-19T07:10:59", "11-19 07:10"),
        ("2025-11-20T07:10:59", "2025-11-20 07:10"),
    ],
)
def test_a_time_is_as_short_as_the_day_allows(text: str, short: str) -> None:
    assert short_time(text, NOW) == short


def test_sums_come_first_then_what_moves_then_what_failed() -> None:
    counted = replace(batch(1, BatchState.LOADED), counts={"transactions": TableCounts(1000, 20, 5, 975)})
    found = [
        counted,
        batch(2, BatchState.FAILED, reason="WarehouseError: no such column"),
        batch(3, BatchState.LOADING),
    ]
    assert lines(render_batches(found, 50, NOW)) == [
        "3 batches: 1 LOADING, 1 FAILED, 1 LOADED",
        "received  dataset       partition      state    read  rejected",
        "15:27     transactions  2026-11-20T13  LOADING",
        "15:28     transactions  2026-11-20T13  FAILED",
        "  WarehouseError: no such column",
        "15:29     transactions  2026-11-20T13  LOADED   1000        20",
    ]


def test_a_list_says_what_it_leaves_out() -> None:
    found = [batch(number, BatchState.LOADED) for number in range(66)]
    shown = lines(render_batches(found, 50, NOW))
    assert (shown[0], shown[-1], len(shown)) == (
        "66 batches: 66 LOADED",
        "50 of 66 are shown; --limit gives more",
        53,
    )
    many = [batch(1, BatchState.LOADED)] * 501
    assert lines(render_batches(many, 2, NOW))[0] == "more than 500 batches: 501 LOADED"


def test_progress_without_a_terminal_is_a_line_now_and_then() -> None:
    now = [0.0]
    console = Console(file=io.StringIO(), force_terminal=False)
    with LoggedProgress(console=console, clock=lambda: now[0]) as progress:
        task = progress.add_task("sending", total=3)
        for now[0] in (1.0, 11.0, 12.0, 25.0):
            progress.advance(task)
        progress.update(task, description="comparing")
        now[0] = 40.0
        progress.update(task, description="comparing")
    text = cast("io.StringIO", console.file).getvalue()
    assert text.split("\n")[:3] == ["sending (2 of 3)", "sending (4 of 3)", "comparing (4 of 3)"]


def test_differences_with_the_same_remedy_stand_together_and_what_breaks_comes_first() -> None:
    found = [
        Difference(Layer.CATALOG, "weather", "note", "", "varchar(9)", Kind.COMPATIBLE, ADDED, is_applied=True),
        Difference(Layer.CATALOG, "weather", "precip", "int", "decimal(6,2)", Kind.BREAKING, DECIDE),
        Difference(Layer.WAREHOUSE, "weather", "precip", "integer", "decimal(6,2)", Kind.BREAKING, DECIDE),
    ]
    assert lines(render_differences(found), 120) == [
        f"breaking: {DECIDE}",
        "  layer      table    column  there    contract",
        "  catalog    weather  precip  int      decimal(6,2)",
        "  warehouse  weather  precip  integer  decimal(6,2)",
        "",
        f"compatible: done: {ADDED}",
        "  layer    table    column  there  contract",
        "  catalog  weather  note    -      varchar(9)",
    ]
    assert max(map(len, lines(render_differences(found)))) <= 80
