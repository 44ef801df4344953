"""Dates and timestamps from text: ISO 8601, or the strptime pattern of a contract, each read strictly.

Stricter than Python's own strptime: numbers have all their digits (``%d`` two, ``%Y`` four, ``%j`` three), names of
months are English, and fields that contradict each other are no moment. What a pattern does not name is 1970-01-01,
midnight, UTC; two-digit years are those of 2000 to 2099; ``%I`` without ``%p`` is in the morning.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

_TWO = "[0-9]{2}"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
    r"(?:Z|[+-](?:(?:0[0-9]|1[0-7]):?[0-5][0-9]|18:?00))?"
)
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_MONTH_BY_NAME = {name: number for number, name in enumerate(_MONTHS, 1)}
_MONTH_BY_SHORT_NAME = {name[:3]: number for number, name in enumerate(_MONTHS, 1)}
_MORNING, _AFTERNOON = 0, 1

Field = tuple[str, int]


def iso_date(text: str) -> date | None:
    """A date such as ``2026-11-20``."""
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def iso_timestamp(text: str) -> datetime | None:
    """A moment such as ``2026-11-20T13:05:06.5+01:00``, in UTC; without an offset it is in UTC already."""
    if _TIMESTAMP.fullmatch(text) is None:
        return None
    try:
        return _in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _number(field: str) -> Callable[[str], tuple[Field, ...]]:
    return lambda text: ((field, int(text)),)


def _clock(text: str) -> tuple[Field, ...]:
    return ("hour", int(text[:2])), ("minute", int(text[3:5])), ("second", int(text[6:]))


def _offset(text: str) -> tuple[Field, ...]:
    if text == "Z":
        return (("offset", 0),)
    minutes = int(text[-2:])
    total = int(text[1:3]) * 60 + minutes
    if minutes > 59 or total > 18 * 60:
        raise ValueError
    return (("offset", -total if text[0] == "-" else total),)


Reader = Callable[[str], tuple[Field, ...]]
_DIRECTIVES: Mapping[str, tuple[str, Reader]] = {
    "Y": ("[0-9]{4}", _number("year")),
    "y": (_TWO, lambda text: (("year", 2000 + int(text)),)),
    "m": (_TWO, _number("month")),
    "b": ("[A-Za-z]{3}", lambda text: (("month", _MONTH_BY_SHORT_NAME[text.lower()]),)),
    "B": ("[A-Za-z]+", lambda text: (("month", _MONTH_BY_NAME[text.lower()]),)),
    "d": (_TWO, _number("day")),
    "j": ("[0-9]{3}", _number("day_of_year")),
    "H": (_TWO, _number("hour")),
    "I": (_TWO, _number("hour_of_half")),
    "p": ("[AaPp][Mm]", lambda text: (("half", _AFTERNOON if text[0] in "Pp" else _MORNING),)),
    "M": (_TWO, _number("minute")),
    "S": (_TWO, _number("second")),
    "f": ("[0-9]{1,6}", lambda text: (("microsecond", int(text.ljust(6, "0"))),)),
    "z": ("(?:Z|[+-][0-9]{2}:?[0-9]{2})", _offset),
    "T": ("[0-9]{2}:[0-9]{2}:[0-9]{2}", _clock),
}
"""For each strptime directive of a contract, the form that the text must have and what it says."""
_DIRECTIVE_PARTS = frozenset(f"%{name}" for name in _DIRECTIVES)


def reader(form: str) -> Callable[[str], datetime | None]:
    """A function that reads moments by a strptime pattern, in UTC; None where the text is none.

    Args:
        form: For example ``%d.%m.%Y %H:%M:%S``; what is no directive stands for itself.
    """
    expression, readers = "", []
    for part in filter(None, re.split("(%.)", form)):
        if part in _DIRECTIVE_PARTS:
            regex, read = _DIRECTIVES[part[1]]
            expression += f"({regex})"
            readers.append(read)
        else:
            expression += re.escape("%" if part == "%%" else part)
    pattern = re.compile(expression)

    def moment(text: str) -> datetime | None:
        match = pattern.fullmatch(text)
        if match is None:
            return None
        fields: dict[str, int] = {}
        try:
            for read, piece in zip(readers, match.groups(), strict=True):
                for name, value in read(piece):
                    if fields.setdefault(name, value) != value:
                        return None
            return _moment(fields)
        except (KeyError, ValueError, OverflowError):
            return None

    return moment


def _moment(fields: Mapping[str, int]) -> datetime:
    """The moment of these fields.

    Raises:
        ValueError: There is none, or they contradict each other.
        OverflowError: It is not in the years 1 to 9999.
    """
    local = datetime.combine(_day(fields), datetime.min.time()).replace(
        hour=_hour(fields),
        minute=fields.get("minute", 0),
        second=fields.get("second", 0),
        microsecond=fields.get("microsecond", 0),
        tzinfo=UTC,
    )
    return local - timedelta(minutes=fields.get("offset", 0))


def _day(fields: Mapping[str, int]) -> date:
    year, number = fields.get("year", 1970), fields.get("day_of_year")
    if number is None or "year" not in fields:
        return date(year, fields.get("month", 1), fields.get("day", 1))
    day = date(year, 1, 1) + timedelta(days=number - 1)
    if day.year != year or day.month != fields.get("month", day.month) or day.day != fields.get("day", day.day):
        raise ValueError
    return day


def _hour(fields: Mapping[str, int]) -> int:
    half, hour_of_half = fields.get("half"), fields.get("hour_of_half")
    if hour_of_half is not None and not 1 <= hour_of_half <= 12:
        raise ValueError
    if "hour" in fields:
        hour = fields["hour"]
        if half not in (None, hour // 12) or hour_of_half not in (None, (hour + 11) % 12 + 1):
            raise ValueError
        return hour
    if hour_of_half is None:
        return 12 * (half or _MORNING)
    return hour_of_half % 12 + 12 * (half or _MORNING)
