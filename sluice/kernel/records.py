"""A raw file to records, by the reader of its format."""

from collections.abc import Iterator

from sluice.contract import Contract
from sluice.contract.shape import Shape
from sluice.kernel.parse.parsed import FileNotes, Parsed
from sluice.kernel.parse.reader import file_reader
from sluice.kernel.raw import Watched


class RecordSource:
    """Opens raw files of one contract."""

    def __init__(self, contract: Contract, shape: Shape) -> None:
        self._read = file_reader(contract, shape)

    def records(self, stream: Watched, notes: FileNotes) -> Iterator[Parsed]:
        """The records of a file, the refusal of the whole file last."""
        return self._read(stream, notes)  # type: ignore[arg-type]  # a RawIOBase is what readers read
