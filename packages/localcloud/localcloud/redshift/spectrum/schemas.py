"""The external schemas of a warehouse: which tables they have, and how their rows follow catalog and bucket."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from localcloud.redshift.database import Connection, Database, session_user
from localcloud.redshift.dialect.external_schema import read_external_schema
from localcloud.redshift.dialect.external_table import Change
from localcloud.redshift.errors import SqlError
from localcloud.redshift.loading.parquet import spectrum_error
from localcloud.redshift.roles import OfRole
from localcloud.redshift.spectrum.catalog import Catalog, ExternalTable
from localcloud.redshift.spectrum.changes import write
from localcloud.redshift.spectrum.mentions import Mention, Schemas, words
from localcloud.redshift.spectrum.objects import list_objects
from localcloud.redshift.spectrum.pruning import Want, qualified
from localcloud.redshift.spectrum.scans import Scan, ScanHistory, Stopwatch
from localcloud.redshift.spectrum.storage import FileGoneError, Read, Storage
from localcloud.redshift.spectrum.stored import WHOLE, ExternalSchema, Listing, StoredObject, is_current, read_stored
from localcloud.redshift.spectrum.views import CatalogViews

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

_TRIES = 5
_SCHEMAS = """
    SELECT s.schema_id::bigint, n.nspname, s.database_name, (s.options::jsonb)->>'IAM_ROLE'
    FROM pg_catalog.redshift_external_schemas s JOIN pg_namespace n ON n.oid = s.schema_id
"""
_PROCEDURES = """
    SELECT lower(p.proname), p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    UNION ALL
    SELECT lower(c.relname), v.definition FROM pg_catalog.redshift_late_views v JOIN pg_class c ON c.oid = v.relation
"""
_HAS_SNAPSHOT = "SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE pid = %s"
_MAY_CHANGE = "SELECT pg_has_role(%s::name, nspowner, 'USAGE') FROM pg_namespace WHERE oid = %s::oid"
_MAY_USE = "SELECT has_schema_privilege(%s::name, %s::oid, 'USAGE')"


@dataclass(frozen=True)
class Followed:
    """What became of a table.

    Attributes:
        is_changed: whether the stored rows are others than before.
        error: what is wrong with what the statement reads; None when nothing is.
        scan: what the statement reads; None when there is no such table.
    """

    is_changed: bool
    error: SqlError | None = None
    scan: Scan | None = None


class Spectrum:
    """The external schemas of a warehouse.

    Args:
        database: gives connections.
        s3: gives the client that lists and reads files, for the role of an external schema.
        glue: gives the client of the Data Catalog, likewise.
    """

    def __init__(self, database: Database, s3: OfRole[S3Client], glue: OfRole[GlueClient]) -> None:
        self._database = database
        self._s3 = s3
        self._glue = glue
        self._storage = Storage(database)
        self._views = CatalogViews(self._catalog)
        #: What statements read of external tables.
        self.scans = ScanHistory(database)
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
        return {row[1]: ExternalSchema(*row) for row in rows}

    def _catalog(self, role: str) -> Catalog:
        """The Data Catalog as a role sees it."""
        return Catalog(partial(self._glue, role))

    def create_database(self, sql: str) -> None:
        """Make sure that the database of a CREATE EXTERNAL SCHEMA exists.

        Raises:
            SqlError: the statement is wrong, or the database is missing and is not to be made.
        """
        definition = read_external_schema(sql)
        self._catalog(definition.role).require_database(definition.database, is_created=definition.creates_database)

    def write(self, connection: Connection, schema: ExternalSchema, change: Change) -> None:
        """Write into the Data Catalog what a statement says of an external table.

        Raises:
            SqlError: the user may not, or the catalog refuses.
        """
        with self._looking() as own:
            row = own.execute(_MAY_CHANGE, (session_user(connection), schema.id)).fetchone()
        if row is None or not row[0]:
            raise SqlError(f"must be owner of schema {schema.name}")
        write(self._glue(schema.role), schema.database, change)

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

    def columns(self, mention: Mention) -> tuple[str, ...]:
        """Give the names of a table's columns as ``*`` shows them, none when the catalog has no such table."""
        table = self._catalog(mention.schema.role).table(mention.schema.database, mention.table)
        return () if table is None else tuple(column.name for column in (*table.columns, *table.keys))

    def _of_schema(self, schema: ExternalSchema, found: set[str]) -> tuple[Mention, ...]:
        names = [table.name for table in self._catalog(schema.role).tables(schema.database)]
        named = [name for name in names if name in found]
        return tuple(Mention(schema, name, is_guess=not named) for name in named or names)

    def follow(self, mention: Mention, want: Want, check: Callable[[], None], *, has_all: bool) -> Followed:
        """Let a table follow catalog and bucket, as far as a statement reads it.

        Args:
            mention: the table.
            want: what the statement reads of it.
            check: called before every file; raises when the statement was cancelled.
            has_all: whether partitions that the statement does not read follow too.

        Raises:
            SqlError: catalog or bucket refuse, or a file does not fit the columns that are read.
        """
        with self._lock:
            lock = self._table_locks[mention.schema.id, mention.table]
        gone = ""
        with lock:
            for _ in range(_TRIES):
                try:
                    return self._follow(mention, want, check, has_all=has_all)
                except FileGoneError as error:
                    # Who replaces files puts the new ones down first: the next listing has them.
                    gone = str(error)
        raise spectrum_error(15001, f"File '{gone}' was changed or deleted while it was read")

    def _follow(self, mention: Mention, want: Want, check: Callable[[], None], *, has_all: bool) -> Followed:
        watch = Stopwatch()
        schema = mention.schema
        catalog = self._catalog(schema.role)
        table = catalog.table(schema.database, mention.table)
        with self._looking() as connection:
            stored = read_stored(connection, schema, mention.table)
        if table is None:
            if stored.definition is not None:
                self._storage.drop(schema, mention.table)
            return Followed(is_changed=stored.definition is not None)
        table.require_parquet()
        partitions = catalog.partitions(table)
        with self._looking() as connection:
            read = qualified(connection, table, partitions, want)
        s3 = self._s3(schema.role)
        # When the columns change, all rows are read again: another statement may be about to read other partitions.
        reach = partitions if has_all or stored.definition != table.definition else read
        listing = Listing(list_objects(s3, table, reach), tuple(part for part in partitions if part not in set(reach)))
        is_changed = not is_current(stored, table, listing)
        if is_changed:
            self._storage.follow(Read(s3, schema, table, check), listing)
            with self._looking() as connection:
                stored = read_stored(connection, schema, mention.table)
        objects = stored.of(read)
        columns = _read_columns(table, want)
        return Followed(
            is_changed=is_changed,
            error=_misfit(table, columns, objects),
            scan=Scan.of(table, columns, objects, watch, (len(partitions), len(read))),
        )

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
            row = own.execute(_MAY_USE, (session_user(connection), schema.id)).fetchone()
        return row is not None and bool(row[0])


def _read_columns(table: ExternalTable, want: Want) -> tuple[str, ...]:
    names = (column.name for column in table.columns)
    return tuple(name for name in names if want.columns is None or name in want.columns)


def _misfit(table: ExternalTable, columns: Sequence[str], objects: Sequence[StoredObject]) -> SqlError | None:
    """Give the error of what a statement reads: a type that is not read, or a file that does not fit."""
    for name in columns:
        if name in table.unread:
            return table.unread[name]
    for each in objects:
        for name in (WHOLE, *columns):
            if name in each.errors:
                return SqlError(*each.errors[name])
    return None
