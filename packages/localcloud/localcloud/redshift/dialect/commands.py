"""The statements of Redshift, and what the stand-in makes of each: a registry keyed by a statement's first words.

A statement whose first words are not here is refused. Later work adds kinds with :func:`register`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from localcloud.redshift.database import DATABASE
from localcloud.redshift.dialect import late_view, materialized, nonatomic, principals, procedures, shows
from localcloud.redshift.dialect.alter import alter_table
from localcloud.redshift.dialect.copy_command import copy
from localcloud.redshift.dialect.differences import OWN_SETTINGS
from localcloud.redshift.dialect.external_schema import create_external_schema
from localcloud.redshift.dialect.lexer import Kind, quote_name, quote_text, tokenize
from localcloud.redshift.dialect.merge import merge
from localcloud.redshift.dialect.prepared import Prepared, Scope
from localcloud.redshift.dialect.reader import Reader, TableName
from localcloud.redshift.dialect.rewrite import rewrite
from localcloud.redshift.dialect.spans import clause_end
from localcloud.redshift.dialect.tables import create_table, select_into
from localcloud.redshift.dialect.unload import unload
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.typing.analyst import analyst
from localcloud.redshift.typing.bodies import typed_body

Preparer = Callable[[str], Prepared]
_PREPARERS: dict[tuple[str, ...], Preparer] = {}
_LONGEST = 4
_LEVELS = {
    "serializable": "UPDATE pg_catalog.redshift_isolation SET level = 'serializable'",
    "snapshot": "UPDATE pg_catalog.redshift_isolation SET level = 'repeatable read'",
}


def register(*kinds: str) -> Callable[[Preparer], Preparer]:
    """Register what prepares the statements that begin with these words.

    Args:
        kinds: first words, in lower case, such as ``create external schema``.
    """

    def add(preparer: Preparer) -> Preparer:
        _PREPARERS.update({tuple(kind.split()): preparer for kind in kinds})
        return preparer

    return add


def prepare(sql: str) -> Prepared:
    """Give one Redshift statement ready for PostgreSQL.

    Raises:
        SqlError: Redshift would refuse the statement, or the stand-in cannot run it.
    """
    tokens = tokenize(sql)
    first = [token.key for token in tokens[:_LONGEST]]
    if first and first[0] == "(":
        return select(sql)
    for length in range(_LONGEST, 0, -1):
        preparer = _PREPARERS.get(tuple(first[:length]))
        if preparer is not None:
            return preparer(sql)
    if not tokens:
        raise SqlError("syntax error at end of input")
    raise SqlError(f'syntax error at or near "{tokens[0].text}"', "Redshift has no such statement")


register("copy")(copy)
register("unload")(unload)
register("merge")(merge)
register("create table", "create temp table", "create temporary table", "create local temp table")(create_table)
register("create local temporary table")(create_table)
register("alter table")(alter_table)
register("create external schema")(create_external_schema)
register("create user")(principals.create_user)
register("alter user")(principals.alter_user)
register("create group")(principals.create_group)
register("create role")(principals.create_role)
register("drop role")(principals.drop_role)
register("grant", "revoke")(principals.grant)
register("alter default privileges")(principals.alter_default_privileges)
register("create schema", "alter schema")(principals.schema)
register("create materialized view")(materialized.create)
register("refresh materialized view")(materialized.refresh)
register("show schemas")(shows.show_schemas)
register("show tables")(shows.show_tables)
register("show columns")(shows.show_columns)
register("show databases")(shows.show_databases)
register("show table")(shows.show_table)
register("show view")(shows.show_view)
register("create function", "create or replace function")(procedures.create_function)


@register("select", "explain", "values", "show", "table")
def select(sql: str) -> Prepared:
    """Prepare a query."""
    reader = Reader(sql)
    if reader.looks_at("values") or reader.looks_at("table"):
        raise reader.error()
    setting = reader.peek(1)
    if reader.looks_at("show") and setting is not None and setting.key in OWN_SETTINGS:
        shown = f"coalesce(current_setting('redshift.{setting.key}', true), {quote_text(OWN_SETTINGS[setting.key])})"
        return Prepared("show", (f"SELECT {shown} AS {setting.key}",))
    return select_into(sql) or Prepared("select", (rewrite(sql),))


@register("with")
def with_query(sql: str) -> Prepared:
    """Prepare a query with common table expressions; they read only."""
    text = rewrite(sql)
    keys = [token.key for token in tokenize(text)]
    for place, key in enumerate(keys):
        if key in {"insert", "update", "delete", "merge"} and keys[place - 1] == "(":
            raise SqlError(f'syntax error at or near "{key.upper()}"', "a common table expression only reads")
        if key == "merge" and keys[place - 1] == ")":
            raise SqlError('syntax error at or near "MERGE"', "MERGE has no WITH clause")
    if clause_end(tokenize(text), 1, frozenset({"insert"})) < len(keys):
        raise SqlError('syntax error at or near "INSERT"', "WITH stands behind INSERT INTO and its columns")
    return Prepared("select", (text,), locks=_written_after_with(text))


def _written_after_with(sql: str) -> tuple[TableName, ...]:
    reader = Reader(sql)
    depth = 0
    while not reader.at_end:
        if depth == 0 and (reader.take("delete", "from") or reader.take("update")):
            return (reader.table(),)
        depth += {"(": 1, ")": -1}.get(reader.next().key, 0)
    return ()


@register("insert")
def insert(sql: str) -> Prepared:
    """Prepare INSERT; several may write one table at a time, so nothing is locked."""
    reader = Reader(sql)
    reader.expect("insert", "into")
    reader.table()
    keys = [token.key for token in reader.tokens]
    if "values" in keys and "select" in keys[keys.index("values") :]:
        rows = clause_end(reader.tokens, keys.index("values") + 1, frozenset({","}))
        if rows < len(keys):
            raise SqlError("subqueries are not supported in VALUES with more than one row")
    return Prepared("insert", (rewrite(sql),))


@register("update")
def update(sql: str) -> Prepared:
    """Prepare UPDATE; what it joins, it joins by its WHERE clause.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_UPDATE.html
    """
    reader = Reader(sql)
    keys = [token.key for token in reader.tokens]
    outer = {"left", "right", "full"} & set(keys)
    if outer and "join" in keys and clause_end(reader.tokens, 0, frozenset(outer)) < len(keys):
        raise SqlError(
            "Target table must be part of an equijoin predicate", "UPDATE has no outer joins in its FROM clause"
        )
    if keys[keys.index("set") + 1 : keys.index("set") + 2] == ["("] if "set" in keys else False:
        raise SqlError('syntax error at or near "("', "UPDATE sets one column at a time")
    reader.expect("update")
    return Prepared("update", (rewrite(sql),), locks=(reader.table(),))


@register("delete")
def delete(sql: str) -> Prepared:
    """Prepare DELETE; Redshift lets FROM be left out."""
    reader = Reader(sql)
    reader.expect("delete")
    reader.take("from")
    table = reader.table()
    words = ["DELETE FROM", table.sql, reader.rest()]
    return Prepared("delete", (rewrite(" ".join(words)),), locks=(table,))


@register("truncate")
def truncate(sql: str) -> Prepared:
    """Prepare TRUNCATE: it commits the transaction in which it runs.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNCATE.html
    """
    reader = Reader(sql)
    reader.expect("truncate")
    reader.take("table")
    table = reader.table()
    reader.end()
    return Prepared("truncate", (f"TRUNCATE TABLE {table.sql}",), scope=Scope.COMMITS)


@register("vacuum")
def vacuum(sql: str) -> Prepared:
    """Prepare VACUUM: it cannot run inside a transaction block.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_VACUUM_command.html
    """
    reader = Reader(sql)
    reader.expect("vacuum")
    for words in (("full",), ("sort", "only"), ("delete", "only"), ("reindex",), ("recluster",)):
        if reader.take(*words):
            break
    table = "" if reader.at_end or reader.looks_at("to") else f" {reader.table().sql}"
    if reader.take("to"):
        reader.integer()
        reader.expect("percent")
    reader.take("boost")
    reader.end()
    return Prepared("vacuum", (f"VACUUM{table}",), scope=Scope.ALONE)


@register("analyze")
def analyze(sql: str) -> Prepared:
    """Prepare ANALYZE; ANALYZE COMPRESSION is Redshift's own and not here."""
    reader = Reader(sql)
    reader.expect("analyze")
    if reader.looks_at("compression"):
        raise NotInStandInError("ANALYZE COMPRESSION")
    reader.take("verbose")
    if reader.at_end:
        return Prepared("analyze", ("ANALYZE",))
    table = reader.table()
    columns = f" ({', '.join(quote_name(name) for name in reader.names())})" if reader.looks_at("(") else ""
    if not reader.take("predicate", "columns"):
        reader.take("all", "columns")
    reader.end()
    return Prepared("analyze", (f"ANALYZE {table.sql}{columns}",))


@register("lock")
def lock(sql: str) -> Prepared:
    """Prepare LOCK: always ACCESS EXCLUSIVE, readers wait as well.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
    """
    reader = Reader(sql)
    reader.expect("lock")
    reader.take("table")
    tables = [reader.table()]
    while reader.take(","):
        tables.append(reader.table())
    reader.end()
    return Prepared("lock", (f"LOCK TABLE {', '.join(table.sql for table in tables)} IN ACCESS EXCLUSIVE MODE",))


@register("create view", "create or replace view")
def create_view(sql: str) -> Prepared:
    """Prepare CREATE VIEW; its query is prepared like one that runs.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
    """
    late = late_view.read_late_view(sql)
    if late is not None:
        return late_view.create(late)
    reader = Reader(sql)
    reader.expect("create")
    head = "CREATE OR REPLACE VIEW" if reader.take("or", "replace") else "CREATE VIEW"
    reader.expect("view")
    name = reader.table().sql
    columns = f" ({', '.join(map(quote_name, reader.names()))})" if reader.looks_at("(") else ""
    reader.expect("as")
    return Prepared("create view", (f"{head} {name}{columns} AS {rewrite(reader.rest())}",))


@register(
    "drop schema", "drop table", "drop view", "drop procedure", "drop function", "comment", "set", "reset",
    "drop user", "drop group", "alter group", "alter procedure", "drop materialized view", "fetch",
    "close", "execute", "deallocate",
)  # fmt: skip
def as_written(sql: str) -> Prepared:
    """Prepare what both databases write alike."""
    keys = [token.key for token in tokenize(sql)]
    if keys[0] == "set" and keys[1:2] in (["local"], ["transaction"], ["enable_case_sensitive_identifier"]):
        raise NotInStandInError(f"SET {keys[1].upper()}")
    if keys[0] in {"set", "reset"} and keys[1:2] and keys[1] in OWN_SETTINGS:
        return Prepared(keys[0], (re.sub(rf"(?i)\b{keys[1]}\b", f"redshift.{keys[1]}", sql, count=1),))
    if keys[:3] == ["set", "session", "authorization"]:
        raise NotInStandInError("SET SESSION AUTHORIZATION", "SecretArn, whose user runs the statement")
    return Prepared(" ".join(keys[:2]) if keys[0] in {"create", "alter", "drop"} else keys[0], (rewrite(sql),))


@register("create procedure", "create or replace procedure")
def create_procedure(sql: str) -> Prepared:
    """Prepare CREATE PROCEDURE; the body is rewritten like a query.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-create.html
    """
    keys = [token.key for token in tokenize(sql)]
    if "plpgsql" not in keys:
        raise SqlError("language not supported for procedures: only plpgsql is")
    return Prepared("create procedure", (_rewrite_bodies(sql),))


def _rewrite_bodies(sql: str) -> str:
    pieces: list[str] = []
    position = 0
    word = nonatomic.word(sql)
    adapt = procedures.body if word is None else nonatomic.nonatomic
    sql = sql if word is None else sql[: word.start] + sql[word.end :]
    signature = Reader(sql)
    while not (signature.at_end or signature.looks_at("(")):
        signature.next()
    parameters = signature.group()
    for token in tokenize(sql):
        if token.kind is Kind.BODY:
            edge = token.text[: token.text.index("$", 1) + 1]
            text = rewrite(adapt(token.value))
            asked = analyst()
            text = typed_body(text, parameters, asked) if asked is not None else text
            pieces += (rewrite(sql[position : token.start]), edge, text, edge)
            position = token.end
    return "".join((*pieces, rewrite(sql[position:])))


@register("call")
def call(sql: str) -> Prepared:
    """Prepare CALL: outside a transaction block the procedure may commit."""
    return Prepared("call", (rewrite(procedures.with_outputs(sql)),), scope=Scope.MAY_COMMIT)


@register("begin", "start transaction", "commit", "end", "rollback", "abort")
def transaction(sql: str) -> Prepared:
    """Prepare transaction control."""
    return Prepared("transaction", (rewrite(sql),), scope=Scope.CONTROLS)


@register("declare")
def declare(sql: str) -> Prepared:
    """Prepare DECLARE of a cursor, which lives in a transaction.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/declare.html
    """
    reader = Reader(sql)
    reader.expect("declare")
    name = reader.name()
    reader.expect("cursor")
    # As psycopg2 writes it; PostgreSQL 8.0 has it, and it means nothing.
    reader.take("without", "hold")
    reader.expect("for")
    step = f"DECLARE {quote_name(name)} CURSOR FOR {prepare_query(reader.rest())}"
    # Outside a transaction block it runs without one, so that PostgreSQL refuses it.
    return Prepared("declare", (step,), scope=Scope.MAY_COMMIT)


@register("prepare")
def prepare_statement(sql: str) -> Prepared:
    """Prepare PREPARE of a query or an INSERT; what else it may hold takes locks when it is executed.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_PREPARE.html
    """
    reader = Reader(sql)
    reader.expect("prepare")
    name = quote_name(reader.name())
    types = f" ({rewrite(reader.group())})" if reader.looks_at("(") else ""
    reader.expect("as")
    token = reader.peek()
    if token is not None and token.key in {"update", "delete"}:
        raise NotInStandInError(f"PREPARE of {token.key.upper()}")
    return Prepared("prepare", (f"PREPARE {name}{types} AS {prepare_query(reader.rest())}",))


def prepare_query(sql: str) -> str:
    """Give the one step of a query or an INSERT that stands inside another statement.

    Raises:
        SqlError: it is something else.
    """
    inner = prepare(sql)
    if inner.kind not in {"select", "insert"} or inner.locks:
        raise Reader(sql).error()
    return inner.steps[0]


@register("alter database")
def alter_database(sql: str) -> Prepared:
    """Prepare ALTER DATABASE ... ISOLATION LEVEL, which holds for sessions that begin later.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DATABASE.html
    """
    reader = Reader(sql)
    reader.expect("alter", "database")
    name = reader.name()
    if not reader.take("isolation", "level"):
        raise NotInStandInError("ALTER DATABASE but for its ISOLATION LEVEL")
    change = next((change for word, change in _LEVELS.items() if reader.take(word)), None)
    if change is None:
        raise reader.error()
    reader.end()
    if name != DATABASE:
        raise SqlError(f'database "{name}" does not exist')
    return Prepared("alter database", (change,), scope=Scope.ALONE)


@register(
    "create external function", "create or replace external", "create external model",
    "create database", "drop database",
    "create datashare", "alter datashare", "drop datashare", "desc datashare", "show datashares", "create model",
    "drop model", "show model", "alter materialized view", "cancel", "alter role", "create rls policy",
    "alter rls policy", "drop rls policy", "attach rls policy", "detach rls policy", "create masking policy",
    "alter masking policy", "drop masking policy", "attach masking policy", "detach masking policy", "create library",
    "create or replace library", "drop library", "create identity provider", "alter identity provider",
    "drop identity provider", "desc identity provider", "analyse compression", "show grants",
    "show procedure", "use",
)  # fmt: skip
def not_here(sql: str) -> Prepared:
    """Refuse what Redshift has and the stand-in has not."""
    words = [token.text.upper() for token in tokenize(sql)[:5] if token.kind is Kind.WORD]
    if words[1:3] == ["OR", "REPLACE"]:
        del words[1:3]
    is_long = bool({"EXTERNAL", "MATERIALIZED", "POLICY", "PROVIDER"} & set(words[1:3]))
    raise NotInStandInError(" ".join(words[: _words_of(words[0], is_long=is_long)]))


def _words_of(first: str, *, is_long: bool) -> int:
    if first in {"USE", "CANCEL"}:
        return 1
    return 3 if is_long else 2
