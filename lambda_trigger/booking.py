"""Booking the end of a run: every batch of its claim gets its own outcome, then the slot is free.

Booking twice changes nothing: a batch is booked only while the claim carries it. A crash in the middle leaves the slot
taken, so the sweep, or a repeated event, finishes what is left.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lambda_trigger.claims import Claims
from lambda_trigger.measures import measures_of_conversion, measures_of_load
from lambda_trigger.notifier import Notifier
from lambda_trigger.outcomes import read_load_outcome, read_run_outcome
from lambda_trigger.pauses import pause_after
from lambda_trigger.ports import DocumentsPort, LedgerPort, MetricsPort
from lambda_trigger.publications import Publications
from lambda_trigger.running import Run
from sluice.backoff import Backoff
from sluice.batch import BatchState, Stage
from sluice.errors import ConflictError
from sluice.handover import BatchOutcome, ClosedClaim, FileCounts, LoadBatchOutcome, RunOutcome
from sluice.logs import log_context
from sluice.metrics import Metric
from sluice.parallel import each
from sluice.record import DONE, WAITING, BatchRecord, Claim, OpenLoad, timestamp
from sluice.settings import Settings

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
        publications: Cleans up after conversions that died while they published.
        notifier: Tells of batches that fail for good.
        metrics: Measures what was done.
        settings: Where outcomes are, and how often and how soon a batch is tried again.
        clock: The present moment in UTC.
        workers: Threads that write batches.
        backoff: How patiently a batch that somebody else writes at the same moment is tried again.
    """

    ledger: LedgerPort
    documents: DocumentsPort
    claims: Claims
    publications: Publications
    notifier: Notifier
    metrics: MetricsPort
    settings: Settings
    clock: Callable[[], datetime]
    workers: int = 16
    backoff: Backoff = field(default=Backoff(attempts=4, base_seconds=0.1, cap_seconds=1.0))

    def close(self, claim: Claim, run: Run) -> None:
        """Book every batch of a claim whose run has ended, and free the slot.

        The outcome document decides, whatever AWS says of the run: a run writes it last, so what it lists is done. A
        batch without an outcome has had a failed run. What has to follow a load is noted as open before anything else,
        so that whatever happens from here on the sweep sees to it.

        A claim that is closed already is left alone, with one exception: batches that had failed to load and are loaded
        now, because somebody made the execution go on, are booked as loaded.

        Raises:
            TransientError: AWS could not answer now; closing again goes on where this stopped.
        """
        with log_context(dataset=claim.dataset, run=claim.claim_id):
            if claim.ended_at is None:
                verdicts = self._verdicts(claim, run)
                self._open(claim, verdicts)
                if claim.stage is Stage.CONVERT:
                    self.publications.clean(claim.claim_id)
                otherwise = Verdict(run.problem, is_transient=True)
                each(
                    lambda name: self._book(claim, run, name, verdicts.get(name, otherwise)),
                    claim.batch_ids,
                    self.workers,
                )
                seconds = (self.clock() - claim.started_at) / timedelta(seconds=1)
                self.metrics.emit(claim.dataset, {Metric.EXECUTION_DURATION: max(0.0, seconds)})
            elif claim.stage is Stage.LOAD:
                self._book_late(claim, run)
            self.claims.close(claim)

    def give_back(self, claim: Claim) -> None:
        """Put the batches of a claim that has no run back where they waited, and free the slot.

        A run that Glue did not show yet may still come to be; it finds its claim closed and publishes nothing.

        Raises:
            TransientError: AWS could not answer now; giving back again goes on where this stopped.
        """
        if claim.stage is Stage.CONVERT:
            self._fence(claim, "it has no run")
        self.claims.give_back(claim)

    def _fence(self, claim: Claim, reason: str) -> None:
        """See to it that no run publishes for a claim any more, before its batches go to others."""
        closed = ClosedClaim(claim.claim_id, timestamp(self.clock()), reason)
        self.documents.create(self.settings.processed.run_closed(claim.claim_id), closed.to_json())

    def _open(self, claim: Claim, verdicts: Mapping[str, Verdict]) -> None:
        if claim.stage is Stage.LOAD and any(not verdict.error for verdict in verdicts.values()):
            self.ledger.open_load(OpenLoad.first(claim, self.clock()))

    def _book_late(self, claim: Claim, run: Run) -> None:
        failed = [
            record.batch_id
            for record in each(self.ledger.batch, claim.batch_ids, self.workers)
            if record is not None and _has_failed_in(claim, record)
        ]
        if not failed:
            return
        verdicts = {name: verdict for name, verdict in self._verdicts(claim, run).items() if not verdict.error}
        late = [name for name in failed if name in verdicts]
        self._open(claim, {name: verdicts[name] for name in late})
        each(lambda name: self._book(claim, run, name, verdicts[name]), late, self.workers)

    def _book(self, claim: Claim, run: Run, batch_id: str, verdict: Verdict) -> None:
        def settle(_: int) -> None:
            record = self._to_book(claim, batch_id)
            if record is None:
                return
            self.ledger.write_file_counts(batch_id, verdict.files)
            booked = self._booked(record, claim.stage, verdict, run.run_id)
            if booked.state is BatchState.FAILED:
                self.notifier.failed(booked)
            self.ledger.save(record, booked)
            logger.info("batch %s: %s after run %s %s", batch_id, booked.state, run.run_id, verdict.error)
            self._measure(claim.stage, booked, verdict)

        with log_context(batch=batch_id):
            self.backoff.call(settle, ConflictError, f"book batch {batch_id}")

    def _to_book(self, claim: Claim, batch_id: str) -> BatchRecord | None:
        if claim.ended_at is None:
            return self.claims.carried(claim, batch_id)
        record = self.ledger.batch(batch_id)
        return record if record is not None and _has_failed_in(claim, record) else None

    def _booked(self, record: BatchRecord, stage: Stage, verdict: Verdict, run_id: str) -> BatchRecord:
        now = self.clock()
        facts = {**verdict.facts, "run_id": run_id}
        if not verdict.error:
            # Attempts are counted by stage. The reason of an earlier failure is history now.
            return record.moved(DONE[stage], now, attempts=0, reason="", **facts)
        attempts = record.attempts + 1
        is_last = not verdict.is_transient or attempts >= self.settings.max_attempts
        count = f"attempt {attempts} of {self.settings.max_attempts}" if verdict.is_transient else "not tried again"
        note = f"{count}: {verdict.error}"
        facts |= {"attempts": attempts, "reason": verdict.error, "stage": stage}
        if is_last:
            return record.moved(BatchState.FAILED, now, note=note, **facts)
        due_at = timestamp(now + pause_after(attempts, self.settings))
        return record.moved(WAITING[stage], now, note=note, due_at=due_at, **facts)

    def _measure(self, stage: Stage, booked: BatchRecord, verdict: Verdict) -> None:
        if verdict.error:
            self.metrics.emit(booked.dataset, {Metric.PROCESSING_ERRORS: 1})
        elif stage is Stage.CONVERT:
            self.metrics.emit(booked.dataset, measures_of_conversion(booked))
        else:
            self.metrics.emit(booked.dataset, measures_of_load(booked, self.clock()))

    def _verdicts(self, claim: Claim, run: Run) -> dict[str, Verdict]:
        if claim.stage is Stage.CONVERT:
            outcome = self._run_outcome(claim, run)
            batches = () if outcome is None else outcome.batches
            found = {batch.batch_id: _converted(claim.claim_id, batch) for batch in batches}
        else:
            load = read_load_outcome(self.documents, self.settings.processed.load_outcome(claim.claim_id))
            found = {batch.batch_id: _loaded(batch) for batch in (() if load is None else load.batches)}
        if not found:
            logger.warning("claim %s: run %s (%s) left no outcome", claim.claim_id, run.run_id, run.state)
        return found

    def _run_outcome(self, claim: Claim, run: Run) -> RunOutcome | None:
        """The outcome of a conversion; when there is none, none that counts comes any more."""
        url = self.settings.processed.run_outcome(claim.claim_id)
        outcome = read_run_outcome(self.documents, url)
        if outcome is not None:
            return outcome
        self._fence(claim, f"run {run.run_id} ended as {run.state} and left no outcome")
        # A run that published before the fence stood, and wrote its outcome meanwhile, has won.
        return read_run_outcome(self.documents, url)


def _converted(claim_id: str, outcome: BatchOutcome) -> Verdict:
    facts: dict[str, Any] = {"counts": outcome.table_counts(), "reasons": dict(outcome.reasons)}
    if not outcome.error:
        facts["convert_claim"] = claim_id
    return Verdict(outcome.error, outcome.is_transient, facts, outcome.files)


def _loaded(outcome: LoadBatchOutcome) -> Verdict:
    return Verdict(outcome.error, outcome.is_transient, {"load_counts": dict(outcome.tables)})


def _has_failed_in(claim: Claim, record: BatchRecord) -> bool:
    """Whether a batch failed to load in this claim, and nobody has tried it again since."""
    is_failed_load = record.state is BatchState.FAILED and record.stage is Stage.LOAD
    return is_failed_load and record.claim_id == claim.claim_id
