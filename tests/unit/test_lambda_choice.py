"""Which waiting batches a run takes: the rules one by one, on records made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_trigger.choice import Choice, Limits, choose
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord, WaitEntry, timestamp
from tests.ledger_behaviour import AT, HOUR, record

PATHS = {
    BatchState.RECEIVED: [],
    BatchState.CONVERTING: [BatchState.CONVERTING],
    BatchState.CONVERTED: [BatchState.CONVERTING, BatchState.CONVERTED],
    BatchState.LOADING: [BatchState.CONVERTING, BatchState.CONVERTED, BatchState.LOADING],
    BatchState.LOADED: [BatchState.CONVERTING, BatchState.CONVERTED, BatchState.LOADING, BatchState.LOADED],
    BatchState.FAILED: [BatchState.CONVERTING, BatchState.FAILED],
    BatchState.SUPERSEDED: [BatchState.SUPERSEDED],
}


def due(record: BatchRecord, minutes: int) -> BatchRecord:
    """The batch, due that long after `AT`."""
    return replace(record, due_at=timestamp(AT + timedelta(minutes=minutes)))


def batch(sequencer: int, state: BatchState = BatchState.RECEIVED, hour: int = 0, company: str = "") -> BatchRecord:
    """A batch of one of the hours, led to a state by the allowed moves."""
    partition = HOUR
    for _ in range(hour):
        partition = partition.next()
    if state is BatchState.REJECTED:
        return record(f"{sequencer:X}", partition=partition, state=state)
    made = record(f"{sequencer:X}", partition=partition)
    for step in PATHS[state]:
        made = made.moved(step, AT)
    return replace(made, company=company)


def chosen(
    records: Sequence[BatchRecord],
    stage: Stage = Stage.CONVERT,
    limit: int = 10,
    now: datetime = AT,
    *,
    is_joint: bool = False,
    looked: list[int] | None = None,
) -> Choice:
    entries = [WaitEntry(r.batch_id, r.attempts, r.due_at, r.company) for r in records if r.waits_for is stage]

    def versions(batch_ids: Sequence[str]) -> list[list[BatchRecord]]:
        if looked is not None:
            looked.append(len(batch_ids))
        prefixes = [batch_id.rpartition(".")[0] for batch_id in batch_ids]
        found = [[r for r in records if r.batch_id.rpartition(".")[0] == prefix] for prefix in prefixes]
        return [sorted(some, key=lambda r: r.batch_id, reverse=True) for some in found]

    waiting = sorted(entries, key=lambda entry: entry.batch_id)
    return choose(stage, waiting, versions, Limits(limit, 100), now, is_joint=is_joint)


def test_nothing_waits() -> None:
    assert chosen([]) == Choice((), ())


def test_the_oldest_partitions_go_first_up_to_the_limit() -> None:
    first, second, third = (batch(1, hour=hour) for hour in range(3))
    assert chosen([third, first, second], limit=2) == Choice((first, second), ())


def test_a_run_takes_files_up_to_their_limit_and_a_batch_of_more_alone() -> None:
    sizes = (60, 40, 1, 101, 100)
    batches = [replace(batch(1, hour=hour), files=files) for hour, files in enumerate(sizes)]
    runs = []
    while batches:
        taken = list(chosen(batches).take)
        runs.append([record.files for record in taken])
        batches = [record for record in batches if record not in taken]
    assert runs == [[60, 40], [1], [101], [100]]


def test_older_waiting_versions_are_superseded_by_the_newest() -> None:
    one, two, three = batch(1), batch(2), batch(3)
    assert chosen([two, three, one]) == Choice((three,), ((one, three.batch_id), (two, three.batch_id)))


@pytest.mark.parametrize("state", [BatchState.LOADED, BatchState.FAILED, BatchState.SUPERSEDED, BatchState.LOADING])
def test_a_newer_version_that_was_accepted_supersedes_all_that_wait(state: BatchState) -> None:
    one, two, newer = batch(1), batch(2), batch(3, state)
    assert chosen([one, two, newer]) == Choice((), ((one, newer.batch_id), (two, newer.batch_id)))


def test_a_newer_version_that_was_rejected_supersedes_nothing() -> None:
    one, newer = batch(1), batch(2, BatchState.REJECTED)
    assert chosen([one, newer]) == Choice((one,), ())


@pytest.mark.parametrize("state", [BatchState.CONVERTING, BatchState.CONVERTED, BatchState.LOADING])
def test_a_partition_whose_older_version_is_in_flight_has_to_wait(state: BatchState) -> None:
    busy, first, second, free = batch(1, state), batch(2), batch(3), batch(1, hour=1)
    assert chosen([busy, first, second, free]) == Choice((free,), ((first, second.batch_id),))


@pytest.mark.parametrize("state", [BatchState.LOADED, BatchState.FAILED, BatchState.SUPERSEDED, BatchState.REJECTED])
def test_an_older_version_that_is_through_holds_nothing_up(state: BatchState) -> None:
    older, newer = batch(1, state), batch(2)
    assert chosen([older, newer]) == Choice((newer,), ())


def test_batches_of_different_companies_never_meet() -> None:
    half, other, fresh = batch(1, company="c1.1"), batch(1, hour=1, company="c1.2"), batch(1, hour=2)
    assert chosen([other, half, fresh]) == Choice((fresh,), ())
    assert chosen([other, half]) == Choice((half,), ())
    assert chosen([other, half, fresh], is_joint=True) == Choice((half, other, fresh), ())


@pytest.mark.parametrize(("waiting", "busy", "looked"), [(3, 0, [3]), (200, 0, [64]), (200, 150, [64, 64, 64])])
def test_partitions_are_read_many_at_once_and_no_further_than_needed(
    waiting: int, busy: int, looked: list[int]
) -> None:
    batches = [batch(2, hour=hour) for hour in range(waiting)]
    in_flight = [batch(1, BatchState.LOADING, hour=hour) for hour in range(busy)]
    found: list[int] = []
    assert len(chosen([*batches, *in_flight], limit=10, looked=found).take) == min(10, waiting - busy)
    assert found == looked


def test_a_batch_is_not_taken_before_it_is_due() -> None:
    early, late = due(batch(1), 2), due(batch(1, hour=1), 3)
    moments = [AT + timedelta(minutes=2, microseconds=shift) for shift in (-1, 0)]
    assert [chosen([early, late], now=now).take for now in moments] == [(), (early,)]


def test_fresh_batches_that_came_after_a_failed_one_was_due_go_after_it() -> None:
    failed = due(batch(1, company="c1.1", hour=5), 2)
    before, after = due(batch(1), 1), due(batch(1, hour=1), 3)
    now = AT + timedelta(minutes=4)
    assert chosen([failed, before, after], limit=1, now=now) == Choice((before,), ())
    assert chosen([failed, after], now=now) == Choice((failed,), ())


def test_a_newer_version_goes_at_once_though_the_older_one_is_not_due() -> None:
    failed, fresh = due(batch(1, company="c1.1"), 5), batch(2)
    assert chosen([failed, fresh]) == Choice((fresh,), ((failed, fresh.batch_id),))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 3), st.booleans()), min_size=1, max_size=8))
def test_what_is_due_for_longest_and_may_run_is_always_taken(shapes: list[tuple[int, int, bool]]) -> None:
    """So nothing starves: whatever comes later is due later."""
    companies = ("", "c1.1", "c1.2")
    waiting = [due(batch(2, hour=hour, company=companies[shape[0]]), shape[1]) for hour, shape in enumerate(shapes)]
    busy = [batch(1, BatchState.LOADING, hour=hour) for hour, shape in enumerate(shapes) if shape[2]]
    able = [record for record, shape in zip(waiting, shapes, strict=True) if shape[1] <= 0 and not shape[2]]
    taken = chosen([*waiting, *busy], limit=3).take
    first = min(able, key=lambda record: (record.due_at, record.company, record.batch_id), default=None)
    assert (first is None) == (taken == ())
    if first is not None:
        assert first in taken
        assert set(map(id, taken)) <= set(map(id, able))
        assert {record.company for record in taken} == {first.company}


def test_a_fresh_version_replaces_one_that_failed_before() -> None:
    failed, fresh = batch(1, company="c1.1"), batch(2)
    assert chosen([failed, fresh]) == Choice((fresh,), ((failed, fresh.batch_id),))


def test_a_failed_batch_that_has_to_wait_does_not_hold_up_the_next() -> None:
    busy, failed, other = batch(1, BatchState.LOADING), batch(2, company="c1.1"), batch(1, hour=1, company="c1.1")
    assert chosen([busy, failed, other]) == Choice((other,), ())


def test_what_is_converted_is_loaded_even_when_a_newer_version_waits() -> None:
    converted, newer, other = batch(1, BatchState.CONVERTED), batch(2), batch(1, BatchState.CONVERTED, hour=1)
    assert chosen([converted, newer, other], Stage.LOAD) == Choice((converted, other), ())


def test_an_entry_whose_batch_has_moved_meanwhile_is_left_out() -> None:
    moved, still = batch(1, BatchState.CONVERTING), batch(1, hour=1)
    entries = [WaitEntry(moved.batch_id, 0), WaitEntry(still.batch_id, 0)]
    by_id = {moved.batch_id: [moved], still.batch_id: [still]}
    found = choose(Stage.CONVERT, entries, lambda names: [by_id[name] for name in names], Limits(10, 100), AT)
    assert found == Choice((still,), ())
