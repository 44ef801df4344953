"""What a crawl did and found, as it is counted and told."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

ADD, UPDATE, DELETE = "ADD", "UPDATE", "DELETE"
TABLE, PARTITION = "TABLE", "PARTITION"


@dataclass(slots=True)
class Report:
    """One crawl's changes and lines of its log.

    Attributes:
        message_prefix: before every line, to tell crawls of one log stream apart.
        warnings: what was found different or left as it is.
    """

    message_prefix: str
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _changes: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def say(self, text: str, level: str = "INFO") -> None:
        """Write a line."""
        self.lines.append(f"[{self.message_prefix}] {level} : {text}")

    def warn(self, text: str) -> None:
        """Write a line about something that is not as expected."""
        self.warnings.append(text)
        self.say(text, "WARN")

    def changed(self, what: str, how: str, name: str) -> None:
        """Count a change.

        Args:
            what: TABLE or PARTITION.
            how: ADD, UPDATE or DELETE.
            name: what people know it by.
        """
        self._changes.setdefault((what, how), []).append(name)
        verb = {ADD: "Created", UPDATE: "Updated", DELETE: "Deleted"}[how]
        self.say(f"{verb} {what.lower()} {name}")

    @property
    def counts(self) -> dict[str, int]:
        """Counts, named as in the event."""
        return dict(self._counts())

    @property
    def summary(self) -> str:
        """The summary that ListCrawls shows; AWS documents that it is JSON with what was added, updated and deleted."""
        found = {
            what: {"Details": {how: {"count": len(names), "names": names} for how, names in self._of(what)}}
            for what in (TABLE, PARTITION)
            if any(True for _ in self._of(what))
        }
        return json.dumps(found)

    def _of(self, what: str) -> Iterator[tuple[str, list[str]]]:
        return ((how, names) for (kind, how), names in self._changes.items() if kind == what)

    def _counts(self) -> Iterator[tuple[str, int]]:
        for what, plural in ((TABLE, "tables"), (PARTITION, "partitions")):
            for how, verb in ((ADD, "Created"), (UPDATE, "Updated"), (DELETE, "Deleted")):
                yield f"{plural}{verb}", len(self._changes.get((what, how), ()))


def iso(seconds: float) -> str:
    """A time of the event, as samples of it show them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
