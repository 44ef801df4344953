"""What Athena reads of a table: registered partitions, and of those the ones that the query needs."""

import pyarrow as pa
import pytest

from localcloud_tests.aws.cloud import Aws
from localcloud_tests.aws.queries import Queries


def numbers(*values: int) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64())})


@pytest.fixture(scope="module")
def lake(aws: Aws) -> Queries:
    """A table with two registered partitions, one of them elsewhere, and a third folder that nobody registered."""
    queries = Queries(aws, aws.make_bucket("athena-partitions"))
    queries.create_database()
    queries.create_table("t", {"n": "bigint", "later": "string"}, {"year": "string", "day": "int"})
    queries.put("t/year=2026/day=1/a.parquet", numbers(1, 2))
    queries.put("t/year=2026/day=1/sub/b.parquet", numbers(3))
    queries.put("t/year=2026/day=1/_SUCCESS", b"x")
    queries.put("t/year=2026/day=1/.hidden/c.parquet", numbers(4))
    queries.put("t/year=2026/day=1/_staging/d.parquet", numbers(5))
    queries.put("archive/anywhere/a.parquet", numbers(10))
    queries.put("t/year=2026/day=3/a.parquet", numbers(100))
    queries.put("broken/a.parquet", b"this is not Parquet file")
    queries.add_partition("t", ["2026", "1"], "t/year=2026/day=1")
    queries.add_partition("t", ["2027", "2"], "archive/anywhere/")
    queries.add_partition("t", ["__HIVE_DEFAULT_PARTITION__", "4"], "t/nothing/")
    return queries


def test_only_registered_partitions_with_values_of_the_catalog(lake: Queries) -> None:
    ended = lake.run("SELECT * FROM t ORDER BY n")
    assert ended.columns == (("n", "bigint"), ("later", "varchar"), ("year", "varchar"), ("day", "integer"))
    expected = [("1", None, "2026", "1"), ("2", None, "2026", "1"), ("3", None, "2026", "1"), ("10", None, "2027", "2")]
    assert list(ended.rows) == expected


def test_the_list_of_partitions(lake: Queries) -> None:
    assert lake.rows('SELECT * FROM "t$partitions" ORDER BY day') == [("2026", "1"), ("2027", "2"), (None, "4")]
    assert lake.rows("SHOW PARTITIONS t") == [
        ("year=2026/day=1",),
        ("year=2027/day=2",),
        ("year=__HIVE_DEFAULT_PARTITION__/day=4",),
    ]


def test_hidden_columns_show_when_they_are_named(lake: Queries) -> None:
    path = f"s3://{lake.bucket}/archive/anywhere/a.parquet"
    sql = 'SELECT *, "$path", "$partition" FROM t WHERE n = 10'
    assert lake.rows(sql) == [("10", None, "2027", "2", path, "year=2027/day=2")]
    assert lake.rows("SELECT DISTINCT \"$path\" FROM t WHERE year = '2027'") == [(path,)]
    [(size,)] = lake.rows('SELECT "$file_size" FROM t WHERE n = 10')
    assert size is not None
    assert int(size) == len(lake.aws.body(lake.bucket, "archive/anywhere/a.parquet"))


PRUNING = [
    ("year = '2026'", 3),
    ("year || '-' || lpad(CAST(day AS varchar), 2, '0') <= '2026-01'", 3),
    ("year IN ('2026', '2025') AND n > 1", 2),
    ("day BETWEEN 1 AND 1", 3),
    ("(year = '2026' OR day = 1)", 3),
    ("date_parse(year, '%Y') < TIMESTAMP '2027-01-01 00:00:00'", 3),
    ("'2026' = t.year", 3),
]


@pytest.fixture(scope="module")
def broken(lake: Queries) -> Queries:
    """The same with one partition whose file is broken: a query that reads it fails."""
    queries = Queries(lake.aws, lake.bucket)
    queries.create_table("b", {"n": "bigint"}, {"year": "string", "day": "int"})
    queries.add_partition("b", ["2026", "1"], "t/year=2026/day=1/")
    queries.add_partition("b", ["2099", "9"], "broken/")
    return queries


@pytest.mark.parametrize(("condition", "count"), PRUNING)
def test_a_partition_that_the_query_excludes_is_not_read(broken: Queries, condition: str, count: int) -> None:
    table = "b AS t" if "t." in condition else "b"
    assert broken.rows(f"SELECT count(n) FROM {table} WHERE {condition}") == [(str(count),)]


JOINS = [
    ("SELECT count(*) FROM b AS x JOIN t AS y ON x.n = y.n AND x.year = '2026' WHERE y.year = '2026'", "3"),
    ("SELECT count(*) FROM t AS y LEFT JOIN b AS x ON x.n = y.n AND x.year = '2026'", "4"),
    ("SELECT count(*) FROM t AS y LEFT JOIN b AS x ON x.n = y.n WHERE x.year = '2026'", "3"),
    ("SELECT count(*) FROM b AS x, UNNEST(ARRAY[1, 2]) AS u (v) WHERE year = '2026'", "6"),
    ("SELECT count(*) FROM t WHERE n IN (SELECT n FROM b WHERE year = '2026')", "3"),
    ("WITH q AS (SELECT n FROM b WHERE year = '2026') SELECT count(*) FROM q", "3"),
    ("WITH q AS (SELECT n, year AS y FROM b) SELECT count(*) FROM q WHERE y = '2026'", "3"),
    ("WITH q AS (SELECT * FROM b), r AS (SELECT * FROM q WHERE n > 0) SELECT count(n) FROM r WHERE day = 1", "3"),
    ("SELECT count(n) FROM (SELECT x.* FROM b AS x) AS q WHERE q.year || '' = '2026'", "3"),
    ("SELECT count(q.n) FROM t AS y LEFT JOIN (SELECT * FROM b) AS q ON y.n = q.n WHERE q.year = '2026'", "3"),
    ("SELECT count(q.n) FROM t AS y JOIN (SELECT DISTINCT n, year FROM b) AS q ON y.n = q.n AND q.year < '2027'", "3"),
    ("SELECT count(*) FROM b WHERE year = '2026' UNION ALL SELECT count(*) FROM b WHERE 1 = 0 AND day = 1", "3"),
]


@pytest.mark.parametrize(("sql", "count"), JOINS)
def test_pruning_in_joins_and_inner_queries(broken: Queries, sql: str, count: str) -> None:
    assert broken.rows(sql)[0] == (count,)


NOT_PRUNED = [
    # The rows of the left side stay, whatever ON says; and a null of an outer join is not a partition.
    "SELECT count(x.n) FROM b AS x LEFT JOIN t AS y ON x.n = y.n AND x.year = '2026'",
    "SELECT count(x.n) FROM t AS y LEFT JOIN b AS x ON x.n = y.n WHERE x.year IS NULL OR x.year = '2026'",
    "SELECT count(n) FROM b WHERE year = '2026' OR n = 1",
    "SELECT count(n) FROM b WHERE year = (SELECT max(year) FROM t WHERE n = 1)",
    # The name of a key is here that of another column.
    "SELECT count(n) FROM b AS x (day, year, n) WHERE day = 1",
    "WITH q AS (SELECT n, year, day FROM b) SELECT count(n) FROM q AS x (day, year, n) WHERE day = 1",
    # A query that nobody reads has the name of a table that it reads.
    "WITH t AS (SELECT b.n FROM b JOIN t ON b.n = t.n) SELECT count(n) FROM b",
    # These conditions are on what comes out of a query, not on what goes in.
    "SELECT count(*) FROM (SELECT n, year, row_number() OVER (ORDER BY n) AS r FROM b) WHERE year = '2026'",
    "SELECT count(*) FROM (SELECT n, year FROM b ORDER BY n LIMIT 2) WHERE year = '2026'",
    "SELECT count(*) FROM (SELECT n, '2026' AS year FROM b) WHERE year = '2026'",
    "WITH q AS (SELECT n, year FROM b) SELECT count(x.n) FROM q AS x, q AS y WHERE x.year = '2026'",
    "SELECT count(q.n) FROM t AS y LEFT JOIN (SELECT * FROM b) AS q ON y.n = q.n WHERE coalesce(q.year, '') = ''",
]


@pytest.mark.parametrize("sql", NOT_PRUNED)
def test_what_must_be_read_is_read(broken: Queries, sql: str) -> None:
    ended = broken.run(sql)
    expected = f"FAILED HIVE_BAD_DATA: Not valid Parquet file: s3://{broken.bucket}/broken/a.parquet"
    assert ended.state.startswith(expected), ended.state


def test_an_outer_join_gives_the_same_with_and_without_pruning(lake: Queries) -> None:
    sql = "SELECT y.n, x.year FROM t AS y LEFT JOIN t AS x ON x.n = y.n WHERE {} ORDER BY 1"
    expected = [("1", "2026"), ("2", "2026"), ("3", "2026")]
    assert lake.rows(sql.format("x.year = '2026'")) == expected
    assert lake.rows(sql.format("coalesce(x.year, '2026') = '2026'")) == expected


def test_a_value_that_is_none_of_its_keys_type(lake: Queries) -> None:
    lake.create_table("odd", {"n": "bigint"}, {"day": "int"})
    lake.add_partition("odd", ["monday"], "t/year=2026/day=1/")
    ended = lake.run("SELECT count(*) FROM odd WHERE day = 1")
    message = "HIVE_INVALID_PARTITION_VALUE: Invalid partition value 'monday' for INTEGER partition key: day"
    assert ended.state == f"FAILED {message}"


def test_bytes_of_the_columns_and_files_that_are_read(aws: Aws, bucket: str) -> None:
    queries = Queries(aws, bucket)
    queries.create_database()
    queries.create_table("wide", {"a": "bigint", "b": "string"}, {"day": "string"})
    content = pa.table({"a": pa.array(range(1000), pa.int64()), "b": pa.array([f"text {n}" for n in range(1000)])})
    sizes = [queries.put(f"wide/{day}/x.parquet", content) for day in ("1", "2")]
    for day in ("1", "2"):
        queries.add_partition("wide", [day], f"wide/{day}/")
    everything = queries.run("SELECT * FROM wide").scanned
    one_column = queries.run("SELECT sum(a) FROM wide").scanned
    one_day = queries.run("SELECT sum(a) FROM wide WHERE day = '2'").scanned
    assert 0 < one_day * 2 == one_column < everything < sum(sizes)
    assert queries.run("SELECT sum(a) FROM wide WHERE b = 'text 1'").scanned == everything
    assert queries.run("SELECT count(*) FROM wide").scanned == 0
    assert queries.run("SELECT max(day) FROM wide").scanned == 0


def test_files_that_are_replaced_show_in_the_next_query(aws: Aws, bucket: str) -> None:
    queries = Queries(aws, bucket)
    queries.create_database()
    queries.create_table("plain", {"n": "bigint"})
    queries.put("plain/a.parquet", numbers(1))
    assert queries.rows("SELECT n FROM plain") == [("1",)]
    queries.put("plain/a.parquet", numbers(2))
    queries.put("plain/b.parquet", numbers(3))
    assert queries.rows("SELECT n FROM plain ORDER BY n") == [("2",), ("3",)]
    aws.client("s3").delete_object(Bucket=bucket, Key="plain/a.parquet")
    assert queries.rows("SELECT n FROM plain") == [("3",)]


def test_many_partitions_are_read_as_few_are(aws: Aws, bucket: str) -> None:
    queries = Queries(aws, bucket)
    queries.create_database()
    queries.create_table("many", {"n": "bigint"}, {"day": "int"})
    for day in range(12):
        queries.put(f"many/day={day}/a.parquet", numbers(day))
        queries.put(f"many/day={day}/_hidden/b.parquet", numbers(1000))
        if day != 5:
            queries.add_partition("many", [str(day)], f"many/day={day}/")
    queries.put("elsewhere/a.parquet", numbers(50))
    queries.add_partition("many", ["5"], "elsewhere")
    # A partition inside of another one's folder: its files are in both.
    queries.put("many/day=1/inner/c.parquet", numbers(7))
    queries.add_partition("many", ["100"], "many/day=1/inner/")
    everything = sorted([*((n, n) for n in range(12) if n != 5), (50, 5), (7, 1), (7, 100)])
    expected = [(str(n), str(day)) for n, day in everything]
    assert queries.rows("SELECT n, day FROM many ORDER BY n, day") == expected
    few = [(n, day) for n, day in expected if int(day) > 8]
    assert queries.rows("SELECT n, day FROM many WHERE day > 8 ORDER BY n, day") == few
