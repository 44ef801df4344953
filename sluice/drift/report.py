"""What people and the next sync find of a survey: a document for each dataset, beside the published files."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sluice.drift.difference import Difference, Kind, to_tell
from sluice.lake.handover import Document


@dataclass(frozen=True)
class ZoneSurvey:
    """The last survey of one zone of a dataset; a crawl of one zone says nothing of the other.

    Attributes:
        surveyed_at: When, ISO 8601 in UTC.
        crawler: The crawler whose end started it; empty for a person.
        differences: All that were found.
        told: What support was told last, as `digest` gives it; empty for nothing.
    """

    surveyed_at: str
    crawler: str
    differences: tuple[Difference, ...]
    told: str = ""


@dataclass(frozen=True)
class DriftReport(Document):
    """All that is known of the drift of a dataset.

    Attributes:
        dataset: The dataset.
        zones: The last survey of each zone, ``raw`` and ``processed``.
    """

    dataset: str
    zones: Mapping[str, ZoneSurvey] = field(default_factory=dict)

    def told(self, zone: str) -> str:
        """What support was told last of a zone."""
        return self.zones[zone].told if zone in self.zones else ""

    def with_zone(self, zone: str, survey: ZoneSurvey) -> "DriftReport":
        """The report with a new survey of a zone."""
        return DriftReport(self.dataset, {**self.zones, zone: survey})


def digest(differences: Iterable[Difference]) -> str:
    """A short text that is the same as long as the same things differ; empty when there is nothing to tell.

    A change that was made is gone at the next survey, so it does not count: it is told once in any case.
    """
    open_ones = sorted(item.identity for item in to_tell(differences) if item.kind is not Kind.COMPATIBLE)
    return hashlib.sha256(json.dumps(open_ones).encode()).hexdigest()[:16] if open_ones else ""
