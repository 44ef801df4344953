"""What all commands share: which endpoint they talk to, under which names, with which contracts."""

import json
import logging
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sluice.analysis.query import use_folder as use_queries
from sluice.aws.athena import Athena
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.aws.ledger import Ledger
from sluice.cli.options import GlobalOptions
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.contract.packaged import is_packaged, packaged_contracts
from sluice.errors import CommandError, ContractError
from sluice.settings import Settings
from sluice.terminal import say
from sluice.warehouse.aggregate import use_folder as use_aggregates

LOCAL_REGION: Final = "eu-central-1"
logger = logging.getLogger(__name__)
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_CONNECT_SECONDS: Final = 5.0
_LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
_NO_CONTRACTS: Final = (
    "there is no folder 'contracts' here: `sluice init NAME` makes a project, or name the folder with --contracts"
)
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
            CommandError: There is neither a local cloud nor an AWS configuration, or the endpoint is not a URL, or it
                is on this machine and nothing answers there.
        """
        if self.options.endpoint_url:
            return _clients_of_endpoint(self.options.endpoint_url)
        running = None if self.options.is_aws else running_endpoint(self.options.state_dir)
        if running is not None:
            say(f"using the local cloud at {running} (AWS instead: sluice --aws ...)")
            return Clients.of_local_cloud(running, LOCAL_REGION)
        project = self.options.project
        clients = Clients()
        if project is not None and project.region and not clients.session.region_name:
            clients = Clients(region=project.region)
        if clients.session.get_credentials() is None or clients.session.region_name is None:
            raise CommandError(_NO_AWS)
        say(f"using {self._aws(clients)}")
        return clients

    def _aws(self, clients: Clients) -> str:
        """The account and region that clients of AWS talk to, in words."""
        return f"AWS account {_account(clients)}, region {clients.session.region_name}"

    def expect_write(self) -> None:
        """Ask whether AWS is meant before something is written there, where a local cloud may have been.

        That is where nobody named AWS or an endpoint, and the state of a local cloud lies here that does not run.

        Raises:
            CommandError: It is not meant, or nobody can be asked.
        """
        options = self.options
        is_named = options.is_aws or options.endpoint_url or any(map(os.environ.get, _ENDPOINTS))
        if is_named or not _has_state(options.state_dir) or running_endpoint(options.state_dir) is not None:
            return
        what = (
            f"the local cloud of {options.state_dir} is stopped, so this would write to {self._aws(self.clients)}; "
            "start it with `sluice up`, or mean AWS with `sluice --aws ...`"
        )
        if not sys.stdin.isatty():
            raise CommandError(what)
        say(what)
        if not typer.confirm("Write to AWS?", err=True):
            raise CommandError("nothing was written")

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
        folder = self.options.contracts_folder
        if self.options.contracts_dir is None and not folder.is_dir():
            if not is_packaged():
                raise ContractError(_NO_CONTRACTS)
            return packaged_contracts()
        return read_contracts(folder)

    def __post_init__(self) -> None:
        """Take aggregates and queries from the project's own folders."""
        project = self.options.project
        use_aggregates(None if project is None else project.aggregates)
        use_queries(None if project is None else project.queries)

    def contract(self, dataset: str) -> Contract:
        """The contract of a dataset.

        Raises:
            CommandError: There is none; the message names those that there are.
            ContractError: There are no contracts, or one breaks a rule.
        """
        contract = self.contracts.get(dataset)
        if contract is None:
            known = ", ".join(self.contracts)
            near = get_close_matches(dataset, self.contracts, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CommandError(f"dataset {dataset!r}: no contract of that name (there are: {known}){hint}")
        return contract


def running_endpoint(state_dir: Path) -> str | None:
    """The endpoint of the local cloud that runs on a state directory; None when none does."""
    try:
        running = json.loads((state_dir / "lock").read_text(encoding="utf-8"))
        endpoint_url, pid = str(running["endpoint_url"]), int(running["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return endpoint_url if _is_alive(pid) else None


def _has_state(state_dir: Path) -> bool:
    """Whether a local cloud ever ran on a folder."""
    return (state_dir / "services").is_dir() or (state_dir / "lock").exists()


def _account(clients: Clients) -> str:
    """The caller's account; a name for what cannot be told, which is no reason to stop."""
    config = Config(connect_timeout=3, read_timeout=3, retries={"total_max_attempts": 1})
    try:
        return str(clients.session.client("sts", config=config).get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as exc:
        logger.debug("the account is not known: %s", exc)
        return "(not known)"


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
        raise CommandError(f"'{endpoint_url}' is not an endpoint: write it as http://127.0.0.1:4566")
    configured = Clients(endpoint_url)
    if parts.hostname not in _LOOPBACK:
        say(f"using the endpoint {endpoint_url}")
        return configured
    _expect_listener(endpoint_url)
    region = configured.session.region_name or LOCAL_REGION
    if configured.session.get_credentials() is None:
        return Clients.of_local_cloud(endpoint_url, region)
    return Clients(endpoint_url, region)
