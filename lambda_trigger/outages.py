"""Outages: what a stage of a dataset depends on is away, so the stage rests, and nobody's attempts are counted.

One outage is open per stage and dataset at most. It begins with a run in which nothing got through because of the
world, grows with each further one, and ends with the first batch that gets through, or that breaks its run by itself.
Stages and datasets that wait for the same thing share what they learn: support hears once that it is away and once that
it is back, one of them probes for all, and when one gets through, none rests any longer.
"""

import logging
from datetime import datetime

from lambda_trigger.moves import PROBE_EVERY, pause_after
from lambda_trigger.trigger import Trigger
from sluice.errors import ConflictError
from sluice.failures import are_alike
from sluice.ledger.batch import Stage
from sluice.ledger.record import LONGEST_WAIT, Claim, Outage

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
    what = f"note outage of {claim.dataset}/{claim.stage}"
    return trigger.backoff.call(lambda _: _note(trigger, claim, reason), ConflictError, what)


def _note(trigger: Trigger, claim: Claim, reason: str) -> Outage:
    known = trigger.ledger.outage(claim.dataset, claim.stage)
    outage = known
    if outage is None or outage.claim_id != claim.claim_id:
        outage = _met_by(trigger, claim, reason, known)
        trigger.ledger.save_outage(known, outage)
        logger.warning("%s of %s rests until %s: %s", claim.stage, claim.dataset, outage.until, reason)
    return _told(trigger, outage, claim)


def begin_probe(trigger: Trigger, outage: Outage) -> bool:
    """Whether one batch may go alone although its stage rests; if so, nobody else's may for a while."""
    if trigger.ledger.slot(outage.dataset, outage.stage) is not None:
        return False
    now = trigger.clock()
    tried = [other.tried_at or other.since for other in (outage, *_alike(trigger, outage))]
    if now < max(tried) + PROBE_EVERY <= now + LONGEST_WAIT:
        return False
    try:
        if not trigger.ledger.save_outage(outage, outage.changed(tried_at=now)):
            return False
    except ConflictError:
        return False  # Somebody else probes, or knows more.
    logger.info("%s of %s rests; one batch probes: %s", outage.stage, outage.dataset, outage.reason)
    return True


def end(trigger: Trigger, dataset: str, stage: Stage) -> None:
    """What was away is back; other stages and datasets that wait for the same need not wait any longer.

    Raises:
        SluiceError: AWS could not answer or refused; ending it again goes on where this stopped.
    """
    what = f"end outage of {dataset}/{stage}"
    trigger.backoff.call(lambda _: _end(trigger, dataset, stage), ConflictError, what)


def _end(trigger: Trigger, dataset: str, stage: Stage) -> None:
    """End an outage as it is now.

    The last of those that are alike is told of. Of two that end at the same moment each changes the other, so that the
    second one to end sees that it has been left alone.
    """
    outage = trigger.ledger.outage(dataset, stage)
    if outage is None:
        return
    others = _alike(trigger, outage)
    for other in others:
        told = other.is_told or outage.is_told
        trigger.ledger.save_outage(other, other.changed(until=trigger.clock(), is_told=told))
    notice = None if others else trigger.notifier.outage_ended(outage)
    if trigger.ledger.end_outage(outage, notice):
        logger.info("%s of %s goes on: %s", stage, dataset, outage.reason)
        if notice is not None:
            trigger.notifier.send(notice)


def _met_by(trigger: Trigger, claim: Claim, reason: str, known: Outage | None) -> Outage:
    now = trigger.clock()
    if known is None:
        until = now + pause_after(1, trigger.settings)
        return Outage(claim.dataset, claim.stage, now, 1, until, reason, claim.claim_id, tried_at=now)
    failures = known.failures + 1
    facts = {"failures": failures, "reason": reason, "claim_id": claim.claim_id, "tried_at": now}
    if known.is_resting(claim.started_at):
        return known.changed(probes=known.probes + 1, **facts)
    return known.changed(until=now + pause_after(failures - known.probes, trigger.settings), **facts)


def _told(trigger: Trigger, outage: Outage, claim: Claim) -> Outage:
    """Tell support, unless it has heard of the same thing or is about to hear of it.

    It is noted before it is told. So of several that meet it at once each sees all that came before it, and the
    first one tells; one that dies in between tells when its run is booked again.
    """
    if outage.is_told:
        return outage
    alike = _alike(trigger, outage)
    if any(other.is_told or _order(other) < _order(outage) for other in alike):
        return outage
    waiting = len(trigger.ledger.waiting(outage.dataset, outage.stage)) + len(claim.batch_ids)
    notice, told = trigger.notifier.outage_began(outage, waiting), outage.changed(is_told=True)
    if trigger.ledger.save_outage(outage, told, notice):
        trigger.notifier.send(notice)
    return told


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
