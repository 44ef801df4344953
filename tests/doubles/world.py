"""A whole account in memory: buckets, ledger, catalog, Glue, Step Functions, warehouse, topics and a clock, with the
trigger wired to them.
"""

import itertools
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import Any, cast

from lambda_trigger import after_run, archive, arrival, sweep
from lambda_trigger.after_load import answer
from lambda_trigger.dispatch import dispatch, dispatch_all
from lambda_trigger.manifests import ManifestEvent
from lambda_trigger.notifier import Notifier
from lambda_trigger.ports import (
    CatalogPort,
    DeliveriesPort,
    DocumentsPort,
    ExecutionsPort,
    JobsPort,
    LedgerPort,
    ObjectsPort,
    TopicsPort,
)
from lambda_trigger.trigger import Trigger
from sluice.aws.documents import ObjectInfo
from sluice.aws.jobs import CLAIM_ARGUMENT, JobRun
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.errors import MissingObjectError, ObjectTooLargeError, SluiceError, UnreadableObjectError
from sluice.lake.handover import (
    BatchOutcome,
    FileCounts,
    FrozenManifest,
    LoadBatchOutcome,
    LoadCounts,
    LoadInput,
    LoadOutcome,
    PublishedFile,
    RunInput,
    RunOutcome,
    TableCounts,
)
from sluice.lake.layout import Partition
from sluice.lake.manifest import Manifest, ManifestEntry
from sluice.ledger.batch import Stage
from sluice.settings import Settings
from sluice.warehouse.aggregate import aggregates
from tests.doubles.faults import Door, Faults
from tests.doubles.ledger import MemoryLedger
from tests.doubles.machine import FakeMachine, Going, StateError, WaitingForRun, of_lambda
from tests.doubles.metrics import MemoryMetrics
from tests.doubles.objects import MemoryObjects

ROOT = Path(__file__).parents[2]
CONTRACTS = read_contracts(ROOT / "contracts")
AGGREGATE = min(aggregates())
"""The aggregate that every load of the world changes."""
START = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


class MemoryDocuments:
    """Objects by URL, every version kept."""

    def __init__(self) -> None:
        self.forbidden: set[str] = set()
        self._versions: dict[str, dict[str, tuple[bytes, ObjectInfo]]] = {}
        self._numbers = itertools.count(1)

    def put(self, url: str, body: bytes, at: datetime = START) -> str:
        """Write an object; returns the version id."""
        version = f"v{next(self._numbers)}"
        info = ObjectInfo(len(body), at, md5(body).hexdigest())
        self._versions.setdefault(url, {})[version] = (body, info)
        return version

    def delete(self, url: str) -> None:
        self._versions.pop(url, None)

    def urls(self) -> list[str]:
        return sorted(self._versions)

    def fetch(
        self, url: str, version_id: str | None = None, *, max_bytes: int | None = None
    ) -> tuple[bytes, ObjectInfo]:
        if url in self.forbidden:
            raise UnreadableObjectError(f"{url}: may not be read: AccessDenied")
        body, info = self._version(url, version_id)
        if max_bytes is not None and len(body) > max_bytes:
            raise ObjectTooLargeError(f"{url}: has {len(body)} bytes; at most {max_bytes} are read")
        return body, info

    def infos(self, folder: str, urls: Collection[str]) -> dict[str, ObjectInfo]:
        assert all(url.startswith(folder) for url in urls)
        return {url: info for url in urls if (info := self.info(url)) is not None}

    def _version(self, url: str, version_id: str | None) -> tuple[bytes, ObjectInfo]:
        versions = self._versions.get(url, {})
        wanted = version_id if version_id is not None else next(reversed(versions), "")
        if wanted not in versions:
            raise MissingObjectError(f"{url}: there is no such object")
        return versions[wanted]

    def read(self, url: str) -> str:
        return self.fetch(url)[0].decode()

    def write(self, url: str, text: str) -> None:
        self.put(url, text.encode())

    def exists(self, url: str) -> bool:
        return url in self._versions

    def create(self, url: str, text: str) -> bool:
        if url in self._versions:
            return False
        self.write(url, text)
        return True

    def info(self, url: str) -> ObjectInfo | None:
        return self._version(url, None)[1] if url in self._versions else None


class MemoryCatalog:
    """Registered partitions."""

    def __init__(self) -> None:
        self.partitions: dict[tuple[str, str], dict[tuple[str, ...], str]] = {}

    def register(
        self, database: str, table: str, partitions: Mapping[tuple[str, ...], str], *, only_new: bool = False
    ) -> None:
        known = self.partitions.setdefault((database, table), {})
        known.update({values: place for values, place in partitions.items() if not only_new or values not in known})

    def switch(
        self, database: str, wanted: Mapping[str, Mapping[tuple[str, ...], str]]
    ) -> dict[tuple[str, ...], SluiceError]:
        for table, partitions in wanted.items():
            self.register(database, table, partitions)
        return {}

    def locations(self, database: str, table: str, expression: str) -> dict[tuple[str, ...], str]:
        """Every partition: an expression may be answered with more than it was made for."""
        assert expression
        return dict(self.partitions.get((database, table), {}))


class MemoryTopics:
    """What was published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str, dict[str, Any]]] = []
        self.error: SluiceError | None = None

    def publish(self, topic: str, subject: str, message: str) -> None:
        if self.error is not None:
            raise self.error
        self.published.append((topic, subject, json.loads(message)))

    def of(self, event: str) -> list[dict[str, Any]]:
        """Bodies of the notices of one kind."""
        return [body for _, _, body in self.published if body["event"] == event]


class MemoryDeliveries:
    """When messages come again that a function could not take."""

    def __init__(self) -> None:
        self.again: dict[str, int] = {}

    def again_in(self, receipt: str, seconds: int) -> None:
        self.again[receipt] = seconds


class FakeWarehouse:
    """The Data API, as far as the state machine uses it.

    Attributes:
        calls: Every statement that ran, by its id.
        errors: How the next statements end: the error, or None for well.
        refreshed: Days that were refreshed, by aggregate.
    """

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, Any]] = {}
        self.errors: list[str | None] = []
        self.refreshed: dict[str, set[str]] = {}
        self._failed: dict[str, str] = {}
        self._by_token: dict[str, str] = {}

    def execute_statement(self, arguments: dict[str, Any]) -> dict[str, Any]:
        token = arguments["ClientToken"]
        assert 1 <= len(token) <= 64
        if token not in self._by_token:
            statement_id = f"s{len(self.calls) + 1}"
            self._by_token[token] = statement_id
            self.calls[statement_id] = {name: value for name, value in arguments.items() if name != "ClientToken"}
            self._run(statement_id, arguments)
        return {"Id": self._by_token[token]}

    def describe_statement(self, arguments: dict[str, Any]) -> dict[str, Any]:
        error = self._failed.get(arguments["Id"])
        return {"Status": "FINISHED"} if error is None else {"Status": "FAILED", "Error": error}

    def _run(self, statement_id: str, arguments: dict[str, Any]) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            self._failed[statement_id] = error
            return
        (dates,) = (item["Value"] for item in arguments["Parameters"] if item["Name"] == "dates")
        self.refreshed.setdefault(arguments["StatementName"], set()).update(dates.split(","))


@dataclass
class FakeGlue:
    """Runs that end when the test says so, and refusals that it asks for.

    Attributes:
        refusals: Errors for the next starts, in order; None lets one pass.
        is_started_anyway: Whether a start whose error is raised has started the run all the same.
        blind_looks: How many of the next searches do not show a run yet that was started.
        runs: Every run by id.
    """

    refusals: list[Exception | None] = field(default_factory=list)
    is_started_anyway: bool = False
    blind_looks: int = 0
    runs: dict[str, JobRun] = field(default_factory=dict)

    def start(self, job: str, arguments: Mapping[str, str]) -> str:
        error = self.refusals.pop(0) if self.refusals else None
        run_id = f"jr_{len(self.runs) + 1}"
        if error is None or self.is_started_anyway:
            self.runs[run_id] = JobRun(job, run_id, "RUNNING", "", dict(arguments))
        if error is not None:
            raise error
        return run_id

    def describe(self, job: str, run_id: str) -> JobRun | None:
        run = self.runs.get(run_id)
        return run if run is not None and run.job == job else None

    def find(self, job: str, claim_id: str, since: datetime) -> JobRun | None:
        assert since.tzinfo is not None
        if self.blind_looks:
            self.blind_looks -= 1
            return None
        found = (r for r in self.runs.values() if r.job == job and r.arguments[CLAIM_ARGUMENT] == claim_id)
        return next(found, None)

    @property
    def running(self) -> list[JobRun]:
        return [run for run in self.runs.values() if not run.is_ended]

    def end(self, run_id: str, state: str, message: str = "") -> None:
        self.runs[run_id] = replace(self.runs[run_id], state=state, message=message)


class World:
    """The account, and a source system and Glue jobs that act in it.

    Args:
        settings: The settings; the defaults when None.
        is_archiving: Whether raw files are archived where the contracts ask for it.
        contracts: The contracts by dataset; the project's own when None.
        faults: What every call to the outside passes.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        is_archiving: bool = False,
        contracts: Mapping[str, Contract] | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.now = START
        self.faults = faults or Faults()
        self.documents = MemoryDocuments()
        self.objects = MemoryObjects(self.documents, self.clock)
        self.ledger = MemoryLedger()
        self.catalog = MemoryCatalog()
        self.glue = FakeGlue()
        self.topics = MemoryTopics()
        self.deliveries = MemoryDeliveries()
        self.metrics = MemoryMetrics()
        self.warehouse = self.make_warehouse()
        self.machine = FakeMachine(
            self.settings.load_machine, definition(self.settings), self._tasks(), self.faults, self._sleep
        )
        self.contracts = {
            name: contract if is_archiving else replace(contract, archive=False)
            for name, contract in (CONTRACTS if contracts is None else contracts).items()
        }
        self.conversions: Counter[str] = Counter()
        self.loads: list[str] = []
        self.sent: list[ManifestEvent] = []
        self._sequencers = itertools.count(0x55AED6DCD90281E5)
        claims = itertools.count(1)
        ledger = cast("LedgerPort", Door(self.ledger, self.faults))
        topics = cast("TopicsPort", Door(self.topics, self.faults))
        self.trigger = Trigger(
            self.settings,
            self.contracts,
            ledger,
            cast("DocumentsPort", Door(self.documents, self.faults)),
            cast("ObjectsPort", Door(self.objects, self.faults)),
            cast("CatalogPort", Door(self.catalog, self.faults)),
            cast("JobsPort", Door(self.glue, self.faults)),
            cast("ExecutionsPort", Door(self.machine, self.faults)),
            cast("DeliveriesPort", Door(self.deliveries, self.faults)),
            Notifier(topics, self.metrics, self.settings, self.clock, ledger),
            self.metrics,
            clock=self.clock,
            new_claim_id=lambda: f"c{next(claims):04}",
            workers=1,
        )

    def make_warehouse(self) -> FakeWarehouse:
        """The warehouse of this world."""
        return FakeWarehouse()

    def deploy(self, contracts: Mapping[str, Contract]) -> None:
        """Functions and jobs from now on know other contracts."""
        self.contracts = dict(contracts)
        self.trigger = replace(self.trigger, contracts=self.contracts)

    def warehouse_task(self, resource: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """A task of the state machine that asks the warehouse itself."""
        answer: dict[str, Any] = getattr(self.warehouse, resource)(arguments)
        return answer

    def _tasks(self) -> dict[str, Any]:
        """What the states of the machine call."""
        return {
            "sluice-load-step": self._load_step,
            "sluice-archive": self._archive_step,
            "arn:aws:states:::glue:startJobRun.sync": self._start_and_wait,
            "arn:aws:states:::aws-sdk:redshiftdata:executeStatement": partial(self.warehouse_task, "execute_statement"),
            "arn:aws:states:::aws-sdk:redshiftdata:describeStatement": partial(
                self.warehouse_task, "describe_statement"
            ),
        }

    def _load_step(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return answer(self.trigger, request)
        except SluiceError as exc:
            raise of_lambda(exc) from exc

    def _archive_step(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            done = archive.archive_claim(
                self.trigger, request["claim_id"], request["dataset"], self.now + timedelta(minutes=10)
            )
            dispatch_all(self.trigger, [request["dataset"]], [Stage.CONVERT])
        except SluiceError as exc:
            raise of_lambda(exc) from exc
        return {"done": done}

    def _start_and_wait(self, arguments: dict[str, Any]) -> dict[str, Any]:
        # A lost answer would have Step Functions start a second run. That does no harm, the audit row sees to it, but
        # the world's runs are counted.
        self.glue.is_started_anyway = False
        try:
            run_id = self.glue.start(arguments["JobName"], arguments["Arguments"])
        except SluiceError as exc:
            raise StateError("Glue.ConcurrentRunsExceededException", str(exc)) from exc
        raise WaitingForRun(run_id)

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def clock(self) -> datetime:
        """The present moment; no two calls see the same one."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def send(
        self,
        folder: str,
        files: Mapping[str, bytes] | None = None,
        *,
        manifest: bytes | None = None,
        is_versioned: bool = True,
    ) -> ManifestEvent:
        """Write a partition's files and its manifest; returns the event."""
        bodies = {"part-1": b"one"} if files is None else files
        base = f"s3://{self.settings.raw_bucket}/{folder}"
        for name, body in bodies.items():
            self.documents.put(f"{base}/{name}", body, self.now)
        entries = tuple(ManifestEntry(f"{base}/{name}", len(body)) for name, body in bodies.items())
        text = Manifest(entries).to_json().encode() if manifest is None else manifest
        version = self.documents.put(f"{base}/manifest.json", text, self.now)
        event = ManifestEvent(
            self.settings.raw_bucket,
            f"{folder}/manifest.json",
            f"{next(self._sequencers):016X}",
            version if is_versioned else None,
            md5(text).hexdigest(),
            f"{self.now:%Y-%m-%dT%H:%M:%S}.{self.now.microsecond // 1000:03}Z",
        )
        self.sent.append(event)
        return event

    def deliver(self, *events: ManifestEvent) -> None:
        """What the handler does with one SQS batch."""
        datasets = {dataset for event in events if (dataset := arrival.take(self.trigger, event)) is not None}
        for dataset in sorted(datasets):
            dispatch(self.trigger, dataset, Stage.CONVERT)

    def notify(self, run_id: str) -> None:
        """Who has to hear that a run has ended hears it: the trigger, or the execution that started the run."""
        run = self.glue.runs[run_id]
        if run.job == self.settings.load_job:
            self.machine.run_ended(run_id, glue_result(run))
        else:
            after_run.on_change(self.trigger, run.job, run_id, run.state)

    def execution_of(self, run_id: str) -> Going:
        """The execution that started a run."""
        (going,) = (going for going in self.machine.executions.values() if going.run_id == run_id)
        return going

    def sweep(
        self,
        after: timedelta = timedelta(minutes=17),
        *,
        is_searching: bool = False,
        dead_before: datetime | None = None,
    ) -> None:
        """The scheduled sweep, some time later."""
        self.now += after
        sweep.sweep_datasets(self.trigger, self.contracts, is_searching=is_searching, dead_before=dead_before)

    def work(self, run_id: str, errors: Mapping[str, tuple[str, bool]] | None = None) -> None:
        """Do what a Glue job does: read the input, work, write the outcome.

        Args:
            run_id: The run.
            errors: By batch id, the error with which it fails and whether trying again may help.
        """
        run = self.glue.runs[run_id]
        if run.job == self.settings.convert_job:
            self._convert(run, errors or {})
        else:
            self._load(run, errors or {})

    def succeed(self, run_id: str, errors: Mapping[str, tuple[str, bool]] | None = None) -> None:
        """A run that does its work and ends well, nobody being told."""
        self.work(run_id, errors)
        self.glue.end(run_id, "SUCCEEDED")

    def drain(self, limit: int = 400) -> None:
        """Let time pass until nothing runs and nothing waits."""
        for _ in range(limit):
            for run in self.glue.running:
                self.succeed(run.run_id)
                self.notify(run.run_id)
            for going in self.machine.running:
                self._tell(going)
            self.sweep()
            is_settled = all(record.state.is_final for record in self.ledger.records.values())
            if is_settled and not self.glue.running and not self.machine.running and self._waits_for_nobody():
                return
        raise AssertionError(f"never ends: {self.states()}")

    def open_loads(self) -> list[str]:
        """Claims of the loads that have something to do after them."""
        return [load.claim_id for dataset in self.contracts for load in self.ledger.open_loads(dataset)]

    def _waits_for_nobody(self) -> bool:
        """Whether no load is open but those that wait for a person."""
        return all(load.is_given_up for dataset in self.contracts for load in self.ledger.open_loads(dataset))

    def _tell(self, going: Going) -> None:
        """Step Functions sees by itself that a run has ended, and calls again what gave no answer."""
        run = self.glue.runs.get(going.run_id)
        if run is not None and run.is_ended:
            self.machine.run_ended(run.run_id, glue_result(run))
        elif run is None:
            self.machine.go_on(going.name)

    def states(self) -> dict[str, str]:
        """State by batch id."""
        return {name: str(record.state) for name, record in sorted(self.ledger.records.items())}

    def batch_ids(self, run: JobRun) -> Sequence[str]:
        """Batches in the input of a run."""
        url = self._input(run)
        kind = RunInput if run.job == self.settings.convert_job else LoadInput
        return sorted(kind.from_json(self.documents.read(url)).batches)

    def _input(self, run: JobRun) -> str:
        processed = self.settings.processed
        is_convert = run.job == self.settings.convert_job
        return (processed.run_input if is_convert else processed.load_input)(run.claim_id)

    def _convert(self, run: JobRun, errors: Mapping[str, tuple[str, bool]]) -> None:
        work = RunInput.from_json(self.documents.read(self._input(run)))
        if self.documents.info(self.settings.processed.run_closed(work.claim_id)) is not None:
            return  # What a run does that finds its claim closed: it publishes nothing and leaves no outcome.
        outcomes = []
        for batch_id, url in work.batches.items():
            manifest = FrozenManifest.from_json(self.documents.read(url))
            if batch_id in errors:
                outcomes.append(BatchOutcome(batch_id, *errors[batch_id]))
            else:
                self.conversions[batch_id] += 1
                outcomes.append(published(run.run_id, manifest))
                self._register(manifest, run.run_id)
        outcome = RunOutcome(work.claim_id, run.run_id, tuple(outcomes), engine="process")
        self.documents.write(self.settings.processed.run_outcome(work.claim_id), outcome.to_json())

    def _register(self, manifest: FrozenManifest, run: str) -> None:
        partition = Partition.parse(manifest.partition)
        for table in self.contracts[manifest.dataset].tables:
            folder = f"{self.settings.processed.partition(table.name, partition, run)}/"
            self.catalog.register(self.settings.processed_database, table.name, {partition.values: folder})

    def _load(self, run: JobRun, errors: Mapping[str, tuple[str, bool]]) -> None:
        work = LoadInput.from_json(self.documents.read(self._input(run)))
        outcomes = []
        for batch_id, tables in work.batches.items():
            if batch_id in errors:
                outcomes.append(LoadBatchOutcome(batch_id, *errors[batch_id]))
            else:
                if batch_id not in self.loads:  # The audit row makes a repeated load change nothing.
                    self.loads.append(batch_id)
                counts = {table: LoadCounts(staged=sum(f.rows for f in files)) for table, files in tables.items()}
                outcomes.append(LoadBatchOutcome(batch_id, tables=counts))
        loaded = [outcome.batch_id for outcome in outcomes if not outcome.error]
        refresh = {AGGREGATE: tuple(sorted({business_day(name) for name in loaded}))} if loaded else {}
        outcome = LoadOutcome(work.claim_id, tuple(outcomes), refresh)
        self.documents.write(self.settings.processed.load_outcome(work.claim_id), outcome.to_json())


def published(run: str, manifest: FrozenManifest) -> BatchOutcome:
    """The outcome of a conversion that finds one row in each file."""
    table = CONTRACTS[manifest.dataset].tables[0].name
    files = tuple(FileCounts(file.url, 1, 0, {table: TableCounts(read=1, published=1)}) for file in manifest.files)
    folder = Settings().processed.partition(table, Partition.parse(manifest.partition), run)
    url = f"{folder}/part-00000.parquet"
    return BatchOutcome(
        manifest.batch_id,
        files=files,
        published={table: (PublishedFile(url, 100, len(files)),)},
    )


def business_day(batch_id: str) -> str:
    """The day that a batch of the world affects: that of its partition."""
    digits = batch_id.split(".")[1]
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"


def glue_result(run: JobRun) -> dict[str, str] | StateError:
    """What a task that waits for a run comes to."""
    facts = {"Id": run.run_id, "JobName": run.job, "JobRunState": run.state}
    if run.state == "SUCCEEDED":
        return facts
    return StateError("States.TaskFailed", json.dumps(facts | ({"ErrorMessage": run.message} if run.message else {})))


def definition(settings: Settings) -> dict[str, Any]:
    """The load's state machine as it is deployed."""
    text = (ROOT / "terraform" / "state_machines" / "load.asl.json").read_text(encoding="utf-8")
    names = {
        "load_job": settings.load_job,
        "load_step_function": "sluice-load-step",
        "archive_function": "sluice-archive",
    }
    for name, value in names.items():
        text = text.replace(f"${{{name}}}", value)
    rendered: dict[str, Any] = json.loads(text)
    return rendered
