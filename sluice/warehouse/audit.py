"""The audit table: which batch was loaded into which table, and what became of its rows."""

from collections.abc import Iterable, Iterator, Sequence

from sluice.contract.model import BATCH_ID
from sluice.handover import LoadCounts
from sluice.warehouse.batches import BATCHES, batch_id_lists
from sluice.warehouse.quoting import OWN_SCHEMA, identifier, lines, literal, names, qualified
from sluice.warehouse.staging import Staging

AUDIT_TABLE = "load_audit"
AUDIT = qualified(OWN_SCHEMA, AUDIT_TABLE)

_COLUMNS = (
    "dataset", "table_schema", "table_name", "batch_id", "partition_label", "load_mode", "claim_id",
    "rows_staged", "rows_inserted", "rows_updated", "rows_stale", "loaded_at",
)  # fmt: skip
_BATCH = identifier(BATCH_ID)


def insert_audit(staging: Staging, claim_id: str, kept: str, updated: str | None = None) -> str:
    """The statement that books every batch that is still in the list of batches, those without rows included.

    It runs before the target changes: what is new and what is known can be told only then.

    Args:
        staging: The staging table.
        claim_id: The claim that the load works for.
        kept: Query of ``_batch_id`` and ``rows``: how many rows of a batch reach the target.
        updated: Query of the same form: how many of those replace a row; None when none does.
    """
    target = staging.target
    staged = f'SELECT {_BATCH}, COUNT(*) AS "rows" FROM {staging.sql} GROUP BY {_BATCH}'
    updated_rows = "0" if updated is None else _rows("_updated")
    values = (
        f"CAST({literal(target.dataset)} AS varchar(128))",
        f"CAST({literal(target.schema)} AS varchar(128))",
        f"CAST({literal(target.table.name)} AS varchar(128))",
        f'{BATCHES}."batch_id"',
        f'{BATCHES}."partition_label"',
        f"CAST({literal(target.table.load)} AS varchar(16))",
        f"CAST({literal(claim_id)} AS varchar(256))",
        _rows("_all"),
        f"{_rows('_kept')} - {updated_rows}",
        updated_rows,
        f"{_rows('_all')} - {_rows('_kept')}",
        "GETDATE()",
    )
    return lines(
        f"INSERT INTO {AUDIT} ({names(_COLUMNS)})",
        f"SELECT {', '.join(values)}",
        f"FROM {BATCHES}",
        _join(staged, "_all"),
        _join(kept, "_kept"),
        *([] if updated is None else [_join(updated, "_updated")]),
    )


def _rows(alias: str) -> str:
    return f'COALESCE({identifier(alias)}."rows", 0)'


def _join(query: str, alias: str) -> str:
    return f'LEFT JOIN ({query}) AS {identifier(alias)} ON {identifier(alias)}.{_BATCH} = {BATCHES}."batch_id"'


def select_counts(batch_ids: Iterable[str]) -> Iterator[str]:
    """The queries of what the audit says of batches of one table; each takes ``table_schema`` and ``table_name``."""
    for listed in batch_id_lists(batch_ids):
        yield lines(
            'SELECT "batch_id", "rows_staged", "rows_inserted", "rows_updated", "rows_stale"',
            f"FROM {AUDIT}",
            f'WHERE "table_schema" = :table_schema AND "table_name" = :table_name AND "batch_id" IN ({listed})',
        )


def read_counts(rows: Iterable[Sequence[object]]) -> dict[str, LoadCounts]:
    """Counts by batch, from the rows that `select_counts` gives."""
    return {str(batch_id): LoadCounts(*(int(str(count)) for count in counts)) for batch_id, *counts in rows}
