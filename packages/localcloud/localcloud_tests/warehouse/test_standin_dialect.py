"""Redshift's functions and query syntax give Redshift's answers; what Redshift lacks is refused."""

from __future__ import annotations

import pytest

from localcloud_tests.warehouse.client import Sql

T = "'2026-11-20 13:14:15'::timestamp"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("NVL(NULL, 2)", 2),
        ("NVL(NULL, NULL, 'x')", "x"),
        ("NVL2(NULL, 1, 2)", 2),
        ("NVL2('x', 1, 2)", 1),
        ("DECODE(2, 1, 'one', 2, 'two', 'many')", "two"),
        ("DECODE(NULL, 1, 'one', NULL, 'none')", "none"),
        ("DECODE(3, 1, 'one')", None),
        ("DATEADD(month, 1, '2026-01-31'::date)", "2026-02-28 00:00:00"),
        (f"DATEADD('qtr', -1, {T})", "2026-08-20 13:14:15"),
        (f"DATEADD(hr, 36, {T})", "2026-11-22 01:14:15"),
        (f"DATEADD(ms, 5, {T})", "2026-11-20 13:14:15.005"),
        (f"DATEADD(week, LEN('ab'), {T})", "2026-12-04 13:14:15"),
        ("DATEDIFF(year, '2025-12-31'::date, '2026-01-01'::date)", 1),
        ("DATEDIFF(qtr, '2026-03-31'::date, '2026-04-01'::date)", 1),
        ("DATEDIFF(mon, '2026-11-20'::date, '2025-11-20'::date)", -12),
        ("DATEDIFF(week, '2009-01-01'::date, '2009-12-31'::date)", 52),
        ("DATEDIFF(day, '2026-11-20 23:59:59'::timestamp, '2026-11-21 00:00:00'::timestamp)", 1),
        ("DATEDIFF(hour, '2026-11-20 13:59:59'::timestamp, '2026-11-20 14:00:00'::timestamp)", 1),
        ("DATEDIFF(minute, '2026-11-20 13:00:59'::timestamp, '2026-11-20 13:01:00'::timestamp)", 1),
        ("DATEDIFF(s, '1969-12-31 23:59:59.9'::timestamp, '1970-01-01 00:00:00'::timestamp)", 1),
        ("DATEDIFF(ms, '2026-11-20 00:00:00'::timestamp, '2026-11-20 00:00:01.5'::timestamp)", 1500),
        (f"DATE_PART(dow, {T})", 5.0),
        (f"DATE_PART('hour', {T})", 13.0),
        (f"EXTRACT(year FROM {T})", 2026),
        (f"DATE_TRUNC('week', {T})", "2026-11-16 00:00:00"),
        (f"TRUNC({T})", "2026-11-20"),
        ("TRUNC(1.59, 1)", "1.5"),
        ("ROUND(2.345, 2)", "2.35"),
        ("ROUND(CAST(7 AS double precision) / 3, 2)", 2.33),
        ("ROUND(CAST(1234.5 AS double precision), -2)", 1200.0),
        ("LAST_DAY('2028-02-03'::date)", "2028-02-29"),
        ("ADD_MONTHS('2026-02-28'::date, 1)", "2026-03-31 00:00:00"),
        ("MONTHS_BETWEEN('2026-03-31'::date, '2026-02-28'::date)", 1.0),
        (f"CONVERT_TIMEZONE('Europe/Berlin', {T})", "2026-11-20 14:14:15"),
        (f"CONVERT_TIMEZONE('Europe/Berlin', 'UTC', {T})", "2026-11-20 12:14:15"),
        ("LEN('äb')", 2),
        ("LENGTH('ab   '::char(5))", 2),
        ("CHARINDEX('b', 'abc')", 2),
        ("STRTOL('ff', 16)", 255),
        ("SPLIT_PART('a,b', ',', 2)", "b"),
        ("REGEXP_REPLACE('a1b2', '[0-9]', 'x')", "axbx"),
        ("REGEXP_REPLACE('a1b2', '[0-9]')", "ab"),
        ("REGEXP_SUBSTR('ab12', '[0-9]+')", "12"),
        (r"REGEXP_COUNT('a.b.c', '\\.')", 2),
        ("MD5('x')", "9dd4e461268c8034f5c8564e155c67a6"),
        ("SHA2('', 256)", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("JSON_EXTRACT_PATH_TEXT('{\"a\": {\"b\": 1}}', 'a', 'b')", "1"),
        ("JSON_EXTRACT_PATH_TEXT('{}', 'a')", None),
        ("JSON_EXTRACT_ARRAY_ELEMENT_TEXT('[7, 8]', 1)", "8"),
        ("IS_VALID_JSON('{}')", True),
        ("IS_VALID_JSON('[')", False),
        ("CONVERT(integer, '7')", 7),
        ("'7'::integer + 1", 8),
        ("7 / 2", 3),
        (r"'a\\b\'c'", "a\\b'c"),
        (r"'tab\there'", "tab\there"),
        ("'it''s'", "it's"),
        ("'B' < 'a'", True),
        ("UPPER('ä')", "Ä"),
        ("'x' || 1", "x1"),
        ("GETDATE() <= SYSDATE", True),
        (f"TO_CHAR({T}, 'YYYY-MM-DD HH24')", "2026-11-20 13"),
        ("CURRENT_SETTING('timezone')", "UTC"),
        ("COALESCE(NVL(NULL, DECODE(1, 2, 'a')), 'b')", "b"),
    ],
)
def test_expressions(sql: Sql, expression: str, expected: object) -> None:
    assert sql.rows(f"SELECT {expression}") == [(expected,)]


def test_getdate_has_whole_seconds_and_sysdate_has_not(sql: Sql) -> None:
    ((now, precise),) = sql.rows("SELECT GETDATE(), SYSDATE")
    assert len(now) == len("2026-11-20 13:14:15")
    assert precise[: len("2026-11-20")] >= "2026-11-20"


PEOPLE = (
    "CREATE TABLE t (team VARCHAR(5), name VARCHAR(5), n INT)",
    "INSERT INTO t VALUES ('a', 'x', 3), ('a', 'y', 1), ('b', 'z', 2), ('b', 'x', 2)",
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT TOP 2 name FROM t ORDER BY n, name", [("y",), ("x",)]),
        ("SELECT name FROM (SELECT TOP 1 name FROM t ORDER BY n) AS x", [("y",)]),
        ("SELECT DISTINCT TOP 1 name FROM t ORDER BY name", [("x",)]),
        (
            "SELECT team, LISTAGG(name, ',') WITHIN GROUP (ORDER BY n, name) FROM t GROUP BY team ORDER BY team",
            [("a", "y,x"), ("b", "x,z")],
        ),
        ("SELECT LISTAGG(DISTINCT name, '|') WITHIN GROUP (ORDER BY name) FROM t", [("x|y|z",)]),
        ("SELECT LEN(LISTAGG(name)) FROM t", [(4,)]),
        ("SELECT MEDIAN(n) FROM t", [(2.0,)]),
        ("SELECT APPROXIMATE COUNT(DISTINCT name) FROM t", [(3,)]),
        ("SELECT name FROM t WHERE team = 'a' MINUS SELECT name FROM t WHERE team = 'b'", [("y",)]),
        (
            "SELECT team, n FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY team ORDER BY n DESC) = 1 ORDER BY team",
            [("a", 3), ("b", 2)],
        ),
        (
            r"SELECT name || '\\' AS it FROM t WHERE name <> 'it\'s' QUALIFY RANK() OVER (ORDER BY n) = 1",
            [("y\\",)],
        ),
        ("SELECT name FROM t WHERE name ~ '^[xy]' AND team SIMILAR TO '(a|c)' ORDER BY 1", [("x",), ("y",)]),
        ("WITH x AS (SELECT n FROM t) SELECT sum(n) FROM x", [(8,)]),
        ("(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1", [(1,), (2,)]),
        ("SELECT team, RATIO FROM (SELECT team, sum(n) AS ratio FROM t GROUP BY 1) ORDER BY 1", [("a", 4), ("b", 4)]),
    ],
)
def test_queries(sql: Sql, query: str, expected: list[tuple[object, ...]]) -> None:
    sql.batch(*PEOPLE)
    assert sql.rows(query) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO t VALUES ('c', 'c', 1) ON CONFLICT DO NOTHING", "use MERGE"),
        ("INSERT INTO t VALUES ('c', 'c', 1) RETURNING n", "no RETURNING"),
        ("DELETE FROM t RETURNING *", "no RETURNING"),
        ("SELECT DISTINCT ON (team) * FROM t", "no DISTINCT ON"),
        ("SELECT count(*) FILTER (WHERE n > 1) FROM t", "no FILTER"),
        ("SELECT * FROM t, LATERAL (SELECT t.n) x", "no LATERAL"),
        ("SELECT * FROM t FOR UPDATE", "no row locks"),
        ("SELECT * FROM t FETCH FIRST 1 ROW ONLY", "use LIMIT"),
        ("SELECT * FROM t TABLESAMPLE SYSTEM (10)", "no TABLESAMPLE"),
        ("SELECT ARRAY[1, 2]", "no array constructor"),
        ("SELECT * FROM (VALUES (1)) x", "VALUES in INSERT only"),
        ("SELECT name FROM t WHERE name ~* 'X'", "no case-insensitive"),
        ("SELECT string_agg(name, ',') FROM t", "function string_agg() does not exist"),
        ("SELECT array_agg(name) FROM t", "function array_agg() does not exist"),
        ("SELECT unnest('{1}'::int[])", "does not exist"),
        ("SELECT gen_random_uuid()", "gen_random_uuid"),
        ("SELECT '{}'::jsonb", 'type "jsonb" does not exist'),
        ("SELECT CAST('1' AS uuid)", 'type "uuid" does not exist'),
        ("SELECT '{}'::super", "not supported by the local stand-in"),
        ("SELECT '{}'::json -> 'a'", "does not exist"),
        ("WITH x AS (DELETE FROM t) SELECT 1", "only reads"),
        ("SELECT nextval('x')", "function nextval() does not exist"),
    ],
)
def test_what_only_postgresql_has_is_refused(sql: Sql, statement: str, expected: str) -> None:
    sql.batch(*PEOPLE)
    assert expected in sql.error(statement)
    assert sql.rows("SELECT count(*) FROM t") == [(4,)]


def test_words_inside_strings_names_and_comments_are_no_syntax(sql: Sql) -> None:
    query = (
        "SELECT 'ON CONFLICT RETURNING ::jsonb' AS \"returning\", 'top 5 minus' AS filter -- LATERAL\n"
        "/* DISTINCT ON (x) */ FROM (SELECT 1 AS n) AS x WHERE n = 1"
    )
    assert sql.rows(query) == [("ON CONFLICT RETURNING ::jsonb", "top 5 minus")]


def test_dml_in_redshifts_forms(sql: Sql) -> None:
    sql.batch(*PEOPLE, "CREATE TABLE s (name VARCHAR(5), n INT)", "INSERT INTO s VALUES ('x', 100)")
    sql.ok("UPDATE t SET n = s.n FROM s WHERE t.name = s.name AND t.team = 'a'")
    sql.ok("DELETE FROM t USING s WHERE t.name = s.name AND t.team = 'b'")
    sql.ok("DELETE t WHERE EXISTS (SELECT 1 FROM s WHERE t.name = 'y')")
    sql.ok("INSERT INTO t (team, n) SELECT 'c', MAX(n) FROM s")
    sql.ok("INSERT INTO t VALUES ('d', DEFAULT, 1), ('e', NULL, 2)")
    assert sql.rows("SELECT team, name, n FROM t ORDER BY team") == [
        ("a", "x", 100),
        ("b", "z", 2),
        ("c", None, 100),
        ("d", None, 1),
        ("e", None, 2),
    ]


def test_numbers_that_do_not_fit_are_errors(sql: Sql) -> None:
    sql.ok("CREATE TABLE t (a SMALLINT, b DECIMAL(5, 2))")
    assert "smallint out of range" in sql.error("INSERT INTO t (a) VALUES (40000)")
    assert "numeric field overflow" in sql.error("INSERT INTO t (b) VALUES (1000)")
    assert "division by zero" in sql.error("SELECT 1 / 0")
    sql.ok("INSERT INTO t (b) VALUES (1.005)")
    assert sql.rows("SELECT a, b FROM t") == [(None, "1.01")]


def test_text_sorts_by_its_bytes(sql: Sql) -> None:
    rows = sql.rows(
        "SELECT x FROM (SELECT 'b' AS x UNION SELECT 'B' UNION SELECT 'ä' UNION SELECT 'a' UNION SELECT '_') ORDER BY x"
    )
    assert [row[0] for row in rows] == ["B", "_", "a", "b", "ä"]


@pytest.mark.parametrize(
    "text", ["SELECT 'open", 'SELECT "open', "SELECT 1 /* open", "SELECT $$ open", "SELEC 1", "SELECT FROM WHERE"]
)
def test_broken_sql_is_a_failed_statement(sql: Sql, text: str) -> None:
    assert sql.error(text).startswith("ERROR: ")
