"""All crawls of a local cloud: starts, stops and ends them, each on a thread of its own."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.clients import Clients
from localcloud.errors import AwsApiError, CloudError
from localcloud.glue.crawls import announce
from localcloud.glue.crawls.catalog import Catalog
from localcloud.glue.crawls.crawl import Crawl, Doors, Memory, wants_events
from localcloud.glue.crawls.definition import EVENTS, Crawler
from localcloud.glue.crawls.queue import EventQueue, Messages
from localcloud.glue.crawls.records import (
    CANCELLED,
    FAILED,
    RUNNING,
    STOPPING,
    SUCCEEDED,
    CrawlRecord,
    CrawlStore,
    Owner,
)
from localcloud.glue.crawls.report import Report
from localcloud.iam.acting import Acting

logger = logging.getLogger(__name__)

INTERRUPTED = "LocalCloudStopped: local cloud stopped while the crawl was running"
FAILED_INSIDE = "InternalServiceException: the local cloud failed; its log has the reason"
JOIN_SECONDS = 30.0
PRINCIPALS = ("glue.amazonaws.com",)
SESSION = "AWS-Crawler"
_MAX_MESSAGE = 2000


class _CalledOffError(Exception):
    """The crawl is to stop."""


@dataclass(slots=True)
class _Running:
    record: CrawlRecord
    stop: threading.Event
    thread: threading.Thread | None = None


class CrawlEngine:
    """All crawls.

    A crawl is on disk when it starts and when it ends. Those that a kill found running are FAILED at the next start.
    """

    def __init__(self, store: CrawlStore, acting: Acting, now: Callable[[], float] = time.time) -> None:
        """Take over the crawls on disk; `start` settles them.

        Args:
            store: of the crawls.
            acting: gives the clients of the crawlers' roles.
            now: seconds since the epoch.
        """
        self._store, self._acting, self._now = store, acting, now
        self._lock = threading.Lock()
        self._running: dict[Owner, _Running] = {}
        self._closing = threading.Event()

    def start(self) -> None:
        """End as FAILED what an earlier local cloud left running, with its event."""
        for record in self._store.active():
            failed = replace(record, state=FAILED, ended_at=self._now(), error_message=INTERRUPTED)
            announce.send_end(self._store.save(failed), self._now())

    def stop(self) -> None:
        """Stop all crawls; the next start ends them."""
        self._closing.set()
        with self._lock:
            threads = [running.thread for running in self._running.values()]
        for thread in threads:
            if thread is not None:
                thread.join(JOIN_SECONDS)

    def submit(self, owner: Owner, definition: Mapping[str, Any]) -> None:
        """Start a crawl.

        Args:
            owner: the crawler's account, region and name.
            definition: as GetCrawler shows it.

        Raises:
            AwsApiError: CrawlerRunningException, it has one.
        """
        crawler = Crawler.from_definition(definition)
        account_id, region, name = owner
        record = CrawlRecord(str(uuid.uuid4()), account_id, region, name, RUNNING, self._now())
        running = _Running(record, threading.Event())
        with self._lock:
            if owner in self._running:
                raise AwsApiError("CrawlerRunningException", f"Crawler with name {name} has already started")
            self._store.save(record)
            self._running[owner] = running
            running.thread = threading.Thread(target=self._run, args=(running, crawler), name="glue-crawl", daemon=True)
        running.thread.start()

    def request_stop(self, owner: Owner) -> None:
        """Stop a crawl; returns at once, the crawler is STOPPING until its thread is done.

        Raises:
            AwsApiError: CrawlerNotRunningException or CrawlerStoppingException.
        """
        with self._lock:
            running = self._running.get(owner)
            if running is None:
                raise AwsApiError("CrawlerNotRunningException", f"Crawler with name {owner[2]} isn't running")
            if running.stop.is_set():
                raise AwsApiError("CrawlerStoppingException", f"Crawler with name {owner[2]} is stopping")
            running.record = self._store.save(replace(running.record, state=STOPPING))
            running.stop.set()

    def require_idle(self, owner: Owner) -> None:
        """Make sure that a crawler is not running.

        Raises:
            AwsApiError: CrawlerRunningException, it is.
        """
        if self.active(owner) is not None:
            raise AwsApiError("CrawlerRunningException", f"Crawler with name {owner[2]} is running")

    def active(self, owner: Owner) -> CrawlRecord | None:
        """A crawler's crawl that has not ended."""
        with self._lock:
            running = self._running.get(owner)
            return None if running is None else running.record

    def _run(self, running: _Running, crawler: Crawler) -> None:
        report = Report(running.record.id)
        state, message, clients = FAILED, FAILED_INSIDE, None
        try:
            self._announce_start(running.record, report, crawler)
            clients = self._acting.take_on(crawler.role, PRINCIPALS, SESSION, running.record.owner[:2])
            self._crawl(running, crawler, report, clients)
            state, message = SUCCEEDED, ""
        except _CalledOffError:
            state, message = (FAILED, INTERRUPTED) if self._closing.is_set() else (CANCELLED, "")
        except (CloudError, OSError, ClientError, BotoCoreError) as error:
            logger.warning("the crawl of %s failed: %s", crawler.name, error)
            message = _message(error)
        finally:
            self._finish(running, report, state, message, clients)

    def _announce_start(self, record: CrawlRecord, report: Report, crawler: Crawler) -> None:
        report.say(f"Running Start Crawl for Crawler {crawler.name}", "BENCHMARK")
        report.say(
            f"Crawler configured with UpdateBehavior {crawler.update_behavior}, DeleteBehavior "
            f"{crawler.delete_behavior}, RecrawlBehavior {crawler.recrawl}"
        )
        announce.send_start(record)

    def _crawl(self, running: _Running, crawler: Crawler, report: Report, clients: Clients) -> None:
        owner = running.record.owner
        memory = self._store.memory(owner)
        queue, messages = self._take_events(owner, clients, crawler)
        is_done = False
        try:
            remembered = self._work(running, crawler, report, clients, messages, memory)
            self._store.remember(owner, remembered)
            is_done = True
        finally:
            if queue is not None and messages is not None:
                (queue.done if is_done else queue.give_back)(messages)

    def _take_events(
        self, owner: Owner, clients: Clients, crawler: Crawler
    ) -> tuple[EventQueue | None, Messages | None]:
        """Take the events before anything is listed: what comes later waits for the next crawl."""
        target = next(iter(crawler.targets), None)
        if crawler.recrawl != EVENTS or target is None or target.queue_arn is None:
            return None, None
        own = self._acting.clients.of(*owner[:2])
        queue = EventQueue(clients.sqs(), target.queue_arn, own.sqs(), target.dead_letters_arn)
        return queue, queue.take()

    def _work(
        self,
        running: _Running,
        crawler: Crawler,
        report: Report,
        clients: Clients,
        messages: Messages | None,
        memory: Memory,
    ) -> Memory:
        changed = None
        if messages is not None:
            by_events = wants_events(crawler, memory)
            changed = messages.folders if by_events else None
            how = (
                f"folders of {len(messages.objects)} events" if by_events else "everything: first crawl of this version"
            )
            report.say(f"Took {len(messages.receipts)} messages, crawling {how}")
            for stray in messages.strays:
                report.warn(f"A message is not an event of S3: {stray[:200]}")
        doors = Doors(clients.s3(), Catalog(clients.glue()))

        def check() -> None:
            if running.stop.is_set() or self._closing.is_set():
                raise _CalledOffError

        return Crawl(crawler, doors, memory, changed, report, check, self._now).run()

    def _finish(self, running: _Running, report: Report, state: str, message: str, clients: Clients | None) -> None:
        """Log and save an end, then tell of it, so that whoever hears the event sees the end.

        The log is written as the crawler's role; a crawl that could not take it on has none.
        """
        if message:
            report.say(message, "ERROR")
        report.say("Crawler has finished running and is in state READY", "BENCHMARK")
        record = replace(
            running.record,
            state=state,
            ended_at=self._now(),
            error_message=message[:_MAX_MESSAGE],
            warning_message="; ".join(report.warnings)[:_MAX_MESSAGE],
            counts=report.counts,
            summary=report.summary,
        )
        if self._closing.is_set():
            return  # nobody listens any more: the next start ends it
        try:
            if clients is not None:
                announce.write_log(clients.logs(), record, report.lines)
        except (ClientError, BotoCoreError) as error:
            logger.warning("the log of a crawl of %s is lost: %s", record.crawler, error)
        with self._lock:
            self._store.save(record)
            self._running.pop(record.owner, None)
        announce.send_end(record, self._now())


def _message(error: Exception) -> str:
    if isinstance(error, ClientError):
        found = error.response.get("Error", {})
        return f"{found.get('Code', '')}: {found.get('Message', '')}"
    return f"{error.code}: {error.message}" if isinstance(error, AwsApiError) else str(error)
