"""Every statement that the builders can produce is Redshift's SQL, as far as sqlfluff's grammar of it goes."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlfluff.core import FluffConfig, Linter

from sluice.contract.files import read_contracts
from sluice.contract.model import Column, Table
from sluice.contract.sqltype import SqlType
from sluice.settings import Settings
from sluice.warehouse.affected import select_dates, select_referring
from sluice.warehouse.aggregate import Plan, plans
from sluice.warehouse.audit import select_counts
from sluice.warehouse.batches import list_batches
from sluice.warehouse.books import create_books
from sluice.warehouse.bootstrap import Grants, bootstrap_steps
from sluice.warehouse.evolution import evolve_target
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.merge import merge
from sluice.warehouse.procedure import Schemas, call_refresh, create_aggregate
from sluice.warehouse.staging import Staging, count_staged, drop_stage, run_name, stage
from sluice.warehouse.target import LiveColumn, Target, create_target
from tests.unit.warehouse_contracts import targets

BATCH_IDS = [f"dataset.20261120{hour:02}.{hour:032X}" for hour in range(3)] + ["dataset.20261121." + "F" * 32]
ROLES = "arn:aws:iam::123456789012:role/copy,arn:aws:iam::123456789012:role/x"
PARAMETER = re.compile(r":(dataset|schema_name|table_schema|table_name|load_mode|claim_id|dates)\b")
CONTRACTS = read_contracts(Path(__file__).parents[2] / "contracts")
PLANS = plans(CONTRACTS, "public")
TEXT = r"'((?:[^']|'')*)'"
DYNAMIC = re.compile(rf"EXECUTE {TEXT} \|\| (\w+) \|\| {TEXT}")
LINTER = Linter(config=FluffConfig(overrides={"dialect": "redshift"}))


def unparsable(statement: str) -> list[str]:
    """What is wrong with a statement. ``:name`` is the Data API's own and no SQL: a value takes its place."""
    parsed = LINTER.parse_string(PARAMETER.sub("'value'", statement) + ";\n")
    assert parsed.tree is not None
    segments = [segment.raw for segment in parsed.tree.recursive_crawl("unparsable")]
    return [*segments, *(violation.desc() for violation in parsed.violations)]


def statements(target: Target) -> Iterator[str]:
    staging = Staging(target, run_name("run"))
    yield from create_target(target)
    yield from create_books(target)
    yield from stage(staging, "s3://bucket/_sluice/loads/claim/t.manifest.json", "default")
    yield from stage(staging, "s3://bucket/it's.json", ROLES)
    yield from stage(staging, None, "default")
    yield count_staged(staging)
    yield from merge(staging, list_batches(BATCH_IDS, target.table.load), "claim")
    yield from select_counts(target, BATCH_IDS)
    yield drop_stage(staging.name)
    for live in ([], [narrower(column, target.table) for column in target.table.columns]):
        for change in evolve_target(target, live):
            yield from change.statements


def narrower(column: Column, table: Table) -> LiveColumn:
    kind = column.sql_type
    fixed = {*table.primary_key, *table.redshift.sort_key, table.redshift.dist_key}
    if kind.name == "decimal" and column.name not in fixed and (kind.precision or 0) > (kind.scale or 0) + 1:
        kind = SqlType("decimal", (kind.precision or 0) - 1, kind.scale)
    return LiveColumn(column.name, str(kind), SqlType("varchar", length=1) if kind.name == "varchar" else kind)


@pytest.mark.parametrize("target", list(targets()), ids=lambda target: f"{target.table.load}-{target}")
def test_every_statement_of_every_kind_of_contract_parses(target: Target) -> None:
    produced = list(statements(target))

    assert {statement: problems for statement in produced if (problems := unparsable(statement))} == {}
    assert len(produced) > 30


@pytest.mark.parametrize("file", ["audit", "catalog", "live"])
def test_every_fixed_statement_parses(file: str) -> None:
    found = fixed_sql(file)

    assert {name: problems for name, sql in found.items() if (problems := unparsable(sql))} == {}
    assert all(";" not in sql and "--" not in sql for sql in found.values())


def pieces(procedure: str) -> Iterator[str]:
    """The SQL in the body of a procedure, which sqlfluff itself takes for one text; control structures are left out."""
    values = {
        "_wanted": "DATE '2026-11-20', DATE '2026-11-21'",
        "_days": """("_published"."year" = '2026' AND "_published"."month" = '11' AND "_published"."day" IN ('20'))""",
    }
    for part in procedure.split("$$")[1].split(";\n"):
        statement = part.strip()
        dynamic = DYNAMIC.search(statement)
        if dynamic is not None:
            before, name, after = dynamic.groups()
            yield f"{before}{values[name]}{after}".replace("''", "'")
        elif statement.startswith("SELECT INTO _days"):
            yield statement.replace("INTO _days", "", 1)
        elif statement.startswith(("CREATE", "DROP", "INSERT")):
            yield statement


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.aggregate.name)
def test_every_statement_about_an_aggregate_parses(plan: Plan) -> None:
    schemas = Schemas("spectrum", "aggregates")
    *tables, procedure = create_aggregate(plan, schemas)
    inside = list(pieces(procedure))
    produced = [
        *tables,
        procedure,
        *inside,
        call_refresh(plan.aggregate, schemas),
        *select_dates(plan.facts, BATCH_IDS),
    ]
    for link in plan.links:
        produced += select_referring(plan.facts, plan.date_column, link.target, link.dimension.key, BATCH_IDS)

    assert {statement: problems for statement in produced if (problems := unparsable(statement))} == {}
    # Per table that is read: two temporary tables dropped, made and filled, and the days; then DELETE and INSERT.
    assert len(inside) == 7 * (1 + len(plan.links)) + 2


def test_every_statement_of_the_bootstrap_parses_and_is_small_enough() -> None:
    settings = Settings(warehouse_schema="sales", copy_role="arn:aws:iam::123456789012:role/copy")
    steps = bootstrap_steps(settings, CONTRACTS, Grants(("IAMR:some-role",), ("etl",)))

    assert {step.sql: problems for step in steps if (problems := unparsable(step.sql))} == {}
    assert max(len(step.sql.encode()) for step in steps) <= 100_000


def test_the_check_sees_what_is_not_redshift() -> None:
    assert unparsable("MERGE INTO a USING b ON a.x = b.x WHEN NOTHING THEN 1") != []
    assert unparsable("SELECT 1 FROM FROM t") != []


def test_no_statement_of_a_wide_table_and_many_batches_exceeds_the_limits() -> None:
    target = next(targets())
    wide = replace(
        target.table, columns=(*target.table.columns, *(Column(f"c{n:03}", "varchar(9)") for n in range(400)))
    )
    batch_ids = [f"dataset.{20200101 + day}.{number:032X}" for day in range(28) for number in range(100)]

    transaction = merge(
        Staging(replace(target, table=wide), run_name("run")), list_batches(batch_ids, wide.load), "claim"
    )

    assert len(transaction) <= 40
    assert max(len(statement.encode()) for statement in transaction) <= 100_000
