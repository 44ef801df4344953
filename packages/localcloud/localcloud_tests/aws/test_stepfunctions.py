"""Executions of state machines on the local cloud: what Sluice's own machine relies on."""

import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from localcloud.child import LocalCloudProcess
from localcloud_tests.aws.cloud import Aws, Jobs, eventually
from localcloud_tests.aws.conftest import cloud_config
from localcloud_tests.aws.machines import ROLE, STUBBORN, Inbox, Machines, glue, invoke, refused, said

ACCOUNT = "000000000000"
# Far longer than any test: what waits there is still there.
HOUR_SECONDS = 72_000
WAIT = {"Type": "Wait", "Seconds": HOUR_SECONDS, "End": True}
REDRIVES = "{% $states.context.Execution.RedriveCount %}"

pytestmark = pytest.mark.usefixtures("scheduled")

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def stubborn(aws: Aws) -> str:
    """A function that fails until the execution was redriven often enough."""
    return Machines(aws).function(STUBBORN)


# Machines


def test_a_machine_that_is_gone_can_be_deleted_again(machines: Machines) -> None:
    client = machines.aws.client("stepfunctions")
    machine, other = (machines.make({"P": {"Type": "Pass", "End": True}}) for _ in range(2))
    for _ in range(2):
        client.delete_state_machine(stateMachineArn=machine)
        assert refused(client.describe_state_machine, stateMachineArn=machine) == "StateMachineDoesNotExist"
    assert refused(client.start_execution, stateMachineArn=machine) == "StateMachineDoesNotExist"
    assert client.describe_state_machine(stateMachineArn=other)["status"] == "ACTIVE"


# Names


def test_starting_what_runs_again_answers_with_it(machines: Machines) -> None:
    client = machines.aws.client("stepfunctions")
    machine = machines.make({"W": WAIT})
    request = {"stateMachineArn": machine, "name": "claim-1", "input": '{"claim": 1}'}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.start_execution(**request), range(8)))
    arn = machine.replace(":stateMachine:", ":execution:") + ":claim-1"
    assert {(answer["executionArn"], answer["startDate"]) for answer in answers} == {(arn, answers[0]["startDate"])}
    listed = client.list_executions(stateMachineArn=machine)["executions"]
    assert [(item["name"], item["status"], item["redriveCount"]) for item in listed] == [("claim-1", "RUNNING", 0)]

    assert refused(client.start_execution, **request | {"input": '{"claim": 2}'}) == "ExecutionAlreadyExists"
    client.stop_execution(executionArn=arn)
    assert refused(client.start_execution, **request) == "ExecutionAlreadyExists"
    assert machines.describe(arn)["input"] == '{"claim": 1}'
    assert len(client.list_executions(stateMachineArn=machine)["executions"]) == 1


def test_a_name_belongs_to_one_machine(machines: Machines) -> None:
    states = {"P": {"Type": "Pass", "End": True}}
    first, second = machines.make(states), machines.make(states)
    assert machines.wait(machines.start(first, {"of": 1}, "same"))["output"] == '{"of": 1}'
    assert machines.wait(machines.start(second, {"of": 2}, "same"))["output"] == '{"of": 2}'


@pytest.mark.parametrize("name", ["a b", "a/b", "a:b", "a,b", "a?", "a*", "a{", 'a"', "a\u0007", "x" * 81])
def test_a_forbidden_name_starts_nothing(machines: Machines, name: str) -> None:
    client = machines.aws.client("stepfunctions")
    machine = machines.make({"W": WAIT})
    assert refused(client.start_execution, stateMachineArn=machine, name=name) == "InvalidName"
    assert client.list_executions(stateMachineArn=machine)["executions"] == []


def test_a_name_of_80_characters_is_allowed(machines: Machines) -> None:
    name = "aZ0-_" * 16
    execution = machines.start(machines.make({"P": {"Type": "Pass", "End": True}}), {}, name)
    assert (machines.wait(execution)["name"], len(name)) == (name, 80)


def test_input_is_checked(machines: Machines) -> None:
    client = machines.aws.client("stepfunctions")
    machine = machines.make({"W": WAIT})
    assert refused(client.start_execution, stateMachineArn=machine, input="{") == "InvalidExecutionInput"
    too_long = json.dumps("x" * 262_143)
    assert refused(client.start_execution, stateMachineArn=machine, input=too_long) == "ValidationException"
    unknown = machine + "x"
    assert refused(client.start_execution, stateMachineArn=unknown, name="a") == "StateMachineDoesNotExist"
    assert client.list_executions(stateMachineArn=machine)["executions"] == []


# Redrive


def test_a_redrive_goes_on_where_it_stopped(machines: Machines, stubborn: str) -> None:
    payload = {"redrives": REDRIVES, "wanted": 2, "kept": "{% $kept %}", "given": "{% $states.input.given %}"}
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    states = {
        "Keep": {
            "Type": "Pass",
            "Assign": {"kept": {"list": [1], "text": "{% $states.input.text %}", "null": None}},
            "Output": {"given": "from Keep"},
            "Next": "Stopped",
        },
        "Stopped": invoke(stubborn, payload, Retry=retry, Next="Told"),
        "Told": {
            "Type": "Pass",
            "Output": {
                "event": "{% $states.input %}",
                "execution": "{% $states.context.Execution %}",
                "kept": "{% $kept %}",
            },
            "End": True,
        },
    }
    machine = machines.make(states)
    execution = machines.start(machine, {"text": "ü"})
    for redrives in range(2):
        ended = machines.wait(execution)
        message = f"redriven {redrives} times"
        assert (ended["status"], ended["error"]) == ("FAILED", "OddError")
        assert json.loads(ended["cause"]) == {"errorType": "OddError", "errorMessage": message}
        assert (ended["redriveCount"], ended["redriveStatus"], ended.get("redriveStatusReason")) == (
            redrives,
            "REDRIVABLE",
            None,
        )
        assert "output" not in ended
        date = machines.redrive(execution)["redriveDate"]

    ended = machines.wait(execution)
    assert (ended["status"], ended["redriveCount"], ended["redriveDate"]) == ("SUCCEEDED", 2, date)
    assert (ended["redriveStatus"], ended["redriveStatusReason"]) == (
        "NOT_REDRIVABLE",
        "Execution is SUCCEEDED and cannot be redriven",
    )
    kept = {"list": [1], "text": "ü", "null": None}
    told = json.loads(ended["output"])
    assert told["event"] == {"redrives": 2, "wanted": 2, "kept": kept, "given": "from Keep"}
    assert told["kept"] == kept
    assert told["execution"] == {
        "Id": execution,
        "Input": {"text": "ü"},
        "Name": execution.rpartition(":")[2],
        "RoleArn": ROLE,
        "StartTime": told["execution"]["StartTime"],
        "RedriveCount": 2,
        "RedriveTime": told["execution"]["RedriveTime"],
    }
    events = machines.history(execution)
    assert machines.entered(execution) == ["Keep", "Stopped", "Stopped", "Stopped", "Told"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    redriven = [e["executionRedrivenEventDetails"] for e in events if e["type"] == "ExecutionRedriven"]
    assert redriven == [{"redriveCount": 1}, {"redriveCount": 2}]
    # Retries are counted again: one in each failed passage.
    kinds = [event["type"] for event in events]
    assert (kinds.count("TaskFailed"), kinds.count("ExecutionFailed"), kinds[-1]) == (4, 2, "ExecutionSucceeded")


def test_what_cannot_be_redriven_stays_as_it_is(machines: Machines) -> None:
    client = machines.aws.client("stepfunctions")
    running = machines.start(machines.make({"W": WAIT}))
    succeeded = machines.start(machines.make({"P": {"Type": "Pass", "End": True}}))
    machines.wait(succeeded)
    for execution in (running, succeeded):
        before = machines.describe(execution), machines.history(execution)
        assert refused(client.redrive_execution, executionArn=execution) == "ExecutionNotRedrivable"
        after = machines.describe(execution), machines.history(execution)
        assert [before[0][name] for name in ("status", "redriveCount")] == [
            after[0][name] for name in ("status", "redriveCount")
        ]
        assert before[1] == after[1]
    assert refused(client.redrive_execution, executionArn=running + "x") == "ExecutionDoesNotExist"
    client.stop_execution(executionArn=running)


def test_a_repeated_request_redrives_once(machines: Machines, stubborn: str) -> None:
    state = invoke(stubborn, {"redrives": REDRIVES, "wanted": 9})
    execution = machines.start(machines.make({"S": state}))
    machines.wait(execution)
    first = machines.redrive(execution, clientToken="token-a")
    machines.wait(execution)
    assert machines.redrive(execution, clientToken="token-a")["redriveDate"] == first["redriveDate"]
    assert machines.describe(execution)["redriveCount"] == 1
    machines.redrive(execution, clientToken="token-b")
    assert machines.wait(execution)["redriveCount"] == 2


def test_a_changed_machine_does_not_reach_a_redriven_execution(machines: Machines, stubborn: str) -> None:
    client = machines.aws.client("stepfunctions")
    state = invoke(stubborn, {"redrives": REDRIVES, "wanted": 1, "version": "old"})
    machine = machines.make({"S": state})
    execution = machines.start(machine)
    machines.wait(execution)
    changed = {"StartAt": "New", "States": {"New": {"Type": "Succeed"}}}
    client.update_state_machine(stateMachineArn=machine, definition=json.dumps(changed))
    machines.redrive(execution)
    assert json.loads(machines.wait(execution)["output"])["version"] == "old"
    assert machines.entered(execution) == ["S", "S"]


def test_an_aborted_execution_is_redriven_at_once(machines: Machines) -> None:
    """The thread of the aborted passage, still in its pause, must not go on with the redriven one's."""
    client = machines.aws.client("stepfunctions")
    states = {
        "Pause": {
            "Type": "Wait",
            "Seconds": "{% $states.context.Execution.RedriveCount = 0 ? 72000 : 0 %}",
            "Next": "End",
        },
        "End": {"Type": "Succeed"},
    }
    execution = machines.start(machines.make(states))
    eventually(lambda: machines.entered(execution))
    stopped = client.stop_execution(executionArn=execution)
    assert client.stop_execution(executionArn=execution)["stopDate"] == stopped["stopDate"]
    machines.redrive(execution)
    assert machines.wait(execution)["status"] == "SUCCEEDED"
    assert [event["type"] for event in machines.history(execution)] == [
        "ExecutionStarted",
        "WaitStateEntered",
        "ExecutionAborted",
        "ExecutionRedriven",
        "WaitStateEntered",
        "WaitStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]
    assert refused(client.stop_execution, executionArn=execution) == "ValidationException"


def test_an_execution_times_out_and_can_be_redriven(machines: Machines) -> None:
    states = {
        "Pause": {
            "Type": "Wait",
            "Seconds": "{% $states.context.Execution.RedriveCount = 0 ? 72000 : 0 %}",
            "Next": "End",
        },
        "End": {"Type": "Succeed"},
    }
    execution = machines.start(machines.make(states, TimeoutSeconds=1))
    assert said(machines.wait(execution)) == ("TIMED_OUT", None, None)
    assert machines.history(execution)[-1]["type"] == "ExecutionTimedOut"
    machines.redrive(execution)
    assert machines.wait(execution)["status"] == "SUCCEEDED"


def test_a_map_stops_at_its_first_failure_and_is_redriven_as_a_whole(machines: Machines, stubborn: str) -> None:
    call = invoke(
        stubborn,
        {
            "redrives": REDRIVES,
            "wanted": "{% $states.input = 'b' ? 1 : 0 %}",
            "item": "{% $states.input %}",
            "index": "{% $states.context.Map.Item.Index %}",
        },
    )
    mapped = {
        "Type": "Map",
        "Items": "{% $states.input.items %}",
        "MaxConcurrency": 1,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Call", "States": {"Call": call}},
        "Output": "{% $states.result.(item & $string(index)) %}",
        "End": True,
    }
    execution = machines.start(machines.make({"All": mapped}), {"items": ["a", "b", "c"]})
    ended = machines.wait(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "OddError")
    assert machines.entered(execution) == ["All", "Call", "Call"]
    machines.redrive(execution)
    assert json.loads(machines.wait(execution)["output"]) == ["a0", "b1", "c2"]
    assert machines.entered(execution) == ["All", "Call", "Call", "All", "Call", "Call", "Call"]


# Language


def test_expressions_variables_and_context(machines: Machines) -> None:
    item = (
        "{% {'item': $states.input, 'index': $states.context.Map.Item.Index, 'of': $states.context.Map.Item.Value} %}"
    )
    inner = {
        "Mark": {"Type": "Pass", "Assign": {"inner": "{% $outer & '!' %}"}, "Output": item, "Next": "Is"},
        "Is": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.index = 1 %}", "Output": {"second": True}, "Next": "Done"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed", "Output": {"got": "{% $states.input %}", "inner": "{% $inner %}"}},
    }
    states = {
        "Set": {"Type": "Pass", "Assign": {"outer": "{% $states.input.text %}"}, "Next": "Each"},
        "Each": {
            "Type": "Map",
            "Items": "{% $states.input.items %}",
            "ItemProcessor": {"StartAt": "Mark", "States": inner},
            "Output": {"all": "{% $states.result %}", "first": "{% $states.result[0].got %}"},
            "Next": "Show",
        },
        "Show": {
            "Type": "Pass",
            "Output": {
                "each": "{% $states.input %}",
                "outer": "{% $outer %}",
                "is_inner_seen": "{% $exists($inner) %}",
                "merged": "{% $merge([{'a': 1, 'b': [1]}, {'a': 2}]) %}",
                "hash": "{% $hash($join(['a', $string({'b': [1, null]})], '/'), 'SHA-256') %}",
                "state": "{% $states.context.State.Name %}",
                "retries": "{% $states.context.State.RetryCount %}",
                "machine": "{% $states.context.StateMachine %}",
                "literal": ["{% 1 + 1 %}", {"x": "plain {% %}"}],
                "null": None,
            },
            "Next": "Pause",
        },
        "Pause": {"Type": "Wait", "Seconds": "{% $min([$states.input.outer = 'ü' ? 1 : 2, 20]) %}", "End": True},
    }
    machine = machines.make(states)
    output = json.loads(machines.wait(machines.start(machine, {"text": "ü", "items": ["x", [2]]}))["output"])
    first = {"item": "x", "index": 0, "of": "x"}
    each = [{"got": first, "inner": "ü!"}, {"got": {"second": True}, "inner": "ü!"}]
    assert output == {
        "each": {"all": each, "first": first},
        "outer": "ü",
        # Variables of a Map's inside are its own.
        # Source: https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
        "is_inner_seen": False,
        "merged": {"a": 2, "b": [1]},
        "hash": sha256(b'a/{"b":[1,null]}').hexdigest(),
        "state": "Show",
        "retries": 0,
        "machine": {"Id": machine, "Name": machine.rpartition(":")[2]},
        "literal": [2, {"x": "plain {% %}"}],
        "null": None,
    }


@pytest.mark.parametrize("items", [[], [{"n": 1}], [[1]], [{"n": 1}, {"n": 2}]])
def test_lists_of_any_length_are_mapped(machines: Machines, items: list[Any]) -> None:
    """JSONata takes a list of one for its element in some places; a Map's Items is none of them."""
    mapped = {
        "Type": "Map",
        "Items": "{% $states.input.items %}",
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}},
        "End": True,
    }
    merged = {"Type": "Pass", "Output": "{% $merge([$states.input, {'more': true}]) %}", "Next": "Each"}
    assert machines.output({"Merge": merged, "Each": mapped}, {"items": items}) == items


def test_a_catch_keeps_the_input_and_says_what_failed(machines: Machines, stubborn: str) -> None:
    states = {
        "Call": invoke(
            stubborn,
            {"redrives": "{% $states.context.State.RetryCount %}", "wanted": 5},
            Retry=[
                {"ErrorEquals": ["Lambda.ServiceException"], "MaxAttempts": 9},
                {"ErrorEquals": ["OddError"], "IntervalSeconds": 20, "MaxDelaySeconds": 21, "MaxAttempts": 2},
            ],
            Catch=[
                {"ErrorEquals": ["States.Timeout"], "Next": "Wrong"},
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"why": "{% $parse($states.errorOutput.Cause).errorMessage %}"},
                    "Output": "{% $merge([$states.input, {'failure': $states.errorOutput.Error}]) %}",
                    "Next": "Booked",
                },
            ],
        ),
        "Booked": {"Type": "Pass", "Output": {"input": "{% $states.input %}", "why": "{% $why %}"}, "End": True},
        "Wrong": {"Type": "Fail"},
    }
    started = time.monotonic()
    execution = machines.start(machines.make(states), {"claim": "c"})
    output = json.loads(machines.wait(execution)["output"])
    assert output == {"input": {"claim": "c", "failure": "OddError"}, "why": "redriven 2 times"}
    assert [event["type"] for event in machines.history(execution)].count("TaskFailed") == 3
    # Pauses of 20 and 21 seconds at the twentieth part that tests set.
    assert time.monotonic() - started > 2.0


def test_what_nothing_can_catch(machines: Machines) -> None:
    everything = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    caught = {"Type": "Pass", "End": True}
    unknown = {"Type": "Task", "Resource": "arn:aws:states:::nobody:knows", "Catch": everything, "End": True}
    ended = machines.run({"Do": unknown, "Caught": caught})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    big = {"Type": "Pass", "Output": "{% $pad('', 262145, '.') %}", "Next": "Caught"}
    ended = machines.run({"Big": big, "Caught": caught})
    assert said(ended) == (
        "FAILED",
        "States.DataLimitExceeded",
        "The state/task 'Big' returned a result with a size exceeding the maximum number of bytes service limit.",
    )


def test_a_fail_state_evaluates_its_texts(machines: Machines) -> None:
    failing = {"Type": "Fail", "Error": "Refused", "Cause": "{% 'claim ' & $states.input.claim %}"}
    assert said(machines.run({"No": failing}, {"claim": "c"})) == ("FAILED", "Refused", "claim c")


# Events


def listen(aws: Aws, machine: str, inbox: Inbox) -> None:
    """Send a machine's status changes to a queue."""
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine]},
    }
    name = f"rule-{next(_numbers)}"
    aws.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    aws.client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": inbox.arn}])


def test_every_change_of_status_is_told(aws: Aws, machines: Machines, stubborn: str) -> None:
    inbox = Inbox(aws)
    machine = machines.make({"S": invoke(stubborn, {"redrives": REDRIVES, "wanted": 1})})
    listen(aws, machine, inbox)
    execution = machines.start(machine, {"claim": "c"}, "told")
    failed = machines.wait(execution)
    inbox.has(2)
    redriven_at = machines.redrive(execution)["redriveDate"]
    ended = machines.wait(execution)

    def moment(value: datetime) -> int:
        return round(value.timestamp() * 1000)

    common = {
        "executionArn": execution,
        "stateMachineArn": machine,
        "name": "told",
        "startDate": moment(failed["startDate"]),
        "stopDate": None,
        "input": '{"claim": "c"}',
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": None,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
        "error": None,
        "cause": None,
    }
    again = {"redriveCount": 1, "redriveDate": moment(redriven_at)}
    expected = [
        common | {"status": "RUNNING"},
        common
        | {
            "status": "FAILED",
            "stopDate": moment(failed["stopDate"]),
            "redriveStatus": "REDRIVABLE",
            "redriveStatusReason": None,
            "error": "OddError",
            "cause": failed["cause"],
        },
        common | again | {"status": "RUNNING"},
        common
        | again
        | {
            "status": "SUCCEEDED",
            "stopDate": moment(ended["stopDate"]),
            "output": '{"redrives": 1, "wanted": 1}',
            "outputDetails": {"included": True},
            "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        },
    ]
    events = inbox.has(4)
    assert sorted((e["detail"] for e in events), key=lambda d: (d["redriveCount"], d["stopDate"] or 0)) == expected
    assert {(e["source"], e["account"], *e["resources"]) for e in events} == {("aws.states", ACCOUNT, execution)}


def test_an_abort_is_told(aws: Aws, machines: Machines) -> None:
    inbox = Inbox(aws)
    machine = machines.make({"W": WAIT})
    listen(aws, machine, inbox)
    execution = machines.start(machine)
    aws.client("stepfunctions").stop_execution(executionArn=execution, error="E", cause="C")
    detail = inbox.has(2)[1]["detail"]
    told = [detail[name] for name in ("status", "error", "cause", "redriveStatus", "output")]
    assert told == ["ABORTED", "E", "C", "REDRIVABLE", None]


# Restart


def stop(cloud: LocalCloudProcess) -> None:
    cloud.stop()


def kill(cloud: LocalCloudProcess) -> None:
    time.sleep(1.0)  # some checkpoints
    cloud.kill()


@pytest.mark.parametrize("ending", [stop, kill])
def test_an_interrupted_execution_fails_and_can_be_redriven(
    tmp_path: Path, ending: Callable[[LocalCloudProcess], None]
) -> None:
    cloud = LocalCloudProcess(cloud_config(tmp_path / "state"))
    cloud.start()
    try:
        aws = Aws(cloud.endpoint_url)
        machines, jobs, inbox = Machines(aws), Jobs(aws, aws.make_bucket("jobs-of-restart")), Inbox(aws)
        job = jobs.create(
            "interrupted", "import sys, time\nif sys.argv[sys.argv.index('--claim_id') + 1] == '0': time.sleep(300)"
        )
        keep = {"Type": "Pass", "Assign": {"kept": "{% $states.input %}"}, "Output": {"claim": "x"}, "Next": "Load"}
        load = glue(job, Next="Told") | {
            "Arguments": {
                "JobName": job,
                "Arguments": {"--claim_id": "{% $string($states.context.Execution.RedriveCount) %}"},
            }
        }
        told = {
            "Type": "Pass",
            "Output": {"kept": "{% $kept %}", "run": "{% $states.input.JobRunState %}"},
            "End": True,
        }
        machine = machines.make({"Keep": keep, "Load": load, "Told": told})
        listen(aws, machine, inbox)
        execution = machines.start(machine, {"n": [1]}, "claim-1")
        finished = machines.start(machines.make({"P": {"Type": "Pass", "End": True}}))
        machines.wait(finished)
        run = eventually(lambda: aws.client("glue").get_job_runs(JobName=job)["JobRuns"])[0]["Id"]
        jobs.wait(job, run, "RUNNING")
        inbox.has(1)
        ending(cloud)
        cloud.start()

        aws = Aws(cloud.endpoint_url)
        machines = Machines(aws)
        inbox.open(aws)
        interrupted = (
            "FAILED",
            "LocalCloudStopped",
            "the local cloud stopped while the execution was running; a redrive goes on with it",
        )
        assert said(machines.describe(execution)) == interrupted
        detail = inbox.has(2)[1]["detail"]
        assert (detail["status"], detail["error"], detail["cause"]) == interrupted
        kinds = [event["type"] for event in machines.history(execution)]
        assert kinds[-1] == "ExecutionFailed"
        assert machines.describe(finished)["status"] == "SUCCEEDED"

        machines.redrive(execution)
        ended = machines.wait(execution)
        assert json.loads(ended["output"]) == {"kept": {"n": [1]}, "run": "SUCCEEDED"}
        assert machines.entered(execution) == ["Keep", "Load", "Load", "Told"]
        states = [each["JobRunState"] for each in aws.client("glue").get_job_runs(JobName=job)["JobRuns"]]
        assert states == ["SUCCEEDED", "FAILED"]
    finally:
        cloud.stop()
