"""What a statement has to do with external schemas: the tables it names, and what it may not do with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from localcloud.redshift.dialect.lexer import Kind, Token, quote_name, tokenize
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.spectrum.stored import ExternalSchema

Schemas = Mapping[str, ExternalSchema]
_WORD = re.compile(r"[\w$#]+")
#: Beginnings of statements that end just before a table that they write. Longer ones come first.
_READ_ONLY = (
    "update", "delete from", "delete", "truncate table", "truncate", "copy", "merge into", "analyze", "lock table",
    "lock", "create table if not exists", "create table", "create or replace view", "create view",
    "create or replace procedure", "create procedure",
)  # fmt: skip
#: The same, for what Redshift can do with an external table.
_NOT_HERE = ("insert into", "alter table", "drop table if exists", "drop table")


@dataclass(frozen=True)
class Mention:
    """A table that a statement names, which the catalog may or may not have.

    Attributes:
        schema: its schema.
        table: its name.
        is_guess: whether nothing names it, but a procedure may read it all the same.
    """

    schema: ExternalSchema
    table: str
    is_guess: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"External table {self.schema.name}.{self.table}"


def mentions(sql: str, schemas: Schemas) -> tuple[Mention, ...]:
    """Give the external tables that a statement names as ``schema.table``, each once."""
    found = {Mention(schemas[schema.name], table.name): None for schema, table in names_in(tokenize(sql), schemas)}
    return tuple(found)


def names_in(tokens: Sequence[Token], schemas: Schemas) -> Iterator[tuple[Token, Token]]:
    """Give schema and table of every external table that stands in the tokens, as often as it does."""
    for schema, dot, table in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if dot.key == "." and schema.is_name and table.is_name and schema.name in schemas:
            yield schema, table


def words(text: str) -> set[str]:
    """Give every word of a text, those inside strings and comments too, in lower case."""
    return {word.lower() for word in _WORD.findall(text)}


def refuse(sql: str, schemas: Schemas) -> None:
    """Refuse what cannot be done with an external table or schema.

    Raises:
        NotInStandInError: Redshift can.
        SqlError: Redshift cannot either.
    """
    for head in (*_READ_ONLY, *_NOT_HERE):
        reader = Reader(sql)
        if reader.take(*head.split()):
            _refuse_target(reader, head, schemas)
            break
    keys = [token.key for token in tokenize(sql)]
    if keys[:1] in (["grant"], ["revoke"]):
        _refuse_privileges(sql, schemas)
    elif keys[:1] in (["vacuum"], ["comment"]) and mentions(sql, schemas):
        raise SqlError(f"{keys[0].upper()} is not supported for external tables")
    elif keys[:1] == ["prepare"] and mentions(sql, schemas):
        raise NotInStandInError("PREPARE with an external table")
    elif keys[:2] == ["create", "materialized"] and mentions(sql, schemas):
        raise NotInStandInError("A materialized view with an external table")
    elif keys[:1] == ["create"] and "view" in keys[1:4] and mentions(sql, schemas):
        _refuse_view(keys)
    elif keys[:2] == ["set", "search_path"]:
        _refuse_search_path(sql, schemas)


def _refuse_target(reader: Reader, head: str, schemas: Schemas) -> None:
    token = reader.peek()
    if token is None or not token.is_name:
        return
    table = reader.table()
    if table.schema not in schemas:
        return
    if head in _NOT_HERE:
        raise NotInStandInError(f"{head.upper()} for the external table {table}")
    raise SqlError(f"{head.upper()} is not supported for external tables", f"{table} is read only")


def _refuse_privileges(sql: str, schemas: Schemas) -> None:
    reader = Reader(sql)
    reader.until("on")
    is_all = reader.take("on", "all", "tables", "in", "schema") and reader.name() in schemas
    if is_all or mentions(sql, schemas):
        raise SqlError(
            "privileges of external tables cannot be granted or revoked",
            "use those of the external schema: GRANT USAGE ON SCHEMA",
        )


def _refuse_view(keys: Sequence[str]) -> None:
    # A late binding view is allowed; the dialect says that it is not here.
    if list(keys[-4:]) != ["with", "no", "schema", "binding"]:
        raise SqlError(
            "External tables are not supported in views",
            "Please use late binding view and add 'with no schema binding' at the query end.",
        )


def _refuse_search_path(sql: str, schemas: Schemas) -> None:
    for token in tokenize(sql):
        named = token.value.lower() if token.kind is Kind.STRING else token.name
        if named in schemas and (token.is_name or token.kind is Kind.STRING):
            raise SqlError(f'External schema "{named}" cannot be set in search_path')


def drop_cascade(sql: str, schemas: Schemas) -> str:
    """Let DROP SCHEMA of an external schema drop what the stand-in keeps in it.

    Raises:
        NotInStandInError: the statement drops the catalog's database as well, or local schemas beside external ones.
    """
    reader = Reader(sql)
    if not reader.take("drop", "schema"):
        return sql
    reader.take("if", "exists")
    names = [reader.name()]
    while reader.take(","):
        names.append(reader.name())
    external = [name for name in names if name in schemas]
    if not external:
        return sql
    if reader.looks_at("drop", "external", "database"):
        raise NotInStandInError("DROP SCHEMA with DROP EXTERNAL DATABASE")
    if len(external) < len(names):
        raise NotInStandInError("DROP SCHEMA of external and local schemas at once")
    if not (reader.take("cascade") or reader.take("restrict")):
        reader.end()
    return f"DROP SCHEMA {', '.join(map(quote_name, names))} CASCADE"
