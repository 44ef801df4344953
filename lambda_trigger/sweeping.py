"""The sweep: whatever a crash, a lost event or a refused start left behind is finished, and what waits is started."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from lambda_trigger.dispatch import Dispatcher
from lambda_trigger.open_loads import OpenLoads
from lambda_trigger.partitions import Partitions
from lambda_trigger.ports import LedgerPort
from lambda_trigger.runs import Runs
from sluice.batch import Stage
from sluice.errors import SluiceError, TransientError
from sluice.logs import log_context
from sluice.record import Heartbeat

logger = logging.getLogger(__name__)

MAX_PROBLEMS = 50
MAX_PROBLEM_CHARACTERS = 500

Work = Callable[[], None]


class SweepError(TransientError):
    """Something could not be swept; the next sweep tries it again."""


@dataclass(frozen=True)
class Sweep:
    """Looks after everything, piece by piece.

    Attributes:
        ledger: Where the sweep leaves its sign of life.
        runs: Repairs slots and claims.
        dispatcher: Starts what waits.
        open_loads: Makes stopped executions go on.
        partitions: Registers what the catalog lacks.
        clock: The present moment in UTC.
    """

    ledger: LedgerPort
    runs: Runs
    dispatcher: Dispatcher
    open_loads: OpenLoads
    partitions: Partitions
    clock: Callable[[], datetime]

    def sweep(self, datasets: Iterable[str]) -> None:
        """Sweep every dataset; a piece that fails, be it by a mistake of ours, does not keep the others from theirs.

        Args:
            datasets: The datasets to look at.

        Raises:
            SweepError: Some pieces failed; the heartbeat has them too.
        """
        problems: list[str] = []
        for dataset in datasets:
            with log_context(dataset=dataset, batch="", run=""):
                problems += [text for what, work in self._pieces(dataset) if (text := _problem(what, work))]
        kept = tuple(text[:MAX_PROBLEM_CHARACTERS] for text in problems[:MAX_PROBLEMS])
        self.ledger.beat(Heartbeat(self.clock(), kept))
        if problems:
            raise SweepError("; ".join(problems))

    def _pieces(self, dataset: str) -> Iterable[tuple[str, Work]]:
        for stage in Stage:
            yield f"{dataset}/{stage}", partial(self._stage, dataset, stage)
        yield f"{dataset}/open loads", partial(self.open_loads.repair, dataset)
        yield f"{dataset}/partitions", partial(self.partitions.repair, dataset)

    def _stage(self, dataset: str, stage: Stage) -> None:
        self.runs.repair(dataset, stage)
        self.dispatcher.dispatch(dataset, stage)


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
