"""MERGE, as narrow as Redshift's."""

from __future__ import annotations

import pytest

from localcloud_tests.warehouse.client import Sql

TABLES = (
    "CREATE TABLE t (id INT, name VARCHAR(10), n INT)",
    "CREATE TABLE s (id INT, name VARCHAR(10), n INT)",
    "INSERT INTO t VALUES (1, 'old', 1), (2, 'old', 1), (NULL, 'null', 1)",
)
UPSERT = (
    "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name, n = t.n + s.n"
    " WHEN NOT MATCHED THEN INSERT (id, name, n) VALUES (s.id, s.name, s.n)"
)
BEFORE = [(1, "old", 1), (2, "old", 1), (None, "null", 1)]


def content(sql: Sql) -> list[tuple[object, ...]]:
    return sql.rows("SELECT id, name, n FROM t ORDER BY id, name, n")


def test_it_updates_what_matches_and_inserts_the_rest(sql: Sql) -> None:
    sql.batch(*TABLES, "INSERT INTO s VALUES (2, 'new', 10), (3, 'new', 10)")
    assert sql.ok(UPSERT)["ResultRows"] == 2
    assert content(sql) == [(1, "old", 1), (2, "new", 11), (3, "new", 10), (None, "null", 1)]


def test_null_keys_match_nothing_and_are_inserted(sql: Sql) -> None:
    sql.batch(*TABLES, "INSERT INTO s VALUES (NULL, 'one', 1), (NULL, 'two', 2)")
    sql.ok(UPSERT)
    assert content(sql) == [(1, "old", 1), (2, "old", 1), (None, "null", 1), (None, "one", 1), (None, "two", 2)]


def test_duplicate_keys_in_the_source_fail(sql: Sql) -> None:
    sql.batch(*TABLES, "INSERT INTO s VALUES (1, 'a', 1), (1, 'b', 2)")
    assert sql.error(UPSERT) == "ERROR: Found multiple matches to update the same tuple."
    assert content(sql) == BEFORE


def test_duplicate_keys_that_match_nothing_are_all_inserted(sql: Sql) -> None:
    sql.batch(*TABLES, "INSERT INTO s VALUES (7, 'a', 1), (7, 'b', 2)")
    sql.ok(UPSERT)
    assert content(sql)[2:4] == [(7, "a", 1), (7, "b", 2)]


def test_duplicate_keys_in_the_target_are_all_updated(sql: Sql) -> None:
    sql.batch(*TABLES, "INSERT INTO t VALUES (1, 'twin', 5)", "INSERT INTO s VALUES (1, 'new', 10)")
    sql.ok(UPSERT)
    assert content(sql)[:2] == [(1, "new", 11), (1, "new", 15)]


def test_delete_when_matched(sql: Sql) -> None:
    sql.batch(*TABLES, "INSERT INTO s VALUES (1, 'x', 1), (3, 'new', 1)")
    sql.ok(
        "MERGE INTO t USING s AS src ON src.id = t.id WHEN MATCHED THEN DELETE"
        " WHEN NOT MATCHED THEN INSERT VALUES (src.id, src.name, 0)"
    )
    assert content(sql) == [(2, "old", 1), (3, "new", 0), (None, "null", 1)]


@pytest.mark.parametrize(
    "source", ["s", "s AS x", "(SELECT id, name, n FROM s WHERE n > 0) x", "v x", "public.s x", "temporary x"]
)
def test_the_source_is_a_table_a_view_a_subquery_or_a_temporary_table(sql: Sql, source: str) -> None:
    sql.batch(*TABLES, "CREATE VIEW v AS SELECT * FROM s", "INSERT INTO s VALUES (1, 'new', 1)")
    alias = source.rsplit(maxsplit=1)[-1]
    sql.batch(
        "CREATE TEMP TABLE temporary (LIKE s)",
        "INSERT INTO temporary SELECT * FROM s",
        f"MERGE INTO public.t USING {source} ON t.id = {alias}.id WHEN MATCHED THEN UPDATE SET name = {alias}.name"
        f" WHEN NOT MATCHED THEN INSERT VALUES ({alias}.id, {alias}.name, {alias}.n)",
    )
    assert content(sql)[0] == (1, "new", 1)


INSERT = "WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
UPDATE = "WHEN MATCHED THEN UPDATE SET n = s.n"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"MERGE INTO t USING s ON t.id = s.id {UPDATE}", "MERGE needs WHEN NOT MATCHED THEN INSERT as well"),
        (
            f"MERGE INTO t USING s ON t.id = s.id {INSERT}",
            "MERGE needs both WHEN MATCHED THEN and WHEN NOT MATCHED THEN",
        ),
        (
            f"MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND s.n > t.n THEN UPDATE SET n = s.n {INSERT}",
            'syntax error at or near "AND"',
        ),
        (
            f"MERGE INTO t USING s ON t.id = s.id {UPDATE} WHEN NOT MATCHED BY SOURCE THEN DELETE",
            'syntax error at or near "BY"',
        ),
        (
            f"MERGE INTO t USING s ON t.id = s.id {UPDATE} WHEN NOT MATCHED AND s.n > 0 THEN INSERT (id) VALUES (s.id)",
            'syntax error at or near "AND"',
        ),
        (f"MERGE INTO t USING s ON t.id = s.id {UPDATE} {UPDATE} {INSERT}", "syntax error"),
        (f"MERGE INTO t USING s ON t.id = s.id {UPDATE} {INSERT} {INSERT}", "syntax error"),
        (f"MERGE INTO t AS x USING s ON x.id = s.id {UPDATE} {INSERT}", "MERGE has no alias for the target table"),
        (f"MERGE INTO t x USING s ON x.id = s.id {UPDATE} {INSERT}", "MERGE has no alias for the target table"),
        (
            f"MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.n = s.n {INSERT}",
            "a column that MERGE sets is not qualified by its table",
        ),
        (f"WITH x AS (SELECT 1) MERGE INTO t USING s ON t.id = s.id {UPDATE} {INSERT}", "MERGE has no WITH clause"),
        (
            f"MERGE INTO t USING (SELECT s.* FROM s JOIN t ON s.id = t.id) s ON t.id = s.id {UPDATE} {INSERT}",
            "Source view/subquery in Merge statement cannot reference target table",
        ),
        (
            f"MERGE INTO t USING (SELECT * FROM s WHERE n IN (SELECT n FROM public.t)) s ON t.n=s.n {UPDATE} {INSERT}",
            "Source view/subquery in Merge statement cannot reference target table",
        ),
        (f"MERGE INTO t USING t AS s ON t.id = s.id {UPDATE} {INSERT}", "cannot be the same table"),
        (f"MERGE INTO t USING s ON t.id > s.id {UPDATE} {INSERT}", "only supports equal predicates"),
        (f"MERGE INTO t USING s ON t.id = s.id OR t.n = s.n {UPDATE} {INSERT}", "only supports equal predicates"),
        (f"MERGE INTO t USING s ON true {UPDATE} {INSERT}", "only supports equal predicates"),
        (f"MERGE INTO t USING s ON t.id = s.id {UPDATE} {INSERT} RETURNING *", "syntax error"),
        (f"MERGE INTO t USING s ON t.id = s.id {UPDATE} WHEN NOT MATCHED THEN DO NOTHING", "syntax error"),
        ("MERGE INTO t USING s ON t.id = s.id REMOVE DUPLICATES WHEN MATCHED THEN DELETE", 'at or near "WHEN"'),
    ],
)
def test_what_is_outside_the_grammar_is_refused(sql: Sql, statement: str, expected: str) -> None:
    sql.batch(*TABLES, "INSERT INTO s VALUES (1, 'new', 9)")
    assert expected in sql.error(statement)
    assert content(sql) == BEFORE


def test_several_keys_are_compared_one_by_one(sql: Sql) -> None:
    sql.batch(*TABLES, "INSERT INTO s VALUES (1, 'old', 9), (1, 'other', 9)")
    sql.ok(
        "MERGE INTO t USING s ON t.id = s.id AND (t.name = s.name) WHEN MATCHED THEN UPDATE SET n = s.n"
        " WHEN NOT MATCHED THEN INSERT (id, name, n) VALUES (s.id, s.name, s.n)"
    )
    assert content(sql)[:2] == [(1, "old", 9), (1, "other", 9)]
