"""The tables that a query names, and their names in DuckDB."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from localcloud.athena.errors import QueryError

CATALOG = "awsdatacatalog"


@dataclass(frozen=True)
class Reference:
    """A place where a query names a table of the catalog.

    Attributes:
        node: of the query's tree.
        database: of the table.
        name: of the table.
    """

    node: exp.Table
    database: str
    name: str


def references(tree: exp.Expression, database: str) -> list[Reference]:
    """The places where a query names tables of the catalog, in the order of the text.

    Args:
        tree: the query.
        database: of tables that are named without one.

    Raises:
        QueryError: a catalog that is not here.
    """
    return [_reference(node, database) for node in tree.find_all(exp.Table, bfs=False) if _is_catalog_table(node)]


def _is_catalog_table(node: exp.Table) -> bool:
    if not isinstance(node.this, exp.Identifier):
        return False
    return bool(node.args.get("db")) or not _is_in(node, node.name.lower())


def _is_in(node: exp.Expression, name: str) -> bool:
    """Whether a WITH that the place sees has a query of the name."""
    for above in _ancestors(node):
        found = above.args.get("with_")
        if isinstance(found, exp.With) and any(cte.alias.lower() == name for cte in _visible(found, node)):
            return True
    return False


def _visible(found: exp.With, node: exp.Expression) -> Iterator[exp.Expr]:
    """The queries of a WITH that a place in its statement sees: inside the WITH, those before."""
    for cte in found.expressions:
        is_own = any(above is cte for above in _ancestors(node))
        if is_own and not found.args.get("recursive"):
            return
        yield cte
        if is_own:
            return


def _ancestors(node: exp.Expr) -> Iterator[exp.Expr]:
    above = node.parent
    while above is not None:
        yield above
        above = above.parent


def _reference(node: exp.Table, database: str) -> Reference:
    if node.catalog and node.catalog.lower() != CATALOG:
        place = f"Catalog '{node.catalog}' does not exist"
        raise QueryError("CATALOG_NOT_FOUND", place)
    return Reference(node, (node.db or database).lower(), node.name.lower())


def rename(reference: Reference, view: str) -> None:
    """Let a place name a view in DuckDB; the query still calls it as before."""
    node = reference.node
    alias = node.args.get("alias")
    if alias is None:
        node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name, quoted=True)))
    elif alias.this is None:
        alias.set("this", exp.to_identifier(node.name, quoted=True))
    for part in ("db", "catalog"):
        node.set(part, None)
    node.set("this", exp.to_identifier(view, quoted=True))


def shorten_columns(tree: exp.Expression) -> None:
    """Write `database.table.column` as `table.column`, for tables are known by their alias from here on.

    What has as many points and no database in front is a field of a struct: `table.column.field`.
    """
    named = {(table.db.lower(), table.name.lower()) for table in tree.find_all(exp.Table) if table.db}
    for column in tree.find_all(exp.Column):
        if not column.args.get("db"):
            continue
        parts = [part.name.lower() for part in column.parts]
        first = 1 if column.args.get("catalog") and parts[0] == CATALOG else 0
        if (parts[first], parts[first + 1]) not in named:
            continue
        if first or not column.args.get("catalog"):
            column.set("db", None)
            column.set("catalog", None)
        else:
            # Database, table, column and a field of it.
            _, table, name, field = column.parts
            column.replace(exp.Dot(this=exp.Column(this=name.copy(), table=table.copy()), expression=field.copy()))
