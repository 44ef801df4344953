"""The record of COPY commands for the system views: it outlives the transaction of the COPY, failed ones are in it.

Source: https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_HISTORY.html,
https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from localcloud.redshift.database import Database
from localcloud.redshift.dialect.prepared import CopyCommand
from localcloud.redshift.loading.problems import LoadError
from localcloud.redshift.loading.source import S3Object

_INSERT = """
    INSERT INTO pg_catalog.redshift_loads
        (query_id, table_name, data_source, status, loaded_rows, source_file_count, source_file_bytes,
         start_time, end_time, error_message, file_format, user_name, session_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_INSERT_ERROR = """
    INSERT INTO pg_catalog.redshift_load_errors
        (query_id, place, table_id, start_time, file_name, line_number, column_name, column_type, column_length,
         position, raw_line, raw_field_value, error_code, error_message, user_name, session_id)
    VALUES (%s, %s, to_regclass(%s)::oid::bigint, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class Load:
    """A COPY that is through.

    Attributes:
        rows: how many it loaded, 0 when it failed.
        user_name: who ran it.
        session_id: the process of his session.
        error: why it failed, empty when it did not.
        errors: of records.
    """

    query_id: int
    command: CopyCommand
    files: Sequence[S3Object]
    rows: int
    started_at: datetime
    ended_at: datetime
    user_name: str
    session_id: int
    error: str = ""
    errors: Sequence[LoadError] = ()


class LoadHistory:
    """Keeps the record.

    Args:
        database: gives a connection of its own, so that a rollback of the COPY leaves the record alone.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, load: Load) -> None:
        """Add one COPY."""
        values = (
            load.query_id,
            load.command.table.name,
            load.command.source,
            "aborted" if load.error else "completed",
            load.rows,
            len(load.files),
            sum(item.size_bytes for item in load.files),
            load.started_at.replace(tzinfo=None),
            load.ended_at.replace(tzinfo=None),
            load.error,
            "PARQUET" if load.command.text is None else load.command.text.kind.upper(),
            load.user_name,
            load.session_id,
        )
        with self._database.administer() as connection, connection.cursor() as cursor:
            cursor.execute(_INSERT, values)
            cursor.executemany(_INSERT_ERROR, [_error(load, *pair) for pair in enumerate(load.errors)])


def _error(load: Load, place: int, error: LoadError) -> tuple[object, ...]:
    return (
        load.query_id,
        place,
        load.command.table.sql,
        load.started_at.replace(tzinfo=None),
        error.url,
        error.line,
        error.column,
        error.type,
        error.length,
        error.position,
        error.raw_line,
        error.raw_value,
        error.problem.code,
        error.problem.reason[:100],
        load.user_name,
        load.session_id,
    )
