"""Glue job runs: start, describe, find."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from sluice.aws.failures import as_sluice_error, aws_errors, code_of
from sluice.errors import AwsBusyError, SluiceError, StartUnclearError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import JobRunTypeDef

CLAIM_ARGUMENT = "--claim_id"
DATASET_ARGUMENT = "--dataset"
PREDICATE_ARGUMENT = "--push_down_predicate"

SUCCEEDED = "SUCCEEDED"
ENDED_STATES = frozenset({SUCCEEDED, "FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"})
"""Source: https://docs.aws.amazon.com/glue/latest/dg/job-run-statuses.html. ERROR and EXPIRED come without an event."""

_REFUSED_FOR_NOW = {"ConcurrentRunsExceededException", "ResourceNumberLimitExceededException"}
_CLOCK_SLACK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a Glue job.

    Attributes:
        job: Name of the job.
        run_id: Glue's id of the run.
        state: Glue's ``JobRunState``.
        message: Glue's error message; empty without one.
        arguments: Arguments of the run, names with their dashes.
    """

    job: str
    run_id: str
    state: str
    message: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ended(self) -> bool:
        """Whether the run does nothing any more."""
        return self.state in ENDED_STATES

    @property
    def claim_id(self) -> str:
        """The claim that the run works for; empty when somebody started it without one."""
        return self.arguments.get(CLAIM_ARGUMENT, "")


@dataclass(frozen=True, slots=True)
class GlueJobs:
    """Glue's job runs.

    Attributes:
        glue: Client that retries.
        glue_once: Client that does not: a start that is repeated after a lost answer is a second run.
    """

    glue: "GlueClient"
    glue_once: "GlueClient"

    def start(self, job: str, arguments: Mapping[str, str]) -> str:
        """Start a run.

        Args:
            job: Name of the job.
            arguments: Arguments of the run, names with their dashes.

        Returns:
            Glue's id of the run.

        Raises:
            AwsBusyError: Glue refused for now; no run was started.
            AwsError: Glue refused; no run was started.
            StartUnclearError: The answer was lost; a run may have been started.
        """
        try:
            return self.glue_once.start_job_run(JobName=job, Arguments=dict(arguments))["JobRunId"]
        except (ClientError, BotoCoreError) as exc:
            raise _start_error(exc, f"start a run of {job}") from exc

    def describe(self, job: str, run_id: str) -> JobRun | None:
        """One run; None when Glue does not know it (any more).

        Raises:
            AwsBusyError: Glue could not answer now.
            AwsError: Glue refused.
        """
        with aws_errors(f"describe run {run_id} of {job}"):
            try:
                return _run(job, self.glue.get_job_run(JobName=job, RunId=run_id)["JobRun"])
            except ClientError as exc:
                if code_of(exc) == "EntityNotFoundException":
                    return None
                raise

    def find(self, job: str, claim_id: str, since: datetime) -> JobRun | None:
        """The run that works for a claim; None when there is none.

        Args:
            job: Name of the job.
            claim_id: The claim.
            since: When the claim was made; older runs are not looked at.

        Raises:
            AwsBusyError: Glue could not answer now.
            AwsError: Glue refused.
        """
        with aws_errors(f"look for the run of claim {claim_id} of {job}"):
            for page in self.glue.get_paginator("get_job_runs").paginate(JobName=job):
                runs = page["JobRuns"]
                for run in runs:
                    if run.get("Arguments", {}).get(CLAIM_ARGUMENT) == claim_id:
                        return _run(job, run)
                # Glue gives the newest runs first; a page of runs that are all older ends the search.
                # One that waits for resources may not have begun. Source:
                # https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html (StartedOn is optional)
                if runs and all(run.get("StartedOn", since) < since - _CLOCK_SLACK for run in runs):
                    break
        return None


def _run(job: str, run: "JobRunTypeDef") -> JobRun:
    return JobRun(job, run["Id"], run["JobRunState"], run.get("ErrorMessage", ""), dict(run.get("Arguments", {})))


def _start_error(exc: ClientError | BotoCoreError, action: str) -> SluiceError:
    """Tell refusals from answers that were lost.

    StartJobRun takes no idempotency token. Source: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html
    """
    if code_of(exc) in _REFUSED_FOR_NOW or isinstance(exc, EndpointConnectionError | ConnectTimeoutError):
        return AwsBusyError(f"{action}: {exc}")
    error = as_sluice_error(exc, action)
    if isinstance(error, AwsBusyError) and not _is_refused_at_the_door(exc):
        return StartUnclearError(str(error))
    return error


def _is_refused_at_the_door(exc: ClientError | BotoCoreError) -> bool:
    """Whether nobody has looked at the request: refused for its rate, or for credentials that have expired.

    Source: https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/common-errors.html
    """
    return code_of(exc).startswith(
        ("Throttl", "TooManyRequests", "RequestLimitExceeded", "ExpiredToken", "RequestExpired")
    )
