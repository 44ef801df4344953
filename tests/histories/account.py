"""The world with the real jobs in it: the conversion's own code and the load's own code and SQL, on memory alone."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from glue_jobs.conversion.engines import Engines
from glue_jobs.conversion.one_batch import Converter, Result, Task
from glue_jobs.conversion.run import RunContext, convert
from glue_jobs.loading.context import LoadContext
from glue_jobs.loading.run import load_claim
from sluice.aws.data_api import DataApi
from sluice.aws.documents import Documents
from sluice.aws.jobs import DATASET_ARGUMENT, PREDICATE_ARGUMENT, JobRun
from sluice.backoff import Backoff
from sluice.contract.model import Contract
from sluice.errors import AwsBusyError, InputChangedError, SluiceError, WarehouseBusyError
from sluice.lake.handover import SourceFile
from sluice.lake.stored import StoredObject
from sluice.settings import Settings
from tests.doubles.faults import CrashError, Door, Faults
from tests.doubles.machine import StateError
from tests.doubles.world import MemoryDocuments, World
from tests.histories.contents import Plain, contracts
from tests.histories.warehouse import SCHEMA, DuckWarehouse, parquet_table

DEPENDENCIES: Mapping[str, tuple[str, ...]] = {
    "dynamodb": ("MemoryLedger",),
    "s3": ("MemoryDocuments", "MemoryObjects", "MemoryStore"),
    "catalog": ("MemoryCatalog",),
    "glue": ("FakeGlue",),
    "states": ("FakeMachine",),
    "sns": ("MemoryTopics",),
    "warehouse": ("DuckWarehouse",),
}
"""What the pipeline depends on, and the doubles that stand for it."""
_SERVICE = {double: service for service, doubles in DEPENDENCIES.items() for double in doubles}
SETTINGS = Settings(replaced_grace_seconds=2 * 3600, retry_delay_seconds=60)


class Weather(Faults):
    """Faults, and dependencies that are away for a while.

    Attributes:
        away: The dependencies that do not answer now.
    """

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()

    def pass_point(self, name: str) -> None:
        what = name.removeprefix("before ")
        service = _SERVICE.get(what.split(".")[0])
        if what != name and service in self.away:
            if service == "warehouse":
                raise WarehouseBusyError(f"{what}: ERROR: the database system is shutting down")
            raise AwsBusyError(f"{what}: Could not connect to the endpoint URL")
        super().pass_point(name)


class MemoryStore:
    """Raw and published files as conversions use them: keeps the promises of `sluice.aws.objects.Objects`.

    Args:
        documents: The objects.
        clock: The present moment in UTC.
    """

    def __init__(self, documents: MemoryDocuments, clock: Callable[[], datetime]) -> None:
        self._documents, self._clock = documents, clock

    def open(self, file: SourceFile) -> io.RawIOBase:
        found = self._documents.info(file.url)
        if found is None:
            raise InputChangedError(f"{file.url}: is gone since its manifest was validated")
        if (found.etag, int(found.modified_at.timestamp())) != (file.etag, file.modified_at):
            raise InputChangedError(f"{file.url}: was written again since its manifest was validated")
        return cast("io.RawIOBase", io.BytesIO(self._documents.fetch(file.url)[0]))

    def upload(self, path: Path, url: str) -> None:
        self._documents.put(url, path.read_bytes(), self._clock())

    def listed(self, folder: str) -> tuple[StoredObject, ...]:
        raise NotImplementedError(folder)  # Conversions list nothing.

    def remove_all(self, urls: Iterable[str]) -> None:
        raise NotImplementedError(urls)


class Switches:
    """The catalog as conversions use it: as in Glue, tables are switched one after the other.

    Args:
        catalog: A door to the partitions.
    """

    def __init__(self, catalog: Door) -> None:
        self._catalog = catalog

    def locations(self, database: str, table: str, expression: str) -> dict[tuple[str, ...], str]:
        found: dict[tuple[str, ...], str] = self._catalog.locations(database, table, expression)
        return found

    def switch(
        self, database: str, wanted: Mapping[str, Mapping[tuple[str, ...], str]]
    ) -> dict[tuple[str, ...], SluiceError]:
        failed: dict[tuple[str, ...], SluiceError] = {}
        for table, partitions in wanted.items():
            left = {values: folder for values, folder in partitions.items() if values not in failed}
            try:
                self._catalog.register(database, table, left)
            except SluiceError as exc:
                failed |= dict.fromkeys(left, exc)
        return failed


class OneByOne:
    """The engine of histories: the converter's own code, one batch after the other, so that a history is repeatable."""

    def __init__(self, contract: Contract, store: MemoryStore, at: datetime) -> None:
        self._contract, self._store, self._at = contract, store, at

    def convert(self, tasks: Sequence[Task]) -> Iterator[Result]:
        with TemporaryDirectory(prefix="sluice-history-") as folder:
            converter = Converter(self._contract, self._store, self._at, Path(folder))
            yield from map(converter.convert, tasks)


class _Engines(Engines):
    def make(self, name: str, contract: Contract, at: datetime) -> OneByOne:
        assert name == "process"
        return OneByOne(contract, cast("MemoryStore", self.open_objects()), at)


class Account(World):
    """The world, in which jobs do what they do in Glue.

    Args:
        known: The contracts by dataset; those of histories when None.

    Attributes:
        weather: What is away, and where the next process dies.
        processes: Number of job processes so far; each has folders of its own.
    """

    def __init__(self, known: Mapping[str, Contract] | None = None) -> None:
        self.weather = Weather()
        self.processes = 0
        self._parquet: dict[str, list[Plain]] = {}
        found = contracts(1) if known is None else known
        super().__init__(SETTINGS, is_archiving=True, contracts=found, faults=self.weather)
        self.store = MemoryStore(self.documents, self.clock)

    def make_warehouse(self) -> DuckWarehouse:
        return DuckWarehouse(self.documents, lambda: self.contracts, self._shown)

    @property
    def duck(self) -> DuckWarehouse:
        """The warehouse."""
        assert isinstance(self.warehouse, DuckWarehouse)
        return self.warehouse

    def work(self, run_id: str, errors: Mapping[str, tuple[str, bool]] | None = None) -> None:
        """Do what a Glue job does, and end the run as Glue would, nobody being told."""
        assert not errors
        run = self.glue.runs[run_id]
        state, message = "SUCCEEDED", ""
        try:
            self._job(run)
        except CrashError:
            state, message = "FAILED", "the process ended without a word"
        except SluiceError as exc:
            state, message = "FAILED", exc.named
        finally:
            self.weather.disarm()
        if not run.is_ended:
            self.glue.end(run_id, state, message)

    def succeed(self, run_id: str, errors: Mapping[str, tuple[str, bool]] | None = None) -> None:
        self.work(run_id, errors)

    def published(self, table: str) -> dict[tuple[str, ...], list[Plain]]:
        """The rows that readers are shown of a published table, by partition."""
        locations = self.catalog.partitions.get((self.settings.processed_database, table), {})
        return {values: self._rows_in(location) for values, location in locations.items()}

    def _job(self, run: JobRun) -> None:
        self.processes += 1
        dataset, process = run.arguments[DATASET_ARGUMENT], f"p{self.processes:04}"
        documents = Door(self.documents, self.faults)
        if run.job == self.settings.convert_job:
            store = Door(self.store, self.faults)
            context = RunContext(
                self.settings,
                self.contracts[dataset],
                cast("Documents", documents),
                Switches(Door(self.catalog, self.faults)),
                _Engines(lambda: cast("Any", store), cast("Any", None)),
                self.clock,
                process,
            )
            convert(context, run.claim_id, run.arguments[PREDICATE_ARGUMENT])
        else:
            load = LoadContext(
                cast("DataApi", Door(self.duck, self.faults)),
                cast("Documents", documents),
                self.settings.processed,
                "default",
                run.claim_id,
                process,
                Backoff(attempts=2, sleep=self._sleep, random=lambda: 0.5),
            )
            load_claim(load, self.contracts, dataset, SCHEMA)

    def _rows_in(self, folder: str) -> list[Plain]:
        urls = [url for url in self.documents.urls() if url.startswith(folder)]
        for url in urls:
            if url not in self._parquet:
                self._parquet[url] = parquet_table(self.documents.fetch(url)[0]).to_pylist()
        return [row for url in urls for row in self._parquet[url]]

    def _shown(self, table: str) -> Iterator[tuple[str, Plain]]:
        for values, rows in self.published(table).items():
            yield from (("".join(values[:3]), row) for row in rows)

    def warehouse_task(self, resource: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """A task of the state machine that asks the warehouse itself."""
        try:
            self.faults.pass_point(f"before DuckWarehouse.{resource}")
        except SluiceError as exc:
            raise StateError("RedshiftData.InternalServerException", str(exc)) from exc
        return cast("dict[str, Any]", getattr(self.warehouse, resource)(arguments))
