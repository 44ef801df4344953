"""The columns ``"$path"`` and ``"$size"``, which every external table has and ``*`` does not show.

The rows lie in a table that has them as columns: a statement that names one reads that table, and its ``*`` is spelled
out.
Source: https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-external-tables.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from localcloud.redshift.dialect.lexer import Kind, Token, quote_name, replace, tokenize
from localcloud.redshift.errors import NotInStandInError
from localcloud.redshift.spectrum.mentions import Mention, Schemas, mentions, names_in
from localcloud.redshift.spectrum.scopes import sources
from localcloud.redshift.spectrum.stored import PATH, SIZE

_PSEUDOCOLUMNS = frozenset({PATH, SIZE})
_OBJECT_ID = "$spectrum_oid"
Names = Callable[[Mention], tuple[str, ...]]


def with_pseudocolumns(sql: str, schemas: Schemas, names: Names) -> str:
    """Let a statement that names ``"$path"`` or ``"$size"`` read the tables that have them as columns.

    Args:
        sql: the statement.
        schemas: the external schemas.
        names: gives the columns that ``*`` means.

    Raises:
        NotInStandInError: the statement asks for all columns too, in a place where they cannot be spelled out; or it is
            a procedure, whose dynamic SQL is not known.
    """
    tokens = tokenize(sql)
    if any(token.kind is Kind.BODY and any(f'"{name}"' in token.text for name in _PSEUDOCOLUMNS) for token in tokens):
        raise NotInStandInError("A pseudocolumn in a procedure")
    quoted = {token.name for token in tokens if token.kind is Kind.QUOTED}
    if _OBJECT_ID in quoted:
        raise NotInStandInError(f'The pseudocolumn "{_OBJECT_ID}"')
    if not quoted & _PSEUDOCOLUMNS or not mentions(sql, schemas):
        return sql
    changes = {schema.start: quote_name(schemas[schema.name].storage) for schema, _ in names_in(tokens, schemas)}
    stars = [place for place in range(1, len(tokens)) if _is_all_columns(tokens, place)]
    if stars:
        changes |= _spelled_out(tokens, stars, _columns(sql, schemas, names))
    return replace(sql, tokens, lambda token: changes.get(token.start))


def _is_all_columns(tokens: Sequence[Token], place: int) -> bool:
    return tokens[place].key == "*" and tokens[place - 1].key in {"select", "distinct", "all", ",", "."}


def _columns(sql: str, schemas: Schemas, names: Names) -> dict[str, str]:
    """Give what ``*`` means of each table, by its alias and in the order of the FROM clause."""
    found = sources(sql)
    if found is None:
        raise NotInStandInError(
            '* beside a pseudocolumn such as "$path" in a statement with joins by USING or subqueries'
        )
    columns: dict[str, str] = {}
    for schema, table, alias in found:
        shown = names(Mention(schemas[schema], table)) if schema in schemas else ()
        parts = [f"{quote_name(alias)}.{quote_name(name)}" for name in shown] or [f"{quote_name(alias)}.*"]
        columns[alias] = ", ".join(parts)
    return columns


def _spelled_out(tokens: Sequence[Token], stars: Sequence[int], columns: dict[str, str]) -> dict[int, str]:
    changes: dict[int, str] = {}
    for place in stars:
        if tokens[place - 1].key != ".":
            changes[tokens[place].start] = ", ".join(columns.values())
            continue
        owner = tokens[place - 2]
        if tokens[place - 3].key == "." or owner.name not in columns:
            raise NotInStandInError(f'{owner.text}.* beside a pseudocolumn such as "$path"')
        changes |= {owner.start: columns[owner.name], tokens[place - 1].start: "", tokens[place].start: ""}
    return changes
