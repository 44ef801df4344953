"""`sluice logs`: of all lines of a path those about one batch, in the order of time."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sluice.cli import logs as module
from sluice.cli import main
from sluice.cli.logs import log_groups
from sluice.cli.session import Session
from sluice.names import FUNCTIONS
from sluice.settings import Settings
from tests.doubles.ledger import MemoryLedger
from tests.ledger_behaviour import record

BATCH = replace(record("1"), claim_id="load-claim", convert_claim="convert-claim")
OTHER = record("2").batch_id


def line(at: str, message: str, level: str = "INFO", **names: str) -> dict[str, Any]:
    said = {"timestamp": f"2026-11-20T15:00:{at}.000000Z", "level": level, "message": message, **names}
    return {"timestamp": 1, "message": json.dumps(said)}


EVENTS = {
    "/aws/lambda/sluice-on-manifest": [
        line("01", f"batch {BATCH.batch_id} booked"),
        line("02", "about another", batch=OTHER),
        {"timestamp": 1, "message": json.dumps({"_aws": {}, "batch": BATCH.batch_id})},
    ],
    "/sluice/glue/sluice-raw-to-parquet/output": [
        line("05", "run ends", run="convert-claim", batch=""),
        line("04", "about this one", "WARNING", run="convert-claim", batch=BATCH.batch_id),
        line("04", "about the other one", run="convert-claim", batch=OTHER),
        line("04", "another run", run="other-claim", batch=""),
    ],
    "/sluice/glue/sluice-raw-to-parquet/error": [
        {"timestamp": 1_795_186_806_000, "message": f"Traceback of {BATCH.batch_id}\n"}
    ],
}


@pytest.fixture(autouse=True)
def _cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = MemoryLedger()
    ledger.create(BATCH)
    monkeypatch.setattr(Session, "ledger", ledger)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "")
    monkeypatch.setattr(module, "_client", lambda _: None)
    monkeypatch.setattr(module, "_events", lambda _, group, __: EVENTS.get(group, []))


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["logs", BATCH.batch_id, *arguments])
    captured = capsys.readouterr()
    assert ended.value.code == 0, captured.err
    return captured.out


def test_lines_about_a_batch_and_about_its_whole_runs_in_the_order_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert [shown.rstrip() for shown in call(capsys).splitlines()] == [
        f"15:00:01  on-manifest    batch {BATCH.batch_id} booked",
        "15:00:04  raw-to-parquet about this one",
        "15:00:05  raw-to-parquet run ends",
        f"15:00:06  raw-to-parquet Traceback of {BATCH.batch_id}",
    ]


def test_errors_only_and_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(call(capsys, "--errors", "--json")) == [
        {
            "at": "2026-11-20T15:00:04.000000Z",
            "source": "raw-to-parquet",
            "level": "WARNING",
            "message": "about this one",
        }
    ]


def test_every_function_and_job_of_the_path_is_looked_at() -> None:
    groups = list(log_groups(Settings(name="lake", convert_job="lake-a", load_job="lake-b")))
    assert {source for source, _ in groups} == {*FUNCTIONS[:5], "a", "b"}
    assert ("sweep", "/aws/lambda/lake-sweep") in groups
    assert [group for source, group in groups if source == "a"] == [
        "/sluice/glue/lake-a/output",
        "/sluice/glue/lake-a/error",
    ]
