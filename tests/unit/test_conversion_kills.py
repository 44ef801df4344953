"""A conversion that is killed at any step leaves each partition as it was or as it is to be, and the next run ends it.

The steps are every call through the ports of a conversion, before and after it takes effect; between the partitions
that one call switches there are steps, too. A method that no run passes fails a test.
"""

import ast
import gc
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from glue_jobs.conversion import ports, process
from glue_jobs.conversion.engines import Engines
from glue_jobs.conversion.ports import CatalogPort, DocumentsPort, ObjectsPort
from glue_jobs.conversion.run import RunContext
from sluice.contract.model import Column, Contract, JsonSource, Table
from sluice.errors import SluiceError, TerminalError
from sluice.lake.handover import ClosedClaim
from tests.doubles.faults import CrashError, Door, Faults
from tests.spark.lake import HOUR, NOW, Lake, MemoryCatalog, _no_spark

# A process that is gone closes nothing.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Calls come in one order; what a killed run left open is closed here, and not in some other test."""
    monkeypatch.setattr(process, "_WAITING_THREADS", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    yield
    gc.collect()


TABLE = Table(
    "things",
    (Column("id", "integer"), Column("name", "varchar(10)")),
    primary_key=("id",),
    order_by=("id",),
)
CONTRACT = Contract("things", JsonSource("things/%Y/%m/%d/%H"), (TABLE,), max_rejected_ratio=1.0)
TABLES = ("things", CONTRACT.quarantine_table)
HOURS = (HOUR, HOUR.next())
Seen = dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]]


class SteppedCatalog(MemoryCatalog):
    """Switches one partition of one table after the other, as AWS does, with a step between them."""

    faults: Faults

    def switch(
        self, database: str, wanted: Mapping[str, Mapping[tuple[str, ...], str]]
    ) -> dict[tuple[str, ...], SluiceError]:
        for table, partitions in wanted.items():
            for values, location in partitions.items():
                self.register(database, table, {values: location})
                self.faults.pass_point(f"switched {table} {values}")
        return {}


class KilledLake(Lake):
    """A lake whose runs pass a step before and after each call."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, None)
        self.faults = Faults()
        self.catalog = SteppedCatalog()
        self.catalog.faults = self.faults

    def context(self, contract: Any, run: str) -> RunContext:
        documents = cast("DocumentsPort", Door(self.store, self.faults))
        catalog = cast("CatalogPort", Door(self.catalog, self.faults))
        engines = Engines(lambda: cast("ObjectsPort", Door(self.store, self.faults)), _no_spark)
        return RunContext(self.settings, contract, documents, catalog, engines, lambda: NOW, run)


def prepared(folder: Path) -> tuple[KilledLake, tuple[str, ...]]:
    """Two partitions that are published, and a newer batch of each."""
    lake = KilledLake(folder)
    old = [lake.send(CONTRACT, hour, {"a.json": '{"id": 1, "name": "old"}\n'}) for hour in HOURS]
    lake.run(CONTRACT, *old)
    files = {"a.json": '{"id": 1, "name": "new"}\n{"id": 2, "name": "two"}\n', "b.json": '{"id": "none"}\n'}
    return lake, tuple(lake.send(CONTRACT, hour, files) for hour in HOURS)


def seen(lake: Lake) -> Seen:
    """What readers see."""
    return lake.everything(*TABLES)


def steps(folder: Path) -> list[str]:
    """What an undisturbed run passes."""
    lake, new = prepared(folder)
    lake.faults.arm(10**9)
    lake.run(CONTRACT, *new, claim="c1")
    return list(lake.faults.passed)


def ended(folder: Path) -> tuple[Seen, Seen]:
    """What readers see before an undisturbed run, and after it."""
    lake, new = prepared(folder)
    before = seen(lake)
    lake.run(CONTRACT, *new, claim="c1")
    return before, seen(lake)


def killed(folder: Path, point: int) -> tuple[KilledLake, tuple[str, ...]]:
    """A lake whose run was killed at a step."""
    lake, new = prepared(folder)
    lake.faults.arm(point)
    with pytest.raises(CrashError):
        lake.run(CONTRACT, *new, claim="c1")
    lake.faults.disarm()
    return lake, new


def moments(passed: list[str]) -> list[tuple[int, str]]:
    """The steps at which a kill differs: before a call is after the one before it."""
    return [(point, name) for point, name in enumerate(passed) if point == 0 or not name.startswith("before")]


def is_done(lake: KilledLake) -> bool:
    return lake.store.exists(lake.settings.processed.run_outcome("c1"))


def test_a_kill_at_any_step_leaves_each_partition_whole_and_a_rerun_ends_it(tmp_path: Path) -> None:
    before, after = ended(tmp_path / "whole")
    assert before != after
    for point, name in moments(steps(tmp_path / "steps")):
        what = f"killed {name} ({point})"
        lake, new = killed(tmp_path / f"rerun{point}", point)
        for place, rows in seen(lake).items():
            assert rows in (before.get(place, []), after[place]), f"{what}: {place}"
        if is_done(lake):
            with pytest.raises(TerminalError, match="claim c1 is done"):
                lake.run(CONTRACT, *new, claim="c1")
        else:
            lake.run(CONTRACT, *new, claim="c1")
        assert seen(lake) == after, what


def test_a_kill_at_any_step_and_another_claim_for_the_batches_ends_it(tmp_path: Path) -> None:
    _, after = ended(tmp_path / "whole")
    for point, name in moments(steps(tmp_path / "steps")):
        lake, new = killed(tmp_path / f"claim{point}", point)
        if is_done(lake):
            continue  # Its batches are booked, and go to nobody else.
        closed = ClosedClaim("c1", "2026-11-20T14:40:00.000000+00:00", "its run was killed")
        lake.put(lake.settings.processed.run_closed("c1"), closed.to_json().encode())
        halfway = seen(lake)
        with pytest.raises(TerminalError, match="claim c1 is closed"):
            lake.run(CONTRACT, *new, claim="c1")
        assert seen(lake) == halfway, name
        lake.run(CONTRACT, *new, claim="c2")
        assert seen(lake) == after, f"killed {name} ({point})"


OF_SPARK = {"ObjectsPort.listed", "ObjectsPort.remove_all"}
"""Only Spark's tasks can leave what no task reported; tests/spark sees to that."""


def test_every_call_of_a_conversion_is_a_step(tmp_path: Path) -> None:
    tree = ast.parse(Path(inspect.getfile(ports)).read_text(encoding="utf-8"))
    methods = {
        f"{port.name}.{method.name}"
        for port in tree.body
        if isinstance(port, ast.ClassDef)
        for method in port.body
        if isinstance(method, ast.FunctionDef)
    }
    passed = {name.rpartition(".")[2] for name in steps(tmp_path)}
    assert {name for name in methods if name.rpartition(".")[2] not in passed} == OF_SPARK
