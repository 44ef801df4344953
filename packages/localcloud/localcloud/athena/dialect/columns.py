"""Names of a result's columns, and the hidden columns that `*` does not show."""

import re
from collections.abc import Mapping, Sequence

from sqlglot import exp

_UNNAMED = re.compile(r"_unnamed_\d+_")


def name_columns(tree: exp.Expression) -> None:
    """Mark the columns without a name, which Athena calls by their place: _col0.

    Args:
        tree: of a query; it is changed.
    """
    for number, select in enumerate(tree.find_all(exp.Select)):
        if not _is_read_by_name(select):
            continue
        for place, column in enumerate(list(select.expressions)):
            if isinstance(column, exp.Dot) and isinstance(column.expression, exp.Identifier):
                # A field of an element has its own name.
                alias = exp.alias_(exp.null(), column.expression.name, quoted=True)
                column.replace(alias)
                alias.set("this", column)
            elif not isinstance(column, (exp.Column, exp.Alias, exp.Star)) and not column.is_star:
                # The expression itself, not a copy: what is known of the tables in it goes on being so.
                alias = exp.alias_(exp.null(), f"_unnamed_{number * 1000 + place}_", quoted=True)
                column.replace(alias)
                alias.set("this", column)


def column_names(found: Sequence[str]) -> list[str]:
    """The names of a result's columns, those without a name by their place.

    Args:
        found: DuckDB's names.
    """
    return [f"_col{place}" if _UNNAMED.fullmatch(name) else name for place, name in enumerate(found)]


def is_named(found: str) -> bool:
    """Whether a query names a column.

    Args:
        found: DuckDB's name of the column.
    """
    return _UNNAMED.fullmatch(found) is None


def name_values(tree: exp.Expression) -> exp.Expression:
    """Give a query that is VALUES alone as one whose columns have no names of DuckDB's."""
    if not isinstance(tree, exp.Values):
        return tree
    width = len(tree.expressions[0].expressions) if isinstance(tree.expressions[0], exp.Tuple) else 1
    names = [exp.to_identifier(f"_unnamed_{place}_", quoted=True) for place in range(width)]
    values = tree.copy()
    values.set("alias", exp.TableAlias(this=exp.to_identifier("v"), columns=names))
    return exp.select("*").from_(values)


def hide(tree: exp.Expression, hidden: Mapping[str, Sequence[str]]) -> None:
    """Leave hidden columns out of every `*`.

    Args:
        tree: of a query; it is changed.
        hidden: names of hidden columns that the query reads, by the view that has them.
    """
    for select in tree.find_all(exp.Select):
        names = {name for table in _sources(select) for name in hidden.get(table.name, ())}
        for star in select.expressions if names else ():
            inner = star.this if isinstance(star, exp.Column) else star
            if isinstance(inner, exp.Star) and not inner.args.get("except_"):
                inner.set("except_", [exp.to_identifier(name, quoted=True) for name in sorted(names)])


def hidden_columns(tree: exp.Expression, known: Sequence[str]) -> tuple[str, ...]:
    """The hidden columns that a query names.

    Args:
        tree: of the query.
        known: all that there are.
    """
    named = {column.name.lower() for column in tree.find_all(exp.Column)}
    return tuple(name for name in known if name in named)


def _sources(select: exp.Select) -> list[exp.Table]:
    source = select.args.get("from_")
    parts = [source.this] if source is not None else []
    parts += [join.this for join in select.args.get("joins") or ()]
    return [part for part in parts if isinstance(part, exp.Table)]


def _is_read_by_name(select: exp.Select) -> bool:
    """Whether the select's columns become columns of a result or of a relation; a scalar subquery's do not."""
    above = select.parent
    while isinstance(above, (exp.SetOperation, exp.Subquery)):
        if isinstance(above, exp.Subquery) and isinstance(above.parent, (exp.From, exp.Join)):
            return True
        above = above.parent
    return above is None or isinstance(above, (exp.CTE, exp.From, exp.Join))
