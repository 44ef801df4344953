"""Names of columns and tables, made of what the source calls them."""

import re
import unicodedata
from collections.abc import Collection
from typing import Final

from sluice.contract import LINEAGE
from sluice.contract.limits import SYSTEM_COLUMNS
from sluice.lake.layout import PARTITION_KEYS

_LONGEST: Final = 100
_RESERVED_WORDS: Final = """
    aes128 aes256 all allowoverwrite analyse analyze and any array as asc authorization az64 backup between binary
    blanksasnull both bytedict bzip2 case cast check collate column connect constraint create credentials cross
    current_date current_time current_timestamp current_user current_user_id default deferrable deflate defrag delta
    delta32k desc disable distinct do else emptyasnull enable encode encrypt encryption end except explicit false for
    foreign freeze from full globaldict256 globaldict64k grant group gzip having identity ignore ilike in initially
    inner intersect interval into is isnull join leading left like limit localtime localtimestamp lun luns lzo lzop
    minus mostly16 mostly32 mostly8 natural new not notnull null nulls off offline offset oid old on only open or order
    outer overlaps parallel partition percent permissions pivot placing primary raw readratio recover references
    rejectlog resort respect restore right select session_user similar snapshot some sysdate system table tag tdes
    text255 text32k then timestamp to top trailing true truncatecolumns type union unique unnest unpivot user using
    verbose wallet when where with without
    """
"""Words that a query would have to quote.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html
"""
_TAKEN: Final = frozenset(_RESERVED_WORDS.split()).union(PARTITION_KEYS, LINEAGE, SYSTEM_COLUMNS)


def identifier(name: str) -> str:
    """The name as a contract may write it, empty when nothing of it can stay.

    Accents go, ``orderId`` becomes ``order_id``, and everything but letters and digits becomes an underscore.

    Args:
        name: What the source calls it, such as ``Order No.``, ``customer.id`` or ``@id``.
    """
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain)
    text = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    text = f"n_{text}" if text[:1].isdigit() else text
    return text[:_LONGEST].rstrip("_")


def column_name(source: str, taken: Collection[str], position: int, prefix: str = "") -> str:
    """A name for a column that no other column of the table has.

    Args:
        source: Where its value stands.
        taken: Names of the other columns.
        position: Number of the column in its table, from 1; it makes a name where the source has none.
        prefix: What stands before a name that is taken.
    """
    name = identifier(source) or f"column_{position}"
    if name in _TAKEN:
        name = f"{name}_value"
    if name in taken and prefix:
        name = f"{identifier(prefix)}_{name}"
    return _numbered(name, taken)


def table_name(dataset: str, path: str, taken: Collection[str]) -> str:
    """A name for the table of an array that no other table has."""
    return _numbered(f"{dataset}_{identifier(path) or 'items'}", taken)


def _numbered(name: str, taken: Collection[str]) -> str:
    found, number = name[:_LONGEST], 2
    while found in taken:
        end = f"_{number}"
        found, number = f"{name[: _LONGEST - len(end)]}{end}", number + 1
    return found
