"""The load's state machine: its file before rendering, and every way through it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonata import Jsonata

from deploy.load_machine import FILE, text
from localcloud.errors import StateError
from localcloud.stepfunctions.stepping import evaluate
from sluice.aws.objects import CopyDiffersError
from sluice.errors import AwsBusyError, ConflictError

TEXT = FILE.read_text(encoding="utf-8")
MACHINE: dict[str, Any] = json.loads(TEXT)
PLACEHOLDERS = {"load_job", "load_step_function", "archive_function"}


def maps() -> list[dict[str, Any]]:
    """Every set of states with its first one: the machine, and what its maps run for each item."""
    inner = [state["ItemProcessor"] for state in MACHINE["States"].values() if state["Type"] == "Map"]
    return [MACHINE, *inner]


def states() -> Iterator[tuple[str, dict[str, Any]]]:
    for states in maps():
        yield from states["States"].items()


def expressions(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item)
    elif isinstance(value, str) and value.startswith("{%"):
        assert value.endswith("%}"), value
        yield value[2:-2].strip()


def followers(state: dict[str, Any]) -> set[str]:
    places = [*state.get("Choices", ()), *state.get("Catch", ()), state]
    return {place[name] for place in places for name in ("Next", "Default") if name in place}


def test_the_file_is_written_from_its_pattern() -> None:
    assert text() == TEXT, "run `make docs` and commit terraform/state_machines/load.asl.json"


def test_the_file_is_json_before_it_is_rendered_and_has_no_other_placeholders() -> None:
    assert MACHINE["QueryLanguage"] == "JSONata"
    assert set(re.findall(r"\$\{(.*?)\}", TEXT)) == PLACEHOLDERS
    assert TEXT.count("${") == len(re.findall(r"\$\{\w+\}", TEXT))
    assert "%{" not in TEXT, "Terraform would take it for a directive"


def test_every_expression_can_be_parsed_and_needs_nothing_but_its_input() -> None:
    found = list(expressions(MACHINE))
    assert len(found) > 30
    for expression in found:
        Jsonata.jsonata(expression)
        assert "$states." in expression
    assert "Assign" not in TEXT, "whether variables outlive a redrive is not documented"


def test_every_state_can_be_reached_and_every_next_state_exists() -> None:
    for machine in maps():
        names = set(machine["States"])
        reached: set[str] = set()
        todo = {machine["StartAt"]}
        while todo:
            name = todo.pop()
            reached.add(name)
            following = followers(machine["States"][name])
            assert following <= names
            todo |= following - reached
        assert reached == names


def test_every_task_retries_what_may_go_away_and_catches_the_rest() -> None:
    tasks = {name: state for name, state in states() if state["Type"] == "Task"}
    assert set(tasks) == {
        "Load", "BookLoad", "PlanRefresh", "Archive", "Finish", "BookFailure", "Stopped", "Call", "Look",
    }  # fmt: skip
    for name, state in tasks.items():
        (retry,) = state["Retry"]
        assert retry["JitterStrategy"] == "FULL", name
        assert retry["BackoffRate"] > 1, name
        assert retry["MaxAttempts"] >= 3, name
        assert not {"States.ALL", "States.TaskFailed", "LoadStoppedError"} & set(retry["ErrorEquals"]), name
        if name == "Stopped":
            assert "Catch" not in state, "it is there to fail"
            continue
        (catch,) = state["Catch"]
        assert catch["ErrorEquals"] == ["States.ALL"], name
    assert [catch["ErrorEquals"] for catch in MACHINE["States"]["RefreshAggregates"]["Catch"]] == [["States.ALL"]]


def test_what_the_functions_call_transient_is_retried() -> None:
    for name, raised in [("BookLoad", (AwsBusyError, ConflictError)), ("Archive", (AwsBusyError, CopyDiffersError))]:
        (retry,) = MACHINE["States"][name]["Retry"]
        assert {kind.__name__ for kind in raised} <= set(retry["ErrorEquals"]), name


def test_a_statement_that_hangs_until_the_execution_times_out_leaves_it_redrivable() -> None:
    # https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html: fewer than 24,999 events. A look is
    # a wait (entered, left), a task (entered, scheduled, started, succeeded, left) and a choice (entered, left).
    seconds = MACHINE["States"]["RefreshAggregates"]["ItemProcessor"]["States"]["Pause"]["Seconds"]
    passed, polls = 0, 0
    while passed < MACHINE["TimeoutSeconds"]:
        passed += evaluate(seconds[2:-2].strip(), {"polls": polls})
        polls += 1
    assert 9 * polls < 20_000
    assert passed / polls > 60


def test_what_fails_after_the_load_is_booked_and_then_stops() -> None:
    found = {name: [catch["Next"] for catch in state["Catch"]] for name, state in states() if "Catch" in state}
    assert found == {
        "Load": ["BookLoad"],
        "BookLoad": ["BookFailure"],
        "RefreshAggregates": ["BookFailure"],
        "PlanRefresh": ["BookFailure"],
        "Archive": ["BookFailure"],
        "Finish": ["BookFailure"],
        "BookFailure": ["Stopped"],
        "Call": ["HasTriesLeft"],
        "Look": ["HasTriesLeft"],
    }


def test_the_token_of_a_statement_is_its_own_and_fits_the_data_api() -> None:
    arguments = MACHINE["States"]["RefreshAggregates"]["ItemProcessor"]["States"]["Call"]["Arguments"]

    def token(name: str = "c1", redrives: int = 0, attempt: int = 1, sql: str = "CALL a") -> str:
        execution = {"Id": f"arn:{name}", "RedriveCount": redrives}
        given = {"call": {"Sql": sql}, "attempt": attempt}
        found: str = evaluate(arguments[2:-2].strip(), given, execution)["ClientToken"]
        return found

    assert token() == token()
    others = {token(), token("c2"), token(redrives=1), token(attempt=2), token(sql="CALL b")}
    assert len(others) == 5
    # https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_ExecuteStatement.html
    assert all(1 <= len(found) <= 64 for found in others)


def test_an_expression_without_a_value_is_an_error() -> None:
    with pytest.raises(
        StateError, match=r"^States.QueryEvaluationError: .*did not return a result: \$states.input.nothing$"
    ):
        evaluate("$states.input.nothing", {})
