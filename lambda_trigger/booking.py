"""Booking the end of a run: every batch of its claim gets its own outcome, then the slot is free.

Booking twice changes nothing: a batch is booked only while the claim carries it. A crash in the middle leaves the slot
taken, so the sweep, or a repeated event, finishes what is left.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from lambda_trigger.claims import Claims
from lambda_trigger.measures import measures_of_conversion, measures_of_load
from lambda_trigger.metrics import Metric
from lambda_trigger.notifier import Notifier
from lambda_trigger.outages import Outages
from lambda_trigger.outcomes import read_load_outcome, read_run_outcome
from lambda_trigger.parting import PROBE, REST, SECOND, Company, common, parts
from lambda_trigger.pauses import pause_after
from lambda_trigger.ports import DocumentsPort, LedgerPort, MetricsPort
from lambda_trigger.running import Run
from sluice.backoff import Backoff
from sluice.errors import ConflictError
from sluice.failures import Verdict, are_alike, is_unclear, outcome_verdict, run_verdict
from sluice.lake.handover import BatchOutcome, ClosedClaim, FileCounts, LoadBatchOutcome, RunOutcome
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import DONE, FRESH, WAITING, BatchRecord, Claim, OpenLoad, Outage, timestamp
from sluice.logs import log_context
from sluice.parallel import each
from sluice.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fate:
    """What a run did with one batch.

    Attributes:
        verdict: What the batch's failure is a failure of; None when it did not fail.
        error: Why the batch failed; empty when it did not.
        facts: What the ledger learns of the batch.
        files: Counts by raw file.
    """

    verdict: Verdict | None = None
    error: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[FileCounts, ...] = ()


@dataclass(frozen=True)
class End:
    """What the end of a run means for its claim as a whole.

    Attributes:
        run: The run.
        fates: What became of each batch.
        now: When it is booked.
        rests: Whether the stage rests, because an outage is open, so that its batches need no pause of their own.
        companies: With whom batches go on that went apart, by batch.
        probed_from: From when the one is due that goes first, alone.
        is_probe: Whether the run was one batch that went while its stage rested, to see whether what is away is back.
    """

    run: Run
    fates: Mapping[str, Fate]
    now: datetime
    rests: bool = False
    companies: Mapping[str, Company] = field(default_factory=dict)
    probed_from: datetime | None = None
    is_probe: bool = False


_CONVERTED_AGAIN = "no attempt, to be converted again"


@dataclass(frozen=True)
class Booking:
    """Books the ends of runs.

    Attributes:
        ledger: Where batches are.
        documents: Where runs leave their outcomes.
        claims: Knows what a claim carries.
        outages: Knows what is away.
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
    outages: Outages
    notifier: Notifier
    metrics: MetricsPort
    settings: Settings
    clock: Callable[[], datetime]
    workers: int = 16
    backoff: Backoff = field(default=Backoff(attempts=4, base_seconds=0.1, cap_seconds=1.0))

    def close(self, claim: Claim, run: Run) -> None:
        """Book every batch of a claim whose run has ended, and free the slot.

        The outcome document decides, whatever AWS says of the run: a run writes it last, so what it lists is done. Of a
        batch without an outcome the run's state and message decide. What has to follow a load is noted as open before
        anything else, so that whatever happens from here on the sweep sees to it.

        A claim that is closed already is left alone, with one exception: batches that had failed to load and are loaded
        now, because somebody made the execution go on, are booked as loaded.

        Raises:
            TransientError: AWS could not answer now; closing again goes on where this stopped.
        """
        with log_context(dataset=claim.dataset, claim=claim.claim_id):
            if claim.ended_at is None:
                fates = self._fates(claim, run)
                self._open(claim, fates)
                end = self._end(claim, run, fates)
                self._tell(claim, end)
                each(lambda name: self._book(claim, end, name), claim.batch_ids, self.workers)
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

    def _open(self, claim: Claim, fates: Mapping[str, Fate]) -> None:
        if claim.stage is Stage.LOAD and any(fate.verdict is None for fate in fates.values()):
            self.ledger.open_load(OpenLoad.first(claim, self.clock()))

    def _book_late(self, claim: Claim, run: Run) -> None:
        failed = [
            record.batch_id
            for record in each(self.ledger.batch, claim.batch_ids, self.workers)
            if record is not None and _has_failed_in(claim, record)
        ]
        if not failed:
            return
        fates = {name: fate for name, fate in self._fates(claim, run).items() if fate.verdict is None}
        late = [name for name in failed if name in fates]
        self._open(claim, {name: fates[name] for name in late})
        end = End(run, fates, self.clock())
        each(lambda name: self._book(claim, end, name), late, self.workers)

    def _end(self, claim: Claim, run: Run, fates: Mapping[str, Fate]) -> End:
        """What a run's end means for the whole: whether something is away, and who goes apart."""
        now = self.clock()
        dead = sorted(set(claim.batch_ids) - fates.keys())
        got_through = any(fate.verdict is None for fate in fates.values())
        fates = {name: _judged(fate, got_through=got_through) for name, fate in fates.items()}
        verdict = run_verdict(run.state, run.message)
        outage = self.outages.current(claim.dataset, claim.stage)
        company = common(record.company for record in self._carried(claim, dead)) if dead else Company()
        if dead and verdict is Verdict.RUN and self._is_of_the_world(company, outage, run):
            verdict = Verdict.WORLD
        fates |= dict.fromkeys(dead, Fate(verdict, run.problem))
        if got_through or (dead and verdict is Verdict.RUN):
            self.outages.end(claim.dataset, claim.stage)
        elif any(fate.verdict is Verdict.WORLD for fate in fates.values()):
            reason = next(fate.error for fate in fates.values() if fate.verdict is Verdict.WORLD)
            is_probe = outage is not None and outage.is_resting(claim.started_at)
            self.outages.note(claim, reason)
            return End(run, fates, now, rests=True, is_probe=is_probe)
        if verdict is not Verdict.RUN or len(dead) < 2:
            return End(run, fates, now)
        parent = self.ledger.claim(company.claim_id) if company.part == SECOND else None
        with_probe = parent is not None and self._died_alike(parent, claim, run)
        companies = parts(claim.claim_id, dead, with_probe=with_probe)
        return End(run, fates, now, companies=companies, probed_from=None if parent is None else parent.started_at)

    def _is_of_the_world(self, company: Company, outage: Outage | None, run: Run) -> bool:
        """Whether a run that died without a word died of the world: one batch alone did so too, at another place."""
        return company.part == PROBE or (outage is not None and are_alike(outage.reason, run.problem))

    def _died_alike(self, parent: Claim, claim: Claim, run: Run) -> bool:
        """Whether the other half of a run that died has died as this one has."""
        other = next((name for name in parent.batch_ids if name not in claim.batch_ids), None)
        record = None if other is None else self.ledger.batch(other)
        if record is None or record.run_id in {"", parent.run_id} or not record.reason:
            return False
        return record.waits_for is parent.stage and are_alike(record.reason, run.problem)

    def _carried(self, claim: Claim, batch_ids: Iterable[str]) -> list[BatchRecord]:
        found = each(lambda name: self.claims.carried(claim, name), batch_ids, self.workers)
        return [record for record in found if record is not None]

    def _tell(self, claim: Claim, end: End) -> None:
        """Tell of batches that fail for good, before that is booked: a crash in between tells it again."""
        failing = [name for name in claim.batch_ids if end.fates[name].verdict is not None]
        booked = (self._booked(record, claim.stage, end) for record in self._carried(claim, failing))
        self.notifier.failed([record for record in booked if record.state is BatchState.FAILED])

    def _book(self, claim: Claim, end: End, batch_id: str) -> None:
        fate = end.fates[batch_id]

        def settle(_: int) -> None:
            record = self._to_book(claim, batch_id)
            if record is None:
                return
            self.ledger.write_file_counts(batch_id, fate.files)
            booked = self._booked(record, claim.stage, end)
            self.ledger.save(record, booked)
            logger.info("batch %s: %s after run %s %s", batch_id, booked.state, end.run.run_id, fate.error)
            self._measure(claim.stage, booked, fate)

        with log_context(batch=batch_id):
            self.backoff.call(settle, ConflictError, f"book batch {batch_id}")

    def _to_book(self, claim: Claim, batch_id: str) -> BatchRecord | None:
        if claim.ended_at is None:
            return self.claims.carried(claim, batch_id)
        record = self.ledger.batch(batch_id)
        return record if record is not None and _has_failed_in(claim, record) else None

    def _booked(self, record: BatchRecord, stage: Stage, end: End) -> BatchRecord:
        fate = end.fates[record.batch_id]
        facts = {**fate.facts, "run_id": end.run.run_id}
        if fate.verdict is None:
            # Attempts are counted by stage. The reason of an earlier failure is history now.
            return record.moved(DONE[stage], end.now, attempts=0, reason="", **FRESH, **facts)
        facts |= {"reason": fate.error, "stage": stage}
        if fate.verdict is Verdict.WORLD:
            return self._held(record, stage, end, facts)
        if fate.verdict is Verdict.STOP:
            due_at = timestamp(end.now + pause_after(1, self.settings))
            return record.moved(WAITING[stage], end.now, note=f"stopped: {fate.error}", due_at=due_at, **facts)
        if fate.verdict is Verdict.CONVERT:
            return self._reconverted(record, end, facts)
        if record.batch_id in end.companies:
            return self._parted(record, stage, end, facts)
        return self._counted(record, stage, end, facts)

    def _held(self, record: BatchRecord, stage: Stage, end: End, facts: Mapping[str, Any]) -> BatchRecord:
        """What its run needed is away: no attempt, until it has lasted too long."""
        since = record.held_since or timestamp(end.now)
        facts = {**facts, **FRESH, "held": record.held + 1, "held_since": since}
        longest = timedelta(seconds=self.settings.give_up_after_seconds)
        # A probe is not given up: it goes on with those for which it went.
        if end.now - datetime.fromisoformat(since) >= longest and not end.is_probe:
            note = f"given up, it has been so since {since[:16]}: {facts['reason']}"
            return record.moved(BatchState.FAILED, end.now, note=note, **facts)
        until = end.now if end.rests else end.now + pause_after(record.held + 1, self.settings)
        note = f"no attempt, something is away: {facts['reason']}"
        return record.moved(WAITING[stage], end.now, note=note, due_at=timestamp(until), **facts)

    def _parted(self, record: BatchRecord, stage: Stage, end: End, facts: Mapping[str, Any]) -> BatchRecord:
        """Its run died without a word and carried others: it goes on at once, with fewer."""
        company = end.companies[record.batch_id]
        with_it = sum(other == company for other in end.companies.values())
        of_all = len(end.companies)
        note = f"no attempt, its run carried {of_all} batches; it goes on with {with_it}: {facts['reason']}"
        is_probe = company.part == PROBE and end.probed_from is not None
        due_at = timestamp(end.probed_from if is_probe and end.probed_from is not None else end.now)
        return record.moved(WAITING[stage], end.now, note=note, due_at=due_at, company=str(company), **facts)

    def _reconverted(self, record: BatchRecord, end: End, facts: Mapping[str, Any]) -> BatchRecord:
        """Its files no longer go with the contract: it is converted again, and again only a few times.

        Files that a conversion of today's version wrote fit today's contract. A batch that comes back more often meets
        two versions that do not go together, such as those of a deployment that stopped half-way.
        """
        before = sum(change.note.startswith(_CONVERTED_AGAIN) for change in record.history)
        if before >= self.settings.max_attempts:
            note = f"converted {before} times for that reason already: {facts['reason']}"
            return record.moved(BatchState.FAILED, end.now, note=note, **facts)
        due_at = end.now if before == 0 else end.now + pause_after(before, self.settings)
        again = {**facts, **FRESH, "attempts": 0, "stage": Stage.CONVERT, "due_at": timestamp(due_at)}
        return record.moved(BatchState.RECEIVED, end.now, note=f"{_CONVERTED_AGAIN}: {facts['reason']}", **again)

    def _counted(self, record: BatchRecord, stage: Stage, end: End, facts: Mapping[str, Any]) -> BatchRecord:
        """The failure is its own, as far as one can tell."""
        verdict = end.fates[record.batch_id].verdict
        attempts = record.attempts + 1
        is_tried_again = verdict in {Verdict.RUN, Verdict.DENIED}
        count = f"attempt {attempts} of {self.settings.max_attempts}" if is_tried_again else "not tried again"
        note = f"{count}: {facts['reason']}"
        facts = {**facts, "attempts": attempts}
        if not is_tried_again or attempts >= self.settings.max_attempts:
            return record.moved(BatchState.FAILED, end.now, note=note, **facts)
        company = str(Company(record.claim_id, REST)) if verdict is Verdict.RUN else record.company
        due_at = timestamp(end.now + pause_after(attempts, self.settings))
        return record.moved(WAITING[stage], end.now, note=note, due_at=due_at, company=company, **facts)

    def _measure(self, stage: Stage, booked: BatchRecord, fate: Fate) -> None:
        if fate.verdict in {Verdict.WORLD, Verdict.STOP, Verdict.CONVERT}:
            return
        if fate.verdict is not None:
            self.metrics.emit(booked.dataset, {Metric.PROCESSING_ERRORS: 1})
        elif stage is Stage.CONVERT:
            self.metrics.emit(booked.dataset, measures_of_conversion(booked))
        else:
            self.metrics.emit(booked.dataset, measures_of_load(booked, self.clock()))

    def _fates(self, claim: Claim, run: Run) -> dict[str, Fate]:
        """What the run's outcome says of each batch; those of which it says nothing are left out."""
        if claim.stage is Stage.CONVERT:
            outcome = self._run_outcome(claim, run)
            batches = () if outcome is None else outcome.batches
            engine = "" if outcome is None else outcome.engine
            found = {batch.batch_id: _converted(claim.claim_id, engine, batch) for batch in batches}
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


def _converted(claim_id: str, engine: str, outcome: BatchOutcome) -> Fate:
    facts: dict[str, Any] = {
        "counts": outcome.table_counts(),
        "reasons": dict(outcome.reasons),
        "absent": outcome.absent_columns(),
        "engine": engine,
    }
    if not outcome.error:
        facts["convert_claim"] = claim_id
    return Fate(_verdict(outcome), outcome.error, facts, outcome.files)


def _loaded(outcome: LoadBatchOutcome) -> Fate:
    return Fate(_verdict(outcome), outcome.error, {"load_counts": dict(outcome.tables)})


def _verdict(outcome: BatchOutcome | LoadBatchOutcome) -> Verdict | None:
    if not outcome.error:
        return None
    return outcome_verdict(outcome.error, is_transient=outcome.is_transient, verdict=outcome.verdict)


def _judged(fate: Fate, *, got_through: bool) -> Fate:
    """What nobody knows is of the world, unless others of the same run got through."""
    is_own = got_through and fate.verdict is Verdict.WORLD and is_unclear(fate.error)
    return replace(fate, verdict=Verdict.RUN) if is_own else fate


def _has_failed_in(claim: Claim, record: BatchRecord) -> bool:
    """Whether a batch failed to load in this claim, and nobody has tried it again since."""
    is_failed_load = record.state is BatchState.FAILED and record.stage is Stage.LOAD
    return is_failed_load and record.claim_id == claim.claim_id
