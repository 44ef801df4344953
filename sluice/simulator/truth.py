"""What the warehouse must hold in the end, worked out in plain Python from the generator's own values."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sluice.contract import Contract, Table
from sluice.errors import SimulatorError
from sluice.lake.handover import TableCounts
from sluice.lake.layout import Partition
from sluice.simulator.record import Record, Row, Value

KeyValues: TypeAlias = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a row, and where it came from.

    Attributes:
        row: The columns by name, without the lineage columns.
        order: The values of the contract's ``order_by``.
        partition: The partition whose batch brought it.
        file_url: The file that it stands in.
    """

    row: Row
    order: tuple[Any, ...]
    partition: Partition
    file_url: str

    @property
    def rank(self) -> tuple[Any, ...]:
        """Of two versions of a key the one with the larger rank is newer."""
        return (self.order, self.partition, self.file_url)


@dataclass(slots=True)
class _TableTruth:
    read: int = 0
    rejected: int = 0
    good: int = 0
    newest: dict[KeyValues, Version] = field(default_factory=dict)

    @property
    def counts(self) -> TableCounts:
        return TableCounts(self.read, self.rejected, self.good - len(self.newest), len(self.newest))


@dataclass(slots=True)
class BatchTruth:
    """What must become of the batch of one partition. Filled record by record with `add`.

    Attributes:
        contract: The dataset's contract.
        partition: The partition.
        records: Records in all files.
        faults: Records that must be quarantined, by what is wrong with them.
    """

    contract: Contract
    partition: Partition
    records: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    _tables: dict[str, _TableTruth] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with nothing in any table."""
        self._tables = {table.name: _TableTruth() for table in self.contract.tables}

    def add(self, record: Record, file_url: str) -> None:
        """Take one record of one file into account."""
        self.records += 1
        if record.fault is not None:
            self.faults[record.fault] += 1
        for table in self.contract.tables:
            truth = self._tables[table.name]
            if record.fault is not None:
                count = record.row_count(table)
                truth.read += count
                truth.rejected += count
                continue
            for row in record.rows(table):
                truth.read += 1
                truth.good += 1
                _keep_newest(truth.newest, table, Version(row, _order(table, row), self.partition, file_url))

    @property
    def is_published(self) -> bool:
        """Whether the share of quarantined records is within the contract's limit."""
        return self.faults.total() <= self.contract.max_rejected_ratio * self.records

    def counts(self) -> dict[str, TableCounts]:
        """Rows by table."""
        return {name: truth.counts for name, truth in self._tables.items()}

    def newest(self, table: str) -> Mapping[KeyValues, Version]:
        """The published rows of a table by key."""
        return self._tables[table].newest


class Truth:
    """The expected warehouse over any number of batches, whatever the order in which they were sent or loaded.

    Args:
        contracts: The contracts by dataset. All their tables must have load mode ``upsert``.
    """

    def __init__(self, contracts: Mapping[str, Contract]) -> None:
        for contract in contracts.values():
            for table in contract.tables:
                if table.load != "upsert":
                    raise SimulatorError(f"table {table.name!r}: the truth is known for load mode upsert only")
        self._contracts = dict(contracts)
        self._batches: dict[tuple[str, Partition], BatchTruth] = {}

    def begin(self, dataset: str, partition: Partition) -> BatchTruth:
        """Start the batch of a partition; an earlier one of the same partition is replaced."""
        batch = BatchTruth(self._contracts[dataset], partition)
        self._batches[dataset, partition] = batch
        return batch

    @property
    def tables(self) -> dict[str, Contract]:
        """Every table with its contract."""
        return {table.name: contract for contract in self._contracts.values() for table in contract.tables}

    def batches(self, dataset: str | None = None) -> list[BatchTruth]:
        """The batches of one dataset or all, sorted by dataset and partition."""
        found = sorted(self._batches.items(), key=lambda item: item[0])
        return [batch for (name, _), batch in found if dataset in (None, name)]

    def rows(self, table: str) -> dict[KeyValues, Version]:
        """What the warehouse must hold in a table, by key."""
        contract = self.tables[table]
        newest: dict[KeyValues, Version] = {}
        for batch in self.batches(contract.dataset):
            if batch.is_published:
                for version in batch.newest(table).values():
                    _keep_newest(newest, contract.table(table), version)
        return newest

    def counts(self, table: str) -> TableCounts:
        """Rows of all batches that are published."""
        total = TableCounts()
        for batch in self.batches(self.tables[table].dataset):
            if batch.is_published:
                total += batch.counts()[table]
        return total


def _order(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in table.order_by)


def _keep_newest(newest: dict[KeyValues, Version], table: Table, version: Version) -> None:
    key = tuple(version.row[name] for name in table.primary_key)
    known = newest.get(key)
    if known is None or version.rank > known.rank:
        newest[key] = version
