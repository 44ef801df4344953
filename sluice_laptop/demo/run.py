"""Runs the demo: start, deploy, send, wait, compare, report, stop."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID

from deploy.compare import compare_batches, compare_rows, warehouse_rows
from localcloud.child import LocalCloudProcess
from localcloud.config import LocalCloudConfig
from localcloud.errors import CloudError, LocalCloudError
from localcloud.faults.control import read_tallies
from localcloud.faults.plan import FaultPlan
from localcloud.lock import StateLock
from sluice.analysis import Reader, Schemas
from sluice.aws.athena import Athena
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.aws.ledger import Ledger
from sluice.contract import Contract
from sluice.errors import SluiceError
from sluice.lake.handover import TableCounts, sum_by_table
from sluice.ledger.batch import Stage
from sluice.ledger.record import BatchRecord
from sluice.names import SWEEP_FUNCTION
from sluice.settings import Settings
from sluice.simulator import DATASETS, SimulatorOptions
from sluice.simulator.aggregates import truth_of_aggregates
from sluice.terminal import out, progress_of
from sluice.warehouse.quoting import qualified
from sluice_laptop.demo.after import (
    AggregateResult,
    compare_aggregate,
    compare_archive,
    compare_engines,
    compare_notifications,
)
from sluice_laptop.demo.inbox import Inbox
from sluice_laptop.demo.readers import Readers, Run, compare_answers, compare_counts
from sluice_laptop.demo.report import AnalysisResult, Report
from sluice_laptop.demo.scenario import START, Scenario, large_hour, work_of
from sluice_laptop.foreground import WAREHOUSE_SECRET, deployed, interrupt_on_signals

_POLL_SECONDS = 0.5
_SWEEP_SECONDS = 20.0
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo does.

    Attributes:
        folder: Where its state and its report go.
        rows: Source records in each hour of each dataset; the late hour of products has more, and goes through Spark.
        seed: Seed of the data.
        timeout_seconds: How long the pipeline may take.
        faults: What goes wrong with AWS meanwhile; nothing by default.
    """

    folder: Path
    rows: int = 300
    seed: int = 1
    timeout_seconds: float = 1200
    faults: FaultPlan = field(default_factory=FaultPlan)

    @property
    def state_dir(self) -> Path:
        """State of the demo's own local cloud."""
        return self.folder.resolve() / "state"


def run(options: DemoOptions, contracts: Mapping[str, Contract]) -> int:
    """Run the demo and print what it found.

    Returns:
        The exit status: 0 when every row and count is as it must be, 1 when not, 130 when it was stopped.

    Side Effects:
        Deletes the state of an earlier demo in the folder; writes ``report.json``, whatever happens.
    """
    report = Report()
    try:
        _run(options, contracts, report)
        status = 0 if report.ok else 1
    except KeyboardInterrupt:
        status = _INTERRUPTED
    _show_next(out(), options)
    return status


def prove(options: DemoOptions, contracts: Mapping[str, Contract]) -> Report:
    """Run the demo, print what it found and give it.

    Raises:
        KeyboardInterrupt: It was stopped.

    Side Effects:
        As those of `run`.
    """
    report = Report()
    _run(options, contracts, report)
    return report


def _run(options: DemoOptions, contracts: Mapping[str, Contract], report: Report) -> None:
    """Run the demo; what it finds, or why it ended early, goes into the report, which is written and shown."""
    console, started = out(), time.monotonic()
    interrupt_on_signals()
    try:
        Demo(options, contracts, console, report).run()
    except KeyboardInterrupt:
        report.error = "stopped before the end"
        raise
    except (SluiceError, CloudError) as exc:
        report.error = str(exc)
    finally:
        report.seconds = time.monotonic() - started
        report.write(options.folder / "report.json")
        report.show(console)


class Demo:
    """One run of the demo; what it finds goes into the report as it is found."""

    def __init__(
        self, options: DemoOptions, contracts: Mapping[str, Contract], console: Console, report: Report
    ) -> None:
        missing = [name for name in DATASETS if name not in contracts]
        if missing:
            raise LocalCloudError(f"the demo needs the contracts of {', '.join(DATASETS)}; missing: {missing[0]}")
        self._options = options
        self._contracts = {name: contracts[name] for name in DATASETS}
        self._console = console
        self._report = report
        self._simulator = SimulatorOptions(
            START, options.seed, options.rows, bad_share=0.05, duplicate_share=0.05, update_share=0.2
        )
        # A failed run goes again at once, and a manifest that names a file which never comes is refused at once: nobody
        # wants to watch a demo wait.
        self._settings = Settings(warehouse_secret=WAREHOUSE_SECRET, retry_delay_seconds=0, file_wait_seconds=0)
        # A bad day is about faults; Spark's start would only make it longer.
        self._with_spark = not options.faults.rate
        if self._with_spark:
            work = work_of(large_hour(self._contracts, self._simulator))
            self._settings = replace(self._settings, spark_from_bytes=work)

    def run(self) -> None:
        """Start everything, send, wait, compare; stop everything, whatever happens.

        Raises:
            CloudError: The local cloud did not start.
            SluiceError: The pipeline did not come to its end.
        """
        options = self._options
        _clear(options.state_dir)
        # Ports of their own, so that the demo runs beside `sluice up`.
        config = LocalCloudConfig(options.state_dir, port=0, warehouse_port=0, wait_scale=0.1, faults=options.faults)
        with deployed(config, self._settings, self._contracts, self._console) as (cloud, clients):
            inbox = Inbox(clients, self._settings)
            inbox.subscribe()
            scenario = self._scenario(clients)
            ledger = Ledger(clients.dynamodb, self._settings.ledger_table)
            with self._console.status("sending"):
                scenario.begin()
            try:
                self._wait(cloud, scenario, ledger, clients)
            finally:
                self._report.faults = read_tallies(cloud.endpoint_url) if cloud.is_running else ()
            with self._console.status("comparing"):
                self._compare(scenario, DataApi(clients.redshift_data, Address.from_settings(self._settings)))
                self._compare_after(clients, inbox)
            with self._console.status("asking Athena, Spectrum and the warehouse the same"):
                self._compare_readers(clients)
            self._report.is_complete = True

    def _scenario(self, clients: Clients) -> Scenario:
        return Scenario(clients, self._settings, self._contracts, self._simulator, with_large=self._with_spark)

    def _wait(self, cloud: LocalCloudProcess, scenario: Scenario, ledger: Ledger, clients: Clients) -> None:
        deadline = time.monotonic() + self._options.timeout_seconds
        sweep_at = time.monotonic() + _SWEEP_SECONDS
        with progress_of(len(scenario.expected), self._console, "waiting for the pipeline") as progress:
            while True:
                # Looked at before the batches are read: what it has done is in them then.
                goes_on = any(_goes_on(ledger, dataset) for dataset in self._contracts)
                batches = _sorted(ledger.batches())
                self._report.batches = batches
                scenario.go_on(batches)
                sweep_at = self._sweep(clients, sweep_at)
                _show_progress(progress, progress.task_ids[0], batches)
                done = {(batch.dataset, batch.partition) for batch in batches if batch.state.is_final}
                is_quiet = (
                    all(batch.state.is_final for batch in batches)
                    and _queue_is_empty(clients, self._settings)
                    and not ledger.kept_notices()
                    and not goes_on
                )
                if scenario.is_sent and done >= scenario.expected and is_quiet:
                    return
                if not cloud.is_running:
                    raise LocalCloudError(f"the local cloud ended by itself; see {cloud.config.log_file}")
                if time.monotonic() > deadline:
                    raise LocalCloudError(self._stuck(scenario, batches, cloud.config))
                time.sleep(_POLL_SECONDS)

    def _sweep(self, clients: Clients, due: float) -> float:
        """On a bad day, sweep more often than every five minutes, so that its end is there sooner; when next."""
        if not self._options.faults.rate or time.monotonic() < due:
            return due
        clients.lambda_.invoke(FunctionName=self._settings.prefix + SWEEP_FUNCTION, InvocationType="Event")
        return time.monotonic() + _SWEEP_SECONDS

    def _stuck(self, scenario: Scenario, batches: Sequence[BatchRecord], config: LocalCloudConfig) -> str:
        known = {(batch.dataset, batch.partition) for batch in batches}
        lines = [f"not done after {self._options.timeout_seconds:.0f} s; stuck:"]
        lines += [f"  {' '.join(place)}: no batch yet" for place in sorted(scenario.expected - known)]
        lines += [
            f"  {b.dataset} {b.partition}: {b.state} since {b.updated_at[11:19]}{f', {b.reason}' if b.reason else ''}"
            for b in batches
            if not b.state.is_final
        ]
        return "\n".join([*lines, f"logs: {config.log_file}", f"Glue runs: {config.glue_dir}"])

    def _compare(self, scenario: Scenario, warehouse: DataApi) -> None:
        report, truth = self._report, scenario.truth
        report.differences += compare_batches(truth, scenario.rejected, report.batches)
        if self._with_spark:
            report.differences += compare_engines(report.batches)
        counts = sum_by_table(batch.counts for batch in report.batches)
        for name, contract in truth.tables.items():
            table, expected = contract.table(name), truth.rows(name)
            rows = warehouse_rows(warehouse, self._settings.warehouse_schema, table)
            report.tables[name] = (counts.get(name, TableCounts()), len(rows), len(expected))
            report.differences += compare_rows(table, expected, rows)
        for name, wanted in truth_of_aggregates(truth).items():
            found = warehouse.rows(f"SELECT * FROM {qualified(self._settings.aggregate_schema, name)}", label=name)  # noqa: S608
            differences = list(compare_aggregate(name, wanted, found))
            report.aggregates[name] = AggregateResult(len(found), not differences)
            report.differences += differences

    def _compare_readers(self, clients: Clients) -> None:
        report, settings = self._report, self._settings
        warehouse = DataApi(clients.redshift_data, Address.from_settings(settings))
        results = f"s3://{settings.processed_bucket}/_sluice/athena/"
        runs: dict[Reader, Run] = {
            Reader.ATHENA: Athena(clients.athena, settings.processed_database, results).rows,
            Reader.SPECTRUM: partial(warehouse.rows, label="spectrum"),
            Reader.REDSHIFT: partial(warehouse.rows, label="redshift"),
        }
        readers = Readers(runs, self._contracts, Schemas.from_settings(settings))
        report.readers = readers.count()
        report.differences += compare_counts(report.readers)
        for name, answers in readers.answers():
            differences = list(compare_answers(name, answers))
            report.analyses[name] = AnalysisResult(len(answers[Reader.REDSHIFT]), not differences)
            report.differences += differences

    def _compare_after(self, clients: Clients, inbox: Inbox) -> None:
        report = self._report
        keys = partial(_keys, clients, self._settings.raw_bucket)
        differences, report.archived_files = compare_archive(keys, self._contracts, report.batches)
        report.differences += differences
        inbox.read()
        report.messages = inbox.messages
        notices = compare_notifications(report.messages, report.batches)
        if self._options.faults.rate:
            # Support hears of what was away as well; but all that must be told is told.
            notices = (found for found in notices if found.got == "none" or "to business" in found.what)
        report.differences += notices


def _sorted(batches: Sequence[BatchRecord]) -> list[BatchRecord]:
    return sorted(batches, key=lambda batch: batch.batch_id)


def _show_progress(progress: Progress, task: TaskID, batches: Sequence[BatchRecord]) -> None:
    moving = sorted({f"{batch.dataset} {batch.state.lower()}" for batch in batches if not batch.state.is_final})
    done = sum(batch.state.is_final for batch in batches)
    progress.update(task, completed=done, description=", ".join(moving) or "waiting for the pipeline")


def _queue_is_empty(clients: Clients, settings: Settings) -> bool:
    url = clients.sqs.get_queue_url(QueueName=settings.manifest_queue)["QueueUrl"]
    found = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found["ApproximateNumberOfMessages"] == found["ApproximateNumberOfMessagesNotVisible"] == "0"


def _keys(clients: Clients, bucket: str, prefix: str) -> list[str]:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


def _goes_on(ledger: Ledger, dataset: str) -> bool:
    """Whether a load, or what follows one, is still to be done; a load is noted as open before it frees its slot."""
    return ledger.slot(dataset, Stage.LOAD) is not None or bool(ledger.open_loads(dataset))


def _clear(state_dir: Path) -> None:
    """Delete what an earlier demo left, unless a demo runs there now.

    Raises:
        AlreadyRunningError: One does.
    """
    if not state_dir.exists():
        return
    lock = StateLock(state_dir)
    lock.acquire()
    lock.release()
    shutil.rmtree(state_dir)


def _show_next(console: Console, options: DemoOptions) -> None:
    console.print(f"report: {options.folder / 'report.json'}", soft_wrap=True)
    console.print("next: `sluice up`, then in another terminal `sluice send --hours 3` and `sluice status --watch`")
