"""A raw file to records, by the reader of its format; in columns where the vector lane knows the format."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from sluice.contract import Contract, CsvSource
from sluice.contract.shape import Shape
from sluice.kernel.chunk import Proven
from sluice.kernel.csv_lane import CsvLane, can_prove
from sluice.kernel.parse.parsed import FileNotes, Parsed
from sluice.kernel.parse.reader import csv_records, file_reader
from sluice.kernel.raw import Watched

ReadRecords = Callable[[BinaryIO, FileNotes | None], Iterator[Proven | Parsed]]


class RecordSource:
    """Opens raw files of one contract."""

    def __init__(self, contract: Contract, shape: Shape, *, in_columns: bool) -> None:
        self._read = _reader(contract, shape, in_columns=in_columns)

    def records(self, stream: Watched, notes: FileNotes) -> Iterator[Proven | Parsed]:
        """The records of a file, the refusal of the whole file last."""
        return self._read(stream, notes)  # type: ignore[arg-type]  # a RawIOBase is what readers read


def _reader(contract: Contract, shape: Shape, *, in_columns: bool) -> ReadRecords:
    source = contract.source
    if in_columns and isinstance(source, CsvSource) and can_prove(source):
        return CsvLane(contract, source, shape, csv_records(contract, shape)).file
    return file_reader(contract, shape)
