"""Athena's functions as DuckDB's, by name; a name that Athena does not know is refused.

Three kinds: those that DuckDB has under the same name and that mean the same; those that are a macro of `macros.sql`;
and those that are rewritten here, because they take a pattern, a unit or a function.

Source: https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html and https://trino.io/docs/current/functions.html
"""

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final

import duckdb
import sqlglot
from sqlglot import exp

from localcloud.athena.dialect.parsing import place_of
from localcloud.athena.dialect.patterns import joda_to_strftime, mysql_to_strftime
from localcloud.athena.errors import QueryError, not_here

PREFIX: Final = "athena_"
Rewrite = Callable[[list[Any]], exp.Expression]

SAME: Final = frozenset(
    """
    abs acos any_value array_agg asin atan atan2 avg bit_length bool_and bool_or
    ceil ceiling chr coalesce concat_ws corr cos cosh count covar_pop covar_samp cume_dist current_date day degrees
    dense_rank exp first_value flatten floor grouping histogram hour kurtosis lag last_value lead length
    levenshtein_distance ln log log10 log2 lower lpad ltrim map map_concat map_entries map_from_entries map_keys
    map_values max min minute mod month now nth_value ntile nullif percent_rank pi pow power quarter radians rank
    regr_intercept regr_slope round row row_number rpad rtrim second sign sin sinh skewness sqrt
    starts_with stddev stddev_pop stddev_samp sum tan tanh translate trim trunc try
    upper uuid var_pop var_samp variance year
    """.split()  # noqa: SIM905 - so many names read better as a text
)
"""Functions of Athena that DuckDB has under the same name."""

RENAMED: Final[Mapping[str, str]] = {
    # Which function it is, is decided with the types.
    "cardinality": "duckdb_cardinality",
    "reverse": "duckdb_reverse",
    "typeof": "duckdb_typeof",
    "approx_distinct": "approx_count_distinct",
    "array_first": "list_first",
    "array_last": "list_last",
    "normalize": "nfc_normalize",
    "approx_percentile": "approx_quantile",
    "arbitrary": "any_value",
    "char_length": "length",
    "character_length": "length",
    "contains": "list_contains",
    "count_if": "count_if",
    "day_of_month": "day",
    "day_of_week": "isodow",
    "dow": "isodow",
    "doy": "dayofyear",
    "filter": "list_filter",
    "levenshtein_distance": "levenshtein",
    "max_by": "arg_max",
    "min_by": "arg_min",
    "rand": "random",
    "regexp_extract_all": "regexp_extract_all",
    "regexp_like": "regexp_matches",
    "transform": "list_transform",
    "truncate": "trunc",
    "week": "weekofyear",
    "week_of_year": "weekofyear",
    "year_of_week": "isoyear",
    "yow": "isoyear",
}
"""Functions of Athena that DuckDB has under another name."""

ELSEWHERE: Final = frozenset(
    """
    array_trim_trailing bar beta_cdf bing_tile char2hexint checksum classify color combinations convex_hull_agg
    cosine_distance cosine_similarity crc32 dot_product entropy evaluate_classifier_predictions euclidean_distance
    features format_number from_big_endian_32 from_big_endian_64 from_encoded_polyline from_geojson_geometry
    from_ieee754_32 from_ieee754_64 from_iso8601_timestamp_nanos from_unixtime_nanos great_circle_distance
    hash_counts hmac_md5 hmac_sha1 hmac_sha256 hmac_sha512 inverse_beta_cdf inverse_normal_cdf json_array
    json_exists json_object json_query json_value listagg_distinct luhn_check make_set_digest map_union max_n
    merge merge_set_digest min_n multimap_agg multimap_from_entries murmur3 normal_cdf numeric_histogram
    parse_data_size parse_duration parse_presto_data_size qdigest_agg reduce_agg rgb render sha512 shuffle soundex
    spatial_partitioning spooky_hash_v2_32 spooky_hash_v2_64 split_to_multimap st_area st_astext st_contains
    st_distance st_geometryfromtext st_intersects st_point st_within st_x st_y t_pdf tdigest_agg timezone_hour
    timezone_minute to_big_endian_32 to_big_endian_64 to_encoded_polyline to_geojson_geometry to_geometry
    to_ieee754_32 to_ieee754_64 approx_most_frequent approx_set bitwise_right_shift bitwise_right_shift_arithmetic
    empty_approx_set from_base32 from_base64url to_base32 to_base64url intersection_cardinality jaccard_index
    l2_squared value_at_quantile values_at_quantiles wilson_interval_lower wilson_interval_upper word_stem
    xxhash64 version
    """.split()  # noqa: SIM905 - so many names read better as a text
)
"""Functions of Athena that are not in the stand-in."""


#: Macros that a query calls only once its types are known.
_OF_TYPES: Final = (
    "athena_double_text",
    "athena_subscript",
    "athena_key",
    "duckdb_quotient",
    "duckdb_quotient_of_doubles",
)


def create_macros(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    """Make the macros that a query calls, or will call once its types are known.

    All of them would take longer than most queries.

    Args:
        connection: gets them.
        text: of the query.
    """
    wanted: set[str] = set()
    left = [*_called(text), *_OF_TYPES]
    while left:
        name = left.pop()
        if name in _DEFINITIONS and name not in wanted:
            wanted.add(name)
            left += _called(_DEFINITIONS[name])
    # In the order of the file, where what a macro calls is in front of it.
    connection.execute("".join(text for name, text in _DEFINITIONS.items() if name in wanted))


def _called(text: str) -> list[str]:
    return [name.lower() for name in re.findall(r"(?i)\b((?:athena|duckdb)_\w+)\(", text)]


def _definitions() -> dict[str, str]:
    text = files("localcloud.athena.dialect").joinpath("macros.sql").read_text(encoding="utf-8")
    found = re.split(r"(?m)^(?=CREATE MACRO )", re.sub(r"--.*", "", text))
    return {_called(statement)[0]: statement for statement in found if statement.strip()}


_DEFINITIONS: Final = _definitions()
MACROS: Final = frozenset(name.removeprefix(PREFIX) for name in _DEFINITIONS if name.startswith(PREFIX))
"""Functions of Athena that are a macro."""


def rewrite_functions(tree: exp.Expression, sql: str) -> exp.Expression:
    """Give every function its name in DuckDB.

    Args:
        tree: of a query; it is changed.
        sql: the statement that it is from, for messages.

    Returns:
        The tree, which may have another root.

    Raises:
        QueryError: a function that Athena does not know, or the stand-in does not have.
    """
    return rewrite_inside_out(tree, lambda node: _rewritten(node, sql))


def rewrite_inside_out(tree: exp.Expression, rewrite: Callable[[exp.Expr], exp.Expr]) -> exp.Expression:
    """Rewrite every expression of a tree, what is inside of another one first.

    Args:
        tree: is changed.
        rewrite: gives, for an expression, itself or another one.

    Returns:
        The tree, which may have another root.
    """
    root = exp.Tuple(expressions=[tree])
    for node in reversed(list(tree.walk(bfs=False))):
        replacement = rewrite(node)
        if replacement is not node:
            node.replace(replacement)
    found: exp.Expression = root.expressions[0]
    found.pop()
    return found


def _rewritten(node: exp.Expr, sql: str) -> exp.Expr:
    if not isinstance(node, exp.Anonymous):
        return node
    name, arguments = str(node.this).lower(), list(node.expressions)
    if name.startswith((PREFIX, "duckdb_")):
        return node
    if name in REWRITTEN:
        try:
            return REWRITTEN[name](arguments)
        except IndexError as error:
            text = f"{place_of(sql, name)}Unexpected parameters for function {name}"
            raise QueryError("FUNCTION_NOT_FOUND", text) from error
    if name in MACROS:
        node.set("this", f"{PREFIX}{name}")
    elif name in RENAMED:
        node.set("this", RENAMED[name])
    elif name in ELSEWHERE:
        raise not_here(f"function {name}")
    elif name in ("all", "any", "some"):
        raise not_here(f"{name.upper()} over VALUES")
    elif name not in SAME:
        raise QueryError("FUNCTION_NOT_FOUND", f"{place_of(sql, name)}Function '{name}' not registered")
    return node


def sql_expression(template: str, *arguments: exp.Expr) -> exp.Expression:
    """An expression of DuckDB from a text in which ``$1`` is the first argument.

    Args:
        template: SQL of DuckDB.
        *arguments: take the places.
    """
    tree = sqlglot.parse_one(template, dialect="duckdb")

    def filled(node: exp.Expression) -> exp.Expression:
        if isinstance(node, (exp.Parameter, exp.Placeholder)):
            return exp.paren(arguments[int(node.name) - 1].copy())
        return node

    return tree.transform(filled, copy=False)


def call(name: str, *arguments: exp.Expr) -> exp.Expression:
    """A call of a function of DuckDB, by its name as it is."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _text(node: exp.Expression, what: str) -> str:
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise not_here(f"{what} that is not a literal")
    return str(node.this)


def _unit(node: exp.Expression) -> str:
    unit = _text(node, "a unit of time").lower()
    if unit not in ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"):
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid timestamp field")
    return unit


def _date_format(given: list[Any]) -> exp.Expression:
    pattern = mysql_to_strftime(_text(given[1], "a pattern of date_format"))
    return call("strftime", given[0], exp.Literal.string(pattern))


def _date_parse(given: list[Any]) -> exp.Expression:
    pattern = mysql_to_strftime(_text(given[1], "a pattern of date_parse"))
    return call("strptime", given[0], exp.Literal.string(pattern))


def _format_datetime(given: list[Any]) -> exp.Expression:
    pattern = joda_to_strftime(_text(given[1], "a pattern of format_datetime"))
    return call("strftime", given[0], exp.Literal.string(pattern))


def _parse_datetime(given: list[Any]) -> exp.Expression:
    pattern = joda_to_strftime(_text(given[1], "a pattern of parse_datetime"))
    return sql_expression("CAST($1 AS TIMESTAMPTZ)", call("strptime", given[0], exp.Literal.string(pattern)))


def _date_add(given: list[Any]) -> exp.Expression:
    unit = _unit(given[0])
    count, unit = (
        (exp.Mul(this=exp.paren(given[1].copy()), expression=exp.Literal.number(3)), "month")
        if (unit == "quarter")
        else (given[1], unit)
    )
    names = {"millisecond": "to_milliseconds", "week": "to_weeks"}
    interval = call(names.get(unit, f"to_{unit}s"), count)
    # The class, not the text: what date plus interval is, is decided with the types.
    return exp.Add(this=exp.paren(given[2].copy()), expression=interval)


def _date_trunc(given: list[Any]) -> exp.Expression:
    return call("date_trunc", exp.Literal.string(_unit(given[0])), given[1])


def _date_diff(given: list[Any]) -> exp.Expression:
    return call(f"{PREFIX}date_diff", exp.Literal.string(_unit(given[0])), given[1], given[2])


def _concat(given: list[Any]) -> exp.Expression:
    if len(given) < 2:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", "There must be two or more concatenation arguments")
    found: exp.Expression = exp.paren(given[0].copy())
    for argument in given[1:]:
        found = exp.DPipe(this=found, expression=exp.paren(argument.copy()), safe=True)
    return exp.paren(found)


def _regexp_replace(given: list[Any]) -> exp.Expression:
    replacement = given[2] if len(given) > 2 else exp.Literal.string("")
    if isinstance(replacement, exp.Literal):
        # A group is $1 in Java's patterns and \1 in DuckDB's.
        text = re.sub(r"(?<!\\)\$(\d)", r"\\\1", str(replacement.this).replace("\\$", "\0")).replace("\0", "$")
        replacement = exp.Literal.string(text)
    elif not isinstance(replacement, exp.Literal):
        raise not_here("a replacement of regexp_replace that is not a literal")
    return call("regexp_replace", given[0], given[1], replacement, exp.Literal.string("g"))


def _reduce(given: list[Any]) -> exp.Expression:
    array, start, step, finish = given[0], given[1], given[2], given[3]
    reduced = call("list_reduce", array, step, start)
    return sql_expression("list_extract($1, 1)", call("list_transform", exp.array(reduced), finish))


def _matches(template: str) -> Rewrite:
    return lambda given: sql_expression(template, call("list_filter", given[0], given[1]), given[0])


def _array_sort(given: list[Any]) -> exp.Expression:
    if len(given) > 1:
        raise not_here("array_sort with a function that compares")
    return call(f"{PREFIX}array_sort", *given)


def _json_path(name: str) -> Rewrite:
    """A function of JSON and a path, whose fields may be in brackets."""

    def rewrite(given: list[Any]) -> exp.Expression:
        path = given[1]
        if isinstance(path, exp.Literal):
            path = exp.Literal.string(re.sub(r"\[(\"[^\"]*\")\]", r".\1", str(path.this)))
        return call(f"{PREFIX}{name}", given[0], path)

    return rewrite


def _element_at(given: list[Any]) -> exp.Expression:
    return exp.Bracket(this=exp.paren(given[0].copy()), expressions=[given[1].copy()], offset=1, safe=True)


def _sequence(given: list[Any]) -> exp.Expression:
    return call("duckdb_sequence", *given)


def _replace(given: list[Any]) -> exp.Expression:
    return call("replace", given[0], given[1], given[2] if len(given) > 2 else exp.Literal.string(""))


def _random(given: list[Any]) -> exp.Expression:
    if not given:
        return call("random")
    if len(given) == 1:
        return sql_expression("CAST(floor(random() * $1) AS INTEGER)", given[0])
    return sql_expression("CAST(floor(random() * ($2 - $1)) + $1 AS INTEGER)", *given)


def _format(given: list[Any]) -> exp.Expression:
    pattern = _text(given[0], "a pattern of format")
    parts = [part for part in re.findall(r"%%|%(?:-?\d+)?(?:\.\d+)?[sdfeEgx]", pattern) if part != "%%"]
    if "%" in re.sub(r"%%|%(?:-?\d+)?(?:\.\d+)?[sdfeEgx]", "", pattern):
        raise not_here(f"the pattern {pattern!r} of format")
    if len(parts) != len(given) - 1:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Invalid format string: {pattern}")
    arguments = [
        sql_expression(
            "CAST($1 AS VARCHAR)"
            if part.endswith("s")
            else "CAST($1 AS BIGINT)"
            if part[-1] in "dx"
            else "CAST($1 AS DOUBLE)",
            argument,
        )
        for part, argument in zip(parts, given[1:], strict=True)
    ]
    return call("printf", given[0], *arguments)


def _bitwise(operator: type[exp.Binary]) -> Rewrite:
    def rewrite(given: list[Any]) -> exp.Expression:
        found = operator(this=exp.paren(given[0].copy()), expression=exp.paren(given[1].copy()))
        return exp.cast(exp.paren(found), "bigint")

    return rewrite


def _extreme(name: str) -> Rewrite:
    """The greatest or least of several values, null when one of them is."""

    def rewrite(given: list[Any]) -> exp.Expression:
        is_null = [exp.Is(this=exp.paren(argument.copy()), expression=exp.null()) for argument in given]
        return exp.Case(ifs=[exp.If(this=exp.or_(*is_null), true=exp.null())], default=call(name, *given))

    return rewrite


def _date(given: list[Any]) -> exp.Expression:
    return exp.cast(given[0].copy(), exp.DataType.build("date"))


def _url_parameter(given: list[Any]) -> exp.Expression:
    name = re.escape(_text(given[1], "a parameter's name"))
    pattern = exp.Literal.string(f"[?&]{name}=([^&#]*)")
    return call(f"{PREFIX}regexp_extract", given[0], pattern, exp.Literal.number(1))


def _strpos(given: list[Any]) -> exp.Expression:
    if len(given) == 2:
        return call("strpos", *given)
    if not (isinstance(given[2], exp.Literal) and not given[2].is_string):
        raise not_here("strpos with the number of an instance that is not a positive literal")
    return call(f"{PREFIX}strpos", *given)


def _from_unixtime(given: list[Any]) -> exp.Expression:
    moment = call(f"{PREFIX}from_unixtime", given[0])
    return exp.AtTimeZone(this=moment, zone=given[1].copy()) if len(given) > 1 else moment


def _at_timezone(given: list[Any]) -> exp.Expression:
    return exp.AtTimeZone(this=exp.paren(given[0].copy()), zone=given[1].copy())


def _applied(function: exp.Expr, *values: exp.Expression) -> exp.Expression:
    """The body of a lambda with expressions in place of its parameters.

    Raises:
        QueryError: it is no lambda, or has another number of parameters.
    """
    parameters = [part.name.lower() for part in function.expressions] if isinstance(function, exp.Lambda) else []
    if len(parameters) != len(values):
        raise QueryError("FUNCTION_NOT_FOUND", "Unexpected parameters: a function of as many values is expected")
    places = dict(zip(parameters, values, strict=True))
    body = exp.Tuple(expressions=[function.this.copy()])
    for node in list(body.walk()):
        is_name = isinstance(node, exp.Identifier) and not isinstance(node.parent, exp.Column)
        is_field = isinstance(node.parent, exp.Dot) and node.arg_key == "expression"
        is_whole = isinstance(node, exp.Column) and not node.table
        if (is_whole or (is_name and not is_field)) and node.name.lower() in places:
            node.replace(exp.paren(places[node.name.lower()].copy()))
    found: exp.Expression = body.expressions[0]
    return exp.paren(found)


def _over(values: exp.Expression, name: str, body: exp.Expression, function: str) -> exp.Expression:
    """A function of DuckDB over the values of a list."""
    inner = exp.Lambda(this=body, expressions=[exp.to_identifier(name)])
    return exp.Anonymous(this=function, expressions=[values, inner])


def _field(name: str, part: str) -> exp.Expression:
    return exp.Anonymous(this="struct_extract", expressions=[exp.to_identifier(name), exp.Literal.string(part)])


def _entry(key: exp.Expression, value: exp.Expression) -> exp.Expression:
    pairs = (("key", key), ("value", value))
    return exp.Struct(
        expressions=[exp.PropertyEQ(this=exp.to_identifier(name), expression=part.copy()) for name, part in pairs]
    )


def _map_filter(given: list[Any]) -> exp.Expression:
    body = _applied(given[1], _field("duckdb_e", "key"), _field("duckdb_e", "value"))
    kept = _over(call("map_entries", given[0]), "duckdb_e", body, "list_filter")
    return exp.Anonymous(this="map_from_entries", expressions=[kept])


def _map_transform(part: str) -> Rewrite:
    """A map with other keys or other values."""

    def rewrite(given: list[Any]) -> exp.Expression:
        key, value = _field("duckdb_e", "key"), _field("duckdb_e", "value")
        body = _applied(given[1], key, value)
        entry = _entry(body, value) if part == "key" else _entry(key, body)
        changed = _over(call("map_entries", given[0]), "duckdb_e", entry, "list_transform")
        return exp.Anonymous(this="map_from_entries", expressions=[changed])

    return rewrite


def _zip_with(given: list[Any]) -> exp.Expression:
    parts = [
        exp.Anonymous(this="struct_extract", expressions=[exp.to_identifier("duckdb_e"), exp.Literal.number(place)])
        for place in (1, 2)
    ]
    return _over(call("list_zip", given[0], given[1]), "duckdb_e", _applied(given[2], *parts), "list_transform")


def _map_zip_with(given: list[Any]) -> exp.Expression:
    key = exp.to_identifier("duckdb_e")
    values = [exp.Anonymous(this="map_extract_value", expressions=[one.copy(), key.copy()]) for one in given[:2]]
    both = call("list_concat", call("map_keys", given[0]), call("map_keys", given[1]))
    keys = call(f"{PREFIX}array_distinct", both)
    body = _entry(key, _applied(given[2], key, *values))
    changed = _over(keys, "duckdb_e", body, "list_transform")
    return exp.Anonymous(this="map_from_entries", expressions=[changed])


REWRITTEN: Final[Mapping[str, Rewrite]] = {
    "array_sort": _array_sort,
    "at_timezone": _at_timezone,
    "from_unixtime": _from_unixtime,
    "json_extract": _json_path("json_extract"),
    "json_extract_scalar": _json_path("json_extract_scalar"),
    "json_size": _json_path("json_size"),
    "map_filter": _map_filter,
    "map_zip_with": _map_zip_with,
    "transform_keys": _map_transform("key"),
    "transform_values": _map_transform("value"),
    "zip_with": _zip_with,
    "all_match": _matches("len($1) = len($2)"),
    "any_match": _matches("len($1) > 0"),
    "none_match": _matches("len($1) = 0"),
    "bitwise_and": _bitwise(exp.BitwiseAnd),
    "bitwise_left_shift": lambda given: sql_expression("$1 << CAST($2 AS INTEGER)", *given),
    "bitwise_or": _bitwise(exp.BitwiseOr),
    "concat": _concat,
    "date": _date,
    "date_add": _date_add,
    "date_diff": _date_diff,
    "date_format": _date_format,
    "date_parse": _date_parse,
    "date_trunc": _date_trunc,
    "element_at": _element_at,
    "format": _format,
    "format_datetime": _format_datetime,
    "greatest": _extreme("greatest"),
    "least": _extreme("least"),
    "parse_datetime": _parse_datetime,
    "random": _random,
    "rand": _random,
    "reduce": _reduce,
    "regexp_replace": _regexp_replace,
    "replace": _replace,
    "sequence": _sequence,
    "strpos": _strpos,
    "url_extract_parameter": _url_parameter,
}
"""Functions that are rewritten here."""
