"""The law: with and without the vector lane a file has the same rows, the same quarantine and the same counts.

`SLUICE_LAW_RECORDS` says how many records to try; `make test-law` tries a million.
"""

import os
import random

import pytest

from sluice.contract import CsvSource
from sluice.kernel import lines
from sluice.kernel.convert import Lanes
from sluice.kernel.csv_lane import can_prove
from tests.unit import kernel_law
from tests.unit.kernel_law import outcome

RECORDS = int(os.environ.get("SLUICE_LAW_RECORDS", "8000"))
ROWS = 40


@pytest.mark.parametrize("block_bytes", [64, 1 << 20])
def test_csv(block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", block_bytes)
    tried = proven = 0
    seed = 0
    while tried < RECORDS / 2:
        seed += 1
        for contract, content in kernel_law.csv_files(random.Random(seed), ROWS):
            assert isinstance(contract.source, CsvSource)
            assert can_prove(contract.source)
            expected = outcome(contract, content, Lanes.ROW)
            found = outcome(contract, content, Lanes.BOTH)
            assert (seed, content, found) == (seed, content, expected)
            tried += expected[0].records
            proven += expected[0].records - expected[0].rejected
    assert proven > tried / 4
