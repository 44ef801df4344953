"""Which partitions of a table a statement reads: those that its conditions on the partition columns let through.

The rows of other partitions may be missing in the warehouse, or be old: the statement's own condition leaves them out.
Source: https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-external-performance.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from localcloud.redshift.database import Connection
from localcloud.redshift.loading.parquet import TargetColumn
from localcloud.redshift.spectrum.catalog import ExternalTable, Partition
from localcloud.redshift.spectrum.conditions import Condition
from localcloud.redshift.spectrum.places import Place
from localcloud.redshift.spectrum.storage import declared

_EVALUATE = "SELECT place FROM (SELECT place, {columns} FROM unnest({arrays}) WITH ORDINALITY AS t ({names}, place)) p"


@dataclass(frozen=True)
class Want:
    """What a statement reads of a table.

    Attributes:
        places: where the statement names it; none when all partitions are to be read.
        columns: names that may be columns of it; None for all.
    """

    places: tuple[Place, ...] = ()
    columns: frozenset[str] | None = None


EVERYTHING = Want()


def qualified(
    connection: Connection, table: ExternalTable, partitions: Sequence[Partition], want: Want
) -> tuple[Partition, ...]:
    """Give the partitions that a statement reads.

    Args:
        connection: evaluates the conditions, with PostgreSQL's own reading of SQL.
        table: the table.
        partitions: all that are registered.
        want: what the statement reads.
    """
    keys = frozenset(column.name for column in table.keys)
    if not keys or not partitions or not want.places:
        return tuple(partitions)
    found: set[int] = set()
    for place in want.places:
        conditions = place.conditions(keys)
        if not conditions:
            return tuple(partitions)
        found |= _through(connection, table.targets(table.keys), partitions, conditions)
    return tuple(part for number, part in enumerate(partitions) if number in found)


def _through(
    connection: Connection,
    keys: Sequence[TargetColumn],
    partitions: Sequence[Partition],
    conditions: Iterable[Condition],
) -> set[int]:
    found = set(range(len(partitions)))
    for each in conditions:
        fulfilled = _fulfilled(connection, keys, partitions, each.text)
        nulls = len(partitions)
        if fulfilled is not None and not (each.is_null_refused and nulls in fulfilled):
            found &= fulfilled
    return found


def _fulfilled(
    connection: Connection, keys: Sequence[TargetColumn], partitions: Sequence[Partition], condition: str
) -> set[int] | None:
    """Give the numbers of the partitions that fulfil a condition, and one more if a row of nulls does.

    None when the condition cannot be evaluated for all of them, as when a value is not what a cast takes.
    """
    columns = sql.SQL(", ").join(
        sql.SQL("{0}::{1} AS {0}").format(sql.Identifier(key.name), sql.SQL(declared(key))) for key in keys
    )
    query = sql.SQL(_EVALUATE).format(
        columns=columns,
        arrays=sql.SQL(", ").join(sql.SQL("%s::text[]") for _ in keys),
        names=sql.SQL(", ").join(sql.Identifier(key.name) for key in keys),
    ) + sql.SQL(" WHERE ") + sql.SQL(condition.replace("%", "%%"))  # fmt: skip
    values = [[*(part.values[place] for part in partitions), None] for place in range(len(keys))]
    try:
        return {int(number) - 1 for (number,) in connection.execute(query, values).fetchall()}
    except psycopg.Error:
        return None
