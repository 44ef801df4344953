"""The core of dbt-redshift without dbt: what it sent, in one session; `make fidelity-tools` runs dbt itself."""

from __future__ import annotations

from pathlib import Path

import psycopg

from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import LocalAws

RECORDING = Path(__file__).parent / "recordings" / "dbt_redshift.sql"


def test_two_builds_of_a_dbt_project(local_aws: LocalAws, sql: Sql) -> None:
    tests: list[tuple[object, ...]] = []
    with psycopg.connect(local_aws.warehouse.dsn, autocommit=True) as client:
        for statement in RECORDING.read_text(encoding="utf-8").split("-- ;;\n"):
            done = client.execute(statement.encode())
            if "should_error" in statement:
                tests += done.fetchall()
        assert tests == [(0, False, False)] * 4
        orders = client.execute("SELECT id, amount, updated_at::varchar FROM shop.orders ORDER BY id").fetchall()
        assert orders == [
            (1, 11.5, "2026-11-20 13:00:00"),
            (2, 20.0, "2026-11-20 11:00:00"),
            (3, 5.25, "2026-11-20 12:00:00"),
            (4, 1.0, "2026-11-20 14:00:00"),
        ]
        history = client.execute("SELECT id, amount, dbt_valid_to::varchar FROM shop.orders_history ORDER BY 1, 2")
        assert history.fetchall() == [
            (1, 10.5, "2026-11-20 13:00:00"),
            (1, 11.5, None),
            (2, 20.0, None),
            (3, 5.25, None),
            (4, 1.0, None),
        ]
        assert client.execute("SELECT * FROM shop.late ORDER BY 1").fetchall() == [("ann", 16.75), ("bob", 21.0)]
        client.execute("SET search_path TO shop")
        keys = "SELECT distkey, sortkey FROM pg_table_def WHERE tablename = 'orders' AND (distkey OR sortkey > 0)"
        assert sorted(client.execute(keys).fetchall()) == [(False, 1), (True, 0)]
