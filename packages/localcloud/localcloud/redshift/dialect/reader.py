"""A cursor over tokens: what the small parsers of DDL, COPY and MERGE read from."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.redshift.dialect.lexer import Kind, Token, quote_name, tokenize
from localcloud.redshift.dialect.words import words
from localcloud.redshift.errors import SqlError


@dataclass(frozen=True)
class TableName:
    """A table as a statement names it."""

    schema: str | None
    name: str

    @property
    def sql(self) -> str:
        """The name, quoted."""
        schema = f"{quote_name(self.schema)}." if self.schema else ""
        return schema + quote_name(self.name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class Reader:
    """Reads tokens one by one; every refusal names the token at which it happened."""

    def __init__(self, sql: str, position: int = 0) -> None:
        self.sql = sql
        self.tokens = tokenize(sql)
        self.position = position

    @property
    def at_end(self) -> bool:
        """Whether all tokens were read."""
        return self.position >= len(self.tokens)

    def peek(self, ahead: int = 0) -> Token | None:
        """Give a coming token without reading it."""
        place = self.position + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def next(self) -> Token:
        """Read one token.

        Raises:
            SqlError: there is none.
        """
        token = self.peek()
        if token is None:
            raise self.error()
        self.position += 1
        return token

    def looks_at(self, *keys: str) -> bool:
        """Tell whether the coming tokens are these keywords or symbols."""
        coming = (self.peek(ahead) for ahead in range(len(keys)))
        return all(token is not None and token.key == word for token, word in zip(coming, keys, strict=True))

    def take(self, *keys: str) -> bool:
        """Read these keywords when they come next; tell whether they did."""
        found = self.looks_at(*keys)
        self.position += len(keys) if found else 0
        return found

    def expect(self, *keys: str) -> None:
        """Read these keywords.

        Raises:
            SqlError: something else comes.
        """
        for word in keys:
            if not self.take(word):
                raise self.error()

    def name(self) -> str:
        """Read an identifier."""
        token = self.peek()
        if token is None or not token.is_name:
            raise self.error()
        return self.next().name

    def new_name(self) -> str:
        """Read an identifier that the statement gives to something; a reserved word needs quotes.

        Source: https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html
        """
        token = self.peek()
        if token is not None and token.kind is Kind.WORD and token.key in words("reserved words"):
            raise self.error()
        return self.name()

    def table(self) -> TableName:
        """Read a table name with up to one schema; a database in front of it is read and must be this one."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        if len(parts) > 3:
            raise SqlError(f"improper qualified name (too many dotted names): {'.'.join(parts)}")
        return TableName(parts[-2] if len(parts) > 1 else None, parts[-1])

    def string(self) -> str:
        """Read a string literal."""
        token = self.peek()
        if token is None or token.kind is not Kind.STRING:
            raise self.error()
        return self.next().value

    def integer(self) -> int:
        """Read a whole number, perhaps negative."""
        sign = -1 if self.take("-") else 1
        token = self.peek()
        if token is None or not token.text.isdigit():
            raise self.error()
        return sign * int(self.next().text)

    def names(self) -> tuple[str, ...]:
        """Read ``(a, b, ...)``."""
        self.expect("(")
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def group(self) -> str:
        """Read ``( ... )`` with everything inside and give the text without the outer parentheses."""
        opening = self.next()
        if opening.key != "(":
            self.position -= 1
            raise self.error()
        depth = 1
        while depth:
            token = self.next()
            depth += {"(": 1, ")": -1}.get(token.key, 0)
        return self.sql[opening.end : self.tokens[self.position - 1].start].strip()

    def until(self, *stops: str) -> str:
        """Read up to one of the keywords outside parentheses, or the end, and give the text."""
        start = self.peek()
        depth = 0
        while (token := self.peek()) is not None and not (depth == 0 and token.key in stops):
            depth += {"(": 1, ")": -1}.get(token.key, 0)
            if depth < 0:
                break
            self.position += 1
        if start is None or self.peek() is start:
            raise self.error()
        return self.sql[start.start : self.tokens[self.position - 1].end]

    def rest(self) -> str:
        """Give the text that was not read yet."""
        token = self.peek()
        self.position = len(self.tokens)
        return self.sql[token.start :] if token is not None else ""

    def end(self) -> None:
        """Make sure that nothing follows.

        Raises:
            SqlError: something does.
        """
        if not self.at_end:
            raise self.error()

    def error(self) -> SqlError:
        """Give the error for an unexpected token here."""
        token = self.peek()
        if token is None:
            return SqlError("syntax error at end of input")
        return SqlError(f'syntax error at or near "{token.text}"')
