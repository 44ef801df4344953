"""Patterns of dates: MySQL's, which date_format and date_parse take, and Joda's, as patterns of strftime.

Source: https://trino.io/docs/current/functions/datetime.html#mysql-date-functions and
https://trino.io/docs/current/functions/datetime.html#java-date-functions
"""

import re
from collections.abc import Mapping
from typing import Final

from localcloud.athena.errors import QueryError, not_here

_MYSQL: Final[Mapping[str, str]] = {
    "a": "%a",
    "b": "%b",
    "c": "%-m",
    "d": "%d",
    "e": "%-d",
    "f": "%f",
    "H": "%H",
    "h": "%I",
    "I": "%I",
    "i": "%M",
    "j": "%j",
    "k": "%-H",
    "l": "%-I",
    "M": "%B",
    "m": "%m",
    "p": "%p",
    "r": "%I:%M:%S %p",
    "S": "%S",
    "s": "%S",
    "T": "%H:%M:%S",
    "v": "%V",
    "W": "%A",
    "x": "%G",
    "Y": "%Y",
    "y": "%y",
    "%": "%%",
}
_JODA: Final[Mapping[str, str]] = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "yy": "%y",
    "y": "%Y",
    "xxxx": "%G",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%-m",
    "dd": "%d",
    "d": "%-d",
    "DDD": "%j",
    "ww": "%V",
    "EEEE": "%A",
    "EEE": "%a",
    "E": "%a",
    "e": "%u",
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "h": "%-I",
    "mm": "%M",
    "m": "%-M",
    "ss": "%S",
    "s": "%-S",
    "SSS": "%g",
    "a": "%p",
}


def mysql_to_strftime(pattern: str) -> str:
    """A pattern of date_format as one of strftime.

    Raises:
        QueryError: a specifier that Athena refuses, too.
    """

    def one(match: re.Match[str]) -> str:
        letter = match[1]
        if letter in ("D", "U", "u", "V", "w", "X"):
            raise QueryError("INVALID_FUNCTION_ARGUMENT", f"%{letter} not supported in date format string")
        return _MYSQL.get(letter, letter)  # an unknown letter stands for itself

    return re.sub(r"%(.)", one, pattern, flags=re.DOTALL)


def joda_to_strftime(pattern: str) -> str:
    """A pattern of format_datetime as one of strftime.

    Raises:
        QueryError: letters that the stand-in does not know.
    """

    def one(match: re.Match[str]) -> str:
        text = match[0]
        if text.startswith("'"):
            return (text[1:-1] or "'").replace("%", "%%")
        if text == "%":
            return "%%"
        if text not in _JODA:
            raise not_here(f"{text!r} in a pattern of dates")
        return _JODA[text]

    return re.sub(r"'[^']*'|%|([A-Za-z])\1*", one, pattern)
