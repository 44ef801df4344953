"""Full refreshes that a batch keeps out: what a table shows, and how a batch is taken out of the table's account.

A table of load mode ``full_refresh`` shows the newest batch that was ever loaded into it. One that should never have
been, such as one of a partition that was dated too late, makes every later refresh stale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sluice.warehouse.audit import AUDIT
from sluice.warehouse.quoting import lines, literal
from sluice.warehouse.target import Target

COLUMNS = ("table", "shows batch", "partition", "since", "loads held back")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a table of full refreshes shows.

    Attributes:
        table: The table.
        batch_id: The batch that it shows.
        partition: Label of the batch's partition.
        loaded_at: When the batch was loaded, as the warehouse writes it, in UTC.
        held_back: Loads after it whose batch was older, so that they changed nothing.
    """

    table: str
    batch_id: str
    partition: str
    loaded_at: str
    held_back: int

    @classmethod
    def from_row(cls, row: Sequence[object]) -> "Shown":
        """Read a row of `select_shown`."""
        table, batch_id, partition, loaded_at, held_back = row
        return cls(str(table), str(batch_id), str(partition), str(loaded_at), int(str(held_back)))


def select_shown(target: Target) -> str:
    """The query of what a table shows; without a row where nothing was loaded into it.

    Args:
        target: A table of load mode ``full_refresh``.
    """
    name = literal(target.table.name)
    audit = f'"table_schema" = {literal(target.schema)} AND "table_name" = {name}'
    return lines(
        f'SELECT CAST({name} AS varchar(128)), shown."batch_id", shown."partition_label", shown."loaded_at",',
        f'(SELECT COUNT(*) FROM {AUDIT} AS later WHERE {audit} AND later."batch_id" < shown."batch_id"',
        # GETDATE() has whole seconds: of the same one, what was stale came later.
        'AND (later."loaded_at" > shown."loaded_at" OR',
        'later."loaded_at" = shown."loaded_at" AND later."rows_stale" > 0))',
        f'FROM (SELECT "batch_id", "partition_label", MAX("loaded_at") AS "loaded_at" FROM {AUDIT} WHERE {audit}',
        f'AND "batch_id" IN (SELECT MAX("batch_id") FROM {target.loads} WHERE {target.is_meant})',
        'GROUP BY "batch_id", "partition_label") AS shown',
    )


def take_out(target: Target, batch_id: str) -> tuple[str, ...]:
    """The transaction that takes a batch out of the account by which loads of a table go.

    The table's rows stay until the next refresh, and the history of all loads stays for good. It waits for a load that
    is at work.

    Args:
        target: A table of load mode ``full_refresh``.
        batch_id: The batch.
    """
    return (
        f"LOCK {target.loads}",
        f'DELETE FROM {target.loads} WHERE {target.is_meant} AND "batch_id" = {literal(batch_id)}',
    )
