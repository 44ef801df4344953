"""Glue's control plane for runs: accepts, queues, starts, times out, stops, ends and announces them."""

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.config import GlueSettings
from localcloud.errors import AwsApiError, CloudError
from localcloud.glue.execution import Execution
from localcloud.glue.process import Exit, kill_leftover
from localcloud.glue.runs import ACTIVE_STATES, EVENT_STATES, JobRun, RunStore

logger = logging.getLogger(__name__)

INTERRUPTED = "LocalCloudStopped: local cloud stopped while the run was active"
JOIN_SECONDS = 30.0


@dataclass(frozen=True)
class RunRequest:
    """A run that Glue would accept, with all that its job said when it was asked for."""

    job_name: str
    account_id: str
    region: str
    arguments: dict[str, str]
    job_arguments: dict[str, str]
    script_location: str
    max_concurrent_runs: int
    max_retries: int
    timeout_minutes: int
    queuing_enabled: bool
    previous_run_id: str | None
    shown: dict[str, Any]
    role: str = ""


class GlueRunner:
    """All runs of a local cloud.

    A run is on disk at every change of its state. Those that a kill found active end as FAILED at the next start, those
    that waited go on waiting, and one whose files were on their way to S3 has them sent to the end.
    """

    def __init__(
        self,
        store: RunStore,
        execute: Callable[[JobRun], Execution],
        announce: Callable[[JobRun], None],
        keep_logs: Callable[[Execution], None],
        settings: GlueSettings,
        now: Callable[[], float],
    ) -> None:
        """Take over the runs on disk; `start` acts on them.

        Args:
            store: of the runs.
            execute: makes a run's execution.
            announce: sends a state-change event.
            keep_logs: copies a run's output to where people look for it.
            settings: of this machine.
            now: seconds since the epoch.
        """
        self._store = store
        self._execute = execute
        self._announce = announce
        self._keep_logs = keep_logs
        self._settings = settings
        self._now = now
        self._lock = threading.RLock()
        self._stops: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closing = threading.Event()

    def start(self) -> None:
        """Settle what an earlier local cloud left, then start what waits."""
        for run in self._store.all():
            if run.state in ACTIVE_STATES:
                self._recover(run)
            elif run.is_final and not run.event_sent:
                self._send_event(run)
        self._start_waiting()

    def stop(self) -> None:
        """End the active runs; waiting ones stay for the next start."""
        self._closing.set()
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(JOIN_SECONDS)

    def submit(self, request: RunRequest) -> JobRun:
        """Accept a run.

        Raises:
            AwsApiError: ConcurrentRunsExceededException when the job has its number of runs and does not queue.
        """
        with self._lock:
            occupied = sum(run.job_name == request.job_name for run in self._accepted(request))
            if occupied >= request.max_concurrent_runs and not request.queuing_enabled:
                raise AwsApiError(
                    "ConcurrentRunsExceededException",
                    f"Concurrent runs exceeded for {request.job_name}: {request.max_concurrent_runs} allowed",
                )
            run = self._store.save(self._new_run(request))
            self._start_waiting()
        return self._store.get(run.id) or run

    def get(self, run_id: str) -> JobRun | None:
        """A run by its id."""
        return self._store.get(run_id)

    def runs(self, job_name: str, account_id: str, region: str) -> list[JobRun]:
        """A job's runs, the newest first."""
        of_job = (job_name, account_id, region)
        found = [run for run in self._store.all() if (run.job_name, run.account_id, run.region) == of_job]
        return sorted(found, key=lambda run: run.started_on, reverse=True)

    def request_stop(self, run_id: str) -> None:
        """Stop a run that has not ended; returns at once, the run is STOPPING until its process is gone."""
        with self._lock:
            run = self._store.get(run_id)
            if run is None or run.is_final:
                return
            if run.state != "WAITING":
                if not run.sending:
                    self._change(run, lambda current: replace(current, state="STOPPING"))
                    self._stops[run_id].set()
                return
            stopped = self._end(run, "STOPPED")
        self._send_event(stopped)

    def _accepted(self, request: RunRequest) -> list[JobRun]:
        same = (request.account_id, request.region)
        return [run for run in self._store.all() if not run.is_final and (run.account_id, run.region) == same]

    def _new_run(self, request: RunRequest) -> JobRun:
        now = self._now()
        fields = {name: getattr(request, name) for name in request.__dataclass_fields__}
        run_id = f"jr_{secrets.token_hex(32)}"
        return JobRun(id=run_id, state="WAITING", started_on=now, last_modified_on=now, **fields)

    def _start_waiting(self) -> None:
        """Start the waiting runs for which there is room, the oldest first."""
        with self._lock:
            if self._closing.is_set():
                return
            runs = self._store.all()
            active = [run for run in runs if run.state in ACTIVE_STATES]
            for run in (run for run in runs if run.state == "WAITING"):
                of_job = sum((other.job_name, other.region) == (run.job_name, run.region) for other in active)
                detail = self._why_waiting(run, len(active), of_job)
                if detail:
                    self._explain(run, detail)
                else:
                    active.append(self._start_thread(run))

    def _why_waiting(self, run: JobRun, active: int, active_of_job: int) -> str:
        if active_of_job >= run.max_concurrent_runs:
            return f"waiting for one of the job's {run.max_concurrent_runs} concurrent runs"
        if active >= self._settings.slots:
            return f"waiting for one of this machine's {self._settings.slots} slots"
        return ""

    def _explain(self, run: JobRun, detail: str) -> None:
        if detail != run.state_detail:
            self._change(run, lambda current: replace(current, state_detail=detail))

    def _start_thread(self, run: JobRun) -> JobRun:
        started = self._change(run, lambda current: replace(current, state="STARTING", state_detail=""))
        self._stops[run.id] = threading.Event()
        thread = threading.Thread(target=self._run_to_end, args=(started,), name=f"glue-{run.id[:11]}", daemon=True)
        self._threads[run.id] = thread
        thread.start()
        return started

    def _run_to_end(self, run: JobRun) -> None:
        self._settle(self._execute(run), self._outcome)

    def _settle(self, execution: Execution, work: Callable[[Execution], tuple[str, str]]) -> None:
        """Do a run's work and end the run, whatever happens: its state and message are the work's answer."""
        state, message = "FAILED", "InternalServiceException: the local cloud failed; its log has the reason"
        try:
            state, message = work(execution)
        except (CloudError, OSError, ClientError, BotoCoreError) as error:
            logger.exception("run %s of %s failed outside its script", execution.run.id, execution.run.job_name)
            message = f"{type(error).__name__}: {error}"
        finally:
            self._finish(execution, state, message)

    def _outcome(self, execution: Execution) -> tuple[str, str]:
        run = execution.run
        execution.prepare()
        stop = self._stops[run.id]
        if stop.is_set() or self._closing.is_set():
            return ("FAILED", INTERRUPTED) if self._closing.is_set() else ("STOPPED", "")
        process = execution.launch()
        with self._lock:
            if not stop.is_set():
                self._change(
                    run, lambda current: replace(current, state="RUNNING", running_since=self._now(), pid=process.pid)
                )
        exit_ = process.wait(
            timeout_seconds=run.timeout_minutes * self._settings.minute_seconds,
            is_stopped=lambda: stop.is_set() or self._closing.is_set(),
            grace_seconds=self._settings.stop_grace_seconds,
            serve=execution.serve,
        )
        return self._judge(execution, exit_)

    def _judge(self, execution: Execution, exit_: Exit) -> tuple[str, str]:
        if exit_.stopped or exit_.timed_out or exit_.status != 0:
            execution.leave()
        if exit_.stopped:
            return ("FAILED", INTERRUPTED) if self._closing.is_set() else ("STOPPED", "")
        if exit_.timed_out:
            return "TIMEOUT", f"Job run timed out after {execution.run.timeout_minutes} min"
        if exit_.status != 0:
            return "FAILED", execution.failure_message(exit_)
        execution.record_changes()
        self._change(execution.run, lambda current: replace(current, sending=True))
        return _send(execution)

    def _finish(self, execution: Execution, state: str, message: str) -> None:
        run_id = execution.run.id
        try:
            self._keep_logs(execution)
        except (ClientError, BotoCoreError, OSError) as error:
            logger.warning("the logs of run %s are only in its folder: %s", run_id, error)
        execution.clean()
        with self._lock:
            run = self._end(execution.run, state, message)
            self._threads.pop(run_id, None)
            self._stops.pop(run_id, None)
            self._retry(run)
        try:
            self._send_event(run)
        finally:
            self._start_waiting()

    def _end(self, run: JobRun, state: str, message: str = "") -> JobRun:
        return self._change(
            run,
            lambda current: replace(
                current, state=state, error_message=message, completed_on=self._now(), state_detail="", sending=False
            ),
        )

    def _send_event(self, run: JobRun) -> None:
        """Announce an end, without the lock: what the event starts may ask for the next run at once.

        While the local cloud stops nobody listens any more; the next start sends it.
        """
        if self._closing.is_set():
            return
        if run.state in EVENT_STATES:
            self._announce(run)
        self._store.save(replace(run, event_sent=True))

    def _retry(self, run: JobRun) -> None:
        """Accept the next attempt of a failed run; Glue does not retry runs that timed out or were stopped."""
        if run.state != "FAILED" or run.attempt >= run.max_retries or self._closing.is_set():
            return
        now = self._now()
        first_id = run.id.partition("_attempt_")[0]
        again = replace(
            run,
            id=f"{first_id}_attempt_{run.attempt + 1}",
            attempt=run.attempt + 1,
            previous_run_id=run.id,
            state="WAITING",
            started_on=now,
            last_modified_on=now,
            running_since=None,
            completed_on=None,
            error_message="",
            pid=None,
            event_sent=False,
        )
        self._store.save(again)

    def _recover(self, run: JobRun) -> None:
        if run.pid is not None:
            kill_leftover(run.pid, run.id)
        self._settle(self._execute(run), _send if run.sending else _give_up)

    def _change(self, run: JobRun, change: Callable[[JobRun], JobRun]) -> JobRun:
        """Save a change of what the run is now: a stop may have come since the caller read it."""
        with self._lock:
            current = self._store.get(run.id) or run
            return self._store.save(replace(change(current), last_modified_on=self._now()))


def _send(execution: Execution) -> tuple[str, str]:
    execution.send()
    return "SUCCEEDED", ""


def _give_up(execution: Execution) -> tuple[str, str]:
    return ("STOPPED", "") if execution.run.state == "STOPPING" else ("FAILED", INTERRUPTED)
