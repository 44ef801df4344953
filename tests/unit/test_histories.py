"""Whatever happens, and in whatever order, an account ends as the pure model says: see `tests.histories`.

The long version is ``make prove``; SLUICE_HISTORIES says how many histories here.
"""

import logging
import os
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from sluice_laptop.demo.proofs import ProofOptions
from tests.histories import proofs
from tests.histories.history import History
from tests.histories.machine import Histories

HISTORIES = int(os.environ.get("SLUICE_HISTORIES", "20"))


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


def test_the_long_version_counts_histories_and_shows_the_script_of_one_that_fails(tmp_path: Path) -> None:
    options = ProofOptions(tmp_path, seeds=(1, 2), times=4)
    assert [(found.times, found.is_good) for found in proofs.histories(options)] == [(2, True), (2, True)]
    failing = patch.object(History, "finish", side_effect=AssertionError("one row is gone"))
    with failing, patch.object(proofs, "PHASES", (Phase.generate,)):
        (found,) = proofs.histories(ProofOptions(tmp_path, seeds=(1,), times=3))
    assert (found.times, found.wrong) == (3, 1)
    assert found.problems[0].startswith("AssertionError: one row is gone\n")
    assert "state.begin(has_times=" in found.problems[0]
    assert found.problems[0].rstrip().endswith("state.teardown()")


def test_the_long_version_of_tests_counts_them_and_names_those_that_fail(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text("""import os

def test_one(): assert os.environ["LONGER"] == "2"
def test_two(): assert os.environ["LONGER"] == "3"
""")
    options = ProofOptions(tmp_path / "proof")
    found = proofs.tests_of("it", [str(file)], {"LONGER": "2"}, options)
    assert (found.what, found.times, found.wrong, found.problems) == ("it", 2, 1, ("test_two",))
    (problem,) = proofs.tests_of("it", [str(tmp_path / "gone.py")], {}, options).problems
    assert "gone.py" in problem
