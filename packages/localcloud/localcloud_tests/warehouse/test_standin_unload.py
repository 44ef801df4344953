"""UNLOAD: the rows of a query as files in S3.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD_command_examples.html
"""

from __future__ import annotations

import bz2
import datetime as dt
import decimal
import gzip
import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import LocalAws
from localcloud_tests.warehouse.lake import Lake

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VENUES = [
    "CREATE TABLE venue (id int, name varchar(30), state char(2), seats int)",
    (
        "INSERT INTO venue VALUES (1, 'Pinewood Race|track', 'OH', 0), (2, 'Columbus \"Crew\" Stadium', 'OH', NULL),"
        " (4, 'Community, Ballpark', 'KS', 7)"
    ),
]
ALL = "UNLOAD ('SELECT * FROM venue ORDER BY id')"


@pytest.fixture
def venues(sql: Sql, bucket: str) -> str:
    """A table venue; gives an address to unload to."""
    sql.batch(*VENUES)
    return f"s3://{bucket}/out/venue_"


def files(s3: S3Client, bucket: str) -> dict[str, bytes]:
    """Give the objects of a bucket, by key."""
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed}


@pytest.mark.parametrize(
    ("options", "name", "content"),
    [
        (
            "",
            "0000_part_00",
            b'1|Pinewood Race|track|OH|0\n2|Columbus "Crew" Stadium|OH|\n4|Community, Ballpark|KS|7\n',
        ),
        (
            "CSV HEADER",
            "0000_part_00",
            (
                b'id,name,state,seats\n1,Pinewood Race|track,OH,0\n2,"Columbus ""Crew"" Stadium",OH,\n'
                b'4,"Community, Ballpark",KS,7\n'
            ),
        ),
        (
            "FORMAT AS CSV DELIMITER AS '|' NULL AS '\\\\N'",
            "0000_part_00",
            b'1|"Pinewood Race|track"|OH|0\n2|"Columbus ""Crew"" Stadium"|OH|\\N\n4|Community, Ballpark|KS|7\n',
        ),
        (
            "DELIMITER '|' ESCAPE ADDQUOTES PARALLEL OFF",
            "000",
            (
                b'"1"|"Pinewood Race\\|track"|"OH"|"0"\n"2"|"Columbus \\"Crew\\" Stadium"|"OH"|\n'
                b'"4"|"Community, Ballpark"|"KS"|"7"\n'
            ),
        ),
        (
            "JSON EXTENSION 'json'",
            "0000_part_00.json",
            (
                b'{"id":1,"name":"Pinewood Race|track","state":"OH","seats":0}\n'
                b'{"id":2,"name":"Columbus \\"Crew\\" Stadium","state":"OH","seats":null}\n'
                b'{"id":4,"name":"Community, Ballpark","state":"KS","seats":7}\n'
            ),
        ),
    ],
)
def test_each_text_form_is_as_it_is_documented(
    sql: Sql, s3: S3Client, bucket: str, venues: str, options: str, name: str, content: bytes
) -> None:
    done = sql.ok(f"{ALL} TO '{venues}' IAM_ROLE default {options}")
    assert not done["HasResultSet"]
    assert files(s3, bucket) == {f"out/venue_{name}": content}


def test_texts_are_compressed(sql: Sql, s3: S3Client, bucket: str, venues: str) -> None:
    plain = b"1\t0\n2\t\n4\t7\n"
    query = "UNLOAD ('SELECT id, seats FROM venue ORDER BY id')"
    for option in ("GZIP", "BZIP2", "ZSTD"):
        sql.ok(f"{query} TO '{venues}{option}_' IAM_ROLE default DELIMITER AS '\\t' {option} PARALLEL FALSE")
    found = files(s3, bucket)
    assert gzip.decompress(found.pop("out/venue_GZIP_000.gz")) == plain
    assert bz2.decompress(found.pop("out/venue_BZIP2_000.bz2")) == plain
    assert pa.input_stream(io.BytesIO(found.pop("out/venue_ZSTD_000.zst")), compression="zstd").read() == plain
    assert found == {}


def test_parquet_keeps_types_and_is_loaded_again(sql: Sql, s3: S3Client, bucket: str) -> None:
    columns = (
        "a smallint, b int, c bigint, d decimal(12,3), e real, f float8, g boolean, h varchar(9), i date, j timestamp"
    )
    sql.batch(
        f"CREATE TABLE t ({columns})",
        f"CREATE TABLE again ({columns})",
        "INSERT INTO t VALUES (1, 2, 3, 4.5, 0.5, 0.25, true, 'ä b', '2026-11-20', '2026-11-20 13:00:00.123456'),"
        " (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    )
    where = f"s3://{bucket}/t/"
    sql.ok(
        f"UNLOAD ($$SELECT * FROM t WHERE h = 'ä b' OR h IS NULL ORDER BY a$$) TO '{where}' IAM_ROLE default"
        " PARQUET MANIFEST"
    )
    found = files(s3, bucket)
    content = found["t/0000_part_00.parquet"]
    assert pq.read_table(io.BytesIO(content)).to_pydict() == {
        "a": [1, None],
        "b": [2, None],
        "c": [3, None],
        "d": [decimal.Decimal("4.500"), None],
        "e": [0.5, None],
        "f": [0.25, None],
        "g": [True, None],
        "h": ["ä b", None],
        "i": [dt.date(2026, 11, 20), None],
        "j": [dt.datetime(2026, 11, 20, 13, 0, 0, 123456), None],  # noqa: DTZ001 - a TIMESTAMP has no zone
    }
    assert json.loads(found["t/manifest"]) == {
        "entries": [{"url": f"{where}0000_part_00.parquet", "meta": {"content_length": len(content)}}]
    }
    sql.ok(f"COPY again FROM '{where}manifest' IAM_ROLE default FORMAT AS PARQUET MANIFEST")
    assert sql.rows("SELECT * FROM again ORDER BY a") == sql.rows("SELECT * FROM t ORDER BY a")


def test_partitions_are_folders_that_an_external_table_reads(sql: Sql, s3: S3Client, bucket: str, lake: Lake) -> None:
    sql.batch(
        "CREATE TABLE t (id bigint, day varchar(10), hour int)",
        "INSERT INTO t VALUES (1, '20', 7), (2, '20', 7), (3, 'a/b', NULL)",
    )
    sql.ok(
        f"UNLOAD ('SELECT * FROM t ORDER BY id') TO 's3://{bucket}/t' IAM_ROLE default PARQUET PARTITION BY (day, hour)"
    )
    found = files(s3, bucket)
    assert {key: pq.read_table(io.BytesIO(content)).to_pydict() for key, content in found.items()} == {
        "t/day=20/hour=7/0000_part_00.parquet": {"id": [1, 2]},
        "t/day=a%2Fb/hour=__HIVE_DEFAULT_PARTITION__/0000_part_00.parquet": {"id": [3]},
    }
    lake.table("t", {"id": "bigint"}, ["day", "hour"])
    lake.register("t", "20", "7", location=f"s3://{bucket}/t/day=20/hour=7/")
    lake.attach(sql)
    assert sql.rows("SELECT * FROM spectrum.t ORDER BY id") == [(1, "20", "7"), (2, "20", "7")]
    sql.ok(
        f"UNLOAD ('SELECT * FROM spectrum.t') TO 's3://{bucket}/again' IAM_ROLE default CSV PARTITION BY (day) INCLUDE"
    )
    assert files(s3, bucket)["again/day=20/0000_part_00"] == b"1,20,7\n2,20,7\n"


def test_what_is_there_is_kept_overwritten_or_removed(sql: Sql, s3: S3Client, bucket: str, venues: str) -> None:
    sql.ok(f"{ALL} TO '{venues}' IAM_ROLE default")
    before = files(s3, bucket)
    unload = f"UNLOAD ('SELECT id FROM venue WHERE id = 1') TO '{venues}' IAM_ROLE default"
    assert "Specified unload destination on S3 is not empty" in sql.error(unload)
    assert files(s3, bucket) == before
    s3.put_object(Bucket=bucket, Key="out/venue_other", Body=b"x")
    sql.ok(f"{unload} ALLOWOVERWRITE")
    assert files(s3, bucket) == {"out/venue_0000_part_00": b"1\n", "out/venue_other": b"x"}
    sql.ok(f"{unload} CLEANPATH PARALLEL OFF")
    assert files(s3, bucket) == {"out/venue_000": b"1\n"}


def test_a_verbose_manifest_has_the_schema_and_the_history_the_files(
    sql: Sql, s3: S3Client, bucket: str, venues: str
) -> None:
    session = sql.ok("SELECT 1", SessionKeepAliveSeconds=60)["SessionId"]
    sql.ok(f"{ALL} TO '{venues}' IAM_ROLE default MANIFEST VERBOSE HEADER", SessionId=session)
    url, size = f"{venues}0000_part_00", len(files(s3, bucket)["out/venue_0000_part_00"])
    assert json.loads(files(s3, bucket)["out/venue_manifest"]) == {
        "entries": [{"url": url, "meta": {"content_length": size, "record_count": 4}}],
        "schema": {
            "elements": [
                {"name": "id", "type": {"base": "integer"}},
                {"name": "name", "type": {"base": "character varying", "max_length": 30}},
                {"name": "state", "type": {"base": "character", "max_length": 2}},
                {"name": "seats", "type": {"base": "integer"}},
            ]
        },
        "meta": {"content_length": size, "record_count": 4},
        "author": {"name": "Amazon Redshift", "version": "1.0.0"},
    }
    assert sql.rows("SELECT pg_last_unload_count()", SessionId=session) == [(3,)]
    assert sql.rows(
        "SELECT status, file_format, unloaded_location, unloaded_rows, unloaded_files_count, unloaded_files_size"
        f" FROM sys_unload_history WHERE unloaded_location = '{venues}'"
    ) == [("completed", "Text", venues, 3, 1, size)]
    assert sql.rows(
        f"SELECT trim(file_name), line_count, transfer_size FROM sys_unload_detail WHERE file_name = '{url}'"
    ) == [(url, 4, size)]
    assert sql.rows(f"SELECT trim(path), line_count FROM stl_unload_log WHERE path = '{url}'") == [(url, 4)]


def test_files_are_no_larger_than_they_may_be(sql: Sql, s3: S3Client, bucket: str) -> None:
    sql.batch("CREATE TABLE t (v varchar(60000))", *["INSERT INTO t SELECT repeat('x', 60000)"] * 8)
    sql.batch(*["INSERT INTO t SELECT * FROM t"] * 4)
    sql.ok(f"UNLOAD ('SELECT v FROM t') TO 's3://{bucket}/t_' IAM_ROLE default MAXFILESIZE AS 5 MB")
    sizes = {key: len(content) for key, content in files(s3, bucket).items()}
    assert sizes == {"t_0000_part_00": 87 * 60001, "t_0000_part_01": 41 * 60001}


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UNLOAD ('SELECT 1 LIMIT 1') TO 's3://b/k' IAM_ROLE default", "Limit clause is not supported"),
        ("UNLOAD ('SELECT 1') TO 's3://b/k'", "UNLOAD needs credentials"),
        ("UNLOAD ('DELETE FROM t') TO 's3://b/k' IAM_ROLE default", "UNLOAD takes a query"),
        (
            "UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default PARQUET HEADER",
            "HEADER is not supported for UNLOAD to PARQUET",
        ),
        (
            "UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default PARQUET GZIP",
            "GZIP is not supported for UNLOAD to PARQUET",
        ),
        (
            "UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default JSON NULL AS ''",
            "NULL AS is not supported for UNLOAD to JSON",
        ),
        ("UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default CLEANPATH ALLOWOVERWRITE", "cannot be specified together"),
        ("UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default MAXFILESIZE 1 MB", "MAXFILESIZE must be between"),
        ("UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default VERBOSE", 'syntax error at or near "VERBOSE"'),
        ("UNLOAD ('SELECT 1 AS a') TO 's3://b/k' IAM_ROLE default PARTITION BY (x)", 'column "x" does not exist'),
        ("UNLOAD ('SELECT 1 AS a') TO 's3://b/k' IAM_ROLE default PARTITION BY (a)", "must not be a partition column"),
        ("UNLOAD ('SELECT 1 AS a, 2 AS a') TO 's3://b/k' IAM_ROLE default JSON", "specified more than once"),
        ("UNLOAD ('SELECT x') TO 's3://b/k' IAM_ROLE default", 'column "x" does not exist'),
        ("UNLOAD ('SELECT 1') TO 's3://not-there-at-all/k' IAM_ROLE default", "S3ServiceException"),
        (
            "UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default FIXEDWIDTH 'a:1'",
            "UNLOAD with FIXEDWIDTH is not supported by",
        ),
    ],
)
def test_what_cannot_be_unloaded_is_refused(sql: Sql, s3: S3Client, bucket: str, statement: str, message: str) -> None:
    assert message in sql.error(statement.replace("s3://b/", f"s3://{bucket}/"))
    assert files(s3, bucket) == {}


def test_who_may_not_name_a_role_neither_unloads_nor_copies(
    sql: Sql, s3: S3Client, bucket: str, local_aws: LocalAws
) -> None:
    sql.batch("CREATE TABLE t (id int)", "CREATE USER writer PASSWORD 'Writer123'", "GRANT ALL ON t TO writer")
    sql.ok("GRANT USAGE ON SCHEMA public TO writer")
    document = '{"username": "writer", "password": "Writer123"}'
    secret = local_aws.client("secretsmanager").create_secret(Name=f"writer-{bucket}", SecretString=document)["ARN"]
    unload = f"UNLOAD ('SELECT 1') TO 's3://{bucket}/a_' IAM_ROLE default"
    copy = f"COPY t FROM 's3://{bucket}/a_' IAM_ROLE default FORMAT AS PARQUET"
    try:
        sql.ok("REVOKE ASSUMEROLE ON ALL FROM PUBLIC FOR ALL")
        assert "permission denied for IAM role default" in sql.error(unload, SecretArn=secret)
        assert "permission denied for IAM role default" in sql.error(copy, SecretArn=secret)
        assert "must be superuser" in sql.error("GRANT ASSUMEROLE ON ALL TO writer FOR ALL", SecretArn=secret)
        assert files(s3, bucket) == {}
        sql.ok("GRANT ASSUMEROLE ON DEFAULT TO writer FOR UNLOAD")
        sql.ok(unload, SecretArn=secret)
        assert files(s3, bucket) == {"a_0000_part_00": b"1\n"}
        assert "permission denied for IAM role default" in sql.error(copy, SecretArn=secret)
        # Who owns the database needs no grant.
        sql.ok(f"{unload} ALLOWOVERWRITE")
    finally:
        sql.ok("GRANT ASSUMEROLE ON ALL TO PUBLIC FOR ALL")
        sql.batch("REVOKE USAGE ON SCHEMA public FROM writer", "REVOKE ALL ON t FROM writer", "DROP USER writer")
