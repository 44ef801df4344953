"""Which request or event goes wrong, and how: a pure function of a seed and of what was asked how often."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self


class Kind(StrEnum):
    """What goes wrong."""

    THROTTLED = "throttled"
    """Refused for its rate; nothing was done."""
    INTERNAL = "500"
    """An internal error; nothing was done."""
    UNAVAILABLE = "503"
    """The service is unavailable (S3: slow down); nothing was done."""
    RESET = "reset"
    """The connection ends before anything was done."""
    LOST_ANSWER = "lost answer"
    """The request is carried out, and the connection ends without an answer: what a client's time-out leaves behind."""
    CUT_ANSWER = "cut answer"
    """The request is carried out, and the connection ends in the middle of the answer's body."""
    EXPIRED = "expired token"
    """Refused for its credentials; nothing was done."""
    LATE = "late"
    """An event is delivered later."""
    TWICE = "twice"
    """An event is delivered at once and once more later."""


OF_REQUESTS: Final = (
    *(Kind.THROTTLED, Kind.INTERNAL, Kind.UNAVAILABLE, Kind.RESET),
    *(Kind.LOST_ANSWER, Kind.CUT_ANSWER, Kind.EXPIRED),
)
OF_TASKS: Final = (Kind.THROTTLED, Kind.INTERNAL, Kind.LOST_ANSWER)
"""A state machine's task: its service refuses, or does the work and the answer is lost."""
OF_EVENTS: Final = (Kind.LATE, Kind.TWICE)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How much goes wrong.

    The n-th request of an operation meets the same fate in every run of the same plan, however requests of different
    operations interleave.

    Attributes:
        seed: Any number; another number gives other fates.
        rate: Share of requests and events that go wrong, 0 to 1.
        kinds: What may go wrong; each is as frequent as the others that fit a request or an event.
        places: What it may go wrong with: services (``s3``) and operations (``glue:StartJobRun``); empty is all.
        late_seconds: How late late events and second deliveries are.
    """

    seed: int = 1
    rate: float = 0.0
    kinds: tuple[Kind, ...] = tuple(Kind)
    places: tuple[str, ...] = ()
    late_seconds: float = 3.0

    def __post_init__(self) -> None:
        """Refuse what is not a plan.

        Raises:
            ValueError: A share outside of 0 to 1, no kind, or a time that is negative.
        """
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate: {self.rate} is not between 0 and 1")
        if not self.kinds:
            raise ValueError("kinds: none is given")
        if self.late_seconds < 0:
            raise ValueError(f"late_seconds: {self.late_seconds} is negative")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a plan.

        Raises:
            ValueError: The text is not a plan; the message names the field.
        """
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("a plan of faults is a JSON object")  # noqa: TRY004 - one error for all texts
        unknown = found.keys() - cls.__dataclass_fields__.keys()
        if unknown:
            raise ValueError(f"a plan of faults has no field {min(unknown)!r}")
        return cls(**{name: _field(name, value) for name, value in found.items()})

    def to_json(self) -> str:
        """The plan as text."""
        return json.dumps(asdict(self))

    def fate(self, service: str, operation: str, number: int, possible: tuple[Kind, ...]) -> Kind | None:
        """What goes wrong with a request or an event; None when nothing does.

        Args:
            service: Its service, as a signature names it.
            operation: Its operation.
            number: How many of this operation were before it.
            possible: What can go wrong with its like.
        """
        kinds = [kind for kind in possible if kind in self.kinds]
        if not self.rate or not kinds or not self._is_meant(service, operation):
            return None
        digest = hashlib.sha256(f"{self.seed}\n{service}\n{operation}\n{number}".encode()).digest()
        if int.from_bytes(digest[:8]) / 2**64 >= self.rate:
            return None
        return kinds[int.from_bytes(digest[8:16]) % len(kinds)]

    def _is_meant(self, service: str, operation: str) -> bool:
        return not self.places or service in self.places or f"{service}:{operation}" in self.places


def _field(name: str, value: object) -> Any:  # noqa: ANN401 - one field of many
    kinds: Mapping[str, Any] = {"seed": int, "rate": float, "late_seconds": float}
    if name in kinds:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name}: {value!r} is not a number")
        return kinds[name](value)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name}: {value!r} is not a list of strings")
    return tuple(Kind(item) for item in value) if name == "kinds" else tuple(value)
