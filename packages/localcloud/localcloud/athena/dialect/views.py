"""Views that a query names: their queries take their places.

Source: https://docs.aws.amazon.com/athena/latest/ug/views.html
"""

from collections.abc import Callable

from sqlglot import exp

from localcloud.athena.catalog import TableDefinition
from localcloud.athena.dialect import tables
from localcloud.athena.dialect.parsing import parse
from localcloud.athena.errors import QueryError
from localcloud.athena.information import DATABASE
from localcloud.athena.view_text import read_view_text

_MAX_DEPTH = 32
Lookup = Callable[[str, str], TableDefinition | None]
Checked = Callable[[exp.Expression], exp.Expression]


def expanded(tree: exp.Expression, database: str, lookup: Lookup, checked: Checked, depth: int = 0) -> exp.Expression:
    """Put the queries of views in the places where a query names them.

    Args:
        tree: of the query; it is changed.
        database: of tables that are named without one.
        lookup: gives the table of a database and a name, None when there is none.
        checked: refuses the tree of a view's query, or gives it as a query's tree has to be.
        depth: how many views are around this one.

    Returns:
        The tree.

    Raises:
        QueryError: a view cannot be read, or names itself.
    """
    for reference in tables.references(tree, database):
        table = None if reference.database == DATABASE else lookup(reference.database, reference.name)
        if table is None or table.view_text is None:
            continue
        if depth == _MAX_DEPTH:
            raise QueryError("INVALID_VIEW", f"View '{table}' is recursive")
        view = read_view_text(table.view_text, str(table))
        inner = checked(parse(view.sql))
        for named in tables.references(inner, view.database):
            # By its whole name: no query of a WITH around the view is meant.
            named.node.set("db", exp.to_identifier(named.database, quoted=True))
        inner = expanded(inner, view.database, lookup, checked, depth + 1)
        reference.node.replace(exp.Subquery(this=inner, alias=_alias(reference)))
    return tree


def _alias(reference: tables.Reference) -> exp.TableAlias:
    alias = reference.node.args.get("alias")
    name = exp.to_identifier(reference.node.alias or reference.node.name, quoted=True)
    columns = alias.args.get("columns") if alias is not None else None
    return exp.TableAlias(this=name, columns=columns)
