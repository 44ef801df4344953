"""Writes what Terraform makes of the contracts as one document, which it reads beside the packages.

These are the Data Catalog's tables, their crawlers, and the analysis queries for Athena. `sluice.lake.catalog_tables`,
`crawlers.definitions` and `sluice.analysis` stay the one definition of each: the local deploy and the command line call
them, Terraform reads what they gave.
The document names no bucket and no database (Terraform knows them), and carries the digest of every contract file, so
that Terraform refuses packages that were built from other contracts than those beside it.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawlers.definitions import (
    CONFIGURATION,
    DELETE_BEHAVIOR,
    RECRAWL_BEHAVIORS,
    UPDATE_BEHAVIOR,
    CrawlerDefinition,
    crawler_definitions,
    folder_filter,
)
from sluice.analysis import Reader, Schemas, queries, render
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.lake.catalog_tables import PARTITION_INDEX, Zone, zone_tables
from sluice.lake.layout import ProcessedLayout, split_url
from sluice.root import ROOT

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef

CATALOG_FILE = "catalog.json"
DATABASE = "{{database}}"
"""Stands for the database of the published tables in a statement."""
_ANY_BUCKET = "any-bucket"
_ANY_DATABASE = "any_database"


def catalog_document(contracts: Mapping[str, Contract], digests: Mapping[str, str]) -> dict[str, Any]:
    """What Terraform needs to know of the contracts.

    Args:
        contracts: The contracts by dataset.
        digests: SHA-256 of each contract file by its name.

    Returns:
        ``contracts`` (the digests), ``datasets`` (sorted names), ``tables``: by ``<zone>/<table>`` the zone, the
        dataset, the folder below the zone's bucket and Glue's ``TableInput`` without its location; ``crawlers``: by
        ``<zone>-<dataset>`` zone, dataset, tables, folders, description, whether it hears events and by which filter;
        ``crawling``: what crawlers have in common; ``partition_index``: the name of every table's index; and
        ``queries``: by name the title, the question and the statement for Athena, with `DATABASE` for its database.
    """
    entries = (entry for contract in contracts.values() for entry in _entries(contract))
    return {
        "contracts": dict(digests),
        "datasets": sorted(contracts),
        "tables": dict(sorted(entries)),
        "partition_index": PARTITION_INDEX,
        "queries": dict(_queries(contracts)),
        "crawlers": {crawler.key: _crawler(crawler) for crawler in crawler_definitions(contracts)},
        "crawling": {
            "configuration": CONFIGURATION,
            "recrawl_behaviors": dict(RECRAWL_BEHAVIORS),
            "update_behavior": UPDATE_BEHAVIOR,
            "delete_behavior": DELETE_BEHAVIOR,
        },
    }


def write_catalog(folder: Path, contracts_folder: Path) -> Path:
    """Write the document of a folder of contracts.

    Args:
        folder: Where the packages are.
        contracts_folder: One YAML file per dataset.

    Returns:
        The file written; equal bytes for equal contracts.

    Raises:
        ContractError: A contract breaks a rule.

    Side Effects:
        Makes the folder; replaces the document of an earlier build.
    """
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in contracts_folder.glob("*.yaml")}
    document = catalog_document(read_contracts(contracts_folder), digests)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CATALOG_FILE
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def _queries(contracts: Mapping[str, Contract]) -> Iterator[tuple[str, dict[str, str]]]:
    """The analysis queries whose tables there are: other contracts have other tables."""
    anywhere = Schemas(athena=_ANY_DATABASE, spectrum=_ANY_DATABASE, redshift=_ANY_DATABASE)
    tables = {table.name for contract in contracts.values() for table in contract.tables}
    for query in queries():
        if tables.issuperset(query.tables):
            sql = render(query, Reader.ATHENA, contracts, anywhere).replace(_ANY_DATABASE, DATABASE)
            yield query.name, {"title": query.title, "question": query.question, "sql": sql}


def _crawler(crawler: CrawlerDefinition) -> dict[str, Any]:
    facts = {"description": crawler.description, "hears_events": crawler.hears_events}
    return asdict(crawler) | facts | {"event_filter": folder_filter(crawler)}


def _entries(contract: Contract) -> Iterator[tuple[str, dict[str, Any]]]:
    for zone, table in zone_tables(contract, _ANY_BUCKET, ProcessedLayout(_ANY_BUCKET)):
        yield _entry(contract, zone, table)


def _entry(contract: Contract, zone: Zone, table: "TableInputTypeDef") -> tuple[str, dict[str, Any]]:
    descriptor = dict(table["StorageDescriptor"])
    _, path = split_url(str(descriptor.pop("Location")))
    definition = {**table, "StorageDescriptor": descriptor}
    return f"{zone}/{table['Name']}", {"zone": zone, "dataset": contract.dataset, "path": path, "table": definition}


def main(folder: str = "dist") -> None:
    """Write the document of the checkout's contracts."""
    write_catalog(Path(folder), ROOT / "contracts")


if __name__ == "__main__":
    main(*sys.argv[1:])
