"""Names of tables that a crawl makes.

A table is named after its folder or file, with the crawler's prefix.
Source: https://docs.aws.amazon.com/glue/latest/dg/tables-described.html
"""

import hashlib
import re
from collections.abc import Container

from localcloud.glue.crawls.listing import split_address

_MAX = 128
_HASH_CHARACTERS = 32


def table_name(prefix: str, location: str, taken: Container[str]) -> str:
    """Give a name that is free.

    Characters other than letters, digits and ``_`` become ``_``. A name that is taken, or too long, gets a hash of the
    location at its end; how it is made is not documented.

    Args:
        prefix: of the crawler.
        location: the table's folder or file.
        taken: names of other tables.
    """
    bucket, key = split_address(location)
    last = key.rstrip("/").rpartition("/")[2] or bucket
    name = (prefix + re.sub(r"\W", "_", last)).lower()
    if name not in taken and len(name) <= _MAX:
        return name
    digest = hashlib.sha256(location.encode()).hexdigest()[:_HASH_CHARACTERS]
    return f"{name[: _MAX - _HASH_CHARACTERS - 1]}_{digest}"
