"""Columns that raw files lack altogether, as the transaction that merges their rows sees them.

The nulls of such a column say nothing about the rows, so an upsert keeps what is known. Which file lacks what stands in
one temporary table: a transaction of the Data API has at most 40 statements of 100 KB, and a manifest may list 100,000
files. So a digest stands for the URL of a file, which may be as long as a key.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_MD5.html (32 hexadecimal digits) and
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html (limits)
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sluice.warehouse.batches import value_lists
from sluice.warehouse.quoting import identifier, literal

ABSENT = identifier("_load_absent")
"""Temporary table of the files that lack something; no contract can name a table so."""

_LACKS = identifier("lacks")
"""Digest of a file, and behind it a digit for each group of columns: 1 when the file lacks them."""
_DIGITS = 16
"""Digits of a digest: two of 100,000 files have the same ones once in four billion such loads."""


@dataclass(frozen=True)
class Absence:
    """What the raw files of a load lack.

    Attributes:
        groups: Columns that the same files lack, in their order, and these files.
    """

    groups: tuple[tuple[tuple[str, ...], frozenset[str]], ...]

    @classmethod
    def of(cls, files_by_column: Mapping[str, Collection[str]]) -> "Absence":
        """By the URLs of the files that lack each column; columns that none lacks are left out."""
        by_files: dict[frozenset[str], list[str]] = {}
        for name, files in files_by_column.items():
            if files:
                by_files.setdefault(frozenset(files), []).append(name)
        return cls(tuple((tuple(columns), files) for files, columns in by_files.items()))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that some file lacks."""
        return tuple(name for columns, _ in self.groups for name in columns)

    def statements(self) -> Iterator[str]:
        """The statements that make the temporary table; none where nothing is lacking."""
        if not self.groups:
            return
        yield f"CREATE TEMP TABLE {ABSENT} ({_LACKS} varchar({_DIGITS + len(self.groups)}) NOT NULL) DISTSTYLE ALL"
        every = sorted(frozenset().union(*(files for _, files in self.groups)))
        for values in value_lists(f"({literal(_digest(file) + self._mask(file))})" for file in every):
            yield f"INSERT INTO {ABSENT} ({_LACKS}) VALUES {values}"

    def _mask(self, file: str) -> str:
        return "".join("1" if file in files else "0" for _, files in self.groups)

    def join(self, source_file: str) -> str:
        """The join that brings what the file of a row lacks.

        Args:
            source_file: The row's column of the source file, quoted.
        """
        return f"LEFT JOIN {ABSENT} ON LEFT({ABSENT}.{_LACKS}, {_DIGITS}) = LEFT(MD5({source_file}), {_DIGITS})"

    def is_lacking(self, name: str) -> str:
        """``'1'`` where the file of a row lacks the column, and ``'0'`` where it has it; behind `join`."""
        place = next(number for number, (columns, _) in enumerate(self.groups, _DIGITS + 1) if name in columns)
        return f"COALESCE(SUBSTRING({ABSENT}.{_LACKS}, {place}, 1), '0')"


def _digest(file: str) -> str:
    return hashlib.md5(file.encode(), usedforsecurity=False).hexdigest()[:_DIGITS]
