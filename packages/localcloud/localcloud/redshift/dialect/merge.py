"""MERGE with Redshift's grammar: narrower than PostgreSQL's.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
"""

from __future__ import annotations

from collections.abc import Iterator

from localcloud.redshift.dialect.lexer import Kind, Token, quote_name, tokenize
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.reader import Reader, TableName
from localcloud.redshift.dialect.rewrite import rewrite
from localcloud.redshift.errors import SqlError


def merge(sql: str) -> Prepared:
    """Prepare MERGE.

    Raises:
        SqlError: the statement is outside Redshift's grammar, whatever PostgreSQL would do with it.
    """
    reader = Reader(sql)
    reader.expect("merge", "into")
    target = reader.table()
    if not reader.looks_at("using"):
        raise SqlError(f'syntax error at or near "{_text(reader)}"', "MERGE has no alias for the target table")
    reader.expect("using")
    source = _source(reader, target)
    reader.expect("on")
    condition = reader.until("when", "remove")
    _require_equalities(condition)
    head = f"MERGE INTO {target.sql} USING {source} ON {condition}"
    if reader.take("remove", "duplicates"):
        reader.end()
        return _replacing(target, source, condition)
    matched = _matched(reader)
    not_matched = _not_matched(reader)
    reader.end()
    return Prepared("merge", (rewrite(f"{head} {matched} {not_matched}"),), locks=(target,))


def _replacing(target: TableName, source: str, condition: str) -> Prepared:
    """MERGE in its simplified mode: rows that match go, and the rows of the source come.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html (REMOVE DUPLICATES)
    """
    gone = rewrite(f"DELETE FROM {target.sql} USING {source} WHERE {condition}")  # noqa: S608 - the user's own statement
    come = rewrite(f"INSERT INTO {target.sql} SELECT * FROM {source}")  # noqa: S608 - the user's own statement
    return Prepared("merge", (gone, come), locks=(target,))


def _text(reader: Reader) -> str:
    token = reader.peek()
    return token.text if token is not None else "end of input"


def _source(reader: Reader, target: TableName) -> str:
    if reader.looks_at("("):
        query = reader.group()
        if target.name in _tables(query):
            raise SqlError("Source view/subquery in Merge statement cannot reference target table")
        source = f"({query})"
    else:
        table = reader.table()
        if table.name == target.name and (table.schema or "public") == (target.schema or "public"):
            raise SqlError("Source and target of a Merge statement cannot be the same table")
        source = table.sql
    has_alias = reader.take("as") or not reader.looks_at("on")
    return f"{source} AS {quote_name(reader.name())}" if has_alias else source


def _tables(query: str) -> set[str]:
    """Give the names that stand where a table can stand."""
    tokens = tokenize(query)
    return {name for place in range(len(tokens)) for name in _table_at(tokens, place)}


def _table_at(tokens: tuple[Token, ...], place: int) -> Iterator[str]:
    if tokens[place].key not in {"from", "join", ","}:
        return
    at = place + 1
    while at < len(tokens) and tokens[at].is_name:
        last = at + 1 >= len(tokens) or tokens[at + 1].key != "."
        if last:
            yield tokens[at].name
            return
        at += 2


def _require_equalities(condition: str) -> None:
    """Refuse a condition that is not a conjunction of equalities."""
    operators = [token.key for token in tokenize(condition) if token.kind is Kind.SYMBOL or token.kind is Kind.WORD]
    refused = {"or", "<", ">", "<=", ">=", "<>", "!=", "between", "like", "ilike", "in", "is", "not", "exists", "true"}
    found = next((key for key in operators if key in refused), None)
    if found is not None or "=" not in operators:
        raise SqlError("Merge statement only supports equal predicates in its match condition", f'found "{found}"')


def _matched(reader: Reader) -> str:
    if not reader.looks_at("when", "matched"):
        raise SqlError(
            f'syntax error at or near "{_text(reader)}"',
            "MERGE needs both WHEN MATCHED THEN and WHEN NOT MATCHED THEN, in this order",
        )
    reader.expect("when", "matched")
    if reader.looks_at("and"):
        raise SqlError('syntax error at or near "AND"', "MERGE has no conditions in its WHEN clauses")
    reader.expect("then")
    if reader.take("delete"):
        return "WHEN MATCHED THEN DELETE"
    reader.expect("update", "set")
    assignments = [_assignment(reader)]
    while reader.take(","):
        assignments.append(_assignment(reader))
    return f"WHEN MATCHED THEN UPDATE SET {', '.join(assignments)}"


def _assignment(reader: Reader) -> str:
    column = reader.name()
    if reader.looks_at("."):
        raise SqlError('syntax error at or near "."', "a column that MERGE sets is not qualified by its table")
    reader.expect("=")
    return f"{quote_name(column)} = {reader.until(',', 'when')}"


def _not_matched(reader: Reader) -> str:
    if reader.at_end:
        raise SqlError("syntax error at end of input", "MERGE needs WHEN NOT MATCHED THEN INSERT as well")
    reader.expect("when", "not", "matched")
    if reader.looks_at("by") or reader.looks_at("and"):
        raise SqlError(f'syntax error at or near "{_text(reader)}"', "MERGE has no such condition")
    reader.expect("then", "insert")
    columns = f" ({', '.join(quote_name(name) for name in reader.names())})" if reader.looks_at("(") else ""
    reader.expect("values")
    return f"WHEN NOT MATCHED THEN INSERT{columns} VALUES ({reader.group()})"
