"""After a run, the third leg: its end is booked batch by batch, and what waits is started.

    event       Glue tells that a conversion has ended; a load's execution asks for its booking (`after_load`); the
                sweep finds a run that has ended and of which nobody told
    fates       what became of each batch: the run's outcome document decides, and where it says nothing the fence:
                from there on the run publishes nothing, whatever it still does
    open        a load with something to follow is noted as open
    end         what the run's end means for all: something is away, or batches go apart
    tell        people hear of batches that fail for good
    book        each batch by itself (`moves.booked`): counts of its files, its next state, its measurements
    close       the claim is ended, and then the slot is free
    dispatch    the load of what was published, the conversion of what waited meanwhile: see `dispatch`

What holds after a crash: until `close` the slot is taken, so the repeated event or the sweep finds the claim and does
the whole again. That changes nothing of what is done: a batch is booked only while the claim carries it, and a fence,
an open load or a notice may come twice. A run that never came to be is given back the same way, slot last.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lambda_trigger import claims, outages
from lambda_trigger.claims import Run
from lambda_trigger.dispatch import dispatch_all
from lambda_trigger.metrics import Metric, measures_of_conversion, measures_of_load
from lambda_trigger.moves import PROBE, SECOND, Company, End, Fate, booked, common, parts
from lambda_trigger.trigger import Trigger
from sluice.aws.jobs import DATASET_ARGUMENT, ENDED_STATES
from sluice.errors import ConflictError
from sluice.failures import Verdict, are_alike, is_unclear, outcome_verdict, run_verdict
from sluice.lake.handover import BatchOutcome, ClosedClaim, LoadBatchOutcome, LoadOutcome, RunOutcome
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import LONGEST_WAIT, BatchRecord, Claim, OpenLoad, Outage, Slot, timestamp
from sluice.logs import log_context
from sluice.parallel import each

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


def on_change(trigger: Trigger, job: str, run_id: str, state: str) -> None:
    """Act on Glue's event that a run has changed its state. The same event again changes nothing.

    Only conversions are followed so: the state machine follows the runs of the load itself.

    Args:
        trigger: The trigger.
        job: Name of the job.
        run_id: Glue's id of the run.
        state: The new state.

    Raises:
        SluiceError: AWS could not answer or refused; handling the event again goes on where this stopped.
    """
    if job != trigger.settings.convert_job or state not in ENDED_STATES:
        return
    run = trigger.jobs.describe(job, run_id)
    if run is None:
        logger.warning("run %s of %s is unknown to Glue", run_id, job)
        return
    with log_context(dataset=run.arguments.get(DATASET_ARGUMENT, ""), claim=run.claim_id):
        claim = trigger.ledger.claim(run.claim_id) if run.claim_id else None
        if claim is None or claim.stage is not Stage.CONVERT:
            logger.warning("run %s of %s works for no claim of ours (%r)", run_id, job, run.claim_id)
            return
        if claim.run_id not in {"", run_id}:
            # Somebody ran it again by hand. Its end is not the end of the run that carries the batches.
            logger.warning("run %s of %s is not run %s of claim %s", run_id, job, claim.run_id, claim.claim_id)
            return
        # Glue may answer with a state that is older than its event.
        close(trigger, claim, claims.of_glue(run if run.is_ended else replace(run, state=state)))
        problems = dispatch_all(trigger, [claim.dataset], Stage)
    if problems:
        raise problems[0]


def close(trigger: Trigger, claim: Claim, run: Run) -> None:
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
            fates = _fates(trigger, claim, run)
            # Before any batch is LOADED: else a crash in between would leave rows that nothing follows up.
            _open(trigger, claim, fates)
            end = _end(trigger, claim, run, fates)
            _tell(trigger, claim, end)
            each(lambda name: _book(trigger, claim, end, name), claim.batch_ids, trigger.workers)
            seconds = (trigger.clock() - claim.started_at) / timedelta(seconds=1)
            trigger.metrics.emit(claim.dataset, {Metric.EXECUTION_DURATION: max(0.0, seconds)})
        elif claim.stage is Stage.LOAD:
            _book_late(trigger, claim, run)
        # Last: until then whoever finds the slot finds the claim, and books what is left.
        claims.close(trigger, claim)


def give_back(trigger: Trigger, claim: Claim) -> None:
    """Put the batches of a claim that has no run back where they waited, and free the slot.

    A run that Glue did not show yet may still come to be; it finds its claim closed and publishes nothing.

    Raises:
        TransientError: AWS could not answer now; giving back again goes on where this stopped.
    """
    if claim.stage is Stage.CONVERT:
        _fence(trigger, claim, "it has no run")
    claims.give_back(trigger, claim)


def _fence(trigger: Trigger, claim: Claim, reason: str) -> None:
    """See to it that no run publishes for a claim any more, before its batches go to others."""
    # Created, not written: the first reason stands, and a run that reads it while it is fenced again reads one text.
    closed = ClosedClaim(claim.claim_id, timestamp(trigger.clock()), reason)
    trigger.documents.create(trigger.settings.processed.run_closed(claim.claim_id), closed.to_json())


def _open(trigger: Trigger, claim: Claim, fates: Mapping[str, Fate]) -> None:
    if claim.stage is Stage.LOAD and any(fate.verdict is None for fate in fates.values()):
        trigger.ledger.open_load(OpenLoad.first(claim, trigger.clock()))


def _book_late(trigger: Trigger, claim: Claim, run: Run) -> None:
    failed = [
        record.batch_id
        for record in each(trigger.ledger.batch, claim.batch_ids, trigger.workers)
        if record is not None and _has_failed_in(claim, record)
    ]
    if not failed:
        return
    fates = {name: fate for name, fate in _fates(trigger, claim, run).items() if fate.verdict is None}
    late = [name for name in failed if name in fates]
    _open(trigger, claim, {name: fates[name] for name in late})
    end = End(claim.stage, run.run_id, fates, trigger.clock())
    each(lambda name: _book(trigger, claim, end, name), late, trigger.workers)


def _end(trigger: Trigger, claim: Claim, run: Run, fates: Mapping[str, Fate]) -> End:
    """What a run's end means for the whole: whether something is away, and who goes apart."""
    now = trigger.clock()
    # Of these the outcome says nothing: the run died before it wrote one.
    silent = sorted(set(claim.batch_ids) - fates.keys())
    got = _got(trigger, claim, silent)
    dead = [record.batch_id for record in got]
    got_through = any(fate.verdict is None for fate in fates.values())
    fates = {name: _judged(fate, got_through=got_through) for name, fate in fates.items()}
    verdict = run_verdict(run.state, run.message)
    outage = trigger.ledger.outage(claim.dataset, claim.stage)
    company = common(record.company for record in got if claims.is_carried(claim, record))
    if dead and verdict is Verdict.RUN and _is_of_the_world(company, outage, run):
        verdict = Verdict.WORLD
    fates |= dict.fromkeys(silent, Fate(verdict, run.problem))
    # Whatever was away lets batches through again, or lets them break their run by themselves.
    if got_through or (dead and verdict is Verdict.RUN):
        outages.end(trigger, claim.dataset, claim.stage)
    elif any(fate.verdict is Verdict.WORLD for fate in fates.values()):
        reason = next(fate.error for fate in fates.values() if fate.verdict is Verdict.WORLD)
        is_probe = outage is not None and outage.is_resting(claim.started_at)
        outages.note(trigger, claim, reason)
        return End(claim.stage, run.run_id, fates, now, rests=True, is_probe=is_probe)
    if verdict is not Verdict.RUN or len(dead) < 2:
        return End(claim.stage, run.run_id, fates, now)
    # Both halves of a run have ended when its second one has: now it shows whether they died alike.
    parent = trigger.ledger.claim(company.claim_id) if company.part == SECOND else None
    with_probe = parent is not None and _died_alike(trigger, parent, claim, run)
    companies = parts(claim.claim_id, dead, with_probe=with_probe)
    probed_from = None if parent is None else parent.started_at
    return End(claim.stage, run.run_id, fates, now, companies=companies, probed_from=probed_from)


def _is_of_the_world(company: Company, outage: Outage | None, run: Run) -> bool:
    """Whether a run that died without a word died of the world: one batch alone did so too, at another place."""
    return company.part == PROBE or (outage is not None and are_alike(outage.reason, run.problem))


def _died_alike(trigger: Trigger, parent: Claim, claim: Claim, run: Run) -> bool:
    """Whether the other half of a run that died has died as this one has."""
    other = next((name for name in parent.batch_ids if name not in claim.batch_ids), None)
    record = None if other is None else trigger.ledger.batch(other)
    if record is None or record.run_id in {"", parent.run_id} or not record.reason:
        return False
    return record.waits_for is parent.stage and are_alike(record.reason, run.problem)


def _got(trigger: Trigger, claim: Claim, batch_ids: Iterable[str]) -> list[BatchRecord]:
    """Batches that the claim has carried, whether they have been booked since or not.

    A claim names its batches before it takes them, and goes on without one that somebody else changed meanwhile.
    """
    found = each(trigger.ledger.batch, batch_ids, trigger.workers)
    return [record for record in found if record is not None and record.claim_id == claim.claim_id]


def _carried(trigger: Trigger, claim: Claim, batch_ids: Iterable[str]) -> list[BatchRecord]:
    found = each(lambda name: claims.carried(trigger, claim, name), batch_ids, trigger.workers)
    return [record for record in found if record is not None]


def _tell(trigger: Trigger, claim: Claim, end: End) -> None:
    """Tell of batches that fail for good, before that is booked: a crash in between tells it again."""
    failing = [name for name in claim.batch_ids if end.fates[name].verdict is not None]
    after = (booked(record, end, trigger.settings) for record in _carried(trigger, claim, failing))
    trigger.notifier.failed([record for record in after if record.state is BatchState.FAILED])


def _book(trigger: Trigger, claim: Claim, end: End, batch_id: str) -> None:
    fate = end.fates[batch_id]

    def settle(_: int) -> None:
        record = _to_book(trigger, claim, batch_id)
        if record is None:
            return
        # Counts first: a batch that is booked has them; those of a batch that is booked again are the same.
        trigger.ledger.write_file_counts(batch_id, fate.files)
        after = booked(record, end, trigger.settings)
        trigger.ledger.save(record, after)
        logger.info("batch %s: %s after run %s %s", batch_id, after.state, end.run_id, fate.error)
        # After the booking: a crash in between loses a measurement, and none is counted twice.
        _measure(trigger, claim.stage, after, fate)

    with log_context(batch=batch_id):
        trigger.backoff.call(settle, ConflictError, f"book batch {batch_id}")


def _to_book(trigger: Trigger, claim: Claim, batch_id: str) -> BatchRecord | None:
    if claim.ended_at is None:
        return claims.carried(trigger, claim, batch_id)
    record = trigger.ledger.batch(batch_id)
    return record if record is not None and _has_failed_in(claim, record) else None


def _measure(trigger: Trigger, stage: Stage, record: BatchRecord, fate: Fate) -> None:
    if fate.verdict in {Verdict.WORLD, Verdict.STOP, Verdict.CONVERT}:
        return
    if fate.verdict is not None:
        trigger.metrics.emit(record.dataset, {Metric.PROCESSING_ERRORS: 1})
    elif stage is Stage.CONVERT:
        trigger.metrics.emit(record.dataset, measures_of_conversion(record))
    else:
        trigger.metrics.emit(record.dataset, measures_of_load(record, trigger.clock()))


def _fates(trigger: Trigger, claim: Claim, run: Run) -> dict[str, Fate]:
    """What the run's outcome says of each batch; those of which it says nothing are left out."""
    if claim.stage is Stage.CONVERT:
        outcome = _run_outcome(trigger, claim, run)
        found = {} if outcome is None else {one.batch_id: _converted(outcome, one) for one in outcome.batches}
    else:
        load = LoadOutcome.read_from(trigger.documents.read, trigger.settings.processed.load_outcome(claim.claim_id))
        found = {batch.batch_id: _loaded(batch) for batch in (() if load is None else load.batches)}
    if not found:
        logger.warning("claim %s: run %s (%s) left no outcome", claim.claim_id, run.run_id, run.state)
    return found


def _run_outcome(trigger: Trigger, claim: Claim, run: Run) -> RunOutcome | None:
    """The outcome of a conversion; when there is none, none that counts comes any more."""
    url = trigger.settings.processed.run_outcome(claim.claim_id)
    outcome = RunOutcome.read_from(trigger.documents.read, url)
    if outcome is not None:
        return outcome
    _fence(trigger, claim, f"run {run.run_id} ended as {run.state} and left no outcome")
    # A run that published before the fence stood, and wrote its outcome meanwhile, has won.
    return RunOutcome.read_from(trigger.documents.read, url)


def _converted(run: RunOutcome, outcome: BatchOutcome) -> Fate:
    facts: dict[str, Any] = {
        "counts": outcome.table_counts(),
        "reasons": dict(outcome.reasons),
        "absent": outcome.absent_columns(),
        "engine": run.engine,
    }
    if not outcome.error:
        facts |= {"convert_claim": run.claim_id, "convert_run": run.run}
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


# What the sweep repairs


def repair(trigger: Trigger, dataset: str, stage: Stage, dead_before: datetime | None = None) -> None:
    """Finish what a crash or a lost event left of a run, or give it back when the run never came to be.

    Args:
        trigger: The trigger.
        dataset: The dataset.
        stage: The stage.
        dead_before: Dispatchers that began before this moment are known to be dead; None when nobody knows.

    Raises:
        SluiceError: AWS could not answer or refused; repairing again goes on where this stopped.
    """
    slot = trigger.ledger.slot(dataset, stage)
    if slot is None:
        return
    with log_context(claim=slot.claim_id):
        claim = trigger.ledger.claim(slot.claim_id)
        if claim is None:
            _repair_slot(trigger, dataset, stage, slot, dead_before)
        elif claim.ended_at is not None:
            claims.close(trigger, claim)
        else:
            _repair_claim(trigger, claim, dead_before)


def _repair_slot(trigger: Trigger, dataset: str, stage: Stage, slot: Slot, dead_before: datetime | None) -> None:
    """A slot without a claim: its dispatcher is about to write it, or it died before."""
    if _is_dead(trigger, slot.taken_at, dead_before):
        logger.warning("released slot %s/%s: claim %s was never written", dataset, stage, slot.claim_id)
        trigger.ledger.release_slot(dataset, stage, slot.claim_id)


def _repair_claim(trigger: Trigger, claim: Claim, dead_before: datetime | None) -> None:
    if not claim.run_id and not _may_be_looked_into(trigger, claim, dead_before):
        return
    run = claims.find(trigger, claim)
    if run is None:
        logger.warning("gave claim %s back: it has no run", claim.claim_id)
        give_back(trigger, claim)
        return
    if not claim.run_id:
        trigger.ledger.record_run(claim.claim_id, run.run_id)
    if run.is_ended:
        close(trigger, claim, run)


def _may_be_looked_into(trigger: Trigger, claim: Claim, dead_before: datetime | None) -> bool:
    """Whether no dispatcher can be at work for a claim without a run, and AWS has had time to show one."""
    if claim.unclear_at is not None and trigger.clock() - claim.unclear_at > UNCLEAR_PATIENCE:
        return True
    return _is_dead(trigger, claim.started_at, dead_before)


def _is_dead(trigger: Trigger, since: datetime, dead_before: datetime | None) -> bool:
    """Whether a dispatcher that began at a moment is at work no more."""
    age = trigger.clock() - since
    # Nobody begins in the future: the clock was set back since.
    return (dead_before is not None and since < dead_before) or age > PATIENCE or age < -LONGEST_WAIT
