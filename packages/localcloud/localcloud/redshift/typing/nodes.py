"""Reads the text of an analysed statement: ``{OPEXPR :opno 1761 :args ({VAR …} …) :location 15}``.

Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/nodes/outfuncs.c
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_MARK = re.compile(r"[{}()\[\]]|(?:\\.|[^\s{}()\[\]\\])+", re.DOTALL)


@dataclass
class Node:
    """A node: its label and its fields."""

    label: str
    fields: dict[str, object] = field(default_factory=dict)

    def node(self, name: str) -> Node | None:
        """Give a field that is a node, None when it is none."""
        found = self.fields.get(name)
        return found if isinstance(found, Node) else None

    def nodes(self, name: str) -> list[Node]:
        """Give the nodes of a field that is a list."""
        found = self.fields.get(name)
        return [one for one in found if isinstance(one, Node)] if isinstance(found, list) else []

    def number(self, name: str, default: int = -1) -> int:
        """Give a field that is a whole number."""
        found = self.fields.get(name)
        return int(found) if isinstance(found, str) and re.fullmatch(r"-?\d+", found) else default

    def text(self, name: str) -> str:
        """Give a field that is a text, the empty text when it is none."""
        found = self.fields.get(name)
        return re.sub(r"\\(.)", r"\1", found) if isinstance(found, str) else ""

    def walk(self) -> Iterator[Node]:
        """Give this node and all inside it, the outer before the inner."""
        yield self
        for value in self.fields.values():
            yield from _inside(value)


def _inside(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield from value.walk()
    elif isinstance(value, list):
        for one in value:
            yield from _inside(one)


def read(text: str) -> Node:
    """Read one node.

    Raises:
        ValueError: the text is none.
    """
    found = _Reader(_MARK.findall(text)).value()
    if not isinstance(found, Node):
        raise TypeError(f"no node: {text[:40]}")
    return found


class _Reader:
    def __init__(self, marks: list[str]) -> None:
        self.marks = marks
        self.place = 0

    def value(self) -> object:
        mark = self._next()
        if mark == "{":
            return self._node()
        if mark == "(":
            return self._list(")")
        if mark == "[":
            return self._list("]")
        return None if mark == "<>" else mark

    def _next(self) -> str:
        mark = self.marks[self.place]
        self.place += 1
        return mark

    def _node(self) -> Node:
        node = Node(self._next())
        name = ""
        while (mark := self.marks[self.place]) != "}":
            if mark.startswith(":"):
                name = self._next()[1:]
                node.fields[name] = None
                continue
            value = self.value()
            # A constant's value is its length and its bytes.
            before = node.fields.get(name)
            node.fields[name] = value if before is None else [before, value]
        self.place += 1
        return node

    def _list(self, end: str) -> list[object]:
        found: list[object] = []
        while self.marks[self.place] != end:
            found.append(self.value())
        self.place += 1
        return found
