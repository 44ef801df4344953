"""The steps of the load's state machine, asked for as the machine asks."""

import json
from datetime import timedelta
from typing import Any

import pytest

from lambda_trigger.after_load import (
    MAX_PAGE_BYTES,
    LoadStoppedError,
    StepRequestError,
    UnknownClaimError,
    answer,
    load_run,
    page_of,
    readable,
)
from lambda_trigger.notices import StepFailure
from sluice.ledger.record import BatchRecord
from tests.doubles.world import AGGREGATE, World, glue_result

FOLDER = "orders/year=2026/month=11/day=20/hour={:02}"
BROKEN = {"state": "Archive", "error": "AwsError", "cause": '{"errorMessage": "copy: AccessDenied"}', "redrives": 0}


@pytest.fixture
def world() -> World:
    """Two batches that a run has loaded; nobody has been told."""
    world = World()
    world.deliver(*(world.send(FOLDER.format(hour)) for hour in (1, 2)))
    (convert,) = world.glue.running
    world.succeed(convert.run_id)
    world.notify(convert.run_id)
    (load,) = world.glue.running
    world.succeed(load.run_id)
    return world


def ask(world: World, step: str, **more: Any) -> dict[str, Any]:
    found = answer(world.trigger, {"step": step, "claim_id": "c0002", "dataset": "orders", **more})
    assert json.loads(json.dumps(found)) == found
    return found


def records(world: World) -> list[BatchRecord]:
    return [record for _, record in sorted(world.ledger.records.items())]


def test_booking_says_what_is_to_be_done_and_says_it_again(world: World) -> None:
    expected = {
        "loaded": 2,
        "archive": False,
        "refresh": [
            {
                "Sql": f'CALL "aggregates"."refresh_{AGGREGATE}"(:dates)',
                "Parameters": [{"Name": "dates", "Value": "2026-11-20"}],
                "StatementName": f"refresh {AGGREGATE}",
                "Database": "warehouse",
                "WorkgroupName": "sluice",
            }
        ],
        "more": False,
        "next": 0,
    }
    assert ask(world, "book") == expected
    before = records(world)
    assert ask(world, "book") == expected
    assert records(world) == before
    assert world.open_loads() == ["c0002"]
    assert ask(world, "refresh", start=0) == {name: expected[name] for name in ("refresh", "more", "next")}
    assert ask(world, "refresh", start=1.0) == {"refresh": [], "more": False, "next": 0}


def test_a_contract_that_asks_for_the_archive_gets_it() -> None:
    world = World(is_archiving=True)
    world.deliver(world.send(FOLDER.format(1)))
    for _ in range(2):
        (run,) = world.glue.running
        world.succeed(run.run_id)
        if run.job == world.settings.convert_job:
            world.notify(run.run_id)
    assert ask(world, "book")["archive"] is True


def test_the_reason_of_a_failed_run_is_that_of_glue(world: World) -> None:
    (batch_id, _) = sorted(world.ledger.records)
    world.documents.delete(world.settings.processed.load_outcome("c0002"))
    failed = glue_result(world.glue.runs["jr_2"])
    assert isinstance(failed, dict)
    cause = json.dumps(failed | {"JobRunState": "FAILED", "ErrorMessage": "no memory"})
    failure = {"state": "Load", "error": "States.TaskFailed", "cause": cause, "redrives": 0}
    assert ask(world, "book", failure=failure) == {
        "loaded": 0, "archive": False, "refresh": [], "more": False, "next": 0,
    }  # fmt: skip
    record = world.ledger.records[batch_id]
    assert (record.attempts, record.company, str(record.state)) == (0, "c0002.1", "LOADING")
    assert record.reason == "run jr_2 of sluice-load-redshift ended as FAILED: no memory"
    assert world.open_loads() == []


def test_a_load_that_was_given_up_and_succeeds_in_the_end_is_loaded(world: World) -> None:
    outcome_url = world.settings.processed.load_outcome("c0002")
    outcome = world.documents.read(outcome_url)
    errors = dict.fromkeys(world.ledger.records, ("WarehouseError: no such schema", False))
    world.work("jr_2", errors)
    assert ask(world, "book")["loaded"] == 0
    assert set(world.states().values()) == {"FAILED"}
    world.documents.write(outcome_url, outcome)
    assert ask(world, "book")["loaded"] == 2
    assert {(str(record.state), record.reason, record.attempts) for record in records(world)} == {("LOADED", "", 0)}
    assert world.open_loads() == ["c0002"]


def test_a_failed_step_is_noted_and_told_once_for_each_failure(world: World) -> None:
    ask(world, "book")
    for _ in range(2):
        assert ask(world, "fail", failure=BROKEN) == {}
    text = "Archive failed: AwsError: copy: AccessDenied"
    assert {record.reason for record in records(world)} == {text}
    assert [[change.note for change in record.history if change.note] for record in records(world)] == [[text]] * 2
    body = world.topics.of("stopped")[0]
    assert body == {
        "event": "stopped",
        "dataset": "orders",
        "partitions": ["2026-11-20T01", "2026-11-20T02"],
        "batches": sorted(world.ledger.records),
        "batch_count": 2,
        "execution": "c0002",
        "state": "Archive",
        "why": text,
        "is_tried_again": True,
        "retry": f"sluice retry {min(world.ledger.records)}",
    }
    assert world.open_loads() == ["c0002"]


def test_a_long_failure_is_noted_once_too(world: World) -> None:
    ask(world, "book")
    for _ in range(2):
        ask(world, "fail", failure=BROKEN | {"cause": "x" * 5000})
    notes = [[change.note for change in record.history if change.note] for record in records(world)]
    assert notes == [[f"Archive failed: AwsError: {'x' * 5000}"[:1000]]] * 2


def test_the_end_is_told_and_closes_the_load(world: World) -> None:
    ask(world, "book")
    ask(world, "fail", failure=BROKEN)
    world.now += timedelta(minutes=10)
    assert ask(world, "finish") == {}
    (body,) = world.topics.of("loaded")
    seconds = body.pop("seconds")
    assert body == {
        "event": "loaded",
        "dataset": "orders",
        "partitions": ["2026-11-20T01", "2026-11-20T02"],
        "partition_count": 2,
        "rows": {"orders": {"inserted": 0, "updated": 0}},
        "quarantined": 0,
        "files_without": {},
    }
    assert 600 < seconds < 601
    assert {record.reason for record in records(world)} == {""}
    note = "done in the end; before: Archive failed: AwsError: copy: AccessDenied"
    assert {record.history[-1].note for record in records(world)} == {note}
    assert world.open_loads() == []


def test_a_failure_after_the_last_step_is_none(world: World) -> None:
    """Its work was done and its answer lost."""
    ask(world, "book")
    ask(world, "finish")
    before = records(world)
    ask(world, "fail", failure={**BROKEN, "state": "Finish"})
    assert records(world) == before
    assert world.topics.of("stopped") == []


@pytest.mark.parametrize(
    ("stopped_at", "redrives", "goes_on"), [(0, 0, False), (2, 2, False), (0, 1, True), (2, 3, True)]
)
def test_an_execution_stops_until_it_is_redriven(world: World, stopped_at: int, redrives: int, goes_on: bool) -> None:
    failure = {**BROKEN, "redrives": stopped_at}
    if goes_on:
        assert ask(world, "stop", failure=failure, redrives=redrives) == {}
        return
    with pytest.raises(LoadStoppedError, match=r"^Archive failed: AwsError: copy: AccessDenied$"):
        ask(world, "stop", failure=failure, redrives=redrives)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": "fly"}, "step: 'fly' is none of book, refresh, finish, fail, stop"),
        ({"step": None}, "step: None is not text"),
        ({"claim_id": ""}, "claim_id: '' is not text"),
        ({"dataset": 7}, "dataset: 7 is not text"),
        ({"step": "refresh"}, "start: None is not a whole number of at least 0"),
        ({"step": "refresh", "start": -1}, "start: -1 is not a whole number of at least 0"),
        ({"step": "refresh", "start": True}, "start: True is not a whole number of at least 0"),
        ({"step": "refresh", "start": 1.5}, "start: 1.5 is not a whole number of at least 0"),
        ({"step": "fail"}, "failure: None is not an object"),
        ({"step": "fail", "failure": {"state": "Archive", "cause": ""}}, "error: None is not text"),
        ({"step": "stop", "failure": BROKEN}, "redrives: None is not a whole number of at least 0"),
    ],
)
def test_a_request_that_nobody_understands_is_refused_and_changes_nothing(
    world: World, change: dict[str, Any], message: str
) -> None:
    before = records(world)
    with pytest.raises(StepRequestError) as caught:
        answer(world.trigger, {"step": "book", "claim_id": "c0002", "dataset": "orders"} | change)
    assert str(caught.value) == message
    assert records(world) == before


@pytest.mark.parametrize("change", [{"claim_id": "c9999"}, {"claim_id": "c0001"}, {"dataset": "products"}])
@pytest.mark.parametrize("step", ["book", "refresh", "finish", "fail"])
def test_a_claim_that_is_no_load_of_the_dataset_is_refused(world: World, step: str, change: dict[str, str]) -> None:
    request = {"step": step, "claim_id": "c0002", "dataset": "orders", "start": 0} | change
    with pytest.raises(UnknownClaimError, match=r"^there is no claim '.*' of a load of '.*'$"):
        answer(world.trigger, request | ({"failure": BROKEN} if step == "fail" else {}))
    assert world.topics.published == []


def test_pages_hold_what_a_state_can_hand_on_and_all_of_them_together_everything() -> None:
    statements: list[dict[str, object]] = [{"Sql": "x" * 40_000, "n": number} for number in range(7)]
    statements.append({"Sql": "y" * 2 * MAX_PAGE_BYTES})
    statements += [{"Sql": "z", "n": number} for number in range(250)]
    found: list[dict[str, object]] = []
    sizes = []
    start: int | None = 0
    while start is not None:
        page = page_of(statements, start)
        found += page.statements
        sizes.append(len(page.statements))
        start = page.next
    assert found == statements
    assert sizes == [3, 3, 1, 1, 100, 100, 50]
    assert page_of([], 0).next is None


def test_what_a_failure_says_to_people() -> None:
    glue = json.dumps({"Id": "jr_1", "JobName": "job", "JobRunState": "TIMEOUT"})
    causes = {
        '{"errorMessage": "slow down", "errorType": "AwsBusyError"}': "slow down",
        glue: "run jr_1 of job ended as TIMEOUT: no reason given",
        "[1]": "[1]",
        "plain": "plain",
    }
    assert {cause: readable(StepFailure("Archive", "E", cause)).cause for cause in causes} == causes
    run = load_run("c1", "sluice-load", StepFailure("Load", "Glue.EntityNotFoundException", "no such job"))
    assert run.problem == (
        "execution c1 of sluice-load ended as FAILED: Load failed: Glue.EntityNotFoundException: no such job"
    )
    assert load_run("c1", "sluice-load", None).problem == (
        "execution c1 of sluice-load succeeded without an outcome for this batch"
    )
