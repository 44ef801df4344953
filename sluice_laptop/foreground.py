"""The local cloud for as long as a command runs: started, deployed to, and stopped in order whatever happens."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from localcloud.child import LocalCloudProcess
from localcloud.config import LocalCloudConfig
from sluice.aws.clients import Clients
from sluice.contract import Contract
from sluice.names import PATH_FUNCTIONS
from sluice.settings import Settings
from sluice_laptop.changes import changes, in_words, refuse_breaking
from sluice_laptop.deploy import Deployer

WAREHOUSE_SECRET = "sluice/warehouse"  # noqa: S105 - the name of a secret
"""Where a local cloud keeps the warehouse's credentials, when the settings name no other secret."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_signals() -> None:
    """Make Ctrl-C and SIGTERM raise `KeyboardInterrupt`."""
    for number in _SIGNALS:  # SIGINT too: a shell starts background commands without it
        signal.signal(number, _interrupt)


@contextmanager
def deployed(
    config: LocalCloudConfig,
    settings: Settings,
    contracts: Mapping[str, Contract],
    console: Console,
    *,
    accepts_breaking: bool = False,
) -> Iterator[tuple[LocalCloudProcess, Clients]]:
    """A local cloud with Sluice deployed, and clients of its endpoint; what its roles may not do is denied.

    Args:
        config: Of the local cloud.
        settings: Names of everything that is deployed.
        contracts: The contracts by dataset.
        console: Where it is told what happens.
        accepts_breaking: Whether contracts may change published tables in a way that their files do not have.

    Raises:
        LocalCloudError: It cannot start, or contracts change tables so and nobody accepts it; nothing is changed then.
    """
    cloud = LocalCloudProcess(replace(config, iam="enforce"))
    try:
        with console.status("starting the local cloud"):
            cloud.start()
        clients = Clients.of_local_cloud(cloud.endpoint_url, cloud.config.region)
        found = list(changes(clients, settings, contracts))
        for _, one in found:
            console.print(Text(f"contract: {in_words(one)} ({one.kind})"), soft_wrap=True)
        if not accepts_breaking:
            refuse_breaking(found)
        with console.status("deploying"):
            Deployer(clients, settings, contracts, cloud.warehouse_dsn).deploy()
        warm(clients, settings)
        yield cloud, clients
    finally:
        # A second Ctrl-C while stopping would leave processes behind, and the state half saved.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        with console.status("stopping"):
            cloud.stop()


def warm(clients: Clients, settings: Settings) -> None:
    """Have the functions that every batch passes made ready, so that the first batch waits for none of them.

    Side Effects:
        The local cloud starts their processes, beside all else; this returns at once (see `localcloud.warm`).
    """
    for name in PATH_FUNCTIONS:
        clients.lambda_.invoke(FunctionName=settings.prefix + name, InvocationType="DryRun")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
