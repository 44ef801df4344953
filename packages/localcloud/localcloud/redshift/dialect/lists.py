"""Select lists: the names of results, ``* EXCLUDE``, GROUP BY ALL, and QUALIFY, which filters what a list computed."""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.redshift.dialect.lexer import Kind, Token, quote_name, tokenize
from localcloud.redshift.dialect.spans import arguments, clause_end, closing, select_of
from localcloud.redshift.errors import NotInStandInError, SqlError
from localcloud.redshift.typing.analyst import UnclearError, UnknownColumnError, analyst

_LIST_END = frozenset(
    {
        "from",
        "where",
        "group",
        "having",
        "qualify",
        "order",
        "limit",
        "offset",
        "union",
        "intersect",
        "except",
        "into",
        ";",
    }
)
_BEHIND_QUALIFY = frozenset({"order", "limit", "offset", "union", "intersect", "except", ";"})
#: What Redshift calls the column of a call that PostgreSQL runs under another name.
_NAMES = {
    **{
        name: name
        for name in (
            "listagg", "median", "ratio_to_report", "percentile_cont", "percentile_disc", "lag", "lead", "first_value",
            "last_value", "nth_value",
        )
    },
    "decode": "case",
    "nvl2": "case",
}  # fmt: skip
_UNNAMED = "?column?"
_KEEP = "redshift_qualified"


def named(sql: str) -> str:
    """Name the columns whose expressions are written again as Redshift names them.

    Args:
        sql: a statement before anything in it is written again.
    """
    tokens = tokenize(sql)
    inserted: dict[int, str] = {}
    for place, token in enumerate(tokens):
        if token.key == "select" and (place == 0 or tokens[place - 1].key != "."):
            for first, last in _items(tokens, place + 1):
                name = _name(tokens[first : last + 1])
                if name is not None:
                    inserted[tokens[last].end] = f" AS {quote_name(name)}"
    pieces: list[str] = []
    position = 0
    for end in sorted(inserted):
        pieces += (sql[position:end], inserted[end])
        position = end
    return "".join((*pieces, sql[position:]))


def _items(tokens: Sequence[Token], start: int) -> list[tuple[int, int]]:
    """Give the first and last tokens of the items of a list."""
    while start < len(tokens) and tokens[start].key in {"distinct", "all"}:
        start += 1
    if start + 1 < len(tokens) and tokens[start].key == "top" and tokens[start + 1].kind is Kind.NUMBER:
        start += 2
    end = clause_end(tokens, start, _LIST_END)
    found: list[tuple[int, int]] = []
    depth, first = 0, start
    for at in range(start, end):
        depth += {"(": 1, ")": -1}.get(tokens[at].key, 0)
        if depth == 0 and tokens[at].key == "," and at > first:
            found.append((first, at - 1))
            first = at + 1
    return [*found, (first, end - 1)] if end > first else found


def _name(item: Sequence[Token]) -> str | None:
    if len(item) > 2 and item[1].key == "(" and item[0].key in _NAMES:
        behind = closing(item, 1) + 1
        while behind < len(item) and item[behind].key in {"ignore", "respect", "nulls", "within", "group", "over", "("}:
            behind = closing(item, behind) + 1 if item[behind].key == "(" else behind + 1
        return _NAMES[item[0].key] if behind == len(item) else None
    if _has_alias(item):
        return None
    depth = 0
    for place, token in enumerate(item):
        depth += {"(": 1, ")": -1}.get(token.key, 0)
        if depth == 0 and place and token.key in {"/", "*"} and item[place - 1].key != ".":
            return _UNNAMED
    return None


def _has_alias(item: Sequence[Token]) -> bool:
    if len(item) < 2 or not item[-1].is_name:
        return item[-1].key == "*" and (len(item) == 1 or item[-2].key == ".")
    before = item[-2]
    return before.key in {"as", ")", "end"} or before.is_name or before.kind in {Kind.NUMBER, Kind.STRING}


def without_excluded(sql: str) -> str:
    """Write ``* EXCLUDE (a, b)`` as the other columns.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_EXCLUDE_list.html
    """
    text = sql
    while (place := _find_exclude(text)) is not None:
        tokens = tokenize(text)
        if tokens[place + 1].key == "(":
            end = closing(tokens, place + 1)
            gone = {tokenize(name)[0].name for name in arguments(text, tokens, place + 1, end)}
        else:
            end, gone = place + 1, {tokens[place + 1].name}
        start = place - 3 if tokens[place - 2].key == "." else place - 1
        prefix = f"{quote_name(tokens[start].name)}." if start < place - 1 else ""
        listed = ", ".join(
            prefix + quote_name(name)
            for name in _starred(text, tokens, place, text[tokens[start].start : tokens[place].start])
            if name not in gone
        )
        text = text[: tokens[start].start] + listed + text[tokens[end].end :]
    return text


def _find_exclude(sql: str) -> int | None:
    tokens = tokenize(sql)
    for place in range(1, len(tokens) - 1):
        if tokens[place].key == "exclude" and tokens[place - 1].key == "*":
            return place
    return None


def _starred(sql: str, tokens: Sequence[Token], place: int, star: str) -> list[str]:
    """Give the names of the columns that a star stands for."""
    select = select_of(tokens, place)
    start = clause_end(tokens, place, frozenset({"from"}))
    if select is None or start >= len(tokens) or tokens[start].key != "from":
        raise SqlError('syntax error at or near "exclude"')
    end = clause_end(tokens, start, _LIST_END - {"from"})
    source = sql[tokens[start].start : tokens[end - 1].end]
    return _columns(f"{_with(sql, tokens, select)} SELECT {star} {source}", "EXCLUDE")


def _with(sql: str, tokens: Sequence[Token], select: int) -> str:
    """Give the WITH clause of a statement whose outer SELECT it is, for the names that it defines."""
    if not tokens or tokens[0].key != "with":
        return ""
    depth = 0
    for at in range(select):
        depth += {"(": 1, ")": -1}.get(tokens[at].key, 0)
    return sql[: tokens[select].start] if depth == 0 else ""


def _columns(sql: str, what: str) -> list[str]:
    asked = analyst()
    if asked is None:
        raise NotInStandInError(
            f"{what} with * where the columns are not known before it runs", "a list of the columns"
        )
    try:
        return [column.name for column in asked.columns(sql)]
    except UnclearError as error:
        raise SqlError(str(error)) from None
    except UnknownColumnError:
        raise NotInStandInError(
            f"{what} with * over what is not known before it runs", "a list of the columns"
        ) from None


def group_by_all(sql: str) -> str:
    """Write GROUP BY ALL as the places of the items that are no aggregates.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_GROUP_BY_clause.html
    """
    text = sql
    while True:
        tokens = tokenize(text)
        keys = [token.key for token in tokens]
        place = next((at for at in range(len(keys) - 2) if keys[at : at + 3] == ["group", "by", "all"]), None)
        if place is None:
            return text
        select = select_of(tokens, place)
        items = _items(tokens, select + 1) if select is not None else []
        places = [str(n) for n, item in enumerate(items, start=1) if not _is_aggregate(tokens[item[0] : item[1] + 1])]
        grouped = f"GROUP BY {', '.join(places)}" if places else ""
        text = text[: tokens[place].start] + grouped + text[tokens[place + 2].end :]


_AGGREGATES = frozenset(
    {
        "any_value", "approximate", "avg", "bit_and", "bit_or", "bool_and", "bool_or", "count", "listagg", "max",
        "median", "min", "percentile_cont", "percentile_disc", "stddev", "stddev_pop", "stddev_samp", "string_agg",
        "sum", "var_pop", "var_samp", "variance",
    }
)  # fmt: skip


def _is_aggregate(item: Sequence[Token]) -> bool:
    return any(
        token.key in _AGGREGATES and place + 1 < len(item) and item[place + 1].key == "("
        for place, token in enumerate(item)
    )


def without_qualify(sql: str) -> str:
    """Write QUALIFY as a filter around the SELECT, which gives the same columns.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_QUALIFY_clause.html
    """
    text = sql
    while True:
        tokens = tokenize(text)
        # The last one is not around another.
        place = max((at for at, token in enumerate(tokens) if token.key == "qualify"), default=None)
        if place is None:
            return text
        text = _filtered(text, tokens, place)


def _filtered(sql: str, tokens: Sequence[Token], place: int) -> str:
    select = select_of(tokens, place)
    if select is None:
        raise SqlError('syntax error at or near "qualify"')
    end = clause_end(tokens, place, _BEHIND_QUALIFY)
    condition = sql[tokens[place].end : tokens[end - 1].end].strip()
    source = clause_end(tokens, select + 1, frozenset({"from"}))
    if source >= place:
        raise SqlError('syntax error at or near "qualify"', "QUALIFY needs a FROM clause")
    items = sql[tokens[select].end : tokens[source].start].strip()
    rest = sql[tokens[source].start : tokens[place].start]
    distinct = "DISTINCT " if tokens[select + 1].key == "distinct" else ""
    items = items[len("distinct") :].strip() if distinct else items
    names = _listed(sql, tokens, select, f"SELECT {items} {rest}")
    inner = [f"c{number}" for number in range(1, len(names) + 1)]
    outer = ", ".join(f"q.{column} AS {quote_name(name)}" for column, name in zip(inner, names, strict=True))
    new = (
        f"SELECT {distinct}{outer} FROM (SELECT {items}, ({condition}) AS {_KEEP} {rest}) "  # noqa: S608 - the user's own statement
        f"AS q ({', '.join([*inner, 'keep'])}) WHERE q.keep "
    )
    behind = sql[tokens[end].start :] if end < len(tokens) else ""
    return sql[: tokens[select].start] + new + behind


def _listed(sql: str, tokens: Sequence[Token], select: int, query: str) -> list[str]:
    """Give the names of the columns of a list: as they are written, or as they are known."""
    names = [_written_name(tokens[first : last + 1]) for first, last in _items(tokens, select + 1)]
    known = [name for name in names if name is not None]
    return known if len(known) == len(names) else _columns(f"{_with(sql, tokens, select)} {query}", "QUALIFY")


def _written_name(item: Sequence[Token]) -> str | None:
    if not item[-1].is_name:
        return None
    is_plain = all(token.is_name or token.key == "." for token in item) and (len(item) == 1 or item[-2].key == ".")
    return item[-1].name if is_plain or _has_alias(item) else None
