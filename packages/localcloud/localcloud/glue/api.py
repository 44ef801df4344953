"""Glue's API of jobs and runs, as request and answer; the rest of Glue stays MiniStack's."""

from collections.abc import Mapping
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError, invalid_input, not_found
from localcloud.glue.arguments import check_arguments, check_job_name, merge_arguments
from localcloud.glue.runner import GlueRunner, RunRequest
from localcloud.glue.runs import JobRun
from localcloud.glue.tags import forget_tags, keep_tags
from localcloud.iam.requests import role_arn
from localcloud.routing import ActionRouter

# Fields of a job that MiniStack forgets; each is replaced by an update, as all of a job is in AWS.
FORGOTTEN_FIELDS = (
    "CodeGenConfigurationNodes",
    "ExecutionClass",
    "ExecutionProperty",
    "JobMode",
    "JobRunQueuingEnabled",
    "LogUri",
    "MaintenanceWindow",
    "NotificationProperty",
    "SourceControlDetails",
)
# Source: https://docs.aws.amazon.com/glue/latest/dg/add-job.html
DEFAULT_TIMEOUT_MINUTES = 480
DEFAULT_CONCURRENT_RUNS = 1
MAX_STOPS = 25
MAX_RUNS_PER_PAGE = 200
RUN_FIELDS = ("WorkerType", "NumberOfWorkers", "GlueVersion", "MaxCapacity", "ExecutionClass", "SecurityConfiguration")


class JobRunApi:
    """The actions of jobs and runs that are ours."""

    def __init__(self, runner: GlueRunner, glue: ActionRouter) -> None:
        """Answer for a runner.

        Args:
            runner: does the runs.
            glue: asked for job definitions, which MiniStack keeps.
        """
        self._runner = runner
        self._glue = glue

    def install(self) -> None:
        """Take over the actions."""
        for action in (
            ("CreateJob", self.create_job),
            ("UpdateJob", self.update_job),
            ("DeleteJob", self.delete_job),
            ("StartJobRun", self.start_job_run),
            ("GetJobRun", self.get_job_run),
            ("GetJobRuns", self.get_job_runs),
            ("BatchStopJobRun", self.batch_stop_job_run),
        ):
            self._glue.add(*action)

    def create_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateJob, with the fields that MiniStack forgets."""
        check_job_name(request.get("Name"))
        given = {"Timeout": DEFAULT_TIMEOUT_MINUTES, "GlueVersion": "6.0"} | request
        answer = self._glue.call_inner("AWSGlue.CreateJob", given)
        self._keep_forgotten(request["Name"], request)
        keep_tags(self._glue, "job", request["Name"], request.get("Tags"))
        return answer

    def update_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateJob, with the fields that MiniStack forgets."""
        answer = self._glue.call_inner("AWSGlue.UpdateJob", request)
        self._keep_forgotten(request["JobName"], request.get("JobUpdate", {}))
        return answer

    def delete_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteJob, and its tags."""
        answer = self._glue.call_inner("AWSGlue.DeleteJob", request)
        forget_tags(self._glue, "job", check_job_name(request.get("JobName")))
        return answer

    def start_job_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartJobRun."""
        job = self._job(check_job_name(request.get("JobName")))
        previous = request.get("JobRunId")
        if previous is not None:
            self._run(job["Name"], previous)
        return {"JobRunId": self._runner.submit(_run_request(job, request)).id}

    def get_job_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetJobRun."""
        self._job(check_job_name(request.get("JobName")))
        return {"JobRun": self._run(request["JobName"], request.get("RunId")).to_response()}

    def get_job_runs(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetJobRuns, the newest first."""
        name = self._job(check_job_name(request.get("JobName")))["Name"]
        runs = self._runner.runs(name, *registry.current_scope())
        start = _offset(request.get("NextToken"))
        end = start + int(request.get("MaxResults") or MAX_RUNS_PER_PAGE)
        page: dict[str, Any] = {"JobRuns": [run.to_response() for run in runs[start:end]]}
        return page if end >= len(runs) else page | {"NextToken": str(end)}

    def batch_stop_job_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """BatchStopJobRun: an error per run that is unknown or has ended."""
        name = check_job_name(request.get("JobName"))
        ids = request.get("JobRunIds") or []
        if not 1 <= len(ids) <= MAX_STOPS:
            raise invalid_input(f"JobRunIds must have 1 to {MAX_STOPS} entries")
        submitted, errors = [], []
        for run_id in ids:
            entry = {"JobName": name, "JobRunId": run_id}
            error = self._stop(name, run_id)
            if error is None:
                submitted.append(entry)
            else:
                errors.append(entry | {"ErrorDetail": {"ErrorCode": error.code, "ErrorMessage": error.message}})
        return {"SuccessfulSubmissions": submitted, "Errors": errors}

    def _stop(self, job_name: str, run_id: str) -> AwsApiError | None:
        try:
            run = self._run(job_name, run_id)
        except AwsApiError as error:
            return error
        if run.is_final:
            return invalid_input(f"Job run {run_id} is {run.state} and cannot be stopped")
        self._runner.request_stop(run_id)
        return None

    def _job(self, name: str) -> dict[str, Any]:
        job: dict[str, Any] = self._glue.call_inner("AWSGlue.GetJob", {"JobName": name})["Job"]
        return job

    def _run(self, job_name: str, run_id: object) -> JobRun:
        run = self._runner.get(str(run_id))
        if run is None or (run.job_name, run.account_id, run.region) != (job_name, *registry.current_scope()):
            raise not_found(f"Job run {run_id} of job {job_name} not found")
        return run

    def _keep_forgotten(self, name: str, definition: Mapping[str, Any]) -> None:
        job = registry.glue_jobs()[name]
        for field in FORGOTTEN_FIELDS:
            if definition.get(field) is None:
                job.pop(field, None)
            else:
                job[field] = definition[field]


def _run_request(job: Mapping[str, Any], request: Mapping[str, Any]) -> RunRequest:
    account_id, region = registry.current_scope()
    arguments = check_arguments(request.get("Arguments"))
    merged = merge_arguments(job.get("DefaultArguments") or {}, arguments, job.get("NonOverridableArguments") or {})
    queuing = request.get("JobRunQueuingEnabled", job.get("JobRunQueuingEnabled"))
    shown = {name: request.get(name) or job.get(name) for name in RUN_FIELDS}
    return RunRequest(
        job_name=job["Name"],
        account_id=account_id,
        region=region,
        arguments=arguments,
        job_arguments=merged,
        script_location=merged.get("--scriptLocation") or job.get("Command", {}).get("ScriptLocation", ""),
        max_concurrent_runs=int(
            (job.get("ExecutionProperty") or {}).get("MaxConcurrentRuns") or DEFAULT_CONCURRENT_RUNS
        ),
        max_retries=int(job.get("MaxRetries") or 0),
        timeout_minutes=int(request.get("Timeout") or job.get("Timeout") or DEFAULT_TIMEOUT_MINUTES),
        queuing_enabled=bool(queuing),
        previous_run_id=request.get("JobRunId"),
        shown={name: value for name, value in shown.items() if value},
        role=role_arn(str(job.get("Role", "")), account_id),
    )


def _offset(token: object) -> int:
    if token is None:
        return 0
    if not isinstance(token, str) or not token.isdecimal():
        raise invalid_input("NextToken is none that this API gave")
    return int(token)
