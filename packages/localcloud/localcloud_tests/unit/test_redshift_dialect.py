"""From Redshift's words to PostgreSQL's, statement by statement."""

from __future__ import annotations

import pytest

from localcloud.redshift.dialect.commands import prepare, register
from localcloud.redshift.dialect.prepared import CopyCommand, Prepared, Scope
from localcloud.redshift.dialect.reader import TableName
from localcloud.redshift.dialect.rewrite import rewrite
from localcloud.redshift.errors import SqlError


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a, b FROM t WHERE c = 'x' -- comment",
        "SELECT sum(n) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING) FROM t",
        "UPDATE t SET n = s.n FROM s WHERE t.id = s.id",
        "SELECT 'TOP 1', 'SYSDATE', 'dateadd(day, 1, x)'",
        "SELECT x.nvl, x.top FROM x",
    ],
)
def test_what_both_understand_stays_letter_by_letter(text: str) -> None:
    assert rewrite(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT DATEADD(mon, 1, x)", "SELECT date_add('month', 1, x)"),
        ("SELECT DATEDIFF('hrs', a, b)", "SELECT date_diff('hour', a, b)"),
        ("SELECT SYSDATE - x", "SELECT sysdate() - x"),
        ("SELECT a MINUS SELECT b", "SELECT a EXCEPT SELECT b"),
        ("SELECT NVL(a, b)", "SELECT coalesce(a, b)"),
        ("SELECT TOP 3 a FROM t", "SELECT  a FROM t LIMIT 3 "),
        ("SELECT MEDIAN(a) FROM t", 'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) AS "median" FROM t'),
        ("SELECT a / b, c * 2 AS d FROM t", 'SELECT a / b AS "?column?", c * 2 AS d FROM t'),
        ("SELECT x::decimal, CAST(y AS dec(5,2))", "SELECT x::numeric(18,0), CAST(y AS numeric(5,2))"),
        ("SELECT EXTRACT(epoch FROM x)", "SELECT redshift_epoch(  x)"),
        ("SELECT a, COUNT(*) FROM t GROUP BY ALL", "SELECT a, COUNT(*) FROM t GROUP BY 1"),
        (
            "SELECT LEAD(v, 2) IGNORE NULLS OVER (ORDER BY id) FROM t",
            (
                "SELECT (array_agg(v) FILTER (WHERE (v) IS NOT NULL) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND"
                ' UNBOUNDED FOLLOWING))[2] AS "lead" FROM t'
            ),
        ),
        (
            "SELECT RATIO_TO_REPORT(n) OVER (PARTITION BY a) FROM t",
            'SELECT ((n)::float8 / nullif((sum(n) OVER (PARTITION BY a))::float8, 0)) AS "ratio_to_report" FROM t',
        ),
        (
            "SELECT DECODE(a, 1, NVL2(b, 'x, y', 'z'))",
            (
                "SELECT CASE WHEN a IS NOT DISTINCT FROM 1 THEN CASE WHEN b IS NOT NULL THEN 'x, y' ELSE 'z' END END"
                ' AS "case"'
            ),
        ),
        ('SELECT "Mixed Case" FROM #Temp', 'SELECT "mixed case" FROM "#temp"'),
        (
            "SELECT LISTAGG(a, '; ') WITHIN GROUP (ORDER BY b) FROM t",
            "SELECT string_agg((a)::text, '; ' ORDER BY b) AS \"listagg\" FROM t",
        ),
    ],
)
def test_rewrites(text: str, expected: str) -> None:
    assert rewrite(text) == expected


def test_copy_is_read_into_a_command() -> None:
    role = "iam_role 'arn:aws:iam::000000000000:role/r'"
    text = f"copy S.t (b, A) from 's3://bucket/key' manifest {role} format parquet fillrecord"
    assert prepare(text) == Prepared(
        "copy",
        copy=CopyCommand(
            TableName("s", "t"),
            ("b", "a"),
            "s3://bucket/key",
            is_manifest=True,
            fills_record=True,
            role="arn:aws:iam::000000000000:role/r",
        ),
    )


@pytest.mark.parametrize(
    ("text", "scope", "locks"),
    [
        ("SELECT 1", Scope.JOINS, ()),
        ("INSERT INTO t SELECT 1", Scope.JOINS, ()),
        ("UPDATE a.t SET n = 1", Scope.JOINS, (TableName("a", "t"),)),
        ("DELETE FROM t USING s WHERE t.id = s.id", Scope.JOINS, (TableName(None, "t"),)),
        ("WITH x AS (SELECT 1 AS n) DELETE FROM t USING x", Scope.JOINS, (TableName(None, "t"),)),
        ("TRUNCATE TABLE t", Scope.COMMITS, ()),
        ("VACUUM t", Scope.ALONE, ()),
        ("ALTER TABLE t ALTER COLUMN c TYPE VARCHAR(9)", Scope.ALONE, ()),
        ("CALL p()", Scope.MAY_COMMIT, ()),
        ("COMMIT", Scope.CONTROLS, ()),
    ],
)
def test_scopes_and_locks(text: str, scope: Scope, locks: tuple[TableName, ...]) -> None:
    prepared = prepare(text)
    assert (prepared.scope, prepared.locks) == (scope, locks)


def test_create_table_drops_what_postgresql_would_enforce() -> None:
    prepared = prepare(
        "CREATE TABLE IF NOT EXISTS a.t (id BIGINT ENCODE az64 DISTKEY, n VARCHAR DEFAULT 'x', PRIMARY KEY (id))"
        " SORTKEY (id)"
    )
    assert prepared.steps[0] == (
        'CREATE TABLE IF NOT EXISTS "a"."t" ("id" bigint NOT NULL, "n" character varying(256) DEFAULT \'x\')'
    )
    assert len(prepared.steps) == 2


def test_a_new_kind_of_statement_is_one_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    from localcloud.redshift.dialect import commands

    monkeypatch.setattr(commands, "_PREPARERS", dict(commands._PREPARERS))
    with pytest.raises(SqlError, match="no such statement"):
        prepare("FROBNICATE THE table")

    @register("frobnicate the")
    def frobnicate(sql: str) -> Prepared:
        return Prepared("frobnicate", (sql,))

    assert prepare("FROBNICATE THE table").kind == "frobnicate"


@pytest.mark.parametrize(
    "text", ["", "CREATE TABLE", "CREATE TABLE t", "CREATE TABLE t (", "ALTER TABLE t", "COPY t FROM", "MERGE INTO t"]
)
def test_broken_statements_are_errors_and_no_crashes(text: str) -> None:
    with pytest.raises(SqlError, match=r"syntax error|needs"):
        prepare(text)


LONG = "x" * 128


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CREATE TABLE t (a boolean ENCODE az64)", 'encoding az64 is not supported for column "a" of type boolean'),
        ("CREATE TABLE t (a int ENCODE text255)", 'encoding text255 is not supported for column "a" of type integer'),
        ("CREATE TABLE t (a varchar(9) ENCODE az64)", "encoding az64 is not supported"),
        ("CREATE TABLE t (a real ENCODE lzo)", "encoding lzo is not supported"),
        ("ALTER TABLE t ADD COLUMN a boolean ENCODE delta", "encoding delta is not supported"),
        ("CREATE TABLE t (a int ENCODE gzip)", 'unrecognized compression encoding "gzip"'),
        ("CREATE TABLE t (a int) DISTSTYLE ALL DISTKEY(a)", "DISTKEY is not allowed with DISTSTYLE ALL"),
        ("CREATE TABLE t (a int DISTKEY) DISTSTYLE EVEN", "DISTKEY is not allowed with DISTSTYLE EVEN"),
        ("SELECT current_schema() FROM orders", "not supported on Redshift tables"),
        ("SELECT a FROM s.orders JOIN generate_series(1, 2) g ON true", "generate_series.. does not exist"),
        ("SELECT o.a, now() FROM pg_class c JOIN orders o ON true", "not supported on Redshift tables"),
        (f"CREATE TABLE {LONG} (a int)", "is longer than 127 bytes"),
        (f'SELECT 1 AS "{"ä" * 64}"', "is longer than 127 bytes"),
    ],
)
def test_what_redshift_refuses_and_postgresql_would_take(text: str, words: str) -> None:
    with pytest.raises(SqlError, match=words):
        prepare(text)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (a varchar(9) ENCODE text255, b timestamp ENCODE az64, c decimal(9,2) ENCODE delta)",
        "CREATE TABLE t (a boolean ENCODE runlength, b double precision ENCODE bytedict, c date ENCODE zstd)",
        "CREATE TABLE t (a int) DISTSTYLE KEY DISTKEY(a)",
        "SELECT current_schema(), has_schema_privilege('public', 'usage')",
        "SELECT has_table_privilege('a', 't', 'select') FROM pg_user JOIN svv_tables ON true",
        "WITH x AS (SELECT relname FROM pg_class) SELECT now(), relname FROM x",
        "SELECT now FROM orders",
        f"CREATE TABLE {LONG[1:]} (a int)",
    ],
)
def test_what_redshift_takes(text: str) -> None:
    assert prepare(text).steps


def test_an_external_schema_is_made_in_no_transaction_block() -> None:
    text = "CREATE EXTERNAL SCHEMA s FROM DATA CATALOG DATABASE 'd' IAM_ROLE default"
    assert prepare(text).scope is Scope.ALONE
