"""Whatever happens, and in whatever order, an account ends as the pure model says: see `tests.histories`.

The long version is ``make prove``: SLUICE_HISTORIES says how many histories.
"""

import logging
import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.machine import Histories

HISTORIES = int(os.environ.get("SLUICE_HISTORIES", "12"))


@pytest.mark.timeout(0 if "SLUICE_HISTORIES" in os.environ else 600)
def test_random_histories_end_as_the_model_says() -> None:
    is_long = "SLUICE_HISTORIES" in os.environ
    chosen = settings(
        max_examples=HISTORIES,
        stateful_step_count=40,
        derandomize=not is_long,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    logging.disable(logging.CRITICAL)  # What is captured of a thousand histories costs more than they do.
    try:
        run_state_machine_as_test(Histories, settings=chosen)
    finally:
        logging.disable(logging.NOTSET)
