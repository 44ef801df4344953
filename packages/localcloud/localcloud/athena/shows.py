"""SHOW and DESCRIBE.

Source: https://docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html
"""

import re
from collections.abc import Iterator, Sequence

from localcloud.athena.catalog import Catalog, Column, TableDefinition, is_view
from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.results import Answer
from localcloud.athena.scan import partition_name
from localcloud.athena.types import Type
from localcloud.athena.words import TableName, Words


class Shows:
    """Answers SHOW and DESCRIBE.

    Args:
        catalog: what is shown.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def table(self, name: TableName, database: str) -> TableDefinition:
        """A table of the catalog.

        Raises:
            QueryError: there is none.
        """
        found = self._catalog.table(name.database or database, name.name)
        if found is None:
            full = f"{name.database or database}.{name.name}"
            raise QueryError("TABLE_NOT_FOUND", f"Table '{full}' does not exist")
        return found

    def show(self, words: Words, database: str) -> Answer:
        """SHOW, from behind its word."""
        if words.take("DATABASES") or words.take("SCHEMAS"):
            return self._names("database_name", self._catalog.databases(), words)
        for word in ("TABLES", "VIEWS"):
            if words.take(word):
                if words.take("IN") or words.take("FROM"):
                    database = words.name()
                found = self._catalog.tables(database)
                names = [str(item["Name"]) for item in found if word == "TABLES" or is_view(item)]
                return self._names("tab_name" if word == "TABLES" else "views", names, words)
        if words.take("PARTITIONS"):
            return self._partitions(self.table(_only_table(words), database))
        if words.take("COLUMNS"):
            if not words.take("IN"):
                words.expect("FROM")
            found_table = self._table_of_columns(words, database)
            return Answer.of_texts(["field"], [[column.name] for column in found_table.all_columns])
        if words.take("TBLPROPERTIES"):
            parameters = self.table(_only_table(words), database).parameters
            return Answer.of_texts(["prpt_name", "prpt_value"], [[k, v] for k, v in sorted(parameters.items())])
        if words.take("CREATE", "TABLE"):
            lines = _definition(self.table(_only_table(words), database))
            return Answer.of_texts(["createtab_stmt"], [[line] for line in lines])
        raise not_here(f"SHOW {words.rest}")

    def _table_of_columns(self, words: Words, database: str) -> TableDefinition:
        name = words.table()
        if words.take("FROM") or words.take("IN"):
            database = words.name()
        words.end()
        return self.table(name, database)

    def describe(self, words: Words, database: str) -> Answer:
        """DESCRIBE, from behind its word: columns, then the partition keys once more as Hive has them."""
        if words.take("EXTENDED") or words.take("FORMATTED"):
            raise not_here("DESCRIBE EXTENDED and DESCRIBE FORMATTED")
        words.take("TABLE")
        table = self.table(_only_table(words), database)
        lines = [_described(column) for column in table.all_columns]
        if table.keys:
            lines += ["\t \t ", "# Partition Information\t \t ", f"{'# col_name':20}\t{'data_type':20}\t{'comment':20}"]
            lines += ["\t \t ", *(_described(key) for key in table.keys)]
        return Answer.of_texts(["col_name"], [[line] for line in lines])

    def _partitions(self, table: TableDefinition) -> Answer:
        if not table.keys:
            raise QueryError("GENERIC_USER_ERROR", f"Table {table.name} is not a partitioned table")
        names = sorted(partition_name(table, found.values) for found in self._catalog.partitions(table))
        return Answer.of_texts(["partition"], [[name] for name in names])

    def _names(self, column: str, names: list[str], words: Words) -> Answer:
        words.take("LIKE")
        if words.is_string():
            # A regular expression in which * stands for any letters.
            pattern = words.string().replace("*", ".*")
            names = [name for name in names if re.fullmatch(pattern, name)]
        words.end()
        return Answer.of_texts([column], [[name] for name in names])


def _only_table(words: Words) -> TableName:
    name = words.table()
    words.end()
    return name


def _definition(table: TableDefinition) -> Iterator[str]:
    """CREATE EXTERNAL TABLE, line by line."""
    yield f"CREATE EXTERNAL TABLE `{table.name}`("
    yield from _listed([_column(column) for column in table.columns])
    if table.keys:
        yield "PARTITIONED BY ( "
        yield from _listed([_column(key) for key in table.keys])
    yield "ROW FORMAT SERDE "
    yield f"  '{table.serde}' "
    if table.serde_parameters:
        yield "WITH SERDEPROPERTIES ( "
        yield from _listed([f"'{name}'='{value}'" for name, value in sorted(table.serde_parameters.items())])
    if all(table.formats):
        yield "STORED AS INPUTFORMAT "
        yield f"  '{table.formats[0]}' "
        yield "OUTPUTFORMAT "
        yield f"  '{table.formats[1]}'"
    yield "LOCATION"
    yield f"  '{table.location}'"
    if table.parameters:
        yield "TBLPROPERTIES ("
        yield from _listed([f"'{name}'='{value}'" for name, value in sorted(table.parameters.items())])


def _listed(entries: Sequence[str]) -> Iterator[str]:
    last = len(entries) - 1
    return (f"  {entry}{')' if number == last else ', '}" for number, entry in enumerate(entries))


def _column(column: Column) -> str:
    comment = " COMMENT '{}'".format(column.comment.replace("'", "''")) if column.comment else ""
    return f"`{column.name}` {hive_name(column.type)}{comment}"


def _described(column: Column) -> str:
    return f"{column.name:20}\t{hive_name(column.type):20}\t{column.comment:20}"


def hive_name(kind: Type) -> str:
    """A type as definitions of tables name it."""
    inner = [hive_name(child) for child in kind.children]
    if kind.base == "struct":
        return f"struct<{','.join(f'{name}:{child}' for name, child in zip(kind.names, inner, strict=True))}>"
    if inner:
        return f"{kind.base}<{','.join(inner)}>"
    if kind.base == "decimal":
        return f"decimal({kind.precision},{kind.scale})"
    return kind.base + (f"({kind.arguments[0]})" if kind.arguments else "")
