"""The record of UNLOAD commands for the system views: it outlives the transaction of the UNLOAD, failed ones are in it.

Source: https://docs.aws.amazon.com/redshift/latest/dg/SYS_UNLOAD_HISTORY.html,
https://docs.aws.amazon.com/redshift/latest/dg/SYS_UNLOAD_DETAIL.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from localcloud.redshift.database import Database
from localcloud.redshift.dialect.unload import UnloadCommand

_INSERT = "INSERT INTO pg_catalog.redshift_unloads VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True)
class UnloadedFile:
    """A file that was written."""

    url: str
    lines: int
    size_bytes: int


@dataclass(frozen=True)
class Unload:
    """An UNLOAD that is through.

    Attributes:
        rows: how many it unloaded, 0 when it failed.
        error: why it failed, empty when it did not.
    """

    query_id: int
    user_name: str
    session_id: int
    command: UnloadCommand
    files: Sequence[UnloadedFile]
    rows: int
    started_at: datetime
    ended_at: datetime
    error: str = ""


class UnloadHistory:
    """Keeps the record.

    Args:
        database: gives a connection of its own, so that a rollback leaves the record alone.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, unload: Unload) -> None:
        """Add one UNLOAD."""
        files = [{"url": one.url, "lines": one.lines, "size": one.size_bytes} for one in unload.files]
        values = (
            unload.query_id,
            unload.user_name,
            unload.session_id,
            unload.command.target,
            unload.command.form.value,
            unload.command.compression.removeprefix("."),
            unload.rows,
            unload.started_at.replace(tzinfo=None),
            unload.ended_at.replace(tzinfo=None),
            unload.error,
            json.dumps(files),
        )
        with self._database.administer() as connection:
            connection.execute(_INSERT, values)
