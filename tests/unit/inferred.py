"""An inferred contract against raw bytes: the conversion itself, and the texts that it would cast."""

import io
from collections.abc import Iterator
from functools import reduce
from typing import Any

from sluice.contract import Column, Contract, Table
from sluice.contract.shape import Group, Items, shape_of
from sluice.kernel.convert import Lanes
from sluice.kernel.parse import Parsed
from sluice.kernel.parse.reader import text_reader
from sluice.kernel.standard import WHITE_SPACE
from tests.unit.kernel_convert import convert


def parsed(contract: Contract, content: bytes) -> list[Parsed]:
    """The records of a file, as the conversion reads them."""
    return list(text_reader(contract, shape_of(contract))(io.BytesIO(content), None))


def misfits(contract: Contract, content: bytes) -> list[str]:
    """Everything that the conversion would refuse: the reasons of its records, or of the file."""
    return [reason for reasons in convert(contract, content, lanes=Lanes.BOTH).reasons for reason in reasons]


def rows(contract: Contract, content: bytes, table: Table) -> list[dict[str, str | None]]:
    """The texts of a table's rows, trimmed and with their nulls, as they would be cast."""
    good = [record.record for record in parsed(contract, content) if record.error is None]
    return [row for record in good for row in _rows(contract, table, record)]


def _rows(contract: Contract, table: Table, record: Any) -> Iterator[dict[str, str | None]]:
    shape = shape_of(contract)
    items = shape.items.get(table.name)
    elements: list[Any] = [None] if items is None else _at(shape.record, record, items)[1] or []
    for element in elements:
        row = {}
        for column in table.columns:
            place = shape.place(table, column)
            start = (_element(shape.record, items or ()), element) if place.in_item else (shape.record, record)
            row[column.name] = _standardised(contract, column, _at(*start, place.path)[1])
        yield row


def _element(record: Group, path: tuple[str, ...]) -> Group:
    node = _at(record, None, path)[0]
    assert isinstance(node, Items)
    return node.element


def _at(node: Any, value: Any, path: tuple[str, ...]) -> tuple[Any, Any]:
    """The part of a shape, and of a record of that shape, under a path."""

    def step(at: tuple[Any, Any], name: str) -> tuple[Any, Any]:
        members = at[0].members
        return members[name], None if at[1] is None else at[1][list(members).index(name)]

    return reduce(step, path, (node, value))


def _standardised(contract: Contract, column: Column, text: str | None) -> str | None:
    if text is None:
        return None
    text = text.strip(WHITE_SPACE) if column.trim else text
    return None if text in (*contract.null_values, *column.null_values) else text
