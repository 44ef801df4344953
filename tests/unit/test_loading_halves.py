"""Which batches of a joint load are found to be bad, and with how many loads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue_jobs.loading.halves import Halves, Results
from sluice.errors import AccountingError, SluiceError, WarehouseBusyError, WarehouseError, WarehouseUnclearError
from sluice.lake.handover import LoadCounts


@dataclass
class Warehouse:
    """Loads batches together unless one of them is bad; the files of a batch are why it is, or nothing."""

    kind: type[SluiceError] = AccountingError
    loads: list[list[str]] = field(default_factory=list)

    def load(self, batches: Mapping[str, str]) -> Results:
        self.loads.append(sorted(batches))
        for name in sorted(batches):
            if batches[name]:
                # As the real ones do, it names the staging table, which is different for each load.
                raise self.kind(f"stage_things_{len(self.loads):012x}: {batches[name]}")
        return {name: LoadCounts(1, 1) for name in batches}

    def failed(self, batches: Iterable[str], error: SluiceError) -> Results:
        return dict.fromkeys(batches, error)

    def run(self, batches: Mapping[str, str]) -> Results:
        return Halves(self.load, self.failed).run(batches)


def names(count: int) -> list[str]:
    return [f"b{number:03}" for number in range(count)]


@given(st.integers(1, 60).flatmap(lambda n: st.lists(st.booleans(), min_size=n, max_size=n)))
def test_a_batch_that_is_bad_of_itself_blocks_no_other(are_bad: list[bool]) -> None:
    batches = {name: f"{name} is bad" * is_bad for name, is_bad in zip(names(60), are_bad, strict=False)}
    warehouse = Warehouse()

    results = warehouse.run(batches)

    assert {name: isinstance(found, SluiceError) for name, found in results.items()} == {
        name: bool(reason) for name, reason in batches.items()
    }
    assert all(str(found).endswith(batches[name]) for name, found in results.items() if isinstance(found, SluiceError))


@given(st.integers(2, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_one_bad_batch_of_many_is_found_with_few_loads(case: tuple[int, int]) -> None:
    count, bad = case
    warehouse = Warehouse()

    results = warehouse.run({name: "no" if number == bad else "" for number, name in enumerate(names(count))})

    assert [name for name, found in results.items() if isinstance(found, SluiceError)] == [names(count)[bad]]
    assert len(warehouse.loads) <= 1 + 2 * math.ceil(math.log2(count))


@pytest.mark.parametrize("kind", [WarehouseError, WarehouseUnclearError])
def test_a_cause_that_concerns_all_ends_after_few_loads(kind: type[SluiceError]) -> None:
    warehouse = Warehouse(kind)

    results = warehouse.run(dict.fromkeys(names(500), "permission denied for schema sluice"))

    assert len(results) == 500
    assert all(isinstance(found, kind) for found in results.values())
    assert len(warehouse.loads) == 6


def test_batches_that_are_bad_with_the_same_words_do_not_take_the_good_ones_along() -> None:
    warehouse = Warehouse()
    bad = {"b003", "b020"}

    results = warehouse.run({name: "value too long" if name in bad else "" for name in names(30)})

    assert {name for name, found in results.items() if isinstance(found, SluiceError)} == bad


def test_what_passes_is_nobody_s_and_is_not_looked_for() -> None:
    warehouse = Warehouse(WarehouseBusyError)

    results = warehouse.run(dict.fromkeys(names(30), "1023"))

    assert len(warehouse.loads) == 1
    assert all(isinstance(found, WarehouseBusyError) for found in results.values())
