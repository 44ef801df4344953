"""The statements that ran, for the system views that show them.

Rows are kept here and put into the database when a statement asks for them: so others pay nothing for the record.
Source: https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from datetime import datetime

from localcloud.redshift.database import Database

_MOST = 10_000
#: How the names of the views on statements begin.
_VIEWS = re.compile(r"(?i)\b(?:stl|stv|svl|svcs|svv_query|sys)_\w")
_TEXT = 65535
_TABLE_AS = re.compile(r"(?is)create\s+(?:temp\w*\s+)?table\b.*?\bas\s+(?:select|with|\()")
_KINDS = {
    "select": "SELECT", "with": "SELECT", "insert": "INSERT", "update": "UPDATE", "delete": "DELETE", "copy": "COPY",
    "merge": "MERGE", "unload": "UNLOAD", "create table as": "CTAS",
}  # fmt: skip
_DDL = frozenset({"create", "alter", "drop", "truncate", "comment", "grant", "revoke"})


@dataclass(frozen=True)
class Ran:
    """A statement that ran. Times are in UTC.

    Attributes:
        query_id: its number.
        user_name: who ran it.
        session_id: the process of its session.
        text: as it was sent.
        error: empty when it succeeded.
        is_cancelled: whether it was stopped.
        rows: that it returned.
    """

    query_id: int
    user_name: str
    session_id: int
    text: str
    started_at: datetime
    ended_at: datetime
    error: str = ""
    is_cancelled: bool = False
    rows: int = 0

    @property
    def kind(self) -> str:
        """The type of the statement in the words of SYS_QUERY_HISTORY."""
        first, *others = self.text.lower().split(None, 2) or [""]
        if first == "create" and _TABLE_AS.match(self.text):
            return "CTAS"
        return _KINDS.get(first.strip("("), "DDL" if first in _DDL else "UTILITY" if others else "OTHER")

    @property
    def status(self) -> str:
        """Its end in the words of SYS_QUERY_HISTORY."""
        if self.is_cancelled:
            return "canceled"
        return "failed" if self.error else "success"


class QueryHistory:
    """Remembers statements.

    Args:
        database: shows them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._new: list[Ran] = []
        self._running: dict[int, Ran] = {}

    def begin(self, ran: Ran) -> None:
        """Remember a statement that begins to run; what its session ran before is through."""
        with self._lock:
            others = {number: one for number, one in self._running.items() if one.session_id != ran.session_id}
            self._running = {**others, ran.query_id: ran}

    def add(self, ran: Ran) -> None:
        """Remember a statement."""
        with self._lock:
            self._running.pop(ran.query_id, None)
            self._new.append(ran)
            del self._new[:-_MOST]

    def show_for(self, sql: str) -> None:
        """Put what is new and what runs into the database when a statement asks for it."""
        if _VIEWS.search(sql) is None:
            return
        with self._lock:
            new, self._new = self._new, []
            running = list(self._running.values())
        with self._database.administer() as connection, connection.transaction(), connection.cursor() as cursor:
            # Two statements that ask at once write one after the other.
            cursor.execute("LOCK TABLE pg_catalog.redshift_running IN EXCLUSIVE MODE")
            cursor.execute("DELETE FROM pg_catalog.redshift_running")
            cursor.executemany(
                "INSERT INTO pg_catalog.redshift_running VALUES (%s, %s, %s, %s, %s)",
                [
                    (one.query_id, one.user_name, one.session_id, one.started_at.replace(tzinfo=None), one.text[:_TEXT])
                    for one in running
                ],
            )
            cursor.executemany(
                "INSERT INTO pg_catalog.redshift_queries VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [_row(one) for one in new],
            )


def _row(one: Ran) -> tuple[object, ...]:
    times = (one.started_at.replace(tzinfo=None), one.ended_at.replace(tzinfo=None))
    return (
        one.query_id,
        one.user_name,
        one.session_id,
        one.kind,
        one.status,
        *times,
        one.error[:512],
        one.text[:_TEXT],
    )
