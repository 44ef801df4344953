"""Whether Athena, Spectrum and the warehouse's tables say the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy.compare import Difference
from sluice.analysis import Reader, Schemas, count_rows, queries, render
from sluice.contract import Contract

Row = tuple[object, ...]
Run = Callable[[str], Sequence[Row]]
"""Runs a statement and gives its rows."""


@dataclass(frozen=True)
class Readers:
    """The three ways to the same rows.

    Attributes:
        runs: How a statement is run, by reader.
        contracts: The contracts by dataset.
        schemas: Where each reader finds the tables.
    """

    runs: Mapping[Reader, Run]
    contracts: Mapping[str, Contract]
    schemas: Schemas

    def count(self) -> dict[str, dict[Reader, int]]:
        """The number of current rows of every table, through each reader."""
        return {
            table.name: {reader: self._count(reader, contract, table.name) for reader in Reader}
            for contract in self.contracts.values()
            for table in contract.tables
        }

    def answers(self) -> Iterator[tuple[str, dict[Reader, Sequence[Row]]]]:
        """Every analysis query's name and its rows through each reader."""
        for query in queries():
            statements = {reader: render(query, reader, self.contracts, self.schemas) for reader in Reader}
            yield query.name, {reader: self.runs[reader](sql) for reader, sql in statements.items()}

    def _count(self, reader: Reader, contract: Contract, table: str) -> int:
        [(number,)] = self.runs[reader](count_rows(contract, contract.table(table), reader, self.schemas))
        return int(str(number))


def compare_counts(counts: Mapping[str, Mapping[Reader, int]]) -> Iterator[Difference]:
    """Every table of which a reader of files sees another number of rows than the warehouse has."""
    for table, by_reader in counts.items():
        for reader in (Reader.ATHENA, Reader.SPECTRUM):
            if by_reader[reader] != by_reader[Reader.REDSHIFT]:
                yield Difference(table, "", f"rows through {reader}", by_reader[Reader.REDSHIFT], by_reader[reader])


def compare_answers(name: str, answers: Mapping[Reader, Sequence[Row]]) -> Iterator[Difference]:
    """Every row in which a reader's answer to a query differs from the warehouse's.

    Numbers are compared by their value: the readers agree on a sum, and not on whether it is an integer or a decimal
    without digits after its point.
    """
    wanted = answers[Reader.REDSHIFT]
    for reader in (Reader.ATHENA, Reader.SPECTRUM):
        found = answers[reader]
        if len(found) != len(wanted):
            yield Difference(f"query {name}", "", f"rows through {reader}", len(wanted), len(found))
        for place, (expected, got) in enumerate(zip(wanted, found, strict=False), start=1):
            if tuple(expected) != tuple(got):
                yield Difference(f"query {name}", str(place), f"row through {reader}", expected, got)
