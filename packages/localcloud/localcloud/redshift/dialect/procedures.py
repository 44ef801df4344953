"""The bodies of procedures: what Redshift does after an error, and at TRUNCATE, which PostgreSQL does not.

When a handler has run, Redshift commits what it did and raises the error again; all that the procedure did before the
error is rolled back. TRUNCATE commits.
Source: https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-trapping-errors.html,
https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-transaction-management.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.redshift.dialect.lexer import Kind, Token, replace, tokenize
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.rewrite import rewrite
from localcloud.redshift.dialect.spans import arguments, closing
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.typing.analyst import analyst

FAILED, _MESSAGE, _STATE = "redshift_failed", "redshift_message", "redshift_state"
DECLARED = f"{FAILED} boolean := false; {_MESSAGE} text; {_STATE} text;"
#: What a handler does that only notes the error.
NOTED = f"GET STACKED DIAGNOSTICS {_MESSAGE} = MESSAGE_TEXT, {_STATE} = RETURNED_SQLSTATE; {FAILED} := true;"
_AGAIN = f"RAISE EXCEPTION USING MESSAGE = {_MESSAGE}, ERRCODE = {_STATE}"
#: Set for a CALL inside a transaction block, which cannot end here.
MAY_END = "coalesce(current_setting('redshift.in_block', true), '') <> 'on'"
STARTS = frozenset({";", "begin", "then", "else", "loop", ""})


@dataclass(frozen=True)
class Handler:
    """An EXCEPTION clause, as places of tokens.

    Attributes:
        depth: how many blocks are around it, itself included.
        begin: of its block.
        exception: the word.
        then: the word before its statements.
        end: of its block.
    """

    depth: int
    begin: int
    exception: int
    then: int
    end: int


def body(text: str) -> str:
    """Give a body that does in PostgreSQL what it would do in Redshift.

    Raises:
        SqlError: a handler is for other errors than OTHERS.
    """
    tokens = tokenize(text)
    handlers = find_handlers(tokens)
    # PostgreSQL cannot commit in a block that has a handler.
    committed = text if handlers else _with_commits(text)
    tokens = tokenize(committed)
    inner = [one for one in handlers if one.depth > 1]
    if inner:
        # An inner handler raises its error again, for the block around it.
        ends = {tokens[one.end].start for one in inner}
        committed = replace(committed, tokens, lambda token: f"RAISE; {token.text}" if token.start in ends else None)
        tokens = tokenize(committed)
        handlers = find_handlers(tokens)
    outer = next((one for one in handlers if one.depth == 1), None)
    return committed if outer is None else _raising(committed, tokens, outer)


def _with_commits(text: str) -> str:
    tokens = tokenize(text)
    ends: set[int] = set()
    for place, token in enumerate(tokens):
        if token.key == "truncate" and (tokens[place - 1].key if place else "") in STARTS:
            ends.add(next((one.start for one in tokens[place:] if one.key == ";"), -1))
    return replace(text, tokens, lambda token: "; COMMIT;" if token.start in ends else None) if ends else text


def find_handlers(tokens: Sequence[Token]) -> list[Handler]:
    """Give the EXCEPTION clauses of a body, inner ones first.

    Raises:
        SqlError: one is for other errors than OTHERS.
    """
    found: list[Handler] = []
    stack: list[tuple[str, int]] = []
    exceptions: dict[int, int] = {}
    for place, token in enumerate(tokens):
        before = tokens[place - 1].key if place else ""
        if token.key in {"begin", "case", "loop"} and before != "end":
            stack.append((token.key, place))
        elif token.key == "if" and before in STARTS:
            stack.append(("if", place))
        elif token.key == "exception" and before == ";" and stack:
            exceptions[stack[-1][1]] = place
        elif token.key == "end" and stack:
            _, begin = stack.pop()
            if begin in exceptions:
                depth = 1 + sum(kind == "begin" for kind, _ in stack)
                found.append(_handler(tokens, depth, begin, exceptions[begin], place))
    return found


def _handler(tokens: Sequence[Token], depth: int, begin: int, exception: int, end: int) -> Handler:
    words = [token.key for token in tokens[exception + 1 : exception + 4]]
    if words != ["when", "others", "then"]:
        at = next((token.text for token in tokens[exception + 1 : end] if token.key not in {"when", "then"}), "")
        raise SqlError(
            f'unrecognized exception condition "{at}"', "the only condition of an EXCEPTION block is WHEN OTHERS THEN"
        )
    return Handler(depth, begin, exception, exception + 3, end)


def _raising(text: str, tokens: Sequence[Token], handler: Handler) -> str:
    """Run the outermost handler behind its block, where it can end the transaction, and raise the error again."""
    begin, exception = tokens[handler.begin], tokens[handler.exception]
    statements = text[begin.end : exception.start]
    handling = outside_of_handler(text[tokens[handler.then].end : tokens[handler.end].start])
    declares = any(token.key == "declare" for token in tokens[: handler.begin])
    head = text[: begin.start]
    declared = f"{head} {DECLARED} " if declares else f"{head} DECLARE {DECLARED} "
    return (
        f"{declared}BEGIN BEGIN {statements} EXCEPTION WHEN OTHERS THEN "
        f"{NOTED} END; "
        f"IF {FAILED} THEN IF {MAY_END} THEN ROLLBACK; END IF; {handling} IF {MAY_END} THEN COMMIT; END IF; "
        f"{_AGAIN}; END IF; {text[tokens[handler.end].start :]}"
    )


def outside_of_handler(text: str) -> str:
    """Give the statements of a handler as they run behind its block: the error is in variables there."""
    tokens = tokenize(text)
    keys = [token.key for token in tokens]
    names = {"sqlerrm": _MESSAGE, "sqlstate": _STATE}
    bare = {tokens[place].start for place in range(len(keys) - 1) if keys[place : place + 2] == ["raise", ";"]}
    return replace(text, tokens, lambda token: _AGAIN if token.start in bare else names.get(token.key))


def with_outputs(sql: str) -> str:
    """Write a CALL with a place for every OUT parameter, which Redshift leaves out.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CALL_procedure.html
    """
    asked = analyst()
    tokens = tokenize(sql)
    opening = next((place for place, token in enumerate(tokens) if token.key == "("), None)
    if asked is None or opening is None:
        return sql
    end = closing(tokens, opening)
    given = arguments(sql, tokens, opening, end) if end > opening + 1 else []
    names = [token.name for token in tokens[1:opening] if token.is_name]
    found = [modes for modes in asked.procedures(names) if sum(mode != "o" for mode in modes) == len(given)]
    if len(found) != 1 or "o" not in found[0]:
        return sql
    left = iter(given)
    filled = ", ".join("NULL" if mode == "o" else next(left) for mode in found[0])
    return f"{sql[: tokens[opening].end]}{filled}{sql[tokens[end].start :]}"


def create_function(sql: str) -> Prepared:
    """Prepare CREATE FUNCTION in SQL, whose arguments have no names.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_FUNCTION.html
    """
    tokens = tokenize(sql)
    keys = [token.key for token in tokens]
    if "sql" not in keys:
        raise NotInStandInError("CREATE FUNCTION in Python", "a function in SQL")
    opening = keys.index("(")
    end = closing(tokens, opening)
    for argument in arguments(sql, tokens, opening, end) if end > opening + 1 else []:
        words = tokenize(argument)
        if len(words) > 1 and words[0].is_name and words[1].is_name and words[0].key not in {"double", "character"}:
            raise SqlError(
                f'syntax error at or near "{words[1].text}"',
                "the arguments of a function in SQL have types and no names",
            )
    body_at = next((token for token in tokens if token.kind is Kind.BODY), None)
    if body_at is None:
        return Prepared("create function", (rewrite(sql),))
    edge = body_at.text[: body_at.text.index("$", 1) + 1]
    text = f"{rewrite(sql[: body_at.start])}{edge}{rewrite(body_at.value)}{edge}{rewrite(sql[body_at.end :])}"
    return Prepared("create function", (text,))
