"""The fields of raw records, read from the first bytes of a file with the readers that make contracts from samples.

A file is cut off where the bytes end, so what follows the last whole record does not count, whatever it looks like.
"""

import bz2
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path as FilePath
from typing import BinaryIO, Final

from sluice.contract import Contract, CsvSource, JsonSource, ParquetSource, XmlSource
from sluice.contract.shape import Path
from sluice.drift.source import SourceFields
from sluice.errors import SampleError
from sluice.infer.csv_samples import CsvRecords, Dialect
from sluice.infer.json_samples import JsonRecords
from sluice.infer.observed import Observed, TableSample, Tree
from sluice.infer.opened import Sample
from sluice.infer.xml_samples import XmlRecords
from sluice.parquet import Footer

MAX_RECORDS: Final = 1000
"""Records of a file that are looked at."""
MAX_UNPACKED_BYTES: Final = 8 << 20
"""Bytes of the beginning of a compressed file that are unpacked."""
_GZIP_WINDOW: Final = 31


@dataclass(frozen=True, slots=True)
class Head(Sample):
    """The beginning of a raw file, unpacked.

    Attributes:
        content: Its bytes.
        url: Where it lies; a path would make one slash of two.
    """

    content: bytes = b""
    url: str = ""

    @contextmanager
    def binary(self) -> Iterator[BinaryIO]:
        """The bytes."""
        yield io.BytesIO(self.content)


def head_of(contract: Contract, url: str, content: bytes, *, is_whole: bool) -> Head:
    """The beginning of a raw file as its contract says that it is packed and written.

    Args:
        contract: The dataset's contract.
        url: The file, for messages.
        content: Its first bytes.
        is_whole: Whether they are all.

    Raises:
        SampleError: The bytes are not packed as the contract says.
    """
    source = contract.source
    packing = "none" if isinstance(source, ParquetSource) else source.compression
    encoding = source.encoding if isinstance(source, CsvSource | JsonSource) else "UTF-8"
    try:
        unpacked = _unpacked(packing, content)
    except (OSError, zlib.error) as exc:
        raise SampleError(f"{url}: is not a valid {packing} file") from exc
    if not is_whole or len(unpacked) >= MAX_UNPACKED_BYTES:
        unpacked = _whole_lines(unpacked, encoding)
    return Head(FilePath(url), source.format, "none", encoding, unpacked, url)


def fields_of(contract: Contract, heads: list[Head]) -> SourceFields:
    """The fields of the first records of some files.

    Args:
        contract: The dataset's contract.
        heads: Beginnings of its files, not of Parquet.

    Raises:
        SampleError: A file has no record that can be read.
    """
    source = contract.source
    observed = Observed(is_flat=isinstance(source, CsvSource), is_xml=isinstance(source, XmlSource))
    for head in heads:
        for record in islice(_records(contract, head), MAX_RECORDS):
            observed.add(record)
    is_csv = isinstance(source, CsvSource)
    has_names = not isinstance(source, CsvSource) or source.header
    elements = {path: table.rows for path, table in observed.arrays.items()}
    return SourceFields(observed.records.rows, _fields(observed), elements, is_csv, has_names)


def fields_of_footers(footers: list[Footer]) -> SourceFields:
    """The fields of raw files of Parquet, as their footers tell.

    Args:
        footers: Footers of the files.
    """
    fields: dict[tuple[Path, Path], str] = {
        ((), (column.name,)): column.type for footer in footers for column in footer.columns
    }
    return SourceFields(len(footers), fields, {}, is_whole=True)


def _unpacked(packing: str, content: bytes) -> bytes:
    if packing == "gzip":
        return zlib.decompressobj(_GZIP_WINDOW).decompress(content, MAX_UNPACKED_BYTES)
    if packing == "bzip2":
        return bz2.BZ2Decompressor().decompress(content, MAX_UNPACKED_BYTES)
    return content


def _whole_lines(content: bytes, encoding: str) -> bytes:
    """Without what follows the last line break; a text without one stays."""
    mark = "\n".encode(encoding.replace("UTF-16", "UTF-16-LE").replace("UTF-32", "UTF-32-LE"))
    end = content.rfind(mark)
    return content if end < 0 else content[: end + len(mark)]


def _records(contract: Contract, head: Head) -> Iterator[Mapping[str, Tree]]:
    """The whole records; the error at the place where the bytes end is none, unless nothing comes before it."""
    count = 0
    try:
        for record in _read(contract, head):
            count += 1
            yield record
    except SampleError as exc:
        if not count:
            raise SampleError(str(exc).replace(str(head.path), head.url, 1)) from exc


def _read(contract: Contract, head: Head) -> Iterator[Mapping[str, Tree]]:
    source = contract.source
    if isinstance(source, CsvSource):
        dialect = Dialect(
            source.delimiter,
            source.quote,
            source.escape,
            source.header,
            source.skip_lines,
            source.skip_initial_space,
            source.escape_unquoted,
        )
        yield from CsvRecords(head, dialect).read()
    elif isinstance(source, XmlSource):
        reader = XmlRecords(head, source.row_tag)
        # An array of one element looks like an object, so the contract has its say as well.
        arrays = {tuple(table.explode.split(".")) for table in contract.tables if table.explode is not None}
        for element in reader.elements():
            yield reader.tree(element, frozenset(reader.repeated(element) | arrays))
    else:
        yield from JsonRecords(head).read()


def _fields(observed: Observed) -> dict[tuple[Path, Path], str]:
    found: dict[tuple[Path, Path], str] = {}
    for array, table in (((), observed.records), *observed.arrays.items()):
        for path, column in table.columns.items():
            found[array, path] = str(column.guess("_".join(path).lower()).sql_type)
        for path in sorted(_others(table) - table.columns.keys()):
            found[array, path] = "null or several values"
    for array in observed.arrays:
        found[(), array] = "array"
    return found


def _others(table: TableSample) -> set[Path]:
    """Paths that are there without a value of which a type could be guessed."""
    return {path for path in (*table.nulls, *table.left_out, *table.as_json) if path}
