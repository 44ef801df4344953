"""Targets follow their contract: columns come, varchar grows, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from sluice.contract.model import Column, RedshiftHints, Table
from sluice.failures import Verdict
from tests.warehouse.loads import Loads, arrow_table, batch_id, contract_of, row, things

THINGS = things()


def changed(name: str, kind: str) -> Table:
    columns = tuple(Column(name, kind) if column.name == name else column for column in THINGS.columns)
    return things(columns=columns)


def live_columns(loads: Loads) -> list[tuple[str, str, int | None]]:
    sql = (
        "SELECT column_name, data_type, character_maximum_length FROM svv_columns "
        "WHERE table_schema = 'public' AND table_name = 'things' ORDER BY ordinal_position"
    )
    return [(name, kind, length) for name, kind, length in loads.warehouse.rows(sql)]


def test_a_new_column_comes_after_the_others_and_old_rows_have_null_there(loads: Loads) -> None:
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})
    wider = things(columns=(*THINGS.columns, Column("color", "varchar(8)", encode="zstd")))

    outcome = loads.load(wider, {batch_id(2): [(*row(1, 2, "two"), "red"), (*row(2, 1, "new"), None)]})

    assert outcome[batch_id(2)].error == ""
    assert [name for name, _, _ in live_columns(loads)] == [
        "id", "version", "name", "price", "_batch_id", "_source_file", "color",
    ]  # fmt: skip
    assert loads.rows(columns=("id", "name", "color", "_batch_id")) == [
        (1, "two", "red", batch_id(2)),
        (2, "new", None, batch_id(2)),
    ]


def test_a_column_that_left_the_contract_stays_and_keeps_its_values(loads: Loads) -> None:
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})
    narrower = things(columns=THINGS.columns[:3])

    loads.load(narrower, {batch_id(2): [(2, 1, "two")]})

    assert loads.rows(columns=("id", "name", "price")) == [(1, "one", Decimal("1.00")), (2, "two", None)]


def test_the_longest_url_of_a_source_file_is_loaded(loads: Loads) -> None:
    batch = batch_id(1)
    url = f"s3://{'b' * 63}/{'k' * 1024}"
    published = loads.publish_arrow(THINGS, batch, arrow_table(THINGS, [(*row(1, 1, "one"), batch, url)]))

    outcome = loads.run(contract_of(THINGS), loads.dispatch(contract_of(THINGS), {batch: {"things": [published]}}))

    assert outcome[batch].error == ""
    assert loads.rows(columns=("id", "_source_file")) == [(1, url)]


def test_a_longer_varchar_is_taken_over(loads: Loads) -> None:
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})

    outcome = loads.load(changed("name", "varchar(20)"), {batch_id(2): [row(1, 2, "ä" * 10)]})

    assert outcome[batch_id(2)].error == ""
    assert ("name", "character varying", 20) in live_columns(loads)
    assert loads.rows(columns=("id", "name")) == [(1, "ä" * 10)]


def test_a_key_column_can_grow_too(loads: Loads) -> None:
    columns = (Column("id", "varchar(2)"), *THINGS.columns[1:])
    loads.load(things(columns=columns), {batch_id(1): [("a", 1, "one", None)]})
    longer = things(columns=(Column("id", "varchar(4)"), *THINGS.columns[1:]))

    loads.load(longer, {batch_id(2): [("aaaa", 1, "two", None), ("a", 2, "three", None)]})

    assert loads.rows(columns=("id", "name")) == [("a", "three"), ("aaaa", "two")]


def test_a_wider_decimal_takes_the_old_ones_place_and_loses_nothing(loads: Loads) -> None:
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one", "123456.78"), row(2, 1, "two", None), row(3, 1, "three", "0")]})

    outcome = loads.load(changed("price", "decimal(12,4)"), {batch_id(2): [row(1, 2, "one", "12345678.9012")]})

    assert outcome[batch_id(2)].error == ""
    assert loads.rows(columns=("id", "price", "price__decimal_8_2")) == [
        (1, Decimal("12345678.9012"), Decimal("123456.78")),
        (2, None, None),
        (3, Decimal("0.0000"), Decimal("0.00")),
    ]
    sql = (
        "SELECT column_name, numeric_precision, numeric_scale FROM svv_columns "
        "WHERE table_schema = 'public' AND table_name = 'things' AND data_type = 'numeric' ORDER BY 1"
    )
    assert loads.warehouse.rows(sql) == [("price", 12, 4), ("price__decimal_8_2", 8, 2)]
    assert loads.load(changed("price", "decimal(14,4)"), {batch_id(3): []})[batch_id(3)].error == ""
    assert [row[0] for row in loads.warehouse.rows(sql)] == ["price", "price__decimal_12_4", "price__decimal_8_2"]


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (
            things(columns=(Column("id", "decimal(8,0)"), *THINGS.columns[1:])),
            "a column of the key cannot be replaced",
        ),
        (
            things(columns=(*THINGS.columns, Column("id2", "decimal(8,0)")), redshift=RedshiftHints("key", "id2")),
            "a column by which the table is distributed or sorted cannot be replaced",
        ),
        (
            things(columns=(*THINGS.columns, Column("id2", "decimal(8,0)"), Column("id2__decimal_8_0", "integer"))),
            "a column id2__decimal_8_0 is there already",
        ),
    ],
)
def test_a_decimal_that_others_depend_on_does_not_grow(loads: Loads, table: Table, why: str) -> None:
    loads.load(table, {batch_id(1): []})
    before = live_columns(loads)
    name = "id" if "key cannot" in why else "id2"
    wider = replace(
        table, columns=tuple(Column(c.name, "decimal(9,0)") if c.name == name else c for c in table.columns)
    )

    outcome = loads.load(wider, {batch_id(2): []})

    wanted = f"column {name} is numeric(8,0) in the warehouse and decimal(9,0) in the contract ({why}). "
    assert wanted in outcome[batch_id(2)].error
    assert live_columns(loads) == before


@pytest.mark.parametrize(
    ("name", "kind", "live"),
    [
        ("name", "char(10)", "character varying(10)"),
        ("price", "decimal(10,5)", "numeric(8,2)"),
        ("price", "decimal(38,1)", "numeric(8,2)"),
        ("price", "double precision", "numeric(8,2)"),
        ("version", "bigint", "integer"),
        ("version", "date", "integer"),
    ],
)
def test_any_other_change_of_a_type_is_refused_and_changes_nothing(
    loads: Loads, name: str, kind: str, live: str
) -> None:
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})
    before = (loads.rows(), loads.audit(), live_columns(loads))
    first, second = batch_id(2), batch_id(3)

    outcome = loads.load(changed(name, kind), {first: [], second: []})

    message = (
        f"WarehouseError: table public.things: column {name} is {live} in the warehouse and {kind} in the contract. "
        "A table can gain columns, longer varchar columns and wider decimal columns; "
        "any other change of a type needs a new column or a new table"
    )
    assert {batch: (result.error, result.is_transient) for batch, result in outcome.items()} == {
        first: (message, False),
        second: (message, False),
    }
    assert (loads.rows(), loads.audit(), live_columns(loads)) == before


@pytest.mark.parametrize(
    ("name", "kind", "live"),
    [("name", "varchar(5)", "character varying(10)"), ("price", "decimal(7,2)", "numeric(8,2)")],
)
def test_a_load_by_the_contract_of_yesterday_waits_for_that_of_today(
    loads: Loads, name: str, kind: str, live: str
) -> None:
    """The schema sync follows the new contract a moment before the jobs do: no batch is to blame for that."""
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})
    before = (loads.rows(), loads.audit(), live_columns(loads))

    outcome = loads.load(changed(name, kind), {batch_id(2): []})[batch_id(2)]

    assert outcome.error.startswith(
        f"WarehouseAheadError: table public.things: column {name} is {live} in the warehouse and {kind} in the contract"
    )
    assert (outcome.is_transient, outcome.verdict) == (True, Verdict.WORLD)
    assert (loads.rows(), loads.audit(), live_columns(loads)) == before
    assert loads.load(THINGS, {batch_id(2): [row(2, 1, "two")]})[batch_id(2)].error == ""


def test_a_wider_column_beside_one_that_does_not_fit_is_refused(loads: Loads) -> None:
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})
    columns = changed("name", "varchar(5)").columns
    table = things(columns=tuple(Column("version", "date") if one.name == "version" else one for one in columns))

    outcome = loads.load(table, {batch_id(2): []})[batch_id(2)]

    assert outcome.error.startswith("WarehouseError: ")
    assert (outcome.is_transient, outcome.verdict) == (False, Verdict.FINAL)


def test_a_refused_column_keeps_the_good_changes_out_as_well(loads: Loads) -> None:
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})
    before = live_columns(loads)
    table = changed("version", "bigint")

    loads.load(things(columns=(*table.columns, Column("color", "varchar(8)"))), {batch_id(2): []})

    assert live_columns(loads) == before


def test_a_target_that_was_there_before_gets_the_lineage_columns(loads: Loads) -> None:
    loads.warehouse.execute(
        "CREATE TABLE public.things (id integer, version integer, name varchar(10), price decimal(8,2))"
    )
    loads.warehouse.execute("INSERT INTO public.things VALUES (1, 1, 'mine', 2.50), (2, 7, 'mine', NULL)")

    loads.load(THINGS, {batch_id(1): [row(1, 1, "ours"), row(2, 6, "ours")]})

    assert loads.rows(columns=("id", "version", "name", "_batch_id")) == [
        (1, 1, "ours", batch_id(1)),
        (2, 7, "mine", None),
    ]


def test_a_new_target_is_stored_as_the_contract_says(loads: Loads) -> None:
    table = things(redshift=RedshiftHints("key", "id", ("version", "id")))
    loads.schema = "analytics"

    loads.load(table, {batch_id(1): [row(1, 1, "one")]})

    sql = "SELECT diststyle, sortkey1, sortkey_num FROM svv_table_info WHERE \"table\" = 'things'"
    assert loads.warehouse.rows(sql) == [("KEY(id)", "version", 2)]
    sql = "SELECT column_name FROM svv_columns WHERE table_schema = 'analytics' AND is_nullable = 'NO'"
    assert loads.warehouse.rows(sql) == [("id",)]
