"""SHOW and DESCRIBE.

Source: https://docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html
"""

import re
from collections.abc import Iterator, Sequence

from localcloud.athena.catalog import Catalog, Column, TableDefinition, is_view
from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.results import Answer
from localcloud.athena.scan import partition_name
from localcloud.athena.words import Words

#: Source: https://docs.aws.amazon.com/athena/latest/ug/unsupported-ddl.html
_UNSUPPORTED = (
    "COMPACTIONS", "CURRENT", "GRANT", "INDEXES", "LOCKS", "PRINCIPALS", "ROLE", "ROLES", "STATS", "TRANSACTIONS",
)  # fmt: skip


class Shows:
    """Answers SHOW and DESCRIBE.

    Args:
        catalog: what is shown.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

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
            return self._partitions(self._only_table(words, database))
        if words.take("COLUMNS"):
            return self._columns(words, database)
        if words.take("TBLPROPERTIES"):
            return self._parameters(words, database)
        if words.take("CREATE", "TABLE"):
            return self._create_table(words, database)
        if any(words.follows(word) for word in _UNSUPPORTED):
            raise QueryError("NOT_SUPPORTED", f"SHOW {words.rest} is not supported by Athena")
        raise not_here(f"SHOW {words.rest}")

    def _columns(self, words: Words, database: str) -> Answer:
        if not words.take("IN"):
            words.expect("FROM")
        name = words.table()
        if words.take("FROM") or words.take("IN"):
            database = words.name()
        words.end()
        table = self._catalog.existing(name.database or database, name.name)
        return Answer.of_texts(["field"], [[column.name] for column in table.all_columns])

    def _parameters(self, words: Words, database: str) -> Answer:
        name = words.table()
        wanted = None
        if words.take("("):
            wanted = words.string()
            words.expect(")")
        words.end()
        parameters = self._catalog.existing(name.database or database, name.name).parameters
        if wanted is None:
            return Answer.of_texts(["prpt_name", "prpt_value"], [[k, v] for k, v in sorted(parameters.items())])
        text = parameters.get(wanted, f"Table {database}.{name.name} does not have property: {wanted}")
        return Answer.of_texts(["prpt_value"], [[text]])

    def _create_table(self, words: Words, database: str) -> Answer:
        table = self._only_table(words, database)
        if table.view_text is not None:
            raise QueryError("GENERIC_USER_ERROR", f"{table.name} is a view: use SHOW CREATE VIEW")
        return Answer.of_texts(["createtab_stmt"], [[line] for line in _definition(table)])

    def describe(self, words: Words, database: str) -> Answer:
        """DESCRIBE, from behind its word: columns, then the partition keys once more as Hive has them."""
        if words.take("EXTENDED") or words.take("FORMATTED"):
            raise not_here("DESCRIBE EXTENDED and DESCRIBE FORMATTED")
        for word in ("INPUT", "OUTPUT"):
            if words.follows(word) and not words.follows(word, "."):
                raise QueryError("NOT_SUPPORTED", f"DESCRIBE {word} is not supported by Athena")
        name = words.table()
        table = self._catalog.existing(name.database or database, name.name)
        if not words.at_end():
            return self._described_column(table, words)
        lines = [_described(column) for column in table.all_columns]
        if table.keys:
            lines += ["\t \t ", "# Partition Information\t \t ", f"{'# col_name':20}\t{'data_type':20}\t{'comment':20}"]
            lines += ["\t \t ", *(_described(key) for key in table.keys)]
        return Answer.of_texts(["col_name"], [[line] for line in lines])

    def _described_column(self, table: TableDefinition, words: Words) -> Answer:
        if words.follows("PARTITION"):
            raise not_here("DESCRIBE with PARTITION")
        name = words.name()
        if words.follows("."):
            raise not_here("DESCRIBE of a part of a column")
        words.end()
        found = [_described(column) for column in table.all_columns if column.name == name]
        if not found:
            raise QueryError("COLUMN_NOT_FOUND", f"Column '{name}' of table '{table}' does not exist")
        return Answer.of_texts(["col_name"], [[line] for line in found])

    def _only_table(self, words: Words, database: str) -> TableDefinition:
        name = words.table()
        words.end()
        return self._catalog.existing(name.database or database, name.name)

    def _partitions(self, table: TableDefinition) -> Answer:
        if not table.keys:
            raise QueryError("GENERIC_USER_ERROR", f"Table {table.name} is not a partitioned table")
        names = sorted(partition_name(table, found.values) for found in self._catalog.partitions(table))
        return Answer.of_texts(["partition"], [[name] for name in names])

    def _names(self, column: str, names: list[str], words: Words) -> Answer:
        words.take("LIKE")
        if words.is_string():
            # A regular expression in which * stands for any letters.
            pattern = re.sub(r"(?<!\.)\*", ".*", words.string())
            names = [name for name in names if re.fullmatch(pattern, name)]
        words.end()
        return Answer.of_texts([column], [[name] for name in names])


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
    return f"`{column.name}` {column.type.hive}{comment}"


def _described(column: Column) -> str:
    return f"{column.name:20}\t{column.type.hive:20}\t{column.comment:20}"
