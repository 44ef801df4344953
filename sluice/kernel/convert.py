"""The kernel's door: one raw file, or a split of it, to chunks of rows, quarantine and counts."""

from collections.abc import Iterator
from datetime import datetime
from enum import Enum

from sluice.contract import Contract
from sluice.contract.shape import columns_at, shape_of
from sluice.kernel.chunk import Chunk, Proven
from sluice.kernel.gather import Gatherer
from sluice.kernel.parse.parsed import FileNotes
from sluice.kernel.raw import RawFile, Watched
from sluice.kernel.records import RecordSource
from sluice.kernel.rows import RowLane
from sluice.kernel.splits import splits

__all__ = ["Chunk", "Kernel", "Lanes", "RawFile", "splits"]


class Lanes(Enum):
    """Which lanes a kernel uses; the choice changes nothing but the time."""

    BOTH = "both"
    ROW = "row"


class Kernel:
    """Converts raw files by one contract."""

    def __init__(self, contract: Contract, at: datetime, *, lanes: Lanes = Lanes.BOTH) -> None:
        """Convert by a contract.

        Args:
            contract: The contract.
            at: Moment of the quarantine, with its time zone.
            lanes: Which lanes to use.
        """
        self._contract, self._at, self._lanes = contract, at, lanes
        self._shape = shape_of(contract)
        self._rows = RowLane(contract, self._shape)
        self._source = RecordSource(contract, self._shape, in_columns=lanes is Lanes.BOTH)

    def read(self, raw: RawFile) -> Iterator[Chunk]:
        """The chunks of a file; memory is bounded whatever its size.

        Nothing that stands in a file raises: it is a reason in the quarantine.

        Raises:
            OSError: The stream failed; whatever the stream raises passes through.
        """
        gatherer = Gatherer(self._contract, self._shape, self._at, raw.batch_id, raw.url)
        with Watched(raw) as stream:
            notes = FileNotes()
            for parsed in self._source.records(raw, stream, notes):
                if isinstance(parsed, Proven):
                    gatherer.take_proven(parsed)
                    if gatherer.is_full:
                        yield gatherer.chunk()
                    continue
                if parsed.is_whole_file:
                    first = stream.first_bytes() if raw.start == 0 else None
                    yield gatherer.verdict(parsed.error or "file: not readable", first)
                    return
                gatherer.take(parsed, self._rows.judge(parsed))
                if gatherer.is_full:
                    yield gatherer.chunk()
            if gatherer.records or notes.absent:
                yield gatherer.chunk(columns_at(self._contract, self._shape, notes.absent))
