"""Moments as people write them in options."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from sluice.errors import CommandError
from sluice.lake.layout import Partition

_AGO: Final = re.compile(r"([0-9]{1,6})([mhd])")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_ONE_TICK: Final = timedelta(microseconds=1)

MOMENT_HELP: Final = "a time in UTC such as 2026-11-20T13:30 or 2026-11-20, or 30m, 6h or 7d ago"


def parse_since(text: str, now: datetime) -> datetime | None:
    """The first moment that an option means; None for an option that was not given.

    Raises:
        CommandError: The text is not a moment.
    """
    return _parse(text, now) if text else None


def parse_until(text: str, now: datetime) -> datetime | None:
    """The last moment that an option means, of a day its end; None for an option that was not given.

    Raises:
        CommandError: The text is not a moment.
    """
    if not text:
        return None
    moment = _parse(text, now)
    return moment + timedelta(days=1) - _ONE_TICK if _DATE.fullmatch(text) else moment


def parse_partition(text: str) -> Partition | None:
    """The partition that an option means; None for an option that was not given.

    Raises:
        LayoutError: The text is not a partition.
    """
    return Partition.parse(text) if text else None


def _parse(text: str, now: datetime) -> datetime:
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return now - int(ago[1]) * _UNITS[ago[2]]
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as exc:
        raise CommandError(f"{text!r} is not a valid time: write {MOMENT_HELP}") from exc
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
