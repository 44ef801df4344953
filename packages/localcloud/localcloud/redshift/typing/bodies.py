"""The arithmetic of the statements in a procedure's body: analysed one by one, with its variables as parameters.

What cannot be analysed before it runs, such as the fields of a record, keeps PostgreSQL's digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from localcloud.redshift.dialect.lexer import Token, tokenize
from localcloud.redshift.typing.analyst import Analyst, UnclearError, UnknownColumnError
from localcloud.redshift.typing.rewrite import Computation, computation, needs_care, written

_STARTS = frozenset({";", "begin", "then", "else", "loop"})
_STATEMENTS = frozenset({"select", "insert", "update", "delete", "with", "perform"})
_MODES = frozenset({"in", "out", "inout"})


@dataclass(frozen=True)
class _Part:
    """A statement or expression of the body, as it is analysed.

    Attributes:
        text: with a parameter in the place of each variable.
        places: of the body's tokens, by where they begin in the text.
        parameters: the variables, in the order of their numbers.
    """

    text: str
    places: Mapping[int, int]
    parameters: tuple[str, ...]


def typed_body(text: str, signature: str, asked: Analyst) -> str:
    """Give a body whose computations of decimals are Redshift's.

    Args:
        text: the body.
        signature: the parameters of the procedure, as they are written.
        asked: analyses its statements.
    """
    tokens = tokenize(text)
    variables = {**_parameters(signature), **_declared(tokens)}
    found: list[Computation] = []
    for start, end in _ranges(tokens):
        part = _part(tokens, start, end, variables)
        try:
            types = asked.types(part.text, [variables[name] for name in part.parameters])
            for node, result in types.computed():
                location = node.number("location")
                place = part.places.get(len(part.text.encode()[:location].decode())) if location >= 0 else None
                if place is not None and needs_care(node, result):
                    found.append(computation(tokens, place, node, result))
        except (UnclearError, UnknownColumnError):
            continue
    return written(text, tokens, found)


def _ranges(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """The first token of each statement that computes, and the one behind its last."""
    for place, token in enumerate(tokens):
        if place and tokens[place - 1].key not in _STARTS:
            continue
        start = place + 2 if place + 1 < len(tokens) and tokens[place + 1].key == ":=" else place
        if start == place and token.key not in _STATEMENTS:
            continue
        end = next((at for at in range(start, len(tokens)) if tokens[at].key == ";"), len(tokens))
        if any(one.key in {"/", "*"} for one in tokens[start:end]):
            yield start, end


def _part(tokens: Sequence[Token], start: int, end: int, variables: Mapping[str, str]) -> _Part:
    pieces = ["" if tokens[start].key in _STATEMENTS else "SELECT "]
    length = len(pieces[0])
    places: dict[int, int] = {}
    used: list[str] = []
    skipped = False
    for at in range(start, end):
        token = tokens[at]
        if token.key == "into" and tokens[start].key in {"select", "with"}:
            skipped = True
        elif skipped and token.key == "from":
            skipped = False
        if skipped:
            continue
        piece = "SELECT" if token.key == "perform" else token.text
        is_variable = token.is_name and token.name in variables and (not at or tokens[at - 1].key != ".")
        if is_variable and (at + 1 >= len(tokens) or tokens[at + 1].key not in {"(", "."}):
            used += [token.name] if token.name not in used else []
            piece = f"${used.index(token.name) + 1}"
        places[length] = at
        pieces.append(f"{piece} ")
        length += len(piece) + 1
    return _Part("".join(pieces), places, tuple(used))


def _declared(tokens: Sequence[Token]) -> dict[str, str]:
    """The variables of DECLARE sections and their types, as they are written."""
    found: dict[str, str] = {}
    for place, token in enumerate(tokens):
        if token.key != "declare":
            continue
        at = place + 1
        while at < len(tokens) and tokens[at].key != "begin":
            end = next((to for to in range(at, len(tokens)) if tokens[to].key in {";", "begin"}), len(tokens))
            words = tokens[at + 1 : end]
            stop = next((n for n, one in enumerate(words) if one.key in {":=", "default", "not", "="}), len(words))
            found[tokens[at].name] = " ".join(one.text for one in words[:stop] if one.key != "constant")
            at = end + 1 if end < len(tokens) and tokens[end].key == ";" else end
    return found


def _parameters(signature: str) -> dict[str, str]:
    found: dict[str, str] = {}
    depth, first = 0, 0
    tokens = tokenize(signature)
    for at in range(len(tokens) + 1):
        key = tokens[at].key if at < len(tokens) else ","
        depth += {"(": 1, ")": -1}.get(key, 0)
        if depth == 0 and key == ",":
            words = [one for one in tokens[first:at] if one.key not in _MODES]
            if len(words) > 1:
                found[words[0].name] = " ".join(one.text for one in words[1:])
            first = at + 1
    return found
