"""Functions are made ready by a dry run, and start one process for it."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localcloud.config import GlueSettings
from localcloud_tests.aws.cloud import Aws, eventually
from localcloud_tests.aws.machines import Machines


def test_a_dry_run_starts_the_process_that_the_first_event_finds(aws: Aws, machines: Machines, tmp_path: Path) -> None:
    started = tmp_path / "started"
    function = machines.function(
        f"import os\nwith open({str(started)!r}, 'a') as out:\n    out.write(f'{{os.getpid()}} ')\n"
        "def handler(event, context):\n    return os.getpid()"
    )
    client = aws.client("lambda")
    assert not started.exists()
    for _ in range(2):
        answer = client.invoke(FunctionName=function, InvocationType="DryRun")
        assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    eventually(lambda: started.exists() and started.read_text().endswith(" "))
    pid = json.loads(client.invoke(FunctionName=function)["Payload"].read())
    assert started.read_text() == f"{pid} "


def test_an_event_during_the_start_waits_for_the_same_process(aws: Aws, machines: Machines, tmp_path: Path) -> None:
    started = tmp_path / "started"
    function = machines.function(
        f"import os, time\nwith open({str(started)!r}, 'a') as out:\n    out.write(f'{{os.getpid()}} ')\n"
        "time.sleep(1)\ndef handler(event, context):\n    return os.getpid()"
    )
    client = aws.client("lambda")
    client.invoke(FunctionName=function, InvocationType="DryRun")
    eventually(started.exists)
    pid = json.loads(client.invoke(FunctionName=function)["Payload"].read())
    assert started.read_text() == f"{pid} "


def test_what_cannot_start_answers_its_first_event_as_without(aws: Aws, machines: Machines) -> None:
    client = aws.client("lambda")
    plain, readied = machines.function("import no_such_module"), machines.function("import no_such_module")
    expected = client.invoke(FunctionName=plain)
    assert client.invoke(FunctionName=readied, InvocationType="DryRun")["StatusCode"] == 204
    answer = client.invoke(FunctionName=readied)
    assert (answer["FunctionError"], answer["Payload"].read()) == (
        expected["FunctionError"],
        expected["Payload"].read(),
    )


def test_there_is_nothing_to_make_ready_of_a_function_that_is_not_there(aws: Aws) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws.client("lambda").invoke(FunctionName="nobody", InvocationType="DryRun")


def test_a_queue_is_read_by_no_more_processes_than_there_are_cores(
    aws: Aws, machines: Machines, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    function = machines.function(
        "import os, time\ndef handler(event, context):\n    time.sleep(0.3)\n"
        f"    with open({str(seen)!r}, 'a') as out:\n        out.write(f'{{os.getpid()}}\\n')"
    )
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=f"{function}-messages", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for number in range(10):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    aws.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=function, BatchSize=1)
    eventually(lambda: seen.exists() and len(seen.read_text().splitlines()) == 10)
    # MiniStack's own number is five.
    assert len(set(seen.read_text().split())) <= max(2, GlueSettings().cores) < 5
