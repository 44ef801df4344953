"""How long something that failed rests before it is tried again."""

from datetime import timedelta

from sluice.settings import Settings

LONGEST = timedelta(hours=1)
"""The longest pause."""


def pause_after(failures: int, settings: Settings) -> timedelta:
    """The pause after a failure; it doubles with each one.

    Args:
        failures: Failures so far, at least 1.
        settings: How long the first pause is.
    """
    seconds = settings.retry_delay_seconds * 2.0 ** (failures - 1)
    return timedelta(seconds=min(seconds, LONGEST.total_seconds()))
