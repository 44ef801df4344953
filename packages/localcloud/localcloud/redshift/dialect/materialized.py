"""Materialized views over tables of the warehouse; they are refreshed when it is said, and never by themselves.

Source: https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-create-sql-command.html,
https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-refresh-sql-command.html
"""

from __future__ import annotations

from localcloud.redshift.dialect.definitions import Layout, read_table_attribute
from localcloud.redshift.dialect.differences import LEADER_TABLES
from localcloud.redshift.dialect.lexer import quote_name, quote_text, tokenize
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.dialect.rewrite import rewrite
from localcloud.redshift.errors import SqlError


def create(sql: str) -> Prepared:
    """Prepare CREATE MATERIALIZED VIEW; distribution and sort keys have no effect here, AUTO REFRESH neither."""
    reader = Reader(sql)
    reader.expect("create", "materialized", "view")
    name = reader.table().sql
    columns = f" ({', '.join(map(quote_name, reader.names()))})" if reader.looks_at("(") else ""
    layout = Layout()
    while not reader.take("as"):
        if not (_refreshes(reader) or read_table_attribute(reader, layout)):
            raise reader.error()
    query = reader.rest()
    _refuse(query)
    make = f"CREATE MATERIALIZED VIEW {name}{columns} AS {rewrite(query)}"
    return Prepared(
        "create materialized view",
        (make, f"SELECT pg_catalog.redshift_check_materialized({quote_text(name)})"),
    )


def _refuse(query: str) -> None:
    """Refuse what a materialized view may not have; what it reads is looked at when it is made.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-create-sql-command.html (limitations)
    """
    keys = [token.key for token in tokenize(query)]
    depth = 0
    for place, key in enumerate(keys):
        depth += {"(": 1, ")": -1}.get(key, 0)
        behind = keys[place + 1] if place + 1 < len(keys) else ""
        if depth == 0 and (key in {"limit", "offset"} or (key == "order" and behind == "by")):
            raise SqlError("A materialized view cannot include the ORDER BY, LIMIT, or OFFSET clause")
        if key in {"from", "join"} and behind.startswith(LEADER_TABLES):
            raise SqlError("A materialized view cannot reference system tables and views")


def _refreshes(reader: Reader) -> bool:
    if not reader.take("auto", "refresh"):
        return False
    if not (reader.take("yes") or reader.take("no")):
        raise reader.error()
    return True


def refresh(sql: str) -> Prepared:
    """Prepare REFRESH MATERIALIZED VIEW."""
    reader = Reader(sql)
    reader.expect("refresh", "materialized", "view")
    name = reader.table().sql
    if not reader.take("restrict"):
        reader.take("cascade")
    reader.end()
    return Prepared("refresh materialized view", (f"REFRESH MATERIALIZED VIEW {name}",))
