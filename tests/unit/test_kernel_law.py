"""The law: with and without the vector lane a file has the same rows, the same quarantine and the same counts.

`SLUICE_LAW_RECORDS` says how many records to try; `make test-law` tries a million.
"""

import dataclasses
import os
import random

import pyarrow as pa
import pytest

from sluice.contract import CsvSource
from sluice.kernel import lines
from sluice.kernel.convert import Lanes, splits
from sluice.kernel.csv_lane import can_prove
from tests.unit import kernel_law
from tests.unit.kernel_law import outcome, raw_file

pytestmark = pytest.mark.usefixtures("columns_for_few")
RECORDS = int(os.environ.get("SLUICE_LAW_RECORDS", "2400"))
ROWS = 40 if RECORDS < 100_000 else 500


@pytest.fixture
def columns_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few lines would go through the row lane alone."""
    for module in ("csv_lane", "json_lane"):
        monkeypatch.setattr(f"sluice.kernel.{module}.FEWEST", 1)
    monkeypatch.setattr("sluice.kernel.transposed.FEWEST", 2)


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


@pytest.mark.parametrize("records", ["lines", "array"])
@pytest.mark.parametrize("block_bytes", [64, 1 << 20])
def test_json(block_bytes: int, records: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr("sluice.kernel.transposed.BATCH_RECORDS", 15)
    tried = proven = 0
    seed = 0
    while tried < RECORDS / 4:
        seed += 1
        for contract, content in kernel_law.json_files(random.Random(seed), ROWS, records=records):
            expected = outcome(contract, content, Lanes.ROW)
            found = outcome(contract, content, Lanes.BOTH)
            assert (seed, content, found) == (seed, content, expected)
            tried += expected[0].records
            proven += expected[0].records - expected[0].rejected
    assert proven > tried / 8


def test_csv_in_parts() -> None:
    tried = split = 0
    for seed in range(RECORDS // (7 * ROWS)):
        for contract, content in kernel_law.csv_files(random.Random(seed), ROWS):
            source = contract.source
            assert isinstance(source, CsvSource)
            lines_only = dataclasses.replace(contract, source=dataclasses.replace(source, multiline=False))
            expected = outcome(lines_only, content, Lanes.ROW)
            size = random.Random(seed).choice([10, 100, 700])
            for lanes in Lanes:
                assert (seed, content, outcome(lines_only, content, lanes, size)) == (seed, content, expected)
            tried += 1
            split += len(splits(lines_only, raw_file(content), size)) > 1
    assert split > tried / 2


def test_formats_that_are_not_split_stay_whole() -> None:
    content = b"c\n" + b"1\n" * 100_000
    for source in ({"format": "json"}, {"format": "csv"}, {"format": "csv", "multiline": False, "compression": "gzip"}):
        contract = kernel_law.contract(random.Random(1), **source)
        raw = raw_file(content)
        assert splits(contract, raw, 1 << 16) == [raw]


def test_a_split_covers_its_file() -> None:
    raw = raw_file(b"c\n" + b"1\n" * 100_000)
    parts = splits(kernel_law.contract(random.Random(1), "csv", multiline=False), raw, 1 << 16)
    assert [(part.start, part.end) for part in parts] == [(0, 65536), (65536, 131072), (131072, 196608), (196608, None)]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_arrow_refuses_is_read_one_by_one(
    form: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = kernel_law.csv_files if form == "csv" else kernel_law.json_files
    found = [next(files(random.Random(seed), ROWS)) for seed in range(20)]
    expected = [outcome(contract, content, Lanes.ROW) for contract, content in found]

    def refuse(*_: object, **__: object) -> None:
        raise pa.ArrowInvalid("not this one")

    monkeypatch.setattr("pyarrow.csv.read_csv", refuse)
    monkeypatch.setattr("pyarrow.json.read_json", refuse)
    assert [outcome(contract, content, Lanes.BOTH) for contract, content in found] == expected
    assert "lines that were proven are read one by one" in caplog.text
