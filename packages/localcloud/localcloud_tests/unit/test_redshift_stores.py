"""What the Data API remembers, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.redshift.errors import (
    ActiveSessionsExceededError,
    ActiveStatementsExceededError,
    ResourceNotFoundError,
    ValidationError,
)
from localcloud.redshift.requests import bind
from localcloud.redshift.sessions import MAX_SESSIONS, SessionStore
from localcloud.redshift.statements import MAX_ACTIVE, Request, Statement, StatementStore, Status

START = datetime(2026, 11, 20, 13, tzinfo=UTC)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


def request(sql: str = "SELECT 1") -> Request:
    return Request((sql,), (sql,), is_batch=False, is_transaction=True, database="warehouse")


def test_a_statement_is_kept_24_hours_after_it_is_through() -> None:
    clock = Clock()
    store = StatementStore(clock)
    statement, _ = store.submit(request(), None)
    clock.pass_by(days=3)
    assert store.get(statement.id) is statement
    statement.status, statement.updated_at = Status.FINISHED, clock.now
    clock.pass_by(hours=24)
    assert store.get(statement.id) is statement
    clock.pass_by(seconds=1)
    with pytest.raises(ResourceNotFoundError):
        store.get(statement.id)


def test_a_client_token_counts_for_8_hours() -> None:
    clock = Clock()
    store = StatementStore(clock)
    first, is_new = store.submit(request(), "token")
    assert is_new
    clock.pass_by(hours=8)
    assert store.submit(request(), "token") == (first, False)
    with pytest.raises(ValidationError, match="different request"):
        store.submit(request("SELECT 2"), "token")
    clock.pass_by(seconds=1)
    second, is_new = store.submit(request(), "token")
    assert is_new
    assert second.id != first.id


@given(st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["submit", "finish", "look"])), max_size=30))
def test_each_statement_and_token_is_forgotten_in_its_own_time(steps: list[tuple[int, str]]) -> None:
    clock = Clock()
    store = StatementStore(clock)
    statements: list[Statement] = []
    for hours, step in steps:
        clock.pass_by(hours=hours)
        if step == "submit":
            statement, is_new = store.submit(request(), f"token-{len(statements)}")
            assert is_new
            statements.append(statement)
        elif step == "finish" and statements and not statements[-1].status.is_final:
            statements[-1].status, statements[-1].updated_at = Status.FINISHED, clock.now
    day = timedelta(hours=24)
    kept = [one for one in statements if not one.status.is_final or clock.now - one.updated_at <= day]
    assert list(store.newest_first()) == kept[::-1]
    for number, statement in enumerate(statements):
        is_known = statement in kept and clock.now - statement.created_at <= timedelta(hours=8)
        assert store.submit(request(), f"token-{number}")[1] is not is_known


def test_500_statements_may_be_active() -> None:
    store = StatementStore(Clock())
    statements = [store.submit(request(), None)[0] for _ in range(MAX_ACTIVE)]
    with pytest.raises(ActiveStatementsExceededError):
        store.submit(request(), None)
    statements[0].status = Status.FAILED
    assert store.submit(request(), None)[1]


def test_a_session_ends_when_it_was_idle_too_long_or_after_a_day() -> None:
    clock = Clock()
    store = SessionStore(clock)
    session = store.open("warehouse", (), 60)
    clock.pass_by(hours=2)
    assert store.get(session.id) is session
    store.give_back(session.id)
    clock.pass_by(seconds=60)
    store.take(session.id, 86_400)
    store.give_back(session.id)
    clock.pass_by(hours=21)
    assert store.get(session.id) is session
    clock.pass_by(hours=1)
    with pytest.raises(ResourceNotFoundError):
        store.get(session.id)


def test_500_sessions_may_be_open() -> None:
    store = SessionStore(Clock())
    for _ in range(MAX_SESSIONS):
        store.open("warehouse", (), 60)
    with pytest.raises(ActiveSessionsExceededError):
        store.open("warehouse", (), 60)


def test_parameters_stand_as_literals_and_only_outside_strings() -> None:
    values = {"a": "it's \\ x", "b1": "2"}
    assert bind(("SELECT :a, x::int, ':a' -- :a", "SELECT :b1+:b1"), values) == (
        r"SELECT 'it''s \\ x', x::int, ':a' -- :a",
        "SELECT '2'+'2'",
    )
