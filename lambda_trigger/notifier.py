"""Telling people. A notice that cannot be sent is logged and counted, and stops nothing.

A notice goes out before the state that it tells of is booked, so a crash between the two sends it again: people hear of
everything at least once.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lambda_trigger.ports import MetricsPort, TopicsPort
from sluice import notices
from sluice.drift import Difference
from sluice.errors import SluiceError
from sluice.failures import are_alike
from sluice.metrics import Metric
from sluice.notices import Audience, Notice, StepFailure
from sluice.record import BatchRecord, Outage
from sluice.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notifier:
    """Publishes notices. No method raises an error of AWS.

    Attributes:
        topics: Where notices are published.
        metrics: Counts those that could not be.
        settings: Names of the topics.
        clock: The present moment in UTC.
    """

    topics: TopicsPort
    metrics: MetricsPort
    settings: Settings
    clock: Callable[[], datetime]

    def arrived(self, record: BatchRecord) -> None:
        """Tell that a manifest has been taken in, if the settings want that."""
        if self.settings.announce_arrivals:
            self._publish(record.dataset, notices.arrived(record))

    def rejected(self, record: BatchRecord) -> None:
        """Tell that a manifest broke a rule."""
        self._publish(record.dataset, notices.rejected(record))

    def failed(self, records: Sequence[BatchRecord]) -> None:
        """Tell that batches of a dataset have failed for good: one notice for each cause."""
        causes: list[list[BatchRecord]] = []
        for record in records:
            same = next((cause for cause in causes if are_alike(cause[0].reason, record.reason)), None)
            if same is None:
                causes.append([record])
            else:
                same.append(record)
        for cause in causes:
            notice = notices.failed(cause[0]) if len(cause) == 1 else notices.failed_together(cause)
            self._publish(cause[0].dataset, notice)

    def outage_began(self, outage: Outage, waiting: int) -> None:
        """Tell that something that a stage depends on is away."""
        self._publish(outage.dataset, notices.outage_began(outage, waiting))

    def outage_ended(self, outage: Outage) -> None:
        """Tell that it is back."""
        self._publish(outage.dataset, notices.outage_ended(outage, self.clock()))

    def loaded(self, dataset: str, records: Sequence[BatchRecord]) -> None:
        """Tell that a load and all that follows it is done."""
        self._publish(dataset, notices.loaded(dataset, records, self.clock()))

    def stopped(
        self, dataset: str, execution: str, records: Sequence[BatchRecord], failure: StepFailure, *, is_given_up: bool
    ) -> None:
        """Tell that something after a load failed."""
        self._publish(dataset, notices.stopped(dataset, execution, records, failure, is_given_up=is_given_up))

    def drifted(self, dataset: str, zone: str, differences: Sequence[Difference]) -> bool:
        """Tell how a dataset differs from its contract.

        Returns:
            Whether the notice went out; it is to be tried again otherwise.
        """
        return self._publish(dataset, notices.drifted(dataset, zone, differences))

    def _publish(self, dataset: str, notice: Notice) -> bool:
        topics = {
            Audience.BUSINESS: self.settings.business_topic,
            Audience.SUPPORT: self.settings.support_topic,
        }
        try:
            self.topics.publish(topics[notice.audience], notice.subject, notice.body)
        except SluiceError:
            logger.exception("notice %r could not be sent", notice.subject)
            self.metrics.emit(dataset, {Metric.NOTIFICATIONS_FAILED: 1})
            return False
        return True
