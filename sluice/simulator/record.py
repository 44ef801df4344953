"""One source record: what it truly says, and how the source system writes it down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

from sluice.contract import Table
from sluice.contract.model import ROOT_PREFIX

Value: TypeAlias = "str | int | Decimal | date | datetime | None"
Node: TypeAlias = "Value | Tree | list[Tree]"
Tree: TypeAlias = "dict[str, Node]"
Row: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Record:
    """One source record.

    Attributes:
        clean: What the record says, as typed values under the paths that contracts use (``@name`` is an attribute).
        text: The record as it stands in its file.
        fault: Why it must be quarantined; None when it is good.
        is_readable: Whether its parts can be told apart, so that the rows it holds can be counted.
    """

    clean: Tree
    text: str
    fault: str | None = None
    is_readable: bool = True

    def rows(self, table: Table) -> list[Row]:
        """The rows that the record holds for a table, were it good."""
        return [
            {column.name: _value(column.path, element, self.clean) for column in table.columns}
            for element in self._elements(table)
        ]

    def row_count(self, table: Table) -> int:
        """How many rows of a table the record accounts for; an unreadable one is one row and has no elements."""
        if self.is_readable:
            return len(self._elements(table))
        return 0 if table.explode else 1

    def _elements(self, table: Table) -> list[Tree]:
        if table.explode is None:
            return [self.clean]
        found = find(self.clean, table.explode)
        return found if isinstance(found, list) else []


def find(tree: Mapping[str, Node], path: str) -> Node:
    """What stands under a path such as ``customer.id``; None where there is nothing."""
    node: Node = dict(tree)
    for name in path.split("."):
        if not isinstance(node, dict):
            return None
        node = node.get(name)
    return node


def replaced(tree: Tree, path: str, value: Node) -> Tree:
    """A copy of the tree with another value under a path."""
    name, _, rest = path.partition(".")
    if not rest:
        return tree | {name: value}
    below = tree.get(name)
    return tree | {name: replaced(below if isinstance(below, dict) else {}, rest, value)}


def _value(path: str, element: Tree, record: Tree) -> Value:
    is_of_record = path.startswith(ROOT_PREFIX)
    found = find(record, path.removeprefix(ROOT_PREFIX)) if is_of_record else find(element, path)
    return None if isinstance(found, dict | list) else found
