"""Judged records to a chunk: Arrow columns of the good, quarantine of the refused, and the counts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from sluice.contract import Contract, Table
from sluice.contract.shape import Shape
from sluice.kernel.arrow import QUARANTINE_SCHEMA, Array, arrow_type, chunk_schema, repeated
from sluice.kernel.chunk import Chunk, Proven
from sluice.kernel.parse.parsed import Parsed
from sluice.kernel.rows import Judged, Row, record_json
from sluice.kernel.tally import FileTally

CHUNK_RECORDS = 50_000
CHUNK_BYTES = 32 << 20
"""As many records, or about as much of them, make a chunk."""

Refusal = tuple[str, list[str], str, str | None]
"""Kind, reasons, raw text and record of a row of the quarantine."""


class Gatherer:
    """Makes the chunks of one file."""

    def __init__(self, contract: Contract, shape: Shape, at: datetime, batch_id: str, url: str) -> None:
        """Gather for a file.

        Args:
            contract: The contract.
            shape: Its shape.
            at: Moment of the quarantine, with its time zone.
            batch_id: The file's batch.
            url: The file.
        """
        self._contract, self._at, self._batch_id, self._url = contract, at, batch_id, url
        self._record_json = record_json(shape)
        self._begin()

    def _begin(self) -> None:
        self._tally = FileTally()
        self._good, self._held = 0, [0] * len(self._contract.tables)
        self._rows: list[list[Row]] = [[] for _ in self._contract.tables]
        self._size = 0
        self._refused: list[Refusal] = []
        self._proven: list[list[pa.Table]] = [[] for _ in self._contract.tables]

    @property
    def records(self) -> int:
        """How many records were taken since the last chunk."""
        return self._good + self._tally.records

    @property
    def is_full(self) -> bool:
        """Whether what was taken since the last chunk is enough for one."""
        return self.records >= CHUNK_RECORDS or self._size >= CHUNK_BYTES

    def take(self, parsed: Parsed, judged: Judged) -> None:
        """Take a record."""
        self._size += len(parsed.raw_text)
        if not judged.reasons:
            self._good += 1
            for index, rows in enumerate(judged.rows):
                self._held[index] += len(rows)
                self._rows[index].extend(rows)
            return
        self._tally.add(1, judged.reasons, self._by_table(judged.counts))
        record = None if parsed.error is not None or parsed.record is None else self._record_json(parsed.record)
        self._refused.append(("record", list(judged.reasons), parsed.raw_text or record or "", record))

    def take_proven(self, proven: Proven) -> None:
        """Take good records that are columns already."""
        self._good += proven.records
        for index, (table, columns) in enumerate(zip(self._contract.tables, proven.columns, strict=True)):
            rows = len(columns[0])
            found = self._with_lineage(table, columns, rows)
            self._held[index] += rows
            self._size += found.nbytes
            self._proven[index].append(found)

    def chunk(self, absent: Mapping[str, Iterable[str]] | None = None) -> Chunk:
        """What was taken since the last chunk.

        Args:
            absent: Columns by table that no record of the file fills, known with its last chunk.
        """
        tables = {
            table.name: pa.concat_tables([*proven, self._table(table, rows)]) if proven else self._table(table, rows)
            for table, proven, rows in zip(self._contract.tables, self._proven, self._rows, strict=True)
        }
        if self._good:
            self._tally.add(self._good, (), self._by_table(self._held))
        self._tally.absent = frozenset(f"{table}.{name}" for table, names in (absent or {}).items() for name in names)
        chunk = Chunk(self._url, self._tally, tables, self._quarantine(self._refused))
        self._begin()
        return chunk

    def verdict(self, reason: str, start_of_file: bytes | None) -> Chunk:
        """The chunk that says that the whole file is not well-formed.

        Args:
            reason: Why.
            start_of_file: The file's first bytes; None for a split that leaves the row to the first one.
        """
        tables = {table.name: self._table(table, ()) for table in self._contract.tables}
        refused: list[Refusal] = []
        if start_of_file is not None:
            text = start_of_file.decode("utf-8", errors="replace").replace("\0", "\ufffd")
            refused.append(("file", [reason], text, None))
        self._begin()
        return Chunk(self._url, FileTally.broken(reason, self._contract.tables), tables, self._quarantine(refused))

    def _by_table(self, counts: Sequence[int]) -> dict[str, int]:
        return {table.name: count for table, count in zip(self._contract.tables, counts, strict=True)}

    def _table(self, table: Table, rows: Sequence[Row]) -> pa.Table:
        columns = [
            pa.array([row[index] for row in rows], arrow_type(column.sql_type))
            for index, column in enumerate(table.columns)
        ]
        return self._with_lineage(table, columns, len(rows))

    def _with_lineage(self, table: Table, columns: Sequence[Array], rows: int) -> pa.Table:
        lineage = [repeated(text, rows) for text in (self._batch_id, self._url)]
        return pa.Table.from_arrays([*columns, *lineage], schema=chunk_schema(table))

    def _quarantine(self, refused: Sequence[Refusal]) -> pa.Table:
        kinds, reasons, texts, records = zip(*refused, strict=True) if refused else ((), (), (), ())
        count = len(refused)
        by_name: dict[str, Iterable[Any]] = {
            "batch_id": [self._batch_id] * count,
            "source_file": [self._url] * count,
            "kind": kinds,
            "reasons": reasons,
            "raw_text": map(storable, texts),
            "record": map(storable, records),
            "quarantined_at": [self._at] * count,
        }
        arrays = [pa.array(list(by_name[field.name]), field.type) for field in QUARANTINE_SCHEMA]
        return pa.Table.from_arrays(arrays, schema=QUARANTINE_SCHEMA)


def storable(text: str | None) -> str | None:
    """A text without halves of surrogate pairs, which UTF-8 cannot hold."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
