"""`glue:startJobRun` in a state machine, and `.sync`, which waits for the run's end."""

import json
import time
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.glue.runner import GlueRunner
from localcloud.glue.runs import JobRun
from localcloud.stepfunctions.passage import CURRENT, DEADLINE, CalledOffError

RESOURCE = "arn:aws:states:::glue:startJobRun"
LOOK_SECONDS = 0.1
TIMES = ("StartedOn", "LastModifiedOn", "CompletedOn")


class GlueTask:
    """Starts runs for state machines.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html
    """

    def __init__(self, runner: GlueRunner) -> None:
        """Wait for the runs of a runner.

        Args:
            runner: does the runs.
        """
        self._runner = runner

    def __call__(self, resource: str, arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - as the state has it
        """The task's result."""
        try:
            answer = registry.call_service("glue", "AWSGlue.StartJobRun", arguments)
        except AwsApiError as error:
            raise registry.state_failure(f"Glue.{error.code}", error.message) from error
        if not resource.removeprefix(RESOURCE).startswith(".sync"):
            return {"JobName": arguments["JobName"], **answer}
        run = self._end_of(answer["JobRunId"])
        result = as_result(run)
        if run.state != "SUCCEEDED":
            raise registry.state_failure("States.TaskFailed", json.dumps(result))
        return result

    def _end_of(self, run_id: str) -> JobRun:
        while True:
            run = self._runner.get(run_id)
            if run is None:
                raise registry.state_failure("Glue.EntityNotFoundException", f"Job run {run_id} not found")
            if run.is_final:
                return run
            self._wait(run_id)

    def _wait(self, run_id: str) -> None:
        """Look again in a moment; a run that nobody waits for any more is stopped."""
        passage, deadline = CURRENT.get(), DEADLINE.get()
        if deadline is not None and time.monotonic() > deadline:
            self._runner.request_stop(run_id)
            raise registry.state_failure("States.Timeout", f"nobody waits for job run {run_id} any more")
        if passage is None:
            time.sleep(LOOK_SECONDS)
        elif passage.off.wait(LOOK_SECONDS):
            if not passage.is_closing.is_set():
                self._runner.request_stop(run_id)
            raise CalledOffError


def as_result(run: JobRun) -> dict[str, Any]:
    """A run as a state machine gets it: as GetJobRun has it, with moments in milliseconds."""
    shown = run.to_response()
    return shown | {name: round(shown[name] * 1000) for name in TIMES if name in shown}
