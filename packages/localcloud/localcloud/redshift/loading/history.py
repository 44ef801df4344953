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
from localcloud.redshift.loading.source import S3Object

_INSERT = """
    INSERT INTO pg_catalog.redshift_loads
        (query_id, table_name, data_source, status, loaded_rows, source_file_count, source_file_bytes,
         start_time, end_time, error_message)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class Load:
    """A COPY that is through.

    Attributes:
        rows: how many it loaded, 0 when it failed.
        error: why it failed, empty when it did not.
    """

    query_id: int
    command: CopyCommand
    files: Sequence[S3Object]
    rows: int
    started_at: datetime
    ended_at: datetime
    error: str = ""


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
        )
        with self._database.connect() as connection:
            connection.execute(_INSERT, values)
