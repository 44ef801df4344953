"""What a person can do about a batch in each state."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sluice.ledger.advice import NextStep, Prospect, next_step
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import UNKNOWN_DATASET, Heartbeat, Outage, Slot
from tests.ledger_behaviour import AT, record

S = BatchState


@pytest.mark.parametrize(
    ("state", "stage", "reason", "command"),
    [
        (S.RECEIVED, Stage.CONVERT, "", ""),
        (S.CONVERTING, Stage.CONVERT, "", ""),
        (S.CONVERTED, Stage.LOAD, "", ""),
        (S.LOADING, Stage.LOAD, "", ""),
        (S.LOADED, Stage.LOAD, "", ""),
        (S.ARCHIVED, Stage.LOAD, "", ""),
        (S.SUPERSEDED, None, "a newer one came", ""),
        (S.LOADED, Stage.LOAD, "RefreshAggregates failed: x", "sluice retry {batch}"),
        (S.FAILED, Stage.CONVERT, "InputChangedError: x", "sluice retry {batch}"),
        (S.FAILED, Stage.LOAD, "WarehouseError: x", "sluice retry {batch}"),
        (
            S.FAILED,
            Stage.CONVERT,
            "TooManyRejectedError: 9 of 10 records",
            "sluice quarantine orders --partition 2026-11-20T13",
        ),
        (S.REJECTED, None, "ManifestError: x", "sluice replay orders 2026-11-20T13"),
    ],
)
def test_what_is_to_do_is_a_command_for_the_batch(state: S, stage: Stage | None, reason: str, command: str) -> None:
    batch = replace(record(), state=state, stage=stage, reason=reason)
    step = next_step(batch)
    assert step.command == command.format(batch=batch.batch_id)
    assert step.text


def test_every_state_has_a_sentence_of_its_own_kind() -> None:
    texts = {state: next_step(replace(record(), state=state)).text for state in BatchState}
    assert (
        texts[S.RECEIVED] == "it waits for the next conversion of orders; the sweep starts one when nothing else does"
    )
    assert texts[S.LOADING] == "its load is at work; the sweep books it should its end get lost"
    assert texts[S.LOADED] == texts[S.ARCHIVED] == "nothing to do: its rows are in the warehouse"
    assert len(set(texts.values())) == len(BatchState) - 1


def test_a_batch_that_waits_says_for_what_and_until_when() -> None:
    batch = replace(record(), state=S.CONVERTED, stage=Stage.LOAD)
    beat = Heartbeat(AT - timedelta(minutes=2))
    outage = Outage("orders", Stage.LOAD, AT, 3, AT + timedelta(minutes=7), "WarehouseBusyError: paused", "c1")
    prospects = [
        Prospect(AT),
        Prospect(AT, heartbeat=beat),
        Prospect(AT + timedelta(minutes=3), waiting=2, heartbeat=beat),
        Prospect(AT + timedelta(hours=1), waiting=7, heartbeat=beat, outage=outage),
        Prospect(AT, waiting=7, heartbeat=beat, slot=Slot("c2", AT - timedelta(minutes=4))),
        Prospect(AT, waiting=7, heartbeat=beat, outage=outage),
    ]
    base = "it waits for the next load of orders"
    sweep = "; the sweep starts one when nothing else does"
    assert [next_step(batch, prospect) for prospect in prospects] == [
        NextStep(f"{base}{sweep}"),
        NextStep(f"{base}{sweep} (the next one in 3 min)"),
        NextStep(f"{base}, with 1 other batch{sweep} (the next one now)"),
        NextStep(f"{base}, with 6 other batches{sweep} (the last one was long ago: see `sluice doctor`)"),
        NextStep(f"{base}, with 6 other batches, which begins when the one ends that is at work since 13:56 UTC"),
        NextStep(
            f"{base}, with 6 other batches; not before 2026-11-20T14:07 UTC, for something is away: "
            "WarehouseBusyError: paused",
            "sluice retry --dataset orders",
        ),
    ]


def test_a_failed_load_and_a_failed_conversion_are_told_apart() -> None:
    batch = replace(record(), state=S.FAILED, stage=Stage.LOAD)
    assert next_step(batch).text == "fix the cause, then try its load again"
    assert next_step(replace(batch, stage=Stage.CONVERT)).text == "fix the cause, then try its conversion again"


def test_a_folder_of_no_dataset_has_no_command() -> None:
    step = next_step(replace(record(), state=S.REJECTED, dataset=UNKNOWN_DATASET))
    assert step == NextStep("its folder belongs to no dataset: send the files to the folder of one, with a manifest")
