"""The text of a query as a tree, with every function under the name that the query gives it."""

import logging
from itertools import pairwise
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.parsers.trino import TrinoParser
from sqlglot.tokenizer_core import Token, TokenType

from localcloud.athena.errors import QueryError, not_here

# sqlglot warns of what it keeps as text; what that means is decided where the statement is run.
logging.getLogger("sqlglot").setLevel(logging.ERROR)
#: Functions of JSON whose arguments have a syntax of their own.
_JSON_SYNTAX = ("JSON_OBJECT", "JSON_OBJECTAGG", "JSON_ARRAYAGG", "JSON_TABLE")
#: Words that are no names in a query unless they are in quotes.
#: Source: https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html (SQL SELECT statements)
_RESERVED = frozenset(
    """
    ALTER AND AS BETWEEN BY CASE CAST CONSTRAINT CREATE CROSS CUBE CURRENT_DATE CURRENT_PATH CURRENT_TIME
    CURRENT_TIMESTAMP CURRENT_USER DEALLOCATE DELETE DESCRIBE DISTINCT DROP ELSE END ESCAPE EXCEPT EXECUTE EXISTS
    EXTRACT FALSE FIRST FOR FROM FULL GROUP GROUPING HAVING IN INNER INSERT INTERSECT INTO IS JOIN LAST LEFT LIKE
    LOCALTIME LOCALTIMESTAMP NATURAL NORMALIZE NOT NULL ON OR ORDER OUTER PREPARE RECURSIVE RIGHT ROLLUP SELECT TABLE
    THEN TRUE UNNEST USING VALUES WHEN WHERE WITH
    """.split()  # noqa: SIM905 - so many names read better as a text
)
#: Behind these a bracket begins a list, as DuckDB writes arrays.
_BEFORE_VALUES = ("(", ",", "[", "=", "<", ">", "+", "-", "*", "/", "||", "SELECT", "IN", "THEN", "ELSE", "AND", "OR")
_SPECIAL = ("CAST", "TRY_CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM", "LISTAGG")


class AthenaSql(Trino):
    """Trino's dialect, in which sqlglot does not say what a function means: `functions` does.

    Functions whose arguments are not a list, such as CAST, stay sqlglot's.
    """

    class Tokenizer(Trino.Tokenizer):
        """Reads every statement word by word, and the names of Hive's definitions in backquotes."""

        COMMANDS: ClassVar[set[TokenType]] = set()
        IDENTIFIERS: ClassVar[list[str | tuple[str, str]]] = ['"', "`"]

    class Parser(TrinoParser):
        """Reads functions by name."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {name: TrinoParser.FUNCTION_PARSERS[name] for name in _SPECIAL}


def parse(sql: str) -> exp.Expression:
    """The tree of one query.

    Args:
        sql: in Athena's dialect.

    Raises:
        QueryError: SYNTAX_ERROR, with line and column where they are known.
    """
    _refuse_marks(sql)
    try:
        found = [tree for tree in sqlglot.parse(sql, dialect=AthenaSql) if tree is not None]
    except ParseError as error:
        raise _syntax_error(error) from error
    except SqlglotError as error:
        raise QueryError("SYNTAX_ERROR", str(error)) from error
    if len(found) != 1 or not isinstance(found[0], exp.Expression):
        raise QueryError("SYNTAX_ERROR", f"Only one sql statement is allowed. Got: {sql}")
    return found[0]


def tokens_of(sql: str) -> list[Token]:
    """The words and marks of a statement; none when a quote in it does not end."""
    try:
        return list(sqlglot.tokenize(sql, dialect=AthenaSql))
    except SqlglotError:
        return []


def place_of(sql: str, name: str) -> str:
    """Where a name stands in a statement, as messages begin: `line 1:8: `; `line 1:1: ` when it is not found.

    Args:
        sql: the statement's text.
        name: an identifier, in any case.
    """
    for token in tokens_of(sql):
        if token.text.lower() == name.lower():
            return f"line {_place(sql, token.start)}: "
    return "line 1:1: "


def _place(sql: str, start: int) -> str:
    """Line and column, from 1, of a character."""
    before = sql[:start]
    return f"{before.count(chr(10)) + 1}:{start - (before.rfind(chr(10)) + 1) + 1}"


def _refuse_marks(sql: str) -> None:
    """Refuse marks that sqlglot reads and Athena does not."""
    tokens = tokens_of(sql)
    before = ""
    for token, following in pairwise(tokens):
        if _is_misplaced(sql, before, token, following):
            raise QueryError(
                "SYNTAX_ERROR", f"line {_place(sql, following.start)}: mismatched input '{following.text}'"
            )
        before = token.text.upper()
    for token in tokens:
        if token.text.upper() in _JSON_SYNTAX:
            raise not_here(f"{token.text.upper()}")
        if token.token_type == TokenType.DCOLON:
            raise QueryError("SYNTAX_ERROR", f"line {_place(sql, token.start)}: mismatched input '::'")
        if sql[token.start : token.start + 1] == "`":
            text = "backquoted identifiers are not supported; use double quotes to quote identifiers"
            raise QueryError("SYNTAX_ERROR", f"line {_place(sql, token.start)}: {text}")


def _is_misplaced(sql: str, before: str, token: Token, following: Token) -> bool:
    """Whether sqlglot reads a word or mark behind others where Athena does not."""
    word, after = token.text.upper(), following.text.upper()
    is_quoted = sql[following.start : following.start + 1] in ("'", '"')
    if token.token_type == TokenType.STRING or is_quoted:
        return False
    return (
        (word == "AS" and after in _RESERVED)
        or (word == "," and after in ("FROM", "WHERE", ")"))
        or (before == "IN" and (word, after) == ("(", ")"))
        or (before == "LIMIT" and after == ",")
        or (word in _BEFORE_VALUES and after == "[")
    )


def _syntax_error(error: ParseError) -> QueryError:
    for detail in error.errors:
        found, column = detail.get("highlight") or "", int(detail.get("col") or 1)
        place = f"line {detail.get('line') or 1}:{max(1, column - len(found) + 1)}: "
        return QueryError("SYNTAX_ERROR", f"{place}mismatched input '{found or '<EOF>'}'")
    return QueryError("SYNTAX_ERROR", str(error))
