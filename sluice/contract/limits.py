"""What Redshift refuses of a table. Each rule names the page of AWS, or of the PostgreSQL that Redshift comes from."""

from collections.abc import Iterator
from typing import Final

from sluice.contract.model import LINEAGE, Column, Table
from sluice.contract.sqltype import SqlType

SYSTEM_COLUMNS: Final = frozenset({"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "insertxid", "deletexid"})
"""Names that every table has already, in quotes or not.

Source: https://www.postgresql.org/docs/8.0/ddl-system-columns.html, on which Redshift is based
(https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-and-postgres-sql.html). The two transaction columns are
Redshift's own; no page of AWS lists them, so they are refused for safety.
"""

MAX_COLUMNS: Final = 1600 - len(LINEAGE)
"""Columns of one table beside those of lineage.

Source: "The maximum number of columns you can define in a single table is 1,600"
(https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html).
"""

MAX_SORT_KEY: Final = 400
"""Columns of a compound sort key. Source: the same page, SORTKEY."""

_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_EXACT = _INTEGERS | {"decimal"}
_TIMES = frozenset({"date", "timestamp"})
_TEXTS = frozenset({"char", "varchar"})
_FLOATS = frozenset({"real", "double precision"})
_ALL = _EXACT | _TIMES | _TEXTS | _FLOATS | {"boolean"}
ENCODINGS: Final[dict[str, frozenset[str]]] = {
    "auto": _ALL,
    "raw": _ALL,
    "az64": _EXACT | _TIMES,
    "bytedict": _ALL - {"boolean"},
    "delta": _EXACT | _TIMES,
    "delta32k": (_EXACT | _TIMES) - {"smallint"},
    "lzo": _EXACT | _TIMES | _TEXTS,
    "mostly8": _EXACT,
    "mostly16": _EXACT - {"smallint"},
    "mostly32": frozenset({"bigint", "decimal"}),
    "runlength": _ALL,
    "text255": frozenset({"varchar"}),
    "text32k": frozenset({"varchar"}),
    "zstd": _ALL,
}
"""Compression encodings, and the types of column that each takes.

Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Compression_encodings.html
"""


def table_limits(at: str, table: Table) -> Iterator[str]:
    """Rules of a whole table that it breaks, as ``field: rule``."""
    if len(table.columns) > MAX_COLUMNS:
        count = len(table.columns)
        yield f"{at}.columns: {count} columns; a table of Redshift has 1,600, of which {len(LINEAGE)} are lineage"
    if len(table.redshift.sort_key) > MAX_SORT_KEY:
        yield f"{at}.redshift.sort_key: {len(table.redshift.sort_key)} columns; a sort key has at most {MAX_SORT_KEY}"


def column_limits(at: str, column: Column, sql_type: SqlType) -> Iterator[str]:
    """Rules of one column that it breaks, as ``field: rule``."""
    if column.encode is None:
        return
    types = ENCODINGS.get(column.encode.lower())
    if types is None:
        yield f"{at}.encode: unknown encoding {column.encode!r} (known: {', '.join(sorted(ENCODINGS))})"
    elif sql_type.name not in types:
        fitting = ", ".join(sorted(name for name, kinds in ENCODINGS.items() if sql_type.name in kinds))
        yield f"{at}.encode: {column.encode!r} is not for {sql_type.name} (for it: {fitting})"
