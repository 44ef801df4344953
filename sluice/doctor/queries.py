"""The health queries, run: freshness, rows of loads, keys, and the share of the quarantine."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sluice.contract import Contract
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import Finding, error, note, ok, warning
from sluice.lake.handover import TableCounts
from sluice.lake.layout import Partition
from sluice.ledger.record import BatchRecord
from sluice.warehouse.health import bad_keys, freshness, loads_by_table, tables_with_keys

STALE_AFTER_PARTITIONS = 6
"""An hourly dataset is stale after six hours without a load, a daily one after six days."""
SHARE_DAYS = 7
"""Over the batches of how many days the quarantine's share is taken."""
MOST_BATCHES = 2000
"""Batches of a dataset that are counted, the newest ones."""
LOAD_DAYS = 7


def check_freshness(deployment: Deployment) -> Iterator[Finding]:
    """Every dataset that was ever loaded was loaded lately."""
    rows = deployment.warehouse.rows(freshness(), label="health: freshness")
    ages = {str(dataset): (str(label), int(minutes)) for dataset, label, _, minutes in rows}
    for dataset, contract in deployment.contracts.items():
        if dataset not in ages:
            yield note("freshness", f"{dataset} was never loaded")
            continue
        label, minutes = ages[dataset]
        what = f"{dataset} was last loaded {minutes} min ago; its newest partition is {label}"
        if timedelta(minutes=minutes) > STALE_AFTER_PARTITIONS * _length(contract):
            yield warning("freshness", what, f"sluice status --dataset {dataset}; does its source still send?")
        else:
            yield ok("freshness", what)


def check_loads(deployment: Deployment) -> Iterator[Finding]:
    """Every row of a load was inserted, updated, or left out for a newer one."""
    for table, loads, staged, unbalanced in deployment.warehouse.rows(
        loads_by_table(LOAD_DAYS), label="health: rows per load"
    ):
        what = f"{table}: {loads} loads with {staged} rows in {LOAD_DAYS} days"
        if int(unbalanced):
            fix = f"sluice loads --table {table}; load the partitions again with `sluice replay`"
            yield error("loads", f"{what}, of which {unbalanced} do not account for every row", fix)
        else:
            yield ok("loads", what)


def check_keys(deployment: Deployment) -> Iterator[Finding]:
    """No key is null, and none stands in more than one row."""
    schema = deployment.settings.warehouse_schema
    there = {str(name) for (name,) in deployment.warehouse.rows(_TABLES, {"schema_name": schema}, label="list tables")}
    for table in tables_with_keys(deployment.contracts.values()):
        sql = bad_keys(schema, table)
        if sql is None or table.name not in there:
            continue
        [(_, nulls, doubled)] = deployment.warehouse.rows(sql, label=f"health: keys of {table.name}")
        if int(nulls) or int(doubled):
            what = f"{table.name}: {nulls} rows with null in the key, {doubled} keys in more than one row"
            yield error("keys", what, "find out who else writes the table; delete the rows and replay their partitions")
        else:
            yield ok("keys", f"{table.name}: no key is null, and none is doubled")


_TABLES = "SELECT table_name FROM svv_tables WHERE table_schema = :schema_name"


def check_quarantine(deployment: Deployment) -> Iterator[Finding]:
    """The share of quarantined records stays well below what the contract allows, whatever their partitions' dates."""
    since = deployment.clock() - timedelta(days=SHARE_DAYS)
    for contract in deployment.contracts.values():
        batches = deployment.ledger.batches(contract.dataset, limit=MOST_BATCHES, since=since)
        newest: dict[str, TableCounts] = {}
        for batch in batches:
            if batch.state.is_accepted and batch.counts:
                newest.setdefault(batch.partition, _records(contract, batch))
        total = sum(newest.values(), TableCounts())
        yield judge_share(contract, total.rejected, total.read)


def _records(contract: Contract, batch: BatchRecord) -> TableCounts:
    """Counts of source records: those of the table that has a row for each, where there is one."""
    whole = [table.name for table in contract.tables if table.explode is None and table.name in batch.counts]
    return batch.counts[whole[0]] if whole else sum(batch.counts.values(), TableCounts())


def judge_share(contract: Contract, quarantined: int, read: int) -> Finding:
    """What a dataset's quarantine means.

    Args:
        contract: The dataset's contract.
        quarantined: Records in the quarantine.
        read: Records that were read, these included.
    """
    if not read:
        return note("quarantine", f"{contract.dataset}: no record came in {SHARE_DAYS} days")
    limit, share = contract.max_rejected_ratio, quarantined / read
    what = f"{contract.dataset}: {quarantined} of {read} records of {SHARE_DAYS} days quarantined ({share:.1%})"
    fix = f"sluice quarantine {contract.dataset}"
    if quarantined and share > limit:
        # No error: single batches may be within it, and those that were not have failed and are named as such.
        return warning("quarantine", f"{what}, more than the {limit:.1%} that its contract allows", fix)
    if quarantined and share > limit / 2:
        return warning("quarantine", f"{what}; its contract allows {limit:.1%}", fix)
    return ok("quarantine", what)


def _length(contract: Contract) -> timedelta:
    return Partition(datetime(2000, 1, 1, tzinfo=UTC), contract.layout.is_hourly).length
