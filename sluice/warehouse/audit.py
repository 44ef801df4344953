"""The account of loads: which batch was loaded into which table, and what became of its rows.

It is kept twice: for each target by itself, which is what loads go by, and once for all targets, which is for people
and is only ever added to. Both are written in the transaction that moves the rows.
"""

from collections.abc import Iterable, Iterator, Sequence

from sluice.contract.model import BATCH_ID
from sluice.lake.handover import LoadCounts
from sluice.warehouse.batches import BATCHES, batch_id_lists
from sluice.warehouse.quoting import OWN_SCHEMA, identifier, lines, literal, names, qualified
from sluice.warehouse.staging import Staging
from sluice.warehouse.target import Target

AUDIT_TABLE = "load_audit"
AUDIT = qualified(OWN_SCHEMA, AUDIT_TABLE)

_COUNTS = ("rows_staged", "rows_inserted", "rows_updated", "rows_stale")
_COLUMNS = (
    "dataset", "table_schema", "table_name", "batch_id", "partition_label", "load_mode", "claim_id",
    *_COUNTS, "loaded_at",
)  # fmt: skip
_BATCH = identifier(BATCH_ID)


def insert_audit(staging: Staging, claim_id: str, kept: str, updated: str | None = None) -> tuple[str, str]:
    """The statements that book every batch that is still in the list of batches, those without rows included.

    They run before the target changes: what is new and what is known can be told only then.

    Args:
        staging: The staging table.
        claim_id: The claim that the load works for.
        kept: Query of ``_batch_id`` and ``rows``: how many rows of a batch reach the target.
        updated: Query of the same form: how many of those replace a row; None when none does.
    """
    return _insert_loads(staging, kept, updated), _insert_history(staging.target, claim_id)


def _insert_loads(staging: Staging, kept: str, updated: str | None) -> str:
    target = staging.target
    staged = f'SELECT {_BATCH}, COUNT(*) AS "rows" FROM {staging.sql} GROUP BY {_BATCH}'
    updated_rows = "0" if updated is None else _rows("_updated")
    values = (
        f"CAST({literal(target.schema)} AS varchar(128))",
        f'{BATCHES}."batch_id"',
        f'{BATCHES}."partition_label"',
        _rows("_all"),
        f"{_rows('_kept')} - {updated_rows}",
        updated_rows,
        f"{_rows('_all')} - {_rows('_kept')}",
    )
    return lines(
        f"INSERT INTO {target.loads} ({names(('table_schema', 'batch_id', 'partition_label', *_COUNTS))})",
        f"SELECT {', '.join(values)}",
        f"FROM {BATCHES}",
        _join(staged, "_all"),
        _join(kept, "_kept"),
        *([] if updated is None else [_join(updated, "_updated")]),
    )


def _insert_history(target: Target, claim_id: str) -> str:
    """Nothing of the shared table is read here: reading and adding would let loads of other tables conflict."""
    booked = identifier("_booked")
    values = (
        f"CAST({literal(target.dataset)} AS varchar(128))",
        f'{booked}."table_schema"',
        f"CAST({literal(target.table.name)} AS varchar(128))",
        f'{booked}."batch_id"',
        f'{booked}."partition_label"',
        f"CAST({literal(target.table.load)} AS varchar(16))",
        f"CAST({literal(claim_id)} AS varchar(256))",
        names(_COUNTS, booked),
        "GETDATE()",
    )
    return lines(
        f"INSERT INTO {AUDIT} ({names(_COLUMNS)})",
        f"SELECT {', '.join(values)}",
        f'FROM {target.loads} AS {booked} INNER JOIN {BATCHES} ON {booked}."batch_id" = {BATCHES}."batch_id"',
        f"WHERE {target.is_meant}",
    )


def _rows(alias: str) -> str:
    return f'COALESCE({identifier(alias)}."rows", 0)'


def _join(query: str, alias: str) -> str:
    return f'LEFT JOIN ({query}) AS {identifier(alias)} ON {identifier(alias)}.{_BATCH} = {BATCHES}."batch_id"'


def select_counts(target: Target, batch_ids: Iterable[str]) -> Iterator[str]:
    """The queries of what is booked of batches of one table."""
    for listed in batch_id_lists(batch_ids):
        yield lines(
            f"SELECT {names(('batch_id', *_COUNTS))}",
            f"FROM {target.loads}",
            f'WHERE {target.is_meant} AND "batch_id" IN ({listed})',
        )


def read_counts(rows: Iterable[Sequence[object]]) -> dict[str, LoadCounts]:
    """Counts by batch, from the rows that `select_counts` gives."""
    return {str(batch_id): LoadCounts(*(int(str(count)) for count in counts)) for batch_id, *counts in rows}
