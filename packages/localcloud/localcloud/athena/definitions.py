"""Definitions of databases and tables: CREATE, DROP and ALTER.

Source: https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html, with a page for each statement, and
https://docs.aws.amazon.com/athena/latest/ug/unsupported-ddl.html
"""

from collections.abc import Mapping
from typing import Any

from localcloud import registry
from localcloud.athena.catalog import Catalog, TableDefinition, is_view
from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.partition_commands import PartitionCommands, Values
from localcloud.athena.results import Answer
from localcloud.athena.types import parse_type
from localcloud.athena.words import Words

#: Forms of ALTER TABLE that Athena itself has not.
_UNSUPPORTED = (
    "ARCHIVE", "CLUSTERED", "EXCHANGE", "NOT", "COMPACT", "CONCATENATE", "RENAME", "SKEWED", "TOUCH", "UNARCHIVE",
)  # fmt: skip
#: SerDes whose tables take other columns.
_REPLACEABLE = ("LazySimpleSerDe", "ParquetHiveSerDe")


class Definitions:
    """Defines databases and tables.

    Args:
        catalog: is changed.
        partitions: registers partitions.
    """

    def __init__(self, catalog: Catalog, partitions: PartitionCommands) -> None:
        self._catalog = catalog
        self._partitions = partitions

    def create_table(self, sql: str, words: Words, database: str) -> Answer:
        """CREATE [EXTERNAL] TABLE with columns.

        Args:
            sql: the whole statement.
            words: from behind CREATE.
            database: of a table that is named without one.
        """
        is_external = words.take("EXTERNAL")
        words.expect("TABLE")
        may_exist = words.take("IF", "NOT", "EXISTS")
        name = words.table()
        if words.take("LIKE"):
            raise QueryError("NOT_SUPPORTED", "CREATE TABLE LIKE is not supported")
        words.columns()
        definition = registry.athena_table(sql)
        if definition is None:
            raise QueryError("SYNTAX_ERROR", f"CREATE TABLE cannot be read from '{_start(words.rest)}' on")
        if str(definition["Parameters"].get("table_type", "")).upper() == "ICEBERG":
            raise not_here("an Iceberg table")
        if not is_external:
            raise QueryError("GENERIC_USER_ERROR", "CREATE TABLE needs the word EXTERNAL, unless table_type is ICEBERG")
        location = str(definition["StorageDescriptor"].get("Location", ""))
        if not location.startswith("s3://"):
            raise QueryError("GENERIC_USER_ERROR", "LOCATION of a table has to be a folder such as s3://bucket/folder/")
        for column in (*definition["StorageDescriptor"]["Columns"], *definition["PartitionKeys"]):
            parse_type(column["Type"])
        if self._catalog.item(name.database or database, name.name) is not None:
            if may_exist:
                return Answer()
            raise QueryError("GENERIC_USER_ERROR", f"Table {name.name} already exists")
        self._catalog.create(name.database or database, definition)
        return Answer()

    def drop_table(self, words: Words, database: str) -> Answer:
        """DROP TABLE, from behind its words; the files stay."""
        may_lack = words.take("IF", "EXISTS")
        name = words.table()
        words.end()
        item = self._catalog.item(name.database or database, name.name)
        if item is None and not may_lack:
            full = f"{name.database or database}.{name.name}"
            raise QueryError("GENERIC_USER_ERROR", f"Table '{full}' does not exist")
        if item is not None and is_view(item):
            raise QueryError("GENERIC_USER_ERROR", f"{name.name} is a view: drop it with DROP VIEW")
        if item is not None:
            self._catalog.drop(name.database or database, name.name)
        return Answer()

    def create_database(self, words: Words) -> Answer:
        """CREATE DATABASE, from behind its words."""
        may_exist = words.take("IF", "NOT", "EXISTS")
        item: dict[str, Any] = {"Name": words.name()}
        if words.take("COMMENT"):
            item["Description"] = words.string()
        if words.take("LOCATION"):
            item["LocationUri"] = words.string()
        if words.take("WITH", "DBPROPERTIES"):
            item["Parameters"] = words.texts()
        words.end()
        if self._catalog.database(item["Name"]) is not None:
            if may_exist:
                return Answer()
            raise QueryError("GENERIC_USER_ERROR", f"Database {item['Name']} already exists")
        self._catalog.create_database(item)
        return Answer()

    def drop_database(self, words: Words) -> Answer:
        """DROP DATABASE, from behind its words; one with tables in it stays unless CASCADE is said."""
        may_lack = words.take("IF", "EXISTS")
        name = words.name()
        is_cascade = words.take("CASCADE")
        if not is_cascade:
            words.take("RESTRICT")
        words.end()
        if self._catalog.database(name) is None:
            if may_lack:
                return Answer()
            raise QueryError("GENERIC_USER_ERROR", f"Database does not exist: {name}")
        tables = self._catalog.tables(name)
        if tables and not is_cascade:
            raise QueryError(
                "GENERIC_USER_ERROR", f"Database {name} is not empty. One or more tables exist: use DROP … CASCADE"
            )
        for table in tables:
            self._catalog.drop(name, str(table["Name"]))
        self._catalog.drop_database(name)
        return Answer()

    def alter(self, words: Words, database: str) -> Answer:
        """ALTER, from behind its word."""
        if words.take("DATABASE") or words.take("SCHEMA"):
            return self._alter_database(words)
        words.expect("TABLE")
        name = words.table()
        table = self._catalog.existing(name.database or database, name.name)
        if table.view_text is not None:
            raise QueryError("GENERIC_USER_ERROR", f"{table.name} is a view: it has no columns or partitions to alter")
        values: Values | None = None
        if words.follows("PARTITION"):
            values = self._partitions.values(table, words)
        self._alter_table(table, values, words)
        return Answer()

    def _alter_table(self, table: TableDefinition, values: Values | None, words: Words) -> None:
        if words.take("ADD", "COLUMNS"):
            self._add_columns(table, values, words)
        elif words.take("REPLACE", "COLUMNS"):
            self._replace_columns(table, values, words)
        elif words.take("SET", "LOCATION"):
            self._set_location(table, values, words)
        elif values is not None and words.take("RENAME", "TO"):
            self._partitions.rename(table, values, words)
        elif values is None and words.take("ADD"):
            self._partitions.add(table, words)
        elif words.follows("CHANGE") or words.follows("DROP", "COLUMN"):
            raise not_here("ALTER TABLE CHANGE COLUMN and DROP COLUMN, which are for Iceberg tables,")
        elif values is None and words.take("DROP"):
            self._partitions.drop(table, words)
        elif values is None and words.take("SET", "TBLPROPERTIES"):
            self._set_parameters(table, words)
        elif any(words.follows(word) for word in (*_UNSUPPORTED, "SET")):
            raise QueryError("NOT_SUPPORTED", f"ALTER TABLE {_start(words.rest)} is not supported by Athena")
        else:
            raise words.unexpected()

    def _alter_database(self, words: Words) -> Answer:
        name = words.name()
        words.expect("SET", "DBPROPERTIES")
        parameters = words.texts()
        words.end()
        found = self._catalog.database(name)
        if found is None:
            raise QueryError("GENERIC_USER_ERROR", f"Database does not exist: {name}")
        kept = {part: found[part] for part in ("Name", "Description", "LocationUri") if part in found}
        self._catalog.replace_database(kept | {"Parameters": {**(found.get("Parameters") or {}), **parameters}})
        return Answer()

    def _add_columns(self, table: TableDefinition, values: Values | None, words: Words) -> None:
        new = _new_columns(words, "ADD")
        record = self._item(table) if values is None else self._catalog.partition(table, values)
        old = record["StorageDescriptor"].get("Columns") or []
        known = {*(str(column["Name"]).lower() for column in old), *(key.name for key in table.keys)}
        for column in new:
            if column["Name"] in known:
                raise QueryError("GENERIC_USER_ERROR", f"Duplicate column name: {column['Name']}")
        self._set_columns(table, values, [*old, *new])

    def _replace_columns(self, table: TableDefinition, values: Values | None, words: Words) -> None:
        new = _new_columns(words, "REPLACE")
        if not any(name in table.serde for name in _REPLACEABLE):
            text = f"Replacing columns is not supported for table {table.name}: its SerDe is {table.serde}"
            raise QueryError("GENERIC_USER_ERROR", text)
        self._set_columns(table, values, new)

    def _set_columns(self, table: TableDefinition, values: Values | None, columns: list[dict[str, str]]) -> None:
        if values is not None:
            self._catalog.change_partition(table, values, values, {"Columns": columns})
            return
        item = self._item(table)
        storage = {**item["StorageDescriptor"], "Columns": columns}
        self._catalog.replace(table.database, item | {"StorageDescriptor": storage})

    def _set_location(self, table: TableDefinition, values: Values | None, words: Words) -> None:
        location = words.string()
        words.end()
        if not location.startswith("s3://"):
            raise QueryError("GENERIC_USER_ERROR", f"{location} is not a folder such as s3://bucket/folder/")
        if values is not None:
            self._catalog.change_partition(table, values, values, {"Location": location})
            return
        item = self._item(table)
        storage = {**item["StorageDescriptor"], "Location": location}
        self._catalog.replace(table.database, item | {"StorageDescriptor": storage})

    def _set_parameters(self, table: TableDefinition, words: Words) -> None:
        new = words.texts()
        words.end()
        item = self._item(table)
        parameters: Mapping[str, str] = {**(item.get("Parameters") or {}), **new}
        self._catalog.replace(table.database, item | {"Parameters": parameters})

    def _item(self, table: TableDefinition) -> dict[str, Any]:
        item = self._catalog.item(table.database, table.name)
        if item is None:
            raise QueryError("TABLE_NOT_FOUND", f"Table '{table.database}.{table.name}' does not exist")
        return item


def _new_columns(words: Words, verb: str) -> list[dict[str, str]]:
    columns = words.columns()
    words.end()
    for column in columns:
        if parse_type(column["Type"]).base == "date":
            # Source: https://docs.aws.amazon.com/athena/latest/ug/alter-table-add-columns.html (Notes)
            text = f"ALTER TABLE {verb} COLUMNS does not work for the data type date ({column['Name']}); use timestamp"
            raise QueryError("GENERIC_USER_ERROR", text)
    return columns


def _start(text: str) -> str:
    """The first words of a text, for messages."""
    return " ".join(text.split()[:4])
