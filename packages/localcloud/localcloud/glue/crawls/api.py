"""Glue's API of crawlers, as request and answer; MiniStack keeps the definitions."""

import statistics
import time
from collections.abc import Mapping
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError, invalid_input
from localcloud.glue.crawls.definition import DEFAULT_POLICY, DEFAULT_RECRAWL, NEW_FOLDERS, Crawler
from localcloud.glue.crawls.engine import CrawlEngine
from localcloud.glue.crawls.records import CrawlRecord, CrawlStore, Owner
from localcloud.glue.crawls.schedule import NOT_SCHEDULED, SCHEDULED, state_of
from localcloud.glue.tags import forget_tags, keep_tags
from localcloud.routing import ActionRouter

# Source: https://docs.aws.amazon.com/glue/latest/webapi/API_LineageConfiguration.html
NO_LINEAGE = {"CrawlerLineageSettings": "DISABLE"}
MAX_PAGE = 1000
_FILTERS = {
    "STATE": "State",
    "CRAWL_ID": "CrawlId",
    "START_TIME": "StartTime",
    "END_TIME": "EndTime",
    "DPU_HOUR": "DPUHour",
}


class CrawlerApi:
    """The actions of crawlers.

    Source: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-crawling.html
    """

    def __init__(self, engine: CrawlEngine, store: CrawlStore, glue: ActionRouter) -> None:
        """Answer for an engine.

        Args:
            engine: does the crawls.
            store: of the crawls.
            glue: keeps the definitions.
        """
        self._engine, self._store, self._glue = engine, store, glue

    def install(self) -> None:
        """Take over the actions."""
        for action in (
            ("CreateCrawler", self.create_crawler),
            ("UpdateCrawler", self.update_crawler),
            ("DeleteCrawler", self.delete_crawler),
            ("GetCrawler", self.get_crawler),
            ("GetCrawlers", self.get_crawlers),
            ("BatchGetCrawlers", self.batch_get_crawlers),
            ("ListCrawlers", self.list_crawlers),
            ("StartCrawler", self.start_crawler),
            ("StopCrawler", self.stop_crawler),
            ("GetCrawlerMetrics", self.get_crawler_metrics),
            ("ListCrawls", self.list_crawls),
            ("StartCrawlerSchedule", self.start_crawler_schedule),
            ("StopCrawlerSchedule", self.stop_crawler_schedule),
            ("UpdateCrawlerSchedule", self.update_crawler_schedule),
        ):
            self._glue.add(*action)

    def create_crawler(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateCrawler, checked, with its tags and defaults; lineage is off unless the request says otherwise."""
        name = _name(request)
        whole = {
            **request,
            "LineageConfiguration": request.get("LineageConfiguration") or NO_LINEAGE,
            "SchemaChangePolicy": DEFAULT_POLICY | (request.get("SchemaChangePolicy") or {}),
            "RecrawlPolicy": request.get("RecrawlPolicy") or DEFAULT_RECRAWL,
        }
        _check(whole)
        answer = self._glue.call_inner("AWSGlue.CreateCrawler", whole)
        keep_tags(self._glue, "crawler", name, request.get("Tags"))
        return answer

    def update_crawler(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateCrawler of one that is not running; the result is checked as a whole."""
        name = _name(request)
        existing = self._definition(name)
        self._engine.require_idle(_owner(name))
        _check({**existing, **request})
        is_incremental = (existing.get("RecrawlPolicy") or {}).get("RecrawlBehavior") == NEW_FOLDERS
        stays = (request.get("RecrawlPolicy") or existing.get("RecrawlPolicy") or {}).get(
            "RecrawlBehavior"
        ) == NEW_FOLDERS
        changes = "Targets" in request and request["Targets"] != existing.get("Targets")
        if is_incremental and stays and changes:
            # Source: https://docs.aws.amazon.com/glue/latest/dg/incremental-crawls.html
            raise invalid_input("Amazon S3 targets cannot be changed while the crawler crawls new folders only")
        return self._glue.call_inner("AWSGlue.UpdateCrawler", request)

    def delete_crawler(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteCrawler of one that is not running, with its tags and its crawls."""
        name = _name(request)
        self._definition(name)
        self._engine.require_idle(_owner(name))
        answer = self._glue.call_inner("AWSGlue.DeleteCrawler", request)
        forget_tags(self._glue, "crawler", name)
        self._store.forget(_owner(name))
        return answer

    def get_crawler(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetCrawler, as it is now."""
        return {"Crawler": self._shown(self._definition(_name(request)))}

    def get_crawlers(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetCrawlers, by name, in pages."""
        page, token = _page(self._definitions(), request)
        return {"Crawlers": [self._shown(definition) for definition in page], **token}

    def batch_get_crawlers(self, request: dict[str, Any]) -> dict[str, Any]:
        """BatchGetCrawlers."""
        known = {definition["Name"]: definition for definition in self._definitions()}
        names = request.get("CrawlerNames") or []
        found = [self._shown(known[name]) for name in names if name in known]
        return {"Crawlers": found, "CrawlersNotFound": [name for name in names if name not in known]}

    def list_crawlers(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListCrawlers, in pages; with Tags only those that have them all."""
        wanted = (request.get("Tags") or {}).items()
        names = [definition["Name"] for definition in self._definitions()]
        page, token = _page([name for name in names if wanted <= self._tags(name).items()], request)
        return {"CrawlerNames": page, **token}

    def start_crawler(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartCrawler."""
        name = _name(request)
        self._engine.submit(_owner(name), self._definition(name))
        return {}

    def stop_crawler(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopCrawler."""
        name = _name(request)
        self._definition(name)
        self._engine.request_stop(_owner(name))
        return {}

    def get_crawler_metrics(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetCrawlerMetrics: changes of the last crawl, which ended or not, and times."""
        wanted = request.get("CrawlerNameList") or []
        names = [definition["Name"] for definition in self._definitions()]
        page, token = _page([name for name in names if not wanted or name in wanted], request)
        return {"CrawlerMetricsList": [self._metrics(name) for name in page], **token}

    def list_crawls(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListCrawls, the newest first, filtered and in pages."""
        name = _name(request, "CrawlerName")
        self._definition(name)
        crawls = [record.history(time.time()) for record in self._store.of(_owner(name))]
        found = [crawl for crawl in crawls if all(_matches(crawl, rule) for rule in request.get("Filters") or [])]
        page, token = _page(found, request)
        return {"Crawls": page, **token}

    def start_crawler_schedule(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartCrawlerSchedule."""
        definition = self._live(_name(request, "CrawlerName"))
        if not (definition.get("Schedule") or {}).get("ScheduleExpression"):
            raise AwsApiError("NoScheduleException", f"Crawler {definition['Name']} has no schedule")
        if state_of(definition) == SCHEDULED:
            raise AwsApiError("SchedulerRunningException", f"The schedule of {definition['Name']} is running")
        definition["Schedule"] = {**definition["Schedule"], "State": SCHEDULED}
        return {}

    def stop_crawler_schedule(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopCrawlerSchedule."""
        definition = self._live(_name(request, "CrawlerName"))
        if state_of(definition) != SCHEDULED:
            raise AwsApiError("SchedulerNotRunningException", f"The schedule of {definition['Name']} is not running")
        definition["Schedule"] = {**definition["Schedule"], "State": NOT_SCHEDULED}
        return {}

    def update_crawler_schedule(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateCrawlerSchedule."""
        definition = self._live(_name(request, "CrawlerName"))
        expression = request.get("Schedule") or ""
        _check_schedule(expression)
        definition["Schedule"] = {"ScheduleExpression": expression} if expression else {}
        return {}

    def start_scheduled(self, owner: Owner) -> None:
        """Start a crawl because of its schedule.

        Raises:
            AwsApiError: it is running, or cannot be started.
        """
        account_id, region, name = owner
        with registry.request_scope(account_id, region):
            definition = registry.glue_crawlers().get(name)
        if definition is not None:
            self._engine.submit(owner, definition)

    def _definition(self, name: str) -> dict[str, Any]:
        definition: dict[str, Any] = self._glue.call_inner("AWSGlue.GetCrawler", {"Name": name})["Crawler"]
        return definition

    def _definitions(self) -> list[dict[str, Any]]:
        return sorted(self._glue.call_inner("AWSGlue.GetCrawlers", {})["Crawlers"], key=lambda found: found["Name"])

    def _live(self, name: str) -> dict[str, Any]:
        self._definition(name)
        return registry.glue_crawlers()[name]

    def _tags(self, name: str) -> dict[str, str]:
        account_id, region, _ = _owner(name)
        arn = f"arn:aws:glue:{region}:{account_id}:crawler/{name}"
        tags: dict[str, str] = self._glue.call_inner("AWSGlue.GetTags", {"ResourceArn": arn})["Tags"]
        return tags

    def _shown(self, definition: dict[str, Any]) -> dict[str, Any]:
        crawls = self._store.of(_owner(definition["Name"]))
        active = self._engine.active(_owner(definition["Name"]))
        last = next((record for record in crawls if not record.is_active), None)
        shown = {name: value for name, value in definition.items() if name != "LastCrawl"}
        shown["State"] = "READY" if active is None else active.state
        shown["CrawlElapsedTime"] = 0 if active is None else int(active.seconds(time.time()) * 1000)
        if (definition.get("Schedule") or {}).get("ScheduleExpression"):
            shown["Schedule"] = {**definition["Schedule"], "State": state_of(definition)}
        return shown if last is None else shown | {"LastCrawl": last.last_crawl()}

    def _metrics(self, name: str) -> dict[str, Any]:
        crawls = self._store.of(_owner(name))
        ended = [record for record in crawls if not record.is_active]
        times = [record.seconds(time.time()) for record in ended]
        counts = _counts(ended)
        return {
            "CrawlerName": name,
            "TimeLeftSeconds": 0.0,
            "StillEstimating": len(ended) < len(crawls),
            "LastRuntimeSeconds": times[0] if times else 0.0,
            "MedianRuntimeSeconds": statistics.median(times) if times else 0.0,
            "TablesCreated": counts.get("tablesCreated", 0),
            "TablesUpdated": counts.get("tablesUpdated", 0),
            "TablesDeleted": counts.get("tablesDeleted", 0),
        }


def _counts(ended: list[CrawlRecord]) -> dict[str, int]:
    return (ended[0].counts or {}) if ended else {}


def _name(request: Mapping[str, Any], field: str = "Name") -> str:
    name = request.get(field)
    if not isinstance(name, str) or not name:
        raise invalid_input(f"{field} is missing")
    return name


def _owner(name: str) -> Owner:
    return (*registry.current_scope(), name)


def _check(definition: Mapping[str, Any]) -> None:
    Crawler.from_definition(definition)
    schedule = definition.get("Schedule") or ""
    _check_schedule(schedule if isinstance(schedule, str) else schedule.get("ScheduleExpression") or "")


def _check_schedule(expression: str) -> None:
    if expression and not registry.is_cron(expression):
        raise invalid_input(f"Schedule {expression!r} is not a cron expression")


def _page(items: list[Any], request: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
    token = request.get("NextToken") or "0"
    if not str(token).isdecimal():
        raise invalid_input("NextToken is none that this API gave")
    start, end = int(token), int(token) + int(request.get("MaxResults") or MAX_PAGE)
    return items[start:end], {} if end >= len(items) else {"NextToken": str(end)}


def _matches(crawl: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    field, wanted = _FILTERS.get(str(rule.get("FieldName"))), rule.get("FieldValue")
    if field is None:
        raise invalid_input(f"Filters know {', '.join(_FILTERS)}, not {rule.get('FieldName')}")
    value = crawl.get(field)
    if value is None:
        return False
    if isinstance(value, str):
        return (value == wanted) == (rule.get("FilterOperator") != "NE")
    found, asked = float(value), float(str(wanted))
    compared = {"GT": found > asked, "GE": found >= asked, "LT": found < asked, "LE": found <= asked}
    return (compared | {"EQ": found == asked, "NE": found != asked})[str(rule.get("FilterOperator"))]
