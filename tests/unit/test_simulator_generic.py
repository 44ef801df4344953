"""Data for any contract, judged by the kernel: what is sent as good is good, what is sent as bad is quarantined."""

import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.cli.trial import attempt
from sluice.contract import Column, Contract, ParquetSource, parse_contract
from sluice.contract.files import read_contract, read_contracts
from sluice.errors import SimulatorError
from sluice.lake.layout import Partition
from sluice.simulator import SimulatorOptions, simulate
from sluice.simulator.generic import Generic, any_value
from sluice.simulator.matching import matching
from sluice.simulator.partition import SimulatedPartition
from sluice.simulator.record import Record, find

ROOT = Path(__file__).resolve().parents[2]
BROUGHT = read_contracts(ROOT / "contracts")
OTHERS = [
    read_contract(path)
    for path in (*(ROOT / "tests/fixtures/fifth").glob("*.yaml"), ROOT / "sluice/cli/skeleton/contracts/payments.yaml")
]
READABLE = [contract for contract in OTHERS if not isinstance(contract.source, ParquetSource)]
[SENSORS] = [contract for contract in OTHERS if isinstance(contract.source, ParquetSource)]


def partition_of(contract: Contract) -> Partition:
    return Partition.parse("2026-11-20T13" if contract.layout.is_hourly else "2026-11-20")


def simulated(contract: Contract, rows: int = 120, bad_share: float = 0.3) -> SimulatedPartition:
    first = partition_of(contract)
    options = SimulatorOptions(first, rows=rows, files=1, bad_share=bad_share)
    return simulate(replace(contract, max_rejected_ratio=1.0), first.next(), options, BROUGHT)


def of_any_name(contract: Contract) -> Contract:
    """The contract as if nothing were known of its name."""
    return replace(contract, dataset="letters")


def in_parquet(contract: Contract) -> Contract:
    """The contract as if its files were Parquet; its values are in the forms that texts have."""
    return replace(of_any_name(contract), source=ParquetSource(contract.source.layout))


@pytest.mark.parametrize(
    "contract",
    [*OTHERS, *map(of_any_name, BROUGHT.values()), *(in_parquet(BROUGHT[name]) for name in ("orders", "customers"))],
    ids=lambda c: f"{c.tables[0].name}-{c.source.format}",
)
def test_the_kernel_agrees_on_every_record(contract: Contract, tmp_path: Path) -> None:
    sent = simulated(contract)
    records: list[Record] = []
    path = tmp_path / sent.file_names[0]
    with path.open("wb") as stream:
        sent.write(0, stream, records.append)
    trial = attempt(sent.contract, [path], tmp_path / "out", samples=1000)
    bad = [record for record in records if record.fault is not None]
    assert (trial.records, trial.rejected, trial.failure) == (len(records), len(bad), "")
    assert len({record.fault for record in bad}) > 5


def test_the_same_options_give_the_same_bytes() -> None:
    first, second = ([r.text for r in simulated(READABLE[0]).records(0)] for _ in range(2))
    assert first == second


def test_a_key_of_another_dataset_is_one_that_was_sent() -> None:
    contract = parse_contract(
        {
            "dataset": "visits",
            "source": {"format": "json", "layout": "visits/%Y/%m/%d/%H"},
            "tables": [
                {
                    "name": "visits",
                    "primary_key": ["visit_id"],
                    "order_by": ["at"],
                    "columns": [
                        {"name": "visit_id", "type": "bigint"},
                        {"name": "customer_id", "type": BROUGHT["customers"].tables[0].column("customer_id").type},
                        {"name": "at", "type": "timestamp"},
                    ],
                }
            ],
        },
        "visits.yaml",
    )
    pattern = BROUGHT["customers"].tables[0].column("customer_id").pattern
    assert pattern is not None
    named = {find(record.clean, "customer_id") for record in simulated(contract, bad_share=0).records(0)}
    assert all(re.search(pattern, str(one)) for one in named)


def test_an_own_contract_of_a_name_that_sluice_brings_is_not_taken_for_it() -> None:
    orders = BROUGHT["orders"]
    assert not isinstance(simulated(orders)._source, Generic)
    mine = replace(orders, tables=(replace(orders.tables[0], columns=orders.tables[0].columns[:4]),))
    assert isinstance(simulated(mine)._source, Generic)


@pytest.mark.parametrize("contract", [SENSORS, in_parquet(BROUGHT["orders"])], ids=lambda c: c.tables[0].name)
def test_parquet_without_bad_records_has_the_types_of_the_contract(contract: Contract, tmp_path: Path) -> None:
    sent = simulated(contract, bad_share=0)
    records: list[Record] = []
    path = tmp_path / sent.file_names[0]
    with path.open("wb") as stream:
        sent.write(0, stream, records.append)
    kinds = {field.name: str(field.type) for field in pq.read_schema(path)}
    assert kinds.get("read_at", "timestamp[us]") == "timestamp[us]"
    assert {"int16", "struct<unit: string>"} <= set(kinds.values()) or "decimal128(12, 2)" in kinds.values()
    trial = attempt(sent.contract, [path], tmp_path / "out", samples=1000)
    assert (trial.records, trial.rejected, trial.failure) == (len(records), 0, "")


def test_a_pattern_that_cannot_be_followed_names_its_column() -> None:
    column = Column("code", "varchar(4)", pattern="(?=x)y")
    with pytest.raises(SimulatorError, match="column 'code': no value was found that matches its pattern"):
        any_value(column, Random(1), partition_of(READABLE[0]).start)


@given(st.integers())
@pytest.mark.parametrize(
    "pattern",
    [
        r"^CUST-[0-9]{6,12}$",
        r"[^@\s]+@[^@\s]+\.[^@\s]+",
        r"\A(red|green)-\d+\Z",
        r"a?b*c+.",
        r"[^a-z]\w\s",
    ],
)
def test_made_up_texts_match(pattern: str, seed: int) -> None:
    text = matching(pattern, Random(seed))
    assert text is not None
    assert re.search(pattern, text) is not None


@pytest.mark.parametrize("pattern", [r"(?=x)y", r"(", r"(a)\1"])
def test_what_cannot_be_followed_gives_nothing(pattern: str) -> None:
    assert matching(pattern, Random(1)) is None
