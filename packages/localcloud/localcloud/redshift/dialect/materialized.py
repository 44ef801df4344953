"""Materialized views over tables of the warehouse; they are refreshed when it is said, and never by themselves.

Source: https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-create-sql-command.html,
https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-refresh-sql-command.html
"""

from __future__ import annotations

from localcloud.redshift.dialect.definitions import Layout, read_table_attribute
from localcloud.redshift.dialect.lexer import quote_name
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.dialect.rewrite import rewrite


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
    return Prepared(
        "create materialized view", (f"CREATE MATERIALIZED VIEW {name}{columns} AS {rewrite(reader.rest())}",)
    )


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
