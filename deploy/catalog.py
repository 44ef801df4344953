"""Writes the Data Catalog's tables as one document, which Terraform reads beside the packages.

`sluice.catalog_tables` stays the one definition of a table: the local deploy calls it, Terraform reads what it gave.
The document names no bucket (Terraform knows them), and carries the digest of every contract file, so that Terraform
refuses packages that were built from other contracts than those beside it.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.catalog_tables import processed_table, quarantine_table, raw_table
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.layout import ProcessedLayout, split_url

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef

CATALOG_FILE = "catalog.json"
RAW, PROCESSED = "raw", "processed"
"""The zones: one bucket and one catalog database each."""

_ANY_BUCKET = "any-bucket"


def catalog_document(contracts: Mapping[str, Contract], digests: Mapping[str, str]) -> dict[str, Any]:
    """What Terraform needs to know of the contracts.

    Args:
        contracts: The contracts by dataset.
        digests: SHA-256 of each contract file by its name.

    Returns:
        ``contracts`` (the digests), ``datasets`` (sorted names) and ``tables``: by ``<zone>/<table>`` the zone, the
        dataset, the folder below the zone's bucket and Glue's ``TableInput`` without its location.
    """
    entries = (entry for contract in contracts.values() for entry in _entries(contract))
    return {"contracts": dict(digests), "datasets": sorted(contracts), "tables": dict(sorted(entries))}


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


def _entries(contract: Contract) -> Iterator[tuple[str, dict[str, Any]]]:
    layout = ProcessedLayout(_ANY_BUCKET)
    yield _entry(contract, RAW, raw_table(contract, _ANY_BUCKET))
    for table in contract.tables:
        yield _entry(contract, PROCESSED, processed_table(contract, table, layout))
    yield _entry(contract, PROCESSED, quarantine_table(contract, layout))


def _entry(contract: Contract, zone: str, table: "TableInputTypeDef") -> tuple[str, dict[str, Any]]:
    descriptor = dict(table["StorageDescriptor"])
    _, path = split_url(str(descriptor.pop("Location")))
    definition = {**table, "StorageDescriptor": descriptor}
    return f"{zone}/{table['Name']}", {"zone": zone, "dataset": contract.dataset, "path": path, "table": definition}


def main(folder: str = "dist") -> None:
    """Write the document of the checkout's contracts."""
    write_catalog(Path(folder), Path(__file__).resolve().parent.parent / "contracts")


if __name__ == "__main__":
    main(*sys.argv[1:])
