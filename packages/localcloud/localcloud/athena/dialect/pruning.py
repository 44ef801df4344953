"""Conditions of a query that partition keys alone decide, so that partitions can be left out before a file is read.

A condition counts when every row of the table that the query uses has to meet it: it is joined with AND to the
query's WHERE, or to the ON of an inner join, or it is one of the queries around it on a column that is the key itself.
A condition with a query in it prunes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

_CHANGEABLE = ("random", "rand", "uuid", "error")


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
    select = _select_of(node)
    if select is None or not keys or _names_columns(node):
        return Conditions(node.alias_or_name)
    source = _Source.of(select, node)
    names = {key.lower() for key in keys}
    own = source.join
    # What fails the ON of the table's own inner or left join never meets a row of the other side.
    on = own.args.get("on") if own is not None and own.side in ("", "LEFT") else None
    always = [part for part in _conjuncts(on) if source.decides(part, names)]
    unless_joined: list[exp.Expr] = []
    for part, is_nullable in _of_rows(select):
        if source.decides(part, names):
            (unless_joined if is_nullable or source.is_nullable else always).append(part)
    return Conditions(source.alias, tuple(always), tuple(unless_joined))


@dataclass(frozen=True)
class _Source:
    """What a SELECT reads, as one of the things that it reads.

    Attributes:
        alias: its name in the SELECT, in lower case.
        join: that it is the right side of; None of the first.
        is_alone: whether a name without a table can only be one of its own.
        is_nullable: whether an outer join can put nulls in place of its columns.
    """

    alias: str
    join: exp.Join | None
    is_alone: bool
    is_nullable: bool

    @classmethod
    def of(cls, select: exp.Select, node: exp.Expr) -> "_Source":
        joins: list[exp.Join] = select.args.get("joins") or []
        place = next((number for number, join in enumerate(joins) if join.this is node), -1)
        is_nullable = place >= 0 and joins[place].side in ("LEFT", "FULL")
        is_nullable = is_nullable or any(join.side in ("RIGHT", "FULL") for join in joins[place + 1 :])
        own = joins[place] if place >= 0 else None
        return cls(node.alias_or_name.lower(), own, _is_alone(select, node), is_nullable)

    def decides(self, part: exp.Expr, names: set[str]) -> bool:
        """Whether some of its columns alone decide a condition, the same way every time."""
        if part.find(exp.Query, exp.Window, exp.Placeholder, exp.Lambda) is not None:
            return False
        if any(str(call.this).lower() in _CHANGEABLE for call in part.find_all(exp.Anonymous)):
            return False
        columns = list(part.find_all(exp.Column))
        return bool(columns) and all(column.name.lower() in names and self.has(column) for column in columns)

    def has(self, column: exp.Column) -> bool:
        """Whether a column of the SELECT is one of its own."""
        return column.table.lower() == self.alias if column.table else self.is_alone


def _select_of(node: exp.Expr) -> exp.Select | None:
    above = node.parent
    if isinstance(above, (exp.From, exp.Join)) and isinstance(above.parent, exp.Select):
        return above.parent
    return None


def _is_alone(select: exp.Select, node: exp.Expr) -> bool:
    """Whether everything else that the SELECT reads is an UNNEST whose columns have names of their own."""
    others = [join.this for join in select.args.get("joins") or ()]
    first = select.args.get("from_")
    others += [first.this] if first is not None else []
    others += list(select.args.get("laterals") or ())
    for other in others:
        if other is node:
            continue
        alias = other.args.get("alias") if isinstance(other, exp.Unnest) else None
        if alias is None or not alias.args.get("columns"):
            return False
    return True


def _of_rows(select: exp.Select) -> Iterator[tuple[exp.Expr, bool]]:
    """What every row that a SELECT gives has to meet, and whether an outer join may have made the row."""
    where = select.args.get("where")
    parts = list(_conjuncts(where.this if where is not None else None))
    for join in select.args.get("joins") or ():
        if not join.side:
            parts += _conjuncts(join.args.get("on"))
    yield from ((part, False) for part in parts)
    yield from _from_around(select)


def _from_around(select: exp.Select) -> Iterator[tuple[exp.Expr, bool]]:
    """What the query around a SELECT asks of its rows, in terms of what the SELECT reads."""
    place = _place_of(select)
    around = _select_of(place) if place is not None else None
    if place is None or around is None or not _keeps_rows(select):
        return
    source = _Source.of(around, place)
    handed_on = _HandedOn.of(select)
    for part, is_nullable in _of_rows(around):
        named = [column.name.lower() for column in part.find_all(exp.Column)]
        known = {name for name in named if handed_on.column(name) is not None}
        if source.decides(part, known):
            yield handed_on.in_terms_of(part), is_nullable or source.is_nullable


def _place_of(select: exp.Select) -> exp.Expr | None:
    """Where a query reads the rows of a SELECT: a subquery in FROM, or the one mention of a query of WITH."""
    above = select.parent
    if above is None or _names_columns(above):
        return None
    if isinstance(above, exp.Subquery):
        return above
    if not isinstance(above, exp.CTE) or not isinstance(above.parent, exp.With) or above.parent.args.get("recursive"):
        return None
    name = above.alias.lower()
    mentions = [table for table in select.root().find_all(exp.Table) if table.name.lower() == name]
    if len(mentions) != 1 or mentions[0].args.get("db") or _names_columns(mentions[0]):
        return None
    # Inside of the query its name is that of a table of the catalog.
    return None if mentions[0].find_ancestor(exp.CTE) is above else mentions[0]


def _names_columns(node: exp.Expr) -> bool:
    """Whether an alias gives the columns other names, by which conditions around it call them."""
    alias = node.args.get("alias")
    return alias is not None and bool(alias.args.get("columns"))


def _keeps_rows(select: exp.Select) -> bool:
    """Whether to leave rows out before a SELECT is the same as after it."""
    if any(select.args.get(part) is not None for part in ("group", "having", "limit", "offset", "sample")):
        return False
    return not any(column.find(exp.Window) is not None for column in select.expressions)


@dataclass(frozen=True)
class _HandedOn:
    """The columns that a SELECT hands on as they are.

    Attributes:
        named: by the name that the SELECT gives them.
        computed: names of the others.
        has_star: whether there are more, under their own names.
    """

    named: Mapping[str, exp.Column]
    computed: frozenset[str]
    has_star: bool

    @classmethod
    def of(cls, select: exp.Select) -> "_HandedOn":
        named, computed, has_star = {}, set(), False
        for column in select.expressions:
            inner, name = column.unalias(), column.alias_or_name.lower()
            if column.is_star:
                has_star = True
            elif isinstance(inner, exp.Column) and name not in named:
                named[name] = inner
            else:
                computed.add(name)
        return cls(named, frozenset(computed), has_star)

    def column(self, name: str) -> exp.Column | None:
        """The column of a name; None when it is computed, or not there."""
        if name in self.computed:
            return None
        return self.named.get(name) or (exp.column(name, quoted=True) if self.has_star else None)

    def in_terms_of(self, part: exp.Expr) -> exp.Expr:
        """A condition on the columns of the SELECT as one on the columns of what it reads."""
        whole = exp.paren(part.copy())
        for column in list(whole.find_all(exp.Column)):
            found = self.column(column.name.lower())
            if found is not None:
                column.replace(found.copy())
        return whole


def _conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    if condition is None:
        return
    inner = condition.unnest()
    if isinstance(inner, exp.And):
        yield from _conjuncts(inner.left)
        yield from _conjuncts(inner.right)
    else:
        yield inner
