"""What survives a stop, a kill and a second start of the local cloud."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.child import LocalCloudProcess
from localcloud.errors import AlreadyRunningError, LocalCloudError, PortBusyError
from localcloud_tests.aws.cloud import REGION, Aws, Jobs, eventually, let_s3_send, zip_of
from localcloud_tests.aws.conftest import cloud_config

ROOT = Path(__file__).parents[2]
INTERRUPTED = "LocalCloudStopped: local cloud stopped while the run was active"
SLEEP = "import time; print('up', flush=True); time.sleep(300)"
HANDLER = """
import importlib.util, os, boto3
def handler(event, context):
    for record in event["Records"]:
        key = "handled/" + record["messageId"]
        checkout = "hidden" if importlib.util.find_spec("sluice") is None else "seen"
        metadata = {"pid": str(os.getpid()), "checkout": checkout}
        boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=key, Body=record["body"], Metadata=metadata)
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalCloudProcess]:
    """A local cloud of the test's own, running."""
    cloud = LocalCloudProcess(cloud_config(tmp_path / "state"))
    cloud.start()
    yield cloud
    cloud.stop()


def stop(cloud: LocalCloudProcess) -> None:
    cloud.stop()


def kill(cloud: LocalCloudProcess) -> None:
    time.sleep(1.0)  # some checkpoints
    cloud.kill()


def furnish(aws: Aws, jobs: Jobs) -> None:
    """One of everything that the pipeline uses."""
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket=jobs.bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(
        Bucket=jobs.bucket, Key="data/a b+%.csv", Body=b"one", Metadata={"origin": "test"}, ContentType="text/csv"
    )
    s3.put_object(Bucket=jobs.bucket, Key="data/a b+%.csv", Body=b"two")
    s3.put_object(Bucket=jobs.bucket, Key="data/hidden", Body=b"x")
    s3.delete_object(Bucket=jobs.bucket, Key="data/hidden")
    queue = aws.client("sqs").create_queue(QueueName="notes")["QueueUrl"]
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody="waiting")
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="ledger", Item={"pk": {"S": "batch é"}, "rows": {"N": "7"}, "raw": {"B": b"\0\xff"}})
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "raw"})
    glue.create_table(DatabaseName="raw", TableInput={"Name": "t", "PartitionKeys": [{"Name": "p", "Type": "string"}]})
    glue.create_partition(DatabaseName="raw", TableName="t", PartitionInput={"Values": ["1"]})
    jobs.create("greet", "print('hello')", ExecutionProperty={"MaxConcurrentRuns": 2})
    wire_lambda(aws, jobs.bucket)
    assert jobs.run("greet")["JobRunState"] == "SUCCEEDED"


def wire_lambda(aws: Aws, bucket: str) -> None:
    """S3 notification to queue to function."""
    queue = aws.client("sqs").create_queue(QueueName="manifests", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    arn = let_s3_send(aws.client("sqs"), queue, bucket)
    aws.client("lambda").create_function(
        FunctionName="on-manifest",
        Runtime="python3.13",
        Handler="code.handler",
        Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": zip_of({"code.py": HANDLER})},
        Environment={"Variables": {"BUCKET": bucket}},
        Timeout=10,
    )
    aws.client("lambda").create_event_source_mapping(FunctionName="on-manifest", EventSourceArn=arn, BatchSize=10)
    rule = {"FilterRules": [{"Name": "suffix", "Value": "manifest.json"}]}
    target = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": rule}}
    aws.client("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [target]}
    )
    pattern = json.dumps({"source": ["aws.glue"]})
    aws.client("events").put_rule(Name="ends", EventPattern=pattern)
    aws.client("events").put_targets(Rule="ends", Targets=[{"Id": "q", "Arn": arn}])


def picture(aws: Aws, bucket: str) -> dict[str, Any]:
    """All that a client can see of what `furnish` made."""
    s3, glue, sqs = aws.client("s3"), aws.client("glue"), aws.client("sqs")
    versions = s3.list_object_versions(Bucket=bucket)
    functions = aws.client("lambda").list_functions()["Functions"]
    seen = {
        "versions": versions["Versions"],
        "markers": versions["DeleteMarkers"],
        "bodies": [
            s3.get_object(Bucket=bucket, Key=v["Key"], VersionId=v["VersionId"])["Body"].read()
            for v in versions["Versions"]
        ],
        "metadata": [
            s3.head_object(Bucket=bucket, Key=v["Key"], VersionId=v["VersionId"])["Metadata"]
            for v in versions["Versions"]
        ],
        "notifications": s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"],
        "items": aws.client("dynamodb").scan(TableName="ledger")["Items"],
        "queues": [url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]],
        "messages": [
            m["Body"]
            for m in sqs.receive_message(
                QueueUrl=sqs.get_queue_url(QueueName="notes")["QueueUrl"], VisibilityTimeout=0
            ).get("Messages", [])
        ],
        "tables": glue.get_tables(DatabaseName="raw")["TableList"],
        "partitions": glue.get_partitions(DatabaseName="raw", TableName="t")["Partitions"],
        "jobs": glue.get_jobs()["Jobs"],
        "runs": glue.get_job_runs(JobName="greet")["JobRuns"],
        "functions": [(f["FunctionName"], f["CodeSha256"], f["Environment"]) for f in functions],
        "mappings": [
            (m["UUID"], m["BatchSize"], m["State"])
            for m in aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        ],
        "rules": aws.client("events").list_rules()["Rules"],
        "targets": aws.client("events").list_targets_by_rule(Rule="ends")["Targets"],
    }
    assert all(seen.values()), "a picture without one of them would prove nothing"
    return seen


@pytest.mark.parametrize("ending", [stop, kill])
def test_everything_survives(own: LocalCloudProcess, ending: Callable[[LocalCloudProcess], None]) -> None:
    aws = Aws(own.endpoint_url)
    jobs = Jobs(aws, aws.make_bucket("furnished"))
    furnish(aws, jobs)
    (run,) = aws.client("glue").get_job_runs(JobName="greet")["JobRuns"]
    wait_for_function(aws, jobs.bucket, lambda seen: run["Id"] in ends(seen) and len(seen) == 2)  # and S3's test event
    before = picture(aws, jobs.bucket)
    workers = {int(metadata["pid"]) for metadata in before["metadata"] if "pid" in metadata}
    assert workers
    assert all(map(is_alive, workers))
    assert {metadata.get("checkout") for metadata in before["metadata"]} == {None, "hidden"}

    ending(own)
    eventually(lambda: not any(map(is_alive, workers)))
    own.start()

    aws = Aws(own.endpoint_url)
    assert picture(aws, jobs.bucket) == before
    aws.client("s3").put_object(Bucket=jobs.bucket, Key="in/manifest.json", Body=b"{}")
    wait_for_function(aws, jobs.bucket, lambda seen: "in/manifest.json" in created(seen))


@pytest.mark.parametrize("ending", [stop, kill])
def test_an_active_run_ends_as_failed_and_a_waiting_one_goes_on(
    own: LocalCloudProcess, ending: Callable[[LocalCloudProcess], None]
) -> None:
    aws = Aws(own.endpoint_url)
    jobs = Jobs(aws, aws.make_bucket("scripts"))
    wire_lambda(aws, jobs.bucket)
    jobs.create("sleep", SLEEP)
    jobs.create("greet", "print('hello')", JobRunQueuingEnabled=True, ExecutionProperty={"MaxConcurrentRuns": 1})
    jobs.create("first", SLEEP)
    active, other = jobs.start("sleep"), jobs.start("first")
    waiting = jobs.start("greet")
    for name, run_id in (("sleep", active), ("first", other)):
        jobs.wait(name, run_id, "RUNNING")
    assert jobs.get("greet", waiting)["JobRunState"] == "WAITING"
    pid = int((own.config.glue_dir / active / "pid").read_text())

    ending(own)
    eventually(lambda: not is_alive(pid))
    own.start()

    aws = Aws(own.endpoint_url)
    jobs = Jobs(aws, jobs.bucket)
    run = jobs.wait("sleep", active)
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", INTERRUPTED)
    assert jobs.wait("greet", waiting)["JobRunState"] == "SUCCEEDED"
    wait_for_function(aws, jobs.bucket, lambda seen: ends(seen) >= {active, other, waiting})


Seen = list[dict[str, Any]]


def wait_for_function(aws: Aws, bucket: str, condition: Callable[[Seen], bool]) -> None:
    """Wait until the messages that the function has handled fulfil a condition."""

    def look() -> bool:
        return condition([json.loads(aws.body(bucket, key)) for key in aws.keys(bucket, "handled/")])

    eventually(look)


def ends(seen: Seen) -> set[str]:
    """Runs whose end the function has seen."""
    return {message["detail"]["jobRunId"] for message in seen if "detail" in message}


def created(seen: Seen) -> set[str]:
    """Keys whose creation the function has seen."""
    return {record["s3"]["object"]["key"] for message in seen for record in message.get("Records", [])}


def test_files_on_their_way_to_s3_arrive_after_a_kill(own: LocalCloudProcess) -> None:
    aws = Aws(own.endpoint_url)
    jobs = Jobs(aws, aws.make_bucket("target"))
    jobs.create("greet", "print('hello')")
    run_id = jobs.run("greet")["Id"]
    aws.client("s3").put_object(Bucket="target", Key="old", Body=b"1")
    etag = aws.client("s3").head_object(Bucket="target", Key="old")["ETag"]
    own.stop()
    folder = own.config.glue_dir / run_id
    written = folder / "work" / "s3" / "target" / "new"
    written.parent.mkdir(parents=True)
    written.write_bytes(b"2")
    changes = {
        "uploads": [{"bucket": "target", "key": "new"}],
        "deletions": [{"bucket": "target", "key": "old", "etag": etag}],
    }
    (folder / "changes.json").write_text(json.dumps(changes))
    saved = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(saved | {"state": "RUNNING", "sending": True, "completed_on": None}))

    own.start()

    aws = Aws(own.endpoint_url)
    assert Jobs(aws, "target").wait("greet", run_id)["JobRunState"] == "SUCCEEDED"
    assert aws.keys("target") == ["new", "scripts/greet.py"]
    assert aws.body("target", "new") == b"2"
    assert not (folder / "work").exists()


def times_of_files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != "localcloud.log"}


@pytest.mark.parametrize("ending", [stop, kill])
def test_messages_that_somebody_worked_on_are_there_at_once(
    own: LocalCloudProcess, ending: Callable[[LocalCloudProcess], None]
) -> None:
    sqs = Aws(own.endpoint_url).client("sqs")
    queue = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="held")
    sqs.send_message(QueueUrl=queue, MessageBody="delayed", DelaySeconds=600)
    [held] = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert held["Body"] == "held"
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    ending(own)
    own.start()
    sqs = Aws(own.endpoint_url).client("sqs")
    queue = sqs.get_queue_url(QueueName="work")["QueueUrl"]
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["ApproximateReceiveCount"])
    assert [(one["Body"], one["Attributes"]) for one in answer["Messages"]] == [
        ("held", {"ApproximateReceiveCount": "1"})
    ]


def test_a_second_start_says_who_runs_and_changes_nothing(own: LocalCloudProcess) -> None:
    # The start calls for a checkpoint; Glue, which no request has asked yet, is in the first one that nobody calls for.
    eventually((own.config.services_dir / "glue.json").exists)
    time.sleep(0.5)  # that checkpoint is done; from here an idle local cloud writes nothing
    before = times_of_files(own.config.state_dir)
    second = LocalCloudProcess(own.config)
    with pytest.raises(AlreadyRunningError) as refused:
        second.start()
    assert str(refused.value) == (
        f"already running: pid {own.pid}, endpoint {own.endpoint_url}, state directory {own.config.state_dir}"
    )
    assert times_of_files(own.config.state_dir) == before
    assert Aws(own.endpoint_url).client("s3").list_buckets()["Buckets"] == []


def test_a_busy_port_is_named_with_its_option(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = LocalCloudProcess(replace(cloud_config(tmp_path), port=port))
        with pytest.raises(PortBusyError) as refused:
            busy.start()
    assert str(refused.value) == f"port {port} on 127.0.0.1 is in use; choose another with --port"


def test_a_folder_that_cannot_be_written_is_named_and_the_next_start_goes_on(tmp_path: Path) -> None:
    """A file lies where a folder must be: that stops a superuser, too, whom a mode does not."""
    (tmp_path / "logs").write_text("")
    cloud = LocalCloudProcess(cloud_config(tmp_path))
    with pytest.raises(LocalCloudError) as refused:
        cloud.start()
    assert str(refused.value) == (
        f"{tmp_path / 'logs'}: File exists; all of {tmp_path} has to be yours to write, or choose another folder with "
        "--state-dir"
    )
    (tmp_path / "logs").unlink()
    with cloud:
        assert Aws(cloud.endpoint_url).client("s3").list_buckets()["Buckets"] == []


def test_a_run_that_needs_too_much_memory_says_so_and_the_next_one_goes_on(tmp_path: Path) -> None:
    config = cloud_config(tmp_path)
    config = replace(config, glue=replace(config.glue, memory_mib=300))
    with LocalCloudProcess(config) as cloud:
        aws = Aws(cloud.endpoint_url)
        jobs = Jobs(aws, aws.make_bucket("scripts"))
        jobs.create("much", "b'x' * (1 << 30)")
        jobs.create("little", "b'x' * (1 << 20)")
        run = jobs.run("much")
        assert (run["JobRunState"], run["ErrorMessage"]) == (
            "FAILED",
            "MemoryError: out of memory, this process may have 300 MiB",
        )
        assert jobs.run("little")["JobRunState"] == "SUCCEEDED"


def test_the_lock_of_a_dead_process_is_no_obstacle(tmp_path: Path) -> None:
    cloud = LocalCloudProcess(cloud_config(tmp_path))
    cloud.start()
    cloud.kill()
    assert json.loads((tmp_path / "lock").read_text())["endpoint_url"].startswith("http://127.0.0.1:")
    with cloud:
        assert Aws(cloud.endpoint_url).client("s3").list_buckets()["Buckets"] == []


def test_the_local_cloud_ends_with_whoever_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from localcloud.child import LocalCloudProcess\n"
        "from localcloud_tests.aws.conftest import cloud_config\n"
        "cloud = LocalCloudProcess(cloud_config(Path(sys.argv[1])))\n"
        "cloud.start()\n"
        "print(cloud.pid, flush=True)\n"
        "time.sleep(300)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not is_alive(pid))


def test_a_process_has_one_local_cloud(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from localcloud.server import LocalCloud\n"
        "from localcloud.errors import LocalCloudError\n"
        "from localcloud_tests.aws.conftest import cloud_config\n"
        "folder = Path(sys.argv[1])\n"
        "with LocalCloud(cloud_config(folder / 'a')):\n"
        "    pass\n"
        "try:\n"
        "    LocalCloud(cloud_config(folder / 'b')).start()\n"
        "except LocalCloudError as error:\n"
        "    print(error, flush=True)\n"
        "import os; os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "a process can start one local cloud, once; use localcloud.child for more\n"
    assert done.stderr == "", "logs go to the file"


def test_the_terminal_gets_the_ready_line_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "localcloud", "--state-dir", str(tmp_path), "--port", "0", "--no-warehouse"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        Aws(ready["endpoint_url"]).client("s3").create_bucket(
            Bucket="quiet", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert ready == {"ready": True, "pid": process.pid, "endpoint_url": ready["endpoint_url"], "warehouse_dsn": None}
    assert (process.returncode, out, err) == (0, "", "")
    assert "quiet" in (tmp_path / "logs" / "localcloud.log").read_text()


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="reads Linux's table of sockets")
def test_only_the_endpoint_listens_and_only_on_this_machine(own: LocalCloudProcess) -> None:
    port = int(own.endpoint_url.rpartition(":")[2])
    assert listeners(own.pid) == {("127.0.0.1", port)}


def listeners(pid: int) -> set[tuple[str, int]]:
    """Addresses on which a process listens, whatever the family; an IPv6 address stays in the kernel's notation."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, _, port = fields[1].partition(":")
                readable = socket.inet_ntoa(bytes.fromhex(address)[::-1]) if table == "tcp" else address
                found.add((readable, int(port, 16)))
    return found


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
