"""Types of expressions, asked of DuckDB: it binds the query, with the expressions marked, and says what they are.

An expression is marked by a call that keeps its type and carries a number: the element of a list of one.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import duckdb
from sqlglot import exp

from localcloud.athena.results import Kind

UNKNOWN: Final = Kind("unknown")
_FIRST: Final = 7_700_000
_MARK: Final = "list_extract"
COMPARISONS: Final = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.Between,
    exp.In,
)
"""What compares values."""


class UnknownTypesError(Exception):
    """DuckDB does not bind the query, or cannot write down what it has bound."""


def kinds_of(
    connection: duckdb.DuckDBPyConnection, tree: exp.Expression, marked: Sequence[tuple[int, exp.Expr]]
) -> dict[int, Kind]:
    """The types of expressions of a query.

    Args:
        connection: knows the query's tables.
        tree: of the query; it is not changed.
        marked: expressions of the tree and their numbers; the same number for expressions of the same text.

    Returns:
        The types by number; a number is missing when the expression is not computed.

    Raises:
        UnknownTypesError: they cannot be told.
    """
    numbers = {id(node): number for number, node in marked}
    text = _marked_copy(tree, numbers).sql(dialect="duckdb")
    try:
        row = connection.execute("SELECT json_serialize_plan(?)", [text]).fetchone()
    except duckdb.Error as error:
        raise UnknownTypesError from error
    # What is not a number is written as JSON does not know it.
    plan = (
        json.loads(re.sub(r"(?i):-?(?:nan|inf(?:inity)?)\b", ":null", row[0])) if row is not None else {"error": True}
    )
    if plan.get("error"):
        raise UnknownTypesError(plan.get("error_message"))
    found = dict(_found(plan))
    for number, node in marked:
        if number not in found and node.find(exp.Column, exp.Query) is None:
            # DuckDB has computed it already, as it does with the arguments of table functions.
            found[number] = _kind_alone(connection, node)
    return found


def _kind_alone(connection: duckdb.DuckDBPyConnection, node: exp.Expr) -> Kind:
    try:
        description: Any = connection.execute(f"SELECT {node.sql(dialect='duckdb')} LIMIT 0").description
    except duckdb.Error:
        return UNKNOWN
    return Kind.of(description[0][1])


def _marked_copy(tree: exp.Expression, numbers: Mapping[int, int]) -> exp.Expr:
    originals = list(tree.walk())
    copied = exp.Tuple(expressions=[tree.copy()])
    copies = list(copied.expressions[0].walk())
    for original, node in zip(originals, copies, strict=True):
        number = numbers.get(id(original))
        if number is not None:
            inner = exp.array(node.copy())
            node.replace(exp.Anonymous(this=_MARK, expressions=[inner, _number(number)]))
    for node in copies:
        if node.parent is not None:
            _make_bindable(node)
    found: exp.Expr = copied.expressions[0]
    return found


def _make_bindable(node: exp.Expr) -> None:
    """Let DuckDB bind what it would refuse with a mark inside, without another type for what is around it."""
    if isinstance(node, exp.Anonymous) and str(node.this).lower() == "try":
        node.replace(exp.paren(node.expressions[0]))
    elif isinstance(node, COMPARISONS):
        # Two types that cannot be compared are to be seen here, and refused later with Athena's message.
        inner = list(node.iter_expressions())
        parts = [part for part in inner if not isinstance(part, (exp.Any, exp.All, exp.Query))]
        if len(parts) == len(inner):
            # What is not marked decides nothing.
            parts = [part for part in parts if not isinstance(part, exp.Literal)] or parts[:1]
            known = [exp.Is(this=exp.paren(part.copy()), expression=exp.null()) for part in parts]
            node.replace(exp.paren(exp.or_(*known)))


def _number(number: int) -> exp.Expr:
    """A number that DuckDB does not compute ahead: what is constant would be gone from the plan."""
    never_constant = exp.cast(exp.Anonymous(this="random"), "bigint")
    return exp.Add(this=exp.Literal.number(_FIRST + number), expression=never_constant)


def _found(node: Any) -> Iterator[tuple[int, Kind]]:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        for item in node:
            yield from _found(item)
    elif isinstance(node, dict):
        name = (node.get("qname") or {}).get("path") or [""]
        if name[-1] == _MARK:
            number = next(_constants(node["children"][1]), -1) - _FIRST
            if number >= 0:
                yield number, _kind(node["return_type"])
        for item in node.values():
            yield from _found(item)


def _constants(node: Any) -> Iterator[int]:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        if node.get("expression_class") == "BOUND_CONSTANT":
            yield int(node["value"]["value"])
        for child in node.get("children") or ():
            yield from _constants(child)


def _kind(found: Mapping[str, Any]) -> Kind:
    about = found.get("type_info") or {}
    name = str(found["id"]).lower()
    if about.get("alias") == "JSON":
        return Kind("json")
    if name == "decimal":
        return Kind(name, int(about["width"]), int(about["scale"]))
    if name == "list":
        return Kind(name, children=(_kind(about["child_type"]),))
    if name == "map":
        parts = about["child_type"]["type_info"]["child_types"]
        return Kind(name, children=tuple(_kind(part["second"]) for part in parts))
    if name == "struct":
        parts = about["child_types"]
        kinds = tuple(_kind(part["second"]) for part in parts)
        return Kind(name, children=kinds, names=tuple(part["first"] for part in parts))
    if name == "tuple":
        kinds = tuple(_kind(part["second"]) for part in about["child_types"])
        return Kind(name, children=kinds, names=tuple(f"field{place}" for place in range(len(kinds))))
    return Kind({"integer_literal": "integer"}.get(name, name))
