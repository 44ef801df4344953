"""What is asked of the simulator."""

from dataclasses import dataclass
from typing import Final

from sluice.errors import SimulatorError
from sluice.lake.layout import Partition

DATASETS: Final = ("customers", "products", "orders", "transactions")
"""The datasets that the simulator knows, those first that others refer to."""

MAX_ROWS: Final = 1_000_000
_FILES: Final = {"transactions": 3}


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """What the simulated source system writes. The same options always give the same bytes.

    Attributes:
        start: First partition. Updates reach back to it and no further.
        seed: Any number; another number gives other data.
        rows: Source records in each partition, bad ones, duplicates and updates included.
        files: Files in each partition; None means three for transactions and one for the others.
        bad_share: Share of records that break the contract, 0 to 1.
        duplicate_share: Share of records that repeat a key of the same partition, as a copy or as another version.
        update_share: Share of records that are versions of a key of an earlier partition; some of them are older than
            what the earlier partition has, and must lose.
    """

    start: Partition
    seed: int = 1
    rows: int = 1000
    files: int | None = None
    bad_share: float = 0.02
    duplicate_share: float = 0.03
    update_share: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what no data can be made for.

        Raises:
            SimulatorError: A number is out of its range.
        """
        if not 1 <= self.rows <= MAX_ROWS:
            raise SimulatorError(f"rows: {self.rows} is not between 1 and {MAX_ROWS}")
        if self.files is not None and not 1 <= self.files <= self.rows:
            raise SimulatorError(f"files: {self.files} is not between 1 and the number of rows ({self.rows})")
        for name in ("bad_share", "duplicate_share", "update_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SimulatorError(f"{name}: {getattr(self, name)} is not between 0 and 1")
        # An update takes a key of an earlier partition and each key once; the smallest of these must have enough.
        if self.fresh(is_first=False) < max(1, self.duplicates, self.updates(is_first=False)):
            raise SimulatorError(
                f"shares of bad rows ({self.bad_share}), duplicates ({self.duplicate_share}) and updates "
                f"({self.update_share}) leave too few new rows of {self.rows}"
            )

    @property
    def bad(self) -> int:
        """Bad records in each partition."""
        return round(self.rows * self.bad_share)

    @property
    def duplicates(self) -> int:
        """Records in each partition that repeat one of its keys."""
        return round(self.rows * self.duplicate_share)

    def updates(self, *, is_first: bool) -> int:
        """Records that are versions of earlier keys; the first partition has none."""
        return 0 if is_first else round(self.rows * self.update_share)

    def fresh(self, *, is_first: bool) -> int:
        """Records with a key of their own; they have the indexes from 0 on."""
        return self.rows - self.bad - self.duplicates - self.updates(is_first=is_first)

    def file_count(self, dataset: str) -> int:
        """Files in each partition of a dataset."""
        return self.files if self.files is not None else min(self.rows, _FILES.get(dataset, 1))

    def earlier(self, partition: Partition) -> int:
        """How many partitions lie between the start and this one.

        Raises:
            SimulatorError: The partition lies before the start.
        """
        count = (partition.start - self.start.start) // partition.length
        if count < 0:
            raise SimulatorError(f"partition {partition.label} lies before the start {self.start.label}")
        return count
