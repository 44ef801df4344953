"""A raw file to records, by the parser of its format."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from sluice.contract import Contract, CsvSource, JsonSource, XmlSource
from sluice.contract.shape import Shape, leaf_names
from sluice.kernel.parse.csv_text import CsvRecords
from sluice.kernel.parse.json_text import JsonRecords
from sluice.kernel.parse.parsed import Parsed
from sluice.kernel.parse.xml_text import XmlRecords
from sluice.kernel.raw import Watched

Parse = Callable[[BinaryIO], Iterator[Parsed]]


class RecordSource:
    """Opens raw files of one contract."""

    def __init__(self, contract: Contract, shape: Shape) -> None:
        self._parse = _parser(contract, shape)

    def records(self, stream: Watched) -> Iterator[Parsed]:
        """The records of a file, the refusal of the whole file last."""
        return self._parse(stream)  # type: ignore[arg-type]  # a RawIOBase is what parsers read


def required_columns(contract: Contract) -> frozenset[str]:
    """Places in a record that no file may lack: they fill columns that are never null and have no default."""
    return frozenset(
        column.path.removeprefix("$.")
        for table in contract.tables
        for column in table.columns
        if column.name in table.not_null and column.default is None
    )


def csv_records(contract: Contract, source: CsvSource, shape: Shape) -> CsvRecords:
    """The parser of a contract's CSV."""
    return CsvRecords(source, leaf_names(shape), required_columns(contract))


def _parser(contract: Contract, shape: Shape) -> Parse:
    source = contract.source
    if isinstance(source, CsvSource):
        read = csv_records(contract, source, shape).file
    elif isinstance(source, JsonSource):
        read = JsonRecords(source, shape.record).file
    elif isinstance(source, XmlSource):
        read = XmlRecords(source, shape.record).file
    else:
        raise TypeError(source.format)
    return lambda stream: read(stream.read())
