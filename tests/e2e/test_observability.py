"""After real runs: the password is only where it is kept, every line of a log says whose it is, and all is measured.

The tests look at all that the tests before them have left; alone, they make a batch of their own.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from sluice.aws.data_api import Address, DataApi
from sluice.lake.layout import Partition
from sluice.ledger.batch import BatchState
from sluice.simulator import Sender, SimulatorOptions, Truth, simulate
from sluice.warehouse.parts import load_user, refresh_user
from sluice_laptop.demo.inbox import Inbox
from tests.e2e.stack import Stack
from tests.leaks import Secret, in_files, in_texts

DATASET = "products"
HOUR = Partition(datetime(2027, 6, 1, 4, tzinfo=UTC))
LOADED = {BatchState.LOADED, BatchState.ARCHIVED}
NAMES = ("dataset", "batch", "claim")


@pytest.fixture(scope="module")
def heard(stack: Stack) -> Iterator[Inbox]:
    """What people were told by a stack through which at least one batch has gone to its end."""
    with Inbox(stack.clients, stack.settings) as inbox:
        _hear(stack, inbox)
        yield inbox


def _hear(stack: Stack, inbox: Inbox) -> None:
    count = len(stack.ledger.batches(dataset=DATASET)) + 1
    if not any(batch.state in LOADED for batch in stack.ledger.batches()):
        contract = stack.contracts[DATASET]
        sender = Sender(stack.clients.s3, stack.settings.raw_bucket, Truth({DATASET: contract}))
        sender.send(simulate(contract, HOUR, SimulatorOptions(start=HOUR, rows=20)))
        count += 1
    missing = f"s3://{stack.settings.raw_bucket}/{stack.contracts[DATASET].layout.folder(HOUR.next())}/never-written"
    stack.put_manifest(DATASET, HOUR.next(), [{"url": missing, "meta": {"content_length": 1}}])
    stack.settled(DATASET, count)
    deadline = time.monotonic() + 60
    while not inbox.of("support"):
        assert time.monotonic() < deadline, "nobody was told of the rejected manifest"
        time.sleep(0.2)
        inbox.read()


def test_the_password_is_where_it_is_kept_and_nowhere_else(stack: Stack, heard: Inbox) -> None:
    kept = stack.clients.secretsmanager.get_secret_value(SecretId=stack.settings.warehouse_secret)["SecretString"]
    password = Secret("the warehouse's password", json.loads(kept)["password"])
    secret = Secret("the secret", kept)
    state = stack.cloud.config.state_dir
    administrator = Secret("PostgreSQL's", (state / "warehouse" / "administrator.password").read_text())
    assert (state / "warehouse.password").read_text().strip() == password.text

    found, seen = in_files([password, secret, administrator], state, _keeps_it)
    assert found == []
    assert seen > 100
    shown = {
        **_ledger(stack),
        **_executions(stack),
        **_functions(stack),
        **_jobs(stack),
        **_logs(stack),
        **_statements(stack),
        **_children(stack),
        **{f"notification {number}": vars_of(message) for number, message in enumerate(heard.messages)},
    }
    kinds = {place.split()[0] for place in shown}
    assert kinds == {"item", "execution", "function", "job", "run", "log", "statement", "process", "notification"}
    assert in_texts([password, secret, administrator], shown) == []
    # It was used all the same: statements name the secret and came in with what is in it.
    used = [described for _, described in _statements(stack).values() if "SecretArn" in described]
    assert {(one["SecretArn"], one["Status"]) for one in used} >= {(stack.settings.warehouse_secret, "FINISHED")}


def test_loads_and_refreshes_run_as_the_users_of_their_roles(stack: Stack, heard: Inbox) -> None:
    assert heard.messages
    warehouse = DataApi(stack.clients.redshift_data, Address.from_settings(stack.settings))

    def users_of(condition: str) -> set[str]:
        ran = "FROM sys_query_history AS h INNER JOIN pg_user AS u ON u.usesysid = h.user_id"
        return {str(user) for (user,) in warehouse.rows(f"SELECT DISTINCT TRIM(u.usename) {ran} WHERE {condition}")}

    assert users_of("h.query_type IN ('COPY', 'MERGE')") == {load_user(stack.settings).lower()}
    assert users_of("h.query_text LIKE 'CALL %'") <= {refresh_user(stack.settings).lower()}


def test_every_line_of_a_run_says_whose_it_is(stack: Stack, heard: Inbox) -> None:
    batches = {batch.batch_id: batch for batch in stack.ledger.batches()}
    runs = [
        run
        for job in (stack.settings.convert_job, stack.settings.load_job)
        for run in stack.clients.glue.get_job_runs(JobName=job)["JobRuns"]
        if run["JobRunState"] in {"SUCCEEDED", "FAILED"}
    ]
    assert {run["JobName"] for run in runs} == {stack.settings.convert_job, stack.settings.load_job}
    for run in runs:
        text = (stack.cloud.config.glue_dir / run["Id"] / "stdout.log").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        # A run that was killed may not have come to its first line.
        assert lines or run["JobRunState"] == "FAILED"
        own = (run["Arguments"]["--dataset"], run["Arguments"]["--claim_id"])
        assert {(line["dataset"], line["claim"]) for line in lines} <= {own}
        assert {line["batch"] for line in lines} <= {"", *batches}

    told = 0
    for line in _function_lines(stack):
        assert set(NAMES) <= set(line)
        about = [name for name in batches if name in line["message"]]
        if len(about) == 1:
            assert (line["batch"], line["dataset"]) == (about[0], batches[about[0]].dataset), line
            told += 1
    # Each batch was booked at least, by a line that names it.
    assert told >= len(batches)


def test_what_is_promised_is_measured(stack: Stack, heard: Inbox) -> None:
    client = stack.clients.session.client("cloudwatch", endpoint_url=stack.clients.endpoint)
    pages = client.get_paginator("list_metrics").paginate(Namespace="Sluice")
    metrics = [metric for page in pages for metric in page["Metrics"]]
    assert {tuple(dimension["Name"] for dimension in metric["Dimensions"]) for metric in metrics} == {("dataset",)}
    measured: dict[str, set[str]] = {}
    for metric in metrics:
        measured.setdefault(metric["Dimensions"][0]["Value"], set()).add(metric["MetricName"])
    assert measured.keys() <= {*stack.contracts, "unknown"}
    loaded = {batch.dataset for batch in stack.ledger.batches() if batch.state in LOADED}
    for dataset in loaded:
        assert measured[dataset] >= {
            "FilesProcessed",
            "BytesProcessed",
            "RowsPublished",
            "RowsQuarantined",
            "DataRowsLoaded",
            "ExecutionDuration",
            "FreshnessSeconds",
        }


def vars_of(message: Any) -> dict[str, Any]:
    return {"topic": message.topic, "subject": message.subject, "body": message.body}


def _keeps_it(path: Path) -> bool:
    """The password files, and Secrets Manager's own state."""
    return path.name in {"warehouse.password", "administrator.password"} or (
        path.parts[0] == "services" and "secretsmanager" in path.name
    )


def _ledger(stack: Stack) -> dict[str, Any]:
    pages = stack.clients.dynamodb.get_paginator("scan").paginate(TableName=stack.settings.ledger_table)
    return {f"item {number}": item for number, item in enumerate(item for page in pages for item in page["Items"])}


def _executions(stack: Stack) -> dict[str, Any]:
    client = stack.clients.stepfunctions
    found: dict[str, Any] = {}
    for machine in client.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        found[f"execution machine {arn}"] = client.describe_state_machine(stateMachineArn=arn)
        for execution in client.list_executions(stateMachineArn=arn)["executions"]:
            name = execution["executionArn"]
            history = client.get_paginator("get_execution_history").paginate(
                executionArn=name, includeExecutionData=True
            )
            found[f"execution {name}"] = [client.describe_execution(executionArn=name), list(history)]
    return found


def _functions(stack: Stack) -> dict[str, Any]:
    functions = stack.clients.lambda_.list_functions()["Functions"]
    names = [function["FunctionName"] for function in functions]
    return {f"function {name}": stack.clients.lambda_.get_function_configuration(FunctionName=name) for name in names}


def _jobs(stack: Stack) -> dict[str, Any]:
    glue = stack.clients.glue
    jobs = glue.get_jobs()["Jobs"]
    runs = [run for job in jobs for run in glue.get_job_runs(JobName=job["Name"])["JobRuns"]]
    return {f"job {job['Name']}": job for job in jobs} | {f"run {run['Id']}": run for run in runs}


def _logs(stack: Stack) -> dict[str, Any]:
    return {f"log {group}": events for group, events in _log_events(stack)}


def _log_events(stack: Stack) -> Iterator[tuple[str, list[str]]]:
    client = stack.clients.session.client("logs", endpoint_url=stack.clients.endpoint)
    for page in client.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            pages = client.get_paginator("filter_log_events").paginate(logGroupName=name)
            yield name, [event["message"] for events in pages for event in events["events"]]


def _function_lines(stack: Stack) -> Iterator[dict[str, Any]]:
    """What our own code said in functions; the platform's lines and measurements are no JSON, or of another form."""
    for group, messages in _log_events(stack):
        for message in messages if group.startswith("/aws/lambda/") else ():
            if message.startswith("{") and "_aws" not in (line := json.loads(message)):
                yield line


def _statements(stack: Stack) -> dict[str, Any]:
    client = stack.clients.redshift_data
    listed = client.list_statements(Status="ALL")["Statements"]
    return {f"statement {item['Id']}": [item, client.describe_statement(Id=item["Id"])] for item in listed}


def _children(stack: Stack) -> dict[str, Any]:
    """Command lines and environments of what the local cloud has started: functions, Glue runs, PostgreSQL."""
    found: dict[str, Any] = {}
    for process in psutil.Process(stack.cloud.pid).children(recursive=True):
        try:
            found[f"process {process.pid}"] = [process.cmdline(), process.environ()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # it has ended, or it is PostgreSQL's under another user, whose environment is ours
    return found
