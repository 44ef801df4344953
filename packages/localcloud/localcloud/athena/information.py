"""The views of ``information_schema``: what the Data Catalog has, as tables.

Source: https://docs.aws.amazon.com/athena/latest/ug/querying-glue-catalog.html
"""

from collections.abc import Iterator

from localcloud.athena.catalog import Catalog, Column, TableDefinition, is_view
from localcloud.athena.types import Type

DATABASE = "information_schema"
_CATALOG = "awsdatacatalog"
_COLUMNS = {
    "schemata": ("catalog_name", "schema_name"),
    "tables": ("table_catalog", "table_schema", "table_name", "table_type"),
    "columns": (
        "table_catalog", "table_schema", "table_name", "column_name", "ordinal_position", "column_default",
        "is_nullable", "data_type", "comment", "extra_info",
    ),
}  # fmt: skip
Row = tuple[str | int | None, ...]


def definition(name: str) -> TableDefinition | None:
    """Give a view of ``information_schema`` as a table, None when there is none of the name."""
    names = _COLUMNS.get(name)
    if names is None:
        return None
    columns = tuple(Column(column, Type("bigint" if column == "ordinal_position" else "string")) for column in names)
    return TableDefinition(DATABASE, name, columns, (), "", "")


def rows(name: str, catalog: Catalog) -> Iterator[Row]:
    """Give the rows of a view of ``information_schema``."""
    for database in catalog.databases():
        if name == "schemata":
            yield _CATALOG, database
            continue
        views = {str(item["Name"]) for item in catalog.tables(database) if is_view(item)}
        for table in catalog.definitions(database):
            if name == "tables":
                yield _CATALOG, database, table.name, "VIEW" if table.name in views else "BASE TABLE"
                continue
            keys = {key.name for key in table.keys}
            for place, column in enumerate(table.all_columns, start=1):
                extra = "partition key" if column.name in keys else None
                yield (
                    _CATALOG, database, table.name, column.name, place, None, "YES", column.type.athena,
                    column.comment or None, extra,
                )  # fmt: skip
