"""Outages: what a stage of a dataset depends on is away, so the stage rests, and nobody's attempts are counted.

One outage is open per stage and dataset at most. It begins with a run in which nothing got through because of the
world, grows with each further one, and ends with the first batch that gets through, or that breaks its run by itself.
Stages and datasets that wait for the same thing share what they learn: support hears once that it is away and once that
it is back, one of them probes for all, and when one gets through, none rests any longer.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from lambda_trigger.notifier import Notifier
from lambda_trigger.pauses import PROBE_EVERY, pause_after
from lambda_trigger.ports import LedgerPort
from sluice.failures import are_alike
from sluice.ledger.batch import Stage
from sluice.ledger.record import Claim, Outage
from sluice.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outages:
    """Opens, grows and closes outages, and has support told once at both ends.

    Attributes:
        ledger: Where open outages are.
        notifier: Tells support.
        settings: How long the first pause is.
        clock: The present moment in UTC.
    """

    ledger: LedgerPort
    notifier: Notifier
    settings: Settings
    clock: Callable[[], datetime]

    def current(self, dataset: str, stage: Stage) -> Outage | None:
        """The open outage of a stage of a dataset; None when it has none."""
        return self.ledger.outage(dataset, stage)

    def note(self, claim: Claim, reason: str) -> Outage:
        """A run met the outage. The same claim again changes nothing.

        Args:
            claim: The run's claim.
            reason: What is away.

        Returns:
            The outage, with the end of the pause.

        Raises:
            SluiceError: AWS could not answer or refused; noting it again goes on where this stopped.
        """
        outage = self.ledger.outage(claim.dataset, claim.stage)
        if outage is None or outage.claim_id != claim.claim_id:
            outage = self._met_by(claim, reason, outage)
            self.ledger.note_outage(outage)
            logger.warning("%s of %s rests until %s: %s", claim.stage, claim.dataset, outage.until, reason)
        self._tell(outage, claim)
        return outage

    def begin_probe(self, outage: Outage) -> bool:
        """Whether one batch may go alone although its stage rests; if so, nobody else's may for a while."""
        if self.ledger.slot(outage.dataset, outage.stage) is not None:
            return False
        now = self.clock()
        tried = [other.tried_at or other.since for other in (outage, *self._alike(outage))]
        if max(tried) + PROBE_EVERY > now:
            return False
        self.ledger.note_outage(replace(outage, tried_at=now))
        logger.info("%s of %s rests; one batch probes: %s", outage.stage, outage.dataset, outage.reason)
        return True

    def end(self, dataset: str, stage: Stage) -> None:
        """What was away is back; other stages and datasets that wait for the same need not wait any longer."""
        outage = self.ledger.outage(dataset, stage)
        if outage is None:
            return
        others = self._alike(outage)
        for other in others:
            self.ledger.note_outage(replace(other, until=self.clock(), is_told=other.is_told or outage.is_told))
        if not others:
            self.notifier.outage_ended(outage)
        self.ledger.end_outage(dataset, stage)
        logger.info("%s of %s goes on: %s", stage, dataset, outage.reason)

    def _met_by(self, claim: Claim, reason: str, known: Outage | None) -> Outage:
        now = self.clock()
        if known is None:
            until = now + pause_after(1, self.settings)
            return Outage(claim.dataset, claim.stage, now, 1, until, reason, claim.claim_id, tried_at=now)
        failures = known.failures + 1
        met = replace(known, failures=failures, reason=reason, claim_id=claim.claim_id, tried_at=now)
        if known.is_resting(claim.started_at):
            return replace(met, probes=known.probes + 1)
        return replace(met, until=now + pause_after(failures - known.probes, self.settings))

    def _tell(self, outage: Outage, claim: Claim) -> None:
        """Tell support, unless it has heard of the same thing or is about to hear of it.

        It is noted before it is told. So of several that meet it at once each sees all that came before it, and the
        first one tells; one that dies in between tells when its run is booked again.
        """
        if outage.is_told:
            return
        alike = self._alike(outage)
        if any(other.is_told or _order(other) < _order(outage) for other in alike):
            return
        waiting = len(self.ledger.waiting(outage.dataset, outage.stage)) + len(claim.batch_ids)
        self.notifier.outage_began(outage, waiting)
        self.ledger.note_outage(replace(outage, is_told=True))

    def _alike(self, outage: Outage) -> list[Outage]:
        """The open outages of other stages and datasets that are of the same thing."""
        return [
            other
            for stage in Stage
            for other in self.ledger.outages(stage)
            if (other.dataset, other.stage) != (outage.dataset, outage.stage) and are_alike(other.reason, outage.reason)
        ]


def _order(outage: Outage) -> tuple[datetime, str, str]:
    return (outage.since, outage.dataset, str(outage.stage))
