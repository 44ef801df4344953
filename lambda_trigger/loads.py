"""The steps of the load's state machine that the ledger is concerned with: book, refresh, finish, fail, stop.

Step Functions calls a step again when its answer was lost, and an execution that is redriven goes on at any of them: so
every step may be repeated at any time.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lambda_trigger.booking import Booking
from lambda_trigger.dispatch import Dispatcher
from lambda_trigger.notices import StepFailure
from lambda_trigger.notifier import Notifier
from lambda_trigger.outcomes import read_load_outcome
from lambda_trigger.pauses import is_over
from lambda_trigger.ports import DocumentsPort, LedgerPort
from lambda_trigger.refresh import RefreshPage, page_of
from lambda_trigger.step_failures import load_run, readable
from sluice.backoff import Backoff
from sluice.contract import Contract
from sluice.errors import ConflictError, TerminalError
from sluice.failures import Verdict, step_verdict
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import MAX_NOTE_CHARACTERS, BatchRecord, Claim, OpenLoad
from sluice.logs import log_context
from sluice.parallel import each
from sluice.settings import Settings
from sluice.warehouse.procedure import refresh_statements

logger = logging.getLogger(__name__)
_IN_WAREHOUSE = {BatchState.LOADED, BatchState.ARCHIVED}


class LoadStoppedError(TerminalError):
    """The execution of a load stops here until it is redriven."""


class UnknownClaimError(TerminalError):
    """A step was called for a claim that does not exist, or is no load of the dataset."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What is to be done after a load.

    Attributes:
        loaded: Batches that it loaded.
        page: The first statements that refresh the aggregates.
        is_archived: Whether the raw files go to the archive.
    """

    loaded: int
    page: RefreshPage
    is_archived: bool


@dataclass(frozen=True)
class Loads:
    """Follows a load through the ledger.

    Attributes:
        ledger: Where batches, claims and open loads are.
        documents: Where load runs leave their outcomes.
        booking: Books ends of runs.
        dispatcher: Starts what waits.
        notifier: Tells people.
        contracts: The contracts by dataset.
        settings: Names of everything.
        clock: The present moment in UTC.
        workers: Threads that read batches.
        backoff: How patiently a batch that somebody else writes at the same moment is tried again.
    """

    ledger: LedgerPort
    documents: DocumentsPort
    booking: Booking
    dispatcher: Dispatcher
    notifier: Notifier
    contracts: Mapping[str, Contract]
    settings: Settings
    clock: Callable[[], datetime]
    workers: int = 16
    backoff: Backoff = field(default=Backoff(attempts=4, base_seconds=0.1, cap_seconds=1.0))

    def book(self, claim_id: str, dataset: str, failure: StepFailure | None) -> Booked:
        """Book what a load run did, free its slot, and start what waits.

        Args:
            claim_id: The claim.
            dataset: Its dataset.
            failure: Why the run failed; None when it succeeded.

        Raises:
            SluiceError: AWS could not answer or refused, or there is no such claim.
        """
        claim = self._claim(claim_id, dataset)
        self.booking.close(claim, load_run(claim_id, self.settings.load_machine, failure))
        # What cannot be started now is logged and left to the sweep: it is no reason to stop this load.
        self.dispatcher.dispatch_all([dataset], Stage)
        loaded = self._loaded(claim)
        if not loaded:
            self.ledger.close_load(dataset, claim_id)
            return Booked(0, RefreshPage((), None), is_archived=False)
        # A dataset that was taken out meanwhile leaves its raw files where they are, and ends as loaded.
        contract = self.contracts.get(dataset)
        is_archived = contract is not None and contract.archive
        return Booked(len(loaded), self._page(claim_id, 0), is_archived=is_archived)

    def refresh(self, claim_id: str, dataset: str, start: int) -> RefreshPage:
        """More of the statements that refresh the aggregates after a load.

        Args:
            claim_id: The claim.
            dataset: Its dataset.
            start: Number of the first statement, from 0.

        Raises:
            SluiceError: AWS could not answer or refused, or there is no such claim.
        """
        self._claim(claim_id, dataset)
        return self._page(claim_id, start)

    def finish(self, claim_id: str, dataset: str) -> None:
        """Tell that a load and all that follows it is done, and close it.

        Raises:
            SluiceError: AWS could not answer or refused, or there is no such claim.
        """
        loaded = self._loaded(self._claim(claim_id, dataset))
        if loaded:
            self.notifier.loaded(dataset, loaded)
        fixed = [record for record in loaded if record.reason]
        each(lambda record: self._note(record, f"done in the end; before: {record.reason}", ""), fixed, self.workers)
        self.ledger.close_load(dataset, claim_id)

    def fail(self, claim_id: str, dataset: str, failure: StepFailure) -> None:
        """Tell that something after a load failed, and note it in the load's batches.

        Args:
            claim_id: The claim.
            dataset: Its dataset.
            failure: What failed.

        Raises:
            SluiceError: AWS could not answer or refused, or there is no such claim.
        """
        claim = self._claim(claim_id, dataset)
        clear = readable(failure)
        # A batch that has failed by itself keeps its own reason.
        concerned = {BatchState.LOADING, *_IN_WAREHOUSE}
        records = [
            record for record in self._records(claim) if record.claim_id == claim_id and record.state in concerned
        ]
        opened = next((load for load in self.ledger.open_loads(dataset) if load.claim_id == claim_id), None)
        if opened is None and any(record.state in _IN_WAREHOUSE for record in records):
            # The last step was done, and only its answer was lost.
            logger.warning("claim %s: nothing is open, so nothing failed: %s", claim_id, clear.text)
            return
        if opened is None:
            self.notifier.stopped(dataset, claim_id, records, clear, is_given_up=False)
        else:
            opened = self._failed_again(opened, step_verdict(failure.error, clear.text), records, clear)
        each(lambda record: self._note(record, clear.text, clear.text), records, self.workers)
        if opened is not None:
            self.ledger.change_open_load(opened)

    def _failed_again(
        self, opened: OpenLoad, verdict: Verdict, records: Sequence[BatchRecord], failure: StepFailure
    ) -> OpenLoad:
        """An open load after a failure. What is away is told once, when it begins, and once when it is given up."""
        held = replace(opened, is_held=verdict is Verdict.WORLD)
        is_given_up = is_over(held, self.settings, self.clock())
        if is_given_up or not (held.is_held and opened.is_held):
            self.notifier.stopped(opened.dataset, opened.execution, records, failure, is_given_up=is_given_up)
        return replace(held, is_given_up=is_given_up)

    def stop(self, failure: StepFailure, stopped_at: int, redrives: int) -> None:
        """Stop the execution, unless it has been redriven since it came here.

        Args:
            failure: Why it stops.
            stopped_at: How often it had been redriven when it came here.
            redrives: How often it has been redriven now.

        Raises:
            LoadStoppedError: It stops.
        """
        if redrives <= stopped_at:
            raise LoadStoppedError(readable(failure).text)

    def _claim(self, claim_id: str, dataset: str) -> Claim:
        claim = self.ledger.claim(claim_id)
        if claim is None or claim.dataset != dataset or claim.stage is not Stage.LOAD:
            raise UnknownClaimError(f"there is no claim {claim_id!r} of a load of {dataset!r}")
        return claim

    def _page(self, claim_id: str, start: int) -> RefreshPage:
        outcome = read_load_outcome(self.documents, self.settings.processed.load_outcome(claim_id))
        statements = [] if outcome is None else refresh_statements(self.settings, outcome.refresh)
        return page_of(statements, start)

    def _loaded(self, claim: Claim) -> list[BatchRecord]:
        """The claim's batches whose rows it brought into the warehouse."""
        return [
            record
            for record in self._records(claim)
            if record.claim_id == claim.claim_id and record.state in _IN_WAREHOUSE
        ]

    def _records(self, claim: Claim) -> list[BatchRecord]:
        found = each(self.ledger.batch, claim.batch_ids, self.workers)
        return [record for record in found if record is not None]

    def _note(self, concerned: BatchRecord, note: str, reason: str) -> None:
        """Note something in a batch that its claim still carries; the same note again is one note."""

        def settle(_: int) -> None:
            record = self.ledger.batch(concerned.batch_id)
            if record is None or record.claim_id != concerned.claim_id:
                return
            if record.history[-1].note == note[:MAX_NOTE_CHARACTERS]:
                return
            self.ledger.save(record, record.noted(self.clock(), note, reason))

        with log_context(batch=concerned.batch_id):
            self.backoff.call(settle, ConflictError, f"note in batch {concerned.batch_id}")
