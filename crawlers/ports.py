"""What the schema sync needs of the outside world beside a survey; tests put doors in that fail on demand."""

from typing import Protocol

from sluice.contract import Contract
from sluice.drift import Difference


class CrawlersPort(Protocol):
    """The part of `sluice.aws.schemas.CatalogSchemas` that tells what a crawler crawls."""

    def crawled(self, crawler: str) -> tuple[tuple[str, str], ...]: ...


class SurveyPort(Protocol):
    """The part of `sluice.drift.survey.Survey` that the sync uses; see there for what each method promises."""

    def processed(self, contract: Contract, *, apply: bool) -> list[Difference]: ...
    def raw(self, contract: Contract, *, apply: bool) -> list[Difference]: ...


class ReportsPort(Protocol):
    """The part of `sluice.aws.documents.Documents` that the sync uses."""

    def read(self, url: str) -> str: ...
    def write(self, url: str, text: str) -> None: ...
