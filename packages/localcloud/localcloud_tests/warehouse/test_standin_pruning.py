"""What a statement reads of an external table: the partitions and columns that it names, and no others."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import LocalAws
from localcloud_tests.warehouse.lake import Lake

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = {"year": "string", "month": "string", "day": "int"}
COLUMNS = {"id": "bigint", "v": "varchar(20)"}
#: One partition has a null, as Hive names it.
PARTITIONS = [
    ("2025", "12", "31"), ("2026", "01", "1"), ("2026", "01", "2"), ("2026", "11", "20"), ("2026", "11", "21"),
    ("2026", "12", "1"), ("__HIVE_DEFAULT_PARTITION__", "12", "1"),
]  # fmt: skip


def some_rows(number: int, text: str) -> pa.Table:
    return pa.table({"id": pa.array([number, number + 1], pa.int64()), "v": pa.array([text, None], pa.string())})


@pytest.fixture
def days(sql: Sql, lake: Lake) -> Lake:
    """An external table spectrum.t with some partitions, which was never read, and a local table."""
    lake.table("t", COLUMNS, KEYS)
    for number, values in enumerate(PARTITIONS):
        lake.put("t", *values, rows=some_rows(number, "old"))
        lake.register("t", *values)
    lake.attach(sql)
    sql.batch("CREATE TABLE local (id BIGINT, day INT)", "INSERT INTO local VALUES (0, 31), (3, 20), (5, 5), (9, NULL)")
    return lake


def scan(sql: Sql, statement: str) -> tuple[Any, ...]:
    """Run a statement; give partitions, partitions read, files and rows as the system view has them."""
    found = sql.ok(statement)
    ((*counts,),) = sql.rows(
        "SELECT total_partitions, qualified_partitions, scanned_files, returned_rows FROM sys_external_query_detail"
        f" WHERE query_id = {found['RedshiftQueryId']}"
    )
    return tuple(counts)


# Partitions


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("year = '2026' AND month = '11'", 2),
        ("t.year = '2026' AND spectrum.t.day IN (1, 2)", 3),
        ("day BETWEEN 20 AND 30", 2),
        ("year || month >= '202611' AND id > 0", 3),
        ("(month = '12' AND day = 31) OR (day = 20 AND id = 3)", 2),
        ("NOT (month = '12' OR month = '01')", 2),
        ("(year, month) >= ('2026', '11')", 3),
        ("TO_DATE(year || month || day, 'YYYYMMDD') = '2026-11-20'", 1),
        ("TO_DATE(year || '-' || month || '-' || LPAD(day::varchar, 2, '0'), 'YYYY-MM-DD') = '2026-11-20'", 7),
        ("year::int = 2025 OR year IS NULL", 2),
        ("year LIKE '%25'", 1),
        ("LEFT(month, 1) = '0' AND SUBSTRING(year, 3, 2) <> '25'", 2),
        ("year = '1999'", 0),
        ("id = 3", 7),
        ("day = id", 7),
        ("day = 1 OR id = 3", 7),
        ("day = (SELECT MAX(day) FROM local)", 7),
        ("day = 20 AND random() < 2", 1),
        ("month = TO_CHAR(GETDATE(), 'MM')", 7),
        ("month = '1\\\\1'", 7),
        ("NVL(year, 'none') = 'none'", 1),
        ("CASE WHEN day = 1 THEN TRUE END", 7),
    ],
)
def test_the_partitions_that_a_filter_lets_through_are_read(sql: Sql, days: Lake, where: str, count: int) -> None:
    assert days.database
    statement = f"SELECT COUNT(*) FROM spectrum.t WHERE {where}"
    assert scan(sql, statement) == (7, count, count, 2 * count)


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        ("SELECT a.id FROM spectrum.t a JOIN local l ON a.id = l.id AND a.day = 20", 1),
        ("SELECT a.id FROM spectrum.t a, local l WHERE a.id = l.id AND a.day = 20", 1),
        ("SELECT a.id FROM local l LEFT JOIN spectrum.t a ON a.id = l.id AND a.day = 20", 1),
        ("SELECT a.id FROM local l LEFT JOIN spectrum.t a ON a.id = l.id WHERE a.day = 20", 1),
        ("SELECT a.id FROM local l LEFT JOIN spectrum.t a ON a.id = l.id WHERE a.day = 20 OR a.day IS NULL", 7),
        ("SELECT a.id FROM spectrum.t a LEFT JOIN local l ON a.id = l.id AND a.day = 20", 7),
        ("SELECT a.id FROM spectrum.t a RIGHT JOIN local l ON a.id = l.id AND a.day = 20", 7),
        ("SELECT a.id FROM spectrum.t a FULL JOIN local l ON a.id = l.id WHERE a.day = 20", 1),
        ("SELECT day FROM spectrum.t JOIN local USING (day) WHERE day = 20", 7),
        ("SELECT a.id FROM spectrum.t a JOIN local USING (day) WHERE a.day = 20", 1),
        ("SELECT id FROM spectrum.t WHERE day = 20 UNION ALL SELECT id FROM spectrum.t WHERE day = 21", 2),
        ("SELECT id FROM spectrum.t WHERE day = 20 UNION ALL SELECT id FROM spectrum.t", 7),
        ("WITH c AS (SELECT id FROM spectrum.t WHERE day = 20) SELECT COUNT(*) FROM c", 1),
        ("SELECT id FROM local WHERE id IN (SELECT id FROM spectrum.t WHERE day = 20)", 1),
        ("SELECT a.id FROM (spectrum.t a JOIN local l ON a.id = l.id) WHERE a.day = 20", 7),
        ("SELECT id FROM (SELECT * FROM spectrum.t) c WHERE c.day = 20", 1),
        ("SELECT id FROM (SELECT id, a.day FROM spectrum.t a WHERE month > '01') c WHERE day IN (20, 1)", 3),
        ("SELECT id FROM (SELECT id, day AS year FROM spectrum.t) c WHERE year = 20", 7),
        ("SELECT n FROM (SELECT day, COUNT(*) AS n FROM spectrum.t GROUP BY day) c WHERE day = 20", 1),
        ("SELECT n FROM (SELECT day, COUNT(*) AS n FROM spectrum.t GROUP BY ROLLUP (day)) c WHERE day = 20", 7),
        ("SELECT id FROM (SELECT * FROM spectrum.t ORDER BY id LIMIT 5) c WHERE day = 20", 7),
        ("SELECT id FROM (SELECT *, RANK() OVER (ORDER BY id) FROM spectrum.t) c WHERE day = 20", 7),
        ("SELECT c.day FROM (SELECT a.day FROM local LEFT JOIN spectrum.t a USING (id)) c WHERE day = 20", 7),
        ("SELECT c.day FROM (SELECT a.day FROM local l LEFT JOIN spectrum.t a ON l.id = a.id) c WHERE day IS NULL", 7),
        ("SELECT c.day FROM (SELECT a.day FROM local l LEFT JOIN spectrum.t a ON l.id = a.id) c WHERE day = 20", 1),
        ("WITH c AS (SELECT * FROM spectrum.t) SELECT id FROM c WHERE day = 20", 1),
        (
            "WITH c AS (SELECT * FROM spectrum.t) SELECT id FROM c WHERE day = 1 UNION SELECT id FROM c WHERE day = 2",
            4,
        ),
        ("WITH c AS (SELECT * FROM spectrum.t) SELECT id FROM c x WHERE day = 20 UNION SELECT id FROM c", 7),
        (
            "WITH c AS (SELECT * FROM spectrum.t), d AS (SELECT day FROM c WHERE id > 0) SELECT 1 FROM d WHERE day < 3",
            4,
        ),
        ("WITH local AS (SELECT * FROM local) SELECT 1 FROM local, spectrum.t WHERE spectrum.t.day = 20", 1),
        ("WITH c (a, b, c, d, day) AS (SELECT * FROM spectrum.t) SELECT 1 FROM c WHERE day = 20", 7),
        ("INSERT INTO local SELECT id, day FROM spectrum.t WHERE day = 20", 1),
        ("CREATE TABLE copied AS SELECT * FROM spectrum.t WHERE day = 20", 1),
        ("DELETE FROM local USING spectrum.t a WHERE a.id = local.id AND a.day = 20", 7),
        ("EXPLAIN SELECT id FROM spectrum.t WHERE day = 20", 7),
    ],
)
def test_a_filter_counts_where_it_can_leave_rows_out(sql: Sql, days: Lake, statement: str, count: int) -> None:
    assert days.database
    assert scan(sql, statement)[:2] == (7, count)


def test_a_file_of_another_partition_disturbs_nobody(sql: Sql, days: Lake) -> None:
    bad = days.put("t", *PARTITIONS[0], rows=b"no Parquet", name="bad.parquet")
    assert sql.rows("SELECT id FROM spectrum.t WHERE year = '2026' AND day = 20 ORDER BY id") == [(3,), (4,)]
    error = sql.error("SELECT id FROM spectrum.t")
    assert f"File '{bad}' has an invalid Parquet footer or is not Parquet" in error
    # Nor does it once the columns of the table change, and all is read again.
    days.change("t", {**COLUMNS, "more": "int"}, list(KEYS))
    assert sql.rows("SELECT id, more FROM spectrum.t WHERE year = '2026' AND day = '20' ORDER BY id") == [
        (3, None),
        (4, None),
    ]


def test_partitions_that_were_left_out_are_read_when_a_later_statement_needs_them(sql: Sql, days: Lake) -> None:
    assert sql.rows("SELECT COUNT(*) FROM spectrum.t WHERE day = 20") == [(2,)]
    assert sql.rows("SELECT COUNT(*) FROM spectrum.t") == [(14,)]
    days.put("t", *PARTITIONS[0], rows=some_rows(100, "new"))
    days.put("t", *PARTITIONS[3], rows=some_rows(200, "new"))
    assert sql.rows("SELECT id FROM spectrum.t WHERE day = 20 ORDER BY id") == [(200,), (201,)]
    days.forget("t", *PARTITIONS[3])
    assert sql.rows("SELECT id FROM spectrum.t WHERE id >= 100 ORDER BY id") == [(100,), (101,)]


def test_statements_of_one_batch_may_read_different_partitions(sql: Sql, days: Lake) -> None:
    assert days.database
    sql.batch(
        "INSERT INTO local SELECT id, day FROM spectrum.t WHERE day = 20",
        "INSERT INTO local SELECT id, day FROM spectrum.t WHERE day = 21",
        "INSERT INTO local SELECT id, day FROM spectrum.t WHERE day = 20",
    )
    assert sql.rows("SELECT day, COUNT(*) FROM local WHERE day IN (20, 21) GROUP BY day ORDER BY day") == [
        (20, 5),
        (21, 2),
    ]


def test_statements_of_one_open_transaction_may_read_different_partitions(sql: Sql, days: Lake) -> None:
    bad = days.put("t", *PARTITIONS[0], rows=b"no Parquet", name="bad.parquet")
    session = sql.ok("BEGIN", SessionKeepAliveSeconds=60)["SessionId"]
    assert sql.rows("SELECT COUNT(*) FROM spectrum.t WHERE day = 20", SessionId=session) == [(2,)]
    assert sql.rows("SELECT COUNT(*) FROM spectrum.t WHERE day = 21", SessionId=session) == [(2,)]
    # What changes in a partition that is not read is no reason to fail.
    days.put("t", *PARTITIONS[1], rows=some_rows(100, "new"))
    assert sql.rows("SELECT COUNT(*) FROM spectrum.t WHERE day = 21", SessionId=session) == [(2,)]
    error = sql.error("SELECT COUNT(*) FROM spectrum.t WHERE day IN (1, 2)", SessionId=session)
    assert "changed after this transaction took its snapshot" in error
    sql.ok("ROLLBACK", SessionId=session)
    assert bad in sql.error("SELECT COUNT(*) FROM spectrum.t", SessionId=session)


def test_a_session_that_reads_dates_in_another_way_reads_all(sql: Sql, lake: Lake) -> None:
    lake.table("t", COLUMNS, {"on_day": "date"})
    for day in ("2026-02-01", "2026-01-02"):
        lake.put("t", day, rows=some_rows(int(day[-1]), day))
        lake.register("t", day)
    lake.attach(sql)
    query = "SELECT v FROM spectrum.t WHERE on_day = '01/02/2026' AND v IS NOT NULL"
    assert sql.rows(query) == [("2026-01-02",)]
    session = sql.ok("SET datestyle TO 'ISO, DMY'", SessionKeepAliveSeconds=60)["SessionId"]
    assert sql.rows(query, SessionId=session) == [("2026-02-01",)]


# Columns


def test_the_columns_that_a_statement_names_are_read(sql: Sql, lake: Lake) -> None:
    lake.table("t", {"a": "int", "b": "int", "c": "array<int>"})
    rows = pa.table({"a": pa.array([1], pa.int32()), "b": pa.array(["x"]), "c": pa.array([[1]])})
    bad = lake.put("t", rows=rows)
    lake.attach(sql)
    sql.ok("CREATE TABLE local (a INT, b INT, c INT)")
    sql.ok("INSERT INTO local VALUES (1, 2, 3)")
    fine = (
        "SELECT a FROM spectrum.t",
        "SELECT COUNT(*) FROM spectrum.t",
        "SELECT o.a, l.b FROM spectrum.t o JOIN local l ON o.a = l.a",
        "SELECT o.a, l.* FROM spectrum.t o JOIN local l ON o.a = l.a",
        "SELECT a AS b FROM spectrum.t",
        "SELECT a FROM spectrum.t o WHERE EXISTS (SELECT * FROM local l WHERE l.a = o.a)",
    )
    for statement in fine:
        assert sql.rows(statement)[0][0] == 1, statement
    reads_b = (
        "SELECT b FROM spectrum.t",
        "SELECT a FROM spectrum.t WHERE b > 1",
        "SELECT o.b FROM spectrum.t o",
        "SELECT spectrum.t.b FROM spectrum.t",
        "SELECT o.a FROM spectrum.t o JOIN local USING (b)",
        "SELECT a FROM local WHERE EXISTS (SELECT 1 FROM spectrum.t o WHERE o.a = local.a ORDER BY o.b)",
        "WITH w AS (SELECT a, b FROM spectrum.t) SELECT a FROM w",
        "INSERT INTO local (a) SELECT b FROM spectrum.t",
    )
    for statement in reads_b:
        assert f"File '{bad}' has an incompatible Parquet schema for column '{bad}.b'" in sql.error(statement)
    reads_all = (
        "SELECT * FROM spectrum.t",
        "SELECT o.* FROM spectrum.t o",
        "SELECT o.a FROM spectrum.t o (x, y, z)",
        "SELECT local.a FROM local NATURAL JOIN spectrum.t",
        "SELECT COUNT(o) FROM spectrum.t o",
        "UPDATE local SET b = 1 FROM spectrum.t o WHERE local.a = o.a",
    )
    for statement in reads_all:
        assert "The type array<int> of column c of external table t" in sql.error(statement), statement
    assert sql.rows("SELECT * FROM local") == [(1, 2, 3)]


def test_the_bytes_are_those_of_the_columns_that_are_read(sql: Sql, days: Lake) -> None:
    assert days.database

    def read_bytes(columns: str) -> int:
        found = sql.ok(f"SELECT {columns} FROM spectrum.t WHERE day = 20")
        query = f"SELECT s3_scanned_bytes FROM svl_s3query_summary WHERE query = {found['RedshiftQueryId']}"
        ((count,),) = sql.rows(query)
        return int(count)

    whole, identifier, text = read_bytes("*"), read_bytes("id"), read_bytes("v")
    assert 0 < identifier < whole
    assert identifier + text == whole
    assert read_bytes("COUNT(*)") == 0


def test_the_system_views_show_what_a_statement_read_of_each_table(sql: Sql, days: Lake, local_aws: LocalAws) -> None:
    days.table("plain", {"id": "bigint", "note": "string"})
    days.put("plain", rows=pa.table({"id": pa.array([3], pa.int64()), "note": ["x"]}))
    sql.batch("CREATE USER reader PASSWORD 'Reader123'", "GRANT USAGE ON SCHEMA spectrum TO reader")
    secret = local_aws.client("secretsmanager").create_secret(
        Name=f"reader-{days.database}", SecretString='{"username": "reader", "password": "Reader123"}'
    )["ARN"]
    try:
        query = "SELECT t.v FROM spectrum.t JOIN spectrum.plain p ON t.id = p.id WHERE t.day = 20"
        number = sql.ok(query, SecretArn=secret)["RedshiftQueryId"]
        mine = sql.ok("SELECT COUNT(*) FROM spectrum.plain")["RedshiftQueryId"]
        detail = (
            "SELECT table_name, total_partitions, qualified_partitions, scanned_files, returned_rows, file_location,"
            f" external_query_text FROM sys_external_query_detail WHERE query_id IN ({number}, {mine})"
            " ORDER BY query_id, 1 DESC"
        )
        theirs = [
            ("t", 7, 1, 1, 2, days.location("t"), 'SELECT "id", "v" FROM "t"'),
            ("plain", 0, 0, 1, 1, days.location("plain"), 'SELECT "id" FROM "plain"'),
        ]
        # Who owns the database sees all statements, others see their own.
        assert sql.rows(detail) == [
            *theirs,
            ("plain", 0, 0, 1, 1, days.location("plain"), 'SELECT COUNT(*) FROM "plain"'),
        ]
        assert sql.rows(detail, SecretArn=secret) == theirs
        partitions = "SELECT segment, total_partitions, qualified_partitions FROM svl_s3partition_summary"
        assert sql.rows(f"{partitions} WHERE query = {number}") == [(0, 7, 1)]
        summary = "SELECT external_table_name, is_partitioned, files FROM svl_s3query_summary"
        assert sql.rows(f"{summary} WHERE query = {number} ORDER BY 1") == [("plain", "f", 1), ("t", "t", 1)]
    finally:
        sql.batch("REVOKE USAGE ON SCHEMA spectrum FROM reader", "DROP USER reader")


# What the catalog declares and what older files have


def test_an_older_file_of_a_widened_decimal_fails_its_partitions_readers_only(
    sql: Sql, lake: Lake, s3: S3Client
) -> None:
    lake.table("t", {"id": "int", "price": "decimal(14,2)"}, ["day"])
    for day, precision in (("20", 12), ("21", 14)):
        prices = pa.array([decimal.Decimal("1.50")], pa.decimal128(precision, 2))
        lake.put("t", day, rows=pa.table({"id": pa.array([int(day)], pa.int32()), "price": prices}))
        lake.register("t", day)
    lake.attach(sql)
    assert sql.rows("SELECT id, price FROM spectrum.t WHERE day = '21'") == [(21, "1.50")]
    assert sql.rows("SELECT id FROM spectrum.t ORDER BY id") == [(20,), (21,)]
    error = sql.error("SELECT SUM(price) FROM spectrum.t")
    assert "for column 's3://" in error
    assert ".price'. Column type: DECIMAL(14, 2), Parquet schema:\\noptional fixed_len_byte_array price" in error
    assert "precision=12, scale=2" in error


# The law: pruning changes no result


def _leaves(alias: str) -> st.SearchStrategy[str]:
    texts = st.sampled_from(["2025", "2026", "01", "11", "12", "2", ""])
    numbers = st.integers(0, 32)
    compare = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    text = st.sampled_from([f"{alias}year", f"{alias}month", f"{alias}year || {alias}month", f"LEFT({alias}year, 2)"])
    number = st.sampled_from([f"{alias}day", f"{alias}month::int", f"{alias}day * 2 - 1"])
    return st.one_of(
        st.builds("{} {} '{}'".format, text, compare, texts),
        st.builds("{} {} {}".format, number, compare, numbers),
        st.builds("{} IN ('{}', '{}')".format, text, texts, texts),
        st.builds("{} NOT IN ({}, {})".format, number, numbers, numbers),
        st.builds("{} BETWEEN {} AND {}".format, number, numbers, numbers),
        st.builds("({0}year, {0}day) > ('{1}', {2})".format, st.just(alias), texts, numbers),
        st.builds("{} LIKE '%{}'".format, text, texts),
        st.builds("{} IS {}NULL".format, text, st.sampled_from(["", "NOT "])),
        st.builds("COALESCE({}, '12') = '{}'".format, text, texts),
        # What prunes nothing.
        st.builds("{}id {} {}".format, st.just(alias), compare, st.integers(0, 8)),
        st.just(f"{alias}v = 'new'"),
        st.just(f"{alias}day = {alias}id"),
        st.just(f"{alias}day = (SELECT MIN(day) FROM local)"),
        st.just("1 = 1"),
    )


def _filters(alias: str) -> st.SearchStrategy[str]:
    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pairs = st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner)
        return st.one_of(pairs, st.builds("NOT ({})".format, inner))

    return st.recursive(_leaves(alias), larger, max_leaves=5)


JOINS = st.sampled_from(["JOIN", "LEFT JOIN", "RIGHT JOIN"])
QUERIES = st.one_of(
    st.builds("SELECT id, v FROM {{t}} WHERE {}".format, _filters("")),
    st.builds("SELECT e.id, e.v FROM {{t}} e, local WHERE {}".format, _filters("e.")),
    st.builds(
        "SELECT e.id, e.v, l.id FROM {{t}} e {} local l ON e.id = l.id AND {} WHERE {}".format,
        JOINS, _filters("e."), _filters("e."),
    ),
    st.builds(
        "SELECT e.id, e.v, l.id FROM local l {} {{t}} e ON e.id = l.id AND {} WHERE {}".format,
        JOINS, _filters("e."), _filters("e."),
    ),
    st.builds("SELECT e.id, e.v, l.id FROM local l FULL JOIN {{t}} e ON e.id = l.id WHERE {}".format, _filters("e.")),
    st.builds(
        "SELECT e.id, f.v FROM {{t}} e {} {{t}} f ON e.id = f.id AND {} {} local l ON l.id = f.id AND {} WHERE {}"
        .format,
        JOINS, _filters("f."), JOINS, _filters("e."), _filters("f."),
    ),
    st.builds("SELECT id, day FROM {{t}} JOIN local USING (id, day) WHERE {}".format, _filters("")),
    st.builds("SELECT c.id, c.v FROM (SELECT * FROM {{t}} e WHERE {}) c WHERE {}".format,
              _filters("e."), _filters("c.")),
    st.builds("SELECT id, v FROM {{t}} WHERE {} UNION ALL SELECT id, 'x' FROM {{t}} f WHERE {}".format,
              _filters(""), _filters("f.")),
    st.builds("SELECT id FROM local WHERE id NOT IN (SELECT e.id FROM {{t}} e WHERE {})".format, _filters("e.")),
    st.builds("SELECT c.* FROM local l LEFT JOIN (SELECT e.id, f.v, f.year, f.month, e.day FROM {{t}} e {} {{t}} f"
              " ON e.id = f.id AND {}) c ON c.id = l.id AND {} WHERE {}".format,
              JOINS, _filters("e."), _filters("c."), _filters("c.")),
    st.builds("WITH c AS (SELECT * FROM {{t}} WHERE {}), d AS (SELECT id, v, year, month, day FROM c WHERE {}"
              " GROUP BY 1, 2, 3, 4, 5) SELECT id, v FROM d WHERE {} UNION ALL SELECT id, v FROM c x WHERE {}".format,
              _filters(""), _filters(""), _filters("d."), _filters("x.")),
    st.builds("SELECT id, v FROM (SELECT * FROM {{t}} WHERE {} ORDER BY id, v LIMIT 3) c WHERE {}".format,
              _filters(""), _filters("c.")),
    st.builds("WITH c AS (SELECT year, COUNT(*) AS n FROM {{t}} WHERE {} GROUP BY year) SELECT n, year FROM c".format,
              _filters("")),
)  # fmt: skip


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries=st.lists(QUERIES, min_size=1, max_size=3), changed=st.sets(st.sampled_from(range(len(PARTITIONS)))))
def test_a_statement_gives_what_it_would_give_over_all_rows(
    sql: Sql, days: Lake, queries: list[str], changed: set[int]
) -> None:
    rows = []
    for number, (year, month, day) in enumerate(PARTITIONS):
        text = "new" if number in changed else "old"
        days.put("t", year, month, day, rows=some_rows(number, text))
        stored = "NULL" if year.startswith("__") else f"'{year}'"
        rest = f"{stored}, '{month}', {day}"
        rows += [f"({number}, '{text}', {rest})", f"({number + 1}, NULL, {rest})"]
    sql.batch(
        "DROP TABLE IF EXISTS whole",
        "CREATE TABLE whole (id BIGINT, v VARCHAR(20), year VARCHAR, month VARCHAR, day INT)",
        f"INSERT INTO whole VALUES {', '.join(rows)}",
    )
    for query in queries:
        assert _outcome(sql, query.format(t="spectrum.t")) == _outcome(sql, query.format(t="whole")), query


def _outcome(sql: Sql, query: str) -> tuple[str, list[str]]:
    found = sql.run(query)
    rows = sql.result(str(found["Id"])) if found["Status"] == "FINISHED" else []
    return str(found["Status"]), sorted(map(repr, rows))
