"""The Data Catalog: databases and tables as the contracts have them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sluice.aws.failures import aws_errors
from sluice.aws.looking import look_for
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import DEPLOY, Finding, error, ok
from sluice.drift.columns import Wanted, compare_columns
from sluice.drift.difference import Layer
from sluice.lake.catalog_tables import Zone, zone_tables

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef

_PLACE = ("Location", "InputFormat", "OutputFormat")


def check_tables(deployment: Deployment) -> Iterator[Finding]:
    """Every table of every contract is in the catalog, with the contract's columns, keys, format and place."""
    for database, wanted in expected_tables(deployment).items():
        found = _tables(deployment, database)
        if found is None:
            yield error("catalog", f"database {database} does not exist", DEPLOY)
            continue
        bad = [
            error("catalog", f"table {database}.{table['Name']}: {problem}", DEPLOY)
            for table in wanted
            for problem in differences(table, found.get(table["Name"]))
        ]
        yield from bad
        if not bad:
            yield ok("catalog", f"database {database} has the {len(wanted)} tables of the contracts")


def expected_tables(deployment: Deployment) -> "dict[str, list[TableInputTypeDef]]":
    """The tables of both databases as the contracts have them."""
    settings = deployment.settings
    databases = {Zone.RAW: settings.raw_database, Zone.PROCESSED: settings.processed_database}
    expected: dict[str, list[TableInputTypeDef]] = {name: [] for name in databases.values()}
    for contract in deployment.contracts.values():
        for zone, table in zone_tables(contract, settings.raw_bucket, settings.processed):
            expected[databases[zone]].append(table)
    return expected


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any] | None) -> Iterator[str]:
    """How a table of the catalog differs from its contract; comments and parameters do not count.

    Args:
        wanted: The table as the contract has it.
        found: The table as the catalog has it; None when it has none.
    """
    if found is None:
        yield "does not exist"
        return
    yield from _column_differences("partition key", wanted.get("PartitionKeys", ()), found.get("PartitionKeys", ()))
    new, old = wanted["StorageDescriptor"], found.get("StorageDescriptor", {})
    yield from _column_differences("column", new["Columns"], old.get("Columns", ()))
    for field in _PLACE:
        if old.get(field) != new[field]:
            yield f"{field} is {old.get(field)} and should be {new[field]}"
    library = new["SerdeInfo"]["SerializationLibrary"]
    if old.get("SerdeInfo", {}).get("SerializationLibrary") != library:
        yield f"its files are not read by {library}"


def _column_differences(
    kind: str, wanted: Sequence[Mapping[str, str]], found: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    """What drift says of columns or keys, in the words of a finding, and whether they are in another order."""
    names = [column["Name"] for column in wanted]
    live = {column["Name"].lower(): column.get("Type", "") for column in found}
    for item in compare_columns(Layer.CATALOG, Wanted("", wanted, ()), live):
        if not item.have:
            yield f"{kind} {item.column} is missing"
        elif not item.want:
            yield f"{kind} {item.column} is not in the contract"
        else:
            yield f"{kind} {item.column} is {item.have} and should be {item.want}"
    if set(names) == set(live) and names != list(live):
        yield f"the {kind}s are in the order {', '.join(live)} and should be in the order {', '.join(names)}"


def _tables(deployment: Deployment, database: str) -> dict[str, Mapping[str, Any]] | None:
    """The tables of a database by name; None when there is no such database."""
    glue = deployment.clients.glue
    if look_for(f"database {database}", glue.get_database, Name=database) is None:
        return None
    with aws_errors(f"list the tables of database {database}"):
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
        return {table["Name"]: table for page in pages for table in page["TableList"]}
