"""Changes the few words of a query that PostgreSQL spells differently, and refuses those that Redshift does not have.

The text between the changed words stays as it was written: what PostgreSQL reports is about the user's own text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from localcloud.redshift.dialect.differences import (
    DATE_PART_FUNCTIONS,
    DATE_PARTS,
    LEADER_FUNCTIONS,
    LEADER_TABLES,
    MAX_NAME_BYTES,
    MISSING_TYPES,
    MISSING_WORDS,
    REFUSED_FUNCTIONS,
    REFUSED_TYPES,
    REFUSED_WORDS,
    RENAMED_FUNCTIONS,
)
from localcloud.redshift.dialect.lexer import Kind, Token, quote_name, quote_text, replace, tokenize
from localcloud.redshift.dialect.qualify import without_qualify
from localcloud.redshift.errors import NotInStandInError, SqlError

_REFUSED_BY_FIRST: dict[str, list[tuple[tuple[str, ...], str]]] = {}
for _words, _reason in REFUSED_WORDS.items():
    _REFUSED_BY_FIRST.setdefault(_words[0], []).append((_words, _reason))


def rewrite(sql: str) -> str:
    """Give a Redshift query as PostgreSQL runs it.

    Raises:
        SqlError: the query uses what Redshift does not have.
    """
    refuse(sql)
    text = sql
    for change in (_fold_names, _functions, _single_tables, _calls, _top, _qualify):
        text = change(text)
    return text


def refuse(sql: str) -> None:
    """Refuse what PostgreSQL has and Redshift has not.

    Raises:
        SqlError: names the word and what to use instead.
    """
    tokens = tokenize(sql)
    keys = [token.key for token in tokens]
    _refuse_leader(keys)
    _refuse_long_names(tokens)
    for place, key in enumerate(keys):
        for words, reason in _REFUSED_BY_FIRST.get(key, ()):
            if tuple(keys[place : place + len(words)]) == words and not _is_part(keys, place):
                raise SqlError(f'syntax error at or near "{tokens[place].text}"', reason)
        _refuse_missing(keys, place)
        if key in REFUSED_FUNCTIONS and _next(keys, place) == "(" and not _is_part(keys, place):
            raise SqlError(f"function {key}() does not exist", "Redshift does not have this function of PostgreSQL")
        if _is_type_position(keys, place):
            _refuse_type(key)


def _refuse_leader(keys: list[str]) -> None:
    """Refuse a function of the leader node beside a table whose rows are elsewhere."""
    called = any(key in LEADER_FUNCTIONS and _next(keys, place) == "(" for place, key in enumerate(keys))
    if called and any(_is_own_table(keys, place) for place, key in enumerate(keys) if key in {"from", "join"}):
        raise SqlError("Specified types or functions (one per INFO message) not supported on Redshift tables.")


def _is_own_table(keys: list[str], place: int) -> bool:
    name, follower = _next(keys, place), _next(keys, place + 1)
    is_query = follower == "(" or any(
        keys[at : at + 3] in ([name, "as", "("], ["as", name, "("]) for at in range(len(keys) - 2)
    )
    return name.isidentifier() and not is_query and not name.startswith(LEADER_TABLES)


def _refuse_missing(keys: list[str], place: int) -> None:
    for words, what in MISSING_WORDS.items():
        if keys[place] == words[0] and tuple(keys[place : place + len(words)]) == words and not _is_part(keys, place):
            raise NotInStandInError(what)
    if keys[place] == "at" and place > 1 and keys[place - 1].isidentifier() and _next(keys, place) not in {"time", ""}:
        raise NotInStandInError("Walking through a SUPER value with AT")


def _refuse_long_names(tokens: Sequence[Token]) -> None:
    """Refuse a name of more than 127 bytes; PostgreSQL would cut it off.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
    """
    for token in tokens:
        if token.kind in {Kind.WORD, Kind.QUOTED} and len(token.name.encode()) > MAX_NAME_BYTES:
            raise SqlError(f'identifier "{token.name}" is longer than {MAX_NAME_BYTES} bytes')


def _is_part(keys: list[str], place: int) -> bool:
    return place > 0 and keys[place - 1] == "."


def _next(keys: list[str], place: int) -> str:
    return keys[place + 1] if place + 1 < len(keys) else ""


def _is_type_position(keys: list[str], place: int) -> bool:
    return place > 0 and (keys[place - 1] == "::" or _is_cast_as(keys, place))


def _is_cast_as(keys: list[str], place: int) -> bool:
    """Tell whether the word follows ``AS`` and ends at ``)`` or ``(`` or ``[``: ``CAST(x AS type)``."""
    return keys[place - 1] == "as" and _next(keys, place) in {")", "["} and _is_in_cast(keys, place)


def _is_in_cast(keys: list[str], place: int) -> bool:
    depth = 0
    for at in range(place - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(keys[at], 0)
        if depth < 0:
            return at > 0 and keys[at - 1] in {"cast", "try_cast"}
    return False


def _refuse_type(name: str) -> None:
    if name in REFUSED_TYPES:
        raise SqlError(f'type "{name}" does not exist', "Redshift does not have this type of PostgreSQL")
    if name in MISSING_TYPES:
        raise NotInStandInError(f"The type {name.upper()}")


def _fold_names(sql: str) -> str:
    """Fold quoted names to lower case, and quote the names of temporary tables that begin with ``#``."""

    def fold(token: Token) -> str | None:
        is_temporary = token.kind is Kind.WORD and token.text.startswith("#")
        return quote_name(token.name) if token.kind is Kind.QUOTED or is_temporary else None

    return replace(sql, tokenize(sql), fold)


def _functions(sql: str) -> str:
    """Change single words: renamed functions, SYSDATE, MINUS, APPROXIMATE, RESPECT NULLS, and bare parts of dates."""
    tokens = tokenize(sql)
    keys = [token.key for token in tokens]
    changes: dict[int, str] = {}
    for place, key in enumerate(keys):
        follower = _next(keys, place)
        if key in DATE_PART_FUNCTIONS and follower == "(" and place + 2 < len(tokens):
            changes[tokens[place + 2].start] = _date_part(tokens[place + 2])
        if key in RENAMED_FUNCTIONS and follower == "(" and not _is_part(keys, place):
            changes[tokens[place].start] = RENAMED_FUNCTIONS[key]
        elif key == "sysdate" and follower != "(" and not _is_part(keys, place):
            changes[tokens[place].start] = "sysdate()"
        elif key == "minus":
            changes[tokens[place].start] = "EXCEPT"
        elif key == "approximate" or (key == "respect" and follower == "nulls"):
            changes[tokens[place].start] = ""
        elif key == "nulls" and place and keys[place - 1] == "respect":
            # PostgreSQL's window functions respect nulls, and have no words for it.
            changes[tokens[place].start] = ""
    return replace(sql, tokens, lambda token: changes.get(token.start))


def _date_part(token: Token) -> str:
    name = token.value if token.kind is Kind.STRING else token.name
    part = DATE_PARTS.get(name.lower())
    if part is None:
        # An expression, such as a parameter: left for PostgreSQL to judge.
        return token.text
    return quote_text(part)


def _single_tables(sql: str) -> str:
    """Write ``FROM (name)`` without the parentheses, which PostgreSQL has around joins and queries only."""
    tokens = tokenize(sql)
    gone: set[int] = set()
    for place in range(len(tokens) - 3):
        if tokens[place].key in {"from", "join"} and tokens[place + 1].key == "(" and tokens[place + 2].is_name:
            last = place + 3
            while last + 1 < len(tokens) and tokens[last].key == "." and tokens[last + 1].is_name:
                last += 2
            if last < len(tokens) and tokens[last].key == ")":
                gone |= {tokens[place + 1].start, tokens[last].start}
    return replace(sql, tokens, lambda token: "" if token.start in gone else None)


_CALL_WORDS = frozenset({"decode", "nvl2", "listagg", "median", "convert"})


def _calls(sql: str) -> str:
    """Change calls as a whole, innermost first, until none is left."""
    text = sql
    while (found := _last_call(text)) is not None:
        start, end, new = found
        text = text[:start] + new + text[end:]
    return text


def _last_call(sql: str) -> tuple[int, int, str] | None:
    tokens = tokenize(sql)
    keys = [token.key for token in tokens]
    for place in range(len(tokens) - 2, -1, -1):
        if keys[place] in _CALL_WORDS and keys[place + 1] == "(" and not _is_part(keys, place):
            new = _call(sql, tokens, place)
            if new is not None:
                return new
    return None


def _call(sql: str, tokens: tuple[Token, ...], place: int) -> tuple[int, int, str] | None:
    close = _closing(tokens, place + 1)
    arguments = _arguments(sql, tokens, place + 1, close)
    name, start, end = tokens[place].key, tokens[place].start, tokens[close].end
    if name == "decode":
        return (start, end, _case(arguments)) if len(arguments) > 2 else None
    if name == "nvl2" and len(arguments) == 3:
        return start, end, f"CASE WHEN {arguments[0]} IS NOT NULL THEN {arguments[1]} ELSE {arguments[2]} END"
    if name == "median":
        return start, end, f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {arguments[0]})"
    if name == "convert" and len(arguments) == 2:
        return start, end, f"CAST({arguments[1]} AS {arguments[0]})"
    if name == "listagg":
        return _listagg(sql, tokens, (start, close), arguments)
    return None


def _case(arguments: list[str]) -> str:
    """Write DECODE as CASE; unlike ``=`` it takes two nulls for equal."""
    subject, *pairs = arguments
    default = f" ELSE {pairs.pop()}" if len(pairs) % 2 else ""
    whens = [
        f"WHEN {subject} IS NOT DISTINCT FROM {search} THEN {result}"
        for search, result in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    return f"CASE {' '.join(whens)}{default} END"


def _listagg(sql: str, tokens: tuple[Token, ...], span: tuple[int, int], arguments: list[str]) -> tuple[int, int, str]:
    start, close = span
    keys = [token.key for token in tokens]
    separator = arguments[1] if len(arguments) > 1 else "''"
    value = re.sub(r"(?i)^distinct\s+", "", arguments[0])
    distinct = "DISTINCT " if value != arguments[0] else ""
    order, end = "", tokens[close].end
    if keys[close + 1 : close + 4] == ["within", "group", "("]:
        last = _closing(tokens, close + 3)
        order, end = f" {sql[tokens[close + 3].end : tokens[last].start].strip()}", tokens[last].end
    # DISTINCT needs the sort expression to be the aggregated one, letter by letter.
    order = re.sub(rf"(?is)(order\s+by\s+){re.escape(value)}\b", rf"\1({value})::text", order)
    return start, end, f"string_agg({distinct}({value})::text, {separator}{order})"


def _closing(tokens: tuple[Token, ...], opening: int) -> int:
    depth = 0
    for place in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place].key, 0)
        if depth == 0:
            return place
    raise SqlError("syntax error at end of input")


def _arguments(sql: str, tokens: tuple[Token, ...], opening: int, closing: int) -> list[str]:
    edges = [tokens[opening].end]
    depth = 0
    for token in tokens[opening + 1 : closing]:
        depth += {"(": 1, ")": -1}.get(token.key, 0)
        if depth == 0 and token.key == ",":
            edges += (token.start, token.end)
    edges.append(tokens[closing].start)
    return [sql[begin:end].strip() for begin, end in zip(edges[::2], edges[1::2], strict=True)]


def _top(sql: str) -> str:
    """Write ``SELECT TOP n`` as ``LIMIT n`` at the end of the same SELECT."""
    text = sql
    while (place := _find_top(text)) is not None:
        tokens = tokenize(text)
        number = tokens[place + 1]
        end = _end_of_select(tokens, place)
        at = tokens[end].start if end < len(tokens) else len(text)
        text = text[: tokens[place].start] + text[number.end : at] + f" LIMIT {number.text} " + text[at:]
    return text


def _find_top(sql: str) -> int | None:
    tokens = tokenize(sql)
    for place in range(1, len(tokens) - 1):
        after_select = tokens[place - 1].key in {"select", "distinct", "all"}
        if after_select and tokens[place].key == "top" and tokens[place + 1].kind is Kind.NUMBER:
            return place
    return None


def _end_of_select(tokens: tuple[Token, ...], place: int) -> int:
    depth = 0
    for at in range(place, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[at].key, 0)
        if depth < 0 or (depth == 0 and tokens[at].key in {"union", "intersect", "except", "offset"}):
            return at
    return len(tokens)


def _qualify(sql: str) -> str:
    """Write QUALIFY, which PostgreSQL lacks, as a filter around the SELECT."""
    if not any(token.key == "qualify" for token in tokenize(sql)):
        return sql
    return without_qualify(sql)
