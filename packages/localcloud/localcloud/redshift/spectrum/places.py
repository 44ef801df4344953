"""One place in a statement where an external table stands, and what the filters around it say.

What is not understood says nothing: pruning is never needed for a right answer, and a wrong condition would lose rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from localcloud.redshift.spectrum.conditions import Condition, condition

_PLAIN_JOINS = frozenset({"", "INNER", "CROSS", "OUTER"})
#: What may hang on a table in FROM that changes its rows, or joins it out of order.
_HANGING = ("joins", "laterals", "pivots", "sample", "version", "changes")
#: What makes a row of a query depend on rows that a filter around the query leaves out.
_SELECTIVE = ("limit", "offset", "qualify", "laterals", "pivots", "connect", "match", "into")
_GATHERING = (exp.Window, exp.Rollup, exp.Cube, exp.GroupingSets)


@dataclass(frozen=True, eq=False)
class Place:
    """One place in a statement where a table, or a query instead, stands in FROM or JOIN.

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
        if not all(is_plain(join) for join in joins):
            return ()
        is_outer = any(join.side for join in joins)
        is_merged = any(join.args.get("using") or join.method for join in joins)
        found: list[Condition] = []
        schema = self.table.db.lower() if isinstance(self.table, exp.Table) else ""
        if self.around is not None and not is_merged and _is_transparent(self.select):
            given = self.around.conditions(self._given(keys))
            found += (Condition(each.text, is_null_refused=each.is_null_refused or is_outer) for each in given)
        for tree, is_after in self._filters(joins):
            part = condition(tree, self.alias, keys, schema=schema, takes_bare=not is_merged)
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


def is_plain(join: exp.Join) -> bool:
    """Whether a join is one of standard SQL."""
    return join.kind in _PLAIN_JOINS and join.method in {"", "NATURAL"} and join.side in {"", "LEFT", "RIGHT", "FULL"}


def _is_transparent(select: exp.Select) -> bool:
    """Whether rows may be left out before a query instead of after it, going by columns that it gives unchanged."""
    distinct = select.args.get("distinct")
    has_on = distinct is not None and distinct.args.get("on") is not None
    return not has_on and not any(select.args.get(name) for name in _SELECTIVE) and select.find(*_GATHERING) is None


def place_of(table: exp.Table | exp.Subquery, name: str) -> Place | None:
    """Give the place of a table or derived table; None when it stands where it is not understood.

    Args:
        table: stands in FROM or JOIN.
        name: by which it is called there.
    """
    holder = table.parent
    select = holder.parent if isinstance(holder, (exp.From, exp.Join)) else None
    if not isinstance(select, exp.Select) or any(table.args.get(each) for each in _HANGING) or not name:
        return None
    alias = table.args.get("alias")
    if alias is not None and alias.args.get("columns"):
        # The columns have other names here.
        return None
    return Place(select, name.lower(), table)
