"""What follows from the end of a run: booking, and dispatch of what waits."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lambda_trigger.booking import Booking
from lambda_trigger.claims import Claims
from lambda_trigger.dispatch import Dispatcher
from lambda_trigger.ports import JobsPort, LedgerPort
from lambda_trigger.running import Run, Runners, of_glue
from sluice.aws.jobs import DATASET_ARGUMENT, ENDED_STATES
from sluice.ledger.batch import Stage
from sluice.ledger.record import Claim, Slot
from sluice.logs import log_context
from sluice.settings import Settings

logger = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=16)
"""Time after which a claim without a run is looked into: longer than any dispatcher can live.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (a function runs 15 minutes at most)
"""
UNCLEAR_PATIENCE = timedelta(minutes=1)
"""Time after which a claim is looked into whose start was unclear: its dispatcher has given it up, and AWS may need a
moment to show a run. Neither GetJobRuns nor DescribeExecution promises to show it at once; a conversion that shows
later yet finds its claim closed and publishes nothing.

Sources: https://docs.aws.amazon.com/glue/latest/webapi/API_GetJobRuns.html (promises no consistency),
https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html (eventually consistent)
"""


@dataclass(frozen=True)
class Runs:
    """Follows runs to their end.

    Attributes:
        ledger: Where slots and claims are.
        jobs: Glue's job runs.
        runners: How each stage runs.
        booking: Books ends.
        claims: Gives claims back.
        dispatcher: Starts what waits.
        settings: Name of the conversion's job.
        clock: The present moment in UTC.
    """

    ledger: LedgerPort
    jobs: JobsPort
    runners: Runners
    booking: Booking
    claims: Claims
    dispatcher: Dispatcher
    settings: Settings
    clock: Callable[[], datetime]

    def on_change(self, job: str, run_id: str, state: str) -> None:
        """Act on Glue's event that a run has changed its state. The same event again changes nothing.

        Only conversions are followed so: the state machine follows the runs of the load itself.

        Args:
            job: Name of the job.
            run_id: Glue's id of the run.
            state: The new state.

        Raises:
            SluiceError: AWS could not answer or refused; handling the event again goes on where this stopped.
        """
        if job != self.settings.convert_job or state not in ENDED_STATES:
            return
        run = self.jobs.describe(job, run_id)
        if run is None:
            logger.warning("run %s of %s is unknown to Glue", run_id, job)
            return
        with log_context(dataset=run.arguments.get(DATASET_ARGUMENT, ""), claim=run.claim_id):
            claim = self.ledger.claim(run.claim_id) if run.claim_id else None
            if claim is None or claim.stage is not Stage.CONVERT:
                logger.warning("run %s of %s works for no claim of ours (%r)", run_id, job, run.claim_id)
                return
            if claim.run_id not in {"", run_id}:
                # Somebody ran it again by hand. Its end is not the end of the run that carries the batches.
                logger.warning("run %s of %s is not run %s of claim %s", run_id, job, claim.run_id, claim.claim_id)
                return
            # Glue may answer with a state that is older than its event.
            self.booking.close(claim, of_glue(run if run.is_ended else replace(run, state=state)))
            problems = self.dispatcher.dispatch_all([claim.dataset], Stage)
        if problems:
            raise problems[0]

    def repair(self, dataset: str, stage: Stage, dead_before: datetime | None = None) -> None:
        """Finish what a crash or a lost event left of a run, or give it back when the run never came to be.

        Args:
            dataset: The dataset.
            stage: The stage.
            dead_before: Dispatchers that began before this moment are known to be dead; None when nobody knows.

        Raises:
            SluiceError: AWS could not answer or refused; repairing again goes on where this stopped.
        """
        slot = self.ledger.slot(dataset, stage)
        if slot is None:
            return
        with log_context(claim=slot.claim_id):
            claim = self.ledger.claim(slot.claim_id)
            if claim is None:
                self._repair_slot(dataset, stage, slot, dead_before)
            elif claim.ended_at is not None:
                self.claims.close(claim)
            else:
                self._repair_claim(claim, dead_before)

    def _repair_slot(self, dataset: str, stage: Stage, slot: Slot, dead_before: datetime | None) -> None:
        """A slot without a claim: its dispatcher is about to write it, or it died before."""
        if self._is_dead(slot.taken_at, dead_before):
            logger.warning("released slot %s/%s: claim %s was never written", dataset, stage, slot.claim_id)
            self.ledger.release_slot(dataset, stage, slot.claim_id)

    def _repair_claim(self, claim: Claim, dead_before: datetime | None) -> None:
        if not claim.run_id and not self._may_be_looked_into(claim, dead_before):
            return
        run = self.runners[claim.stage].find(claim)
        if run is None:
            logger.warning("gave claim %s back: it has no run", claim.claim_id)
            self.booking.give_back(claim)
            return
        if not claim.run_id:
            self.ledger.record_run(claim.claim_id, run.run_id)
        self._close_if_ended(claim, run)

    def _close_if_ended(self, claim: Claim, run: Run) -> None:
        if run.is_ended:
            self.booking.close(claim, run)

    def _may_be_looked_into(self, claim: Claim, dead_before: datetime | None) -> bool:
        """Whether no dispatcher can be at work for a claim without a run, and AWS has had time to show one."""
        if claim.unclear_at is not None and self.clock() - claim.unclear_at > UNCLEAR_PATIENCE:
            return True
        return self._is_dead(claim.started_at, dead_before)

    def _is_dead(self, since: datetime, dead_before: datetime | None) -> bool:
        """Whether a dispatcher that began at a moment is at work no more."""
        return (dead_before is not None and since < dead_before) or self.clock() - since > PATIENCE
