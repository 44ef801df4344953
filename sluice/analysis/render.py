"""Analysis queries as statements of one reader.

The warehouse's tables hold the current version of each row. Published files hold every version that a partition
brought, so a statement that reads them begins with the current versions of its tables: of an ``upsert`` table the
newest of each key, as the MERGE decides it; of an ``append`` table the rows of each partition's newest batch; of a
``full_refresh`` table those of the newest batch. They differ from the warehouse's in one case: a key that a partition
no longer has when it is sent again stays in an ``upsert`` table, and is gone from the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sluice.analysis.quarantine import Span, partition_keys, partition_predicate
from sluice.analysis.query import Query
from sluice.contract import BATCH_ID, SOURCE_FILE, Contract, Table
from sluice.errors import TerminalError
from sluice.settings import Settings
from sluice.warehouse.fixed import filled
from sluice.warehouse.quoting import identifier, lines, names, qualified


class Reader(StrEnum):
    """Through what a table is read."""

    ATHENA = "athena"
    SPECTRUM = "spectrum"
    REDSHIFT = "redshift"

    @property
    def reads_files(self) -> bool:
        """Whether it reads the published files, and not the warehouse's tables."""
        return self is not Reader.REDSHIFT


class UnknownTableError(TerminalError):
    """A query reads a table that no contract has; the message names both."""


@dataclass(frozen=True, slots=True)
class Schemas:
    """Where each reader finds the tables.

    Attributes:
        athena: Catalog database of the published tables.
        spectrum: External schema over it.
        redshift: Schema of the warehouse's tables.
    """

    athena: str
    spectrum: str
    redshift: str

    @classmethod
    def from_settings(cls, settings: Settings) -> "Schemas":
        """Read them from the settings."""
        return cls(settings.processed_database, settings.spectrum_schema, settings.warehouse_schema)

    def table(self, reader: Reader, name: str) -> str:
        """A table's name for a reader, quoted."""
        return qualified(getattr(self, reader), name)


def render(
    query: Query, reader: Reader, contracts: Mapping[str, Contract], schemas: Schemas, span: Span | None = None
) -> str:
    """A query as one statement.

    Args:
        query: The query.
        reader: Who runs it.
        contracts: The contracts by dataset.
        schemas: Where the tables are.
        span: Partitions to read; all when not given. Only the files know partitions: in the warehouse a span is no
            part of the statement.

    Raises:
        UnknownTableError: No contract has a table that the query reads.
        ValueError: A span is given for the warehouse's tables.
    """
    if span is not None and not reader.reads_files:
        raise ValueError("the tables of the warehouse have no partitions: leave the span out, or read the files")
    found = {name: _find(name, query.name, contracts) for name in query.tables}
    if not reader.reads_files:
        return filled(query.sql, {name: schemas.table(reader, name) for name in found})
    current = [
        f"{_current_name(name)} AS (\n{current_versions(*place, schemas.table(reader, name), span or Span())}\n)"
        for name, place in found.items()
    ]
    body = filled(query.sql, {name: _current_name(name) for name in found})
    return f"WITH {', '.join(current)}\n{body}"


def count_rows(contract: Contract, table: Table, reader: Reader, schemas: Schemas) -> str:
    """The statement that counts the current rows of one table: one row with one number.

    Args:
        contract: The table's contract.
        table: The table.
        reader: Who runs it.
        schemas: Where the table is.
    """
    name = schemas.table(reader, table.name)
    if not reader.reads_files:
        return f"SELECT COUNT(*) AS row_count FROM {name}"  # noqa: S608 - a quoted name
    return lines(
        "SELECT COUNT(*) AS row_count",
        f"FROM (\n{current_versions(contract, table, name, Span())}\n) AS current_rows",
    )


def current_versions(contract: Contract, table: Table, name: str, span: Span) -> str:
    """The query of a published table's current rows, all stored columns.

    Args:
        contract: The table's contract.
        table: The table.
        name: What the reader calls it, quoted.
        span: Partitions to read.
    """
    columns = names(table.stored_types)
    select = {"upsert": _newest_of_key, "append": _newest_of_partition, "full_refresh": _newest_of_all}[table.load]
    condition, chosen = select(contract, table)
    return lines(
        f"SELECT {columns}",
        "FROM (",
        f"SELECT {columns}, {chosen} AS {_CHOSEN}",
        f"FROM {name}",
        *partition_predicate(contract, span),
        ") AS published_rows",
        f"WHERE {condition}",
    )


_CHOSEN = identifier("_chosen")


def _newest_of_key(_: Contract, table: Table) -> tuple[str, str]:
    order = dict.fromkeys((*table.order_by, BATCH_ID, SOURCE_FILE))
    newest_first = ", ".join(f"{identifier(name)} DESC NULLS LAST" for name in order)
    number = f"ROW_NUMBER() OVER (PARTITION BY {names(table.primary_key)} ORDER BY {newest_first})"
    return f"{_CHOSEN} = 1", number


def _newest_of_partition(contract: Contract, _: Table) -> tuple[str, str]:
    keys = names(partition_keys(contract))
    return f"{identifier(BATCH_ID)} = {_CHOSEN}", f"MAX({identifier(BATCH_ID)}) OVER (PARTITION BY {keys})"


def _newest_of_all(_: Contract, __: Table) -> tuple[str, str]:
    return f"{identifier(BATCH_ID)} = {_CHOSEN}", f"MAX({identifier(BATCH_ID)}) OVER ()"


def _current_name(table: str) -> str:
    return identifier(f"current_{table}")


def _find(name: str, query: str, contracts: Mapping[str, Contract]) -> tuple[Contract, Table]:
    for contract in contracts.values():
        for table in contract.tables:
            if table.name == name:
                return contract, table
    raise UnknownTableError(f"query {query} reads table {name}, which no contract has")
