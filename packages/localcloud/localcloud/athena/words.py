"""The words of a statement that is not a query, read one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot.tokenizer_core import Token, TokenType

from localcloud.athena.dialect.parsing import tokens_of
from localcloud.athena.errors import QueryError

Property = str | int | bool | tuple[str, ...]
"""A value of a property: text, number, truth value or list of texts."""


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

    def follows(self, *words: str) -> bool:
        """Whether these words come next; nothing is taken."""
        before = self._next
        found = self.take(*words)
        self._next = before
        return found

    def drop_end(self, *words: str) -> bool:
        """Leave out the last words of the statement when they are these; tell whether they were."""
        start = len(self._tokens) - len(words)
        last = [token.text.upper() for token in self._tokens[start:]]
        if start < self._next or last != list(words):
            return False
        self._sql = self._sql[: self._tokens[start].start]
        self._tokens = self._tokens[:start]
        return True

    def names(self) -> list[str]:
        """Names in brackets, separated by commas."""
        self.expect("(")
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.expect(")")
        return found

    def bracketed(self) -> str:
        """The text inside of the brackets that come next.

        Raises:
            QueryError: there are none, or they do not end.
        """
        self.expect("(")
        start, depth = self._next, 1
        while depth:
            token = self._peek()
            if token is None:
                raise self.unexpected()
            depth += (token.text == "(") - (token.text == ")")
            self._next += 1
        first, last = self._tokens[start], self._tokens[self._next - 1]
        return self._sql[first.start : last.start].strip()

    def properties(self) -> dict[str, Property]:
        """Properties in brackets: name = value, ….

        Raises:
            QueryError: there are none.
        """
        self.expect("(")
        found: dict[str, Property] = {}
        while True:
            name = self.string() if self.is_string() else self.name()
            self.expect("=")
            found[name] = self._property()
            if not self.take(","):
                break
        self.expect(")")
        return found

    def texts(self) -> dict[str, str]:
        """Properties in brackets whose values are texts, or numbers as texts."""
        return {name: str(value) for name, value in self.properties().items()}

    def columns(self) -> list[dict[str, str]]:
        """Columns in brackets as the catalog has them: name type [COMMENT text], ….

        Raises:
            QueryError: there are none.
        """
        self.expect("(")
        found = []
        while True:
            column = {"Name": self.name(), "Type": "".join(self._type())}
            if self.take("COMMENT"):
                column["Comment"] = self.string()
            found.append(column)
            if not self.take(","):
                break
        self.expect(")")
        return found

    def _type(self) -> Iterator[str]:
        depth = 0
        while (token := self._peek()) is not None:
            if (depth == 0 and token.text in (",", ")")) or token.text.upper() == "COMMENT":
                return
            # The tokenizer takes two closing brackets as one mark.
            if set(token.text) <= set("<>()"):
                depth += sum({"<": 1, "(": 1}.get(mark, -1) for mark in token.text)
            self._next += 1
            yield token.text.lower()
        raise self.unexpected()

    def _property(self) -> Property:
        if self.take("ARRAY"):
            self.expect("[")
            found = [self.string()]
            while self.take(","):
                found.append(self.string())
            self.expect("]")
            return tuple(found)
        token = self._peek()
        if token is not None and token.token_type == TokenType.NUMBER:
            self._next += 1
            return int(token.text) if token.text.isdecimal() else token.text
        for word, value in (("TRUE", True), ("FALSE", False)):
            if self.take(word):
                return value
        if token is not None and self._is_quoted(token):
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
