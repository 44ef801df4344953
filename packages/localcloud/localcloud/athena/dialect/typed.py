"""What depends on types: integer and decimal results, casts, dates and intervals, and comparisons that Athena refuses.

Source: https://trino.io/docs/current/functions/decimal.html, https://trino.io/docs/current/functions/conversion.html
and https://docs.aws.amazon.com/athena/latest/ug/engine-versions-reference-0003.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import duckdb
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.expressions.builders import apply_index_offset
from sqlglot.optimizer.scope import traverse_scope

from localcloud.athena.dialect.functions import call, sql_expression
from localcloud.athena.dialect.oracle import COMPARISONS, UNKNOWN, UnknownTypesError, kinds_of
from localcloud.athena.errors import QueryError
from localcloud.athena.results import Kind, type_text

Rewrite = Callable[[exp.Expr, Sequence[Kind]], exp.Expr | None]

_INTEGERS: Final[Mapping[str, int]] = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "hugeint": 38}
_NUMBERS: Final = frozenset({*_INTEGERS, "ubigint", "uinteger", "decimal", "float", "double"})
_MOMENTS: Final = frozenset({"date", "timestamp", "timestamp with time zone"})
_MAX_DIGITS: Final = 38
# In place of the number of an expression: it is null itself, and has no type; or it is a condition by its form.
_NULL: Final = -1
_BOOLEAN: Final = -2
_KNOWN: Final[Mapping[int, Kind]] = {_NULL: Kind("null"), _BOOLEAN: Kind("boolean")}
_INTEGER_TYPES: Final = {
    exp.DataType.Type.TINYINT: "TINYINT",
    exp.DataType.Type.SMALLINT: "SMALLINT",
    exp.DataType.Type.INT: "INT",
    exp.DataType.Type.BIGINT: "BIGINT",
}
_CONDITIONAL: Final = (exp.And, exp.Or, exp.Not, exp.Where, exp.Having, exp.Case, exp.If)
_TEXT_TYPES: Final = (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT, exp.DataType.Type.CHAR)


def rewrite_typed(connection: duckdb.DuckDBPyConnection, tree: exp.Expression) -> exp.Expression:
    """Rewrite what means something else in DuckDB for the types that it has.

    Inner queries first, and inside a query from the innermost expression on, because the types of what is outside
    depend on what is inside.

    Args:
        connection: knows the query's tables.
        tree: of the query; it is changed.

    Returns:
        The tree, which may have another root.

    Raises:
        QueryError: Athena refuses the types.
        UnknownTypesError: they cannot be told.
    """
    root = exp.Tuple(expressions=[tree])
    for level in _levels(tree):
        marked: dict[tuple[str, int], int] = {}
        numbers: list[tuple[exp.Expr, list[int]]] = []
        all_nodes: list[tuple[int, exp.Expr]] = []
        for node in level:
            places = []
            for operand in _operands(node):
                if isinstance(operand.unnest(), exp.Null):
                    places.append(_NULL)
                    continue
                if _is_condition(operand):
                    places.append(_BOOLEAN)
                    continue
                # The same text is another value in another query, and in another function.
                where = id(operand.find_ancestor(exp.Query, exp.Lambda))
                number = marked.setdefault((operand.sql(dialect="duckdb"), where), len(marked))
                all_nodes.append((number, operand))
                places.append(number)
            numbers.append((node, places))
        kinds = kinds_of(connection, root.expressions[0], all_nodes)
        for node, places in numbers:
            _replace(node, [_KNOWN.get(place) or kinds.get(place, UNKNOWN) for place in places])
    found: exp.Expression = root.expressions[0]
    found.pop()
    return found


def _levels(tree: exp.Expression) -> Iterator[list[exp.Expr]]:
    """The expressions to look at, those first whose types the others depend on."""
    wanted = [node for node in tree.walk(bfs=False) if _is_typed(node)]
    queries = _queries(tree)
    place = {id(query): number for number, query in enumerate(queries)}
    grouped: dict[tuple[int, int], list[exp.Expr]] = {}
    for node in wanted:
        query = node.find_ancestor(exp.Query)
        while query is not None and id(query) not in place:
            query = query.find_ancestor(exp.Query)
        number = place.get(id(query), len(queries))
        grouped.setdefault((number, _height(node)), []).append(node)
    for key in sorted(grouped):
        yield grouped[key]


def _queries(tree: exp.Expression) -> list[exp.Expr]:
    try:
        return [scope.expression for scope in traverse_scope(tree)]
    except SqlglotError:
        return []


def _height(node: exp.Expr) -> int:
    inner = [_height(child) for child in _typed_inside(node)]
    return 1 + max(inner) if inner else 0


def _typed_inside(node: exp.Expr) -> Iterator[exp.Expr]:
    for child in node.iter_expressions():
        if _is_typed(child):
            yield child
        else:
            yield from _typed_inside(child)


def _is_typed(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower() in _FUNCTIONS and bool(node.expressions)
    if type(node) in _CONDITIONAL:
        return not all(_is_condition(part) for part in _conditions(node)) or not _are_alike(_results(node))
    return type(node) in _NODES


def _operands(node: exp.Expr) -> list[exp.Expr]:
    if type(node) in _CONDITIONAL:
        return [*_conditions(node), *_results(node)]
    if isinstance(node, exp.Anonymous) and str(node.this).lower() in _OF_ALL_ARGUMENTS:
        return list(node.expressions)
    if isinstance(node, exp.Anonymous):
        first = node.expressions[1] if str(node.this).lower() == "date_trunc" else node.expressions[0]
        if isinstance(first, exp.Distinct):
            first = first.expressions[0]
        if isinstance(first, exp.Order):
            first = first.this
        return [] if isinstance(first, exp.Star) else [first]
    if isinstance(node, exp.Between):
        return [node.this, node.args["low"], node.args["high"]]
    if isinstance(node, exp.In):
        return [node.this, *_of_each_kind(node.expressions)]
    if isinstance(node, exp.Binary):
        return [side for side in (node.left, node.right) if not isinstance(side, (exp.Any, exp.All))]
    return [node.this]


def _is_condition(value: exp.Expr) -> bool:
    """Whether a value is true, false or null by its form."""
    return isinstance(value.unnest(), (exp.Predicate, exp.Not, exp.Connector, exp.Boolean, exp.Null))


def _conditions(node: exp.Expr) -> list[exp.Expr]:
    """What has to be true, false or null in an expression."""
    if isinstance(node, exp.Connector):
        return [node.left, node.right]
    if isinstance(node, exp.Case):
        return [] if node.this is not None else [branch.this for branch in node.args["ifs"]]
    if isinstance(node, exp.If):
        # The branches of a CASE are looked at with the whole of it.
        return [] if isinstance(node.parent, exp.Case) else [node.this]
    return [node.this]


def _results(node: exp.Expr) -> list[exp.Expr]:
    """What an expression gives, whichever of its branches is taken."""
    if isinstance(node, exp.Case):
        found = [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")]
    elif isinstance(node, exp.If) and not isinstance(node.parent, exp.Case):
        found = [node.args["true"], node.args.get("false")]
    else:
        return []
    return [one for one in found if one is not None]


def _are_alike(values: Sequence[exp.Expr]) -> bool:
    """Whether values have the same type by their form."""
    plain = [value for value in values if not isinstance(value, exp.Null)]
    return all(isinstance(value, exp.Literal) for value in plain) and len({value.is_string for value in plain}) <= 1


def _of_each_kind(values: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The values of a list, of its literals one of each kind: a list may have thousands."""
    seen: set[tuple[bool, bool]] = set()
    found = []
    for value in values:
        if isinstance(value, exp.Literal):
            kind = (value.is_string, value.is_int)
            if kind in seen:
                continue
            seen.add(kind)
        found.append(value)
    return found


def _replace(node: exp.Expr, kinds: Sequence[Kind]) -> None:
    if not kinds:
        return
    if UNKNOWN in kinds:
        if isinstance(node, exp.Anonymous) and str(node.this).startswith("duckdb_"):
            raise UnknownTypesError(node.sql())
        return
    rewrite = _FUNCTIONS[str(node.this).lower()] if isinstance(node, exp.Anonymous) else _NODES[type(node)]
    outer = _with_modifiers(node)
    replacement = rewrite(node, kinds)
    if replacement is not None:
        outer.replace(replacement)


def _with_modifiers(node: exp.Expr) -> exp.Expr:
    """A call of an aggregate with its FILTER and OVER; the node itself when it has none."""
    outer = node
    while isinstance(outer.parent, (exp.Filter, exp.Window)) and outer.parent.this is outer:
        outer = outer.parent
    return outer


def _renamed(node: exp.Expr, name: str) -> exp.Expr:
    """A call of an aggregate, with its FILTER and OVER, as a call of another one."""
    marked = "duckdb_renamed"
    before = node.this
    node.set("this", marked)
    copied = _with_modifiers(node).copy()
    node.set("this", before)
    for inner in copied.find_all(exp.Anonymous):
        if inner.this == marked:
            inner.set("this", name)
    return copied


# -- Checks


def family(kind: Kind) -> str:
    """What a type is compared with: numbers, moments, or values of the same type."""
    if kind.id in _NUMBERS:
        return "number"
    if kind.id in _MOMENTS:
        return "moment"
    return kind.id


def _compared(node: exp.Expr, kinds: Sequence[Kind]) -> None:
    first, *others = kinds
    for other in others:
        if "null" in (first.id, other.id) or family(first) == family(other):
            continue
        words: dict[type[exp.Expr], str] = {
            exp.EQ: "=",
            exp.NEQ: "<>",
            exp.GT: ">",
            exp.GTE: ">=",
            exp.LT: "<",
            exp.LTE: "<=",
        }
        word = words.get(type(node), "=")
        names = f"{type_text(first)} {word} {type_text(other)}"
        if isinstance(node, exp.In):
            names = f"IN value and list items must be the same type: {type_text(first)}"
            raise QueryError("TYPE_MISMATCH", names)
        raise QueryError("TYPE_MISMATCH", f"Cannot apply operator: {names}")


def _conditional(node: exp.Expr, kinds: Sequence[Kind]) -> None:
    count = len(_conditions(node))
    for kind in kinds[:count]:
        if kind.id not in ("boolean", "null"):
            what: dict[type[exp.Expr], str] = {
                exp.Where: "WHERE clause",
                exp.Having: "HAVING clause",
                exp.Not: "Value of logical NOT expression",
            }
            subject = what.get(type(node), "Logical expression term")
            raise QueryError("TYPE_MISMATCH", f"{subject} must evaluate to a boolean (actual: {type_text(kind)})")
    _common(kinds[count:], "All CASE results" if isinstance(node, exp.Case) else "Result types for IF")


def _common(kinds: Sequence[Kind], what: str) -> None:
    """Refuse types that have no common one."""
    first, *others = [kind for kind in kinds if kind.id != "null"] or [Kind("null")]
    for other in others:
        if family(first) != family(other):
            names = f"{type_text(first)} and {type_text(other)}"
            raise QueryError("TYPE_MISMATCH", f"{what} must be the same type or coercible to a common type: {names}")


def _coalesced(_: exp.Expr, kinds: Sequence[Kind]) -> None:
    _common(kinds, "All COALESCE operands")


def _takes(name: str, *ids: str) -> Rewrite:
    """A function whose arguments have one of some types."""

    def check(_: exp.Expr, kinds: Sequence[Kind]) -> None:
        if any(kind.id not in (*ids, "null") for kind in kinds):
            texts = ", ".join(type_text(kind) for kind in kinds)
            raise QueryError("FUNCTION_NOT_FOUND", f"Unexpected parameters ({texts}) for function {name}")

    return check


def _joined(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    left, right = kinds
    if (left.id == "list") != (right.id == "list") and "null" not in (left.id, right.id):
        # An element at an end of an array.
        name = "list_append" if left.id == "list" else "list_prepend"
        return call(name, node.args["this"], node.args["expression"])
    for kind in kinds:
        if kind.id not in ("varchar", "null", "blob", "list"):
            texts = ", ".join(type_text(each) for each in kinds)
            raise QueryError("FUNCTION_NOT_FOUND", f"Unexpected parameters ({texts}) for function concat")
    is_null = any(kind.id == "null" for kind in kinds) and all(kind.id in ("varchar", "null") for kind in kinds)
    return exp.cast(exp.paren(node.copy()), "varchar") if is_null else None


def _liked(_: exp.Expr, kinds: Sequence[Kind]) -> None:
    for kind in kinds:
        if kind.id not in ("varchar", "null"):
            raise QueryError(
                "TYPE_MISMATCH", f"Left side of LIKE expression must evaluate to a varchar (actual: {type_text(kind)})"
            )


# -- Arithmetic


def _refuse_text(word: str, left: Kind, right: Kind) -> None:
    if "varchar" in (left.id, right.id):
        raise QueryError("TYPE_MISMATCH", f"Cannot apply operator: {type_text(left)} {word} {type_text(right)}")


def _divided(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    left, right = kinds
    _refuse_text("/", left, right)
    if "double" in (left.id, right.id) or "float" in (left.id, right.id):
        # By zero it is infinite; DuckDB's setting for whole numbers would make it an error.
        quotient = call("duckdb_quotient_of_doubles", node.args["this"], node.args["expression"])
        return quotient if "double" in (left.id, right.id) else exp.cast(quotient, "float")
    if "decimal" not in (left.id, right.id):
        return None  # whole numbers by DuckDB's setting
    one, other = _as_decimal(left), _as_decimal(right)
    if one is None or other is None:
        return None
    scale = max(one.scale, other.scale)
    digits = min(_MAX_DIGITS, one.precision + other.scale + max(0, other.scale - one.scale))
    return _quotient(node.args["this"], one, node.args["expression"], other, Kind("decimal", digits, scale))


def _as_decimal(kind: Kind) -> Kind | None:
    if kind.id == "decimal":
        return kind
    return Kind("decimal", _INTEGERS[kind.id], 0) if kind.id in _INTEGERS else None


def _quotient(left: exp.Expr, one: Kind, right: exp.Expr, other: Kind, result: Kind) -> exp.Expr:
    """A quotient of decimals to the last digit: DuckDB's would be a double."""
    shift = result.scale + other.scale - one.scale
    return sql_expression(
        f"CAST(duckdb_quotient($1, $2, {max(0, shift)}, {max(0, -shift)}, {result.scale}) "
        f"AS DECIMAL({result.precision}, {result.scale}))",
        left,
        right,
    )


def _added(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    left, right = kinds
    word = "+" if isinstance(node, exp.Add) else "-"
    _refuse_text(word, left, right)
    if {family(left), family(right)} == {"moment", "number"}:
        raise QueryError("TYPE_MISMATCH", f"Cannot apply operator: {type_text(left)} {word} {type_text(right)}")
    if {left.id, right.id} == {"date", "interval"}:
        interval = next(
            (side for side in (node.args["this"], node.args["expression"]) if isinstance(side, exp.Interval)), None
        )
        unit = str(interval.args["unit"]).lower() if interval is not None and interval.args.get("unit") else ""
        if unit.rstrip("s") in ("hour", "minute", "second"):
            raise QueryError("INVALID_FUNCTION_ARGUMENT", "Cannot add hour, minutes or seconds to a date")
        return exp.cast(exp.paren(node.copy()), "date")
    if isinstance(node, exp.Sub) and (left.id, right.id) == ("date", "date"):
        return call("to_days", exp.cast(exp.paren(node.copy()), "int"))
    return None


# -- Aggregates


def _summed(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    _takes("sum", *_NUMBERS, "interval")(node, kinds)
    whole = _with_modifiers(node).copy()
    if kinds[0].id in _INTEGERS:
        return exp.cast(whole, "bigint")
    return exp.cast(whole, "float") if kinds[0].id == "float" else None


def _averaged(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    _takes("avg", *_NUMBERS, "interval")(node, kinds)
    [kind] = kinds
    if kind.id == "float":
        return exp.cast(_with_modifiers(node).copy(), "float")
    if kind.id != "decimal":
        return None
    total, count = _renamed(node, "sum"), _renamed(node, "count")
    return sql_expression(
        "CASE WHEN $2 > 0 THEN $1 END",
        _quotient(total, Kind("decimal", 38, kind.scale), count, Kind("decimal", 19, 0), kind),
        count,
    )


# -- Casts and functions


def _cast(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    [kind], to = kinds, node.args["to"].this
    value, is_try = node.args["this"], isinstance(node, exp.TryCast) or _is_tried(node)
    if to in _TEXT_TYPES and kind.id == "json":
        return call("json_extract_string", value, exp.Literal.string("$"))
    if to == exp.DataType.Type.JSON and kind.id == "varchar":
        return call("to_json", value)
    if to in _TEXT_TYPES and kind.id == "timestamp":
        return call("strftime", value, exp.Literal.string("%Y-%m-%d %H:%M:%S.%g"))
    if to in _TEXT_TYPES and kind.id == "double":
        return call("athena_double_text", value)
    if to not in _INTEGER_TYPES:
        return None
    name = _INTEGER_TYPES[to]
    if kind.id in ("double", "float"):
        return sql_expression(f"{'TRY_CAST' if is_try else 'CAST'}(floor($1 + 0.5) AS {name})", value)
    if kind.id == "varchar":
        wrong = "NULL" if is_try else f"error('INVALID_CAST_ARGUMENT: Cannot cast ''' || $1 || ''' to {name}')"
        return sql_expression(
            f"CASE WHEN regexp_full_match($1, '[+-]?[0-9]+') THEN "
            f"{'TRY_CAST' if is_try else 'CAST'}($1 AS {name}) WHEN $1 IS NOT NULL THEN {wrong} END",
            value,
        )
    return None


def _is_tried(node: exp.Expr) -> bool:
    """Whether it is inside a TRY, where null takes the place of an error."""
    above = node.find_ancestor(exp.Anonymous)
    while above is not None:
        if str(above.this).lower() == "try":
            return True
        above = above.find_ancestor(exp.Anonymous)
    return False


def _counted(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    _takes("cardinality", "map", "list", "array")(node, kinds)
    name = "cardinality" if kinds[0].id == "map" else "len"
    return exp.cast(call(name, node.expressions[0]), "bigint")


def _length(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    """Of bytes it is their number."""
    return call("octet_length", node.expressions[0]) if kinds[0].id == "blob" else None


def _reversed(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    return call("list_reverse" if kinds[0].id == "list" else "reverse", node.expressions[0])


def _truncated(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    return exp.cast(node.copy(), "date") if kinds[0].id == "date" else None


def _whole(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    """floor, ceiling and round of a whole number are the number."""
    is_plain = kinds[0].id in _INTEGERS and len(node.expressions) == 1
    return exp.paren(node.expressions[0].copy()) if is_plain else None


def _rounded(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    """A rounded decimal keeps its digits when the place is given, and has none after the point otherwise."""
    [kind] = kinds
    if kind.id != "decimal":
        return _whole(node, kinds)
    scale = kind.scale if len(node.expressions) > 1 else 0
    return exp.cast(node.copy(), f"decimal({min(_MAX_DIGITS, kind.precision - kind.scale + 1 + scale)}, {scale})")


def _signed(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    """A sign has the type of its number; a decimal's has one digit."""
    name = "decimal(1, 0)" if kinds[0].id == "decimal" else kinds[0].id
    return exp.cast(node.copy(), name) if kinds[0].id in _NUMBERS else None


def _type_name(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    value = node.expressions[0]
    if isinstance(value, exp.Literal) and value.is_string:
        return exp.Literal.string(f"varchar({len(str(value.this))})")
    return exp.Literal.string(type_text(kinds[0]))


def _subscripted(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    """An element that is not there is an error; element_at, which is written as safe, gives null."""
    if node.args.get("safe") or len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
        return None
    name = {"list": "athena_subscript", "array": "athena_subscript", "map": "athena_key"}.get(kinds[0].id)
    if name is None:
        return None
    # The parser counts lists from 0.
    shift = 1 - int(node.args.get("offset") or 0)
    [place] = apply_index_offset(node.this, node.expressions, shift, dialect="duckdb")
    return call(name, node.this, place)


def _series(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    if kinds[0].id != "date":
        return call("generate_series", *node.expressions)
    arguments = [*node.expressions, *([exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY"))])][:3]
    return exp.cast(call("generate_series", *arguments), exp.DataType.build("date[]", dialect="duckdb"))


def _zoned(node: exp.Expr, kinds: Sequence[Kind]) -> exp.Expr | None:
    """A timestamp without zone is in UTC, where the session is."""
    if kinds[0].id != "timestamp":
        return None
    utc = exp.AtTimeZone(this=exp.paren(node.args["this"].copy()), zone=exp.Literal.string("UTC"))
    return exp.AtTimeZone(this=exp.paren(utc), zone=node.args["zone"].copy())


#: Calls of which all arguments are looked at.
_OF_ALL_ARGUMENTS: Final = ("coalesce", "athena_date_diff")
_NODES: Final[Mapping[type[exp.Expr], Rewrite]] = {
    **dict.fromkeys(COMPARISONS, _compared),
    exp.DPipe: _joined,
    **dict.fromkeys(_CONDITIONAL, _conditional),
    exp.Like: _liked,
    exp.Div: _divided,
    exp.Add: _added,
    exp.Sub: _added,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.AtTimeZone: _zoned,
    exp.Bracket: _subscripted,
}
_FUNCTIONS: Final[Mapping[str, Rewrite]] = {
    "sum": _summed,
    "avg": _averaged,
    "duckdb_cardinality": _counted,
    "duckdb_reverse": _reversed,
    "duckdb_typeof": _type_name,
    "duckdb_sequence": _series,
    "coalesce": _coalesced,
    "athena_date_diff": lambda node, kinds: _takes("date_diff", *_MOMENTS, "time")(node, kinds[1:]),
    "athena_json_extract": lambda node, kinds: _takes("json_extract", "varchar", "json")(node, kinds[:1]),
    "athena_json_extract_scalar": lambda node, kinds: _takes("json_extract_scalar", "varchar", "json")(node, kinds[:1]),
    "date_trunc": _truncated,
    "floor": _whole,
    "ceil": _whole,
    "length": _length,
    "ceiling": _whole,
    "round": _rounded,
    "sign": _signed,
}
