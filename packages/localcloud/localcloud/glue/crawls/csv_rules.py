"""Glue's built-in classifier of CSV.

Source: https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html
"""

import csv
import re
from collections.abc import Sequence
from itertools import pairwise

from localcloud.glue.crawls.kinds import NULL, Kind
from localcloud.glue.crawls.text_values import kind_of_text, kind_of_texts

DELIMITERS = (",", "|", "\t", ";", "\x01")
MIN_COLUMNS = 2
MIN_ROWS = 2
MAX_HEADER_CHARACTERS = 150
_NAME = re.compile(r"[^\x00-\x1f]+")

Rows = list[list[str]]


def read_csv(text: str) -> tuple[dict[str, Kind], dict[str, str], bool] | None:
    """Classify a text as CSV.

    Args:
        text: the file's beginning, whole lines.

    Returns:
        Its columns, the parameters of its table and whether it has a header; None when it is not CSV.
    """
    for delimiter in DELIMITERS:
        rows = _rows(text, delimiter)
        if rows is not None:
            has_header = _has_header(rows)
            details = {"delimiter": delimiter, "columnsOrdered": "true"}
            details["areColumnsQuoted"] = "true" if '"' in text else "false"
            details |= {"skip.header.line.count": "1"} if has_header else {}
            return _columns(rows, has_header=has_header), details, has_header
    return None


def _rows(text: str, delimiter: str) -> Rows | None:
    """The rows when all are equally wide and there are enough; that all have to be is not documented."""
    try:
        rows = [row for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True) if row]
    except csv.Error:
        return None
    is_even = all(len(one) == len(other) for one, other in pairwise(rows))
    return rows if len(rows) >= MIN_ROWS and is_even and len(rows[0]) >= MIN_COLUMNS else None


def _has_header(rows: Rows) -> bool:
    """Whether the first row is a header: texts only, and a row below has a value that is none."""
    first, rest = rows[0], rows[1:]
    *names, last = first
    if not all(_is_name(name) for name in names) or not (_is_name(last) or not last.strip()):
        return False
    return any(kind_of_text(value) not in ("string", NULL) for row in rest for value in row)


def _is_name(field: str) -> bool:
    is_short = 0 < len(field.strip()) < MAX_HEADER_CHARACTERS
    return is_short and kind_of_text(field) == "string" and _NAME.fullmatch(field) is not None


def _columns(rows: Rows, *, has_header: bool) -> dict[str, Kind]:
    names = _names(rows[0]) if has_header else [f"col{number}" for number in range(1, len(rows[0]) + 1)]
    records = rows[1:] if has_header else rows
    return {name: kind_of_texts(record[place] for record in records) for place, name in enumerate(names)}


def _names(header: Sequence[str]) -> list[str]:
    """Names of the columns; one that comes twice, or an empty last one, is called by its place (not documented)."""
    names: list[str] = []
    for number, field in enumerate(header, start=1):
        name = field.strip().lower()
        names.append(name if name and name not in names else f"col{number}")
    return names
