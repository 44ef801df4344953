"""What published files hold, which is what the contract said when they were written and not what it says today."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sluice.contract.model import LINEAGE, Table
from sluice.contract.sqltype import SqlType


@dataclass(frozen=True)
class Stored:
    """The columns of files that one version of a contract wrote.

    Attributes:
        types: Name and type of each column, in the order of the files.
    """

    types: tuple[tuple[str, SqlType], ...]

    @classmethod
    def of_table(cls, table: Table) -> "Stored":
        """What today's contract writes."""
        return cls(tuple(table.stored_types.items()))

    @classmethod
    def of_columns(cls, columns: Iterable[str], table: Table) -> "Stored":
        """What a file says of itself; one that says nothing is as today's contract has it.

        Args:
            columns: `sluice.lake.handover.PublishedFile.columns`.
            table: Today's contract.

        Raises:
            ValueError: A type is none.
        """
        parts = [column.partition(" ") for column in columns]
        return cls(tuple((name, SqlType.parse(kind)) for name, _, kind in parts)) if parts else cls.of_table(table)

    def misfit(self, table: Table) -> str:
        """Why these files cannot be loaded by today's contract; empty when they can.

        They can when every column that both have holds all values of the files, and when a column that only one of them
        has may stay away. Where both have a column that the other lacks, one may be the other under a new name, so its
        values may neither be left out nor be taken for absent.

        Args:
            table: Today's contract.
        """
        return next(self._misfits(table), "")

    def _misfits(self, table: Table) -> Iterator[str]:
        files, contract = dict(self.types), table.stored_types
        for name, kind in contract.items():
            have = files.get(name)
            if have is None and (name in table.not_null or name in LINEAGE):
                yield f"column {name} is never null and not in the files"
            elif have is not None and kind != have and not kind.widens(have):
                yield f"column {name} is {have} in the files and {kind} in the contract"
        gone = [name for name in files if name not in contract]
        new = [name for name in contract if name not in files]
        if gone and new:
            yield f"the files have {', '.join(gone)} where the contract has {', '.join(new)}"
