"""Makes a warehouse ready, through the Data API."""

import logging
from collections.abc import Callable, Iterable

from sluice.aws.data_api import DataApi
from sluice.backoff import Backoff
from sluice.errors import WarehouseBusyError
from sluice.warehouse.bootstrap import Step

logger = logging.getLogger(__name__)


def run_bootstrap(warehouse: DataApi, steps: Iterable[Step], backoff: Backoff | None = None) -> int:
    """Run the steps one by one, each as its own statement.

    Args:
        warehouse: The warehouse.
        steps: What `sluice.warehouse.bootstrap.bootstrap_steps` gives.
        backoff: How a step is repeated that the warehouse was too busy for, such as when two bootstraps meet.

    Returns:
        How many steps were run.

    Raises:
        WarehouseError: The warehouse refused a step; those before it are done, and all of them may be run again.
        WarehouseBusyError: It stayed busy.

    Side Effects:
        Creates what is missing, and makes procedures and grants anew; drops nothing.
    """
    patience = backoff or Backoff()
    done = 0
    for step in steps:
        patience.call(_run(warehouse, step), WarehouseBusyError, step.label)
        done += 1
    logger.info("the warehouse is ready: %d statements", done)
    return done


def _run(warehouse: DataApi, step: Step) -> Callable[[int], object]:
    return lambda _: warehouse.execute(step.sql, label=step.label)
