"""One client's session: its statements, one after the other, through the engine that the Data API has too.

Kept simple, and unlike PostgreSQL: a statement of the extended protocol is translated when it is run, with its values
as literals in it; a portal that is described is run then, because a client that describes one runs it next; several
statements before one Sync are not one transaction.
Source: https://www.postgresql.org/docs/8.0/protocol-flow.html
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult

from localcloud.redshift.credentials import Credentials, Temporary
from localcloud.redshift.database import DATABASE, Connection, Database, session_user
from localcloud.redshift.dialect.lexer import quote_text, split, tokenize
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.engine import Done, Engine, Report, report
from localcloud.redshift.errors import LoginError, SqlError
from localcloud.redshift.history import Ran
from localcloud.redshift.loading.load import Loaded
from localcloud.redshift.port import messages, values
from localcloud.redshift.port.login import StartUp, check_encoding
from localcloud.redshift.port.messages import Bind, Body, Field, Parse, ProtocolError, format_of
from localcloud.redshift.port.stream import Stream
from localcloud.redshift.results import Row, refuse_whole_rows, rows_of
from localcloud.redshift.typing.analyst import Analyst

logger = logging.getLogger(__name__)

_STATUS = {TransactionStatus.IDLE: b"I", TransactionStatus.INTRANS: b"T", TransactionStatus.INERROR: b"E"}
#: What the drivers look at. Redshift is a PostgreSQL 8.0.2 to them.
#: Source: https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-and-postgres-sql.html
_FIXED = (
    ("server_version", "8.0.2"),
    ("server_encoding", "UNICODE"),
    ("client_encoding", "UTF8"),
    ("integer_datetimes", "on"),
)
#: What they look at and a session may change.
_WATCHED = ("DateStyle", "TimeZone", "session_authorization", "application_name")
_ENDS = frozenset({"commit", "end", "rollback", "abort"})
#: Statements that are not run as one transaction with the others of a message.
_ALONE = _ENDS | {"begin", "start", "vacuum", "call", "set", "reset", "show"}
_NO_ROWS = frozenset(
    {"create", "alter", "drop", "grant", "revoke", "copy", "unload", "insert", "update", "delete", "merge"}
)
_TOLD = frozenset({"NOTICE", "WARNING", "INFO"})
_ROWS_DESCRIBED = frozenset({"select", "show", "fetch", "call", "execute"})


@dataclass
class _Portal:
    """A statement with its values, and what became of it when it was run."""

    bind: Bind
    sql: str
    types: tuple[int, ...]
    outcome: _Outcome | None = None


@dataclass
class _Outcome:
    tag: str
    fields: list[Field] | None
    rows: Iterator[Row]
    formats: Sequence[int] = ()
    count: int = 0
    sent: int = 0
    encoders: list[Callable[[bytes], bytes] | None] = field(default_factory=list)


@dataclass(frozen=True)
class _Read:
    fields: list[Field]
    rows: Iterator[Row]


class Session:
    """Serves one client that is to be let in.

    Args:
        stream: to the client.
        database: gives the connection that the session is on.
        engine: runs its statements.
    """

    def __init__(self, stream: Stream, database: Database, engine: Engine) -> None:
        self._stream = stream
        self._database = database
        self._engine = engine
        self._is_cancelled = False
        self._statements: dict[str, Parse] = {}
        self._portals: dict[str, _Portal] = {}
        self._told: dict[str, str] = {}
        self._connection: Connection | None = None
        self._login: Credentials | Temporary | None = None
        #: With the process, what a request to cancel has to name.
        self.secret = secrets.randbits(32)

    @property
    def process_id(self) -> int:
        """The number of its process in the database, 0 before it is let in."""
        return 0 if self._connection is None else self._connection.info.backend_pid

    def cancel(self) -> None:
        """Ask what runs to stop; called from other threads."""
        self._is_cancelled = True
        connection = self._connection
        if connection is not None and not connection.closed:
            connection.cancel_safe()

    def open(self, login: StartUp) -> None:
        """Let the client in.

        Raises:
            SqlError: it may not come in.
            psycopg.OperationalError: the database is not there.
        """
        who = self._database.recognise(login.credentials)
        connection = self._database.connect(who, application="")
        self._connection, self._login = connection, who
        # What a client prepares and drops by name lies beside what the driver would prepare.
        connection.prepare_threshold = None
        connection.add_notice_handler(self._notice)
        if login.database != DATABASE:
            raise LoginError(f'database "{login.database}" does not exist', "3D000")
        for name, value in login.settings:
            self._run(f"SET {name} TO {quote_text(value)}")
        self._stream.write(messages.authentication(0))
        self._stream.write(*(messages.parameter_status(*pair) for pair in _FIXED))
        self._tell_settings()
        self._stream.write(messages.backend_key(self.process_id, self.secret))
        self._ready()

    def serve(self) -> None:
        """Answer the client's messages until it goes.

        Raises:
            EOFError: it went without a word.
            ProtocolError: it does not keep to the protocol.
        """
        skips = False
        while True:
            kind, body = self._stream.read()
            if kind == b"X":
                return
            if kind == b"S":
                skips = False
                self._ready()
            elif skips:
                continue
            elif kind == b"Q":
                self._query(body.text())
            else:
                skips = not self._extended(kind, body)
            if self._connected.closed:
                # What became of the statement has been written; there is nothing to go on with.
                self._stream.flush()
                raise EOFError

    def close(self) -> None:
        """End the session in the database."""
        if self._connection is not None:
            self._connection.close()

    @property
    def _connected(self) -> Connection:
        if self._connection is None:
            raise ProtocolError("the client is not let in yet")
        return self._connection

    @property
    def _transaction(self) -> TransactionStatus:
        return self._connected.info.transaction_status

    # -- What the client is told

    def _tell_settings(self) -> None:
        for name in _WATCHED:
            value = self._connected.info.parameter_status(name)
            if value is not None and self._told.get(name) != value:
                self._told[name] = value
                self._stream.write(messages.parameter_status(name, value))

    def _ready(self) -> None:
        self._tell_settings()
        if self._transaction is TransactionStatus.IDLE:
            # A portal lives as long as its transaction.
            self._portals.clear()
        self._stream.write(messages.ready(_STATUS.get(self._transaction, b"E")))

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        severity = diagnostic.severity_nonlocalized or diagnostic.severity or ""
        if severity in _TOLD:
            self._tell(severity, diagnostic.sqlstate or "00000", diagnostic.message_primary or "")

    def _tell(self, severity: str, state: str, text: str) -> None:
        self._stream.write(messages.report(b"N", (("S", severity), ("C", state), ("M", text))))

    def _fail(self, error: SqlError | psycopg.Error) -> None:
        self._stream.write(error_message(report(error)))

    # -- The simple protocol

    def _query(self, text: str) -> None:
        self._is_cancelled = False
        self._statements.pop("", None)
        self._portals.pop("", None)
        is_own = False
        try:
            sqls = split(text)
            if not sqls:
                self._stream.write(messages.EMPTY_QUERY)
            is_own = len(sqls) > 1 and self._transaction is TransactionStatus.IDLE and not _has_control(sqls)
            if is_own:
                self._connected.execute("BEGIN")
            for sql in sqls:
                self._answer(self._run(sql), 0)
            if is_own:
                self._connected.execute("COMMIT")
        except (SqlError, psycopg.Error) as error:
            self._fail(error)
            if is_own and not self._connected.closed:
                self._connected.execute("ROLLBACK")
        if not self._connected.closed:
            self._ready()

    def _answer(self, outcome: _Outcome, limit: int, *, is_described: bool = False) -> None:
        """Send what a statement did: its columns unless they were told, up to a number of rows, and its end."""
        if outcome.fields is not None and not is_described:
            self._stream.write(messages.row_description(outcome.fields, outcome.formats))
        for row in islice(outcome.rows, limit or None):
            outcome.sent += 1
            self._stream.write(messages.data_row(_encoded(row, outcome.encoders)))
        if limit and outcome.sent < outcome.count and outcome.fields is not None:
            self._stream.write(messages.PORTAL_SUSPENDED)
        else:
            self._stream.write(messages.command_complete(outcome.tag))

    # -- The extended protocol

    def _extended(self, kind: bytes, body: Body) -> bool:
        """Answer a message of the extended protocol; tell whether it went well."""
        handler = {
            b"P": self._parse,
            b"B": self._bind,
            b"D": self._describe,
            b"E": self._execute,
            b"C": self._close,
            b"H": self._flush,
        }.get(kind, self._unknown)
        self._is_cancelled = False
        try:
            handler(body)
        except (SqlError, psycopg.Error) as error:
            self._fail(error)
            return False
        return True

    def _unknown(self, _body: Body) -> None:
        raise SqlError("a message of this type is not supported", sqlstate="0A000")

    def _parse(self, body: Body) -> None:
        parsed = Parse.of(body)
        if len(split(parsed.sql)) > 1:
            raise SqlError("cannot insert multiple commands into a prepared statement", sqlstate="42601")
        if parsed.name and parsed.name in self._statements:
            raise SqlError(f'prepared statement "{parsed.name}" already exists', sqlstate="42P05")
        self._statements[parsed.name] = parsed
        self._stream.write(messages.PARSE_COMPLETE)

    def _statement(self, name: str) -> Parse:
        found = self._statements.get(name)
        if found is None:
            raise SqlError(f'prepared statement "{name}" does not exist', sqlstate="26000")
        return found

    def _portal(self, name: str) -> _Portal:
        found = self._portals.get(name)
        if found is None:
            raise SqlError(f'portal "{name}" does not exist', sqlstate="34000")
        return found

    def _bind(self, body: Body) -> None:
        bind = Bind.of(body)
        parsed = self._statement(bind.statement)
        wanted = values.count_parameters(parsed.sql)
        if len(bind.values) < wanted:
            raise SqlError(
                f'bind message supplies {len(bind.values)} parameters, but prepared statement "{bind.statement}"'
                f" requires {wanted}",
                sqlstate="08P01",
            )
        self._portals[bind.portal] = _Portal(bind, parsed.sql, parsed.types)
        self._stream.write(messages.BIND_COMPLETE)

    def _describe(self, body: Body) -> None:
        kind, name = body.take(1), body.text()
        if kind == b"S":
            self._describe_statement(self._statement(name))
            return
        outcome = self._started(self._portal(name))
        has_rows = outcome is not None and outcome.fields is not None
        self._stream.write(
            messages.row_description(outcome.fields or [], outcome.formats)
            if outcome is not None and has_rows
            else messages.NO_DATA
        )

    def _describe_statement(self, parsed: Parse) -> None:
        try:
            types, fields = self._described(parsed)
        except (SqlError, psycopg.Error):
            # Redshift says at Parse already that it cannot be, and so has no such statement.
            del self._statements[parsed.name]
            raise
        self._stream.write(messages.parameter_description(types))
        self._stream.write(messages.NO_DATA if fields is None else messages.row_description(fields, ()))

    def _described(self, parsed: Parse) -> tuple[list[int], list[Field] | None]:
        """Give the types of a statement's parameters and its columns, without running it."""
        count = values.count_parameters(parsed.sql)
        declared = [*parsed.types, *[0] * count][: max(count, len(parsed.types))]
        key = _keys(parsed.sql)[:1]
        if not key or key[0] in _ENDS or key[0] in (_NO_ROWS if not count else ()):
            return declared, None
        self._refuse_when_aborted(parsed.sql)
        prepared = self._translate(parsed.sql, self._engine.new_query_id())
        if not prepared.steps or (prepared.kind not in _ROWS_DESCRIBED and not count):
            return declared, None
        result = Analyst(self._connected).described(prepared.steps[0], declared)
        types = [values.shown_type(result.param_type(place)) for place in range(result.nparams)]
        has_rows = result.nfields > 0 and key[0] not in _NO_ROWS
        return [*types, *declared[len(types) :]], values.fields_of(result) if has_rows else None

    def _execute(self, body: Body) -> None:
        portal, limit = self._portal(body.text()), body.long()
        outcome = self._started(portal)
        if outcome is None:
            self._stream.write(messages.EMPTY_QUERY)
        else:
            self._answer(outcome, limit, is_described=True)

    def _started(self, portal: _Portal) -> _Outcome | None:
        """Run the statement of a portal unless it was; None when it is empty."""
        if portal.outcome is None and _keys(portal.sql):
            self._refuse_when_aborted(portal.sql)
            texts = values.texts_of(self._connected, portal.types, portal.bind) if portal.bind.values else []
            (sql,) = split(portal.sql)
            portal.outcome = self._run(values.bound(sql, portal.types, texts), portal.bind.results)
        return portal.outcome

    def _close(self, body: Body) -> None:
        kind, name = body.take(1), body.text()
        (self._statements if kind == b"S" else self._portals).pop(name, None)
        self._stream.write(messages.CLOSE_COMPLETE)

    def _flush(self, _body: Body) -> None:
        self._stream.flush()

    # -- Running

    def _run(self, sql: str, formats: Sequence[int] = ()) -> _Outcome:
        """Run one statement and give what it did."""
        self._refuse_when_aborted(sql)
        own = self._own(_keys(sql))
        if own is not None:
            return _Outcome(own, None, iter(()))
        query_id, began, error, count = self._engine.new_query_id(), self._engine.now(), "", 0
        self._engine.begin(Ran(query_id, session_user(self._connected), self.process_id, sql, began, began))
        try:
            prepared = self._translate(sql, query_id)
            self._require_active()
            done = self._engine.execute(prepared, self._connected, query_id, _read, self._login)
            count = done.rows
        except (SqlError, psycopg.Error) as problem:
            error = str(report(problem))
            raise
        finally:
            ran = Ran(
                query_id, session_user(self._connected), self.process_id, sql, began, self._engine.now(), error,
                bool(error) and self._is_cancelled, max(count, 0),
            )  # fmt: skip
            self._engine.record(ran)
        if done.unloaded is not None:
            self._tell("INFO", "00000", f"UNLOAD completed, {done.unloaded} record(s) unloaded successfully.")
        if prepared.copy is not None and done.loaded is not None:
            self._tell_loaded(prepared.copy.table.name, done.loaded)
        return _outcome(sql, done, formats)

    def _tell_loaded(self, table: str, loaded: Loaded) -> None:
        if loaded.left_out:
            where = "Check 'stl_load_errors' system table for details."
            text = f"Load into table '{table}' completed, {loaded.left_out} record(s) could not be loaded.  {where}"
            self._tell("WARNING", "01000", text)
        self._tell(
            "INFO", "00000", f"Load into table '{table}' completed, {loaded.rows} record(s) loaded successfully."
        )

    def _translate(self, sql: str, query_id: int) -> Prepared:
        visit = self._engine.visit(self._connected, self._require_active)
        return self._engine.translate(visit, self._connected, sql, query_id)

    def _own(self, keys: Sequence[str]) -> str | None:
        """Do what is the session's own business and not the database's; give its tag, None for the rest."""
        if keys[:2] == ["set", "client_encoding"]:
            check_encoding(keys[-1])
            return "SET"
        if keys[:1] == ["deallocate"] and keys[-1] in self._statements:
            del self._statements[keys[-1]]
            return "DEALLOCATE"
        if keys[:1] == ["deallocate"] and keys[-1] == "all":
            self._statements.clear()
        return None

    def _require_active(self) -> None:
        if self._is_cancelled:
            raise psycopg.errors.QueryCanceled("canceling statement due to user request")

    def _refuse_when_aborted(self, sql: str) -> None:
        if self._transaction is TransactionStatus.INERROR and not set(_keys(sql)[:1]) & _ENDS:
            raise SqlError(
                "current transaction is aborted, commands ignored until end of transaction block", sqlstate="25P02"
            )


def _read(connection: Connection, result: PGresult) -> _Read:
    refuse_whole_rows(connection, result)
    return _Read(values.fields_of(result), rows_of(result))


def _outcome(sql: str, done: Done[_Read], formats: Sequence[int]) -> _Outcome:
    keys = _keys(sql)
    tag = _tag(keys, done)
    if done.result is None or keys[0] in _NO_ROWS:
        return _Outcome(tag, None, iter(()))
    fields = done.result.fields
    encoders = [values.encoder(one.type) if format_of(formats, place) else None for place, one in enumerate(fields)]
    return _Outcome(tag, fields, done.result.rows, formats, done.rows, encoders=encoders)


def _tag(keys: Sequence[str], done: Done[_Read]) -> str:
    """Give what a statement is called when it is through; a SELECT has no count, as before PostgreSQL 9.0."""
    status = done.status
    if status.startswith("SELECT") and keys[0] not in _NO_ROWS:
        return "SELECT"
    if status.partition(" ")[0].lower() == keys[0]:
        return status
    return " ".join(keys[: 2 if keys[0] in {"create", "alter", "drop"} else 1]).upper()


def _encoded(row: Row, encoders: Sequence[Callable[[bytes], bytes] | None]) -> Row:
    if not any(encoders):
        return row
    pairs = zip(row, encoders, strict=True)
    return tuple(value if value is None or encode is None else encode(value) for value, encode in pairs)


def _keys(sql: str) -> list[str]:
    """Give the first words of a statement, and its last when it is a short one."""
    return [token.name if token.is_name else token.key or token.value for token in tokenize(sql)[:5]]


def _has_control(sqls: Sequence[str]) -> bool:
    return any(_keys(sql)[0] in _ALONE for sql in sqls)


def error_message(found: Report) -> bytes:
    """Build the message of an error, without its place: that is one in the translated statement."""
    fields = (
        ("S", found.severity),
        ("C", found.sqlstate),
        ("M", found.message),
        ("D", found.detail),
        ("H", found.hint),
    )
    return messages.report(b"E", fields)
