"""What follows from the state of a Glue run: booking when it has ended, repair when nobody told us, then dispatch."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lambda_trigger.booking import Booking
from lambda_trigger.claims import Claims
from lambda_trigger.dispatch import Dispatcher, job_of, stage_of
from lambda_trigger.ports import JobsPort, LedgerPort
from sluice.aws.jobs import ENDED_STATES, JobRun
from sluice.batch import Stage
from sluice.errors import SluiceError, TransientError
from sluice.record import Claim, Slot
from sluice.settings import Settings

logger = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=5)
"""Time after which a claim without a run is looked into; five times as long as a dispatcher can live."""


class SweepError(TransientError):
    """Some slots could not be swept; the next sweep tries them again."""


@dataclass(frozen=True)
class Runs:
    """Follows runs to their end.

    Attributes:
        ledger: Where slots and claims are.
        jobs: Glue's job runs.
        booking: Books ends.
        claims: Gives claims back.
        dispatcher: Starts what waits.
        settings: Names of the jobs.
        clock: The present moment in UTC.
    """

    ledger: LedgerPort
    jobs: JobsPort
    booking: Booking
    claims: Claims
    dispatcher: Dispatcher
    settings: Settings
    clock: Callable[[], datetime]

    def on_change(self, job: str, run_id: str, state: str) -> None:
        """Act on Glue's event that a run has changed its state. The same event again changes nothing.

        Args:
            job: Name of the job.
            run_id: Glue's id of the run.
            state: The new state.

        Raises:
            SluiceError: AWS could not answer or refused; handling the event again goes on where this stopped.
        """
        if stage_of(job, self.settings) is None or state not in ENDED_STATES:
            return
        run = self.jobs.describe(job, run_id)
        if run is None:
            logger.warning("run %s of %s is unknown to Glue", run_id, job)
            return
        claim = self.ledger.claim(run.claim_id) if run.claim_id else None
        if claim is None or job_of(claim.stage, self.settings) != job:
            logger.warning("run %s of %s works for no claim of ours (%r)", run_id, job, run.claim_id)
            return
        if claim.run_id not in {"", run_id}:
            # Somebody ran it again by hand. Its end is not the end of the run that carries the batches.
            logger.warning("run %s of %s is not run %s of claim %s", run_id, job, claim.run_id, claim.claim_id)
            return
        # Glue may answer with a state that is older than its event.
        self.booking.close(claim, run if run.is_ended else replace(run, state=state))
        problems = self.dispatcher.dispatch_all([claim.dataset], Stage)
        if problems:
            raise problems[0]

    def sweep(self, datasets: Iterable[str]) -> None:
        """Finish what a crash, a lost event or a refused start left behind, and start what waits.

        Args:
            datasets: The datasets to look at; one that fails does not keep the others from being swept.

        Raises:
            SweepError: Some could not be swept.
        """
        problems = []
        for dataset in datasets:
            for stage in Stage:
                try:
                    self._repair(dataset, stage)
                    self.dispatcher.dispatch(dataset, stage)
                except SluiceError as exc:
                    logger.exception("sweep of %s/%s failed", dataset, stage)
                    problems.append(f"{dataset}/{stage}: {exc}")
        if problems:
            raise SweepError("; ".join(problems))

    def _repair(self, dataset: str, stage: Stage) -> None:
        slot = self.ledger.slot(dataset, stage)
        if slot is None:
            return
        claim = self.ledger.claim(slot.claim_id)
        if claim is None:
            self._repair_slot(dataset, stage, slot)
        elif claim.ended_at is not None:
            self.claims.close(claim)
        else:
            self._repair_claim(claim)

    def _repair_slot(self, dataset: str, stage: Stage, slot: Slot) -> None:
        """A slot without a claim: its dispatcher is about to write it, or it died before."""
        if self._is_old(slot.taken_at):
            logger.warning("released slot %s/%s: claim %s was never written", dataset, stage, slot.claim_id)
            self.ledger.release_slot(dataset, stage, slot.claim_id)

    def _repair_claim(self, claim: Claim) -> None:
        job = job_of(claim.stage, self.settings)
        if claim.run_id:
            lost = JobRun(job, claim.run_id, "EXPIRED", "Glue does not know the run any more")
            self._close_if_ended(claim, self.jobs.describe(job, claim.run_id) or lost)
        elif self._is_old(claim.started_at):
            run = self.jobs.find(job, claim.claim_id, claim.started_at)
            if run is None:
                logger.warning("gave claim %s back: it has no run", claim.claim_id)
                self.claims.give_back(claim)
            else:
                self.ledger.record_run(claim.claim_id, run.run_id)
                self._close_if_ended(claim, run)

    def _close_if_ended(self, claim: Claim, run: JobRun) -> None:
        if run.is_ended:
            self.booking.close(claim, run)

    def _is_old(self, since: datetime) -> bool:
        return self.clock() - since > PATIENCE
