"""Syntax that DuckDB reads otherwise: types, literals, UNNEST of several arrays."""

from sqlglot import exp

from localcloud.athena.dialect.functions import rewrite_inside_out
from localcloud.athena.errors import not_here

_TEXT_TYPES = (exp.DataType.Type.VARCHAR, exp.DataType.Type.CHAR, exp.DataType.Type.NCHAR, exp.DataType.Type.TEXT)

#: Fields of EXTRACT that DuckDB counts otherwise or calls otherwise.
#: Source: https://trino.io/docs/current/functions/datetime.html (extraction function)
_PARTS = {
    "dow": "isodow",
    "day_of_week": "isodow",
    "day_of_month": "day",
    "day_of_year": "doy",
    "year_of_week": "isoyear",
    "yow": "isoyear",
}


def rewrite_syntax(tree: exp.Expression) -> exp.Expression:
    """Write a query so that DuckDB reads it as Athena does.

    Args:
        tree: of a query; it is changed.

    Returns:
        The tree, which may have another root.

    Raises:
        QueryError: what is not here.
    """
    for unnest in list(tree.find_all(exp.Unnest)):
        _several(unnest)
    return rewrite_inside_out(tree, _rewritten)


def _rewritten(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Cast):
        return _cast(node)
    if isinstance(node, exp.GroupConcat) and node.args.get("separator") is None:
        # LISTAGG joins with nothing when nothing is asked for.
        node.set("separator", exp.Literal.string(""))
    if isinstance(node, exp.Extract):
        part = _PARTS.get(node.name.lower())
        if part is not None:
            node.set("this", exp.var(part))
    if isinstance(node, exp.TableSample) and node.args.get("method") is None:
        raise not_here("TABLESAMPLE without BERNOULLI or SYSTEM")
    return node


def _cast(node: exp.Cast) -> exp.Expression:
    kind = node.args["to"]
    for part in kind.find_all(exp.DataType):
        _plain_type(part, node.this)
    size = kind.expressions[0].this if kind.this in _TEXT_TYPES and kind.expressions else None
    if size is None:
        return node
    kind.set("expressions", None)
    return exp.Anonymous(this="left", expressions=[node.copy(), exp.Literal.number(size.name)])


def _plain_type(kind: exp.DataType, value: exp.Expression) -> None:
    """A type of Athena as one of DuckDB: timestamps lose their precision, a bare decimal gets Athena's."""
    name = kind.this
    timestamps = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIME)
    if name in timestamps:
        kind.set("expressions", None)
    if name == exp.DataType.Type.DECIMAL and not kind.expressions:
        digits, scale = 38, 0
        if isinstance(value, exp.Literal) and value.is_string and "." in value.this:
            # The literal DECIMAL '1.10', which the parser gives as a cast of a text.
            before, _, after = str(value.this).strip().lstrip("+-").partition(".")
            digits, scale = len(before.lstrip("0") + after) or 1, len(after)
            digits = max(digits, scale)
        sizes = [exp.DataTypeParam(this=exp.Literal.number(size)) for size in (digits, scale)]
        kind.set("expressions", sizes)


def _several(unnest: exp.Unnest) -> None:
    """UNNEST of several arrays, or of a map, as a SELECT: DuckDB fills up the shorter arrays with nulls there."""
    alias, offset = unnest.args.get("alias"), unnest.args.get("offset")
    arrays = list(unnest.expressions)
    names = [column.name for column in alias.args.get("columns") or ()] if alias is not None else []
    if isinstance(offset, exp.Identifier):
        names.append(offset.name)  # the parser takes the name of the place from the others
    if len(arrays) == 1 and len(names) == 2 + bool(offset):
        # Two names for one value: the keys and the values of a map.
        arrays = [exp.Anonymous(this=f"map_{part}", expressions=[arrays[0].copy()]) for part in ("keys", "values")]
    if len(arrays) < 2:
        return
    if alias is None or len(names) != len(arrays) + bool(offset):
        raise not_here("UNNEST of several arrays without a name for each column")
    selected = [
        exp.alias_(exp.Anonymous(this="unnest", expressions=[array.copy()]), name, quoted=True)
        for array, name in zip(arrays, names, strict=False)
    ]
    if offset:
        lengths = [exp.Anonymous(this="len", expressions=[array.copy()]) for array in arrays]
        longest = exp.Anonymous(this="greatest", expressions=lengths)
        count = exp.Anonymous(this="duckdb_count_up", expressions=[longest])
        selected.append(exp.alias_(exp.Anonymous(this="unnest", expressions=[count]), names[-1], quoted=True))
    lateral = exp.Lateral(this=exp.Subquery(this=exp.select(*selected)), alias=exp.TableAlias(this=alias.this))
    unnest.replace(lateral)
