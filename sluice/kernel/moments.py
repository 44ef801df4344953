"""Dates and timestamps from text: ISO 8601, or the strptime pattern of a contract, each read strictly.

Stricter than Python's own strptime: numbers have all their digits (``%Y`` four, ``%j`` three), but that ``%d``, ``%m``,
``%H`` and ``%I`` may lack their leading zero where no other digit can stand beside them; names of months are English,
and fields that contradict each other are no moment. What a pattern does not name is 1970-01-01, midnight, UTC; ``%I``
without ``%p`` is in the morning.
"""

import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from sluice.contract.model import YEAR_PIVOT

_TWO = "[0-9]{2}"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9])(?:(:[0-5][0-9])(?:\.([0-9]{1,9}))?)?"
    r"(Z|[+-](?:(?:0[0-9]|1[0-7])(?::?[0-5][0-9])?|18(?::?00)?))?"
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


@dataclass(frozen=True, slots=True)
class Clock:
    """How moments are to be taken that their text does not say wholly.

    Attributes:
        zone: Time zone of moments without an offset.
        cuts: Whether digits of a second after the sixth are cut; otherwise a moment that has them is none.
        year_pivot: First two-digit year of the 1900s.
    """

    zone: tzinfo = UTC
    cuts: bool = False
    year_pivot: int = YEAR_PIVOT

    @classmethod
    def of(cls, zone: str | None, *, cuts: bool, year_pivot: int) -> "Clock":
        """A clock by the name of its zone.

        Raises:
            zoneinfo.ZoneInfoNotFoundError: The machine does not know the zone.
        """
        return cls(UTC if zone in (None, "UTC") else zoneinfo.ZoneInfo(zone or ""), cuts, year_pivot)

    def micros(self, digits: str) -> int:
        """Microseconds from the digits of a second.

        Raises:
            ValueError: There are more than six, and the others are not 0.
        """
        if not self.cuts and digits[6:].strip("0"):
            raise ValueError
        return int(digits[:6].ljust(6, "0"))

    def in_utc(self, moment: datetime) -> datetime:
        """A moment in UTC. Of an hour that comes twice the first is meant.

        Raises:
            ValueError: The clock never shows this time.
            OverflowError: It is not in the years 1 to 9999.
        """
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        if self.zone is UTC:
            return moment.replace(tzinfo=UTC)
        found = moment.replace(tzinfo=self.zone).astimezone(UTC)
        if found.astimezone(self.zone).replace(tzinfo=None) != moment:
            raise ValueError
        return found


_PLAIN_CLOCK = Clock()


def iso_timestamp(text: str, clock: Clock = _PLAIN_CLOCK) -> datetime | None:
    """A moment such as ``2026-11-20T13:05:06.5+01:00`` or ``2026-11-20 13:05+01``, in UTC."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    day, minute, second, digits, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}{second or ':00'}{_with_minutes(offset)}")
        return clock.in_utc(moment.replace(microsecond=clock.micros(digits or "")))
    except (ValueError, OverflowError):
        return None


def _with_minutes(offset: str | None) -> str:
    if offset is None or offset == "Z":
        return "+00:00" if offset else ""
    digits = offset[1:].replace(":", "").ljust(4, "0")
    return f"{offset[0]}{digits[:2]}:{digits[2:]}"


def epoch(per_second: int, clock: Clock = _PLAIN_CLOCK) -> Callable[[str], datetime | None]:
    """A function that reads how much time passed since 1970-01-01 UTC, such as ``1648218655338``.

    Args:
        per_second: How many of its units are a second.
        clock: What is done with digits after the sixth of a second.
    """

    def moment(text: str) -> datetime | None:
        match = _EPOCH.fullmatch(text)
        if match is None:
            return None
        sign, whole, digits = match.groups()
        seconds, rest = divmod(int(whole), per_second)
        width = len(str(per_second)) - 1
        try:
            fraction = f"{str(rest).zfill(width) if width else ''}{digits or ''}"
            passed = timedelta(seconds=seconds, microseconds=clock.micros(fraction))
            return _ZERO - passed if sign else _ZERO + passed
        except (ValueError, OverflowError):
            return None

    return moment


_EPOCH = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,9}))?")
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


def _number(field: str) -> Callable[[str], tuple[Field, ...]]:
    return lambda text: ((field, int(text)),)


def _clock(text: str) -> tuple[Field, ...]:
    return ("hour", int(text[:2])), ("minute", int(text[3:5])), ("second", int(text[6:]))


def _offset(text: str) -> tuple[Field, ...]:
    if text == "Z":
        return (("offset", 0),)
    minutes = int(text[3:].removeprefix(":") or 0)
    total = int(text[1:3]) * 60 + minutes
    if minutes > 59 or total > 18 * 60:
        raise ValueError
    return (("offset", -total if text[0] == "-" else total),)


Reader = Callable[[str], tuple[Field, ...]]
_DIRECTIVES: Mapping[str, tuple[str, Reader]] = {
    "Y": ("[0-9]{4}", _number("year")),
    "y": (_TWO, _number("year_of_century")),
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
    "f": ("[0-9]{1,9}", lambda text: (("nanosecond", int(text.ljust(9, "0"))),)),
    "z": ("(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)", _offset),
    "T": ("[0-9]{2}:[0-9]{2}:[0-9]{2}", _clock),
}
"""For each strptime directive of a contract, the form that the text must have and what it says."""
_DIRECTIVE_PARTS = frozenset(f"%{name}" for name in _DIRECTIVES)


_MAY_LACK_ZERO = frozenset({"%d", "%m", "%H", "%I"})
_LETTERS = frozenset({"%p", "%b", "%B"})
_NO_DIGIT_BEFORE, _NO_DIGIT_AFTER = re.compile(r"\D\Z"), re.compile(r"\A\D")


def reader(form: str, clock: Clock = _PLAIN_CLOCK) -> Callable[[str], datetime | None]:
    """A function that reads moments by a strptime pattern, in UTC; None where the text is none.

    Args:
        form: For example ``%d.%m.%Y %H:%M:%S``; what is not a directive stands for itself.
        clock: What the text does not say.
    """
    parts = ["%" if part == "%%" else part for part in re.split("(%.)", form) if part]
    readers = [_DIRECTIVES[part[1]][1] for part in parts if part in _DIRECTIVE_PARTS]
    pattern = re.compile("".join(_expression(parts, place) for place in range(len(parts))))

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
            return _moment(fields, clock)
        except (KeyError, ValueError, OverflowError):
            return None

    return moment


def _expression(parts: list[str], place: int) -> str:
    """The regular expression of a part of a pattern."""
    part = parts[place]
    if part not in _DIRECTIVE_PARTS:
        return re.escape(part)
    before, after = "".join(parts[max(place - 1, 0) : place]), "".join(parts[place + 1 : place + 2])
    stands_alone = all(
        not beside or beside in _LETTERS or (beside not in _DIRECTIVE_PARTS and is_clear.search(beside))
        for beside, is_clear in ((before, _NO_DIGIT_BEFORE), (after, _NO_DIGIT_AFTER))
    )
    regex = "[0-9]{1,2}" if part in _MAY_LACK_ZERO and stands_alone else _DIRECTIVES[part[1]][0]
    return f"({regex})"


def _moment(fields: dict[str, int], clock: Clock) -> datetime:
    """The moment of these fields.

    Raises:
        ValueError: There is none, or they contradict each other.
        OverflowError: It is not in the years 1 to 9999.
    """
    if "year_of_century" in fields:
        two_digits = fields["year_of_century"]
        year = two_digits + (1900 if two_digits >= clock.year_pivot else 2000)
        if fields.setdefault("year", year) != year:
            raise ValueError
    local = datetime.combine(_day(fields), datetime.min.time()).replace(
        hour=_hour(fields),
        minute=fields.get("minute", 0),
        second=fields.get("second", 0),
        microsecond=clock.micros(str(fields.get("nanosecond", 0)).zfill(9)),
    )
    if "offset" in fields:
        return local.replace(tzinfo=UTC) - timedelta(minutes=fields["offset"])
    return clock.in_utc(local)


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
