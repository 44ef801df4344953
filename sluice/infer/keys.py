"""Which columns name a row, and which tells the newer of two versions: what is unique in the sample, and well named."""

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from sluice.contract import SqlType
from sluice.infer.observed import NULL

_KEY_WORDS: Final = re.compile(r"(?:^|_)(?:id|ids|key|uuid|guid|no|nr|num|number|code|sku|isbn|ean|iban)(?:_value)?$")
_PLACE_WORDS: Final = re.compile(r"(?:^|_)(?:line|pos|position|seq|sequence|index|idx|row|rank)(?:_|$)")
_NEWER_WORDS: Final = (
    re.compile(r"(?:^|_)(?:updated|modified|changed|modification|lastmod|update|edited)(?:_|$)"),
    re.compile(r"(?:^|_)(?:version|revision|rev)(?:_|$)"),
)
_PARTS_OF_TIME: Final = frozenset({"year", "month", "day", "hour", "minute", "second", "week", "quarter"})
LEAST_ROWS: Final = 20
"""Rows of a table under which being unique tells nothing; only a name makes a key then."""
ROW_LABEL: Final = "row_label"
"""Name of a first column that has none: labels that a program gave the rows of one file."""
_LONGEST_BYTES: Final = 512
_MOST_IN_KEY: Final = 3
_MOST_TRIED: Final = 8
_LARGEST_SHARE_OF_VERSIONS: Final = 0.2
_LARGEST_SHARE_OF_TIES: Final = 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that may be part of a key.

    Attributes:
        name: Its name.
        sql_type: Its type.
        hashes: A hash of its value in each row, `NULL` for null; the rows after the last value are left out.
        is_filled: Whether it was never null.
    """

    name: str
    sql_type: SqlType
    hashes: "array[int]"
    is_filled: bool

    @property
    def names_rows(self) -> bool:
        """Whether its type is one that keys have."""
        is_short = self.sql_type.is_text and (self.sql_type.length or 0) <= _LONGEST_BYTES
        is_exact = self.sql_type.is_integer or (self.sql_type.name == "decimal" and self.sql_type.scale == 0)
        return self.is_filled and (is_short or is_exact or self.sql_type.is_temporal)


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key.

    Attributes:
        names: Its columns; empty when none was found.
        why: A few words on why these.
    """

    names: tuple[str, ...]
    why: str


def order_column(columns: Iterable[Candidate]) -> Candidate | None:
    """The column that tells which version of a row is newer: never null, of a fitting type, and named for it."""
    found = [column for column in columns if column.is_filled]
    for words in _NEWER_WORDS:
        for column in found:
            fits = column.sql_type.name == "timestamp" or column.sql_type.is_temporal or column.sql_type.is_integer
            if fits and words.search(column.name):
                return column
    return None


class Rows:
    """The rows of a table without copies.

    Args:
        columns: All columns of the table.
        count: How many rows were seen, as far as keys are looked for.
        order: The column that tells which version of a row is newer.
        fixed: Columns that belong to every key: those of the record that an array stands in.
        kept: Numbers of the rows to look at; None for all but copies.
    """

    def __init__(
        self,
        columns: Sequence[Candidate],
        count: int,
        order: Candidate | None,
        fixed: Sequence[Candidate] = (),
        kept: list[int] | None = None,
    ) -> None:
        self._columns, self._order, self._fixed = columns, order, fixed
        every = (*fixed, *columns, *(() if order is None else (order,)))
        self._hashes = {column.name: _padded(column.hashes, count) for column in every}
        self.kept = self._without_copies(count) if kept is None else kept
        self._copies = count - len(self.kept)

    def _without_copies(self, count: int) -> list[int]:
        if not self._columns:
            return list(range(count))
        seen: dict[tuple[int, ...], int] = {}
        for row, values in enumerate(zip(*(self._hashes[column.name] for column in self._columns), strict=True)):
            # Copies of a record may be written in another case; the lower half of a hash does not count here.
            seen.setdefault(tuple(value >> 32 for value in values), row)
        return list(seen.values())

    def key(self, table: str) -> Key:
        """The best key: by its name first, then by its place.

        Args:
            table: Name of the table, or of the array of which it is made.
        """
        if not self.kept:
            return Key((), "no row was seen")
        order = None if self._order is None else self._order.name
        usable = [
            column
            for column in self._columns
            if column.names_rows and column.name not in (order, ROW_LABEL) and not _is_part_of_time(column.name)
        ]
        ranked = sorted(usable, key=lambda column: self._rank(table, column))
        for found in self._choices(table, ranked):
            reason = self._why_key(table, found)
            if reason is not None:
                return Key(tuple(column.name for column in (*self._fixed, *found)), reason)
        if len(self.kept) < LEAST_ROWS:
            return Key(
                (), f"no column is named like one, and {_counted(len(self.kept), 'row', 'rows')} are too few to tell"
            )
        return Key(
            (), f"no column that is named like one, nor several, are unique and never null{self._by_chance(usable)}"
        )

    def _by_chance(self, usable: Sequence[Candidate]) -> str:
        """Columns that are unique in what was seen, to be looked at by somebody who knows."""
        rows = len(self.kept)
        for size in range(1, _MOST_IN_KEY + 1):
            for found in combinations(usable[:_MOST_TRIED], size):
                every = [self._hashes[column.name] for column in (*self._fixed, *found)]
                if len({tuple(hashes[row] for hashes in every) for row in self.kept}) == rows:
                    names = ", ".join(column.name for column in (*self._fixed, *found))
                    return f" ({names} {'is' if size == 1 else 'are'} unique in {rows} rows, perhaps by chance)"
        return ""

    def _choices(self, table: str, ranked: Sequence[Candidate]) -> Iterator[tuple[Candidate, ...]]:
        """Keys to try: well named columns, the first column if it is a text, and well named ones with a moment.

        Nothing else is a key, however unique: measures and parts of a date are unique by chance, and an upsert by them
        would write one row over another.
        """
        named = [column for column in ranked if self._rank(table, column) < _UNNAMED]
        places = [column for column in ranked if column not in named and _PLACE_WORDS.search(column.name)]
        moments = [column for column in ranked if column.sql_type.is_temporal]
        first = self._columns[0] if self._columns else None
        is_enough = len(self.kept) >= LEAST_ROWS
        yield from ((column,) for column in named)
        if is_enough and first in ranked and first not in named and not self._fixed:
            yield from ((column,) for column in (first,) if column is not None and column.sql_type.is_text)
        partners = [*named, *places, *(moments if is_enough else ())][:_MOST_TRIED]
        for size in range(2, _MOST_IN_KEY + 1):
            yield from (found for found in combinations(partners, size) if any(column in named for column in found))

    def _rank(self, table: str, column: Candidate) -> int:
        """How well a column is named for a key; smaller is better."""
        name = column.name
        thing = table.removesuffix("s")
        if name in ("id", "uuid", "guid", "key") or (_KEY_WORDS.search(name) and name.startswith((thing, table))):
            return 0
        if self._fixed and _PLACE_WORDS.search(name):
            return 0
        if column.sql_type.name == "timestamp":
            return _UNNAMED + 1
        return 1 if _KEY_WORDS.search(name) else _UNNAMED

    def _why_key(self, table: str, columns: Sequence[Candidate]) -> str | None:
        """Why columns are a key; None when they are none."""
        every = [self._hashes[column.name] for column in (*self._fixed, *columns)]
        rows = len(self.kept)
        distinct = len({tuple(hashes[row] for hashes in every) for row in self.kept})
        if distinct == rows:
            return f"unique and never null in {_counted(rows, 'row', 'rows')}{self._beside_copies}"
        return self._why_versions(every, distinct, max(self._rank(table, column) for column in columns))

    def _why_versions(self, every: Sequence["array[int]"], distinct: int, rank: int) -> str | None:
        """Why rows that share a key are its versions; None when they are not, or the key is not named for it."""
        rows = len(self.kept)
        if self._order is None or rank >= _UNNAMED or rows - distinct > _LARGEST_SHARE_OF_VERSIONS * rows:
            return None
        newer = self._hashes[self._order.name]
        ties = rows - len({(*(hashes[row] for hashes in every), newer[row]) for row in self.kept})
        if ties > (_LARGEST_SHARE_OF_TIES * rows if rank == 0 else 0):
            return None
        why = f"{distinct} different in {rows} rows{self._beside_copies}; the others are taken for versions"
        if not ties:
            return f"{why}, which {self._order.name} tells apart"
        return f"{why}, though {ties} of them have the {self._order.name} of another: are they copies of it?"

    @property
    def _beside_copies(self) -> str:
        return f" (beside {_counted(self._copies, 'copy', 'copies')})" if self._copies else ""


_UNNAMED: Final = 2


def _is_part_of_time(name: str) -> bool:
    return name.removesuffix("_value") in _PARTS_OF_TIME


def _padded(hashes: "array[int]", count: int) -> "array[int]":
    return hashes[:count] + array("q", [NULL]) * max(0, count - len(hashes))


def _counted(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"
