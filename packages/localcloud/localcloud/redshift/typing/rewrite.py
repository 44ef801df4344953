"""Writes into a statement what its types decide.

Names that no table has and that are aliases of the same list become the expressions that they stand for; quotients of
decimals are cut to Redshift's scale; what may have more than 38 digits is looked at when it is computed.
Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.redshift.dialect.lexer import Kind, Token, tokenize
from localcloud.redshift.typing.analyst import Analyst, UnclearError, UnknownColumnError
from localcloud.redshift.typing.decimals import MAX_DIGITS, Decimal
from localcloud.redshift.typing.nodes import Node
from localcloud.redshift.typing.types import DIVIDE

_MOST_ALIASES = 200
_LOWER = frozenset(
    {
        "+", "-", "||", "=", "<", ">", "<=", ">=", "<>", "!=", "~", "!~", "&", "|", "#", ",", "(", "[", ";", ":=",
        "=>", "<<", ">>", "~~", "!~~", "~~*", "!~~*", "and", "or", "not", "select", "distinct", "all", "when",
        "then", "else", "case", "by", "on", "where", "having", "in", "between", "like", "ilike", "is", "as", "from",
        "set", "values", "limit", "offset", "return", "returning", "using", "union", "except", "intersect", "asc",
        "desc", "nulls", "end", "escape", "similar", "to", "any", "some", "exists", "order", "group", "over", "with",
        "into", "join", "interval",
    }
)  # fmt: skip
_HIGHER = frozenset({"*", "/", "%"})


def typed(sql: str, analyst: Analyst) -> str:
    """Give a statement with Redshift's arithmetic and without names that are aliases of the same list.

    A statement that PostgreSQL cannot analyse stays as it is, and fails when it runs.

    Args:
        sql: a query, INSERT, UPDATE, DELETE or MERGE as PostgreSQL would run it.
        analyst: analyses it.
    """
    try:
        text = _without_aliases(sql, analyst) if _may_name_aliases(sql) else sql
        return _with_arithmetic(text, analyst) if _computes(text) else text
    except (UnclearError, UnknownColumnError):
        return sql


def _computes(sql: str) -> bool:
    tokens = tokenize(sql)
    if any(token.text == "38" for token in tokens) and any(token.key in {"+", "-"} for token in tokens):
        return True
    return any(
        token.key in _HIGHER and place and (tokens[place - 1].key not in {"(", ".", ",", "select", "distinct", "all"})
        for place, token in enumerate(tokens)
    )


# -- Aliases of the same list


def _may_name_aliases(sql: str) -> bool:
    tokens = tokenize(sql)
    names = {
        token.name: place
        for place, token in enumerate(tokens)
        if token.is_name and place and tokens[place - 1].key == "as"
    }
    return any(
        token.is_name and names.get(token.name, place) < place and tokens[place - 1].key not in {"as", "."}
        for place, token in enumerate(tokens)
    )


def _without_aliases(sql: str, analyst: Analyst) -> str:
    text = sql
    for _ in range(_MOST_ALIASES):
        try:
            analyst.check(text)
        except UnknownColumnError as error:
            text = _with_alias(text, error)
        else:
            return text
    raise UnclearError


def _with_alias(sql: str, unknown: UnknownColumnError) -> str:
    """Put the expression of an alias in the place of its name."""
    tokens = tokenize(sql)
    place = next((at for at, token in enumerate(tokens) if token.start == unknown.place), None)
    if place is None or not tokens[place].is_name:
        raise unknown
    start = _list_around(tokens, place)
    found = _aliased(sql, tokens, start, place) if start is not None else None
    if found is None:
        raise unknown
    return f"{sql[: tokens[place].start]}({found}){sql[tokens[place].end :]}"


def _list_around(tokens: Sequence[Token], place: int) -> int | None:
    """Give the place behind the SELECT whose list, or clauses behind it, a token stands in."""
    depth = 0
    for at in range(place - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(tokens[at].key, 0)
        if tokens[at].key == "select" and depth <= 0:
            return at + 1
    return None


def _aliased(sql: str, tokens: Sequence[Token], start: int, place: int) -> str | None:
    """Give the expression before ``AS name`` in a list that begins at a place, before another place."""
    depth, begin = 0, start
    for at in range(start, place):
        key = tokens[at].key
        if depth == 0 and key == "as" and at + 1 < place and tokens[at + 1].name == tokens[place].name:
            begin = begin + 1 if tokens[begin].key in {"distinct", "all"} else begin
            return sql[tokens[begin].start : tokens[at - 1].end]
        depth += {"(": 1, ")": -1}.get(key, 0)
        if depth == 0 and key == ",":
            begin = at + 1
        if depth < 0 or (depth == 0 and key == "from"):
            return None
    return None


# -- Arithmetic


@dataclass(frozen=True)
class Computation:
    """Where a computation stands: its first token, its operator, its last token."""

    first: int
    operator: int
    last: int
    type: Decimal
    is_quotient: bool


def _with_arithmetic(sql: str, analyst: Analyst) -> str:
    types = analyst.types(sql)
    encoded = sql.encode()
    tokens = tokenize(sql)
    by_start = {token.start: place for place, token in enumerate(tokens)}
    found: list[Computation] = []
    for node, result in types.computed():
        location = node.number("location")
        if location < 0 or not needs_care(node, result):
            continue
        place = by_start.get(len(encoded[:location].decode()))
        if place is None:
            raise UnclearError
        found.append(computation(tokens, place, node, result))
    return written(sql, tokens, found)


def needs_care(node: Node, result: Decimal) -> bool:
    """Whether PostgreSQL would compute it otherwise: a quotient, or what may have too many digits."""
    return node.number("opno") == DIVIDE or result.precision == MAX_DIGITS


def computation(tokens: Sequence[Token], place: int, node: Node, result: Decimal) -> Computation:
    """Give where a computation begins and ends.

    Args:
        tokens: of the statement.
        place: of its operator.
        node: as it was analysed.
        result: its type.

    Raises:
        UnclearError: its operands cannot be found.
    """
    is_lower = tokens[place].key not in _HIGHER
    first = _operand_before(tokens, place)
    while True:
        operator = tokens[first - 1].key if first else ""
        is_chained = operator in _HIGHER or (is_lower and operator in {"+", "-"} and _is_binary(tokens, first - 1))
        if not is_chained:
            break
        first = _operand_before(tokens, first - 1)
    last = _operand_after(tokens, place)
    while is_lower and last + 1 < len(tokens) and tokens[last + 1].key in _HIGHER:
        last = _operand_after(tokens, last + 1)
    return Computation(first, place, last, result, node.number("opno") == DIVIDE)


def _is_binary(tokens: Sequence[Token], place: int) -> bool:
    return place > 0 and tokens[place - 1].key not in _LOWER - {"end"} and tokens[place - 1].key not in _HIGHER


def _operand_before(tokens: Sequence[Token], operator: int) -> int:
    """Give the first token of the operand that ends before an operator, with its sign."""
    at = _primary_before(tokens, operator - 1)
    while at and tokens[at - 1].key in {"::", ".", "^"}:
        at = _primary_before(tokens, at - 2)
    while at and tokens[at - 1].key in {"+", "-"} and not _is_binary(tokens, at - 1):
        at -= 1
    return at


def _primary_before(tokens: Sequence[Token], last: int) -> int:
    if last < 0:
        raise UnclearError
    at = last
    if tokens[at].key == "end":
        return _case_before(tokens, at)
    if tokens[at].key not in {")", "]"}:
        # A type of two words behind a cast: double precision.
        return at - 1 if tokens[at].key == "precision" else at
    at = _opening(tokens, at)
    before = tokens[at - 1] if at else None
    if before is None or not before.is_name or (before.kind is Kind.WORD and before.key in _LOWER - {"over"}):
        if before is not None and before.key == "group" and tokens[at - 2].key == "within":
            return _primary_before(tokens, at - 3)
        return at
    if before.key == "over":
        return _primary_before(tokens, at - 2)
    at -= 1
    while at > 1 and tokens[at - 1].key == "." and tokens[at - 2].is_name:
        at -= 2
    return at


def _opening(tokens: Sequence[Token], closing: int) -> int:
    depth = 0
    for at in range(closing, -1, -1):
        depth += {")": 1, "]": 1, "(": -1, "[": -1}.get(tokens[at].key, 0)
        if depth == 0:
            return at
    raise UnclearError


def _case_before(tokens: Sequence[Token], end: int) -> int:
    depth = 0
    for at in range(end, -1, -1):
        depth += {"end": 1, "case": -1}.get(tokens[at].key, 0)
        if depth == 0:
            return at
    raise UnclearError


def _operand_after(tokens: Sequence[Token], operator: int) -> int:
    """Give the last token of the operand that begins behind an operator."""
    at = operator + 1
    while at < len(tokens) and tokens[at].key in {"+", "-", "@", "~"}:
        at += 1
    at = _primary_after(tokens, at)
    while at + 1 < len(tokens):
        key = tokens[at + 1].key
        if key in {"::", ".", "^"}:
            at = _primary_after(tokens, at + 2)
        elif key == "over" or (key == "within" and at + 3 < len(tokens)):
            at = _closing(tokens, at + (2 if key == "over" else 3))
        else:
            return at
    return at


def _primary_after(tokens: Sequence[Token], at: int) -> int:
    if at >= len(tokens):
        raise UnclearError
    if tokens[at].key == "case":
        depth = 0
        for place in range(at, len(tokens)):
            depth += {"case": 1, "end": -1}.get(tokens[place].key, 0)
            if depth == 0:
                return place
        raise UnclearError
    if tokens[at].key == "(":
        return _closing(tokens, at)
    if at + 1 < len(tokens) and tokens[at + 1].key == "(" and tokens[at].is_name:
        return _closing(tokens, at + 1)
    return at + 1 if tokens[at].key == "double" else at


def _closing(tokens: Sequence[Token], opening: int) -> int:
    depth = 0
    for at in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[at].key, 0)
        if depth == 0:
            return at
    raise UnclearError


def written(sql: str, tokens: Sequence[Token], found: Sequence[Computation]) -> str:
    """Write computations into the text of their statement."""
    # Around one place, what is outside begins first and ends last.
    before: dict[int, list[str]] = {}
    behind: dict[int, list[str]] = {}
    replaced: dict[int, str] = {}
    for one in sorted(found, key=lambda each: each.first - each.last):
        start, end = tokens[one.first].start, tokens[one.last].end
        if one.is_quotient:
            before.setdefault(start, []).append("pg_catalog.redshift_divided(")
            replaced[tokens[one.operator].start] = ","
            behind.setdefault(end, []).insert(0, f", {one.type.scale})::{one.type.sql}")
        else:
            before.setdefault(start, []).append("pg_catalog.redshift_fitting(")
            behind.setdefault(end, []).insert(0, f", {one.type.scale})::{one.type.sql}")
    pieces: list[str] = []
    position = 0
    for token in tokens:
        pieces += (sql[position : token.start], *before.get(token.start, ()), replaced.get(token.start, token.text))
        pieces += behind.get(token.end, ())
        position = token.end
    return "".join((*pieces, sql[position:]))
