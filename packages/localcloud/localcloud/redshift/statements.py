"""The statements that were sent, their states and results, as long as the Data API remembers them.

Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html (results are kept 24 hours, client tokens 8)
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from localcloud.redshift.clock import Clock
from localcloud.redshift.credentials import Login
from localcloud.redshift.errors import ActiveStatementsExceededError, ResourceNotFoundError, ValidationError
from localcloud.redshift.results import ResultSet

RESULTS_KEPT = timedelta(hours=24)
TOKENS_KEPT = timedelta(hours=8)
MAX_ACTIVE = 500


class Status(StrEnum):
    """The states of a statement."""

    SUBMITTED = "SUBMITTED"
    PICKED = "PICKED"
    STARTED = "STARTED"
    FINISHED = "FINISHED"
    ABORTED = "ABORTED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens."""
        return self in {Status.FINISHED, Status.ABORTED, Status.FAILED}


@dataclass(frozen=True)
class Request:
    """What a caller asked to run.

    Attributes:
        sqls: the statements as the caller wrote them.
        bound: the same with the parameters in their places.
        is_batch: whether it came as a batch, which shows sub-statements.
        is_transaction: whether all of them are one transaction.
    """

    sqls: tuple[str, ...]
    bound: tuple[str, ...]
    is_batch: bool
    is_transaction: bool
    database: str
    target: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    name: str = ""
    result_format: str = "JSON"
    session_id: str | None = None
    keep_alive_seconds: int | None = None


@dataclass
class Part:
    """One SQL statement of a request and how it went. Times are in UTC, the duration in nanoseconds."""

    sql: str
    bound: str
    created_at: datetime
    updated_at: datetime
    status: Status = Status.SUBMITTED
    error: str = ""
    rows: int = -1
    duration_ns: int = -1
    query_id: int = 0
    result: ResultSet | None = None


@dataclass
class Statement:
    """A request that runs or ran."""

    id: str
    request: Request
    created_at: datetime
    updated_at: datetime
    parts: tuple[Part, ...]
    status: Status = Status.SUBMITTED
    error: str = ""
    process_id: int = 0
    is_cancelled: bool = False
    session_id: str | None = None
    login: Login | None = None
    done: Future[None] = field(default_factory=Future)

    @property
    def has_result(self) -> bool:
        """Whether any part gave rows."""
        return any(part.result is not None for part in self.parts)


class StatementStore:
    """Remembers statements and client tokens.

    Args:
        clock: gives the current time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._statements: dict[str, Statement] = {}
        self._tokens: dict[str, tuple[datetime, Request, str]] = {}
        self._running: list[Statement] = []
        # Nothing that is remembered now or later is old before this moment, so nothing is looked through until then.
        self._forget_after = clock() + min(RESULTS_KEPT, TOKENS_KEPT)

    def submit(self, request: Request, token: str | None) -> tuple[Statement, bool]:
        """Book a request; give its statement, and whether it is new or known by its client token.

        Raises:
            ValidationError: the token was used for another request.
            ActiveStatementsExceededError: too many statements are active.
        """
        with self._lock:
            self._forget()
            known = self._tokens.get(token) if token else None
            if known is not None and known[2] in self._statements:
                if known[1] != request:
                    raise ValidationError("The client token was used before with different request parameters")
                return self._statements[known[2]], False
            self._running = [statement for statement in self._running if not statement.status.is_final]
            if len(self._running) >= MAX_ACTIVE:
                raise ActiveStatementsExceededError(f"More than {MAX_ACTIVE} statements are active")
            statement = self._new(request)
            self._statements[statement.id] = statement
            self._running.append(statement)
            if token:
                self._tokens[token] = (statement.created_at, request, statement.id)
            return statement, True

    def _new(self, request: Request) -> Statement:
        now = self._clock()
        pairs = zip(request.sqls, request.bound, strict=True)
        parts = tuple(Part(sql, bound, now, now) for sql, bound in pairs)
        return Statement(str(uuid.uuid4()), request, now, now, parts)

    def _forget(self) -> None:
        now = self._clock()
        if now <= self._forget_after:
            return
        for key, statement in list(self._statements.items()):
            if statement.status.is_final and now - statement.updated_at > RESULTS_KEPT:
                del self._statements[key]
        for token, (created_at, _, _) in list(self._tokens.items()):
            if now - created_at > TOKENS_KEPT:
                del self._tokens[token]
        of_statements = [statement.updated_at + RESULTS_KEPT for statement in self._statements.values()]
        of_tokens = [created_at + TOKENS_KEPT for created_at, _, _ in self._tokens.values()]
        self._forget_after = min([now + min(RESULTS_KEPT, TOKENS_KEPT), *of_statements, *of_tokens])

    def get(self, statement_id: str) -> Statement:
        """Give a statement by its id, without the number of a part.

        Raises:
            ResourceNotFoundError: there is none.
        """
        with self._lock:
            self._forget()
            found = self._statements.get(statement_id)
        if found is None:
            raise ResourceNotFoundError("Query does not exist.")
        return found

    def part(self, statement_id: str) -> tuple[Statement, Part]:
        """Give the part that an id with a number means, or the only part of a single statement.

        Raises:
            ResourceNotFoundError: there is no such statement or part.
            ValidationError: the id of a batch without a number.
        """
        base, _, number = statement_id.partition(":")
        statement = self.get(base)
        if not number:
            if statement.request.is_batch:
                raise ValidationError("BatchExecuteStatement result can only be retrieved with sub-statement id.")
            return statement, statement.parts[0]
        if not statement.request.is_batch or not 1 <= int(number) <= len(statement.parts):
            raise ResourceNotFoundError("Query does not exist.")
        return statement, statement.parts[int(number) - 1]

    def discard(self, statement: Statement) -> None:
        """Forget a statement that was refused before it ran, and its token."""
        with self._lock:
            self._statements.pop(statement.id, None)
            self._running = [other for other in self._running if other is not statement]
            self._tokens = {token: known for token, known in self._tokens.items() if known[2] != statement.id}

    def newest_first(self) -> Iterator[Statement]:
        """Give all statements, the newest first."""
        with self._lock:
            self._forget()
            found = list(self._statements.values())
        return reversed(found)

    def active(self) -> list[Statement]:
        """Give the statements that are not through."""
        return [statement for statement in self.newest_first() if not statement.status.is_final]
