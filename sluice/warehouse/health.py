"""Health queries: what tells whether the tables are fresh, complete and free of doubled keys.

They are for people as much as for `sluice doctor`: each runs as it is in any client of the warehouse.
"""

from collections.abc import Iterable

from sluice.contract import Contract, Table
from sluice.contract.model import BATCH_ID
from sluice.warehouse.audit import AUDIT
from sluice.warehouse.quoting import identifier, lines, literal, names, qualified


def freshness() -> str:
    """When each dataset was last loaded, and which partition is its newest: one row per dataset."""
    return lines(
        'SELECT "dataset", MAX("partition_label") AS "newest_partition", MAX("loaded_at") AS "last_load",',
        'DATEDIFF(minute, MAX("loaded_at"), GETDATE()) AS "minutes_ago"',
        f"FROM {AUDIT}",
        'GROUP BY "dataset"',
        'ORDER BY "dataset"',
    )


def rows_per_load(days: int = 1) -> str:
    """Rows of each batch and table that was loaded lately; ``unaccounted`` is 0 in every row.

    Args:
        days: How many days back.
    """
    return lines(
        'SELECT "dataset", "table_name", "batch_id", "loaded_at", "rows_staged", "rows_inserted", "rows_updated",',
        '"rows_stale", "rows_staged" - "rows_inserted" - "rows_updated" - "rows_stale" AS "unaccounted"',
        f"FROM {AUDIT}",
        f'WHERE "loaded_at" >= DATEADD(day, -{int(days)}, GETDATE())',
        'ORDER BY "loaded_at" DESC, "batch_id" DESC, "table_name"',
    )


def loads_by_table(days: int = 1) -> str:
    """The sums of `rows_per_load`: one row per table.

    Args:
        days: How many days back.
    """
    return lines(
        'SELECT "table_name", COUNT(*) AS "loads", SUM("rows_staged") AS "rows_staged",',
        'SUM(CASE WHEN "rows_staged" = "rows_inserted" + "rows_updated" + "rows_stale" THEN 0 ELSE 1 END) '
        'AS "unbalanced"',
        f"FROM {AUDIT}",
        f'WHERE "loaded_at" >= DATEADD(day, -{int(days)}, GETDATE())',
        'GROUP BY "table_name"',
        'ORDER BY "table_name"',
    )


def bad_keys(schema: str, table: Table) -> str | None:
    """How many rows have a null in their key, and how many keys stand in more than one row; both are 0.

    With ``append`` a key may come again in another partition, so it is counted within each batch.

    Args:
        schema: Schema of the table.
        table: The table.

    Returns:
        None for a table without a key.
    """
    if not table.primary_key:
        return None
    target = qualified(schema, table.name)
    columns = (*table.primary_key, *((BATCH_ID,) if table.load == "append" else ()))
    is_null = " OR ".join(f"{identifier(name)} IS NULL" for name in table.primary_key)
    return lines(
        f'SELECT {literal(table.name)} AS "table_name",',
        f'(SELECT COUNT(*) FROM {target} WHERE {is_null}) AS "null_keys",',
        f"(SELECT COUNT(*) FROM (SELECT {names(columns)} FROM {target}",
        f'GROUP BY {names(columns)} HAVING COUNT(*) > 1) AS "doubled") AS "doubled_keys"',
    )


def tables_with_keys(contracts: Iterable[Contract]) -> list[Table]:
    """The tables that `bad_keys` has a query for."""
    return [table for contract in contracts for table in contract.tables if table.primary_key]
