"""The kernel's door: one raw file, or a split of it, to chunks of rows, quarantine and counts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import BinaryIO

import pyarrow as pa

from sluice.contract import Contract
from sluice.kernel.tally import FileTally


@dataclass(frozen=True, slots=True)
class RawFile:
    """A raw file, or a split of it.

    Attributes:
        url: ``s3://bucket/key``; the rows' `_source_file`.
        batch_id: The rows' `_batch_id`.
        size_bytes: Length of the whole file.
        open: Gives a stream of the file's bytes, as they lie there, from the beginning. It must be seekable for splits
            and for Parquet.
        start: First byte of the split.
        end: First byte after the split; None for the end of the file. A record belongs to the split in which its line
            begins.
    """

    url: str
    batch_id: str
    size_bytes: int
    open: Callable[[], BinaryIO]
    start: int = 0
    end: int | None = None


class Lanes(Enum):
    """Which lanes a kernel uses; the choice changes nothing but the time."""

    BOTH = "both"
    ROW = "row"


@dataclass(frozen=True)
class Chunk:
    """What some consecutive records of a file became.

    Attributes:
        source_file: URL of the raw file.
        tally: The counts of these records. One with a `file_error` is the verdict on the whole file and stands in its
            last chunk: whatever chunks and splits gave of the file before is void.
        tables: Good rows of every table of the contract, with the columns of `arrow.stored_schema`.
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


class Kernel:
    """Converts raw files by one contract."""

    def __init__(self, contract: Contract, at: datetime, *, lanes: Lanes = Lanes.BOTH) -> None:
        """Convert by a contract.

        Args:
            contract: The contract.
            at: Moment of the quarantine, with its time zone.
            lanes: Which lanes to use.
        """
        self.contract, self.at, self.lanes = contract, at, lanes

    def read(self, raw: RawFile) -> Iterator[Chunk]:
        """The chunks of a file; memory is bounded whatever its size.

        Nothing that stands in a file raises: it is a reason in the quarantine.

        Raises:
            OSError: The stream failed; whatever the stream raises passes through.
        """
        raise NotImplementedError


def splits(contract: Contract, raw: RawFile, target_bytes: int) -> list[RawFile]:
    """A file as parts that can be read by different workers, or as it is.

    Only uncompressed files in which a line end always ends a record are split: JSON lines, and CSV without
    ``multiline``, in encodings made of bytes.

    Args:
        contract: The contract.
        raw: The whole file; its stream must be seekable.
        target_bytes: About how long a part is to be.
    """
    raise NotImplementedError
