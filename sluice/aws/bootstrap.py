"""Makes a warehouse ready, through the Data API."""

import logging
from collections.abc import Callable, Iterable

from sluice.aws.data_api import DataApi
from sluice.backoff import Backoff
from sluice.errors import AwsDeniedError, WarehouseBusyError, WarehouseDeniedError, WarehouseError
from sluice.warehouse.bootstrap import Step

logger = logging.getLogger(__name__)

GRACE_SECONDS = 60.0
"""How long rights that were given just now are waited for, all steps together."""
_PAUSE_SECONDS = 5.0


def run_bootstrap(warehouse: DataApi, steps: Iterable[Step], backoff: Backoff | None = None) -> int:
    """Run the steps one by one, each as its own statement.

    Args:
        warehouse: The warehouse.
        steps: What `sluice.warehouse.bootstrap.bootstrap_steps` gives.
        backoff: How a step is repeated that the warehouse was too busy for, such as when two bootstraps meet. Its clock
            also serves the wait for rights: the deploy calls seconds after it has made them, and IAM takes a while.
            Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency

    Returns:
        How many steps were run.

    Raises:
        WarehouseError: The warehouse refused a step; those before it are done, and all of them may be run again.
        WarehouseBusyError: It stayed busy.
        AwsError: AWS refused the call; when for lack of a right, after a minute in which the right did not come.

    Side Effects:
        Creates what is missing, and makes procedures and grants again; drops nothing.
    """
    patience = backoff or Backoff()
    done = 0
    waited = 0.0
    for step in steps:
        while True:
            try:
                patience.call(_run(warehouse, step), WarehouseBusyError, step.label)
            except (AwsDeniedError, WarehouseDeniedError) as exc:
                if waited >= GRACE_SECONDS:
                    raise
                logger.warning("%s: a right is missing, it may be on its way: %s", step.label, exc)
                patience.sleep(_PAUSE_SECONDS)
                waited += _PAUSE_SECONDS
            else:
                break
        done += 1
    logger.info("the warehouse is ready: %d statements", done)
    return done


def _run(warehouse: DataApi, step: Step) -> Callable[[int], object]:
    def run(_: int) -> None:
        if _is_done(warehouse, step):
            return
        try:
            warehouse.execute(step.sql, label=step.label)
        except WarehouseError:
            # Another bootstrap may have done it meanwhile.
            if not _is_done(warehouse, step):
                raise

    return run


def _is_done(warehouse: DataApi, step: Step) -> bool:
    return bool(step.unless) and bool(warehouse.rows(step.unless, label=step.label))
