"""Which statement it is, and who answers it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from localcloud.athena.catalog import Catalog
from localcloud.athena.definitions import Definitions
from localcloud.athena.dialect.parsing import tokens_of
from localcloud.athena.engine import Control, Engine
from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.explain import Explains
from localcloud.athena.objects import Objects
from localcloud.athena.partition_commands import PartitionCommands
from localcloud.athena.results import Answer
from localcloud.athena.shows import Shows
from localcloud.athena.statement_texts import QUERIES, Statement, read_statement
from localcloud.athena.views import Views
from localcloud.athena.words import Words
from localcloud.athena.writes import Source, Writes

_OF_ICEBERG = ("UPDATE", "DELETE", "MERGE", "OPTIMIZE", "VACUUM")
#: First words of statements that Athena itself has not.
#: Source: https://docs.aws.amazon.com/athena/latest/ug/unsupported-ddl.html
_UNSUPPORTED = (
    "COMMIT",
    "ROLLBACK",
    "START",
    "GRANT",
    "REVOKE",
    "LOCK",
    "UNLOCK",
    "EXPORT",
    "IMPORT",
    "DFS",
    "TRUNCATE",
)
_PREPARABLE = (*QUERIES, "INSERT", "UNLOAD")


class PreparedStatements(Protocol):
    """The prepared statements of workgroups."""

    def find(self, workgroup: str, name: str) -> str | None:
        """The text of a statement, None when there is none."""

    def keep(self, workgroup: str, name: str, sql: str) -> None:
        """Keep a statement under a name that is free."""

    def drop(self, workgroup: str, name: str) -> None:
        """Forget a statement that is there."""


@dataclass(frozen=True)
class Context:
    """Where and how a statement runs.

    Attributes:
        database: of tables that are named without one.
        workgroup: whose prepared statements it may name.
        control: stops it.
        tables_location: where the files of tables go whose statement names no place.
        is_enforced: whether the workgroup enforces its place of results.
    """

    database: str
    workgroup: str
    control: Control
    tables_location: str = ""
    is_enforced: bool = False


class Statements:
    """Answers statements.

    Args:
        catalog: where tables are found.
        objects: where files are found.
        prepared: keeps prepared statements.
    """

    def __init__(self, catalog: Catalog, objects: Objects, prepared: PreparedStatements) -> None:
        self._catalog = catalog
        self._engine = Engine(catalog, objects)
        self._partitions = PartitionCommands(catalog, objects)
        self._definitions = Definitions(catalog, self._partitions)
        self._shows = Shows(catalog)
        self._views = Views(catalog, self._engine)
        self._writes = Writes(self._engine, catalog, objects)
        self._explains = Explains(self._engine)
        self._prepared = prepared

    def run(self, statement: Statement, parameters: Sequence[str], context: Context) -> Answer:
        """Answer one statement.

        Args:
            statement: what to do.
            parameters: SQL of the values for its question marks.
            context: where it runs.

        Raises:
            QueryError: it fails.
            QueryCancelledError: it was stopped.
        """
        if statement.word in QUERIES:
            return self._engine.query(statement.sql, context.database, context.control, parameters)
        words = Words(statement.sql)
        words.take(statement.word)
        if statement.writes_files:
            return self._write(statement, words, parameters, context)
        others: Mapping[str, Callable[[], Answer]] = {
            "SHOW": lambda: self._show(words, context),
            "DESCRIBE": lambda: self._shows.describe(words, context.database),
            "DESC": lambda: self._shows.describe(words, context.database),
            "MSCK": lambda: self._repair(words, context),
            "ALTER": lambda: self._definitions.alter(words, context.database),
            "EXECUTE": lambda: self._execute(words, parameters, context),
            "PREPARE": lambda: self._prepare(words, context),
            "DEALLOCATE PREPARE": lambda: self._deallocate(words, context),
            "EXPLAIN": lambda: self._explains.explain(words, context.database, context.control, parameters),
            "CREATE": lambda: self._create(statement, words, context),
            "DROP": lambda: self._drop(words, context),
        }
        if statement.word in others:
            return others[statement.word]()
        if statement.word in _OF_ICEBERG:
            raise not_here(f"{statement.word}, which is for Iceberg tables only,")
        if statement.word in _UNSUPPORTED:
            raise QueryError("NOT_SUPPORTED", f"{statement.word} is not supported by Athena")
        raise QueryError("SYNTAX_ERROR", f"line 1:1: mismatched input '{statement.sql.split(maxsplit=1)[0]}'")

    def _write(self, statement: Statement, words: Words, parameters: Sequence[str], context: Context) -> Answer:
        source = Source(context.database, parameters, context.control, context.tables_location, context.is_enforced)
        if statement.is_ctas:
            return self._writes.create(words, source)
        if statement.word == "UNLOAD":
            return self._writes.unload(words, source)
        words.expect("INTO")
        return self._writes.insert(words, source)

    def _show(self, words: Words, context: Context) -> Answer:
        if words.take("CREATE", "VIEW"):
            return self._views.show(words, context.database)
        return self._shows.show(words, context.database)

    def _repair(self, words: Words, context: Context) -> Answer:
        words.expect("REPAIR", "TABLE")
        name = words.table()
        words.end()
        return self._partitions.repair(self._catalog.existing(name.database or context.database, name.name))

    def _create(self, statement: Statement, words: Words, context: Context) -> Answer:
        if words.take("DATABASE") or words.take("SCHEMA"):
            return self._definitions.create_database(words)
        if words.follows("VIEW") or words.follows("OR", "REPLACE", "VIEW"):
            return self._views.create(words, context.database, context.control)
        if words.follows("TABLE") or words.follows("EXTERNAL", "TABLE"):
            return self._definitions.create_table(statement.sql, words, context.database)
        raise words.unexpected()

    def _drop(self, words: Words, context: Context) -> Answer:
        if words.take("DATABASE") or words.take("SCHEMA"):
            return self._definitions.drop_database(words)
        if words.take("VIEW"):
            return self._views.drop(words, context.database)
        words.expect("TABLE")
        return self._definitions.drop_table(words, context.database)

    def _prepare(self, words: Words, context: Context) -> Answer:
        """PREPARE name FROM statement."""
        name = words.name()
        words.expect("FROM")
        statement = read_statement(words.rest)
        if statement.word not in _PREPARABLE and not statement.is_ctas:
            raise QueryError("NOT_SUPPORTED", f"{statement.word} cannot be prepared")
        if self._prepared.find(context.workgroup, name) is not None:
            raise QueryError("ALREADY_EXISTS", f"Prepared statement already exists: {name}")
        self._prepared.keep(context.workgroup, name, statement.sql)
        return Answer()

    def _execute(self, words: Words, parameters: Sequence[str], context: Context) -> Answer:
        """EXECUTE name [USING value, …]: a prepared statement with values for its question marks."""
        name = words.name()
        sql = self._prepared.find(context.workgroup, name)
        if sql is None:
            raise QueryError("NOT_FOUND", f"Prepared statement not found: {name}")
        has_values = words.take("USING")
        given = _split(words.rest) if has_values else parameters
        return self.run(read_statement(sql), given, context)

    def _deallocate(self, words: Words, context: Context) -> Answer:
        """DEALLOCATE PREPARE name."""
        name = words.name()
        words.end()
        if self._prepared.find(context.workgroup, name) is None:
            raise QueryError("NOT_FOUND", f"Prepared statement not found: {name}")
        self._prepared.drop(context.workgroup, name)
        return Answer()


def _split(text: str) -> list[str]:
    """The expressions of a list, at the commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for token in tokens_of(text):
        depth += (token.text in "([") - (token.text in ")]") if len(token.text) == 1 else 0
        if token.text == "," and depth == 0:
            parts.append(text[start : token.start])
            start = token.end + 1
    return [part.strip() for part in (*parts, text[start:])]
