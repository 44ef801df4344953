"""Executions from their start, or a redrive, to their end."""

import contextvars
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError, StateError
from localcloud.stepfunctions import redrive
from localcloud.stepfunctions.events import machine_type, send_status_change
from localcloud.stepfunctions.passage import CURRENT, CalledOffError, Passage
from localcloud.stepfunctions.walk import walk

logger = logging.getLogger(__name__)

INTERRUPTED = "LocalCloudStopped"
INTERRUPTED_CAUSE = "the local cloud stopped while the execution was running; a redrive goes on with it"
MINISTACK_INTERRUPTED = "States.ServiceRestart"
# The history's event of an end, and the name of that event's own fields.
END_EVENTS = {
    "SUCCEEDED": ("ExecutionSucceeded", "executionSucceededEventDetails"),
    "FAILED": ("ExecutionFailed", "executionFailedEventDetails"),
    "TIMED_OUT": ("ExecutionTimedOut", "executionTimedOutEventDetails"),
    "ABORTED": ("ExecutionAborted", "executionAbortedEventDetails"),
}


class Engine:
    """All executions of a local cloud.

    MiniStack keeps their records and saves them. Of an execution that has not ended well, the record also says where it
    is (`resume`) and by which definition it runs, so that a redrive, even after a restart, goes on there.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # never held while an event is sent: what hears of it may call back
        self._passages: dict[str, Passage] = {}
        self._is_closing = threading.Event()

    def start(self) -> None:
        """Tell of the executions that the end of an earlier local cloud interrupted.

        They have failed, because they were RUNNING in the saved state; a redrive goes on with them.
        """
        for account_id, region, record in registry.all_executions():
            if record.get("error") == MINISTACK_INTERRUPTED:
                with registry.request_scope(account_id, region):
                    _end(record, "FAILED", {"error": INTERRUPTED, "cause": INTERRUPTED_CAUSE})
                    send_status_change(record)

    def stop(self) -> None:
        """Leave all executions where they are; the next start tells of them."""
        with self._lock:
            self._is_closing.set()
            for passage in self._passages.values():
                passage.off.set()

    def run(self, arn: str) -> None:
        """Run an execution to its end, on its own thread; MiniStack calls this for each start."""
        record = registry.get_execution(arn)
        passage = None if record is None else self._begin(record)
        if passage is None:
            return
        token = CURRENT.set(passage)
        try:
            with registry.state_failures():
                output = self._walk(passage)
            self._finish(passage, "SUCCEEDED", {"output": json.dumps(output)})
        except CalledOffError:
            logger.info("execution %s was called off", arn)
        except StateError as failure:
            self._finish(passage, "FAILED", {"error": failure.error, "cause": failure.cause})
        except Exception as error:  # the thread's entry point
            logger.exception("execution %s failed outside its states", arn)
            cause = f"{type(error).__name__}: {error}"
            self._finish(passage, "FAILED", {"error": "States.Runtime", "cause": cause})
        finally:
            CURRENT.reset(token)
            self._forget(passage)

    def abort(self, arn: str, error: str | None, cause: str | None) -> str:
        """Abort an execution; gives the moment of its end. Aborting it again changes nothing.

        Args:
            arn: of the execution.
            error: what the caller says.
            cause: what the caller says.

        Raises:
            AwsApiError: ExecutionDoesNotExist, or ValidationException when it has ended otherwise.
        """
        with self._lock:
            record = _known(arn)
            is_running = record["status"] == "RUNNING"
            if is_running:
                _end(record, "ABORTED", {"error": error, "cause": cause})
                self._call_off(arn)
            elif record["status"] != "ABORTED":
                raise AwsApiError("ValidationException", f"Execution is {record['status']} and cannot be stopped")
        if is_running:
            send_status_change(record)
        return str(record["stopDate"])

    def redrive(self, arn: str, token: str | None) -> str:
        """Go on with an execution in the state in which it failed; gives the redrive's date.

        Args:
            arn: of the execution.
            token: the request's client token; a request that is repeated with it redrives once.

        Raises:
            AwsApiError: ExecutionDoesNotExist, or ExecutionNotRedrivable with the reason.
        """
        now = datetime.now(UTC)
        with self._lock:
            record = _known(arn)
            earlier = redrive.earlier_answer(record, token, now)
            if earlier is not None:
                return earlier
            reason = redrive.refusal(record, machine_type(record), now)
            if reason is not None:
                raise AwsApiError("ExecutionNotRedrivable", reason)
            date = _reopen(record, token, now)
        send_status_change(record)
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self.run, arn), name="execution", daemon=True).start()
        return date

    def _begin(self, record: dict[str, Any]) -> Passage | None:
        """A walk for an execution, unless it was aborted before its thread came."""
        arn = record["executionArn"]
        machine = registry.get_state_machine(record["stateMachineArn"])
        with self._lock:
            if self._is_closing.is_set() or record["status"] != "RUNNING" or machine is None:
                return None
            # A later change of the state machine does not reach executions that have begun, redriven or not.
            record.setdefault("definition", machine["definition"])
            record.setdefault("roleArn", machine["roleArn"])
            self._call_off(arn)
            passage = Passage(record, self._is_closing)
            self._passages[arn] = passage
            return passage

    def _call_off(self, arn: str) -> None:
        passage = self._passages.get(arn)
        if passage is not None:
            passage.off.set()

    def _forget(self, passage: Passage) -> None:
        arn = passage.record["executionArn"]
        with self._lock:
            if self._passages.get(arn) is passage:
                del self._passages[arn]

    def _walk(self, passage: Passage) -> object:
        record = passage.record
        definition = json.loads(record["definition"])
        begun = {"state": definition["StartAt"], "input": record["input"], "variables": "{}"}
        resume = record.get("resume") or begun
        context = _context(record, definition, json.loads(resume["variables"]))

        def enter(state: str, text: str) -> None:
            with self._lock:
                passage.check()
                record["resume"] = {"state": state, "input": text, "variables": json.dumps(context["variables"])}

        with self._timed(passage, definition.get("TimeoutSeconds")):
            return walk(definition["States"], resume["state"], json.loads(resume["input"]), record, context, enter)

    @contextmanager
    def _timed(self, passage: Passage, seconds: float | None) -> Iterator[None]:
        """End an execution that takes too long; a redrive begins to count again."""
        if seconds is None:
            yield
            return
        context = contextvars.copy_context()
        timer = threading.Timer(seconds, context.run, [self._finish, passage, "TIMED_OUT", {}])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _finish(self, passage: Passage, status: str, details: Mapping[str, str | None]) -> None:
        """End a walk's execution, unless somebody else has."""
        with self._lock:
            if passage.off.is_set():
                return
            passage.off.set()
            _end(passage.record, status, details)
        send_status_change(passage.record)


def _known(arn: str) -> dict[str, Any]:
    record = registry.get_execution(arn)
    if record is None:
        raise AwsApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    return record


def _end(record: dict[str, Any], status: str, details: Mapping[str, str | None]) -> None:
    kind, name = END_EVENTS[status]
    given = {key: text for key, text in details.items() if text is not None}
    registry.add_history(record, kind, **{name: given})
    nothing = {"error": None, "cause": None, "output": None}
    record.update(nothing | given, stopDate=redrive.now_text())
    record["status"] = status  # last: who sees it sees the rest


def _reopen(record: dict[str, Any], token: str | None, now: datetime) -> str:
    date = redrive.now_text(now)
    count = record.get("redriveCount", 0) + 1
    tokens = [*record.get("redriveTokens", ()), (token, date)][-redrive.TOKENS_KEPT :]
    registry.add_history(record, "ExecutionRedriven", executionRedrivenEventDetails={"redriveCount": count})
    record.update(redriveCount=count, redriveDate=date, redriveTokens=tokens, stopDate=None, error=None, cause=None)
    record["status"] = "RUNNING"
    return date


def _context(record: Mapping[str, Any], definition: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """The context object, with what MiniStack keeps beside it.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
    """
    execution = {
        "Id": record["executionArn"],
        "Input": json.loads(record["input"]),
        "Name": record["name"],
        "RoleArn": record["roleArn"],
        "StartTime": record["startDate"],
        "RedriveCount": record.get("redriveCount", 0),
    }
    if record.get("redriveDate") is not None:
        execution["RedriveTime"] = record["redriveDate"]
    machine = {"Id": record["stateMachineArn"], "Name": record["stateMachineArn"].split(":")[6]}
    return {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": execution,
        "StateMachine": machine,
        "variables": variables,
    }
