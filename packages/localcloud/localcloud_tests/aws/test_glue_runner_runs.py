"""Glue's control plane for runs, with scripts that need no Spark."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.child import LocalCloudProcess
from localcloud_tests.aws.cloud import REGION, Aws, Jobs, eventually, zip_of

SHOW = """
import json, os, sys
import boto3
import awsglue.utils
identity = boto3.client("sts").get_caller_identity()["Account"]
print(json.dumps({"argv": sys.argv[1:], "account": identity, "region": os.environ["AWS_REGION"]}))
"""
SLEEP = "import time; time.sleep(300)"
GREET = "print('hello')"


@pytest.fixture
def events(aws: Aws, jobs: Jobs) -> "EventQueue":
    """All job state changes of the test's bucket-named jobs, through a rule to a queue."""
    return EventQueue(aws, jobs.bucket)


class EventQueue:
    """A queue that a rule for Glue's events feeds."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._sqs = aws.client("sqs")
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        pattern = {"source": ["aws.glue"], "detail-type": ["Glue Job State Change"]}
        aws.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
        aws.client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}])

    def of_run(self, run_id: str) -> dict[str, Any]:
        """The one event of a run; others that come before it are dropped."""

        def look() -> dict[str, Any] | None:
            for message in self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", []):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                event: dict[str, Any] = json.loads(message["Body"])
                if event["detail"]["jobRunId"] == run_id:
                    return event
            return None

        found = eventually(look)
        assert found is not None
        return found


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def output(aws: Aws, group: str, run_id: str) -> list[str]:
    events = aws.client("logs").get_log_events(logGroupName=f"/aws-glue/jobs/{group}", logStreamName=run_id)["events"]
    return [event["message"] for event in events]


def test_a_script_gets_its_arguments_as_glue_passes_them(aws: Aws, jobs: Jobs) -> None:
    jobs.create(
        "show",
        SHOW,
        DefaultArguments={"--a": "default", "--b": "default", "--c": "default", "--conf": "spark.x=1"},
        NonOverridableArguments={"--c": "fixed"},
    )
    run = jobs.run("show", Arguments={"--b": "run", "--c": "run", "--JOB_NAME": "mine", "--empty": ""})

    assert (run["JobRunState"], run["Arguments"]) == (
        "SUCCEEDED",
        {"--b": "run", "--c": "run", "--JOB_NAME": "mine", "--empty": ""},
    )
    (line,) = output(aws, "output", run["Id"])
    assert json.loads(line) == {
        "argv": [
            *("--JOB_NAME", "show", "--JOB_ID", "j_show", "--JOB_RUN_ID", run["Id"]),
            *("--a", "default", "--b", "run", "--c", "fixed", "--empty", ""),
        ],
        "account": "000000000000",
        "region": REGION,
    }


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise ValueError('orders.csv, row 3: no id')", "ValueError: orders.csv, row 3: no id"),
        ("class Breach(Exception): ...\nraise Breach('one\\ntwo')", "Breach: one"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import sys; sys.exit('no manifest')", "SystemExit: no manifest"),
        ("import os; os._exit(4)", "ProcessExitError: the job's process ended with status 4"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "ProcessKilledError: the job's process was ended by SIGKILL; is the machine out of memory?",
        ),
        ("import sluice", "ModuleNotFoundError: No module named 'sluice'"),
        ("def broken(:", "SyntaxError: invalid syntax (broken.py, line 1)"),
    ],
)
def test_a_failed_run_says_why_in_one_line(aws: Aws, jobs: Jobs, script: str, message: str) -> None:
    name = f"fails-{abs(hash(script))}"
    jobs.create(name, script)
    aws.client("s3").copy_object(
        Bucket=jobs.bucket, Key="broken.py", CopySource={"Bucket": jobs.bucket, "Key": f"scripts/{name}.py"}
    )
    run = jobs.run(name, Arguments={"--scriptLocation": f"s3://{jobs.bucket}/broken.py"})
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", message)


def test_a_script_without_spark_waits_for_no_bucket(cloud: LocalCloudProcess, aws: Aws, jobs: Jobs) -> None:
    aws.client("s3").put_object(Bucket=jobs.bucket, Key="large", Body=b"x")
    name = jobs.create("frugal", "import os, time; print(os.environ['SPARK_CONF_DIR'], flush=True); time.sleep(3)")
    run_id = jobs.start(name)
    folder = cloud.config.glue_dir / run_id
    conf = Path(eventually(lambda: text_of(folder / "stdout.log"), 60))
    assert (conf / "spark-env.sh").exists()
    assert list((conf.parent / "s3").iterdir()) == []
    assert jobs.wait(name, run_id)["JobRunState"] == "SUCCEEDED"


def text_of(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def test_a_script_that_is_not_there_fails_the_run(jobs: Jobs) -> None:
    jobs.create("lost", GREET)
    run = jobs.run("lost", Arguments={"--scriptLocation": f"s3://{jobs.bucket}/nowhere.py"})
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith(f"LocalCloudError: s3://{jobs.bucket}/nowhere.py cannot be read: ")


def test_a_module_and_a_file_come_from_s3(aws: Aws, jobs: Jobs) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=jobs.bucket, Key="lib/one.zip", Body=zip_of({"one/__init__.py": "N = 1"}))
    s3.put_object(Bucket=jobs.bucket, Key="lib/two.py", Body=b"N = 2")
    s3.put_object(Bucket=jobs.bucket, Key="conf/table.json", Body=b"[3]")
    jobs.create("modules", "import one, two; print(one.N, two.N, open('table.json').read())")
    run = jobs.run(
        "modules",
        Arguments={
            "--extra-py-files": f"s3://{jobs.bucket}/lib/one.zip,s3://{jobs.bucket}/lib/two.py",
            "--extra-files": f"s3://{jobs.bucket}/conf/table.json",
        },
    )
    assert run["JobRunState"] == "SUCCEEDED", run
    assert output(aws, "output", run["Id"]) == ["1 2 [3]"]


def test_the_concurrency_limit_refuses_or_queues(jobs: Jobs) -> None:
    jobs.create("one", SLEEP, JobRunQueuingEnabled=True)
    glue = jobs.aws.client("glue")
    first = jobs.start("one")
    with pytest.raises(ClientError) as refused:
        jobs.start("one", JobRunQueuingEnabled=False)
    assert code(refused) == "ConcurrentRunsExceededException"
    second = jobs.start("one")
    waiting = jobs.get("one", second)
    assert (waiting["JobRunState"], waiting["StateDetail"]) == (
        "WAITING",
        "waiting for one of the job's 1 concurrent runs",
    )
    assert [run["Id"] for run in glue.get_job_runs(JobName="one")["JobRuns"]] == [second, first]

    glue.batch_stop_job_run(JobName="one", JobRunIds=[first])
    assert jobs.wait("one", first)["JobRunState"] == "STOPPED"
    assert jobs.wait("one", second, "RUNNING")["JobRunState"] == "RUNNING"
    glue.batch_stop_job_run(JobName="one", JobRunIds=[second])
    assert jobs.wait("one", second)["JobRunState"] == "STOPPED"


def test_more_runs_than_slots_wait_their_turn(jobs: Jobs) -> None:
    glue = jobs.aws.client("glue")
    jobs.create("many", SLEEP, ExecutionProperty={"MaxConcurrentRuns": 3})
    ids = [jobs.start("many") for _ in range(3)]
    assert [jobs.wait("many", run_id, "RUNNING")["JobRunState"] for run_id in ids[:2]] == ["RUNNING", "RUNNING"]
    third = jobs.get("many", ids[2])
    assert (third["JobRunState"], third["StateDetail"]) == ("WAITING", "waiting for one of this machine's 2 slots")
    glue.batch_stop_job_run(JobName="many", JobRunIds=[ids[2]])
    assert jobs.get("many", ids[2])["JobRunState"] == "STOPPED"
    glue.batch_stop_job_run(JobName="many", JobRunIds=ids[:2])
    assert [jobs.wait("many", run_id)["JobRunState"] for run_id in ids] == ["STOPPED"] * 3


def test_a_run_past_its_timeout_is_ended(jobs: Jobs, events: EventQueue) -> None:
    jobs.create("slow", SLEEP, Timeout=1, MaxRetries=1)
    run = jobs.run("slow")
    assert (run["JobRunState"], run["ErrorMessage"]) == ("TIMEOUT", "Job run timed out after 1 min")
    assert 1 <= run["ExecutionTime"] <= 30
    assert events.of_run(run["Id"])["detail"]["state"] == "TIMEOUT"
    assert len(jobs.aws.client("glue").get_job_runs(JobName="slow")["JobRuns"]) == 1, "timeouts are not retried"


def test_a_failed_run_is_retried_as_often_as_its_job_says(jobs: Jobs) -> None:
    jobs.create("again", "raise SystemExit(1)", MaxRetries=1)
    first = jobs.run("again")
    glue = jobs.aws.client("glue")
    second = jobs.wait("again", f"{first['Id']}_attempt_1")
    assert [(run["Attempt"], run["JobRunState"], run.get("PreviousRunId")) for run in (first, second)] == [
        (0, "FAILED", None),
        (1, "FAILED", first["Id"]),
    ]
    assert len(glue.get_job_runs(JobName="again")["JobRuns"]) == 2


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        (GREET, {"severity": "INFO", "state": "SUCCEEDED", "message": "Job run succeeded"}),
        ("raise KeyError('id')", {"severity": "ERROR", "state": "FAILED", "message": "KeyError: 'id'"}),
    ],
)
def test_the_end_of_a_run_is_an_event(jobs: Jobs, events: EventQueue, script: str, detail: dict[str, str]) -> None:
    name = jobs.create(f"ends-{detail['state'].lower()}", script)
    run = jobs.run(name, Arguments={"--secret": "never in the event"})
    event = events.of_run(run["Id"])
    assert len(event.pop("id")) == 36
    assert event.pop("time").endswith("Z")
    assert event == {
        "version": "0",
        "detail-type": "Glue Job State Change",
        "source": "aws.glue",
        "account": "000000000000",
        "region": REGION,
        "resources": [],
        "detail": {"jobName": name, "jobRunId": run["Id"], **detail},
    }


def test_nobody_else_may_send_events_of_aws(aws: Aws) -> None:
    entry = {"Source": "aws.glue", "DetailType": "Glue Job State Change", "Detail": "{}"}
    answer = aws.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_requests_that_glue_would_refuse(aws: Aws, jobs: Jobs) -> None:
    glue = aws.client("glue")
    jobs.create("strict", GREET)
    ended = jobs.run("strict")["Id"]
    refusals: list[tuple[Callable[[], Any], str]] = [
        (lambda: glue.start_job_run(JobName="nobody"), "EntityNotFoundException"),
        (lambda: glue.start_job_run(JobName="x" * 256), "InvalidInputException"),
        (lambda: glue.start_job_run(JobName="a\nb"), "InvalidInputException"),
        (lambda: glue.start_job_run(JobName="strict", Arguments={"--a": "x" * 270_000}), "InvalidInputException"),
        (lambda: glue.start_job_run(JobName="strict", JobRunId="jr_none"), "EntityNotFoundException"),
        (lambda: glue.get_job_run(JobName="strict", RunId="jr_none"), "EntityNotFoundException"),
        (lambda: glue.get_job_run(JobName="nobody", RunId=ended), "EntityNotFoundException"),
        (lambda: glue.get_job_runs(JobName="nobody"), "EntityNotFoundException"),
        (lambda: glue.get_job_runs(JobName="strict", NextToken="?"), "InvalidInputException"),
        (lambda: glue.batch_stop_job_run(JobName="strict", JobRunIds=["x"] * 26), "InvalidInputException"),
    ]
    for call, expected in refusals:
        with pytest.raises(ClientError) as refused:
            call()
        assert code(refused) == expected
    errors = glue.batch_stop_job_run(JobName="strict", JobRunIds=[ended, "jr_none"])
    assert errors["SuccessfulSubmissions"] == []
    assert [(e["JobRunId"], e["ErrorDetail"]["ErrorCode"]) for e in errors["Errors"]] == [
        (ended, "InvalidInputException"),
        ("jr_none", "EntityNotFoundException"),
    ]
    assert [run["Id"] for run in glue.get_job_runs(JobName="strict")["JobRuns"]] == [ended], "nothing was started"


def test_runs_come_in_pages_the_newest_first(aws: Aws, jobs: Jobs) -> None:
    jobs.create("paged", GREET)
    ids = [jobs.run("paged")["Id"] for _ in range(3)]
    pages = aws.client("glue").get_paginator("get_job_runs").paginate(JobName="paged", MaxResults=2)
    assert [[run["Id"] for run in page["JobRuns"]] for page in pages] == [[ids[2], ids[1]], [ids[0]]]


def test_a_job_keeps_all_that_it_was_created_with(aws: Aws, jobs: Jobs) -> None:
    glue = aws.client("glue")
    jobs.create("full", GREET, ExecutionProperty={"MaxConcurrentRuns": 4}, ExecutionClass="FLEX", GlueVersion="6.0")
    job = glue.get_job(JobName="full")["Job"]
    assert (job["ExecutionProperty"], job["ExecutionClass"], job["Timeout"]) == ({"MaxConcurrentRuns": 4}, "FLEX", 480)
    update = {"Role": "other", "Command": job["Command"], "JobRunQueuingEnabled": True}
    glue.update_job(JobName="full", JobUpdate=update)
    job = glue.get_job(JobName="full")["Job"]
    assert "ExecutionProperty" not in job, "an update replaces the whole definition"
    assert (job["Role"], job["JobRunQueuingEnabled"]) == ("other", True)
