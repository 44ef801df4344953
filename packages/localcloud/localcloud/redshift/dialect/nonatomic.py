"""The bodies of NONATOMIC procedures: every statement commits by itself, and a handler keeps the error that it handled.

Source: https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-transaction-management.html,
https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-trapping-errors.html
"""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.redshift.dialect.lexer import Token, tokenize
from localcloud.redshift.dialect.procedures import (
    DECLARED,
    FAILED,
    MAY_END,
    NOTED,
    STARTS,
    Handler,
    find_handlers,
    outside_of_handler,
)
from localcloud.redshift.errors import NotInStandInError

_COMMIT = f" IF {MAY_END} THEN COMMIT; END IF;"
_CHANGES = frozenset(
    {
        "insert", "update", "delete", "merge", "create", "alter", "drop", "execute", "call", "truncate", "grant",
        "revoke", "comment", "refresh", "analyze", "copy", "with",
    }
)  # fmt: skip
_CONTROL = frozenset({"if", "case", "loop", "for", "while", "begin", "declare", "return", "exit", "continue", "<<"})


def word(sql: str) -> Token | None:
    """Give the token that makes the procedure of a CREATE PROCEDURE nonatomic."""
    depth = 0
    for place, token in enumerate(tokenize(sql)):
        depth += {"(": 1, ")": -1}.get(token.key, 0)
        if depth == 0 and token.key == "nonatomic" and place and tokenize(sql)[place - 1].key == ")":
            return token
    return None


def nonatomic(text: str) -> str:
    """Give a body whose statements are transactions of their own.

    Raises:
        NotInStandInError: it begins transactions itself, or a handler is around more than single statements.
    """
    tokens = tokenize(text)
    _refuse(tokens)
    found = find_handlers(tokens)
    if not found:
        return _committing(text)
    if len(found) > 1 or found[0].depth > 1:
        raise NotInStandInError("A NONATOMIC procedure with a handler inside a block", "one handler around all")
    return _handled(text, tokens, found[0])


def _refuse(tokens: Sequence[Token]) -> None:
    keys = [token.key for token in tokens]
    for place, key in enumerate(keys):
        before = keys[place - 1] if place else ""
        if key == "start" and keys[place + 1 : place + 2] == ["transaction"] and before in STARTS:
            raise NotInStandInError("START TRANSACTION in a procedure")
        if key == "continue_handler":
            raise NotInStandInError("CONTINUE_HANDLER")
        if key == "for" and before in STARTS and _is_query(keys, place):
            # Redshift closes the cursor of the loop when a statement inside it commits.
            end = next((at for at in range(place, len(keys) - 1) if keys[at : at + 2] == ["end", "loop"]), len(keys))
            if any(keys[at] in _CHANGES and keys[at - 1] in STARTS for at in range(place + 1, end)):
                raise NotInStandInError("A NONATOMIC procedure that changes something in a loop over a query")


def _is_query(keys: Sequence[str], place: int) -> bool:
    opening = next((at for at in range(place, len(keys)) if keys[at] == "in"), len(keys))
    first = next((key for key in keys[opening + 1 :] if key != "("), "")
    return first in {"select", "with", "execute"}


def _committing(text: str) -> str:
    tokens = tokenize(text)
    pieces: list[str] = []
    position = 0
    changes = False
    for place, token in enumerate(tokens):
        before = tokens[place - 1].key if place else ""
        changes = changes or (token.key in _CHANGES and before in STARTS)
        if token.key == ";" and changes:
            pieces += (text[position : token.end], _COMMIT)
            position, changes = token.end, False
    return "".join((*pieces, text[position:]))


def _handled(text: str, tokens: Sequence[Token], handler: Handler) -> str:
    begin = tokens[handler.begin]
    protected = "".join(map(_guarded, _statements(text, tokens[handler.begin + 1 : handler.exception])))
    handling = _committing(outside_of_handler(text[tokens[handler.then].end : tokens[handler.end].start]))
    declares = any(token.key == "declare" for token in tokens[: handler.begin])
    head = text[: begin.start] + ("" if declares else " DECLARE")
    return (
        f"{head} {DECLARED} BEGIN {protected} IF {FAILED} THEN {handling} END IF; {text[tokens[handler.end].start :]}"
    )


def _statements(text: str, tokens: Sequence[Token]) -> list[str]:
    found: list[str] = []
    first = 0
    for place, token in enumerate(tokens):
        if token.key in _CONTROL and place == first:
            raise NotInStandInError(f"A NONATOMIC procedure whose handler is around {token.text.upper()}")
        if token.key == ";":
            found.append(text[tokens[first].start : token.end])
            first = place + 1
    return found


def _guarded(statement: str) -> str:
    # The inner block rolls back the one statement that fails, and nothing before it.
    return f" IF NOT {FAILED} THEN BEGIN {statement} EXCEPTION WHEN OTHERS THEN {NOTED} END;{_COMMIT} END IF;"
