"""Claims: how batches get into the hands of one run, and out again when the run does not come to be."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from lambda_trigger.ports import LedgerPort
from sluice.errors import ConflictError
from sluice.ledger.record import RUNNING, BatchRecord, Claim
from sluice.logs import log_context
from sluice.parallel import each

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claims:
    """Moves batches into and out of claims.

    Attributes:
        ledger: Where batches and claims are.
        clock: The present moment in UTC.
        workers: Threads that write batches.
    """

    ledger: LedgerPort
    clock: Callable[[], datetime]
    workers: int = 16

    def take(self, claim: Claim, records: Iterable[BatchRecord]) -> tuple[BatchRecord, ...]:
        """Write a claim and move its batches into it.

        The claim comes first and names all batches, so that whoever finds it can give back those that were moved.

        Returns:
            The batches that the claim got; one that changed meanwhile is not among them.
        """
        with log_context(dataset=claim.dataset, claim=claim.claim_id):
            self.ledger.write_claim(claim)
            moved = each(lambda record: self._move(claim, record), records, self.workers)
        return tuple(record for record in moved if record is not None)

    def give_back(self, claim: Claim) -> None:
        """Put the batches of a claim that has no run back where they waited, and free the slot.

        The attempt does not count. The slot comes last: as long as batches are claimed, the slot is taken, and who
        finds the slot finds the claim.
        """
        with log_context(dataset=claim.dataset, claim=claim.claim_id):
            each(lambda batch_id: self._return(claim, batch_id), claim.batch_ids, self.workers)
            self.close(claim)

    def close(self, claim: Claim) -> None:
        """Note that nothing of a claim is left to do, and free the slot."""
        if self.ledger.claim(claim.claim_id) is not None:
            self.ledger.end_claim(claim.claim_id, self.clock())
        self.ledger.release_slot(claim.dataset, claim.stage, claim.claim_id)

    def carried(self, claim: Claim, batch_id: str) -> BatchRecord | None:
        """A batch, if this claim carries it now."""
        record = self.ledger.batch(batch_id)
        if record is None or record.claim_id != claim.claim_id or record.state is not RUNNING[claim.stage]:
            return None
        return record

    def _move(self, claim: Claim, record: BatchRecord) -> BatchRecord | None:
        moved = record.moved(RUNNING[claim.stage], self.clock(), claim_id=claim.claim_id)
        with log_context(batch=record.batch_id):
            try:
                self.ledger.save(record, moved)
            except ConflictError as exc:
                logger.warning("claim %s goes on without batch %s: %s", claim.claim_id, record.batch_id, exc)
                return None
        return moved

    def _return(self, claim: Claim, batch_id: str) -> None:
        record = self.carried(claim, batch_id)
        if record is not None:
            self.ledger.save(record, record.unclaimed(self.clock()))
