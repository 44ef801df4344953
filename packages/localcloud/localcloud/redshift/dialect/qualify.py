"""QUALIFY: the one construct that needs the query's structure rather than its words."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.transforms import eliminate_qualify

from localcloud.redshift.dialect.lexer import Kind, quote_text, replace, tokenize
from localcloud.redshift.errors import SqlError


def without_qualify(sql: str) -> str:
    """Give a query that PostgreSQL would understand but for QUALIFY, with QUALIFY as a filter around each SELECT.

    Raises:
        SqlError: the query does not parse.
    """
    # One spelling of strings that the parser, which knows no backslash escapes here, carries through unchanged.
    plain = replace(sql, tokenize(sql), lambda token: quote_text(token.value) if token.kind is Kind.STRING else None)
    try:
        tree = sqlglot.parse_one(plain, read="postgres")
    except SqlglotError as error:
        raise SqlError(f"syntax error in a query with QUALIFY: {error}") from error
    changed = tree.transform(lambda node: eliminate_qualify(node) if isinstance(node, exp.Select) else node)
    return changed.sql(dialect="postgres")
