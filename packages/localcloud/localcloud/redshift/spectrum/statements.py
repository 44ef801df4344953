"""What happens with external schemas before a statement runs: its tables follow the catalog, its words are adapted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg.pq import TransactionStatus

from localcloud.redshift.database import Connection, session_user
from localcloud.redshift.dialect.external_table import DroppedTable, read_change
from localcloud.redshift.dialect.late_view import read_late_view
from localcloud.redshift.dialect.lexer import tokenize
from localcloud.redshift.dialect.unload import unloaded_query, with_query
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.spectrum.mentions import Mention, Schemas, drop_cascade, mentions, refuse
from localcloud.redshift.spectrum.pruning import EVERYTHING, Want
from localcloud.redshift.spectrum.pseudocolumns import with_pseudocolumns
from localcloud.redshift.spectrum.scans import Scan
from localcloud.redshift.spectrum.schemas import Followed, Spectrum
from localcloud.redshift.spectrum.scopes import places
from localcloud.redshift.spectrum.views import PARTITIONS_VIEW, TABLE_VIEWS

#: How dates are written and read unless a session changes it.
_DATES = "ISO, MDY"
#: What is run in the place of a statement that wrote the Data Catalog.
_NOTHING = "SELECT 1 WHERE false"


@dataclass(frozen=True)
class _Settled:
    """What became of something that was followed: the error that its readers get, or what they read."""

    error: SqlError | psycopg.Error | None = None
    scan: Scan | None = None


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
        #: By table or view and, when the statement does not read all of it, the statement.
        self._followed: dict[tuple[object, str], _Settled] = {}

    def ahead(self, sqls: Iterable[str]) -> None:
        """Let the tables of coming statements follow now, before the transaction takes its snapshot.

        An error is kept for the statement that it belongs to.
        """
        schemas = self._spectrum.schemas()
        for sql in sqls if schemas else ():
            query = unloaded_query(sql)
            try:
                self._follow(sql if query is None else query.value, schemas)
            except SqlError:
                # The statement itself is wrong: it says so when its turn comes.
                continue

    def enter(self, sql: str, query_id: int, beneath: Iterable[str] = ()) -> str:
        """Make a statement ready: give it as the dialect understands it, with the tables that it reads up to date.

        Args:
            sql: the statement.
            query_id: under which the system views show what it reads.
            beneath: the queries of the views that it reads, as far as they are bound late.

        Raises:
            SqlError: it cannot be done with an external schema, or a table cannot be read.
        """
        query = unloaded_query(sql)
        if query is not None:
            return with_query(sql, query, self.enter(query.value, query_id, beneath))
        if _keys(sql)[:3] == ("create", "external", "schema"):
            self._spectrum.create_database(sql)
        schemas = self._spectrum.schemas()
        if self._changes_catalog(sql, schemas):
            return _NOTHING
        if not schemas:
            return sql
        refuse(sql, schemas)
        late = read_late_view(sql)
        if late is not None:
            # It may be made before what it reads is there, or can be read.
            self.ahead([late.query])
            return sql
        scans = []
        for table, statement in (found for text in (sql, *beneath) for found in self._follow(text, schemas)):
            settled = self._followed[table, statement]
            # A table that cannot be here at all is no reason to refuse a CALL that may not read it.
            is_bearable = isinstance(table, Mention) and table.is_guess and isinstance(settled.error, NotInStandInError)
            if settled.error is not None and not is_bearable:
                raise settled.error
            scans += [settled.scan] if settled.scan is not None else []
        self._spectrum.scans.add(query_id, session_user(self._connection), scans)
        return drop_cascade(self._with_pseudocolumns(sql, schemas), schemas)

    def adapted(self, query: str) -> str:
        """Give the query of a view that is bound late as the dialect understands it."""
        schemas = self._spectrum.schemas()
        return with_pseudocolumns(query, schemas, self._spectrum.columns) if schemas else query

    def _changes_catalog(self, sql: str, schemas: Schemas) -> bool:
        """Write what a statement says of an external table into the Data Catalog; tell whether it said something."""
        keys = _keys(sql)
        is_creation = keys[:3] == ("create", "external", "table")
        if keys[:2] not in {("alter", "table"), ("drop", "table")} and not is_creation:
            return False
        change = read_change(sql)
        schema = schemas.get(change.table.schema or "") if change is not None else None
        if change is None or (schema is None and isinstance(change, DroppedTable)):
            return False
        if schema is None:
            raise SqlError(f'"{change.table}" is not an external table')
        if self._is_open():
            raise SqlError(
                f"{' '.join(keys[:3] if is_creation else keys[:2]).upper()} cannot run inside a transaction block"
            )
        self._spectrum.write(self._connection, schema, change)
        return True

    def _follow(self, sql: str, schemas: Schemas) -> tuple[tuple[object, str], ...]:
        keys = _keys(sql)
        is_call = keys[:1] == ("call",)
        tables = self._spectrum.called(sql, schemas) if is_call else mentions(sql, schemas)
        found: list[tuple[object, str]] = []
        for mention in tables:
            want = EVERYTHING if is_call else self._want(sql, mention, schemas)
            found.append((mention, "" if want == EVERYTHING else sql))
            self._once(found[-1], partial(self._follow_table, mention, want))
        for view in (name for name in (*TABLE_VIEWS, PARTITIONS_VIEW) if name in keys):
            found.append((view, ""))
            self._once(found[-1], partial(self._follow_views, schemas, has_partitions=view == PARTITIONS_VIEW))
        return tuple(found)

    def _want(self, sql: str, mention: Mention, schemas: Schemas) -> Want:
        found = places(sql, frozenset(schemas))
        name = (mention.schema.name, mention.table)
        # A session that reads dates in another way could let another partition through.
        is_usual = self._connection.info.parameter_status("DateStyle") == _DATES
        return Want(found.of(*name) if is_usual else (), found.columns(*name))

    def _follow_table(self, mention: Mention, want: Want) -> Followed:
        # In an open transaction all is brought here before the first snapshot: later statements may read the rest.
        has_all = self._is_open() and not self._spectrum.has_snapshot(self._connection)
        return self._spectrum.follow(mention, want, self._check, has_all=has_all)

    def _follow_views(self, schemas: Schemas, *, has_partitions: bool) -> Followed:
        return Followed(is_changed=self._spectrum.follow_views(schemas, has_partitions=has_partitions))

    def _once(self, key: tuple[object, str], follow: Callable[[], Followed]) -> None:
        if key in self._followed:
            return
        self._followed[key] = _Settled()
        try:
            followed = follow()
            is_late = followed.is_changed and self._is_open() and self._spectrum.has_snapshot(self._connection)
        except (SqlError, psycopg.Error) as error:
            self._followed[key] = _Settled(error)
            return
        late = SqlError(
            f"{key[0]} changed after this transaction took its snapshot",
            "the local stand-in shows such a change to the next transaction only",
        )
        self._followed[key] = _Settled(late if is_late else followed.error, followed.scan)

    def _is_open(self) -> bool:
        return self._connection.info.transaction_status is not TransactionStatus.IDLE

    def _with_pseudocolumns(self, sql: str, schemas: Schemas) -> str:
        changed = with_pseudocolumns(sql, schemas, self._spectrum.columns)
        if changed != sql:
            for schema in {mention.schema for mention in mentions(sql, schemas)}:
                if not self._spectrum.may_use(self._connection, schema):
                    raise SqlError(f"permission denied for schema {schema.name}")
        return changed


def _keys(sql: str) -> tuple[str, ...]:
    return tuple(token.name if token.is_name else token.key for token in tokenize(sql))
