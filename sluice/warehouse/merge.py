"""The transaction that moves staged rows into their target and writes the audit rows: all of it or nothing.

Its first statement locks the target, so that its snapshot is taken when no other writer is at work. Batches that the
audit table already has are forgotten at once, which makes a repeated load change nothing.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html (both WHEN clauses, no conditions in them, only
equalities, a table as source, no name before the columns that SET changes) and
https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html (when a snapshot is taken).
"""

from collections.abc import Sequence

from sluice.contract.model import BATCH_ID, SOURCE_FILE
from sluice.warehouse.affected import day, insert_dates, noted_before, partition_of, sent_before
from sluice.warehouse.audit import AUDIT, insert_audit
from sluice.warehouse.batches import BATCHES, ListedBatch, create_batches, insert_batches
from sluice.warehouse.quoting import identifier, lines, names
from sluice.warehouse.staging import Staging, plain_columns
from sluice.warehouse.target import Target

FRESH = identifier("_load_fresh")
"""Temporary table of the rows that an upsert brings into the target; no contract can name a table so."""

_STAGED = identifier("_staged")
_RANKED = identifier("_ranked")
_RANK = identifier("_rank")
_LOADED = identifier("_loaded")
_BATCH = identifier(BATCH_ID)


def merge(staging: Staging, batches: Sequence[ListedBatch], claim_id: str) -> tuple[str, ...]:
    """The transaction that loads what was staged, by the load mode of the target's contract.

    Values stand in the statements as literals: the botocore of Glue 6.0 (1.42.84) knows no ``Parameters`` of
    ``BatchExecuteStatement``.
    Source: https://raw.githubusercontent.com/awslabs/aws-glue-libs/main/base-requirements.txt

    Args:
        staging: The filled staging table.
        batches: The batches of the load; rows of others are left alone.
        claim_id: The claim that the load works for, for the audit.
    """
    target = staging.target
    moves = {"upsert": _upsert, "append": _append, "full_refresh": _full_refresh}[target.table.load]
    return (
        f"LOCK {target.sql}",
        create_batches(),
        *insert_batches(batches),
        _forget_loaded(target),
        *moves(staging, claim_id),
    )


def _forget_loaded(target: Target) -> str:
    return lines(
        f"DELETE FROM {BATCHES}",
        f"USING {AUDIT}",
        f'WHERE {target.is_meant} AND "load_audit"."batch_id" = {BATCHES}."batch_id"',
    )


def _upsert(staging: Staging, claim_id: str) -> tuple[str, ...]:
    """Newest row per key: first among the staged rows, then against the target."""
    target = staging.target
    return (
        f"CREATE TEMP TABLE {FRESH} {plain_columns(target)}",
        _insert_newest(staging),
        _delete_stale(target),
        *_note_upserted(staging),
        insert_audit(staging, claim_id, _count_fresh(), _count_known(target)),
        _merge(target),
    )


def _insert_newest(staging: Staging) -> str:
    """One row per key. What stands behind batch and file decides between equal rows only, so the result is certain."""
    target = staging.target
    table = target.table
    leading = (*table.order_by, BATCH_ID, SOURCE_FILE)
    order = (*leading, *(name for name in target.columns if name not in {*leading, *table.primary_key}))
    newest_first = ", ".join(f"{_STAGED}.{identifier(name)} DESC NULLS LAST" for name in order)
    return lines(
        f"INSERT INTO {FRESH} ({names(target.columns)})",
        f"SELECT {names(target.columns)}",
        "FROM (",
        f"SELECT {names(target.columns, _STAGED)},",
        f"ROW_NUMBER() OVER (PARTITION BY {names(table.primary_key, _STAGED)} ORDER BY {newest_first}) AS {_RANK}",
        f"FROM {_staged_rows(staging)}",
        f") AS {_RANKED}",
        f"WHERE {_RANK} = 1",
    )


def _delete_stale(target: Target) -> str:
    """Compare versions column by column; columns joined into one text would order 10 before 9."""
    order = (*target.table.order_by, BATCH_ID)
    reasons = (_wins_at(target, order[: place + 1]) for place in range(len(order)))
    return lines(
        f"DELETE FROM {FRESH}",
        f"USING {target.sql}",
        f"WHERE {_same_key(target)}",
        f"AND ({' OR '.join(reasons)})",
    )


def _note_upserted(staging: Staging) -> tuple[str, ...]:
    """The days of rows that come, of rows that they meet, and of rows that the partition may no longer have.

    A staged row that loses against the target counts as well: it may be what is left of its key in the published files.
    """
    target = staging.target
    column = target.table.business_date
    if column is None:
        return ()
    met = lines(
        f"SELECT {_STAGED}.{_BATCH}, {day(target.column(column))}",
        f"FROM {_staged_rows(staging)}",
        f"INNER JOIN {target.sql} ON {_same_key(target, _STAGED)}",
    )
    come = f'SELECT {_BATCH} AS "batch_id", {day(identifier(column))} AS "affected_date" FROM {FRESH}'
    return (insert_dates(target, come, met, sent_before(target, column), noted_before(target)),)


def _wins_at(target: Target, columns: tuple[str, ...]) -> str:
    """The target's version is the newer one because of the last of these columns; all before are equal."""
    *equal, last = columns
    operator = ">=" if last == BATCH_ID else ">"
    terms = [f"{target.column(name)} = {FRESH}.{identifier(name)}" for name in equal]
    return f"({' AND '.join([*terms, f'{target.column(last)} {operator} {FRESH}.{identifier(last)}'])})"


def _count_fresh() -> str:
    return f'SELECT {_BATCH}, COUNT(*) AS "rows" FROM {FRESH} GROUP BY {_BATCH}'


def _count_known(target: Target) -> str:
    return lines(
        f'SELECT {_BATCH}, COUNT(*) AS "rows" FROM {FRESH}',
        f"WHERE EXISTS (SELECT 1 FROM {target.sql} WHERE {_same_key(target)})",
        f"GROUP BY {_BATCH}",
    )


def _same_key(target: Target, other: str = FRESH) -> str:
    return " AND ".join(f"{target.column(name)} = {other}.{identifier(name)}" for name in target.table.primary_key)


def _merge(target: Target) -> str:
    changed = [name for name in target.columns if name not in target.table.primary_key]
    assignments = ", ".join(f"{identifier(name)} = {FRESH}.{identifier(name)}" for name in changed)
    return lines(
        f"MERGE INTO {target.sql}",
        f"USING {FRESH}",
        f"ON {_same_key(target)}",
        f"WHEN MATCHED THEN UPDATE SET {assignments}",
        f"WHEN NOT MATCHED THEN INSERT ({names(target.columns)}) VALUES ({names(target.columns, FRESH)})",
    )


def _append(staging: Staging, claim_id: str) -> tuple[str, ...]:
    """The newest batch of each partition."""
    retire = lines(
        f'UPDATE {BATCHES} SET "is_current" = FALSE',
        f'FROM (SELECT "partition_label", MAX("batch_id") AS "batch_id" FROM {AUDIT} WHERE {staging.target.is_meant}',
        f'GROUP BY "partition_label") AS {_LOADED}',
        f'WHERE {_LOADED}."partition_label" = {BATCHES}."partition_label"',
        f'AND {_LOADED}."batch_id" > {BATCHES}."batch_id"',
    )
    replaced = f"INNER JOIN {staging.target.sql} ON {_replaced(staging.target)}"
    return (
        retire,
        *_note_replaced(staging, replaced),
        _delete_replaced(staging.target),
        *_insert_current(staging, claim_id),
    )


def _delete_replaced(target: Target) -> str:
    return lines(
        f"DELETE FROM {target.sql}",
        f"USING {BATCHES}",
        f'WHERE {BATCHES}."is_current"',
        f"AND {_replaced(target)}",
    )


def _replaced(target: Target) -> str:
    return f'{partition_of(target.column(BATCH_ID))} = {BATCHES}."partition_digits"'


def _note_replaced(staging: Staging, join: str) -> tuple[str, ...]:
    """The days of rows that come, and of rows that go.

    Args:
        staging: The staging table.
        join: Joins to a batch the rows of the target whose place it takes.
    """
    target = staging.target
    column = target.table.business_date
    if column is None:
        return ()
    come = lines(
        f'SELECT {_STAGED}.{_BATCH} AS "batch_id", {day(f"{_STAGED}.{identifier(column)}")} AS "affected_date"',
        f'FROM {_staged_rows(staging)} WHERE {BATCHES}."is_current"',
    )
    go = lines(
        f'SELECT {BATCHES}."batch_id", {day(target.column(column))}',
        f'FROM {BATCHES} {join} WHERE {BATCHES}."is_current"',
    )
    return (insert_dates(target, come, go),)


def _full_refresh(staging: Staging, claim_id: str) -> tuple[str, ...]:
    """The newest batch of all. DELETE, because TRUNCATE would commit the transaction half-way."""
    retire = lines(
        f'UPDATE {BATCHES} SET "is_current" = FALSE',
        f'FROM (SELECT MAX("batch_id") AS "batch_id" FROM {AUDIT} WHERE {staging.target.is_meant}) AS {_LOADED}',
        f'WHERE {_LOADED}."batch_id" > {BATCHES}."batch_id"',
    )
    empty = f'DELETE FROM {staging.target.sql} WHERE EXISTS (SELECT 1 FROM {BATCHES} WHERE "is_current")'
    every_row = f"CROSS JOIN {staging.target.sql}"
    return (retire, *_note_replaced(staging, every_row), empty, *_insert_current(staging, claim_id))


def _insert_current(staging: Staging, claim_id: str) -> tuple[str, str]:
    target = staging.target
    batch = f"{_STAGED}.{_BATCH}"
    current = f'{_staged_rows(staging)} WHERE {BATCHES}."is_current"'
    kept = f'SELECT {batch}, COUNT(*) AS "rows" FROM {current} GROUP BY {batch}'
    insert = lines(
        f"INSERT INTO {target.sql} ({names(target.columns)})",
        f"SELECT {names(target.columns, _STAGED)}",
        f"FROM {current}",
    )
    return insert_audit(staging, claim_id, kept), insert


def _staged_rows(staging: Staging) -> str:
    return f'{staging.sql} AS {_STAGED} INNER JOIN {BATCHES} ON {_STAGED}.{_BATCH} = {BATCHES}."batch_id"'
