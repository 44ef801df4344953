"""Where the parts of a statement stand among its tokens: groups in parentheses, arguments, the clauses of a SELECT."""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.redshift.dialect.lexer import Token
from localcloud.redshift.errors import SqlError


def closing(tokens: Sequence[Token], opening: int) -> int:
    """Give the place of the parenthesis that ends a group.

    Args:
        tokens: of the statement.
        opening: the place of the parenthesis that begins it.

    Raises:
        SqlError: the group has no end.
    """
    depth = 0
    for place in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place].key, 0)
        if depth == 0:
            return place
    raise SqlError("syntax error at end of input")


def arguments(sql: str, tokens: Sequence[Token], opening: int, closing: int) -> list[str]:
    """Give the texts between the commas of a group."""
    edges = [tokens[opening].end]
    depth = 0
    for token in tokens[opening + 1 : closing]:
        depth += {"(": 1, ")": -1}.get(token.key, 0)
        if depth == 0 and token.key == ",":
            edges += (token.start, token.end)
    edges.append(tokens[closing].start)
    return [sql[begin:end].strip() for begin, end in zip(edges[::2], edges[1::2], strict=True)]


def clause_end(tokens: Sequence[Token], start: int, stops: frozenset[str]) -> int:
    """Give the place of the first of some words outside of parentheses, or of the parenthesis or end around."""
    depth = 0
    for place in range(start, len(tokens)):
        key = tokens[place].key
        depth += {"(": 1, ")": -1}.get(key, 0)
        if depth < 0:
            return place
        if depth == 0 and key in stops and not (key == "group" and place and tokens[place - 1].key == "within"):
            return place
    return len(tokens)


def select_of(tokens: Sequence[Token], place: int) -> int | None:
    """Give the place of the SELECT whose clauses a token is in, None when there is none."""
    depth = 0
    for at in range(place - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(tokens[at].key, 0)
        if depth < 0:
            return None
        if depth == 0 and tokens[at].key == "select":
            return at
    return None
