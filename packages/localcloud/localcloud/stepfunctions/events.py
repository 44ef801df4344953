"""`Step Functions Execution Status Change`, on the default bus."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localcloud import registry
from localcloud.stepfunctions import redrive

logger = logging.getLogger(__name__)

# Longer texts are left out of the event. Source: the page below.
MAX_TEXT_BYTES = 248 * 1024


def send_status_change(record: Mapping[str, Any]) -> None:
    """Tell of an execution's status; executions of express machines, or that a caller waits for, tell nothing."""
    if record.get("sync") or machine_type(record) != "STANDARD":
        return
    arn = record["executionArn"]
    registry.put_service_event("aws.states", "Step Functions Execution Status Change", detail(record), [arn])


def detail(record: Mapping[str, Any]) -> dict[str, Any]:
    """The event's own fields.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    has_succeeded, has_failed = record["status"] == "SUCCEEDED", record["status"] in ("FAILED", "TIMED_OUT", "ABORTED")
    about_redrive = redrive.view(record, machine_type(record), datetime.now(UTC))
    return {
        "executionArn": record["executionArn"],
        "stateMachineArn": record["stateMachineArn"],
        "name": record["name"],
        "status": record["status"],
        "startDate": _milliseconds(record["startDate"]),
        "stopDate": _milliseconds(record["stopDate"]),
        **_text("input", record["input"]),
        **_text("output", record["output"] if has_succeeded else None),
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        **about_redrive,
        "redriveDate": _milliseconds(about_redrive["redriveDate"]),
        "error": record.get("error") if has_failed else None,
        "cause": record.get("cause") if has_failed else None,
    }


def machine_type(record: Mapping[str, Any]) -> str:
    """STANDARD or EXPRESS."""
    machine = registry.get_state_machine(record["stateMachineArn"])
    return "STANDARD" if machine is None else str(machine["type"])


def _text(name: str, text: str | None) -> dict[str, Any]:
    is_included = text is None or len(text.encode()) <= MAX_TEXT_BYTES
    details = {"included": is_included} if text is not None else None
    return {name: text if is_included else None, f"{name}Details": details}


def _milliseconds(text: str | None) -> int | None:
    return None if text is None else round(redrive.parse(text).timestamp() * 1000)
