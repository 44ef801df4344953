"""The reader of a contract's raw files: one door for every format."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from sluice.contract import Contract, CsvSource, JsonSource, ParquetSource, XmlSource
from sluice.contract.shape import Shape, leaf_names, needed_places, place_name
from sluice.kernel.parse.csv_text import CsvRecords
from sluice.kernel.parse.json_text import JsonRecords
from sluice.kernel.parse.parsed import FileNotes, Parsed
from sluice.kernel.parse.xml_text import XmlRecords

ReadFile = Callable[[BinaryIO, FileNotes | None], Iterator[Parsed]]
"""Reads one file from a stream of its raw bytes. Whatever stands in the file ends as a reason; a `Parsed` with
`is_whole_file` may come last and makes void what came before. What the stream itself raises passes through."""


def csv_records(contract: Contract, shape: Shape) -> CsvRecords:
    """The reader of a contract for CSV.

    Raises:
        TypeError: The contract is for another format.
    """
    if not isinstance(contract.source, CsvSource):
        raise TypeError(contract.source.format)
    needed = {place_name(path) for path in needed_places(contract, shape)}
    return CsvRecords(contract.source, leaf_names(shape), needed)


def json_records(contract: Contract, shape: Shape) -> JsonRecords:
    """The reader of a contract for JSON.

    Raises:
        TypeError: The contract is for another format.
    """
    if not isinstance(contract.source, JsonSource):
        raise TypeError(contract.source.format)
    return JsonRecords(contract.source, shape.record, needed_places(contract, shape))


def xml_records(contract: Contract, shape: Shape) -> XmlRecords:
    """The reader of a contract for XML.

    Raises:
        TypeError: The contract is for another format.
    """
    if not isinstance(contract.source, XmlSource):
        raise TypeError(contract.source.format)
    needed = needed_places(contract, shape)
    return XmlRecords(contract.source, shape.record, needed, allow_empty=contract.allow_empty)


def file_reader(contract: Contract, shape: Shape) -> ReadFile:
    """What reads a contract's files."""
    if not isinstance(contract.source, ParquetSource):
        return text_reader(contract, shape)
    # pyarrow, which text does not need, is heavy to load.
    from sluice.kernel.parse.parquet import ParquetRecords  # noqa: PLC0415

    has_zone = any(column.timezone for table in contract.tables for column in table.columns)
    return ParquetRecords(
        contract.source,
        shape.record,
        needed_places(contract, shape),
        marks_utc=has_zone or contract.timezone != "UTC",
    ).file


def text_reader(contract: Contract, shape: Shape) -> ReadFile:
    """What reads a contract's files of text.

    Raises:
        TypeError: The contract is for Parquet.
    """
    if isinstance(contract.source, CsvSource):
        return csv_records(contract, shape).file
    if isinstance(contract.source, JsonSource):
        return json_records(contract, shape).file
    return xml_records(contract, shape).file
