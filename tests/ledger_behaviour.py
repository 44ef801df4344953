"""What every ledger promises. Each implementation runs this suite with a fixture ``ledger`` of its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sluice.aws.ledger import Ledger
from sluice.errors import AwsError, ConflictError
from sluice.lake.handover import FileCounts, LoadCounts, TableCounts
from sluice.lake.layout import Partition
from sluice.ledger.batch import ARRIVAL, BatchId, BatchState, Stage
from sluice.ledger.record import BatchRecord, Claim, Heartbeat, KeptNotice, OpenLoad, Outage, Slot, WaitEntry, timestamp
from tests.doubles.ledger import MemoryLedger

AnyLedger = Ledger | MemoryLedger
AT = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
HOUR = Partition(datetime(2026, 11, 20, 13, tzinfo=UTC))


def record(
    sequencer: str = "55AED6DCD90281E5",
    *,
    dataset: str = "orders",
    partition: Partition = HOUR,
    state: BatchState = BatchState.RECEIVED,
    at: datetime = AT,
) -> BatchRecord:
    first = BatchRecord.first(
        BatchId.make(dataset, partition, sequencer),
        partition.label,
        state,
        manifest_url=f"s3://sluice-raw/{dataset}/manifest.json",
        at=at,
        written_at="2026-11-20T13:59:59.000Z",
    )
    return replace(
        first,
        sequencer=sequencer,
        manifest_version="v1",
        manifest_etag="0123456789abcdef",
        frozen_manifest="s3://sluice-processed/frozen.json",
        files=1,
        size_bytes=3,
    )


def converted(batch: BatchRecord) -> BatchRecord:
    """A record with something in every attribute."""
    running = batch.moved(BatchState.CONVERTING, AT, claim_id="c1")
    return running.moved(
        BatchState.CONVERTED,
        AT,
        note="attempt 2 of 3",
        convert_claim="c1",
        convert_run="r1",
        run_id="jr_1",
        counts={"orders": TableCounts(10, 1, 2, 7)},
        load_counts={"orders": LoadCounts(7, 3, 4, 0)},
        reasons={"orders.order_date: no date": 1},
        absent={"orders.note": 1},
        archiving_until=timestamp(AT + timedelta(minutes=1)),
    )


class LedgerBehaviour:
    """The suite."""

    def test_a_new_batch_is_booked_and_waits(self, ledger: AnyLedger) -> None:
        batch = record()
        assert ledger.create(batch) is True
        assert ledger.batch(batch.batch_id) == batch
        assert ledger.waiting("orders", Stage.CONVERT) == (WaitEntry(batch.batch_id, 0, timestamp(AT)),)
        assert ledger.waiting("orders", Stage.LOAD) == ()

    def test_a_known_batch_is_left_as_it_is(self, ledger: AnyLedger) -> None:
        batch = record()
        ledger.create(batch)
        ledger.save(batch, batch.moved(BatchState.CONVERTING, AT, claim_id="c1"))
        assert ledger.create(record(at=AT + timedelta(hours=1))) is False
        assert ledger.batch(batch.batch_id) == batch.moved(BatchState.CONVERTING, AT, claim_id="c1")
        assert ledger.waiting("orders", Stage.CONVERT) == ()

    @pytest.mark.parametrize("state", [BatchState.REJECTED, BatchState.SUPERSEDED])
    def test_a_batch_that_begins_at_its_end_waits_for_nothing(self, ledger: AnyLedger, state: BatchState) -> None:
        batch = record(state=state)
        assert ledger.create(batch) is True
        assert ledger.batch(batch.batch_id) == batch
        assert [ledger.waiting("orders", stage) for stage in Stage] == [(), ()]

    def test_a_batch_that_waits_for_files_is_in_a_list_of_its_own(self, ledger: AnyLedger) -> None:
        until = timestamp(AT + timedelta(minutes=15))
        batch = replace(record(state=BatchState.WAITING), due_at=until)
        ledger.create(batch)
        assert ledger.waiting("orders", ARRIVAL) == (WaitEntry(batch.batch_id, 0, until),)
        assert [ledger.waiting("orders", stage) for stage in Stage] == [(), ()]
        ledger.save(batch, batch.moved(BatchState.RECEIVED, AT))
        assert ledger.waiting("orders", ARRIVAL) == ()
        assert ledger.waiting("orders", Stage.CONVERT) == (WaitEntry(batch.batch_id, 0, timestamp(AT)),)

    def test_an_unknown_batch_is_none(self, ledger: AnyLedger) -> None:
        assert ledger.batch(record().batch_id) is None

    def test_every_attribute_comes_back(self, ledger: AnyLedger) -> None:
        batch = record()
        ledger.create(batch)
        running = batch.moved(BatchState.CONVERTING, AT, claim_id="c1")
        ledger.save(batch, running)
        done = converted(batch)
        ledger.save(running, done)
        assert ledger.batch(batch.batch_id) == done

    def test_waiting_lists_follow_the_state(self, ledger: AnyLedger) -> None:
        batch = record()
        ledger.create(batch)
        running = batch.moved(BatchState.CONVERTING, AT, claim_id="c1")
        ledger.save(batch, running)
        assert ledger.waiting("orders", Stage.CONVERT) == ()
        due_at = timestamp(AT + timedelta(minutes=1))
        again = running.moved(BatchState.RECEIVED, AT, attempts=1, due_at=due_at)
        ledger.save(running, again)
        assert ledger.waiting("orders", Stage.CONVERT) == (WaitEntry(batch.batch_id, 1, due_at),)
        running = again.moved(BatchState.CONVERTING, AT)
        ledger.save(again, running)
        done = running.moved(BatchState.CONVERTED, AT, attempts=0)
        ledger.save(running, done)
        assert ledger.waiting("orders", Stage.CONVERT) == ()
        assert ledger.waiting("orders", Stage.LOAD) == (WaitEntry(batch.batch_id, 0, timestamp(AT)),)
        ledger.save(done, done.moved(BatchState.LOADING, AT))
        assert ledger.waiting("orders", Stage.LOAD) == ()

    def test_a_batch_that_changed_meanwhile_is_not_overwritten(self, ledger: AnyLedger) -> None:
        batch = record()
        ledger.create(batch)
        first = batch.moved(BatchState.CONVERTING, AT, claim_id="c1")
        ledger.save(batch, first)
        with pytest.raises(ConflictError) as caught:
            ledger.save(batch, batch.moved(BatchState.SUPERSEDED, AT))
        assert str(caught.value) == (f"batch {batch.batch_id}: changed by another writer before it became SUPERSEDED")
        assert ledger.batch(batch.batch_id) == first
        assert ledger.waiting("orders", Stage.CONVERT) == ()

    def test_a_batch_that_is_not_booked_cannot_change(self, ledger: AnyLedger) -> None:
        batch = record()
        with pytest.raises(ConflictError):
            ledger.save(batch, batch.moved(BatchState.CONVERTING, AT))
        assert ledger.batch(batch.batch_id) is None

    def test_the_same_change_twice_is_one_change(self, ledger: AnyLedger) -> None:
        batch = record()
        ledger.create(batch)
        moved = batch.moved(BatchState.CONVERTING, AT, claim_id="c1")
        ledger.save(batch, moved)
        ledger.save(batch, moved)
        assert ledger.batch(batch.batch_id) == moved

    def test_versions_of_a_partition_newest_first(self, ledger: AnyLedger) -> None:
        old, new = record("99"), record("100")
        others = [record(dataset="products"), record(partition=HOUR.next())]
        for batch in (new, old, *others):
            ledger.create(batch)
        assert ledger.versions(old.batch_id) == (new, old)

    def test_waiting_is_sorted_and_separate_by_dataset(self, ledger: AnyLedger) -> None:
        first, second, third = record("99"), record("100"), record("1", partition=HOUR.next())
        for batch in (third, second, first, record(dataset="products")):
            ledger.create(batch)
        expected = tuple(WaitEntry(batch.batch_id, 0, timestamp(AT)) for batch in (first, second, third))
        assert ledger.waiting("orders", Stage.CONVERT) == expected

    def test_batches_for_people_newest_first(self, ledger: AnyLedger) -> None:
        hours = [AT + timedelta(hours=n) for n in range(3)]
        one = record("1", at=hours[0])
        two = record("2", at=hours[1], state=BatchState.REJECTED)
        three = record("3", dataset="products", at=hours[2])
        for batch in (two, three, one):
            ledger.create(batch)
        ledger.write_file_counts(one.batch_id, [FileCounts("s3://b/k", 1, 0, {})])
        assert ledger.datasets() == ("orders", "products")
        assert ledger.batches() == (three, two, one)
        assert ledger.batches(limit=2) == (three, two)
        assert ledger.batches("orders") == (two, one)
        assert ledger.batches(state=BatchState.RECEIVED) == (three, one)
        assert ledger.batches("products", BatchState.REJECTED) == ()

    def test_batches_of_a_time_both_its_ends_included(self, ledger: AnyLedger) -> None:
        hours = [AT + timedelta(hours=n) for n in range(4)]
        batches = [record(str(n), at=hour) for n, hour in enumerate(hours)]
        for batch in batches:
            ledger.create(batch)
        assert ledger.batches(since=hours[1], until=hours[2]) == (batches[2], batches[1])
        assert ledger.batches("orders", since=hours[3]) == (batches[3],)
        assert ledger.batches(until=hours[0]) == (batches[0],)
        assert ledger.batches(since=hours[3] + timedelta(microseconds=1)) == ()
        assert ledger.batches(since=hours[2], until=hours[1]) == ()
        assert ledger.batches(state=BatchState.RECEIVED, limit=1, until=hours[2]) == (batches[2],)

    def test_an_open_load_is_noted_once(self, ledger: AnyLedger) -> None:
        first = OpenLoad("c1", "orders", AT, 0, AT)
        second, other = OpenLoad("c2", "orders", AT, 0, AT), OpenLoad("c3", "products", AT, 0, AT)
        assert ledger.open_loads("orders") == ()
        for load in (second, first, other, OpenLoad("c1", "orders", AT + timedelta(hours=1), 9, AT)):
            ledger.open_load(load)
        assert ledger.open_loads("orders") == (first, second)
        assert ledger.open_loads("products") == (other,)
        assert ledger.batches() == ()

    def test_an_open_load_changes_until_it_is_closed(self, ledger: AnyLedger) -> None:
        load = OpenLoad("c1", "orders", AT, 0, AT)
        changed = replace(load, redrives=2, tried_at=AT + timedelta(minutes=7), is_given_up=True, number=3)
        ledger.change_open_load(changed)
        assert ledger.open_loads("orders") == ()
        ledger.open_load(load)
        ledger.change_open_load(changed)
        assert ledger.open_loads("orders") == (changed,)
        ledger.close_load("products", "c1")
        assert ledger.open_loads("orders") == (changed,)
        for _ in range(2):
            ledger.close_load("orders", "c1")
            assert ledger.open_loads("orders") == ()

    def test_an_outage_is_noted_until_it_ends(self, ledger: AnyLedger) -> None:
        first = Outage("orders", Stage.LOAD, AT, 1, AT + timedelta(minutes=1), "away", "c1")
        tried_at, until = AT + timedelta(minutes=2), AT + timedelta(minutes=3)
        met = {"failures": 2, "reason": "still away", "claim_id": "c2", "probes": 1}
        grown = first.changed(until=until, tried_at=tried_at, is_told=True, **met)
        others = [
            Outage("products", Stage.LOAD, AT, 1, AT, "away", "c3"),
            Outage("orders", Stage.CONVERT, AT, 1, AT, "away", "c4"),
        ]
        assert ledger.outage("orders", Stage.LOAD) is None
        writes = ((None, first), (first, grown), (first, grown), *((None, other) for other in others))
        assert [ledger.save_outage(*write) for write in writes] == [True, True, False, True, True]
        assert ledger.outage("orders", Stage.LOAD) == grown
        assert (ledger.outages(Stage.LOAD), ledger.outages(Stage.CONVERT)) == ((grown, others[0]), (others[1],))
        assert [ledger.end_outage(grown) for _ in range(2)] == [True, False]
        assert (ledger.outages(Stage.LOAD), ledger.outages(Stage.CONVERT)) == ((others[0],), (others[1],))
        assert "orders" not in ledger.datasets()

    def test_an_outage_that_has_changed_is_neither_changed_nor_ended(self, ledger: AnyLedger) -> None:
        first = Outage("orders", Stage.LOAD, AT, 1, AT, "away", "c1")
        ledger.save_outage(None, first)
        second, other = first.changed(failures=2), first.changed(failures=7)
        notice = KeptNotice.first(AT, "orders", "sluice-support", "one", "{}")
        ledger.save_outage(first, second)
        # It ended and began again: the number of its version says nothing of that.
        later = replace(second, since=AT + timedelta(hours=1))
        for old, new in ((first, other), (None, other), (later, later.changed())):
            with pytest.raises(ConflictError):
                ledger.save_outage(old, new, notice)
        for old in (first, later):
            with pytest.raises(ConflictError):
                ledger.end_outage(old, notice)
        assert (ledger.outages(Stage.LOAD), ledger.kept_notices()) == ((second,), ())
        third = second.changed(is_told=True)
        ledger.save_outage(second, third, notice)
        assert (ledger.outages(Stage.LOAD), ledger.kept_notices()) == ((third,), (notice,))
        ended = KeptNotice.first(AT, "orders", "sluice-support", "two", "{}")
        assert ledger.end_outage(third, ended)
        assert not ledger.end_outage(third, KeptNotice.first(AT, "orders", "sluice-support", "three", "{}"))
        with pytest.raises(ConflictError):
            ledger.save_outage(third, third.changed())
        assert ledger.outages(Stage.LOAD) == ()
        assert {kept.subject for kept in ledger.kept_notices()} == {"one", "two"}

    def test_notices_are_kept_until_they_are_dropped(self, ledger: AnyLedger) -> None:
        later = KeptNotice.first(AT + timedelta(minutes=1), "orders", "sluice-support", "one", '{"a": 1}')
        first = KeptNotice.first(AT, "products", "sluice-business", "two", "{}")
        assert ledger.kept_notices() == ()
        for notice in (later, first, later):
            ledger.keep_notice(notice)
        assert ledger.kept_notices() == (first, later)
        for _ in range(2):
            ledger.drop_notice(first.name)
            assert ledger.kept_notices() == (later,)
        assert ledger.datasets() == ()

    def test_the_last_heartbeat_counts(self, ledger: AnyLedger) -> None:
        assert ledger.heartbeat() is None
        ledger.beat(Heartbeat(AT, ("orders/load: throttled",)))
        ledger.beat(Heartbeat(AT + timedelta(minutes=5)))
        assert ledger.heartbeat() == Heartbeat(AT + timedelta(minutes=5), ())
        ledger.beat(Heartbeat(AT, ("orders/load: throttled", "products/convert: KeyError")))
        assert ledger.heartbeat() == Heartbeat(AT, ("orders/load: throttled", "products/convert: KeyError"))

    def test_file_counts_are_kept_by_file(self, ledger: AnyLedger) -> None:
        batch = record()
        tables = {"orders": TableCounts(3, 1, 0, 2), "order_items": TableCounts(9, 3, 1, 5)}
        files = [FileCounts(f"s3://sluice-raw/orders/part-{n:03}", n, 0, tables) for n in range(60)]
        ledger.write_file_counts(batch.batch_id, reversed(files))
        changed = replace(files[7], records=70, rejected_records=1)
        ledger.write_file_counts(batch.batch_id, [changed])
        assert ledger.file_counts(batch.batch_id) == (*files[:7], changed, *files[8:])
        assert ledger.file_counts(record("2").batch_id) == ()

    def test_no_file_counts(self, ledger: AnyLedger) -> None:
        ledger.write_file_counts(record().batch_id, [])
        assert ledger.file_counts(record().batch_id) == ()

    def test_a_file_with_the_longest_key(self, ledger: AnyLedger) -> None:
        counts = FileCounts("s3://" + "b" * 63 + "/" + "k" * 1024, 1, 0, {"orders": TableCounts(1, 0, 0, 1)})
        ledger.write_file_counts(record().batch_id, [counts])
        assert ledger.file_counts(record().batch_id) == (counts,)

    def test_one_claim_has_a_slot(self, ledger: AnyLedger) -> None:
        mine, other = Slot("c1", AT), Slot("c2", AT + timedelta(seconds=1))
        assert ledger.slot("orders", Stage.CONVERT) is None
        assert ledger.take_slot("orders", Stage.CONVERT, mine) is True
        assert ledger.take_slot("orders", Stage.CONVERT, other) is False
        assert ledger.take_slot("orders", Stage.CONVERT, mine) is True
        assert ledger.take_slot("orders", Stage.LOAD, other) is True
        assert ledger.take_slot("products", Stage.CONVERT, other) is True
        assert ledger.slot("orders", Stage.CONVERT) == mine

    def test_only_the_holder_frees_a_slot(self, ledger: AnyLedger) -> None:
        ledger.take_slot("orders", Stage.LOAD, Slot("c1", AT))
        ledger.release_slot("orders", Stage.LOAD, "c2")
        assert ledger.slot("orders", Stage.LOAD) == Slot("c1", AT)
        ledger.release_slot("orders", Stage.LOAD, "c1")
        assert ledger.slot("orders", Stage.LOAD) is None
        ledger.release_slot("orders", Stage.LOAD, "c1")
        assert ledger.slot("orders", Stage.LOAD) is None

    def test_a_claim_learns_of_its_run_and_its_end(self, ledger: AnyLedger) -> None:
        claim = Claim("c1", "orders", Stage.LOAD, ("b1", "b2"), AT)
        assert ledger.claim("c1") is None
        ledger.write_claim(claim)
        assert ledger.claim("c1") == claim
        ledger.record_run("c1", "jr_1")
        assert ledger.claim("c1") == replace(claim, run_id="jr_1")
        ledger.end_claim("c1", AT + timedelta(minutes=1))
        assert ledger.claim("c1") == replace(claim, run_id="jr_1", ended_at=AT + timedelta(minutes=1))

    def test_a_claim_is_noted_as_unclear(self, ledger: AnyLedger) -> None:
        claim = Claim("c1", "orders", Stage.CONVERT, ("b1",), AT)
        ledger.write_claim(claim)
        ledger.note_unclear("c1", AT + timedelta(seconds=3))
        unclear = replace(claim, unclear_at=AT + timedelta(seconds=3))
        assert ledger.claim("c1") == unclear
        ledger.write_claim(unclear)
        assert ledger.claim("c1") == unclear

    def test_a_claim_that_was_never_written_learns_nothing(self, ledger: AnyLedger) -> None:
        with pytest.raises(AwsError):
            ledger.record_run("c1", "jr_1")
        with pytest.raises(AwsError):
            ledger.note_unclear("c1", AT)
        with pytest.raises(AwsError):
            ledger.end_claim("c1", AT)
        assert ledger.claim("c1") is None
