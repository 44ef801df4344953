"""Timestamps as Athena has them, in MiniStack's Athena.

Athena reads a Parquet timestamp as a timestamp without time zone, in UTC. DuckDB, on which MiniStack's Athena runs,
takes it for a timestamp with time zone: it would be shown in this machine's time zone, and cannot be read without one
more library.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Relation = Callable[[Mapping[str, Any], Sequence[str]], str]


def with_utc_timestamps(relation_of: Relation) -> Relation:
    """A relation of a table's files whose timestamps are in UTC and without time zone.

    Args:
        relation_of: MiniStack's function; it gives DuckDB's expression for a table and its files.
    """

    def relation(table: Mapping[str, Any], files: Sequence[str]) -> str:
        plain = relation_of(table, files)
        zoned = _zoned_columns(plain)
        if not zoned:
            return plain
        # By the microseconds since the epoch: a cast would take the session's time zone.
        columns = ", ".join(f"make_timestamp(epoch_us({name})) AS {name}" for name in zoned)
        return f"(SELECT * REPLACE ({columns}) FROM {plain})"  # noqa: S608 - MiniStack's text, and quoted names

    return relation


def _zoned_columns(relation: str) -> list[str]:
    import duckdb  # noqa: PLC0415 - slow to load, and most runs of the local cloud do not query with Athena

    with duckdb.connect(":memory:") as connection:
        described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
    return [
        '"{}"'.format(name.replace('"', '""')) for name, kind, *_ in described if kind == "TIMESTAMP WITH TIME ZONE"
    ]
