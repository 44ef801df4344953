"""A crawler's definition as a value, and what Glue refuses in one.

Source: https://docs.aws.amazon.com/glue/latest/webapi/API_CreateCrawler.html,
https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html (targets),
https://docs.aws.amazon.com/glue/latest/dg/incremental-crawls.html and
https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-event-notifications.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from localcloud.errors import invalid_input
from localcloud.glue.crawls.configuration import Configuration
from localcloud.glue.crawls.globs import compile_glob

EVERYTHING, NEW_FOLDERS, EVENTS = "CRAWL_EVERYTHING", "CRAWL_NEW_FOLDERS_ONLY", "CRAWL_EVENT_MODE"
LOG, UPDATE, DELETE, DEPRECATE = "LOG", "UPDATE_IN_DATABASE", "DELETE_FROM_DATABASE", "DEPRECATE_IN_DATABASE"
DEFAULT_POLICY = {"UpdateBehavior": UPDATE, "DeleteBehavior": DEPRECATE}
DEFAULT_RECRAWL = {"RecrawlBehavior": EVERYTHING}
MAX_SAMPLE = 249


@dataclass(frozen=True, slots=True)
class S3Target:
    """A folder to crawl.

    Attributes:
        path: the include path.
        exclusions: patterns, relative to it.
        sample_size: files of each folder that are looked at; None for all.
        queue_arn: of the queue of events, for event mode.
        dead_letters_arn: where messages go that are no events.
    """

    path: str
    exclusions: tuple[str, ...] = ()
    sample_size: int | None = None
    queue_arn: str | None = None
    dead_letters_arn: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogTarget:
    """Tables to crawl.

    Attributes:
        database: of the tables.
        tables: their names.
        queue_arn: of the queue of events, for event mode.
        dead_letters_arn: where messages go that are no events.
    """

    database: str
    tables: tuple[str, ...]
    queue_arn: str | None = None
    dead_letters_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Crawler:
    """What a crawl needs to know of its crawler.

    Attributes:
        role: that the crawls act as, by its name or ARN.
        database: where new tables come.
        version: changes with each update of the crawler.
        unsupported: kinds of targets, and other settings, with which no crawl can run here.
    """

    name: str
    database: str
    prefix: str
    s3_targets: tuple[S3Target, ...]
    catalog_targets: tuple[CatalogTarget, ...]
    update_behavior: str
    delete_behavior: str
    recrawl: str
    configuration: Configuration
    version: int = 1
    unsupported: tuple[str, ...] = ()
    role: str = ""

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> Self:
        """Read a definition, as CreateCrawler has it or as GetCrawler shows it.

        Raises:
            AwsApiError: InvalidInputException, it breaks a rule.
        """
        targets = {kind: found for kind, found in (definition.get("Targets") or {}).items() if found}
        policy = DEFAULT_POLICY | (definition.get("SchemaChangePolicy") or {})
        catalog = tuple(map(_catalog_target, targets.pop("CatalogTargets", [])))
        s3 = tuple(map(_s3_target, targets.pop("S3Targets", [])))
        classifiers = ["custom classifiers"] if definition.get("Classifiers") else []
        crawler = cls(
            name=str(definition["Name"]),
            database=definition.get("DatabaseName") or "",
            prefix=definition.get("TablePrefix") or "",
            s3_targets=s3,
            catalog_targets=catalog,
            update_behavior=policy["UpdateBehavior"],
            delete_behavior=policy["DeleteBehavior"],
            recrawl=(DEFAULT_RECRAWL | (definition.get("RecrawlPolicy") or {}))["RecrawlBehavior"],
            configuration=Configuration.from_text(definition.get("Configuration") or ""),
            version=int(definition.get("Version") or 1),
            unsupported=(*targets, *classifiers),
            role=str(definition.get("Role") or ""),
        )
        crawler._check()
        return crawler

    @property
    def combines(self) -> bool:
        """Whether schemas are combined; for catalog targets they always are."""
        return bool(self.catalog_targets) or self.configuration.combines

    @property
    def targets(self) -> list["S3Target | CatalogTarget"]:
        """All targets that can be crawled."""
        return [*self.s3_targets, *self.catalog_targets]

    def _check(self) -> None:
        _check_choice("UpdateBehavior", self.update_behavior, LOG, UPDATE)
        _check_choice("DeleteBehavior", self.delete_behavior, LOG, DELETE, DEPRECATE)
        _check_choice("RecrawlBehavior", self.recrawl, EVERYTHING, NEW_FOLDERS, EVENTS)
        others = [kind for kind in self.unsupported if kind.endswith("Targets")]
        if not (self.s3_targets or self.catalog_targets or others):
            raise invalid_input("A crawler needs a target")
        if self.catalog_targets:
            self._check_catalog_targets(mixed=bool(self.s3_targets or others))
        if self.recrawl == NEW_FOLDERS:
            self._check_new_folders()
        if self.recrawl == EVENTS:
            self._check_events()

    def _check_catalog_targets(self, *, mixed: bool) -> None:
        if mixed:
            raise invalid_input("Catalog targets cannot be mixed with other types of targets")
        if self.delete_behavior != LOG:
            raise invalid_input("The SchemaChangePolicy for Catalog targets can have only LOG DeleteBehavior value")

    def _check_new_folders(self) -> None:
        if self.catalog_targets or not self.s3_targets:
            raise invalid_input("CRAWL_NEW_FOLDERS_ONLY is for Amazon S3 targets")
        if (self.update_behavior, self.delete_behavior) != (LOG, LOG):
            raise invalid_input(
                'The SchemaChangePolicy for "Crawl new folders only" Amazon S3 target can have only LOG '
                "DeleteBehavior value and LOG UpdateBehavior value"
            )

    def _check_events(self) -> None:
        targets = self.targets
        if len(targets) != 1 or any(kind.endswith("Targets") for kind in self.unsupported):
            raise invalid_input("CRAWL_EVENT_MODE needs exactly one Amazon S3 or Catalog target")
        if targets[0].queue_arn is None:
            raise invalid_input("CRAWL_EVENT_MODE needs the target's EventQueueArn")
        if any(target.sample_size is not None for target in self.s3_targets):
            raise invalid_input("CRAWL_EVENT_MODE does not support sampling (SampleSize)")


def _check_choice(name: str, value: str, *allowed: str) -> None:
    if value not in allowed:
        raise invalid_input(f"{name} must be one of {', '.join(allowed)}, not {value}")


def _s3_target(target: Mapping[str, Any]) -> S3Target:
    path, sample = str(target.get("Path") or ""), target.get("SampleSize")
    if not path.removeprefix("s3://") or ("://" in path and not path.startswith("s3://")):
        raise invalid_input(f"{path!r} is not a path in Amazon S3")
    if sample is not None and not 1 <= int(sample) <= MAX_SAMPLE:
        raise invalid_input(f"SampleSize must be 1 to {MAX_SAMPLE}, not {sample}")
    exclusions = tuple(map(str, target.get("Exclusions") or ()))
    for pattern in exclusions:
        compile_glob(pattern)
    path = path if path.startswith("s3://") else f"s3://{path}"
    return S3Target(path, exclusions, sample, target.get("EventQueueArn"), target.get("DlqEventQueueArn"))


def _catalog_target(target: Mapping[str, Any]) -> CatalogTarget:
    tables = tuple(map(str, target.get("Tables") or ()))
    if not target.get("DatabaseName") or not tables:
        raise invalid_input("A Catalog target needs DatabaseName and Tables")
    return CatalogTarget(target["DatabaseName"], tables, target.get("EventQueueArn"), target.get("DlqEventQueueArn"))
