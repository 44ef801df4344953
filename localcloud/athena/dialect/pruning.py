"""Conditions of a query that partition keys alone decide, so that partitions can be left out before a file is read.

A condition counts when every row of the table that the query uses has to meet it: it is joined with AND to the
query's WHERE, or to the ON of an inner join. A condition with a query in it prunes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp


@dataclass(frozen=True)
class Conditions:
    """What the partitions of one table have to meet.

    Attributes:
        alias: of the table in the conditions.
        always: conditions that hold for every row.
        unless_joined: conditions that hold for every row of the result, in which the table's columns can be null
            because of an outer join: they prune only when they do not hold for nulls.
    """

    alias: str
    always: tuple[exp.Expr, ...] = ()
    unless_joined: tuple[exp.Expr, ...] = ()


def conditions(node: exp.Table, keys: Sequence[str]) -> Conditions:
    """The conditions on the partition keys of a table where a query names it.

    Args:
        node: the table in the query's tree.
        keys: names of its partition keys.
    """
    alias = node.alias_or_name
    select = _select_of(node)
    if select is None or not keys:
        return Conditions(alias)
    scope = _Scope(alias.lower(), {key.lower() for key in keys}, _only_source(select, node))
    joins = select.args.get("joins") or []
    where = select.args.get("where")
    own = next((join for join in joins if join.this is node), None)
    # What fails the ON of the table's own inner or left join never meets a row of the other side.
    met = own is not None and own.side in ("", "LEFT")
    always = list(_decided(scope, own.args.get("on"))) if own is not None and met else []
    of_result = list(_decided(scope, where.this if where is not None else None))
    for join in joins:
        if join is not own and not join.side:
            of_result += _decided(scope, join.args.get("on"))
    if _is_nullable(node, joins):
        return Conditions(alias, tuple(always), tuple(of_result))
    return Conditions(alias, (*always, *of_result))


@dataclass(frozen=True)
class _Scope:
    alias: str
    keys: set[str]
    is_alone: bool

    def is_decided(self, part: exp.Expr) -> bool:
        """Whether the partition keys alone decide a condition, the same way every time."""
        if any(True for _ in part.find_all(exp.Query, exp.AggFunc, exp.Window, exp.Placeholder, exp.Lambda)):
            return False
        if any(
            str(call.this).lower() in ("random", "rand", "uuid", "duckdb_error")
            for call in part.find_all(exp.Anonymous)
        ):
            return False
        columns = list(part.find_all(exp.Column))
        return bool(columns) and all(self._is_key(column) for column in columns)

    def _is_key(self, column: exp.Column) -> bool:
        if column.name.lower() not in self.keys:
            return False
        return column.table.lower() == self.alias if column.table else self.is_alone


def _select_of(node: exp.Table) -> exp.Select | None:
    above = node.parent
    if isinstance(above, (exp.From, exp.Join)) and isinstance(above.parent, exp.Select):
        return above.parent
    return None


def _only_source(select: exp.Select, node: exp.Table) -> bool:
    """Whether a name without a table can only be the table's: everything else is an UNNEST of names of its own."""
    others = [join.this for join in select.args.get("joins") or ()]
    source = select.args.get("from_")
    others += [source.this] if source is not None else []
    others += list(select.args.get("laterals") or ())
    for other in others:
        if other is node:
            continue
        if not isinstance(other, exp.Unnest) or not other.args.get("alias"):
            return False
        names = {name.name.lower() for name in other.args["alias"].args.get("columns") or ()}
        if not names:
            return False
    return True


def _is_nullable(node: exp.Table, joins: Sequence[exp.Join]) -> bool:
    place = next((number for number, join in enumerate(joins) if join.this is node), -1)
    if place >= 0 and joins[place].side in ("LEFT", "FULL"):
        return True
    return any(join.side in ("RIGHT", "FULL") for join in joins[place + 1 :])


def _decided(scope: _Scope, condition: exp.Expr | None) -> Iterator[exp.Expr]:
    return (part for part in _conjuncts(condition) if scope.is_decided(part))


def _conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    if condition is None:
        return
    inner = condition.unnest()
    if isinstance(inner, exp.And):
        yield from _conjuncts(inner.left)
        yield from _conjuncts(inner.right)
    else:
        yield inner
