"""The exact statements for the project's own contracts; a change of a builder shows here as a change of a file.

``SLUICE_WRITE_GOLDEN=1 pytest tests/unit/test_warehouse_golden.py`` writes the files anew.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.contract.files import read_contracts
from sluice.contract.model import Contract
from sluice.warehouse.audit import select_counts
from sluice.warehouse.batches import list_batches
from sluice.warehouse.merge import merge
from sluice.warehouse.staging import Staging, count_staged, drop_stage, stage
from sluice.warehouse.target import Target, create_target, evolve_target

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
CONTRACTS = read_contracts(ROOT / "contracts")


def script(contract: Contract) -> str:
    return "\n".join(f"-- {title}\n{sql};\n" for table in contract.tables for title, sql in steps(contract, table.name))


def steps(contract: Contract, table: str) -> Iterator[tuple[str, str]]:
    target = Target(contract.dataset, "public", contract.table(table))
    staging = Staging(target, "0123456789ab")
    batch_ids = [f"{contract.dataset}.2026112013.{number:032X}" for number in (1, 2)]
    transaction = merge(staging, list_batches(batch_ids, target.table.load), "claim")
    manifest = f"s3://sluice-processed/_sluice/loads/claim/{table}.manifest.json"
    yield from ((f"{table}: target", sql) for sql in create_target(target))
    yield f"{table}: new column", evolve_target(target, [])[-1]
    yield from ((f"{table}: stage", sql) for sql in stage(staging, manifest, "default"))
    yield f"{table}: count", count_staged(staging)
    yield from ((f"{table}: merge {number}", sql) for number, sql in enumerate(transaction.statements, start=1))
    yield from ((f"{table}: audit", sql) for sql in select_counts(batch_ids))
    yield f"{table}: drop", drop_stage(staging.name)


@pytest.mark.parametrize("contract", list(CONTRACTS.values()), ids=list(CONTRACTS))
def test_the_statements_are_the_reviewed_ones(contract: Contract) -> None:
    path = GOLDEN / f"{contract.dataset}.sql"
    if os.environ.get("SLUICE_WRITE_GOLDEN") == "1":
        path.write_text(script(contract), encoding="utf-8")

    assert script(contract) == path.read_text(encoding="utf-8")


def test_there_is_no_golden_file_without_its_contract() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} == set(CONTRACTS)
