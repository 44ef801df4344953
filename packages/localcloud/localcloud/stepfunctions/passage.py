"""One walk of an execution through its states, which may be called off from outside."""

import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


class CalledOffError(Exception):
    """The execution was aborted, timed out or interrupted: what its thread still does counts no more."""


@dataclass(frozen=True)
class Passage:
    """From a start or a redrive of an execution to its end.

    Attributes:
        record: MiniStack's record of the execution.
        is_closing: Set when the local cloud stops, and everything stays where it is.
        off: Set when the walk is called off.
    """

    record: dict[str, Any]
    is_closing: threading.Event
    off: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Go on only if the walk still counts.

        Raises:
            CalledOffError: It does not.
        """
        if self.off.is_set():
            raise CalledOffError

    def pause(self, seconds: float) -> None:
        """Sleep.

        Raises:
            CalledOffError: The walk was called off before or meanwhile.
        """
        if self.off.wait(seconds):
            raise CalledOffError


class Group:
    """The iterations of one Map: when one fails, the others stop.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html
    """

    def __init__(self) -> None:
        self.failure: Exception | None = None

    def fail(self, failure: Exception) -> None:
        """Note a failure; the first one counts."""
        self.failure = self.failure or failure

    def check(self) -> None:
        """Raise what another iteration has failed with, if one has."""
        if self.failure is not None:
            raise self.failure


# Threads of a walk inherit these: MiniStack starts them in a copy of the context.
CURRENT: ContextVar[Passage | None] = ContextVar("passage", default=None)
GROUP: ContextVar[Group | None] = ContextVar("group", default=None)
DEADLINE: ContextVar[float | None] = ContextVar("deadline", default=None)
"""When the present task's TimeoutSeconds are over, as `time.monotonic` counts."""


def check() -> None:
    """Go on only if the present walk, if there is one, still counts.

    Raises:
        CalledOffError: It does not.
    """
    passage = CURRENT.get()
    if passage is not None:
        passage.check()


def pause(seconds: float) -> None:
    """Sleep, in a walk only as long as it counts.

    Raises:
        CalledOffError: The walk was called off.
    """
    passage = CURRENT.get()
    if passage is not None:
        passage.pause(seconds)
    elif seconds > 0:
        time.sleep(seconds)
