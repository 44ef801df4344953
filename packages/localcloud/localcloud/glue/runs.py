"""Glue job runs as values, and their store on disk: each change of state is on disk before anybody can see it."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

ACTIVE_STATES = frozenset({"STARTING", "RUNNING", "STOPPING"})
FINAL_STATES = frozenset({"STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT", "ERROR", "EXPIRED"})
# Source: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
EVENT_STATES = frozenset({"SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED"})


@dataclass(frozen=True)
class JobRun:
    """One run of a job.

    Attributes:
        id: `jr_` and 64 hex digits, as Glue's.
        arguments: given at StartJobRun; what GetJobRun shows.
        job_arguments: all that the script gets, the job's own included, fixed when the run was accepted.
        script_location: `s3://` location of the script.
        state: Glue's JobRunState.
        max_concurrent_runs: the job's limit when the run was accepted.
        timeout_minutes: of the time spent RUNNING.
        started_on: epoch seconds; Glue counts from StartJobRun.
        running_since: epoch seconds at which the process started.
        sending: the process has succeeded and its files are on their way to S3; a restart finishes that.
        event_sent: the state-change event of the final state is out.
        shown: further fields of GetJobRun, as the job had them.
        role: ARN of the role that the run acts as.
    """

    id: str
    job_name: str
    account_id: str
    region: str
    arguments: Mapping[str, str]
    job_arguments: Mapping[str, str]
    script_location: str
    state: str
    started_on: float
    last_modified_on: float
    max_concurrent_runs: int
    max_retries: int
    timeout_minutes: int
    queuing_enabled: bool
    attempt: int = 0
    previous_run_id: str | None = None
    running_since: float | None = None
    completed_on: float | None = None
    error_message: str = ""
    state_detail: str = ""
    pid: int | None = None
    sending: bool = False
    event_sent: bool = False
    shown: Mapping[str, Any] | None = None
    role: str = ""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a saved run; fields of a newer version are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.state in FINAL_STATES

    @property
    def execution_seconds(self) -> int:
        """Seconds for which the run used resources."""
        if self.running_since is None:
            return 0
        end = self.completed_on if self.completed_on is not None else self.last_modified_on
        return max(0, round(end - self.running_since))

    def to_response(self) -> dict[str, Any]:
        """The run as GetJobRun shows it."""
        response: dict[str, Any] = {
            "Id": self.id,
            "Attempt": self.attempt,
            "JobName": self.job_name,
            "JobRunQueuingEnabled": self.queuing_enabled,
            "StartedOn": self.started_on,
            "LastModifiedOn": self.last_modified_on,
            "JobRunState": self.state,
            "Arguments": dict(self.arguments),
            "PredecessorRuns": [],
            "ExecutionTime": self.execution_seconds,
            "Timeout": self.timeout_minutes,
            "LogGroupName": "/aws-glue/jobs",
            **(self.shown or {}),
        }
        optional = {
            "PreviousRunId": self.previous_run_id,
            "CompletedOn": self.completed_on,
            "ErrorMessage": self.error_message or None,
            "StateDetail": self.state_detail or None,
        }
        return response | {name: value for name, value in optional.items() if value is not None}


class RunStore:
    """All runs, in memory and as `<run id>/run.json`; safe between threads."""

    def __init__(self, folder: Path) -> None:
        """Load what is there.

        Args:
            folder: holds one folder per run.
        """
        self.folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        loaded = [JobRun.from_json(path.read_text(encoding="utf-8")) for path in folder.glob("*/run.json")]
        self._runs = {run.id: run for run in sorted(loaded, key=lambda run: run.started_on)}

    def run_folder(self, run_id: str) -> Path:
        """Where everything of a run is kept."""
        return self.folder / run_id

    def save(self, run: JobRun) -> JobRun:
        """Write a run down, atomically, and return it."""
        path = self.run_folder(run.id) / "run.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            temporary = path.with_suffix(".new")
            temporary.write_text(json.dumps(asdict(run)), encoding="utf-8")
            temporary.replace(path)
            self._runs[run.id] = run
        return run

    def get(self, run_id: str) -> JobRun | None:
        """A run by its id."""
        with self._lock:
            return self._runs.get(run_id)

    def all(self) -> list[JobRun]:
        """Every run, in order of acceptance."""
        with self._lock:
            return list(self._runs.values())
