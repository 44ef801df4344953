"""Syntax that DuckDB reads otherwise: types, literals, UNNEST of several arrays."""

import re
from collections.abc import Mapping, Sequence

from sqlglot import exp

from localcloud.athena.dialect.functions import rewrite_inside_out
from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.types import Type

_TEXT_TYPES = (exp.DataType.Type.VARCHAR, exp.DataType.Type.CHAR, exp.DataType.Type.NCHAR, exp.DataType.Type.TEXT)

#: Window functions that can leave nulls out.
_OF_VALUES = {
    "lag": exp.Lag,
    "lead": exp.Lead,
    "first_value": exp.FirstValue,
    "last_value": exp.LastValue,
    "nth_value": exp.NthValue,
}

#: How names of functions begin, by then DuckDB's, whose values are arrays.
_GIVE_ARRAYS = ("array_agg", "list_", "athena_array", "athena_slice", "athena_zip")

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


def rewrite_syntax(tree: exp.Expression, types: Mapping[str, Type]) -> exp.Expression:
    """Write a query so that DuckDB reads it as Athena does.

    Args:
        tree: of a query; it is changed.
        types: of the columns of the tables that the query names, by name.

    Returns:
        The tree, which may have another root.

    Raises:
        QueryError: what is not here.
    """
    for unnest in list(tree.find_all(exp.Unnest)):
        _several(unnest, types)
    for fetch in list(tree.find_all(exp.Fetch)):
        _with_ties(fetch)
    return rewrite_inside_out(tree, _rewritten)


def _rewritten(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Cast):
        return _cast(node)
    if isinstance(node, exp.IgnoreNulls):
        return _ignoring_nulls(node)
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


def _ignoring_nulls(node: exp.IgnoreNulls) -> exp.Expression:
    """A window function over the values that are not null, as a class: only of these the generator keeps the words."""
    function = node.this
    name = str(function.this).lower() if isinstance(function, exp.Anonymous) else ""
    if name not in _OF_VALUES:
        raise not_here(f"IGNORE NULLS of {name or 'this expression'}")
    arguments = [argument.copy() for argument in function.expressions]
    names = ("this", "offset", "default")
    return exp.IgnoreNulls(this=_OF_VALUES[name](**dict(zip(names, arguments, strict=False))))


def _with_ties(fetch: exp.Fetch) -> None:
    """FETCH FIRST n ROWS WITH TIES: the rows whose rank by ORDER BY is at most n.

    Source: https://trino.io/docs/current/sql/select.html (LIMIT or FETCH FIRST clause)
    """
    options = fetch.args.get("limit_options")
    if options is None or not options.args.get("with_ties"):
        return
    select = fetch.parent
    order = select.args.get("order") if select is not None else None
    if order is None:
        raise QueryError("MISSING_ORDER_BY", "line 1:1: FETCH FIRST WITH TIES clause requires ORDER BY")
    if not isinstance(select, exp.Select) or select.args.get("distinct") or select.args.get("offset"):
        raise not_here("FETCH FIRST … WITH TIES with DISTINCT, OFFSET or a set operation")
    keys = [_resolved(key, select) for key in order.expressions]
    rank = exp.Window(this=exp.Anonymous(this="rank"), order=exp.Order(expressions=keys))
    count = fetch.args.get("count") or exp.Literal.number(1)
    select.set("qualify", exp.Qualify(this=exp.LTE(this=rank, expression=count.copy())))
    select.set("limit", None)


def _resolved(key: exp.Expression, select: exp.Select) -> exp.Expression:
    """A key of ORDER BY with what a name or a place of the SELECT stands for."""
    found = key.copy()
    value = found.this
    named = {column.alias.lower(): column.this for column in select.expressions if isinstance(column, exp.Alias)}
    if isinstance(value, exp.Literal) and not value.is_string:
        value.replace(select.expressions[int(value.name) - 1].unalias().copy())
    elif isinstance(value, exp.Column) and not value.table and value.name.lower() in named:
        value.replace(named[value.name.lower()].copy())
    return found


def _cast(node: exp.Cast) -> exp.Expression:
    kind = node.args["to"]
    if kind.this == exp.DataType.Type.TIMESTAMPTZ and isinstance(node.this, exp.Literal):
        # With a blank in front DuckDB takes an offset for a zone's name.
        node.this.set("this", re.sub(r"\s+([+-]\d\d:\d\d)$", r"\1", str(node.this.this)))
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


def _several(unnest: exp.Unnest, types: Mapping[str, Type]) -> None:
    """UNNEST of several arrays, of a map or of rows as a SELECT: DuckDB fills up shorter arrays with nulls there.

    Source: https://trino.io/docs/current/sql/select.html (UNNEST): an array of rows becomes a column for each field.
    """
    alias, offset = unnest.args.get("alias"), unnest.args.get("offset")
    arrays = list(unnest.expressions)
    names = [column.name for column in alias.args.get("columns") or ()] if alias is not None else []
    if isinstance(offset, exp.Identifier):
        names.append(offset.name)  # the parser takes the name of the place from the others
    width = len(names) - bool(offset)
    if len(arrays) == 1 and alias is not None and width > 1 and (width > 2 or _is_array(arrays[0], types)):
        _rows(unnest, alias, names, has_place=bool(offset))
        return
    if len(arrays) == 1 and width == 2:
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


def _rows(unnest: exp.Unnest, alias: exp.TableAlias, names: Sequence[str], *, has_place: bool) -> None:
    """UNNEST of an array of rows: the fields as columns."""
    array = unnest.expressions[0]
    depth = exp.PropertyEQ(this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2))
    selected: list[exp.Expression] = [exp.Anonymous(this="unnest", expressions=[array.copy(), depth])]
    if has_place:
        length = exp.Anonymous(this="len", expressions=[array.copy()])
        places = exp.Anonymous(this="duckdb_count_up", expressions=[length])
        selected.append(exp.Anonymous(this="unnest", expressions=[places]))
    columns = [exp.to_identifier(name, quoted=True) for name in names]
    named = exp.TableAlias(this=alias.this, columns=columns)
    unnest.replace(exp.Lateral(this=exp.Subquery(this=exp.select(*selected)), alias=named))


def _is_array(value: exp.Expr, types: Mapping[str, Type]) -> bool:
    """Whether a value is an array as far as its text and the catalog say so; else, with two names, it is a map."""
    if isinstance(value, exp.Cast):
        return bool(value.args["to"].this == exp.DataType.Type.ARRAY)
    if isinstance(value, (exp.Array, exp.Paren)):
        return isinstance(value, exp.Array) or _is_array(value.this, types)
    if isinstance(value, exp.Anonymous):
        return str(value.this).lower().startswith(_GIVE_ARRAYS)
    found = _type_of(value, types)
    if found is None and isinstance(value, exp.Column):
        # A column of an inner query: what it gives its name to.
        named = [one.this for one in value.root().find_all(exp.Alias) if one.alias.lower() == value.name.lower()]
        known = [_type_of(one, types) for one in named if isinstance(one, exp.Column)]
        return any(kind is not None and kind.base == "array" for kind in known) or any(
            _is_array(one, types) for one in named if not isinstance(one, exp.Column)
        )
    return found is not None and found.base == "array"


def _type_of(value: exp.Expr, types: Mapping[str, Type]) -> Type | None:
    """The type of a column of a table, or of a part of one."""
    if isinstance(value, exp.Bracket):
        outer = _type_of(value.this, types)
        return outer.children[-1] if outer is not None and outer.base in ("array", "map") else None
    if isinstance(value, exp.Dot):
        return _field_of(_type_of(value.this, types), value.expression.name)
    if not isinstance(value, exp.Column):
        return None
    found: Type | None = None
    for part in value.parts:
        found = types.get(part.name.lower()) if found is None else _field_of(found, part.name)
    return found


def _field_of(outer: Type | None, name: str) -> Type | None:
    if outer is None or outer.base != "struct":
        return None
    return dict(zip(outer.names, outer.children, strict=True)).get(name.lower())
