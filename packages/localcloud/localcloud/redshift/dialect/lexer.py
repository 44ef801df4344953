"""Cuts Redshift SQL into tokens, so that nothing inside a string, comment or procedure body is mistaken for syntax.

Identifiers are folded to lower case, quoted ones too, and may begin with ``#`` for a temporary table; a backslash
escapes the next character of a string.
Source: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from localcloud.redshift.errors import SqlError


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    BODY = "body"
    NUMBER = "number"
    PARAMETER = "parameter"
    SYMBOL = "symbol"


_PATTERN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*)
    |(?P<comment>/\*)
    |(?P<string>'(?:[^'\\]|''|\\.)*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<body>\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$)
    |(?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>\#?[A-Za-z_\u0080-\U0010ffff][\w$\u0080-\U0010ffff]*)
    |(?P<positional>\$\d+)
    |(?P<parameter>:[A-Za-z0-9_]+)
    |(?P<symbol>::|:=|=>|<=|>=|<>|!=|\|\||\.\.|!~~\*?|~~\*?|!~\*?|~\*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_KINDS = {
    "string": Kind.STRING,
    "quoted": Kind.QUOTED,
    "body": Kind.BODY,
    "number": Kind.NUMBER,
    "word": Kind.WORD,
    "positional": Kind.SYMBOL,
    "parameter": Kind.PARAMETER,
    "symbol": Kind.SYMBOL,
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of SQL and where it stands."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset just behind the token."""
        return self.start + len(self.text)

    @property
    def key(self) -> str:
        """The text to compare keywords with: lower case for words, empty for strings and quoted names."""
        if self.kind is Kind.WORD:
            return self.text.lower()
        return self.text if self.kind is Kind.SYMBOL else ""

    @property
    def is_name(self) -> bool:
        """Whether the token can be an identifier."""
        return self.kind in {Kind.WORD, Kind.QUOTED}

    @property
    def name(self) -> str:
        """The identifier that the token names, folded to lower case as Redshift does."""
        if self.kind is Kind.QUOTED:
            return self.text[1:-1].replace('""', '"').lower()
        return self.text.lower()

    @property
    def value(self) -> str:
        """The value of a string literal or of a dollar-quoted body."""
        if self.kind is Kind.BODY:
            edge = self.text.index("$", 1) + 1
            return self.text[edge:-edge]
        inner = self.text[1:-1].replace("''", "'")
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), inner, flags=re.DOTALL)


@lru_cache(maxsize=16)
def tokenize(sql: str) -> tuple[Token, ...]:
    """Give the tokens of a text, without white space and comments.

    Raises:
        SqlError: a string, quoted name, body or comment has no end.
    """
    return tuple(_scan(sql))


def _scan(sql: str) -> Iterator[Token]:
    position = 0
    while position < len(sql):
        found = _PATTERN.match(sql, position)
        if found is None:  # pragma: no cover - the last alternative matches any character
            raise SqlError(f'syntax error at or near "{sql[position]}"')
        group = found.lastgroup or ""
        if group == "tag":
            group = "body"
        if group == "comment":
            position = _comment_end(sql, position)
            continue
        if group != "space":
            yield _token(group, found[0], position)
        position = found.end()


def _token(group: str, text: str, position: int) -> Token:
    if group == "symbol" and text in {"'", '"'}:
        what = "string" if text == "'" else "identifier"
        raise SqlError(f"unterminated quoted {what}")
    return Token(_KINDS[group], text, position)


def _comment_end(sql: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise SqlError("unterminated /* comment")


def split(sql: str) -> tuple[str, ...]:
    """Cut a script into its statements, without the semicolons; empty ones are left out."""
    parts: list[str] = []
    start = 0
    tokens = tokenize(sql)
    for token in (*tokens, Token(Kind.SYMBOL, ";", len(sql))):
        if token.key == ";":
            parts.append(sql[start : token.start].strip())
            start = token.end
    return tuple(part for part in parts if tokenize(part))


def replace(sql: str, tokens: Sequence[Token], change: Callable[[Token], str | None]) -> str:
    """Give the text with some tokens changed and everything between them kept.

    Args:
        sql: the text that the tokens were cut from.
        tokens: its tokens in order.
        change: gives a token's new text, or None to keep it.
    """
    pieces: list[str] = []
    position = 0
    for token in tokens:
        new = change(token)
        if new is not None:
            pieces += (sql[position : token.start], new)
            position = token.end
    return "".join((*pieces, sql[position:]))


def quote_name(name: str) -> str:
    """Give an identifier as PostgreSQL reads it unchanged."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(value: str) -> str:
    """Give a string literal for a session in which a backslash escapes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
