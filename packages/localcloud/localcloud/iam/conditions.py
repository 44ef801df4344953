"""Conditions of statements: their operators, and what they compare.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

Context = Mapping[str, str | tuple[str, ...]]
"""Keys of a request in lower case; a tuple is a key of many values."""

_FOR_ALL, _FOR_ANY, _IF_EXISTS = "forallvalues:", "foranyvalue:", "ifexists"
_VARIABLE = re.compile(r"\$\{(?P<key>[^},]+)(?:,\s*'(?P<default>[^']*)')?\}")
_ARN_PARTS = 6


class PolicyError(Exception):
    """A policy that AWS would refuse, or that the judge cannot judge."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key.

    Attributes:
        operator: Its plain name in lower case, such as stringequals.
        quantifier: `forallvalues:`, `foranyvalue:` or empty.
        if_exists: Whether a key that is absent is enough.
        key: In lower case.
        values: What it is compared with.
    """

    operator: str
    quantifier: str
    if_exists: bool
    key: str
    values: tuple[str, ...]

    def holds(self, context: Context, *, has_variables: bool) -> bool:
        """Whether a request fulfils it.

        Args:
            context: Keys of the request.
            has_variables: Whether `${...}` in the values stands for keys.

        Raises:
            PolicyError: The key has many values and the operator none of the quantifiers: AWS's answer is not defined.
        """
        actual = context.get(self.key)
        if self.operator == "null":
            return (actual is None) == (self.values[0].lower() == "true")
        matches, is_negated, has_wildcards = _OPERATORS[self.operator]
        if actual is None:
            absent_is_enough = self.quantifier == _FOR_ALL or (is_negated and self.quantifier != _FOR_ANY)
            return self.if_exists or absent_is_enough
        wanted = [resolve(value, context, has_variables=has_variables, keeps=has_wildcards) for value in self.values]
        known = [value for value in wanted if value is not None]

        def one(value: str) -> bool:
            return any(matches(value, each) for each in known) != is_negated

        if isinstance(actual, str):
            return one(actual)
        if not self.quantifier:
            raise PolicyError(f"{self.key} has many values: {self.operator} needs ForAllValues or ForAnyValue")
        return all(map(one, actual)) if self.quantifier == _FOR_ALL else any(map(one, actual))


def read_conditions(where: str, plain: object) -> tuple[Condition, ...]:
    """The conditions of a statement.

    Args:
        where: The statement, for messages.
        plain: Its element Condition.

    Raises:
        PolicyError: An operator is unknown, or the form is another.
    """
    if not isinstance(plain, Mapping) or not all(isinstance(keys, Mapping) for keys in plain.values()):
        raise PolicyError(f"{where}: Condition is operators, each with keys and values")
    return tuple(
        _condition(where, str(operator), str(key), value)
        for operator, keys in plain.items()
        for key, value in keys.items()
    )


def _condition(where: str, written: str, key: str, value: object) -> Condition:
    operator = written.lower()
    quantifier = next((each for each in (_FOR_ALL, _FOR_ANY) if operator.startswith(each)), "")
    operator = operator.removeprefix(quantifier)
    if_exists = operator.endswith(_IF_EXISTS)
    operator = operator.removesuffix(_IF_EXISTS)
    if operator != "null" and operator not in _OPERATORS:
        raise PolicyError(f"{where}: the condition operator {written} is unknown")
    if operator == "null" and (quantifier or if_exists):
        raise PolicyError(f"{where}: {written}: Null takes neither quantifier nor IfExists")
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, str | bool | int | float) for each in values):
        raise PolicyError(f"{where}: {written} on {key}: {value!r} is not a value")
    texts = tuple(str(each).lower() if isinstance(each, bool) else str(each) for each in values)
    return Condition(operator, quantifier, if_exists, key.lower(), texts)


def resolve(text: str, context: Context, *, has_variables: bool, keeps: bool) -> str | None:
    """A text of a policy with the request's values for its variables; None when one is absent and has no default.

    Args:
        text: As written.
        context: Keys of the request.
        has_variables: Whether `${...}` is a variable.
        keeps: Whether `*` and `?` in the text are wildcards, so that those of a value must not become some.
    """
    if not has_variables or "${" not in text:
        return text
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        key = match["key"].strip()
        if key in {"*", "?", "$"}:
            return _literal(key) if keeps else key
        found = context.get(key.lower(), match["default"])
        if not isinstance(found, str):
            missing = True
            return ""
        return _literal(found) if keeps else found

    result = _VARIABLE.sub(value, text)
    return None if missing else result


# Private characters stand for signs that are meant as they are.
_LITERALS = {"*": "\ue000", "?": "\ue001"}


def _literal(text: str) -> str:
    for sign, private in _LITERALS.items():
        text = text.replace(sign, private)
    return text


def is_like(text: str, pattern: str) -> bool:
    """Whether a text matches a pattern in which `*` is any text and `?` any character."""
    return _compiled(pattern, False).fullmatch(text) is not None


def is_resource_like(arn: str, pattern: str) -> bool:
    """Whether an ARN matches a pattern of the element Resource.

    Within a part between colons `*` and `?` stay within it; `*` as the last sign of a part goes beyond.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    return _compiled(pattern, True).fullmatch(arn) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str, within_parts: bool) -> re.Pattern[str]:
    pieces = []
    for at, sign in enumerate(pattern):
        is_last = at + 1 == len(pattern) or pattern[at + 1] == ":"
        if sign == "*":
            pieces.append("[^:]*" if within_parts and not is_last else ".*")
        elif sign == "?":
            pieces.append("[^:]" if within_parts else ".")
        else:
            literal = next((plain for plain, private in _LITERALS.items() if private == sign), sign)
            pieces.append(re.escape(literal))
    return re.compile("".join(pieces), re.DOTALL)


def _is_arn_like(actual: str, pattern: str) -> bool:
    """Each of the six parts by itself."""
    parts, patterns = actual.split(":", _ARN_PARTS - 1), pattern.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or len(patterns) != _ARN_PARTS:
        return False
    return all(is_like(part, each) for part, each in zip(parts, patterns, strict=True))


def _numeric(compare: Callable[[Decimal, Decimal], bool]) -> Callable[[str, str], bool]:
    def matches(actual: str, wanted: str) -> bool:
        try:
            return compare(Decimal(actual), Decimal(wanted))
        except InvalidOperation:
            return False

    return matches


def _moment(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _date(compare: Callable[[datetime, datetime], bool]) -> Callable[[str, str], bool]:
    def matches(actual: str, wanted: str) -> bool:
        try:
            return compare(_moment(actual), _moment(wanted))
        except ValueError:
            return False

    return matches


def _is_address_in(actual: str, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _equals(actual: str, wanted: str) -> bool:
    return actual == wanted


def _equals_ignoring_case(actual: str, wanted: str) -> bool:
    return actual.lower() == wanted.lower()


# What matches, whether it means the opposite, and whether `*` and `?` are wildcards.
_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool, bool]] = {
    "stringequals": (_equals, False, False),
    "stringnotequals": (_equals, True, False),
    "stringequalsignorecase": (_equals_ignoring_case, False, False),
    "stringnotequalsignorecase": (_equals_ignoring_case, True, False),
    "stringlike": (is_like, False, True),
    "stringnotlike": (is_like, True, True),
    "numericequals": (_numeric(lambda actual, wanted: actual == wanted), False, False),
    "numericnotequals": (_numeric(lambda actual, wanted: actual == wanted), True, False),
    "numericlessthan": (_numeric(lambda actual, wanted: actual < wanted), False, False),
    "numericlessthanequals": (_numeric(lambda actual, wanted: actual <= wanted), False, False),
    "numericgreaterthan": (_numeric(lambda actual, wanted: actual > wanted), False, False),
    "numericgreaterthanequals": (_numeric(lambda actual, wanted: actual >= wanted), False, False),
    "dateequals": (_date(lambda actual, wanted: actual == wanted), False, False),
    "datenotequals": (_date(lambda actual, wanted: actual == wanted), True, False),
    "datelessthan": (_date(lambda actual, wanted: actual < wanted), False, False),
    "datelessthanequals": (_date(lambda actual, wanted: actual <= wanted), False, False),
    "dategreaterthan": (_date(lambda actual, wanted: actual > wanted), False, False),
    "dategreaterthanequals": (_date(lambda actual, wanted: actual >= wanted), False, False),
    "bool": (_equals_ignoring_case, False, False),
    "ipaddress": (_is_address_in, False, False),
    "notipaddress": (_is_address_in, True, False),
    # ArnEquals and ArnLike behave identically, says the page.
    "arnequals": (_is_arn_like, False, True),
    "arnlike": (_is_arn_like, False, True),
    "arnnotequals": (_is_arn_like, True, True),
    "arnnotlike": (_is_arn_like, True, True),
}
