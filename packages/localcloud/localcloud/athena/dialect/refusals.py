"""What sqlglot reads and Athena's SQL does not have, or the stand-in does not: refused, never guessed."""

from sqlglot import exp

from localcloud.athena.errors import QueryError, not_here

_QUERIES = (exp.Select, exp.SetOperation, exp.Values, exp.Subquery)
_NO_SYNTAX: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.ILike, "ILIKE"),
    (exp.Qualify, "QUALIFY"),
    (exp.Pivot, "PIVOT"),
    (exp.SimilarTo, "SIMILAR"),
    (exp.RegexpLike, "RLIKE"),
    (exp.BitwiseAnd, "&"),
    (exp.BitwiseOr, "|"),
    (exp.BitwiseXor, "^"),
    (exp.BitwiseNot, "~"),
    (exp.BitwiseLeftShift, "<<"),
    (exp.BitwiseRightShift, ">>"),
    (exp.Struct, "{"),
)
_NOT_HERE: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.MatchRecognize, "MATCH_RECOGNIZE"),
    (exp.Version, "FOR TIMESTAMP AS OF and FOR VERSION AS OF"),
)


def refuse(tree: exp.Expression) -> None:
    """Refuse a tree that is not a query of Athena.

    Raises:
        QueryError: SYNTAX_ERROR for what Athena refuses, NOT_SUPPORTED for what is not here.
    """
    if not isinstance(tree, _QUERIES):
        raise not_here(f"{tree.key.upper()}")
    for kind, word in _NO_SYNTAX:
        if tree.find(kind) is not None:
            raise QueryError("SYNTAX_ERROR", f"mismatched input '{word}'")
    for kind, word in _NOT_HERE:
        if tree.find(kind) is not None:
            raise not_here(word)
    _refuse_arguments(tree)
    if any(star.args.get(part) for star in tree.find_all(exp.Star) for part in ("except_", "replace", "rename")):
        raise QueryError("SYNTAX_ERROR", "mismatched input after '*'")
    if any(distinct.args.get("on") is not None for distinct in tree.find_all(exp.Distinct)):
        raise QueryError("SYNTAX_ERROR", "mismatched input 'ON'")


def _refuse_arguments(tree: exp.Expression) -> None:
    for compared in (*tree.find_all(exp.Any), *tree.find_all(exp.All)):
        if compared.find(exp.Query, exp.Values) is None:
            raise QueryError("SYNTAX_ERROR", f"mismatched input behind {compared.key.upper()}: a query is expected")
    if any(
        len(distinct.expressions) > 1 and isinstance(distinct.parent, exp.Anonymous)
        for distinct in tree.find_all(exp.Distinct)
    ):
        raise QueryError(
            "FUNCTION_NOT_FOUND", "Unexpected parameters for an aggregate with DISTINCT: it takes one value"
        )
