"""The days that a load notes, for every load mode: those of rows that come, that are replaced, and that vanish."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from sluice.contract.model import Column, LoadMode, Table
from tests.warehouse.loads import Loads, Row, batch_id, counts, row, stored, things


def dated(mode: LoadMode, kind: str = "date") -> Table:
    """The small table with a day of business."""
    table = things(mode) if mode == "upsert" else things(mode, primary_key=(), order_by=())
    return replace(table, columns=(*table.columns, Column("sold", kind)), business_date="sold")


def sold(day: int | None, key: int = 1, version: int = 1) -> Row:
    return (*row(key, version, "x"), None if day is None else date(2026, 11, day))


def noted(loads: Loads) -> dict[str, list[int]]:
    """The days by batch, in which no day stands twice."""
    rows = loads.warehouse.rows(
        f"SELECT batch_id, affected_date FROM sluice.dates_things WHERE table_schema = '{loads.schema}' "
        "ORDER BY batch_id, affected_date"
    )
    assert len(set(rows)) == len(rows)
    found: dict[str, list[int]] = {}
    for batch, day in rows:
        found.setdefault(batch, []).append(day.day)
    return found


FIRST, SECOND, AGAIN = batch_id(1), batch_id(2), batch_id(1, 2)
STEPS: dict[str, tuple[LoadMode, list[dict[str, list[Row]]], dict[str, list[int]]]] = {
    "upsert: new rows, and rows without a day": (
        "upsert",
        [{FIRST: [sold(1), sold(3, 2), sold(None, 3)]}],
        {FIRST: [1, 3]},
    ),
    "upsert: a day that moves": (
        "upsert",
        [{FIRST: [sold(1), sold(5, 2)]}, {SECOND: [sold(2, version=2)]}],
        {FIRST: [1, 5], SECOND: [1, 2]},
    ),
    "upsert: a day that goes and comes": (
        "upsert",
        [{FIRST: [sold(1)]}, {SECOND: [sold(None, version=2)]}],
        {FIRST: [1], SECOND: [1]},
    ),
    "upsert: a version that loses": (
        "upsert",
        [{SECOND: [sold(2, version=2)]}, {FIRST: [sold(1)]}],
        {SECOND: [2], FIRST: [2]},
    ),
    "upsert: a partition that is sent again without a row": (
        "upsert",
        [{FIRST: [sold(1), sold(4, 2)], SECOND: [sold(6, 3)]}, {AGAIN: [sold(1)]}],
        {FIRST: [1, 4], SECOND: [6], AGAIN: [1, 4]},
    ),
    "upsert: a partition that is sent again with nothing": (
        "upsert",
        [{FIRST: [sold(1), sold(4, 2)]}, {AGAIN: []}],
        {FIRST: [1, 4], AGAIN: [1, 4]},
    ),
    "upsert: a partition that is sent again without a version that lost": (
        "upsert",
        [{SECOND: [sold(2, version=2)]}, {FIRST: [sold(1)]}, {AGAIN: []}],
        {SECOND: [2], FIRST: [2], AGAIN: [2]},
    ),
    "upsert: a partition that is sent again without a row whose day it had moved": (
        "upsert",
        [{SECOND: [sold(2)]}, {FIRST: [sold(1, version=2)]}, {AGAIN: [sold(9, 9)]}],
        {SECOND: [2], FIRST: [1, 2], AGAIN: [1, 2, 9]},
    ),
    "upsert: two batches of one claim": (
        "upsert",
        [{FIRST: [sold(1), sold(4, 2)], SECOND: [sold(2, version=2)]}],
        {FIRST: [4], SECOND: [2]},
    ),
    "append: the rows of an older batch go": (
        "append",
        [{FIRST: [sold(1), sold(1), sold(4)], SECOND: [sold(6)]}, {AGAIN: [sold(2)]}],
        {FIRST: [1, 4], SECOND: [6], AGAIN: [1, 2, 4]},
    ),
    "append: an older batch that comes late": ("append", [{AGAIN: [sold(2)]}, {FIRST: [sold(1)]}], {AGAIN: [2]}),
    "full_refresh: all rows go": (
        "full_refresh",
        [{FIRST: [sold(1), sold(4)]}, {SECOND: [sold(2), sold(None)]}],
        {FIRST: [1, 4], SECOND: [1, 2, 4]},
    ),
    "full_refresh: an older batch that comes late": (
        "full_refresh",
        [{SECOND: [sold(2)]}, {FIRST: [sold(1)]}],
        {SECOND: [2]},
    ),
}


@pytest.mark.parametrize(("mode", "steps", "expected"), list(STEPS.values()), ids=list(STEPS))
def test_a_load_notes_the_days_that_it_changes(
    loads: Loads, mode: LoadMode, steps: list[dict[str, list[Row]]], expected: dict[str, list[int]]
) -> None:
    for batches in steps:
        counts(loads.load(dated(mode), batches))

    assert noted(loads) == expected

    for batches in steps:
        counts(loads.load(dated(mode), batches))

    assert noted(loads) == expected


def test_the_day_of_a_moment_is_noted(loads: Loads) -> None:
    moments: list[Any] = [datetime.fromisoformat(f"2026-11-0{day}T23:59:59.999999") for day in (1, 2)]

    loads.load(dated("upsert", "timestamp"), {FIRST: [(*row(n, 1, "x"), moment) for n, moment in enumerate(moments)]})

    assert noted(loads) == {FIRST: [1, 2]}


def test_a_table_without_a_day_of_business_has_no_notes(loads: Loads) -> None:
    loads.load(things(), {FIRST: [row(1, 1, "one")]})

    assert noted(loads) == {}
    assert loads.rows() == [stored(row(1, 1, "one"), FIRST)]


def test_a_warehouse_that_has_the_audit_only_gets_its_books_from_it(loads: Loads) -> None:
    loads.load(things("append"), {SECOND: [row(2, 1, "two")], AGAIN: [row(3, 1, "again")]})
    before = loads.audit()
    for book in ("loads", "dates"):
        loads.warehouse.execute(f"DROP TABLE sluice.{book}_things")

    late = loads.load(things("append"), {FIRST: [row(1, 1, "one")]})
    again = loads.load(things("append"), {AGAIN: [row(4, 1, "not read")]})

    assert counts(late) == {FIRST: (1, 0, 0, 1)}
    assert counts(again) == {AGAIN: (1, 1, 0, 0)}
    assert loads.rows() == [stored(row(2, 1, "two"), SECOND), stored(row(3, 1, "again"), AGAIN)]
    assert [entry for entry in loads.audit() if entry[1] != FIRST] == before
