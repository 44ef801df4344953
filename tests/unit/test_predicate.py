"""The predicate for the Data Catalog: evaluated, it covers its partitions, and it is never too long."""

import re
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.lake.layout import MAX_PREDICATE_CHARACTERS, Partition, partition_predicate
from tests.unit.strategies import days, hours

START = datetime(2026, 1, 1, tzinfo=UTC)


def _matching(predicate: str, partitions: Iterable[Partition]) -> set[Partition]:
    """The partitions that satisfy the predicate, by a real SQL engine over string columns, as the catalog's are."""
    known = list(partitions)
    keys = known[0].keys
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f"create table p (i integer, {', '.join(f'{key} text' for key in keys)})")
        rows = [(index, *partition.values) for index, partition in enumerate(known)]
        connection.executemany(f"insert into p values (?{', ?' * len(keys)})", rows)
        found = {known[index] for (index,) in connection.execute(f"select i from p where {predicate}")}
    connection.close()
    return found


def _hours(*offsets: int) -> list[Partition]:
    return [Partition(START + timedelta(hours=offset)) for offset in offsets]


def test_one_hour() -> None:
    assert (
        partition_predicate([Partition.parse("2026-11-20T13")])
        == "year='2026' and month='11' and day='20' and hour='13'"
    )


def test_hours_of_one_day_and_of_two() -> None:
    assert partition_predicate(_hours(1, 0, 1)) == "year='2026' and month='01' and day='01' and hour in ('00','01')"
    assert partition_predicate(_hours(0, 24)) == (
        "(year='2026' and month='01' and day='01' and hour='00') or "
        "(year='2026' and month='01' and day='02' and hour='00')"
    )


def test_days() -> None:
    assert partition_predicate([Partition.parse("2026-11-20")]) == "year='2026' and month='11' and day='20'"


def test_the_order_does_not_matter() -> None:
    partitions = _hours(5, 30, 2, 700)
    assert partition_predicate(partitions) == partition_predicate(reversed(partitions))


def test_it_widens_step_by_step_and_always_covers() -> None:
    every_hour = _hours(*range(24 * 400))
    lengths = []
    for count in (1, 24, 24 * 20, 24 * 200, 24 * 400):
        predicate = partition_predicate(every_hour[:count])
        lengths.append(len(predicate))
        assert set(every_hour[:count]) <= _matching(predicate, every_hour)
        assert "hour" in predicate or count > 24
    assert max(lengths) <= MAX_PREDICATE_CHARACTERS


def test_thousands_of_years_fit_and_are_covered() -> None:
    partitions = [Partition(datetime(year, 1, 1, tzinfo=UTC), is_hourly=False) for year in range(1, 9999, 7)]
    predicate = partition_predicate(partitions)
    assert predicate == "year between '0001' and '9997'"
    assert set(partitions) <= _matching(predicate, partitions)


def test_no_partition_has_no_predicate() -> None:
    with pytest.raises(ValueError, match="at least one partition"):
        partition_predicate([])


@settings(max_examples=60)
@given(st.lists(hours, min_size=1, max_size=60) | st.lists(days, min_size=1, max_size=60), st.data())
def test_it_covers_its_partitions_and_fits(partitions: list[Partition], data: st.DataObject) -> None:
    predicate = partition_predicate(partitions)
    assert len(predicate) <= MAX_PREDICATE_CHARACTERS
    neighbours = [partition.next() for partition in partitions if partition.start.year < 9999]
    found = _matching(predicate, [*partitions, *neighbours])
    assert set(partitions) <= found
    if partitions[0].keys[-1] in predicate:
        assert found == set(partitions), "as long as the last key is named, nothing else matches"


@settings(max_examples=20)
@given(st.integers(1, 5000), st.integers(1, 200), st.integers(40, MAX_PREDICATE_CHARACTERS))
def test_it_fits_any_number_of_partitions_and_any_limit(count: int, step: int, limit: int) -> None:
    partitions = _hours(*range(0, count * step, step))
    predicate = partition_predicate(partitions, limit)
    assert len(predicate) <= max(limit, len("year between '2026' and '2026'"))
    assert set(partitions) <= _matching(predicate, partitions)


@given(st.lists(hours, min_size=1, max_size=30))
def test_it_uses_only_what_the_catalog_understands(partitions: list[Partition]) -> None:
    rest = re.sub(r"\b(year|month|day|hour|and|or|in|between)\b|'[0-9]+'|[=,() ]", "", partition_predicate(partitions))
    assert rest == ""
