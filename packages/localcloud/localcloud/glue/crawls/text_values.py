"""Types of single values that are written as text, for CSV and XML.

AWS documents the names of the types, not when a text is one of them; dates stay texts, as crawlers show them.
"""

import re
from collections.abc import Iterable

from localcloud.glue.crawls.kinds import NULL, Kind, widest

_WHOLE = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d{1,3})?")


def kind_of_text(text: str) -> str:
    """The type of one value."""
    value = text.strip()
    if not value:
        return NULL
    if _WHOLE.fullmatch(value):
        return "bigint"
    if _NUMBER.fullmatch(value):
        return "double"
    return "boolean" if value.lower() in ("true", "false") else "string"


def kind_of_texts(texts: Iterable[str]) -> Kind:
    """The type that holds all values."""
    kind: Kind = NULL
    for text in texts:
        kind = widest(kind, kind_of_text(text))
    return kind
