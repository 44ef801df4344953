"""What people have connects: each driver makes a table, writes, reads, fails and goes on, as its manual says.

The drivers are development dependencies of the repository: where the package is tested alone they are left out by name.
"""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from typing import Any
from unittest import mock

import psycopg
import pytest

from localcloud_tests.warehouse.client import Sql
from localcloud_tests.warehouse.conftest import PASSWORD, LocalAws

WHY = "the driver is not in this environment; `make setup` has it"
MOMENT = dt.datetime(2026, 11, 20, 13, 0, 0, 1000)  # noqa: DTZ001 - a timestamp without a zone
ROWS = [(1, "it's \\ ä", Decimal("1.50"), MOMENT, True), (2, None, None, None, None)]
TABLE = "CREATE TABLE t (id INT NOT NULL DISTKEY, name VARCHAR(20), price DECIMAL(8,2), seen TIMESTAMP, ok BOOLEAN)"


@pytest.fixture
def address(local_aws: LocalAws, sql: Sql) -> dict[str, Any]:
    """Where the port is, in the words of most drivers."""
    parts = psycopg.conninfo.conninfo_to_dict(local_aws.warehouse.dsn)
    return {
        "host": parts["host"],
        "port": int(parts["port"] or 0),
        "user": "sluice",
        "password": PASSWORD,
        "database": parts["dbname"],
    }


def test_redshift_connector(address: dict[str, Any]) -> None:
    driver = pytest.importorskip("redshift_connector", reason=WHY)
    with driver.connect(**address, ssl=False) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s, %s)", ROWS)
        connection.commit()
        cursor.execute("SELECT * FROM t WHERE id <= %s ORDER BY id", (2,))
        assert [tuple(row) for row in cursor.fetchall()] == ROWS
        assert [column[0] for column in cursor.description] == ["id", "name", "price", "seen", "ok"]
        with pytest.raises(driver.ProgrammingError, match=r"42601.*Redshift has no RETURNING"):
            cursor.execute("INSERT INTO t VALUES (3, 'c', 1, NULL, NULL) RETURNING id")
        connection.rollback()
        cursor.execute(
            "SELECT 1::smallint, 2::bigint, 1.5::real, 2.5::float8, date '2026-11-20', time '01:02:03', "
            "timestamptz '2026-11-20 13:00:00+02', 'x'::char(3), NULL::int, version()"
        )
        (row,) = cursor.fetchall()
        zoned = dt.datetime(2026, 11, 20, 11, tzinfo=dt.UTC)
        assert row[:9] == [1, 2, 1.5, 2.5, dt.date(2026, 11, 20), dt.time(1, 2, 3), zoned, "x  ", None]
        assert "Redshift" in row[9]


@pytest.mark.filterwarnings("ignore:ssl:DeprecationWarning")  # the driver's own
def test_redshift_connector_verifies_the_certificate(address: dict[str, Any], local_aws: LocalAws) -> None:
    driver = pytest.importorskip("redshift_connector", reason=WHY)
    with psycopg.connect(local_aws.warehouse.dsn, sslmode="require"):
        certificate = str(local_aws.warehouse.certificate)
    with (
        mock.patch.dict(os.environ, {"SSL_CERT_FILE": certificate}),
        driver.connect(**address, sslmode="verify-full") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")
        assert list(cursor.fetchone()) == [1]


def test_psycopg2(address: dict[str, Any]) -> None:
    driver = pytest.importorskip("psycopg2", reason=WHY)
    connection = driver.connect(**address)
    try:
        cursor = connection.cursor()
        cursor.execute(TABLE)
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s, %s)", ROWS)
        assert (cursor.statusmessage, cursor.rowcount) == ("INSERT 0 1", len(ROWS))
        connection.commit()
        cursor.execute("SELECT * FROM t ORDER BY id")
        assert (cursor.fetchall(), cursor.rowcount) == (ROWS, 2)
        with pytest.raises(driver.errors.SyntaxError, match="Redshift has no row locks"):
            cursor.execute("SELECT * FROM t FOR UPDATE")
        connection.rollback()
        # A cursor of the server, read in portions.
        named = connection.cursor("portions")
        named.itersize = 1
        named.execute("SELECT id FROM t ORDER BY id")
        assert list(named) == [(1,), (2,)]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("driver", "options"),
    [("psycopg2", {"sslmode": "prefer"}), ("redshift_connector", {"ssl": False})],
)
@pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning")  # a driver's
def test_sqlalchemy(address: dict[str, Any], driver: str, options: dict[str, Any]) -> None:
    pytest.importorskip(driver, reason=WHY)
    alchemy = pytest.importorskip("sqlalchemy", reason=WHY)
    pytest.importorskip("sqlalchemy_redshift", reason=WHY)
    words = {**address, "username": address["user"]}
    del words["user"]
    engine = alchemy.create_engine(alchemy.URL.create(f"redshift+{driver}", **words), connect_args=options)
    try:
        table = alchemy.Table(
            "orders",
            alchemy.MetaData(),
            alchemy.Column("id", alchemy.Integer, primary_key=True, autoincrement=False),
            alchemy.Column("name", alchemy.String(20)),
            alchemy.Column("seen", alchemy.DateTime),
            redshift_distkey="id",
        )
        table.create(engine)
        rows = [(1, "a", MOMENT), (2, None, None)]
        with engine.begin() as connection:
            connection.execute(table.insert(), [dict(zip(("id", "name", "seen"), row, strict=True)) for row in rows])
        with engine.connect() as connection:
            found = connection.execute(alchemy.select(table).where(table.c.id > 0).order_by(table.c.id)).fetchall()
            assert [tuple(row) for row in found] == rows
            created = "SELECT distkey FROM pg_table_def WHERE tablename = 'orders' AND \"column\" = 'id'"
            assert connection.execute(alchemy.text(created)).scalar() is True
        inspector = alchemy.inspect(engine)
        assert inspector.has_table("orders")
        assert not inspector.has_table("nothing")
        assert inspector.get_table_names() == ["orders"]
        columns = [
            (column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns("orders")
        ]
        assert columns == [("id", "INTEGER", False), ("name", "VARCHAR(20)", True), ("seen", "TIMESTAMP", True)]
        found = alchemy.Table("orders", alchemy.MetaData(), autoload_with=engine)
        assert found.dialect_options["redshift"]["distkey"] == "id"
    finally:
        engine.dispose()
