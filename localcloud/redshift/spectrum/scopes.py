"""Where a statement names an external table, and what it asks of it there: what pruning may rely on.

A place that is not understood, such as a table in a MERGE or in nested joins, asks for everything: pruning is never
needed for a right answer, and a wrong condition would lose rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from localcloud.redshift.dialect.lexer import Token, tokenize
from localcloud.redshift.spectrum.conditions import Condition, condition

_DIALECT = "redshift"
_PLAIN_JOINS = frozenset({"", "INNER", "CROSS", "OUTER"})
#: What may hang on a table in FROM that changes its rows, or joins it out of order.
_HANGING = ("joins", "laterals", "pivots", "sample", "version", "changes")


@dataclass(frozen=True, eq=False)
class Place:
    """One place in a statement where a table stands in FROM or JOIN.

    Attributes:
        select: whose FROM or JOIN it is.
        alias: the name by which this place is called, in lower case.
    """

    select: exp.Select
    alias: str
    table: exp.Table

    def conditions(self, keys: frozenset[str]) -> tuple[Condition, ...]:
        """Give what holds for every row of the table that this place uses.

        Args:
            keys: the partition columns of the table.
        """
        joins = tuple(self.select.args.get("joins") or ())
        if not all(_is_plain(join) for join in joins):
            return ()
        is_outer = any(join.side for join in joins)
        is_merged = any(join.args.get("using") or join.method for join in joins)
        found = []
        for tree, is_after in self._filters(joins):
            part = condition(tree, self.alias, keys, takes_bare=not is_merged)
            if part is not None:
                found.append(Condition(part, is_null_refused=is_after and is_outer))
        return tuple(found)

    def _filters(self, joins: tuple[exp.Join, ...]) -> Iterator[tuple[exp.Expr, bool]]:
        """Give the filters of rows, each with whether it sees the rows that an outer join filled with nulls."""
        where = self.select.args.get("where")
        if where is not None:
            yield where.this, True
        for join in joins:
            on = join.args.get("on")
            if on is not None and not join.side:
                yield on, True
            elif on is not None and join.side == "LEFT" and join.this is self.table:
                yield on, False

    def has_star(self) -> bool:
        """Whether all columns of the table are asked for here."""
        if any(join.method for join in self.select.args.get("joins") or ()):
            return True
        return any(self._is_whole(node) for node in self.select.find_all(exp.Star, exp.Column))

    def _is_whole(self, node: exp.Expr) -> bool:
        if isinstance(node, exp.Column):
            # The name of the table alone is its whole row.
            return not node.table and node.name.lower() == self.alias
        parent = node.parent
        if isinstance(parent, exp.Column):
            return parent.table.lower() == self.alias
        return parent is self.select


def _is_plain(join: exp.Join) -> bool:
    return join.kind in _PLAIN_JOINS and join.method in {"", "NATURAL"} and join.side in {"", "LEFT", "RIGHT", "FULL"}


@dataclass(frozen=True)
class Places:
    """All places of all external tables in a statement.

    Attributes:
        found: by schema and table.
    """

    found: Mapping[tuple[str, str], tuple[Place, ...]]
    tokens: tuple[Token, ...]

    def of(self, schema: str, table: str) -> tuple[Place, ...]:
        """Give the places of a table; none when they are not understood, and everything is to be read."""
        return self.found.get((schema, table), ())

    def columns(self, schema: str, table: str) -> frozenset[str] | None:
        """Give every name that may be a column of a table, None when it may be all of them.

        A name counts unless it stands behind the name of another table or behind AS.
        """
        places = self.of(schema, table)
        if not places or any(place.has_star() for place in places):
            return None
        aliases = {place.alias for place in places}
        return frozenset(token.name for at, token in enumerate(self.tokens) if self._may_be_column(at, aliases))

    def _may_be_column(self, at: int, aliases: set[str]) -> bool:
        if not self.tokens[at].is_name:
            return False
        before = self.tokens[at - 1].key if at else ""
        if before == "." and at > 1 and self.tokens[at - 2].is_name:
            return self.tokens[at - 2].name in aliases
        return before != "as"


def places(sql: str, names: frozenset[str]) -> Places:
    """Find where a statement names tables of external schemas.

    Args:
        sql: the statement.
        names: of the external schemas.
    """
    return Places(_places(sql, names), tokenize(sql))


@lru_cache(maxsize=16)
def _places(sql: str, names: frozenset[str]) -> Mapping[tuple[str, str], tuple[Place, ...]]:
    # A backslash in a string is read in two ways by the parts that look at a statement.
    tree = None if "\\" in sql else _parse(sql)
    if tree is None:
        return {}
    found: dict[tuple[str, str], list[Place | None]] = {}
    for table in tree.find_all(exp.Table):
        if table.db.lower() in names:
            found.setdefault((table.db.lower(), table.name.lower()), []).append(_place(table))
    columns = [(column.db.lower(), column.table.lower()) for column in tree.find_all(exp.Column)]
    named = _named(sql, names)
    return {
        key: tuple(place for place in each if place is not None)
        for key, each in found.items()
        # A name that the tree has not shown could be a table that nobody looked at.
        if None not in each and named.get(key, 0) == len(each) + columns.count(key)
    }


def _parse(sql: str) -> exp.Expr | None:
    try:
        trees = sqlglot.parse(sql, dialect=_DIALECT)
    except (SqlglotError, RecursionError):
        return None
    return trees[0] if len(trees) == 1 and isinstance(trees[0], exp.Expr) else None


def _place(table: exp.Table) -> Place | None:
    holder = table.parent
    select = holder.parent if isinstance(holder, (exp.From, exp.Join)) else None
    if not isinstance(select, exp.Select) or any(table.args.get(name) for name in _HANGING):
        return None
    alias = table.args.get("alias")
    if alias is not None and alias.args.get("columns"):
        # The columns have other names here.
        return None
    return Place(select, table.alias_or_name.lower(), table)


def _named(sql: str, names: frozenset[str]) -> dict[tuple[str, str], int]:
    tokens = tokenize(sql)
    counts: dict[tuple[str, str], int] = {}
    for schema, dot, table in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if dot.key == "." and schema.is_name and table.is_name and schema.name in names:
            counts[schema.name, table.name] = counts.get((schema.name, table.name), 0) + 1
    return counts
