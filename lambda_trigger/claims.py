"""Claims: how batches get into the hands of one run, how that run is started and found, and how they get out again.

A claim is written before its run is started and names all its batches, so that whoever finds it can give them back. Its
run is a Glue run for a conversion, and a Step Functions execution for a load; what is common to both is a `Run`.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lambda_trigger.moves import claimed
from lambda_trigger.trigger import Trigger
from sluice.aws.jobs import CLAIM_ARGUMENT, DATASET_ARGUMENT, SUCCEEDED, JobRun
from sluice.errors import ConflictError, SluiceError, StartUnclearError
from sluice.ledger.batch import Stage
from sluice.ledger.record import RUNNING, BatchRecord, Claim
from sluice.logs import log_context
from sluice.parallel import each

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


def take(trigger: Trigger, claim: Claim, records: Iterable[BatchRecord]) -> tuple[BatchRecord, ...]:
    """Write a claim and move its batches into it.

    The claim comes first and names all batches, so that whoever finds it can give back those that were moved.

    Returns:
        The batches that the claim got; one that changed meanwhile is not among them.
    """
    with log_context(dataset=claim.dataset, claim=claim.claim_id):
        trigger.ledger.write_claim(claim)
        moved = each(lambda record: _move(trigger, claim, record), records, trigger.workers)
    return tuple(record for record in moved if record is not None)


def start(trigger: Trigger, claim: Claim, arguments: Mapping[str, str]) -> str:
    """Start the run of a claim: a conversion with these arguments, a load with its claim as input.

    When Glue's answer was lost and Glue shows the run, that is the answer. An execution has the claim's name, so it is
    found again whatever was lost.

    Args:
        trigger: The trigger.
        claim: The claim.
        arguments: Arguments of the conversion, names with Glue's dashes.

    Returns:
        The run's id.

    Raises:
        AwsBusyError: AWS refused for now; nothing was started.
        AwsError: AWS refused; nothing was started.
        StartUnclearError: The answer was lost; it may have been started.
    """
    if claim.stage is Stage.LOAD:
        about = execution_input(claim.claim_id, claim.dataset)
        trigger.executions.start(trigger.settings.load_machine, claim.claim_id, about)
        return claim.claim_id
    try:
        return trigger.jobs.start(trigger.settings.convert_job, arguments)
    except StartUnclearError:
        run = _shown(trigger, claim)
        if run is None:
            raise
        return run.run_id


def _shown(trigger: Trigger, claim: Claim) -> JobRun | None:
    try:
        return trigger.jobs.find(trigger.settings.convert_job, claim.claim_id, claim.started_at)
    except SluiceError as exc:
        logger.warning("claim %s: not looked for: %s", claim.claim_id, exc)
        return None


def find(trigger: Trigger, claim: Claim) -> Run | None:
    """The run of a claim; None when none was ever started.

    Raises:
        AwsBusyError: AWS could not answer now.
        AwsError: AWS refused.
    """
    return _conversion(trigger, claim) if claim.stage is Stage.CONVERT else _execution(trigger, claim)


def _conversion(trigger: Trigger, claim: Claim) -> Run | None:
    """The Glue run, by its id or, while nobody knows that, by its arguments."""
    job = trigger.settings.convert_job
    if not claim.run_id:
        run = trigger.jobs.find(job, claim.claim_id, claim.started_at)
        return None if run is None else of_glue(run)
    known = trigger.jobs.describe(job, claim.run_id)
    return of_glue(known or JobRun(job, claim.run_id, "EXPIRED", "Glue does not know the run any more"))


def _execution(trigger: Trigger, claim: Claim) -> Run | None:
    """The execution of the claim's name."""
    machine = trigger.settings.load_machine
    found = trigger.executions.describe(machine, claim.claim_id)
    if found is not None:
        return Run(found.name, execution_name(found.name, machine), found.state, found.is_ended, found.message)
    if not claim.run_id:
        return None
    lost = "Step Functions does not know the execution any more"
    return Run(claim.run_id, execution_name(claim.claim_id, machine), "EXPIRED", True, lost)


def give_back(trigger: Trigger, claim: Claim) -> None:
    """Put the batches of a claim that has no run back where they waited, and free the slot.

    The attempt does not count. The slot comes last: as long as batches are claimed, the slot is taken, and who
    finds the slot finds the claim.
    """
    with log_context(dataset=claim.dataset, claim=claim.claim_id):
        each(lambda batch_id: _return(trigger, claim, batch_id), claim.batch_ids, trigger.workers)
        close(trigger, claim)


def close(trigger: Trigger, claim: Claim) -> None:
    """Note that nothing of a claim is left to do, and free the slot."""
    # A dispatcher that found nothing to take has a slot and no claim.
    if trigger.ledger.claim(claim.claim_id) is not None:
        trigger.ledger.end_claim(claim.claim_id, trigger.clock())
    trigger.ledger.release_slot(claim.dataset, claim.stage, claim.claim_id)


def carried(trigger: Trigger, claim: Claim, batch_id: str) -> BatchRecord | None:
    """A batch, if this claim carries it now."""
    record = trigger.ledger.batch(batch_id)
    return record if record is not None and is_carried(claim, record) else None


def is_carried(claim: Claim, record: BatchRecord) -> bool:
    """Whether this claim carries a batch, by its record."""
    return record.claim_id == claim.claim_id and record.state is RUNNING[claim.stage]


def _move(trigger: Trigger, claim: Claim, record: BatchRecord) -> BatchRecord | None:
    moved = claimed(record, claim, trigger.clock())
    with log_context(batch=record.batch_id):
        try:
            trigger.ledger.save(record, moved)
        except ConflictError as exc:
            logger.warning("claim %s goes on without batch %s: %s", claim.claim_id, record.batch_id, exc)
            return None
    return moved


def _return(trigger: Trigger, claim: Claim, batch_id: str) -> None:
    record = carried(trigger, claim, batch_id)
    if record is not None:
        trigger.ledger.save(record, record.unclaimed(trigger.clock()))


# Names and inputs of runs


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
