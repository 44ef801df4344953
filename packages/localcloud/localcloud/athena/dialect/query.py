"""A query of Athena, ready for DuckDB: its tables, its text, and the conditions that prune partitions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from sqlglot import exp

from localcloud.athena import information
from localcloud.athena.catalog import TableDefinition
from localcloud.athena.dialect import columns, tables, views
from localcloud.athena.dialect.aliases import refuse_aliases
from localcloud.athena.dialect.functions import rewrite_functions
from localcloud.athena.dialect.parsing import parse, place_of
from localcloud.athena.dialect.pruning import Conditions, conditions
from localcloud.athena.dialect.recursion import limit_recursion
from localcloud.athena.dialect.refusals import refuse
from localcloud.athena.dialect.shown import mark_results
from localcloud.athena.dialect.syntax import rewrite_syntax
from localcloud.athena.errors import QueryError
from localcloud.athena.scan import HIDDEN, Scan
from localcloud.athena.types import Type

PARTITIONS = "$partitions"
Lookup = Callable[[str, str], TableDefinition | None]


@dataclass(frozen=True)
class PlannedScan:
    """A table where the query names it.

    Attributes:
        scan: what DuckDB knows it by.
        conditions: on its partition keys.
        is_list: whether it is the list of the table's partitions instead of its rows.
        is_information: whether it is a view of ``information_schema``, whose rows the catalog has.
    """

    scan: Scan
    conditions: Conditions
    is_list: bool
    is_information: bool = False


@dataclass(frozen=True)
class Query:
    """A query whose names are DuckDB's.

    Attributes:
        tree: without the rewriting that needs types.
        scans: the tables that it names.
    """

    tree: exp.Expression
    scans: tuple[PlannedScan, ...]


def to_duckdb(tree: exp.Expr) -> str:
    """A tree as DuckDB's SQL."""
    return str(tree.sql(dialect="duckdb"))


def read_query(sql: str, database: str, lookup: Lookup, parameters: Sequence[str] = ()) -> Query:
    """Read a query.

    Args:
        sql: in Athena's dialect.
        database: of tables that are named without one.
        lookup: gives the table of a database and a name, None when there is none.
        parameters: SQL of the values for its question marks.

    Raises:
        QueryError: it is not a query, or names what is not there or not here.
    """
    return prepare(_filled(parse(sql), parameters), sql, database, lookup)


def prepare(tree: exp.Expression, sql: str, database: str, lookup: Lookup) -> Query:
    """Give the names of a query's tree their names in DuckDB.

    Args:
        tree: of the query.
        sql: the statement that it is from, for messages.
        database: of tables that are named without one.
        lookup: as for `read_query`.
    """
    lookup = cache(lookup)
    tree = views.expanded(_checked(tree), database, lookup, _checked)
    found = tables.references(tree, database)
    tree = rewrite_syntax(rewrite_functions(tree, sql), _types(found, lookup))
    mark_results(tree)
    columns.name_columns(tree)
    hidden = columns.hidden_columns(tree, tuple(HIDDEN))
    scans = [_scan(number, reference, sql, hidden, lookup) for number, reference in enumerate(found)]
    known = {planned.scan.view: [column.name for column in planned.scan.columns] for planned in scans}
    refuse_aliases(tree, sql, known)
    columns.hide(tree, {planned.scan.view: planned.scan.hidden for planned in scans})
    return Query(tree, tuple(scans))


def _types(found: Sequence[tables.Reference], lookup: Lookup) -> dict[str, Type]:
    """The types of the columns of tables, by name; names that are of several types are left out."""
    types: dict[str, Type] = {}
    several: set[str] = set()
    for reference in found:
        is_information = reference.database == information.DATABASE
        table = None if is_information else lookup(reference.database, reference.name)
        for column in table.all_columns if table is not None else ():
            if types.setdefault(column.name, column.type) != column.type:
                several.add(column.name)
    return {name: kind for name, kind in types.items() if name not in several}


def _checked(tree: exp.Expression) -> exp.Expression:
    refuse(tree)
    limit_recursion(tree)
    tree = columns.name_values(tree)
    tables.shorten_columns(tree)
    return tree


def _filled(tree: exp.Expression, parameters: Sequence[str]) -> exp.Expression:
    """A tree with values in place of its question marks.

    Source: https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
    """
    marks = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(marks) != len(parameters):
        text = f"Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}"
        raise QueryError("INVALID_PARAMETER_USAGE", text)
    for mark, parameter in zip(marks, parameters, strict=True):
        [value] = parse(f"SELECT {parameter}").expressions
        mark.replace(exp.paren(value))
    return tree


def _scan(number: int, reference: tables.Reference, sql: str, hidden: Sequence[str], lookup: Lookup) -> PlannedScan:
    if reference.database == information.DATABASE:
        return _information(number, reference, sql)
    is_list = reference.name.endswith(PARTITIONS)
    name = reference.name.removesuffix(PARTITIONS)
    table = lookup(reference.database, name)
    if table is None:
        place = place_of(sql, reference.name)
        full = f"awsdatacatalog.{reference.database}.{name}"
        raise QueryError("TABLE_NOT_FOUND", f"{place}Table '{full}' does not exist")
    if is_list and not table.keys:
        raise QueryError("TABLE_NOT_FOUND", f"Table '{table}{PARTITIONS}' does not exist")
    scan = Scan(f"scan_{number}", table, () if is_list else tuple(hidden))
    tables.rename(reference, scan.view)
    keys = () if is_list else tuple(key.name for key in table.keys)
    return PlannedScan(scan, conditions(reference.node, keys), is_list)


def _information(number: int, reference: tables.Reference, sql: str) -> PlannedScan:
    table = information.definition(reference.name)
    if table is None:
        full = f"awsdatacatalog.{reference.database}.{reference.name}"
        raise QueryError("TABLE_NOT_FOUND", f"{place_of(sql, reference.name)}Table '{full}' does not exist")
    scan = Scan(f"scan_{number}", table)
    tables.rename(reference, scan.view)
    return PlannedScan(scan, conditions(reference.node, ()), is_list=False, is_information=True)
