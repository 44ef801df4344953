"""PIVOT and UNPIVOT, written as groups and unions.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html
"""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.redshift.dialect.lexer import Kind, Token, quote_name, quote_text, tokenize
from localcloud.redshift.dialect.spans import arguments, clause_end, closing
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.typing.analyst import UnclearError, UnknownColumnError, analyst

_CLAUSES = frozenset(
    {
        "where", "group", "having", "order", "limit", "join", "left", "right", "full", "inner", "cross", "union", "on",
        "qualify", "natural", "intersect", "except",
    }
)  # fmt: skip


def without_pivot(sql: str) -> str:
    """Write PIVOT and UNPIVOT with what PostgreSQL has."""
    text = sql
    while True:
        tokens = tokenize(text)
        place = next((at for at in range(len(tokens)) if _begins(tokens, at)), None)
        if place is None:
            return text
        text = _replaced(text, tokens, place)


def _begins(tokens: Sequence[Token], at: int) -> bool:
    if tokens[at].key not in {"pivot", "unpivot"} or at + 1 >= len(tokens):
        return False
    return tokens[at + 1].key in {"(", "include", "exclude"}


def _replaced(sql: str, tokens: Sequence[Token], place: int) -> str:
    opening = place + 1 if tokens[place + 1].key == "(" else place + 3
    end = closing(tokens, opening)
    start, source = _source(sql, tokens, place)
    names = _columns(f"SELECT * FROM {source}")  # noqa: S608 - the user's own statement
    inside = tokens[opening + 1 : end]
    if tokens[place].key == "pivot":
        query = _pivot(sql, inside, source, names)
    else:
        query = _unpivot(inside, source, names, keeps_null=tokens[place + 1].key == "include")
    alias = "" if _has_alias(tokens, end) else " AS redshift_pivoted"
    return f"{sql[: tokens[start].start]}({query}){alias}{sql[tokens[end].end :]}"


def _source(sql: str, tokens: Sequence[Token], place: int) -> tuple[int, str]:
    """Give where the table or query before the word begins, and its text with an alias."""
    at = place - 1
    if tokens[at].is_name and (tokens[at - 1].key == "as" or tokens[at - 1].key == ")"):
        at -= 2 if tokens[at - 1].key == "as" else 1
        start = _table_start(tokens, at)
        return start, sql[tokens[start].start : tokens[place].start].strip()
    start = _table_start(tokens, at)
    text = sql[tokens[start].start : tokens[place].start].strip()
    return start, f"{text} AS redshift_source" if tokens[at].key == ")" else text


def _table_start(tokens: Sequence[Token], at: int) -> int:
    if tokens[at].key == ")":
        depth = 0
        for start in range(at, -1, -1):
            depth += {")": 1, "(": -1}.get(tokens[start].key, 0)
            if depth == 0:
                return start
        raise SqlError('syntax error at or near ")"')
    while at > 1 and tokens[at - 1].key == ".":
        at -= 2
    return at


def _has_alias(tokens: Sequence[Token], end: int) -> bool:
    following = tokens[end + 1] if end + 1 < len(tokens) else None
    if following is None or not following.is_name:
        return False
    return following.key not in _CLAUSES


def _columns(query: str) -> list[str]:
    asked = analyst()
    try:
        if asked is not None:
            return [column.name for column in asked.columns(query)]
    except UnclearError as error:
        raise SqlError(str(error)) from None
    except UnknownColumnError:
        pass
    raise NotInStandInError("PIVOT and UNPIVOT over what is not known before it runs", "CASE and GROUP BY")


def _pivot(sql: str, inside: Sequence[Token], source: str, names: Sequence[str]) -> str:
    word = clause_end(inside, 0, frozenset({"for"}))
    if word + 3 >= len(inside) or inside[word + 2].key != "in":
        raise SqlError('syntax error at or near "pivot"')
    column = inside[word + 1].name
    calls = _split(inside[:word])
    values = _split(inside[word + 4 : closing(inside, word + 3)])
    used = {token.name for call in calls for token in call if token.is_name} | {column}
    groups = [quote_name(name) for name in names if name not in used]
    results = [_pivoted(sql, call, column, value, is_only=len(calls) == 1) for value in values for call in calls]
    grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
    return f"SELECT {', '.join([*groups, *results])} FROM {source}{grouped}"  # noqa: S608 - the user's own statement


def _split(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    found: list[Sequence[Token]] = []
    depth, first = 0, 0
    for at, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token.key, 0)
        if depth == 0 and token.key == ",":
            found.append(tokens[first:at])
            first = at + 1
    return [*found, tokens[first:]]


def _pivoted(sql: str, call: Sequence[Token], column: str, value: Sequence[Token], *, is_only: bool) -> str:
    end = closing(call, 1)
    given = arguments(sql, call, 1, end)
    argument = "1" if given == ["*"] else given[0]
    alias = call[-1].name if len(call) > end + 1 else ""
    literal = value[0]
    name = value[-1].name if len(value) > 1 else literal.value if literal.kind is Kind.STRING else literal.text
    name = name if is_only and not alias else f"{name}_{alias or call[0].name}"
    condition = f"{quote_name(column)} = {literal.text}"
    return f"{call[0].text}(CASE WHEN {condition} THEN {argument} END) AS {quote_name(name)}"


def _unpivot(inside: Sequence[Token], source: str, names: Sequence[str], *, keeps_null: bool) -> str:
    if len(inside) < 6 or inside[1].key != "for" or inside[3].key != "in":
        raise SqlError('syntax error at or near "unpivot"')
    value, label = quote_name(inside[0].name), quote_name(inside[2].name)
    items = _split(inside[5 : closing(inside, 4)])
    turned = [item[0].name for item in items]
    kept = [quote_name(name) for name in names if name not in turned]
    parts = []
    for item in items:
        text = item[-1].value if item[-1].kind is Kind.STRING else item[-1].name
        column = quote_name(item[0].name)
        where = "" if keeps_null else f" WHERE {column} IS NOT NULL"
        listed = ", ".join([*kept, f"{quote_text(text)}::varchar AS {label}", f"{column} AS {value}"])
        parts.append(f"SELECT {listed} FROM {source}{where}")  # noqa: S608 - the user's own statement
    return " UNION ALL ".join(parts)
