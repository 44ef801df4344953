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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from lambda_trigger import claims, outages, partitions
from lambda_trigger.choice import MAX_BATCHES, ONE_BATCH, Choice, Limits, choose
from lambda_trigger.metrics import Metric
from lambda_trigger.moves import left
from lambda_trigger.trigger import Trigger
from sluice.aws.jobs import CLAIM_ARGUMENT, DATASET_ARGUMENT, PREDICATE_ARGUMENT
from sluice.contract.model import contract_of
from sluice.errors import (
    AwsBusyError,
    MissingObjectError,
    SluiceError,
    StartUnclearError,
    TransientError,
    UnknownDatasetError,
)
from sluice.lake.handover import LoadInput, PublishedFile, RunInput, RunOutcome
from sluice.lake.layout import Partition, partition_predicate
from sluice.lake.manifest import load_manifest
from sluice.ledger.batch import BatchState, Stage
from sluice.ledger.record import BatchRecord, Claim, Slot
from sluice.logs import log_context
from sluice.parallel import each

logger = logging.getLogger(__name__)

Published = dict[str, tuple[PublishedFile, ...]]
"""Published files by table."""


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a run may take.

    Attributes:
        limits: How much.
        is_joint: Whether batches go together, whatever their company: after an outage nobody is under suspicion.
    """

    limits: Limits
    is_joint: bool = False


def dispatch(trigger: Trigger, dataset: str, stage: Stage) -> str | None:
    """Start a run for what waits and is due, if the slot is free.

    Returns:
        The claim that a run was started for; None when there was nothing to start or AWS refuses for now.

    Raises:
        SluiceError: AWS could not answer or refused. What was claimed has been given back if that was possible;
            otherwise the sweep gives it back.
    """
    with log_context(dataset=dataset, batch="", claim=""):
        if not trigger.ledger.waiting(dataset, stage):
            return None
        terms = _terms(trigger, dataset, stage)
        while terms is not None:
            claim = Claim(trigger.new_claim_id(), dataset, stage, (), trigger.clock())
            with log_context(claim=claim.claim_id):
                if not trigger.ledger.take_slot(dataset, stage, Slot(claim.claim_id, claim.started_at)):
                    return None
                claim, batches = _fill(trigger, claim, terms)
                if batches:
                    return _start(trigger, claim, batches)
            # Nothing could run. Who called meanwhile, for a new batch or for a partition that has become free,
            # found the slot taken and left. The slot is free now, so whatever they saw can be seen here.
            if not _look(trigger, dataset, stage, replace(terms, limits=ONE_BATCH)).take:
                return None
        return None


def _terms(trigger: Trigger, dataset: str, stage: Stage) -> _Terms | None:
    """What a run may take; None while the stage rests, because what it depends on is away, and no probe is due."""
    limits = Limits(min(trigger.settings.max_batches_per_run, MAX_BATCHES), trigger.settings.max_files_per_run)
    outage = trigger.ledger.outage(dataset, stage)
    if outage is None:
        return _Terms(limits)
    if not outage.is_resting(trigger.clock()):
        return _Terms(limits, is_joint=True)
    if outages.begin_probe(trigger, outage):
        return _Terms(ONE_BATCH, is_joint=True)
    logger.info("%s of %s rests until %s: %s", stage, dataset, outage.until, outage.reason)
    return None


def dispatch_all(trigger: Trigger, datasets: Iterable[str], stages: Iterable[Stage]) -> list[SluiceError]:
    """Dispatch every stage of every dataset; one that fails does not keep the others from being started.

    Returns:
        What went wrong.
    """
    problems = []
    for dataset, stage in product(datasets, stages):
        with log_context(dataset=dataset, batch="", claim=""):
            try:
                dispatch(trigger, dataset, stage)
            except SluiceError as exc:
                logger.exception("dispatch of %s/%s failed", dataset, stage)
                problems.append(exc)
    return problems


def _fill(trigger: Trigger, claim: Claim, terms: _Terms) -> tuple[Claim, tuple[BatchRecord, ...]]:
    """Put batches into a claim that has the slot, and write the run's input; frees the slot when there are none."""
    try:
        # Read again under the slot: what the look before it saw may have been taken by the run that had it.
        records = _choose(trigger, claim, terms)
        if records:
            claim = replace(claim, batch_ids=tuple(record.batch_id for record in records))
            records = claims.take(trigger, claim, records)
        if records:
            if claim.stage is Stage.CONVERT:
                # After the batches are CONVERTING: from then on the archive moves no file of their partitions.
                partitions.settle(trigger, claim.dataset, records)
            _write_input(trigger, claim, records)
            return claim, records
    except SluiceError as exc:
        _give_back_after(trigger, exc, claim)
        raise
    claims.give_back(trigger, claim)
    return claim, ()


def _choose(trigger: Trigger, claim: Claim, terms: _Terms) -> tuple[BatchRecord, ...]:
    """The batches for the run. Those that shall never run leave the waiting list on the way."""
    choice = _look(trigger, claim.dataset, claim.stage, terms)
    for record, newer in choice.superseded:
        reason = f"replaced by the newer manifest {newer} of the same partition"
        _leave(trigger, record, left(record, BatchState.SUPERSEDED, reason, trigger.clock()))
    why_never = _why_never(trigger, claim, choice.take)
    failed = [
        (record, left(record, BatchState.FAILED, why_never[record.batch_id], trigger.clock()))
        for record in choice.take
        if record.batch_id in why_never
    ]
    # Told before it is booked: a crash in between tells it again.
    trigger.notifier.failed([gone for _, gone in failed])
    for record, gone in failed:
        _leave(trigger, record, gone)
    return tuple(record for record in choice.take if record.batch_id not in why_never)


def _why_never(trigger: Trigger, claim: Claim, records: Sequence[BatchRecord]) -> dict[str, str]:
    """Why batches can never run, by batch; those that can are not in it."""
    try:
        contract_of(trigger.contracts, claim.dataset)
    except UnknownDatasetError as exc:
        return dict.fromkeys((record.batch_id for record in records), exc.named)
    if claim.stage is Stage.CONVERT:
        return {}
    published = _published(trigger, records)
    return {
        record.batch_id: MissingObjectError(
            f"{trigger.settings.processed.run_outcome(record.convert_claim)} no longer lists its files"
        ).named
        for record in records
        if record.batch_id not in published
    }


def _look(trigger: Trigger, dataset: str, stage: Stage, terms: _Terms) -> Choice:
    def versions(batch_ids: Sequence[str]) -> list[tuple[BatchRecord, ...]]:
        return each(trigger.ledger.versions, batch_ids, trigger.workers)

    entries = trigger.ledger.waiting(dataset, stage)
    return choose(stage, entries, versions, terms.limits, trigger.clock(), is_joint=terms.is_joint)


def _leave(trigger: Trigger, record: BatchRecord, gone: BatchRecord) -> None:
    with log_context(batch=record.batch_id):
        # The slot is ours and nobody else moves waiting batches, so a conflict is an error for the caller to see.
        trigger.ledger.save(record, gone)
        logger.info("batch %s: %s, %s", record.batch_id, gone.state, gone.reason)
        if gone.state is BatchState.FAILED:
            trigger.metrics.emit(record.dataset, {Metric.PROCESSING_ERRORS: 1})


def _start(trigger: Trigger, claim: Claim, batches: Iterable[BatchRecord]) -> str | None:
    claim_id = claim.claim_id
    try:
        run_id = claims.start(trigger, claim, _arguments(claim, batches))
    except StartUnclearError as exc:
        # Batches stay claimed: giving them back now could put them into two runs.
        logger.warning("claim %s: %s", claim_id, exc)
        _note_unclear(trigger, claim)
        return claim_id
    except SluiceError as exc:
        _give_back_after(trigger, exc, claim)
        if isinstance(exc, AwsBusyError):
            logger.warning("claim %s waits for the next sweep: %s", claim_id, exc)
            return None
        raise
    _record(trigger, claim, run_id)
    return claim_id


def _note_unclear(trigger: Trigger, claim: Claim) -> None:
    try:
        trigger.ledger.note_unclear(claim.claim_id, trigger.clock())
    except TransientError as exc:
        # The run's end, or the sweep once no dispatcher can be at work any more, does as well.
        logger.warning("claim %s: not noted as unclear: %s", claim.claim_id, exc)


def _record(trigger: Trigger, claim: Claim, run_id: str) -> None:
    try:
        trigger.ledger.record_run(claim.claim_id, run_id)
    except TransientError as exc:
        # The run goes on and names its claim; its end, or the sweep, brings the two together.
        logger.warning("claim %s: run %s not recorded: %s", claim.claim_id, run_id, exc)
    logger.info("claim %s: run %s started for %d batches", claim.claim_id, run_id, len(claim.batch_ids))


def _give_back_after(trigger: Trigger, error: SluiceError, claim: Claim) -> None:
    try:
        claims.give_back(trigger, claim)
    except SluiceError as exc:
        logger.warning("claim %s stays for the sweep: %s (after: %s)", claim.claim_id, exc, error)


# What a run is told


def _write_input(trigger: Trigger, claim: Claim, records: Sequence[BatchRecord]) -> None:
    """Write what the run of a claim is to do; writing it again gives the same documents."""
    if claim.stage is Stage.CONVERT:
        frozen = {record.batch_id: record.frozen_manifest for record in records}
        work = RunInput(claim.claim_id, claim.dataset, frozen)
        trigger.documents.write(trigger.settings.processed.run_input(claim.claim_id), work.to_json())
    else:
        _write_load(trigger, claim, _published(trigger, records))


def _arguments(claim: Claim, records: Iterable[BatchRecord]) -> dict[str, str]:
    """Arguments of the run of a claim."""
    arguments = {CLAIM_ARGUMENT: claim.claim_id, DATASET_ARGUMENT: claim.dataset}
    if claim.stage is Stage.CONVERT:
        arguments[PREDICATE_ARGUMENT] = partition_predicate(Partition.parse(record.partition) for record in records)
    return arguments


def _write_load(trigger: Trigger, claim: Claim, published: dict[str, Published]) -> None:
    tables = sorted({table for files in published.values() for table in files})
    for table in tables:
        files = [(file.url, file.size_bytes) for batch in published.values() for file in batch.get(table, ())]
        if files:
            url = trigger.settings.processed.load_manifest(claim.claim_id, table)
            trigger.documents.write(url, load_manifest(files).to_json())
    work = LoadInput(claim.claim_id, claim.dataset, published)
    trigger.documents.write(trigger.settings.processed.load_input(claim.claim_id), work.to_json())


def _published(trigger: Trigger, records: Iterable[BatchRecord]) -> dict[str, Published]:
    """Published files of each batch whose conversion's outcome can be read."""
    wanted = {record.batch_id: record.convert_claim for record in records}
    published: dict[str, Published] = {}
    for claim_id in sorted(set(wanted.values())):
        outcome = RunOutcome.read_from(trigger.documents.read, trigger.settings.processed.run_outcome(claim_id))
        for batch in () if outcome is None else outcome.batches:
            if wanted.get(batch.batch_id) == claim_id:
                published[batch.batch_id] = batch.published
    return {batch_id: published[batch_id] for batch_id in wanted if batch_id in published}
