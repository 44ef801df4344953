"""Outages: what a stage of a dataset depends on is away, so the stage rests, and nobody's attempts are counted.

One outage is open per stage and dataset at most. It begins with a run in which nothing got through because of the
world, grows with each further one, and ends with the first batch that gets through, or that breaks its run by itself.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from lambda_trigger.notifier import Notifier
from lambda_trigger.pauses import pause_after
from lambda_trigger.ports import LedgerPort
from sluice.batch import Stage
from sluice.failures import are_alike
from sluice.record import Claim, Outage
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
        """
        known = self.ledger.outage(claim.dataset, claim.stage)
        if known is not None and known.claim_id == claim.claim_id:
            return known
        now = self.clock()
        failures = 1 if known is None else known.failures + 1
        since = now if known is None else known.since
        until = now + pause_after(failures, self.settings)
        outage = Outage(claim.dataset, claim.stage, since, failures, until, reason, claim.claim_id)
        if known is None and not any(are_alike(other.reason, reason) for other in self.ledger.outages(claim.stage)):
            waiting = len(self.ledger.waiting(claim.dataset, claim.stage)) + len(claim.batch_ids)
            self.notifier.outage_began(outage, waiting)
        self.ledger.note_outage(outage)
        logger.warning("%s of %s rests until %s: %s", claim.stage, claim.dataset, until, reason)
        return outage

    def end(self, dataset: str, stage: Stage) -> None:
        """What was away is back; other datasets that wait for the same need not wait any longer."""
        outage = self.ledger.outage(dataset, stage)
        if outage is None:
            return
        others = [
            other
            for other in self.ledger.outages(stage)
            if other.dataset != dataset and are_alike(other.reason, outage.reason)
        ]
        for other in others:
            self.ledger.note_outage(replace(other, until=self.clock()))
        if not others:
            self.notifier.outage_ended(outage)
        self.ledger.end_outage(dataset, stage)
        logger.info("%s of %s goes on: %s", stage, dataset, outage.reason)
