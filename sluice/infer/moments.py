"""Which formats of dates and times a text has, as strictly as the conversion will read it."""

import re
from datetime import datetime
from typing import Final

from sluice.contract import SqlType
from sluice.contract.rules import typed_value

_TIMESTAMP: Final = SqlType("timestamp")
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.([0-9]{1,9}))?)?"
    r"(?:Z|[+-](?:(?:0[0-9]|1[0-7])(?::?[0-5][0-9])?|18(?::?00)?))?"
)
_LONE_DIGIT: Final = re.compile(r"(?<![0-9])([0-9])(?![0-9])")
_LONE_AFTER_COLON: Final = re.compile(r":[0-9](?![0-9])")
_FRACTION: Final = re.compile(r"\.([0-9]{1,6})(?= [AP]M$|$)")

DATE_FORMATS: Final = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
"""Formats of dates that are tried beside ISO 8601; of two that both read every value the first is taken."""

_DATES_WITH_A_TIME: Final = ("%Y-%m-%d", *DATE_FORMATS)
_TIMES: Final = ("%H:%M:%S", "%H:%M:%S.%f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
TIMESTAMP_FORMATS: Final = (
    *(
        f"{date}{between}{time}"
        for date in _DATES_WITH_A_TIME
        for between in (" ", "T")
        for time in _TIMES
        if not (date == "%Y-%m-%d" and time in ("%H:%M:%S", "%H:%M:%S.%f"))  # ISO 8601 needs no format
    ),
    "%Y%m%d%H%M%S",
)
"""Formats of timestamps that are tried beside ISO 8601."""

COMPACT_FORMATS: Final = frozenset({"%Y%m%d", "%Y%m%d%H%M%S"})
"""Formats whose texts are integers as well."""
ISO: Final = ""
"""Stands for ISO 8601, which needs no format in a contract."""

_OLDEST_YEAR: Final = 1900
_YOUNGEST_YEAR: Final = 2100


def is_date(form: str, text: str) -> bool:
    """Whether a text is a date of a format, `ISO` or one of `DATE_FORMATS`."""
    if form == ISO:
        return _ISO_DATE.fullmatch(text) is not None and _is_moment(text)
    return _has_format(form, text)


def is_timestamp(form: str, text: str) -> bool:
    """Whether a text is a timestamp of a format, `ISO` or one of `TIMESTAMP_FORMATS`."""
    if form == ISO:
        return _ISO_TIMESTAMP.fullmatch(text) is not None and _is_moment(text)
    return _has_format(form, text)


def is_finer(text: str) -> bool:
    """Whether a timestamp of ISO 8601 has more digits of a second than a contract's type keeps."""
    match = _ISO_TIMESTAMP.fullmatch(text)
    return match is not None and bool((match[1] or "")[6:].strip("0"))


def _is_moment(text: str) -> bool:
    try:
        typed_value(_TIMESTAMP, text)
    except (ValueError, OverflowError):
        return False
    return True


def _has_format(form: str, text: str) -> bool:
    """Parsed and written again the text must be the same, but for leading zeros of days, months and hours."""
    if "%f" in form:
        text = _FRACTION.sub(lambda match: f".{match[1]:0<6}", text, count=1)
    try:
        moment = datetime.strptime(text, form)  # noqa: DTZ007 - only its form is looked at
    except ValueError:
        return False
    if form in COMPACT_FORMATS and not _OLDEST_YEAR <= moment.year < _YOUNGEST_YEAR:
        return False
    if form not in COMPACT_FORMATS and _LONE_AFTER_COLON.search(text) is None:
        text = _LONE_DIGIT.sub(r"0\1", text)
    return moment.strftime(form) == text
