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
#: What makes a row of a query depend on rows that a filter around the query leaves out.
_SELECTIVE = ("limit", "offset", "qualify", "laterals", "pivots", "connect", "match", "into")
_GATHERING = (exp.Window, exp.Rollup, exp.Cube, exp.GroupingSets)
_MAX_PLACES = 64


@dataclass(frozen=True, eq=False)
class Place:
    """One place in a statement where a table, or a query in its stead, stands in FROM or JOIN.

    Attributes:
        select: whose FROM or JOIN it is.
        alias: the name by which this place is called, in lower case.
        table: what stands there.
        around: where the query ``select`` itself stands, when it is a derived table or a common table expression.
    """

    select: exp.Select
    alias: str
    table: exp.Expr
    around: Place | None = None

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
        found: list[Condition] = []
        if self.around is not None and not is_merged and _is_transparent(self.select):
            given = self.around.conditions(self._given(keys))
            found += (Condition(each.text, is_null_refused=each.is_null_refused or is_outer) for each in given)
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

    def _given(self, keys: frozenset[str]) -> frozenset[str]:
        """Give the partition columns that are columns of the query too, under the same name."""
        shown = self.select.expressions
        others = {each.alias_or_name.lower() for each in shown if not self._is_own(each)}
        named = {each.name.lower() for each in shown if self._is_own(each)}
        return (keys if "*" in named else keys & named) - (others - {"*"})

    def _is_own(self, shown: exp.Expr) -> bool:
        """Whether a member of the select list is a column of this table, or all of them."""
        if isinstance(shown, exp.Star):
            return not shown.args.get("except_")
        return isinstance(shown, exp.Column) and shown.table.lower() in {"", self.alias}

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


def sources(sql: str) -> tuple[tuple[str, str, str], ...] | None:
    """Give schema, name and alias of each table of a statement with one SELECT, in the order of its FROM clause.

    None for any other statement, and when the columns of ``*`` are not those of the tables one after the other.
    """
    tree = _parse(sql)
    selects = list(tree.find_all(exp.Select)) if tree is not None else []
    if len(selects) != 1:
        return None
    joins = tuple(selects[0].args.get("joins") or ())
    if not all(_is_plain(join) and not join.method and not join.args.get("using") for join in joins):
        return None
    clause = selects[0].args.get("from_")
    tables = [each.this for each in (clause, *joins) if each is not None]
    if not all(isinstance(table, exp.Table) and _place(table, table.alias_or_name) for table in tables):
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
    place = _place(table, table.alias_or_name)
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
        found = [_place(holder, holder.alias)]
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
    return [_place(table, table.alias_or_name) for table in tables] or [None]


def _ancestors(node: exp.Expr) -> Iterator[exp.Expr]:
    while node.parent is not None:
        node = node.parent
        yield node


def _is_transparent(select: exp.Select) -> bool:
    """Whether rows may be left out before a query instead of after it, going by columns that it gives unchanged."""
    distinct = select.args.get("distinct")
    has_on = distinct is not None and distinct.args.get("on") is not None
    return not has_on and not any(select.args.get(name) for name in _SELECTIVE) and select.find(*_GATHERING) is None


def _place(table: exp.Table | exp.Subquery, name: str) -> Place | None:
    holder = table.parent
    select = holder.parent if isinstance(holder, (exp.From, exp.Join)) else None
    if not isinstance(select, exp.Select) or any(table.args.get(each) for each in _HANGING) or not name:
        return None
    alias = table.args.get("alias")
    if alias is not None and alias.args.get("columns"):
        # The columns have other names here.
        return None
    return Place(select, name.lower(), table)


def _named(sql: str, names: frozenset[str]) -> dict[tuple[str, str], int]:
    tokens = tokenize(sql)
    counts: dict[tuple[str, str], int] = {}
    for schema, dot, table in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if dot.key == "." and schema.is_name and table.is_name and schema.name in names:
            counts[schema.name, table.name] = counts.get((schema.name, table.name), 0) + 1
    return counts
