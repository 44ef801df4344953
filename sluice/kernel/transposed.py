"""Parsed records in columns: what a reader took apart one by one is proven and cast together, for any format."""

import logging
from collections.abc import Iterator, Sequence
from functools import reduce

import pyarrow as pa

from sluice.contract import Contract
from sluice.contract.shape import Shape
from sluice.kernel.arrow import ARROW_REFUSES, Array, pc
from sluice.kernel.chunk import Proven
from sluice.kernel.columns import TableProver, both
from sluice.kernel.parse.parsed import Parsed
from sluice.kernel.rows import Record, TableTexts

_logger = logging.getLogger(__name__)

BATCH_RECORDS = 4096
BATCH_CHARACTERS = 16 << 20
"""As many records, or as much text of theirs, are taken together."""

FEWEST = 64
"""Fewer records are quicker one by one."""


class Transposer:
    """Proves batches of records of one contract."""

    def __init__(self, contract: Contract, shape: Shape) -> None:
        self._tables = [(TableProver.of(contract, table), TableTexts(shape, table)) for table in contract.tables]

    def proven(self, found: Sequence[Parsed]) -> tuple[Proven | None, list[Parsed]]:
        """What is proven of records, and the others in their order."""
        well_formed = [
            index for index, parsed in enumerate(found) if parsed.error is None and parsed.record is not None
        ]
        if len(well_formed) < FEWEST:
            return None, list(found)
        records: list[Record] = [found[index].record or () for index in well_formed]
        try:
            tables = [_Rows(prover, texts, records) for prover, texts in self._tables]
        except UnicodeEncodeError:  # Half of a surrogate pair.
            return None, list(found)
        except ARROW_REFUSES:
            _logger.exception("records that were to be cast together are cast one by one")
            return None, list(found)
        proven = reduce(both, (table.records for table in tables), None)
        columns = [table.of(proven) for table in tables]
        if proven is None:
            taken = set(well_formed)
            count = len(records)
        else:
            taken = {well_formed[number] for number in pc.indices_nonzero(proven).to_pylist()}
            count = len(taken)
        return Proven(count, columns), [parsed for index, parsed in enumerate(found) if index not in taken]

    def batches(self, found: Iterator[Parsed]) -> Iterator[Proven | Parsed]:
        """Records as they come from a reader; the refusal of the whole file stays the last."""
        batch: list[Parsed] = []
        size = 0
        for parsed in found:
            if parsed.is_whole_file:
                yield parsed
                return
            batch.append(parsed)
            size += len(parsed.raw_text)
            if len(batch) == BATCH_RECORDS or size >= BATCH_CHARACTERS:
                yield from self._flushed(batch)
                batch, size = [], 0
        yield from self._flushed(batch)

    def _flushed(self, batch: Sequence[Parsed]) -> Iterator[Proven | Parsed]:
        proven, rest = self.proven(batch)
        if proven is not None:
            yield proven
        yield from rest


class _Rows:
    """The rows of one table that records hold, in columns.

    Attributes:
        records: Which records are proven in this table; None when all are.
    """

    def __init__(self, prover: TableProver, texts: TableTexts, records: Sequence[Record]) -> None:
        self._owners, columns = texts.columns(records)
        arrays: list[Array] = [pa.array(column, pa.string()) for column in columns]
        self._values, rows = prover.prove(arrays)
        self.records: Array | None = rows
        if rows is not None and self._owners is not None:
            odd = set(pa.array(self._owners, pa.int64()).filter(pc.invert(rows)).to_pylist())
            self.records = pa.array([number not in odd for number in range(len(records))], pa.bool_())

    def of(self, records: Array | None) -> list[Array]:
        """The rows of these records; of all when None is given."""
        if records is None:
            return self._values
        mask = records if self._owners is None else records.take(pa.array(self._owners, pa.int64()))
        return [column.filter(mask) for column in self._values]
