"""The local cloud in the foreground: start, deploy, tell how to use it, show what happens, stop."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from localcloud.child import LocalCloudProcess
from localcloud.config import PASSWORD_ENV, LocalCloudConfig
from sluice.aws.clients import Clients
from sluice.aws.ledger import Ledger
from sluice.batch import BatchState
from sluice.cli.terminal import STATE_STYLES, out
from sluice.contract import Contract
from sluice.errors import TransientError
from sluice.names import SWEEP_FUNCTION
from sluice.record import BatchRecord
from sluice.settings import Settings
from sluice_laptop.foreground import WAREHOUSE_SECRET, deployed, interrupt_on_signals

logger = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
_QUIET_POLLS = 120
_COUNTS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def run(config: LocalCloudConfig, settings: Settings, contracts: Mapping[str, Contract]) -> int:
    """Run the local cloud until Ctrl-C or SIGTERM.

    Args:
        config: Of the local cloud.
        settings: Names of everything that is deployed.
        contracts: The contracts by dataset.

    Returns:
        The exit status: 0 when it was stopped, 1 when it ended by itself.

    Raises:
        LocalCloudError: It cannot start, for example because another one runs on the same folder.
    """
    console = out()
    interrupt_on_signals()
    settings = replace(settings, warehouse_secret=settings.warehouse_secret or WAREHOUSE_SECRET)
    try:
        with deployed(config, settings, contracts, console) as (cloud, clients):
            _welcome(console, cloud, settings, contracts)
            look_after_what_was_left(clients, settings)
            _show_batches(console, cloud, Ledger(clients.dynamodb, settings.ledger_table))
    except KeyboardInterrupt:
        return 0
    console.print(f"the local cloud ended by itself; see {config.log_file}", style="red")
    return 1


def look_after_what_was_left(clients: Clients, settings: Settings) -> threading.Thread:
    """Sweep now, so that nobody waits five minutes for what the last stop or kill left behind.

    Manifests whose messages were lost are searched for as soon as those that were kept have been taken.

    Returns:
        The thread that waits for that; it ends with the process.
    """
    function = settings.prefix + SWEEP_FUNCTION
    clients.lambda_.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")

    def search() -> None:
        try:
            queue = clients.sqs.get_queue_url(QueueName=settings.manifest_queue)["QueueUrl"]
            for _ in range(_QUIET_POLLS):
                found = clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=list(_COUNTS))["Attributes"]
                if not any(int(found.get(name, "0")) for name in _COUNTS):
                    break
                time.sleep(_POLL_SECONDS)
            clients.lambda_.invoke(FunctionName=function, InvocationType="Event", Payload=b'{"search": true}')
        except (BotoCoreError, ClientError) as exc:
            # The local cloud may be stopped meanwhile; its scheduled sweeps search as well.
            logger.debug("no search for manifests at the start: %s", exc)

    thread = threading.Thread(target=search, name="search-manifests", daemon=True)
    thread.start()
    return thread


def password_text(state_dir: Path) -> str:
    """How a shell gets the warehouse's password, without showing it."""
    path = state_dir / "warehouse.password"
    return f'"$(cat {path})"' if path.exists() else f'"${PASSWORD_ENV}"'


def psql_command(dsn: str, state_dir: Path) -> str:
    """The shell command that opens the warehouse."""
    parts = urlsplit(dsn)
    database = parts.path.removeprefix("/")
    address = f"psql -h {parts.hostname} -p {parts.port} -U {parts.username} {database}"
    return f"PGPASSWORD={password_text(state_dir)} {address}"


class History:
    """What happened to batches since the last look."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def news(self, batches: tuple[BatchRecord, ...]) -> Iterator[Text]:
        """A line for each step that was not told yet, oldest first."""
        steps = []
        for batch in batches:
            for index, change in enumerate(batch.history):
                if index >= self._seen.get(batch.batch_id, 0):
                    steps.append((change.at, batch, change))
            self._seen[batch.batch_id] = len(batch.history)
        for at, batch, change in sorted(steps, key=lambda step: step[0]):
            line = Text(f"{at[11:19]}  {batch.dataset} {batch.partition}  ")
            line.append(f"{change.state:<10}", STATE_STYLES.get(change.state, ""))
            line.append(f"  {_remark(batch, change.state, change.note)}")
            line.rstrip()
            yield line


def _remark(batch: BatchRecord, state: BatchState, note: str) -> str:
    if note or state is not BatchState.LOADED:
        return note
    return ", ".join(
        f"{table}: {counts.published} published, {counts.rejected} rejected, {counts.duplicates} duplicates"
        for table, counts in batch.counts.items()
    )


def _show_batches(console: Console, cloud: LocalCloudProcess, ledger: Ledger) -> None:
    """Print what happens until the local cloud ends."""
    history = History()
    list(history.news(ledger.batches(limit=500)))
    while cloud.is_running:
        time.sleep(_POLL_SECONDS)
        try:
            for line in history.news(ledger.batches(limit=500)):
                console.print(line, soft_wrap=True)
        except TransientError:
            # The endpoint may be busy for a moment; when it is gone for good, the loop's condition sees it.
            continue


def _welcome(console: Console, cloud: LocalCloudProcess, settings: Settings, contracts: Mapping[str, Contract]) -> None:
    example = next(iter(contracts.values()))
    url = f"s3://{settings.raw_bucket}/{example.layout.pattern}/"
    lines = [
        ("AWS endpoint", f"{cloud.endpoint_url}  (any access key; region {cloud.config.region})"),
        ("warehouse", psql_command(cloud.warehouse_dsn or "", cloud.config.state_dir)),
        ("send data", "sluice send --hours 3"),
        ("or your own", f"files to {url} with any S3 client, then their manifest.json"),
        ("look", "sluice status --watch"),
        ("query", "sluice query redshift 'select count(*) from orders'"),
        ("log", str(cloud.config.log_file)),
    ]
    console.print("Sluice runs on this machine. Ctrl-C stops it; its data stay.", style="bold green")
    for name, text in lines:
        console.print(Text.assemble((f"  {name:<13}", "bold"), text), soft_wrap=True)
    console.print()
