"""Which changes of a contract go together with files that were written before."""

import pytest

from sluice.contract.model import Column, Table
from sluice.warehouse.stored import Stored

ID, NAME, PRICE = Column("id", "integer"), Column("name", "varchar(10)"), Column("price", "decimal(8,2)")
MORE = Column("more", "real", required=True)


def table(*columns: Column) -> Table:
    return Table("things", (ID, *columns), primary_key=("id",), order_by=("id",))


FILES = Stored.of_table(table(NAME, PRICE))


def test_what_a_file_says_of_itself_reads_back() -> None:
    written = table(NAME, PRICE, Column("at", "timestamp"), Column("x", "double precision")).written_columns

    assert written[:3] == ("id integer", "name varchar(10)", "price decimal(8,2)")
    assert Stored.of_columns(written, table()) == Stored.of_table(
        table(NAME, PRICE, Column("at", "timestamp"), Column("x", "double precision"))
    )
    assert Stored.of_columns((), table(NAME)) == Stored.of_table(table(NAME))


@pytest.mark.parametrize(
    ("today", "misfit"),
    [
        (table(NAME, PRICE), ""),
        (table(PRICE, NAME), ""),
        (table(NAME, PRICE, Column("color", "varchar(8)")), ""),
        (table(NAME), ""),
        (table(Column("name", "varchar(20)"), Column("price", "decimal(12,4)")), ""),
        (
            table(Column("title", "varchar(10)"), PRICE),
            "the files have name where the contract has title",
        ),
        (
            table(Column("name", "varchar(9)"), PRICE),
            "column name is varchar(10) in the files and varchar(9) in the contract",
        ),
        (
            table(NAME, Column("price", "decimal(10,1)")),
            "column price is decimal(8,2) in the files and decimal(10,1) in the contract",
        ),
        (
            table(NAME, Column("price", "integer")),
            "column price is decimal(8,2) in the files and integer in the contract",
        ),
        (table(NAME, PRICE, MORE), "column more is never null and not in the files"),
    ],
)
def test_a_change_is_reconciled_or_named(today: Table, misfit: str) -> None:
    assert FILES.misfit(today) == misfit


def test_files_without_lineage_go_with_nothing() -> None:
    assert (
        Stored(FILES.types[:-1]).misfit(table(NAME, PRICE)) == "column _source_file is never null and not in the files"
    )
