"""Correlated subqueries that Redshift cannot take apart, and PostgreSQL can.

A column counts as the outer query's when the name of its table stands before it. Queries over system tables alone run
on the leader node, which is PostgreSQL's heir, and are left alone.
Source: https://docs.aws.amazon.com/redshift/latest/dg/r_correlated_subqueries.html (what is not supported; the words
of the refusal are those that people report)
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from localcloud.redshift.dialect.lexer import tokenize
from localcloud.redshift.errors import SqlError

_REFUSAL = "This type of correlated subquery pattern is not supported yet"
_SYSTEM = ("pg_", "stl_", "stv_", "svl_", "svv_", "sys_")
_OUTER = {"LEFT", "RIGHT", "FULL"}


def refuse(sql: str) -> None:
    """Refuse a query with such a subquery.

    Raises:
        SqlError: a correlation skips a query, stands in the ON of an outer join, or beside a window function.
    """
    if sum(token.key == "select" for token in tokenize(sql)) < 2:
        return
    try:
        tree = sqlglot.parse_one(sql, read="redshift")
        query = tree if isinstance(tree, exp.Query) else tree.args.get("expression")
        if not isinstance(query, exp.Query) or _is_of_system(query):
            return
        reasons = [reason for scope in traverse_scope(query) if scope.is_subquery for reason in _reasons(scope)]
    except SqlglotError:
        return  # PostgreSQL says what is wrong with it
    if reasons:
        raise SqlError(_REFUSAL, reasons[0])


def _is_of_system(query: exp.Query) -> bool:
    return all(
        table.name.lower().startswith(_SYSTEM) or table.db.lower() in {"pg_catalog", "information_schema"}
        for table in query.find_all(exp.Table)
    )


def _reasons(scope: Scope) -> Iterator[str]:
    named = {column.table for column in scope.external_columns if column.table} - set(scope.selected_sources)
    parent = scope.parent
    if not named or parent is None:
        return
    further = {name for above in _above(parent) for name in above.selected_sources}
    if skipped := sorted((named - set(parent.selected_sources)) & further):
        yield f"{skipped[0]} is of a query further out than the next"
    join = scope.expression.find_ancestor(exp.Join)
    if join is not None and join.side in _OUTER and join.parent_select is parent.expression:
        yield "it stands in the ON clause of an outer join"
    if scope.find(exp.Window):
        yield "it has a window function"


def _above(scope: Scope) -> Iterator[Scope]:
    above = scope.parent
    while above is not None:
        yield above
        above = above.parent
