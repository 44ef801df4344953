"""Which batches are loaded into no table: their files no longer fit, or would empty a table."""

from dataclasses import replace

import pytest

from glue_jobs.loading.fit import Files, emptying, outdated
from sluice.contract.model import Column, LoadMode, Table
from sluice.lake.handover import PublishedFile
from sluice.warehouse.target import Target

Batches = dict[str, dict[str, Files]]
NAMES = Table("names", (Column("id", "integer"), Column("name", "varchar(10)")), primary_key=("id",), order_by=("id",))
PRICES = Table(
    "prices", (Column("id", "integer"), Column("price", "decimal(8,2)")), primary_key=("id",), order_by=("id",)
)


def target(table: Table) -> Target:
    return Target("shop", "public", table)


def file(table: Table, rows: int = 1) -> PublishedFile:
    return PublishedFile(f"s3://b/{table.name}", 1, rows, table.written_columns)


def test_a_batch_that_fits_one_table_only_is_loaded_into_none() -> None:
    renamed = replace(PRICES, columns=(PRICES.columns[0], Column("cost", "decimal(8,2)")))
    batches: Batches = {
        "old": {"names": (file(NAMES),), "prices": (file(PRICES),)},
        "new": {"names": (file(NAMES),), "prices": (file(renamed),)},
        "none": {"names": (), "prices": ()},
    }

    found = outdated(batches, [target(NAMES), target(renamed)])

    assert {name: str(error) for name, error in found.items()} == {
        "old": "table public.prices: batch old was converted by another version of the contract: the files have price "
        "where the contract has cost"
    }


def test_files_of_one_batch_have_the_same_columns() -> None:
    wider = replace(NAMES, columns=(*NAMES.columns, Column("more", "real")))

    [error] = outdated({"b": {"names": (file(NAMES), file(wider))}}, [target(wider)]).values()

    assert str(error).endswith("its files have different columns")


@pytest.mark.parametrize(("mode", "is_refused"), [("full_refresh", True), ("append", False), ("upsert", False)])
def test_a_refresh_without_a_row_would_empty_the_table(mode: LoadMode, is_refused: bool) -> None:
    batches: Batches = {"full": {"names": (file(NAMES),)}, "empty": {"names": (file(NAMES, 0),)}, "none": {"names": ()}}

    found = emptying(batches, [target(replace(NAMES, load=mode))])

    assert sorted(found) == (["empty", "none"] if is_refused else [])
    assert all("`allow_empty: true`" in str(error) for error in found.values())
