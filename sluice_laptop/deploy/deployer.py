"""The deploy as a whole: what is made, and in which order."""

from collections.abc import Mapping
from dataclasses import replace

from localcloud.iam.requests import workgroup
from sluice.aws.clients import Clients
from sluice.contract import Contract
from sluice.settings import Settings
from sluice_laptop.deploy.compute import make_functions, make_jobs, make_load_machine
from sluice_laptop.deploy.crawling import make_crawlers
from sluice_laptop.deploy.events import announce_manifests, make_manifest_queue, make_rules, make_topics
from sluice_laptop.deploy.permissions import Permissions, guard_buckets, make_key, make_roles, put_key_policy
from sluice_laptop.deploy.stack import Stack
from sluice_laptop.deploy.storage import make_buckets, make_catalog, make_ledger
from sluice_laptop.deploy.warehouse import bootstrap_warehouse, keep_secret

_ANY_TIME_AHEAD = 100 * 365 * 86400.0
_EACH_SWEEP = 300.0


def at_home(settings: Settings) -> Settings:
    """The settings as the laptop has them.

    Its examples and its demo have fixed dates, whatever the clock says. And a kill can lose messages, so each sweep
    searches for manifests.
    """
    return replace(
        settings,
        max_ahead_seconds=max(settings.max_ahead_seconds, _ANY_TIME_AHEAD),
        reconcile_seconds=min(settings.reconcile_seconds, _EACH_SWEEP),
    )


class Deployer:
    """Brings one local cloud to the state that settings and contracts ask for.

    Every step finds what is there and brings it to the wanted state, so that deploying again (after a restart, with a
    new contract, with changed code) keeps all data.
    """

    def __init__(
        self, clients: Clients, settings: Settings, contracts: Mapping[str, Contract], warehouse_dsn: str | None
    ) -> None:
        """Deploy to one endpoint.

        Args:
            clients: Clients of the endpoint.
            settings: Names of everything.
            contracts: The contracts by dataset.
            warehouse_dsn: libpq's connection string of the warehouse; None for a local cloud without one.
        """
        self._clients = clients
        self._settings = settings = at_home(settings)
        self._contracts = contracts
        self._warehouse_dsn = warehouse_dsn
        self._stack = Stack.read(settings)

    def deploy(self) -> None:
        """Make everything, in the order in which things need each other.

        Side Effects:
            Creates or updates every resource; deletes nothing.
        """
        clients, settings, contracts, stack = self._clients, self._settings, self._contracts, self._stack
        key = make_key(clients, settings)
        secret = self._keep_secret()
        permissions = self._permissions(key, secret)
        put_key_policy(clients, key, permissions)
        roles = make_roles(clients, permissions)
        make_buckets(clients.s3, settings)
        guard_buckets(clients, settings, permissions, key)
        make_ledger(clients, settings)
        make_catalog(clients, settings, contracts)
        make_topics(clients, settings, permissions, key)
        make_jobs(clients, settings, contracts, stack, roles)
        make_functions(clients, settings, contracts, stack, roles)
        if self._warehouse_dsn is not None:
            bootstrap_warehouse(clients, settings)
        make_load_machine(clients, settings, roles[settings.load_machine])
        make_rules(clients, settings, stack)
        make_crawlers(clients, settings, contracts, stack, permissions)
        queue_arn = make_manifest_queue(clients, settings, stack, permissions, key)
        # Last: from here on a manifest starts the path, and all of the path is there.
        announce_manifests(clients, settings, queue_arn)

    def _keep_secret(self) -> str:
        """Put the warehouse's credentials away; gives the secret's ARN."""
        clients, name = self._clients, self._settings.warehouse_secret
        if self._warehouse_dsn is None or not name:
            return self._arn("secretsmanager", "secret:none")
        keep_secret(clients, name, self._warehouse_dsn)
        return clients.secretsmanager.describe_secret(SecretId=name)["ARN"]

    def _permissions(self, key: str, secret: str) -> Permissions:
        name = self._settings.warehouse_workgroup
        return Permissions.read(
            self._settings,
            account=self._account,
            region=self._clients.s3.meta.region_name,
            key_arn=key,
            warehouse_arn=self._arn("redshift-serverless", workgroup(name)),
            warehouse_secret_arn=secret,
        )

    @property
    def _account(self) -> str:
        sts = self._clients.session.client("sts", endpoint_url=self._clients.endpoint)
        return str(sts.get_caller_identity()["Account"])

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._clients.s3.meta.region_name}:{self._account}:{resource}"
