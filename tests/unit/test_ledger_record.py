"""The record of a batch: its moves, and its way into an item and back."""

import json
from dataclasses import fields, replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_trigger.choice import MAX_BATCHES
from sluice.aws import items
from sluice.aws.ledger import ledger_table_definition
from sluice.lake.handover import FileCounts, LoadCounts, TableCounts
from sluice.ledger.batch import BatchId, BatchState, Stage
from sluice.ledger.record import (
    ALLOWED_MOVES,
    FIRST_STATES,
    BatchRecord,
    Change,
    Claim,
    MoveError,
    most_frequent,
    timestamp,
)
from tests.ledger_behaviour import AT, HOUR, converted, record

MOVES = {
    ("WAITING", "RECEIVED"),
    ("WAITING", "REJECTED"),
    ("WAITING", "SUPERSEDED"),
    ("RECEIVED", "CONVERTING"),
    ("RECEIVED", "SUPERSEDED"),
    ("RECEIVED", "FAILED"),
    ("CONVERTING", "CONVERTED"),
    ("CONVERTING", "RECEIVED"),
    ("CONVERTING", "FAILED"),
    ("CONVERTED", "LOADING"),
    ("CONVERTED", "SUPERSEDED"),
    ("CONVERTED", "FAILED"),
    ("LOADING", "LOADED"),
    ("LOADING", "CONVERTED"),
    ("LOADING", "RECEIVED"),
    ("LOADING", "FAILED"),
    ("LOADED", "ARCHIVED"),
    ("FAILED", "RECEIVED"),
    ("FAILED", "CONVERTED"),
    ("FAILED", "LOADED"),
}
LATER = AT + timedelta(minutes=1)


@pytest.mark.parametrize(("before", "after"), list(product(BatchState, BatchState)))
def test_only_the_moves_of_the_table_are_allowed(before: BatchState, after: BatchState) -> None:
    batch = replace(record(), state=before)
    if (before, after) in MOVES:
        assert batch.moved(after, LATER).state is after
    else:
        with pytest.raises(MoveError) as caught:
            batch.moved(after, LATER)
        assert str(caught.value) == f"batch {batch.batch_id}: {before} cannot become {after}"


def test_every_state_has_its_moves_and_only_final_ones_have_none() -> None:
    assert set(ALLOWED_MOVES) == set(BatchState)
    ends = {state for state, moves in ALLOWED_MOVES.items() if not moves}
    assert ends == {state for state in BatchState if state.is_final} - {BatchState.LOADED, BatchState.FAILED}


@pytest.mark.parametrize("state", BatchState)
def test_a_batch_begins_in_one_of_four_states(state: BatchState) -> None:
    if state in FIRST_STATES:
        assert record(state=state).history == (Change(state, "2026-11-20T14:00:00.000000+00:00"),)
    else:
        with pytest.raises(MoveError, match=f"cannot begin as {state}$"):
            record(state=state)


def test_a_move_is_history() -> None:
    batch = record()
    moved = batch.moved(BatchState.CONVERTING, LATER, note="first try", claim_id="c1")
    assert moved == replace(
        batch,
        state=BatchState.CONVERTING,
        stage=Stage.CONVERT,
        updated_at=timestamp(LATER),
        claim_id="c1",
        history=(*batch.history, Change(BatchState.CONVERTING, timestamp(LATER), "first try")),
        version=2,
    )


def test_the_stage_follows_the_state_and_stays_at_the_end() -> None:
    batch = record()
    stages = [batch.stage]
    for state in (BatchState.CONVERTING, BatchState.CONVERTED, BatchState.LOADING, BatchState.LOADED):
        batch = batch.moved(state, LATER)
        stages.append(batch.stage)
    assert stages == [Stage.CONVERT, Stage.CONVERT, Stage.LOAD, Stage.LOAD, Stage.LOAD]


def test_a_claim_that_came_to_nothing_leaves_no_trace() -> None:
    batch = record()
    back = batch.moved(BatchState.CONVERTING, LATER, claim_id="c1").unclaimed(LATER)
    assert back == replace(batch, updated_at=timestamp(LATER), version=3)


def test_a_batch_is_due_when_it_begins_to_wait_or_when_the_move_says() -> None:
    batch = record()
    running = batch.moved(BatchState.CONVERTING, LATER)
    later = timestamp(LATER + timedelta(minutes=1))
    assert (batch.due_at, running.due_at) == (timestamp(AT), timestamp(AT))
    assert running.moved(BatchState.RECEIVED, LATER, due_at=later).due_at == later
    assert running.moved(BatchState.CONVERTED, LATER).due_at == timestamp(LATER)
    assert record(state=BatchState.REJECTED).due_at == ""


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        (["CONVERTING", "FAILED"], BatchState.RECEIVED),
        (["CONVERTING", "CONVERTED", "LOADING", "FAILED"], BatchState.CONVERTED),
    ],
)
def test_a_failed_batch_is_tried_again_in_the_stage_in_which_it_failed(steps: list[str], state: BatchState) -> None:
    failed = record()
    for step in steps:
        failed = failed.moved(BatchState(step), AT, claim_id="c1")
    failed = replace(failed, attempts=3, reason="out of memory")
    again = failed.retried(LATER)
    note = "tried again on request; it had failed: out of memory"
    assert again == replace(
        failed,
        state=state,
        updated_at=timestamp(LATER),
        due_at=timestamp(LATER),
        attempts=0,
        reason="",
        claim_id="",
        history=(*failed.history, Change(state, timestamp(LATER), note)),
        version=failed.version + 1,
    )


@pytest.mark.parametrize("state", [state for state in BatchState if state is not BatchState.FAILED])
def test_only_a_failed_batch_is_tried_again(state: BatchState) -> None:
    with pytest.raises(MoveError, match=f": {state} cannot be tried again; only a FAILED batch can$"):
        replace(record(), state=state, stage=Stage.LOAD).retried(LATER)


def test_a_note_is_history_and_changes_no_state() -> None:
    batch = replace(record(), state=BatchState.LOADED)
    noted = batch.noted(LATER, "Archive failed: AwsError", "r" * 5000)
    assert noted == replace(
        batch,
        reason="r" * 4000,
        updated_at=timestamp(LATER),
        history=(*batch.history, Change(BatchState.LOADED, timestamp(LATER), "Archive failed: AwsError")),
        version=2,
    )


@pytest.mark.parametrize("state", [BatchState.RECEIVED, BatchState.CONVERTED, BatchState.LOADED, BatchState.REJECTED])
def test_a_batch_in_no_run_cannot_be_given_back(state: BatchState) -> None:
    with pytest.raises(MoveError, match=f": {state} is not carried by a run$"):
        replace(record(), state=state).unclaimed(LATER)


def test_reasons_and_notes_are_cut() -> None:
    running = record().moved(BatchState.CONVERTING, AT)
    failed = running.moved(BatchState.FAILED, AT, note="n" * 5000, reason="r" * 5000)
    assert (failed.reason, failed.history[-1].note) == ("r" * 4000, "n" * 1000)


def test_a_long_history_keeps_its_begin_and_its_end() -> None:
    batch = record()
    for number in range(100):
        batch = batch.noted(AT, str(number), "")
    kept = [change.note for change in batch.history]
    assert kept == ["", *(str(number) for number in range(51, 100))]
    assert batch.version == 101


def test_of_many_reasons_the_most_frequent_are_kept_and_no_record_is_forgotten() -> None:
    reasons = {f"file: its header lacks column {number:04}": number for number in range(1, 5001)}
    failed = record().moved(BatchState.CONVERTING, AT).moved(BatchState.FAILED, AT, reasons=reasons)
    most = {f"file: its header lacks column {number:04}": number for number in range(5000, 4900, -1)}
    assert failed.reasons == most | {"other reasons": sum(range(1, 4901))}


@given(st.dictionaries(st.text(max_size=400), st.integers(1, 9), max_size=300))
def test_reasons_are_cut_and_their_sum_stays(reasons: dict[str, int]) -> None:
    kept = most_frequent(reasons)
    assert sum(kept.values()) == sum(reasons.values())
    assert all(len(reason) <= 300 for reason in kept)
    assert len(kept) <= 101


def test_the_largest_record_fits_an_item() -> None:
    """400 KB. Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html."""
    widest = "\U0001f4a7"
    batch = record()
    reasons = {f"{number:03}{widest * 400}": 2**40 for number in range(1000)}
    for _ in range(100):
        failed = batch.moved(BatchState.CONVERTING, AT, note=widest * 5000)
        failed = failed.moved(BatchState.FAILED, AT, note=widest * 5000, reason=widest * 5000, reasons=reasons)
        batch = failed.retried(AT)
    batch = batch.noted(AT, widest * 5000, widest * 5000)
    assert len(json.dumps(items.batch_item(batch), ensure_ascii=False).encode()) < 400_000


def test_a_full_record_survives_the_item() -> None:
    full = converted(record())
    assert items.read_batch(items.batch_item(full)) == full


def test_every_attribute_of_the_full_record_is_set() -> None:
    full = converted(record()).moved(
        BatchState.FAILED, AT, reason="why", attempts=2, company="c1.1", held=1, held_since="2026", engine="spark"
    )
    empty = [item.name for item in fields(BatchRecord) if getattr(full, item.name) in ("", 0, (), {}, None)]
    assert empty == []


texts = st.text(max_size=20)
counts = st.builds(TableCounts, *[st.integers(0, 2**63)] * 4)
loads = st.builds(LoadCounts, *[st.integers(0, 2**63)] * 4)
changes = st.builds(Change, st.sampled_from(BatchState), texts, texts)


@given(
    st.builds(
        replace,
        st.just(record()),
        state=st.sampled_from(BatchState),
        partition=texts,
        reason=texts,
        attempts=st.integers(0, 9),
        stage=st.sampled_from([None, *Stage]),
        counts=st.dictionaries(texts, counts, max_size=3),
        load_counts=st.dictionaries(texts, loads, max_size=3),
        reasons=st.dictionaries(texts, st.integers(0, 2**40), max_size=3),
        history=st.lists(changes, max_size=3).map(tuple),
        version=st.integers(1, 10**6),
    )
)
def test_any_record_survives_the_item(batch: BatchRecord) -> None:
    assert items.read_batch(items.batch_item(batch)) == batch


def test_attributes_that_a_newer_version_added_are_ignored() -> None:
    item = items.batch_item(record()) | {"from_the_future": {"S": "x"}}
    assert items.read_batch(item) == record()


def test_keys() -> None:
    batch = record()
    item = items.batch_item(batch)
    assert (item["pk"], item["sk"]) == ({"S": "P#orders#2026112013"}, {"S": f"B#{batch.batch_id}"})
    assert items.wait_item(batch, Stage.CONVERT) == {
        "pk": {"S": "WAIT#orders#convert"},
        "sk": {"S": batch.batch_id},
        "attempts": {"N": "0"},
        "due_at": {"S": "2026-11-20T14:00:00.000000+00:00"},
        "company": {"S": ""},
    }


def test_only_batches_carry_both_attributes_of_the_index() -> None:
    index = ledger_table_definition("t")["GlobalSecondaryIndexes"][0]
    names = {part["AttributeName"] for part in index["KeySchema"]}
    assert names == {"dataset", "received_at"}
    assert names <= items.batch_item(record()).keys()
    assert not names <= items.wait_item(record(), Stage.CONVERT).keys()


def test_the_table() -> None:
    definition = ledger_table_definition("sluice-ledger")
    assert definition["TableName"] == "sluice-ledger"
    assert definition["BillingMode"] == "PAY_PER_REQUEST"
    assert definition["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]


def test_an_id_of_a_folder_is_an_id() -> None:
    made = BatchId.of_folder("unknown", "0123abcd", "ff")
    assert str(made) == f"unknown.0123abcd.{'FF'.rjust(32, '0')}"
    assert BatchId.parse(str(made)) == made
    assert BatchId.make("orders", HOUR, "ff") == BatchId.of_folder("orders", "2026112013", "ff")


def test_a_claim_of_as_many_batches_as_a_run_takes_fits_into_an_item() -> None:
    longest = "d" * 100
    names = tuple(f"{longest}.2026112013.{number:032X}" for number in range(MAX_BATCHES))
    item = items.claim_item(Claim("c" * 30, longest, Stage.LOAD, names, AT, "r" * 100, AT)) | items.expires(AT)
    assert len(json.dumps(item)) < 400_000


def test_what_goes_says_when_in_seconds() -> None:
    assert items.expires(AT) == {"expires_at": {"N": str(int(AT.timestamp()))}}
    counts = FileCounts("s3://raw/a", 1, 0, {"t": TableCounts(1, 0, 0, 1)})
    item = items.file_item(record().batch_id, counts, AT)
    assert item["expires_at"] == {"N": str(int(AT.timestamp()))}
    assert items.read_file(item) == counts
    assert items.ledger_expiry("t") == {
        "TableName": "t",
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires_at"},
    }
