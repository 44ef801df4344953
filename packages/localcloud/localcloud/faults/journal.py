"""What was asked and what of it went wrong, counted by service, operation and kind, and logged."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from localcloud.faults.plan import FaultPlan, Kind

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of one operation.

    Attributes:
        service: As a signature names it.
        operation: As AWS names it.
        asked: Requests, or events.
        injected: How many of them went wrong, by kind.
    """

    service: str
    operation: str
    asked: int
    injected: Mapping[Kind, int]

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Read what `to_fields` gave."""
        injected = {Kind(kind): int(count) for kind, count in fields["injected"].items()}
        return cls(str(fields["service"]), str(fields["operation"]), int(fields["asked"]), injected)

    def to_fields(self) -> dict[str, Any]:
        """The tally for JSON."""
        return {
            "service": self.service,
            "operation": self.operation,
            "asked": self.asked,
            "injected": {str(kind): count for kind, count in self.injected.items()},
        }


@dataclass
class Journal:
    """The plan at work; safe between threads.

    Attributes:
        plan: What goes wrong from now on; another one may take its place, and counting begins again.
    """

    plan: FaultPlan = field(default_factory=FaultPlan)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter, repr=False)
    _injected: Counter[tuple[str, str, Kind]] = field(default_factory=Counter, repr=False)

    def follow(self, plan: FaultPlan) -> None:
        """Begin with another plan."""
        with self._lock:
            self.plan = plan
            self._asked.clear()
            self._injected.clear()

    def next_fate(self, service: str, operation: str, possible: tuple[Kind, ...]) -> Kind | None:
        """What goes wrong with the next request or event of an operation; None when nothing does.

        Side Effects:
            Counts it, and logs what goes wrong.
        """
        with self._lock:
            number = self._asked[service, operation]
            self._asked[service, operation] += 1
            kind = self.plan.fate(service, operation, number, possible)
            if kind is not None:
                self._injected[service, operation, kind] += 1
        if kind is not None:
            found = {"service": service, "operation": operation, "number": number, "kind": kind}
            logger.warning("fault %s", json.dumps(found))
        return kind

    def tallies(self) -> tuple[Tally, ...]:
        """What became of every operation so far, by service and operation."""
        with self._lock:
            return tuple(
                Tally(service, operation, asked, dict(_of(self._injected.items(), service, operation)))
                for (service, operation), asked in sorted(self._asked.items())
            )


def _of(
    injected: Iterable[tuple[tuple[str, str, Kind], int]], service: str, operation: str
) -> Iterable[tuple[Kind, int]]:
    return ((kind, count) for (of, what, kind), count in injected if (of, what) == (service, operation))
