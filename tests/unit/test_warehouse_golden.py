"""The exact statements for the project's own contracts; a change of a builder shows here as a change of a file.

``SLUICE_WRITE_GOLDEN=1 pytest tests/unit/test_warehouse_golden.py`` writes the files again.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.contract.files import read_contracts
from sluice.contract.model import Contract
from sluice.settings import Settings
from sluice.warehouse.affected import select_dates, select_referring
from sluice.warehouse.aggregate import plans
from sluice.warehouse.audit import select_counts
from sluice.warehouse.batches import list_batches
from sluice.warehouse.books import create_books
from sluice.warehouse.bootstrap import Grants, bootstrap_steps
from sluice.warehouse.evolution import evolve_target
from sluice.warehouse.merge import merge
from sluice.warehouse.procedure import Schemas, create_aggregate
from sluice.warehouse.staging import Staging, count_staged, drop_stage, stage
from sluice.warehouse.target import Target, create_target

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
    yield from ((f"{table}: books", sql) for sql in create_books(target))
    yield f"{table}: new column", evolve_target(target, [])[-1].statements[-1]
    yield from ((f"{table}: stage", sql) for sql in stage(staging, manifest, "default"))
    yield f"{table}: count", count_staged(staging)
    yield from ((f"{table}: merge {number}", sql) for number, sql in enumerate(transaction, start=1))
    yield from ((f"{table}: audit", sql) for sql in select_counts(target, batch_ids))
    yield f"{table}: drop", drop_stage(staging.name)


def aggregate_scripts() -> dict[str, str]:
    """All statements about each aggregate."""
    settings = Settings()
    made = {plan.aggregate.name: plan for plan in plans(CONTRACTS, settings.warehouse_schema)}
    scripts = {}
    for name, plan in made.items():
        batch_ids = [f"{plan.facts.dataset}.2026112013.{number:032X}" for number in (1, 2)]
        statements = [*create_aggregate(plan, Schemas.from_settings(settings)), *select_dates(plan.facts, batch_ids)]
        for link in plan.links:
            links = (link.target, link.dimension.key, [f"{link.target.dataset}.2026112013.{1:032X}"])
            statements += select_referring(plan.facts, plan.date_column, *links)
        scripts[name] = "\n\n".join(f"{sql};" for sql in statements) + "\n"
    return scripts


def bootstrap_script() -> str:
    """The order of the bootstrap, and the statements that stand in no other golden file."""
    steps = bootstrap_steps(Settings(), CONTRACTS, Grants(("IAMR:analysts",), ("IAMR:sluice-load",)))
    known = "".join((*aggregate_scripts().values(), *map(script, CONTRACTS.values())))
    texts = (f"-- {step.label}\n" + ("" if step.sql in known else f"{step.sql};\n") for step in steps)
    return "".join(texts)


SCRIPTS = (
    {contract.dataset: script(contract) for contract in CONTRACTS.values()}
    | {f"aggregates/{name}": text for name, text in aggregate_scripts().items()}
    | {"bootstrap": bootstrap_script()}
)


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_the_statements_are_the_reviewed_ones(name: str) -> None:
    path = GOLDEN / f"{name}.sql"
    if os.environ.get("SLUICE_WRITE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(SCRIPTS[name], encoding="utf-8")

    assert path.read_text(encoding="utf-8") == SCRIPTS[name]


def test_there_is_no_golden_file_without_its_source() -> None:
    files = {str(path.relative_to(GOLDEN).with_suffix("")) for path in GOLDEN.rglob("*.sql")}
    assert files == set(SCRIPTS)
