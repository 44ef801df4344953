"""The sweep: whatever a crash, a lost event or a refused start left behind is finished, and what waits is started."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from lambda_trigger.dispatch import Dispatcher
from lambda_trigger.intake import Intake
from lambda_trigger.notifier import Notifier
from lambda_trigger.open_loads import OpenLoads
from lambda_trigger.partitions import Partitions
from lambda_trigger.ports import LedgerPort
from lambda_trigger.reconcile import Reconciliation
from lambda_trigger.replaced import ReplacedFolders
from lambda_trigger.runs import Runs
from sluice.errors import SluiceError, TransientError
from sluice.ledger.batch import Stage
from sluice.ledger.record import Heartbeat
from sluice.logs import log_context
from sluice.names import SWEEP_PERIOD

logger = logging.getLogger(__name__)

MAX_PROBLEMS = 50
MAX_PROBLEM_CHARACTERS = 500

Work = Callable[[], None]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SweepError(TransientError):
    """Something could not be swept; the next sweep tries it again."""


@dataclass(frozen=True)
class Sweep:
    """Looks after everything, piece by piece.

    Attributes:
        ledger: Where the sweep leaves its sign of life.
        notifier: Sends notices that could not be sent.
        intake: Looks again at manifests that wait for their files.
        reconciliation: Takes manifests of which no event came.
        runs: Repairs slots and claims.
        dispatcher: Starts what waits.
        open_loads: Makes stopped executions go on.
        partitions: Registers what the catalog lacks.
        replaced: Removes folders that no reader is shown any more.
        clock: The present moment in UTC.
    """

    ledger: LedgerPort
    notifier: Notifier
    intake: Intake
    reconciliation: Reconciliation
    runs: Runs
    dispatcher: Dispatcher
    open_loads: OpenLoads
    partitions: Partitions
    replaced: ReplacedFolders
    clock: Callable[[], datetime]

    def sweep(
        self, datasets: Iterable[str], *, is_searching: bool = False, dead_before: datetime | None = None
    ) -> None:
        """Sweep every dataset; a piece that fails, be it by a mistake of ours, does not keep the others from theirs.

        Datasets that were taken out are swept as well, so that what they left on its way comes to an end.

        Args:
            datasets: The datasets that have contracts.
            is_searching: Whether manifests that nobody told of are searched for in every dataset; otherwise in those
                whose turn it is.
            dead_before: Functions that began before this moment are known to be dead, so that nothing waits for them;
                None when nobody knows.

        Raises:
            SweepError: Some pieces failed; the heartbeat has them too.
        """
        known = set(datasets)
        first: tuple[tuple[str, Work], ...] = (
            ("notices", self.notifier.send_kept),
            ("what the ledger knows", lambda: known.update(self.ledger.datasets())),
        )
        problems = [text for what, work in first if (text := _problem(what, work))]
        for dataset in in_turn(known, self.clock()):
            with log_context(dataset=dataset, batch="", claim=""):
                problems += [
                    text
                    for what, work in self._pieces(dataset, is_searching=is_searching, dead_before=dead_before)
                    if (text := _problem(what, work))
                ]
        kept = tuple(text[:MAX_PROBLEM_CHARACTERS] for text in problems[:MAX_PROBLEMS])
        self.ledger.beat(Heartbeat(self.clock(), kept))
        if problems:
            raise SweepError("; ".join(problems))

    def _pieces(self, dataset: str, *, is_searching: bool, dead_before: datetime | None) -> Iterable[tuple[str, Work]]:
        if is_searching or self.reconciliation.is_due(dataset, SWEEP_PERIOD):
            yield f"{dataset}/unknown manifests", partial(self.reconciliation.repair, dataset)
        yield f"{dataset}/waiting manifests", partial(self.intake.look_again, dataset)
        for stage in Stage:
            yield f"{dataset}/{stage}", partial(self._stage, dataset, stage, dead_before)
        yield f"{dataset}/open loads", partial(self.open_loads.repair, dataset)
        yield f"{dataset}/partitions", partial(self.partitions.repair, dataset)
        yield f"{dataset}/replaced files", partial(self.replaced.remove, dataset)

    def _stage(self, dataset: str, stage: Stage, dead_before: datetime | None) -> None:
        self.runs.repair(dataset, stage, dead_before)
        self.dispatcher.dispatch(dataset, stage)


def in_turn(datasets: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Datasets in the order of this sweep: each period another one is the first.

    A sweep that its time ends before it has seen all of them would leave the same ones out again and again. Nobody
    remembers how far it came, so that nothing is in the way of a sweep that dies.

    Args:
        datasets: The datasets.
        now: The present moment in UTC.
    """
    ordered = sorted(datasets)
    if not ordered:
        return ()
    first = ((now - _EPOCH) // SWEEP_PERIOD) % len(ordered)
    return (*ordered[first:], *ordered[:first])


def _problem(what: str, work: Work) -> str:
    """Do a piece of work; what went wrong, empty when nothing did."""
    try:
        work()
    except SluiceError as exc:
        logger.exception("sweep of %s failed", what)
        return f"{what}: {exc}"
    except Exception as exc:
        # One record that nobody can read must not keep all other datasets from being swept.
        logger.exception("sweep of %s failed for a reason that nobody expected", what)
        return f"{what}: {type(exc).__name__}"
    return ""
