"""Tables that cannot follow their contract in silence: views on them, fixed encodings, and refreshes without a row."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from localcloud_tests.warehouse.client import Sql
from sluice.contract.model import Column, Table
from sluice.failures import Verdict
from tests.warehouse.loads import Loads, batch_id, contract_of, counts, row, things

WIDER = things(columns=tuple(replace(c, type="decimal(12,2)") if c.name == "price" else c for c in things().columns))


def encoded(encode: str, width: int) -> Table:
    columns = [Column("name", f"varchar({width})", encode=encode) if c.name == "name" else c for c in things().columns]
    return things(columns=tuple(columns))


def test_a_decimal_does_not_grow_under_a_view(loads: Loads) -> None:
    loads.load(things(), {batch_id(1): [row(1, 1, "one", "5.00")]})
    loads.warehouse.execute("CREATE VIEW public.prices AS SELECT id, price FROM public.things")
    loads.warehouse.execute("CREATE VIEW public.names AS SELECT id, name FROM public.things")
    before = loads.rows()

    outcome = loads.load(WIDER, {batch_id(2): [row(1, 2, "one", "7.00")]})

    assert outcome[batch_id(2)].error == (
        "WarehouseError: table public.things: column price is numeric(8,2) in the warehouse and decimal(12,2) in the "
        "contract (public.prices would go on showing the old column: drop what shows it, and make it again after the "
        "next load). A table can gain columns, longer varchar columns and wider decimal columns; any other change of a "
        "type needs a new column or a new table"
    )
    assert loads.rows() == before

    loads.warehouse.execute("DROP VIEW public.prices")
    loads.load(WIDER, {batch_id(2): [row(1, 2, "one", "7.00")]})
    loads.warehouse.execute("CREATE VIEW public.prices AS SELECT id, price FROM public.things")

    assert loads.warehouse.rows("SELECT id, price FROM public.prices") == [(1, Decimal("7.00"))]
    assert loads.warehouse.rows("SELECT id, name FROM public.names") == [(1, "one")]


@pytest.mark.parametrize("encode", ["bytedict", "runlength", "text255", "text32k"])
def test_a_text_whose_encoding_is_fixed_does_not_grow(loads: Loads, sql: Sql, encode: str) -> None:
    loads.load(encoded(encode, 10), {batch_id(1): [row(1, 1, "one")]})

    outcome = loads.load(encoded(encode, 20), {batch_id(2): [row(1, 2, "two")]})

    assert f"(Redshift cannot alter a column encoded {encode})" in outcome[batch_id(2)].error
    assert "its compression encoding does not allow it" in sql.error(
        "ALTER TABLE public.things ALTER COLUMN name TYPE varchar(20)"
    )
    assert loads.rows(columns=("id", "name")) == [(1, "one")]


def test_a_refresh_without_a_row_empties_nothing_unless_the_contract_allows_it(loads: Loads) -> None:
    table = things("full_refresh")
    loads.load(table, {batch_id(1): [row(1, 1, "one")]})
    empty = {batch_id(2): {"things": ()}}

    refused = loads.run(contract_of(table), loads.dispatch(contract_of(table), empty))

    assert refused[batch_id(2)].error.startswith(
        f"EmptyDeliveryError: table public.things: batch {batch_id(2)} has no row, and a full refresh "
    )
    assert refused[batch_id(2)].verdict == Verdict.FINAL
    assert loads.rows(columns=("id", "name")) == [(1, "one")]

    allowing = replace(contract_of(table), allow_empty=True)
    allowed = loads.run(allowing, loads.dispatch(allowing, empty))

    assert counts(allowed) == {batch_id(2): (0, 0, 0, 0)}
    assert loads.rows() == []
