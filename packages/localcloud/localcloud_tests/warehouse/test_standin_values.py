"""Values of the local Redshift beside a small pure model: decimal arithmetic, parts of dates, comparison of texts.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html,
r_Dateparts_for_datetime_functions.html, r_Character_types.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from localcloud.redshift.typing import decimals
from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import LocalAws

FEW = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
EXACT = Context(prec=120, rounding=ROUND_DOWN)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[Decimal, decimals.Decimal]:
    """A decimal and its declared type, so narrow that no result has more than 38 digits."""
    precision = draw(st.integers(1, 9))
    scale = draw(st.integers(0, precision))
    digits = draw(st.integers(-(10**precision) + 1, 10**precision - 1))
    return Decimal(digits).scaleb(-scale), decimals.Decimal(precision, scale)


def model(operator: str, one: tuple[Decimal, decimals.Decimal], other: tuple[Decimal, decimals.Decimal]) -> str | None:
    """The result as AWS's page has it: exact, or a quotient that is cut to its scale."""
    (a, x), (b, y) = one, other
    scale = {
        "+": max(x.scale, y.scale),
        "-": max(x.scale, y.scale),
        "*": x.scale + y.scale,
        "/": max(4, x.scale + y.precision - y.scale + 1),
    }[operator]
    if operator == "/" and b == 0:
        return None
    exact = {
        "+": lambda: EXACT.add(a, b),
        "-": lambda: EXACT.subtract(a, b),
        "*": lambda: EXACT.multiply(a, b),
        "/": lambda: EXACT.divide(a, b),
    }[operator]()
    found = exact.quantize(Decimal(1).scaleb(-scale), context=EXACT)
    return f"{abs(found) if found == 0 else found:f}"


@FEW
@given(st.lists(st.tuples(numbers(), st.sampled_from("+-*/"), numbers()), min_size=1, max_size=25))
def test_decimals_have_the_documented_scale_and_digits(
    sql: Sql, computations: list[tuple[tuple[Decimal, decimals.Decimal], str, tuple[Decimal, decimals.Decimal]]]
) -> None:
    wanted = [(one, op, other, model(op, one, other)) for one, op, other in computations]
    known = [(one, op, other, text) for one, op, other, text in wanted if text is not None]
    if not known:
        return
    items = [f"'{a}'::{x.sql} {op} '{b}'::{y.sql} AS c{n}" for n, ((a, x), op, (b, y), _) in enumerate(known)]
    assert sql.rows(f"SELECT {', '.join(items)}") == [tuple(text for *_, text in known)]


WIDE = st.integers(0, 38).flatmap(lambda digits: st.integers(-(10**digits) + 1, 10**digits - 1))


@FEW
@given(st.lists(st.tuples(WIDE, st.sampled_from("+-*"), WIDE), min_size=1, max_size=4))
def test_more_than_38_digits_are_an_overflow(sql: Sql, computations: list[tuple[int, str, int]]) -> None:
    for one, operator, other in computations:
        exact = {"+": one + other, "-": one - other, "*": one * other}[operator]
        query = f"SELECT '{one}'::decimal(38,0) {operator} '{other}'::decimal(38,0) AS c"
        if abs(exact) < 10**38:
            assert sql.rows(query) == [(str(exact),)]
        else:
            assert sql.error(query) == "ERROR: Numeric data overflow (result precision)"


MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2037, 12, 31))  # noqa: DTZ001 - TIMESTAMP has no zone
PARTS: dict[str, Callable[[datetime], int]] = {
    "year": lambda t: t.year,
    "qtr": lambda t: (t.month + 2) // 3,
    "month": lambda t: t.month,
    "week": lambda t: t.isocalendar()[1],
    "day": lambda t: t.day,
    "dow": lambda t: t.isoweekday() % 7,
    "doy": lambda t: t.timetuple().tm_yday,
    "hour": lambda t: t.hour,
    "minute": lambda t: t.minute,
    "sec": lambda t: t.second,
    "ms": lambda t: t.microsecond // 1000,
    "us": lambda t: t.microsecond,
    "epoch": lambda t: (t - datetime(1970, 1, 1)) // timedelta(seconds=1),  # noqa: DTZ001 - TIMESTAMP has no zone
}


@FEW
@given(st.lists(MOMENTS, min_size=1, max_size=6))
def test_parts_of_dates_are_the_parts_alone(sql: Sql, moments: Sequence[datetime]) -> None:
    items = [f"extract({part} from timestamp '{moment}')" for moment in moments for part in PARTS]
    expected = tuple(read(moment) for moment in moments for read in PARTS.values())
    assert sql.rows(f"SELECT {', '.join(f'{item} AS c{n}' for n, item in enumerate(items))}") == [expected]


@FEW
@given(st.lists(st.tuples(MOMENTS, st.integers(-40, 40)), min_size=1, max_size=10))
def test_years_are_added_as_documented(sql: Sql, additions: Sequence[tuple[datetime, int]]) -> None:
    """The 29th of February is the 1st of March in a year that has no such day."""
    items = [f"dateadd(year, {years}, timestamp '{moment}') AS c{n}" for n, (moment, years) in enumerate(additions)]
    expected = []
    for moment, years in additions:
        try:
            found = moment.replace(year=moment.year + years)
        except ValueError:
            found = moment.replace(year=moment.year + years, month=3, day=1)
        expected.append(str(found).rstrip("0") if found.microsecond else str(found))
    assert sql.rows(f"SELECT {', '.join(items)}") == [tuple(expected)]


TEXTS = st.text(alphabet="ab ", max_size=4)


@FEW
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=15))
def test_blanks_at_the_end_mean_nothing_in_comparisons(sql: Sql, pairs: Sequence[tuple[str, str]]) -> None:
    items: list[str] = []
    expected: list[bool] = []
    for one, other in pairs:
        for operator, holds in (
            ("=", one.rstrip(" ") == other.rstrip(" ")),
            ("<>", one.rstrip(" ") != other.rstrip(" ")),
            ("<", one.rstrip(" ") < other.rstrip(" ")),
            (">=", one.rstrip(" ") >= other.rstrip(" ")),
        ):
            items.append(f"'{one}'::varchar {operator} '{other}'::varchar AS c{len(items)}")
            expected.append(holds)
    assert sql.rows(f"SELECT {', '.join(items)}") == [tuple(expected)]


@FEW
@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_blanks_at_the_end_mean_nothing_in_groups_and_joins(sql: Sql, texts: Sequence[str]) -> None:
    rows = " UNION ALL ".join(f"SELECT '{text}'::varchar AS v" for text in texts)
    groups = {text.rstrip(" ") for text in texts}
    pairs = sum(one.rstrip(" ") == other.rstrip(" ") for one in texts for other in texts)
    found = sql.rows(
        f"WITH t AS ({rows}) SELECT (SELECT count(*) FROM (SELECT v FROM t GROUP BY v) x),"
        " (SELECT count(DISTINCT v) FROM t), (SELECT count(*) FROM t a JOIN t b ON a.v = b.v),"
        " (SELECT count(*) FROM t WHERE v IN (SELECT v FROM t))"
    )
    assert found == [(len(groups), len(groups), pairs, len(texts))]


@pytest.mark.parametrize("where", ["api", "port"])
def test_meaning_does_not_depend_on_the_door(sql: Sql, local_aws: LocalAws, where: str) -> None:
    query = "SELECT avg(n), count(DISTINCT v), extract(ms FROM timestamp '2026-11-20 10:00:01.5') FROM door"
    sql.ok("CREATE TABLE door (n INT, v VARCHAR(5))")
    sql.ok("INSERT INTO door VALUES (1, 'a'), (2, 'a ')")
    if where == "api":
        assert sql.rows(query) == [(1, 1, 500)]
        return

    with psycopg.connect(local_aws.warehouse.dsn) as connection:
        assert connection.execute(query.encode()).fetchall() == [(1, 1, 500)]
