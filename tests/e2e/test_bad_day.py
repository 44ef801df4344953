"""One bad day of AWS, the short version of `make prove`: nothing is lost, nothing is doubled, nothing is wrong."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from localcloud.faults.plan import FaultPlan
from sluice.contract.files import read_contracts
from sluice.ledger.batch import BatchState
from sluice_laptop.demo.bad_day import Day, kinds_of
from sluice_laptop.demo.run import DemoOptions, prove

ROOT = Path(__file__).resolve().parents[2]
SEED = 4
"""A seed under which something goes wrong in every service that the pipeline leans on."""


@pytest.mark.timeout(1200)  # longer than the others: what goes wrong waits for its turn
def test_a_day_on_which_one_answer_of_twenty_goes_wrong() -> None:
    with TemporaryDirectory(prefix="sluice-bad-day-") as name:
        options = DemoOptions(
            Path(name), rows=60, seed=SEED, timeout_seconds=1000, faults=FaultPlan(seed=SEED, rate=0.05)
        )
        report = prove(options, read_contracts(ROOT / "contracts"))
    day = Day(SEED, report)
    assert (report.error, report.differences, report.is_complete) == ("", [], True)
    assert (day.lost, day.doubled, day.wrong) == (0, 0, 0)
    assert {batch.state for batch in report.batches} == {BatchState.LOADED, BatchState.ARCHIVED, BatchState.REJECTED}
    # Enough of it went wrong, in every service that the pipeline leans on, or the day would prove little.
    assert day.injected > day.asked * 0.02
    assert len(kinds_of(report.faults)) >= 7
    hit = {tally.service for tally in report.faults if tally.injected}
    assert hit >= {"s3", "dynamodb", "glue", "redshift-data"}
