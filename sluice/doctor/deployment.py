"""What the doctor examines, and the doors that it looks through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Self

from sluice.aws.arns import Arns
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.aws.ledger import Ledger
from sluice.contract import Contract
from sluice.settings import Settings


@dataclass(frozen=True)
class Deployment:
    """A deployed stack and what it should be.

    Attributes:
        settings: Names of everything.
        contracts: The contracts by dataset.
        clients: Clients of the account.
        ledger: The ledger.
        warehouse: The warehouse.
        clock: The present moment in UTC.
    """

    settings: Settings
    contracts: Mapping[str, Contract]
    clients: Clients
    ledger: Ledger
    warehouse: DataApi
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def of(cls, clients: Clients, settings: Settings, contracts: Mapping[str, Contract]) -> Self:
        """The deployment that these settings name, seen through these clients.

        Raises:
            WarehouseError: The settings name no warehouse.
        """
        return cls(
            settings,
            contracts,
            clients,
            Ledger(clients.dynamodb, settings.ledger_table),
            DataApi(clients.redshift_data, Address.from_settings(settings)),
        )

    @cached_property
    def arns(self) -> Arns:
        """ARNs in this account."""
        return Arns(self.clients.sts)
