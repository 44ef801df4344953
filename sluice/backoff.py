"""Trying again: exponential backoff with full jitter, bounded, on errors that may go away."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import SystemRandom
from typing import TypeVar

from sluice.errors import TransientError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Backoff:
    """How often and how patiently something is tried.

    Source: https://docs.aws.amazon.com/general/latest/gr/api-retries.html; the jitter is over the whole delay, so that
    writers who collided do not meet again.

    Attributes:
        attempts: Tries in all, the first one included.
        base_seconds: Upper bound of the first delay; it doubles with each one.
        cap_seconds: Largest upper bound.
        sleep: Waits that many seconds.
        random: A number from 0 up to 1.
    """

    attempts: int = 6
    base_seconds: float = 0.5
    cap_seconds: float = 30.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    random: Callable[[], float] = field(default=SystemRandom().random, repr=False)

    def call(
        self, action: Callable[[int], Answer], retry_on: type[TransientError] = TransientError, what: str = ""
    ) -> Answer:
        """Give the answer of the first try that does not fail for a reason that may go away.

        Args:
            action: What to try; gets the number of the try, from 1.
            retry_on: The errors after which it is tried again.
            what: What is being done, for the log.

        Raises:
            TransientError: The error of the last try.
        """
        for attempt in range(1, self.attempts):
            try:
                return action(attempt)
            except retry_on as exc:
                seconds = self.delay_seconds(attempt)
                logger.warning(
                    "%s: try %s of %s failed, again in %.1f s: %s", what, attempt, self.attempts, seconds, exc
                )
                self.sleep(seconds)
        return action(self.attempts)

    def delay_seconds(self, attempt: int) -> float:
        """How long to wait after a try.

        Args:
            attempt: Number of the try that failed, from 1.
        """
        return self.random() * min(self.cap_seconds, self.base_seconds * 2.0 ** (attempt - 1))
