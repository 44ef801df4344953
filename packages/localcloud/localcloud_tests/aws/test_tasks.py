"""What state machines do on the local cloud: Glue runs, functions, statements; and what else Sluice hangs on them."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from localcloud.child import LocalCloudProcess
from localcloud_tests.aws.cloud import Aws, Jobs, eventually
from localcloud_tests.aws.conftest import cloud_config
from localcloud_tests.aws.machines import Inbox, Machines, glue, invoke, refused, said

SLEEP = "import time; time.sleep(300)"

pytestmark = pytest.mark.usefixtures("scheduled")

_numbers = itertools.count(1)


# Glue


def test_a_glue_run_is_waited_for(machines: Machines, jobs: Jobs) -> None:
    job = jobs.create("task-waited", "import sys; print(sys.argv[sys.argv.index('--claim_id') + 1])")
    run = machines.output({"Load": glue(job)}, {"claim": "c1"})
    shown = jobs.get(job, run["Id"])
    moments = {name: round(shown[name].timestamp() * 1000) for name in ("StartedOn", "LastModifiedOn", "CompletedOn")}
    assert run == {name: value for name, value in shown.items() if name != "ResponseMetadata"} | moments
    assert (run["JobName"], run["JobRunState"], run["Arguments"]) == (job, "SUCCEEDED", {"--claim_id": "c1"})


def test_a_glue_run_that_is_not_waited_for(machines: Machines, jobs: Jobs) -> None:
    job = jobs.create("task-left", "print(1)")
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun",
        "Arguments": {"JobName": job},
        "End": True,
    }
    answer = machines.output({"Start": state})
    assert answer == {"JobName": job, "JobRunId": answer["JobRunId"]}
    assert jobs.wait(job, answer["JobRunId"])["JobRunState"] == "SUCCEEDED"


def test_a_failed_glue_run_is_the_cause(machines: Machines, jobs: Jobs) -> None:
    job = jobs.create("task-broken", "raise ValueError('no such claim')")
    caught = {"ErrorEquals": ["States.TaskFailed"], "Output": "{% $states.errorOutput %}", "Next": "Booked"}
    states = {"Load": glue(job, Catch=[caught]), "Booked": {"Type": "Pass", "End": True}}
    error = machines.output(states, {"claim": "c1"})
    run = json.loads(error["Cause"])
    assert error == {"Error": "States.TaskFailed", "Cause": error["Cause"]}
    assert (run["JobName"], run["JobRunState"], run["ErrorMessage"]) == (job, "FAILED", "ValueError: no such claim")
    assert run["Id"] == machines.aws.client("glue").get_job_runs(JobName=job)["JobRuns"][0]["Id"]


def test_refusals_of_a_start_have_glues_names(machines: Machines, jobs: Jobs) -> None:
    job = jobs.create("task-full", SLEEP)
    run = jobs.start(job)
    ended = machines.run({"Load": glue(job)}, {"claim": "c"})
    assert said(ended) == (
        "FAILED",
        "Glue.ConcurrentRunsExceededException",
        "Concurrent runs exceeded for task-full: 1 allowed",
    )
    assert [each["Id"] for each in machines.aws.client("glue").get_job_runs(JobName=job)["JobRuns"]] == [run]
    machines.aws.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run])
    jobs.wait(job, run)
    ended = machines.run({"Load": glue("nobody")}, {"claim": "c"})
    assert said(ended) == ("FAILED", "Glue.EntityNotFoundException", "Job nobody not found")


def test_an_abort_stops_the_run(machines: Machines, jobs: Jobs) -> None:
    job = jobs.create("task-aborted", SLEEP)
    caught = {"ErrorEquals": ["States.ALL"], "Next": "Booked"}
    states = {"Load": glue(job, Catch=[caught]), "Booked": {"Type": "Pass", "End": True}}
    execution = machines.start(machines.make(states), {"claim": "c"})
    run = eventually(lambda: machines.aws.client("glue").get_job_runs(JobName=job)["JobRuns"])[0]["Id"]
    jobs.wait(job, run, "RUNNING")
    machines.aws.client("stepfunctions").stop_execution(executionArn=execution, error="Enough", cause="by hand")
    assert jobs.wait(job, run, "STOPPED")["JobRunState"] == "STOPPED"
    assert said(machines.describe(execution)) == ("ABORTED", "Enough", "by hand")
    events = machines.history(execution)
    assert machines.entered(execution) == ["Load"]
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "ExecutionAborted",
    ]
    assert events[-1]["executionAbortedEventDetails"] == {"error": "Enough", "cause": "by hand"}


def test_a_run_that_takes_too_long_is_stopped(machines: Machines, jobs: Jobs) -> None:
    job = jobs.create("task-slow", SLEEP)
    ended = machines.run({"Load": glue(job, TimeoutSeconds=2)}, {"claim": "c"})
    assert said(ended) == ("FAILED", "States.Timeout", "Task timed out after 2 seconds")
    run = machines.aws.client("glue").get_job_runs(JobName=job)["JobRuns"][0]["Id"]
    assert jobs.wait(job, run)["JobRunState"] == "STOPPED"


# Lambda


FAILING = """
import os, time
class OddError(Exception): pass
def handler(event, context):
    if event == "raise": raise OddError("line one: of\\ntwo")
    if event == "sleep": time.sleep(60)
    if event == "exit": os._exit(1)
    return [event, {"null": None}]
"""


def test_a_functions_payload_and_its_errors(machines: Machines) -> None:
    function = machines.function(FAILING, Timeout=1)
    machine = machines.make({"Call": invoke(function, "{% $states.input %}")})
    ends = {event: machines.wait(machines.start(machine, event)) for event in ("fine", "raise", "sleep", "exit")}
    assert json.loads(ends["fine"]["output"]) == ["fine", {"null": None}]
    causes = {event: json.loads(end["cause"]) for event, end in ends.items() if event != "fine"}
    assert causes == {
        "raise": {"errorType": "OddError", "errorMessage": "line one: of\ntwo"},
        "sleep": {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 1.00 seconds"},
        "exit": {"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited"},
    }
    assert {event: ends[event]["error"] for event in causes} == {e: cause["errorType"] for e, cause in causes.items()}
    ended = machines.run({"Call": invoke("nobody", {})})
    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.ResourceNotFoundException")


METERED = """
import json, time
def handler(event, context):
    print("plain line")
    rows = [{"Name": "Rows", "Unit": "Count"}]
    metrics = [{"Namespace": event["namespace"], "Dimensions": [["dataset"]], "Metrics": rows}]
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": metrics}
    print(json.dumps({"_aws": about, "dataset": "orders", "Rows": [3.0, 4]}))
    print(json.dumps({"_aws": about, "dataset": "orders", "Rows": "broken"}))
"""


def test_a_functions_lines_are_logged_and_its_metrics_counted(aws: Aws, machines: Machines) -> None:
    function = machines.function(METERED)
    namespace = f"Test{next(_numbers)}"
    assert machines.output({"Call": invoke(function, {"namespace": namespace})}) is None
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    lines = [event["message"] for event in events]
    assert lines[0].startswith("START RequestId: ")
    assert lines[1] == "plain line"
    assert json.loads(lines[2])["Rows"] == [3.0, 4]
    cloudwatch = aws.client("cloudwatch")
    dimensions = [{"Name": "dataset", "Value": "orders"}]
    listed = cloudwatch.list_metrics(Namespace=namespace)["Metrics"]
    assert listed == [{"Namespace": namespace, "MetricName": "Rows", "Dimensions": dimensions}]
    now = time.time()
    (point,) = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="Rows",
        Dimensions=dimensions,
        StartTime=now - 600,
        EndTime=now + 600,
        Period=3600,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    assert (point["Sum"], point["SampleCount"], point["Unit"]) == (7.0, 2.0, "Count")


# Topics, secrets


def test_a_topic_reaches_its_queues(aws: Aws) -> None:
    sns = aws.client("sns")
    inbox, raw = Inbox(aws), Inbox(aws)
    topic = sns.create_topic(Name=f"topic-{next(_numbers)}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=raw.arn, Attributes={"RawMessageDelivery": "true"})
    sent = sns.publish(TopicArn=topic, Subject="orders failed", Message='{"what": "ü"}')
    (message,) = inbox.has(1)
    shown = {name: message[name] for name in ("Type", "MessageId", "TopicArn", "Subject", "Message")}
    assert shown == {
        "Type": "Notification",
        "MessageId": sent["MessageId"],
        "TopicArn": topic,
        "Subject": "orders failed",
        "Message": '{"what": "ü"}',
    }
    assert raw.has(1) == [{"what": "ü"}]
    assert refused(sns.publish, TopicArn=topic + "x", Message="m") == "NotFound"


def test_a_secret_is_kept_and_changed(aws: Aws) -> None:
    client = aws.client("secretsmanager")
    name = f"sluice/test-{next(_numbers)}"
    assert refused(client.get_secret_value, SecretId=name) == "ResourceNotFoundException"
    arn = client.create_secret(Name=name, SecretString='{"password": "one"}')["ARN"]
    client.put_secret_value(SecretId=name, SecretString='{"password": "two"}')
    assert [client.get_secret_value(SecretId=key)["SecretString"] for key in (name, arn)] == ['{"password": "two"}'] * 2


# The warehouse


@pytest.fixture(scope="module")
def with_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """State machines beside a warehouse."""
    config = replace(cloud_config(tmp_path_factory.mktemp("warehouse")), with_warehouse=True, warehouse_port=0)
    with LocalCloudProcess(config) as cloud:
        yield Machines(Aws(cloud.endpoint_url))


def data_api(action: str, arguments: Any, **more: Any) -> dict[str, Any]:
    """A state that calls the Redshift Data API."""
    return (
        {
            "Type": "Task",
            "Resource": f"arn:aws:states:::aws-sdk:redshiftdata:{action}",
            "Arguments": arguments,
        }
        | ({"End": True} if "Next" not in more else {})
        | more
    )


ADDRESS = {"Database": "warehouse", "WorkgroupName": "sluice"}
POLL = {
    "Pause": {"Type": "Wait", "Seconds": 2, "Next": "Look"},
    "Look": data_api(
        "describeStatement", {"Id": "{% $states.input.Id %}"}, Output="{% $states.result %}", Next="Ended"
    ),
    "Ended": {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.Status in ['FINISHED', 'FAILED', 'ABORTED'] %}", "Next": "Last"}],
        "Default": "Pause",
    },
}


def test_a_statement_runs_once_per_token_and_its_result_is_read(with_warehouse: Machines) -> None:
    call = {"Sql": "select :n::int as n, null::int as x", "Parameters": [{"Name": "n", "Value": "7"}], **ADDRESS}
    arguments = "{% $merge([$states.input, {'ClientToken': $hash($string($states.input), 'SHA-256')}]) %}"
    states = {
        "Once": data_api(
            "executeStatement",
            arguments,
            Assign={"once": "{% $states.result.Id %}"},
            Output="{% $states.input %}",
            Next="Again",
        ),
        "Again": data_api("executeStatement", arguments, Next="Pause"),
        **POLL,
        "Last": data_api(
            "getStatementResult",
            {"Id": "{% $states.input.Id %}"},
            Output={"described": "{% $states.input %}", "result": "{% $states.result %}", "once": "{% $once %}"},
        ),
    }
    output = with_warehouse.output(states, call)
    described = output["described"]
    assert described["Id"] == output["once"]
    assert (described["Status"], described["HasResultSet"], described["QueryParameters"]) == (
        "FINISHED",
        True,
        call["Parameters"],
    )
    assert output["result"]["Records"] == [[{"LongValue": 7}, {"IsNull": True}]]
    assert [column["Name"] for column in output["result"]["ColumnMetadata"]] == ["n", "x"]
    assert output["result"]["TotalNumRows"] == 1


def test_a_batch_fails_as_a_whole_and_says_why(with_warehouse: Machines) -> None:
    sqls = ["create table public.batch (id int)", "select 1 / 0"]
    states = {
        "Do": data_api("batchExecuteStatement", {"Sqls": sqls, **ADDRESS}, Next="Pause"),
        **POLL,
        "Last": {"Type": "Succeed"},
    }
    output = with_warehouse.output(states)
    assert (output["Status"], [sub["Status"] for sub in output["SubStatements"]]) == ("FAILED", ["FINISHED", "FAILED"])
    assert "division by zero" in output["Error"].lower() or "divide by zero" in output["Error"].lower()


def test_refusals_of_the_data_api_have_its_names(with_warehouse: Machines) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    for action in ("describeStatement", "getStatementResult", "cancelStatement"):
        ended = with_warehouse.run({"Do": data_api(action, {"Id": unknown})})
        assert (ended["status"], ended["error"]) == ("FAILED", "RedshiftData.ResourceNotFoundException"), action
    ended = with_warehouse.run({"Do": data_api("executeStatement", {"Sql": "", **ADDRESS})})
    assert (ended["status"], ended["error"]) == ("FAILED", "RedshiftData.ValidationException")


# Schedules


def test_a_schedule_calls_its_function(aws: Aws, scheduled: str) -> None:
    def look() -> list[dict[str, Any]]:
        logs, group = aws.client("logs"), f"/aws/lambda/{scheduled}"
        groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        if group not in [each["logGroupName"] for each in groups]:
            return []
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [json.loads(event["message"]) for event in events if event["message"].startswith("{")]

    event = eventually(look, 120)[0]
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == ["arn:aws:events:eu-central-1:000000000000:rule/every-minute"]
