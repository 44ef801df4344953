"""COPY from CSV, delimited, fixed-width and JSON files, as the pages on its parameters have it."""

from __future__ import annotations

import bz2
import gzip
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from localcloud_tests.warehouse.client import Sql, put

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROLE = "IAM_ROLE 'arn:aws:iam::000000000000:role/sluice-redshift'"
AUTO = "DATEFORMAT 'auto' TIMEFORMAT 'auto'"
FAILED = "ERROR: Load into table 't' failed.  Check 'stl_load_errors' system table for details."


class Copying:
    """A table called t and the file that is copied into it."""

    def __init__(self, sql: Sql, s3: S3Client, bucket: str) -> None:
        self.sql = sql
        self._s3 = s3
        self.bucket = bucket

    def table(self, columns: str) -> None:
        self.sql.ok(f"CREATE TABLE t ({columns})")

    def put(self, content: bytes, key: str = "in") -> str:
        put(self._s3, self.bucket, key, content)
        return f"s3://{self.bucket}/{key}"

    def statement(self, options: str, columns: str = "") -> str:
        return f"COPY t{columns} FROM 's3://{self.bucket}/in' {ROLE} {options}"

    def rows(self, content: bytes, options: str, columns: str = "") -> list[tuple[Any, ...]]:
        """Load a file into the empty table and give its rows."""
        self.put(content)
        self.sql.batch("DELETE FROM t", self.statement(options, columns))
        return self.sql.rows("SELECT * FROM t ORDER BY 1")

    def errors(self, content: bytes, options: str) -> list[tuple[Any, ...]]:
        """Load a file that must fail; give code, reason, line, column and value of the load errors."""
        self.put(content)
        self.sql.ok("DELETE FROM t")
        failed = self.sql.run(self.statement(options))
        assert failed["Error"] == FAILED
        assert self.sql.rows("SELECT count(*) FROM t") == [(0,)]
        return self.of(failed["RedshiftQueryId"])

    def of(self, query_id: int) -> list[tuple[Any, ...]]:
        return self.sql.rows(
            "SELECT err_code, trim(err_reason), line_number, trim(colname), trim(raw_field_value) FROM stl_load_errors"
            f" WHERE query = {query_id} ORDER BY line_number"
        )


@pytest.fixture
def copying(sql: Sql, s3: S3Client, bucket: str) -> Copying:
    return Copying(sql, s3, bucket)


@pytest.mark.parametrize(
    ("options", "content"),
    [
        ("", b"1|a\n2|b|c\n"[:4] + b"2|\n"),
        ("DELIMITER ','", b"1,a\n2,\n"),
        ("DELIMITER AS '\\t'", b"1\ta\n2\t\n"),
        ("DELIMITER '\\001'", b"1\x01a\n2\x01\n"),
        ("FORMAT AS CSV", b"1,a\r\n2,\r\n"),
        ("CSV DELIMITER ';' QUOTE AS ''''", b"1;'a'\n2;''\n"),
        ("FORMAT CSV IGNOREHEADER 1", b"id,name\n1,a\n2,\n"),
        ("DELIMITER '|' IGNOREHEADER AS 2 IGNOREBLANKLINES", b"x\ny|z|z\n1|a\n\n2|"),
        ("FIXEDWIDTH 'id:2, name:3'", b" 1a  \n2    \n"),
        ("JSON 'auto'", b'{"id": 1, "name": "a", "more": 0}\n{"name": "", "id": 2}'),
        ("FORMAT JSON AS 'auto ignorecase'", b'{"ID": 1, "Name": "a"} {"iD": 2, "NAME": ""}'),
    ],
)
def test_forms_of_files(copying: Copying, options: str, content: bytes) -> None:
    copying.table("id INT, name VARCHAR(10)")
    assert copying.rows(content, options) == [(1, "a"), (2, "")]


@pytest.mark.parametrize(
    ("option", "compress"),
    [
        ("GZIP", gzip.compress),
        ("BZIP2", bz2.compress),
        ("ZSTD", lambda content: pa.compress(content, codec="zstd", asbytes=True)),
    ],
)
def test_compressed_files(copying: Copying, option: str, compress: Any) -> None:
    copying.table("id INT")
    assert copying.rows(compress(b"1\n2\n"), f"CSV {option}") == [(1,), (2,)]
    copying.put(b"1\n2\n")
    assert f"The file is not {option}" in copying.sql.error(copying.statement(f"CSV {option}"))


def test_csv_keeps_quotes_delimiters_and_line_breaks_of_quoted_fields(copying: Copying) -> None:
    copying.table("id INT, name VARCHAR(30)")
    content = b'1,"say ""a, b"""\n2,"two\nlines"\n3,\xc3\xa4\n'
    assert copying.rows(content, "CSV") == [(1, 'say "a, b"'), (2, "two\nlines"), (3, "ä")]


def test_escapes_and_quotes_of_delimited_files(copying: Copying) -> None:
    copying.table("id INT, name VARCHAR(30)")
    assert copying.rows(b"1|a\\|b\n2|c\\\nd\n3|\\\\N\n4|\\N\n", "ESCAPE") == [
        (1, "a|b"), (2, "c\nd"), (3, "\\N"), (4, None),
    ]  # fmt: skip
    assert copying.rows(b'"1"|"a|b"\n2|\'c\'\n', "REMOVEQUOTES") == [(1, "a|b"), (2, "c")]
    # A delimiter at the end of a line ends its last field.
    assert copying.rows(b"1|a|\n", "") == [(1, "a")]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("", [(1, "", ""), (2, "  ", "  "), (3, "NA", "x "), (4, None, None)]),
        ("EMPTYASNULL", [(1, None, None), (2, "  ", "  "), (3, "NA", "x "), (4, None, None)]),
        ("BLANKSASNULL", [(1, "", ""), (2, None, None), (3, "NA", "x "), (4, None, None)]),
        ("NULL AS 'NA'", [(1, "", ""), (2, "  ", "  "), (3, None, "x "), (4, "\\N", "\\N")]),
        ("NULL ''", [(1, None, None), (2, "  ", "  "), (3, "NA", "x "), (4, "\\N", "\\N")]),
        ("TRIMBLANKS", [(1, "", ""), (2, "", ""), (3, "NA", "x"), (4, None, None)]),
    ],
)
def test_what_is_null_and_what_is_blank(copying: Copying, options: str, wanted: list[tuple[Any, ...]]) -> None:
    copying.table("id INT, name VARCHAR(10), other VARCHAR(10)")
    assert copying.rows(b"1||\n2|  |  \n3|NA|x \n4|\\N|\\N\n", options) == wanted


def test_what_is_blank_is_null_where_no_text_is_wanted(copying: Copying) -> None:
    copying.table("id INT, price DECIMAL(8,2), day DATE, ok BOOLEAN, rate FLOAT8")
    assert copying.rows(b"|  |||\n", "") == [(None, None, None, None, None)]


@pytest.mark.parametrize(
    ("options", "content", "wanted"),
    [
        ("", b"2008-01-05|2008-01-05 13:14:15", ("2008-01-05", "2008-01-05 13:14:15")),
        ("", b"2008-01-05|2008-01-05 13:14:15.123456", ("2008-01-05", "2008-01-05 13:14:15.123456")),
        (
            "DATEFORMAT 'DD/MM/YYYY' TIMEFORMAT 'MM/DD/YYYY HH:MI:SS'",
            b"5/1/2008|1/5/2008 03:04:05",
            ("2008-01-05", "2008-01-05 03:04:05"),
        ),
        (
            "DATEFORMAT AS 'DD-MON-YYYY' TIMEFORMAT AS 'YYYYMMDD HH12:MI:SS AM'",
            b"05-Jan-2008|20080105 12:00:01 PM",
            ("2008-01-05", "2008-01-05 12:00:01"),
        ),
        (AUTO, b"Jan 5, 2008|2008-01-05T13:14:15.195Z", ("2008-01-05", "2008-01-05 13:14:15.195")),
        (AUTO, b"20080105|01/05/2008 1:02:03 PM", ("2008-01-05", "2008-01-05 13:02:03")),
        (AUTO, b"1996.008|17 Dec 07:37:16 1997", ("1996-01-08", "1997-12-17 07:37:16")),
        ("TIMEFORMAT 'epochsecs'", b"2008-01-05|1199538855", ("2008-01-05", "2008-01-05 13:14:15")),
        ("TIMEFORMAT 'epochmillisecs'", b"2008-01-05|1199538855123", ("2008-01-05", "2008-01-05 13:14:15.123")),
        ("DATEFORMAT 'YYYY-MM-DD' ACCEPTANYDATE", b"05.01.2008|00/00/00 00:00:00", (None, None)),
    ],
)  # fmt: skip
def test_formats_of_dates(copying: Copying, options: str, content: bytes, wanted: tuple[Any, ...]) -> None:
    copying.table("day DATE, seen TIMESTAMP")
    assert copying.rows(content, options) == [wanted]


def test_times_with_zones(copying: Copying) -> None:
    copying.table("seen TIMESTAMPTZ")
    content = b"2008-01-05T13:14:15+02:00\n2008-01-05 13:14:15 UTC\n2008-01-05 13:14:15\n"
    assert copying.rows(content, "TIMEFORMAT 'auto' DELIMITER ','") == [
        ("2008-01-05 11:14:15+00",), ("2008-01-05 13:14:15+00",), ("2008-01-05 13:14:15+00",),
    ]  # fmt: skip


def test_decimals_are_cut_unless_they_are_rounded(copying: Copying) -> None:
    copying.table("price DECIMAL(8,2)")
    assert copying.rows(b"20.259\n-1.999\n", "") == [("-1.99",), ("20.25",)]
    assert copying.rows(b"20.259\n-1.999\n", "ROUNDEC") == [("-2.00",), ("20.26",)]


def test_texts_that_are_too_long_or_not_utf8(copying: Copying) -> None:
    copying.table("name VARCHAR(4)")
    assert copying.rows("ääx\n".encode(), "TRUNCATECOLUMNS") == [("ää",)]
    assert copying.rows(b"a\xe9\xffb\n", "ACCEPTINVCHARS AS '^'") == [("a^^b",)]
    assert copying.rows(b"a\xe9b\n", "ACCEPTINVCHARS") == [("a?b",)]
    reason = "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: e9 (error 3)"
    assert copying.errors(b"a\xe9b\n", "") == [(1220, reason, 1, "name", "a�b")]


@pytest.mark.parametrize(
    ("columns", "content", "wanted"),
    [
        ("a INT, b INT", b"1\n", (1214, "Delimiter not found", 1, "", "")),
        ("a INT", b"1|2\n", (1202, "Extra column(s) found", 1, "", "")),
        ("a INT", b"1\n2x\n", (1207, "Invalid digit, Value 'x', Pos 1, Type: Integer", 2, "a", "2x")),
        ("a SMALLINT", b"40000\n", (1222, "Overflow, Type: Short", 1, "a", "40000")),
        ("a DECIMAL(4,2)", b"123.4\n", (1204, "Overflow for NUMERIC(4,2)", 1, "a", "123.4")),
        ("a DECIMAL(4,2)", b"1,5\n", (1207, "Invalid digit, Value ',', Pos 1, Type: Decimal", 1, "a", "1,5")),
        ("a FLOAT8", b"x\n", (1208, "Invalid digit, Value 'x', Pos 0, Type: Double", 1, "a", "x")),
        ("a BOOLEAN", b"maybe\n", (1210, "Unknown boolean format", 1, "a", "maybe")),
        ("a DATE", b"2008-13-01\n", (1205, "Invalid date format or value [YYYY-MM-DD]", 1, "a", "2008-13-01")),
        ("a TIMESTAMP", b"5.1.\n", (1206, "Invalid timestamp format or value [YYYY-MM-DD HH:MI:SS]", 1, "a", "5.1.")),
        ("a INT NOT NULL", b"\n", (1213, "Missing data for not-null field", 1, "a", "")),
        ("a VARCHAR(3)", "ää\n".encode(), (1204, "String length exceeds DDL length", 1, "a", "ää")),
        ("a CHAR(3)", b"abcd\n", (1204, "Char length exceeds DDL length", 1, "a", "abcd")),
        ("a VARCHAR(9)", b"15\0,", (1216, "Missing newline: Unexpected character 0x2c found at location 3", 1, "", "")),
    ],
)  # fmt: skip
def test_load_errors(copying: Copying, columns: str, content: bytes, wanted: tuple[Any, ...]) -> None:
    copying.table(columns)
    assert copying.errors(content, "") == [wanted]


def test_maxerror_leaves_records_out_and_tells_of_them(copying: Copying) -> None:
    copying.table("id INT, name VARCHAR(3)")
    copying.put(b"1,a\nx,b\n3,long\n4,d\n")
    done = copying.sql.ok(copying.statement("CSV MAXERROR AS 2"))
    assert copying.sql.rows("SELECT * FROM t ORDER BY id") == [(1, "a"), (4, "d")]
    reasons = [(1207, "Invalid digit, Value 'x', Pos 0, Type: Integer", 2, "id", "x"),
               (1204, "String length exceeds DDL length", 3, "name", "long")]  # fmt: skip
    assert copying.of(done["RedshiftQueryId"]) == reasons
    found = copying.sql.rows(
        "SELECT trim(file_name), line_number, trim(column_name), trim(column_type), trim(column_length), error_code"
        f" FROM sys_load_error_detail WHERE query_id = {done['RedshiftQueryId']} ORDER BY line_number"
    )
    where = f"s3://{copying.bucket}/in"
    assert found == [(where, 2, "id", "int4", "0", 1207), (where, 3, "name", "varchar", "3", 1204)]
    status = "SELECT status, file_format, loaded_rows, error_count FROM sys_load_history WHERE query_id = "
    assert copying.sql.rows(f"{status}{done['RedshiftQueryId']}") == [("completed", "CSV", 2, 2)]
    failed = copying.sql.run(copying.statement("CSV MAXERROR 1"))
    assert failed["Error"] == FAILED
    assert copying.of(failed["RedshiftQueryId"]) == reasons
    assert copying.sql.rows("SELECT count(*) FROM t") == [(2,)]


def test_noload_only_looks(copying: Copying) -> None:
    copying.table("id INT")
    assert copying.rows(b"1\n", "NOLOAD") == []
    assert copying.errors(b"x\n", "NOLOAD")[0][0] == 1207


def test_a_list_of_columns_and_missing_fields(copying: Copying) -> None:
    copying.table("id INT, name VARCHAR(5) DEFAULT 'none', note VARCHAR(5)")
    assert copying.rows(b"x|1\n", "", "(note, id)") == [(1, "none", "x")]
    assert copying.rows(b"1|a\n", "FILLRECORD") == [(1, "a", None)]


def test_jsonpaths_and_nested_values(copying: Copying) -> None:
    copying.table("id INT, price DECIMAL(20,3), tags VARCHAR(50), city VARCHAR(9), ok BOOLEAN")
    paths = ["$.id", "$['price']", '$["tags"]', "$.places[1].city", "$.ok"]
    address = copying.put(json.dumps({"jsonpaths": paths}).encode(), "paths.json")
    content = b"""
        {"id": 1, "price": 12345678901234567.891, "tags": [1.50, {"a": null}], "places": [{}, {"city": "Rom"}],
         "ok": true}
        {"id": "2"}
    """
    assert copying.rows(content, f"JSON '{address}'") == [
        (1, "12345678901234567.891", '[1.50,{"a":null}]', "Rom", True),
        (2, None, None, None, None),
    ]
    wrong = copying.put(json.dumps({"jsonpaths": paths[:2]}).encode(), "short.json")
    assert "JSONPath size: 2, Number of columns in table or column list: 5" in copying.sql.error(
        copying.statement(f"JSON '{wrong}'")
    )
    copying.put(b'{"id": 1}\n\n{"id": ')
    failed = copying.sql.run(copying.statement("JSON 'auto'"))
    assert copying.of(failed["RedshiftQueryId"])[0][:3:2] == (1216, 3)


def test_a_manifest_of_text_files_need_not_tell_sizes(copying: Copying) -> None:
    copying.table("id INT")
    urls = [copying.put(b"1\n", "a/1.csv"), copying.put(b"2\n", "b/2.csv")]
    copying.put(json.dumps({"entries": [{"url": url, "mandatory": True} for url in urls]}).encode())
    copying.sql.ok(copying.statement("CSV MANIFEST REGION 'eu-central-1' COMPUPDATE OFF STATUPDATE ON"))
    assert copying.sql.rows("SELECT id FROM t ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("CSV ESCAPE", "ESCAPE option is not supported for CSV based COPY"),
        ("CSV JSON 'auto'", "conflicting or redundant options"),
        ("GZIP BZIP2", "conflicting or redundant options"),
        ("CSV CSV", "conflicting or redundant options"),
        ("DELIMITER ',,'", "COPY delimiter must be a single character"),
        ("MAXERROR 100001", "Invalid MAXERROR value 100001: it must be from 0 to 100000"),
        ("FIXEDWIDTH 'id'", "Invalid fixed-width specification"),
        ("LZOP", "COPY with LZOP is not supported by the local stand-in"),
        ("JSON 'noshred'", "COPY with JSON 'noshred' is not supported by the local stand-in"),
        ("CSV NONSENSE", 'syntax error at or near "NONSENSE"'),
    ],
)
def test_options_that_do_not_go(copying: Copying, options: str, message: str) -> None:
    copying.table("id INT")
    copying.put(b"1\n")
    assert message in copying.sql.error(copying.statement(options))
    assert copying.sql.rows("SELECT count(*) FROM t") == [(0,)]
