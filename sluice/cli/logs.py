"""`sluice logs`: what functions and runs have written about one batch."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from botocore.exceptions import ClientError
from rich.text import Text

from sluice.aws.failures import aws_errors, code_of
from sluice.cli.batch_view import find_batch
from sluice.cli.options import GlobalOptions
from sluice.cli.session import Session
from sluice.ledger.record import BatchRecord
from sluice.names import PATH_FUNCTIONS, SWEEP_FUNCTION
from sluice.settings import Settings
from sluice.terminal import err, out, print_json, say

_MARGIN: Final = timedelta(minutes=10)
_STYLES: Final = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log.

    Attributes:
        at: When it was written, ISO 8601 in UTC.
        source: Function or job that wrote it.
        level: Its level; empty for what is not a line of Sluice's own.
        message: What it says.
    """

    at: str
    source: str
    level: str
    message: str


def logs(
    context: typer.Context,
    batch: Annotated[
        str, typer.Argument(help="Id of the batch, or `<dataset>.<digits of the partition>` for the newest one.")
    ],
    *,
    errors: Annotated[bool, typer.Option("--errors", help="Only warnings and errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array of lines instead of text.")] = False,
) -> None:
    """Show what functions and runs have written about one batch, in the order of time, from CloudWatch Logs.

    Lines of a run that carried other batches too are shown when they are about this one or about the whole run. On this
    machine a run's lines are there when it has ended.
    """
    session = Session(context.ensure_object(GlobalOptions))
    found = find_batch(session.ledger, batch)
    with err().status("reading the logs"):
        lines = sorted(read_lines(session, found), key=lambda line: line.at)
    shown = [line for line in lines if not errors or line.level in _STYLES]
    if as_json:
        print_json([{"at": l.at, "source": l.source, "level": l.level, "message": l.message} for l in shown])  # noqa: E741
        return
    if not shown:
        say(f"no line of {found.batch_id} is in the logs{' above INFO' if errors else ''}")
    for line in shown:
        head = Text.assemble((f"{line.at[11:19]}  ", "dim"), (f"{line.source:<14} ", "bold"))
        out().print(head + Text(line.message, _STYLES.get(line.level, "")), soft_wrap=True)


def read_lines(session: Session, batch: BatchRecord) -> Iterator[LogLine]:
    """The lines about a batch in every log group of its path.

    Raises:
        AwsBusyError: CloudWatch Logs could not answer now.
        AwsError: It refused.
    """
    client = _client(session)
    runs = {batch.claim_id, batch.convert_claim} - {""}
    for source, group in log_groups(session.settings):
        for event in _events(client, group, batch):
            line = _line(source, event["message"], int(event["timestamp"]))
            if line is not None and _is_about(event["message"], batch, runs):
                yield line


def _client(session: Session) -> Any:  # noqa: ANN401 - its types are no dependency
    clients = session.clients
    make: Any = clients.session.client  # its overloads know services by literal names only
    return make("logs", endpoint_url=clients.endpoint)


def log_groups(settings: Settings) -> Iterator[tuple[str, str]]:
    """What writes about batches, and its log group: functions, then jobs: what the script says, and what Spark says."""
    for function in (*PATH_FUNCTIONS, SWEEP_FUNCTION):
        yield function, f"/aws/lambda/{settings.prefix}{function}"
    for job in (settings.convert_job, settings.load_job):
        for kind in ("output", "error"):
            yield job.removeprefix(settings.prefix), f"/sluice/glue/{job}/{kind}"


def _events(client: Any, group: str, batch: BatchRecord) -> list[dict[str, Any]]:  # noqa: ANN401 - a boto3 client
    first, last = datetime.fromisoformat(batch.received_at), datetime.fromisoformat(batch.updated_at)
    span = {"startTime": _milliseconds(first - _MARGIN), "endTime": _milliseconds(last + _MARGIN)}
    with aws_errors(f"read log group {group}"):
        try:
            pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, **span)
            return [event for page in pages for event in page["events"]]
        except ClientError as exc:
            if code_of(exc) == "ResourceNotFoundException":
                return []
            raise


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _is_about(message: str, batch: BatchRecord, runs: set[str]) -> bool:
    """Whether a line names the batch, or is of one of its runs and names no batch."""
    if batch.batch_id in message:
        return True
    try:
        said = json.loads(message)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("run") in runs and not said.get("batch")


def _line(source: str, message: str, milliseconds: int) -> LogLine | None:
    at = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
    try:
        said = json.loads(message)
    except ValueError:
        return LogLine(at, source, "", message.rstrip())
    if not isinstance(said, dict) or "message" not in said:
        return None  # metrics stand in the same groups
    text = said["message"] if isinstance(said["message"], str) else json.dumps(said["message"])
    more = f"\n{said['exception']}" if isinstance(said.get("exception"), str) else ""
    moment = said.get("timestamp")
    return LogLine(moment if isinstance(moment, str) else at, source, str(said.get("level", "")), f"{text}{more}")
