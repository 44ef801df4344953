"""Booking the end of a run: every batch of its claim gets its own outcome, then the slot is free.

Booking twice changes nothing: a batch is booked only while the claim carries it. A crash in the middle leaves the slot
taken, so the sweep, or a repeated event, finishes what is left.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lambda_trigger.claims import Claims
from lambda_trigger.outcomes import read_load_outcome, read_run_outcome
from lambda_trigger.parallel import each
from lambda_trigger.ports import DocumentsPort, LedgerPort
from sluice.aws.jobs import SUCCEEDED, JobRun
from sluice.backoff import Backoff
from sluice.batch import BatchState, Stage
from sluice.errors import ConflictError
from sluice.handover import BatchOutcome, FileCounts, LoadBatchOutcome
from sluice.layout import ProcessedLayout
from sluice.record import DONE, WAITING, BatchRecord, Claim

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """What a run did with one batch.

    Attributes:
        error: Why the batch failed; empty when it did not.
        is_transient: Whether another run may succeed.
        facts: What the ledger learns of the batch.
        files: Counts by raw file.
    """

    error: str = ""
    is_transient: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[FileCounts, ...] = ()


@dataclass(frozen=True)
class Booking:
    """Books the ends of runs.

    Attributes:
        ledger: Where batches are.
        documents: Where runs leave their outcomes.
        claims: Knows what a claim carries.
        processed: Layout of the outcomes.
        clock: The present moment in UTC.
        max_attempts: Runs that a batch gets in each stage.
        workers: Threads that write batches.
        backoff: How patiently a batch that somebody else writes at the same moment is tried again.
    """

    ledger: LedgerPort
    documents: DocumentsPort
    claims: Claims
    processed: ProcessedLayout
    clock: Callable[[], datetime]
    max_attempts: int
    workers: int = 16
    backoff: Backoff = field(default=Backoff(attempts=4, base_seconds=0.1, cap_seconds=1.0))

    def close(self, claim: Claim, run: JobRun) -> None:
        """Book every batch of a claim whose run has ended, and free the slot.

        The outcome document decides, whatever Glue says of the run: a run writes it last, so what it lists is done. A
        batch without an outcome has had a failed run.

        Raises:
            TransientError: AWS could not answer now; closing again goes on where this stopped.
        """
        if claim.ended_at is None:
            verdicts = self._verdicts(claim, run)
            otherwise = Verdict(_run_error(run), is_transient=True)
            each(
                lambda name: self._book(claim, run, name, verdicts.get(name, otherwise)), claim.batch_ids, self.workers
            )
        self.claims.close(claim)

    def _book(self, claim: Claim, run: JobRun, batch_id: str, verdict: Verdict) -> None:
        def settle(_: int) -> None:
            record = self.claims.carried(claim, batch_id)
            if record is None:
                return
            self.ledger.write_file_counts(batch_id, verdict.files)
            booked = self._booked(record, verdict, run.run_id)
            self.ledger.save(record, booked)
            logger.info("batch %s: %s after run %s %s", batch_id, booked.state, run.run_id, verdict.error)

        self.backoff.call(settle, ConflictError, f"book batch {batch_id}")

    def _booked(self, record: BatchRecord, verdict: Verdict, run_id: str) -> BatchRecord:
        stage = Stage.CONVERT if record.state is BatchState.CONVERTING else Stage.LOAD
        facts = {**verdict.facts, "run_id": run_id}
        if not verdict.error:
            # Attempts are counted by stage. The reason of an earlier failure is history now.
            return record.moved(DONE[stage], self.clock(), attempts=0, reason="", **facts)
        attempts = record.attempts + 1
        is_last = not verdict.is_transient or attempts >= self.max_attempts
        state = BatchState.FAILED if is_last else WAITING[stage]
        count = f"attempt {attempts} of {self.max_attempts}" if verdict.is_transient else "not tried again"
        note = f"{count}: {verdict.error}"
        facts |= {"attempts": attempts, "reason": verdict.error, "stage": stage}
        return record.moved(state, self.clock(), note=note, **facts)

    def _verdicts(self, claim: Claim, run: JobRun) -> dict[str, Verdict]:
        if claim.stage is Stage.CONVERT:
            outcome = read_run_outcome(self.documents, self.processed.run_outcome(claim.claim_id))
            batches = () if outcome is None else outcome.batches
            found = {batch.batch_id: _converted(claim.claim_id, batch) for batch in batches}
        else:
            load = read_load_outcome(self.documents, self.processed.load_outcome(claim.claim_id))
            found = {batch.batch_id: _loaded(batch) for batch in (() if load is None else load.batches)}
        if not found:
            logger.warning("claim %s: run %s (%s) left no outcome", claim.claim_id, run.run_id, run.state)
        return found


def _converted(claim_id: str, outcome: BatchOutcome) -> Verdict:
    facts: dict[str, Any] = {"counts": outcome.table_counts(), "reasons": dict(outcome.reasons)}
    if not outcome.error:
        facts["convert_claim"] = claim_id
    return Verdict(outcome.error, outcome.is_transient, facts, outcome.files)


def _loaded(outcome: LoadBatchOutcome) -> Verdict:
    return Verdict(outcome.error, outcome.is_transient, {"load_counts": dict(outcome.tables)})


def _run_error(run: JobRun) -> str:
    name = f"run {run.run_id} of {run.job}"
    if run.state == SUCCEEDED:
        return f"{name} succeeded without an outcome for this batch"
    return f"{name} ended as {run.state}: {run.message or 'Glue gives no reason'}"
