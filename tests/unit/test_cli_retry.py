"""`sluice retry`: what failed waits again, and the sweep is called, whatever becomes of the call."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from sluice.aws.clients import Clients
from sluice.cli import main
from sluice.cli.session import Session
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import Outage, timestamp
from sluice.names import SWEEP_FUNCTION
from tests.doubles.ledger import MemoryLedger
from tests.ledger_behaviour import HOUR, record

FAILED = replace(record(), state=BatchState.FAILED, stage=Stage.CONVERT, reason="AwsError: x", attempts=3)
SWEEP = {"FunctionName": f"lake-{SWEEP_FUNCTION}", "InvocationType": "Event", "Payload": b"{}"}


@dataclass
class Cloud:
    """A ledger in memory, and Lambda with prepared answers."""

    ledger: MemoryLedger
    lambda_: Stubber


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The cloud that every session of the test meets, with one failed batch."""
    clients = Clients(region="eu-central-1", access_key="a", secret_key="b")
    found = Cloud(MemoryLedger(), Stubber(clients.lambda_))
    found.ledger.create(FAILED)
    monkeypatch.setattr(Session, "clients", clients)
    monkeypatch.setattr(Session, "ledger", found.ledger)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("SLUICE_NAME", "lake")
    with found.lambda_:
        yield found
        found.lambda_.assert_no_pending_responses()


def _call(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["retry", *arguments])
    return ended.value.code


@pytest.mark.parametrize("name", [FAILED.batch_id, "orders.2026112013"])
def test_a_failed_batch_waits_again_and_the_sweep_is_called(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    cloud.lambda_.add_response("invoke", {"StatusCode": 202}, SWEEP)
    assert _call(name) == 0
    [batch] = cloud.ledger.records.values()
    assert (batch.state, batch.attempts, batch.reason) == (BatchState.RECEIVED, 0, "")
    captured = capsys.readouterr()
    assert captured.out == f"batch {FAILED.batch_id} is RECEIVED again and waits for the next convert run\n"
    assert captured.err == ""


def test_a_sweep_that_cannot_be_called_is_told_and_fails_nothing(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.lambda_.add_client_error(
        "invoke", "ResourceNotFoundException", "no such function", 404, expected_params=SWEEP
    )
    assert _call(FAILED.batch_id) == 0
    assert cloud.ledger.records[FAILED.batch_id].state is BatchState.RECEIVED
    assert capsys.readouterr().err.startswith(
        "the next scheduled sweep starts it, because it could not be started now: invoke lake-sweep: "
    )


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (BatchState.REJECTED, "its manifest is wrong; fix it, then run: sluice replay orders 2026-11-20T13"),
        (BatchState.SUPERSEDED, "a newer manifest of its partition took its place"),
        (
            BatchState.LOADED,
            "nothing has failed; to convert and load it again, run: sluice replay orders 2026-11-20T13",
        ),
    ],
)
def test_what_cannot_be_retried_is_refused_and_nothing_is_called(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], state: BatchState, why: str
) -> None:
    batch = replace(FAILED, state=state)
    cloud.ledger.records = {batch.batch_id: batch}
    assert _call(batch.batch_id) == 1
    assert cloud.ledger.records == {batch.batch_id: batch}
    assert capsys.readouterr().err == f"sluice: batch {batch.batch_id} is {state}: {why}\n"


@pytest.mark.parametrize("state", [BatchState.CONVERTING, BatchState.LOADING, BatchState.WAITING])
def test_the_sweep_is_called_for_a_batch_that_may_be_stuck(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], state: BatchState
) -> None:
    batch = replace(FAILED, state=state)
    cloud.ledger.records = {batch.batch_id: batch}
    cloud.lambda_.add_response("invoke", {"StatusCode": 202}, SWEEP)
    assert _call(batch.batch_id) == 0
    assert cloud.ledger.records == {batch.batch_id: batch}
    assert f"batch {batch.batch_id} is {state}: " in capsys.readouterr().out


def test_a_batch_that_is_not_there_is_refused(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert _call("orders.2026112014") == 1
    assert "there is no batch of partition orders.2026112014" in capsys.readouterr().err
    assert list(cloud.ledger.records.values()) == [FAILED]


def _batches(cloud: Cloud, count: int) -> list[str]:
    """More failed batches of another dataset, one an hour; returns their ids."""
    partition, made = HOUR, []
    for _ in range(count):
        partition = partition.next()
        made.append(replace(record("1", partition=partition, dataset="products"), state=BatchState.FAILED))
        cloud.ledger.create(replace(made[-1], stage=Stage.LOAD, reason="WarehouseError: x", attempts=3))
    return [batch.batch_id for batch in made]


def test_all_failed_batches_of_a_dataset_go_on(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.lambda_.add_response("invoke", {"StatusCode": 202}, SWEEP)
    names = _batches(cloud, 12)
    assert _call("--dataset", "products") == 0
    found = {name: cloud.ledger.records[name] for name in names}
    assert {(batch.state, batch.attempts, batch.reason) for batch in found.values()} == {(BatchState.CONVERTED, 0, "")}
    assert cloud.ledger.records[FAILED.batch_id] == FAILED
    told = sorted(capsys.readouterr().out.splitlines())
    assert told == [f"batch {name} is CONVERTED again and waits for the next load run" for name in sorted(names)]


def test_one_that_cannot_go_on_keeps_none_of_the_others_from_it(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.lambda_.add_response("invoke", {"StatusCode": 202}, SWEEP)
    names = _batches(cloud, 3)
    newer = record("2", partition=HOUR.next().next(), dataset="products")
    cloud.ledger.create(newer)
    assert _call("--dataset", "products", "--since", "2026-01-01") == 0
    states = [cloud.ledger.records[name].state for name in names]
    assert states == [BatchState.CONVERTED, BatchState.FAILED, BatchState.CONVERTED]
    assert f"batch {names[1]} has been replaced by the newer manifest {newer.batch_id}" in capsys.readouterr().out


def test_a_stage_that_rests_is_tried_at_once(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.lambda_.add_response("invoke", {"StatusCode": 202}, SWEEP)
    later = datetime.now(UTC) + timedelta(hours=1)
    cloud.ledger.save_outage(None, Outage("products", Stage.LOAD, later - timedelta(hours=2), 7, later, "away", "c1"))
    assert _call("--dataset", "products") == 0
    outage = cloud.ledger.outage("products", Stage.LOAD)
    assert outage is not None
    assert outage.until <= datetime.now(UTC)
    assert capsys.readouterr().out == "load of products is tried now; it rested: away\n"


def test_a_batch_that_waits_need_not_wait_for_the_end_of_its_pause(cloud: Cloud) -> None:
    cloud.lambda_.add_response("invoke", {"StatusCode": 202}, SWEEP)
    later = datetime.now(UTC) + timedelta(hours=1)
    waiting = replace(FAILED, state=BatchState.RECEIVED, due_at=timestamp(later), held=5, held_since="2026")
    cloud.ledger.records = {waiting.batch_id: waiting}
    cloud.ledger.save_outage(None, Outage("orders", Stage.CONVERT, later - timedelta(hours=2), 7, later, "away", "c1"))
    assert _call(waiting.batch_id) == 0
    now = datetime.now(UTC)
    assert cloud.ledger.records[waiting.batch_id].due_at <= timestamp(now)
    outage = cloud.ledger.outage("orders", Stage.CONVERT)
    assert outage is not None
    assert outage.until <= now


def test_batches_must_be_named(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert _call() == 2
    assert "which batches? Name one" in " ".join(capsys.readouterr().err.split())
    assert cloud.ledger.records == {FAILED.batch_id: FAILED}


def test_nothing_to_try_again_is_told(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert _call("--dataset", "products") == 1
    assert capsys.readouterr().err == "sluice: there is no FAILED batch of products, and nothing rests\n"
    assert cloud.ledger.records == {FAILED.batch_id: FAILED}
