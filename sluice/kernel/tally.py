"""What was read of one source file: records, rows and reasons."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from sluice.contract import Table


@dataclass
class FileTally:
    """What was read from one file, or from a part of it.

    Attributes:
        records: Records; one for a file that is not well-formed.
        rejected: Quarantined records.
        read_rows: Rows of each table that the records hold.
        rejected_rows: Rows of each table in quarantined records.
        reasons: Quarantined records by reason.
        file_error: Why the whole file is quarantined, or None.
        absent: Columns, as ``table.column``, that nothing in the file fills and that may be absent; known at its end.
    """

    records: int = 0
    rejected: int = 0
    read_rows: Counter[str] = field(default_factory=Counter)
    rejected_rows: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    file_error: str | None = None
    absent: frozenset[str] = frozenset()

    def add(self, records: int, reasons: Iterable[str], rows: Mapping[str, int]) -> None:
        """Count records that have the same reasons, none for good ones.

        Args:
            records: How many.
            reasons: Their reasons.
            rows: Rows of each table that they hold.
        """
        self.records += records
        self.read_rows.update(rows)
        reasons = tuple(reasons)
        if reasons:
            self.rejected += records
            self.rejected_rows.update(rows)
            self.reasons.update(dict.fromkeys(reasons, records))

    def merge(self, other: "FileTally") -> None:
        """Count another part of the same file; a verdict on the whole file replaces whatever its parts held."""
        if self.file_error is not None:
            return
        if other.file_error is not None:
            self.__dict__.update(other.copy().__dict__)
            return
        self.records += other.records
        self.rejected += other.rejected
        self.read_rows.update(other.read_rows)
        self.rejected_rows.update(other.rejected_rows)
        self.reasons.update(other.reasons)
        self.absent |= other.absent

    def copy(self) -> Self:
        """An equal tally that shares nothing with this one."""
        return type(self)(
            self.records,
            self.rejected,
            self.read_rows.copy(),
            self.rejected_rows.copy(),
            self.reasons.copy(),
            self.file_error,
            self.absent,
        )

    @classmethod
    def broken(cls, reason: str, tables: Iterable[Table]) -> Self:
        """The tally of a file that is quarantined whole: one record, and one row of each table that is not exploded."""
        rows = Counter({table.name: 1 for table in tables if table.explode is None})
        return cls(1, 1, rows, rows.copy(), Counter({reason: 1}), reason)
