"""Questions to the catalog about what only Redshift's has: they go to views that have it.

Drivers and tools ask so, SQLAlchemy's dialect for one: ``SELECT c.reldiststyle FROM pg_class c``.
Source: https://docs.aws.amazon.com/redshift/latest/dg/r_PG_ATTRIBUTE_INFO.html, r_PG_CLASS_INFO.html and
https://github.com/sqlalchemy-redshift/sqlalchemy-redshift (what it asks for)
"""

from __future__ import annotations

from itertools import pairwise

from localcloud.redshift.dialect.lexer import Token, replace, tokenize

#: By table: the view that has its columns and Redshift's own, and those columns.
_VIEWS = {
    "pg_class": ("redshift_class", frozenset({"reldiststyle"})),
    "pg_attribute": ("redshift_attribute", frozenset({"attencodingtype", "attisdistkey", "attsortkeyord"})),
    "pg_attrdef": ("redshift_attrdef", frozenset({"adsrc"})),
}
_BEHIND_CONDITION = frozenset({"", "and", "or", "order", "group", "limit", "union", ")", ";"})
_BEFORE_TABLE = frozenset({"from", "join", ",", "."})


def with_own_columns(sql: str) -> str:
    """Give a query with Redshift's views of the catalog in the place of tables that lack what it names.

    A condition that is the number 1 is true there, as on the leader node.
    """
    tokens = tokenize(sql)
    keys = {token.key for token in tokens}
    views = {table: view for table, (view, columns) in _VIEWS.items() if columns & keys}
    if not views and "svv_external_columns" not in keys:
        return sql
    before = {token.start: tokens[place - 1].key if place else "" for place, token in enumerate(tokens)}
    behind = {token.start: following.key for token, following in pairwise(tokens)}

    def change(token: Token) -> str | None:
        if token.key in views and before[token.start] in _BEFORE_TABLE:
            return views[token.key]
        is_condition = before[token.start] == "where" and behind.get(token.start, "") in _BEHIND_CONDITION
        return "true" if token.text == "1" and is_condition else None

    return replace(sql, tokens, change)
