"""Athena's functions and operators: what Athena documents that they answer, as its API shows it."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from localcloud.athena.catalog import Catalog
from localcloud.athena.engine import Control, Engine
from localcloud.athena.errors import QueryError
from localcloud.athena.objects import Objects


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine that has no tables."""
    folder: Path = tmp_path_factory.mktemp("athena")
    nobody: Any = Mock(side_effect=AssertionError("no table is read here"))
    return Engine(Catalog(nobody), Objects(folder / "objects", nobody))


def answer(engine: Engine, sql: str) -> list[tuple[str | None, ...]]:
    return [tuple(row) for row in engine.query(sql, "default", Control()).rows]


EXPRESSIONS = [
    # Arithmetic and its types.
    ("7 / 2", "integer", "3"),
    ("-7 / 2", "integer", "-3"),
    ("7 % 3", "integer", "1"),
    ("mod(-7, 3)", "integer", "-1"),
    ("7.0 / 2", "decimal", "3.5"),
    ("1.00 / 3", "decimal", "0.33"),
    ("DECIMAL '10.00' / DECIMAL '3.000'", "decimal", "3.333"),
    ("-2.0 / 3.0", "decimal", "-0.7"),
    ("1.1 * 1.1", "decimal", "1.21"),
    ("1.5 + 1", "decimal", "2.5"),
    ("7e0 / 2", "double", "3.5"),
    ("CAST(1 AS double) / 3", "double", "0.3333333333333333"),
    ("10000000e0", "double", "1.0E7"),
    ("0.0001e0", "double", "1.0E-4"),
    ("CAST(0.1 AS real)", "float", "0.1"),
    ("power(2, 10)", "double", "1024.0"),
    ("sqrt(2)", "double", "1.4142135623730951"),
    ("log10(1000)", "double", "3.0"),
    ("log(2, 8)", "double", "3.0"),
    ("abs(-1.50)", "decimal", "1.50"),
    ("round(2.567, 2)", "decimal", "2.570"),
    ("floor(7)", "integer", "7"),
    ("bitwise_and(12, 10)", "bigint", "8"),
    ("sign(-5)", "integer", "-1"),
    ("sign(-0.5)", "decimal", "-1"),
    ("greatest(1, 3, 2)", "integer", "3"),
    ("greatest(1, NULL)", "integer", None),
    # Casts.
    ("CAST(2.5e0 AS integer)", "integer", "3"),
    ("CAST(2.5 AS integer)", "integer", "3"),
    ("CAST('12' AS bigint)", "bigint", "12"),
    ("TRY_CAST('x' AS integer)", "integer", None),
    ("TRY_CAST('1.5' AS integer)", "integer", None),
    ("TRY(CAST('x' AS integer))", "integer", None),
    ("CAST('12.345' AS decimal(10,2))", "decimal", "12.35"),
    ("CAST(TIMESTAMP '2026-07-01 23:30:00' AS varchar)", "varchar", "2026-07-01 23:30:00.000"),
    ("CAST(DATE '2026-07-01' AS varchar)", "varchar", "2026-07-01"),
    ("CAST('2026-07-01' AS date)", "date", "2026-07-01"),
    ("CAST('abcdef' AS varchar(3))", "varchar", "abc"),
    ("CAST(true AS varchar)", "varchar", "true"),
    ("typeof(1.50)", "varchar", "decimal(3,2)"),
    # Conditions.
    ("if(1 > 2, 'x', 'y')", "varchar", "y"),
    ("if(1 > 2, 'x')", "varchar", None),
    ("coalesce(NULL, 'a')", "varchar", "a"),
    ("nullif('a', 'b')", "varchar", "a"),
    ("1 BETWEEN 0 AND 2", "boolean", "true"),
    ("NULL IS DISTINCT FROM 1", "boolean", "true"),
    ("'abc' LIKE 'a!%c' ESCAPE '!'", "boolean", "false"),
    # Texts.
    ("'a' || 'b'", "varchar", "ab"),
    ("concat('a', 'b', 'c')", "varchar", "abc"),
    ("concat('a', CAST(NULL AS varchar))", "varchar", None),
    ("length('für')", "bigint", "3"),
    ("strpos('hello', 'l')", "bigint", "3"),
    ("position('l' IN 'hello')", "bigint", "3"),
    ("substr('hello', 2, 3)", "varchar", "ell"),
    ("substring('hello', -3)", "varchar", "llo"),
    ("substring('hello' FROM 2 FOR 3)", "varchar", "ell"),
    ("split('a,b', ',')", "array", "[a, b]"),
    ("split_part('a,b', ',', 2)", "varchar", "b"),
    ("split_part('a,b', ',', 3)", "varchar", None),
    ("lpad('7', 3, '0')", "varchar", "007"),
    ("trim(BOTH 'x' FROM 'xax')", "varchar", "a"),
    ("reverse('abc')", "varchar", "cba"),
    ("replace('abc', 'b', 'x')", "varchar", "axc"),
    ("chr(65)", "varchar", "A"),
    ("codepoint('A')", "integer", "65"),
    ("levenshtein_distance('kitten', 'sitting')", "bigint", "3"),
    ("format('%s is %d and %.2f', 'x', 3, 1.234)", "varchar", "x is 3 and 1.23"),
    ("format('%d%%', 5)", "varchar", "5%"),
    ("upper(split_part(concat('a', ',', lower('B')), ',', 2))", "varchar", "B"),
    ("replace('aXbX', 'X')", "varchar", "ab"),
    ("regexp_like('1a 2b', '\\d+b')", "boolean", "true"),
    ("regexp_extract('1a 2b 14m', '\\d+')", "varchar", "1"),
    ("regexp_extract('1a 2b 14m', '(\\d+)([a-z]+)', 2)", "varchar", "a"),
    ("regexp_extract('abc', '\\d+')", "varchar", None),
    ("regexp_extract_all('1a 2b 14m', '\\d+')", "array", "[1, 2, 14]"),
    ("regexp_replace('1a 2b 14m', '(\\d+)([ab]) ', '3c$2 ')", "varchar", "3ca 3cb 14m"),
    ("regexp_replace('1a 2b 14m', '\\d+[ab] ')", "varchar", "14m"),
    ("to_hex(md5(to_utf8('a')))", "varchar", "0CC175B9C0F1B6A831C399E269772661"),
    ("to_utf8('ab')", "varbinary", "61 62"),
    ("url_extract_host('https://example.com:80/a?b=c')", "varchar", "example.com"),
    ("url_extract_parameter('https://example.com/a?b=c&d=e', 'd')", "varchar", "e"),
    # Dates and times.
    ("DATE '2026-07-01' + INTERVAL '1' MONTH", "date", "2026-08-01"),
    ("DATE '2026-03-31' - INTERVAL '1' DAY", "date", "2026-03-30"),
    ("DATE '2026-03-31' - DATE '2026-03-29'", "interval day to second", "2 00:00:00.000"),
    ("TIMESTAMP '2026-07-01 23:30:00.250'", "timestamp", "2026-07-01 23:30:00.250"),
    ("TIMESTAMP '2026-07-01 23:30:00' + INTERVAL '2' HOUR", "timestamp", "2026-07-02 01:30:00.000"),
    ("date_add('day', -1, DATE '2026-07-01')", "date", "2026-06-30"),
    ("date_add('hour', 2, TIMESTAMP '2026-07-01 23:00:00')", "timestamp", "2026-07-02 01:00:00.000"),
    ("date_add('quarter', 1, DATE '2026-01-31')", "date", "2026-04-30"),
    ("date_diff('day', DATE '2026-03-01', DATE '2026-04-01')", "bigint", "31"),
    ("date_diff('day', TIMESTAMP '2026-07-01 23:00:00', TIMESTAMP '2026-07-02 01:00:00')", "bigint", "0"),
    ("date_trunc('month', DATE '2026-07-15')", "date", "2026-07-01"),
    ("date_trunc('hour', TIMESTAMP '2026-07-01 23:30:00')", "timestamp", "2026-07-01 23:00:00.000"),
    ("date_format(TIMESTAMP '2026-07-01 05:06:07.250', '%Y-%m-%d %H:%i:%s')", "varchar", "2026-07-01 05:06:07"),
    ("date_format(DATE '2026-07-01', '%W, %e %M %y')", "varchar", "Wednesday, 1 July 26"),
    ("date_format(DATE '2026-07-01', '%Y%m%d')", "varchar", "20260701"),
    ("date_parse('2026-07-01 23:30', '%Y-%m-%d %H:%i')", "timestamp", "2026-07-01 23:30:00.000"),
    ("format_datetime(TIMESTAMP '2026-07-01 05:06:07', 'dd.MM.yyyy HH:mm')", "varchar", "01.07.2026 05:06"),
    ("from_unixtime(0)", "timestamp with time zone", "1970-01-01 00:00:00.000 UTC"),
    ("to_unixtime(TIMESTAMP '1970-01-01 00:01:00')", "double", "60.0"),
    ("date_format(from_unixtime(1700000000) AT TIME ZONE 'Europe/Berlin', '%H:%i')", "varchar", "23:13"),
    ("date_format(date_add('day', 1, date_parse('20260701', '%Y%m%d')), '%d.%m.')", "varchar", "02.07."),
    ("from_iso8601_date('2026-07-01')", "date", "2026-07-01"),
    ("to_iso8601(DATE '2026-07-01')", "varchar", "2026-07-01"),
    ("extract(year FROM DATE '2026-07-01')", "bigint", "2026"),
    ("day_of_week(DATE '2026-07-05')", "bigint", "7"),
    ("week(DATE '2026-01-01')", "bigint", "1"),
    ("quarter(DATE '2026-07-01')", "bigint", "3"),
    ("last_day_of_month(DATE '2026-02-01')", "date", "2026-02-28"),
    ("date(TIMESTAMP '2026-07-01 23:30:00')", "date", "2026-07-01"),
    # Arrays, maps, rows.
    ("ARRAY[1, NULL, 3]", "array", "[1, null, 3]"),
    ("ARRAY['a', 'b'][1]", "varchar", "a"),
    ("cardinality(ARRAY[1, 2])", "bigint", "2"),
    ("cardinality(MAP(ARRAY['a'], ARRAY[1]))", "bigint", "1"),
    ("element_at(ARRAY[1, 2], 5)", "integer", None),
    ("element_at(ARRAY[1, 2], -1)", "integer", "2"),
    ("MAP(ARRAY['a', 'b'], ARRAY[1, 2])", "map", "{a=1, b=2}"),
    ("element_at(MAP(ARRAY['a'], ARRAY[1]), 'a')", "integer", "1"),
    ("MAP(ARRAY['a'], ARRAY[1])['a']", "integer", "1"),
    ("map_keys(MAP(ARRAY['a'], ARRAY[1]))", "array", "[a]"),
    ("CAST(ROW(1, 'a') AS ROW(x integer, y varchar))", "row", "{x=1, y=a}"),
    ("contains(ARRAY[1, 2], 2)", "boolean", "true"),
    ("array_distinct(ARRAY[1, 1])", "array", "[1]"),
    ("array_join(ARRAY[1, 2], ',')", "varchar", "1,2"),
    ("array_sort(ARRAY[3, NULL, 1])", "array", "[1, 3, null]"),
    ("array_max(ARRAY[1, 3, 2])", "integer", "3"),
    ("array_max(ARRAY[1, NULL])", "integer", None),
    ("array_position(ARRAY['a', 'b'], 'b')", "bigint", "2"),
    ("array_except(ARRAY[1, 2, 2], ARRAY[1])", "array", "[2]"),
    ("ARRAY[1] || ARRAY[2]", "array", "[1, 2]"),
    ("slice(ARRAY[1, 2, 3, 4], 2, 2)", "array", "[2, 3]"),
    ("slice(ARRAY[1, 2, 3, 4], -2, 2)", "array", "[3, 4]"),
    ("sequence(1, 3)", "array", "[1, 2, 3]"),
    ("sequence(DATE '2026-07-01', DATE '2026-07-02')", "array", "[2026-07-01, 2026-07-02]"),
    ("transform(ARRAY[1, 2], x -> x + 1)", "array", "[2, 3]"),
    ("filter(ARRAY[1, 2, 3], x -> x > 1)", "array", "[2, 3]"),
    ("reduce(ARRAY[5, 20, 50], 0, (s, x) -> s + x, s -> s * 2)", "integer", "150"),
    ("any_match(ARRAY[1, 2], x -> x > 1)", "boolean", "true"),
    ("all_match(ARRAY[1, 2], x -> x > 1)", "boolean", "false"),
    ("flatten(ARRAY[ARRAY[1], ARRAY[2]])", "array", "[1, 2]"),
    ("reverse(ARRAY[1, 2])", "array", "[2, 1]"),
    # JSON.
    ("""json_extract_scalar('{"a": {"b": 1}}', '$.a.b')""", "varchar", "1"),
    ("""json_extract_scalar('{"a": {"b": 1}}', '$.a')""", "varchar", None),
    ("json_extract_scalar('no JSON', '$.a')", "varchar", None),
    ("""json_extract('{"a": [1, 2]}', '$.a')""", "json", "[1,2]"),
    ("json_array_length('[1, 2, 3]')", "bigint", "3"),
    ("CAST(json_parse('[1, 2]') AS array(integer))", "array", "[1, 2]"),
]


@pytest.mark.parametrize(("expression", "kind", "shown"), EXPRESSIONS, ids=[entry[0] for entry in EXPRESSIONS])
def test_an_expression(engine: Engine, expression: str, kind: str, shown: str | None) -> None:
    found = engine.query(f"SELECT {expression} AS v", "default", Control())
    assert [(column.name, column.type) for column in found.columns] == [("v", kind)]
    assert [list(row) for row in found.rows] == [[shown]]


NUMBERS = "(VALUES (1, 'a', 1.50), (2, 'b', 2.25), (3, 'b', NULL)) AS t (n, k, d)"
LISTS = "(VALUES (1, ARRAY['p', 'q']), (2, ARRAY['r'])) AS t (id, l)"
QUERIES = [
    (f"SELECT sum(n), avg(n), count(d), avg(d), sum(d) FROM {NUMBERS}", [("6", "2.0", "2", "1.88", "3.75")]),
    (f"SELECT k, avg(d) FILTER (WHERE n < 3) FROM {NUMBERS} GROUP BY k ORDER BY k", [("a", "1.50"), ("b", "2.25")]),
    (f"SELECT sum(n) / count(*) FROM {NUMBERS}", [("2",)]),
    (f"SELECT sum(d) / count(*) FROM {NUMBERS}", [("1.25",)]),
    (f"WITH q AS (SELECT avg(d) AS a FROM {NUMBERS}) SELECT a / 2 FROM q", [("0.94",)]),
    (f"SELECT n / 2, count(*) FROM {NUMBERS} GROUP BY n / 2 ORDER BY 1", [("0", "1"), ("1", "2")]),
    (f"SELECT d / 2, count(*) FROM {NUMBERS} GROUP BY d / 2 ORDER BY 1", [("0.75", "1"), ("1.13", "1"), (None, "1")]),
    (f"SELECT d FROM {NUMBERS} ORDER BY d DESC", [("2.25",), ("1.50",), (None,)]),
    (f"SELECT d FROM {NUMBERS} ORDER BY d", [("1.50",), ("2.25",), (None,)]),
    (f"SELECT d FROM {NUMBERS} ORDER BY d NULLS FIRST LIMIT 1", [(None,)]),
    (f"SELECT n FROM {NUMBERS} ORDER BY n OFFSET 1 LIMIT 1", [("2",)]),
    (f"SELECT n FROM {NUMBERS} ORDER BY n FETCH FIRST 1 ROWS ONLY", [("1",)]),
    (f"SELECT max_by(n, d), min_by(k, n) FROM {NUMBERS}", [("2", "a")]),
    (f"SELECT approx_distinct(k), arbitrary(n) FROM {NUMBERS} WHERE n = 1", [("1", "1")]),
    (f"SELECT approx_percentile(n, 0.5), count_if(n > 1) FROM {NUMBERS}", [("2", "2")]),
    (f"SELECT array_agg(n ORDER BY n DESC), listagg(k, '-') WITHIN GROUP (ORDER BY n) FROM {NUMBERS}",
     [("[3, 2, 1]", "a-b-b")]),
    (f"SELECT map_agg(n, k) FROM {NUMBERS}", [("{1=a, 2=b, 3=b}",)]),
    (f"SELECT bool_or(n > 2), bool_and(n > 2), every(n > 0) FROM {NUMBERS}", [("true", "false", "true")]),
    (f"SELECT n, row_number() OVER (PARTITION BY k ORDER BY n DESC) FROM {NUMBERS} ORDER BY 1",
     [("1", "1"), ("2", "2"), ("3", "1")]),
    (f"SELECT n, lag(n) OVER (ORDER BY n), sum(n) OVER (ORDER BY n) FROM {NUMBERS} ORDER BY 1",
     [("1", None, "1"), ("2", "1", "3"), ("3", "2", "6")]),
    (f"SELECT k, n, count(*) FROM {NUMBERS} GROUP BY GROUPING SETS ((k), ()) ORDER BY k".replace("k, n,", "k,"),
     [("a", "1"), ("b", "2"), (None, "3")]),
    ("SELECT x FROM UNNEST(ARRAY[2, 1]) AS t (x) ORDER BY x", [("1",), ("2",)]),
    ("SELECT x, n FROM UNNEST(ARRAY['a', 'b']) WITH ORDINALITY AS t (x, n) ORDER BY n", [("a", "1"), ("b", "2")]),
    ("SELECT x, y FROM UNNEST(ARRAY[1, 2], ARRAY['a']) AS t (x, y) ORDER BY x", [("1", "a"), ("2", None)]),
    ("SELECT x, y, n FROM UNNEST(ARRAY[1, 2], ARRAY['a']) WITH ORDINALITY AS t (x, y, n) ORDER BY n",
     [("1", "a", "1"), ("2", None, "2")]),
    ("SELECT k, v FROM UNNEST(MAP(ARRAY['a', 'b'], ARRAY[1, 2])) AS t (k, v) ORDER BY k", [("a", "1"), ("b", "2")]),
    (f"SELECT t.id, u.x FROM {LISTS} CROSS JOIN UNNEST(t.l) AS u (x) ORDER BY 1, 2",
     [("1", "p"), ("1", "q"), ("2", "r")]),
    (f"SELECT t.id, u.x FROM {LISTS} LEFT JOIN UNNEST(filter(t.l, e -> e = 'r')) AS u (x) ON true ORDER BY 1",
     [("1", None), ("2", "r")]),
    ("WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r ORDER BY n",
     [("1",), ("2",), ("3",)]),
    ("SELECT count(*), max(x) FROM UNNEST(sequence(1, 10)) AS a (x) CROSS JOIN UNNEST(sequence(1, 5)) AS b (y)",
     [("50", "10")]),
    ("SELECT x AS y FROM (SELECT 1 AS x, 2 AS y) WHERE y = 2 ORDER BY y", [("1",)]),
    ("SELECT a.x AS y, (SELECT max(y) FROM (VALUES 5) AS b (y)) FROM (SELECT 1 AS x) AS a", [("1", "5")]),
    ("VALUES (1, 'a'), (2, NULL)", [("1", "a"), ("2", None)]),
    ("SELECT 1 UNION SELECT 1 UNION ALL SELECT 2 ORDER BY 1", [("1",), ("2",)]),
    ("SELECT 1 EXCEPT SELECT 1", []),
    ("SELECT 1 WHERE 1 IN (SELECT 1) AND EXISTS (SELECT 2)", [("1",)]),
    ("SELECT current_date = date(current_timestamp)", [("true",)]),
    ('SELECT "A" FROM (SELECT 1 AS a)', [("1",)]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rows"), QUERIES, ids=[entry[0] for entry in QUERIES])
def test_a_query(engine: Engine, sql: str, rows: list[tuple[str | None, ...]]) -> None:
    assert answer(engine, sql) == rows


def test_columns_without_a_name_are_called_by_their_place(engine: Engine) -> None:
    found = engine.query("SELECT 1, 2 AS b, max(x) FROM (SELECT 1 AS x)", "default", Control())
    assert [column.name for column in found.columns] == ["_col0", "b", "_col2"]


REFUSED = [
    ("SELECT x", "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved"),
    ("SELECT a.y FROM (SELECT 1 AS x) AS a", "COLUMN_NOT_FOUND: line 1:10: Column 'a.y' cannot be resolved"),
    ("SELECT nosuch(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nosuch' not registered"),
    ("SELECT strftime(current_date, '%Y')", "FUNCTION_NOT_FOUND: line 1:8: Function 'strftime' not registered"),
    ("SELECT nvl(1, 2)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nvl' not registered"),
    ("SELECT * FROM read_parquet('/x')", "FUNCTION_NOT_FOUND: line 1:15: Function 'read_parquet' not registered"),
    ("SELECT\n  1::integer", "SYNTAX_ERROR: line 2:4: mismatched input '::'"),
    ("SELECT `a`",
     "SYNTAX_ERROR: line 1:8: backquoted identifiers are not supported; use double quotes to quote identifiers"),
    ("SELECT x AS y FROM (SELECT 1 AS x) WHERE y = 1", "COLUMN_NOT_FOUND: line 1:13: Column 'y' cannot be resolved"),
    ("SELECT x AS y, count(*) FROM (VALUES 1) AS t (x) GROUP BY y",
     "COLUMN_NOT_FOUND: line 1:13: Column 'y' cannot be resolved"),
    ("WITH q AS (SELECT * FROM (SELECT 1 AS x)) SELECT x + 1 AS y, y FROM q",
     "COLUMN_NOT_FOUND: line 1:59: Column 'y' cannot be resolved"),
    ("SELECT * FROM information_schema.views",
     "TABLE_NOT_FOUND: line 1:34: Table 'awsdatacatalog.information_schema.views' does not exist"),
    ("SELECT 'a' ILIKE 'A'", "SYNTAX_ERROR: mismatched input 'ILIKE'"),
    ("SELECT 1; SELECT 2", "SYNTAX_ERROR: Only one sql statement is allowed. Got: SELECT 1; SELECT 2"),
    ("SELECT '2026' = 2026", "TYPE_MISMATCH: Cannot apply operator: varchar = integer"),
    ("SELECT current_date > '2026-01-01'", "TYPE_MISMATCH: Cannot apply operator: date > varchar"),
    ("SELECT '1' + 1", "TYPE_MISMATCH: Cannot apply operator: varchar + integer"),
    ("SELECT 'a' || 1", "FUNCTION_NOT_FOUND: Unexpected parameters (varchar, integer) for function concat"),
    ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT 1.0 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT CAST('abc' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast 'abc' to INT"),
    ("SELECT x, count(*) FROM (SELECT 1 AS x)",
     "EXPRESSION_NOT_AGGREGATE: line 1:8: 'x' must be an aggregate expression or appear in GROUP BY clause"),
    ("SELECT soundex('a')", "NOT_SUPPORTED: function soundex is not in the local stand-in of Athena"),
    ("SELECT current_date + INTERVAL '1' HOUR",
     "INVALID_FUNCTION_ARGUMENT: Cannot add hour, minutes or seconds to a date"),
    ("SELECT ? + 1", "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 1 but found 0"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "message"), REFUSED, ids=[entry[0] for entry in REFUSED])
def test_a_refusal(engine: Engine, sql: str, message: str) -> None:
    with pytest.raises(QueryError) as refused:
        engine.query(sql, "default", Control())
    assert str(refused.value) == message


def test_parameters_take_the_place_of_question_marks(engine: Engine) -> None:
    found = engine.query("SELECT ? + 1, ?", "default", Control(), ["2", "'it''s'"])
    assert [list(row) for row in found.rows] == [["3", "it's"]]
