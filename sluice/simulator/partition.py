"""The files of one partition, record by record, so that size is bounded by disk and not by memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import cached_property
from random import Random
from typing import BinaryIO, Final

from sluice.contract import Contract, CsvSource, JsonSource, ParquetSource
from sluice.lake.layout import Partition
from sluice.simulator.datasets import Simulated, known
from sluice.simulator.dress import Wardrobe
from sluice.simulator.encode import Encoder, encoder
from sluice.simulator.faults import JSON_FAULTS, VALUE_FAULTS, Fault, csv_faults
from sluice.simulator.generic import Generic
from sluice.simulator.options import SimulatorOptions
from sluice.simulator.parquet import ParquetEncoder
from sluice.simulator.record import Record, Tree
from sluice.simulator.world import Key, World

_LONGEST_AGO: Final = timedelta(days=400)


class _Kind(Enum):
    FRESH = auto()
    DUPLICATE = auto()
    UPDATE = auto()
    BAD = auto()


@dataclass(frozen=True, slots=True)
class _Slot:
    """A record to be made: its kind, and its number among those of the kind."""

    kind: _Kind
    number: int


@dataclass(frozen=True)
class SimulatedPartition:
    """One partition of one dataset.

    Attributes:
        contract: The dataset's contract.
        partition: Which hour or day.
        options: What was asked for.
        others: All contracts that its things may refer to, by dataset.
    """

    contract: Contract
    partition: Partition
    options: SimulatorOptions
    others: Mapping[str, Contract] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Folder of the partition below the bucket."""
        return self.contract.layout.folder(self.partition)

    @cached_property
    def file_names(self) -> tuple[str, ...]:
        """Names of the files in their folder."""
        count = self.options.file_count(self.contract.dataset)
        return tuple(f"{self.contract.dataset}-{number:04}{self._encoder.suffix}" for number in range(1, count + 1))

    def records(self, file_index: int) -> Iterator[Record]:
        """The records of one file in order, each time the same."""
        slots = self._slots
        count = len(self.file_names)
        for position in range(file_index * len(slots) // count, (file_index + 1) * len(slots) // count):
            yield self._record(slots[position])

    def write(self, file_index: int, stream: BinaryIO, observe: Callable[[Record], None] = lambda _: None) -> None:
        """Write the bytes of one file.

        Args:
            file_index: Which of `file_names`.
            stream: Where the bytes go; it stays open.
            observe: Told about each record that is written.
        """
        self._encoder.write(self._texts(file_index, observe), stream)

    def _texts(self, file_index: int, observe: Callable[[Record], None]) -> Iterator[str]:
        for record in self.records(file_index):
            observe(record)
            yield record.text

    @cached_property
    def _encoder(self) -> Encoder | ParquetEncoder:
        return encoder(self.contract, is_typed=self._is_typed)

    @property
    def _is_typed(self) -> bool:
        """Whether values stand in the files with their types: in Parquet that holds no bad ones."""
        return isinstance(self.contract.source, ParquetSource) and not self.options.bad

    @cached_property
    def _source(self) -> Simulated:
        """What makes the things: of the datasets that Sluice brings, with meaning; of any other, by their rules."""
        named = known(self.contract.dataset)
        return named if named is not None and self._is_that_of(named) else Generic(self.contract, self.others)

    def _is_that_of(self, named: Simulated) -> bool:
        """Whether a contract is the one of that name which Sluice brings, as far as the things have its fields."""
        thing = named.make(self._world, Key(self.partition, 0), self._world.random("shape"))
        tables = {table.explode for table in self.contract.tables if table.explode is not None}
        roots = {path.split(".")[0] for path in self._wardrobe.record_columns}
        return roots | tables == set(thing)

    @cached_property
    def _wardrobe(self) -> Wardrobe:
        return Wardrobe(self.contract, is_typed=self._is_typed)

    @cached_property
    def _world(self) -> World:
        return World(self.options)

    @cached_property
    def _faults(self) -> tuple[Fault, ...]:
        source = self.contract.source
        form = csv_faults(source.delimiter) if isinstance(source, CsvSource) else ()
        form += JSON_FAULTS if isinstance(source, JsonSource) and source.records == "lines" else ()
        if isinstance(self._source, Generic):
            return form + tuple(self._source.faults())
        return form + VALUE_FAULTS[self.contract.dataset]

    @cached_property
    def _is_first(self) -> bool:
        return self.options.earlier(self.partition) == 0

    @cached_property
    def _slots(self) -> list[_Slot]:
        """All records in the order of the files: shuffled, so that a newer version may stand before an older one."""
        options = self.options
        numbers = {
            _Kind.FRESH: options.fresh(is_first=self._is_first),
            _Kind.DUPLICATE: options.duplicates,
            _Kind.UPDATE: options.updates(is_first=self._is_first),
            _Kind.BAD: options.bad,
        }
        slots = [_Slot(kind, number) for kind, count in numbers.items() for number in range(count)]
        self._random("order").shuffle(slots)
        return slots

    @cached_property
    def _update_keys(self) -> list[Key]:
        """Keys of earlier partitions that have another version here; each once, so that no two are equally new."""
        rng = self._random("updates")
        keys: dict[Key, None] = {}
        wanted = self.options.updates(is_first=self._is_first)
        while len(keys) < wanted:
            keys[self._world.earlier_key(rng, self.partition)] = None
        return list(keys)

    def _random(self, *names: object) -> Random:
        return self._world.random(self.contract.dataset, self.partition.label, *names)

    def _thing(self, key: Key) -> Tree:
        rng = self._world.random(self.contract.dataset, "thing", key.digits)
        return self._source.make(self._world, key, rng)

    def _record(self, slot: _Slot) -> Record:
        rng = self._random(slot.kind.name, slot.number)
        clean = self._clean(slot, rng)
        written = self._wardrobe.dress(clean, rng)
        if slot.kind is not _Kind.BAD:
            return Record(clean, self._encoder.record(written))
        fault = self._faults[
            (slot.number + self.options.earlier(self.partition) * self.options.bad) % len(self._faults)
        ]
        broken = fault.on_values(written)
        text = fault.on_text(self._encoder.record(broken))
        return Record(_with_elements_of(clean, broken), text, fault.name, fault.is_readable)

    def _clean(self, slot: _Slot, rng: Random) -> Tree:
        if slot.kind is _Kind.FRESH:
            return self._thing(Key(self.partition, slot.number))
        if slot.kind is _Kind.DUPLICATE:
            return self._duplicate(slot.number, rng)
        if slot.kind is _Kind.UPDATE:
            return self._update(self._update_keys[slot.number], rng)
        # Every other bad record is a bad version of a good one: it must not touch the good one.
        fresh = self.options.fresh(is_first=self._is_first)
        if slot.number % 2:
            thing = self._thing(Key(self.partition, slot.number % fresh))
            return self._changed(thing, self._source.moment(thing) + timedelta(hours=1), rng)
        return self._thing(Key(self.partition, fresh + slot.number))

    def _duplicate(self, number: int, rng: Random) -> Tree:
        """An exact copy, an older version or a newer one of a key of this partition; each key is repeated once."""
        thing = self._thing(Key(self.partition, number))
        seconds = (0, -1, 1)[number % 3] * rng.randint(1, 300)
        return (
            thing
            if seconds == 0
            else self._changed(thing, self._source.moment(thing) + timedelta(seconds=seconds), rng)
        )

    def _update(self, key: Key, rng: Random) -> Tree:
        """A newer version of an earlier key, and now and then an older one or one that is exactly as new."""
        thing = self._thing(key)
        choice = rng.random()
        if choice < 0.2:
            return self._changed(thing, self._source.moment(thing) - rng.random() * _LONGEST_AGO, rng)
        if choice < 0.3:
            return self._changed(thing, self._source.moment(thing), rng)
        return self._changed(thing, self._world.moment(rng, self.partition), rng)

    def _changed(self, thing: Tree, at: datetime, rng: Random) -> Tree:
        return self._source.change(thing, at, rng)


def simulate(
    contract: Contract,
    partition: Partition,
    options: SimulatorOptions,
    others: Mapping[str, Contract] | None = None,
) -> SimulatedPartition:
    """The files that the source system writes for one partition.

    Args:
        contract: The dataset's contract.
        partition: Which hour or day.
        options: What is asked for.
        others: All contracts that its things may refer to, by dataset.

    Raises:
        SimulatorError: The partition lies before the start, or the contract has what nobody can make up.
        LayoutError: The partition is a day where the contract has hours, or the other way round.
    """
    options.earlier(partition)
    contract.layout.folder(partition)
    return SimulatedPartition(contract, partition, options, others or {})


def _with_elements_of(clean: Tree, written: Tree) -> Tree:
    """The record with as many elements in its arrays as were written: a fault in an element may have added one."""
    return clean | {name: node for name, node in written.items() if isinstance(node, list)}
