"""The database inside the server: its user, its settings, and what makes PostgreSQL look like Redshift."""

from __future__ import annotations

from importlib import resources
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from localcloud.redshift.postgres import PostgresServer

DATABASE = "warehouse"
USER = "sluice"
Connection = psycopg.Connection[TupleRow]
_SCRIPTS = ("rules.sql", "functions.sql", "views.sql")


class Database:
    """Gives connections to the warehouse's database.

    Args:
        server: the running server.
        password: of the user ``sluice``, who is no superuser.
    """

    def __init__(self, server: PostgresServer, password: str) -> None:
        self._server = server
        self._password = password

    @property
    def dsn(self) -> str:
        """The address for psql and BI tools."""
        return f"postgresql://{USER}:{quote(self._password, safe='')}@127.0.0.1:{self._server.port}/{DATABASE}"

    def prepare(self) -> None:
        """Make user and database when they are missing, set the password, and renew functions and views."""
        with self._administer("postgres") as connection:
            self._ensure_user(connection)
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}")
        with self._administer(DATABASE) as connection, connection.transaction():
            connection.execute("SET LOCAL client_min_messages = warning")
            # Redshift's system views and functions are found under any search path, so they live in pg_catalog.
            connection.execute("SET LOCAL allow_system_table_mods = on")
            for script in _SCRIPTS:
                text = resources.files("localcloud.redshift.catalog").joinpath(script).read_text(encoding="utf-8")
                connection.execute(text.encode())
            connection.execute(f"ALTER SCHEMA public OWNER TO {USER}")
            # A schema may be called like the user; it must not come first in the search path just for that.
            connection.execute(f"ALTER ROLE {USER} IN DATABASE {DATABASE} SET search_path = public")

    def connect(self) -> Connection:
        """Open a connection that reads SQL as Redshift does: snapshot isolation, a backslash escapes, UTC."""
        options = {
            "standard_conforming_strings": "off",
            "escape_string_warning": "off",
            "backslash_quote": "on",
            "default_transaction_isolation": "repeatable\\ read",
            "timezone": "UTC",
        }
        connection: Connection = psycopg.connect(
            host="127.0.0.1",
            port=self._server.port,
            user=USER,
            password=self._password,
            dbname=DATABASE,
            application_name="redshift-data",
            options=" ".join(f"-c {name}={value}" for name, value in options.items()),
            autocommit=True,
        )
        return connection

    def _ensure_user(self, connection: Connection) -> None:
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (USER,)).fetchone()
        verb = "ALTER" if found is not None else "CREATE"
        password = sql.Literal(self._password)
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN CREATEROLE NOSUPERUSER PASSWORD {}").format(
                sql.SQL(verb), sql.Identifier(USER), password
            )
        )

    def _administer(self, database: str) -> Connection:
        connection: Connection = psycopg.connect(
            host="127.0.0.1",
            port=self._server.port,
            user=self._server.administrator,
            password=self._server.administrator_password,
            dbname=database,
            autocommit=True,
        )
        return connection
