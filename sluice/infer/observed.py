"""What records show: per table the rows that were seen, and per column what stood in them."""

import re
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from sluice.contract import SqlType
from sluice.contract.model import ROOT_PREFIX
from sluice.contract.shape import TEXT_OF_ELEMENT
from sluice.contract.sqltype import MAX_VARCHAR_BYTES
from sluice.infer.values import WHITE_SPACE, Guess, Values

Tree: TypeAlias = "str | Mapping[str, Tree] | list[Tree] | None"
"""A record or a part of it: a text, nothing, an object, or an array; an XML element's attributes begin with ``@``."""
Path: TypeAlias = tuple[str, ...]

ROWS_FOR_KEYS: Final = 100_000
"""Rows of a table among which keys are looked for; more would take memory and tell nothing."""
UNNAMED: Final = re.compile("#[0-9]+")
"""A column of CSV to which the header gives no name: its place, from 1, as contracts write it."""
_ANY_TEXT: Final = SqlType("varchar", length=MAX_VARCHAR_BYTES)
NULL: Final = -1
"""Stands for null among the hashes of a column."""


@dataclass(slots=True)
class ColumnSample:
    """One column.

    Attributes:
        path: Names that lead to its value from the record, or from the element of an array.
        values: What its values can be.
        hashes: A hash of each value in the order of the rows, `NULL` for null; rows after the last value are left out.
            Its upper half is the same for values that differ in the case of letters only.
        declared: Type that the files themselves declare, for Parquet.
        as_json: Why it can only be kept as JSON; empty for a single value.
    """

    path: Path
    values: Values = field(default_factory=Values)
    hashes: "array[int]" = field(default_factory=lambda: array("q"))
    declared: SqlType | None = None
    as_json: str = ""

    def add(self, row: int, text: str) -> None:
        """Take the value of a row into account; of the rows only their order counts."""
        if not self.values.add(text) or row >= ROWS_FOR_KEYS:
            return
        if len(self.hashes) > row:  # An element of XML whose text comes in two parts.
            return
        self.hashes.extend([NULL] * (row - len(self.hashes)))
        self.hashes.append(_hashed(text.strip(WHITE_SPACE)))

    def guess(self, name: str) -> Guess:
        """The column's type."""
        if self.as_json:
            return Guess(_ANY_TEXT, None, f"{self.as_json}: kept as JSON text", options={"json": True})
        if self.declared is None:
            return self.values.guess(name)
        if self.declared.is_text:
            return self.values.text()
        found = Guess(self.declared, None, "as the files say")
        if self.declared.name == "timestamp" and self.values.has_nanoseconds:
            why = f"{found.why}; digits of a second after the sixth are cut"
            return replace(found, why=why, options={"sub_microseconds": "cut"})
        if self.declared.name in ("real", "double precision") and "nan" in self.values.doubtful:
            return replace(found, null_values=("nan",))
        return found


@dataclass(slots=True)
class TableSample:
    """The rows of one table.

    Attributes:
        path: Path of the array of which each element is a row; empty for the records themselves.
        rows: How many were seen.
        columns: Columns by path, in the order in which they first appeared.
        parents: For each row of an array the number of its record, as far as keys are looked for.
        left_out: Why something of the source is not a column, by path.
        as_json: Why something is a column only as JSON, by path.
        nulls: Paths at which null was seen.
        present: In how many rows something stood at a path, were it null.
    """

    path: Path = ()
    rows: int = 0
    columns: dict[Path, ColumnSample] = field(default_factory=dict)
    parents: "array[int]" = field(default_factory=lambda: array("q"))
    left_out: dict[Path, str] = field(default_factory=dict)
    as_json: dict[Path, str] = field(default_factory=dict)
    nulls: set[Path] = field(default_factory=set)
    present: Counter[Path] = field(default_factory=Counter)

    def column(self, path: Path) -> ColumnSample:
        """The column of a path, made when it is new."""
        found = self.columns.get(path)
        if found is None:
            found = self.columns[path] = ColumnSample(path)
        return found


@dataclass(slots=True)
class Observed:
    """All records that were looked at.

    Attributes:
        records: The table of the records themselves.
        arrays: The tables of arrays by path, in the order in which they first appeared.
        is_flat: Whether a name is a column whatever characters it holds, as in CSV, and no path.
        is_xml: Whether an element may have a text beside attributes and children.
        objects: Paths at which objects stood, by the path of their array (empty for the record) and their own.
        parents: Those of XML elements that have other elements in them.
    """

    is_flat: bool = False
    is_xml: bool = False
    records: TableSample = field(default_factory=TableSample)
    arrays: dict[Path, TableSample] = field(default_factory=dict)
    objects: set[tuple[Path, Path]] = field(default_factory=set)
    parents: set[tuple[Path, Path]] = field(default_factory=set)

    def add(self, record: Mapping[str, Tree]) -> None:
        """Take a record into account."""
        row = self.records.rows
        self.records.rows += 1
        self._object(self.records, row, (), record)

    def _object(self, table: TableSample, row: int, path: Path, node: Mapping[str, Tree]) -> None:
        self.objects.add((table.path, path))
        for name, child in node.items():
            if self.is_xml and not name.startswith("@") and name != TEXT_OF_ELEMENT:
                self.parents.add((table.path, path))
            below = path if self.is_xml and name == TEXT_OF_ELEMENT and path else (*path, name)
            self._node(table, row, below, child)

    def _node(self, table: TableSample, row: int, path: Path, node: Tree) -> None:
        reason = self.unreachable(path)
        table.present[path] += 1
        if reason is not None:
            table.left_out[path] = reason
        elif node is None:
            table.nulls.add(path)
        elif isinstance(node, str):
            table.column(path).add(row, node)
        elif isinstance(node, list):
            self._array(table, row, path, node)
        else:
            self._object(table, row, path, node)

    def unreachable(self, path: Path) -> str | None:
        """Why no contract names this value; None when one does."""
        name = path[-1]
        if self.is_flat:
            return None if name and not name.startswith(ROOT_PREFIX) else "a column of this name cannot be written"
        if not name or "." in name:
            return "a name that is empty or has a point cannot stand in a path"
        return "a path cannot begin with $" if path == ("$",) else None

    def _array(self, table: TableSample, row: int, path: Path, items: list[Tree]) -> None:
        if table is not self.records:
            self._nested(table, path, "an array inside an array")
            return
        found = self.arrays.setdefault(path, TableSample(path))
        for item in map(self._element, items):
            if not isinstance(item, Mapping):
                found.left_out[()] = "its elements are arrays, or objects beside single values"
                continue
            number = found.rows
            found.rows += 1
            if number < ROWS_FOR_KEYS:
                found.parents.append(row)
            self._object(found, number, (), item)

    def _nested(self, table: TableSample, path: Path, reason: str) -> None:
        """Something can be no single value and no table: in XML no column, elsewhere JSON."""
        (table.left_out if self.is_xml else table.as_json)[path] = reason

    def _element(self, item: Tree) -> Tree:
        """An element of an array; a single value is an object with a text, as in XML an element without children is."""
        return item if isinstance(item, Mapping | list) else {TEXT_OF_ELEMENT: item}

    def _drop_unnamed(self) -> None:
        """Leave out columns of CSV without a name and without a value, as delimiters at line ends make them."""
        for path, column in list(self.records.columns.items()):
            if self.is_flat and UNNAMED.fullmatch(path[0]) and not column.values.filled:
                del self.records.columns[path]

    def settle(self) -> None:
        """Take what is an object or array in one record and something else in another as JSON; in XML leave it out."""
        self._drop_unnamed()
        for path, table in self.arrays.items():
            self._settle(table)
            if path in self.records.columns or ((), path) in self.objects:
                self._nested(self.records, path, "an array in one record and something else in another")
            elif () in table.left_out:
                self._nested(self.records, path, table.left_out[()])
            elif self._has_null_objects(table):
                self._nested(self.records, path, "null stands beside objects in it")
            elif not table.columns:
                self.records.left_out[path] = "an array without a value in its objects"
        self._settle(self.records)
        for path in (*self.records.left_out, *self.records.as_json):
            _drop(self.arrays, path)
        for table in (self.records, *self.arrays.values()):
            self._drop_bare_texts(table)
            self._note_nulls(table)

    def _has_null_objects(self, table: TableSample) -> bool:
        """Whether elements of an array of objects are null, which make no row."""
        text = (TEXT_OF_ELEMENT,)
        return not self.is_xml and text in table.nulls and text not in table.columns and bool(table.columns)

    def _settle(self, table: TableSample) -> None:
        for path in [path for path in table.columns if (table.path, path) in self.objects]:
            self._both(table, path)
        for path in (*table.left_out, *table.as_json):
            _drop(table.columns, path)
        for path, reason in sorted(table.as_json.items()):
            if not any(path[:end] in table.as_json for end in range(1, len(path))):
                table.columns[path] = ColumnSample(path, as_json=reason)

    def _drop_bare_texts(self, table: TableSample) -> None:
        """Leave out texts of XML elements that have children of which none is read: only then they are no texts."""
        arrays = self.arrays if table is self.records else {}
        for path in sorted(table.columns, key=len, reverse=True):
            is_read = any(len(other) > len(path) and other[: len(path)] == path for other in (*table.columns, *arrays))
            if (table.path, path) in self.parents and not is_read:
                table.left_out[path] = "a text beside elements, of which none can be read"
                del table.columns[path]

    def _note_nulls(self, table: TableSample) -> None:
        for path in sorted(table.nulls - table.columns.keys() - table.left_out.keys()):
            if (table.path, path) not in self.objects and path not in self.arrays:
                table.left_out[path] = "null in every record"

    def _both(self, table: TableSample, path: Path) -> None:
        """A text and an object at one path: in XML an element's own text, elsewhere a contradiction."""
        if not self.is_xml:
            self._nested(table, path, "an object in one record and a single value in another")
        elif not table.columns[path].values.filled:
            del table.columns[path]


def _drop(found: "dict[Path, ColumnSample] | dict[Path, TableSample]", path: Path) -> None:
    """Take away what stands at a path or below it."""
    for known in [known for known in found if path and known[: len(path)] == path]:
        del found[known]


def _hashed(text: str) -> int:
    return (hash(text.casefold()) & 0x7FFF_FFFF) << 32 | hash(text) & 0xFFFF_FFFF
