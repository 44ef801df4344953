"""What happens with external schemas before a statement runs: its tables follow the catalog, its words are adapted."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import TransactionStatus

from localcloud.redshift.database import Connection, Database
from localcloud.redshift.dialect.external_schema import read_external_schema
from localcloud.redshift.dialect.lexer import tokenize
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.loading.parquet import spectrum_error
from localcloud.redshift.spectrum.catalog import Catalog
from localcloud.redshift.spectrum.mentions import (
    Mention,
    Schemas,
    drop_cascade,
    mentions,
    refuse,
    with_pseudocolumns,
    words,
)
from localcloud.redshift.spectrum.objects import list_objects
from localcloud.redshift.spectrum.storage import (
    ExternalSchema,
    FileGoneError,
    Read,
    Storage,
    is_current,
    read_stored,
)
from localcloud.redshift.spectrum.views import PARTITIONS_VIEW, TABLE_VIEWS, CatalogViews

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

_TRIES = 5
_SCHEMAS = """
    SELECT s.schema_id::bigint, n.nspname, s.database_name
    FROM pg_catalog.redshift_external_schemas s JOIN pg_namespace n ON n.oid = s.schema_id
"""
_PROCEDURES = """
    SELECT lower(p.proname), p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
_HAS_SNAPSHOT = "SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE pid = %s"
_MAY_USE = "SELECT has_schema_privilege(%s::name, %s::oid, 'USAGE')"


class Spectrum:
    """The external schemas of a warehouse.

    Args:
        database: gives connections.
        s3: gives the client that lists and reads files.
        glue: gives the client of the Data Catalog.
    """

    def __init__(self, database: Database, s3: Callable[[], S3Client], glue: Callable[[], GlueClient]) -> None:
        self._database = database
        self._s3 = s3
        self._catalog = Catalog(glue)
        self._storage = Storage(database)
        self._views = CatalogViews(self._catalog)
        self._lock = threading.Lock()
        self._table_locks: defaultdict[tuple[int, str], threading.Lock] = defaultdict(threading.Lock)
        self._connection: Connection | None = None

    def close(self) -> None:
        """Close the connection that looks things up."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        """Look something up on a connection of our own: on the user's it would take the transaction's snapshot."""
        with self._lock:
            if self._connection is None or self._connection.closed:
                self._connection = self._database.administer()
            yield self._connection

    def schemas(self) -> Schemas:
        """Give the external schemas by name."""
        with self._looking() as connection:
            rows = connection.execute(_SCHEMAS).fetchall()
        return {name: ExternalSchema(number, name, database) for number, name, database in rows}

    def create_database(self, sql: str) -> None:
        """Make sure that the database of a CREATE EXTERNAL SCHEMA exists.

        Raises:
            SqlError: the statement is wrong, or the database is missing and is not to be made.
        """
        definition = read_external_schema(sql)
        self._catalog.require_database(definition.database, is_created=definition.creates_database)

    def called(self, sql: str, schemas: Schemas) -> tuple[Mention, ...]:
        """Give the external tables that a CALL may read: those that its text or a procedure's body has a word of.

        All tables of a schema are given when the words name the schema and none of its tables, and all tables of all
        schemas when the procedure is not known here, as in the transaction that makes it.
        """
        with self._looking() as connection:
            rows = connection.execute(_PROCEDURES).fetchall()
        bodies: defaultdict[str, str] = defaultdict(str)
        for name, body in rows:
            bodies[name] += f" {body}"
        found: set[str] = set()
        fresh = words(sql)
        while fresh:
            found |= fresh
            fresh = {word for name in fresh & bodies.keys() for word in words(bodies[name])} - found
        is_known = not found.isdisjoint(bodies)
        wanted = [schema for schema in schemas.values() if schema.name in found or not is_known]
        return tuple(mention for schema in wanted for mention in self._of_schema(schema, found))

    def _of_schema(self, schema: ExternalSchema, found: set[str]) -> tuple[Mention, ...]:
        names = [table.name for table in self._catalog.tables(schema.database)]
        named = [name for name in names if name in found]
        return tuple(Mention(schema, name, is_guess=not named) for name in named or names)

    def follow(self, mention: Mention, check: Callable[[], None]) -> bool:
        """Let a table follow catalog and bucket; tell whether anything changed.

        Args:
            mention: the table.
            check: called before every file; raises when the statement was cancelled.

        Raises:
            SqlError: catalog or bucket refuse, or a file does not fit the table.
        """
        with self._lock:
            lock = self._table_locks[mention.schema.id, mention.table]
        gone = ""
        with lock:
            for _ in range(_TRIES):
                try:
                    return self._follow(mention, check)
                except FileGoneError as error:
                    # Who replaces files puts the new ones down first: the next listing has them.
                    gone = str(error)
        raise spectrum_error(15001, f"File '{gone}' was changed or deleted while it was read")

    def _follow(self, mention: Mention, check: Callable[[], None]) -> bool:
        schema = mention.schema
        table = self._catalog.table(schema.database, mention.table)
        with self._looking() as connection:
            stored = read_stored(connection, schema, mention.table)
        if table is None:
            if stored.definition is not None:
                self._storage.drop(schema, mention.table)
            return stored.definition is not None
        table.require_parquet()
        s3 = self._s3()
        objects = list_objects(s3, table, self._catalog.partitions(table))
        if is_current(stored, table, objects):
            return False
        self._storage.follow(Read(s3, schema, table, check), objects)
        return True

    def follow_views(self, schemas: Schemas, *, has_partitions: bool) -> bool:
        """Let the system views follow the catalog; tell whether anything changed."""
        with self._database.administer() as connection:
            return self._views.follow(connection, schemas.values(), has_partitions=has_partitions)

    def has_snapshot(self, connection: Connection) -> bool:
        """Whether the transaction of a connection sees the state of an earlier moment."""
        with self._looking() as own:
            row = own.execute(_HAS_SNAPSHOT, (connection.info.backend_pid,)).fetchone()
        return row is not None and bool(row[0])

    def may_use(self, connection: Connection, schema: ExternalSchema) -> bool:
        """Whether the user of a connection has USAGE on a schema."""
        with self._looking() as own:
            row = own.execute(_MAY_USE, (connection.info.user, schema.id)).fetchone()
        return row is not None and bool(row[0])


class Visit:
    """Statements of one transaction on their way to PostgreSQL: all of them see one state of an external table.

    Args:
        spectrum: the external schemas.
        connection: the statements' own.
        check: raises when the statement was cancelled.
    """

    def __init__(self, spectrum: Spectrum, connection: Connection, check: Callable[[], None]) -> None:
        self._spectrum = spectrum
        self._connection = connection
        self._check = check
        #: What became of a table that was followed: None, or the error that its readers get.
        self._followed: dict[object, SqlError | psycopg.Error | None] = {}

    def ahead(self, sqls: Iterable[str]) -> None:
        """Let the tables of coming statements follow now, before the transaction takes its snapshot.

        An error is kept for the statement that it belongs to.
        """
        schemas = self._spectrum.schemas()
        for sql in sqls if schemas else ():
            try:
                self._follow(sql, schemas)
            except SqlError:
                # The statement itself is wrong: it says so when its turn comes.
                continue

    def enter(self, sql: str) -> str:
        """Make a statement ready: give it as the dialect understands it, with the tables that it reads up to date.

        Raises:
            SqlError: it cannot be done with an external schema, or a table cannot be read.
        """
        if _keys(sql)[:3] == ("create", "external", "schema"):
            self._spectrum.create_database(sql)
        schemas = self._spectrum.schemas()
        if not schemas:
            return sql
        refuse(sql, schemas)
        for table in self._follow(sql, schemas):
            error = self._followed[table]
            # A table that cannot be here at all is no reason to refuse a CALL that may not read it.
            is_bearable = isinstance(table, Mention) and table.is_guess and isinstance(error, NotInStandInError)
            if error is not None and not is_bearable:
                raise error
        return drop_cascade(self._with_pseudocolumns(sql, schemas), schemas)

    def _follow(self, sql: str, schemas: Schemas) -> tuple[object, ...]:
        keys = _keys(sql)
        is_call = keys[:1] == ("call",)
        tables = self._spectrum.called(sql, schemas) if is_call else mentions(sql, schemas)
        for mention in tables:
            self._once(mention, partial(self._spectrum.follow, mention, self._check))
        views = [view for view in (*TABLE_VIEWS, PARTITIONS_VIEW) if view in keys]
        for view in views:
            has_partitions = view == PARTITIONS_VIEW
            self._once(view, partial(self._spectrum.follow_views, schemas, has_partitions=has_partitions))
        return (*tables, *views)

    def _once(self, table: object, follow: Callable[[], bool]) -> None:
        if table in self._followed:
            return
        self._followed[table] = None
        try:
            is_late = follow() and self._is_too_late()
        except (SqlError, psycopg.Error) as error:
            self._followed[table] = error
            return
        if is_late:
            self._followed[table] = SqlError(
                f"{table} changed after this transaction took its snapshot",
                "the local stand-in shows such a change to the next transaction only",
            )

    def _is_too_late(self) -> bool:
        is_open = self._connection.info.transaction_status is not TransactionStatus.IDLE
        return is_open and self._spectrum.has_snapshot(self._connection)

    def _with_pseudocolumns(self, sql: str, schemas: Schemas) -> str:
        changed = with_pseudocolumns(sql, schemas)
        if changed != sql:
            for schema in {mention.schema for mention in mentions(sql, schemas)}:
                if not self._spectrum.may_use(self._connection, schema):
                    raise SqlError(f"permission denied for schema {schema.name}")
        return changed


def _keys(sql: str) -> tuple[str, ...]:
    return tuple(token.name if token.is_name else token.key for token in tokenize(sql))
