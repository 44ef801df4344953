"""The local cloud in the foreground: start, deploy, tell how to use it, show what happens, stop."""

import json
import logging
import shlex
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
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
from sluice.aws.objects import Objects
from sluice.contract import Contract, ParquetSource
from sluice.errors import TransientError
from sluice.ledger.batch import BatchState
from sluice.ledger.delivery import Files, lost_files
from sluice.ledger.record import BatchRecord
from sluice.names import SWEEP_FUNCTION
from sluice.settings import Settings
from sluice.terminal import STATE_STYLES, out
from sluice_laptop.foreground import WAREHOUSE_SECRET, deployed, interrupt_on_signals

logger = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
_QUIET_POLLS = 120
_LOST_SECONDS = 20.0
_COUNTS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def run(
    config: LocalCloudConfig,
    settings: Settings,
    contracts: Mapping[str, Contract],
    contracts_dir: Path | None = None,
    *,
    accepts_breaking: bool = False,
) -> int:
    """Run the local cloud until Ctrl-C or SIGTERM.

    Args:
        config: Of the local cloud.
        settings: Names of everything that is deployed.
        contracts: The contracts by dataset.
        contracts_dir: The folder of contracts that was asked for; None when none was.
        accepts_breaking: Whether contracts may change published tables in a way that their files do not have.

    Returns:
        The exit status: 0 when it was stopped, 1 when it ended by itself.

    Raises:
        LocalCloudError: It cannot start, for example because another one runs on the same folder.
    """
    console = out()
    interrupt_on_signals()
    settings = replace(settings, warehouse_secret=settings.warehouse_secret or WAREHOUSE_SECRET)
    began = datetime.now(UTC)
    try:
        with deployed(config, settings, contracts, console, accepts_breaking=accepts_breaking) as (cloud, clients):
            options = needed_options(config.state_dir, contracts_dir)
            _welcome(console, cloud, hints(settings, contracts, options))
            look_after_what_was_left(clients, settings, began)
            lost = LostFiles(contracts, Objects(clients.s3), settings.raw_bucket)
            _show_batches(console, cloud, Ledger(clients.dynamodb, settings.ledger_table), lost)
    except KeyboardInterrupt:
        return 0
    console.print(f"the local cloud ended by itself; see {config.log_file}", style="red")
    return 1


def look_after_what_was_left(clients: Clients, settings: Settings, began: datetime) -> threading.Thread:
    """Sweep now, so that nobody waits five minutes for what the last stop or kill left behind.

    Manifests whose messages were lost are searched for as soon as those that were kept have been taken.

    Args:
        clients: Clients of the local cloud.
        settings: Names of what is deployed.
        began: When this local cloud began to start: no function that began earlier is alive, so no claim or slot of one
            is waited for.

    Returns:
        The thread that waits for that; it ends with the process.
    """
    function = settings.prefix + SWEEP_FUNCTION
    event = json.dumps({"dead_before": began.isoformat()}).encode()
    clients.lambda_.invoke(FunctionName=function, InvocationType="Event", Payload=event)

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


class LostFiles:
    """Files of the raw bucket that nothing will take, each told once.

    Args:
        contracts: The contracts by dataset.
        objects: The raw bucket.
        bucket: Its name.
    """

    def __init__(self, contracts: Mapping[str, Contract], objects: Files, bucket: str) -> None:
        self._contracts, self._objects, self._bucket = contracts, objects, bucket
        self._told: set[str] = set()

    def news(self, now: datetime) -> Iterator[Text]:
        """A line for each that was not told yet.

        Raises:
            TransientError: S3 could not answer now.
        """
        for lost in lost_files(self._contracts, self._objects, self._bucket, now):
            if lost.what not in self._told:
                self._told.add(lost.what)
                yield Text.assemble((f"{now:%H:%M:%S}  {lost.what}", "yellow"), f": {lost.remedy}")


def _show_batches(console: Console, cloud: LocalCloudProcess, ledger: Ledger, lost: LostFiles) -> None:
    """Print what happens until the local cloud ends."""
    history = History()
    list(history.news(ledger.batches(limit=500)))
    looked_at = time.monotonic()
    while cloud.is_running:
        time.sleep(_POLL_SECONDS)
        try:
            for line in history.news(ledger.batches(limit=500)):
                console.print(line, soft_wrap=True)
            if time.monotonic() - looked_at > _LOST_SECONDS:
                looked_at = time.monotonic()
                for line in lost.news(datetime.now(UTC)):
                    console.print(line, soft_wrap=True)
        except TransientError:
            # The endpoint may be busy for a moment; when it is gone for good, the loop's condition sees it.
            continue


def hints(settings: Settings, contracts: Mapping[str, Contract], options: str = "") -> list[tuple[str, str]]:
    """What to do next, as commands that work with the contracts that are loaded.

    Args:
        settings: Names of buckets.
        contracts: The contracts by dataset.
        options: What must stand behind ``sluice`` in each command, with a space at its end.
    """
    example = next(iter(contracts.values()))
    table = example.tables[0].name
    when = "2026-11-20T13" if example.layout.is_hourly else "2026-11-20"
    # The simulated source writes no Parquet.
    written = [name for name, contract in contracts.items() if not isinstance(contract.source, ParquetSource)]
    send = [("send data", f"sluice {options}send {written[0]} --hours 3")] if written else []
    return [
        *send,
        ("your files", f"sluice {options}put {example.dataset} FILES --at {when}"),
        ("or by S3", f"files to s3://{settings.raw_bucket}/{example.layout.pattern}/, then their manifest.json"),
        ("look", f"sluice {options}status --watch"),
        ("query", f"sluice {options}query redshift 'select count(*) from {table}'"),  # noqa: S608 - shown to people
    ]


def needed_options(state_dir: Path, contracts_dir: Path | None) -> str:
    """The options with which other commands find this local cloud and its contracts, from this folder."""
    found = [] if state_dir.resolve() == Path(".sluice").resolve() else ["--state-dir", str(state_dir)]
    found += [] if contracts_dir is None else ["--contracts", str(contracts_dir)]
    return f"{shlex.join(found)} " if found else ""


def _welcome(console: Console, cloud: LocalCloudProcess, commands: list[tuple[str, str]]) -> None:
    lines = [
        ("AWS endpoint", f"{cloud.endpoint_url}  (any access key; region {cloud.config.region})"),
        ("warehouse", psql_command(cloud.warehouse_dsn or "", cloud.config.state_dir)),
        *commands,
        ("log", str(cloud.config.log_file)),
    ]
    console.print("Sluice runs on this machine. Ctrl-C stops it; its data stay.", style="bold green")
    for name, text in lines:
        console.print(Text.assemble((f"  {name:<13}", "bold"), text), soft_wrap=True)
    console.print()
