"""How a crawl tells of itself: an event for programs, a log for people.

States and the source of the event: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html;
its other fields are as samples of real events show them, for AWS documents none.
"""

import time
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from localcloud import registry
from localcloud.glue.crawls.records import FAILED, LOG_GROUP, SUCCEEDED, CrawlRecord
from localcloud.glue.crawls.report import iso

_MAX_LINES = 10_000
_MAX_LINE_CHARACTERS = 4000
_AT_ONCE = 1000
_NONE = "N/A"
STATES = {SUCCEEDED: "Succeeded", FAILED: "Failed"}


def send_start(record: CrawlRecord) -> None:
    """Put the event of a start on the default bus."""
    detail = {"state": "Started", "message": "Crawler Started", "startTime": iso(record.started_at)}
    _send(record, detail)


def send_end(record: CrawlRecord, now: float) -> None:
    """Put the event of an end on the default bus; AWS documents none for a crawl that was stopped."""
    if record.state not in STATES:
        return
    state = STATES[record.state]
    counts = {name: str(count) for name, count in (record.counts or {}).items()}
    detail = {
        "state": state,
        "message": f"Crawler {state}" if record.state == SUCCEEDED else record.error_message,
        "completionDate": iso(record.ended_at or now),
        "runningTime (sec)": str(round(record.seconds(now))),
        "warningMessage": record.warning_message or _NONE,
        **counts,
    }
    if record.state == FAILED:
        detail["errorMessage"] = record.error_message
    _send(record, detail)


def write_log(logs: Any, record: CrawlRecord, lines: Sequence[str]) -> None:  # noqa: ANN401 - a boto3 client
    """Write lines to the crawlers' log group, into the stream of the crawler.

    Raises:
        ClientError: CloudWatch Logs refuses.
    """
    stream = {"logGroupName": LOG_GROUP, "logStreamName": record.crawler}
    for create, arguments in ((logs.create_log_group, {"logGroupName": LOG_GROUP}), (logs.create_log_stream, stream)):
        try:
            create(**arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceAlreadyExistsException":
                raise
    shown = list(lines[-_MAX_LINES:])
    stamp = int(time.time() * 1000)
    for start in range(0, len(shown), _AT_ONCE):
        some = shown[start : start + _AT_ONCE]
        events = [{"timestamp": stamp, "message": line[:_MAX_LINE_CHARACTERS]} for line in some]
        logs.put_log_events(**stream, logEvents=events)


def _send(record: CrawlRecord, detail: dict[str, str]) -> None:
    with registry.request_scope(record.account_id, record.region):
        own = {"crawlerName": record.crawler, "accountId": record.account_id}
        registry.put_service_event("aws.glue", "Glue Crawler State Change", own | detail)
