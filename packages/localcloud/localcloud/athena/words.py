"""The words of a statement that is not a query, read one after the other."""

from dataclasses import dataclass

from sqlglot.tokenizer_core import Token, TokenType

from localcloud.athena.dialect.parsing import tokens_of
from localcloud.athena.errors import QueryError


@dataclass(frozen=True)
class TableName:
    """A table as a statement names it; no database is the query's own."""

    database: str | None
    name: str


class Words:
    """Reads a statement.

    Args:
        sql: its text.
    """

    def __init__(self, sql: str) -> None:
        self._sql = sql
        # Definitions are in Hive's dialect, whose names are in backquotes.
        self._tokens = tokens_of(sql)
        self._next = 0

    @property
    def rest(self) -> str:
        """The text from here on."""
        token = self._peek()
        return "" if token is None else self._sql[token.start :]

    def take(self, *words: str) -> bool:
        """Go on when the next words are these; tell whether they were."""
        found = self._tokens[self._next : self._next + len(words)]
        matches = len(found) == len(words) and all(
            token.text.upper() == word and token.token_type != TokenType.STRING
            for token, word in zip(found, words, strict=True)
        )
        if matches:
            self._next += len(words)
        return matches

    def expect(self, *words: str) -> None:
        """Go on over words that have to be here.

        Raises:
            QueryError: they are not.
        """
        if not self.take(*words):
            raise self.unexpected()

    def name(self) -> str:
        """A name, in lower case.

        Raises:
            QueryError: there is none.
        """
        token = self._peek()
        if token is None or not (token.text[:1].isalpha() or token.text[:1] in "_$" or self._is_quoted(token)):
            raise self.unexpected()
        self._next += 1
        return token.text.lower()

    def table(self) -> TableName:
        """A table, with its database or without."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        return TableName(parts[-2] if len(parts) > 1 else None, parts[-1])

    def string(self) -> str:
        """A text in quotes.

        Raises:
            QueryError: there is none.
        """
        token = self._peek()
        if token is None or token.token_type != TokenType.STRING:
            raise self.unexpected()
        self._next += 1
        return token.text

    def value(self) -> str:
        """A literal as text: in quotes, or a number.

        Raises:
            QueryError: there is none.
        """
        token = self._peek()
        if token is not None and token.token_type == TokenType.NUMBER:
            self._next += 1
            return token.text
        return self.string()

    def is_string(self) -> bool:
        """Whether a text in quotes comes next."""
        token = self._peek()
        return token is not None and token.token_type == TokenType.STRING

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._peek() is None

    def end(self) -> None:
        """Make sure that nothing is left.

        Raises:
            QueryError: something is.
        """
        if not self.at_end():
            raise self.unexpected()

    def unexpected(self) -> QueryError:
        """The error for what comes next."""
        token = self._peek()
        if token is None:
            return QueryError("SYNTAX_ERROR", "mismatched input '<EOF>'")
        before = self._sql[: token.start]
        place = f"line {before.count(chr(10)) + 1}:{token.start - before.rfind(chr(10))}"
        return QueryError("SYNTAX_ERROR", f"{place}: mismatched input '{token.text}'")

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _is_quoted(self, token: Token) -> bool:
        return self._sql[token.start : token.start + 1] in ('"', "`")
