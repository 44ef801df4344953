"""What a filter says about the partition columns of one table.

The condition that is given follows from the filter: where the filter is true, the condition is. The reverse need not
hold. PostgreSQL evaluates it over the registered partitions, so that its comparisons and casts are those of the
statement itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce

from sqlglot import exp

from localcloud.redshift.dialect.rewrite import rewrite

_DIALECT = "redshift"
#: Nodes that give the same value for the same partition whenever, wherever and by whomever they are evaluated.
_STEADY = (
    exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Tuple,
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between, exp.Is, exp.Like,
    exp.DPipe, exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Cast, exp.DataType, exp.DataTypeParam,
    exp.Substring, exp.Left, exp.Right, exp.Upper, exp.Lower, exp.Coalesce, exp.StrToDate,
)  # fmt: skip
#: Formats of dates that come out of the parser as they went in.
_DATE_FORMAT = re.compile(r"%Y[-/. ]?%m[-/. ]?%d")
_TYPES = frozenset(
    {
        exp.DataType.Type.SMALLINT,
        exp.DataType.Type.INT,
        exp.DataType.Type.BIGINT,
        exp.DataType.Type.DECIMAL,
        exp.DataType.Type.VARCHAR,
        exp.DataType.Type.TEXT,
        exp.DataType.Type.DATE,
    }
)


@dataclass(frozen=True)
class Condition:
    """A condition on partition columns.

    Attributes:
        text: for PostgreSQL; the columns have no table in front of them.
        is_null_refused: whether it may be used only when a row of nulls does not fulfil it, because an outer join
            may put such a row in the place of the rows that are left out.
    """

    text: str
    is_null_refused: bool


def condition(tree: exp.Expr, alias: str, keys: frozenset[str], *, schema: str, takes_bare: bool) -> str | None:
    """Give the condition that follows from a filter, None when none does.

    Args:
        tree: the filter.
        alias: by which the filter calls the table.
        keys: the table's partition columns.
        schema: the table's; empty for what has none, such as a derived table.
        takes_bare: whether a column without a table in front may be this table's.
    """
    found = _implied(tree, _Columns(alias, keys, schema, takes_bare=takes_bare))
    return None if found is None else rewrite(found.sql(dialect=_DIALECT))


@dataclass(frozen=True)
class _Columns:
    """Which columns of a filter are the table's partition columns."""

    alias: str
    keys: frozenset[str]
    schema: str
    takes_bare: bool

    def has(self, column: exp.Column) -> bool:
        # Two schemas may have a table of one name, and a statement both without an alias.
        if column.db and column.db.lower() != self.schema:
            return False
        is_ours = column.table.lower() == self.alias or (self.takes_bare and not column.table)
        return is_ours and column.name.lower() in self.keys


def _implied(tree: exp.Expr, columns: _Columns) -> exp.Expr | None:
    if isinstance(tree, exp.Paren):
        return _implied(tree.this, columns)
    if isinstance(tree, exp.And):
        parts = [part for side in (tree.left, tree.right) if (part := _implied(side, columns)) is not None]
        return reduce(_and, parts) if parts else None
    if isinstance(tree, exp.Or):
        left, right = _implied(tree.left, columns), _implied(tree.right, columns)
        return None if left is None or right is None else exp.Paren(this=exp.Or(this=left, expression=right))
    return _bare(tree) if _is_steady(tree, columns) else None


def _and(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return exp.And(this=left, expression=right)


def _is_steady(tree: exp.Expr, columns: _Columns) -> bool:
    has_column = False
    for node in tree.walk(prune=lambda node: isinstance(node, exp.Column)):
        if isinstance(node, exp.Column):
            has_column = True
            if not columns.has(node):
                return False
        elif not isinstance(node, _STEADY) or not _is_known(node):
            return False
    return has_column


def _is_known(node: exp.Expr) -> bool:
    if isinstance(node, exp.DataType):
        return node.this in _TYPES
    if isinstance(node, exp.In):
        return not (node.args.get("query") or node.args.get("unnest") or node.args.get("field"))
    if isinstance(node, exp.Between):
        return not node.args.get("symmetric")
    if isinstance(node, exp.StrToDate):
        return _DATE_FORMAT.fullmatch(node.text("format")) is not None
    if isinstance(node, exp.Cast):
        return type(node) is exp.Cast and not node.args.get("format")
    return True


def _bare(tree: exp.Expr) -> exp.Expr:
    """Give a copy whose columns have no table in front; in parentheses, so that it can stand beside others."""

    def strip(node: exp.Expr) -> exp.Expr:
        return exp.column(node.name.lower(), quoted=True) if isinstance(node, exp.Column) else node

    return exp.Paren(this=tree.copy().transform(strip))
