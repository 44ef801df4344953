"""Results whose text says more than DuckDB's value holds: the zone of a timestamp, months of an interval.

DuckDB keeps an instant and forgets in which zone it was written. Where a result's column is such an expression itself,
it becomes its text already in the query, inside a row of one marked field; elsewhere the instant is what counts.
Source: https://trino.io/docs/current/functions/datetime.html, https://trino.io/docs/current/language/types.html
"""

import re

from sqlglot import exp

from localcloud.athena.dialect.functions import sql_expression

_FORMAT = "%Y-%m-%d %H:%M:%S.%g"
_ZONED = re.compile(r"(\d+-\d+-\d+(?:[ T]\d+:\d+(?::\d+(?:\.\d+)?)?)?)\s*([+-]\d\d:\d\d|[A-Za-z][\w/+-]*)")
_MONTHS = {"year": 12, "month": 1}


def mark_results(tree: exp.Expression) -> None:
    """Mark the columns of a query's result whose texts need more than DuckDB's values.

    Args:
        tree: of a query, before types are decided; it is changed.
    """
    selected = tree.expressions if isinstance(tree, exp.Select) else []
    for column in selected:
        value = column.this if isinstance(column, exp.Alias) else column
        found = _text_of(value)
        if found is None:
            continue
        name, text = found
        field = exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=text)
        value.replace(exp.Struct(expressions=[field]))


def _text_of(value: exp.Expr) -> tuple[str, exp.Expression] | None:
    if isinstance(value, exp.AtTimeZone) and isinstance(value.args["zone"], exp.Literal):
        return "$zoned", _followed(value, str(value.args["zone"].this))
    if isinstance(value, exp.Cast) and value.args["to"].this == exp.DataType.Type.TIMESTAMPTZ:
        written = _ZONED.fullmatch(str(value.this.this).strip()) if isinstance(value.this, exp.Literal) else None
        if written is not None:
            moment = exp.cast(exp.Literal.string(written[1]), "timestamp")
            return "$zoned", _followed(moment, written[2])
    if isinstance(value, exp.Anonymous) and str(value.this).lower() == "athena_from_iso8601_timestamp":
        return "$zoned", sql_expression("athena_iso8601_text($1)", value.expressions[0])
    if isinstance(value, exp.Anonymous) and str(value.this).lower() == "athena_with_timezone":
        moment, zone = value.expressions
        if isinstance(zone, exp.Literal):
            return "$zoned", _followed(exp.cast(moment.copy(), "timestamp"), str(zone.this))
    if isinstance(value, exp.Interval) and isinstance(value.this, exp.Literal):
        months = _MONTHS.get(str(value.args.get("unit") or "").lower().rstrip("s"))
        count = str(value.this.this)
        if months is not None and re.fullmatch(r"-?\d+", count):
            sign, total = ("-" if int(count) < 0 else ""), abs(int(count)) * months
            return "$months", exp.Literal.string(f"{sign}{total // 12}-{total % 12}")
    return None


def _followed(moment: exp.Expr, zone: str) -> exp.Expression:
    pattern, suffix = exp.Literal.string(_FORMAT), exp.Literal.string(f" {zone}")
    return sql_expression("strftime($1, $2) || $3", moment, pattern, suffix)
