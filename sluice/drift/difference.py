"""One difference between a contract and a place that should agree with it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Layer(StrEnum):
    """Where something differs from its contract."""

    CATALOG = "catalog"
    FILES = "files"
    SPECTRUM = "spectrum"
    WAREHOUSE = "warehouse"
    SOURCE = "source"


class Kind(StrEnum):
    """What a difference means.

    Attributes:
        COMPATIBLE: A change that loses nothing and breaks no reader; it is made, or needs nobody.
        BREAKING: Somebody must decide, or a reader fails; it is told to support.
        NOTE: Nothing fails, but somebody may want to know.
    """

    COMPATIBLE = "compatible"
    BREAKING = "breaking"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        layer: Where.
        table: The table there; for the source, the dataset.
        column: The column, or the path of a field; empty when it is about the whole table.
        have: What is there, mostly a type; empty when nothing is.
        want: What the contract has; empty when nothing.
        kind: What it means.
        fix: What was done or is to be done about it.
        partitions: Labels of the partitions where it was seen, for files.
        is_applied: Whether the change has been made.
    """

    layer: Layer
    table: str
    column: str
    have: str
    want: str
    kind: Kind
    fix: str
    partitions: tuple[str, ...] = ()
    is_applied: bool = False

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it the same difference tomorrow, when other partitions are the newest."""
        return (self.layer, self.table, self.column, self.have, self.want, self.kind)

    def settled(self) -> "Difference":
        """The difference after the compatible changes have been made; others stay as they are."""
        return replace(self, is_applied=True) if self.kind is Kind.COMPATIBLE else self

    def __str__(self) -> str:
        where = f"{self.layer} {self.table}" + (f".{self.column}" if self.column else "")
        return f"{where}: {self.have or 'nothing'} instead of {self.want or 'nothing'} ({self.kind}); {self.fix}"


def to_tell(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Those that people are told of: what breaks, what was changed, and what is worth a note."""
    return tuple(item for item in differences if item.kind is not Kind.COMPATIBLE or item.is_applied)
