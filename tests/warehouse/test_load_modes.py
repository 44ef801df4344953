"""``append`` and ``full_refresh``: what a newer batch replaces, and what an older one that comes late does not."""

from __future__ import annotations

import random
from itertools import count

import pytest

from sluice.contract.model import LoadMode
from tests.warehouse.loads import Loads, Row, Rows, batch_id, counts, row, stored, things

APPEND = things("append", primary_key=(), order_by=())
FULL = things("full_refresh")
SCHEMAS = count(1)


def test_append_keeps_the_rows_of_all_partitions_and_equal_rows_as_well(loads: Loads) -> None:
    first, second = batch_id(1), batch_id(2)
    same = row(1, 1, "same")

    loads.load(APPEND, {first: [same, same]})
    outcome = loads.load(APPEND, {second: [same, row(2, 1, None)]})

    assert loads.rows() == [
        stored(same, first),
        stored(same, first),
        stored(same, second),
        stored(row(2, 1, None), second),
    ]
    assert counts(outcome) == {second: (2, 2, 0, 0)}


def test_append_replaces_the_rows_of_an_older_batch_of_the_partition_only(loads: Loads) -> None:
    old, other, new = batch_id(1, 1), batch_id(2, 1), batch_id(1, 2)
    loads.load(APPEND, {old: [row(1, 1, "old"), row(2, 1, "old")], other: [row(3, 1, "other")]})

    outcome = loads.load(APPEND, {new: [row(9, 1, "new")]})

    assert loads.rows() == [stored(row(3, 1, "other"), other), stored(row(9, 1, "new"), new)]
    assert counts(outcome) == {new: (1, 1, 0, 0)}


def test_append_leaves_out_an_older_batch_of_the_partition_that_comes_late(loads: Loads) -> None:
    old, new = batch_id(1, 1), batch_id(1, 2)
    loads.load(APPEND, {new: [row(9, 1, "new")]})

    outcome = loads.load(APPEND, {old: [row(1, 1, "old"), row(2, 1, "old")]})

    assert loads.rows() == [stored(row(9, 1, "new"), new)]
    assert counts(outcome) == {old: (2, 0, 0, 2)}


def test_append_takes_the_newest_of_two_batches_of_a_partition_in_one_load(loads: Loads) -> None:
    old, new, other = batch_id(1, 1), batch_id(1, 2), batch_id(2, 1)

    outcome = loads.load(APPEND, {old: [row(1, 1, "old")], new: [row(2, 1, "new")], other: [row(3, 1, "other")]})

    assert loads.rows() == [stored(row(2, 1, "new"), new), stored(row(3, 1, "other"), other)]
    assert counts(outcome) == {old: (1, 0, 0, 1), new: (1, 1, 0, 0), other: (1, 1, 0, 0)}


def test_append_empties_a_partition_whose_newer_batch_has_no_rows(loads: Loads) -> None:
    loads.load(APPEND, {batch_id(1, 1): [row(1, 1, "old")], batch_id(2, 1): [row(2, 1, "other")]})

    outcome = loads.load(APPEND, {batch_id(1, 2): []})

    assert loads.rows() == [stored(row(2, 1, "other"), batch_id(2, 1))]
    assert counts(outcome) == {batch_id(1, 2): (0, 0, 0, 0)}


def test_append_does_not_touch_rows_that_it_did_not_load(loads: Loads) -> None:
    loads.load(APPEND, {batch_id(1, 1): [row(1, 1, "old")]})
    loads.warehouse.execute("INSERT INTO public.things (id, version) VALUES (100, 1)")

    loads.load(APPEND, {batch_id(1, 2): [row(1, 1, "new")]})

    assert loads.rows(columns=("id", "name")) == [(1, "new"), (100, None)]


def test_full_refresh_makes_the_newest_batch_the_whole_table(loads: Loads) -> None:
    first, second = batch_id(1), batch_id(2)
    loads.load(FULL, {first: [row(1, 9, "first"), row(2, 9, "first")]})

    outcome = loads.load(FULL, {second: [row(1, 1, "second")]})

    assert loads.rows() == [stored(row(1, 1, "second"), second)]
    assert counts(outcome) == {second: (1, 1, 0, 0)}


def test_full_refresh_leaves_out_an_older_batch_that_comes_late(loads: Loads) -> None:
    first, second = batch_id(1), batch_id(2)
    loads.load(FULL, {second: [row(1, 1, "second")]})

    outcome = loads.load(FULL, {first: [row(1, 9, "first"), row(2, 9, "first")]})

    assert loads.rows() == [stored(row(1, 1, "second"), second)]
    assert counts(outcome) == {first: (2, 0, 0, 2)}
    assert loads.audit() == [
        ("things", first, "2026-11-20T01", "full_refresh", 2, 0, 0, 2),
        ("things", second, "2026-11-20T02", "full_refresh", 1, 1, 0, 0),
    ]


def test_full_refresh_with_an_empty_newest_batch_empties_the_table(loads: Loads) -> None:
    loads.load(FULL, {batch_id(1): [row(1, 1, "first")]})

    loads.load(FULL, {batch_id(2): []})

    assert loads.rows() == []


@pytest.mark.parametrize("mode", ["append", "full_refresh"])
def test_a_repeated_load_changes_nothing(loads: Loads, mode: LoadMode) -> None:
    table = things(mode)
    batches: dict[str, Rows] = {batch_id(1): [row(1, 1, "one")], batch_id(2): [row(1, 2, "two"), row(2, 1, "x")]}
    first = loads.load(table, batches)
    before = (loads.rows(), loads.audit())

    again = loads.load(table, batches)

    assert (loads.rows(), loads.audit()) == before
    assert counts(again) == counts(first)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mode", ["append", "full_refresh"])
def test_any_order_and_grouping_of_loads_gives_the_same_table(loads: Loads, mode: LoadMode, seed: int) -> None:
    chance = random.Random(seed)
    loads.schema = f"{mode}_{next(SCHEMAS)}"
    batches: dict[str, Rows] = {
        batch_id(hour, version): [row(key, 1, f"{hour}/{version}") for key in range(chance.randint(0, 2))]
        for hour, version in [(1, 1), (1, 2), (2, 1), (3, 3)]
    }
    waiting = sorted(batches)
    chance.shuffle(waiting)
    while waiting:
        size = chance.randint(1, len(waiting))
        loads.load(things(mode), {batch: batches[batch] for batch in waiting[:size]})
        loads.load(things(mode), {waiting[0]: batches[waiting[0]]})
        waiting = waiting[size:]

    assert loads.rows() == expected(mode, batches)
    assert [entry[1] for entry in loads.audit()] == sorted(batches)


def expected(mode: LoadMode, batches: dict[str, Rows]) -> list[Row]:
    newest = {batch.rsplit(".", 1)[0] if mode == "append" else "": batch for batch in sorted(batches)}
    return sorted((stored(values, batch) for batch in newest.values() for values in batches[batch]), key=repr)
