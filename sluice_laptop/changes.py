"""What new contracts would change in a local cloud that has tables already, before anything is changed."""

from collections.abc import Iterator, Mapping

from localcloud.errors import LocalCloudError
from sluice.aws.clients import Clients
from sluice.aws.schemas import CatalogSchemas
from sluice.contract import Contract
from sluice.drift import Difference, Kind
from sluice.drift.columns import Wanted, compare_columns, compare_keys
from sluice.drift.difference import Layer
from sluice.lake.catalog_tables import processed_table
from sluice.settings import Settings


class BreakingChangeError(LocalCloudError):
    """Contracts change published tables in a way that their files do not have; the message names every column."""


def changes(
    clients: Clients, settings: Settings, contracts: Mapping[str, Contract]
) -> Iterator[tuple[str, Difference]]:
    """What contracts would change in the catalog's published tables; tables that are not there are left out.

    Args:
        clients: Clients of the local cloud.
        settings: Names of everything.
        contracts: The contracts by dataset.

    Yields:
        The dataset, and a difference.
    """
    catalog = CatalogSchemas(clients.glue)
    for contract in contracts.values():
        for table in contract.tables:
            definition = processed_table(contract, table, settings.processed)
            there = catalog.table(settings.processed_database, definition["Name"])
            if there is None:
                continue
            keys = tuple(key["Name"] for key in definition["PartitionKeys"])
            wanted = Wanted(definition["Name"], definition["StorageDescriptor"]["Columns"], keys)
            live = {str(column["Name"]).lower(): str(column.get("Type", "")) for column in there.columns}
            live_keys = {str(key["Name"]).lower(): str(key.get("Type", "")) for key in there.keys}
            found = [*compare_columns(Layer.CATALOG, wanted, live), *compare_keys(Layer.CATALOG, wanted, live_keys)]
            yield from ((contract.dataset, one) for one in found if one.kind is not Kind.NOTE)


def refuse_breaking(found: list[tuple[str, Difference]]) -> None:
    """Refuse contracts whose published files could not be read any more.

    Raises:
        BreakingChangeError: There is such a change.
    """
    breaking = [(dataset, one) for dataset, one in found if one.kind is Kind.BREAKING]
    if not breaking:
        return
    datasets = sorted({dataset for dataset, _ in breaking})
    commands = ", ".join(f"`sluice rebuild {dataset} --apply`" for dataset in datasets)
    raise BreakingChangeError(
        "the contracts change columns in a way that the published files do not have:\n"
        + "".join(f"  {in_words(one)}\n" for _, one in breaking)
        + "Change the contract back, give the column another name, or make the tables again: "
        f"`sluice up --accept-breaking`, then {commands}."
    )


def in_words(change: Difference) -> str:
    """A change as one line."""
    return f"{change.table}.{change.column}: {change.have or 'nothing'} becomes {change.want or 'nothing'}"
