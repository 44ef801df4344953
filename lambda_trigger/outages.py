"""Outages: what a stage of a dataset depends on is away, so the stage rests, and nobody's attempts are counted.

One outage is open per stage and dataset at most. It begins with a run in which nothing got through because of the
world, grows with each further one, and ends with the first batch that gets through, or that breaks its run by itself.
Stages and datasets that wait for the same thing share what they learn: support hears once that it is away and once that
it is back, one of them probes for all, and when one gets through, none rests any longer.
"""

import logging
from dataclasses import replace
from datetime import datetime

from lambda_trigger.moves import PROBE_EVERY, pause_after
from lambda_trigger.trigger import Trigger
from sluice.failures import are_alike
from sluice.ledger.batch import Stage
from sluice.ledger.record import Claim, Outage

logger = logging.getLogger(__name__)


def note(trigger: Trigger, claim: Claim, reason: str) -> Outage:
    """A run met the outage. The same claim again changes nothing.

    Args:
        trigger: The trigger.
        claim: The run's claim.
        reason: What is away.

    Returns:
        The outage, with the end of the pause.

    Raises:
        SluiceError: AWS could not answer or refused; noting it again goes on where this stopped.
    """
    outage = trigger.ledger.outage(claim.dataset, claim.stage)
    if outage is None or outage.claim_id != claim.claim_id:
        outage = _met_by(trigger, claim, reason, outage)
        trigger.ledger.note_outage(outage)
        logger.warning("%s of %s rests until %s: %s", claim.stage, claim.dataset, outage.until, reason)
    _tell(trigger, outage, claim)
    return outage


def begin_probe(trigger: Trigger, outage: Outage) -> bool:
    """Whether one batch may go alone although its stage rests; if so, nobody else's may for a while."""
    if trigger.ledger.slot(outage.dataset, outage.stage) is not None:
        return False
    now = trigger.clock()
    tried = [other.tried_at or other.since for other in (outage, *_alike(trigger, outage))]
    if max(tried) + PROBE_EVERY > now:
        return False
    trigger.ledger.note_outage(replace(outage, tried_at=now))
    logger.info("%s of %s rests; one batch probes: %s", outage.stage, outage.dataset, outage.reason)
    return True


def end(trigger: Trigger, dataset: str, stage: Stage) -> None:
    """What was away is back; other stages and datasets that wait for the same need not wait any longer."""
    outage = trigger.ledger.outage(dataset, stage)
    if outage is None:
        return
    others = _alike(trigger, outage)
    for other in others:
        trigger.ledger.note_outage(replace(other, until=trigger.clock(), is_told=other.is_told or outage.is_told))
    if not others:
        trigger.notifier.outage_ended(outage)
    trigger.ledger.end_outage(dataset, stage)
    logger.info("%s of %s goes on: %s", stage, dataset, outage.reason)


def _met_by(trigger: Trigger, claim: Claim, reason: str, known: Outage | None) -> Outage:
    now = trigger.clock()
    if known is None:
        until = now + pause_after(1, trigger.settings)
        return Outage(claim.dataset, claim.stage, now, 1, until, reason, claim.claim_id, tried_at=now)
    failures = known.failures + 1
    met = replace(known, failures=failures, reason=reason, claim_id=claim.claim_id, tried_at=now)
    if known.is_resting(claim.started_at):
        return replace(met, probes=known.probes + 1)
    return replace(met, until=now + pause_after(failures - known.probes, trigger.settings))


def _tell(trigger: Trigger, outage: Outage, claim: Claim) -> None:
    """Tell support, unless it has heard of the same thing or is about to hear of it.

    It is noted before it is told. So of several that meet it at once each sees all that came before it, and the
    first one tells; one that dies in between tells when its run is booked again.
    """
    if outage.is_told:
        return
    alike = _alike(trigger, outage)
    if any(other.is_told or _order(other) < _order(outage) for other in alike):
        return
    waiting = len(trigger.ledger.waiting(outage.dataset, outage.stage)) + len(claim.batch_ids)
    trigger.notifier.outage_began(outage, waiting)
    trigger.ledger.note_outage(replace(outage, is_told=True))


def _alike(trigger: Trigger, outage: Outage) -> list[Outage]:
    """The open outages of other stages and datasets that are of the same thing."""
    return [
        other
        for stage in Stage
        for other in trigger.ledger.outages(stage)
        if (other.dataset, other.stage) != (outage.dataset, outage.stage) and are_alike(other.reason, outage.reason)
    ]


def _order(outage: Outage) -> tuple[datetime, str, str]:
    return (outage.since, outage.dataset, str(outage.stage))
