"""The row lane, the reference: every value of a record taken, cast and checked, in plain Python.

A record is good in all its tables or in none.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sluice.contract import Column, Contract, Table
from sluice.contract.shape import Group, Leaf, Node, Path, Shape
from sluice.kernel.casts import caster, in_zone, parquet_caster
from sluice.kernel.checks import rules, why_not_of_type, why_null
from sluice.kernel.parse.parsed import Parsed
from sluice.kernel.standard import standardiser

Record = tuple[Any, ...]
Row = tuple[Any, ...]
Take = Callable[[Record, Record], str | None]
Judge = Callable[[str | None], tuple[Any, str | None]]
"""From a raw text to the value, and the reason against it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a record.

    Attributes:
        rows: Rows of every table, in the contract's order; those of a refused record count and are not published.
        counts: How many rows of each table the record holds.
        reasons: Why it is refused; empty when it is good.
    """

    rows: tuple[Sequence[Row], ...]
    counts: tuple[int, ...]
    reasons: tuple[str, ...]


class RowLane:
    """Makes rows of records by one contract."""

    def __init__(self, contract: Contract, shape: Shape) -> None:
        self._tables = [_TableRows(contract, shape, table) for table in contract.tables]
        self._unread = tuple(0 if table.explode is not None else 1 for table in contract.tables)
        self._nothing: tuple[Sequence[Row], ...] = ((),) * len(contract.tables)

    def judge(self, parsed: Parsed) -> Judged:
        """Type and check a record.

        A record that cannot be read is one row that cannot be read; how many items it held nobody knows.
        """
        if parsed.error is not None or parsed.record is None:
            return Judged(self._nothing, self._unread, (parsed.error or "record: cannot be read",))
        reasons: dict[str, None] = {}
        rows = tuple([table.rows(parsed.record, reasons) for table in self._tables])
        return Judged(rows, tuple(map(len, rows)), tuple(reasons))


class TableTexts:
    """Where the raw texts of one table stand in a record.

    Attributes:
        items: Gives the elements that are rows, of a table that is exploded.
        takes: For each column whether its text stands in the element, and what takes it from there or from the record.
    """

    def __init__(self, shape: Shape, table: Table) -> None:
        self.items = _items(shape, table)
        self.takes: list[tuple[bool, Callable[[Record], Any]]] = []
        for column in table.columns:
            place = shape.place(table, column)
            start = _element(shape, table) if place.in_item else shape.record
            self.takes.append((place.in_item, _follow(start, place.path)))

    def columns(self, records: Sequence[Record]) -> tuple[list[int] | None, list[list[str | None]]]:
        """The texts of each column, row by row.

        Returns:
            The number of the record that each row belongs to, None when each record is one row; and the columns.
        """
        if self.items is None:
            return None, [[take(record) for record in records] for _, take in self.takes]
        rows = [(number, item) for number, record in enumerate(records) for item in self.items(record) or ()]
        owners = [number for number, _ in rows]
        columns = [
            [take(item) for _, item in rows] if in_item else [take(records[number]) for number in owners]
            for in_item, take in self.takes
        ]
        return owners, columns


class _TableRows:
    """The rows of one table that a record holds."""

    def __init__(self, contract: Contract, shape: Shape, table: Table) -> None:
        texts = TableTexts(shape, table)
        self._items = texts.items
        self._columns = [
            (in_item, take, _judge(contract, table, column))
            for (in_item, take), column in zip(texts.takes, table.columns, strict=True)
        ]

    def rows(self, record: Record, reasons: dict[str, None]) -> Sequence[Row]:
        if self._items is None:
            return (self._row(record, record, reasons),)
        return [self._row(record, item, reasons) for item in self._items(record) or ()]

    def _row(self, record: Record, item: Record, reasons: dict[str, None]) -> Row:
        row = []
        for in_item, take, judge in self._columns:
            value, reason = judge(take(item if in_item else record))
            if reason is not None:
                reasons[reason] = None
            row.append(value)
        return tuple(row)


def _judge(contract: Contract, table: Table, column: Column) -> Judge:
    name = f"{table.name}.{column.name}"
    null, wrong = why_null(table, column), f"{name}: {why_not_of_type(column)}"
    of_null = (None, None if null is None else f"{name}: {null}")
    checks = [(is_broken, f"{name}: {reason}") for is_broken, reason in rules(column)]
    column = in_zone(contract, column)
    cast = parquet_caster(column) if contract.source.format == "parquet" else caster(column)
    standardise = standardiser(contract, column)

    def judge(raw: str | None) -> tuple[Any, str | None]:
        text = standardise(raw)
        if text is None:
            return of_null
        value = cast(text)
        if value is None:
            return None, wrong
        for is_broken, reason in checks:
            if is_broken(value):
                return value, reason
        return value, None

    return judge


def _items(shape: Shape, table: Table) -> Callable[[Record], list[Record] | None] | None:
    path = shape.items.get(table.name)
    return None if path is None else _follow(shape.record, path)


def _element(shape: Shape, table: Table) -> Group:
    node: Node = shape.record
    for name in shape.items.get(table.name, ()):
        node = node.members[name]  # type: ignore[union-attr]  # the shape was made of these paths
    return node if isinstance(node, Group) else node.element  # type: ignore[union-attr]


def _follow(start: Group, path: Path) -> Callable[[Record], Any]:
    """A function from a record to what stands at a path; None where a part of the path is."""
    indices = []
    node: Node = start
    for name in path:
        if not isinstance(node, Group):
            raise TypeError(path)
        indices.append(list(node.members).index(name))
        node = node.members[name]
    if len(indices) == 1:
        [only] = indices
        return lambda record: record[only]

    def take(record: Record) -> Any:  # noqa: ANN401 - a text or a list of items
        found: Any = record
        for index in indices:
            if found is None:
                return None
            found = found[index]
        return found

    return take


def record_json(shape: Shape) -> Callable[[Record], str]:
    """A function from a record to its raw values as JSON, without those that are null."""
    to_object = _object(shape.record)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    return lambda record: encode(to_object(record))


def _object(group: Group) -> Callable[[Record], dict[str, Any]]:
    members = [(name, _value(node)) for name, node in group.members.items()]

    def build(record: Record) -> dict[str, Any]:
        pairs: Iterable[tuple[str, Any, Callable[[Any], Any]]] = (
            (name, value, build_value) for (name, build_value), value in zip(members, record, strict=True)
        )
        return {name: build_value(value) for name, value, build_value in pairs if value is not None}

    return build


def _value(node: Node) -> Callable[[Any], Any]:
    if isinstance(node, Leaf):
        return lambda text: text
    if isinstance(node, Group):
        return _object(node)
    build = _object(node.element)
    return lambda items: [build(item) for item in items]
