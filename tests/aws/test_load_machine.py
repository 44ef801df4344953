"""The state machine of the load on the local cloud, over parts that fail as told."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.child import LocalCloudProcess
from localcloud_tests.aws.cloud import Aws, Jobs
from localcloud_tests.aws.conftest import cloud_config
from localcloud_tests.aws.machines import ROLE, Machines

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def with_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """State machines beside a warehouse."""
    config = replace(cloud_config(tmp_path_factory.mktemp("warehouse")), with_warehouse=True, warehouse_port=0)
    with LocalCloudProcess(config) as cloud:
        yield Machines(Aws(cloud.endpoint_url))


# Each part writes down that it was called, and fails when its name is in the file.
STEP = """
import json, pathlib
class BookingError(Exception): pass
class LoadStoppedError(Exception): pass
FOLDER = pathlib.Path(FOLDER_NAME)
def handler(event, context):
    step = event.get("step", "archive")
    with open(FOLDER / "calls", "a") as calls:
        print(json.dumps(event), file=calls)
    failing = (FOLDER / "failing").read_text()
    if step == failing:
        raise BookingError("no")
    if step == "stop" and event["redrives"] <= event["failure"]["redrives"]:
        raise LoadStoppedError("stopped")
    if step == "archive":
        return {"done": True}
    if step not in ("book", "refresh"):
        return {}
    number = "0" if failing == "sql" else "1"
    call = {"Sql": "select 1 / :n::int", "Parameters": [{"Name": "n", "Value": number}], "Database": "warehouse",
            "WorkgroupName": "sluice", "StatementName": "refresh daily"}
    is_loaded = "failure" not in event
    booked = {"loaded": 1 if is_loaded else 0, "archive": True} if step == "book" else {}
    is_first = event.get("start", 0) == 0
    return booked | {"refresh": [call] if is_loaded else [], "more": is_first and is_loaded, "next": 1}
"""
LOAD = """
import pathlib, sys
folder = pathlib.Path(FOLDER_NAME)
with open(folder / "calls", "a") as calls:
    print('"load"', file=calls)
if (folder / "failing").read_text() == "load":
    raise ValueError("no")
"""
ABOUT = {"claim_id": "c1", "dataset": "orders"}


@dataclass(frozen=True)
class LoadMachine:
    """The real state machine, over parts that fail as told."""

    machines: Machines
    arn: str
    folder: Path

    def set_failing(self, step: str) -> None:
        """Make one part fail from now on."""
        (self.folder / "failing").write_text(step)
        (self.folder / "calls").write_text("")

    def calls(self) -> list[Any]:
        """What was called since, without what every call carries."""
        calls = [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]
        return [call if isinstance(call, str) else _without(call) for call in calls]


def _without(call: dict[str, Any]) -> dict[str, Any]:
    assert call.items() >= ABOUT.items()
    rest = {name: value for name, value in call.items() if name not in ABOUT}
    if "failure" in rest:
        rest["failure"] = {name: rest["failure"][name] for name in ("state", "error", "redrives")}
    return rest


@pytest.fixture(scope="module")
def load_machine(with_warehouse: Machines, tmp_path_factory: pytest.TempPathFactory) -> LoadMachine:
    """The load's state machine."""
    folder = tmp_path_factory.mktemp("parts")
    jobs = Jobs(with_warehouse.aws, with_warehouse.aws.make_bucket("load-machine"))
    function = with_warehouse.function(STEP.replace("FOLDER_NAME", repr(str(folder))))
    job = jobs.create("load", LOAD.replace("FOLDER_NAME", repr(str(folder))))
    text = (ROOT / "terraform" / "state_machines" / "load.asl.json").read_text(encoding="utf-8")
    values = {"load_job": job, "load_step_function": function, "archive_function": function}
    definition = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], text)
    client = with_warehouse.aws.client("stepfunctions")
    arn = client.create_state_machine(name="load", definition=definition, roleArn=ROLE)["stateMachineArn"]
    return LoadMachine(with_warehouse, arn, folder)


REFRESH = [{"step": "refresh", "start": 1}]
ARCHIVED: list[Any] = [{}, {"step": "finish"}]
LOADED: list[Any] = ["load", {"step": "book"}]


def failure(state: str, error: str) -> dict[str, Any]:
    return {"state": state, "error": error, "redrives": 0}


@pytest.mark.parametrize(
    ("failing", "told", "before", "after"),
    [
        (
            "load",
            failure("Load", "States.TaskFailed"),
            ["load", {"step": "book", "failure": failure("Load", "States.TaskFailed")}],
            [*LOADED, *REFRESH, *ARCHIVED],
        ),
        ("book", failure("BookLoad", "BookingError"), LOADED, [{"step": "book"}, *REFRESH, *ARCHIVED]),
        (
            "sql",
            failure("RefreshAggregates", "AggregateRefreshError"),
            LOADED,
            [{"step": "refresh", "start": 0}, *REFRESH, *ARCHIVED],
        ),
        (
            "refresh",
            failure("RefreshAggregates", "BookingError"),
            [*LOADED, *REFRESH],
            [{"step": "refresh", "start": 0}, *REFRESH, *ARCHIVED],
        ),
        ("archive", failure("Archive", "BookingError"), [*LOADED, *REFRESH, {}], ARCHIVED),
        ("finish", failure("Finish", "BookingError"), [*LOADED, *REFRESH, *ARCHIVED], [{"step": "finish"}]),
    ],
)
def test_the_load_goes_on_after_a_failure_of_each_part(
    load_machine: LoadMachine, failing: str, told: dict[str, Any], before: list[Any], after: list[Any]
) -> None:
    load_machine.set_failing(failing)
    execution = load_machine.machines.start(load_machine.arn, ABOUT, f"claim-{failing}")
    ended = load_machine.machines.wait(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "LoadStoppedError")
    # A load that failed is told by its booking.
    booked = [] if failing == "load" else [{"step": "fail", "failure": told}]
    assert load_machine.calls() == [*before, *booked, {"step": "stop", "failure": told, "redrives": 0}]

    load_machine.set_failing("")
    load_machine.machines.redrive(execution)
    ended = load_machine.machines.wait(execution)
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", "{}")
    assert load_machine.calls() == [{"step": "stop", "failure": told, "redrives": 1}, *after]


def test_an_undisturbed_load(load_machine: LoadMachine) -> None:
    load_machine.set_failing("")
    ended = load_machine.machines.wait(load_machine.machines.start(load_machine.arn, ABOUT, "claim"))
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", "{}")
    assert load_machine.calls() == [*LOADED, *REFRESH, *ARCHIVED]
