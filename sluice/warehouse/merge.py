"""The transaction that moves staged rows into their target and writes the audit rows: all of it or nothing.

Its first statement locks the table's own account of its loads, so that its snapshot is taken when no other load of
this table is at work; whoever reads the target goes on reading. Batches that the account already has are forgotten at
once, which makes a repeated load change nothing. No table of another target is read or written, and the audit table,
which all share, is only added to: loads of different tables cannot conflict, under serializable isolation either.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html (both WHEN clauses, no conditions in them, only
equalities, a table as source, no name before the columns that SET changes) and
https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html (when a snapshot is taken).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from sluice.contract.model import BATCH_ID, SOURCE_FILE
from sluice.contract.sqltype import SqlType
from sluice.warehouse.absence import Absence
from sluice.warehouse.affected import day, insert_dates, noted_before, partition_of, sent_before
from sluice.warehouse.audit import insert_audit
from sluice.warehouse.batches import BATCHES, ListedBatch, create_batches, insert_batches, within
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


@dataclass(frozen=True)
class Load:
    """One load of one table.

    Attributes:
        staging: The filled staging table.
        batches: Its batches; rows of others are left alone.
        claim_id: The claim that it works for, for the audit.
        absent: Raw files that lack a field altogether, by the column that it would fill.
    """

    staging: Staging
    batches: tuple[ListedBatch, ...]
    claim_id: str
    absent: Mapping[str, Collection[str]]

    @property
    def target(self) -> Target:
        """The table that is loaded into."""
        return self.staging.target

    @property
    def types(self) -> dict[str, SqlType]:
        """What the files bring into the target, in the types of the contract."""
        brought = self.staging.columns
        return {name: kind for name, kind in self.target.table.stored_types.items() if name in brought}

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of these columns."""
        return tuple(self.types)

    @property
    def batch_ids(self) -> list[str]:
        """The ids of the batches."""
        return [batch.batch_id for batch in self.batches]

    @cached_property
    def absence(self) -> Absence:
        """Which of the columns that may be null the raw files lack; null in others is never kept."""
        not_null = self.target.table.not_null
        return Absence.of({name: self.absent.get(name, ()) for name in self.columns if name not in not_null})


def merge(
    staging: Staging,
    batches: Sequence[ListedBatch],
    claim_id: str,
    absent: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> tuple[str, ...]:
    """The transaction that loads what was staged, by the load mode of the target's contract.

    Columns that the files do not bring stay as they are in rows that are updated, and are null in new ones.

    Values stand in the statements as literals: the botocore of Glue 6.0 (1.42.84) knows no ``Parameters`` of
    ``BatchExecuteStatement``.
    Source: https://raw.githubusercontent.com/awslabs/aws-glue-libs/main/base-requirements.txt

    Args:
        staging: The filled staging table.
        batches: The batches of the load, at least one; rows of others are left alone.
        claim_id: The claim that the load works for, for the audit.
        absent: Raw files that lack a field altogether, by the column that it would fill: the nulls of their rows say
            nothing, so an upsert leaves the stored values alone.
    """
    target = staging.target
    moves = {"upsert": _upsert, "append": _append, "full_refresh": _full_refresh}[target.table.load]
    return (
        f"LOCK {target.loads}",
        create_batches(),
        *insert_batches(batches),
        _forget_loaded(target),
        *moves(Load(staging, tuple(batches), claim_id, absent)),
    )


def _forget_loaded(target: Target) -> str:
    return lines(
        f"DELETE FROM {BATCHES}",
        f'WHERE "batch_id" IN (SELECT "batch_id" FROM {target.loads} WHERE {target.is_meant})',
    )


def _upsert(load: Load) -> tuple[str, ...]:
    """Newest row per key: first among the staged rows, then against the target."""
    return (
        f"CREATE TEMP TABLE {FRESH} {plain_columns(load.target, load.types)}",
        *load.absence.statements(),
        _insert_newest(load),
        _delete_stale(load.target),
        *_note_upserted(load),
        *insert_audit(load.staging, load.claim_id, _count_fresh(), _count_known(load.target)),
        _merge(load),
    )


def _insert_newest(load: Load) -> str:
    """One row per key. What stands behind batch and file decides between equal rows only, so the result is certain."""
    table = load.target.table
    keys = _staged_keys(load.target)
    leading = (*table.order_by, BATCH_ID, SOURCE_FILE)
    order = (*leading, *(name for name in load.columns if name not in {*leading, *table.primary_key}))
    newest_first = ", ".join(f"{_STAGED}.{identifier(name)} DESC NULLS LAST" for name in order)
    partition = f"PARTITION BY {', '.join(keys.values())}"
    values = {name: f"{_STAGED}.{identifier(name)}" for name in load.columns} | keys
    kept = {name: _kept_value(load, name, partition, newest_first) for name in load.absence.columns}
    selected = ", ".join(
        text if text == f"{_STAGED}.{identifier(name)}" else f"{text} AS {identifier(name)}"
        for name, text in (values | kept).items()
    )
    return lines(
        f"INSERT INTO {FRESH} ({names(load.columns)})",
        f"SELECT {names(load.columns)}",
        "FROM (",
        f"SELECT {selected},",
        f"ROW_NUMBER() OVER ({partition} ORDER BY {newest_first}) AS {_RANK}",
        f"FROM {_staged_rows(load.staging)}",
        *_beside(load),
        f") AS {_RANKED}",
        f"WHERE {_RANK} = 1",
    )


def _staged_keys(target: Target) -> dict[str, str]:
    """The key's columns of a staged row, texts without blanks at their ends.

    Redshift does not tell texts apart by these, so two such keys are one row, which gets one spelling.
    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html (significance of trailing blanks)
    """
    table = target.table
    staged = {name: f"{_STAGED}.{identifier(name)}" for name in table.primary_key}
    return {name: f"RTRIM({text})" if table.column(name).sql_type.is_text else text for name, text in staged.items()}


def _kept_value(load: Load, name: str, partition: str, newest_first: str) -> str:
    """The value of a column that some files lack: that of the newest row which has it, of those staged or the target's.

    Batches give the same whether they are loaded together or one after the other. Rows that are staged and older than
    the target's are left out by `_beside`.
    """
    lacks = load.absence.is_lacking(name)
    # FIRST_VALUE takes null for a value, as it should: a row that has the column and is null there says so.
    staged = (
        f"FIRST_VALUE({_STAGED}.{identifier(name)}) OVER ({partition} ORDER BY {lacks}, {newest_first} "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    )
    nobody_has_it = f"MIN({lacks}) OVER ({partition}) = '1'"
    target = load.target
    stored = f"{target.column(target.table.primary_key[0])} IS NOT NULL"
    return f"CASE WHEN {stored} AND {nobody_has_it} THEN {target.column(name)} ELSE {staged} END"


def _beside(load: Load) -> tuple[str, ...]:
    """What staged rows are read with where files lack columns: what each file lacks, and the target's row."""
    if not load.absence.columns:
        return ()
    target = load.target
    return (
        load.absence.join(f"{_STAGED}.{identifier(SOURCE_FILE)}"),
        f"LEFT JOIN {target.sql} ON {_same_staged_key(target)}",
        f"WHERE CASE WHEN {_is_stale(target, _STAGED)} THEN 0 ELSE 1 END = 1",
    )


def _delete_stale(target: Target) -> str:
    return lines(
        f"DELETE FROM {FRESH}",
        f"USING {target.sql}",
        f"WHERE {_same_key(target)}",
        f"AND {_is_stale(target, FRESH)}",
    )


def _is_stale(target: Target, other: str) -> str:
    """Whether the target's row is the newer one, column by column: joined into one text, 10 would come before 9."""
    order = (*target.table.order_by, BATCH_ID)
    reasons = (_wins_at(target, order[: place + 1], other) for place in range(len(order)))
    return f"({' OR '.join(reasons)})"


def _note_upserted(load: Load) -> tuple[str, ...]:
    """The days of rows that come, of rows that they meet, and of rows that the partition may no longer have.

    A staged row that loses against the target counts as well: it may be what is left of its key in the published files.
    """
    target = load.target
    column = target.table.business_date
    if column is None:
        return ()
    met = lines(
        f'SELECT {_STAGED}.{_BATCH} AS "batch_id", {day(target.column(column))} AS "affected_date"',
        f"FROM {_staged_rows(load.staging)}",
        f"INNER JOIN {target.sql} ON {_same_staged_key(target)}",
    )
    come = f"SELECT {_BATCH}, {day(identifier(column))} FROM {FRESH}"
    before = (sent_before(target, column, load.batch_ids), noted_before(target, load.batch_ids))
    return (insert_dates(target, met, *([come] if column in load.columns else []), *before),)


def _wins_at(target: Target, columns: tuple[str, ...], other: str) -> str:
    """The target's version is the newer one because of the last of these columns; all before are equal."""
    *equal, last = columns
    operator = ">=" if last == BATCH_ID else ">"
    terms = [f"{target.column(name)} = {other}.{identifier(name)}" for name in equal]
    return f"({' AND '.join([*terms, f'{target.column(last)} {operator} {other}.{identifier(last)}'])})"


def _count_fresh() -> str:
    return f'SELECT {_BATCH}, COUNT(*) AS "rows" FROM {FRESH} GROUP BY {_BATCH}'


def _count_known(target: Target) -> str:
    return lines(
        f'SELECT {_BATCH}, COUNT(*) AS "rows" FROM {FRESH}',
        f"WHERE EXISTS (SELECT 1 FROM {target.sql} WHERE {_same_key(target)})",
        f"GROUP BY {_BATCH}",
    )


def _same_key(target: Target) -> str:
    return " AND ".join(f"{target.column(name)} = {FRESH}.{identifier(name)}" for name in target.table.primary_key)


def _same_staged_key(target: Target) -> str:
    return " AND ".join(f"{target.column(name)} = {text}" for name, text in _staged_keys(target).items())


def _merge(load: Load) -> str:
    target = load.target
    changed = [name for name in load.columns if name not in target.table.primary_key]
    assignments = ", ".join(f"{identifier(name)} = {FRESH}.{identifier(name)}" for name in changed)
    return lines(
        f"MERGE INTO {target.sql}",
        f"USING {FRESH}",
        f"ON {_same_key(target)}",
        f"WHEN MATCHED THEN UPDATE SET {assignments}",
        f"WHEN NOT MATCHED THEN INSERT ({names(load.columns)}) VALUES ({names(load.columns, FRESH)})",
    )


def _append(load: Load) -> tuple[str, ...]:
    """The newest batch of each partition."""
    target = load.target
    retire = lines(
        f'UPDATE {BATCHES} SET "is_current" = FALSE',
        'FROM (SELECT "partition_label", MAX("batch_id") AS "batch_id"',
        f'FROM {target.loads} WHERE {target.is_meant} GROUP BY "partition_label") AS {_LOADED}',
        f'WHERE {_LOADED}."partition_label" = {BATCHES}."partition_label"',
        f'AND {_LOADED}."batch_id" > {BATCHES}."batch_id"',
    )
    note = _note_replaced(load, f"INNER JOIN {target.sql} ON {_replaced(load)}")
    return (retire, *note, _delete_replaced(load), *_insert_current(load))


def _delete_replaced(load: Load) -> str:
    return lines(
        f"DELETE FROM {load.target.sql}",
        f"USING {BATCHES}",
        f'WHERE {BATCHES}."is_current"',
        f"AND {_replaced(load)}",
    )


def _replaced(load: Load) -> str:
    batch = load.target.column(BATCH_ID)
    return lines(
        f'{partition_of(batch)} = {BATCHES}."partition_digits"',
        f"AND {within(batch, load.batch_ids)}",
    )


def _note_replaced(load: Load, join: str) -> tuple[str, ...]:
    """The days of rows that come, and of rows that go.

    Args:
        load: The load.
        join: Joins to a batch the rows of the target whose place it takes.
    """
    target = load.target
    column = target.table.business_date
    if column is None:
        return ()
    go = lines(
        f'SELECT {BATCHES}."batch_id", {day(target.column(column))} AS "affected_date"',
        f'FROM {BATCHES} {join} WHERE {BATCHES}."is_current"',
    )
    come = lines(
        f"SELECT {_STAGED}.{_BATCH}, {day(f'{_STAGED}.{identifier(column)}')}",
        f'FROM {_staged_rows(load.staging)} WHERE {BATCHES}."is_current"',
    )
    return (insert_dates(target, go, *([come] if column in load.columns else [])),)


def _full_refresh(load: Load) -> tuple[str, ...]:
    """The newest batch of all. DELETE, because TRUNCATE would commit the transaction half-way."""
    target = load.target
    retire = lines(
        f'UPDATE {BATCHES} SET "is_current" = FALSE',
        f'FROM (SELECT MAX("batch_id") AS "batch_id" FROM {target.loads} WHERE {target.is_meant}) AS {_LOADED}',
        f'WHERE {_LOADED}."batch_id" > {BATCHES}."batch_id"',
    )
    empty = f'DELETE FROM {target.sql} WHERE EXISTS (SELECT 1 FROM {BATCHES} WHERE "is_current")'
    every_row = f"CROSS JOIN {target.sql}"
    return (retire, *_note_replaced(load, every_row), empty, *_insert_current(load))


def _insert_current(load: Load) -> tuple[str, ...]:
    batch = f"{_STAGED}.{_BATCH}"
    current = f'{_staged_rows(load.staging)} WHERE {BATCHES}."is_current"'
    kept = f'SELECT {batch}, COUNT(*) AS "rows" FROM {current} GROUP BY {batch}'
    insert = lines(
        f"INSERT INTO {load.target.sql} ({names(load.columns)})",
        f"SELECT {names(load.columns, _STAGED)}",
        f"FROM {current}",
    )
    return (*insert_audit(load.staging, load.claim_id, kept), insert)


def _staged_rows(staging: Staging) -> str:
    return f'{staging.sql} AS {_STAGED} INNER JOIN {BATCHES} ON {_STAGED}.{_BATCH} = {BATCHES}."batch_id"'
