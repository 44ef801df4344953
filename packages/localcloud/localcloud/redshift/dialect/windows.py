"""Window functions: what Redshift asks of their frames, and those that PostgreSQL has not.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Window_function_synopsis.html and the pages of the functions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.redshift.dialect.lexer import Token, tokenize
from localcloud.redshift.dialect.spans import arguments, clause_end, closing
from localcloud.redshift.errors import SqlError

_FRAME_WORDS = frozenset({"rows", "range", "groups"})
#: With ORDER BY these need a frame; the others have none of their own.
_FRAMED = frozenset(
    {
        "avg", "count", "max", "min", "sum", "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop",
        "first_value", "last_value", "nth_value", "bool_and", "bool_or", "bit_and", "bit_or",
    }
)  # fmt: skip
_OVER_GROUP = frozenset({"median", "listagg", "percentile_cont", "percentile_disc", "ratio_to_report"})
_SKIPPING = frozenset({"lag", "lead", "first_value", "last_value", "nth_value"})


@dataclass(frozen=True)
class _Call:
    """A call with OVER, as places of tokens, and its window taken apart.

    Attributes:
        name: of the function.
        start: of its name.
        end: of the parenthesis behind OVER.
        arguments: their texts.
        within: the text of WITHIN GROUP.
        skips: whether it says IGNORE NULLS.
        partition: with its words, or empty.
        order: with its words, or empty.
        frame: with its words, or empty.
    """

    name: str
    start: int
    end: int
    arguments: tuple[str, ...]
    within: str
    skips: bool
    partition: str
    order: str
    frame: str


def refuse(sql: str) -> None:
    """Refuse windows that Redshift does not have.

    Raises:
        SqlError: names what is missing or too much.
    """
    tokens = tokenize(sql)
    for place, token in enumerate(tokens):
        if token.key == "over" and place and tokens[place - 1].key in {")", "nulls"}:
            _refuse(sql, tokens, place)
        elif token.key == "window" and place + 3 < len(tokens) and tokens[place + 2].key == "as":
            raise SqlError('syntax error at or near "window"', "Redshift has no WINDOW clause")


def _refuse(sql: str, tokens: Sequence[Token], over: int) -> None:
    if over + 1 >= len(tokens) or tokens[over + 1].key != "(":
        raise SqlError(f'syntax error at or near "{tokens[over].text}"', "Redshift has no named windows")
    call = _read(sql, tokens, over)
    words = [token.key for token in tokenize(call.frame)]
    if words[:1] in (["range"], ["groups"]) or "exclude" in words:
        raise SqlError(
            f"{words[0].upper()} window frames and EXCLUDE are not supported", "Redshift has ROWS frames only"
        )
    if call.name in _FRAMED and call.order and not call.frame:
        raise SqlError("Aggregate window functions with an ORDER BY clause require a frame clause")
    if call.name in {"lag", "lead"} and len(call.arguments) > 2:
        raise SqlError(f"Default parameter not be supported for window function {call.name}")


def _read(sql: str, tokens: Sequence[Token], over: int) -> _Call:
    end = closing(tokens, over + 1)
    skips, last = False, over - 1
    if tokens[last].key == "nulls":
        skips, last = tokens[last - 1].key == "ignore", last - 2
    within = ""
    opening = _opening(tokens, last)
    if opening > 1 and tokens[opening - 1].key == "group" and tokens[opening - 2].key == "within":
        within = sql[tokens[opening].end : tokens[last].start].strip()
        last = opening - 3
        opening = _opening(tokens, last)
    given = arguments(sql, tokens, opening, last) if last > opening + 1 else []
    if given and tokens[last - 1].key == "nulls" and tokens[last - 2].key in {"ignore", "respect"}:
        skips = tokens[last - 2].key == "ignore"
        given[-1] = re.sub(r"(?i)\s+(ignore|respect)\s+nulls$", "", given[-1])
    inside = over + 2
    order = clause_end(tokens, inside, frozenset({"order", *_FRAME_WORDS}))
    frame = clause_end(tokens, order, _FRAME_WORDS)
    return _Call(
        tokens[opening - 1].key,
        opening - 1,
        end,
        tuple(given),
        within,
        skips,
        _text(sql, tokens, inside, min(order, end)),
        _text(sql, tokens, order, min(frame, end)),
        _text(sql, tokens, frame, end),
    )


def _text(sql: str, tokens: Sequence[Token], start: int, end: int) -> str:
    return sql[tokens[start].start : tokens[end - 1].end] if start < end else ""


def _opening(tokens: Sequence[Token], last: int) -> int:
    depth = 0
    for at in range(last, -1, -1):
        depth += {")": 1, "(": -1}.get(tokens[at].key, 0)
        if depth == 0:
            return at
    raise SqlError('syntax error at or near "over"')


def rewrite(sql: str) -> str:
    """Write the window functions that PostgreSQL has not with those that it has."""
    text = sql
    place = 0
    while True:
        tokens = tokenize(text)
        found = next((at for at in range(place, len(tokens)) if _is_ours(tokens, at)), None)
        if found is None:
            return text
        call = _read(text, tokens, found)
        new = _written(call)
        place = found + 1
        if new is not None:
            text = text[: tokens[call.start].start] + new + text[tokens[call.end].end :]
            place = call.start


def _is_ours(tokens: Sequence[Token], at: int) -> bool:
    return tokens[at].key == "over" and at + 1 < len(tokens) and tokens[at + 1].key == "(" and at > 0


def _written(call: _Call) -> str | None:
    if call.skips and call.name in _SKIPPING:
        return _skipping(call)
    return _over_group(call) if call.name in _OVER_GROUP else None


def _skipping(call: _Call) -> str:
    """IGNORE NULLS: the values of the frame that are not null, in order, as an array."""
    value = call.arguments[0]
    count = call.arguments[1] if len(call.arguments) > 1 else "1"
    frame = {
        "lag": "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
        "lead": "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
    }.get(call.name, call.frame)
    window = " ".join(part for part in (call.partition, call.order, frame) if part)
    values = f"array_agg({value}) FILTER (WHERE ({value}) IS NOT NULL) OVER ({window})"
    if call.name in {"lag", "last_value"}:
        return f"pg_catalog.redshift_from_end({values}, {count})"
    return f"({values})[{count}]"


def _over_group(call: _Call) -> str:
    """Aggregates of ordered groups over a partition."""
    value = call.arguments[0] if call.arguments else ""
    over = f"OVER ({call.partition})"
    sorted_by = re.sub(r"(?i)^order\s+by\s+", "", call.within)
    if call.name == "ratio_to_report":
        return f"(({value})::float8 / nullif((sum({value}) {over})::float8, 0))"
    if call.name == "median":
        return f"pg_catalog.redshift_percentile_cont(0.5, ({value})::float8) {over}"
    if call.name == "percentile_cont":
        return f"pg_catalog.redshift_percentile_cont({value}, ({sorted_by})::float8) {over}"
    if call.name == "percentile_disc":
        return f"pg_catalog.redshift_discrete({value}, array_agg({sorted_by}) {over})"
    separator = call.arguments[1] if len(call.arguments) > 1 else "''"
    window = " ".join(part for part in (call.partition, call.within) if part)
    whole = " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING" if call.within else ""
    return f"string_agg(({value})::text, {separator}) OVER ({window}{whole})"
