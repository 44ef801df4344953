"""What the kernel gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from sluice.kernel.arrow import Array
from sluice.kernel.tally import FileTally


@dataclass(frozen=True)
class Chunk:
    """What some consecutive records of a file became.

    Attributes:
        source_file: URL of the raw file.
        tally: The counts of these records. One with a `file_error` is the verdict on the whole file and stands in its
            last chunk: whatever chunks and splits gave of the file before is void.
        tables: Good rows of every table of the contract, with the columns of `arrow.chunk_schema`.
        quarantine: Rejected records, with the columns of `arrow.QUARANTINE_SCHEMA`.
    """

    source_file: str
    tally: FileTally
    tables: Mapping[str, pa.Table]
    quarantine: pa.Table

    @property
    def voids_the_file(self) -> bool:
        """Whether this is the news that the file is not well-formed as a whole."""
        return self.tally.file_error is not None


@dataclass(frozen=True, slots=True)
class Proven:
    """Records of which the vector lane knows all.

    Attributes:
        records: How many.
        columns: The values of every table, in the contract's order, without lineage.
    """

    records: int
    columns: Sequence[Sequence[Array]]
