"""What a statement says of the partitions and columns of an external table, as text; no database is asked."""

from __future__ import annotations

import pytest

from localcloud.redshift.spectrum.conditions import Condition
from localcloud.redshift.spectrum.scopes import places, sources

SCHEMAS = frozenset({"lake"})
KEYS = frozenset({"year", "day"})


def conditions(sql: str) -> list[tuple[Condition, ...]]:
    """Give the conditions of each place of lake.t."""
    return [place.conditions(KEYS) for place in places(sql, SCHEMAS).of("lake", "t")]


def plain(text: str) -> tuple[Condition, ...]:
    return (Condition(text, is_null_refused=False),)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("year = '2026'", "(\"year\" = '2026')"),
        ("T.Year = '2026' AND x = 1 AND lake.t.day < 3", '("year" = \'2026\') AND ("day" < 3)'),
        ("(year = '1' AND x = 1) OR day = 2", '(("year" = \'1\') OR ("day" = 2))'),
        ("NOT (year = '1' OR day = 2)", '(NOT ("year" = \'1\' OR "day" = 2))'),
        ("TO_DATE(year, 'YYYY-MM-DD') = '2026-01-02'", "(TO_DATE(\"year\", 'YYYY-MM-DD') = '2026-01-02')"),
        ("NVL(year, 'x') = 'x'", "(COALESCE(\"year\", 'x') = 'x')"),
    ],
)
def test_a_condition_has_the_parts_that_are_about_partition_columns(where: str, text: str) -> None:
    assert conditions(f"SELECT x FROM lake.t WHERE {where}") == [plain(text)]


@pytest.mark.parametrize(
    "where",
    [
        "x = 1",
        "year = '1' OR x = 1",
        "NOT (year = '1' AND x = 1)",
        "year = x",
        "o.year = '1'",
        "year = TO_CHAR(GETDATE(), 'YYYY')",
        "year = CURRENT_USER",
        "TO_DATE(year, 'IYYY') = '2026-01-02'",
        "day = (SELECT 1)",
        "day IN (SELECT 1)",
        "day::timestamp = '2026-01-01'",
        "f_own(day) = 1",
        "CASE WHEN day = 1 THEN TRUE END",
    ],
)
def test_what_is_not_steady_gives_no_condition(where: str) -> None:
    assert conditions(f"SELECT x FROM lake.t WHERE {where}") == [()]


@pytest.mark.parametrize(
    "sql",
    [
        "MERGE INTO m USING lake.t ON m.x = t.x WHEN MATCHED THEN DELETE",
        "DELETE FROM m USING lake.t WHERE t.day = 1",
        "UPDATE m SET x = 1 FROM lake.t WHERE t.day = 1",
        "EXPLAIN SELECT x FROM lake.t WHERE day = 1",
        "SELECT x FROM (lake.t JOIN m ON TRUE) WHERE t.day = 1",
        "SELECT x FROM lake.t AS o (a, b) WHERE a = 1",
        "SELECT x FROM lake.t WHERE day = 1 AND year = 'a\\'b'",
        "SELECT FROM WHERE lake.t",
        "SELECT x FROM lake.t WHERE day = 1; SELECT 1",
    ],
)
def test_a_place_that_is_not_understood_reads_everything(sql: str) -> None:
    found = places(sql, SCHEMAS)
    assert found.of("lake", "t") == ()
    assert found.columns("lake", "t") is None


def test_every_place_counts() -> None:
    sql = "SELECT x FROM lake.t WHERE day = 1 UNION ALL SELECT x FROM lake.t o WHERE o.day = 2"
    assert sorted(conditions(sql), key=repr) == [plain('("day" = 1)'), plain('("day" = 2)')]


def test_an_outer_join_may_put_nulls_in_the_place_of_rows() -> None:
    sql = "SELECT 1 FROM m LEFT JOIN lake.t ON m.x = t.x AND t.day = 1 WHERE t.day = 2"
    assert conditions(sql) == [
        (Condition('("day" = 2)', is_null_refused=True), Condition('("day" = 1)', is_null_refused=False))
    ]
    assert conditions("SELECT 1 FROM lake.t LEFT JOIN m ON m.x = t.x AND t.day = 1") == [()]


def test_a_table_of_the_same_name_in_another_schema_has_filters_of_its_own() -> None:
    sql = "SELECT 1 FROM lake.t JOIN public.t ON lake.t.x = public.t.x WHERE {}.t.day = 1"
    assert conditions(sql.format("public")) == [()]
    assert conditions(sql.format("LAKE")) == [plain('("day" = 1)')]


def test_a_filter_around_a_query_counts_for_the_columns_that_it_gives_unchanged() -> None:
    around = "SELECT 1 FROM ({}) c WHERE c.day = 1 AND c.year = '2'"
    assert conditions(around.format("SELECT * FROM lake.t")) == [plain('("day" = 1) AND ("year" = \'2\')')]
    assert conditions(around.format("SELECT day, year || 'x' AS year FROM lake.t")) == [plain('("day" = 1)')]
    assert conditions(around.format("SELECT *, 1 AS day FROM lake.t")) == [plain("(\"year\" = '2')")]
    for inner in ("SELECT * FROM lake.t LIMIT 1", "SELECT *, COUNT(*) OVER () FROM lake.t"):
        assert conditions(around.format(inner)) == [()]


def test_a_common_table_expression_counts_once_for_each_of_its_places() -> None:
    sql = "WITH c AS (SELECT * FROM lake.t) SELECT 1 FROM c WHERE day = 1 UNION SELECT 2 FROM c x WHERE x.day = 2"
    assert sorted(conditions(sql), key=repr) == [plain('("day" = 1)'), plain('("day" = 2)')]
    recursive = "WITH RECURSIVE c AS (SELECT * FROM lake.t) SELECT 1 FROM c WHERE day = 1"
    assert conditions(recursive) == [()]


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT a FROM lake.t WHERE b = 1", {"a", "b"}),
        ("SELECT t.a, m.b FROM lake.t JOIN m ON t.c = m.a", {"a", "c"}),
        ("SELECT COUNT(*) FROM lake.t", set()),
        ("SELECT a AS b FROM lake.t", {"a"}),
        ("SELECT m.* FROM lake.t o, m WHERE o.c = m.c", {"c"}),
        ("SELECT * FROM lake.t", {"a", "b", "c"}),
        ("SELECT o.* FROM lake.t o", {"a", "b", "c"}),
        ("SELECT o FROM lake.t o", {"a", "b", "c"}),
        ("SELECT 1 FROM lake.t NATURAL JOIN m", {"a", "b", "c"}),
    ],
)
def test_the_columns_that_a_statement_names(sql: str, read: set[str]) -> None:
    names = places(sql, SCHEMAS).columns("lake", "t")
    assert {name for name in ("a", "b", "c") if names is None or name in names} == read


def test_the_tables_of_one_select_in_order() -> None:
    assert sources("SELECT * FROM m x JOIN lake.t ON TRUE") == (("", "m", "x"), ("lake", "t", "t"))
    for sql in ("SELECT * FROM m JOIN lake.t USING (x)", "SELECT * FROM (SELECT 1) x", "DROP TABLE m"):
        assert sources(sql) is None
