"""The ledger on DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sluice.aws import items
from sluice.aws.ledger import Ledger
from sluice.backoff import Backoff
from sluice.errors import AwsBusyError, AwsError, ConflictError
from sluice.lake.handover import FileCounts
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import Claim, Slot, WaitEntry
from tests.aws.fixtures_ledger import clients, ledger
from tests.ledger_behaviour import AT, LedgerBehaviour, record

__all__ = ["clients", "ledger"]


class TestLedger(LedgerBehaviour):
    """DynamoDB keeps what every ledger promises."""


class Scripted:
    """A DynamoDB client whose method of one name answers from a script first, and is real afterwards."""

    def __init__(self, real: Any, name: str, *answers: Any) -> None:
        self._real = real
        self._name = name
        self._answers = list(answers)
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        if name != self._name:
            return method

        def call(**arguments: Any) -> Any:
            self.calls += 1
            answer = self._answers.pop(0) if self._answers else None
            if isinstance(answer, Exception):
                raise answer
            result = method(**arguments)
            return result if answer is None else answer(arguments, result)

        return call


def cancelled(*codes: str) -> ClientError:
    reasons = [{"Code": code} for code in codes]
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": reasons,
    }
    return ClientError(answer, "TransactWriteItems")


def scripted(real: Ledger, name: str, *answers: Any) -> tuple[Ledger, Scripted]:
    client = Scripted(real.dynamodb, name, *answers)
    quiet = Backoff(attempts=3, sleep=lambda _: None)
    return Ledger(client, real.table, quiet), client  # type: ignore[arg-type]


def test_of_many_writers_one_takes_the_slot(ledger: Ledger) -> None:
    slots = [Slot(f"c{number}", AT) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(lambda slot: ledger.take_slot("orders", Stage.CONVERT, slot), slots))
    assert won.count(True) == 1
    assert ledger.slot("orders", Stage.CONVERT) == slots[won.index(True)]


def test_of_many_writers_one_books_a_batch(ledger: Ledger) -> None:
    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(lambda n: ledger.create(record(at=AT + timedelta(seconds=n))), range(12)))
    assert won.count(True) == 1
    assert ledger.batch(record().batch_id) == record(at=AT + timedelta(seconds=won.index(True)))


def test_of_many_writers_one_changes_a_batch(ledger: Ledger) -> None:
    batch = record()
    ledger.create(batch)

    def change(number: int) -> bool:
        try:
            ledger.save(batch, batch.moved(BatchState.CONVERTING, AT, claim_id=f"c{number}"))
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(change, range(12)))
    assert won.count(True) == 1
    stored = ledger.batch(batch.batch_id)
    assert stored is not None
    assert stored.claim_id == f"c{won.index(True)}"


def test_a_transaction_that_collides_is_tried_again(ledger: Ledger) -> None:
    flaky, client = scripted(ledger, "transact_write_items", cancelled("None", "TransactionConflict"))
    assert flaky.create(record()) is True
    assert client.calls == 2
    assert ledger.waiting("orders", Stage.CONVERT) == (WaitEntry(record().batch_id, 0, record().due_at),)


def test_a_transaction_that_always_collides_gives_up_and_changes_nothing(ledger: Ledger) -> None:
    flaky, client = scripted(ledger, "transact_write_items", *[cancelled("TransactionConflict")] * 3)
    with pytest.raises(AwsBusyError, match=f"^book batch {record().batch_id}: "):
        flaky.create(record())
    assert client.calls == 3
    assert ledger.batch(record().batch_id) is None


def test_a_refused_transaction_is_terminal(ledger: Ledger) -> None:
    flaky, client = scripted(ledger, "transact_write_items", cancelled("ItemCollectionSizeLimitExceeded"))
    with pytest.raises(AwsError):
        flaky.create(record())
    assert client.calls == 1


def test_a_change_whose_answer_was_lost_has_happened(ledger: Ledger) -> None:
    def lose(_: Any, __: Any) -> Any:
        raise cancelled("TransactionConflict")

    batch = record()
    ledger.create(batch)
    flaky, client = scripted(ledger, "transact_write_items", lose)
    moved = batch.moved(BatchState.CONVERTING, AT, claim_id="c1")
    flaky.save(batch, moved)
    assert client.calls == 2
    assert ledger.batch(batch.batch_id) == moved


def test_unprocessed_file_counts_are_written_in_the_end(ledger: Ledger) -> None:
    files = [FileCounts(f"s3://b/part-{n}", n, 0, {}) for n in range(3)]
    rest = [{"PutRequest": {"Item": items.file_item(record().batch_id, files[2], AT)}}]
    client = Scripted(ledger.dynamodb, "batch_write_item", lambda *_: {"UnprocessedItems": {ledger.table: rest}})
    flaky = Ledger(client, ledger.table, Backoff(attempts=2, sleep=lambda _: None))  # type: ignore[arg-type]
    flaky.write_file_counts(record().batch_id, files)
    assert client.calls == 2
    assert ledger.file_counts(record().batch_id) == tuple(files)


def test_file_counts_that_stay_unprocessed_are_an_error(ledger: Ledger) -> None:
    rest = [{"PutRequest": {"Item": items.file_item(record().batch_id, FileCounts("s3://b/k", 1, 0, {}), AT)}}]
    left = lambda *_: {"UnprocessedItems": {ledger.table: rest}}  # noqa: E731
    flaky, client = scripted(ledger, "batch_write_item", left, left, left)
    with pytest.raises(AwsBusyError, match=r"^write file counts: DynamoDB left 1 items unprocessed$"):
        flaky.write_file_counts(record().batch_id, [FileCounts("s3://b/k", 1, 0, {})])
    assert client.calls == 3


def test_the_index_holds_batches_only(ledger: Ledger) -> None:
    batch = record()
    ledger.create(batch)
    ledger.take_slot("orders", Stage.CONVERT, Slot("c1", AT))
    ledger.write_file_counts(batch.batch_id, [FileCounts("s3://b/k", 1, 0, {})])
    scanned = ledger.dynamodb.scan(TableName=ledger.table, IndexName=items.BY_DATASET)
    assert [item["sk"]["S"] for item in scanned["Items"]] == [f"B#{batch.batch_id}"]


def test_a_batch_with_the_largest_record_fits_an_item(ledger: Ledger) -> None:
    batch = record()
    ledger.create(batch)
    running = batch.moved(BatchState.CONVERTING, AT, claim_id="c1")
    ledger.save(batch, running)
    reasons = {f"table.column_{n}: a reason of a good length that names a rule": n for n in range(1500)}
    failed = running.moved(BatchState.FAILED, AT, note="n" * 10_000, reason="r" * 10_000, reasons=reasons)
    ledger.save(running, failed)
    assert ledger.batch(batch.batch_id) == replace(failed, reason="r" * 4000)


def test_a_table_that_is_missing_is_a_clear_error(ledger: Ledger) -> None:
    with pytest.raises(AwsError, match=r"^read P#orders#2026112013: .*ResourceNotFoundException"):
        replace(ledger, table="no-such-table").batch(record().batch_id)


def test_what_is_done_goes_some_time_later(ledger: Ledger) -> None:
    kept = replace(ledger, retention=timedelta(days=2), clock=lambda: AT)
    batch = record()
    kept.create(batch)
    kept.write_file_counts(batch.batch_id, [FileCounts("s3://b/k", 1, 0, {})])
    for name in ("c1", "c2"):
        kept.write_claim(Claim(name, "orders", Stage.LOAD, (batch.batch_id,), AT))
    kept.end_claim("c1", AT + timedelta(days=1))
    scanned = ledger.dynamodb.scan(TableName=ledger.table)["Items"]
    found = {
        item["pk"]["S"] + item["sk"]["S"][:2]: item[items.EXPIRES]["N"] for item in scanned if items.EXPIRES in item
    }
    days = {days: str(int((AT + timedelta(days=days)).timestamp())) for days in (2, 3)}
    assert found == {"P#orders#2026112013F#": days[2], "CLAIM#c1CL": days[3]}
    assert len(scanned) == len(["dataset", "batch", "place in its waiting list", "file", "claim", "claim"])
