"""The days of business that a load affects: noted by the transaction that merges, asked for by what follows it."""

from collections.abc import Iterable, Iterator

from sluice.contract.model import BATCH_ID
from sluice.warehouse.batches import BATCHES, batch_id_lists, by_partition, within
from sluice.warehouse.quoting import identifier, lines, literal, names
from sluice.warehouse.target import Target

_COLUMNS = ("table_schema", "batch_id", "affected_date")
_AFFECTED = identifier("_affected")
_NOTED = identifier("_noted")


def day(column: str) -> str:
    """The day of a date or timestamp.

    Args:
        column: The column, quoted.
    """
    return f"CAST({column} AS date)"


def partition_of(column: str) -> str:
    """The digits of the partition in a batch id.

    Args:
        column: The column of the batch id, quoted.
    """
    return f"SPLIT_PART({column}, '.', 2)"


def insert_dates(target: Target, *queries: str) -> str:
    """The statement that notes days.

    Args:
        target: The table whose days they are.
        queries: Queries of two columns: the batch, and a day that it affects or null. The first names them ``batch_id``
            and ``affected_date``.
    """
    return lines(
        f"INSERT INTO {target.dates} ({names(_COLUMNS)})",
        f"SELECT CAST({literal(target.schema)} AS varchar(128)), {names(_COLUMNS[1:], _AFFECTED)}",
        "FROM (",
        # UNION leaves out what comes twice.
        "\nUNION\n".join(queries),
        f") AS {_AFFECTED}",
        f'WHERE {_AFFECTED}."affected_date" IS NOT NULL',
    )


def sent_before(target: Target, column: str, batch_ids: Iterable[str]) -> str:
    """The query of the days of rows that an older batch of the same partition brought.

    Such a row may no longer be among the partition's published files, whatever becomes of it in the target.
    """
    batch = target.column(BATCH_ID)
    return lines(
        f'SELECT {BATCHES}."batch_id", {day(target.column(column))}',
        f"FROM {target.sql} INNER JOIN {BATCHES}",
        f'ON {partition_of(batch)} = {BATCHES}."partition_digits" AND {batch} < {BATCHES}."batch_id"',
        f"WHERE {within(batch, batch_ids)}",
    )


def noted_before(target: Target, batch_ids: Iterable[str]) -> str:
    """The query of the days that older batches of the same partition noted.

    What `sent_before` cannot see: a version that such a batch brought and that lost, which may have been what was left
    of its row in the published files; and the day that a row left with a batch that failed in another table, so that
    nobody has refreshed that day.
    """
    batch = f'{_NOTED}."batch_id"'
    return lines(
        f'SELECT {BATCHES}."batch_id", {_NOTED}."affected_date"',
        f"FROM {target.dates} AS {_NOTED} INNER JOIN {BATCHES}",
        f'ON {partition_of(batch)} = {BATCHES}."partition_digits" AND {batch} < {BATCHES}."batch_id"',
        f"WHERE {target.is_meant} AND {within(batch, batch_ids)}",
    )


def select_dates(target: Target, batch_ids: Iterable[str]) -> Iterator[str]:
    """The queries of the days that batches affect in one table."""
    for listed in batch_id_lists(batch_ids):
        yield lines(
            'SELECT DISTINCT "affected_date"',
            f"FROM {target.dates}",
            f'WHERE {target.is_meant} AND "batch_id" IN ({listed})',
        )


def select_referring(
    facts: Target, column: str, dimension: Target, key: str, batch_ids: Iterable[str]
) -> Iterator[str]:
    """The queries of the days of facts that refer to rows of the partitions that these batches brought.

    They ask for what the target holds, so they must run after the merge: facts that are loaded at the same time either
    are seen here, or see the new rows when they are aggregated themselves.

    Args:
        facts: The table that refers.
        column: Its business date.
        dimension: The table that is referred to.
        key: Column of both by which it is.
        batch_ids: Batches of the dimension.
    """
    batch = dimension.column(BATCH_ID)
    for some in by_partition(batch_ids):
        yield lines(
            f"SELECT DISTINCT {day(facts.column(column))}",
            f"FROM {facts.sql}",
            f"WHERE {facts.column(column)} IS NOT NULL AND {facts.column(key)} IN (",
            f"SELECT {dimension.column(key)} FROM {dimension.sql} WHERE {within(batch, some)}",
            ")",
        )
