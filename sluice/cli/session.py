"""What all commands share: which endpoint they talk to, under which names, with which contracts."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sluice.aws.athena import Athena
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.aws.ledger import Ledger
from sluice.cli.options import GlobalOptions
from sluice.cli.terminal import say
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.contract.packaged import is_packaged, packaged_contracts
from sluice.errors import CommandError, ContractError
from sluice.settings import Settings

LOCAL_REGION: Final = "eu-central-1"
_CONNECT_SECONDS: Final = 5.0
_LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
_NO_CONTRACTS: Final = "there is no folder 'contracts' here: run this in the checkout, or name it with --contracts"
_NO_AWS: Final = (
    "no local cloud runs here, and no AWS account is configured.\n"
    "Start one with `sluice up` in another terminal, name one with --endpoint-url, "
    "or configure AWS (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_REGION)."
)


@dataclass
class Session:
    """Doors to the cloud that a command works with, each opened when it is needed.

    Attributes:
        options: What the caller asked for.
    """

    options: GlobalOptions

    @cached_property
    def settings(self) -> Settings:
        """Names of everything.

        Raises:
            CommandError: A variable of the environment has a value that it cannot have.
        """
        try:
            return Settings.from_environment()
        except ValueError as exc:
            raise CommandError(str(exc)) from exc

    @cached_property
    def clients(self) -> Clients:
        """Clients of the endpoint that was asked for or found.

        Raises:
            CommandError: There is neither a local cloud nor an AWS configuration, or the endpoint is no URL, or it is
                on this machine and nothing answers there.
        """
        if self.options.endpoint_url:
            return _clients_of_endpoint(self.options.endpoint_url)
        running = None if self.options.is_aws else running_endpoint(self.options.state_dir)
        if running is not None:
            say(f"using the local cloud at {running} (AWS instead: sluice --aws ...)")
            return Clients.of_local_cloud(running, LOCAL_REGION)
        clients = Clients()
        if clients.session.get_credentials() is None or clients.session.region_name is None:
            raise CommandError(_NO_AWS)
        return clients

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        settings = self.settings  # before the endpoint is asked for: a wrong name is the caller's first problem
        return Ledger(self.clients.dynamodb, settings.ledger_table)

    @cached_property
    def warehouse(self) -> DataApi:
        """The warehouse."""
        return DataApi(self.clients.redshift_data, Address.from_settings(self.settings))

    def athena(self, database: str = "", output: str = "", workgroup: str = "primary") -> Athena:
        """Athena.

        Args:
            database: Catalog database; empty for that of the published tables.
            output: S3 folder for results; empty for ``_sluice/athena/`` of the processed bucket.
            workgroup: Athena workgroup.
        """
        settings = self.settings
        return Athena(
            self.clients.athena,
            database or settings.processed_database,
            output or f"s3://{settings.processed_bucket}/_sluice/athena/",
            workgroup,
        )

    @cached_property
    def contracts(self) -> Mapping[str, Contract]:
        """The contracts by dataset.

        Raises:
            ContractError: There are none, or one breaks a rule.
        """
        folder = self.options.contracts_dir or Path("contracts")
        if self.options.contracts_dir is None and not folder.is_dir():
            if not is_packaged():
                raise ContractError(_NO_CONTRACTS)
            return packaged_contracts()
        return read_contracts(folder)

    def contract(self, dataset: str) -> Contract:
        """The contract of a dataset.

        Raises:
            CommandError: There is none; the message names those that there are.
            ContractError: There are no contracts, or one breaks a rule.
        """
        contract = self.contracts.get(dataset)
        if contract is None:
            known = ", ".join(self.contracts)
            raise CommandError(f"dataset {dataset!r}: no contract of that name (there are: {known})")
        return contract


def running_endpoint(state_dir: Path) -> str | None:
    """The endpoint of the local cloud that runs on a state directory; None when none does."""
    try:
        running = json.loads((state_dir / "lock").read_text(encoding="utf-8"))
        endpoint_url, pid = str(running["endpoint_url"]), int(running["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return endpoint_url if _is_alive(pid) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _expect_listener(endpoint_url: str) -> None:
    """Refuse an endpoint on this machine at which nothing listens; boto3 would try for twenty seconds."""
    parts = urlsplit(endpoint_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((str(parts.hostname), port), timeout=_CONNECT_SECONDS).close()
    except OSError as exc:
        message = f"nothing answers at {endpoint_url}: is `sluice up` running, and on this port?"
        raise CommandError(message) from exc


def _clients_of_endpoint(endpoint_url: str) -> Clients:
    """Clients with the caller's own configuration; a local cloud takes any key and region, so it needs none."""
    parts = urlsplit(endpoint_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise CommandError(f"'{endpoint_url}' is no endpoint: write it as http://127.0.0.1:4566")
    configured = Clients(endpoint_url)
    if parts.hostname not in _LOOPBACK:
        return configured
    _expect_listener(endpoint_url)
    region = configured.session.region_name or LOCAL_REGION
    if configured.session.get_credentials() is None:
        return Clients.of_local_cloud(endpoint_url, region)
    return Clients(endpoint_url, region)
