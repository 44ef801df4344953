"""The contract changes between conversion and load: rows arrive as they were written, or are converted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sluice.contract.model import Column, LoadMode, Table
from sluice.failures import Verdict
from sluice.lake.handover import PublishedFile
from tests.warehouse.loads import Loads, Row, Rows, batch_id, contract_of, counts, row, things

ID, VERSION, NAME, PRICE = things().columns
COLOR = Column("color", "varchar(8)")
OLD = row(1, 1, "one", "5.00")
NEW = row(1, 2, "two", "7.00")
WIDE_NAME, WIDE_PRICE = Column("name", "varchar(20)"), Column("price", "decimal(12,4)")

CHANGES: dict[str, tuple[Sequence[Column], Row]] = {
    "reorder": ((ID, VERSION, PRICE, NAME), (1, 2, Decimal("7.00"), "two")),
    "add": ((ID, VERSION, NAME, PRICE, COLOR), (1, 2, "two", Decimal("7.00"), None)),
    "add in front": ((COLOR, ID, VERSION, NAME, PRICE), (None, 1, 2, "two", Decimal("7.00"))),
    "drop": ((ID, VERSION, NAME), (1, 2, "two")),
    "widen": ((ID, VERSION, WIDE_NAME, WIDE_PRICE), (1, 2, "two", Decimal("7.0000"))),
}
OUTDATED: dict[str, Sequence[Column]] = {
    "rename": (ID, VERSION, Column("title", "varchar(10)"), PRICE),
    "narrow": (ID, VERSION, Column("name", "varchar(5)"), PRICE),
    "another type": (ID, VERSION, NAME, Column("price", "integer")),
    "a column that must be there": (ID, VERSION, NAME, PRICE, replace(COLOR, required=True)),
}


def changed(columns: Sequence[Column], mode: LoadMode) -> Table:
    return things(mode, columns=tuple(columns))


def load_old_files(loads: Loads, today: Table, rows: list[Row], batch: str) -> Any:
    """Load files that yesterday's contract wrote by today's."""
    written = loads.publish(things(today.load), batch, rows)
    return loads.run(contract_of(today), loads.dispatch(contract_of(today), {batch: {"things": (written,)}}))


@pytest.mark.parametrize("mode", ["upsert", "append", "full_refresh"])
@pytest.mark.parametrize(("columns", "expected"), list(CHANGES.values()), ids=list(CHANGES))
def test_files_of_yesterday_s_contract_are_loaded_by_name(
    loads: Loads, columns: Sequence[Column], expected: Row, mode: LoadMode
) -> None:
    loads.load(things(mode), {batch_id(1): [OLD]})

    outcome = load_old_files(loads, changed(columns, mode), [NEW], batch_id(1, 2))

    assert counts(outcome) == {batch_id(1, 2): (1, 0, 1, 0) if mode == "upsert" else (1, 1, 0, 0)}
    assert loads.rows(columns=[column.name for column in columns]) == [expected]


@pytest.mark.parametrize("columns", list(OUTDATED.values()), ids=list(OUTDATED))
def test_files_that_cannot_be_reconciled_are_converted_again_and_change_nothing(
    loads: Loads, columns: Sequence[Column]
) -> None:
    today = changed(columns, "upsert")

    outcome = load_old_files(loads, today, [NEW], batch_id(1))

    assert outcome[batch_id(1)].verdict == Verdict.CONVERT
    assert outcome[batch_id(1)].error.startswith(f"OutdatedFilesError: table public.things: batch {batch_id(1)} was ")
    assert loads.warehouse.rows("SELECT COUNT(*) FROM sluice.load_audit") == [(0,)]
    assert loads.staging_tables() == []


def test_an_update_leaves_alone_what_the_files_do_not_have(loads: Loads) -> None:
    wider = changed((*things().columns, COLOR), "upsert")
    loads.load(wider, {batch_id(1): [(*OLD, "red"), (2, 1, "two", None, "blue")]})

    load_old_files(loads, wider, [NEW, row(3, 1, "three", "1.00")], batch_id(2))

    assert loads.rows(columns=("id", "name", "color")) == [(1, "two", "red"), (2, "two", "blue"), (3, "three", None)]


def test_batches_of_both_versions_are_loaded_by_one_run(loads: Loads) -> None:
    wider = changed((COLOR, *things().columns), "upsert")
    files = {
        batch_id(1): {"things": (loads.publish(things(), batch_id(1), [OLD, row(2, 1, "two")]),)},
        batch_id(2): {"things": (loads.publish(wider, batch_id(2), [("red", *NEW)]),)},
        batch_id(3): {"things": (loads.publish(things(), batch_id(3), [row(3, 1, "three")]),)},
    }

    outcome = loads.run(contract_of(wider), loads.dispatch(contract_of(wider), files))

    assert {name: (found.error, found.tables["things"].staged) for name, found in outcome.items()} == {
        batch_id(1): ("", 2), batch_id(2): ("", 1), batch_id(3): ("", 1),
    }  # fmt: skip
    assert loads.rows(columns=("id", "name", "color")) == [(1, "two", "red"), (2, "two", None), (3, "three", None)]


def test_what_a_raw_file_lacks_erases_nothing(loads: Loads) -> None:
    """The nulls of a field that a whole file lacks say nothing; those of a file that has it do."""
    loads.load(things(), {batch_id(1): [row(key, 1, "old", "5.00") for key in (1, 2, 3)]})
    batch = batch_id(2)
    lacking = loads.publish(things(), batch, [row(1, 2, None, "7.00"), row(4, 1, None, "1.00")], "lacking")
    lacking = replace(lacking, absent={f"s3://raw/{batch}/lacking": ("name",)})
    having = loads.publish(things(), batch, [row(2, 2, None, "7.00")], "having")

    loads.run(contract_of(things()), loads.dispatch(contract_of(things()), {batch: {"things": (lacking, having)}}))

    assert loads.rows(columns=("id", "version", "name", "price")) == [
        (1, 2, "old", Decimal("7.00")),
        (2, 2, None, Decimal("7.00")),
        (3, 1, "old", Decimal("5.00")),
        (4, 1, None, Decimal("1.00")),
    ]


def lacking(loads: Loads, batch: str, rows: Rows, *columns: str) -> dict[str, tuple[PublishedFile, ...]]:
    """The published file of a batch whose raw file lacks columns."""
    file = loads.publish(things(), batch, rows)
    return {"things": (replace(file, absent={f"s3://raw/{batch}/part-0": columns}),)}


def having(loads: Loads, batch: str, rows: Rows) -> dict[str, tuple[PublishedFile, ...]]:
    return {"things": (loads.publish(things(), batch, rows),)}


@pytest.mark.parametrize("together", [True, False])
def test_batches_with_and_without_a_field_give_the_same_together_and_apart(loads: Loads, *, together: bool) -> None:
    """Of each value the newest row decides that has the field, staged or stored; null is a value where it is there."""
    loads.load(things(), {batch_id(0): [row(key, 5, "stored", "5.00") for key in (1, 2, 3, 4)]})
    one, two, three = (batch_id(hour) for hour in (1, 2, 3))
    batches = {
        one: having(loads, one, [row(1, 6, "one"), row(2, 4, "stale"), row(3, 6, None), row(5, 1, "one")]),
        two: lacking(loads, two, [row(key, 7, None, "7.00") for key in (1, 2, 3, 5)], "name"),
        three: lacking(loads, three, [row(1, 8, None, None), row(6, 1, None, None)], "name", "price"),
    }
    for some in [batches] if together else [{name: files} for name, files in batches.items()]:
        loads.run(contract_of(things()), loads.dispatch(contract_of(things()), some))

    assert loads.rows(columns=("id", "version", "name", "price")) == [
        (1, 8, "one", Decimal("7.00")),
        (2, 7, "stored", Decimal("7.00")),
        (3, 7, None, Decimal("7.00")),
        (4, 5, "stored", Decimal("5.00")),
        (5, 7, "one", Decimal("7.00")),
        (6, 1, None, None),
    ]
