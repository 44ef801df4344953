"""The Glue script itself, as a process of its own with the package that ships to Glue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.packages import GLUE_PACKAGE, build, entry_script
from sluice.lake.handover import LoadOutcome
from sluice.settings import Settings
from tests.warehouse.loads import Loads, batch_id, contract_of, row, stored, things

if TYPE_CHECKING:
    from localcloud_tests.warehouse.conftest import LocalAws

ROOT = Path(__file__).parents[2]
THINGS = things()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with what ships to Glue, carrying a contract of our own."""
    (tmp_path / "package.zip").write_bytes(build(GLUE_PACKAGE, {"things": contract_of(THINGS)}))
    (tmp_path / "load_redshift.py").write_bytes(entry_script("load_redshift.py"))
    return tmp_path


def run_job(package: Path, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(
            map(str, (package / "package.zip", ROOT / "packages/localcloud/localcloud/glue/shim"))
        ),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    command = [sys.executable, str(package / "load_redshift.py"), "--JOB_NAME", "load", *arguments]
    return subprocess.run(
        command, env=environment, cwd=package, check=False, capture_output=True, text=True, timeout=120
    )


def test_the_job_loads_its_claim_and_writes_its_outcome(loads: Loads, local_aws: LocalAws, package: Path) -> None:
    good, bad = batch_id(1), batch_id(2)
    published = {batch: {"things": (loads.publish(THINGS, batch, [row(1, 1, "one")]),)} for batch in (good, bad)}
    loads.s3.delete_object(Bucket=loads.bucket, Key=f"things/{bad}/part-0.parquet")
    claim = loads.dispatch(contract_of(THINGS), published)
    settings = Settings(processed_bucket=loads.bucket).to_json()

    ended = run_job(package, local_aws.endpoint, "--settings", settings, "--claim_id", claim, "--dataset", "things")

    assert ended.returncode == 0, ended.stderr
    outcome = LoadOutcome.from_json(loads.documents.read(loads.processed.load_outcome(claim)))
    assert [(batch.batch_id, batch.error == "") for batch in outcome.batches] == [(good, True), (bad, False)]
    assert loads.rows() == [stored(row(1, 1, "one"), good)]

    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {(line["dataset"], line["claim"]) for line in lines} == {("things", claim)}
    assert {line["batch"] for line in lines} == {"", good, bad}
    [failure] = [line for line in lines if line["batch"] == bad and line["level"] == "WARNING"]
    assert failure["message"].startswith("table public.things: 1 of 2 batches failed: table public.things: stage: ")
    assert failure["message"].endswith(f"/things/{bad}/part-0.parquet")
    # What is on standard error is not ours: the warnings of an interpreter or the words of a JVM.
    assert "claim" not in ended.stderr


def test_the_job_fails_when_it_could_decide_nothing(loads: Loads, local_aws: LocalAws, package: Path) -> None:
    settings = Settings(processed_bucket=loads.bucket).to_json()

    ended = run_job(package, local_aws.endpoint, "--settings", settings, "--claim_id", "none", "--dataset", "things")

    assert ended.returncode != 0
    assert "MissingObjectError" in ended.stderr
    last = json.loads(ended.stdout.splitlines()[-1])
    assert (last["level"], last["dataset"], last["claim"]) == ("ERROR", "things", "none")
    assert last["message"].startswith("the run failed: MissingObjectError: ")
