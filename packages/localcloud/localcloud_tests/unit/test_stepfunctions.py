"""Rules of executions, retries and functions' errors on a laptop, without an execution."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.embedded_metrics import metrics_in
from localcloud.glue.runs import JobRun
from localcloud.lambda_errors import named
from localcloud.stepfunctions.glue_task import as_result
from localcloud.stepfunctions.redrive import MAX_EVENTS, earlier_answer, now_text, parse, refusal, view
from localcloud.stepfunctions.retries import delay_seconds, find_retrier, is_matched

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("names", "error", "is_caught"),
    [
        (["OddError"], "OddError", True),
        (["OddError"], "OtherError", False),
        (["States.ALL"], "OddError", True),
        (["States.ALL"], "States.Timeout", True),
        (["States.TaskFailed"], "OddError", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.Timeout"], "States.Timeout", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.TaskFailed"], "States.DataLimitExceeded", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
    ],
)
def test_errors_are_matched_as_documented(names: list[str], error: str, is_caught: bool) -> None:
    assert is_matched(names, error) is is_caught


def test_the_first_retrier_that_matches_decides() -> None:
    first: dict[str, Any] = {"ErrorEquals": ["A"], "MaxAttempts": 2}
    rest: dict[str, Any] = {"ErrorEquals": ["States.ALL"]}
    retriers = [first, rest]
    assert find_retrier(retriers, "A", {}) == (first, 0)
    assert find_retrier(retriers, "A", {0: 1}) == (first, 0)
    assert find_retrier(retriers, "A", {0: 2}) is None
    assert find_retrier(retriers, "B", {0: 2, 1: 2}) == (rest, 1)
    assert find_retrier(retriers, "B", {1: 3}) is None
    assert find_retrier([{"ErrorEquals": ["A"], "MaxAttempts": 0}], "A", {}) is None


def test_pauses_grow_up_to_the_limit() -> None:
    retrier = {"IntervalSeconds": 3, "BackoffRate": 3, "MaxDelaySeconds": 100}
    assert [delay_seconds(retrier, count, Random()) for count in range(5)] == [3, 9, 27, 81, 100]
    assert [delay_seconds({}, count, Random()) for count in range(4)] == [1, 2, 4, 8]


@given(count=st.integers(0, 20), seed=st.integers())
def test_jitter_is_between_nothing_and_the_pause(count: int, seed: int) -> None:
    retrier: dict[str, Any] = {"IntervalSeconds": 2, "MaxDelaySeconds": 60}
    full = delay_seconds(retrier, count, Random(seed))
    assert 0 <= delay_seconds(retrier | {"JitterStrategy": "FULL"}, count, Random(seed)) <= full
    assert delay_seconds(retrier | {"JitterStrategy": "NONE"}, count, Random(seed)) == full


def test_jitter_is_spread() -> None:
    random = Random(1)
    drawn = [delay_seconds({"IntervalSeconds": 10, "JitterStrategy": "FULL"}, 0, random) for _ in range(100)]
    assert (min(drawn) < 1, max(drawn) > 9, len(set(drawn))) == (True, True, 100)


def execution(**changes: Any) -> dict[str, Any]:
    ended = {"status": "FAILED", "startDate": now_text(NOW), "stopDate": now_text(NOW), "events": [{}]}
    return ended | changes


@pytest.mark.parametrize(
    ("record", "machine_type", "reason"),
    [
        (execution(), "STANDARD", None),
        (execution(status="TIMED_OUT"), "STANDARD", None),
        (execution(status="ABORTED"), "STANDARD", None),
        (execution(), "EXPRESS", "Execution is of type EXPRESS and cannot be redriven"),
        (execution(status="RUNNING", stopDate=None), "STANDARD", "Execution is RUNNING and cannot be redriven"),
        (execution(status="SUCCEEDED"), "STANDARD", "Execution is SUCCEEDED and cannot be redriven"),
        (execution(stopDate=now_text(NOW - timedelta(days=14))), "STANDARD", None),
        (
            execution(stopDate=now_text(NOW - timedelta(days=14, seconds=1))),
            "STANDARD",
            "Execution redrivable period exceeded",
        ),
        (
            execution(startDate=now_text(NOW - timedelta(days=366))),
            "STANDARD",
            "Execution has exceeded the max execution time",
        ),
        (execution(events=[{}] * (MAX_EVENTS - 1)), "STANDARD", None),
        (execution(events=[{}] * MAX_EVENTS), "STANDARD", "Execution history event limit exceeded"),
    ],
)
def test_what_can_be_redriven(record: dict[str, Any], machine_type: str, reason: str | None) -> None:
    assert refusal(record, machine_type, NOW) == reason
    assert view(record, machine_type, NOW) == {
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "REDRIVABLE" if reason is None else "NOT_REDRIVABLE",
        "redriveStatusReason": reason,
    }


def test_a_client_token_holds_for_fifteen_minutes() -> None:
    date = now_text(NOW)
    record = execution(redriveTokens=[["a", date], ["b", date], [None, date]])
    assert earlier_answer(record, "b", NOW + timedelta(minutes=15)) == date
    assert earlier_answer(record, "b", NOW + timedelta(minutes=15, seconds=1)) is None
    assert earlier_answer(record, "c", NOW) is None
    assert earlier_answer(record, None, NOW) is None
    assert earlier_answer(execution(), "a", NOW) is None


@given(st.integers(0, 4 * 10**12))
def test_moments_are_read_as_they_are_written(milliseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert parse(now_text(moment)) == moment


def test_a_run_is_told_in_milliseconds() -> None:
    run = JobRun(
        id="jr_1",
        job_name="load",
        account_id="1",
        region="r",
        state="WAITING",
        started_on=1.5,
        last_modified_on=2.25,
        arguments={"--a": "b"},
        job_arguments={},
        script_location="s3://b/k",
        max_concurrent_runs=1,
        max_retries=0,
        timeout_minutes=5,
        queuing_enabled=False,
        previous_run_id=None,
        shown={"GlueVersion": "6.0"},
    )
    shown = {
        "Id": "jr_1",
        "Attempt": 0,
        "JobName": "load",
        "JobRunQueuingEnabled": False,
        "StartedOn": 1500,
        "LastModifiedOn": 2250,
        "JobRunState": "WAITING",
        "Arguments": {"--a": "b"},
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "Timeout": 5,
        "LogGroupName": "/aws-glue/jobs",
        "GlueVersion": "6.0",
    }
    assert as_result(run) == shown
    ended = replace(run, state="FAILED", completed_on=2.25, error_message="no")
    expected = shown | {"JobRunState": "FAILED", "CompletedOn": 2250, "ErrorMessage": "no"}
    assert as_result(ended) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("OddError:no: such\nthing", ("OddError", "no: such\nthing")),
        ("OddError:", ("OddError", "")),
        ("Worker process died", ("Runtime.ExitError", "Runtime exited")),
        ("Worker returned no response", ("Runtime.HandlerError", "Worker returned no response")),
    ],
)
def test_a_functions_error_has_the_name_of_its_exception(told: str, expected: tuple[str, str]) -> None:
    error = named({"errorType": "Runtime.HandlerError", "errorMessage": told})
    assert error == {"errorType": expected[0], "errorMessage": expected[1]}


def test_a_timeout_keeps_its_name() -> None:
    timeout = {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"}
    assert named(timeout) == timeout


def line(**changes: Any) -> str:
    directive = {
        "Namespace": "Sluice",
        "Dimensions": [["dataset"], ["dataset", "table"]],
        "Metrics": [{"Name": "Rows", "Unit": "Count"}, {"Name": "Seconds"}, {"Name": "Absent"}],
    }
    document = {
        "_aws": {"Timestamp": 1500, "CloudWatchMetrics": [directive]},
        "dataset": "orders",
        "table": 7,
        "Rows": [3, 4.5],
        "Seconds": 0,
    }
    return json.dumps(document | changes)


def test_metrics_are_taken_from_a_log_line() -> None:
    dataset, table = {"Name": "dataset", "Value": "orders"}, {"Name": "table", "Value": "7"}
    values = [("Rows", "Count", 3.0), ("Rows", "Count", 4.5), ("Seconds", "None", 0.0)]
    expected = [
        (
            "Sluice",
            {"MetricName": name, "Dimensions": dimensions, "Timestamp": 1.5, "Unit": unit, "Value": value},
        )
        for dimensions in ([dataset], [dataset, table])
        for name, unit, value in values
    ]
    assert list(metrics_in(line())) == expected


@pytest.mark.parametrize("text", ["", "hello", "{}", "[1]", '{"a": "_aws"}', '{"_aws": 1}', '{"_aws": {}', "null"])
def test_other_lines_have_no_metrics(text: str) -> None:
    assert list(metrics_in(text)) == []


@pytest.mark.parametrize("changes", [{"Rows": "many"}, {"Rows": [{}]}])
def test_a_line_that_breaks_the_format_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        list(metrics_in(line(**changes)))
