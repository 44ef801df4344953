"""How much of a large table a load reads to find one partition: by ranges of the batch id, and by SPLIT_PART.

Redshift keeps the smallest and the largest value of each block of a column (zone maps) and leaves out blocks by them.
PostgreSQL's BRIN index is the same thing, so the embedded server shows the ratio of blocks, not Redshift's times.

    python -m benchmarks.load_lookup [ROWS]
"""

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.kept import QUICK_RESULTS, RESULTS, Kept, Result, machine
from localcloud.redshift.postgres import PostgresServer
from sluice.warehouse.affected import partition_of
from sluice.warehouse.batches import within

ROWS = 10_000_000
ROWS_PER_HOUR = 2_000
COLUMN = '"_batch_id"'


def main() -> None:
    """Fill a table with one batch an hour, and look up one of the hours in both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=ROWS)
    rows = parser.parse_args().rows
    kept = Kept((RESULTS if rows == ROWS else QUICK_RESULTS) / "load_lookup.json", machine())
    found = kept.run(f"{rows:,} rows", partial(looked_up, rows))
    if found is not None:
        for name, look in found["looks"].items():
            print(f"{name:28}{look['rows']:8,} rows{look['blocks']:8,} blocks{look['seconds']:8.2f} s")
    kept.end()


def looked_up(rows: int) -> Result:
    """Rows found, blocks read and seconds, by the way of looking."""
    with tempfile.TemporaryDirectory(prefix="sluice-lookup-") as folder:
        server = PostgresServer(Path(folder) / "warehouse")
        server.start()
        try:
            with psycopg.connect(
                host="127.0.0.1",
                port=server.port,
                user=server.administrator,
                password=server.administrator_password,
                dbname="postgres",
                autocommit=True,
            ) as connection:
                batch_id = _fill(connection, rows)
                conditions = {
                    "range of _batch_id": within(COLUMN, [batch_id]),
                    "SPLIT_PART of _batch_id": f"{partition_of(COLUMN)} = '{batch_id.split('.')[1]}'",
                }
                return {"looks": {name: _look(connection, condition) for name, condition in conditions.items()}}
        finally:
            server.stop()


def _fill(connection: psycopg.Connection[Any], rows: int) -> str:
    """The rows come in the order of their hours, as loads bring them; give a batch from the middle."""
    connection.execute(f"CREATE UNLOGGED TABLE facts (id bigint, value numeric(12, 2), {COLUMN} varchar(256))")
    connection.execute(
        f"INSERT INTO facts SELECT n, n % 997, 'orders.' || to_char(timestamp '2016-01-01' + (n / {ROWS_PER_HOUR}) "  # noqa: S608
        f"* interval '1 hour', 'YYYYMMDDHH24') || '.' || upper(lpad(to_hex(n / {ROWS_PER_HOUR}), 32, '0')) "
        f"FROM generate_series(0, {rows} - 1) AS n"
    )
    connection.execute(f"CREATE INDEX ON facts USING brin ({COLUMN}) WITH (pages_per_range = 16)")
    connection.execute("VACUUM ANALYZE facts")
    row = connection.execute(f"SELECT {COLUMN} FROM facts WHERE id = {rows // 2}").fetchone()  # noqa: S608
    return str(row[0]) if row else ""


def _look(connection: psycopg.Connection[Any], condition: str) -> dict[str, float]:
    started = time.perf_counter()
    row = connection.execute(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT value FROM facts WHERE {condition}".encode()  # noqa: S608
    ).fetchone()
    seconds = time.perf_counter() - started
    plan = (json.loads(row[0]) if isinstance(row[0], str) else row[0])[0]["Plan"] if row else {}
    return {
        "rows": round(plan["Actual Rows"] * plan["Actual Loops"]),
        "blocks": plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        "seconds": round(seconds, 3),
    }


if __name__ == "__main__":
    main()
