"""The sides of UNION, INTERSECT and EXCEPT have columns of the same types; DuckDB would cast them.

Source: https://docs.aws.amazon.com/athena/latest/ug/select.html (UNION, INTERSECT, EXCEPT)
"""

from typing import Any

import duckdb
from sqlglot import exp

from localcloud.athena.dialect.typed import family
from localcloud.athena.errors import QueryError
from localcloud.athena.results import Kind, athena_type


def refuse_unlike_sides(connection: duckdb.DuckDBPyConnection, tree: exp.Expression) -> None:
    """Refuse a set operation whose sides have other types.

    Args:
        connection: knows the query's tables.
        tree: of the query, as DuckDB's.

    Raises:
        QueryError: TYPE_MISMATCH.
    """
    shared = tree.args.get("with_")
    for operation in tree.find_all(exp.SetOperation):
        left, right = (_kinds(connection, side, shared) for side in (operation.left, operation.right))
        for place, (one, other) in enumerate(zip(left, right, strict=False), start=1):
            if "null" not in (one.id, other.id) and family(one) != family(other):
                names = f"{athena_type(one)}, {athena_type(other)}"
                text = f"column {place} in {operation.key.upper()} query has incompatible types: {names}"
                raise QueryError("TYPE_MISMATCH", text)


def _kinds(connection: duckdb.DuckDBPyConnection, side: exp.Expr, shared: exp.Expr | None) -> list[Kind]:
    """The types of a side's columns; none when it cannot stand alone."""
    before = f"{shared.sql(dialect='duckdb')} " if shared is not None and side.args.get("with_") is None else ""
    try:
        found: Any = connection.execute(f"{before}({side.sql(dialect='duckdb')}) LIMIT 0").description
    except duckdb.Error:
        return []
    return [Kind.of(column[1]) for column in found]
