"""WITH RECURSIVE goes ten steps deep, and fails when the next one would have rows.

Source: https://trino.io/docs/current/sql/select.html (WITH RECURSIVE clause)
"""

from sqlglot import exp

from localcloud.athena.errors import QueryError

MAX_STEPS = 10
_DEPTH, _STEPS = "$depth", "$steps"
_TOO_DEEP = (
    f"NOT_SUPPORTED: Recursion depth limit exceeded ({MAX_STEPS}). "
    "Use 'max_recursion_depth' session property to modify the limit."
)


def limit_recursion(tree: exp.Expression) -> None:
    """Let queries that name themselves count their steps.

    Those count whose step is a plain SELECT joined by UNION ALL: where rows are compared or grouped, a count in them
    would make others of them.

    Args:
        tree: of a query; it is changed.

    Raises:
        QueryError: a query that names itself does not name its columns.
    """
    for found in list(tree.find_all(exp.With)):
        if not found.args.get("recursive"):
            continue
        for cte in list(found.expressions):
            own = [table for table in cte.this.find_all(exp.Table) if _is_named(table, cte.alias)]
            if own and not cte.args["alias"].args.get("columns"):
                text = "Recursive query must have column aliases"
                raise QueryError("MISSING_COLUMN_ALIASES", f"line 1:1: {text}")
            if len(own) == 1 and _is_countable(cte.this):
                _count(cte, own[0])


def _is_named(table: exp.Table, name: str) -> bool:
    return not table.db and table.name.lower() == name.lower()


def _is_countable(query: exp.Expr) -> bool:
    if not isinstance(query, exp.Union) or query.args.get("distinct"):
        return False
    sides = (query.left.unnest(), query.right.unnest())
    return all(
        isinstance(side, exp.Select)
        and not side.args.get("distinct")
        and not side.args.get("group")
        and not any(column.is_star for column in side.expressions)
        for side in sides
    )


def _count(cte: exp.CTE, own: exp.Table) -> None:
    alias = cte.args["alias"]
    names = [column.copy() for column in alias.args["columns"]]
    first, step = cte.this.left.unnest(), cte.this.right.unnest()
    if not isinstance(first, exp.Select) or not isinstance(step, exp.Select):
        return
    if own.find_ancestor(exp.Select) is not step:
        return
    own.set("alias", own.args.get("alias") or exp.TableAlias(this=exp.to_identifier(own.name, quoted=True)))
    before = exp.column(exp.to_identifier(_DEPTH, quoted=True), table=own.args["alias"].this.copy())
    first.append("expressions", exp.Literal.number(0))
    step.append("expressions", exp.Add(this=before.copy(), expression=exp.Literal.number(1)))
    step.where(exp.LTE(this=before, expression=exp.Literal.number(MAX_STEPS)), copy=False)
    name = exp.to_identifier(f"{cte.alias}{_STEPS}", quoted=True)
    own.set("this", name.copy())
    steps = exp.CTE(
        this=cte.this.copy(),
        alias=exp.TableAlias(
            this=name.copy(),
            columns=[*(column.copy() for column in names), exp.to_identifier(_DEPTH, quoted=True)],
        ),
    )
    depth = exp.column(exp.to_identifier(_DEPTH, quoted=True))
    is_deep = exp.GT(this=depth, expression=exp.Literal.number(MAX_STEPS))
    fails = exp.Anonymous(this="duckdb_error", expressions=[exp.Literal.string(_TOO_DEEP)])
    result = exp.select(*(exp.column(column.copy()) for column in names)).from_(exp.Table(this=name.copy()))
    result = result.where(exp.Case(ifs=[exp.If(this=is_deep, true=fails)], default=exp.true()))
    cte.set("this", result)
    parent = cte.parent
    place = parent.expressions.index(cte) if parent is not None else 0
    if parent is not None:
        parent.set("expressions", [*parent.expressions[:place], steps, *parent.expressions[place:]])
