"""The Data Catalog in the system views on external tables.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_TABLES.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_COLUMNS.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_PARTITIONS.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import LiteralString

from psycopg import sql

from localcloud.redshift.database import Connection
from localcloud.redshift.spectrum.catalog import Catalog, ExternalTable
from localcloud.redshift.spectrum.stored import ExternalSchema

PARTITIONS_VIEW = "svv_external_partitions"
TABLE_VIEWS = frozenset({"svv_external_tables", "svv_external_columns"})
_TABLES: LiteralString = "redshift_external_tables"
_PARTITIONS: LiteralString = "redshift_external_partitions"
Row = tuple[int, str, str]


class CatalogViews:
    """Copies the Data Catalog to where the views read it.

    Args:
        catalog: the catalog as a role sees it.
    """

    def __init__(self, catalog: Callable[[str], Catalog]) -> None:
        self._catalog = catalog

    def follow(self, connection: Connection, schemas: Iterable[ExternalSchema], *, has_partitions: bool) -> bool:
        """Copy what the catalog has now; tell whether anything was new.

        Args:
            connection: of the administrator.
            schemas: all external schemas.
            has_partitions: whether partitions are copied too, which asks the catalog once for each table.
        """
        found = [(schema, table) for schema in schemas for table in self._catalog(schema.role).tables(schema.database)]
        tables = [(schema.id, table.name, table.document) for schema, table in found]
        with connection.transaction():
            is_new = _replace(connection, _TABLES, tables)
            if has_partitions:
                partitions = [row for schema, table in found for row in self._partitions(schema, table)]
                is_new = _replace(connection, _PARTITIONS, partitions) or is_new
        return is_new

    def _partitions(self, schema: ExternalSchema, table: ExternalTable) -> list[Row]:
        parts = self._catalog(schema.role).partitions(table) if table.keys else ()
        return [(schema.id, table.name, part.document) for part in parts]


def _replace(connection: Connection, name: LiteralString, rows: list[Row]) -> bool:
    place = sql.Identifier("pg_catalog", name)
    # Two statements that ask at once copy one after the other.
    connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(place))
    query = sql.SQL("SELECT schema_id::bigint, table_name, document::text FROM {}").format(place)
    wanted = sql.SQL("SELECT %s::bigint, %s::text, (%s::jsonb)::text")
    before = sorted(connection.execute(query).fetchall())
    after = sorted(row for values in rows for row in connection.execute(wanted, values).fetchall())
    if before == after:
        return False
    connection.execute(sql.SQL("DELETE FROM {}").format(place))
    with connection.cursor() as cursor:
        cursor.executemany(sql.SQL("INSERT INTO {} VALUES (%s, %s, %s)").format(place), rows)
    return True
