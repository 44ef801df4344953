"""Texts of a COPY become values of columns, as the options say, or load errors.

Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html,
https://docs.aws.amazon.com/redshift/latest/dg/multi-byte-character-load-errors.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, InvalidOperation, localcontext

from localcloud.redshift.dialect.prepared import TextFormat, TextKind
from localcloud.redshift.loading import dates
from localcloud.redshift.loading.parquet import TargetColumn
from localcloud.redshift.loading.problems import LoadProblem, Problem

Converter = Callable[[str | None], str | None]
_INTEGERS = {"int2": ("Short", 15), "int4": ("Integer", 31), "int8": ("Long", 63)}
_WHOLE = re.compile(r"[+-]?\d+")
_REAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_TRUE = frozenset({"t", "true", "y", "yes", "1"})
_FALSE = frozenset({"f", "false", "n", "no", "0"})
_BROKEN = re.compile("[\ud800-\udfff]+")
_MOST_DIGITS = 38
_DATE, _TIME = "YYYY-MM-DD", "YYYY-MM-DD HH:MI:SS"


def converters(columns: Sequence[TargetColumn], form: TextFormat) -> tuple[Converter, ...]:
    """Give what makes the values of each column; it raises `LoadProblem` for a text that is none."""
    return tuple(_nullable(column, _of_column(column, form), form) for column in columns)


def _nullable(column: TargetColumn, convert: Callable[[str], str | None], form: TextFormat) -> Converter:
    is_text = column.type in {"varchar", "bpchar"}

    def converted(text: str | None) -> str | None:
        value = None if text is None or _is_null(text, form, is_text=is_text) else convert(text)
        if value is None and not column.is_nullable:
            raise LoadProblem(Problem(1213, "Missing data for not-null field"))
        return value

    return converted


def _is_null(text: str, form: TextFormat, *, is_text: bool) -> bool:
    """Whether a text stands for null; what is blank always does where the column holds no text."""
    if not is_text:
        return not text.strip()
    if not text:
        return "emptyasnull" in form.flags
    return "blanksasnull" in form.flags and not text.strip()


def _of_column(column: TargetColumn, form: TextFormat) -> Callable[[str], str | None]:
    if column.type in _INTEGERS:
        return _integer(*_INTEGERS[column.type])
    if column.type == "numeric":
        return _decimal(column, rounds="roundec" in form.flags)
    if column.type in {"float4", "float8"}:
        return _real
    if column.type == "bool":
        return _boolean
    if column.type in {"date", "timestamp", "timestamptz"}:
        return _date(column.type, form)
    if column.type in {"varchar", "bpchar"}:
        return _string(column, form)
    return str


def _integer(name: str, bits: int) -> Callable[[str], str]:
    def convert(text: str) -> str:
        number = text.strip()
        if _WHOLE.fullmatch(number) is None:
            raise LoadProblem(_invalid_digit(number, name))
        if not -(2**bits) <= int(number) < 2**bits:
            raise LoadProblem(Problem(1222, f"Overflow, Type: {name}"))
        return number

    return convert


def _invalid_digit(number: str, name: str) -> Problem:
    place = next((at for at, letter in enumerate(number) if not (letter.isdigit() or (not at and letter in "+-"))), 0)
    return Problem(1207, f"Invalid digit, Value '{number[place : place + 1]}', Pos {place}, Type: {name}")


def _decimal(column: TargetColumn, *, rounds: bool) -> Callable[[str], str]:
    precision, scale = column.precision or 18, column.scale or 0
    step = Decimal(1).scaleb(-scale)

    def convert(text: str) -> str:
        number = text.strip()
        try:
            with localcontext(Context(prec=4 * _MOST_DIGITS)):
                found = Decimal(number).quantize(step, ROUND_HALF_UP if rounds else ROUND_DOWN)
        except InvalidOperation:
            raise LoadProblem(_invalid_digit(number, "Decimal")) from None
        if not found.is_finite() or "_" in number:
            raise LoadProblem(_invalid_digit(number, "Decimal"))
        if abs(found) >= Decimal(10) ** (precision - scale):
            raise LoadProblem(Problem(1204, f"Overflow for NUMERIC({precision},{scale})"))
        return f"{found:f}"

    return convert


def _real(text: str) -> str:
    number = text.strip()
    if _REAL.fullmatch(number) is None:
        raise LoadProblem(Problem(1208, f"Invalid digit, Value '{number[:1]}', Pos 0, Type: Double"))
    return number


def _boolean(text: str) -> str:
    word = text.strip().lower()
    if word in _TRUE:
        return "t"
    if word in _FALSE:
        return "f"
    raise LoadProblem(Problem(1210, "Unknown boolean format"))


def _date(kind: str, form: TextFormat) -> Callable[[str], str | None]:
    wanted = form.date_format if kind == "date" else form.time_format
    problem = (
        Problem(1205, f"Invalid date format or value [{wanted or _DATE}]")
        if kind == "date"
        else Problem(1206, f"Invalid timestamp format or value [{wanted or _TIME}]")
    )

    def read(text: str) -> dates.Moment | None:
        if wanted == "auto":
            return dates.automatic(text)
        if wanted in {"epochsecs", "epochmillisecs"} and kind != "date":
            return dates.of_epoch(text, per_second=1 if wanted == "epochsecs" else 1000)
        return dates.by_format(text, wanted or (_DATE if kind == "date" else _TIME))

    def convert(text: str) -> str | None:
        found = read(text.strip())
        if found is None:
            if "acceptanydate" in form.flags:
                return None
            raise LoadProblem(problem)
        if kind == "date":
            return found.at.date().isoformat()
        return f"{found.at.isoformat(sep=' ')}{found.zone if kind == 'timestamptz' else ''}"

    return convert


def _string(column: TargetColumn, form: TextFormat) -> Callable[[str], str | None]:
    is_char = column.type == "bpchar"
    width = column.length
    trims = "trimblanks" in form.flags or form.kind is TextKind.FIXED

    def convert(text: str) -> str | None:
        if "\0" in text:
            # A field that is nothing but one became null before.
            raise LoadProblem(Problem(1218, "Invalid null byte - field longer than 1 byte"))
        value = _valid(text, form, is_char=is_char)
        value = value.rstrip(" ") if trims and not is_char else value
        size = len(value.encode())
        if width is not None and size > width:
            if "truncatecolumns" in form.flags:
                return value.encode()[:width].decode(errors="ignore")
            what = "Char" if is_char else "String"
            raise LoadProblem(Problem(1204, f"{what} length exceeds DDL length"))
        return value

    return convert


def _valid(text: str, form: TextFormat, *, is_char: bool) -> str:
    if is_char and not text.isascii():
        place = next(at for at, letter in enumerate(text) if not letter.isascii())
        found = text[place].encode(errors="surrogateescape").hex(" ")
        reason = f"Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: {found}"
        raise LoadProblem(Problem(1220, reason))
    broken = _BROKEN.search(text)
    if broken is None:
        return text
    if not form.replacement:
        found = broken[0].encode(errors="surrogateescape").hex(" ")
        reason = f"String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: {found} (error 3)"
        raise LoadProblem(Problem(1220, reason))
    return _BROKEN.sub(lambda run: form.replacement * len(run[0]), text)
