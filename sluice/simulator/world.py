"""Keys of the simulated world: each tells its hour, so any part of the world can be made without the rest."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from sluice.lake.layout import Partition
from sluice.simulator.options import SimulatorOptions

_REACH: Final = 24


@dataclass(frozen=True, slots=True)
class Key:
    """One thing of the world: the partition in which it first appears and its number there."""

    partition: Partition
    index: int

    @property
    def digits(self) -> str:
        """The key as digits: hour, then number. It fits a bigint and reads as what it is."""
        return f"{self.partition.start:%y%m%d%H}{self.index:06}"


@dataclass(frozen=True, slots=True)
class World:
    """What exists up to a partition, the same for all datasets."""

    options: SimulatorOptions

    def random(self, *names: object) -> Random:
        """A source of random values that depends on the seed and the names alone."""
        return Random("/".join(str(name) for name in (self.options.seed, *names)))  # noqa: S311 - test data

    def earlier_key(self, rng: Random, partition: Partition) -> Key:
        """A key that an earlier partition made.

        Raises:
            ValueError: There is no earlier partition.
        """
        reach = self.options.earlier(partition)
        return self._key(rng, partition, rng.randint(1, min(reach, _REACH)))

    def known_key(self, rng: Random, partition: Partition) -> Key:
        """A key of this partition or an earlier one."""
        return self._key(rng, partition, rng.randint(0, min(self.options.earlier(partition), _REACH)))

    def moment(self, rng: Random, partition: Partition) -> datetime:
        """A moment within a partition, in UTC without a time zone, to the microsecond."""
        microsecond = timedelta(microseconds=1)
        return partition.start.replace(tzinfo=None) + rng.randrange(partition.length // microsecond) * microsecond

    def _key(self, rng: Random, partition: Partition, back: int) -> Key:
        home = Partition(partition.start - back * partition.length, partition.is_hourly)
        count = self.options.fresh(is_first=self.options.earlier(home) == 0)
        return Key(home, rng.randrange(count))
