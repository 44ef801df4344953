"""What the values of one column can be: types are ruled out value by value, so that no value has to be kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, TypeAlias

from sluice.contract import SqlType
from sluice.contract.sqltype import INTEGER_BITS, MAX_DECIMAL_PRECISION, MAX_VARCHAR_BYTES
from sluice.infer.moments import (
    COMPACT_FORMATS,
    DATE_FORMATS,
    ISO,
    TIMESTAMP_FORMATS,
    is_date,
    is_finer,
    is_timestamp,
)

WHITE_SPACE: Final = " \t\n\r\f\v\u00a0\ufeff"
"""What a contract's ``trim`` takes away at both ends of a text."""
NULL_WORDS: Final = frozenset({"", "NULL", "null", "N/A", "n/a", "#N/A", "\\N", "(null)", "<null>"})
"""Texts that mean null wherever they stand."""
MAYBE_NULL: Final = frozenset({"-", "--", "NA", "None", "none", "nan", "NaN", "Null", "nil", "?", "."})
"""Texts that mean null where every other value is a number or a time; elsewhere they may be values."""

ABSENCES: Final = ("NA", "N/A", "NULL", "null", "NaN", "-")
"""What a source most often writes in place of a number or a moment that it does not have. In such a column these words
can mean nothing else, so that a contract lists them before the first one comes."""

_MEASURE_WORDS: Final = """
    amount angle area avg balance charge concentration cost current density depth dist distance dose dosage duration
    elevation energy fee flow force frequency freq gain height hours humidity humid lat latitude length level load lon
    longitude loss mass mean median mileage minutes moisture net percent percentage pct ph power precip precipitation
    pressure price radiation rain rate rating ratio salary score share size speed strength sum tax temp temperature
    thickness time total value velocity visib visibility voltage volume wage weight width wind yield
    """
_MEASURES: Final = frozenset(_MEASURE_WORDS.split())
"""Words in the name of a column that say that it is measured: whole numbers of it may have a fraction tomorrow."""
_COUNT_WORDS: Final = "id ids no nr num number count qty quantity pieces year code rank index seq version"
_COUNTS: Final = frozenset(_COUNT_WORDS.split())
_MEASURE_SCALE: Final = 4
_BOOLEANS: Final = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"))
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)?(?:\.([0-9]*))?")
_SCIENTIFIC: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]{1,3}")
_PADDED: Final = re.compile(r"\+[0-9]+|[+-]?0[0-9]+")
_CODES: Final = frozenset(
    {"zip", "zipcode", "postal", "postcode", "plz", "phone", "mobile", "fax", "isbn", "ean", "ssn"}
)
"""Words in a name that say that digits are no number."""
_LARGEST_DOUBLE: Final = float("inf")

_MOST_DISTINCT: Final = 64
_SHOWS_SCALE: Final = 20
_FLOAT_NOISE: Final = 8
_EXACT_DIGITS: Final = 15
"""Significant digits that a number of eight bytes always keeps."""
_SPARE_FACTOR: Final = 10
_SPARE_DIGITS: Final = 3
_LEAST_DIGITS: Final = 10
_SPARE_SCALE: Final = 2
_SHORTEST: Final = 16
_UNSEEN: Final = 256
_COMPACT_SURE: Final = 10
_MOST_ALLOWED: Final = 12
_LEAST_COMMON: Final = 20
_COMMON_FACTOR: Final = 5


Marks: TypeAlias = tuple[str, str]
"""What stands before the fraction of a number, and between its thousands."""
_MARKS: Final[tuple[Marks, ...]] = ((",", "."), (",", " "), (",", "'"), (".", ","), (".", " "), (".", "'"))
_MARKED: Final = {
    (point, group): re.compile(
        rf"[+-]?([0-9]+|[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})+)(?:{re.escape(point)}([0-9]+))?"
    )
    for point, group in _MARKS
}
_EPOCHS: Final = {"epoch_s": (946_684_800, 4_102_444_800), "epoch_ms": (946_684_800_000, 4_102_444_800_000)}
"""For formats that count since 1970 the numbers of the years 2000 to 2100."""


@dataclass(slots=True)
class _Numbers:
    """The plain numbers of a column.

    Attributes:
        is_whole: Whether none had a point.
        largest: Largest absolute value of the whole numbers.
        digits: Most digits before the point.
        scale: Most digits after the point.
        with_fraction: Values with digits after the point.
        at_scale: Those of them that have `scale` digits.
        widths: Numbers of digits after the point that were seen.
        has_trailing_zero: Whether a value was written with a zero at the end, such as ``2.50``.
        longest: Most significant digits of a number.
        is_exact_only: Whether a number has digits that a floating-point number would not keep.
    """

    is_whole: bool = True
    largest: int = 0
    digits: int = 0
    scale: int = 0
    with_fraction: int = 0
    at_scale: int = 0
    widths: set[int] = field(default_factory=set)
    has_trailing_zero: bool = False
    longest: int = 0
    is_exact_only: bool = False

    def add(self, whole: str, fraction: str | None) -> None:
        """Take a number into account by its digits before and after the point."""
        digits = len(whole.lstrip("0"))
        self.digits = max(self.digits, digits)
        significant = len(f"{whole}{fraction or ''}".lstrip("0"))
        self.longest = max(self.longest, significant)
        if significant > _EXACT_DIGITS and not self.is_exact_only:
            exact = f"{whole or '0'}.{fraction or '0'}"
            self.is_exact_only = Decimal(repr(float(exact))) != Decimal(exact)
        if fraction is None:
            self.largest = max(self.largest, int(whole) if digits <= MAX_DECIMAL_PRECISION else 0)
        else:
            self.is_whole = False
        places = len(fraction or "")
        self.widths.add(places)
        if places:
            self.with_fraction += 1
            self.has_trailing_zero |= (fraction or "").endswith("0")
        if places > self.scale:
            self.scale, self.at_scale = places, 0
        self.at_scale += 1 if places and places == self.scale else 0


@dataclass(frozen=True, slots=True)
class Guess:
    """The type of a column.

    Attributes:
        sql_type: The type.
        form: strptime pattern of a date or timestamp; None for ISO 8601 and for other types.
        why: A few words on what the values showed.
        null_values: Texts that mean null in this column, beside those that do so everywhere.
        options: Other fields of the contract's column that say how its values are written.
    """

    sql_type: SqlType
    form: str | None
    why: str
    null_values: tuple[str, ...] = ()
    options: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(slots=True)
class Values:
    """What was seen of one column's values. Filled text by text with `add`."""

    filled: int = 0
    longest: int = 0
    has_space: bool = False
    words: set[str] = field(default_factory=set)
    doubtful: dict[str, int] = field(default_factory=dict)
    distinct: dict[str, int] = field(default_factory=dict)
    _is_countable: bool = True
    _typed: int = 0
    _numbers: _Numbers = field(default_factory=_Numbers)
    _is_number: bool = True
    _is_floating: bool = True
    _has_exponent: bool = False
    _is_padded: bool = False
    _booleans: set[str] = field(default_factory=set)
    _is_boolean: bool = True
    _dates: list[str] = field(default_factory=lambda: [ISO, *DATE_FORMATS])
    _timestamps: list[str] = field(default_factory=lambda: [ISO, *TIMESTAMP_FORMATS])
    _misfit_after: int = 0
    has_nanoseconds: bool = False
    _least: int | None = None
    _marked: dict[Marks, _Numbers] = field(default_factory=lambda: {marks: _Numbers() for marks in _MARKS})

    def add(self, text: str) -> bool:
        """Take a value into account.

        Returns:
            Whether it is one; False when it means null.
        """
        plain = text.strip(WHITE_SPACE)
        if plain in NULL_WORDS:
            self.words.add(plain)
            self.has_space |= plain != text
            return False
        self.filled += 1
        self.longest = max(self.longest, len(plain.encode("utf-8", "surrogatepass")))
        self.has_space |= plain != text
        if plain in MAYBE_NULL:
            self.doubtful[plain] = self.doubtful.get(plain, 0) + 1
            return True
        self._count(plain)
        was_typed = self._has_type
        self._rule_out(plain)
        if was_typed and not self._has_type:
            self._misfit_after = self._typed
        self._typed += 1
        return True

    def _count(self, text: str) -> None:
        if self._is_countable:
            self.distinct[text] = self.distinct.get(text, 0) + 1
            if len(self.distinct) > _MOST_DISTINCT:
                self._is_countable = False

    @property
    def _has_type(self) -> bool:
        return bool(self._is_floating or self._is_boolean or self._dates or self._timestamps or self._marked)

    def _rule_out(self, text: str) -> None:
        if self._is_boolean:
            self._booleans.add(text.lower())
            self._is_boolean = any(self._booleans.issubset(pair) for pair in _BOOLEANS)
        if self._is_floating:
            self._number(text)
        if self._dates:
            self._dates = [form for form in self._dates if is_date(form, text)]
        if self._timestamps:
            self._timestamps = [form for form in self._timestamps if is_timestamp(form, text)]
            self.has_nanoseconds |= ISO in self._timestamps and is_finer(text)
        for marks in list(self._marked):
            match = _MARKED[marks].fullmatch(text)
            if match is None or (match[1].startswith("0") and match[1] != "0"):
                del self._marked[marks]
            else:
                self._marked[marks].add(match[1].replace(marks[1], ""), match[2])

    def _number(self, text: str) -> None:
        match = _NUMBER.fullmatch(text)
        whole, fraction = ("", None) if match is None else (match[1] or "", match[2])
        if match is not None and (whole or fraction):
            self._numbers.add(whole, fraction)
            if fraction is None and len(whole) <= MAX_DECIMAL_PRECISION:
                number = -int(whole) if text.startswith("-") else int(whole)
                self._least = number if self._least is None else min(self._least, number)
            return
        if _SCIENTIFIC.fullmatch(text) and abs(float(text)) < _LARGEST_DOUBLE:
            self._has_exponent = True
            self._add_scientific(text)
            return
        self._is_number = False
        self._is_floating = False
        self._is_padded |= _PADDED.fullmatch(text) is not None

    def _add_scientific(self, text: str) -> None:
        """Take a number with an exponent into account by the digits that it stands for, where a decimal holds them."""
        exponent = int(text.lower().partition("e")[2])
        if abs(exponent) > MAX_DECIMAL_PRECISION:
            self._is_number = False
            return
        whole, _, fraction = format(Decimal(text).copy_abs(), "f").partition(".")
        longest, mantissa = self._numbers.longest, re.sub(r"[eE].*|[^0-9]", "", text).strip("0")
        self._numbers.add(whole.lstrip("0") or "0", fraction.rstrip("0") or None)
        self._numbers.longest = max(longest, len(mantissa))

    def guess(self, name: str) -> Guess:
        """The smallest type that holds these values and a little more.

        Args:
            name: The column's name; it tells whether digits are meant as a date.
        """
        if not self._typed:
            return self.text()
        for found in (self._boolean(), self._moment(name), self._epoch(name), self._numeric(name), self._with_marks()):
            if found is not None:
                return replace(found, null_values=tuple(sorted(self.doubtful)))
        return self.text(self._text_reason())

    def _boolean(self) -> Guess | None:
        if not self._is_boolean or (len(self._booleans) < 2 and not self._booleans <= {"true", "false"}):
            return None
        return Guess(SqlType("boolean"), None, f"only {', '.join(sorted(self._booleans))}")

    def _moment(self, name: str) -> Guess | None:
        for kind, forms in (("date", self._dates), ("timestamp", self._timestamps)):
            found = [form for form in forms if form not in COMPACT_FORMATS or self._means_time(name)]
            if found:
                options = {}
                why = _why_format(kind, found)
                if kind == "timestamp" and found[0] == ISO and self.has_nanoseconds:
                    options["sub_microseconds"] = "cut"
                    why += "; digits of a second after the sixth are cut"
                if "%y" in found[0]:
                    why += "; of two-digit years 69 to 99 are 19xx, which year_pivot changes"
                return Guess(SqlType(kind), found[0] or None, why, options=options)
        return None

    def _epoch(self, name: str) -> Guess | None:
        """Whole numbers that are named for a moment and are as many seconds or milliseconds as one of our time."""
        hints = {"at", "ts", "time", "timestamp", "date", "epoch", "created", "updated", "modified"}
        if (
            not hints & set(name.split("_"))
            or not self._numbers.is_whole
            or not self._is_floating
            or self._has_exponent
        ):
            return None
        for form, (first, last) in _EPOCHS.items():
            if self._least is not None and first <= self._least and self._numbers.largest < last:
                unit = "seconds" if form == "epoch_s" else "milliseconds"
                return Guess(SqlType("timestamp"), form, f"{unit} since 1970, of the years 2000 to 2100")
        return None

    def _with_marks(self) -> Guess | None:
        """Numbers with other marks than a point, where no other reading of them is a number as well."""
        found = {marks: numbers for marks, numbers in self._marked.items() if numbers.longest}
        points = {point for point, _ in found}
        if len(points) != 1:
            return None
        (point, group), numbers = next(iter(found.items()))
        digits, scale = max(numbers.digits + _SPARE_DIGITS, _LEAST_DIGITS), max(numbers.scale, 2)
        if digits + scale > MAX_DECIMAL_PRECISION:
            return None
        why = f"numbers with {point!r} before {numbers.scale} digits at most, and perhaps {group!r} between thousands"
        options = {"thousands_mark": group} | ({"decimal_mark": point} if point != "." else {})
        return Guess(SqlType("decimal", digits + scale, scale), None, why, options=options)

    def _means_time(self, name: str) -> bool:
        """Whether digits such as 20261120 are a date: the name says so, or there are too many for chance."""
        hints = {"date", "day", "dt", "time", "timestamp", "ts", "at", "on"}
        return bool(hints & set(name.split("_"))) or self._typed >= _COMPACT_SURE

    def _numeric(self, name: str) -> Guess | None:
        numbers = self._numbers
        if not self._is_floating or _CODES & set(name.split("_")):
            return None
        is_long = numbers.longest > _EXACT_DIGITS
        if not self._is_number or (self._has_exponent and not is_long):
            return Guess(SqlType("double precision"), None, "numbers with an exponent")
        if self._has_exponent:
            return self._exact()
        if numbers.is_whole:
            return self._measure(name) or self._whole()
        if numbers.scale > _FLOAT_NOISE and not numbers.is_exact_only:
            why = f"up to {numbers.scale} digits after the point look like floating-point numbers"
            return Guess(SqlType("double precision"), None, why)
        return self._decimal()

    def _exact(self) -> Guess | None:
        """Numbers with an exponent beside numbers of more digits than a floating-point number keeps."""
        numbers = self._numbers
        precision = min(numbers.digits + _SPARE_DIGITS + numbers.scale, MAX_DECIMAL_PRECISION)
        if numbers.digits + numbers.scale > MAX_DECIMAL_PRECISION:
            return None
        why = f"numbers with an exponent, and others of {numbers.longest} digits, which only a decimal holds exactly"
        return Guess(SqlType("decimal", precision, numbers.scale), None, why)

    def _measure(self, name: str) -> Guess | None:
        """Whole numbers that are measured, or that never change: there is room for a fraction."""
        words = set(name.removesuffix("_value").split("_"))
        is_named = bool(words & _MEASURES) and not words & _COUNTS
        is_constant = len(self.distinct) == 1 and self._typed >= _LEAST_COMMON and not words & _COUNTS
        if not (is_named or is_constant) or self._numbers.longest > _EXACT_DIGITS:
            return None
        precision = max(self._numbers.digits + _SPARE_DIGITS, _LEAST_DIGITS) + _MEASURE_SCALE
        seen = (
            f"only {next(iter(self.distinct))} was seen" if is_constant else "whole numbers, but named like a measure"
        )
        why = f"{seen}: {_MEASURE_SCALE} digits after the point are allowed; if it is a count, say integer"
        return Guess(SqlType("decimal", precision, _MEASURE_SCALE), None, why)

    def _whole(self) -> Guess | None:
        digits = self._numbers.digits
        for kind in ("integer", "bigint"):
            limit = 2 ** (INTEGER_BITS[kind] - 1)
            spare = _SPARE_FACTOR if kind == "integer" else 1
            if digits <= MAX_DECIMAL_PRECISION and self._numbers.largest * spare < limit:
                return Guess(SqlType(kind), None, f"whole numbers of {_counted(max(digits, 1), 'digit')} at most")
        if digits > MAX_DECIMAL_PRECISION:
            return None
        precision = min(digits + _SPARE_DIGITS, MAX_DECIMAL_PRECISION)
        return Guess(SqlType("decimal", precision, 0), None, f"whole numbers of {digits} digits at most")

    def _decimal(self) -> Guess | None:
        numbers = self._numbers
        scale, is_sure = numbers.scale, self._shows_scale
        spare = 0 if is_sure else _SPARE_SCALE
        whole = max(numbers.digits + _SPARE_DIGITS, _LEAST_DIGITS)
        if numbers.digits + scale > MAX_DECIMAL_PRECISION:
            return None
        scale = min(max(scale + spare, 2), MAX_DECIMAL_PRECISION - numbers.digits)
        precision = min(whole + scale, MAX_DECIMAL_PRECISION)
        why = f"numbers of at most {_counted(numbers.digits, 'digit')} before the point and {numbers.scale} after it"
        if not is_sure:
            why += ", which may not be all: two more are allowed"
        return Guess(SqlType("decimal", precision, scale), None, why)

    @property
    def _shows_scale(self) -> bool:
        """Whether the source surely writes no more digits after the point than were seen."""
        numbers = self._numbers
        if len(numbers.widths) == 1 and numbers.has_trailing_zero and numbers.scale > 1:
            return True
        many = len(self.distinct) > _MOST_DISTINCT or len(self.distinct) >= 2 * _SHOWS_SCALE
        return many and numbers.at_scale >= _SHOWS_SCALE and 2 * numbers.at_scale >= numbers.with_fraction

    def _text_reason(self) -> str:
        why = f"texts of {_counted(self.longest, 'byte')} at most"
        if self._is_floating:
            return f"{why}; digits, which here are no number"
        if self._misfit_after:
            why += f"; the first {self._misfit_after} fit another type, the next did not"
        return f"{why}; digits with a leading zero or plus stay text" if self._is_padded else why

    def text(self, why: str | None = None) -> Guess:
        """The column as text, twice as long as any that was seen.

        Args:
            why: What the values showed.
        """
        if why is None:
            why = f"texts of {_counted(self.longest, 'byte')} at most" if self.filled else "no value was seen"
        length = _SHORTEST if self.filled else _UNSEEN
        while length < min(2 * self.longest, MAX_VARCHAR_BYTES):
            length *= 2
        if self.longest > MAX_VARCHAR_BYTES:
            why += "; longer than any column of Redshift, so such records go to quarantine"
        return Guess(SqlType("varchar", length=min(length, MAX_VARCHAR_BYTES)), None, why)

    def nulls(self, guess: Guess) -> int:
        """How many of the values mean null, given the type."""
        return sum(self.doubtful.values()) if guess.null_values else 0

    def enumeration(self) -> list[str] | None:
        """The different values, when they are few and each is common; sorted."""
        found = self.distinct | self.doubtful
        if not self._is_countable or not 2 <= len(found) <= _MOST_ALLOWED:
            return None
        common = self.filled >= max(_LEAST_COMMON, _COMMON_FACTOR * len(found))
        return sorted(found) if common else None


def _why_format(kind: str, forms: list[str]) -> str:
    name = forms[0] or "ISO 8601"
    others = [form for form in forms[1:] if form not in COMPACT_FORMATS]
    why = f"every value is a {kind} of {name}"
    return f"{why}; could be {others[0]} as well, no value tells them apart" if others else why


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
