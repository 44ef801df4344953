"""The warehouse's port: Redshift's dialect through PostgreSQL's protocol, message by message and by libpq."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.redshift import postgres
from localcloud.redshift.port import values
from localcloud_tests.warehouse.client import Sql, put
from localcloud_tests.warehouse.conftest import LocalAws
from localcloud_tests.warehouse.wire import SYNC, Raw, bind, describe, execute, fields, parse, row, text

Client = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def port(local_aws: LocalAws, sql: Sql) -> Iterator[Client]:
    """A session of psycopg, each statement of it a transaction."""
    with psycopg.connect(local_aws.warehouse.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def raw(local_aws: LocalAws, sql: Sql) -> Iterator[Raw]:
    with Raw(local_aws.warehouse.dsn) as client:
        yield client


def refusal(client: Client, statement: str) -> tuple[str, str, str]:
    """Run a statement that must fail; give code, message and detail."""
    with pytest.raises(psycopg.Error) as caught:
        client.execute(statement.encode())
    found = caught.value.diag
    return str(found.sqlstate), str(found.message_primary), str(found.message_detail or "")


def test_it_is_a_redshift_to_drivers(port: Client) -> None:
    assert port.info.server_version == 80002
    (version,) = port.execute("SELECT version()").fetchone() or ("",)
    assert re.fullmatch(r"PostgreSQL 8\.0\.2 on .*, Redshift 1\.0\.\d+", version)
    assert port.info.parameter_status("TimeZone") == "UTC"
    assert port.info.parameter_status("standard_conforming_strings") is None


def test_values_of_all_types_come_as_text_and_in_binary(port: Client) -> None:
    statement = """
        SELECT 1::smallint, -2::int, 3::bigint, 1.5::real, -2.5::float8, 12.340::decimal(10,3), true, 'ä'::varchar(4),
               'b'::char(3),
               date '1999-12-31', timestamp '2026-11-20 13:00:00.000001', timestamptz '2026-11-20 13:00:00+02',
               time '01:02:03', NULL::int, -0.00012::decimal(12,8), 123456789.12::decimal(20,3)
    """
    wanted = (
        1, -2, 3, 1.5, -2.5, Decimal("12.340"), True, "ä", "b  ", date(1999, 12, 31),
        datetime.fromisoformat("2026-11-20T13:00:00.000001"), datetime(2026, 11, 20, 11, tzinfo=UTC), time(1, 2, 3),
        None,
        Decimal("-0.00012000"), Decimal("123456789.120"),
    )  # fmt: skip
    for binary in (False, True):
        cursor = port.cursor(binary=binary)
        assert cursor.execute(statement).fetchall() == [wanted]
        kinds = [column.type_code for column in cursor.description or ()]
        assert kinds == [21, 23, 20, 700, 701, 1700, 16, 1043, 1042, 1082, 1114, 1184, 1083, 23, 1700, 1700]


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**20), max_value=10**20))
def test_a_decimal_in_binary_is_what_postgresql_sends(number: Decimal) -> None:
    encoded = values.encoder(1700)(f"{number:f}".encode())
    from psycopg.types.numeric import NumericBinaryLoader

    assert NumericBinaryLoader(1700).load(encoded) == number
    assert struct.unpack("!H", encoded[6:8]) == (12,)


def test_parameters_are_bound_on_the_server(port: Client) -> None:
    port.execute(
        "CREATE TABLE t (id INT DISTKEY, name VARCHAR(9), price DECIMAL(8,2), day DATE, seen TIMESTAMPTZ, ok BOOLEAN)"
    )
    line = (-1, r"it's \ ä", Decimal("-1.50"), date(2026, 11, 20), datetime(2026, 11, 20, 1, tzinfo=UTC), True)
    told = port.execute("INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s)", line)
    assert (told.statusmessage, told.rowcount) == ("INSERT 0 1", 1)
    port.execute("INSERT INTO t (id, name) VALUES (%b, %s)", (2, None))
    assert port.execute("SELECT * FROM t WHERE id = %s AND seen <= %s AND ok = %s", (-1, line[4], True)).fetchall() == [
        line
    ]
    assert port.execute("SELECT id FROM t WHERE name IS NULL AND id > %s", (0,)).fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("SELECT * FROM nothing", ("42P01", 'relation "nothing" does not exist', "")),
        ("SELEC 1", ("42601", 'syntax error at or near "SELEC"', "Redshift has no such statement")),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
            ("42601", 'syntax error at or near "ON"', "Redshift has no INSERT ... ON CONFLICT; use MERGE"),
        ),
        ("INSERT INTO t VALUES ('äää')", ("23514", "value too long for type character varying(4)", "")),
        ("CREATE DATABASE other", ("0A000", "CREATE DATABASE is not supported by the local stand-in", "")),
    ],
)
def test_what_the_data_api_refuses_the_port_refuses_in_the_same_words(
    port: Client, sql: Sql, statement: str, wanted: tuple[str, str, str]
) -> None:
    port.execute("CREATE TABLE t (name VARCHAR(4))")
    assert refusal(port, statement) == wanted
    _, message, detail = wanted
    assert sql.error(statement).split("\n  Position")[0] == f"ERROR: {message}" + (
        f"\n  Detail: {detail}" if detail else ""
    )
    assert port.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


def test_a_statement_that_is_refused_aborts_its_transaction(local_aws: LocalAws, port: Client) -> None:
    port.execute("CREATE TABLE t (id INT)")
    with psycopg.connect(local_aws.warehouse.dsn) as client:
        client.execute("INSERT INTO t VALUES (1)")
        assert refusal(client, "INSERT INTO t VALUES (2) RETURNING id")[0] == "42601"
        assert refusal(client, "SELECT 1") == (
            "25P02",
            "current transaction is aborted, commands ignored until end of transaction block",
            "",
        )
        client.commit()
        client.execute("INSERT INTO t VALUES (3)")
    assert port.execute("SELECT id FROM t").fetchall() == [(3,)]


def test_several_statements_of_one_message_are_one_transaction(port: Client) -> None:
    port.execute("CREATE TABLE t (id INT); INSERT INTO t VALUES (1);")
    with pytest.raises(psycopg.errors.UndefinedTable):
        port.execute("INSERT INTO t VALUES (2); INSERT INTO nothing VALUES (3)")
    assert port.execute("SELECT id FROM t").fetchall() == [(1,)]
    port.execute("BEGIN; INSERT INTO t VALUES (4); ROLLBACK; INSERT INTO t VALUES (5)")
    assert port.execute("SELECT id FROM t ORDER BY id").fetchall() == [(1,), (5,)]


def test_ddl_and_dml_say_what_they_did(port: Client) -> None:
    statements = {
        "CREATE TABLE t (id INT) DISTSTYLE ALL": "CREATE TABLE",
        "INSERT INTO t VALUES (1), (2)": "INSERT 0 2",
        "UPDATE t SET id = 3 WHERE id = 1": "UPDATE 1",
        "SELECT * FROM t": "SELECT",
        "DELETE FROM t WHERE id = 3": "DELETE 1",
        "TRUNCATE t": "TRUNCATE TABLE",
        "CREATE SCHEMA other": "CREATE SCHEMA",
        "VACUUM t": "VACUUM",
        "SET query_group TO 'x'": "SET",
        "DROP TABLE t": "DROP TABLE",
    }
    assert {one: port.execute(one.encode()).statusmessage for one in statements} == statements
    assert port.execute("SHOW query_group").fetchall() == [("x",)]


def test_copy_from_s3_is_a_statement(port: Client, s3: Any, bucket: str) -> None:
    put(s3, bucket, "t/1.parquet", pa.table({"id": pa.array([1, 2], pa.int32())}))
    told: list[str] = []
    port.add_notice_handler(lambda notice: told.append(f"{notice.severity}: {notice.message_primary}"))
    port.execute("CREATE TABLE t (id INT)")
    done = port.execute(f"COPY t FROM 's3://{bucket}/t/' IAM_ROLE default FORMAT PARQUET".encode())
    assert done.statusmessage == "COPY"
    assert told == ["INFO: Load into table 't' completed, 2 record(s) loaded successfully."]
    assert port.execute("SELECT pg_last_copy_count(), count(*) FROM t").fetchall() == [(2, 2)]


def test_a_running_statement_is_cancelled(local_aws: LocalAws, pausing: None, port: Client) -> None:
    threading.Timer(0.3, port.cancel_safe).start()
    with pytest.raises(psycopg.errors.QueryCanceled, match="canceling statement due to user request"):
        port.execute("SELECT pause(60)")
    assert port.execute("SELECT 1").fetchall() == [(1,)]
    # A request with another secret stops nothing.
    with Raw(local_aws.warehouse.dsn) as stranger:
        stranger.first(1234 << 16 | 5678, struct.pack("!iI", port.info.backend_pid, 1))
        assert stranger.read() == ("", b"")
    assert port.execute("SELECT pause(0)").fetchall() == [("",)]


def test_statements_of_the_port_are_in_the_query_history(port: Client) -> None:
    port.execute("SELECT 4711 AS wanted")
    found = port.execute(
        "SELECT trim(query_text), trim(status), session_id = pg_backend_pid() FROM sys_query_history"
        " WHERE query_text LIKE 'SELECT 4711%'"
    ).fetchall()
    assert found == [("SELECT 4711 AS wanted", "success", True)]


def test_a_large_result_comes_whole(port: Client) -> None:
    port.execute("CREATE TABLE n AS SELECT 1 AS a UNION ALL SELECT 2")
    joins = ", ".join(f"n AS n{place}" for place in range(16))
    found = port.execute(f"SELECT repeat('x', 20) FROM {joins}".encode()).fetchall()
    assert (len(found), set(found)) == (2**16, {("x" * 20,)})


# -- Who comes in


def test_tls_when_it_is_asked_for(local_aws: LocalAws) -> None:
    warehouse = local_aws.warehouse
    with psycopg.connect(warehouse.dsn, sslmode="require") as client:
        assert client.pgconn.ssl_in_use
        assert client.execute("SELECT 1").fetchall() == [(1,)]
    with psycopg.connect(warehouse.dsn, sslmode="verify-full", sslrootcert=str(warehouse.certificate)) as client:
        assert client.pgconn.ssl_in_use
    with psycopg.connect(warehouse.dsn, sslmode="disable") as client:
        assert not client.pgconn.ssl_in_use
    assert (warehouse.certificate.parent / "server.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"password": "wrong"}, 'password authentication failed for user "sluice"'),
        ({"user": "administrator"}, 'password authentication failed for user "administrator"'),
        ({"dbname": "dev"}, 'database "dev" does not exist'),
        ({"client_encoding": "LATIN1"}, 'invalid value for parameter "client_encoding": "LATIN1"'),
        ({"options": "-c no_such_setting=1"}, 'unrecognized configuration parameter "no_such_setting"'),
    ],
)
def test_who_is_not_let_in_is_told_why(local_aws: LocalAws, change: dict[str, Any], message: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=re.escape(f"FATAL:  {message}")):
        psycopg.connect(local_aws.warehouse.dsn, **change)


def test_settings_of_the_start_up_message_hold(local_aws: LocalAws, sql: Sql) -> None:
    with psycopg.connect(
        local_aws.warehouse.dsn, options="-c search_path=other --timezone=CET", application_name="bi"
    ) as client:
        assert client.execute("SHOW search_path").fetchall() == [("other",)]
        assert client.info.parameter_status("TimeZone") == "CET"
        assert client.execute("SELECT current_setting('application_name')").fetchall() == [("bi",)]


def test_what_is_no_client_of_the_protocol_ends_alone(local_aws: LocalAws, port: Client) -> None:
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", struct.pack("!ii", 8, 0)):
        with Raw(local_aws.warehouse.dsn) as stranger:
            stranger.socket.sendall(nonsense)
            kind, body = stranger.read()
            assert kind == "" or fields(body)["C"] == "0A000"
    assert port.execute("SELECT 1").fetchall() == [(1,)]


# -- Message by message


def test_the_start_up_of_redshifts_jdbc_driver(raw: Raw) -> None:
    """What the driver sends and looks at; its own parameters are no settings of the database.

    Source: https://github.com/aws/amazon-redshift-jdbc-driver, core/v3/ConnectionFactoryImpl.java
    """
    told = raw.log_in(
        **{"client_encoding": "UTF8", "DateStyle": "ISO", "TimeZone": "Europe/Berlin", "_pq_.compression": "zstd:1"},
        extra_float_digits="2",
        application_name="[main]Report.java:7",
        driver_version="Redshift JDBC",
        os_version="Linux 6.1 amd64",
        plugin_name="none",
        client_protocol_version="3",
    )
    assert told[0] == ("R", struct.pack("!i", 0))
    statuses = dict(body.decode().split("\0")[:2] for kind, body in told if kind == "S")
    assert {name: statuses[name] for name in ("server_version", "client_encoding", "DateStyle", "TimeZone")} == {
        "server_version": "8.0.2", "client_encoding": "UTF8", "DateStyle": "ISO, MDY", "TimeZone": "Europe/Berlin",
    }  # fmt: skip
    assert "server_protocol_version" not in statuses
    assert [kind for kind, _ in told[-2:]] == ["K", "Z"]
    assert told[-1][1] == b"I"
    raw.send((b"Q", text("SET application_name = '[main]Report.java:7'")))
    assert [kind for kind, _ in raw.until()] == ["C", "Z"]
    raw.send((b"Q", text("show transaction_read_only")))
    answers = raw.until()
    assert ([kind for kind, _ in answers], row(answers[1][1])) == (["T", "D", "C", "Z"], [b"off"])
    raw.send(parse("BEGIN"), bind(), execute(0), parse("select version()"), bind(), describe(b"P"), execute(0), SYNC)
    answers = raw.until()
    assert [kind for kind, _ in answers] == ["1", "2", "C", "1", "2", "T", "D", "C", "Z"]
    assert answers[-1] == ("Z", b"T")


def test_a_statement_is_described_before_it_has_values(raw: Raw) -> None:
    raw.log_in()
    raw.send(parse("SELECT $1::int + 1 AS next, 'a' AS name WHERE $2 = 'x'", 0, 1043), describe(b"S"), SYNC)
    described = raw.until()
    assert [kind for kind, _ in described] == ["1", "t", "T", "Z"]
    assert described[1][1] == struct.pack("!H2I", 2, 23, 1043)
    assert (b"next\0" in described[2][1], b"name\0" in described[2][1]) == (True, True)
    raw.send(bind(b"41", b"x", results=(1, 0)), execute(), SYNC)
    answers = raw.until()
    assert [kind for kind, _ in answers] == ["2", "D", "C", "Z"]
    assert row(answers[1][1]) == [struct.pack("!i", 42), b"a"]


def test_a_portal_gives_its_rows_in_portions(raw: Raw) -> None:
    raw.log_in()
    raw.send((b"Q", text("BEGIN")))
    raw.until()
    raw.send(parse("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3"), bind(), describe(b"P"), execute(2), SYNC)
    assert [kind for kind, _ in raw.until()] == ["1", "2", "T", "D", "D", "s", "Z"]
    raw.send(execute(2), SYNC)
    assert raw.until() == [("D", struct.pack("!Hi", 1, 1) + b"3"), ("C", b"SELECT\0"), ("Z", b"T")]


def test_after_an_error_everything_up_to_sync_is_left_out(raw: Raw) -> None:
    raw.log_in()
    raw.send(parse("SELECT * FROM nothing", name="a"), describe(b"S", "a"), bind(name="a"), execute(), SYNC)
    answers = raw.until()
    assert [kind for kind, _ in answers] == ["1", "E", "Z"]
    assert fields(answers[1][1]) == {"S": "ERROR", "C": "42P01", "M": 'relation "nothing" does not exist'}
    # The name is free again: Redshift says so at Parse, and has no such statement.
    raw.send(parse("SELECT 1", name="a"), bind(name="a"), execute(), (b"C", b"Sa\0"), SYNC)
    assert [kind for kind, _ in raw.until()] == ["1", "2", "D", "C", "3", "Z"]


@pytest.mark.parametrize(
    ("messages", "state"),
    [
        ((bind(name="missing"),), "26000"),
        ((execute(),), "34000"),
        ((parse("SELECT 1; SELECT 2"),), "42601"),
        ((parse("SELECT $2::int"), bind(b"1")), "08P01"),
        ((parse("SELECT $1::int", 23), bind(b"\1", formats=(1,)), execute()), "22P03"),
        (((b"F", b""),), "0A000"),
    ],
)
def test_messages_that_do_not_fit(raw: Raw, messages: tuple[tuple[bytes, bytes], ...], state: str) -> None:
    raw.log_in()
    raw.send(*messages, SYNC)
    assert [fields(body)["C"] for kind, body in raw.until() if kind == "E"] == [state]
    raw.send((b"Q", text("")))
    assert [kind for kind, _ in raw.until()] == ["I", "Z"]


def test_a_newer_protocol_is_talked_down(raw: Raw) -> None:
    content = b"".join(text(part) for part in ("user", "sluice", "database", "warehouse", "_pq_.new", "1")) + b"\0"
    raw.first(3 << 16 | 2, content)
    assert raw.read() == ("v", struct.pack("!ii", 0, 1) + text("_pq_.new"))
    assert raw.read()[0] == "R"


# -- psql


def test_psql(local_aws: LocalAws, sql: Sql) -> None:
    program = str(postgres.binaries() / "psql")
    command = [
        program,
        "--no-psqlrc",
        "-At",
        "-c",
        "CREATE TABLE t (id INT SORTKEY)",
        "-c",
        "SELECT 1; SELECT 2",
        "-c",
        r"\dt",
    ]
    environment = {"PATH": os.environ["PATH"], "PGSSLMODE": "prefer"}
    done = subprocess.run(
        [*command, local_aws.warehouse.dsn], check=False, capture_output=True, text=True, env=environment, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "CREATE TABLE\n1\n2\npublic|t|table|sluice\n"), done.stderr
