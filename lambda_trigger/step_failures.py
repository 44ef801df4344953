"""Failures as Step Functions hands them on: the name of an error, and a cause that is often JSON."""

import json

from lambda_trigger.notices import StepFailure
from lambda_trigger.running import Run, execution_name, glue_name
from sluice.aws.executions import SUCCEEDED


def load_run(execution: str, machine: str, failure: StepFailure | None) -> Run:
    """The run of a load as the state machine tells of it.

    Args:
        execution: Name of the execution.
        machine: Name of the state machine.
        failure: Why the load failed; None when it succeeded.
    """
    if failure is None:
        return Run(execution, execution_name(execution, machine), SUCCEEDED, is_ended=True)
    name, state, message = _glue_run(failure) or (execution_name(execution, machine), "FAILED", failure.text)
    return Run(execution, name, state, is_ended=True, message=message)


def readable(failure: StepFailure) -> StepFailure:
    """The failure with what a person wants to read of its cause, be it of a Glue run or of a Lambda function."""
    run = _glue_run(failure)
    if run is not None:
        return StepFailure(failure.state, failure.error, f"{run[0]} ended as {run[1]}: {run[2] or 'no reason given'}")
    error = _object(failure.cause).get("errorMessage")
    return StepFailure(failure.state, failure.error, error if isinstance(error, str) else failure.cause)


def _glue_run(failure: StepFailure) -> tuple[str, str, str] | None:
    """Name, state and message of the Glue run that a failure tells of; None when it tells of none."""
    run = _object(failure.cause)
    run_id, state, job = (run.get(field) for field in ("Id", "JobRunState", "JobName"))
    if not isinstance(run_id, str) or not isinstance(state, str) or not isinstance(job, str):
        return None
    message = run.get("ErrorMessage")
    return glue_name(run_id, job), state, message if isinstance(message, str) else ""


def _object(text: str) -> dict[str, object]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
