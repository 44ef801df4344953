"""Publishing, cut anywhere: readers have the old files or the new ones, and never both for long."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pytest

from glue_jobs.conversion.accounting import StagedFile
from glue_jobs.conversion.publish import Files, PartitionCatalog, Publisher, Ready
from lambda_trigger.ports import DocumentsPort, ObjectsPort
from lambda_trigger.publications import Publications
from sluice.errors import AwsError, TransientError
from sluice.layout import Partition, ProcessedLayout
from tests.doubles.faults import CrashError, Door, Faults
from tests.doubles.objects import MemoryObjects
from tests.doubles.world import START, MemoryDocuments

HOUR, NEXT = Partition.parse("2026-11-20T13"), Partition.parse("2026-11-20T14")
LAYOUT = ProcessedLayout("sluice-processed")
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Listed:
    url: str


class MemoryFiles:
    """A conversion's files over the same objects as the trigger's documents."""

    def __init__(self, documents: MemoryDocuments) -> None:
        self._documents = documents

    def status(self, url: str) -> object | None:
        return self._documents.info(url)

    def read_text(self, url: str) -> str:
        return self._documents.read(url)

    def write_text(self, url: str, text: str) -> None:
        self._documents.write(url, text)

    def files(self, folder: str) -> list[Listed]:
        return [Listed(url) for url in self._documents.urls() if url.startswith(f"{folder}/")]

    def move(self, source: str, target: str) -> None:
        self._documents.put(target, self._documents.fetch(source)[0])
        self._documents.delete(source)

    def delete(self, url: str) -> None:
        self._documents.delete(url)


class InOrder(Door):
    """The door to the files; what storage does in threads is done one by one."""

    def for_all(self, work: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
        return [work(item) for item in items]


class Catalog:
    """Registered partitions."""

    def __init__(self) -> None:
        self.registered: set[tuple[str, tuple[str, ...]]] = set()
        self.refuses = ""

    def register(self, database: str, table: str, partitions: Mapping[tuple[str, ...], str]) -> None:
        assert database == "sluice_processed"
        if table == self.refuses:
            raise AwsError("refused")
        self.registered |= {(table, values) for values in partitions}


class Place:
    """Published partitions of two tables, and runs that publish into them."""

    def __init__(self) -> None:
        self.documents = MemoryDocuments()
        self.catalog = Catalog()
        self.faults = Faults()
        objects = MemoryObjects(self.documents, lambda: START)
        self.publications = Publications(cast("DocumentsPort", self.documents), cast("ObjectsPort", objects), LAYOUT, 1)
        self.runs = 0

    def publish(self, claim: str, *contents: tuple[str, Partition, str]) -> dict[str, Exception]:
        """Publish batches, each with two files of `facts`, one of `lines` and nothing for `quarantine`."""
        self.runs += 1
        run = f"run{self.runs}"
        ready = []
        for batch_id, partition, text in contents:
            for table, count in (("facts", 2), ("lines", 1), ("quarantine", 0)):
                files = []
                for number in range(count):
                    url = f"s3://sluice-processed/_staging/{run}/{batch_id}/{table}-{number}"
                    self.documents.put(url, f"{text} {table} {number}".encode())
                    files.append(StagedFile(url, 100, {batch_id: 1}))
                ready.append(Ready(batch_id, partition, table, tuple(files)))
        storage: Any = InOrder(MemoryFiles(self.documents), self.faults)
        catalog: Any = Door(self.catalog, self.faults)
        publisher = Publisher(
            cast("Files", storage), cast("PartitionCatalog", catalog), "sluice_processed", LAYOUT, claim, run
        )
        return publisher.publish(ready)[1]

    def visible(self, partition: Partition = HOUR) -> list[str]:
        """What readers see of a partition, in all tables."""
        folders = tuple(f"{LAYOUT.partition(table, partition)}/" for table in ("facts", "lines", "quarantine"))
        return sorted(self.documents.read(url) for url in self.documents.urls() if url.startswith(folders))


def content(text: str) -> list[str]:
    return [f"{text} facts 0", f"{text} facts 1", f"{text} lines 0"]


def test_new_files_come_in_place_of_old_ones() -> None:
    place = Place()
    assert place.publish("c1", ("b1", HOUR, "old")) == {}
    assert place.publish("c2", ("b2", HOUR, "new")) == {}
    assert place.visible() == content("new")
    assert {table for table, _ in place.catalog.registered} == {"facts", "lines", "quarantine"}
    before = place.documents.urls()
    for claim in ("c1", "c2", "unknown"):
        place.publications.clean(claim)
    assert place.documents.urls() == before


@pytest.mark.parametrize("is_first", [True, False])
def test_a_run_that_dies_anywhere_leaves_the_old_content_or_the_new(is_first: bool) -> None:
    points = 10**9
    point = 0
    seen = set()
    while point < points:
        place = Place()
        if not is_first:
            place.publish("c1", ("b1", HOUR, "old"))
        place.faults.arm(point)
        try:
            place.publish("c2", ("b2", HOUR, "new"))
            points = len(place.faults.passed)
        except CrashError:
            place.publications.clean("c2")
            place.publications.clean("c2")
            assert place.visible() in ([] if is_first else content("old"), content("new")), point
            seen.add(" ".join(place.visible()))
            # And the batch's next run has the last word.
            place.publish("c3", ("b2", HOUR, "again"))
            assert place.visible() == content("again"), point
        point += 1
    assert points > 20
    assert seen == {" ".join([] if is_first else content("old")), " ".join(content("new"))}


def test_a_crash_of_the_cleaning_itself_is_mended_by_the_next() -> None:
    dead = Place()
    dead.publish("c1", ("b1", HOUR, "old"))
    dead.faults.arm(10**9)
    dead.publish("c2", ("b2", HOUR, "new"))
    deletion = dead.faults.passed.index("after MemoryFiles.delete")
    for point in range(12):
        place = Place()
        place.publish("c1", ("b1", HOUR, "old"))
        place.faults.arm(deletion)
        with pytest.raises(CrashError):
            place.publish("c2", ("b2", HOUR, "new"))
        faults = Faults()
        objects: Any = Door(place.publications.objects, faults)
        faults.arm(point)
        cut = Publications(cast("DocumentsPort", place.documents), objects, LAYOUT, 1)
        try:
            cut.clean("c2")
        except CrashError:
            place.publications.clean("c2")
        assert place.visible() == content("new"), point


def test_a_run_that_glue_repeats_and_that_dies_each_time_leaves_the_old_content() -> None:
    place = Place()
    place.publish("c1", ("b1", HOUR, "old"))
    for moves in (1, 2):
        place.faults.arm(_point_of(place, "after MemoryFiles.move", moves))
        with pytest.raises(CrashError):
            place.publish("c2", ("b2", HOUR, "new"))
    assert len(place.visible()) > 3
    place.publications.clean("c2")
    assert place.visible() == content("old")


def test_a_batch_that_cannot_be_registered_is_taken_back_and_the_others_stay() -> None:
    place = Place()
    place.publish("c1", ("b1", HOUR, "old"), ("n1", NEXT, "old"))
    place.catalog.refuses = "lines"
    failed = place.publish("c2", ("b2", HOUR, "new"))
    assert {name: str(error) for name, error in failed.items()} == {"b2": "refused"}
    assert (place.visible(), place.visible(NEXT)) == (content("old"), content("old"))


def test_what_cannot_be_taken_back_is_left_to_the_end_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    place.publish("c1", ("b1", HOUR, "old"))
    place.catalog.refuses = "lines"

    def refuse(_: object, url: str) -> None:
        raise TransientError(f"{url}: slow down")

    with monkeypatch.context() as patched:
        patched.setattr(MemoryFiles, "delete", refuse)
        assert list(place.publish("c2", ("b2", HOUR, "new"))) == ["b2"]
    assert place.visible() == sorted(content("old") + content("new"))
    place.publications.clean("c2")
    assert place.visible() == content("old")


def test_a_file_that_was_moved_half_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    move = MemoryFiles.move

    def half(files: MemoryFiles, source: str, target: str) -> None:
        move(files, source, target)
        if "lines" in target:
            raise TransientError("the answer was lost")

    monkeypatch.setattr(MemoryFiles, "move", half)
    assert list(place.publish("c1", ("b1", HOUR, "new"))) == ["b1"]
    assert place.visible() == []


def test_a_document_that_nobody_can_read_does_not_stop_the_booking(caplog: pytest.LogCaptureFixture) -> None:
    place = Place()
    place.documents.write(LAYOUT.run_publication("c1"), "{")
    place.publications.clean("c1")
    assert "publication.json is no Publication" in caplog.text


def _point_of(place: Place, name: str, count: int) -> int:
    """The point at which something has been done that many times, in a publication like the next."""
    trial = Place()
    trial.publish("c1", ("b1", HOUR, "old"))
    trial.faults.arm(10**9)
    trial.publish("c2", ("b2", HOUR, "new"))
    found = [number for number, passed in enumerate(trial.faults.passed) if passed == name]
    # A repeated run also reads what the one before it wrote down.
    extra = 2 if place.runs > 1 else 0
    return found[count - 1] + extra
