"""Dates and times in the formats of DATEFORMAT and TIMEFORMAT.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_DATEFORMAT_and_TIMEFORMAT_strings.html,
https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TOKENS = re.compile(r"(?i)YYYY|YY|MONTH|MON|MM|DDD|DD|HH24|HH12|HH|MI|SS|AM|PM|OF|TZ|\s+|.", re.DOTALL)
_FRACTION = r"(?:[.:](?P<f>\d{1,9}))?"
_PATTERNS = {
    "YYYY": r"(?P<Y>\d{4})",
    "YY": r"(?P<y>\d{2})",
    "MONTH": r"(?P<b>[A-Za-z]{3,9})",
    "MON": r"(?P<b>[A-Za-z]{3,9})",
    "MM": r"(?P<m>\d{1,2})",
    "DDD": r"(?P<j>\d{3})",
    "DD": r"(?P<d>\d{1,2})",
    "HH24": r"(?P<H>\d{1,2})",
    "HH12": r"(?P<H>\d{1,2})",
    "HH": r"(?P<H>\d{1,2})",
    "MI": r"(?P<M>\d{1,2})",
    "SS": rf"(?P<S>\d{{1,2}}){_FRACTION}",
    "AM": r"(?P<p>[AaPp]\.?[Mm]\.?)",
    "PM": r"(?P<p>[AaPp]\.?[Mm]\.?)",
    "OF": r"(?P<z>Z|[+-]\d{1,2}(?::?\d{2})?)",
    "TZ": r"(?P<z>[A-Za-z][A-Za-z/_]*|[+-]\d{1,2}(?::?\d{2})?)",
}
_ZONE = r"(?:\s*(?P<z>[A-Za-z][A-Za-z/_]*|[+-]\d{1,2}(?::?\d{2})?))?"
_CLOCK = (
    rf"(?:[T\s]\s*(?P<H>\d{{1,2}}):(?P<M>\d{{2}})(?::(?P<S>\d{{1,2}}){_FRACTION})?"
    rf"(?:\s*(?P<p>[AaPp]\.?[Mm]\.?))?{_ZONE})?"
)
_COMPACT = r"(?:\s+(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2}))?"
#: What 'auto' takes beside the formats that it shares with the strings.
_AUTOMATIC = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<Y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){_CLOCK}",
        rf"(?P<Y>\d{{4}})(?P<m>\d{{2}})(?P<d>\d{{2}}){_COMPACT}",
        rf"(?P<Y>\d{{4}})(?P<m>\d{{2}})(?P<d>\d{{2}}){_CLOCK}",
        rf"(?P<y>\d{{2}})(?P<m>\d{{2}})(?P<d>\d{{2}}){_COMPACT}",
        r"(?P<Y>\d{4})\.(?P<j>\d{3})",
        rf"(?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})[-/.](?P<Y>\d{{4}}){_CLOCK}",
        rf"(?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})[-/.](?P<y>\d{{2}}){_CLOCK}",
        rf"(?P<d>\d{{1,2}})[- ](?P<b>[A-Za-z]{{3,9}})[- ,]+(?P<Y>\d{{4}}){_CLOCK}",
        rf"(?P<b>[A-Za-z]{{3,9}})[- ](?P<d>\d{{1,2}})[- ,]+(?P<Y>\d{{4}}){_CLOCK}",
        rf"(?P<Y>\d{{4}})[- ](?P<b>[A-Za-z]{{3,9}})[- ](?P<d>\d{{1,2}}){_CLOCK}",
        rf"(?P<d>\d{{1,2}}) (?P<b>[A-Za-z]{{3}}) (?P<H>\d{{1,2}}):(?P<M>\d{{2}}):(?P<S>\d{{2}}) (?P<Y>\d{{4}}){_ZONE}",
    )
)


@dataclass(frozen=True)
class Moment:
    """A date with a time.

    Attributes:
        zone: as it was written; empty when there is none.
    """

    at: datetime
    zone: str = ""


@lru_cache(maxsize=64)
def compiled(form: str) -> re.Pattern[str]:
    """Give what reads a format string."""
    parts: list[str] = []
    used: set[str] = set()
    for token in _TOKENS.findall(form):
        pattern = _PATTERNS.get(token.upper())
        if pattern is None or token.upper() in used:
            parts.append(r"\s+" if token.isspace() else re.escape(token))
        else:
            used.add(token.upper())
            parts.append(pattern)
    text = "".join(parts)
    # A format without a zone still takes one, for a column that has a zone.
    return re.compile(text if "(?P<z>" in text else text + _ZONE)


def automatic(text: str) -> Moment | None:
    """Recognise a date or a time; None when it is none."""
    for pattern in _AUTOMATIC:
        found = pattern.fullmatch(text)
        moment = _moment(found) if found is not None else None
        if moment is not None:
            return moment
    return None


def by_format(text: str, form: str) -> Moment | None:
    """Read a date or a time in one format; None when it has another."""
    found = compiled(form).fullmatch(text)
    return _moment(found) if found is not None else None


def of_epoch(text: str, *, per_second: int) -> Moment | None:
    """Read seconds or milliseconds since 1970; None when it is not a number of them."""
    if re.fullmatch(r"-?\d+(?:\.\d+)?", text) is None:
        return None
    try:
        whole, _, part = text.partition(".")
        since = timedelta(
            seconds=int(whole) // per_second, milliseconds=int(whole) % per_second if per_second > 1 else 0
        )
        fraction = timedelta(seconds=float(f"0.{part}")) if part and per_second == 1 else timedelta()
        return Moment((datetime(1970, 1, 1, tzinfo=UTC) + since + fraction).replace(tzinfo=None))
    except OverflowError:
        return None


def _moment(found: re.Match[str]) -> Moment | None:
    parts = {name: value for name, value in found.groupdict().items() if value is not None}
    try:
        day = _day(parts)
        hour = int(parts.get("H", 0))
        if "p" in parts:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if parts["p"].lower().startswith("p") else 0)
        fraction = int(parts.get("f", "0")[:6].ljust(6, "0"))
        at = datetime(day.year, day.month, day.day, hour, int(parts.get("M", 0)), int(parts.get("S", 0)), fraction)  # noqa: DTZ001 - the zone stays a text
    except ValueError:
        return None
    return Moment(at, parts.get("z", ""))


def _day(parts: dict[str, str]) -> date:
    year = int(parts["Y"]) if "Y" in parts else _century(int(parts["y"])) if "y" in parts else 1
    if "j" in parts:
        return date(year, 1, 1) + timedelta(days=int(parts["j"]) - 1)
    month = _MONTHS.index(parts["b"][:3].lower()) + 1 if "b" in parts else int(parts.get("m", 1))
    return date(year, month, int(parts.get("d", 1)))


def _century(year: int) -> int:
    return year + (2000 if year < 70 else 1900)
