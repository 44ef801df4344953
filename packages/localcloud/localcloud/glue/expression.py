"""GetPartitions' `Expression`: the language that Glue documents and no more; what passes here passes in AWS.

Operators `= <> > < >= <= AND OR IN BETWEEN LIKE NOT IS NULL`, parentheses, quoted strings and numbers; keys of type
string, date, timestamp, int, bigint, long, tinyint, smallint and decimal.

Source: https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from localcloud.errors import invalid_input

MAX_CHARACTERS: Final = 2048
MAX_DEPTH: Final = 100

Values = Sequence[str]
Value = str | int | Decimal | date | datetime
Predicate = Callable[[Values], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^']|'')*')
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<name>[A-Za-z_]\w*|"[^"]+"|`[^`]+`)
      | (?P<mark><=|>=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_KEYWORDS: Final = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS", "NULL"})
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_INTEGERS: Final = ("int", "bigint", "long", "tinyint", "smallint")


@dataclass(frozen=True)
class PartitionKey:
    """A partition column of a table.

    Attributes:
        name: as in the table.
        type: as in the table; `decimal(p,s)` counts as decimal.
        position: of its value among a partition's values.
    """

    name: str
    type: str
    position: int

    @property
    def base_type(self) -> str:
        """The type without its parameters."""
        return self.type.partition("(")[0].strip().lower()

    @property
    def is_quoted(self) -> bool:
        """Whether literals of the key are written in quotes."""
        return self.base_type in ("string", "date", "timestamp")

    def convert(self, text: str) -> Value:
        """A value of the key's type.

        Raises:
            AwsApiError: InvalidInputException when the text is none, or no expression may use the type.
        """
        kind = self.base_type
        try:
            if kind == "string":
                return text
            if kind in _INTEGERS:
                return int(text)
            if kind == "decimal":
                return Decimal(text)
            if kind == "date":
                return date.fromisoformat(text)
            if kind == "timestamp":
                return datetime.fromisoformat(text).replace(tzinfo=None)
        except (ValueError, InvalidOperation) as exc:
            raise invalid_input(f"{text!r} is not a valid {kind}, the type of partition key {self.name}") from exc
        raise invalid_input(f"partition key {self.name} of type {self.type} cannot be used in an expression")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def compile_expression(expression: str, keys: Sequence[PartitionKey]) -> Predicate:
    """A function that says whether a partition, by its values, matches.

    Args:
        expression: of GetPartitions.
        keys: the table's partition keys.

    Raises:
        AwsApiError: InvalidInputException when the expression is too long, malformed or names no key of the table.
    """
    if len(expression) > MAX_CHARACTERS:
        raise invalid_input(f"Expression has {len(expression)} characters; the limit is {MAX_CHARACTERS}")
    return _Parser(_tokens(expression), {key.name.lower(): key for key in keys}).parse()


def _tokens(expression: str) -> list[_Token]:
    tokens = []
    at = 0
    end = len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise invalid_input(f"Expression cannot be read at character {at + 1}: {expression[at : at + 20]!r}")
        tokens.append(_token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return [*tokens, _Token("end", "the end", end)]


def _token(kind: str, text: str, at: int) -> _Token:
    if kind == "string":
        return _Token(kind, text[1:-1].replace("''", "'"), at)
    if kind == "name" and text.upper() in _KEYWORDS:
        return _Token("keyword", text.upper(), at)
    if kind == "name":
        return _Token(kind, text.strip('"`').lower(), at)
    return _Token(kind, text, at)


class _Parser:
    """Recursive descent; each method reads one rule and returns its predicate."""

    def __init__(self, tokens: list[_Token], keys: Mapping[str, PartitionKey]) -> None:
        self._tokens = tokens
        self._keys = keys
        self._next = 0
        self._depth = 0

    def parse(self) -> Predicate:
        predicate = self._any_of()
        if self._peek().kind != "end":
            raise self._unexpected("the end")
        return predicate

    def _any_of(self) -> Predicate:
        parts = [self._all_of()]
        while self._take("keyword", "OR"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else lambda values: any(part(values) for part in parts)

    def _all_of(self) -> Predicate:
        parts = [self._negation()]
        while self._take("keyword", "AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda values: all(part(values) for part in parts)

    def _negation(self) -> Predicate:
        negated = False
        while self._take("keyword", "NOT"):
            negated = not negated
        inner = self._group() if self._take("mark", "(") else self._comparison()
        return (lambda values: not inner(values)) if negated else inner

    def _group(self) -> Predicate:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise invalid_input(f"Expression is nested more than {MAX_DEPTH} levels deep")
        inner = self._any_of()
        self._expect("mark", ")")
        self._depth -= 1
        return inner

    def _comparison(self) -> Predicate:
        if self._peek().kind in ("string", "number"):
            return self._mirrored_comparison()
        key = self._key()
        if self._peek().kind == "mark" and self._peek().text in _COMPARISONS:
            return _compare(key, self._advance().text, self._literal(key))
        if self._take("keyword", "IS"):
            return self._null_test()
        negated = self._take("keyword", "NOT")
        inner = self._membership(key)
        return (lambda values: not inner(values)) if negated else inner

    def _mirrored_comparison(self) -> Predicate:
        literal = self._advance()
        if self._peek().text not in _COMPARISONS or self._peek().kind != "mark":
            raise self._unexpected("a comparison")
        mark = _MIRRORED[self._advance().text]
        key = self._key()
        return _compare(key, mark, _value(key, literal))

    def _null_test(self) -> Predicate:
        negated = self._take("keyword", "NOT")
        self._expect("keyword", "NULL")
        # Partition values are never null: Hive's name for null is a value like others.
        return lambda _: negated

    def _membership(self, key: PartitionKey) -> Predicate:
        if self._take("keyword", "IN"):
            return self._in_list(key)
        if self._take("keyword", "BETWEEN"):
            low = self._literal(key)
            self._expect("keyword", "AND")
            high = self._literal(key)
            at_least, at_most = _compare(key, ">=", low), _compare(key, "<=", high)
            return lambda values: at_least(values) and at_most(values)
        if self._take("keyword", "LIKE"):
            return self._like(key)
        raise self._unexpected("an operator")

    def _in_list(self, key: PartitionKey) -> Predicate:
        self._expect("mark", "(")
        members = {self._literal(key)}
        while self._take("mark", ","):
            members.add(self._literal(key))
        self._expect("mark", ")")
        return lambda values: key.convert(values[key.position]) in members

    def _like(self, key: PartitionKey) -> Predicate:
        if key.base_type != "string":
            raise invalid_input(f"LIKE needs a string key; {key.name} is {key.type}")
        pattern = str(self._literal(key))
        wildcards = {"%": ".*", "_": "."}
        regex = re.compile(
            "".join(wildcards.get(character) or re.escape(character) for character in pattern), re.DOTALL
        )
        return lambda values: regex.fullmatch(values[key.position]) is not None

    def _key(self) -> PartitionKey:
        token = self._peek()
        if token.kind != "name":
            raise self._unexpected("a partition key")
        key = self._keys.get(token.text)
        if key is None:
            known = ", ".join(self._keys) or "none"
            raise invalid_input(f"Expression names {token.text}, which is not a partition key (keys: {known})")
        self._advance()
        return key

    def _literal(self, key: PartitionKey) -> Value:
        if self._peek().kind not in ("string", "number"):
            raise self._unexpected("a literal")
        return _value(key, self._advance())

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _take(self, kind: str, text: str) -> bool:
        is_next = (self._peek().kind, self._peek().text) == (kind, text)
        if is_next:
            self._advance()
        return is_next

    def _expect(self, kind: str, text: str) -> None:
        if not self._take(kind, text):
            raise self._unexpected(text)

    def _unexpected(self, wanted: str) -> Exception:
        token = self._peek()
        return invalid_input(f"Expression has {token.text!r} at character {token.at + 1} where {wanted} should be")


def _value(key: PartitionKey, literal: _Token) -> Value:
    if key.is_quoted != (literal.kind == "string"):
        form = "a quoted literal" if key.is_quoted else "a number"
        raise invalid_input(f"partition key {key.name} is {key.type} and needs {form}, not {literal.text!r}")
    return key.convert(literal.text)


def _compare(key: PartitionKey, mark: str, literal: Value) -> Predicate:
    compare = _COMPARISONS[mark]
    return lambda values: compare(key.convert(values[key.position]), literal)
