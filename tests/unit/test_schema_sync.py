"""What the sync does after a crawl: whom it asks, what it tells and remembers, and where it may crash."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import pytest

from crawlers.ports import CrawlersPort, ReportsPort, SurveyPort
from crawlers.schema_sync import SchemaSync
from lambda_trigger.notifier import Notifier
from sluice.contract import Contract
from sluice.drift import Difference, Kind, Layer
from sluice.drift.report import DriftReport
from sluice.errors import AwsBusyError, AwsError, SluiceError, WarehouseBusyError
from sluice.settings import Settings
from tests.doubles.faults import CrashError, Door, Faults
from tests.doubles.metrics import MemoryMetrics
from tests.doubles.world import CONTRACTS, MemoryDocuments, MemoryTopics

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
REPORT = "s3://sluice-processed/_sluice/drift/{}.json"
BREAKING = Difference(Layer.WAREHOUSE, "orders", "id", "bigint", "integer", Kind.BREAKING, "decide")
NOTE = Difference(Layer.SOURCE, "orders", "tip", "date", "", Kind.NOTE, "ignored")
MADE = Difference(Layer.CATALOG, "orders", "color", "", "date", Kind.COMPATIBLE, "added").settled()
OPEN = Difference(Layer.FILES, "orders", "color", "", "date", Kind.COMPATIBLE, "null")


@dataclass
class FakeCrawlers:
    """Targets of crawlers."""

    targets: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def crawled(self, crawler: str) -> tuple[tuple[str, str], ...]:
        return self.targets.get(crawler, ())


@dataclass
class FakeSurvey:
    """Gives what it is told to, and remembers what it was asked."""

    found: dict[tuple[str, str], Sequence[Difference] | SluiceError] = field(default_factory=dict)
    asked: list[tuple[str, str, bool]] = field(default_factory=list)

    def _answer(self, zone: str, contract: Contract, apply: bool) -> list[Difference]:
        self.asked.append((zone, contract.dataset, apply))
        answer = self.found.get((zone, contract.dataset), ())
        if isinstance(answer, SluiceError):
            raise answer
        return list(answer)

    def processed(self, contract: Contract, *, apply: bool) -> list[Difference]:
        return self._answer("processed", contract, apply)

    def raw(self, contract: Contract, *, apply: bool) -> list[Difference]:
        return self._answer("raw", contract, apply)


class World:
    """A sync and all who it talks to; every call passes the faults."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.settings = Settings()
        self.crawlers = FakeCrawlers(
            {
                "raw": (("sluice_raw", "orders"),),
                "processed": (
                    ("sluice_processed", "orders"),
                    ("sluice_processed", "orders_quarantine"),
                    ("sluice_processed", "products"),
                ),
                "foreign": (("sluice_raw", "orders_quarantine"), ("theirs", "orders")),
            }
        )
        self.survey = FakeSurvey()
        self.documents = MemoryDocuments()
        self.topics = MemoryTopics()
        self.metrics = MemoryMetrics()
        notifier = Notifier(self.topics, self.metrics, self.settings, lambda: NOW)
        self.sync = SchemaSync(
            cast("CrawlersPort", Door(self.crawlers, self.faults)),
            cast("SurveyPort", Door(self.survey, self.faults)),
            cast("ReportsPort", Door(self.documents, self.faults)),
            CONTRACTS,
            self.settings,
            notifier,
            self.metrics,
            lambda: NOW,
        )

    def find(self, *found: Difference, zone: str = "raw", dataset: str = "orders") -> None:
        self.survey.found[zone, dataset] = found

    def crawl(self, crawler: str = "raw") -> None:
        self.sync.on_crawl(crawler, "Succeeded")

    @property
    def subjects(self) -> list[str]:
        return [subject for _, subject, _ in self.topics.published]

    def report(self, dataset: str = "orders") -> DriftReport:
        return DriftReport.from_json(self.documents.read(REPORT.format(dataset)))


def test_each_zone_of_each_dataset_is_compared_once() -> None:
    world = World()
    world.crawl("processed")
    world.crawl("raw")
    assert world.survey.asked == [
        ("processed", "orders", True),
        ("processed", "products", True),
        ("raw", "orders", True),
    ]
    assert world.subjects == []
    assert [sorted(world.report(dataset).zones) for dataset in ("orders", "products")] == [
        ["processed", "raw"],
        ["processed"],
    ]
    assert world.metrics.total("orders", "BreakingDifferences") == 0


@pytest.mark.parametrize("crawler", ["foreign", "unknown"])
def test_what_is_not_ours_is_left_alone(crawler: str, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.crawl(crawler)
    assert (world.survey.asked, list(world.documents.urls()), world.subjects) == ([], [], [])
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("state", ["Started", "Failed", "SUCCEEDED"])
def test_only_the_end_of_a_good_crawl_counts(state: str) -> None:
    world = World()
    world.sync.on_crawl("raw", state)
    assert world.faults.passed == []


def test_the_same_drift_is_told_once_and_another_again() -> None:
    world = World()
    breaking = "Sluice: orders: 1 breaking difference in raw"
    for found, expected in (
        ((BREAKING, NOTE, OPEN), [breaking]),
        ((NOTE, BREAKING), []),
        ((BREAKING,), [breaking]),
        ((), []),
        ((BREAKING,), [breaking]),
        ((NOTE,), ["Sluice: orders: raw has news of its schema"]),
        ((NOTE, MADE), ["Sluice: orders: raw follows its contract"]),
        ((NOTE,), []),
        ((OPEN,), []),
    ):
        world.topics.published.clear()
        world.find(*found)
        world.crawl()
        assert (found, world.subjects) == (found, expected)
        assert world.report().zones["raw"].differences == found


def test_zones_are_told_apart() -> None:
    world = World()
    world.find(BREAKING)
    world.find(BREAKING, zone="processed")
    world.crawl("raw")
    world.crawl("processed")
    world.crawl("raw")
    assert world.subjects == [
        "Sluice: orders: 1 breaking difference in raw",
        "Sluice: orders: 1 breaking difference in processed",
    ]


def test_counts_are_measured() -> None:
    world = World()
    world.find(BREAKING, NOTE, MADE, OPEN)
    world.crawl()
    assert world.metrics.total("orders", "BreakingDifferences") == 1
    assert world.metrics.total("orders", "SchemaChanges") == 1


def test_a_dataset_that_fails_takes_no_other_along_and_the_event_comes_again() -> None:
    world = World()
    world.survey.found["processed", "orders"] = WarehouseBusyError("locked")
    world.find(NOTE, zone="processed", dataset="products")
    with pytest.raises(WarehouseBusyError, match=r"^locked$"):
        world.crawl("processed")
    assert world.subjects == ["Sluice: products: processed has news of its schema"]
    assert list(world.documents.urls()) == [REPORT.format("products")]


def test_a_notice_that_could_not_be_sent_is_sent_at_the_next_crawl() -> None:
    world = World()
    world.find(BREAKING)
    world.topics.error = AwsError("no topic")
    world.crawl()
    assert (world.subjects, world.report().told("raw")) == ([], "")
    world.topics.error = None
    world.crawl()
    world.crawl()
    assert world.subjects == ["Sluice: orders: 1 breaking difference in raw"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"dataset": "orders", "zones": {"raw": 1}}', '{"more": 1}'])
def test_a_broken_report_is_begun_anew(text: str) -> None:
    world = World()
    world.documents.write(REPORT.format("orders"), text)
    world.find(BREAKING)
    world.crawl()
    assert world.report().zones["raw"].differences == (BREAKING,)


@pytest.mark.parametrize("error", [CrashError(), AwsBusyError("throttled")])
def test_after_an_end_at_any_point_the_event_again_gives_the_same_and_tells_it(error: BaseException) -> None:
    reference = World()
    reference.find(BREAKING)
    reference.crawl()
    for point in itertools.count():
        world = World()
        world.find(BREAKING)
        world.faults.arm(point, error)
        try:
            world.crawl()
        except (CrashError, AwsBusyError):
            world.faults.disarm()
        else:
            break
        world.crawl()
        assert world.report() == reference.report()
        # At least once, and twice only where the crash came between telling and remembering.
        assert world.subjects in (reference.subjects, reference.subjects * 2)
    assert point == 7  # two for each call, and one for the report that is not there
