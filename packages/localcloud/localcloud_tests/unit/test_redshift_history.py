"""The statements that the system views show: what runs, and what ran."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Self

import pytest

from localcloud.redshift.history import QueryHistory, Ran

NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)


def ran(number: int, session: int, text: str, error: str = "", *, is_cancelled: bool = False) -> Ran:
    return Ran(number, "sluice", session, text, NOW, NOW, error, is_cancelled)


class Recorder:
    """A database that notes what is written."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {}

    def administer(self) -> Recorder:
        return self

    transaction = cursor = administer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, _sql: str) -> None:
        pass

    def executemany(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        self.rows[sql.split()[2]] = rows


def test_a_statement_runs_until_it_is_through_or_its_session_runs_another() -> None:
    database: Any = Recorder()
    history = QueryHistory(database)
    for number, session in ((1, 10), (2, 20), (3, 30), (4, 30)):
        history.begin(ran(number, session, f"SELECT {number}"))
    history.add(ran(1, 10, "SELECT 1"))
    history.show_for("SELECT * FROM stv_inflight")
    assert [row[0] for row in database.rows["pg_catalog.redshift_running"]] == [2, 4]
    assert [row[0] for row in database.rows["pg_catalog.redshift_queries"]] == [1]


def test_nothing_is_written_for_a_statement_that_does_not_ask() -> None:
    database: Any = Recorder()
    history = QueryHistory(database)
    history.add(ran(1, 10, "SELECT 1"))
    history.show_for("SELECT * FROM orders WHERE system_id = 1")
    assert database.rows == {}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("select 1", "SELECT"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "SELECT"),
        ("unload ('select 1') to 's3://b/k' iam_role default", "UNLOAD"),
        ("create table t as select 1", "CTAS"),
        ("create table t (a int)", "DDL"),
        ("call p()", "UTILITY"),
    ],
)
def test_statements_have_the_kinds_of_sys_query_history(text: str, kind: str) -> None:
    assert ran(1, 1, text).kind == kind


def test_how_statements_end() -> None:
    assert [ran(1, 1, "x").status, ran(1, 1, "x", "no").status, ran(1, 1, "x", "no", is_cancelled=True).status] == [
        "success",
        "failed",
        "canceled",
    ]
