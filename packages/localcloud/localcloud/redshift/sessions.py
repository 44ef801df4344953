"""Sessions: a connection that lives from one statement to the next, with its temporary tables.

Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from localcloud.redshift.clock import Clock
from localcloud.redshift.database import Connection
from localcloud.redshift.errors import ActiveSessionsExceededError, ResourceNotFoundError, ValidationError

MAX_SESSIONS = 500
LONGEST = timedelta(hours=24)


@dataclass
class Session:
    """One session; its connection is opened by its first statement."""

    id: str
    database: str
    target: tuple[tuple[str, str], ...]
    created_at: datetime
    keep_alive: timedelta
    idle_since: datetime
    connection: Connection | None = None
    is_busy: bool = False

    def has_ended(self, now: datetime) -> bool:
        """Whether its time is over."""
        is_idle = not self.is_busy and now - self.idle_since > self.keep_alive
        return is_idle or now - self.created_at > LONGEST


class SessionStore:
    """Keeps the sessions.

    Args:
        clock: gives the current time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def open(self, database: str, target: tuple[tuple[str, str], ...], seconds: int) -> Session:
        """Open a session and take it for a statement.

        Args:
            database: the database that the first statement names.
            target: the workgroup or cluster that the first statement names.
            seconds: how long it lives after its last statement.

        Raises:
            ActiveSessionsExceededError: too many are open.
        """
        now = self._clock()
        with self._lock:
            self._forget()
            if len(self._sessions) >= MAX_SESSIONS:
                raise ActiveSessionsExceededError(f"More than {MAX_SESSIONS} sessions are open")
            session = Session(str(uuid.uuid4()), database, target, now, timedelta(seconds=seconds), now, is_busy=True)
            self._sessions[session.id] = session
            return session

    def get(self, session_id: str) -> Session:
        """Give an open session.

        Raises:
            ResourceNotFoundError: there is none, or its time is over.
        """
        with self._lock:
            self._forget()
            session = self._sessions.get(session_id)
        if session is None:
            raise ResourceNotFoundError(f"Session {session_id} does not exist or has ended.")
        return session

    def take(self, session_id: str, seconds: int | None) -> Session:
        """Take a session for one more statement: it runs one at a time and has no queue.

        Raises:
            ResourceNotFoundError: there is none.
            ValidationError: it is running a statement.
        """
        session = self.get(session_id)
        with self._lock:
            if session.is_busy:
                raise ValidationError(f"Session {session_id} is busy: a session runs one statement at a time")
            session.is_busy = True
            if seconds is not None:
                session.keep_alive = timedelta(seconds=seconds)
        return session

    def give_back(self, session_id: str) -> None:
        """Tell that the statement is through."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is not None:
                session.is_busy = False
                session.idle_since = self._clock()

    def close_all(self) -> None:
        """End every session."""
        with self._lock:
            for session in self._sessions.values():
                _close(session)
            self._sessions.clear()

    def _forget(self) -> None:
        now = self._clock()
        for key, session in list(self._sessions.items()):
            if session.has_ended(now):
                _close(session)
                del self._sessions[key]


def _close(session: Session) -> None:
    if session.connection is not None:
        session.connection.close()
