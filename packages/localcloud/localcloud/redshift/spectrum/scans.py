"""The record of what statements read of external tables, for the system views.

Source: https://docs.aws.amazon.com/redshift/latest/dg/SYS_EXTERNAL_QUERY_DETAIL.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_SVL_S3QUERY_SUMMARY.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from localcloud.redshift.clock import utc_now
from localcloud.redshift.database import Database
from localcloud.redshift.dialect.lexer import quote_name
from localcloud.redshift.spectrum.catalog import ExternalTable
from localcloud.redshift.spectrum.stored import StoredObject

_INSERT = """
    INSERT INTO pg_catalog.redshift_external_scans
        (query_id, place, user_name, query_text, table_name, location, start_time, end_time, is_partitioned,
         total_partitions, qualified_partitions, files, row_count, bytes)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
#: Redshift keeps such records for seven days.
_FORGET = "DELETE FROM pg_catalog.redshift_external_scans WHERE end_time < timezone('UTC', now()) - interval '7 days'"


class Stopwatch:
    """Remembers when it was made, in UTC."""

    def __init__(self) -> None:
        self.started_at = utc_now()


@dataclass(frozen=True)
class Scan:
    """What one statement reads of one table.

    Attributes:
        columns: those in the files that are read.
        total: registered partitions.
        qualified: partitions that are read.
        files: visible files of those.
        rows: of those files.
        bytes: of the columns in those files that are read, as they are compressed.
    """

    table: str
    columns: tuple[str, ...]
    location: str
    is_partitioned: bool
    total: int
    qualified: int
    files: int
    rows: int
    bytes: int
    started_at: datetime
    ended_at: datetime

    @classmethod
    def of(
        cls,
        table: ExternalTable,
        columns: Sequence[str],
        objects: Sequence[StoredObject],
        watch: Stopwatch,
        partitions: tuple[int, int],
    ) -> Scan:
        """Count what is read.

        Args:
            table: the table.
            columns: those that are read.
            objects: the files that are read.
            watch: started when the reading began.
            partitions: how many are registered, and how many are read.
        """
        is_partitioned = bool(table.keys)
        total, qualified = partitions if is_partitioned else (0, 0)
        return cls(
            table=table.name,
            columns=tuple(columns),
            location=table.location,
            is_partitioned=is_partitioned,
            total=total,
            qualified=qualified,
            files=len(objects),
            rows=sum(each.rows for each in objects),
            bytes=sum(each.column_bytes.get(name, 0) for each in objects for name in columns),
            started_at=watch.started_at,
            ended_at=utc_now(),
        )

    @property
    def query(self) -> str:
        """What is asked of the files, as SQL."""
        columns = ", ".join(map(quote_name, self.columns)) or "COUNT(*)"
        return f"SELECT {columns} FROM {quote_name(self.table)}"  # noqa: S608 - shown, never run


class ScanHistory:
    """Keeps the record.

    Args:
        database: gives a connection of its own, so that a rollback of the statement leaves the record alone.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, query_id: int, user: str, scans: Sequence[Scan]) -> None:
        """Add what one statement reads, and forget what is older than seven days."""
        if not scans:
            return
        rows = [
            (query_id, place, user, scan.query, scan.table, scan.location, scan.started_at.replace(tzinfo=None),
             scan.ended_at.replace(tzinfo=None), scan.is_partitioned, scan.total, scan.qualified, scan.files, scan.rows,
             scan.bytes)
            for place, scan in enumerate(scans)
        ]  # fmt: skip
        with self._database.administer() as connection, connection.cursor() as cursor:
            cursor.execute(_FORGET)
            cursor.executemany(_INSERT, rows)
