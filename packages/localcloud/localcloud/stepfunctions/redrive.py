"""When an execution can be redriven."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
REDRIVABLE_FOR = timedelta(days=14)
OPEN_AT_MOST = timedelta(days=365)
MAX_EVENTS = 24_999
TOKENS_KEPT = 10
TOKEN_VALID_FOR = timedelta(minutes=15)


def now_text(now: datetime | None = None) -> str:
    """A moment as Step Functions writes it, and as MiniStack keeps it."""
    moment = datetime.now(UTC) if now is None else now.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parse(text: str) -> datetime:
    """The moment that `now_text` wrote."""
    return datetime.fromisoformat(text)


def refusal(record: Mapping[str, Any], machine_type: str, now: datetime) -> str | None:
    """Why an execution cannot be redriven, in Step Functions' words; None when it can.

    Args:
        record: MiniStack's record of the execution.
        machine_type: STANDARD or EXPRESS.
        now: The present.

    Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
    """
    if machine_type != "STANDARD":
        return "Execution is of type EXPRESS and cannot be redriven"
    if record["status"] in ("RUNNING", "SUCCEEDED"):
        return f"Execution is {record['status']} and cannot be redriven"
    if len(record["events"]) >= MAX_EVENTS:
        return "Execution history event limit exceeded"
    if now - parse(record["startDate"]) > OPEN_AT_MOST:
        return "Execution has exceeded the max execution time"
    if now - parse(record["stopDate"]) > REDRIVABLE_FOR:
        return "Execution redrivable period exceeded"
    return None


def view(record: Mapping[str, Any], machine_type: str, now: datetime) -> dict[str, Any]:
    """The fields that tell of redrives, as DescribeExecution and the status events have them."""
    reason = refusal(record, machine_type, now)
    return {
        "redriveCount": record.get("redriveCount", 0),
        "redriveDate": record.get("redriveDate"),
        "redriveStatus": "REDRIVABLE" if reason is None else "NOT_REDRIVABLE",
        "redriveStatusReason": reason,
    }


def earlier_answer(record: Mapping[str, Any], token: str | None, now: datetime) -> str | None:
    """The date that a request with the same client token was answered with."""
    for used, date in record.get("redriveTokens", ()):
        if token is not None and used == token and now - parse(date) <= TOKEN_VALID_FOR:
            return str(date)
    return None
