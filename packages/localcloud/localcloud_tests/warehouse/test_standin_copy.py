"""COPY from Parquet, as the page on columnar formats has it."""

from __future__ import annotations

import datetime as dt
import decimal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud_tests.warehouse.client import Sql, parquet, put, put_manifest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OPTIONS = "IAM_ROLE default FORMAT AS PARQUET"
NAMES = "CREATE TABLE t (id BIGINT, name VARCHAR(10))"


def people(*rows: tuple[int | None, str | None]) -> pa.Table:
    return pa.table(
        {"a": pa.array([row[0] for row in rows], pa.int64()), "b": pa.array([row[1] for row in rows], pa.string())}
    )


def copy(source: str, *, table: str = "t", options: str = OPTIONS) -> str:
    return f"COPY {table} FROM '{source}' {options}"


def test_every_type_arrives_as_it_was_written(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(
        "CREATE TABLE t (a SMALLINT, b INT, c BIGINT, d REAL, e DOUBLE PRECISION, f BOOLEAN, g DECIMAL(9,2),"
        " h DECIMAL(18,4), i DECIMAL(38,10), j VARCHAR(40), k CHAR(4), l DATE, m TIMESTAMP, n TIMESTAMPTZ)"
    )
    utc = pa.timestamp("us", tz="UTC")
    moment = dt.datetime(2026, 11, 20, 13, 14, 15, 678901, tzinfo=dt.UTC)
    table = pa.table(
        {
            "a": pa.array([-32768, None], pa.int16()),
            "b": pa.array([2**31 - 1, None], pa.int32()),
            "c": pa.array([-(2**63), None], pa.int64()),
            "d": pa.array([1.1, None], pa.float32()),
            "e": pa.array([0.1, None], pa.float64()),
            "f": pa.array([True, None]),
            "g": pa.array([decimal.Decimal("-1234567.89"), None], pa.decimal128(9, 2)),
            "h": pa.array([decimal.Decimal("0.0001"), None], pa.decimal128(18, 4)),
            "i": pa.array([decimal.Decimal("1234567890123456789012345678.0123456789"), None], pa.decimal128(38, 10)),
            "j": pa.array(['x,"y"\n\\z\t\'ä', None]),
            "k": pa.array(["ab", None]),
            "l": pa.array([dt.date(1, 1, 1), None]),
            "m": pa.array([moment, None], utc),
            "n": pa.array([moment, None], utc),
        }
    )
    put(s3, bucket, "all.parquet", table)
    sql.ok(copy(f"s3://{bucket}/all.parquet"))
    assert sql.rows("SELECT * FROM t ORDER BY a") == [
        (
            -32768,
            2**31 - 1,
            -(2**63),
            pytest.approx(1.1),
            0.1,
            True,
            "-1234567.89",
            "0.0001",
            "1234567890123456789012345678.0123456789",
            'x,"y"\n\\z\t\'ä',
            "ab  ",
            "0001-01-01",
            "2026-11-20 13:14:15.678901",
            "2026-11-20 13:14:15.678901+00",
        ),
        (None,) * 14,
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"use_deprecated_int96_timestamps": True},
        {"coerce_timestamps": "ms", "allow_truncated_timestamps": True},
        {"coerce_timestamps": "us"},
    ],
)
def test_timestamps_load_in_each_of_their_encodings(
    sql: Sql, s3: S3Client, bucket: str, options: dict[str, Any]
) -> None:
    sql.ok("CREATE TABLE t (at TIMESTAMP)")
    table = pa.table({"at": pa.array([dt.datetime(2026, 11, 20, 1, 2, 3, tzinfo=dt.UTC)], pa.timestamp("us"))})
    put(s3, bucket, "a.parquet", parquet(table, **options))
    sql.ok(copy(f"s3://{bucket}/a.parquet"))
    assert sql.rows("SELECT at FROM t") == [("2026-11-20 01:02:03",)]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
        ),
        max_size=8,
    )
)
def test_any_text_and_number_survives(
    sql: Sql, s3: S3Client, bucket: str, rows: list[tuple[int | None, str | None]]
) -> None:
    put(s3, bucket, "any.parquet", people(*rows))
    loaded = sql.batch(
        "CREATE TEMP TABLE any_row (id BIGINT, name VARCHAR(100))",
        copy(f"s3://{bucket}/any.parquet", table="any_row"),
        "SELECT id, name FROM any_row",
    )
    assert Counter(sql.result(f"{loaded['Id']}:3")) == Counter(rows)


def test_columns_go_by_position_and_not_by_name(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok("CREATE TABLE t (first_name VARCHAR(10), last_name VARCHAR(10))")
    put(s3, bucket, "a.parquet", pa.table({"last_name": ["Lovelace"], "first_name": ["Ada"]}))
    sql.ok(copy(f"s3://{bucket}/a.parquet"))
    assert sql.rows("SELECT first_name, last_name FROM t") == [("Lovelace", "Ada")]


def test_a_column_list_says_which_columns_and_the_others_get_their_default(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok("CREATE TABLE t (name VARCHAR(10), source VARCHAR(10) DEFAULT 'file', id BIGINT, n INT IDENTITY(5, 5))")
    put(s3, bucket, "a.parquet", people((1, "a"), (2, "b")))
    sql.ok(f"COPY t (id, name) FROM 's3://{bucket}/a.parquet' {OPTIONS}")
    assert sql.rows("SELECT * FROM t ORDER BY id") == [("a", "file", 1, 5), ("b", "file", 2, 10)]
    assert 'column "nope" of relation "t" does not exist' in sql.error(
        f"COPY t (id, nope) FROM 's3://{bucket}/a.parquet' {OPTIONS}"
    )


@pytest.mark.parametrize("columns", ["id BIGINT", "id BIGINT, name VARCHAR(10), more INT"])
def test_the_numbers_of_columns_must_be_equal(sql: Sql, s3: S3Client, bucket: str, columns: str) -> None:
    sql.ok(f"CREATE TABLE t ({columns})")
    put(s3, bucket, "a.parquet", people((1, "a")))
    error = sql.error(copy(f"s3://{bucket}/a.parquet"))
    assert "Spectrum Scan Error" in error
    assert f"Table columns: {len(columns.split(','))}, Data columns: 2" in error
    assert sql.rows("SELECT count(*) FROM t") == [(0,)]


def test_fillrecord_fills_trailing_columns_with_null_where_it_may(sql: Sql, s3: S3Client, bucket: str) -> None:
    put(s3, bucket, "a.parquet", people((1, "a")))
    fill = copy(f"s3://{bucket}/a.parquet", options=f"{OPTIONS} FILLRECORD")
    sql.ok("CREATE TABLE t (id BIGINT, name VARCHAR(10), more INT DEFAULT 7, most INT)")
    sql.ok(fill)
    assert sql.rows("SELECT id, name, most FROM t") == [(1, "a", None)]
    sql.batch("DROP TABLE t", "CREATE TABLE t (id BIGINT, name VARCHAR(10), more INT NOT NULL)")
    assert "Cannot insert a NULL value into column more" in sql.error(fill)
    sql.batch("DROP TABLE t", "CREATE TABLE t (id BIGINT)")
    assert "Unmatched number of columns" in sql.error(fill)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("VARCHAR(10)", pa.array([1], pa.int64())),
        ("BIGINT", pa.array(["1"])),
        ("BIGINT", pa.array([1], pa.int32())),
        ("INT", pa.array([1], pa.int64())),
        ("INT", pa.array([1], pa.uint32())),
        ("BIGINT", pa.array([1], pa.uint64())),
        ("SMALLINT", pa.array([1], pa.int64())),
        ("REAL", pa.array([1.0], pa.float64())),
        ("DOUBLE PRECISION", pa.array([1.0], pa.float32())),
        ("BOOLEAN", pa.array([1], pa.int32())),
        ("DECIMAL(10,2)", pa.array([decimal.Decimal("1.00")], pa.decimal128(12, 2))),
        ("DECIMAL(12,3)", pa.array([decimal.Decimal("1.00")], pa.decimal128(12, 2))),
        ("DECIMAL(12,2)", pa.array([1.5], pa.float64())),
        ("DATE", pa.array(["2026-11-20"])),
        ("DATE", pa.array([0], pa.timestamp("us"))),
        ("TIMESTAMP", pa.array([dt.date(2026, 11, 20)])),
        ("TIMESTAMP", pa.array([1], pa.int64())),
        ("TIMESTAMP", pa.array([1], pa.timestamp("ns"))),
        ("VARCHAR(10)", pa.array([b"x"])),
        ("VARCHAR(10)", pa.array([["x"]])),
        ("VARCHAR(10)", pa.array([{"x": 1}])),
    ],
)
def test_another_type_is_refused(sql: Sql, s3: S3Client, bucket: str, column: str, values: pa.Array[Any]) -> None:
    sql.ok(f"CREATE TABLE t (x {column})")
    put(s3, bucket, "a.parquet", pa.table({"source_name": values}))
    error = sql.error(copy(f"s3://{bucket}/a.parquet"))
    assert error.startswith("ERROR: Spectrum Scan Error")
    assert "has an incompatible Parquet schema for column" in error
    assert f"s3://{bucket}/a.parquet.source_name" in error
    assert sql.rows("SELECT count(*) FROM t") == [(0,)]


def test_text_is_measured_in_bytes(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok("CREATE TABLE t (id BIGINT, name VARCHAR(4))")
    put(s3, bucket, "fits.parquet", people((1, "ää"), (2, "abcd"), (3, "")))
    put(s3, bucket, "long.parquet", people((4, "x"), (5, "äää")))
    sql.ok(copy(f"s3://{bucket}/fits.parquet"))
    error = sql.error(copy(f"s3://{bucket}/long.parquet"))
    assert (
        "The length of the data column name is longer than the length defined in the table. Table: 4, Data: 6" in error
    )
    assert sql.rows("SELECT id, name FROM t ORDER BY id") == [(1, "ää"), (2, "abcd"), (3, "")]


def test_null_in_a_not_null_column_fails(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok("CREATE TABLE t (id BIGINT NOT NULL, name VARCHAR(10))")
    put(s3, bucket, "a.parquet", people((1, "a"), (None, "b")))
    assert "Cannot insert a NULL value into column id" in sql.error(copy(f"s3://{bucket}/a.parquet"))
    assert sql.rows("SELECT count(*) FROM t") == [(0,)]


def test_a_manifest_loads_exactly_its_files(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    entries = [put(s3, bucket, f"in/{n}.parquet", people((n, "x"))) for n in range(3)]
    put(s3, bucket, "in/other.parquet", people((99, "x")))
    sql.ok(copy(put_manifest(s3, bucket, entries), options=f"{OPTIONS} MANIFEST"))
    assert sql.rows("SELECT id FROM t ORDER BY id") == [(0,), (1,), (2,)]


def test_a_file_listed_twice_is_loaded_twice(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    entry = put(s3, bucket, "a.parquet", people((1, "x")))
    sql.ok(copy(put_manifest(s3, bucket, [entry, entry]), options=f"{OPTIONS} MANIFEST"))
    assert sql.rows("SELECT id FROM t") == [(1,), (1,)]


def test_a_missing_file_is_skipped_unless_it_is_mandatory(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    here = put(s3, bucket, "a.parquet", people((1, "x")))
    gone = {"url": f"s3://{bucket}/gone.parquet", "meta": {"content_length": 10}}
    options = f"{OPTIONS} MANIFEST"
    sql.ok(copy(put_manifest(s3, bucket, [here, gone, {**gone, "mandatory": False}]), options=options))
    assert sql.rows("SELECT id FROM t") == [(1,)]
    error = sql.error(copy(put_manifest(s3, bucket, [here, {**gone, "mandatory": True}]), options=options))
    assert f"The specified key does not exist: s3://{bucket}/gone.parquet" in error
    assert sql.rows("SELECT id FROM t") == [(1,)]


def test_no_file_at_all_is_an_error_even_when_none_is_mandatory(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    gone = {"url": f"s3://{bucket}/gone.parquet", "meta": {"content_length": 10}}
    assert "no file of" in sql.error(copy(put_manifest(s3, bucket, [gone]), options=f"{OPTIONS} MANIFEST"))
    assert "does not exist" in sql.error(copy(f"s3://{bucket}/nothing-here"))
    assert "does not exist" in sql.error(copy(f"s3://{bucket}/gone.manifest", options=f"{OPTIONS} MANIFEST"))
    assert "does not exist" in sql.error(copy("s3://no-such-bucket-anywhere/x"))


def test_a_file_of_another_size_than_the_manifest_says_is_refused(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    entry = put(s3, bucket, "a.parquet", people((1, "x")))
    entry["meta"]["content_length"] += 1
    error = sql.error(copy(put_manifest(s3, bucket, [entry]), options=f"{OPTIONS} MANIFEST"))
    assert "File size mismatch" in error
    assert sql.rows("SELECT count(*) FROM t") == [(0,)]


def test_a_manifest_without_the_keyword_is_read_as_data(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    manifest = put_manifest(s3, bucket, [put(s3, bucket, "a.parquet", people((1, "x")))])
    assert "is not Parquet" in sql.error(copy(manifest))


def test_without_a_manifest_the_source_is_a_key_prefix(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    for n, key in enumerate(["in/part.parquet", "in/deeper/part.parquet", "in_1.parquet", "out.parquet"]):
        put(s3, bucket, key, people((n, "x")))
    sql.ok(copy(f"s3://{bucket}/in"))
    assert sql.rows("SELECT id FROM t ORDER BY id") == [(0,), (1,), (2,)]
    put(s3, bucket, "in/_SUCCESS", b"")
    assert "is not Parquet" in sql.error(copy(f"s3://{bucket}/in"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("MAXERROR 10", "MAXERROR argument is not supported for PARQUET based COPY"),
        ("REGION 'eu-central-1'", "REGION argument is not supported for PARQUET based COPY"),
        ("COMPUPDATE OFF", "COMPUPDATE argument is not supported"),
        ("IGNOREALLERRORS", "IGNOREALLERRORS argument is not supported"),
        ("ACCEPTANYDATE", "ACCEPTANYDATE argument is not supported"),
        ("TRUNCATECOLUMNS", "TRUNCATECOLUMNS argument is not supported"),
        ("GZIP", "GZIP argument is not supported"),
        ("TIMEFORMAT 'auto'", "TIMEFORMAT argument is not supported"),
        ("SERIALIZETOJSON", "not supported by the local stand-in"),
        ("EXPLICIT_IDS", "not supported by the local stand-in"),
    ],
)
def test_parameters_that_a_columnar_copy_does_not_take(
    sql: Sql, s3: S3Client, bucket: str, options: str, expected: str
) -> None:
    sql.ok(NAMES)
    put(s3, bucket, "a.parquet", people((1, "x")))
    assert expected in sql.error(copy(f"s3://{bucket}/a.parquet", options=f"{OPTIONS} {options}"))
    assert sql.rows("SELECT count(*) FROM t") == [(0,)]


def test_credentials_and_format(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    put(s3, bucket, "a.parquet", people((1, "x")))
    source = f"s3://{bucket}/a.parquet"
    role = "IAM_ROLE 'arn:aws:iam::000000000000:role/sluice-redshift'"
    sql.ok(copy(source, options=f"{role} FORMAT PARQUET STATUPDATE OFF"))
    sql.ok(copy(source, options=f"FORMAT AS PARQUET {role} STATUPDATE ON"))
    assert "needs credentials" in sql.error(copy(source, options="FORMAT PARQUET"))
    assert "Invalid IAM role ARN" in sql.error(copy(source, options="IAM_ROLE 'me' FORMAT PARQUET"))
    assert "use IAM_ROLE" in sql.error(copy(source, options="CREDENTIALS 'aws_access_key_id=x' FORMAT PARQUET"))
    for other in ("FORMAT AS ORC", "AVRO 'auto'", "SHAPEFILE"):
        assert "not supported by the local stand-in" in sql.error(copy(source, options=f"IAM_ROLE default {other}"))
    assert sql.rows("SELECT count(*) FROM t") == [(2,)]


def test_one_bad_file_of_many_loads_nothing(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.batch(NAMES, "INSERT INTO t VALUES (0, 'before')")
    entries = [
        put(s3, bucket, "1.parquet", people((1, "x"))),
        put(s3, bucket, "2.parquet", b"PAR1 but not really"),
        put(s3, bucket, "3.parquet", people((3, "x"))),
    ]
    error = sql.batch_error(
        "INSERT INTO t VALUES (9, 'same')", copy(put_manifest(s3, bucket, entries), options=f"{OPTIONS} MANIFEST")
    )
    assert error.startswith("Query #2 failed with ERROR: Spectrum Scan Error")
    assert f"s3://{bucket}/2.parquet" in error
    assert sql.rows("SELECT * FROM t") == [(0, "before")]


def test_copy_reports_its_rows_by_function_and_view_but_not_by_result_rows(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    source = f"s3://{bucket}/a.parquet"
    entry = put(s3, bucket, "a.parquet", people((1, "x"), (2, "y")))
    found = sql.batch(copy(source), "SELECT pg_last_copy_count(), pg_last_copy_id()")
    load, count = found["SubStatements"]
    assert (load["ResultRows"], load["HasResultSet"]) == (0, False)
    assert sql.result(count["Id"]) == [(2, load["RedshiftQueryId"])]
    history = "SELECT status, table_name, data_source, loaded_rows, source_file_count, source_file_bytes"
    size = entry["meta"]["content_length"]
    assert sql.rows(f"{history} FROM sys_load_history WHERE query_id = {load['RedshiftQueryId']}") == [
        ("completed", "t", source, 2, 1, size)
    ]
    failed = sql.run(copy(f"s3://{bucket}/none"))
    rows = sql.rows(f"SELECT error_message FROM sys_load_error_detail WHERE query_id = {failed['RedshiftQueryId']}")
    assert rows == [(failed["Error"],)]


def test_many_rows_stream(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    count = 100_000
    table = pa.table({"a": pa.array(range(count), pa.int64()), "b": pa.array(["x"] * count)})
    put(s3, bucket, "a.parquet", parquet(table, row_group_size=30_000))
    sql.ok(copy(f"s3://{bucket}/a.parquet"))
    assert sql.rows("SELECT count(*), count(distinct id), sum(id), max(name) FROM t") == [
        (count, count, str(count * (count - 1) // 2), "x")
    ]


def test_dictionary_columns_load_as_their_values(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.ok(NAMES)
    table = pa.table({"a": pa.array([1, 2, 3], pa.int64()), "b": pa.array(["x", None, "x"]).dictionary_encode()})
    put(s3, bucket, "a.parquet", table)
    sql.ok(copy(f"s3://{bucket}/a.parquet"))
    assert sql.rows("SELECT id, name FROM t ORDER BY id") == [(1, "x"), (2, None), (3, "x")]


def test_a_missing_table_is_an_sql_error(sql: Sql, bucket: str) -> None:
    assert 'relation "nowhere" does not exist' in sql.error(copy(f"s3://{bucket}/x", table="nowhere"))
