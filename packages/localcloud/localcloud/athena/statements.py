"""Which statement it is, and who answers it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localcloud import registry
from localcloud.athena.dialect.parsing import tokens_of
from localcloud.athena.engine import Control, Engine
from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.partition_commands import PartitionCommands
from localcloud.athena.results import Answer
from localcloud.athena.shows import Shows
from localcloud.athena.words import Words

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

_QUERIES = ("SELECT", "WITH", "VALUES", "TABLE")
_DML = (*_QUERIES, "INSERT", "UPDATE", "DELETE", "MERGE", "UNLOAD", "EXECUTE")
_DDL = ("CREATE", "DROP", "ALTER", "MSCK")
Prepared = Callable[[str, str], str | None]


@dataclass(frozen=True)
class Statement:
    """A statement, as far as its first words say what it is.

    Attributes:
        sql: its text, without a semicolon at the end.
        word: its first word, in upper case.
        kind: Athena's type of it: DML, DDL or UTILITY.
    """

    sql: str
    word: str
    kind: str


@dataclass(frozen=True)
class Context:
    """Where and how a statement runs.

    Attributes:
        database: of tables that are named without one.
        workgroup: whose prepared statements it may name.
        control: stops it.
    """

    database: str
    workgroup: str
    control: Control


def read_statement(sql: str) -> Statement:
    """What a text is; one that cannot be read is a query, which then fails."""
    tokens = tokens_of(sql)
    word = tokens[0].text.upper() if tokens else "SELECT"
    if word == "(":
        word = "SELECT"
    kind = "DML" if word in _DML else "DDL" if word in _DDL else "UTILITY"
    return Statement(sql.strip().rstrip(";").strip(), word, kind)


class Statements:
    """Answers statements.

    Args:
        engine: answers queries.
        shows: answers SHOW and DESCRIBE.
        partitions: registers partitions.
        glue: gives a client of the catalog.
        prepared: gives the text of a workgroup's prepared statement, None when there is none.
    """

    def __init__(
        self,
        engine: Engine,
        shows: Shows,
        partitions: PartitionCommands,
        glue: "Callable[[], GlueClient]",
        prepared: Prepared,
    ) -> None:
        self._engine = engine
        self._shows = shows
        self._partitions = partitions
        self._glue = glue
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
        if statement.word in _QUERIES:
            return self._engine.query(statement.sql, context.database, context.control, parameters)
        words = Words(statement.sql)
        others: Mapping[str, Callable[[Words, Context], Answer]] = {
            "SHOW": lambda words, context: self._shows.show(words, context.database),
            "DESCRIBE": lambda words, context: self._shows.describe(words, context.database),
            "DESC": lambda words, context: self._shows.describe(words, context.database),
            "MSCK": self._repair,
            "ALTER": self._alter,
            "EXECUTE": self._execute,
        }
        if statement.word in others:
            words.take(statement.word)
            return others[statement.word](words, context)
        if statement.word in ("CREATE", "DROP"):
            return self._define(statement, words, context)
        raise not_here(statement.word)

    def _repair(self, words: Words, context: Context) -> Answer:
        words.expect("REPAIR", "TABLE")
        table = self._shows.table(words.table(), context.database)
        words.end()
        return self._partitions.repair(table)

    def _alter(self, words: Words, context: Context) -> Answer:
        words.expect("TABLE")
        return self._partitions.alter(self._shows.table(words.table(), context.database), words)

    def _execute(self, words: Words, context: Context) -> Answer:
        """EXECUTE name USING value, …: a prepared statement with values for its question marks."""
        name = words.name()
        sql = self._prepared(context.workgroup, name)
        if sql is None:
            raise QueryError("NOT_FOUND", f"Prepared statement not found: {name}")
        has_values = words.take("USING")
        parameters = _split(words.rest) if has_values else []
        return self.run(read_statement(sql), parameters, context)

    def _define(self, statement: Statement, words: Words, context: Context) -> Answer:
        words.take(statement.word)
        if words.take("DATABASE") or words.take("SCHEMA"):
            self._define_database(statement.word, words)
            return Answer()
        definition = registry.athena_definition(statement.sql)
        if definition is None:
            raise not_here(f"{statement.word} {words.rest.partition(' ')[0].upper()} in this form")
        try:
            registry.run_athena_definition(definition, context.database)
        except ValueError as error:
            raise QueryError("GENERIC_USER_ERROR", str(error)) from error
        return Answer()

    def _define_database(self, word: str, words: Words) -> None:
        is_lenient = words.take("IF", "NOT", "EXISTS") if word == "CREATE" else words.take("IF", "EXISTS")
        name = words.name()
        words.take("CASCADE")
        words.end()
        glue = self._glue()
        tolerated = {"CREATE": "AlreadyExistsException", "DROP": "EntityNotFoundException"}[word]
        try:
            if word == "CREATE":
                glue.create_database(DatabaseInput={"Name": name})
            else:
                glue.delete_database(Name=name)
        except ClientError as error:
            if not (is_lenient and error.response["Error"]["Code"] == tolerated):
                raise QueryError("HIVE_METASTORE_ERROR", str(error)) from error


def _split(text: str) -> list[str]:
    """The expressions of a list, at the commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for token in tokens_of(text):
        depth += (token.text in "([") - (token.text in ")]") if len(token.text) == 1 else 0
        if token.text == "," and depth == 0:
            parts.append(text[start : token.start])
            start = token.end + 1
    return [part.strip() for part in (*parts, text[start:])]
