"""The types of the columns that CREATE TABLE AS makes: no text without a length, no decimal without digits.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_AS.html
"""

from __future__ import annotations

from localcloud.redshift.dialect.differences import MAX_VARCHAR_BYTES
from localcloud.redshift.dialect.lexer import quote_name
from localcloud.redshift.typing.analyst import Analyst, UnclearError, UnknownColumnError, analyst
from localcloud.redshift.typing.types import NUMERIC

_TEXTS = frozenset({25, 705})


def declared(query: str) -> str:
    """Give a query whose columns have the types of Redshift; as it is where its types are not known."""
    asked = analyst()
    try:
        return query if asked is None else _declared(query, asked)
    except (UnclearError, UnknownColumnError):
        return query


def _declared(query: str, asked: Analyst) -> str:
    columns = asked.columns(query)
    if not any(column.modifier < 0 and column.type in {NUMERIC, *_TEXTS} for column in columns):
        return query
    types = asked.types(query)
    kinds = types.columns()
    lengths = types.text_lengths()
    items = []
    for number, column in enumerate(columns, start=1):
        kind = ""
        if column.type in _TEXTS:
            kind = f"::varchar({lengths[number - 1] or MAX_VARCHAR_BYTES})"
        elif column.type == NUMERIC and column.modifier < 0 and (found := kinds[number - 1]) is not None:
            kind = f"::{found.sql}"
        items.append(f"q.c{number}{kind} AS {quote_name(column.name)}")
    names = ", ".join(f"c{number}" for number in range(1, len(columns) + 1))
    return f"SELECT {', '.join(items)} FROM ({query}) AS q ({names})"  # noqa: S608 - the user's own statement
