"""Upsert: the target holds, per key, the newest row by the contract's order and then by batch, however loads arrive."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import count, pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.contract.model import Column, RedshiftHints, Table
from tests.warehouse.loads import Loads, Row, Rows, arrow_table, batch_id, contract_of, counts, row, stored, things

THINGS = things()


def test_first_load_puts_every_row_into_the_target(loads: Loads) -> None:
    batch = batch_id(1)
    rows = [row(1, 1, "one", "12.50"), row(2, 1, None, None), row(3, 1, "ünïcöd")]

    outcome = loads.load(THINGS, {batch: rows})

    assert loads.rows() == [stored(values, batch) for values in rows]
    assert counts(outcome) == {batch: (3, 3, 0, 0)}
    assert loads.audit() == [("things", batch, "2026-11-20T01", "upsert", 3, 3, 0, 0)]
    assert loads.staging_tables() == []


def test_newer_rows_replace_older_ones_are_stale_and_equal_ones_go_by_batch(loads: Loads) -> None:
    first, second = batch_id(2), batch_id(3)
    loads.load(THINGS, {first: [row(1, 5, "old"), row(2, 5, "keep"), row(3, 5, "equal"), row(4, 5, "alone")]})

    outcome = loads.load(
        THINGS, {second: [row(1, 6, None), row(2, 4, "late"), row(3, 5, "later one"), row(5, 1, "new")]}
    )

    assert loads.rows() == [
        stored(row(1, 6, None), second),
        stored(row(2, 5, "keep"), first),
        stored(row(3, 5, "later one"), second),
        stored(row(4, 5, "alone"), first),
        stored(row(5, 1, "new"), second),
    ]
    assert counts(outcome) == {second: (4, 1, 2, 1)}


def test_an_equal_version_of_an_older_batch_is_stale(loads: Loads) -> None:
    older, newer = batch_id(2), batch_id(3)
    loads.load(THINGS, {newer: [row(1, 5, "newer")]})

    outcome = loads.load(THINGS, {older: [row(1, 5, "older")]})

    assert loads.rows() == [stored(row(1, 5, "newer"), newer)]
    assert counts(outcome) == {older: (1, 0, 0, 1)}


def test_duplicates_over_the_batches_of_one_load_leave_the_newest(loads: Loads) -> None:
    first, second, third = batch_id(1), batch_id(2), batch_id(3)

    outcome = loads.load(
        THINGS,
        {
            first: [row(1, 9, "newest"), row(2, 1, "first")],
            second: [row(1, 8, "older"), row(2, 1, "second")],
            third: [row(2, 1, "third"), row(3, 1, "only")],
        },
    )

    assert loads.rows() == [
        stored(row(1, 9, "newest"), first),
        stored(row(2, 1, "third"), third),
        stored(row(3, 1, "only"), third),
    ]
    assert counts(outcome) == {first: (2, 1, 0, 1), second: (2, 0, 0, 2), third: (2, 2, 0, 0)}


def test_between_equal_versions_the_batch_decides_before_the_file(loads: Loads) -> None:
    older, newer = batch_id(1), batch_id(2)
    contract = contract_of(THINGS)
    published = {
        batch: {"things": (loads.publish_arrow(THINGS, batch, arrow_table(THINGS, [(*row(1, 1, name), batch, file)])),)}
        for batch, name, file in ((older, "older", "s3://raw/z"), (newer, "newer", "s3://raw/a"))
    }

    loads.run(contract, loads.dispatch(contract, published))

    assert loads.rows() == [(*row(1, 1, "newer"), newer, "s3://raw/a")]


def test_duplicates_within_a_batch_leave_one_even_when_they_are_equal(loads: Loads) -> None:
    batch = batch_id(1)
    same = row(1, 1, "same")

    outcome = loads.load(THINGS, {batch: [same, same, same, row(2, 1, None), row(2, 1, "b"), row(2, 1, "a")]})

    assert loads.rows() == [stored(same, batch), stored(row(2, 1, "b"), batch)]
    assert counts(outcome) == {batch: (6, 2, 0, 4)}


def test_a_repeated_load_changes_nothing(loads: Loads) -> None:
    batches = {batch_id(1): [row(1, 1, "one")], batch_id(2): [row(1, 2, "two"), row(2, 1, "x")]}
    first = loads.load(THINGS, batches)
    before = (loads.rows(), loads.audit())

    again = loads.load(THINGS, batches)

    assert (loads.rows(), loads.audit()) == before
    assert counts(again) == counts(first)


def test_a_load_repeated_after_the_audit_was_lost_rewrites_nothing(loads: Loads) -> None:
    batches = {batch_id(1): [row(1, 1, "one")], batch_id(2): [row(2, 1, "two")]}
    loads.load(THINGS, batches)
    before = loads.rows()
    for book in ("loads_things", "load_audit"):
        loads.warehouse.execute(f"DELETE FROM sluice.{book}")

    outcome = loads.load(THINGS, batches)

    assert loads.rows() == before
    assert counts(outcome) == {batch_id(1): (1, 0, 0, 1), batch_id(2): (1, 0, 0, 1)}


def test_a_load_with_some_batches_loaded_before_loads_the_others(loads: Loads) -> None:
    known, new = batch_id(1), batch_id(2)
    loads.load(THINGS, {known: [row(1, 1, "one")]})

    outcome = loads.load(THINGS, {known: [row(1, 1, "one")], new: [row(1, 2, "two"), row(2, 1, "x")]})

    assert loads.rows() == [stored(row(1, 2, "two"), new), stored(row(2, 1, "x"), new)]
    assert counts(outcome) == {known: (1, 1, 0, 0), new: (2, 1, 1, 0)}


def test_a_batch_without_files_is_booked_and_changes_nothing(loads: Loads) -> None:
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})

    outcome = loads.load(THINGS, {batch_id(2): []})

    assert loads.rows() == [stored(row(1, 1, "one"), batch_id(1))]
    assert counts(outcome) == {batch_id(2): (0, 0, 0, 0)}


def test_a_batch_without_files_goes_along_with_others(loads: Loads) -> None:
    outcome = loads.load(THINGS, {batch_id(1): [], batch_id(2): [row(1, 1, "one")]})

    assert counts(outcome) == {batch_id(1): (0, 0, 0, 0), batch_id(2): (1, 1, 0, 0)}
    assert loads.audit() == [
        ("things", batch_id(1), "2026-11-20T01", "upsert", 0, 0, 0, 0),
        ("things", batch_id(2), "2026-11-20T02", "upsert", 1, 1, 0, 0),
    ]


def test_versions_are_compared_column_by_column(loads: Loads) -> None:
    """9.9 is older than 10.0, which a comparison of joined texts would turn round."""
    table = Table(
        "things",
        (Column("a", "varchar(4)"), Column("b", "varchar(4)"), Column("major", "integer"), Column("minor", "integer")),
        primary_key=("a", "b"),
        order_by=("major", "minor"),
    )
    first, second = batch_id(1), batch_id(2)
    loads.load(table, {first: [("x", "yz", 9, 9), ("xy", "z", 10, 0), ("k", "k", 1, 2)]})

    loads.load(table, {second: [("x", "yz", 10, 0), ("xy", "z", 9, 9), ("k", "k", 1, 10)]})

    columns = ("a", "b", "major", "minor")
    assert loads.rows(columns=columns) == [("k", "k", 1, 10), ("x", "yz", 10, 0), ("xy", "z", 10, 0)]


def test_names_may_be_reserved_words_and_every_type_arrives_as_it_was(loads: Loads) -> None:
    kinds = {
        "select": "bigint", "order": "timestamp", "from": "smallint", "where": "decimal(38,10)", "user": "real",
        "group": "double precision", "default": "boolean", "end": "char(3)", "rows": "varchar(12)", "tag": "date",
    }  # fmt: skip
    table = Table(
        "table",
        tuple(Column(name, kind) for name, kind in kinds.items()),
        primary_key=("select",),
        order_by=("order",),
        redshift=RedshiftHints("key", "select", ("order", "select")),
    )
    moment = datetime.fromisoformat("2026-11-20T13:01:02.345678")
    full = (
        2**62, moment, -(2**15), Decimal("-1234567890123456789012345678.0123456789"), 0.5, 1e300, True, "xyz", "öööööö",
        date(1999, 12, 31),
    )  # fmt: skip
    empty = (1, moment, *[None] * 8)

    loads.load(table, {batch_id(1): [full, empty]})
    loads.load(table, {batch_id(2): [full]})

    assert loads.rows("table", kinds) == [empty, full]
    assert loads.rows("table", ("select", "_batch_id")) == [(1, batch_id(1)), (2**62, batch_id(2))]


def test_a_text_that_is_too_long_in_bytes_fails_its_batch_alone(loads: Loads) -> None:
    """Ten letters fit into varchar(10) only when each is one byte."""
    good, bad = batch_id(1), batch_id(2)

    outcome = loads.load(THINGS, {good: [row(1, 1, "a" * 10)], bad: [row(2, 1, "ä" * 10)]})

    assert loads.rows() == [stored(row(1, 1, "a" * 10), good)]
    assert outcome[good].error == ""
    assert outcome[bad].error.startswith("WarehouseError: table public.things: stage: ")
    assert not outcome[bad].is_transient
    assert [entry[1] for entry in loads.audit()] == [good]
    assert loads.staging_tables() == []


versions = st.integers(1, 3)
rows_of_a_batch = st.lists(
    st.tuples(st.integers(1, 4), versions, st.sampled_from(["a", "b", None])), max_size=4, unique_by=lambda r: r[0]
)
SCHEMAS = count(1)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), contents=st.lists(rows_of_a_batch, min_size=2, max_size=4))
def test_any_order_grouping_and_repetition_of_loads_gives_the_newest_row_per_key(
    loads: Loads, data: st.DataObject, contents: list[list[tuple[int, int, str | None]]]
) -> None:
    loads.schema = f"example_{next(SCHEMAS)}"
    batches: dict[str, Rows] = {
        batch_id(hour % 3, hour + 1): [row(*values) for values in rows] for hour, rows in enumerate(contents)
    }
    order = data.draw(st.permutations(sorted(batches)))
    repeated = data.draw(st.lists(st.sampled_from(order), max_size=2))
    edges = sorted(data.draw(st.sets(st.integers(1, len(order) - 1))) | {0, len(order)})
    groups = [order[begin:end] for begin, end in pairwise(edges)]

    for group in [*groups, *([batch] for batch in repeated)]:
        loads.load(THINGS, {batch: batches[batch] for batch in group})

    assert loads.rows() == newest(batches)
    audit = loads.audit()
    assert [entry[1] for entry in audit] == sorted(batches)
    assert [entry[4] for entry in audit] == [len(batches[batch]) for batch in sorted(batches)]
    assert all(
        staged == sum(parts) for *_, staged, inserted, updated, stale in audit for parts in [(inserted, updated, stale)]
    )


def newest(batches: Mapping[str, Rows]) -> list[Row]:
    found: dict[int, Row] = {}
    for batch, rows in batches.items():
        for values in rows:
            known = found.get(values[0])
            if known is None or (values[1], batch) > (known[1], known[4]):
                found[values[0]] = stored(values, batch)
    return sorted(found.values(), key=repr)


def test_a_dataset_of_two_tables_loads_a_batch_only_when_both_are_loaded(loads: Loads) -> None:
    parts = things(name="parts")
    contract = contract_of(THINGS, parts)
    good, bad = batch_id(1), batch_id(2)
    published = {
        batch: {table.name: (loads.publish(table, batch, [row(key, 1, "x")]),) for table in contract.tables}
        for key, batch in enumerate([good, bad])
    }
    loads.s3.delete_object(Bucket=loads.bucket, Key=f"parts/{bad}/part-0.parquet")

    outcome = loads.run(contract, loads.dispatch(contract, published))

    assert loads.rows() == [stored(row(0, 1, "x"), good), stored(row(1, 1, "x"), bad)]
    assert loads.rows("parts") == [stored(row(0, 1, "x"), good)]
    assert outcome[good].error == ""
    assert sorted(outcome[good].tables) == ["parts", "things"]
    assert "table public.parts: stage" in outcome[bad].error
    assert sorted(outcome[bad].tables) == ["things"]


def test_blanks_at_the_end_of_a_text_make_no_other_key(loads: Loads) -> None:
    """Redshift takes such keys for one, so a MERGE that had both would find two source rows for one of the target.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html (significance of trailing blanks)
    """
    named = things(columns=(Column("id", "varchar(5)"), *THINGS.columns[1:]))
    first, second = batch_id(1), batch_id(2)

    together = loads.load(
        named, {first: [("A", 1, "one", None), ("B ", 1, "b", None)], second: [("A  ", 2, "two", None)]}
    )
    later = loads.load(named, {batch_id(3): [("A ", 3, "three", None), ("B", 2, "b", None), (" A", 1, "other", None)]})

    assert loads.rows(columns=("id", "version", "name")) == [(" A", 1, "other"), ("A", 3, "three"), ("B", 2, "b")]
    assert counts(together) == {first: (2, 1, 0, 1), second: (1, 1, 0, 0)}
    assert counts(later) == {batch_id(3): (3, 1, 2, 0)}
