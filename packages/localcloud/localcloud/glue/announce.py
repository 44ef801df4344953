"""How a run's end reaches others: EventBridge for programs, CloudWatch Logs for people."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localcloud import registry
from localcloud.clients import Clients
from localcloud.glue.execution import Execution
from localcloud.glue.runs import JobRun

logger = logging.getLogger(__name__)

# The state of CloudWatch Logs is kept in memory and saved whole: the end of a log is enough, the run's folder has all.
MAX_LOG_LINES = 1000
MAX_LINE_CHARACTERS = 4000
# Source: https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html (Glue 5.0 and later)
GROUP_PREFIX = "/aws-glue/jobs"
PREFIX_ARGUMENT = "--custom-logGroup-prefix"


def send_state_change(run: JobRun) -> None:
    """Put `Glue Job State Change` on the default bus; it carries no arguments, as Glue's own does.

    Source: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
    """
    detail = {
        "jobName": run.job_name,
        "severity": "ERROR" if run.state in ("FAILED", "TIMEOUT") else "INFO",
        "state": run.state,
        "jobRunId": run.id,
        "message": _message(run),
    }
    with registry.request_scope(run.account_id, run.region):
        registry.put_service_event("aws.glue", "Glue Job State Change", detail)


def log_keeper(clients: Callable[[JobRun], Clients]) -> Callable[[Execution], None]:
    """A function that copies the end of a run's output to Glue's log groups, or the job's own, one stream per run.

    Args:
        clients: of the role of a run: what it may not log is not logged.
    """

    def keep(execution: Execution) -> None:
        run = execution.run
        client = clients(run).logs()
        prefix = run.job_arguments.get(PREFIX_ARGUMENT, GROUP_PREFIX)
        for kind, path in (("output", execution.files.stdout), ("error", execution.files.stderr)):
            try:
                _put(client, f"{prefix}/{kind}", run.id, list(_last_lines(path)))
            except ClientError as error:
                logger.warning("the log of run %s of %s is lost: %s", run.id, run.job_name, error)

    return keep


def _message(run: JobRun) -> str:
    if run.state == "SUCCEEDED":
        return "Job run succeeded"
    return run.error_message or f"Job run {run.state.lower()}"


def _last_lines(path: Path) -> Iterator[str]:
    if path.exists():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        yield from (line[:MAX_LINE_CHARACTERS] for line in lines[-MAX_LOG_LINES:] if line.strip())


def _put(client: Any, group: str, stream: str, lines: list[str]) -> None:  # noqa: ANN401 - a boto3 client
    if not lines:
        return
    for create, arguments in (
        (client.create_log_group, {"logGroupName": group}),
        (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ):
        try:
            create(**arguments)
        except client.exceptions.ResourceAlreadyExistsException:
            continue
    stamp = int(time.time() * 1000)
    events = [{"timestamp": stamp, "message": line} for line in lines]
    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
