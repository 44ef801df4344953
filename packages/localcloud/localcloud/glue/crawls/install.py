"""Puts crawls over MiniStack's crawlers."""

import time
from pathlib import Path

from localcloud import registry
from localcloud.glue.crawls.api import CrawlerApi
from localcloud.glue.crawls.engine import CrawlEngine
from localcloud.glue.crawls.records import CrawlStore
from localcloud.glue.crawls.schedule import Scheduler
from localcloud.iam.acting import Acting
from localcloud.routing import ActionRouter


class Crawls:
    """Crawls and their schedules, from `start` to `stop`."""

    def __init__(self, engine: CrawlEngine, scheduler: Scheduler) -> None:
        self._engine, self._scheduler = engine, scheduler

    def start(self) -> None:
        """Settle what an earlier local cloud left, then look after schedules."""
        self._engine.start()
        self._scheduler.start()

    def stop(self) -> None:
        """Start no crawls any more and stop those that run."""
        self._scheduler.stop()
        self._engine.stop()


def install_crawls(folder: Path, acting: Acting, glue: ActionRouter) -> Crawls:
    """Answer the actions of crawlers; the crawls are to be started once the endpoint answers.

    Args:
        folder: where crawls are kept.
        acting: gives the clients of the crawlers' roles.
        glue: keeps the definitions.
    """
    store = CrawlStore(folder)
    engine = CrawlEngine(store, acting)
    api = CrawlerApi(engine, store, glue)
    api.install()
    return Crawls(engine, Scheduler(registry.all_crawlers, registry.next_cron_time, api.start_scheduled, time.time))
