"""How the source system writes clean values down: with everything that the contract promises to put right again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Final

from sluice.contract import Column, Contract, CsvSource
from sluice.contract.model import ROOT_PREFIX
from sluice.contract.rules import typed_value
from sluice.simulator.record import Tree, Value

_UNTIDY: Final = 0.15
"""Share of values that are written otherwise than plainly, where the contract allows it."""

_TIMESTAMP_FORMS: Final = ("%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Wardrobe:
    """What a contract allows to be written for each value of a record.

    Attributes:
        contract: The contract.
        is_typed: Whether the file keeps the types of values: then only texts are written otherwise than plainly.
    """

    contract: Contract
    is_typed: bool = False

    @cached_property
    def record_columns(self) -> dict[str, Column]:
        """Columns whose value stands in the record itself, by path."""
        return {
            column.path.removeprefix(ROOT_PREFIX): column
            for table in reversed(self.contract.tables)
            for column in table.columns
            if table.explode is None or column.path.startswith(ROOT_PREFIX)
        }

    @cached_property
    def element_columns(self) -> dict[str, dict[str, Column]]:
        """Columns whose value stands in an element of an array, by the array's path and their own."""
        return {
            table.explode: {c.path: c for c in table.columns if not c.path.startswith(ROOT_PREFIX)}
            for table in self.contract.tables
            if table.explode is not None
        }

    def dress(self, clean: Tree, rng: Random) -> Tree:
        """The record as it is written; values keep their place, and null may be left out."""
        return self._tree(clean, self.record_columns, "", rng)

    def _tree(self, clean: Tree, columns: Mapping[str, Column], prefix: str, rng: Random) -> Tree:
        written: Tree = {}
        for name, node in clean.items():
            path = f"{prefix}{name}"
            if isinstance(node, dict):
                written[name] = self._tree(node, columns, f"{path}.", rng)
            elif isinstance(node, list):
                inner = self.element_columns.get(path, {})
                written[name] = [self._tree(element, inner, "", rng) for element in node]
            else:
                value = self._value(node, columns.get(path), rng)
                if value is not None or rng.random() < 0.5:
                    written[name] = value
        return written

    def _value(self, value: Value, column: Column | None, rng: Random) -> Value:
        if column is None:
            return value
        if column.default is not None and value == typed_value(column.sql_type, column.default) and rng.random() < 0.5:
            value = None
        if self.is_typed and not isinstance(value, str):
            return value
        if value is None:
            return rng.choice((None, *self.contract.null_values, *column.null_values))
        if isinstance(value, str):
            return _untidy(value, column, rng)
        return self._number_or_time(value, column, rng)

    def _number_or_time(self, value: int | Decimal | date, column: Column, rng: Random) -> Value:
        if isinstance(value, datetime):
            return value.strftime(column.format or rng.choice(_TIMESTAMP_FORMS))
        if isinstance(value, date):
            return value.strftime(column.format) if column.format else value.isoformat()
        if isinstance(value, bool):
            return value
        if column.decimal_mark != "." and isinstance(value, Decimal):
            return str(value).replace(".", column.decimal_mark)
        is_plain = isinstance(self.contract.source, CsvSource) or rng.random() > _UNTIDY
        return value if is_plain else str(value)


def _untidy(value: str, column: Column, rng: Random) -> str:
    if column.case is not None and value.isascii() and rng.random() < _UNTIDY:
        value = value.lower() if column.case == "upper" else value.upper()
    if column.trim and rng.random() < _UNTIDY:
        value = rng.choice((f" {value}", f"{value}  ", f"  {value} "))
    return value
