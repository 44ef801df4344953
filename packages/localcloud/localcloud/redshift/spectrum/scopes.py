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
from localcloud.redshift.spectrum.places import Place, is_plain, place_of

_DIALECT = "redshift"
_MAX_PLACES = 64


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


def sources(sql: str) -> tuple[tuple[str, str, str], ...] | None:
    """Give schema, name and alias of each table of a statement with one SELECT, in the order of its FROM clause.

    None for any other statement, and when the columns of ``*`` are not those of the tables one after the other.
    """
    tree = _parse(sql)
    selects = list(tree.find_all(exp.Select)) if tree is not None else []
    if len(selects) != 1:
        return None
    joins = tuple(selects[0].args.get("joins") or ())
    if not all(is_plain(join) and not join.method and not join.args.get("using") for join in joins):
        return None
    clause = selects[0].args.get("from_")
    tables = [each.this for each in (clause, *joins) if each is not None]
    if not all(isinstance(table, exp.Table) and place_of(table, table.alias_or_name) for table in tables):
        return None
    return tuple((table.db.lower(), table.name.lower(), table.alias_or_name.lower()) for table in tables)


@lru_cache(maxsize=16)
def _places(sql: str, names: frozenset[str]) -> Mapping[tuple[str, str], tuple[Place, ...]]:
    # A backslash in a string is read in two ways by the parts that look at a statement.
    tree = None if "\\" in sql else _parse(sql)
    if tree is None:
        return {}
    found: dict[tuple[str, str], list[tuple[Place, ...]]] = {}
    for table in tree.find_all(exp.Table):
        if table.db.lower() in names:
            found.setdefault((table.db.lower(), table.name.lower()), []).append(_all_places(table))
    columns = [(column.db.lower(), column.table.lower()) for column in tree.find_all(exp.Column)]
    named = _named(sql, names)
    return {
        key: tuple(place for group in each for place in group)
        for key, each in found.items()
        # A name that the tree has not shown could be a table that nobody looked at.
        if all(each) and named.get(key, 0) == len(each) + columns.count(key)
    }


def _parse(sql: str) -> exp.Expr | None:
    try:
        trees = sqlglot.parse(sql, dialect=_DIALECT)
    except (SqlglotError, RecursionError):
        return None
    return trees[0] if len(trees) == 1 and isinstance(trees[0], exp.Expr) else None


def _all_places(table: exp.Table) -> tuple[Place, ...]:
    """Give a table's place, once for each place of the query around it; none when it is not understood."""
    place = place_of(table, table.alias_or_name)
    if place is None:
        return ()
    around = _around(place.select)
    if len(around) > _MAX_PLACES:
        return (place,)
    return tuple(Place(place.select, place.alias, table, each) for each in around)


def _around(select: exp.Select) -> list[Place | None]:
    """Give the places of a query; None for one that nothing is known of."""
    holder = select.parent
    if isinstance(holder, exp.Subquery):
        found = [place_of(holder, holder.alias)]
    elif isinstance(holder, exp.CTE):
        found = _references(holder)
    else:
        return [None]
    if len(found) > _MAX_PLACES or not all(found):
        return [None]
    return [
        Place(place.select, place.alias, place.table, each)
        for place in found
        if place
        for each in _around(place.select)
    ]


def _references(query: exp.CTE) -> list[Place | None]:
    """Give the places of a common table expression: where a table of its name stands."""
    clause = query.parent
    alias = query.args.get("alias")
    if clause is None or clause.args.get("recursive") or alias is None or alias.args.get("columns"):
        return [None]
    tables = [
        table
        for table in query.root().find_all(exp.Table)
        if not table.db and table.name.lower() == query.alias.lower()
    ]
    if any(parent is query for table in tables for parent in _ancestors(table)):
        # A table of the same name, which the query itself reads.
        return [None]
    return [place_of(table, table.alias_or_name) for table in tables] or [None]


def _ancestors(node: exp.Expr) -> Iterator[exp.Expr]:
    while node.parent is not None:
        node = node.parent
        yield node


def _named(sql: str, names: frozenset[str]) -> dict[tuple[str, str], int]:
    tokens = tokenize(sql)
    counts: dict[tuple[str, str], int] = {}
    for schema, dot, table in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if dot.key == "." and schema.is_name and table.is_name and schema.name in names:
            counts[schema.name, table.name] = counts.get((schema.name, table.name), 0) + 1
    return counts
