"""What a value must satisfy: each check is a `Column` that is null when the value passes, and the reason when it fails.

Reasons name table, column and rule, never the value, so that equal faults have equal reasons.
"""

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from sluice.contract import Column, SqlType, Table
from sluice.contract.model import Scalar


def first_reason(table: Table, column: Column, text: SparkColumn, value: SparkColumn) -> SparkColumn:
    """Why a value breaks the contract: the first rule that it fails, or null.

    Args:
        table: The contract's table.
        column: The contract's column.
        text: The text before the cast, null where there is no value.
        value: The typed value, null where the text is no value of the type.
    """
    rules = [(text.isNull() & F.lit(column.name in table.not_null), _why_not_null(table, column))]
    rules.append((text.isNotNull() & value.isNull(), f"not {_article(column.sql_type)}{column.sql_type}"))
    rules += _text_rules(column, value) if column.sql_type.is_text else []
    rules += _value_rules(column, value)
    cases = [F.when(broken, F.lit(f"{table.name}.{column.name}: {reason}")) for broken, reason in rules]
    return F.coalesce(*cases)


Rule = tuple[SparkColumn, str]


def _article(sql_type: SqlType) -> str:
    return "an " if sql_type.name == "integer" else "a "


def _why_not_null(table: Table, column: Column) -> str:
    if column.name in table.primary_key:
        return "null in a key"
    return "null in order_by" if column.name in table.order_by else "required"


def _text_rules(column: Column, value: SparkColumn) -> list[Rule]:
    length = column.sql_type.length or 0
    rules = [(F.octet_length(value) > length, f"longer than {length} bytes")]
    if column.sql_type.name == "char":
        # Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
        rules.append((F.octet_length(value) != F.length(value), "char holds single-byte characters only"))
    rules.append((value.contains("\0"), "contains a NUL character"))
    return rules


def _value_rules(column: Column, value: SparkColumn) -> list[Rule]:
    rules: list[Rule] = []
    if column.allowed:
        allowed = [literal(column.sql_type, item) for item in column.allowed]
        rules.append((~value.isin(*allowed), "not in the allowed values"))
    if column.pattern is not None:
        rules.append((~value.rlike(rf"\A(?:{column.pattern})\z"), "does not match the pattern"))
    if column.min is not None:
        rules.append((value < literal(column.sql_type, column.min), "below the minimum"))
    if column.max is not None:
        rules.append((value > literal(column.sql_type, column.max), "above the maximum"))
    return rules


def literal(sql_type: SqlType, value: Scalar) -> SparkColumn:
    """A value of the contract as a constant of the column's type; moments without an offset are in UTC."""
    text = str(value).strip() if not isinstance(value, bool) else str(value).lower()
    return F.lit(str(value) if sql_type.is_text else text).cast(sql_type.spark)
