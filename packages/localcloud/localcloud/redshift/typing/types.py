"""The decimal types of the expressions of an analysed statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from localcloud.redshift.typing import decimals
from localcloud.redshift.typing.decimals import Decimal
from localcloud.redshift.typing.nodes import Node

# Numbers of PostgreSQL's own types, operators and functions; they never change.
# Source: https://github.com/postgres/postgres/tree/REL_18_STABLE/src/include/catalog (pg_type, pg_operator, pg_proc)
NUMERIC = 1700
_WHOLE = {21: decimals.SMALLINT, 23: decimals.INTEGER, 20: decimals.BIGINT}
ADD, SUBTRACT, MULTIPLY, DIVIDE, MODULO, NEGATE = 1758, 1759, 1760, 1761, 1762, 1751
_COMPUTED: dict[int, Callable[[Decimal, Decimal], Decimal]] = {
    ADD: decimals.added,
    SUBTRACT: decimals.added,
    MULTIPLY: decimals.multiplied,
    DIVIDE: decimals.divided,
}
_TO_LENGTH = 1703
_TO_WHOLE = frozenset({1708, 1710, 1711, 2167, 1712})  # round, trunc, ceil, ceiling, floor
_TO_PLACE = frozenset({1707, 1709})  # round and trunc to a place that may be computed
_OF_ARGUMENT = frozenset({2146, 2130, *range(3100, 3115)})  # min, max, and lag to nth_value
_SUBQUERY, _JOIN, _VALUES, _CTE, _GROUP = 1, 2, 5, 6, 9
_NUMBER = re.compile(r"[-+\s]*(\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


def of_modifier(modifier: int) -> Decimal | None:
    """Give the type that a type modifier of numeric means, None for none."""
    if modifier < 4:
        return None
    return Decimal(((modifier - 4) >> 16) & 0xFFFF, (modifier - 4) & 0x7FF)


class Types:
    """Tells types.

    Args:
        root: the analysed statement.
        text: what was analysed, in UTF-8, for the digits of its numbers.
        parameters: the types of its parameters that are decimals, by their numbers.
    """

    def __init__(self, root: Node, text: bytes, parameters: Mapping[int, Decimal] | None = None) -> None:
        self._root = root
        self._text = text
        self._parameters = parameters or {}

    def computed(self) -> Iterator[tuple[Node, Decimal]]:
        """Give every computation of decimals with the type of its result, as far as it can be told."""
        yield from self._computed(self._root, ())

    def columns(self) -> list[Decimal | None]:
        """Give the decimal types of the columns of the result; None for other types."""
        entries = self._root.nodes("targetList")
        return [
            self.of(expression, (self._root,)) if (expression := entry.node("expr")) is not None else None
            for entry in entries
            if entry.text("resjunk") != "true"
        ]

    def text_lengths(self) -> list[int | None]:
        """Give the bytes of the columns that are literal texts; None for other columns."""
        return [
            _text_length(expression) if (expression := entry.node("expr")) is not None else None
            for entry in self._root.nodes("targetList")
            if entry.text("resjunk") != "true"
        ]

    def _computed(self, node: Node, queries: tuple[Node, ...]) -> Iterator[tuple[Node, Decimal]]:
        inside = (node, *queries) if node.label == "QUERY" else queries
        if node.label == "OPEXPR" and node.number("opno") in _COMPUTED and node.number("opresulttype") == NUMERIC:
            found = self.of(node, inside)
            if found is not None:
                yield node, found
        for value in node.fields.values():
            for child in value if isinstance(value, list) else [value]:
                yield from self._children(child, inside)

    def _children(self, child: object, queries: tuple[Node, ...]) -> Iterator[tuple[Node, Decimal]]:
        if isinstance(child, Node):
            yield from self._computed(child, queries)
        elif isinstance(child, list):
            for one in child:
                yield from self._children(one, queries)

    def of(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        """Give the type of an expression, None when it is not a valid decimal or whole number, or cannot be told.

        Args:
            node: the expression.
            queries: the query that it stands in and those around it, the innermost first.
        """
        reader = getattr(self, f"_{node.label.lower()}", None)
        if reader is None:
            return None
        found: Decimal | None = reader(node, queries)
        return found

    def _all(self, nodes: list[Node], queries: tuple[Node, ...]) -> Decimal | None:
        found = [self.of(node, queries) for node in nodes if not _is_null(node)]
        known = [one for one in found if one is not None]
        return decimals.united(known) if len(known) == len(found) else None

    def _const(self, node: Node, _: tuple[Node, ...]) -> Decimal | None:
        kind = node.number("consttype")
        if kind != NUMERIC:
            return _WHOLE.get(kind)
        found = of_modifier(node.number("consttypmod"))
        if found is not None:
            return found
        place = node.number("location")
        written = _NUMBER.match(self._text[place:].decode(errors="replace")) if place >= 0 else None
        return decimals.literal(written[1]) if written is not None else None

    def _param(self, node: Node, _: tuple[Node, ...]) -> Decimal | None:
        kind = node.number("paramtype")
        return self._parameters.get(node.number("paramid")) if kind == NUMERIC else _WHOLE.get(kind)

    def _var(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        kind = node.number("vartype")
        if kind != NUMERIC:
            return _WHOLE.get(kind)
        found = of_modifier(node.number("vartypmod"))
        if found is not None:
            return found
        level = node.number("varlevelsup", 0)
        if level >= len(queries):
            return None
        return self._column(queries[level:], node.number("varno"), node.number("varattno"))

    def _column(self, queries: tuple[Node, ...], number: int, place: int) -> Decimal | None:
        tables = queries[0].nodes("rtable")
        if not 1 <= number <= len(tables) or place < 1:
            return None
        table = tables[number - 1]
        kind = table.number("rtekind", 0)
        if kind == _SUBQUERY and (query := table.node("subquery")) is not None:
            return self._target(query, place, queries)
        if kind == _CTE:
            return self._common(table, place, queries)
        name = {_JOIN: "joinaliasvars", _GROUP: "groupexprs"}.get(kind)
        found = table.nodes(name) if name is not None else []
        return self.of(found[place - 1], queries) if place <= len(found) else None

    def _common(self, table: Node, place: int, queries: tuple[Node, ...]) -> Decimal | None:
        level = table.number("ctelevelsup", 0)
        if level >= len(queries):
            return None
        for expression in queries[level].nodes("cteList"):
            query = expression.node("ctequery")
            if expression.text("ctename") == table.text("ctename") and query is not None:
                return self._target(query, place, queries[level:])
        return None

    def _target(self, query: Node, place: int, queries: tuple[Node, ...]) -> Decimal | None:
        inside = (query, *queries)
        if query.fields.get("setOperations") is not None:
            parts = [table for table in query.nodes("rtable") if table.node("subquery") is not None]
            found = [
                self._target(part, place, inside) for table in parts if (part := table.node("subquery")) is not None
            ]
            known = [one for one in found if one is not None]
            return decimals.united(known) if len(known) == len(found) else None
        entries = query.nodes("targetList")
        expression = entries[place - 1].node("expr") if place <= len(entries) else None
        return self.of(expression, inside) if expression is not None else None

    def _opexpr(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        kind = node.number("opresulttype")
        if kind != NUMERIC:
            return _WHOLE.get(kind)
        operands = [self.of(one, queries) for one in node.nodes("args")]
        operator = node.number("opno")
        if operator in _COMPUTED and len(operands) == 2 and operands[0] is not None and operands[1] is not None:
            return _COMPUTED[operator](operands[0], operands[1])
        return operands[0] if operator in {NEGATE, MODULO} else None

    def _funcexpr(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        kind = node.number("funcresulttype")
        if kind != NUMERIC:
            return _WHOLE.get(kind)
        arguments = node.nodes("args")
        function = node.number("funcid")
        if function == _TO_LENGTH:
            return of_modifier(_constant(arguments[1]))
        found = self.of(arguments[0], queries) if arguments else None
        if found is None or function in _TO_PLACE:
            return None
        return Decimal(min(found.whole + 1, decimals.MAX_DIGITS), 0) if function in _TO_WHOLE else found

    def _aggref(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        arguments = [entry.node("expr") for entry in node.nodes("args")]
        return self._aggregate(node.number("aggfnoid"), node.number("aggtype"), arguments[:1], queries)

    def _windowfunc(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        return self._aggregate(node.number("winfnoid"), node.number("wintype"), list(node.nodes("args")[:1]), queries)

    def _aggregate(
        self, function: int, kind: int, arguments: list[Node] | list[Node | None], queries: tuple[Node, ...]
    ) -> Decimal | None:
        if kind != NUMERIC:
            return _WHOLE.get(kind)
        first = arguments[0] if arguments else None
        found = self.of(first, queries) if first is not None else None
        if found is None or function in _OF_ARGUMENT:
            return found
        # SUM and AVG.
        return Decimal(decimals.MAX_DIGITS, found.scale)

    def _relabeltype(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        inner = node.node("arg")
        return self.of(inner, queries) if inner is not None else None

    def _caseexpr(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        results = [result for when in node.nodes("args") if (result := when.node("result")) is not None]
        default = node.node("defresult")
        return self._all([*results, *([default] if default is not None else [])], queries)

    def _coalesceexpr(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        return self._all(node.nodes("args"), queries)

    def _minmaxexpr(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        return self._all(node.nodes("args"), queries)

    def _nullifexpr(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        return self.of(node.nodes("args")[0], queries)

    def _sublink(self, node: Node, queries: tuple[Node, ...]) -> Decimal | None:
        query = node.node("subselect")
        return self._target(query, 1, queries) if query is not None else None


def _is_null(node: Node) -> bool:
    """Whether it is NULL, with a cast around it or without."""
    while node.label == "FUNCEXPR" and node.nodes("args"):
        node = node.nodes("args")[0]
    return node.label == "CONST" and node.text("constisnull") == "true"


def _text_length(node: Node) -> int | None:
    """The bytes of a literal text: its value begins with four that tell its length."""
    value = node.fields.get("constvalue")
    if node.label != "CONST" or not isinstance(value, list) or not isinstance(value[0], str):
        return None
    return max(1, int(value[0]) - 4)


def _constant(node: Node) -> int:
    """The value of a constant of type integer: its length, then its bytes."""
    value = node.fields.get("constvalue")
    bytes_ = value[1] if isinstance(value, list) and len(value) > 1 else None
    if not isinstance(bytes_, list):
        return -1
    whole = bytes(int(str(one)) & 0xFF for one in bytes_[:4])
    return int.from_bytes(whole, "little", signed=True)
