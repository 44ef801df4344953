"""Dispatch: one run for the batches that wait for a stage of a dataset, as soon as its slot is free.

It is called when a manifest arrives, when a run has ended, and by the sweep; any number of times at once. Time line:

    look      anything waiting? no: done
    slot      taken by one dispatcher; the others leave, because the end of the run dispatches again
    choose    from the waiting list as it is now, read again under the slot
    claim     written with all its batches: from here on the sweep knows what to give back
    move      each batch into the claim and out of the waiting list, one transaction each
    prepare   a conversion's raw files found and shown in the catalog; what the run is to do, written to S3
    start     StartJobRun, or StartExecution under the claim's name
    record    the run's id into the claim

A crash before `claim` leaves a slot whose claim does not exist; before `start`, a claim without a run; after it, a
claim whose run can be found by its arguments or its name. The sweep tells them apart once no dispatcher can still be
at work. A start whose answer was lost is looked for at once; one that AWS does not show is noted in the claim, and the
sweep looks again a minute later.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product

from lambda_trigger.choice import MAX_BATCHES, ONE_BATCH, Choice, Limits, choose
from lambda_trigger.claims import Claims
from lambda_trigger.inputs import RunInputs
from lambda_trigger.metrics import Metric
from lambda_trigger.notifier import Notifier
from lambda_trigger.outages import Outages
from lambda_trigger.ports import LedgerPort, MetricsPort
from lambda_trigger.raw_files import RawFiles
from lambda_trigger.running import Runners
from sluice.contract import Contract
from sluice.contract.lookup import contract_of
from sluice.errors import AwsBusyError, SluiceError, StartUnclearError, TransientError, UnknownDatasetError
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord, Claim, Slot
from sluice.logs import log_context
from sluice.parallel import each
from sluice.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a run may take.

    Attributes:
        limits: How much.
        is_joint: Whether batches go together, whatever their company: after an outage nobody is under suspicion.
    """

    limits: Limits
    is_joint: bool = False


@dataclass(frozen=True)
class Dispatcher:
    """Starts the runs.

    Attributes:
        ledger: Where batches wait.
        inputs: Writes what a run is to do.
        raw_files: Follows raw files to where they are now, and shows them there in the catalog.
        runners: How each stage runs.
        claims: Moves batches into claims.
        outages: Knows which stages rest.
        notifier: Tells of batches that can never run.
        metrics: Counts them.
        contracts: The contracts by dataset; what waits for a dataset that has none can never run.
        settings: How many batches a run takes, and how often it is tried.
        clock: The present moment in UTC.
        new_claim_id: A name for a claim that no other has: letters and digits.
    """

    ledger: LedgerPort
    inputs: RunInputs
    raw_files: RawFiles
    runners: Runners
    claims: Claims
    outages: Outages
    notifier: Notifier
    metrics: MetricsPort
    contracts: Mapping[str, Contract]
    settings: Settings
    clock: Callable[[], datetime]
    new_claim_id: Callable[[], str]

    def dispatch(self, dataset: str, stage: Stage) -> str | None:
        """Start a run for what waits and is due, if the slot is free.

        Returns:
            The claim that a run was started for; None when there was nothing to start or AWS refuses for now.

        Raises:
            SluiceError: AWS could not answer or refused. What was claimed has been given back if that was possible;
                otherwise the sweep gives it back.
        """
        with log_context(dataset=dataset, batch="", claim=""):
            if not self.ledger.waiting(dataset, stage):
                return None
            terms = self._terms(dataset, stage)
            while terms is not None:
                claim = Claim(self.new_claim_id(), dataset, stage, (), self.clock())
                with log_context(claim=claim.claim_id):
                    if not self.ledger.take_slot(dataset, stage, Slot(claim.claim_id, claim.started_at)):
                        return None
                    claim, batches = self._fill(claim, terms)
                    if batches:
                        return self._start(claim, batches)
                # Nothing could run. Who called meanwhile, for a new batch or for a partition that has become free,
                # found the slot taken and left. The slot is free now, so whatever they saw can be seen here.
                if not self._look(dataset, stage, replace(terms, limits=ONE_BATCH)).take:
                    return None
            return None

    def _terms(self, dataset: str, stage: Stage) -> _Terms | None:
        """What a run may take; None while the stage rests, because what it depends on is away, and no probe is due."""
        limits = Limits(min(self.settings.max_batches_per_run, MAX_BATCHES), self.settings.max_files_per_run)
        outage = self.outages.current(dataset, stage)
        if outage is None:
            return _Terms(limits)
        if not outage.is_resting(self.clock()):
            return _Terms(limits, is_joint=True)
        if self.outages.begin_probe(outage):
            return _Terms(ONE_BATCH, is_joint=True)
        logger.info("%s of %s rests until %s: %s", stage, dataset, outage.until, outage.reason)
        return None

    def dispatch_all(self, datasets: Iterable[str], stages: Iterable[Stage]) -> list[SluiceError]:
        """Dispatch every stage of every dataset; one that fails does not keep the others from being started.

        Returns:
            What went wrong.
        """
        problems = []
        for dataset, stage in product(datasets, stages):
            with log_context(dataset=dataset, batch="", claim=""):
                try:
                    self.dispatch(dataset, stage)
                except SluiceError as exc:
                    logger.exception("dispatch of %s/%s failed", dataset, stage)
                    problems.append(exc)
        return problems

    def _fill(self, claim: Claim, terms: _Terms) -> tuple[Claim, tuple[BatchRecord, ...]]:
        """Put batches into a claim that has the slot, and write the run's input; frees the slot when there are none."""
        try:
            records = self._choose(claim, terms)
            if records:
                claim = replace(claim, batch_ids=tuple(record.batch_id for record in records))
                records = self.claims.take(claim, records)
            if records:
                if claim.stage is Stage.CONVERT:
                    self.raw_files.settle(claim.dataset, records)
                self.inputs.write(claim, records)
                return claim, records
        except SluiceError as exc:
            self._give_back_after(exc, claim)
            raise
        self.claims.give_back(claim)
        return claim, ()

    def _choose(self, claim: Claim, terms: _Terms) -> tuple[BatchRecord, ...]:
        """The batches for the run. Those that shall never run leave the waiting list on the way."""
        choice = self._look(claim.dataset, claim.stage, terms)
        for record, newer in choice.superseded:
            reason = f"replaced by the newer manifest {newer} of the same partition"
            self._leave(record, self._left(record, BatchState.SUPERSEDED, reason))
        able, unable = self._sort_out(claim, choice.take)
        failed = [(record, self._left(record, BatchState.FAILED, reason)) for record, reason in unable]
        self.notifier.failed([left for _, left in failed])
        for record, left in failed:
            self._leave(record, left)
        return able

    def _sort_out(
        self, claim: Claim, records: Sequence[BatchRecord]
    ) -> tuple[tuple[BatchRecord, ...], tuple[tuple[BatchRecord, str], ...]]:
        """Tell batches that can run from those that never can, each of these with the reason."""
        try:
            contract_of(self.contracts, claim.dataset)
        except UnknownDatasetError as exc:
            return (), tuple((record, exc.named) for record in records)
        return self.inputs.sort_out(claim.stage, records)

    def _look(self, dataset: str, stage: Stage, terms: _Terms) -> Choice:
        def versions(batch_ids: Sequence[str]) -> list[tuple[BatchRecord, ...]]:
            return each(self.ledger.versions, batch_ids, self.claims.workers)

        entries = self.ledger.waiting(dataset, stage)
        return choose(stage, entries, versions, terms.limits, self.clock(), is_joint=terms.is_joint)

    def _left(self, record: BatchRecord, state: BatchState, reason: str) -> BatchRecord:
        return record.moved(state, self.clock(), note=reason, reason=reason, stage=record.stage)

    def _leave(self, record: BatchRecord, left: BatchRecord) -> None:
        with log_context(batch=record.batch_id):
            # The slot is ours and nobody else moves waiting batches, so a conflict is an error for the caller to see.
            self.ledger.save(record, left)
            logger.info("batch %s: %s, %s", record.batch_id, left.state, left.reason)
            if left.state is BatchState.FAILED:
                self.metrics.emit(record.dataset, {Metric.PROCESSING_ERRORS: 1})

    def _start(self, claim: Claim, batches: Iterable[BatchRecord]) -> str | None:
        claim_id = claim.claim_id
        try:
            run_id = self.runners[claim.stage].start(claim, self.inputs.arguments(claim, batches))
        except StartUnclearError as exc:
            # Batches stay claimed: giving them back now could put them into two runs.
            logger.warning("claim %s: %s", claim_id, exc)
            self._note_unclear(claim)
            return claim_id
        except SluiceError as exc:
            self._give_back_after(exc, claim)
            if isinstance(exc, AwsBusyError):
                logger.warning("claim %s waits for the next sweep: %s", claim_id, exc)
                return None
            raise
        self._record(claim, run_id)
        return claim_id

    def _note_unclear(self, claim: Claim) -> None:
        try:
            self.ledger.note_unclear(claim.claim_id, self.clock())
        except TransientError as exc:
            # The run's end, or the sweep once no dispatcher can be at work any more, does as well.
            logger.warning("claim %s: not noted as unclear: %s", claim.claim_id, exc)

    def _record(self, claim: Claim, run_id: str) -> None:
        try:
            self.ledger.record_run(claim.claim_id, run_id)
        except TransientError as exc:
            # The run goes on and names its claim; its end, or the sweep, brings the two together.
            logger.warning("claim %s: run %s not recorded: %s", claim.claim_id, run_id, exc)
        logger.info("claim %s: run %s started for %d batches", claim.claim_id, run_id, len(claim.batch_ids))

    def _give_back_after(self, error: SluiceError, claim: Claim) -> None:
        try:
            self.claims.give_back(claim)
        except SluiceError as exc:
            logger.warning("claim %s stays for the sweep: %s (after: %s)", claim.claim_id, exc, error)
