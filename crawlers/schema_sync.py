"""After a crawl: compare what was crawled with its contracts, change what loses nothing, and tell the rest.

    event      Glue tells that a crawler has succeeded: which tables does it crawl, and which datasets are they of?
    survey     each dataset apart from all others: every layer is looked at (`sluice.drift.survey`), and what only adds
               or widens is changed
    tell       support hears of what differs, once, and again when it differs in another way
    report     the comparison, and what was told, are kept beside the dataset
    measure    how much breaks, and how much was changed

What holds after a crash: a survey looks again each time, so whatever was changed before is not found any more. The
notice goes out before the report is written: a crash between the two tells it again. A crawl's event may come twice,
late, and while another is being worked on; nothing that is done depends on that.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import cattrs

from crawlers.ports import CrawlersPort, ReportsPort, SurveyPort
from lambda_trigger.metrics import Metric
from lambda_trigger.notifier import Notifier
from lambda_trigger.ports import MetricsPort
from sluice.contract import Contract
from sluice.drift import Difference, Kind
from sluice.drift.difference import to_tell
from sluice.drift.report import DriftReport, ZoneSurvey, digest
from sluice.errors import MissingObjectError, SluiceError
from sluice.lake.catalog_tables import Zone
from sluice.ledger.record import timestamp
from sluice.logs import log_context
from sluice.settings import Settings

logger = logging.getLogger(__name__)

SUCCEEDED: Final = "Succeeded"
"""Glue writes the states of crawlers in mixed case.

Source: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
"""


@dataclass(frozen=True)
class SchemaSync:
    """Follows crawls.

    Attributes:
        crawlers: What crawlers crawl.
        survey: Compares and changes.
        reports: Where reports are.
        contracts: The contracts by dataset.
        settings: Names of databases and buckets.
        notifier: Tells people.
        metrics: Measurements.
        clock: The present moment in UTC.
    """

    crawlers: CrawlersPort
    survey: SurveyPort
    reports: ReportsPort
    contracts: Mapping[str, Contract]
    settings: Settings
    notifier: Notifier
    metrics: MetricsPort
    clock: Callable[[], datetime]

    def on_crawl(self, crawler: str, state: str) -> None:
        """Work on the end of a crawl.

        Args:
            crawler: Name of the crawler.
            state: The state that its event tells.

        Raises:
            SluiceError: A dataset could not be surveyed; the others have been. The event is to be delivered again.
        """
        if state != SUCCEEDED:
            logger.info("crawler %s: %s, nothing to compare", crawler, state)
            return
        crawled = self._datasets(crawler, self.crawlers.crawled(crawler))
        failures: list[SluiceError] = []
        for zone, dataset in crawled:
            with log_context(dataset=dataset):
                try:
                    self._sync(crawler, zone, self.contracts[dataset])
                except SluiceError as exc:
                    logger.exception("zone %s could not be compared", zone)
                    failures.append(exc)
        if failures:
            raise failures[0]

    def _datasets(self, crawler: str, tables: Sequence[tuple[str, str]]) -> list[tuple[Zone, str]]:
        """Zone and dataset of what was crawled, each once; what is none of ours is logged."""
        known = dict(self._tables())
        found = [(table, known.get(table)) for table in tables]
        unknown = sorted(".".join(table) for table, place in found if place is None)
        if unknown or not found:
            logger.warning("crawler %s: no contract has %s", crawler, ", ".join(unknown) or "a table that it crawls")
        return list(dict.fromkeys(place for _, place in found if place is not None))

    def _tables(self) -> Iterable[tuple[tuple[str, str], tuple[Zone, str]]]:
        for dataset, contract in self.contracts.items():
            yield (self.settings.raw_database, dataset), (Zone.RAW, dataset)
            for name in (*(table.name for table in contract.tables), contract.quarantine_table):
                yield (self.settings.processed_database, name), (Zone.PROCESSED, dataset)

    def _sync(self, crawler: str, zone: Zone, contract: Contract) -> None:
        compare = self.survey.raw if zone is Zone.RAW else self.survey.processed
        found = compare(contract, apply=True)
        report = self._report(contract.dataset)
        told = self._tell(contract.dataset, zone, found, report.told(zone))
        new = report.with_zone(zone, ZoneSurvey(timestamp(self.clock()), crawler, tuple(found), told))
        self.reports.write(self.settings.processed.drift_report(contract.dataset), new.to_json())
        self.metrics.emit(
            contract.dataset,
            {
                Metric.BREAKING_DIFFERENCES: sum(item.kind is Kind.BREAKING for item in found),
                Metric.SCHEMA_CHANGES: sum(item.is_applied for item in found),
            },
        )
        for item in found:
            logger.log(_LEVELS[item.kind], "%s", item)

    def _tell(self, dataset: str, zone: Zone, found: Sequence[Difference], told: str) -> str:
        """Tell support what it has not heard of; gives what it has heard of now."""
        current = digest(found)
        news = current not in ("", told) or any(item.is_applied for item in found)
        if news and not self.notifier.drifted(dataset, zone, to_tell(found)):
            return told
        return current

    def _report(self, dataset: str) -> DriftReport:
        """The report so far; one that is missing or broken is begun again."""
        url = self.settings.processed.drift_report(dataset)
        try:
            return DriftReport.from_json(self.reports.read(url))
        except MissingObjectError:
            return DriftReport(dataset)
        except (ValueError, cattrs.BaseValidationError):
            logger.warning("%s: cannot be read, and is begun again", url)
            return DriftReport(dataset)


_LEVELS = {Kind.BREAKING: logging.WARNING, Kind.NOTE: logging.INFO, Kind.COMPATIBLE: logging.INFO}
