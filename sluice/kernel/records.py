"""A raw file to records, by the reader of its format; in columns where the vector lane knows the format."""

from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from sluice.contract import Contract, CsvSource, JsonSource
from sluice.contract.shape import Shape
from sluice.kernel import json_lane
from sluice.kernel.chunk import Proven
from sluice.kernel.csv_lane import CsvLane
from sluice.kernel.parse.parsed import FileNotes, Parsed
from sluice.kernel.parse.reader import ReadFile, file_reader
from sluice.kernel.raw import RawFile, Watched
from sluice.kernel.transposed import Transposer

ReadRecords = Callable[[BinaryIO, FileNotes | None], Iterator[Proven | Parsed]]


class RecordSource:
    """Opens raw files of one contract."""

    def __init__(self, contract: Contract, shape: Shape, *, in_columns: bool) -> None:
        source = contract.source
        self._csv = CsvLane(contract, source, shape, in_columns=in_columns) if isinstance(source, CsvSource) else None
        transposer = Transposer(contract, shape) if in_columns else None
        self._read: ReadRecords
        if self._csv is not None:
            self._read = self._csv.file
        elif transposer is not None and isinstance(source, JsonSource) and json_lane.can_prove(source, shape):
            self._read = json_lane.JsonLane(contract, shape, transposer).file
        else:
            self._read = _in_batches(file_reader(contract, shape), transposer)

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


def _in_batches(read: ReadFile, transposer: Transposer | None) -> ReadRecords:
    if transposer is None:
        return read
    return lambda stream, notes: transposer.batches(read(stream, notes))
