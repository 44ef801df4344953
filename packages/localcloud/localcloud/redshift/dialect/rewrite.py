"""Changes the few words of a query that PostgreSQL spells differently, and refuses those that Redshift does not have.

The text between the changed words stays as it was written: what PostgreSQL reports is about the user's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from localcloud.redshift.dialect import correlated, windows
from localcloud.redshift.dialect.differences import (
    DATE_PART_FUNCTIONS,
    DATE_PARTS,
    LEADER_TABLES,
    MAX_DECIMAL_DIGITS,
    MAX_NAME_BYTES,
    MISSING_TYPES,
    MISSING_WORDS,
    REFUSED_TYPES,
    REFUSED_WORDS,
    RENAMED_FUNCTIONS,
    TYPE_NAMES,
)
from localcloud.redshift.dialect.join_marks import without_join_marks
from localcloud.redshift.dialect.lexer import Kind, Token, quote_name, quote_text, replace, tokenize
from localcloud.redshift.dialect.lists import group_by_all, named, without_excluded, without_qualify
from localcloud.redshift.dialect.own_columns import with_own_columns
from localcloud.redshift.dialect.pivot import without_pivot
from localcloud.redshift.dialect.spans import arguments, closing, select_of
from localcloud.redshift.dialect.words import words
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.typing.analyst import analyst
from localcloud.redshift.typing.rewrite import typed

_REFUSED_BY_FIRST: dict[str, list[tuple[tuple[str, ...], str]]] = {}
for _sequence, _reason in REFUSED_WORDS.items():
    _REFUSED_BY_FIRST.setdefault(_sequence[0], []).append((_sequence, _reason))


def rewrite(sql: str) -> str:
    """Give a Redshift query as PostgreSQL runs it.

    Raises:
        SqlError: the query uses what Redshift does not have.
    """
    refuse(sql)
    text = sql
    for change in (
        with_own_columns,
        without_join_marks,
        _fold_names,
        named,
        _types,
        _functions,
        _single_tables,
        windows.rewrite,
        _calls,
        _top,
        *_LISTS,
    ):
        text = change(text)
    asked = analyst()
    return typed(text, asked) if asked is not None and _is_analysed(text) else text


def _is_analysed(sql: str) -> bool:
    """Whether it is a statement of its own that takes no locks before it is analysed."""
    keys = [token.key for token in tokenize(sql)]
    first = next((key for key in keys if key != "("), "")
    return first in {"select", "insert"} or (first == "with" and not {"update", "delete"} & set(keys))


_LISTS = (without_pivot, without_excluded, group_by_all, without_qualify)


def refuse(sql: str) -> None:
    """Refuse what PostgreSQL has and Redshift has not.

    Raises:
        SqlError: names the word and what to use instead.
    """
    tokens = tokenize(sql)
    keys = [token.key for token in tokens]
    _refuse_leader(keys)
    _refuse_compute(keys)
    _refuse_long_names(tokens)
    _refuse_numbers(tokens)
    _refuse_limits(keys)
    _refuse_orders(tokens)
    windows.refuse(sql)
    for place, key in enumerate(keys):
        for sequence, reason in _REFUSED_BY_FIRST.get(key, ()):
            if tuple(keys[place : place + len(sequence)]) != sequence or _is_part(keys, place):
                continue
            if sequence != _ARRAY or not _asks_catalog_only(keys):
                raise SqlError(f'syntax error at or near "{tokens[place].text}"', reason)
        _refuse_missing(keys, place)
        if _is_called(keys, place):
            _refuse_function(key)
        elif key in words("missing views") and place and keys[place - 1] in {"from", "join", ",", "."}:
            raise NotInStandInError(f"The system view {key.upper()}", words("missing views")[key])
        if _is_type_position(keys, place):
            _refuse_type(key)
            _refuse_digits(keys, tokens, place)
        if key == "within" and keys[place + 1 : place + 2] == ["group"]:
            _refuse_ordered(keys, place)
    correlated.refuse(sql)


def _refuse_orders(tokens: Sequence[Token]) -> None:
    """Refuse aggregates of one SELECT that sort differently.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_MEDIAN.html, r_LISTAGG.html (usage notes)
    """
    orders: dict[int | None, set[str]] = {}
    for place, token in enumerate(tokens[:-1]):
        if token.key not in _SORTING or tokens[place + 1].key != "(":
            continue
        end = closing(tokens, place + 1)
        order = tokens[place + 2 : end] if token.key == "median" else ()
        if [one.key for one in tokens[end + 1 : end + 4]] == ["within", "group", "("]:
            last = closing(tokens, end + 3)
            order, end = tokens[end + 6 : last], last
        is_window = end + 1 < len(tokens) and tokens[end + 1].key == "over"
        if order and not is_window:
            orders.setdefault(select_of(tokens, place), set()).add(" ".join(one.text.lower() for one in order))
    if any(len(found) > 1 for found in orders.values()):
        raise SqlError("within group ORDER BY clauses for aggregate functions must be the same")


def _refuse_compute(keys: list[str]) -> None:
    """Refuse a function of the compute nodes in a query without a table whose rows they have."""
    called = any(key in words("compute functions") and _is_called(keys, place) for place, key in enumerate(keys))
    if called and not any(_is_table(keys, place) for place, key in enumerate(keys) if key in {"from", "join"}):
        raise SqlError("One or more of the used functions must be applied on at least one user created table.")


def _is_called(keys: list[str], place: int) -> bool:
    """Whether a name is that of a function that is called, and not that of a table before its columns."""
    return (
        _next(keys, place) == "("
        and not _is_part(keys, place)
        and (
            place == 0 or keys[place - 1] not in {"into", "table", "as", "references", "view", "function", "procedure"}
        )
    )


def _refuse_function(name: str) -> None:
    if name in words("unsupported functions"):
        instead = words("unsupported functions")[name]
        detail = f"Redshift does not have this function of PostgreSQL{f'; use {instead}' if instead else ''}"
        raise SqlError(f"function {name}() does not exist", detail)
    if name in words("missing functions"):
        raise NotInStandInError(f"The function {name.upper()}", words("missing functions")[name])


def _refuse_limits(keys: list[str]) -> None:
    """Refuse LIMIT in a query that INTERSECT or EXCEPT takes.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_UNION.html
    """
    for place, key in enumerate(keys):
        if key not in {"intersect", "except", "minus"} or not place or keys[place - 1] != ")":
            continue
        depth = 0
        for at in range(place - 1, -1, -1):
            depth += {")": 1, "(": -1}.get(keys[at], 0)
            if depth == 1 and keys[at] == "limit":
                raise SqlError(f"LIMIT is not supported in a query of {key.upper()}")
            if depth == 0:
                break


def _refuse_numbers(tokens: Sequence[Token]) -> None:
    """Refuse numbers in the ways of writing that only PostgreSQL has: 0x1f, 1_000, x'1f', b'101'."""
    for token, following in pairwise(tokens):
        if token.key in {"x", "b"} and following.kind is Kind.STRING and following.start == token.end:
            raise SqlError(f'syntax error at or near "{following.text}"')
        if token.kind is Kind.NUMBER and following.kind is Kind.WORD and following.start == token.end:
            raise SqlError(f'syntax error at or near "{following.text}"')


def _refuse_leader(keys: list[str]) -> None:
    """Refuse a function of the leader node beside a table whose rows are elsewhere."""
    called = any(
        (key in words("leader functions") and _is_called(keys, place))
        or (key in words("leader words") and not _is_part(keys, place) and (not place or keys[place - 1] != "as"))
        for place, key in enumerate(keys)
    )
    if called and any(_is_own_table(keys, place) for place, key in enumerate(keys) if key in {"from", "join"}):
        raise SqlError("Specified types or functions (one per INFO message) not supported on Redshift tables.")


def _asks_catalog_only(keys: list[str]) -> bool:
    """Whether a query reads system tables only: the leader node answers it alone, and has PostgreSQL's arrays.

    Drivers ask so: ``WHERE relkind = ANY (ARRAY['r', 'v'])``.
    Source: https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html
    """
    read = [place for place, key in enumerate(keys) if key in {"from", "join"}]
    return bool(read) and not any(_is_own_table(keys, place) for place in read)


def _is_own_table(keys: list[str], place: int) -> bool:
    name = _next(keys, place)
    return name.isidentifier() and _is_table(keys, place) and not name.startswith(LEADER_TABLES)


def _is_table(keys: list[str], place: int) -> bool:
    """Whether the name behind FROM or JOIN is one of a table or view, not of a query."""
    name, follower = _next(keys, place), _next(keys, place + 1)
    is_query = follower == "(" or any(
        keys[at : at + 3] in ([name, "as", "("], ["as", name, "("]) for at in range(len(keys) - 2)
    )
    # A quoted name has no key.
    return (name.isidentifier() or (not name and place + 1 < len(keys))) and not is_query


_ARRAY = ("array", "[")
#: Aggregates that sort, and so need one order.
_SORTING = frozenset({"listagg", "median", "percentile_cont"})
_BEHIND_ALIAS = frozenset(
    {"where", "on", "join", "left", "right", "inner", "full", "cross", "group", "order", "limit", "time"}
)


def _refuse_missing(keys: list[str], place: int) -> None:
    for sequence, what in MISSING_WORDS.items():
        is_found = keys[place] == sequence[0] and tuple(keys[place : place + len(sequence)]) == sequence
        if is_found and not _is_part(keys, place):
            raise NotInStandInError(what)
    behind = _next(keys, place)
    is_walk = keys[place] == "at" and place > 1 and keys[place - 2] == "as" and behind.isidentifier()
    if is_walk and behind not in _BEHIND_ALIAS:
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
    return keys[place - 1] == "as" and _next(keys, place) in {")", "[", "("} and _is_in_cast(keys, place)


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


def _refuse_digits(keys: list[str], tokens: Sequence[Token], place: int) -> None:
    """Refuse a cast to a list, and to more digits than a decimal has."""
    if _next(keys, place) == "[":
        raise SqlError(f'type "{keys[place]}[]" does not exist', "Redshift has no arrays of PostgreSQL")
    if keys[place] in {"numeric", "decimal", "dec"} and _next(keys, place) == "(" and place + 2 < len(tokens):
        digits = tokens[place + 2].text
        if digits.isdigit() and not 1 <= int(digits) <= MAX_DECIMAL_DIGITS:
            raise SqlError(f"NUMERIC precision {digits} must be between 1 and {MAX_DECIMAL_DIGITS}")


_ORDERED = frozenset({"listagg", "percentile_cont", "percentile_disc", "string_agg"})


def _refuse_ordered(keys: list[str], place: int) -> None:
    """Refuse WITHIN GROUP behind other functions than those that Redshift has it for."""
    depth = 0
    for at in range(place - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(keys[at], 0)
        if depth == 0:
            if keys[at - 1] not in _ORDERED:
                raise SqlError(f"function {keys[at - 1]}() does not exist", "Redshift has no WITHIN GROUP for it")
            return


def _fold_names(sql: str) -> str:
    """Fold quoted names to lower case, and quote the names of temporary tables that begin with ``#``."""

    def fold(token: Token) -> str | None:
        is_temporary = token.kind is Kind.WORD and token.text.startswith("#")
        return quote_name(token.name) if token.kind is Kind.QUOTED or is_temporary else None

    return replace(sql, tokenize(sql), fold)


def _types(sql: str) -> str:
    """Write the types of casts in PostgreSQL's words: DATETIME, quoted names; DECIMAL alone is (18,0).

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
    """
    tokens = tokenize(sql)
    keys = [token.key or token.name if token.is_name else token.key for token in tokens]
    changes: dict[int, str] = {}
    for place, key in enumerate(keys):
        if not place or not tokens[place].is_name:
            continue
        is_type = keys[place - 1] == "::" or (keys[place - 1] == "as" and _is_in_cast(keys, place))
        is_converted = keys[place - 2 : place] == ["convert", "("] and place + 1 < len(keys)
        if is_type or is_converted:
            name = TYPE_NAMES.get(key)
            if name == "numeric" and _next(keys, place) != "(":
                name = "numeric(18,0)"
            if name is not None and (name != key or tokens[place].kind is Kind.QUOTED):
                changes[tokens[place].start] = name
    return replace(sql, tokens, lambda token: changes.get(token.start))


def _functions(sql: str) -> str:
    """Change single words: renamed functions, SYSDATE, MINUS, APPROXIMATE, RESPECT NULLS, and bare parts of dates."""
    tokens = tokenize(sql)
    keys = [token.key for token in tokens]
    changes: dict[int, str] = {}
    for place in range(len(keys)):
        for offset, text in _changed_words(tokens, keys, place):
            changes[tokens[place + offset].start] = text
    return replace(sql, tokens, lambda token: changes.get(token.start))


def _changed_words(tokens: tuple[Token, ...], keys: list[str], place: int) -> Iterator[tuple[int, str]]:
    """Give what becomes of the tokens from a place on, by their distance from it."""
    key, follower = keys[place], _next(keys, place)
    if key in DATE_PART_FUNCTIONS and follower == "(" and place + 2 < len(tokens):
        yield 2, _date_part(tokens[place + 2])
    if keys[place : place + 4] == ["extract", "(", "epoch", "from"]:
        # More seconds than an INTEGER holds from 2038 on.
        yield from ((0, "redshift_epoch"), (2, ""), (3, ""))
    elif key in RENAMED_FUNCTIONS and follower == "(" and not _is_part(keys, place):
        yield 0, RENAMED_FUNCTIONS[key]
    elif keys[place : place + 3] == ["information_schema", ".", "table_constraints"]:
        # Keys are not enforced, and so PostgreSQL has none.
        yield from ((0, "pg_catalog"), (2, "redshift_table_constraints"))
    elif key in {"sysdate", "current_user_id"} and follower != "(" and not _is_part(keys, place):
        yield 0, f"{key}()"
    elif key == "minus":
        yield 0, "EXCEPT"
    elif key == "approximate":
        yield 0, ""
    elif key == "respect" and follower == "nulls":
        # PostgreSQL's window functions respect nulls, and have no words for it.
        yield from ((0, ""), (1, ""))


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


_CALL_WORDS = frozenset({"date_add", "decode", "nvl2", "listagg", "median", "convert", "try_cast"})


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
    close = closing(tokens, place + 1)
    given = arguments(sql, tokens, place + 1, close)
    name, start, end = tokens[place].key, tokens[place].start, tokens[close].end
    if name == "decode":
        if len(given) < 3:
            raise SqlError("function decode() does not exist", "DECODE has an expression, values and results")
        return start, end, _case(given)
    if name == "nvl2" and len(given) == 3:
        return start, end, f"CASE WHEN {given[0]} IS NOT NULL THEN {given[1]} ELSE {given[2]} END"
    if name == "median":
        return start, end, f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {given[0]})"
    if name == "convert" and len(given) == 2:
        return start, end, f"CAST({given[1]} AS {given[0]})"
    if name == "date_add" and len(given) == 3 and not given[1].isdigit() and not given[1].endswith("::bigint"):
        return start, end, f"{tokens[place].text}({given[0]}, ({given[1]})::bigint, {given[2]})"
    if name == "try_cast":
        return start, end, _tried(given[0])
    if name == "listagg":
        return _listagg(sql, tokens, (start, close), given)
    return None


def _tried(argument: str) -> str:
    """Write TRY_CAST: null in place of an error.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_TRY_CAST.html
    """
    tokens = tokenize(argument)
    last = max((place for place, token in enumerate(tokens) if token.key == "as"), default=0)
    if not last:
        raise SqlError('syntax error at or near ")"', "TRY_CAST has an expression AS a type")
    value, kind = argument[: tokens[last].start].strip(), argument[tokens[last].end :].strip()
    return f"pg_catalog.redshift_try_cast(({value})::text, {quote_text(kind)}, NULL::{kind})::{kind}"


def _case(given: list[str]) -> str:
    """Write DECODE as CASE; unlike ``=`` it takes two nulls for equal."""
    subject, *pairs = given
    default = f" ELSE {pairs.pop()}" if len(pairs) % 2 else ""
    whens = [
        f"WHEN {subject} IS NOT DISTINCT FROM {search} THEN {result}"
        for search, result in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    return f"CASE {' '.join(whens)}{default} END"


def _listagg(sql: str, tokens: tuple[Token, ...], span: tuple[int, int], given: list[str]) -> tuple[int, int, str]:
    start, close = span
    keys = [token.key for token in tokens]
    separator = given[1] if len(given) > 1 else "''"
    value = re.sub(r"(?i)^distinct\s+", "", given[0])
    distinct = "DISTINCT " if value != given[0] else ""
    order, end = "", tokens[close].end
    if keys[close + 1 : close + 4] == ["within", "group", "("]:
        last = closing(tokens, close + 3)
        order, end = f" {sql[tokens[close + 3].end : tokens[last].start].strip()}", tokens[last].end
    # DISTINCT needs the sort expression to be the aggregated one, letter by letter.
    order = re.sub(rf"(?is)(order\s+by\s+){re.escape(value)}\b", rf"\1({value})::text", order)
    return start, end, f"string_agg({distinct}({value})::text, {separator}{order})"


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
