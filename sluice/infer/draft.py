"""A contract that was guessed, with a word on every guess, and how it is written as YAML."""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import yaml

from sluice.contract import Column, Contract, Source, Table

_SCHEMA_LINE: Final = "# yaml-language-server: $schema=contract.schema.json"
_WIDTH: Final = 120
_PLAIN: Final = re.compile(r"[A-Za-z$_/][^\x00-\x1f\x7f-\x9f,\[\]{}:#&*!|>'\"?]*")
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_FIRST_IN_SOURCE: Final = ("format", "records", "row_tag", "layout")


@dataclass(frozen=True, slots=True)
class TableNotes:
    """What to say about a table.

    Attributes:
        head: What its rows are, and what of the source is no part of it.
        key: Why the rows are named so.
        order: Why they are ordered so.
        columns: What is to be said of each column, by name.
    """

    head: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A guessed contract.

    Attributes:
        contract: The contract.
        head: What was looked at.
        source: What to say about fields of the source, by name.
        null_values: What to say about the texts that mean null.
        tables: What to say about each table, by name.
    """

    contract: Contract
    head: tuple[str, ...] = ()
    source: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    null_values: tuple[str, ...] = ()
    tables: Mapping[str, TableNotes] = field(default_factory=dict)

    def to_yaml(self) -> str:
        """The contract as a file, with its comments; equal drafts give equal text."""
        return "\n".join([_SCHEMA_LINE, *self._lines()]) + "\n"

    def _lines(self) -> Iterator[str]:
        contract = self.contract
        yield from _comments("", self.head)
        yield f"dataset: {scalar(contract.dataset)}"
        yield "source:"
        yield from self._source(contract.source)
        if contract.null_values != ("",):
            yield from _comments("", self.null_values)
            yield f"null_values: {_sequence(contract.null_values)}"
        yield "tables:"
        for table in contract.tables:
            yield from _table(table, self.tables.get(table.name, TableNotes()))

    def _source(self, source: Source) -> Iterator[str]:
        names = [item.name for item in fields(source)]
        defaults = {item.name: item.default for item in fields(source)}
        for name in sorted(names, key=lambda name: _place(_FIRST_IN_SOURCE, name)):
            value = getattr(source, name)
            if value == defaults[name] and name not in _FIRST_IN_SOURCE:
                continue
            yield from _comments("  ", self.source.get(name, ()))
            yield f"  {name}: {scalar(value)}"


def _place(order: tuple[str, ...], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _table(table: Table, notes: TableNotes) -> Iterator[str]:
    yield f"  - name: {scalar(table.name)}"
    yield from _comments("    ", notes.head)
    if table.explode is not None:
        yield f"    explode: {scalar(table.explode)}"
    if table.may_be_absent:
        yield "    may_be_absent: true"
    yield from _comments("    ", notes.key)
    if table.load != "upsert":
        yield f"    load: {table.load}"
    if table.primary_key:
        yield f"    primary_key: {_sequence(table.primary_key)}"
    yield from _comments("    ", notes.order)
    if table.order_by:
        yield f"    order_by: {_sequence(table.order_by)}"
    yield "    columns:"
    for column in table.columns:
        yield from _comments("      ", notes.columns.get(column.name, ()))
        yield from _column(column)


def _column(column: Column) -> Iterator[str]:
    """A column as a mapping on one line, or on several where one would be too long."""
    parts = []
    for item in fields(column):
        value = getattr(column, item.name)
        if value == item.default:
            continue
        parts.append(f"{item.name}: {_sequence(value) if isinstance(value, tuple) else scalar(value)}")
    line = "      - {"
    for place, part in enumerate(parts):
        end = "}" if place == len(parts) - 1 else ","
        if len(line) + len(part) + len(end) > _WIDTH and not line.endswith("{"):
            yield line.rstrip()
            line = "         "
        line += f"{part}{end}{' ' if end == ',' else ''}"
    yield line


def _sequence(values: Iterable[object]) -> str:
    return f"[{', '.join(scalar(value) for value in values)}]"


def _comments(indent: str, notes: Iterable[str]) -> Iterator[str]:
    for note in notes:
        plain = " ".join(_UNPRINTABLE.sub(" ", note).split())
        for line in textwrap.wrap(plain, _WIDTH - len(indent) - 2, break_on_hyphens=False):
            yield f"{indent}# {line}"


def scalar(value: Any) -> str:  # noqa: ANN401 - a field of a contract
    """A value as YAML writes it: plain where it is read back as the same text, in double quotes elsewhere."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if _PLAIN.fullmatch(value) and value == value.strip() and yaml.safe_load(f"[{value}]") == [value]:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
