"""Old folders of runs go when their time of grace is over, and never one that a reader may be shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from lambda_trigger.replaced import MAX_NOTES, remove
from lambda_trigger.trigger import Trigger
from sluice.contract import Contract
from sluice.errors import AwsError
from sluice.lake.handover import RunFolders
from sluice.lake.layout import Partition
from sluice.settings import Settings
from tests.doubles.objects import MemoryObjects
from tests.doubles.world import CONTRACTS, START, MemoryCatalog, MemoryDocuments, World

HOUR, NEXT = Partition.parse("2026-11-20T13"), Partition.parse("2026-11-20T14")
SETTINGS = Settings()
GRACE = timedelta(seconds=SETTINGS.replaced_grace_seconds)
TABLES = ("orders", "orders_quarantine")


@dataclass
class Lake:
    """What runs wrote, and a sweep over it."""

    now: datetime = START
    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    catalog: MemoryCatalog = field(default_factory=MemoryCatalog)

    def run(
        self,
        name: str,
        *partitions: Partition,
        switches: bool = True,
        files: int = 1,
        tables: tuple[str, ...] = TABLES,
    ) -> list[str]:
        """A run of the present moment; gives the URLs of its files."""
        layout, urls = SETTINGS.processed, []
        note = RunFolders("orders", name, tables, tuple(partition.label for partition in partitions))
        self.documents.put(f"{layout.replaced('orders')}/{name}.json", note.to_json().encode(), self.now)
        for table in tables:
            for partition in partitions:
                folder = layout.partition(table, partition, name)
                for number in range(files):
                    urls.append(f"{folder}/part-{number}.parquet")
                    self.documents.put(urls[-1], b"x", self.now)
                if switches:
                    self.catalog.register(SETTINGS.processed_database, table, {partition.values: f"{folder}/"})
        return sorted(urls)

    def sweep(self, after: timedelta = timedelta()) -> list[str]:
        """Sweep, some time later; gives the URLs of the published files that are left."""
        self.now += after
        objects = MemoryObjects(self.documents, lambda: self.now)
        remove(self.trigger(CONTRACTS, objects), "orders")
        return [url for url in self.documents.urls() if "/table-files/" in url]

    def trigger(self, contracts: Mapping[str, Contract], objects: MemoryObjects) -> Trigger:
        return replace(
            World(SETTINGS).trigger,
            contracts=contracts,
            documents=self.documents,
            objects=objects,
            catalog=self.catalog,
            clock=lambda: self.now,
        )

    def notes(self) -> list[str]:
        return [url.rpartition("/")[2] for url in self.documents.urls() if "/replaced/" in url]


@pytest.fixture
def lake() -> Lake:
    return Lake()


def test_a_replaced_folder_goes_after_the_time_of_grace_and_the_current_one_stays(lake: Lake) -> None:
    old = lake.run("r1", HOUR)
    lake.now += timedelta(days=30)
    new = lake.run("r2", HOUR)
    # The note of the first run is due long since; the folder that was current until now is not.
    assert lake.sweep(GRACE - timedelta(seconds=1)) == sorted(old + new)
    assert lake.notes() == ["r2.json"]
    assert lake.sweep(timedelta(seconds=2)) == new
    assert lake.notes() == []
    assert lake.sweep(timedelta(days=100)) == new


def test_a_partition_that_became_empty_keeps_nothing(lake: Lake) -> None:
    lake.run("r1", HOUR)
    lake.run("r2", HOUR, files=0)
    assert lake.sweep(GRACE + timedelta(seconds=1)) == []


def test_what_a_run_left_that_died_before_it_switched_goes(lake: Lake) -> None:
    current = lake.run("r1", HOUR)
    lake.now += timedelta(minutes=10)
    lake.run("dead", HOUR, switches=False)
    assert lake.sweep(GRACE + timedelta(seconds=1)) == current


def test_a_folder_that_was_replaced_a_moment_ago_waits_for_its_own_note(lake: Lake) -> None:
    """An older note of the same partition is due, and says nothing about the folder that was current until just now."""
    first = lake.run("r1", HOUR, NEXT)
    lake.now += GRACE + timedelta(seconds=1)
    second = lake.run("r2", HOUR)
    assert lake.sweep() == sorted(first + second)
    assert lake.notes() == ["r2.json"]
    hour = [url for url in first if "hour=13" in url]
    assert lake.sweep(GRACE + timedelta(seconds=1)) == sorted(set(first + second) - set(hour))


def test_files_that_are_younger_than_the_grace_stay_whatever_a_note_says(lake: Lake) -> None:
    """A run may be writing them."""
    lake.run("r1", HOUR)
    lake.now += GRACE + timedelta(seconds=1)
    written = lake.run("r2", HOUR, switches=False)
    lake.documents.delete(f"{SETTINGS.processed.replaced('orders')}/r2.json")
    assert set(written) <= set(lake.sweep())


def test_a_partition_that_the_catalog_does_not_show_is_left_alone(lake: Lake) -> None:
    urls = lake.run("r1", HOUR)
    lake.catalog.partitions.clear()
    assert lake.sweep(GRACE * 3) == urls


def test_a_note_that_nobody_can_read_goes_and_takes_nothing_along(lake: Lake) -> None:
    urls = lake.run("r1", HOUR)
    lake.documents.put(f"{SETTINGS.processed.replaced('orders')}/strange.json", b"{}", lake.now)
    assert lake.sweep(GRACE * 3) == urls
    assert lake.notes() == []


def test_a_dataset_without_a_contract_is_left_alone(lake: Lake) -> None:
    urls = lake.run("r1", HOUR)
    lake.now += GRACE * 3
    objects = MemoryObjects(lake.documents, lambda: lake.now)
    remove(lake.trigger({}, objects), "orders")
    assert lake.notes() == ["r1.json"]
    assert [url for url in lake.documents.urls() if "/table-files/" in url] == urls


def test_one_sweep_works_off_so_many_notes(lake: Lake) -> None:
    for number in range(MAX_NOTES + 1):
        lake.run(f"r{number:02}", HOUR)
        lake.now += timedelta(seconds=1)
    lake.sweep(GRACE)
    assert lake.notes() == [f"r{MAX_NOTES}.json"]


class CatalogOfTables(MemoryCatalog):
    """A catalog that knows some tables, and refuses to answer for others as Glue does."""

    def __init__(self, *tables: str) -> None:
        super().__init__()
        self.tables = tables

    def locations(self, database: str, table: str, expression: str) -> dict[tuple[str, ...], str]:
        if table not in self.tables:
            raise AwsError(f"look up partitions of {database}.{table}: EntityNotFoundException")
        return super().locations(database, table, expression)


def test_a_table_that_has_left_its_contract_keeps_no_other_from_being_tidied(lake: Lake) -> None:
    """Its notes would be in the way for ever: each sweep begins with the oldest."""
    lake.catalog = CatalogOfTables(*TABLES)
    old = lake.run("r1", HOUR, tables=(*TABLES, "order_notes"))
    new = lake.run("r2", HOUR)
    assert lake.sweep(GRACE + timedelta(seconds=1)) == sorted([*new, *(url for url in old if "/order_notes/" in url)])
    assert lake.notes() == []


def test_a_note_that_cannot_be_worked_off_keeps_no_other_from_it(lake: Lake) -> None:
    lake.catalog = CatalogOfTables("orders_quarantine")
    lake.run("r1", HOUR)
    old = lake.run("r2", NEXT, tables=("orders_quarantine",))
    new = lake.run("r3", NEXT, tables=("orders_quarantine",))
    with pytest.raises(AwsError, match="EntityNotFoundException"):
        lake.sweep(GRACE + timedelta(seconds=1))
    assert lake.notes() == ["r1.json"]
    left = [url for url in lake.documents.urls() if "/table-files/" in url]
    assert (set(old) & set(left), set(new) - set(left)) == (set(), set())
