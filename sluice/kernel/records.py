"""A raw file to records, by the reader of its format; in columns where the vector lane knows the format."""

from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from sluice.contract import Contract, CsvSource
from sluice.contract.shape import Shape
from sluice.kernel.chunk import Proven
from sluice.kernel.csv_lane import CsvLane
from sluice.kernel.parse.parsed import FileNotes, Parsed
from sluice.kernel.parse.reader import file_reader
from sluice.kernel.raw import RawFile, Watched

ReadRecords = Callable[[BinaryIO, FileNotes | None], Iterator[Proven | Parsed]]


class RecordSource:
    """Opens raw files of one contract."""

    def __init__(self, contract: Contract, shape: Shape, *, in_columns: bool) -> None:
        source = contract.source
        self._csv = CsvLane(contract, source, shape, in_columns=in_columns) if isinstance(source, CsvSource) else None
        self._read: ReadRecords = file_reader(contract, shape) if self._csv is None else self._csv.file

    def records(self, raw: RawFile, stream: Watched, notes: FileNotes) -> Iterator[Proven | Parsed]:
        """The records of a file, the refusal of the whole file last.

        Raises:
            TypeError: The file is a split, and files of its format have none.
        """
        content = cast("BinaryIO", stream)
        if raw.is_whole:
            return self._read(content, notes)
        if self._csv is None:
            raise TypeError(raw)
        return self._csv.part(raw, content, notes)
