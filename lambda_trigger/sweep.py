"""The sweep, on a schedule: what a crash, a lost event or a refused start left behind is finished.

For each dataset, each piece apart from all others:

    unknown manifests    manifests of which no event came are taken: `reconcile`
    waiting manifests    manifests that wait for their files are looked at again: `arrival.look_again`
    convert, load        slots and claims without a run, and runs whose end nobody told: `after_run.repair`; `dispatch`
    open loads           executions that have stopped after their load go on: `after_load.repair`
    partitions           what the catalog lacks is registered, and what it shows wrongly put right: `partitions.repair`
    replaced files       folders that no reader is shown any more go: `replaced`

Before all of them, notices go out that are kept. The heartbeat comes last, with what went wrong. A sweep that
dies leaves everything to the next one.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial

from lambda_trigger import after_load, after_run, arrival, partitions, reconcile, replaced
from lambda_trigger.dispatch import dispatch
from lambda_trigger.trigger import Trigger
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


def sweep_datasets(
    trigger: Trigger, datasets: Iterable[str], *, is_searching: bool = False, dead_before: datetime | None = None
) -> None:
    """Sweep every dataset; a piece that fails, be it by a mistake of ours, does not keep the others from theirs.

    Datasets that were taken out are swept as well, so that what they left on its way comes to an end.

    Args:
        trigger: The trigger.
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
        ("notices", trigger.notifier.send_kept),
        ("what the ledger knows", lambda: known.update(trigger.ledger.datasets())),
    )
    problems = [text for what, work in first if (text := _problem(what, work))]
    for dataset in in_turn(known, trigger.clock()):
        with log_context(dataset=dataset, batch="", claim=""):
            problems += [
                text
                for what, work in _pieces(trigger, dataset, is_searching=is_searching, dead_before=dead_before)
                if (text := _problem(what, work))
            ]
    kept = tuple(text[:MAX_PROBLEM_CHARACTERS] for text in problems[:MAX_PROBLEMS])
    trigger.ledger.beat(Heartbeat(trigger.clock(), kept))
    if problems:
        raise SweepError("; ".join(problems))


def _pieces(
    trigger: Trigger, dataset: str, *, is_searching: bool, dead_before: datetime | None
) -> Iterable[tuple[str, Work]]:
    if is_searching or reconcile.is_due(trigger, dataset, SWEEP_PERIOD):
        yield f"{dataset}/unknown manifests", partial(reconcile.repair, trigger, dataset)
    yield f"{dataset}/waiting manifests", partial(arrival.look_again, trigger, dataset)
    for stage in Stage:
        yield f"{dataset}/{stage}", partial(_stage, trigger, dataset, stage, dead_before)
    yield f"{dataset}/open loads", partial(after_load.repair, trigger, dataset)
    yield f"{dataset}/partitions", partial(_partitions, trigger, dataset)
    yield f"{dataset}/replaced files", partial(replaced.remove, trigger, dataset)


def _partitions(trigger: Trigger, dataset: str) -> None:
    if partitions.repair(trigger, dataset):
        dispatch(trigger, dataset, Stage.CONVERT)


def _stage(trigger: Trigger, dataset: str, stage: Stage, dead_before: datetime | None) -> None:
    after_run.repair(trigger, dataset, stage, dead_before)
    dispatch(trigger, dataset, stage)


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
