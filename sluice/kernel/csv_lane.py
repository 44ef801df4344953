"""The vector lane of CSV: blocks of whole lines, of which those in plain form are cut by Arrow.

A line is in plain form when a regular expression says so: the right number of fields, each without quotes or wholly in
quotes, no carriage return but at the end, no NUL and no byte that is not UTF-8. Such a line is a record by itself, and
Arrow's reader cuts it as ours does. All others go through our reader, with the lines after them where a quote stays
open; so do the lines of which a value is not proven.
"""

import io
import logging
import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import BinaryIO, cast

import pyarrow as pa
from pyarrow import csv

from sluice.contract import Contract, CsvSource
from sluice.contract.shape import Shape, leaf_names
from sluice.kernel.arrow import ARROW_REFUSES, Array, pc
from sluice.kernel.chunk import Proven
from sluice.kernel.columns import TableProver, both
from sluice.kernel.lines import Lines, ends_lines_with_line_feeds
from sluice.kernel.parse.content import RawBytes, file_records, open_binary
from sluice.kernel.parse.csv_text import Places
from sluice.kernel.parse.parsed import BYTE_ORDER_MARK, UNDECODABLE, FileNotes, Parsed
from sluice.kernel.parse.reader import csv_records
from sluice.kernel.raw import RawFile
from sluice.kernel.splits import Part, is_utf_8

MAX_PLAIN_BYTES = 1 << 20
"""A longer line is not in plain form."""

_logger = logging.getLogger(__name__)

FEWEST = 30
"""Fewer lines are quicker one by one."""

MAX_WIDTH = 500
"""Of more fields a regular expression is no quicker than our own reader, and one of more than 1,000 is none.

Source: https://github.com/google/re2/wiki/Syntax (counts above 1,000 are refused)
"""


def can_prove(source: CsvSource) -> bool:
    """Whether the vector lane knows files of this kind."""
    return (
        is_utf_8(source.encoding)
        and (source.delimiter + source.quote + source.escape).isascii()
        and not {source.delimiter, source.quote, source.escape} & set("\r\n\0")
        and not source.skip_initial_space
        and not source.escape_unquoted
    )


class CsvLane:
    """Reads CSV of one contract, in columns where it can."""

    def __init__(self, contract: Contract, source: CsvSource, shape: Shape, *, in_columns: bool) -> None:
        """Read by a contract.

        Args:
            contract: The contract.
            source: Its source.
            shape: Its shape.
            in_columns: Whether to use columns at all.
        """
        self._source, self._records = source, csv_records(contract, shape)
        self._in_columns = in_columns and can_prove(source)
        names = list(leaf_names(shape))
        self._tables = [
            (TableProver.of(contract, table), [names.index(column.path) for column in table.columns])
            for table in contract.tables
        ]

    def file(self, stream: BinaryIO, notes: FileNotes | None = None) -> Iterator[Proven | Parsed]:
        """The records of a whole file, as those of `CsvRecords.file`."""

        def read(raw: RawBytes) -> Iterator[Proven | Parsed]:
            content = cast("io.BufferedReader", open_binary(raw, self._source.compression))
            if self._in_columns and ends_lines_with_line_feeds(content):
                yield from self._first(Lines(content), notes)
            else:
                yield from self._records.unpacked(content, notes)

        return file_records(read, stream, self._source.compression, may_be_empty=not self._source.header)

    def part(self, raw: RawFile, stream: BinaryIO, notes: FileNotes | None = None) -> Iterator[Proven | Parsed]:
        """The records of a split, as `splits` makes them; its refusal is one of the whole file."""

        def read(raw_bytes: RawBytes) -> Iterator[Proven | Parsed]:
            lines = Lines(cast("io.BufferedReader", open_binary(raw_bytes, "none")), is_first=raw.start == 0)
            if raw.start == 0:
                yield from self._first(lines, notes)
            else:
                yield from self._after_header(lines, self._records.places(header, notes))

        header = self._header(stream) if raw.start and self._source.header else None
        return file_records(read, cast("BinaryIO", Part(stream, raw)), "none", may_be_empty=True)

    def _header(self, stream: BinaryIO) -> str | None:
        stream.seek(0)
        lines = Lines(cast("io.BufferedReader", open_binary(stream, "none")))
        return self._records.header(self._records.ahead(islice(lines, self._source.skip_lines, None)))

    def _first(self, lines: Lines, notes: FileNotes | None) -> Iterator[Proven | Parsed]:
        for _ in range(self._source.skip_lines):
            next(lines, None)
        ahead = self._records.ahead(lines)
        places = self._records.begin(ahead, None, notes)
        if ahead.is_looking or not self._in_columns:  # Quotes of the header stay open.
            yield from self._records.records(ahead, places)
        else:
            yield from self._after_header(lines, places)

    def _after_header(self, lines: Lines, places: Places) -> Iterator[Proven | Parsed]:
        form = PlainForm(self._source, places.width)
        if not form.is_known or not self._in_columns:
            yield from self._records.records(self._records.ahead(lines), places)
            return
        while (block := lines.block()) is not None:
            yield from self._block(block, lines, places, form)

    def _block(self, block: bytes, lines: Lines, places: Places, form: "PlainForm") -> Iterator[Proven | Parsed]:
        if not block.isascii():
            block = block.decode("utf-8", "replace").encode()
        has_many = block.count(b"\n") >= FEWEST
        if has_many and form.is_plain(block):
            proven, odd = self._plain(block, places, form)
            yield from proven
            yield from (parsed for _, parsed in odd)
            return
        texts = block.removesuffix(b"\n").split(b"\n")
        plain: list[int] = []
        found: list[tuple[int, Parsed]] = []
        end = 0
        for index, is_plain in enumerate(form.plain_lines(texts) if has_many else [False] * len(texts)):
            if index < end:
                continue
            if is_plain:
                plain.append(index)
                continue
            fed = _Fed(texts, index, lines)
            ahead = self._records.ahead(fed)
            for parsed in self._records.records(ahead, places):
                found.append((index, parsed))
                if not ahead.is_looking:
                    break
            end = fed.end
        if plain:
            proven, odd = self._plain(b"".join([texts[index] + b"\n" for index in plain]), places, form)
            yield from proven
            found = sorted([*found, *((plain[row], parsed) for row, parsed in odd)], key=itemgetter(0))
        yield from (parsed for _, parsed in found)

    def _plain(self, block: bytes, places: Places, form: "PlainForm") -> tuple[list[Proven], list[tuple[int, Parsed]]]:
        """Records of lines in plain form: those that are proven in columns, and the others with their numbers."""
        lines = block.removesuffix(b"\n").split(b"\n")
        try:
            proven, rows = self._proven(block, places, form)
        except ARROW_REFUSES:
            _logger.exception("lines that were proven are read one by one")
            proven, rows = [], list(range(len(lines)))
        fed = _Fed([lines[row] for row in rows], 0, None)
        return proven, list(zip(rows, self._records.records(self._records.ahead(fed), places), strict=True))

    def _proven(self, block: bytes, places: Places, form: "PlainForm") -> tuple[list[Proven], list[int]]:
        """What is proven of lines in plain form, and the numbers of the others."""
        read = [place for place in places.columns if place is not None]
        texts = form.cut(block, read)
        nothing = pa.nulls(texts.num_rows, pa.string())
        fields = [nothing if place is None else texts[str(place)] for place in places.columns]
        columns, proven = [], _no_header(texts, places, read)
        for prover, indices in self._tables:
            values, of_table = prover.prove([fields[index] for index in indices])
            columns.append(values)
            proven = both(proven, of_table)
        if proven is None:
            return [Proven(texts.num_rows, columns)], []
        columns = [[column.filter(proven) for column in values] for values in columns]
        return [Proven(len(columns[0][0]), columns)], pc.indices_nonzero(pc.invert(proven)).to_pylist()


class PlainForm:
    """The form of lines that Arrow cuts as our own reader does."""

    def __init__(self, source: CsvSource, width: int) -> None:
        self._delimiter, self._quote, self._width = source.delimiter, source.quote, width
        quote, delimiter = f"\\x{ord(source.quote):02x}", f"\\x{ord(source.delimiter):02x}"
        bare, inside = rf"[^{quote}{delimiter}\r\n\x00]*", rf"(?:[^{quote}\r\n\x00]|{quote}{quote})*"
        if source.escape != source.quote:
            inside = rf"[^{quote}\x{ord(source.escape):02x}\r\n\x00]*"
        field = f"(?:{bare}|{quote}{inside}{quote})"
        line = rf"{field}(?:{delimiter}{field}){{{width - 1}}}\r?"
        self.is_known = 2 <= width <= MAX_WIDTH
        """Whether it can be told. Of records with one field a blank line is none: that is left to our own reader."""
        self._line, self._lines = rf"\A{line}\z", rf"\A(?:{line}\n)*\z"

    def is_plain(self, block: bytes) -> bool:
        """Whether all lines of a block, which is UTF-8, are in plain form."""
        if not block.endswith(b"\n") or UNDECODABLE.encode() in block or BYTE_ORDER_MARK.encode() in block:
            return False
        whole = pa.StringArray.from_buffers(1, pa.py_buffer(struct.pack("<ii", 0, len(block))), pa.py_buffer(block))
        return bool(pc.match_substring_regex(whole, self._lines)[0].as_py())

    def plain_lines(self, texts: Sequence[bytes]) -> list[bool]:
        """Which lines are in plain form."""
        array = pa.array(texts, pa.string())
        is_plain = pc.match_substring_regex(array, self._line)
        is_plain = pc.and_(is_plain, pc.less_equal(pc.binary_length(array), MAX_PLAIN_BYTES))
        is_plain = pc.and_(is_plain, pc.invert(pc.match_substring(array, UNDECODABLE)))
        is_plain = pc.and_(is_plain, pc.invert(pc.starts_with(array, BYTE_ORDER_MARK)))
        return cast("list[bool]", is_plain.to_pylist())

    def cut(self, block: bytes, places: Sequence[int]) -> pa.Table:
        """The fields at some places of lines in plain form; null where nothing stands, not even quotes.

        Args:
            block: Lines, each with its end.
            places: The places; columns of the result are named by them.
        """
        names = [str(place) for place in range(self._width)]
        return csv.read_csv(
            cast("BinaryIO", pa.BufferReader(block)),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1),
            parse_options=csv.ParseOptions(
                delimiter=self._delimiter, quote_char=self._quote, double_quote=True, escape_char=False
            ),
            convert_options=csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=[names[place] for place in sorted(set(places))] or names[:1],
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        ).combine_chunks()


def _no_header(texts: pa.Table, places: Places, read: Sequence[int]) -> Array | None:
    """Which records are certainly not the header again; None when all are."""
    if not places.names or not read:
        return None
    first = read[0]
    is_name = pc.fill_null(pc.equal(texts[str(first)], places.names[first] or ""), False)
    return pc.invert(is_name) if pc.any(is_name).as_py() else None


class _Fed:
    """Lines from one of a block on, then those after the block; remembers how many of the block were taken."""

    def __init__(self, texts: Sequence[bytes], start: int, after: Lines | None) -> None:
        self._texts, self._after = texts, after
        self.end = start

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.end < len(self._texts):
            self.end += 1
            return self._texts[self.end - 1].decode() + "\n"
        if self._after is None:
            raise StopIteration
        return next(self._after)
