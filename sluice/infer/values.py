"""What the values of one column can be: types are ruled out value by value, so that no value has to be kept."""

import re
from dataclasses import dataclass, field
from typing import Final

from sluice.contract import SqlType
from sluice.contract.sqltype import INTEGER_BITS, MAX_DECIMAL_PRECISION, MAX_VARCHAR_BYTES
from sluice.infer.moments import COMPACT_FORMATS, DATE_FORMATS, ISO, TIMESTAMP_FORMATS, is_date, is_timestamp

WHITE_SPACE: Final = " \t\n\r\f\v\u00a0\ufeff"
"""What a contract's ``trim`` takes away at both ends of a text."""
NULL_WORDS: Final = frozenset({"", "NULL", "null", "N/A", "n/a", "#N/A", "\\N", "(null)", "<null>"})
"""Texts that mean null wherever they stand."""
MAYBE_NULL: Final = frozenset({"-", "--", "NA", "None", "none", "nan", "NaN", "Null", "nil", "?", "."})
"""Texts that mean null where every other value is a number or a time; elsewhere they may be values."""

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
    """

    is_whole: bool = True
    largest: int = 0
    digits: int = 0
    scale: int = 0
    with_fraction: int = 0
    at_scale: int = 0
    widths: set[int] = field(default_factory=set)
    has_trailing_zero: bool = False

    def add(self, whole: str, fraction: str | None) -> None:
        """Take a number into account by its digits before and after the point."""
        digits = len(whole.lstrip("0"))
        self.digits = max(self.digits, digits)
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
    """

    sql_type: SqlType
    form: str | None
    why: str
    null_values: tuple[str, ...] = ()


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
        return bool(self._is_floating or self._is_boolean or self._dates or self._timestamps)

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

    def _number(self, text: str) -> None:
        match = _NUMBER.fullmatch(text)
        whole, fraction = ("", None) if match is None else (match[1] or "", match[2])
        if match is not None and (whole or fraction):
            self._numbers.add(whole, fraction)
            return
        self._is_number = False
        if _SCIENTIFIC.fullmatch(text) and abs(float(text)) < _LARGEST_DOUBLE:
            self._has_exponent = True
            return
        self._is_floating = False
        self._is_padded |= _PADDED.fullmatch(text) is not None

    def guess(self, name: str) -> Guess:
        """The smallest type that holds these values and a little more.

        Args:
            name: The column's name; it tells whether digits are meant as a date.
        """
        if not self._typed:
            return self.text()
        for found in (self._boolean(), self._moment(name), self._numeric(name)):
            if found is not None:
                return Guess(found.sql_type, found.form, found.why, tuple(sorted(self.doubtful)))
        return self.text(self._text_reason())

    def _boolean(self) -> Guess | None:
        if not self._is_boolean or (len(self._booleans) < 2 and not self._booleans <= {"true", "false"}):
            return None
        return Guess(SqlType("boolean"), None, f"only {', '.join(sorted(self._booleans))}")

    def _moment(self, name: str) -> Guess | None:
        for kind, forms in (("date", self._dates), ("timestamp", self._timestamps)):
            found = [form for form in forms if form not in COMPACT_FORMATS or self._means_time(name)]
            if found:
                return Guess(SqlType(kind), found[0] or None, _why_format(kind, found))
        return None

    def _means_time(self, name: str) -> bool:
        """Whether digits such as 20261120 are a date: the name says so, or there are too many for chance."""
        hints = {"date", "day", "dt", "time", "timestamp", "ts", "at", "on"}
        return bool(hints & set(name.split("_"))) or self._typed >= _COMPACT_SURE

    def _numeric(self, name: str) -> Guess | None:
        numbers = self._numbers
        if not self._is_floating or _CODES & set(name.split("_")):
            return None
        if self._has_exponent or not self._is_number:
            return Guess(SqlType("double precision"), None, "numbers with an exponent")
        if numbers.is_whole:
            return self._whole()
        if numbers.scale > _FLOAT_NOISE:
            why = f"up to {numbers.scale} digits after the point look like floating-point numbers"
            return Guess(SqlType("double precision"), None, why)
        return self._decimal()

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
