"""A name that a SELECT gives is known to its ORDER BY alone; DuckDB knows it in WHERE, GROUP BY and HAVING, too.

Source: https://trino.io/docs/current/sql/select.html
"""

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from localcloud.athena.dialect.parsing import place_of
from localcloud.athena.errors import QueryError

Columns = Mapping[str, Sequence[str]]


def refuse_aliases(tree: exp.Expression, sql: str, columns: Columns) -> None:
    """Refuse a name of a SELECT where Athena does not know it.

    Args:
        tree: of a query, whose tables have DuckDB's names.
        sql: the statement that it is from, for messages.
        columns: names of the columns of each table, by its name in DuckDB.

    Raises:
        QueryError: COLUMN_NOT_FOUND.
    """
    for source in (*tree.find_all(exp.Subquery), *tree.find_all(exp.CTE)):
        _refuse_other_number(source, columns)
    for select in tree.find_all(exp.Select):
        names = {column.alias.lower() for column in select.expressions if isinstance(column, exp.Alias)}
        if not names:
            continue
        known = _known(select, columns)
        if known is None:
            continue
        for column in _uses(select):
            name = column.name.lower()
            if not column.table and name in names - known:
                raise QueryError("COLUMN_NOT_FOUND", f"{place_of(sql, name)}Column '{name}' cannot be resolved")


def _refuse_other_number(source: exp.Expr, columns: Columns) -> None:
    """Refuse an alias with another number of columns than its query has."""
    alias = source.args.get("alias")
    renamed = (alias.args.get("columns") or ()) if alias is not None else ()
    found = _columns_of_query(source.this, columns) if renamed else None
    if found is not None and len(found) != len(renamed):
        text = f"Column alias list has {len(renamed)} entries but '{source.alias}' has {len(found)} columns available"
        raise QueryError("MISMATCHED_COLUMN_ALIASES", f"line 1:1: {text}")


def _uses(select: exp.Select) -> Iterator[exp.Column]:
    """The columns that a SELECT names outside of its ORDER BY and of inner queries."""
    parts = [column.this if isinstance(column, exp.Alias) else column for column in select.expressions]
    parts += [select.args[name] for name in ("where", "group", "having") if select.args.get(name) is not None]
    parameters = {str(name).lower() for name in _lambda_parameters(select)}
    for part in parts:
        for column in part.find_all(exp.Column):
            if column.find_ancestor(exp.Query) is select and column.name.lower() not in parameters:
                yield column


def _lambda_parameters(select: exp.Select) -> Iterator[str]:
    for found in select.find_all(exp.Lambda):
        yield from (parameter.name for parameter in found.expressions)


def _known(select: exp.Select, columns: Columns) -> set[str] | None:
    """The columns of what a SELECT reads, and of the queries around it; None when they cannot be told."""
    known: set[str] = set()
    above: exp.Expr | None = select
    while isinstance(above, exp.Select):
        for source in _sources(above):
            found = _columns_of(source, columns)
            if found is None:
                return None
            known |= {name.lower() for name in found}
        above = above.find_ancestor(exp.Select)
    return known


def _sources(select: exp.Select) -> Iterator[exp.Expr]:
    first = select.args.get("from_")
    if first is not None:
        yield first.this
    for join in select.args.get("joins") or ():
        yield join.this
    yield from select.args.get("laterals") or ()


def _columns_of(source: exp.Expr, columns: Columns) -> Sequence[str] | None:
    alias = source.args.get("alias")
    renamed = [column.name for column in (alias.args.get("columns") or ())] if alias is not None else []
    if renamed:
        offset = source.args.get("offset")
        return [*renamed, *([offset.name] if isinstance(offset, exp.Identifier) else [])]
    if isinstance(source, exp.Table) and source.name in columns:
        return columns[source.name]
    if isinstance(source, exp.Table):
        return _columns_of_query(_cte(source), columns)
    if isinstance(source, (exp.Subquery, exp.Lateral)):
        return _columns_of_query(source.this.unnest() if source.this is not None else None, columns)
    return None


def _cte(source: exp.Table) -> exp.Expr | None:
    above: exp.Expr | None = source.parent
    while above is not None:
        found = above.args.get("with_")
        for cte in found.expressions if isinstance(found, exp.With) else ():
            if cte.alias.lower() == source.name.lower():
                has_names = cte.args["alias"].args.get("columns")
                return None if has_names else cte.this
        above = above.parent
    return None


def _columns_of_query(query: exp.Expr | None, columns: Columns) -> Sequence[str] | None:
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    if not isinstance(query, exp.Select):
        return None
    names: list[str] = []
    for column in query.expressions:
        if not column.is_star:
            names.append(column.alias_or_name)
            continue
        for source in _sources(query):
            found = _columns_of(source, columns)
            if found is None:
                return None
            names += found
    return names
