"""Schedules of crawlers: fires those whose time has come.

Expressions are read as EventBridge reads them; that they may not be closer than five minutes is not checked.
Source: https://docs.aws.amazon.com/glue/latest/dg/monitor-data-warehouse-schedule.html
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from localcloud.errors import AwsApiError
from localcloud.glue.crawls.records import Owner

logger = logging.getLogger(__name__)

SCHEDULED, NOT_SCHEDULED = "SCHEDULED", "NOT_SCHEDULED"
TICK_SECONDS = 1.0


def state_of(definition: Mapping[str, Any]) -> str:
    """The state of a crawler's schedule; one that has an expression runs until it is stopped."""
    schedule = definition.get("Schedule") or {}
    return str(schedule.get("State") or SCHEDULED) if schedule.get("ScheduleExpression") else NOT_SCHEDULED


class Scheduler:
    """Starts crawls at their times, from `start` to `stop`. Times that pass while nothing runs are not made up for."""

    def __init__(
        self,
        crawlers: Callable[[], Iterable[tuple[Owner, Mapping[str, Any]]]],
        next_time: Callable[[str, datetime], datetime | None],
        fire: Callable[[Owner], None],
        now: Callable[[], float],
    ) -> None:
        """Look after schedules.

        Args:
            crawlers: gives all crawlers with their definitions.
            next_time: gives the first time of an expression after another time.
            fire: starts a crawler's crawl.
            now: seconds since the epoch.
        """
        self._crawlers, self._next_time, self._fire, self._now = crawlers, next_time, fire, now
        self._looked_at = now()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="glue-crawler-schedules", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._closing.set()
        self._thread.join()

    def tick(self) -> None:
        """Fire every crawler that has a time since the last tick; one that is running already is left alone."""
        since, self._looked_at = self._looked_at, self._now()
        after, until = (datetime.fromtimestamp(moment, UTC) for moment in (since, self._looked_at))
        for owner, definition in self._crawlers():
            if state_of(definition) != SCHEDULED:
                continue
            moment = self._next_time(definition["Schedule"]["ScheduleExpression"], after)
            if moment is not None and moment <= until:
                self._start(owner)

    def _start(self, owner: Owner) -> None:
        try:
            self._fire(owner)
        except AwsApiError as error:
            logger.warning("the schedule of crawler %s started no crawl: %s", owner[2], error)

    def _run(self) -> None:
        while not self._closing.wait(TICK_SECONDS):
            self.tick()
