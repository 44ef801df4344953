"""Data for any contract: values of the columns' types that keep all their rules, and every way to break one.

Nothing is known of what the data mean. A column that has the name and the type of another table's only key refers to
that table, and gets keys that were sent.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Any, Final

from sluice.contract import Column, Contract, SqlType, Table
from sluice.contract.model import ROOT_PREFIX
from sluice.contract.rules import typed_value
from sluice.errors import SimulatorError
from sluice.simulator.dress import Wardrobe
from sluice.simulator.faults import Fault
from sluice.simulator.matching import matching
from sluice.simulator.record import Tree, Value, find, replaced
from sluice.simulator.world import Key, World

_WORDS: Final = ("amber", "birch", "cobalt", "delta", "ember", "fjord", "garnet", "harbor", "indigo", "juniper")
_INTEGERS: Final = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_FLOATS: Final = ("real", "double precision")
_OPTIONAL_NULL: Final = 0.08
_TRIES: Final = 50
_LONG_AGO: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - clean values have no time zone


@dataclass(frozen=True)
class Generic:
    """Makes things of any contract.

    Attributes:
        contract: The contract.
        others: All contracts that things may refer to, by dataset.
    """

    contract: Contract
    others: Mapping[str, Contract]

    def make(self, world: World, key: Key, rng: Random) -> Tree:
        """A thing as it first appears."""
        at = world.moment(rng, key.partition)
        tree: Tree = {}
        for path, column in self._record.items():
            tree = replaced(tree, path, self._value(column, world, key, rng, at))
        for array, columns in self._elements.items():
            count = rng.choice((1, 1, 2, 3))
            tree = replaced(tree, array, [self._element(columns, number, world, key, at) for number in range(count)])
        return tree

    def change(self, tree: Tree, at: datetime, rng: Random) -> Tree:
        """Another version of a thing: another moment, and other values where nothing refers to them."""
        for path, column in self._record.items():
            if path in self._order_paths:
                tree = replaced(tree, path, _of_moment(column, at))
            elif path not in self._key_paths and column.name not in self._referred and not _is_of_time(column):
                tree = replaced(tree, path, self._any(column, rng, at))
        return tree

    def moment(self, tree: Tree) -> datetime:
        """When a version was made, as far as its contract orders versions by time."""
        for path in self._order_paths:
            found = find(tree, path)
            if isinstance(found, datetime):
                return found
            if isinstance(found, date):
                return datetime(found.year, found.month, found.day)  # noqa: DTZ001
        return _LONG_AGO

    def faults(self) -> Iterator[Fault]:
        """Every way to break the contract by a value."""
        null = self.contract.null_values[0] if self.contract.null_values else None
        for path, column in self._record.items():
            yield from _faults(column, path, "", null, is_key=path in self._key_paths | self._order_paths)
        for array, columns in self._elements.items():
            keys = {name for table in self._tables_of(array) for name in (*table.primary_key, *table.order_by)}
            for path, column in columns.items():
                yield from _faults(column, path, array, null, is_key=column.name in keys)

    @cached_property
    def _wardrobe(self) -> Wardrobe:
        return Wardrobe(self.contract)

    @property
    def _record(self) -> dict[str, Column]:
        return self._wardrobe.record_columns

    @property
    def _elements(self) -> dict[str, dict[str, Column]]:
        return self._wardrobe.element_columns

    def _tables_of(self, array: str) -> list[Table]:
        return [table for table in self.contract.tables if table.explode == array]

    @cached_property
    def _key_paths(self) -> set[str]:
        return {_root_path(table, name) for table in self.contract.tables for name in table.primary_key} - {""}

    @cached_property
    def _order_paths(self) -> set[str]:
        named = {_root_path(table, name) for table in self.contract.tables for name in table.order_by} - {""}
        return {path for path in named if path not in self._key_paths}

    @cached_property
    def _referred(self) -> dict[str, Column]:
        """Columns of other datasets' keys by name."""
        return {
            column.name: column
            for other in self.others.values()
            if other.dataset != self.contract.dataset
            for table in other.tables
            if len(table.primary_key) == 1
            for column in table.columns
            if column.name == table.primary_key[0]
        }

    def _value(self, column: Column, world: World, key: Key, rng: Random, at: datetime) -> Value:
        path = column.path.removeprefix(ROOT_PREFIX)
        if path in self._key_paths:
            return key_value(column, key)
        if path in self._order_paths:
            return _of_moment(column, at)
        target = self._referred.get(column.name)
        if target is not None and target.sql_type == column.sql_type:
            return key_value(target, world.known_key(rng, key.partition))
        return self._any(column, rng, at)

    def _element(self, columns: Mapping[str, Column], number: int, world: World, key: Key, at: datetime) -> Tree:
        rng = world.random(self.contract.dataset, "element", key.digits, number)
        keys = {name for table in self.contract.tables if table.explode for name in table.primary_key}
        element: Tree = {}
        for path, column in columns.items():
            value: Value = (
                key_value(column, Key(key.partition, number))
                if column.name in keys
                else self._value(column, world, key, rng, at)
            )
            element = replaced(element, path, value)
        return element

    def _any(self, column: Column, rng: Random, at: datetime) -> Value:
        is_optional = not column.required and column.default is None
        if is_optional and rng.random() < _OPTIONAL_NULL and column.name not in self._never_null:
            return None
        return any_value(column, rng, at)

    @cached_property
    def _never_null(self) -> set[str]:
        return {name for table in self.contract.tables for name in (*table.primary_key, *table.order_by)} | {
            table.business_date for table in self.contract.tables if table.business_date is not None
        }


def _root_path(table: Table, name: str) -> str:
    """Path in the record of a table's column; empty for one that stands in an element."""
    path = next((column.path for column in table.columns if column.name == name), "")
    if table.explode is not None and not path.startswith(ROOT_PREFIX):
        return ""
    return path.removeprefix(ROOT_PREFIX)


def key_value(column: Column, key: Key) -> Value:
    """The value of a key's column: the same for the same thing, and another for another one where the type has room."""
    kind, digits = column.sql_type, key.digits
    rng = Random(f"{column.name}/{digits}")  # noqa: S311 - test data
    if column.allowed or column.pattern is not None or kind.name in ("date", "timestamp", "boolean"):
        return any_value(column, rng, key.partition.start.replace(tzinfo=None))
    low, high = _bounds(column)
    if kind.is_text:
        text = f"{column.name[:3]}-{digits}"
        return text[-(kind.length or len(text)) :]
    if kind.name in _INTEGERS:
        return int(low) + int(digits) % (int(high) - int(low) + 1)
    return any_value(column, rng, key.partition.start.replace(tzinfo=None))


def any_value(column: Column, rng: Random, at: datetime) -> Value:
    """A value that keeps all rules of its column.

    Args:
        column: The column.
        rng: Source of the choice.
        at: The moment of the thing, for dates and times.

    Raises:
        SimulatorError: None was found, because its pattern is beyond what can be made up.
    """
    kind = column.sql_type
    if column.json:
        return "{}"
    if column.allowed:
        return _as_value(typed_value(kind, rng.choice(column.allowed)))
    if column.pattern is not None:
        return _of_pattern(column, column.pattern, rng)
    if kind.is_text:
        text = f"{rng.choice(_WORDS)} {rng.choice(_WORDS)} {rng.randint(1, 999)}"
        return text[: kind.length or len(text)].rstrip() or "x"
    if kind.name == "boolean":
        return rng.random() < 0.5
    if _is_of_time(column):
        return _within(column, _of_moment(column, at))
    low, high = _bounds(column)
    if kind.name in _INTEGERS:
        return rng.randint(int(low), min(int(high), int(low) + 10_000))
    scale = kind.scale or 0
    cents = rng.randint(int(low.scaleb(scale)), int(min(high, low + 10_000).scaleb(scale)))
    return Decimal(cents).scaleb(-scale)


def _of_pattern(column: Column, pattern: str, rng: Random) -> str:
    limit = column.sql_type.length or 255
    for _ in range(_TRIES):
        text = _cased(column, matching(pattern, rng) or "")
        if text and text == text.strip() and len(text.encode()) <= limit and re.search(pattern, text) is not None:
            return text
    raise SimulatorError(f"column {column.name!r}: no value was found that matches its pattern {pattern!r}")


def _cased(column: Column, text: str) -> str:
    return {"upper": text.upper(), "lower": text.lower()}.get(column.case or "", text)


def _bounds(column: Column) -> tuple[Decimal, Decimal]:
    """Smallest and largest number of a column."""
    kind = column.sql_type
    if kind.name in _INTEGERS:
        low, high = Decimal(-_INTEGERS[kind.name]), Decimal(_INTEGERS[kind.name] - 1)
    elif kind.name == "decimal":
        high = Decimal(10 ** (kind.precision or 1) - 1).scaleb(-(kind.scale or 0))
        low = -high
    else:
        low, high = Decimal(-1_000_000), Decimal(1_000_000)
    least = Decimal(str(column.min)) if column.min is not None else (Decimal(0) if low < 0 else low)
    most = Decimal(str(column.max)) if column.max is not None else high
    return min(max(low, least), most), min(high, most)


def _is_of_time(column: Column) -> bool:
    return column.sql_type.name in ("date", "timestamp")


def _of_moment(column: Column, at: datetime) -> Value:
    """A moment as a column has it; a number where versions are numbered."""
    kind = column.sql_type
    if kind.name == "date":
        return at.date()
    if kind.name == "timestamp":
        return at.replace(microsecond=0)
    if kind.name in _INTEGERS:
        return int((at - _LONG_AGO).total_seconds()) % _INTEGERS[kind.name]
    if kind.is_text:
        return at.isoformat(timespec="seconds")[: kind.length or 26]
    return Decimal(int((at - _LONG_AGO).total_seconds()) % 10 ** max(1, (kind.precision or 9) - (kind.scale or 0)))


def _within(column: Column, value: Value) -> Value:
    """A date or time within its column's bounds."""
    found: Any = value
    if column.min is not None:
        found = max(found, _as_value(typed_value(column.sql_type, column.min)))
    if column.max is not None:
        found = min(found, _as_value(typed_value(column.sql_type, column.max)))
    within: Value = found
    return within


def _as_value(value: Any) -> Value:  # noqa: ANN401 - what a contract's scalar becomes
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, float):
        return Decimal(str(value))
    found: Value = value
    return found


def _faults(column: Column, path: str, array: str, null: str | None, *, is_key: bool) -> Iterator[Fault]:
    kind, name = column.sql_type, column.name
    if (column.required or is_key) and column.default is None:
        yield Fault(f"{name} is null", path, null, element_of=array)
    for what, value in () if column.json else _bad_values(column, kind):
        yield Fault(f"{name}: {what}", path, value, element_of=array)


def _bad_values(column: Column, kind: SqlType) -> Iterator[tuple[str, str]]:
    if kind.is_text:
        yield from _bad_texts(column, kind)
    elif kind.name == "boolean":
        yield "neither true nor false", "perhaps"
    elif _is_of_time(column):
        yield "no date", "yesterday"
    else:
        yield from _bad_numbers(column, kind)


def _bad_texts(column: Column, kind: SqlType) -> Iterator[tuple[str, str]]:
    if column.allowed:
        yield "not allowed", "~"[: kind.length or 1]
    elif column.pattern is not None and re.search(column.pattern, "~") is None:
        yield "does not match its pattern", "~"
    if kind.length is not None and kind.length < _LONGEST_BAD:
        yield "too long", "n" * (kind.length + 1)


_LONGEST_BAD: Final = 5000


def _bad_numbers(column: Column, kind: SqlType) -> Iterator[tuple[str, str]]:
    yield "no number", "12x"
    if kind.name in _INTEGERS:
        yield "fraction in an integer", "3.5"
        yield "beyond its type", str(_INTEGERS[kind.name])
    elif kind.name == "decimal":
        yield "beyond its type", "9" * ((kind.precision or 1) - (kind.scale or 0) + 1)
    step = Decimal(1)
    if column.min is not None:
        yield "below its minimum", str(Decimal(str(column.min)) - step)
    if column.max is not None:
        yield "above its maximum", str(Decimal(str(column.max)) + step)
