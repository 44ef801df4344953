"""The warehouse: the external schema, the target tables, and what the aggregates are made with."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sluice.contract import Contract
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import DEPLOY, Finding, error, ok, warning
from sluice.drift.columns import DECIDE
from sluice.errors import WarehouseError
from sluice.ledger.batch import BatchState
from sluice.warehouse.aggregate import own_names, plans
from sluice.warehouse.evolution import evolve_target
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.isolation import meaning_of
from sluice.warehouse.parts import users
from sluice.warehouse.procedure import Schemas, procedure_name
from sluice.warehouse.quoting import OWN_SCHEMA
from sluice.warehouse.target import LiveColumn, Target

_LOADED = (BatchState.LOADED, BatchState.ARCHIVED)


def check_external_schema(deployment: Deployment) -> Iterator[Finding]:
    """The external schema shows the processed database."""
    settings = deployment.settings
    name, wanted = settings.spectrum_schema, settings.processed_database
    rows = deployment.warehouse.rows(
        fixed_sql("live")["external_schema"], {"schema_name": name}, label="look for the external schema"
    )
    if not rows:
        yield error("external schema", f"the warehouse has no external schema {name}: aggregates need it", DEPLOY)
    elif str(rows[0][0]) != wanted:
        what = f"external schema {name} shows database {rows[0][0]} and should show {wanted}"
        yield error("external schema", what, f"drop schema {name}; then {DEPLOY}")
    else:
        yield ok("external schema", f"external schema {name} shows database {wanted}")


def check_users(deployment: Deployment) -> Iterator[Finding]:
    """The parts have their users in the warehouse, as whom they come in by IAM."""
    rows = deployment.warehouse.rows(fixed_sql("live")["users"], label="look at the users")
    there = {str(name).lower() for (name,) in rows}
    missing = [name for name in users(deployment.settings) if name.lower() not in there]
    if missing:
        what = f"the warehouse has no user {', '.join(missing)}: nobody has given the parts their rights"
        yield error("users", what, DEPLOY)
    else:
        yield ok("users", "every part has its user in the warehouse")


def check_isolation(deployment: Deployment) -> Iterator[Finding]:
    """The isolation level of the database, and what it means: loads are made for both."""
    rows = deployment.warehouse.rows(fixed_sql("live")["isolation"], label="look at the isolation level")
    level = str(rows[0][0]) if rows else "unknown"
    yield ok("isolation", f"isolation level {level}: {meaning_of(level)}")


def check_tables(deployment: Deployment) -> Iterator[Finding]:
    """Every target table is as its contract says; one that was never loaded need not exist."""
    schema = deployment.settings.warehouse_schema
    live = live_columns(deployment, schema)
    for contract in deployment.contracts.values():
        missing = [table.name for table in contract.tables if table.name not in live]
        if missing:
            yield _missing(deployment, contract, missing)
        for table in contract.tables:
            if table.name in live:
                yield compare(Target(contract.dataset, schema, table), live[table.name])


def _missing(deployment: Deployment, contract: Contract, tables: Sequence[str]) -> Finding:
    named = f"{', '.join(tables)} of {contract.dataset}"
    if any(deployment.ledger.batches(contract.dataset, state, limit=1) for state in _LOADED):
        fix = f"find out who dropped it; `sluice replay {contract.dataset} <partition or range>` loads it again"
        return error("warehouse tables", f"{named}: missing, although batches were loaded", fix)
    return ok("warehouse tables", f"{named}: not there yet; the first load makes it")


def compare(target: Target, live: Iterable[LiveColumn]) -> Finding:
    """One table of the warehouse against its contract.

    Args:
        target: The table and its contract.
        live: Its columns in the warehouse.
    """
    try:
        changes = evolve_target(target, live)
    except WarehouseError as exc:
        return error("warehouse tables", str(exc), DECIDE)
    if changes:
        statements = (sql for change in changes for sql in change.statements)
        what = f"table {target} is behind its contract: {'; '.join(statements)}"
        return warning("warehouse tables", what, f"nothing: the next load of {target.dataset} does it")
    return ok("warehouse tables", f"table {target} is as its contract says")


def live_columns(deployment: Deployment, schema: str) -> dict[str, list[LiveColumn]]:
    """Columns of all tables of a schema of the warehouse, by table."""
    rows = deployment.warehouse.rows(
        fixed_sql("live")["columns"], {"schema_name": schema}, label=f"look at the tables of {schema}"
    )
    found: dict[str, list[LiveColumn]] = defaultdict(list)
    for table, *column in rows:
        found[str(table)].append(LiveColumn.from_catalog(column))
    return dict(found)


def check_aggregates(deployment: Deployment) -> Iterator[Finding]:
    """Every aggregate has its table and its procedure."""
    settings = deployment.settings
    wanted = [plan.aggregate for plan in plans(deployment.contracts, settings.warehouse_schema)]
    if not wanted:
        yield ok("aggregates", "no aggregate goes with these contracts")
        return
    schemas = Schemas.from_settings(settings)
    tables = {schema: set(live_columns(deployment, schema)) for schema in (settings.aggregate_schema, OWN_SCHEMA)}
    procedures = {name for schema in tables for name in _procedures(deployment, schema)}
    for aggregate in wanted:
        procedure, guard = own_names(aggregate)
        missing = [
            *([] if aggregate.name in tables[settings.aggregate_schema] else [f"its table {aggregate.name}"]),
            *([] if guard in tables[OWN_SCHEMA] else [f"its table {guard}"]),
            *([] if procedure in procedures else [f"its procedure {procedure_name(aggregate, schemas)}"]),
        ]
        if missing:
            yield error("aggregates", f"aggregate {aggregate.name} lacks {' and '.join(missing)}", DEPLOY)
        else:
            yield ok("aggregates", f"aggregate {aggregate.name} has its table and its procedure")


def _procedures(deployment: Deployment, schema: str) -> set[str]:
    rows = deployment.warehouse.rows(
        fixed_sql("live")["procedures"], {"schema_name": schema}, label=f"look at the procedures of {schema}"
    )
    return {str(name) for (name,) in rows}
