"""The time of one statement in the local warehouse beside the same in its PostgreSQL: what answering as Redshift costs.

The Data API is called in this process; PostgreSQL by a connection that is open, in a database without anything of
Redshift. Both in turns, so that other work on the machine meets both.

    python -m benchmarks.statements [--quick] [--seconds N]
"""

import argparse
import asyncio
import json
import secrets
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.kept import QUICK_RESULTS, RESULTS, Kept, Result, machine
from localcloud.fidelity.clients import empty_glue, empty_s3
from localcloud.redshift import Warehouse

TIMES = 200
QUICK_TIMES = 20
_TARGET = {"WorkgroupName": "sluice", "Database": "warehouse"}
#: What is measured: in Redshift's words, and what PostgreSQL has for the same.
STATEMENTS = {
    "one value": ("SELECT 1", "SELECT 1"),
    "a row by its key": ("SELECT name FROM items WHERE id = 500", "SELECT name FROM items WHERE id = 500"),
    "sums and averages of groups": (
        "SELECT kind, sum(price), avg(price), count(*) FROM items GROUP BY kind",
        "SELECT kind, sum(price), avg(price), count(*) FROM items GROUP BY kind",
    ),
    "quotients of decimals": (
        "SELECT kind, sum(price) / sum(amount) AS mean, mean * 2 AS twice FROM items GROUP BY kind",
        "SELECT kind, sum(price) / sum(amount) AS mean, sum(price) / sum(amount) * 2 AS twice FROM items GROUP BY kind",
    ),
    "the first of each group (QUALIFY)": (
        "SELECT * FROM items QUALIFY row_number() OVER (PARTITION BY kind ORDER BY id) = 1",
        "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM items) t WHERE n = 1",
    ),
    "a late-binding view": ("SELECT count(*) FROM late", "SELECT count(*) FROM items"),
    "INSERT of a row": ("INSERT INTO target VALUES (1, 'one', 1.5)", "INSERT INTO target VALUES (1, 'one', 1.5)"),
    "UPDATE of a row": ("UPDATE items SET amount = 2 WHERE id = 7", "UPDATE items SET amount = 2 WHERE id = 7"),
}
TABLES = (
    "CREATE TABLE items (id int, name varchar(20), kind char(1), price decimal(12,2), amount decimal(8,2))",
    """INSERT INTO items WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
       SELECT i, 'item ' || i, chr(65 + i % 9), i * 1.25, 1 + i % 5 FROM n""",
    "CREATE TABLE target (id int, name varchar(20), price decimal(12,2))",
)
VIEW = "CREATE VIEW late AS SELECT * FROM public.items WITH NO SCHEMA BINDING"


def main() -> None:
    """Run the statements; print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer times")
    parser.add_argument("--seconds", type=float, help="for how long statements are begun")
    options = parser.parse_args()
    kept = Kept((QUICK_RESULTS if options.quick else RESULTS) / "statements.json", machine(), options.seconds)
    with tempfile.TemporaryDirectory(prefix="sluice-statements-") as folder:
        secret = secrets.token_hex(16)
        warehouse = Warehouse(
            Path(folder) / "warehouse", port=_free_port(), password=secret, s3=empty_s3, glue=empty_glue
        )
        warehouse.start()
        try:
            with warehouse._database.administer("postgres") as plain:
                _measure(warehouse, plain, kept, QUICK_TIMES if options.quick else TIMES)
        finally:
            warehouse.stop()
    kept.end()


def _measure(warehouse: Warehouse, plain: psycopg.Connection[Any], kept: Kept, times: int) -> None:
    for statement in TABLES:
        _run(warehouse, statement)
        plain.execute(statement.encode())
    _run(warehouse, VIEW)
    for name, (redshift, postgresql) in STATEMENTS.items():
        calls = (partial(_run, warehouse, redshift), partial(plain.execute, postgresql.encode()))
        found = kept.run(name, partial(_in_turns, *calls, times))
        if found is not None:
            print(f"{name:36}{found['warehouse_ms']:8.2f} ms{found['postgresql_ms']:8.2f} ms", flush=True)


def _in_turns(one: Callable[[], object], other: Callable[[], object], times: int) -> Result:
    """Give the medians of two calls."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for call, found in zip((one, other), taken, strict=True):
            started = time.perf_counter()
            call()
            found.append((time.perf_counter() - started) * 1000)
    names = ("warehouse_ms", "postgresql_ms")
    return {name: round(statistics.median(found), 3) for name, found in zip(names, taken, strict=True)}


def _run(warehouse: Warehouse, sql: str) -> None:
    started = _call(warehouse, "ExecuteStatement", Sql=sql, **_TARGET)
    found = _call(warehouse, "DescribeStatement", Id=started["Id"], WaitTimeSeconds=30)
    if found["Status"] != "FINISHED":
        message = f"{sql}: {found.get('Error')}"
        raise RuntimeError(message)


def _call(warehouse: Warehouse, operation: str, **request: object) -> dict[str, Any]:
    headers = {"x-amz-target": f"RedshiftData.{operation}"}
    call = warehouse.handle_request("POST", "/", headers, json.dumps(request).encode(), {})
    _, _, body = asyncio.run(call)
    answer: dict[str, Any] = json.loads(body)
    return answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
