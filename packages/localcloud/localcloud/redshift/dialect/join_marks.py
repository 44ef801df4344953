"""Outer joins that a WHERE clause marks with ``(+)``, written as joins of the FROM clause.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_WHERE_oracle_outer.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from localcloud.redshift.dialect.lexer import Token, tokenize
from localcloud.redshift.dialect.spans import clause_end, select_of
from localcloud.redshift.errors import NotInStandInError, SqlError

_MARK = ["(", "+", ")"]
_FROM_END = frozenset(
    {"where", "group", "having", "qualify", "order", "limit", "offset", "union", "intersect", "except", "minus", ";"}
)
_JOINS = frozenset({"join", "natural"})


@dataclass(frozen=True)
class _Part:
    """An item of FROM or a condition of WHERE.

    Attributes:
        text: without marks.
        marked: the names before the columns that are marked, in lower case.
        named: those before all columns.
    """

    text: str
    marked: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()


def without_join_marks(sql: str) -> str:
    """Give a statement without ``(+)``.

    Raises:
        SqlError: a mark stands where Redshift does not take it.
    """
    text = sql
    while (place := _last_mark(text)) is not None:
        text = _joined(text, place)
    return text


def _last_mark(sql: str) -> int | None:
    if "(" not in sql or "+" not in sql:
        return None
    keys = [token.key for token in tokenize(sql)]
    return max(
        (at for at in range(1, len(keys) - 2) if keys[at : at + 3] == _MARK and _is_column(sql, at)), default=None
    )


def _is_column(sql: str, place: int) -> bool:
    return tokenize(sql)[place - 1].is_name


def _joined(sql: str, place: int) -> str:
    tokens = tokenize(sql)
    select = select_of(tokens, place)
    source = clause_end(tokens, select + 1, frozenset({"from"})) if select is not None else len(tokens)
    where = clause_end(tokens, source + 1, _FROM_END)
    if source >= place or where >= place or tokens[where].key != "where":
        raise SqlError(
            'syntax error at or near "(+)"', "a condition of WHERE, outside of parentheses, marks an outer join"
        )
    end = clause_end(tokens, where + 1, _FROM_END - {"where"})
    if any(token.key in _JOINS for token in _outside(tokens[source + 1 : where])):
        raise SqlError("Old style outer join (+) cannot be used with ANSI joins")
    items = {_alias(part): part for part in _parts(tokens[source + 1 : where], {","})}
    conditions = list(_parts(tokens[where + 1 : end], {"and"}))
    if any(token.key == "or" for token in _outside(tokens[where + 1 : end])):
        raise SqlError("Old style outer join (+) cannot be used with OR")
    joins = _joins(items, conditions)
    kept = " AND ".join(part.text for part in conditions if not part.marked)
    filtered = f" WHERE {kept} " if kept else " "
    behind = sql[tokens[end].start :] if end < len(tokens) else ""
    return f"{sql[: tokens[source].end]} {joins}{filtered}{behind}"


def _joins(items: dict[str, _Part], conditions: Sequence[_Part]) -> str:
    """Give the FROM clause: first what no mark makes optional, then each behind those that it is compared with."""
    for part in conditions:
        if len(part.marked) > 1:
            raise SqlError("Old style outer join (+) marks one table in a condition")
        if part.marked - items.keys():
            raise NotInStandInError("(+) behind a column without the name of its table", "table.column (+)")
    optional = {name for part in conditions for name in part.marked}
    first = [part.text for name, part in items.items() if name not in optional]
    if not first:
        raise SqlError("Old style outer join (+) cannot mark every table")
    text = " CROSS JOIN ".join(first)
    placed = items.keys() - optional
    waiting = [name for name in items if name in optional]
    while waiting:
        ready = next((name for name in waiting if _needs(name, conditions) & items.keys() <= placed), None)
        if ready is None:
            raise SqlError("Old style outer join (+) cannot go round in a circle")
        on = " AND ".join(part.text for part in conditions if ready in part.marked)
        text += f" LEFT JOIN {items[ready].text} ON {on}"
        placed = placed | {ready}
        waiting.remove(ready)
    return text


def _needs(name: str, conditions: Sequence[_Part]) -> frozenset[str]:
    found = [part.named for part in conditions if name in part.marked]
    return frozenset().union(*found) - {name}


def _alias(part: _Part) -> str:
    tokens = tokenize(part.text)
    last = tokens[-1]
    if last.key == ")":
        # Columns of a derived table: (…) as x (a, b).
        opening = max(at for at, token in enumerate(tokens) if token.key == "(")
        last = tokens[opening - 1]
    return last.name


def _outside(tokens: Sequence[Token]) -> Iterator[Token]:
    """Give the tokens that stand in no parentheses and no CASE."""
    depth = 0
    for token in tokens:
        depth -= token.key in {")", "end"}
        if depth == 0:
            yield token
        depth += token.key in {"(", "case"}


def _parts(tokens: Sequence[Token], edges: set[str]) -> Iterator[_Part]:
    depth, first, is_between = 0, 0, False
    for place, token in enumerate(tokens):
        depth += {"(": 1, "case": 1, ")": -1, "end": -1}.get(token.key, 0)
        if depth or token.key not in edges:
            is_between = is_between or (depth == 0 and token.key == "between")
            continue
        if token.key == "and" and is_between:
            is_between = False
            continue
        yield _part(tokens[first:place])
        first = place + 1
    yield _part(tokens[first:])


def _part(tokens: Sequence[Token]) -> _Part:
    if not tokens:
        raise SqlError("syntax error at end of input")
    keys = [token.key for token in tokens]
    marks = [
        place for place in range(1, len(keys) - 1) if keys[place : place + 3] == _MARK and tokens[place - 1].is_name
    ]
    gone = {place + offset for place in marks for offset in range(3)}
    pieces: list[str] = []
    for place, token in enumerate(tokens):
        if place in gone:
            continue
        is_apart = bool(pieces) and token.start > tokens[place - 1].end
        pieces += ([" "] if is_apart else []) + [token.text]
    marked = {tokens[place - 3].name if place > 2 and keys[place - 2] == "." else "" for place in marks}
    named = {
        tokens[place - 1].name for place, key in enumerate(keys) if place and key == "." and tokens[place - 1].is_name
    }
    return _Part("".join(pieces), frozenset(marked), frozenset(named))
