"""How long something that failed rests before it is tried again."""

from datetime import datetime, timedelta

from sluice.ledger.record import OpenLoad
from sluice.settings import Settings

LONGEST = timedelta(hours=1)
"""The longest pause."""
PROBE_EVERY = timedelta(minutes=10)
"""While a stage rests for longer than that, one batch goes alone that often, to see whether what was away is back.

So a pause may grow to an hour while what waits goes on a quarter of an hour after the end of an outage: a probe is one
run, and one for all datasets that wait for the same.
"""


def pause_after(failures: int, settings: Settings) -> timedelta:
    """The pause after a failure; it doubles with each one.

    Args:
        failures: Failures so far, at least 1.
        settings: How long the first pause is.
    """
    seconds = settings.retry_delay_seconds * 2.0 ** (failures - 1)
    return timedelta(seconds=min(seconds, LONGEST.total_seconds()))


def is_over(load: OpenLoad, settings: Settings, now: datetime) -> bool:
    """Whether an open load has been tried for long enough: by age while something is away, otherwise by number."""
    if load.is_held:
        return now - load.since >= timedelta(seconds=settings.give_up_after_seconds)
    return load.redrives >= settings.max_attempts
