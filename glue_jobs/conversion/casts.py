r"""Text to typed values, strictly: what is not exactly a value of the type becomes null, and nothing raises.

Each cast first proves by a regular expression that the text is a value of the type and then lets Spark convert what was
proven. So the result does not depend on ANSI mode, on the version of Spark, or on how lenient its own casts are (they
trim, round, cut and take ``1.5`` for an integer). All functions are ``Column -> Column`` and work inside lambdas.
"""

import re
from collections.abc import Mapping

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from sluice.contract import Column, SqlType
from sluice.contract.sqltype import INTEGER_BITS

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_FLOAT = r"\A[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\z"
_SCIENTIFIC = r"\A[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]{1,3}\z"

_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = (
    r"(?!0000)(?:[0-9]{4}-(?:"
    r"(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|{_LEAP_YEAR}-02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE = "(?:Z|[+-](?:(?:0[0-9]|1[0-7]):?[0-5][0-9]|18:?00))"
ISO_DATE = rf"\A{_DATE}\z"
ISO_TIMESTAMP = rf"\A{_DATE}[T ]{_TIME}{_ZONE}?\z"
_FIRST_MOMENT, _LAST_MOMENT = "0001-01-01 00:00:00Z", "9999-12-31 23:59:59.999999Z"

_TWO = "[0-9]{2}"
DIRECTIVES: Mapping[str, tuple[str, str]] = {
    "Y": ("yyyy", "[0-9]{4}"),
    "m": ("MM", _TWO),
    "d": ("dd", _TWO),
    "H": ("HH", _TWO),
    "M": ("mm", _TWO),
    "S": ("ss", _TWO),
    "f": ("SSSSSS", "[0-9]{1,6}"),
    "b": ("MMM", "[A-Za-z]{3}"),
    "B": ("MMMM", "[A-Za-z]+"),
    "y": ("yy", _TWO),
    "I": ("hh", _TWO),
    "p": ("a", "[AaPp][Mm]"),
    "j": ("DDD", "[0-9]{3}"),
    "z": ("[XXX][XX]", "(?:Z|[+-][0-9]{2}:?[0-9]{2})"),
    "T": ("HH:mm:ss", "[0-9]{2}:[0-9]{2}:[0-9]{2}"),
}
"""For each strptime directive of a contract, Spark's pattern and the form that the text must have.

Source: https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html. Stricter than Python's strptime: numbers
have all their digits. Two-digit years are those of 2000 to 2099.
"""
_DIRECTIVE_PARTS = frozenset(f"%{name}" for name in DIRECTIVES)


def cast(column: Column, text: SparkColumn) -> SparkColumn:
    """The text as the column's type; null where it is no value of that type.

    The length of char and varchar is a check of its own.

    Args:
        column: The contract's column.
        text: A string column.
    """
    sql_type = column.sql_type
    if sql_type.is_text:
        return text
    if sql_type.is_integer:
        return _integer(sql_type, text)
    if sql_type.name == "decimal":
        return _decimal(sql_type, text)
    if sql_type.name == "boolean":
        lower = F.lower(text)
        return F.when(lower.isin(*_TRUE), F.lit(True)).when(lower.isin(*_FALSE), F.lit(False))
    if sql_type.is_temporal:
        return _temporal(sql_type, column.format, text)
    return _floating(sql_type, text)


def _where(condition: SparkColumn, text: SparkColumn) -> SparkColumn:
    return F.when(condition, text)


def _integer(sql_type: SqlType, text: SparkColumn) -> SparkColumn:
    limit = 2 ** (INTEGER_BITS[sql_type.name] - 1)
    digits = len(str(limit))
    wide_type = f"decimal({digits},0)"
    wide = _where(text.rlike(rf"\A[+-]?0*[0-9]{{1,{digits}}}\z"), text).cast(wide_type)
    least, largest = F.lit(str(-limit)).cast(wide_type), F.lit(str(limit - 1)).cast(wide_type)
    return F.when(wide.between(least, largest), wide).cast(sql_type.spark)


def _decimal(sql_type: SqlType, text: SparkColumn) -> SparkColumn:
    precision, scale = sql_type.precision or 0, sql_type.scale or 0
    whole = precision - scale
    plain = rf"\A(?=[+-]?\.?[0-9])[+-]?0*[0-9]{{0,{whole}}}(?:\.[0-9]{{0,{scale}}}0*)?\z"
    scientific = F.when(text.rlike(_SCIENTIFIC), text)
    number = F.when(text.rlike(plain), text).otherwise(_scientific(scientific, whole, scale))
    return number.cast(sql_type.spark)


def _scientific(text: SparkColumn, whole: int, scale: int) -> SparkColumn:
    """A number such as ``1.20e-1``, if it has no more digits before and after the point than allowed."""
    exponent = F.regexp_extract(text, r"[eE]\+?(-?[0-9]+)\z", 1).cast("int")
    fraction = F.length(F.regexp_extract(text, r"\.([0-9]*)", 1))
    digits = F.regexp_replace(F.regexp_replace(text, r"[eE].*\z", ""), r"[^0-9]", "")
    significant = F.regexp_replace(digits, r"\A0+", "")
    trailing = F.length(digits) - F.length(F.regexp_replace(digits, r"0+\z", ""))
    after_point = fraction - exponent
    fits = (after_point - trailing <= scale) & (F.length(significant) - after_point <= whole)
    # Spark takes 0e99 for a number of a hundred digits.
    return F.when(significant == "", F.lit("0")).when(fits, text)


def _floating(sql_type: SqlType, text: SparkColumn) -> SparkColumn:
    number = _where(text.rlike(_FLOAT), text).cast(sql_type.spark)
    return F.when(F.abs(number) < F.lit(float("inf")), number)


def _temporal(sql_type: SqlType, form: str | None, text: SparkColumn) -> SparkColumn:
    if form is not None:
        pattern, expression = datetime_patterns(form)
        moment = F.try_to_timestamp(_where(text.rlike(expression), text), F.lit(pattern))
    elif sql_type.name == "date":
        return _where(text.rlike(ISO_DATE), text).cast("date")
    else:
        with_colon = F.regexp_replace(text, r"([+-][0-9]{2})([0-9]{2})\z", "$1:$2")
        moment = _where(text.rlike(ISO_TIMESTAMP), with_colon).cast("timestamp")
    first, last = F.lit(_FIRST_MOMENT).cast("timestamp"), F.lit(_LAST_MOMENT).cast("timestamp")
    return F.when(moment.between(first, last), moment).cast(sql_type.spark)


def datetime_patterns(form: str) -> tuple[str, str]:
    """Spark's datetime pattern for a strptime pattern, and a regular expression for the texts that it reads.

    Args:
        form: For example ``%d.%m.%Y %H:%M:%S``; what is no directive stands for itself.
    """
    pattern, expression, literal = "", "", ""
    parts = [part for part in re.split("(%.)", form) if part]
    for part in parts:
        if part not in _DIRECTIVE_PARTS:
            literal += "%" if part == "%%" else part
            continue
        spark, regex = DIRECTIVES[part[1]]
        pattern, expression = pattern + _quoted(literal) + spark, expression + re.escape(literal) + regex
        literal = ""
    return pattern + _quoted(literal), rf"\A{expression}{re.escape(literal)}\z"


def _quoted(literal: str) -> str:
    if not any(character.isalpha() or character in "'[]{}#" for character in literal):
        return literal
    return "'" + literal.replace("'", "''") + "'"
