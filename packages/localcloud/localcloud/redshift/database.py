"""The database inside the server: its user, its settings, and what makes PostgreSQL look like Redshift."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from importlib import resources
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from localcloud.redshift.credentials import Credentials, Login, Temporary
from localcloud.redshift.errors import LoginError
from localcloud.redshift.postgres import PostgresServer

DATABASE = "warehouse"
USER = "sluice"
APPLICATION = "redshift-data"
Connection = psycopg.Connection[TupleRow]
_SCRIPTS = (
    "keep.sql",
    "semantics.sql",
    "rules.sql",
    "functions.sql",
    "external.sql",
    "views.sql",
    "statements.sql",
    "late_views.sql",
    "assume_role.sql",
    "restore.sql",
)
_ISOLATE = "SELECT set_config('default_transaction_isolation', level, false) FROM pg_catalog.redshift_isolation"
_FATAL = re.compile(r"FATAL:\s+(.+)")
# What ALTER USER ... SET has left for a user; PostgreSQL itself heeds it at a login by password only.
_SETTINGS = """
    SELECT CASE WHEN each LIKE '%%=%%'
           THEN set_config(split_part(each, '=', 1), substr(each, strpos(each, '=') + 1), false) END
    FROM pg_roles r LEFT JOIN (pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS each) ON s.setrole = r.oid
    WHERE r.rolname = %s AND r.rolcanlogin AND NOT r.rolsuper
"""


def by_password(login: Credentials) -> Login:
    """Nobody comes in by IAM."""
    return login


class Database:
    """Gives connections to the warehouse's database.

    Args:
        server: the running server.
        password: of the user ``sluice``, who is not a superuser.
        recognise: tells whom IAM has let in from who comes with a password of his own.
    """

    def __init__(
        self, server: PostgresServer, password: str, recognise: Callable[[Credentials], Login] = by_password
    ) -> None:
        self._server = server
        self._password = password
        self.recognise = recognise

    @property
    def dsn(self) -> str:
        """The address of the PostgreSQL underneath."""
        return self.dsn_at(self._server.port)

    def dsn_at(self, port: int) -> str:
        """The address of the database behind a port of this machine."""
        return f"postgresql://{USER}:{quote(self._password, safe='')}@127.0.0.1:{port}/{DATABASE}"

    def prepare(self) -> None:
        """Make user and database when they are missing, set the password, and renew functions and views."""
        with self.administer("postgres") as connection:
            self._ensure_user(connection)
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}")
                self._open_public()
        with self.administer() as connection, connection.transaction():
            connection.execute("SET LOCAL client_min_messages = warning")
            # Redshift's system views and functions are found under any search path, so they live in pg_catalog.
            connection.execute("SET LOCAL allow_system_table_mods = on")
            for script in _SCRIPTS:
                text = resources.files("localcloud.redshift.catalog").joinpath(script).read_text(encoding="utf-8")
                connection.execute(text.encode())
            connection.execute(f"GRANT UPDATE ON pg_catalog.redshift_isolation TO {USER}")
            connection.execute(f"ALTER SCHEMA public OWNER TO {USER}")
            # A schema may be called like the user; it must not come first in the search path just for that.
            connection.execute(f"ALTER ROLE {USER} IN DATABASE {DATABASE} SET search_path = public")

    def _open_public(self) -> None:
        """Let everybody create in the schema public, until somebody takes that right away.

        Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Schemas_and_tables-schema-based-privileges.html
        """
        with self.administer() as connection:
            connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")

    def connect(self, login: Login | None = None, application: str = APPLICATION) -> Connection:
        """Open a connection that reads SQL as Redshift does: its isolation level, a backslash escapes, UTC.

        Args:
            login: the user that comes in; None is the warehouse's own.
            application: the name of the client's application.

        Raises:
            LoginError: the database does not let this user in.
        """
        user = Credentials(USER, self._password) if login is None else login
        if user.username == self._server.administrator:
            # Redshift has no such user: its superuser is AWS's own.
            raise LoginError(_refused(user.username))
        if isinstance(user, Temporary):
            return self._let_in(user)
        try:
            return self._open(user, application)
        except psycopg.OperationalError as error:
            fatal = _FATAL.search(str(error))
            if fatal is None:
                raise
            raise LoginError(fatal[1]) from None

    def _let_in(self, user: Temporary) -> Connection:
        """A session of a user who has no password here: IAM has said who it is.

        Source: https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentials.html (a user who is
        not there cannot come in, or is made with what everybody may)
        """
        connection = self._open(Credentials(self._server.administrator, self._server.administrator_password))
        try:
            _become(connection, user)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self, user: Credentials, application: str = APPLICATION) -> Connection:
        options = {
            "standard_conforming_strings": "off",
            "escape_string_warning": "off",
            "backslash_quote": "on",
            "timezone": "UTC",
        }
        connection: Connection = psycopg.connect(
            host="127.0.0.1",
            port=self._server.port,
            user=user.username,
            password=user.password,
            dbname=DATABASE,
            application_name=application,
            options=" ".join(f"-c {name}={value}" for name, value in options.items()),
            autocommit=True,
        )
        connection.execute(_ISOLATE)
        return connection

    def _ensure_user(self, connection: Connection) -> None:
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (USER,)).fetchone()
        verb = "ALTER" if found is not None else "CREATE"
        # Hashed here: the server writes a statement that fails into its log as it came.
        hashed = connection.pgconn.encrypt_password(self._password.encode(), USER.encode(), b"scram-sha-256")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN CREATEROLE NOSUPERUSER PASSWORD {}").format(
                sql.SQL(verb), sql.Identifier(USER), sql.Literal(hashed.decode())
            )
        )

    def administer(self, database: str = DATABASE) -> Connection:
        """Open a connection of the superuser, with PostgreSQL's own reading of SQL."""
        connection: Connection = psycopg.connect(
            host="127.0.0.1",
            port=self._server.port,
            user=self._server.administrator,
            password=self._server.administrator_password,
            dbname=database,
            autocommit=True,
        )
        return connection


def session_user(connection: Connection) -> str:
    """Who a connection is at this moment, whoever opened it."""
    return connection.info.parameter_status("session_authorization") or connection.info.user


def _become(connection: Connection, user: Temporary) -> None:
    found = connection.execute(_SETTINGS, (user.username,)).fetchall()
    name = sql.Identifier(user.username)
    if not found and not user.is_made:
        raise LoginError(_refused(user.username))
    if not found:
        _make_user(connection, name)
    connection.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(name))
    # For the system views: PostgreSQL shows who opened the session.
    connection.execute("SELECT set_config('application_name', %s, false)", (f"{APPLICATION} {user.username}"[:63],))


def _make_user(connection: Connection, name: sql.Identifier) -> None:
    # Two that come in for the first time may meet here.
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        # As of the users that the owner makes: see `createrole_self_grant`.
        owner = sql.Identifier(USER)
        connection.execute(sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT TRUE, SET TRUE").format(name, owner))


def _refused(username: str) -> str:
    return f'password authentication failed for user "{username}"'
