"""Start, stop, survive, recover; and who may come in."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from localcloud.redshift import Warehouse, WarehouseRunningError, WarehouseStartError
from localcloud_tests.warehouse.conftest import PASSWORD, LocalAws, free_port, make_pause


def no_s3(_: str) -> Any:
    raise AssertionError("no test here reads S3")


@contextmanager
def running(folder: Path, port: int | None = None, password: str = PASSWORD) -> Iterator[Warehouse]:
    warehouse = Warehouse(folder, port=port or free_port(), password=password, s3=no_s3)
    warehouse.start()
    try:
        yield warehouse
    finally:
        warehouse.stop()


def call(warehouse: Warehouse, operation: str, body: dict[str, object] | bytes) -> tuple[int, dict[str, Any]]:
    """Hand a request to a warehouse in process."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x-amz-target": f"RedshiftData.{operation}"}
    status, _, answer = asyncio.run(warehouse.handle_request("POST", "/", headers, content, {}))
    return status, json.loads(answer)


def run(warehouse: Warehouse, sql: str) -> dict[str, Any]:
    request = {"Sql": sql, "WorkgroupName": "sluice", "Database": "warehouse", "WaitTimeSeconds": 30}
    _, answer = call(warehouse, "ExecuteStatement", request)
    return call(warehouse, "DescribeStatement", {"Id": answer["Id"]})[1]


def rows(warehouse: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(warehouse.dsn) as connection:
        return connection.execute(sql.encode()).fetchall()


def server_processes(folder: Path) -> list[int]:
    """Give the PostgreSQL processes of a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(folder / "data").encode() in command:
                found.append(int(entry.name))
    return found


def test_data_survives_a_stop_and_a_start(folder: Path) -> None:
    with running(folder) as warehouse:
        assert run(warehouse, "CREATE TABLE t (id INT DISTKEY, name VARCHAR(4))")["Status"] == "FINISHED"
        assert run(warehouse, "INSERT INTO t VALUES (1, 'ää')")["Status"] == "FINISHED"
    assert server_processes(folder) == []
    with running(folder) as warehouse:
        assert rows(warehouse, "SELECT * FROM t") == [(1, "ää")]
        assert rows(warehouse, 'SELECT "column", distkey FROM pg_table_def') == [("id", True), ("name", False)]
        assert "too long" in run(warehouse, "INSERT INTO t VALUES (2, 'äää')")["Error"]


def test_views_over_system_views_survive_a_start(folder: Path) -> None:
    with running(folder) as warehouse:
        for statement in (
            "CREATE TABLE t (id INT)",
            "CREATE VIEW v AS SELECT tablename FROM pg_table_def",
            "CREATE VIEW w AS SELECT count(*) AS n FROM v WHERE tablename = 't'",
            "COMMENT ON VIEW w IS 'how many'",
            "GRANT SELECT ON w TO PUBLIC",
        ):
            assert run(warehouse, statement)["Status"] == "FINISHED"
    with running(folder) as warehouse:
        assert rows(warehouse, "SELECT n FROM w") == [(1,)]
        privileges = (
            "SELECT privilege_type FROM svv_relation_privileges WHERE relation_name = 'w' AND identity_name = 'public'"
        )
        assert rows(warehouse, privileges) == [("SELECT",)]
        assert rows(warehouse, "SELECT remarks FROM svv_redshift_tables WHERE table_name = 'w'") == [("how many",)]


def test_it_starts_and_stops_quickly(folder: Path) -> None:
    with running(folder):
        pass
    started = time.monotonic()
    with running(folder):
        assert time.monotonic() - started < 5
        started = time.monotonic()
    assert time.monotonic() - started < 5


def test_stopping_twice_or_before_the_start_is_harmless(folder: Path) -> None:
    warehouse = Warehouse(folder, port=free_port(), password=PASSWORD, s3=no_s3)
    warehouse.stop()
    warehouse.start()
    warehouse.stop()
    warehouse.stop()


def test_a_stop_ends_what_runs(folder: Path) -> None:
    warehouse = Warehouse(folder, port=free_port(), password=PASSWORD, s3=no_s3)
    warehouse.start()
    make_pause(warehouse)
    for text in ("SELECT pause(60)", "SELECT pause(61)"):
        call(warehouse, "ExecuteStatement", {"Sql": text, "WorkgroupName": "sluice", "Database": "warehouse"})
    started = time.monotonic()
    warehouse.stop()
    assert time.monotonic() - started < 10
    assert server_processes(folder) == []
    assert call(warehouse, "ListStatements", {})[0] == 500


def test_a_second_start_beside_a_running_one_says_so_and_harms_nothing(folder: Path) -> None:
    with running(folder) as warehouse:
        run(warehouse, "CREATE TABLE t (id INT)")
        with pytest.raises(WarehouseRunningError, match=rf"already running \(process {os.getpid()}\)"):
            Warehouse(folder, port=free_port(), password=PASSWORD, s3=no_s3).start()
        assert run(warehouse, "SELECT * FROM t")["Status"] == "FINISHED"


def test_a_taken_port_is_named(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WarehouseStartError, match=f"port {port} on 127.0.0.1 is taken"):
            Warehouse(folder, port=port, password=PASSWORD, s3=no_s3).start()
    with running(folder, port):
        pass


KILLED = """
import os, signal, sys
from pathlib import Path
from localcloud.redshift import Warehouse
import psutil
import psycopg

warehouse = Warehouse(Path(sys.argv[1]), port=int(sys.argv[2]), password="local-password", s3=lambda _: None)
warehouse.start()
with psycopg.connect(warehouse.dsn, autocommit=True) as connection:
    connection.execute("CREATE TABLE t (id INT)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (2)")
    for child in psutil.Process().children():
        if "keeper" in sys.argv[3:] and any(part.endswith("keeper.py") for part in child.cmdline()):
            child.kill()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_owner(folder: Path, port: int, *, with_keeper: bool = False) -> None:
    """Start a warehouse in a process that is killed in the middle of a transaction."""
    command = [sys.executable, "-c", KILLED, str(folder), str(port), *(["keeper"] if with_keeper else [])]
    killed = subprocess.run(command, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL


def test_nothing_outlives_a_killed_owner(folder: Path) -> None:
    kill_owner(folder, free_port())
    deadline = time.monotonic() + 60
    while server_processes(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with running(folder) as warehouse:
        assert rows(warehouse, "SELECT id FROM t") == [(1,)]


def test_the_next_start_recovers_what_a_killed_owner_left(folder: Path) -> None:
    port = free_port()
    kill_owner(folder, port, with_keeper=True)
    orphans = server_processes(folder)
    assert orphans
    with running(folder, port) as warehouse:
        assert rows(warehouse, "SELECT id FROM t") == [(1,)]
        assert not set(orphans) & set(server_processes(folder))
    assert server_processes(folder) == []


def test_a_server_that_was_killed_as_well_is_recovered(folder: Path) -> None:
    kill_owner(folder, free_port(), with_keeper=True)
    for process in server_processes(folder):
        os.kill(process, signal.SIGKILL)
    with running(folder) as warehouse:
        assert rows(warehouse, "SELECT id FROM t") == [(1,)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_server_that_dies_alone_is_started_again(folder: Path, number: int) -> None:
    with running(folder) as warehouse:
        with psycopg.connect(warehouse.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (id INT)")
        first = min(server_processes(folder))
        os.kill(first, number)
        deadline = time.monotonic() + 60
        while True:
            try:
                assert rows(warehouse, "SELECT count(*) FROM t") == [(0,)]
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert first not in server_processes(folder)
    assert server_processes(folder) == []


def test_a_process_with_the_number_of_a_dead_server_is_left_alone(folder: Path) -> None:
    with running(folder):
        pass
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        lines = [str(stranger.pid), str(folder / "data"), "1700000000", "5432", "", "127.0.0.1", "", "ready"]
        (folder / "data" / "postmaster.pid").write_text("\n".join(lines))
        with running(folder) as warehouse:
            assert rows(warehouse, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_a_first_start_that_was_broken_off_is_begun_again(folder: Path) -> None:
    (folder / "data.partial" / "base").mkdir(parents=True)
    (folder / "data.partial" / "PG_VERSION").write_text("18\n")
    with running(folder) as warehouse:
        assert rows(warehouse, "SELECT 1") == [(1,)]
    assert not (folder / "data.partial").exists()


def test_the_port_asks_for_the_password_and_gives_no_superuser(folder: Path) -> None:
    with running(folder) as warehouse:
        assert warehouse.dsn.startswith(f"postgresql://sluice:{PASSWORD}@127.0.0.1:")
        assert rows(
            warehouse, "SELECT current_user, current_database(), usesuper FROM pg_user WHERE usename = current_user"
        ) == [("sluice", "warehouse", False)]
        assert rows(warehouse, "SHOW password_encryption") == [("scram-sha-256",)]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(warehouse.dsn.replace(PASSWORD, "wrong"))
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(warehouse.dsn.replace(f":{PASSWORD}", ""))


def test_it_listens_on_the_loopback_address_only(folder: Path) -> None:
    with running(folder) as warehouse:
        assert rows(warehouse, "SHOW listen_addresses") == [("127.0.0.1",)]
        port = int(warehouse.dsn.rpartition(":")[2].partition("/")[0])
        listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        # State 0A is LISTEN; 0100007F is 127.0.0.1 in network order.
        assert [f[1] for f in listening if f[3] == "0A" and f[1].endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_a_new_password_replaces_the_old_one(folder: Path) -> None:
    with running(folder):
        pass
    with running(folder, password="it's new") as warehouse:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(warehouse.dsn.replace("it%27s%20new", PASSWORD))
        assert rows(warehouse, "SELECT 1") == [(1,)]


def test_secrets_in_the_folder_are_for_the_owner_only(folder: Path) -> None:
    with running(folder):
        pass
    secret = folder / "administrator.password"
    assert secret.stat().st_mode & 0o077 == 0
    assert not (folder / "initdb.password").exists()


def test_through_the_port_it_is_redshift_and_plain_postgresql_underneath(folder: Path) -> None:
    with running(folder) as warehouse:
        assert rows(warehouse, r"SELECT 'a\\b'") == [(r"a\b",)]
        with psycopg.connect(warehouse.engine_dsn) as connection:
            assert connection.execute(r"SELECT 'a\\b', ARRAY[1, 2]").fetchall() == [(r"a\\b", [1, 2])]
        with pytest.raises(psycopg.errors.SyntaxError, match="ARRAY"):
            rows(warehouse, "SELECT ARRAY[1, 2]")


@pytest.mark.parametrize(
    ("operation", "body", "status", "code"),
    [
        ("ExecuteStatement", b"{", 400, "SerializationException"),
        ("ExecuteStatement", b"[]", 400, "SerializationException"),
        ("ExecuteStatement", {}, 400, "ValidationException"),
        ("ExecuteStatement", {"Sql": 1}, 400, "ValidationException"),
        ("BatchExecuteStatement", {"Sqls": "SELECT 1"}, 400, "ValidationException"),
        ("BatchExecuteStatement", {"Sqls": []}, 400, "ValidationException"),
        ("DescribeStatement", {"Id": "x"}, 400, "ValidationException"),
        ("ListStatements", {"Status": "DONE"}, 400, "ValidationException"),
        ("ListStatements", {"NextToken": "x"}, 400, "ValidationException"),
        ("NoSuchOperation", {}, 400, "ValidationException"),
    ],
)
def test_requests_that_no_client_library_would_send(
    local_aws: LocalAws, operation: str, body: dict[str, object] | bytes, status: int, code: str
) -> None:
    found = call(local_aws.warehouse, operation, body)
    assert (found[0], found[1]["__type"]) == (status, code)


def test_ministack_routes_the_data_api_to_the_handler(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack import app
    from ministack.core.router import detect_service

    credential = "AWS4-HMAC-SHA256 Credential=test/20261120/eu-central-1/redshift-data/aws4_request, SignedHeaders=host"
    headers = {"x-amz-target": "RedshiftData.ListDatabases", "authorization": credential, "host": "127.0.0.1"}
    assert detect_service("POST", "/", headers, {}) == "redshift-data"
    monkeypatch.setitem(app.SERVICE_HANDLERS, "redshift-data", local_aws.warehouse.handle_request)
    body = json.dumps({"WorkgroupName": "sluice"}).encode()
    dispatch = app._dispatch_service_request("POST", "/", headers, body, {}, "request-1")
    status, _, answer = asyncio.run(dispatch)
    assert (status, json.loads(answer)) == (200, {"Databases": ["warehouse"]})
