"""Which errors Retry and Catch match, and how long a retry waits."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

DEFAULT_ATTEMPTS = 3
DEFAULT_INTERVAL_SECONDS = 1
DEFAULT_BACKOFF = 2.0
FATAL = "States.Runtime"
"""Never retried, never caught."""
TERMINAL = "States.DataLimitExceeded"
"""Caught only by its own name."""


def is_matched(names: Sequence[str], error: str) -> bool:
    """Whether a retrier's or catcher's ErrorEquals matches an error.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    if error == FATAL:
        return False
    if error in names:
        return True
    if error == TERMINAL:
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")


def find_retrier(
    retriers: Sequence[Mapping[str, Any]], error: str, counts: Mapping[int, int]
) -> tuple[Mapping[str, Any], int] | None:
    """The retrier that allows one more try, with its position.

    Args:
        retriers: The state's Retry.
        error: What the state failed with.
        counts: Tries so far, by position.
    """
    for position, retrier in enumerate(retriers):
        if is_matched(retrier.get("ErrorEquals", ()), error):
            is_spent = counts.get(position, 0) >= retrier.get("MaxAttempts", DEFAULT_ATTEMPTS)
            return None if is_spent else (retrier, position)
    return None


def delay_seconds(retrier: Mapping[str, Any], count: int, random: Random) -> float:
    """Seconds to wait before a retry.

    Args:
        retrier: One entry of a Retry.
        count: How often it was used before.
        random: Gives the jitter.
    """
    interval = float(retrier.get("IntervalSeconds", DEFAULT_INTERVAL_SECONDS))
    delay = interval * float(retrier.get("BackoffRate", DEFAULT_BACKOFF)) ** count
    delay = min(delay, float(retrier.get("MaxDelaySeconds", delay)))
    return random.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay
