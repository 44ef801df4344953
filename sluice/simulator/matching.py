"""Texts that match a regular expression: the parts of expressions that patterns of contracts are made of."""

import re
import string
from collections.abc import Sequence
from random import Random
from typing import Any, Final

_PRINTABLE: Final = string.ascii_letters + string.digits + " -_."
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_WORD": string.ascii_letters + string.digits + "_",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": string.ascii_letters + string.digits,
    "CATEGORY_NOT_DIGIT": string.ascii_letters,
    "CATEGORY_NOT_WORD": "-",
}
_MOST_REPEATS: Final = 12


def matching(pattern: str, rng: Random) -> str | None:
    """A text that matches; None when the expression has parts that cannot be followed, such as a look around.

    Args:
        pattern: The expression.
        rng: Source of every choice.
    """
    try:
        parsed: Any = re._parser.parse(pattern)  # type: ignore[attr-defined]
        text = "".join(_of(parsed, rng))
    except (re.error, KeyError, ValueError):
        return None
    return text if re.search(pattern, text) is not None else None


def _of(parts: Any, rng: Random) -> list[str]:  # noqa: ANN401 - the parser's own classes
    return [_one(str(kind), argument, rng) for kind, argument in parts]


def _one(kind: str, argument: Any, rng: Random) -> str:  # noqa: ANN401
    match kind:
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL":
            return rng.choice([one for one in _PRINTABLE if ord(one) != argument])
        case "ANY":
            return rng.choice(_PRINTABLE)
        case "IN":
            return rng.choice(_choices(argument))
        case "AT":
            return ""
        case "SUBPATTERN":
            return "".join(_of(argument[-1], rng))
        case "BRANCH":
            return "".join(_of(rng.choice(argument[1]), rng))
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = argument
            count = rng.randint(int(least), max(int(least), min(int(most), int(least) + _MOST_REPEATS)))
            return "".join(part for _ in range(count) for part in _of(inner, rng))
        case _:
            raise ValueError(kind)


def _choices(parts: Sequence[Any]) -> str:
    """The characters of a class."""
    found: list[str] = []
    is_negated = False
    for kind, argument in parts:
        match str(kind):
            case "NEGATE":
                is_negated = True
            case "LITERAL":
                found.append(chr(argument))
            case "RANGE":
                found += map(chr, range(argument[0], argument[1] + 1))
            case "CATEGORY":
                found += _CATEGORIES[str(argument)]
            case other:
                raise ValueError(other)
    return "".join(one for one in _PRINTABLE if one not in found) if is_negated else "".join(found)
