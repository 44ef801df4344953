"""A crawl's record and its store on disk, and what crawlers remember."""

import hashlib
import json
import shutil
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from localcloud.glue.crawls.crawl import Memory

RUNNING, STOPPING = "RUNNING", "STOPPING"
SUCCEEDED, CANCELLED, FAILED = "SUCCEEDED", "CANCELLED", "FAILED"
ACTIVE = (RUNNING, STOPPING)
LOG_GROUP = "/aws-glue/crawlers"
#: States of a crawl in ListCrawls. Source: https://docs.aws.amazon.com/glue/latest/webapi/API_CrawlerHistory.html
HISTORY_STATES = {
    SUCCEEDED: "COMPLETED",
    CANCELLED: "STOPPED",
    FAILED: "FAILED",
    RUNNING: "RUNNING",
    STOPPING: "RUNNING",
}

Owner = tuple[str, str, str]
"""Account, region and name of a crawler."""


@dataclass(frozen=True, slots=True)
class CrawlRecord:
    """One crawl; times are seconds since the epoch."""

    id: str
    account_id: str
    region: str
    crawler: str
    state: str
    started_at: float
    ended_at: float | None = None
    error_message: str = ""
    warning_message: str = ""
    counts: dict[str, int] | None = None
    summary: str = "{}"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `CrawlStore` wrote."""
        return cls(**json.loads(text))

    @property
    def owner(self) -> Owner:
        """The crawler that it is one of."""
        return self.account_id, self.region, self.crawler

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ACTIVE

    def seconds(self, now: float) -> float:
        """How long it took, or takes until now."""
        return max(0.0, (self.ended_at or now) - self.started_at)

    def last_crawl(self) -> dict[str, Any]:
        """The crawl as GetCrawler shows it."""
        shown: dict[str, Any] = {
            "Status": self.state,
            "LogGroup": LOG_GROUP,
            "LogStream": self.crawler,
            "MessagePrefix": self.id,
            "StartTime": self.started_at,
        }
        return shown | ({"ErrorMessage": self.error_message} if self.error_message else {})

    def history(self, now: float) -> dict[str, Any]:
        """The crawl as ListCrawls shows it; the local cloud has no DPU hours."""
        shown = self.last_crawl() | {"CrawlId": self.id, "State": HISTORY_STATES[self.state], "Summary": self.summary}
        del shown["Status"]
        shown["DPUHour"] = 0.0
        return shown if self.ended_at is None else shown | {"EndTime": min(self.ended_at, now)}


class CrawlStore:
    """All crawls and all memories, in memory and on disk; safe between threads."""

    def __init__(self, folder: Path) -> None:
        """Load what is there.

        Args:
            folder: holds a folder for each crawler.
        """
        self._folder = folder
        self._lock = threading.Lock()
        loaded = [CrawlRecord.from_json(path.read_text(encoding="utf-8")) for path in folder.glob("*/crawls/*.json")]
        self._records = {record.id: record for record in sorted(loaded, key=lambda record: record.started_at)}

    def save(self, record: CrawlRecord) -> CrawlRecord:
        """Write a crawl down, atomically, and return it."""
        with self._lock:
            _write(self._of(record.owner) / "crawls" / f"{record.id}.json", asdict(record))
            self._records[record.id] = record
        return record

    def of(self, owner: Owner) -> list[CrawlRecord]:
        """A crawler's crawls, the newest first."""
        with self._lock:
            return [record for record in reversed(self._records.values()) if record.owner == owner]

    def active(self) -> list[CrawlRecord]:
        """Crawls that have not ended."""
        with self._lock:
            return [record for record in self._records.values() if record.is_active]

    def memory(self, owner: Owner) -> Memory:
        """What a crawler remembers."""
        path = self._of(owner) / "memory.json"
        if not path.exists():
            return Memory()
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Memory(kept["version"], frozenset(kept["folders"]))

    def remember(self, owner: Owner, memory: Memory) -> None:
        """Keep what a crawler is to know at its next crawl."""
        with self._lock:
            _write(self._of(owner) / "memory.json", {"version": memory.version, "folders": sorted(memory.folders)})

    def forget(self, owner: Owner) -> None:
        """Delete everything of a crawler: the next of its name begins without."""
        with self._lock:
            shutil.rmtree(self._of(owner), ignore_errors=True)
            self._records = {key: record for key, record in self._records.items() if record.owner != owner}

    def _of(self, owner: Owner) -> Path:
        # Names of crawlers may hold any character.
        return self._folder / hashlib.sha256(json.dumps(owner).encode()).hexdigest()[:32]


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(path)
