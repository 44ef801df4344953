"""GetPartitions' Expression: the language, its errors, and agreement with a plain evaluation."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.errors import AwsApiError
from localcloud.glue.expression import PartitionKey, compile_expression

KEYS = [
    PartitionKey("year", "string", 0),
    PartitionKey("n", "int", 1),
    PartitionKey("day", "date", 2),
    PartitionKey("price", "decimal(10,2)", 3),
    PartitionKey("at", "timestamp", 4),
    PartitionKey("kind", "binary", 5),
]
ROW = ["2026", "7", "2026-11-20", "1.50", "2026-11-20 13:00:00", "x"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("year = '2026'", True),
        ("YEAR='2026' AND n=7", True),
        ("\"year\" = '2026' and `n` <> 7", False),
        ("'2026' = year", True),
        ("8 > n", True),
        ("n between 7 and 9", True),
        ("n not between 7 and 9", False),
        ("n in (1, 2, 7)", True),
        ("n not in (1, 7)", False),
        ("n > 10 or n < 8 and year = '1999'", False),
        ("(n > 10 or n < 8) and year = '2026'", True),
        ("not n = 7", False),
        ("not not n = 7", True),
        ("year like '20__'", True),
        ("year like '20_'", False),
        ("year like '%6'", True),
        ("year not like '.*'", True),
        ("year is null", False),
        ("year is not null", True),
        ("day >= '2026-11-20' and day < '2026-12-01'", True),
        ("price = 1.5", True),
        ("price > -1", True),
        ("at > '2026-11-20 12:59:59'", True),
        ("year = 'it''s'", False),
        ("  n=7  ", True),
        ("n=7\nand\tyear='2026'", True),
    ],
)
def test_an_expression_is_read_as_sql_reads_it(expression: str, expected: bool) -> None:
    assert compile_expression(expression, KEYS)(ROW) is expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("n == 7", "Expression has '=' at character 4 where a literal should be"),
        ("n != 7", "Expression cannot be read at character 2: ' != 7'"),
        ("n = ", "Expression has 'the end' at character 4 where a literal should be"),
        ("n = 7 year", "Expression has 'year' at character 7 where the end should be"),
        ("(n = 7", "Expression has 'the end' at character 7 where ) should be"),
        ("n = 7)", "Expression has ')' at character 6 where the end should be"),
        ("n in ()", "Expression has ')' at character 7 where a literal should be"),
        ("n", "Expression has 'the end' at character 2 where an operator should be"),
        ("1 = 1", "Expression has '1' at character 5 where a partition key should be"),
        (
            "lower(year) = 'x'",
            "Expression names lower, which is not a partition key (keys: year, n, day, price, at, kind)",
        ),
        ("year = 2026", "partition key year is string and needs a quoted literal, not '2026'"),
        ("n = '7'", "partition key n is int and needs a number, not '7'"),
        ("n = 1.5", "'1.5' is not a valid int, the type of partition key n"),
        ("day = '2026-02-30'", "'2026-02-30' is not a valid date, the type of partition key day"),
        ("n like '7'", "LIKE needs a string key; n is int"),
        ("kind = 1", "partition key kind of type binary cannot be used in an expression"),
        ("year = 'open", 'Expression cannot be read at character 7: " \'open"'),
        ("(" * 101 + "n = 7" + ")" * 101, "Expression is nested more than 100 levels deep"),
        ("n = 7" + " " * 2044, "Expression has 2049 characters; the limit is 2048"),
    ],
)
def test_what_glue_does_not_document_is_refused(expression: str, message: str) -> None:
    with pytest.raises(AwsApiError) as refused:
        compile_expression(expression, KEYS)
    assert (refused.value.code, refused.value.message) == ("InvalidInputException", message)


def test_a_value_that_does_not_fit_its_key_is_an_error() -> None:
    matches = compile_expression("n > 1", KEYS)
    with pytest.raises(AwsApiError, match="'__HIVE_DEFAULT_PARTITION__' is not a valid int"):
        matches(["2026", "__HIVE_DEFAULT_PARTITION__", "", "", "", ""])


@dataclass(frozen=True)
class Row:
    year: str
    n: int
    day: date

    def values(self) -> list[str]:
        return [self.year, str(self.n), self.day.isoformat()]


@dataclass(frozen=True)
class Meaning:
    """An expression's text beside what it means in Python."""

    text: str
    of: Callable[[Row], bool]


def quoted(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


YEARS = st.text(alphabet="2é'% _", max_size=3)
NUMBERS = st.integers(-3, 3)
DAYS = st.dates(date(2026, 11, 1), date(2026, 11, 4))
ROWS = st.builds(Row, YEARS, NUMBERS, DAYS)
LITERALS = {"year": YEARS, "n": NUMBERS, "day": DAYS}
OPERATORS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@st.composite
def comparisons(draw: st.DrawFn) -> Meaning:
    key = draw(st.sampled_from(["year", "n", "day"]))
    kind = draw(st.sampled_from([*OPERATORS, "in", "between"]))
    first: Any = draw(LITERALS[key])
    second: Any = draw(LITERALS[key])
    negated = draw(st.booleans()) and kind in ("in", "between")
    word = f"not {kind}" if negated else kind
    if kind == "in":
        return Meaning(
            f"{key} {word} ({quoted(first)}, {quoted(second)})",
            lambda row: (getattr(row, key) in (first, second)) is not negated,
        )
    if kind == "between":
        return Meaning(
            f"{key} {word} {quoted(first)} and {quoted(second)}",
            lambda row: (first <= getattr(row, key) <= second) is not negated,
        )
    return Meaning(f"{key} {kind} {quoted(first)}", lambda row: OPERATORS[kind](getattr(row, key), first))


def combined(parts: st.SearchStrategy[Meaning]) -> st.SearchStrategy[Meaning]:
    def both(left: Meaning, right: Meaning) -> Meaning:
        return Meaning(f"({left.text}) and ({right.text})", lambda row: left.of(row) and right.of(row))

    def either(left: Meaning, right: Meaning) -> Meaning:
        return Meaning(f"({left.text}) OR ({right.text})", lambda row: left.of(row) or right.of(row))

    def neither(part: Meaning) -> Meaning:
        return Meaning(f"not ({part.text})", lambda row: not part.of(row))

    return st.one_of(st.builds(both, parts, parts), st.builds(either, parts, parts), st.builds(neither, parts))


@given(st.recursive(comparisons(), combined, max_leaves=6), st.lists(ROWS, max_size=8))
def test_an_expression_agrees_with_python(meaning: Meaning, rows: list[Row]) -> None:
    matches = compile_expression(meaning.text, KEYS)
    assert [matches(row.values()) for row in rows] == [meaning.of(row) for row in rows]
