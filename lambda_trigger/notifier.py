"""Telling people: everything that they have to hear of, at least once.

A notice goes out before the state that it tells of is booked, so a crash between the two sends it again. One that
cannot be sent is kept in the ledger, and each sweep sends what is kept. One that cannot be kept either is an error:
what it tells of is not booked, and so it is told when that is tried again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lambda_trigger import notices
from lambda_trigger.metrics import Metric
from lambda_trigger.notices import Audience, Notice, StepFailure
from lambda_trigger.ports import MetricsPort, OutboxPort, TopicsPort
from sluice.drift import Difference
from sluice.errors import SluiceError
from sluice.failures import are_alike
from sluice.ledger.record import BatchRecord, KeptNotice, Outage
from sluice.logs import log_context
from sluice.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notifier:
    """Publishes notices. Every method raises a `SluiceError` for a notice that can be neither sent nor kept.

    Attributes:
        topics: Where notices are published.
        metrics: Counts those that could not be sent at once.
        settings: Names of the topics.
        clock: The present moment in UTC.
        outbox: Where those are kept; None where the caller tries again by itself.
    """

    topics: TopicsPort
    metrics: MetricsPort
    settings: Settings
    clock: Callable[[], datetime]
    outbox: OutboxPort | None = None

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

    def outage_began(self, outage: Outage, waiting: int) -> KeptNotice:
        """The notice that something that a stage depends on is away, to be kept together with the outage."""
        return self._kept(outage.dataset, notices.outage_began(outage, waiting))

    def outage_ended(self, outage: Outage) -> KeptNotice:
        """The notice that it is back, to be kept in place of the outage."""
        return self._kept(outage.dataset, notices.outage_ended(outage, self.clock()))

    def send(self, kept: KeptNotice) -> None:
        """Send a notice that is kept; where that fails, the sweep sends it."""
        try:
            self._send(kept)
        except SluiceError:
            logger.exception("notice %r could not be sent", kept.subject)
            self.metrics.emit(kept.dataset, {Metric.NOTIFICATIONS_FAILED: 1})

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
            Whether the notice went out or is kept; it is to be tried again otherwise.
        """
        return self._publish(dataset, notices.drifted(dataset, zone, differences))

    def send_kept(self) -> None:
        """Send the notices that are kept, the oldest first.

        Raises:
            SluiceError: One still cannot be sent; it and those behind it stay.
        """
        if self.outbox is None:
            return
        for kept in self.outbox.kept_notices():
            with log_context(dataset=kept.dataset):
                self._send(kept)
                logger.info("notice %r of %s is sent", kept.subject, kept.name.partition("#")[0])

    def _send(self, kept: KeptNotice) -> None:
        self.topics.publish(kept.topic, kept.subject, kept.body)
        # A crash here sends it once more.
        if self.outbox is not None:
            self.outbox.drop_notice(kept.name)

    def _publish(self, dataset: str, notice: Notice) -> bool:
        kept = self._kept(dataset, notice)
        try:
            self.topics.publish(kept.topic, kept.subject, kept.body)
        except SluiceError:
            logger.exception("notice %r could not be sent", notice.subject)
            self.metrics.emit(dataset, {Metric.NOTIFICATIONS_FAILED: 1})
            if self.outbox is None:
                return False
            self.outbox.keep_notice(kept)
        return True

    def _kept(self, dataset: str, notice: Notice) -> KeptNotice:
        topics = {
            Audience.BUSINESS: self.settings.business_topic,
            Audience.SUPPORT: self.settings.support_topic,
        }
        return KeptNotice.first(self.clock(), dataset, topics[notice.audience], notice.subject, notice.body)
