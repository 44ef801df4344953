"""The two ways of running the work for a claim: a Glue run for a conversion, a Step Functions execution for a load.

Dispatch, booking and sweep know only what is common to both.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lambda_trigger.ports import ExecutionsPort, JobsPort
from sluice.aws.jobs import CLAIM_ARGUMENT, DATASET_ARGUMENT, SUCCEEDED, JobRun
from sluice.errors import SluiceError, StartUnclearError
from sluice.ledger.batch import Stage
from sluice.ledger.record import Claim
from sluice.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """The run of a claim, be it a Glue run or an execution.

    Attributes:
        run_id: Its id.
        name: What people call it: ``run jr_1 of sluice-raw-to-parquet``.
        state: The state that AWS gives.
        is_ended: Whether it does nothing any more.
        message: Why it failed; empty when AWS gives no reason.
    """

    run_id: str
    name: str
    state: str
    is_ended: bool
    message: str = ""

    @property
    def problem(self) -> str:
        """What is wrong with a batch that the run left without an outcome."""
        if self.state == SUCCEEDED:
            return f"{self.name} succeeded without an outcome for this batch"
        return f"{self.name} ended as {self.state}: {self.message or 'AWS gives no reason'}"


class Runner(Protocol):
    """A way of running."""

    def start(self, claim: Claim, arguments: Mapping[str, str]) -> str:
        """Start the run of a claim.

        Args:
            claim: The claim.
            arguments: What the run is told, names with Glue's dashes.

        Returns:
            The run's id.

        Raises:
            AwsBusyError: AWS refused for now; nothing was started.
            AwsError: AWS refused; nothing was started.
            StartUnclearError: The answer was lost; it may have been started.
        """

    def find(self, claim: Claim) -> Run | None:
        """The run of a claim; None when none was ever started.

        Raises:
            AwsBusyError: AWS could not answer now.
            AwsError: AWS refused.
        """


Runners = Mapping[Stage, Runner]
"""The way of running of each stage."""


@dataclass(frozen=True, slots=True)
class GlueRunner:
    """Runs a Glue job.

    Attributes:
        jobs: Glue's job runs.
        job: Name of the job.
    """

    jobs: JobsPort
    job: str

    def start(self, claim: Claim, arguments: Mapping[str, str]) -> str:
        """Start a run of the job; see `Runner`. When the answer was lost and Glue shows the run, that is the answer."""
        try:
            return self.jobs.start(self.job, arguments)
        except StartUnclearError:
            run = self._shown(claim)
            if run is None:
                raise
            return run.run_id

    def _shown(self, claim: Claim) -> JobRun | None:
        try:
            return self.jobs.find(self.job, claim.claim_id, claim.started_at)
        except SluiceError as exc:
            logger.warning("claim %s: not looked for: %s", claim.claim_id, exc)
            return None

    def find(self, claim: Claim) -> Run | None:
        """The run, by its id or, while nobody knows that, by its arguments; see `Runner`."""
        if not claim.run_id:
            run = self.jobs.find(self.job, claim.claim_id, claim.started_at)
            return None if run is None else of_glue(run)
        known = self.jobs.describe(self.job, claim.run_id)
        return of_glue(known or JobRun(self.job, claim.run_id, "EXPIRED", "Glue does not know the run any more"))


@dataclass(frozen=True, slots=True)
class MachineRunner:
    """Runs an execution of a state machine. It bears the claim's name, so it is found again whatever got lost.

    Attributes:
        executions: Executions of Step Functions.
        machine: Name of the state machine.
    """

    executions: ExecutionsPort
    machine: str

    def start(self, claim: Claim, arguments: Mapping[str, str]) -> str:  # noqa: ARG002 - a load's input is its claim
        """Start the execution; see `Runner`."""
        self.executions.start(self.machine, claim.claim_id, execution_input(claim.claim_id, claim.dataset))
        return claim.claim_id

    def find(self, claim: Claim) -> Run | None:
        """The execution of the claim's name; see `Runner`."""
        found = self.executions.describe(self.machine, claim.claim_id)
        if found is not None:
            return Run(found.name, execution_name(found.name, self.machine), found.state, found.is_ended, found.message)
        if not claim.run_id:
            return None
        lost = "Step Functions does not know the execution any more"
        return Run(claim.run_id, execution_name(claim.claim_id, self.machine), "EXPIRED", True, lost)


def runners(jobs: JobsPort, executions: ExecutionsPort, settings: Settings) -> Runners:
    """How each stage runs."""
    return {
        Stage.CONVERT: GlueRunner(jobs, settings.convert_job),
        Stage.LOAD: MachineRunner(executions, settings.load_machine),
    }


def of_glue(run: JobRun) -> Run:
    """A Glue run as a run."""
    return Run(run.run_id, glue_name(run.run_id, run.job), run.state, run.is_ended, run.message)


def glue_name(run_id: str, job: str) -> str:
    """What people call a Glue run."""
    return f"run {run_id} of {job}"


def execution_name(name: str, machine: str) -> str:
    """What people call an execution."""
    return f"execution {name} of {machine}"


def execution_input(claim_id: str, dataset: str, *, is_booked: bool = False) -> dict[str, str]:
    """Input of the load's state machine. It is always the same for a claim: else its name would not be idempotent.

    Args:
        claim_id: The claim.
        dataset: Its dataset.
        is_booked: Whether the load is done and booked, so that only what follows it is to be done.
    """
    about = {CLAIM_ARGUMENT.strip("-"): claim_id, DATASET_ARGUMENT.strip("-"): dataset}
    return about | ({"booked": "yes"} if is_booked else {})
